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
	// 0 if there is none. Asked is the part of Due that the last verdict named.
	Now, Due, Asked policies.Millis
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
// before the end that silence has given the session in the meantime.
func (s *State) Late(o Order) bool {
	return s.Count() > 0 && (o.Before(s.Newest) || o.At < s.Facts.Closed)
}

// Advance lets time pass to a moment at which nothing happened. It reports whether that closed the
// session as idle.
func (s *State) Advance(now policies.Millis) (changed bool) {
	s.Now = max(s.Now, now)
	return s.idle(s.Now)
}

// IdleAt is the moment at which silence will close the session, 0 if it is closed or empty.
func (s *State) IdleAt() policies.Millis {
	if s.Facts.Closed != 0 || s.Count() == 0 {
		return 0
	}
	return s.Newest.At + IdleClose
}

// idle closes the session if it has been silent for too long by now.
func (s *State) idle(now policies.Millis) bool {
	at := s.IdleAt()
	if at == 0 || now < at {
		return false
	}
	f := &s.Facts
	f.Closed, f.ClosedBy, f.ClosedAs = at, string(event.SystemRole), "idle"
	s.at.Asking.ended(f, at)
	return true
}
