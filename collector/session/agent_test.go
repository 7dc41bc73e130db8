package session

import (
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

func level(l string) func(*event.Event) {
	return func(e *event.Event) { e.Actor.Role, e.Actor.Level = agent, l }
}

func TestAgentTurn(t *testing.T) {
	const name = signal.Identifies
	for title, c := range map[string]struct {
		steps      []step
		first      string
		identified bool
	}{
		"no agent":               {steps: []step{says(1, bot, name), says(2, customer, 0)}},
		"says nothing":           {steps: []step{says(1, customer, 0), says(2, agent, 0), says(3, customer, 0), says(4, agent, name)}, first: "e2"},
		"says it":                {steps: []step{says(2, agent, name)}, first: "e1", identified: true},
		"says it at once after":  {steps: []step{says(2, agent, 0), says(3, agent, name)}, first: "e1", identified: true},
		"the system said it":     {steps: []step{says(1, system, name), says(2, agent, 0)}, first: "e2", identified: true},
		"the system says it":     {steps: []step{says(1, agent, 0), says(2, system, name)}, first: "e1", identified: true},
		"said on taking over":    {steps: []step{foundIn(does(1, event.HandoffAccepted, by(agent)), name), says(2, agent, 0)}, first: "e2", identified: true},
		"the bot's name is none": {steps: []step{says(1, bot, name), says(2, agent, 0)}, first: "e2"},
		"a machine is no agent":  {steps: []step{automatedStep(says(1, agent, name)), says(2, agent, 0)}, first: "e2"},
		"too late":               {steps: []step{says(1, agent, 0), says(2, bot, 0), says(3, system, name)}, first: "e1"},
	} {
		t.Run(title, func(t *testing.T) {
			got := policies.AgentTurn{}
			if a := folded(t, c.steps...).Facts.Agent; a != nil {
				got = *a
			}
			if got.First != c.first || got.Identified != c.identified || (got.FirstAt != 0) != (c.first != "") {
				t.Errorf("got %+v, want %q, %v", got, c.first, c.identified)
			}
		})
	}
}

func TestSupervisor(t *testing.T) {
	const wants, cross = signal.SupervisorRequest, signal.Dissatisfied
	there := does(1, event.HandoffAccepted, level("L1"))
	asked := policies.Supervisor{Asked: "e2", AskedAt: at(10), Dissatisfied: "e2", DissatisfiedAt: at(10)}
	with := func(change func(*policies.Supervisor)) *policies.Supervisor {
		s := asked
		change(&s)
		return &s
	}
	for title, c := range map[string]struct {
		steps []step
		want  *policies.Supervisor
	}{
		"asked of the bot":        {steps: []step{says(1, bot, 0), says(10, customer, wants|cross)}},
		"asked of a person":       {steps: []step{there, says(10, customer, wants|cross)}, want: &asked},
		"after the bot took over": {steps: []step{there, says(5, bot, 0), says(10, customer, wants|cross)}},
		"dissatisfied before": {
			steps: []step{there, says(5, customer, signal.Escape), says(10, customer, wants)},
			want:  &policies.Supervisor{Asked: "e3", AskedAt: at(10), Dissatisfied: "e2", DissatisfiedAt: at(5)},
		},
		"dissatisfied after": {
			steps: []step{there, says(10, customer, wants), says(12, agent, signal.Hold), says(15, customer, signal.Anger)},
			want:  &policies.Supervisor{Asked: "e2", AskedAt: at(10), Dissatisfied: "e4", DissatisfiedAt: at(15)},
		},
		"not dissatisfied": {
			steps: []step{there, says(10, customer, wants)}, want: &policies.Supervisor{Asked: "e2", AskedAt: at(10)},
		},
		"a superior takes over": {
			steps: []step{there, says(10, customer, wants|cross), says(12, agent, signal.OffersSupervisor), does(30, event.HandoffAccepted, level("supervisor"))},
			want:  with(func(s *policies.Supervisor) { s.Joined, s.JoinedAt = "e4", at(30) }),
		},
		"a superior speaks": {
			steps: []step{there, says(10, customer, wants|cross), {e: says(30, agent, 0).e}, func() step { s := says(40, agent, 0); level("supervisor")(&s.e); return s }()},
			want: with(func(s *policies.Supervisor) {
				s.TurnedAway, s.TurnedAwayAt, s.Joined, s.JoinedAt = "e3", at(30), "e4", at(40)
			}),
		},
		"another agent": {
			steps: []step{there, says(10, customer, wants|cross), does(30, event.HandoffAccepted, level("L2")), does(40, event.HandoffAccepted, level(""))},
			want:  with(func(s *policies.Supervisor) { s.Another, s.AnotherAt = "e4", at(40) }),
		},
		"a call back in words": {
			steps: []step{there, says(10, customer, wants|cross), says(20, agent, signal.OffersWay), says(25, agent, signal.OffersWay)},
			want:  with(func(s *policies.Supervisor) { s.Promised, s.PromisedAt = "e3", at(20) }),
		},
		"what the system says turns nobody away": {
			steps: []step{there, says(10, customer, wants|cross), says(20, system, 0)}, want: &asked,
		},
	} {
		t.Run(title, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Supervisor; !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestCallbacks(t *testing.T) {
	until := func(due string) func(*event.Event) {
		return func(e *event.Event) { e.Callback = &event.Due{Due: due} }
	}
	steps := []step{
		does(1, event.CallbackPromised, until("2026-10-12T18:00:00+08:00")),
		does(2, event.CallbackPromised),
		does(3, event.CallbackCompleted),
		does(4, event.CallbackCompleted),
		does(5, event.CallbackCompleted),
	}
	want := []policies.Callback{
		{ID: "e1", At: at(1), Due: 1791799200000, Done: "e3", DoneAt: at(3)},
		{ID: "e2", At: at(2), Done: "e4", DoneAt: at(4)},
		{At: at(5), Done: "e5", DoneAt: at(5)},
	}
	if got := folded(t, steps...).Facts.Callbacks; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	s := folded(t, steps[:2]...)
	before := s.Facts
	e := steps[2].e
	e.ID = "e3"
	if s.Fold(&e, Order{e.At, 3}, 0, nil)&policies.Field("callbacks") == 0 || before.Callbacks[0].DoneAt != 0 {
		t.Errorf("a call that was made changes nothing: %+v", before.Callbacks)
	}
	var many []step
	for i := range 2 * maxCallbacks {
		many = append(many, does(float64(i), event.CallbackPromised))
	}
	if got := len(folded(t, many...).Facts.Callbacks); got != maxCallbacks {
		t.Errorf("%d calls are kept, want %d", got, maxCallbacks)
	}
}
