package session

import (
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"

	"github.com/go-json-experiment/json/jsontext"
)

func judged(how string) func(*event.Event) {
	return func(e *event.Event) { e.AI = &event.AI{Judged: how} }
}

func review(extra string) func(*event.Event) {
	return func(e *event.Event) { e.Extra = jsontext.Value(extra) }
}

func TestUntrueAnswers(t *testing.T) {
	by := func(how policies.AnswerBy, id string, at float64, topic string) policies.Answers {
		return policies.Answers{Untrue: id, UntrueAt: moment(at), UntrueBy: how, Topic: topic}
	}
	report := does(5, event.MisjudgementReported, claim("price", ""))
	for name, c := range map[string]struct {
		steps []step
		want  policies.Answers
	}{
		"reported":                  {steps: []step{report}, want: by(policies.ByReport, "e1", 5, "price")},
		"reported on a refund":      {steps: []step{does(5, event.MisjudgementReported, claim("refund", ""))}},
		"reported without a kind":   {steps: []step{does(5, event.MisjudgementReported)}},
		"marked wrong":              {steps: []step{does(5, event.Message, byBot, judged("wrong"))}, want: by(policies.ByMark, "e1", 5, "")},
		"marked wrong on rights":    {steps: []step{does(5, event.Message, byBot, judged("wrong"), claim("rights", ""))}, want: by(policies.ByMark, "e1", 5, "rights")},
		"marked wrong on service":   {steps: []step{does(5, event.Message, byBot, judged("wrong"), claim("service", ""))}},
		"the customer's words":      {steps: []step{does(5, event.Message, judged("wrong"), func(e *event.Event) { e.Actor.Role = event.CustomerRole })}},
		"reviewed":                  {steps: []step{does(5, event.ReviewDecided, review(`{"review":{"misjudged":true,"kind":"quality"}}`))}, want: by(policies.ByReview, "e1", 5, "quality")},
		"reviewed, as claimed":      {steps: []step{does(5, event.ReviewDecided, claim("rights", ""), review(`{"review":{"misjudged":true,"kind":"sample"}}`))}, want: by(policies.ByReview, "e1", 5, "rights")},
		"reviewed on something":     {steps: []step{does(5, event.ReviewDecided, review(`{"review":{"misjudged":true,"kind":"refund"}}`))}},
		"reviewed, not understood":  {steps: []step{report, does(6, event.ReviewDecided, review(`{"review":[1]}`))}, want: by(policies.ByReport, "e1", 5, "price")},
		"reviewed, says nothing":    {steps: []step{report, does(6, event.ReviewDecided)}, want: by(policies.ByReport, "e1", 5, "price")},
		"found to be right":         {steps: []step{report, does(6, event.ReviewDecided, review(`{"review":{"misjudged":false}}`))}},
		"reported again after that": {steps: []step{report, does(6, event.ReviewDecided, review(`{"review":{"misjudged":false}}`)), does(7, event.MisjudgementReported, claim("quality", ""))}, want: by(policies.ByReport, "e3", 7, "quality")},
		"the first counts":          {steps: []step{report, does(6, event.Message, byBot, judged("wrong"))}, want: by(policies.ByReport, "e1", 5, "price")},
	} {
		t.Run(name, func(t *testing.T) {
			var got policies.Answers
			if a := folded(t, c.steps...).Facts.Answers; a != nil {
				got = *a
			}
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func byBot(e *event.Event) { e.Actor.Role, e.Text = event.BotRole, "…" }

func TestUselessAnswers(t *testing.T) {
	const (
		customer = event.CustomerRole
		bot      = event.BotRole
		blank    = signal.Fallback
	)
	for name, c := range map[string]struct {
		steps []step
		want  string
		as    policies.UselessAs
	}{
		"one":                     {steps: []step{says(1, bot, blank), says(2, customer, 0), says(3, bot, 0)}},
		"two in a row":            {steps: []step{says(1, bot, blank), says(2, customer, 0), says(3, bot, blank)}, want: "e3", as: policies.FellBack},
		"two bubbles, one answer": {steps: []step{says(1, bot, blank), says(2, bot, blank), says(3, customer, 0), says(4, bot, 0)}},
		"an answer between":       {steps: []step{says(1, bot, blank), says(2, customer, 0), says(3, bot, 0), says(4, customer, 0), says(5, bot, blank)}},
		"second begins transfer":  {steps: []step{says(1, bot, blank), says(2, customer, 0), says(3, bot, blank|signal.HandoffStart)}},
		"system lines between":    {steps: []step{says(1, bot, blank), says(2, event.SystemRole, 0), says(2, customer, 0), says(3, bot, blank)}, want: "e4", as: policies.FellBack},
		"marked":                  {steps: []step{does(1, event.Message, byBot, judged("irrelevant")), says(3, bot, blank)}, want: "e1", as: policies.MarkedIrrelevant},
	} {
		t.Run(name, func(t *testing.T) {
			var got policies.Answers
			if a := folded(t, c.steps...).Facts.Answers; a != nil {
				got = *a
			}
			if got.Useless != c.want || got.UselessAs != c.as || (got.UselessAt != 0) != (c.want != "") {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

func TestGrounding(t *testing.T) {
	scored := func(at, grounding float64, change ...func(*event.Event)) step {
		return does(at, event.Message, append([]func(*event.Event){byBot, func(e *event.Event) { e.AI = &event.AI{Grounding: &grounding} }}, change...)...)
	}
	text := func(words string) func(*event.Event) { return func(e *event.Event) { e.Text = words } }
	heard := says(0, event.CustomerRole, 0)
	weak := func(id string, at, g float64) policies.WeakAnswer {
		return policies.WeakAnswer{Event: id, At: moment(at), Grounding: g}
	}
	for name, c := range map[string]struct {
		steps []step
		want  policies.Grounding
	}{
		"no answer":             {steps: []step{heard}},
		"no score":              {steps: []step{heard, says(1, event.BotRole, 0)}, want: policies.Grounding{Answered: true}},
		"well grounded":         {steps: []step{heard, scored(1, 0.6)}, want: policies.Grounding{Answered: true, Scored: true}},
		"weaker and weaker":     {steps: []step{heard, scored(1, 0.5), scored(2, 0.55), scored(3, 0.2), scored(4, 0.2)}, want: policies.Grounding{Answered: true, Scored: true, Weak: []policies.WeakAnswer{weak("e2", 1, 0.5), weak("e4", 3, 0.2)}}},
		"before anybody spoke":  {steps: []step{scored(1, 0.1)}},
		"a question":            {steps: []step{heard, scored(1, 0.1, text("请问您的订单号是多少？"))}},
		"a fallback":            {steps: []step{heard, foundIn(scored(1, 0.1), signal.Fallback)}},
		"a person's answer":     {steps: []step{heard, scored(1, 0.1, func(e *event.Event) { e.Actor.Role = event.AgentRole })}},
		"an automated agent's":  {steps: []step{heard, scored(1, 0.1, func(e *event.Event) { e.Actor = event.Actor{Role: event.AgentRole, Automated: true} })}, want: policies.Grounding{Answered: true, Scored: true, Weak: []policies.WeakAnswer{weak("e2", 1, 0.1)}}},
		"no text, nothing said": {steps: []step{heard, scored(1, 0.1, text(" "))}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Grounding; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestRepeatedQuestion(t *testing.T) {
	if _, ok := signal.GistOf("我的退款什么时候到账？"); !ok {
		t.Fatal("a plain question has no gist")
	}
	asks := func(at float64, words string, found signal.Set) step {
		s := says(at, event.CustomerRole, found)
		s.e.Text = words
		return s
	}
	const refund, invoice = "我的退款什么时候到账？", "发票怎么开具？"
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"twice":              {steps: []step{asks(1, refund, 0), asks(2, refund, 0)}},
		"three times":        {steps: []step{asks(1, refund, 0), says(2, event.BotRole, 0), asks(3, refund, 0), asks(4, refund, 0), asks(5, refund, 0)}, want: "e4"},
		"another between":    {steps: []step{asks(1, refund, 0), asks(2, invoice, 0), asks(3, refund, 0), asks(4, invoice, 0), asks(5, refund, 0)}, want: "e5"},
		"two others between": {steps: []step{asks(1, refund, 0), asks(2, refund, 0), asks(3, invoice, 0), asks(4, "这双鞋有没有41码的？", 0), asks(5, refund, 0)}},
		"asking for a human": {steps: []step{asks(1, refund, signal.HumanRequest), asks(2, refund, signal.HumanRequest), asks(3, refund, signal.HumanRequest)}},
	} {
		t.Run(name, func(t *testing.T) {
			var got policies.Answers
			if a := folded(t, c.steps...).Facts.Answers; a != nil {
				got = *a
			}
			if got.Repeated != c.want || (got.RepeatedAt != 0) != (c.want != "") {
				t.Errorf("%+v, want %q", got, c.want)
			}
		})
	}
}

func TestRedLine(t *testing.T) {
	a := folded(t, says(1, event.CustomerRole, 0), says(2, event.AgentRole, signal.RedLine), says(3, event.BotRole, signal.RedLine)).Facts.Answers
	if a == nil || a.RedLine != "e2" || a.RedLineAt != moment(2) || a.RedLineBy != "agent" {
		t.Errorf("%+v", a)
	}
	if a := folded(t, says(1, event.CustomerRole, signal.RedLine)).Facts.Answers; a != nil {
		t.Errorf("the customer's words: %+v", a)
	}
}
