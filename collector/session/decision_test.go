package session

import (
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

func TestDecisions(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	yes, no := true, false
	decision := func(at float64, d *event.Decision, change ...func(*event.Event)) step {
		return does(at, event.DecisionMade, append(change, func(e *event.Event) { e.Decision = d })...)
	}
	refused := func(at float64) step {
		return decision(at, &event.Decision{Kind: "refund_refused", Automated: &yes, Major: &yes})
	}
	in := func(d policies.Decision) policies.Decision {
		d.Made, d.MadeAt, d.Kind = "e1", moment(1), "refund_refused"
		return d
	}
	contested := func(d policies.Decision) policies.Decision {
		d.Contested, d.ContestedAt = "e2", moment(2)
		return in(d)
	}
	const contests = signal.Contest

	for name, c := range map[string]struct {
		steps []step
		want  policies.Decision
	}{
		"nothing decided":          {steps: []step{says(1, customer, contests), says(2, bot, signal.Explains)}},
		"accepted":                 {steps: []step{refused(1), says(2, customer, 0)}, want: in(policies.Decision{})},
		"contested":                {steps: []step{refused(1), says(2, customer, contests), says(3, bot, 0), says(4, customer, contests)}, want: contested(policies.Decision{})},
		"reasons asked":            {steps: []step{refused(1), says(2, customer, signal.AsksWhy)}, want: contested(policies.Decision{})},
		"a person asked to decide": {steps: []step{refused(1), says(2, customer, signal.HumanDecision)}, want: contested(policies.Decision{Appeal: policies.Appeal{Asked: "e2", AskedAt: moment(2)}})},
		"contested before it was made": {
			steps: []step{says(0, customer, contests), refused(1)},
			want:  policies.Decision{Made: "e2", MadeAt: moment(1), Kind: "refund_refused"},
		},
		"the bot contests nothing":    {steps: []step{refused(1), says(2, bot, contests)}, want: in(policies.Decision{})},
		"explained in a text":         {steps: []step{refused(1), says(2, customer, contests), says(3, bot, signal.Explains), says(4, bot, signal.Explains)}, want: contested(policies.Decision{AnsweredAt: moment(3)})},
		"explained by the customer":   {steps: []step{refused(1), says(2, customer, contests|signal.Explains)}, want: contested(policies.Decision{})},
		"a person speaks":             {steps: []step{refused(1), says(2, customer, contests), says(3, agent, 0)}, want: contested(policies.Decision{AnsweredAt: moment(3)})},
		"a person comes":              {steps: []step{refused(1), says(2, customer, contests), does(3, event.HandoffAccepted, by(agent))}, want: contested(policies.Decision{AnsweredAt: moment(3)})},
		"a machine comes":             {steps: []step{refused(1), says(2, customer, contests), automatedStep(says(3, agent, 0))}, want: contested(policies.Decision{})},
		"a person decides":            {steps: []step{refused(1), says(2, customer, contests), decision(3, &event.Decision{Automated: &no})}, want: contested(policies.Decision{AnsweredAt: moment(3)})},
		"a person decided from start": {steps: []step{decision(1, &event.Decision{Kind: "refund_refused", Automated: &no, Major: &yes}), says(2, customer, contests)}},
		"an agent decided":            {steps: []step{decision(1, &event.Decision{Kind: "refund_refused"}, by(agent)), says(2, customer, contests)}},
		"the bot decided":             {steps: []step{decision(1, &event.Decision{Kind: "refund_refused"}, by(bot))}, want: in(policies.Decision{})},
		"explained with the decision": {
			steps: []step{decision(1, &event.Decision{Kind: "refund_refused", Automated: &yes, Explained: &yes}), says(2, customer, contests)},
			want:  contested(policies.Decision{AnsweredAt: moment(1)}),
		},
		"not explained with it": {
			steps: []step{decision(1, &event.Decision{Kind: "refund_refused", Automated: &yes, Explained: &no}), says(2, customer, contests)},
			want:  contested(policies.Decision{}),
		},
		"of no major effect": {steps: []step{decision(1, &event.Decision{Kind: "refund_refused", Automated: &yes, Major: &no}), says(2, customer, contests)}},
		"of an effect not told": {
			steps: []step{decision(1, &event.Decision{Kind: "other", Automated: &yes})},
			want:  policies.Decision{Made: "e1", MadeAt: moment(1), Kind: "other", Missing: "decision.major"},
		},
		"by nobody knows whom": {
			steps: []step{decision(1, &event.Decision{Kind: "refund_refused"}, by(system))}, want: in(policies.Decision{Missing: "decision.automated"}),
		},
		"nothing told of it": {
			steps: []step{decision(1, nil)}, want: policies.Decision{Made: "e1", MadeAt: moment(1), Missing: "decision.automated"},
		},
		"a later one, the earlier unanswered": {
			steps: []step{refused(1), says(2, customer, contests), refused(3)}, want: contested(policies.Decision{}),
		},
		"a later one, the earlier accepted": {
			steps: []step{refused(1), refused(3), says(4, customer, contests)},
			want:  policies.Decision{Made: "e2", MadeAt: moment(3), Kind: "refund_refused", Contested: "e3", ContestedAt: moment(4)},
		},
		"a later one, the earlier answered": {
			steps: []step{refused(1), says(2, customer, contests), says(3, agent, 0), refused(4)},
			want:  policies.Decision{Made: "e4", MadeAt: moment(4), Kind: "refund_refused"},
		},
	} {
		got := policies.Decision{}
		if d := folded(t, c.steps...).Facts.Decision; d != nil {
			got = *d
		}
		if got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}

func TestAppeals(t *testing.T) {
	const customer, bot, agent, system = event.CustomerRole, event.BotRole, event.AgentRole, event.SystemRole
	yes, no := true, false
	opened := does(0, event.SessionOpened, func(e *event.Event) { e.Appeal = true })
	asks := says(1, customer, signal.HumanDecision)
	decided := func(at float64, automated *bool) step {
		return does(at, event.DecisionMade, func(e *event.Event) {
			e.Decision = &event.Decision{Kind: "other", Automated: automated, Major: &no}
		})
	}
	appeal := func(a policies.Appeal) policies.Appeal {
		a.Open, a.Asked, a.AskedAt = true, "e2", moment(1)
		return a
	}
	for name, c := range map[string]struct {
		steps []step
		want  policies.Appeal
	}{
		"no wish":                {steps: []step{opened, says(1, customer, signal.HumanRequest)}, want: policies.Appeal{Open: true}},
		"no appeal":              {steps: []step{says(0, bot, 0), asks}, want: policies.Appeal{Asked: "e2", AskedAt: moment(1)}},
		"asked":                  {steps: []step{opened, asks, says(2, bot, 0), says(3, customer, signal.HumanDecision)}, want: appeal(policies.Appeal{})},
		"decided by a machine":   {steps: []step{opened, asks, decided(2, &yes), decided(3, &yes)}, want: appeal(policies.Appeal{ByAI: "e3", ByAIAt: moment(2)})},
		"decided before":         {steps: []step{opened, asks, decided(2, &no), decided(3, &no)}, want: appeal(policies.Appeal{ByHumanAt: moment(2)})},
		"a machine, then people": {steps: []step{opened, asks, decided(2, &yes), decided(3, &no)}, want: appeal(policies.Appeal{ByAI: "e3", ByAIAt: moment(2), ByHumanAt: moment(3)})},
		"nobody knows by whom":   {steps: []step{opened, asks, decided(2, nil)}, want: appeal(policies.Appeal{Unknown: true})},
		"a person joined":        {steps: []step{opened, asks, does(2, event.HandoffAccepted, by(agent)), says(3, agent, 0)}, want: appeal(policies.Appeal{JoinedAt: moment(2)})},
		"a machine before the wish": {
			steps: []step{opened, says(0.5, bot, 0), decided(0.6, &yes), says(0.7, agent, 0)}, want: policies.Appeal{Open: true},
		},
	} {
		got := policies.Appeal{}
		if d := folded(t, c.steps...).Facts.Decision; d != nil {
			got = d.Appeal
		}
		if got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}
