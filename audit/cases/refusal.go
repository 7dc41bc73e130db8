package cases

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mingjian/audit/identity"
	"mingjian/audit/store"
)

// ErrNotFound is for a case that is not there, or that the principal may not see.
var ErrNotFound = errors.New("there is no such case; GET /api/v1/cases lists those you may see")

// Fault is one thing wrong with what was sent: which field, and what to do about it.
type Fault struct {
	Field string // as in the request's JSON
	Text  string // one sentence, English
}

// Error is the sentence.
func (f *Fault) Error() string { return f.Field + ": " + f.Text }

// Conflict is a request that came too late or at the wrong moment: the case is not as the request
// takes it to be. Reading it again shows how it is.
type Conflict struct {
	Text    string // one sentence, English
	Version int64  // of the case as it is; 0 where it is about none
	// Repeat says that the same was done before: nothing is lost, and nothing has to be sent again.
	Repeat bool
	// Contradiction says that it is about a payout whose result is recorded, and that this one says
	// something else: a person has to find out with the receiver which is true.
	Contradiction bool
}

// Error is the sentence.
func (c *Conflict) Error() string { return c.Text }

func conflict(k Case, format string, args ...any) *Conflict {
	return &Conflict{Text: fmt.Sprintf(format, args...), Version: k.Version}
}

// Forbidden is a request that this person may not make of this case, whatever their role: it needs
// another person.
type Forbidden struct {
	Text string // one sentence, English
}

// Error is the sentence.
func (f *Forbidden) Error() string { return f.Text }

func forbidden(format string, args ...any) *Forbidden {
	return &Forbidden{fmt.Sprintf(format, args...)}
}

// grave is a refusal that the journal has to know of.
type grave struct{ error }

func (g grave) Unwrap() error { return g.error }

// refused turns a fund's no into a conflict that matters; other errors stay as they are.
func refused(k Case, err error) error {
	var no interface{ Refusal() string }
	if errors.As(err, &no) {
		return grave{conflict(k, "%s", no.Refusal())}
	}
	return err
}

// journal records a refusal that matters in a transaction of its own, since the one it happened in is
// undone, and returns what the one who asked is told.
func (c *Cases) journal(ctx context.Context, subject string, a Action, err error, note map[string]any) error {
	var g grave
	var no *Forbidden
	if !errors.As(err, &g) && !errors.As(err, &no) {
		return err
	}
	if g.error != nil {
		err = g.error
	}
	fields := map[string]any{"action": a}
	for name, v := range note {
		fields[name] = v
	}
	// Whoever asked may be gone by now; what they tried is recorded all the same.
	ctx = context.WithoutCancel(ctx)
	if failed := c.db.Write(ctx, func(tx *store.Tx) error {
		return tx.Record(ctx, store.Entry{Actor: actor(ctx), Action: "case.refused", Subject: subject, Reason: kept(err.Error()), Detail: detail(fields)})
	}); failed != nil {
		return fmt.Errorf("a refusal (%w) could not be recorded: %w", err, failed)
	}
	return err
}

// Those who act where no person does.
const (
	bySystem   = "system"   // the sweep
	byRecord   = "record"   // what was found in the record
	byGrafana  = "grafana"  // the hook
	byReceiver = "receiver" // confirms payments on the topic
)

// actor is who acts, for steps and journal.
func actor(ctx context.Context) string {
	if who, ok := identity.From(ctx); ok {
		return who.ID
	}
	return bySystem
}

var errNobody = errors.New("cases: nobody acts")

func list(words []string) string { return strings.Join(words, ", ") }
