package session

import (
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

func TestInquiries(t *testing.T) {
	const (
		customer  = event.CustomerRole
		bot       = event.BotRole
		agent     = event.AgentRole
		identity  = signal.AsksIdentity
		order     = signal.AsksOrder
		sensitive = signal.SensitiveAsk
	)
	filed := does(1, event.ComplaintFiled)
	words := func(at float64, text string) step {
		s := says(at, customer, 0)
		s.e.Text = text
		return s
	}
	consent := func(e *event.Event) { e.Consents = []string{"recording", "sensitive_pi"} }
	signedIn := func(e *event.Event) { e.Customer = &event.Customer{ID: "c-1"} }
	for name, c := range map[string]struct {
		steps []step
		want  *policies.Inquiries
	}{
		"nothing asked":               {steps: []step{filed, says(2, bot, 0)}},
		"asked before a complaint":    {steps: []step{says(0, bot, identity), filed}},
		"asked once":                  {steps: []step{filed, says(2, bot, identity)}, want: &policies.Inquiries{Identity: policies.Inquiry{Asked: "e2", AskedAt: moment(2)}}},
		"asked and answered before":   {steps: []step{says(0, bot, identity), says(0.5, customer, 0), filed, says(2, agent, identity)}, want: &policies.Inquiries{Identity: policies.Inquiry{Asked: "e4", AskedAt: moment(2), Again: "e4", AgainAt: moment(2)}}},
		"asked twice without answer":  {steps: []step{filed, says(2, bot, identity), says(3, bot, identity)}, want: &policies.Inquiries{Identity: policies.Inquiry{Asked: "e2", AskedAt: moment(2)}}},
		"identified by a number":      {steps: []step{words(0, "手机号⟦phone⟧"), filed, says(2, bot, identity)}, want: &policies.Inquiries{Identity: policies.Inquiry{Asked: "e3", AskedAt: moment(2), Again: "e3", AgainAt: moment(2)}}},
		"signed in":                   {steps: []step{does(0, event.SessionOpened, signedIn), filed, says(2, bot, identity|order)}, want: &policies.Inquiries{SignedIn: true, Identity: policies.Inquiry{Asked: "e3", AskedAt: moment(2), Again: "e3", AgainAt: moment(2)}, Order: policies.Inquiry{Asked: "e3", AskedAt: moment(2)}}},
		"an order given before":       {steps: []step{says(0, bot, order), says(0.5, customer, 0), filed, says(2, bot, order)}, want: &policies.Inquiries{Order: policies.Inquiry{Asked: "e4", AskedAt: moment(2), Again: "e4", AgainAt: moment(2)}}},
		"an order of the complaint":   {steps: []step{does(1, event.ComplaintFiled, claim("price", "o1")), says(2, bot, order)}, want: &policies.Inquiries{Order: policies.Inquiry{Asked: "e2", AskedAt: moment(2), Again: "e2", AgainAt: moment(2)}}},
		"sensitive":                   {steps: []step{says(1, bot, sensitive), says(2, bot, sensitive)}, want: &policies.Inquiries{Sensitive: "e1", SensitiveAt: moment(1)}},
		"sensitive, asks for consent": {steps: []step{says(1, bot, sensitive|signal.AsksConsent)}},
		"sensitive, consent recorded": {steps: []step{does(0, event.SessionOpened, consent), says(1, bot, sensitive)}},
		"sensitive, consent too late": {steps: []step{says(1, bot, sensitive), does(2, event.Message, by(customer), consent)}, want: &policies.Inquiries{Sensitive: "e1", SensitiveAt: moment(1)}},
		"sensitive, by a person":      {steps: []step{says(1, agent, sensitive)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Inquiries; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
