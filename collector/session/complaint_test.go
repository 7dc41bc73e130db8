package session

import (
	"fmt"
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// complained draws what the folds of complaints, promises, answers and questions look at beside texts.
func complained(t *rapid.T, e *event.Event) {
	if rapid.IntRange(0, 2).Draw(t, "complained") > 0 {
		return
	}
	e.Kind = rapid.SampledFrom([]event.Kind{
		event.Message, event.ComplaintFiled, event.ComplaintAcknowledged, event.ComplaintResolved, event.ReturnReceived,
		event.RefundCompleted, event.SurveySent, event.PromiseMade, event.PromiseKept, event.MisjudgementReported, event.ReviewDecided,
	}).Draw(t, "complaint kind")
	e.TicketID = rapid.SampledFrom([]string{"", "t1", "t2"}).Draw(t, "ticket")
	e.Due = rapid.SampledFrom([]string{"", "2026-10-12T10:00:20+08:00"}).Draw(t, "answer due")
	e.Promise = rapid.SampledFrom([]*event.Due{nil, {}, {Due: "2026-10-12T10:00:20+08:00", What: "退款"}, {Due: "2026-10-13T10:00:00+08:00"}}).Draw(t, "promise")
	e.Claim = rapid.SampledFrom([]*event.Claim{nil, {Kind: "price", OrderID: "o1"}, {Kind: "continuity"}, {OrderID: "o2"}}).Draw(t, "claim")
	e.Consents = rapid.SampledFrom([][]string{nil, {"sensitive_pi"}}).Draw(t, "consents")
	e.Extra = rapid.SampledFrom([]jsontext.Value{nil, jsontext.Value(`{"review":{"misjudged":false}}`), jsontext.Value(`{"review":3}`)}).Draw(t, "extra")
	weak, strong := 0.2, 90.0
	e.AI = rapid.SampledFrom([]*event.AI{nil, {Grounding: &weak}, {Emotion: &strong}, {Judged: "irrelevant"}, {Judged: "wrong"}, {Intent: "fault"}}).Draw(t, "judged")
	e.Text = rapid.SampledFrom([]string{"…", "我的手机号是⟦phone⟧", "什么时候能退款？"}).Draw(t, "words")
}

func kept(id string) func(*event.Event) { return func(e *event.Event) { e.TicketID = id } }

func claim(kind, order string) func(*event.Event) {
	return func(e *event.Event) { e.Claim = &event.Claim{Kind: kind, OrderID: order} }
}

func answerDue(e *event.Event) { e.Due = "2026-10-27T10:00:00+08:00" }

func TestComplaints(t *testing.T) {
	const (
		customer = event.CustomerRole
		bot      = event.BotRole
		system   = event.SystemRole
		limit    = signal.TellsLimit
	)
	filed := does(1, event.ComplaintFiled, by(customer), claim("price", ""))
	want := func(change func(*policies.Complaint)) []policies.Complaint {
		c := policies.Complaint{Filed: "e1", FiledAt: moment(1), Kind: "price"}
		change(&c)
		return []policies.Complaint{c}
	}
	limited := func(id string, at float64) func(*policies.Complaint) {
		return func(c *policies.Complaint) { c.Limited, c.LimitedAt = id, moment(at) }
	}
	none := func(*policies.Complaint) {}
	for name, c := range map[string]struct {
		steps []step
		want  []policies.Complaint
	}{
		"filed":                       {steps: []step{filed}, want: want(none)},
		"acknowledged with a limit":   {steps: []step{filed, does(2, event.ComplaintAcknowledged, answerDue)}, want: want(limited("e2", 2))},
		"acknowledged without":        {steps: []step{filed, does(2, event.ComplaintAcknowledged)}, want: want(none)},
		"limit in the next turn":      {steps: []step{filed, says(2, bot, limit)}, want: want(limited("e2", 2))},
		"in the same turn, later":     {steps: []step{filed, says(2, bot, 0), says(3, bot, limit)}, want: want(limited("e3", 3))},
		"dated promise in that turn":  {steps: []step{filed, says(2, bot, signal.DatedPromise)}, want: want(limited("e2", 2))},
		"a turn too late":             {steps: []step{filed, says(2, bot, 0), says(3, customer, 0), says(4, bot, limit)}, want: want(none)},
		"after the acknowledgement":   {steps: []step{filed, says(2, bot, 0), says(3, customer, 0), does(4, event.ComplaintAcknowledged), says(5, bot, limit)}, want: want(limited("e5", 5))},
		"the customer's own words":    {steps: []step{filed, says(2, customer, limit)}, want: want(none)},
		"told after the end":          {steps: []step{filed, does(2, event.SessionClosed), does(3, event.ComplaintAcknowledged, answerDue)}, want: want(none)},
		"in the acknowledgement":      {steps: []step{filed, foundIn(does(2, event.ComplaintAcknowledged, by(system), func(e *event.Event) { e.Text = "…" }), limit)}, want: want(limited("e2", 2))},
		"acknowledged before it came": {steps: []step{does(0, event.ComplaintAcknowledged, answerDue), does(1, event.ComplaintFiled)}, want: []policies.Complaint{{Filed: "e2", FiledAt: moment(1)}}},
		"told as it was taken down": {
			steps: []step{says(0, bot, limit|signal.TellsKey), does(1, event.ComplaintFiled)},
			want:  []policies.Complaint{{Filed: "e2", FiledAt: moment(1), Limited: "e1", LimitedAt: start, Keyed: "e1", KeyedAt: start}},
		},
		"told before the customer spoke": {
			steps: []step{says(0, bot, limit|signal.TellsKey), says(0.5, customer, 0), does(1, event.ComplaintFiled)},
			want:  []policies.Complaint{{Filed: "e3", FiledAt: moment(1)}},
		},
		"key in a text": {steps: []step{filed, says(2, bot, 0), says(3, customer, 0), says(4, bot, signal.TellsKey)}, want: want(func(c *policies.Complaint) { c.Keyed, c.KeyedAt = "e4", moment(4) })},
		"key with the acknowledgement": {steps: []step{filed, does(2, event.ComplaintAcknowledged, kept("t1"))}, want: want(func(c *policies.Complaint) {
			c.Ticket, c.Keyed, c.KeyedAt = "t1", "e2", moment(2)
		})},
		"key after the end": {steps: []step{filed, does(2, event.SessionClosed), says(3, bot, signal.TellsKey)}, want: want(none)},
		"resolved, also after the end": {steps: []step{filed, does(2, event.SessionClosed), does(99, event.ComplaintResolved)}, want: want(func(c *policies.Complaint) {
			c.Resolved, c.ResolvedAt = "e3", moment(99)
		})},
		"sold and surveyed while open": {steps: []step{filed, says(2, bot, signal.Marketing), says(3, bot, signal.AsksRating), does(4, event.SurveySent)}, want: want(func(c *policies.Complaint) {
			c.Sold, c.SoldAt, c.Surveyed, c.SurveyedAt = "e2", moment(2), "e3", moment(3)
		})},
		"sold and surveyed after it": {steps: []step{filed, does(2, event.ComplaintResolved), says(3, bot, signal.Marketing), does(4, event.SurveySent)}, want: want(func(c *policies.Complaint) {
			c.Resolved, c.ResolvedAt = "e2", moment(2)
		})},
		"the same ticket is the same complaint": {
			steps: []step{does(1, event.ComplaintFiled, kept("t1")), does(2, event.ComplaintFiled, kept("t1"))},
			want:  []policies.Complaint{{Filed: "e1", FiledAt: moment(1), Ticket: "t1"}},
		},
		"each by its ticket": {
			steps: []step{
				does(1, event.ComplaintFiled, kept("t1")), does(2, event.ComplaintFiled), does(3, event.ComplaintAcknowledged, kept("t2")),
				does(4, event.ComplaintResolved, kept("t2")), does(5, event.ComplaintResolved, kept("t9")), does(6, event.ComplaintResolved),
			},
			want: []policies.Complaint{
				{Filed: "e1", FiledAt: moment(1), Ticket: "t1", Resolved: "e6", ResolvedAt: moment(6)},
				{Filed: "e2", FiledAt: moment(2), Ticket: "t2", Keyed: "e3", KeyedAt: moment(3), Resolved: "e4", ResolvedAt: moment(4)},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := folded(t, c.steps...).Facts.Complaints
			if got == nil || !reflect.DeepEqual(got.Filed, c.want) {
				t.Errorf("complaints %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestSurveyWithoutAComplaint(t *testing.T) {
	c := folded(t, says(1, event.BotRole, signal.AsksRating), does(2, event.SurveySent)).Facts.Complaints
	if c == nil || c.Survey != "e1" || c.SurveyAt != moment(1) || len(c.Filed) > 0 {
		t.Errorf("%+v", c)
	}
}

func TestSelling(t *testing.T) {
	const (
		customer = event.CustomerRole
		bot      = event.BotRole
		sells    = signal.Marketing
	)
	intent := func(name string) func(*event.Event) {
		return func(e *event.Event) { e.AI = &event.AI{Intent: name} }
	}
	for name, c := range map[string]struct {
		steps []step
		want  *policies.Selling
	}{
		"nothing open":                {steps: []step{says(1, customer, 0), says(2, bot, sells)}},
		"complaint filed":             {steps: []step{does(1, event.ComplaintFiled), says(2, bot, sells), says(3, bot, sells)}, want: &policies.Selling{Sold: "e2", SoldAt: moment(2), During: policies.DuringComplaint}},
		"complaint resolved":          {steps: []step{does(1, event.ComplaintFiled), does(2, event.ComplaintResolved), says(3, bot, sells)}},
		"wish to complain":            {steps: []step{says(1, customer, signal.ComplaintWish), says(2, bot, sells)}, want: &policies.Selling{Sold: "e2", SoldAt: moment(2), During: policies.DuringWords}},
		"threat":                      {steps: []step{says(1, customer, signal.Escape), says(2, bot, sells)}, want: &policies.Selling{Sold: "e2", SoldAt: moment(2), During: policies.DuringWords}},
		"what was said is settled":    {steps: []step{says(1, customer, signal.Escape), does(2, event.ComplaintResolved), says(3, bot, sells)}},
		"what was said ends with it":  {steps: []step{says(1, customer, signal.Escape), does(2, event.SessionClosed), says(3, bot, sells)}},
		"a filed complaint does not":  {steps: []step{does(1, event.ComplaintFiled), does(2, event.SessionClosed), says(3, bot, sells)}, want: &policies.Selling{Sold: "e3", SoldAt: moment(3), During: policies.DuringComplaint}},
		"fault by intent":             {steps: []step{does(1, event.Message, by(customer), intent("report_FAULT")), says(2, bot, sells)}, want: &policies.Selling{Sold: "e2", SoldAt: moment(2), During: policies.DuringFault}},
		"fault by claim":              {steps: []step{does(1, event.MisjudgementReported, claim("continuity", "")), says(2, bot, sells)}, want: &policies.Selling{Sold: "e2", SoldAt: moment(2), During: policies.DuringFault}},
		"another intent":              {steps: []step{does(1, event.Message, by(customer), intent("order_status")), says(2, bot, sells)}},
		"the customer's own question": {steps: []step{does(1, event.ComplaintFiled), says(2, customer, sells)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Selling; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestReturns(t *testing.T) {
	back := func(at float64, order string) step { return does(at, event.ReturnReceived, claim("", order)) }
	paid := func(at float64, order string) step { return does(at, event.RefundCompleted, claim("", order)) }
	for name, c := range map[string]struct {
		steps []step
		want  []policies.Return
	}{
		"came back": {steps: []step{back(1, "o1")}, want: []policies.Return{{Received: "e1", ReceivedAt: moment(1), Order: "o1"}}},
		"refunded": {steps: []step{back(1, "o1"), paid(2, "o1"), paid(3, "o1")}, want: []policies.Return{
			{Received: "e1", ReceivedAt: moment(1), Order: "o1", Refunded: "e2", RefundedAt: moment(2)},
		}},
		"refunded without a number": {steps: []step{back(1, "o1"), does(2, event.RefundCompleted)}, want: []policies.Return{
			{Received: "e1", ReceivedAt: moment(1), Order: "o1", Refunded: "e2", RefundedAt: moment(2)},
		}},
		"another order's refund": {steps: []step{back(1, "o1"), paid(2, "o2")}, want: []policies.Return{{Received: "e1", ReceivedAt: moment(1), Order: "o1"}}},
		"its own order first": {steps: []step{back(1, ""), back(2, "o2"), paid(3, "o2")}, want: []policies.Return{
			{Received: "e1", ReceivedAt: moment(1)}, {Received: "e2", ReceivedAt: moment(2), Order: "o2", Refunded: "e3", RefundedAt: moment(3)},
		}},
		"refunded in advance":                    {steps: []step{paid(1, "o1"), back(2, "o1")}},
		"refunded in advance for another order":  {steps: []step{paid(1, "o2"), back(2, "o1")}, want: []policies.Return{{Received: "e2", ReceivedAt: moment(2), Order: "o1"}}},
		"an advance counts once":                 {steps: []step{paid(1, "o1"), back(2, "o1"), back(3, "o1")}, want: []policies.Return{{Received: "e3", ReceivedAt: moment(3), Order: "o1"}}},
		"an advance for nobody knows what order": {steps: []step{does(1, event.RefundCompleted), back(2, "o1")}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(t, c.steps...).Facts.Returns; !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// Whatever is filed, promised and asked without end, the facts stay small.
func TestEndlessComplaints(t *testing.T) {
	all := []event.Kind{
		event.ComplaintFiled, event.ReturnReceived, event.RefundCompleted, event.RefundCompleted, event.PromiseMade, event.CallbackPromised, event.Message,
	}
	s := endless(3_000, func(i int) step {
		return does(0, all[i%len(all)], by(event.BotRole), kept(fmt.Sprint("t", i)), claim("other", fmt.Sprint("o", i)), func(e *event.Event) {
			due := &event.Due{Due: "2026-10-12T10:00:00+08:00"}
			e.Promise, e.Callback, e.Text = due, due, "…"
			emotion, grounding := 61+float64(i%39), 0.5-float64(i)/10_000
			e.AI = &event.AI{Emotion: &emotion, Grounding: &grounding}
		})
	})
	f := &s.Facts
	if n := len(f.Complaints.Filed); n != maxComplaints {
		t.Errorf("%d complaints", n)
	}
	if len(f.Returns) != maxReturns || len(s.at.Complaining.Advance) > maxAdvance {
		t.Errorf("%d returns, %d advances", len(f.Returns), len(s.at.Complaining.Advance))
	}
	if n := len(f.Promises.Open); n != maxPromises {
		t.Errorf("%d promises", n)
	}
	if len(f.Outbursts) > maxOutbursts || len(f.Grounding.Weak) > maxWeak {
		t.Errorf("%d outbursts, %d weak answers", len(f.Outbursts), len(f.Grounding.Weak))
	}
}
