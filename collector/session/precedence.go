package session

import (
	"slices"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// What makes a customer one who is to be served by people first (GB/T 47746-2026, 5.1.3; majority is at
// 18 by the Civil Code, art. 17; the number of visits is the standard's).
const (
	majority   = 18
	manyVisits = 3
)

// enoughTurns is the turn of the AI by which a customer who takes precedence has been kept with it.
const enoughTurns = 2

// preceding is where the fold stands with customers who take precedence.
type preceding struct {
	Often        bool  // three visits within 24 h were reported
	Dissatisfied bool  // the customer said so, or was angry
	Acted        bool  // the customer acted since the AI last spoke
	Turns        []int // of the AI since each ground was known
}

// precede notes why the customer takes precedence, and for how long the AI went on all the same. It looks
// at where the session stood before the event.
func (s *State) precede(e *event.Event, found signal.Set) {
	p := &s.at.Preceding
	byCustomer := e.Actor.Role == event.CustomerRole
	switch {
	case byCustomer:
		p.Acted = true
	case e.Kind == event.Message && machine(e.Actor) && spoken(e):
		if p.Acted && !begins(e, found) && found&(signal.AsksTransfer|signal.HandoffOffer) == 0 {
			s.keepWithAI(e)
		}
		p.Acted = false
	}

	f := &s.Facts
	if f.Elder != nil && *f.Elder {
		s.noteGround("elder", e)
	}
	if c := e.Customer; c != nil {
		if c.Age != nil && *c.Age < majority {
			s.noteGround("minor", e)
		}
		p.Often = p.Often || c.Visits24h != nil && *c.Visits24h >= manyVisits
	}
	if byCustomer && (negative(e, found) || found&(signal.Dissatisfied|signal.ComplaintWish|signal.Escape) != 0) {
		p.Dissatisfied = true
	}
	if p.Often && p.Dissatisfied {
		s.noteGround("visits", e)
	}
	if byCustomer && found&signal.Danger != 0 {
		s.noteGround("danger", e)
	}
	if byCustomer && e.AI != nil && e.AI.Emotion != nil && *e.AI.Emotion >= extremeEmotion {
		s.noteGround("emotion", e)
	}
}

// noteGround notes a reason, once.
func (s *State) noteGround(what string, e *event.Event) {
	f := &s.Facts
	if slices.ContainsFunc(f.Grounds, func(g policies.Ground) bool { return g.What == what }) {
		return
	}
	f.Grounds = append(slices.Clone(f.Grounds), policies.Ground{What: what, Known: e.ID, KnownAt: e.At})
	s.at.Preceding.Turns = append(s.at.Preceding.Turns, 0)
}

// keepWithAI counts a turn of the AI that answers the customer while nothing is on the way to a person.
func (s *State) keepWithAI(e *event.Event) {
	if s.at.Passing.Person || s.at.Passing.Underway {
		return
	}
	for i := range s.at.Preceding.Turns {
		n := &s.at.Preceding.Turns[i]
		if *n == enoughTurns {
			continue
		}
		if *n++; *n == enoughTurns {
			s.Facts.Grounds = slices.Clone(s.Facts.Grounds)
			s.Facts.Grounds[i].Kept, s.Facts.Grounds[i].KeptAt = e.ID, e.At
		}
	}
}
