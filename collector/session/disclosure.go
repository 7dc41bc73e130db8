package session

import (
	"slices"
	"unicode/utf8"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// What makes a message tell how fast its author types (the catalogue's reading): shorter ones may be
// a habit of the fingers, and three running are no accident.
const (
	typedLength = 20 // characters
	typedInARow = 3
)

// slowBurst is a pace in characters a second that people reach. Slower bursts are no facts: no rule
// asks about them.
const slowBurst = 5

// maxBursts bounds the bursts of a session. Each is faster than the one before it, so that of those
// faster than some pace the first is among them; a ninth is left out.
const maxBursts = 8

// disclosing is where the fold stands with who the customer was told to be talking to.
type disclosing struct {
	Noticed bool // it was said plainly that a machine is speaking
	// Sold, Posed and Untold were noted in the turn that is going on, and a plain word in the same turn
	// takes them back.
	Sold   bool
	Posed  bool
	Untold bool
	// Question is the customer's question whether an AI is speaking to which nobody has replied yet.
	Question string

	Emotion    scoring
	CustomerAt policies.Millis // the customer's last event
	Typed      *typedRow       // nil while no agent typed a long message
}

// scoring is where the fold stands with telling that emotion is scored.
type scoring struct {
	First   string // the first event with a score
	Told    bool   // it was told of
	Spoke   bool   // the service has said something
	Opening bool   // its first turn is going on
}

// typedRow is the long messages in a row by one agent.
type typedRow struct {
	Agent string
	N     int
	// Paces are the last ones', in characters a second, the oldest first.
	Paces [typedInARow - 1]float64
}

// own gives a group of facts to write into, in a copy, so that what it was can still be compared.
func own[T any](group **T) *T {
	fresh := new(T)
	if *group != nil {
		*fresh = **group
	}
	*group = fresh
	return fresh
}

// machine reports whether a machine acts, under whatever name.
func machine(a event.Actor) bool {
	return a.Role == event.BotRole || a.Role == event.AgentRole && a.Automated
}

// person reports whether one of the service's people acts.
func person(a event.Actor) bool { return a.Role == event.AgentRole && !a.Automated }

// reveal follows what the customer is told of who is speaking.
func (s *State) reveal(e *event.Event, found signal.Set, d *signal.Detector) {
	f, m := &s.Facts, &s.at.Disclosing
	if f.Entrance != nil && f.Entrance.Notice {
		m.Noticed = true
	}
	if machine(e.Actor) && e.Actor.Role == event.AgentRole && (e.Kind == event.Message || e.Kind == event.HandoffAccepted) &&
		(f.Disclosure == nil || f.Disclosure.Masked == "") {
		note := own(&f.Disclosure)
		note.Masked, note.MaskedAt = e.ID, e.At
	}
	s.score(e, found, d)
	s.clock(e)
	switch {
	case e.Kind == event.HandoffAccepted && person(e.Actor):
		m.Question = "" // whoever takes over is what was asked for
	case e.Kind != event.Message:
	case e.Actor.Role == event.CustomerRole:
		m.Sold, m.Posed, m.Untold = false, false, false
		if found&signal.AsksIfAI != 0 {
			m.Question = e.ID
		}
	case person(e.Actor):
		m.Sold, m.Posed, m.Untold, m.Question = false, false, false, ""
	case found&signal.Notice != 0 && found&signal.AIDenied == 0:
		s.told()
	case machine(e.Actor) && spoken(e):
		s.untold(e, found)
	}
}

// told takes a plain word that a machine is speaking. It answers, and cures what the same turn lacked.
func (s *State) told() {
	f, m := &s.Facts, &s.at.Disclosing
	m.Noticed, m.Question = true, ""
	if !m.Sold && !m.Posed && !m.Untold {
		return
	}
	note := own(&f.Disclosure)
	if m.Sold {
		note.Sold, note.SoldAt = "", 0
	}
	if m.Posed {
		note.Posed, note.PosedAt = "", 0
	}
	if m.Untold {
		note.Question, note.Untold, note.UntoldAt = "", "", 0
	}
	m.Sold, m.Posed, m.Untold = false, false, false
}

// untold takes a machine's text that does not say plainly that a machine is speaking.
func (s *State) untold(e *event.Event, found signal.Set) {
	f, m := &s.Facts, &s.at.Disclosing
	var note policies.Disclosure
	if f.Disclosure != nil {
		note = *f.Disclosure
	}
	if found&signal.AIDenied != 0 && note.Denied == "" {
		note.Denied, note.DeniedAt = e.ID, e.At
	}
	if m.Question != "" && note.Untold == "" {
		note.Question, note.Untold, note.UntoldAt = m.Question, e.ID, e.At
		m.Untold = true
	}
	m.Question = ""
	if found&signal.Marketing != 0 && !m.Noticed && note.Sold == "" {
		note.Sold, note.SoldAt = e.ID, e.At
		m.Sold = true
	}
	if found&signal.PosesAsPerson != 0 && !m.Noticed && note.Posed == "" {
		note.Posed, note.PosedAt = e.ID, e.At
		m.Posed = true
	}
	if note != (policies.Disclosure{}) && (f.Disclosure == nil || note != *f.Disclosure) {
		*own(&f.Disclosure) = note
	}
}

// score follows whether the customer is told that emotion is scored: before it is, or in the service's
// first turn.
func (s *State) score(e *event.Event, found signal.Set, d *signal.Detector) {
	f, m := &s.Facts, &s.at.Disclosing.Emotion
	tells := e.Actor.Role != event.CustomerRole && found&signal.EmotionNotice != 0 ||
		e.Entrance != nil && e.Entrance.AILabel != "" && d.Detect(event.SystemRole, e.Entrance.AILabel)&signal.EmotionNotice != 0
	if e.Kind == event.Message {
		switch e.Actor.Role {
		case event.CustomerRole:
			m.Opening = false
		case event.BotRole, event.AgentRole:
			m.Opening = m.Opening || !m.Spoke
			m.Spoke = true
		}
	}
	if tells {
		m.Told = true
		if m.Opening {
			f.Scoring = nil
		}
	}
	if m.Told {
		return
	}
	if e.AI != nil && e.AI.Emotion != nil {
		once(&m.First, e.ID)
	}
	if m.First != "" && m.Spoke && f.Scoring == nil {
		f.Scoring = &policies.Scoring{First: m.First, Unannounced: e.ID, UnannouncedAt: e.At}
	}
}

// clock follows how fast an agent types. Before any event of the customer that is not known: the time
// since 1970 counts, which is slow for certain.
func (s *State) clock(e *event.Event) {
	f, m := &s.Facts, &s.at.Disclosing
	if e.Actor.Role == event.CustomerRole {
		m.CustomerAt = e.At
	}
	if e.Kind != event.Message || !person(e.Actor) {
		return
	}
	characters := utf8.RuneCountInString(e.Text)
	if characters < typedLength {
		return
	}
	if m.Typed == nil || m.Typed.Agent != e.Actor.ID {
		m.Typed = &typedRow{Agent: e.Actor.ID}
	}
	r := m.Typed
	pace := float64(characters) * 1000 / float64(max(1, e.At-m.CustomerAt))
	if r.N < len(r.Paces) {
		r.Paces[r.N] = pace
		r.N++
		return
	}
	slowest := min(pace, slices.Min(r.Paces[:]))
	copy(r.Paces[:], r.Paces[1:])
	r.Paces[len(r.Paces)-1] = pace
	n := len(f.Bursts)
	if slowest > slowBurst && n < maxBursts && (n == 0 || slowest > f.Bursts[n-1].Pace) {
		f.Bursts = append(f.Bursts, policies.Burst{ID: e.ID, At: e.At, Pace: slowest})
	}
}
