package session

import (
	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// What the customer says who is not satisfied, and what an agent says who does not turn the wish for a
// superior away.
const (
	displeased = signal.Dissatisfied | signal.Anger | signal.ComplaintWish | signal.Escape
	goesOn     = signal.OffersSupervisor | signal.HandoffOffer | signal.HandoffStart | signal.OffersWay |
		signal.TellsQueue | signal.Hold | signal.DatedPromise
)

// attended is where the fold stands with the people of the service.
type attended struct {
	Person bool // a person has the session, not the bot
	// Announced: who will speak was told before that person's first text. FirstTurn: it is going on.
	Announced bool
	FirstTurn bool
	// Dissatisfied is the first text that told a person of it.
	Dissatisfied   string
	DissatisfiedAt policies.Millis
}

// attend follows the people who serve: how the first introduces himself, and whether a superior
// comes where one is asked for.
func (s *State) attend(e *event.Event, found signal.Set) {
	at := &s.at.Attended
	s.introduce(e, found)
	switch {
	case cameIn(e):
		at.Person = true
	case e.Kind == event.Message && e.Actor.Role == event.BotRole:
		at.Person = false
	case at.Person && e.Kind == event.Message && e.Actor.Role == event.CustomerRole:
		s.appeal(e, found)
		return
	}
	if s.Facts.Supervisor != nil {
		s.escalate(e, found)
	}
}

// introduce reads the first turn of a person. A line by the system in or before that turn, or one with
// which that person took over, tells as well as the person's own words.
func (s *State) introduce(e *event.Event, found signal.Set) {
	at := &s.at.Attended
	var a policies.AgentTurn
	if s.Facts.Agent != nil {
		a = *s.Facts.Agent
	}
	person := e.Actor.Role == event.AgentRole && !e.Actor.Automated
	says := found&signal.Identifies != 0
	switch {
	case e.Kind == event.Message && person && spoken(e):
		if a.First == "" {
			a.First, a.FirstAt, a.Identified, at.FirstTurn = e.ID, e.At, at.Announced, true
		}
		a.Identified = a.Identified || at.FirstTurn && says
	case e.Kind == event.Message && (e.Actor.Role == event.CustomerRole || e.Actor.Role == event.BotRole):
		at.FirstTurn = false
	case says && (person || e.Actor.Role == event.SystemRole):
		at.Announced = at.Announced || a.First == ""
		a.Identified = a.Identified || at.FirstTurn
	}
	s.Facts.Agent = noted(s.Facts.Agent, a)
}

// appeal takes the customer's dissatisfaction and the wish for a superior, told to a person.
func (s *State) appeal(e *event.Event, found signal.Set) {
	at := &s.at.Attended
	if found&displeased != 0 && at.Dissatisfied == "" {
		at.Dissatisfied, at.DissatisfiedAt = e.ID, e.At
	}
	old := s.Facts.Supervisor
	switch {
	case old == nil && found&signal.SupervisorRequest != 0:
		s.Facts.Supervisor = &policies.Supervisor{
			Asked: e.ID, AskedAt: e.At, Dissatisfied: at.Dissatisfied, DissatisfiedAt: at.DissatisfiedAt,
		}
	case old != nil && old.DissatisfiedAt == 0 && at.DissatisfiedAt != 0:
		wish := *old
		wish.Dissatisfied, wish.DissatisfiedAt = at.Dissatisfied, at.DissatisfiedAt
		s.Facts.Supervisor = &wish
	}
}

// escalate follows what became of the wish for a superior.
func (s *State) escalate(e *event.Event, found signal.Set) {
	wish := *s.Facts.Supervisor
	came := cameIn(e)
	text := e.Kind == event.Message && came
	switch {
	case came && e.Actor.Level == "supervisor":
		noteFirst(&wish.Joined, &wish.JoinedAt, e)
	case e.Kind == event.HandoffAccepted && came && e.Actor.Level == "":
		noteFirst(&wish.Another, &wish.AnotherAt, e)
	case text && found&signal.OffersWay != 0:
		noteFirst(&wish.Promised, &wish.PromisedAt, e)
	case text && found&goesOn == 0:
		noteFirst(&wish.TurnedAway, &wish.TurnedAwayAt, e)
	default:
		return
	}
	s.Facts.Supervisor = &wish
}

// noteFirst notes the event unless one is noted already.
func noteFirst(id *string, at *policies.Millis, e *event.Event) {
	if *id == "" {
		*id, *at = e.ID, e.At
	}
}
