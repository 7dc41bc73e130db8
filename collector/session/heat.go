package session

import (
	"slices"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

const (
	// hot is the emotion (0–100) up to which no rule asks about it.
	hot = 60
	// prompt is a time, in milliseconds, within which a hand-over follows soon enough for every rule.
	prompt policies.Millis = 10_000
	// maxOutbursts is how many outbursts facts hold.
	maxOutbursts = 8
)

// heat is where the fold stands with an angry customer.
type heat struct {
	Person bool // a person serves
	Begun  bool // the hand-over to one has begun
	Scored bool // the source sends emotion scores
	// Offered: a person was offered, and the customer has not spoken since.
	Offered bool
	// Threat: what the customer threatened waits for the service's next turn, or that turn is going on.
	Threat threat
}

// threat is how far the service has come with a threat.
type threat int

const (
	noThreat threat = iota
	waiting         // nothing has come since
	replied         // the turn that is going on has offered no way yet
)

// vent follows anger and threats, and what the service makes of them.
func (s *State) vent(e *event.Event, found signal.Set) {
	h := &s.at.Heat
	byCustomer := e.Kind == event.Message && e.Actor.Role == event.CustomerRole
	if byCustomer {
		s.threaten(e, found)
	}
	s.flare(e, found, byCustomer)
	offered := h.Offered
	h.Offered = !byCustomer && (offered || ofService(e.Actor) && found&(signal.AsksTransfer|signal.HandoffOffer) != 0)
	switch {
	case byCustomer && offered && found&(signal.RequestDecline|signal.RequestWithdraw) != 0:
		s.settled(e) // nothing is to begin that the customer does not want
	case cameIn(e):
		s.settled(e)
		h.Person, h.Begun = true, false
	case begins(e, found):
		s.settled(e)
		h.Begun = true
	case e.Kind == event.HandoffRejected, e.Kind == event.HandoffAbandoned, found&signal.Busy != 0:
		h.Begun = false
	case e.Kind == event.Message && machine(e.Actor) && h.Person:
		h.Person = false
	}
	s.meetThreat(e, found)
}

// settled answers the outbursts that were not answered yet.
func (s *State) settled(e *event.Event) {
	f := &s.Facts
	if !slices.ContainsFunc(f.Outbursts, func(o policies.Outburst) bool { return o.BegunAt == 0 }) {
		return
	}
	out := slices.Clone(f.Outbursts)
	for i := range out {
		if out[i].BegunAt == 0 {
			out[i].Begun, out[i].BegunAt = e.ID, e.At
		}
	}
	f.Outbursts = slices.DeleteFunc(out, func(o policies.Outburst) bool { return o.BegunAt != 0 && o.BegunAt-o.At <= prompt })
}

// flare notes strong anger while a machine serves and no hand-over is under way. A score may stand on
// any event; words count only where the source has sent none.
func (s *State) flare(e *event.Event, found signal.Set, byCustomer bool) {
	h, f := &s.at.Heat, &s.Facts
	var o policies.Outburst
	switch {
	case e.AI != nil && e.AI.Emotion != nil:
		h.Scored = true
		if *e.AI.Emotion > hot {
			o = policies.Outburst{Event: e.ID, At: e.At, Emotion: *e.AI.Emotion}
		}
	case byCustomer && !h.Scored && found&signal.Anger != 0:
		o = policies.Outburst{Event: e.ID, At: e.At, Emotion: 100, Words: true}
	}
	if o.Event == "" || h.Person || h.Begun || f.Closed != 0 || len(f.Outbursts) == maxOutbursts {
		return
	}
	if n := len(f.Outbursts); n > 0 && f.Outbursts[n-1].BegunAt == 0 && f.Outbursts[n-1].Emotion >= o.Emotion {
		return
	}
	f.Outbursts = append(slices.Clone(f.Outbursts), o)
}

// threaten notes that the customer speaks: what was replied to a threat stands as it is, and a new one
// may be said.
func (s *State) threaten(e *event.Event, found signal.Set) {
	h := &s.at.Heat
	if h.Threat == replied {
		h.Threat = noThreat
	}
	if found&signal.Escape != 0 && h.Threat == noThreat && s.Facts.Threat == nil && !h.Person && !h.Begun && s.Facts.Closed == 0 {
		h.Threat = waiting
		s.Facts.Threat = &policies.Threat{Said: e.ID, SaidAt: e.At}
	}
}

// waysOut are what a service can answer to a threat.
const waysOut = signal.HandoffOffer | signal.HandoffStart | signal.OffersComplaint | signal.AsksTransfer | signal.OffersSupervisor | signal.TellsKey

// meetThreat looks at what the service does after a threat.
func (s *State) meetThreat(e *event.Event, found signal.Set) {
	h := &s.at.Heat
	if h.Threat == noThreat {
		return
	}
	met, turn := false, false
	switch e.Kind {
	case event.HandoffQueued, event.HandoffUpdated, event.HandoffAccepted, event.CallbackPromised,
		event.ComplaintFiled, event.ComplaintAcknowledged:
		met = true
	case event.HandoffRequested:
		met = begins(e, found)
	case event.HandoffRejected:
		turn = true
	case event.Message:
		met = person(e.Actor) && spoken(e) || ofService(e.Actor) && found&waysOut != 0
		turn = machine(e.Actor) && spoken(e)
	}
	switch {
	case met:
		h.Threat, s.Facts.Threat = noThreat, nil
	case turn && h.Threat == waiting:
		h.Threat = replied
		t := own(&s.Facts.Threat)
		t.Reply, t.ReplyAt = e.ID, e.At
	}
}
