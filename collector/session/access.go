package session

import (
	"slices"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// access follows what customers with special needs meet on the way to a person. It looks at what reach
// has made of the event.
func (s *State) access(e *event.Event, found signal.Set) {
	f := &s.Facts
	a := &f.Access
	if e.Customer != nil && e.Customer.Needs != nil {
		a.NeedsReported = true
	}
	switch lacking := f.Accessible && f.Entrance != nil && !f.Entrance.AccessibleChannel; {
	case !lacking:
		a.NoChannel, a.NoChannelAt = "", 0
	case a.NoChannelAt == 0:
		a.NoChannel, a.NoChannelAt = e.ID, e.At
	}

	if a.TurnAt != 0 && !slices.ContainsFunc(f.Human.Waits, func(w policies.Wait) bool { return w.AskedAt <= a.TurnAt }) {
		a.Turn, a.TurnAt = "", 0 // the request was taken back
	}
	if a.TurnAt == 0 && s.at.Asking.open(f) != nil && s.intervenes(e, found) {
		a.Turn, a.TurnAt = e.ID, e.At
	}
}

// intervenes reports whether a machine takes a turn that does not serve the hand-over: one that neither
// announces it nor tells the queue. Once it is under way, asking for patience serves it too.
func (s *State) intervenes(e *event.Event, found signal.Set) bool {
	if e.Kind != event.Message || !machine(e.Actor) || !spoken(e) || begins(e, found) {
		return false
	}
	return found&signal.Hold == 0 || !s.at.Passing.Underway
}
