package main

import (
	"context"
	"os"

	"mingjian/audit/export/verify"
)

// verifyCommand checks a regulator's package. It starts nothing and needs no system: the same is in the static
// command mingjian-verify, for those who have none.
type verifyCommand struct{ verify.Command }

// Run verifies and prints the answer.
func (c *verifyCommand) Run(ctx context.Context) error {
	err := c.Verify(ctx, os.Stdout)
	if err == nil {
		return nil
	}
	return &exit{code: verify.ExitCode(err), reported: verify.ExitCode(err) == 1, err: err}
}

// exit is an error with an exit code of its own; reported says that the output has told of it already.
type exit struct {
	code     int
	reported bool
	err      error
}

func (e *exit) Error() string { return e.err.Error() }

// Unwrap gives the cause, and errReported where nothing more is to be said.
func (e *exit) Unwrap() []error {
	if e.reported {
		return []error{e.err, errReported}
	}
	return []error{e.err}
}
