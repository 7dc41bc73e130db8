package session

import (
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

func TestGrounds(t *testing.T) {
	aged := func(years int) step {
		return does(0, event.SessionOpened, func(e *event.Event) { e.Customer = &event.Customer{Age: &years} })
	}
	visits := func(n int) step {
		return does(0, event.SessionOpened, func(e *event.Event) { e.Customer = &event.Customer{Visits24h: &n} })
	}
	ground := func(what, known string, knownAt float64, kept string, keptAt float64) policies.Ground {
		g := policies.Ground{What: what, Known: known, KnownAt: at(knownAt), Kept: kept}
		if kept != "" {
			g.KeptAt = at(keptAt)
		}
		return g
	}
	for name, c := range map[string]struct {
		steps []step
		want  []policies.Ground
	}{
		"nobody in particular": {steps: []step{aged(40), says(1, customer, 0), says(2, bot, 0), says(3, customer, 0), says(4, bot, 0)}},
		"an elder, greeted and once answered": {
			steps: []step{aged(71), says(1, bot, 0), says(2, customer, 0), says(3, bot, 0), says(4, bot, 0)},
			want:  []policies.Ground{ground("elder", "e1", 0, "", 0)},
		},
		"an elder, answered twice": {
			steps: []step{aged(71), says(2, customer, 0), says(3, bot, 0), says(4, customer, 0), says(5, bot, 0), says(6, customer, 0), says(7, bot, 0)},
			want:  []policies.Ground{ground("elder", "e1", 0, "e5", 5)},
		},
		"offered a person, then put through": {
			steps: []step{aged(71), says(2, customer, 0), says(3, bot, 0), says(4, customer, 0), says(5, bot, signal.AsksTransfer), says(6, customer, 0), says(7, bot, signal.HandoffStart), says(8, customer, 0), says(9, bot, 0)},
			want:  []policies.Ground{ground("elder", "e1", 0, "", 0)},
		},
		"with a person": {
			steps: []step{aged(71), says(1, agent, 0), says(2, customer, 0), says(3, bot, signal.Goodbye), says(4, customer, 0), says(5, bot, signal.Goodbye)},
			want:  []policies.Ground{ground("elder", "e1", 0, "", 0)},
		},
		"a minor":  {steps: []step{aged(17)}, want: []policies.Ground{ground("minor", "e1", 0, "", 0)}},
		"eighteen": {steps: []step{aged(18)}},
		"three visits, and dissatisfied": {
			steps: []step{visits(3), says(1, customer, 0), says(2, customer, signal.Dissatisfied)},
			want:  []policies.Ground{ground("visits", "e3", 2, "", 0)},
		},
		"dissatisfied first": {
			steps: []step{says(0, customer, signal.Anger), visits(3)},
			want:  []policies.Ground{ground("visits", "e2", 0, "", 0)},
		},
		"two visits, or content": {steps: []step{visits(2), says(2, customer, signal.Dissatisfied), does(3, event.Message), visits(2)}[:3]},
		"danger, twice": {
			steps: []step{says(1, customer, signal.Danger), says(2, bot, 0), says(3, customer, signal.Danger), says(4, bot, 0)},
			want:  []policies.Ground{ground("danger", "e1", 1, "e4", 4)},
		},
		"extreme emotion": {
			steps: []step{scored(89, says(1, customer, 0)), scored(90, says(2, customer, 0))},
			want:  []policies.Ground{ground("emotion", "e2", 2, "", 0)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Grounds; !reflect.DeepEqual(got, c.want) {
				t.Errorf("grounds %+v\nwant    %+v", got, c.want)
			}
		})
	}
}

func TestAccess(t *testing.T) {
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"the bot asks on":                 {steps: []step{says(1, customer, asks), says(2, bot, 0)}, want: "e2"},
		"an automated agent asks on":      {steps: []step{says(1, customer, asks), automatedStep(says(2, agent, 0))}, want: "e2"},
		"announced and queued":            {steps: []step{says(1, customer, asks), says(2, bot, signal.HandoffStart), says(3, bot, signal.TellsQueue), says(4, bot, signal.Hold)}},
		"patience before anything began":  {steps: []step{says(1, customer, asks), says(2, bot, signal.Hold)}, want: "e2"},
		"before the request, or after":    {steps: []step{says(0, bot, 0), says(1, customer, asks), says(2, agent, 0), says(3, bot, signal.Goodbye)}},
		"the system is no bot":            {steps: []step{says(1, customer, asks), says(2, system, 0)}},
		"a request that was taken back":   {steps: []step{says(1, customer, asks), says(2, bot, 0), says(3, customer, signal.RequestWithdraw)}},
		"taken back, and asked for again": {steps: []step{says(1, customer, asks), says(2, bot, 0), says(3, customer, signal.RequestWithdraw), says(50, customer, asks), says(51, bot, 0)}, want: "e5"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Access; got.Turn != c.want || (got.TurnAt != 0) != (c.want != "") {
				t.Errorf("turn %q at %d, want %q", got.Turn, got.TurnAt, c.want)
			}
		})
	}

	needs := func(list ...string) step {
		return does(0, event.SessionOpened, func(e *event.Event) { e.Customer = &event.Customer{Needs: append([]string{}, list...)} })
	}
	offers := func(at float64, channel bool) step {
		return does(at, event.Message, func(e *event.Event) { e.Entrance = &event.Entrance{AccessibleChannel: &channel} })
	}
	a := folded(t, needs("vision"), offers(1, false)).Facts.Access
	if !a.NeedsReported || a.NoChannel != "e2" || a.NoChannelAt != at(1) {
		t.Errorf("a need and no channel: %+v", a)
	}
	if a := folded(t, needs("vision"), offers(1, false), offers(2, true)).Facts.Access; a.NoChannelAt != 0 {
		t.Errorf("a channel after all: %+v", a)
	}
	if a := folded(t, needs(), offers(1, false)).Facts.Access; !a.NeedsReported || a.NoChannelAt != 0 {
		t.Errorf("no need: %+v", a)
	}
}

func TestEnding(t *testing.T) {
	closes := does(90, event.SessionClosed)
	for name, c := range map[string]struct {
		steps []step
		want  policies.Ending
	}{
		"nobody spoke":        {steps: []step{does(0, event.SessionOpened), closes}, want: policies.Ending{SilentMs: 90_000}},
		"the customer did":    {steps: []step{says(0, bot, 0), says(40, customer, 0), says(80, bot, 0), closes}, want: policies.Ending{SilentMs: 50_000}},
		"a person tried":      {steps: []step{says(0, agent, 0), says(40, customer, 0), says(60, agent, 0), closes}, want: policies.Ending{SilentMs: 50_000, Person: true, Tries: 1}},
		"and again and again": {steps: []step{says(40, customer, 0), says(60, agent, 0), says(61, agent, 0), says(62, agent, 0), closes}, want: policies.Ending{SilentMs: 50_000, Person: true, Tries: 2}},
		"one said goodbye":    {steps: []step{says(40, customer, signal.Goodbye), says(41, bot, 0), closes}, want: policies.Ending{SilentMs: 50_000}},
		"both did":            {steps: []step{says(40, customer, signal.Goodbye), says(41, bot, signal.Goodbye), closes}, want: policies.Ending{SilentMs: 50_000, Goodbye: true}},
		"a ticket":            {steps: []step{does(0, event.Message, kept("t-1")), does(1, event.Message, kept("t-2")), closes}, want: policies.Ending{SilentMs: 90_000, Ticket: "e1"}},
		"a ticket afterwards": {steps: []step{does(0, event.SessionOpened), closes, does(99, event.ComplaintAcknowledged, kept("t-1"))}, want: policies.Ending{SilentMs: 90_000, Ticket: "e3"}},
		"the first end":       {steps: []step{does(0, event.SessionOpened), closes, does(99, event.SessionClosed)}, want: policies.Ending{SilentMs: 90_000}},
		"silence":             {steps: []step{says(0, customer, 0), says(25*3600, customer, 0)}, want: policies.Ending{SilentMs: IdleClose}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Ending; got == nil || *got != c.want {
				t.Errorf("ending %+v, want %+v", got, c.want)
			}
		})
	}
	if e := folded(t, says(0, customer, 0)).Facts.Ending; e != nil {
		t.Errorf("an open session has no ending: %+v", e)
	}
}
