package session

import (
	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// enoughTries is the number of unanswered texts beyond which facts do not count.
const enoughTries = 2

// parting is where the fold stands before the session's end.
type parting struct {
	HeardAt policies.Millis // the customer's last event
	Tries   int             // texts of a person since then
	// Each side's goodbye.
	CustomerBye bool
	ServiceBye  bool
	Ticket      string // the first event with a ticket_id
}

// part follows what the session's end is judged by. A ticket may be reported after it.
func (s *State) part(e *event.Event, found signal.Set) {
	p := &s.at.Parting
	if e.TicketID != "" && p.Ticket == "" {
		p.Ticket = e.ID
		if s.Facts.Ending != nil {
			own(&s.Facts.Ending).Ticket = e.ID
		}
	}
	bye := e.Kind == event.Message && found&signal.Goodbye != 0
	switch {
	case e.Kind == event.SessionClosed:
		s.end(e.At)
	case e.Actor.Role == event.CustomerRole:
		p.HeardAt, p.Tries = e.At, 0
		p.CustomerBye = p.CustomerBye || bye
	case e.Kind == event.Message:
		if person(e.Actor) && spoken(e) {
			p.Tries = min(p.Tries+1, enoughTries)
		}
		p.ServiceBye = p.ServiceBye || bye
	}
}

// end notes how the session was at its first end.
func (s *State) end(at policies.Millis) {
	if s.Facts.Ending != nil {
		return
	}
	p := &s.at.Parting
	s.Facts.Ending = &policies.Ending{
		SilentMs: at - max(p.HeardAt, s.Facts.Opened), Person: s.at.Passing.Person, Tries: p.Tries,
		Goodbye: p.CustomerBye && p.ServiceBye, Ticket: p.Ticket,
	}
}
