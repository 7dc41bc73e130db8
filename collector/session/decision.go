package session

import (
	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// majorByNature are the kinds of decision that have a major effect unless they are reported as having
// none; of the others it must be reported (the catalogue's list to PIPL, art. 24).
var majorByNature = map[string]bool{"refund_refused": true, "account_closed": true, "credit_refused": true}

// decide follows what is decided about the customer, and what comes of an objection to it.
func (s *State) decide(e *event.Event, found signal.Set) {
	f := &s.Facts
	if e.Appeal && (f.Decision == nil || !f.Decision.Appeal.Open) {
		own(&f.Decision).Appeal.Open = true
	}
	service := e.Actor.Role == event.BotRole || e.Actor.Role == event.AgentRole || e.Actor.Role == event.SystemRole
	switch {
	case e.Kind == event.DecisionMade:
		d := own(&f.Decision)
		d.Appeal = appealed(d.Appeal, e)
		decided(d, e)
	case e.Kind == event.Message && e.Actor.Role == event.CustomerRole:
		s.object(e, found)
	case person(e.Actor) && (e.Kind == event.HandoffAccepted || e.Kind == event.Message && spoken(e)):
		s.attended(e.At)
	}
	if d := f.Decision; d != nil && d.Made != "" && d.AnsweredAt == 0 && service && found&signal.Explains != 0 {
		own(&f.Decision).AnsweredAt = e.At
	}
}

// object takes what the customer says against a decision, or asks for.
func (s *State) object(e *event.Event, found signal.Set) {
	f := &s.Facts
	var d policies.Decision
	if f.Decision != nil {
		d = *f.Decision
	}
	was := d
	if found&signal.HumanDecision != 0 && d.Appeal.Asked == "" {
		d.Appeal.Asked, d.Appeal.AskedAt = e.ID, e.At
	}
	if found&(signal.Contest|signal.AsksWhy|signal.HumanDecision) != 0 && d.Made != "" && d.Contested == "" {
		d.Contested, d.ContestedAt = e.ID, e.At
	}
	if d != was {
		*own(&f.Decision) = d
	}
}

// attended notes that a person is there, for the decision and for the appeal.
func (s *State) attended(at policies.Millis) {
	f := &s.Facts
	if f.Decision == nil {
		return
	}
	decision := f.Decision.Made != "" && f.Decision.AnsweredAt == 0
	appeal := f.Decision.Appeal.Asked != "" && f.Decision.Appeal.JoinedAt == 0
	if !decision && !appeal {
		return
	}
	d := own(&f.Decision)
	if decision {
		d.AnsweredAt = at
	}
	if appeal {
		d.Appeal.JoinedAt = at
	}
}

// decider is who made a decision.
type decider int

const (
	nobodyKnown decider = iota
	byMachine
	byPerson
)

// deciderOf goes by decision.automated, and otherwise by who reported the decision as his own.
func deciderOf(e *event.Event) decider {
	switch d := e.Decision; {
	case d != nil && d.Automated != nil && *d.Automated:
		return byMachine
	case d != nil && d.Automated != nil, person(e.Actor):
		return byPerson
	case machine(e.Actor):
		return byMachine
	}
	return nobodyKnown
}

// appealed takes a decision on an appeal, where a person was asked to decide.
func appealed(a policies.Appeal, e *event.Event) policies.Appeal {
	if a.Asked == "" {
		return a
	}
	switch deciderOf(e) {
	case byMachine:
		if a.ByAI == "" {
			a.ByAI, a.ByAIAt = e.ID, e.At
		}
	case byPerson:
		once(&a.ByHumanAt, e.At)
	default:
		a.Unknown = true
	}
	return a
}

// decided puts a decision in question, unless it was a person's or without major effect. A person's
// decision answers the one that was in question.
func decided(d *policies.Decision, e *event.Event) {
	by := deciderOf(e)
	if by == byPerson {
		if d.Made != "" {
			once(&d.AnsweredAt, e.At)
		}
		return
	}
	var told event.Decision
	if e.Decision != nil {
		told = *e.Decision
	}
	if told.Major != nil && !*told.Major || d.Contested != "" && d.AnsweredAt == 0 {
		return
	}
	d.Made, d.MadeAt, d.Kind = e.ID, e.At, told.Kind
	d.Contested, d.ContestedAt, d.AnsweredAt, d.Missing = "", 0, 0, ""
	switch {
	case by == nobodyKnown:
		d.Missing = "decision.automated"
	case told.Major == nil && !majorByNature[told.Kind]:
		d.Missing = "decision.major"
	}
	if told.Explained != nil && *told.Explained {
		d.AnsweredAt = e.At
	}
}
