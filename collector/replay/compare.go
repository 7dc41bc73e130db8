package replay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// Backtest is what to compare. Before, After and Now must be given.
type Backtest struct {
	Sessions      warehouse.ReplayQuery
	Before, After *policies.Bundle // the policies in force, and the changed ones
	// Now is how far time passes, for both: deadlines that are due by then have fired.
	Now policies.Millis
	// Progress is told how many of the interactions are done; it may be called by several goroutines at
	// once. nil: nobody is.
	Progress func(done, total int64)
}

// Comparison is what a change of policies would have changed. Its JSON is what `policy backtest --json`
// prints.
type Comparison struct {
	Before       string          `json:"before"` // revision
	After        string          `json:"after"`
	Since        policies.Millis `json:"since_ms"` // sessions opened at or after; 0: all
	Until        policies.Millis `json:"until_ms"` // … and before; 0: all
	Sessions     int64           `json:"sessions"`
	Interactions int64           `json:"interactions"`
	Seconds      float64         `json:"seconds"`
	Tally                        // of all rules
	Rules        []Difference    `json:"rules"` // those that found anything on either side, by id
	// Unreadable sessions were left out of both sides; Faults tells of the first few.
	Unreadable int64    `json:"unreadable"`
	Faults     []string `json:"faults,omitempty"`
}

// Tally counts findings. Changed ones stand on both sides with other facts, severity, status or moment.
type Tally struct {
	Gained    int64 `json:"gained"`
	Lost      int64 `json:"lost"`
	Changed   int64 `json:"changed"`
	Unchanged int64 `json:"unchanged"`
}

func (t *Tally) add(u Tally) {
	t.Gained += u.Gained
	t.Lost += u.Lost
	t.Changed += u.Changed
	t.Unchanged += u.Unchanged
}

// Difference is what a change would have changed of one rule.
type Difference struct {
	Rule string `json:"rule"`
	Tally
	Examples []Example `json:"examples,omitempty"` // at most three of each kind, newest first
}

// Example is one finding that differs. Was and Is are what stands before and after the change; nil:
// nothing does.
type Example struct {
	Kind      string  `json:"kind"` // gained, lost, changed
	Tenant    string  `json:"tenant"`
	SessionID string  `json:"session_id"`
	Was       *Stance `json:"was,omitempty"`
	Is        *Stance `json:"is,omitempty"`
}

// Stance is a finding as it stands on one side.
type Stance struct {
	At       policies.Millis   `json:"at_ms"`
	Severity policies.Severity `json:"severity"`
	Status   policies.Status   `json:"status"`
	Subject  string            `json:"subject,omitempty"`
	Facts    jsontext.Value    `json:"facts"`
}

// The kinds of examples.
const (
	Gained  = "gained"
	Lost    = "lost"
	Changed = "changed"
)

const (
	examplesOfAKind = 3
	faultsTold      = 3
)

// Compare inspects the chosen sessions under both policies, with as many workers as the process may use
// processors. It returns an error where a policy cannot be run (a defect of a rule shows when it meets
// a session), or the record cannot be read.
func Compare(ctx context.Context, record Record, b Backtest) (*Comparison, error) {
	began := time.Now()
	before, err := inspect.New(b.Before)
	if err != nil {
		return nil, fmt.Errorf("the policies in force: %w", err)
	}
	after, err := inspect.New(b.After)
	if err != nil {
		return nil, fmt.Errorf("the changed policies: %w", err)
	}
	facts, alike := b.Before.Alike(b.After)
	if facts {
		if after, err = after.Beside(ctx, b.Before); err != nil {
			return nil, fmt.Errorf("the changed policies: %w", err)
		}
	} else {
		alike = nil
	}
	_, total, err := record.ReplaySize(ctx, b.Sessions)
	if err != nil {
		return nil, err
	}
	var done atomic.Int64
	tallies := make([]*counter, runtime.GOMAXPROCS(0))
	workers := make([]func(context.Context, []stored) error, len(tallies))
	for i := range workers {
		c := &counter{before: before, after: after, folded: facts, alike: alike, now: b.Now, rules: map[string]*Difference{}}
		tallies[i] = c
		workers[i] = func(ctx context.Context, some []stored) error {
			rows := 0
			for j := range some {
				rows += len(some[j].rows)
				if err := c.take(ctx, &some[j]); err != nil {
					return err
				}
			}
			if n := done.Add(int64(rows)); b.Progress != nil {
				b.Progress(n, max(n, total))
			}
			return nil
		}
	}
	if err := sessions(ctx, record, b.Sessions, workers); err != nil {
		return nil, err
	}
	out := &Comparison{Before: b.Before.Revision, After: b.After.Revision, Since: b.Sessions.From, Until: b.Sessions.To, Interactions: done.Load()}
	out.gather(tallies)
	out.Seconds = time.Since(began).Seconds()
	return out, nil
}

// gather adds up what the workers counted.
func (c *Comparison) gather(tallies []*counter) {
	rules := map[string]*Difference{}
	c.Rules = []Difference{}
	for _, t := range tallies {
		c.Sessions += t.sessions
		c.Unreadable += t.unreadable
		c.Faults = append(c.Faults, t.faults...)
		for rule, d := range t.rules {
			whole := rules[rule]
			if whole == nil {
				whole = &Difference{Rule: rule}
				rules[rule] = whole
			}
			whole.add(d.Tally)
			whole.Examples = append(whole.Examples, d.Examples...)
			c.add(d.Tally)
		}
	}
	slices.Sort(c.Faults)
	c.Faults = c.Faults[:min(len(c.Faults), faultsTold)]
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		d := rules[rule]
		d.Examples = newest(d.Examples)
		c.Rules = append(c.Rules, *d)
	}
}

// counter is what one worker has counted.
type counter struct {
	before, after        *inspect.Inspector
	folded               bool            // what one has folded the other need not
	alike                map[string]bool // rules that after is not asked about: it would say what before says
	now                  policies.Millis
	sessions, unreadable int64
	faults               []string
	rules                map[string]*Difference
}

// take inspects a session under both policies.
func (c *counter) take(ctx context.Context, s *stored) error {
	whole, err := s.session()
	if err == nil {
		err = c.compare(ctx, whole)
	}
	var refused *event.Reject
	if err != nil && (whole == nil || errors.As(err, &refused)) {
		c.unreadable++
		if len(c.faults) < faultsTold {
			c.faults = append(c.faults, err.Error())
		}
		return nil
	}
	return err
}

func (c *counter) compare(ctx context.Context, s *Session) error {
	was, err := s.Stand(ctx, c.before, c.now)
	if err != nil {
		return fmt.Errorf("under the policies in force: %w", err)
	}
	is, err := c.changed(ctx, s, was)
	if err != nil {
		return fmt.Errorf("under the changed policies: %w", err)
	}
	c.sessions++
	for rule, f := range was.Found {
		switch {
		case !f.Standing:
		case c.alike[rule]:
			c.count(s, rule, &f.Finding, &f.Finding)
		default:
			c.count(s, rule, &f.Finding, standing(is, rule))
		}
	}
	for rule, f := range is.Found {
		if f.Standing && standing(was, rule) == nil {
			c.count(s, rule, nil, &f.Finding)
		}
	}
	return nil
}

// changed is the session under the changed policies; was is it under those in force.
func (c *counter) changed(ctx context.Context, s *Session, was *session.State) (*session.State, error) {
	if !c.folded {
		return s.Stand(ctx, c.after, c.now)
	}
	is := *was
	is.Found, is.NotAssessed, is.Asked, is.Revision = nil, nil, nil, ""
	return &is, c.after.Judge(ctx, &is)
}

// standing is what stands of a rule in a session; nil where nothing does.
func standing(s *session.State, rule string) *policies.Finding {
	if f, ok := s.Found[rule]; ok && f.Standing {
		return &f.Finding
	}
	return nil
}

// count notes a finding that stands on one side or both.
func (c *counter) count(s *Session, rule string, was, is *policies.Finding) {
	d := c.rules[rule]
	if d == nil {
		d = &Difference{Rule: rule}
		c.rules[rule] = d
	}
	kind := Changed
	switch {
	case was == nil:
		kind = Gained
		d.Gained++
	case is == nil:
		kind = Lost
		d.Lost++
	case was.Severity == is.Severity && was.Status == is.Status && was.At == is.At && was.Subject == is.Subject && bytes.Equal(was.Facts, is.Facts):
		d.Unchanged++
		return
	default:
		d.Changed++
	}
	d.Examples = append(d.Examples, Example{Kind: kind, Tenant: s.Tenant, SessionID: s.ID, Was: stance(was), Is: stance(is)})
	if len(d.Examples) > 16*examplesOfAKind {
		d.Examples = newest(d.Examples)
	}
}

func stance(f *policies.Finding) *Stance {
	if f == nil {
		return nil
	}
	return &Stance{At: f.At, Severity: f.Severity, Status: f.Status, Subject: f.Subject, Facts: f.Facts}
}

// At is when the finding was complete, after the change where it stands then.
func (e Example) At() policies.Millis {
	if e.Is != nil {
		return e.Is.At
	}
	return e.Was.At
}

// newest keeps the newest examples of each kind; which those are does not hang on how the work was
// shared out.
func newest(all []Example) []Example {
	slices.SortFunc(all, func(a, b Example) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), cmp.Compare(b.At(), a.At()), strings.Compare(a.SessionID, b.SessionID), strings.Compare(a.Tenant, b.Tenant))
	})
	n := map[string]int{}
	return slices.DeleteFunc(all, func(e Example) bool {
		n[e.Kind]++
		return n[e.Kind] > examplesOfAKind
	})
}
