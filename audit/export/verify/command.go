package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/note"
)

// Command is the command line of who verifies a package: of mingjian verify, and of mingjian-verify by itself.
type Command struct {
	File    string   `arg:"" help:"The package, as the operator handed it over." type:"existingfile"`
	Key     string   `help:"File with the log's public key, got by another way than the package. Without it the enclosed key is used, and its fingerprint is shown." placeholder:"FILE" type:"existingfile"`
	Recheck int      `help:"How many sessions with findings, and how many without, are judged again from their interactions; 0 for none." default:"100"`
	Finding []string `help:"Judge the session of this finding again, or all of a rule or session: its id. Once for each." placeholder:"ID"`
	Seed    uint64   `help:"Chooses the sessions that are judged again; random when 0. The same seed chooses the same." default:"0"`
	JSON    bool     `name:"json" help:"Print the report as JSON."`
	Lang    string   `help:"Language of the answer: zh or en. From LANG when not given." enum:"zh,en," default:""`
}

// Help is what the help says beside the flags.
func (*Command) Help() string {
	return `Checks a regulator's package with nothing but the package, offline: every byte, the log's signatures and proofs, that no interaction of the period was left out, and that findings follow from the interactions under the enclosed policies.

Exit code 0: the package is in order. 1: something is wrong with it, and is named. 2: it could not be checked.

Example:
  mingjian verify package.zip --key log.pub`
}

// ErrWrong says that a package is not in order, which the printed report has told.
var ErrWrong = errors.New("the package is not in order")

// Unchecked is why a package could not be checked.
type Unchecked struct{ err error }

// Error implements error.
func (u *Unchecked) Error() string { return u.err.Error() }

// Unwrap gives the cause.
func (u *Unchecked) Unwrap() error { return u.err }

// ExitCode is the exit code of an error of Verify: 1 where a package is not in order, 2 where it was not checked.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrWrong):
		return 1
	}
	return 2
}

// Verify verifies and prints the answer. Its error is ErrWrong where the package is not in order, and *Unchecked
// where it could not be checked.
func (c *Command) Verify(ctx context.Context, out io.Writer) error {
	report, err := c.report(ctx)
	if err != nil {
		return &Unchecked{err}
	}
	var b bytes.Buffer
	if c.JSON {
		text, err := json.Marshal(report, jsontext.WithIndent("  "))
		if err != nil {
			return &Unchecked{err}
		}
		b.Write(append(text, '\n'))
	} else {
		report.tell(&b, c.language())
	}
	if _, err := out.Write(b.Bytes()); err != nil {
		return &Unchecked{err}
	}
	if !report.OK {
		return ErrWrong
	}
	return nil
}

func (c *Command) report(ctx context.Context) (*Report, error) {
	o := Options{Recheck: c.Recheck, Only: c.Finding, Seed: c.Seed}
	if o.Recheck == 0 {
		o.Recheck = -1
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	if c.Key != "" {
		key, err := os.ReadFile(c.Key)
		if err != nil {
			return nil, fmt.Errorf("read the key: %w", err)
		}
		if o.Key = strings.TrimSpace(string(key)); o.Key == "" {
			return nil, fmt.Errorf("read the key: %s is empty; it must hold the log's verifier key, a line like name+hash+key", c.Key)
		}
		if _, err := note.NewVerifier(o.Key); err != nil {
			return nil, fmt.Errorf("read the key: %s holds no verifier key, a line like name+hash+key: %w", c.Key, err)
		}
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", c.File)
	}
	return Package(ctx, f, info.Size(), o)
}

// language is the one that was asked for, and else that of the environment, as POSIX has it.
func (c *Command) language() string {
	if c.Lang != "" {
		return c.Lang
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}
