package review

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotFound is for a task, set or card that is not there, or that the principal may not see.
var ErrNotFound = errors.New("there is no such review; GET /api/v1/reviews lists those you may see")

// Conflict is a request that came too late or at the wrong moment: the task is not as the request
// takes it to be. Reading it again shows how it is.
type Conflict struct {
	Text string // one sentence, English
}

// Error is the sentence.
func (c *Conflict) Error() string { return c.Text }

func conflictf(format string, args ...any) error { return &Conflict{fmt.Sprintf(format, args...)} }

// Forbidden is a request that this person may not make of this task, whatever their role: it needs
// another person.
type Forbidden struct {
	Text string // one sentence, English
}

// Error is the sentence.
func (f *Forbidden) Error() string { return f.Text }

// Fault is one thing wrong with what was sent: which field, and what to do about it.
type Fault struct {
	Field string // as in the request's JSON: findings[2].why
	Text  string // one sentence, English
}

// Faults are all that is wrong with what was sent.
type Faults []Fault

// Error joins them.
func (f Faults) Error() string {
	var b strings.Builder
	for i, one := range f {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(one.Field + ": " + one.Text)
	}
	return b.String()
}

func (f *Faults) add(field, format string, args ...any) {
	*f = append(*f, Fault{field, fmt.Sprintf(format, args...)})
}

// err is nil where there are none.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

func fault(field, format string, args ...any) error {
	return Faults{{field, fmt.Sprintf(format, args...)}}
}
