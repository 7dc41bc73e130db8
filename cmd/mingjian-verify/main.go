// Command mingjian-verify checks a regulator's package and nothing else. It is one static file that needs no
// network, no other file and no rights: it can be built from source by whoever does not trust the operator's.
//
//	CGO_ENABLED=0 go build ./cmd/mingjian-verify
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"mingjian/audit/export/verify"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:]))
}

// run verifies one package and returns the exit code: 0 where it is in order, 1 where it is not, and 2 where it
// could not be checked or the command line cannot be understood.
func run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var c verify.Command
	parser := kong.Must(&c, kong.Name("mingjian-verify"), kong.Description(c.Help()))
	if _, err := parser.Parse(args); err != nil {
		fmt.Fprintf(os.Stderr, "mingjian-verify: %v (see 'mingjian-verify --help')\n", err)
		return 2
	}
	err := c.Verify(ctx, os.Stdout)
	if err != nil && !errors.Is(err, verify.ErrWrong) {
		fmt.Fprintln(os.Stderr, "mingjian-verify:", err)
	}
	return verify.ExitCode(err)
}
