package session

import (
	"regexp"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// wayOn is what the service says that leads on from the machine.
const wayOn = signal.HandoffOffer | signal.HandoffStart | signal.OffersWay | signal.TellsQueue

// enoughTurnedAway is the count beyond which facts do not go.
const enoughTurnedAway = 3

// contact is where the fold stands with what the service makes of requests for a person.
type contact struct {
	OneTap bool // the entrance declared one_tap_human
	// Open is the newest request that has not been answered yet, with neither a way nor a refusal.
	Open policies.Millis
	// TurnedAway are the requests that were, by when they were made: they may be taken back.
	TurnedAway []policies.Millis
	// Settled: three were turned away before a person came, which nothing changes any more.
	Settled bool
	// Stuck: the dead end in the facts may still be cured.
	Stuck bool
}

// contact follows what the service makes of the wish for a person. It looks at what reach has made
// of the event.
func (s *State) contact(e *event.Event, found signal.Set) {
	var c policies.Contact
	if s.Facts.Contact != nil {
		c = *s.Facts.Contact
	}
	way := offersWay(e, found)
	s.showHuman(&c, e)
	s.meetRequest(&c, e, way)
	s.turnAway(&c, e, found, way)
	s.deadEnd(&c, e, found, way)
	s.Facts.Contact = noted(s.Facts.Contact, c)
}

// noted is where facts that may be absent stand after an event: what was before it stays as it is, to be
// compared.
func noted[T comparable](was *T, now T) *T {
	var none T
	switch {
	case now == none:
		return nil
	case was != nil && *was == now:
		return was
	}
	is := now
	return &is
}

// showHuman notes when it is known that the entrance shows no way to a person.
func (s *State) showHuman(c *policies.Contact, e *event.Event) {
	f, at := &s.Facts, &s.at.Contact
	if e.Entrance != nil && e.Entrance.OneTapHuman != nil {
		at.OneTap = *e.Entrance.OneTapHuman
	}
	switch {
	case f.Entrance == nil || f.Entrance.HumanOptionVisible || at.OneTap:
		c.NoHuman, c.NoHumanAt = "", 0
	case c.NoHumanAt == 0:
		c.NoHuman, c.NoHumanAt = e.ID, e.At
	}
}

// offersWay reports whether the service leads on from the machine: it begins or offers a hand-over,
// queues the customer, or names a call back or another channel.
func offersWay(e *event.Event, found signal.Set) bool {
	switch e.Kind {
	case event.HandoffQueued, event.CallbackPromised, event.CallbackCompleted:
		return true
	case event.HandoffRequested: // the customer's own click is none
		return e.Actor.Role != event.CustomerRole && e.Actor.Role != ""
	}
	return cameIn(e) || found&wayOn != 0 // words of the customer have none of these
}

// meetRequest notes the first way on after a request.
func (s *State) meetRequest(c *policies.Contact, e *event.Event, way bool) {
	f := &s.Facts
	switch {
	case len(f.Human.Waits) == 0: // none asked, or all taken back
		c.Offered, c.OfferedAt = "", 0
	case way && c.OfferedAt == 0:
		c.Offered, c.OfferedAt = e.ID, e.At
	}
}

// turnAway counts the requests that a machine turned away, each once.
func (s *State) turnAway(c *policies.Contact, e *event.Event, found signal.Set, way bool) {
	f, at, asking := &s.Facts, &s.at.Contact, &s.at.Asking
	switch {
	case at.Settled:
		return
	case cameIn(e):
		at.Open = 0
		if at.Settled = len(at.TurnedAway) == enoughTurnedAway; !at.Settled {
			at.TurnedAway = nil
		}
	case asksPerson(e, found):
		if asking.Wish.Half && asking.Wish.At == e.At { // not the other form of the same wish
			at.Open = e.At
		}
	case e.Kind == event.Message && e.Actor.Role == event.CustomerRole:
		if asking.open(f) == nil {
			at.Open = 0
		}
		if found&signal.RequestWithdraw != 0 {
			at.takeBack(e.At)
		}
	case way:
		at.Open = 0
	case at.Open != 0 && refuses(e, found):
		if len(at.TurnedAway) < enoughTurnedAway {
			at.TurnedAway = append(at.TurnedAway, at.Open)
			if len(at.TurnedAway) == enoughTurnedAway {
				c.Third, c.ThirdAt = e.ID, e.At
			}
		}
		at.Open = 0
	}
	if c.TurnedAway = len(at.TurnedAway); c.TurnedAway < enoughTurnedAway {
		c.Third, c.ThirdAt = "", 0
	}
}

// takeBack drops the requests that were made so short a time ago that words undo them.
func (c *contact) takeBack(at policies.Millis) {
	n := len(c.TurnedAway)
	for n > 0 && at-c.TurnedAway[n-1] < withdrawal {
		n--
	}
	if c.TurnedAway = c.TurnedAway[:n]; n == 0 {
		c.TurnedAway = nil
	}
}

// asksPerson reports whether the customer asks for a person, by a click or in words.
func asksPerson(e *event.Event, found signal.Set) bool {
	switch e.Kind {
	case event.HandoffRequested:
		return e.Actor.Role == event.CustomerRole || e.Actor.Role == ""
	case event.Message:
		return e.Actor.Role == event.CustomerRole && found&signal.HumanRequest != 0
	}
	return false
}

// refuses reports whether a machine turns a request away, where it names no way on.
func refuses(e *event.Event, found signal.Set) bool {
	switch e.Kind {
	case event.HandoffRejected:
		return e.Actor.Role != event.AgentRole || e.Actor.Automated
	case event.Message:
		return spoken(e) && (e.Actor.Role == event.BotRole || e.Actor.Role == event.SystemRole && found&signal.Busy != 0)
	}
	return false
}

// deadEnd notes where the customer was told that all are busy or off duty, and nothing else.
func (s *State) deadEnd(c *policies.Contact, e *event.Event, found signal.Set, way bool) {
	at := &s.at.Contact
	switch {
	case at.Stuck && way:
		c.DeadEnd, c.DeadEndAt, at.Stuck = "", 0, false
	case at.Stuck && e.Actor.Role == event.CustomerRole:
		at.Stuck = false
	case c.DeadEnd == "" && !way && tellsBusy(e, found):
		c.DeadEnd, c.DeadEndAt, at.Stuck = e.ID, e.At, true
	}
}

// busyReason is how sources write that nobody is there as the reason of a rejection (handoff.reason),
// which the customer is shown.
var busyReason = regexp.MustCompile(`(?i)busy|off[ _-]?(duty|hours)|after[ _-]?hours|no[ _-]?agents?|unavailable|忙|下班|非工作时间`)

// tellsBusy reports whether the event tells that all are busy or off duty.
func tellsBusy(e *event.Event, found signal.Set) bool {
	switch e.Kind {
	case event.HandoffRejected:
		return found&signal.Busy != 0 || e.Handoff != nil && busyReason.MatchString(e.Handoff.Reason)
	case event.Message:
		return found&signal.Busy != 0
	}
	return false
}
