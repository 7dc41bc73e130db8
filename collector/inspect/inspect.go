// Package inspect is the pure heart: one event, its offset and a session's state in; the row's
// signals, the new state and the changed findings out. It does no I/O and reads no clock, so that
// the live collector, the scenarios, a backtest and a verifier all run the very same code.
//
//	event ──Detector──► signals ──Fold──► facts ──Engine.Check──► verdict ──diff──► changes
//
// Time is the events' own. The caller keeps a clock only to call Deadline once State.Due has come;
// what a deadline brings is what the next event would have brought.
//
// Events come masked (package redact): the caller has done that, and stored ones are. Ground truth (an
// event's labels) takes no part: detectors get a text and a role, rules get facts.
package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"mingjian/collector/event"
	"mingjian/collector/session"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// Outcome is what one step gave.
type Outcome struct {
	// Repeat is true when the event_id was seen before at another offset (FirstOffset): the event
	// adds nothing. An event seen at its own offset again is being redone after a crash: not a repeat.
	Repeat      bool
	FirstOffset int64
	Signals     signal.Set
	Asked       bool     // rules were asked; false where nothing that they look at had changed
	Changes     []Change // findings that are new, changed or withdrawn, ordered by rule id
	// TenantWas is set when a session.opened that came late named the session's tenant, which had
	// been the default one until then. Changes then holds every finding of the session, withdrawn
	// ones too, for FindingID goes by tenant: the caller writes them under their new ids and
	// withdraws the old.
	TenantWas string
}

// Change is one finding's new version.
type Change struct {
	Rule     string
	Finding  policies.Finding // as it stands, or as it stood when withdrawn
	Version  int
	Standing bool
}

// Inspector holds one policy revision's detectors and engine; safe for many goroutines.
type Inspector struct {
	detector *signal.Detector
	rules    rules
	known    map[string]bool // the rules of the bundle, by id
	revision string
}

// rules answers what a session's facts come to; policies.Engine does.
type rules interface {
	Check(ctx context.Context, in *policies.Input) (policies.Verdict, error)
}

// New prepares an inspector for a bundle.
func New(b *policies.Bundle) (*Inspector, error) {
	detector, err := signal.New(b.Lexicons)
	if err != nil {
		return nil, fmt.Errorf("prepare detectors: %w", err)
	}
	engine, err := policies.NewEngine(context.Background(), b)
	if err != nil {
		return nil, fmt.Errorf("prepare rules: %w", err)
	}
	known := make(map[string]bool, len(b.Rules))
	for _, r := range b.Rules {
		known[r.ID] = true
	}
	return &Inspector{detector: detector, rules: engine, known: known, revision: b.Revision}, nil
}

// Silent is the inspector without its rules: it folds and lets time pass, and finds nothing new and
// withdraws nothing.
func (i *Inspector) Silent() *Inspector {
	other := *i
	other.rules = nil
	return &other
}

// Knows reports whether a rule is loaded.
func (i *Inspector) Knows(rule string) bool { return i.known[rule] }

// Open makes the state of a session whose first event this is. The event itself is still to be
// given to Next.
func (i *Inspector) Open(e *event.Event) *session.State {
	return session.New(e.SessionID, e.Tenant)
}

// Next takes the next event of a session. When it comes late (its place is before events already
// folded) the state is rebuilt: stored gives the session's events so far in order, this one not
// included; it is only called in that case.
//
// An event that names another tenant than its session has is refused with an *event.Reject
// (TenantMoved), and the state stays as it was. After any other error the state is unfinished, and
// must be loaded again from where it was last stored.
func (i *Inspector) Next(ctx context.Context, s *session.State, e *event.Event, at event.Position, stored func(context.Context) ([]Placed, error)) (Outcome, error) {
	return i.NextOf(ctx, s, e, i.Signals(e), at, stored)
}

// Signals is what an event's text says to the detectors.
func (i *Inspector) Signals(e *event.Event) signal.Set {
	found := i.detector.Detect(e.Actor.Role, e.Text)
	if c := e.Classified; c != nil && c.Failed == "" {
		found = found.Answered(e.Actor.Role, signal.Named(c.Signals))
	}
	return found
}

// NextOf is Next for who has looked for the event's signals already: over many events in one go that
// takes a third of the time, because the detectors' tables stay in the processor's cache.
func (i *Inspector) NextOf(ctx context.Context, s *session.State, e *event.Event, found signal.Set, at event.Position, stored func(context.Context) ([]Placed, error)) (Outcome, error) {
	if first, seen := s.Seen.First(e.ID); seen {
		if first != at.Offset {
			return Outcome{Repeat: true, FirstOffset: first}, nil
		}
		return Outcome{Signals: found}, nil
	}
	if err := admit(s, e); err != nil {
		return Outcome{}, err
	}
	out := Outcome{Signals: found}
	tenant, place := s.Tenant, session.Order{At: e.At, Offset: at.Offset}
	changed := policies.AllFields
	if s.Late(place) {
		before, err := stored(ctx)
		if err != nil {
			return Outcome{}, fmt.Errorf("read stored events of session %s: %w", s.ID, err)
		}
		i.rebuild(s, before, Placed{Event: e, Offset: at.Offset})
	} else {
		changed = s.Fold(e, place, out.Signals, i.detector)
	}
	if s.Tenant != tenant {
		out.TenantWas, changed = tenant, policies.AllFields
	}
	if i.wants(s, changed) {
		verdict, err := i.ask(ctx, s, changed)
		if err != nil {
			return Outcome{}, err
		}
		out.Asked, out.Changes = verdict.Reached(), settle(s, verdict, out.TenantWas != "")
	}
	schedule(s)
	return out, nil
}

// Placed is an event with the offset it was stored at.
type Placed struct {
	Event  *event.Event
	Offset int64
}

// Deadline lets time pass to s.Due (which must be ≤ the caller's clock) and asks the rules again.
// Without a due moment it does nothing. After an error the state is unfinished, as with Next.
func (i *Inspector) Deadline(ctx context.Context, s *session.State) (Outcome, error) {
	if s.Due == 0 {
		return Outcome{}, nil
	}
	if i.rules == nil {
		s.Advance(s.Due)
		s.Asked = nil // nobody asks
		schedule(s)
		return Outcome{}, nil
	}
	verdict, err := i.ask(ctx, s, s.Advance(s.Due))
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Asked: verdict.Reached(), Changes: settle(s, verdict, false)}
	schedule(s)
	return out, nil
}

// admit refuses an event that names another tenant than its session has. The one way to move is a
// session.opened that comes to a session which had to be opened without a tenant.
func admit(s *session.State, e *event.Event) error {
	if e.Tenant == "" || e.Tenant == s.Tenant {
		return nil
	}
	if e.Kind == event.SessionOpened && s.Derived && s.Tenant == session.DefaultTenant {
		return nil
	}
	return &event.Reject{
		Reason: event.TenantMoved,
		Detail: fmt.Sprintf("the event names tenant %q, but session %q belongs to tenant %q", e.Tenant, s.ID, s.Tenant),
	}
}

// rebuild folds the session's events again with one more among them. What was said of it so far is
// kept, so that its findings go on from their versions, and so is the time that has passed.
func (i *Inspector) rebuild(s *session.State, before []Placed, late Placed) {
	all := append(slices.Clone(before), late)
	slices.SortStableFunc(all, func(a, b Placed) int {
		return cmp.Or(cmp.Compare(a.Event.At, b.Event.At), cmp.Compare(a.Offset, b.Offset))
	})
	fresh := session.New(s.ID, s.Tenant)
	fresh.Found, fresh.NotAssessed = s.Found, s.NotAssessed
	for _, p := range all {
		if _, again := fresh.Seen.First(p.Event.ID); !again {
			fresh.Fold(p.Event, session.Order{At: p.Event.At, Offset: p.Offset}, i.Signals(p.Event), i.detector)
		}
	}
	fresh.Advance(s.Now)
	*s = *fresh
}

// wants reports whether the answer of any rule can have changed.
func (i *Inspector) wants(s *session.State, changed policies.Fields) bool {
	return i.rules != nil && (changed != 0 || s.Revision != i.revision ||
		slices.ContainsFunc(s.Asked, func(d policies.Due) bool { return d.At <= s.Now }))
}

// ask puts to the rules what has changed of the session's facts, or all of them where other policies
// were asked before.
func (i *Inspector) ask(ctx context.Context, s *session.State, changed policies.Fields) (policies.Verdict, error) {
	if s.Revision != i.revision {
		changed = policies.AllFields
	}
	v, err := i.rules.Check(ctx, &policies.Input{
		Session: &s.Facts,
		Tenant:  s.Tenant,
		Now:     s.Now,
		Changed: changed,
		Due:     s.Asked,
	})
	if err != nil {
		return v, fmt.Errorf("check session %s: %w", s.ID, err)
	}
	for _, d := range v.Due {
		if d.At <= s.Now {
			return v, fmt.Errorf("check session %s: %s wants to be asked again at %d, which is not after now (%d)", s.ID, d.Topic, d.At, s.Now)
		}
	}
	s.Revision = i.revision
	return v, nil
}

// schedule sets the next deadline: the rules' or silence's, whichever comes first.
func schedule(s *session.State) {
	s.Due = s.WakeAt()
	for _, d := range s.Asked {
		if s.Due == 0 || d.At < s.Due {
			s.Due = d.At
		}
	}
}
