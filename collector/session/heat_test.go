package session

import (
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

func TestOutbursts(t *testing.T) {
	const (
		customer = event.CustomerRole
		bot      = event.BotRole
		agent    = event.AgentRole
		anger    = signal.Anger
	)
	feels := func(at, emotion float64) step {
		s := says(at, customer, 0)
		s.e.AI = &event.AI{Emotion: &emotion}
		return s
	}
	burst := func(id string, at, emotion float64, change ...func(*policies.Outburst)) policies.Outburst {
		o := policies.Outburst{Event: id, At: moment(at), Emotion: emotion}
		for _, c := range change {
			c(&o)
		}
		return o
	}
	words := func(o *policies.Outburst) { o.Words = true }
	begun := func(id string, at float64) func(*policies.Outburst) {
		return func(o *policies.Outburst) { o.Begun, o.BegunAt = id, moment(at) }
	}
	calls := does(30, event.HandoffRequested, by(bot))
	for name, c := range map[string]struct {
		steps []step
		want  []policies.Outburst
	}{
		"calm":                       {steps: []step{feels(1, 60)}},
		"scored":                     {steps: []step{feels(1, 85.5)}, want: []policies.Outburst{burst("e1", 1, 85.5)}},
		"stronger and stronger":      {steps: []step{feels(1, 70), feels(2, 65), feels(3, 90)}, want: []policies.Outburst{burst("e1", 1, 70), burst("e3", 3, 90)}},
		"in words":                   {steps: []step{says(1, customer, anger)}, want: []policies.Outburst{burst("e1", 1, 100, words)}},
		"words beside scores":        {steps: []step{feels(1, 10), says(2, customer, anger)}},
		"the service's words":        {steps: []step{says(1, bot, anger)}},
		"answered at once":           {steps: []step{feels(1, 90), says(11, bot, signal.HandoffStart)}},
		"answered":                   {steps: []step{feels(1, 90), says(12, bot, signal.HandoffStart)}, want: []policies.Outburst{burst("e1", 1, 90, begun("e2", 12))}},
		"queued":                     {steps: []step{feels(1, 90), does(30, event.HandoffQueued)}, want: []policies.Outburst{burst("e1", 1, 90, begun("e2", 30))}},
		"asked for by the bot":       {steps: []step{feels(1, 90), calls}, want: []policies.Outburst{burst("e1", 1, 90, begun("e2", 30))}},
		"asked for by the customer":  {steps: []step{feels(1, 90), does(30, event.HandoffRequested, by(customer))}, want: []policies.Outburst{burst("e1", 1, 90)}},
		"a person came":              {steps: []step{feels(1, 90), says(30, agent, 0)}, want: []policies.Outburst{burst("e1", 1, 90, begun("e2", 30))}},
		"a person serves":            {steps: []step{does(0, event.HandoffAccepted, by(agent)), feels(1, 90)}},
		"the machine is back":        {steps: []step{does(0, event.HandoffAccepted, by(agent)), says(1, bot, 0), feels(2, 90)}, want: []policies.Outburst{burst("e3", 2, 90)}},
		"in the queue":               {steps: []step{does(0, event.HandoffQueued), feels(1, 90)}},
		"turned away from the queue": {steps: []step{does(0, event.HandoffQueued), does(1, event.HandoffRejected), feels(2, 90)}, want: []policies.Outburst{burst("e3", 2, 90)}},
		"declined":                   {steps: []step{feels(1, 90), says(5, bot, signal.AsksTransfer), says(12, customer, signal.RequestDecline)}, want: []policies.Outburst{burst("e1", 1, 90, begun("e3", 12))}},
		"declined without an offer":  {steps: []step{feels(1, 90), says(5, bot, 0), says(12, customer, signal.RequestDecline)}, want: []policies.Outburst{burst("e1", 1, 90)}},
		"offered, and talked on":     {steps: []step{feels(1, 90), says(5, bot, signal.HandoffOffer), says(12, customer, 0), says(13, customer, signal.RequestDecline)}, want: []policies.Outburst{burst("e1", 1, 90)}},
		"after the end":              {steps: []step{does(0, event.SessionClosed), feels(1, 90)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := folded(t, c.steps...).Facts.Outbursts
			if len(got) != len(c.want) || len(got) > 0 && !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestThreats(t *testing.T) {
	const (
		customer = event.CustomerRole
		bot      = event.BotRole
		agent    = event.AgentRole
		threat   = signal.Escape
	)
	said := policies.Threat{Said: "e1", SaidAt: moment(1)}
	passed := said
	passed.Reply, passed.ReplyAt = "e2", moment(2)
	says1 := says(1, customer, threat)
	for name, c := range map[string]struct {
		steps []step
		want  *policies.Threat
	}{
		"nothing said":                {steps: []step{says(1, customer, 0), says(2, bot, 0)}},
		"waiting":                     {steps: []step{says1}, want: &said},
		"passed over":                 {steps: []step{says1, says(2, bot, 0)}, want: &passed},
		"a complaint entry":           {steps: []step{says1, says(2, bot, signal.OffersComplaint)}},
		"a person":                    {steps: []step{says1, says(2, bot, signal.HandoffOffer)}},
		"asked whether to transfer":   {steps: []step{says1, says(2, bot, signal.AsksTransfer)}},
		"later in the same turn":      {steps: []step{says1, says(2, bot, 0), says(3, bot, signal.HandoffStart)}},
		"a turn too late":             {steps: []step{says1, says(2, bot, 0), says(3, customer, 0), says(4, bot, signal.HandoffStart)}, want: &passed},
		"a complaint was taken down":  {steps: []step{says1, does(2, event.ComplaintFiled), says(3, bot, 0)}},
		"queued":                      {steps: []step{says1, does(2, event.HandoffQueued), says(3, bot, 0)}},
		"a person answers":            {steps: []step{says1, says(2, agent, 0)}},
		"said to a person":            {steps: []step{says(0, agent, 0), says1, says(2, bot, 0)}},
		"said in the queue":           {steps: []step{does(0, event.HandoffQueued), says1, says(2, bot, 0)}},
		"turned away":                 {steps: []step{says1, does(2, event.HandoffRejected)}, want: &passed},
		"a line of the system":        {steps: []step{says1, says(2, event.SystemRole, 0)}, want: &said},
		"said twice before the reply": {steps: []step{says1, says(1.5, customer, threat), says(2, bot, signal.OffersComplaint)}},
		"the second one passed over": {
			steps: []step{says1, says(2, bot, signal.OffersComplaint), says(3, customer, threat), says(4, bot, 0)},
			want:  &policies.Threat{Said: "e3", SaidAt: moment(3), Reply: "e4", ReplyAt: moment(4)},
		},
		"the first one counts": {steps: []step{says1, says(2, bot, 0), says(3, customer, threat), says(4, bot, signal.OffersComplaint)}, want: &passed},
		"after the end":        {steps: []step{does(0, event.SessionClosed), says1, says(2, bot, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Threat; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
