package session

import (
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"

	"pgregory.net/rapid"
)

// passedAround gives an event what the fold reads of queues, transfers, emotions and tickets.
func passedAround(t *rapid.T, e *event.Event) {
	if rapid.IntRange(0, 2).Draw(t, "passed around") != 0 {
		return
	}
	e.Text = rapid.SampledFrom([]string{"", "好", "宽带断了两天了", "我是⟦name⟧", "不用"}).Draw(t, "text")
	e.TicketID = rapid.SampledFrom([]string{"", "t-1"}).Draw(t, "ticket")
	e.Consents = rapid.SampledFrom([][]string{nil, {"back_to_ai"}}).Draw(t, "consents")
	e.Actor.ID = rapid.SampledFrom([]string{"", "a-1", "a-2"}).Draw(t, "agent")
	place, seconds := rapid.IntRange(1, 3).Draw(t, "place"), rapid.Float64Range(0, 100).Draw(t, "seconds")
	e.Handoff = &event.Handoff{
		Priority: rapid.Bool().Draw(t, "priority"),
		Passed:   rapid.SampledFrom([][]string{nil, {}, {"identity", "problem"}, {"history", "ticket"}}).Draw(t, "passed"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "handoff") {
	case 0:
		e.Handoff.QueuePosition = &place
	case 1:
		e.Handoff.WaitS = &seconds
	case 2:
		e.Handoff.HoldS = &seconds
	}
	age, visits := rapid.SampledFrom([]int{16, 71}).Draw(t, "years"), rapid.IntRange(2, 3).Draw(t, "visits")
	e.Customer = &event.Customer{Age: &age, Visits24h: &visits, Needs: rapid.SampledFrom([][]string{nil, {}, {"vision"}}).Draw(t, "needs")}
	emotion := rapid.SampledFrom([]float64{80, 81, 90}).Draw(t, "score")
	e.AI = &event.AI{Emotion: &emotion, Judged: rapid.SampledFrom([]string{"", "wrong"}).Draw(t, "judged")}
	depth := rapid.IntRange(1, 3).Draw(t, "depth")
	e.Entrance = &event.Entrance{Depth: &depth, HumanOptionPosition: &place, AccessibleChannel: rapid.SampledFrom([]*bool{nil, new(bool)}).Draw(t, "accessible")}
}

func passes(what ...string) func(*event.Event) {
	return func(e *event.Event) {
		if e.Handoff == nil {
			e.Handoff = new(event.Handoff)
		}
		e.Handoff.Passed = append([]string{}, what...)
	}
}

func named(id string) func(*event.Event) { return func(e *event.Event) { e.Actor.ID = id } }

func text(words string, s step) step {
	s.e.Text = words
	return s
}

func TestTransferBegins(t *testing.T) {
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"nothing begins":                     {steps: []step{says(1, customer, signal.HumanRequest), says(2, bot, 0)}},
		"an offer begins nothing":            {steps: []step{says(2, bot, signal.HandoffOffer|signal.AsksTransfer)}},
		"the customer's click begins none":   {steps: []step{does(1, event.HandoffRequested, by(customer))}},
		"announced":                          {steps: []step{says(2, bot, signal.HandoffStart)}, want: "e1"},
		"the place in the queue is told":     {steps: []step{says(2, system, signal.TellsQueue)}, want: "e1"},
		"queued":                             {steps: []step{says(1, bot, 0), does(2, event.HandoffQueued)}, want: "e2"},
		"the system asks for a person":       {steps: []step{does(2, event.HandoffRequested, by(system))}, want: "e1"},
		"a person is there":                  {steps: []step{says(1, bot, 0), says(2, agent, 0), does(3, event.HandoffQueued)}, want: "e2"},
		"a machine that accepts begins none": {steps: []step{does(2, event.HandoffAccepted, by(bot))}},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if x := folded(t, c.steps...).Facts.Transfer; x != nil {
				got = x.Begun
			}
			if got != c.want {
				t.Errorf("begun by %q, want %q", got, c.want)
			}
		})
	}
}

func TestTakeovers(t *testing.T) {
	both := &policies.Passed{Identity: true, Ticket: true}
	steps := []step{
		does(1, event.HandoffRequested, by(customer), passes("identity")),
		does(2, event.HandoffQueued, passes("ticket", "colour")),
		does(3, event.HandoffAccepted, by(agent), named("a-1")),
		says(4, agent, 0), // speaks, and was there already
		does(5, event.HandoffAccepted, by(agent), named("a-1")),
		does(6, event.HandoffAccepted, by(agent), named("a-2"), level("supervisor")),
		says(7, bot, 0), // the AI goes on before that person has spoken: nothing was taken back
		says(8, agent, 0),
		says(9, bot, 0),
		text("您好", says(10, agent, 0)),
	}
	want := []policies.Takeover{
		{Joined: "e3", JoinedAt: at(3), Agent: "a-1", Passed: both},
		{Joined: "e6", JoinedAt: at(6), Agent: "a-2", Level: "supervisor"},
		{Joined: "e10", JoinedAt: at(10)},
	}
	if got := folded(t, steps...).Facts.Transfer.Takeovers; !reflect.DeepEqual(got, want) {
		t.Errorf("takeovers %+v, want %+v", got, want)
	}
	empty := folded(t, does(3, event.HandoffAccepted, by(agent), passes())).Facts.Transfer.Takeovers
	if len(empty) != 1 || empty[0].Passed == nil || *empty[0].Passed != (policies.Passed{}) {
		t.Errorf("an empty list was reported, and nothing passed: %+v", empty)
	}
}

func TestAskedAgain(t *testing.T) {
	joins := does(10, event.HandoffAccepted, by(agent))
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"nothing was given":           {steps: []step{joins, says(11, agent, signal.AsksProblem)}},
		"passed on":                   {steps: []step{does(10, event.HandoffAccepted, by(agent), passes("problem")), says(11, agent, signal.AsksProblem)}, want: "problem"},
		"passed on, something else":   {steps: []step{does(10, event.HandoffAccepted, by(agent), passes("history")), says(11, agent, signal.AsksProblem)}},
		"given in answer":             {steps: []step{says(1, bot, signal.AsksOrder), text("6620", says(2, customer, 0)), joins, says(11, agent, signal.AsksOrder)}, want: "order"},
		"asked, and not given":        {steps: []step{says(1, bot, signal.AsksOrder), text("转人工", says(2, customer, signal.HumanRequest)), joins, says(11, agent, signal.AsksOrder)}},
		"an account of the problem":   {steps: []step{text("宽带断了两天了", says(2, customer, 0)), joins, says(11, agent, signal.AsksProblem)}, want: "problem"},
		"a request is no account":     {steps: []step{text("我要转人工客服", says(2, customer, signal.HumanRequest)), joins, says(11, agent, signal.AsksProblem)}},
		"told who is speaking":        {steps: []step{text("⟦phone⟧", says(2, customer, 0)), joins, says(11, agent, signal.AsksIdentity)}, want: "identity"},
		"given to the person itself":  {steps: []step{joins, text("宽带断了两天了", says(11, customer, 0)), says(12, agent, signal.AsksProblem)}},
		"no transfer: the bot asks":   {steps: []step{text("宽带断了两天了", says(2, customer, 0)), says(3, bot, signal.AsksProblem)}},
		"given to the person before":  {steps: []step{joins, text("宽带断了两天了", says(11, customer, 0)), does(12, event.HandoffAccepted, by(agent), named("a-2")), says(13, agent, signal.AsksProblem)}, want: "problem"},
		"the first question is named": {steps: []step{does(10, event.HandoffAccepted, by(agent), passes("identity", "problem")), says(11, agent, signal.AsksIdentity), says(12, agent, signal.AsksProblem)}, want: "identity"},
	} {
		t.Run(name, func(t *testing.T) {
			got := folded(t, c.steps...).Facts.Transfer
			if got == nil {
				got = new(policies.Transfer)
			}
			if got.RepeatedWhat != c.want || (got.Repeated != "") != (c.want != "") {
				t.Errorf("asked again for %q (%q), want %q", got.RepeatedWhat, got.Repeated, c.want)
			}
		})
	}
}

func TestBackToTheAI(t *testing.T) {
	joins, hello := does(1, event.HandoffAccepted, by(agent)), says(2, agent, 0)
	consents := func(e *event.Event) { e.Consents = []string{"back_to_ai"} }
	for name, c := range map[string]struct {
		steps []step
		want  policies.Transfer
	}{
		"a person stays":               {steps: []step{joins, hello, says(3, customer, 0), says(4, agent, 0)}},
		"the AI goes on":               {steps: []step{joins, hello, says(3, customer, 0), says(4, bot, 0)}, want: policies.Transfer{Back: "e4", BackAt: at(4)}},
		"an automated agent goes on":   {steps: []step{joins, hello, automatedStep(says(4, agent, 0))}, want: policies.Transfer{Back: "e3", BackAt: at(4)}},
		"a machine accepts":            {steps: []step{joins, does(4, event.HandoffAccepted, by(bot))}, want: policies.Transfer{Back: "e2", BackAt: at(4)}},
		"told, not agreed":             {steps: []step{joins, says(2, agent, signal.BackToAI), says(4, bot, 0)}, want: policies.Transfer{Back: "e3", BackAt: at(4), BackTold: true}},
		"told, refused":                {steps: []step{joins, says(2, agent, signal.BackToAI), text("不行", says(3, customer, 0)), says(4, bot, 0)}, want: policies.Transfer{Back: "e4", BackAt: at(4), BackTold: true}},
		"told, a person is wanted":     {steps: []step{joins, says(2, agent, signal.BackToAI), says(3, customer, signal.HumanRequest), says(4, bot, 0)}, want: policies.Transfer{Back: "e4", BackAt: at(4), BackTold: true}},
		"told and agreed in words":     {steps: []step{joins, says(2, agent, signal.BackToAI), text("好的", says(3, customer, 0)), says(4, bot, 0)}},
		"consent recorded":             {steps: []step{joins, hello, does(3, event.Message, consents), says(4, bot, 0)}},
		"a goodbye is no going on":     {steps: []step{joins, hello, says(4, bot, signal.Goodbye), says(5, bot, signal.AsksRating)}},
		"before the person has spoken": {steps: []step{joins, says(4, bot, 0)}},
		"with the AI all along":        {steps: []step{says(1, customer, 0), says(4, bot, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			var got policies.Transfer
			if x := folded(t, c.steps...).Facts.Transfer; x != nil {
				got = policies.Transfer{Back: x.Back, BackAt: x.BackAt, BackTold: x.BackTold, BackConsent: x.BackConsent}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("back %+v, want %+v", got, c.want)
			}
		})
	}
}
