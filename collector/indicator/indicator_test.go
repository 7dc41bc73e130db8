package indicator_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"mingjian/collector/indicator"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
	"mingjian/policies"
)

// The day that most tests speak of, in the zone of a tenant that has set nothing, and the clock.
var (
	beijing = time.FixedZone("", 8*3600)
	today   = time.Date(2026, 11, 20, 0, 0, 0, 0, beijing)
	noon    = today.Add(12 * time.Hour)
)

// centre is a tenant in a record, with the service that computes over all tenants of it.
type centre struct {
	*house
	tenant string
	n      int
}

// house is a record with its service.
type house struct {
	*warehouse.Store
	service *indicator.Service
	bundle  *policies.Bundle
	now     time.Time
}

// shipped are the rules as they ship; the tenant called set has set a threshold of failed answers.
var shipped = sync.OnceValues(func() (*policies.Bundle, error) {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		return nil, err
	}
	three := 3
	return bundle.WithSettings(map[string]policies.Settings{"set": {FailureThreshold: &three}}), nil
})

// open starts a record.
func open(t *testing.T) *house {
	t.Helper()
	server := clickhousetest.Lend(t)
	store, err := warehouse.Connect(t.Context(), warehouse.Options{Addr: server.URL, User: server.User, Password: server.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	bundle, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Store: store, bundle: bundle, now: noon}
	h.service = h.another()
	return h
}

// another is a service that knows nothing of what was computed before.
func (h *house) another() *indicator.Service {
	return indicator.New(indicator.Options{
		Record: h.Store, Rules: func() *policies.Bundle { return h.bundle }, Now: func() time.Time { return h.now }, Every: time.Hour, Log: slog.New(slog.DiscardHandler),
	})
}

func (h *house) of(tenant string) *centre { return &centre{house: h, tenant: tenant} }

// talk is a session that a test writes by hand.
type talk struct {
	session warehouse.Session
	facts   policies.Facts
	events  []warehouse.Interaction
}

// talk begins a session of one minute at a moment.
func (c *centre) talk(line, jurisdiction string, at time.Time) *talk {
	c.n++
	k := &talk{session: warehouse.Session{
		Tenant: c.tenant, SessionID: fmt.Sprintf("%s-%03d", c.tenant, c.n), Version: 1, Opened: at.UnixMilli(), Closed: at.Add(time.Minute).UnixMilli(),
		LastAt: at.Add(time.Minute).UnixMilli(), Channel: "app", BusinessLine: line, Jurisdiction: jurisdiction, Events: 2,
	}}
	k.facts.ClosedBy = "customer"
	return k
}

// say adds an event so many seconds after the opening.
func (k *talk) say(after float64, role, text string, signals ...string) *talk {
	return k.event(after, "message", role, text, `{}`, signals...)
}

func (k *talk) event(after float64, kind, role, text, body string, signals ...string) *talk {
	k.events = append(k.events, warehouse.Interaction{
		Tenant: k.session.Tenant, SessionID: k.session.SessionID, EventID: fmt.Sprintf("e-%d", len(k.events)), Offset: int64(len(k.events)),
		At: k.session.Opened + int64(after*1000), Kind: kind, Role: role, Text: text, Signals: signals, Body: body,
	})
	return k
}

// wait adds a request for a person: asked, joined and ended so many seconds after the opening, 0 for never.
func (k *talk) wait(asked, joined, ended float64) *talk {
	at := func(s float64) policies.Millis {
		if s == 0 {
			return 0
		}
		return k.session.Opened + policies.Millis(s*1000)
	}
	w := policies.Wait{Asked: "e", AskedAt: at(asked), JoinedAt: at(joined), EndedAt: at(ended)}
	if end := max(w.JoinedAt, w.EndedAt); end > 0 {
		w.WaitedMs = end - w.AskedAt
	}
	k.facts.Human.Waits = append(k.facts.Human.Waits, w)
	return k
}

// write puts sessions into the record.
func (c *centre) write(t *testing.T, talks ...*talk) {
	t.Helper()
	var b warehouse.Batch
	for _, k := range talks {
		facts, err := json.Marshal(k.facts)
		if err != nil {
			t.Fatal(err)
		}
		k.session.Facts = string(facts)
		b.Sessions = append(b.Sessions, k.session)
		b.Interactions = append(b.Interactions, k.events...)
	}
	if err := c.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
}

func (c *centre) compute(t *testing.T) {
	t.Helper()
	if err := c.service.Compute(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// row is what is recorded of an indicator's day; the zero row where nothing is.
func (c *centre) row(t *testing.T, name, line string, day time.Time) warehouse.Indicator {
	t.Helper()
	at := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	rows, err := c.Indicators(t.Context(), warehouse.Days{Tenant: c.tenant, Zone: beijing, First: at, Last: at})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Name == name && r.BusinessLine == line {
			return r
		}
	}
	return warehouse.Indicator{}
}

// want holds a day's number against what was worked out by hand, and its finding against the state.
func (c *centre) want(t *testing.T, name, line string, day time.Time, numerator float64, denominator int64, state string) warehouse.Indicator {
	t.Helper()
	r := c.row(t, name, line, day)
	if r.Numerator != numerator || r.Denominator != denominator || r.State != state {
		t.Errorf("%s of %q on %s: %v of %d, %s (%s); want %v of %d, %s", name, line, day.Format(time.DateOnly), r.Numerator, r.Denominator, r.State, r.Reason, numerator, denominator, state)
	}
	var standing bool
	if r.FindingID != "" {
		f, ok, err := c.Finding(t.Context(), r.FindingID)
		if err != nil || !ok {
			t.Fatalf("finding %s: %v, %v", r.FindingID, ok, err)
		}
		standing = f.State == "standing"
		if f.Level != "indicator" || f.SessionID != "" || f.Rule != name || f.BusinessLine != line || f.Tenant != c.tenant {
			t.Errorf("finding %+v", f)
		}
	}
	if standing != (state == warehouse.Breached) {
		t.Errorf("%s of %q is %s, and its finding stands: %v", name, line, state, standing)
	}
	return r
}

// times makes n sessions, the first of them with something more.
func times(n, with int, plain func() *talk, more func(i int, k *talk)) (out []*talk) {
	for i := range n {
		k := plain()
		if i < with {
			more(i, k)
		}
		out = append(out, k)
	}
	return out
}

// TestDaysWorkedOutByHand holds every indicator against days that were counted by hand: broken, just inside
// the limit, and too few to tell or nothing that it applies to.
func TestDaysWorkedOutByHand(t *testing.T) {
	store := open(t)

	t.Run("conversations that break off", func(t *testing.T) {
		c := store.of("breaks")
		for line, of := range map[string]struct{ n, open int }{"broken": {40, 7}, "inside": {36, 5}, "few": {29, 29}} {
			c.write(t, times(of.n, of.open, func() *talk {
				return c.talk(line, "", noon).say(1, "customer", "流量怎么查").say(2, "bot", "请在应用里查看").say(3, "customer", "好的再见", "goodbye")
			}, func(_ int, k *talk) { k.say(4, "customer", "还是查不到") })...)
		}
		resolved := c.talk("inside", "", noon).say(1, "customer", "好了")
		yes := true
		resolved.facts.Resolved = &yes
		c.write(t,
			resolved,
			c.talk("inside", "", noon).event(1, "handoff.requested", "customer", "", `{}`).event(2, "handoff.queued", "system", "", `{}`),
			c.talk("inside", "", noon).say(1, "customer", "在吗").say(61, "bot", "在"),            // answered after its end
			c.talk("inside", "", noon).say(1, "bot", "您好").say(2, "customer", "再见", "goodbye"), // nothing was asked
			c.talk("inside", "", today.Add(-time.Minute-time.Millisecond)).say(1, "customer", "昨天"),
			c.talk("inside", "", today.Add(-time.Minute)).say(1, "customer", "今天").say(2, "bot", "您好"),
		)
		c.compute(t)
		r := c.want(t, "i-breakpoint-rate", "broken", today, 7, 40, warehouse.Breached)
		if r.Value != 0.175 || r.Low != 0.073383 || r.High != 0.32779 { // where 7 or more, and 7 or fewer, of 40 have a chance of 2.5 %
			t.Errorf("interval %v [%v, %v]", r.Value, r.Low, r.High)
		}
		c.want(t, "i-breakpoint-rate", "inside", today, 6, 40, warehouse.Kept)
		c.want(t, "i-breakpoint-rate", "inside", today.AddDate(0, 0, -1), 1, 1, warehouse.NotAssessable)
		if r := c.want(t, "i-breakpoint-rate", "few", today, 29, 29, warehouse.NotAssessable); r.Reason != "at_least:30" {
			t.Errorf("reason %q", r.Reason)
		}
		if r := c.row(t, "i-breakpoint-rate", "broken", today.AddDate(0, 0, -1)); r.Name != "" {
			t.Errorf("a day without sessions has a number: %+v", r)
		}
	})

	t.Run("customers who come back", func(t *testing.T) {
		c := store.of("returns")
		visit := func(line, customer, intent string, at time.Time) *talk {
			k := c.talk(line, "", at).event(1, "message", "customer", "…", `{"ai":{"intent":"`+intent+`"}}`)
			k.session.CustomerID = customer
			return k
		}
		begin := today.AddDate(0, 0, -4)
		visits := []*talk{visit("broken", "", "bill", begin.Add(time.Hour)), c.talk("broken", "", begin)} // nobody, and nothing that is known
		for line, back := range map[string]int{"broken": 11, "inside": 10} {
			for i := range 40 {
				customer := fmt.Sprint(line, i)
				visits = append(visits, visit(line, customer, "bill", begin.Add(time.Hour)))
				switch {
				case i < back:
					visits = append(visits, visit("elsewhere", customer, "bill", begin.Add(73*time.Hour)))
				case i == back:
					visits = append(visits, visit("elsewhere", customer, "bill", begin.Add(73*time.Hour+time.Millisecond)))
				case i == back+1:
					visits = append(visits, visit("elsewhere", customer, "roaming", begin.Add(2*time.Hour)))
				}
			}
		}
		c.write(t, visits...)
		c.compute(t)
		c.want(t, "i-second-inquiry-rate", "broken", begin, 11, 40, warehouse.Breached)
		c.want(t, "i-second-inquiry-rate", "inside", begin, 10, 40, warehouse.Kept)
		c.want(t, "i-second-inquiry-rate", "elsewhere", begin, 0, 2, warehouse.NotAssessable)
	})

	t.Run("customers who had to force a person", func(t *testing.T) {
		c := store.of("forced")
		plain := func(line string) func() *talk {
			return func() *talk {
				k := c.talk(line, "", noon).wait(10, 20, 0).say(5, "customer", "我要投诉你们", "escape").say(25, "customer", "气死了", "anger")
				k.facts.Bot.Texts = 1
				return k
			}
		}
		for line, n := range map[string]int{"broken": 17, "inside": 16} {
			c.write(t, times(40, n, plain(line), func(i int, k *talk) {
				switch i % 3 {
				case 0:
					k.facts.Human.Strikes = 3
				case 1:
					k.say(10, "customer", "再不转人工我就投诉", "human_request", "escape")
				case 2:
					k.facts.Outbursts = []policies.Outburst{{At: k.session.Opened + 15_000, Emotion: 81}}
				}
			})...)
		}
		calm := plain("inside")()
		calm.facts.Outbursts = []policies.Outburst{{At: calm.session.Opened + 15_000, Emotion: 80}, {At: calm.session.Opened + 21_000, Emotion: 99}}
		calm.facts.Human.Strikes = 2
		unserved := plain("inside")() // no bot spoke
		unserved.facts.Bot.Texts, unserved.facts.Human.Strikes = 0, 3
		c.write(t, calm, unserved)
		c.compute(t)
		c.want(t, "i-forced-human-rate", "broken", today, 17, 40, warehouse.Breached)
		c.want(t, "i-forced-human-rate", "inside", today, 16, 41, warehouse.Kept)
	})

	t.Run("requests for a person in China", func(t *testing.T) {
		c := store.of("answers")
		first, second := time.Date(2026, 11, 2, 10, 0, 0, 0, beijing), time.Date(2026, 11, 3, 10, 0, 0, 0, beijing)
		// On the 2nd 20 of 20 are answered in 31 s; on the 3rd 14 of 20 in 28 s: together 34 of 40 (85 %), and 29.76 s on
		// average. One more that is given up on the 4th makes it 34 of 41.
		c.write(t, times(20, 0, func() *talk { return c.talk("a", "CN", first).wait(1, 32, 0) }, nil)...)
		c.write(t, times(20, 6, func() *talk { return c.talk("a", "CN", second) }, func(_ int, k *talk) { k.wait(1, 0, 50) })...)
		c.write(t, times(14, 0, func() *talk { return c.talk("a", "CN", second).wait(1, 29, 0) }, nil)...)
		c.write(t,
			c.talk("a", "CN", second.AddDate(0, 0, 1)).wait(1, 0, 50).wait(51, 0, 0), // the second is still open
			c.talk("a", "CN", first.AddDate(0, -1, 0)).wait(1, 0, 50),                // of another month
			c.talk("a", "US", first).wait(1, 0, 50),
		)
		c.compute(t)
		c.want(t, "i-human-answer-rate", "a", first, 20, 20, warehouse.NotAssessable)
		c.want(t, "i-human-answer-rate", "a", second, 34, 40, warehouse.Kept)
		c.want(t, "i-human-answer-rate", "a", second.AddDate(0, 0, 1), 34, 41, warehouse.Breached)
		c.want(t, "i-human-answer-time", "a", first, 620, 20, warehouse.NotAssessable)
		r := c.want(t, "i-human-answer-time", "a", second, 1012, 34, warehouse.Kept)
		// 20 of 31 and 14 of 28: mean 29.764706, standard deviation 1.498663, t(33) = 2.034515.
		if r.Value != 29.764706 || r.Low != 29.241798 || r.High != 30.287614 || r.Period != "month" {
			t.Errorf("interval %v [%v, %v] of a %s", r.Value, r.Low, r.High, r.Period)
		}
		c.write(t, c.talk("a", "CN", second).wait(1, 42, 0)) // 1053 s over 35: above 30
		c.compute(t)
		c.want(t, "i-human-answer-time", "a", second, 1053, 35, warehouse.Breached)
	})

	t.Run("calls and requests in Spain", func(t *testing.T) {
		c := store.of("spain")
		requests := func(line string, n, late int) {
			c.write(t, times(n, late, func() *talk { return c.talk(line, "ES", noon) }, func(_ int, k *talk) { k.wait(1, 181.001, 0) })...)
			c.write(t, times(n-late, 0, func() *talk { return c.talk(line, "ES", noon).wait(1, 181, 0) }, nil)...)
		}
		requests("requests", 40, 3)
		requests("inside", 40, 2)
		left := c.talk("inside", "ES", noon).wait(1, 0, 50) // hung up before: not counted
		cut := c.talk("cut", "ES", noon).wait(1, 0, 50)     // cut off before: not met
		cut.facts.ClosedBy = "system"
		c.write(t, left, cut, c.talk("cut", "ES", noon).wait(1, 0, 181), c.talk("inside", "CN", noon).wait(1, 0, 300))
		ongoing := c.talk("cut", "ES", noon.Add(-time.Hour)).wait(1, 0, 0)
		ongoing.session.Closed = 0
		c.write(t, ongoing)
		phone := func(line string, attended float64, by string) *talk {
			k := c.talk(line, "ES", noon)
			k.session.Channel, k.facts.ClosedBy = "phone", by
			if attended > 0 {
				k.facts.Bot.FirstAt = k.session.Opened + int64(attended*1000)
			}
			return k
		}
		c.write(t, times(38, 0, func() *talk { return phone("calls", 180, "customer") }, nil)...)
		c.write(t, phone("calls", 181, "customer"), phone("calls", 0, "system"), phone("calls", 0, "system"), phone("calls", 0, "customer"))
		requests("calls", 3, 3) // worse, and too few to outweigh the calls
		c.compute(t)
		if r := c.want(t, "i-es-95-180", "requests", today, 37, 40, warehouse.Breached); r.Unit != "requests" {
			t.Errorf("judged by %s", r.Unit)
		}
		c.want(t, "i-es-95-180", "inside", today, 38, 40, warehouse.Kept)
		c.want(t, "i-es-95-180", "cut", today, 0, 3, warehouse.NotAssessable)
		r := c.want(t, "i-es-95-180", "calls", today, 38, 41, warehouse.Breached)
		if f, _, err := c.Finding(t.Context(), r.FindingID); err != nil || f.Status != "draft" || r.Unit != "calls" {
			t.Errorf("the law does not bind yet, and the calls are worse: %+v of %s, %v", f, r.Unit, err)
		}
	})

	t.Run("labelled texts", func(t *testing.T) {
		c := store.of("labels")
		bot := func(line string) *talk {
			k := c.talk(line, "CN", noon).say(1, "bot", "您好").say(2, "bot", "请说").say(3, "customer", "查流量")
			k.facts.Bot.Texts, k.facts.Entrance = 2, &policies.Entrance{Label: policies.NoLabel}
			return k
		}
		shown, early, late, waived, phone, marked := bot("all"), bot("all"), bot("some"), bot("all"), bot("all"), bot("some")
		shown.facts.Entrance.Label = policies.FullLabel
		early.facts.Bot.FullAt = 3
		late.facts.Bot.FullAt = 4
		waived.facts.Bot.Waived = true
		phone.session.Channel = "phone"
		marked.say(4, "bot", "本回复由人工智能生成", "label_full").event(5, "message", "bot", "好的", `{"ai":{"mark":" ai "}}`).event(6, "message", "bot", " ", `{}`)
		c.write(t, shown, early, late, waived, phone, marked, c.talk("abroad", "US", noon).say(1, "bot", "hello"))
		c.compute(t)
		c.want(t, "i-label-coverage", "all", today, 4, 4, warehouse.Kept)
		c.want(t, "i-label-coverage", "some", today, 2, 6, warehouse.Breached)
		if r := c.row(t, "i-label-coverage", "abroad", today); r.Name != "" {
			t.Errorf("the label law is applied abroad: %+v", r)
		}
	})

	t.Run("no threshold", func(t *testing.T) {
		for tenant, state := range map[string]string{"unset": warehouse.Breached, "set": warehouse.Kept} {
			c := store.of(tenant)
			before := time.Date(2026, 8, 31, 23, 0, 0, 0, beijing)
			for _, at := range []time.Time{noon, noon, before} {
				k := c.talk("a", "CN", at)
				k.facts.Bot.Texts = 1
				c.write(t, k)
			}
			c.write(t, c.talk("b", "CN", noon), c.talk("c", "ES", noon)) // no bot; another country
			c.compute(t)
			c.want(t, "cn-47746-no-threshold", "", today, 2, 2, state)
			if tenant == "unset" {
				if r := c.want(t, "cn-47746-no-threshold", "", before, 1, 1, warehouse.NotAssessable); r.Reason != "in_force_from:2026-09-01" {
					t.Errorf("reason %q", r.Reason)
				}
			}
		}
	})
}
