// Package session folds the events of one session into the facts that rules see.
//
// A session's result is a function of its set of events ordered by (ts, offset), and of Now: Fold
// takes events in that order, one at a time; an event that comes late (Late) is folded by starting
// over from the stored events. A repeated event_id is recognised by what the state has seen.
//
//	New ──Fold, Fold, …──► State ──Encode──► snapshot ──Decode──► State, goes on where it stopped
//	         └─ Advance lets time pass where nothing happens
//
// What is a fact and what is a reading of it is divided so: the fold knows sequences (which request
// was answered, which turn was the first), the detectors know words, and the rules know thresholds.
// The only times that the fold knows are those that define a fact: when a click and a text are one
// request, until when a request can be taken back, and when silence is an end.
package session

import (
	"slices"

	"mingjian/collector/event"
	"mingjian/policies"
)

// DefaultTenant is the tenant of a session that no event names one for.
const DefaultTenant = "default"

// IdleClose is the silence, in milliseconds, after which a session counts as closed by the system
// (event model, version 1: 24 h).
const IdleClose policies.Millis = 24 * 60 * 60 * 1000

// State is everything kept of an open session, and what its snapshot stores: facts, the folding
// positions behind them, the ids seen, and the findings that stand. It is not safe for concurrent
// use; one worker owns it.
type State struct {
	ID       string         // session_id
	Tenant   string         // "default" where no event names one
	Facts    policies.Facts // what rules see
	Derived  bool           // no session.opened has come: the opening is made from the first event
	Customer string         // customer.id as first reported
	Bot      Bot            // each field as first reported
	// Seen knows each distinct event and the offset at which it first came; Last is the highest.
	Seen Seen
	Last int64
	// Newest is the (ts, offset) up to which events are folded.
	Newest Order
	// Now is the later of the newest event and the last deadline that fired; Due the next deadline,
	// 0 if there is none.
	Now, Due policies.Millis
	// Asked are the moments that verdicts named for asking their topics again, and Revision the
	// policies that were asked; under another one all are asked anew.
	Asked    []policies.Due
	Revision string
	// Found is what this session's rules have said so far, by rule id, withdrawn ones included.
	Found map[string]Found
	// NotAssessed is the last verdict's.
	NotAssessed []policies.NotAssessable

	at position
}

// Bot is the AI that serves the session.
type Bot struct {
	ID, Version, Model string
}

// Order is an event's place in its session.
type Order struct {
	At     policies.Millis
	Offset int64
}

// Before reports whether an event at o comes before one at p.
func (o Order) Before(p Order) bool {
	return o.At < p.At || o.At == p.At && o.Offset < p.Offset
}

// Found is one finding as it was last written.
type Found struct {
	Finding  policies.Finding
	Version  int  // counts from 1; each change is a new one
	Standing bool // false: withdrawn
}

// New is the state of a session that has no event yet. An empty tenant is the default one.
func New(id, tenant string) *State {
	if tenant == "" {
		tenant = DefaultTenant
	}
	return &State{ID: id, Tenant: tenant, Derived: true}
}

// Count is the number of distinct events folded.
func (s *State) Count() int { return s.Seen.count() }

// Late reports whether an event at this place must be folded before others that already were, or
// before what silence has made of the session in the meantime: its end, or the AI's silence.
func (s *State) Late(o Order) bool {
	return s.Count() > 0 && (o.Before(s.Newest) || o.At < s.Facts.Closed ||
		s.away() && o.At < s.at.Calling.Waiting.At+awayAfter)
}

// Advance lets time pass to a moment at which nothing happened, and returns the facts that changed
// (silence may have closed the session).
func (s *State) Advance(now policies.Millis) policies.Fields {
	before := s.Facts
	before.Human.Waits = slices.Clone(before.Human.Waits)
	s.Now = max(s.Now, now)
	s.idle(s.Now)
	return s.Facts.Changed(&before)
}

// IdleAt is the moment at which silence will close the session, 0 if it is closed or empty.
func (s *State) IdleAt() policies.Millis {
	if s.Facts.Closed != 0 || s.Count() == 0 {
		return 0
	}
	return s.Newest.At + IdleClose
}

// WakeAt is the moment from which silence makes a difference to the facts if nothing happens before: the
// AI's, or that which will close the session. It is 0 if there is none.
func (s *State) WakeAt() policies.Millis {
	if at := s.awayAt(); at != 0 {
		return min(at, s.IdleAt())
	}
	return s.IdleAt()
}

// idle takes the silence until now, and closes the session if there was too much of it.
func (s *State) idle(now policies.Millis) {
	at := s.IdleAt()
	s.hush(min(now, at))
	if at == 0 || now < at {
		return
	}
	s.leaveQueue("", at, "closed")
	s.endCalls("", at)
	s.end(at)
	f := &s.Facts
	f.Closed, f.ClosedBy, f.ClosedAs = at, string(event.SystemRole), "idle"
	s.at.Asking.ended(f, at)
}
