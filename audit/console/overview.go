package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mingjian/audit/identity"
	"mingjian/collector/warehouse"
)

// overviewBody is what needs attention.
type overviewBody struct {
	Filter     filter
	Periods    []periodLink
	Checked    warehouse.Checked
	Trend      *trend
	Compared   bool               // there is a period of the same length before
	Before     *warehouse.Checked // what was checked in it; nil where that is nothing
	Rate       string             // findings in a hundred sessions
	RateBefore string
	Severities []severityCount
	Rules      []ruleCount
	Unchecked  []uncheckedRule
	Recent     []warehouse.FindingItem
	Live       string
	AllHref    string
	Wider      string
	Evidence   *logLine   // nil where this service does not see the log
	Cases      *casesLine // nil for whoever may not see them
}

type periodLink struct {
	Key, Href string
	Here      bool
}

type severityCount struct {
	Severity string
	Count    int64
	Href     string
}

type ruleCount struct {
	ID            string
	Severity      string
	Count, Before int64
	Href          string
	Width, Was    int // of the bars, 0–100
}

type uncheckedRule struct {
	ID       string
	Sessions int64
}

// recentLength is how many findings the overview shows: enough to see that it lives.
const recentLength = 8

func (c *Console) overview(w http.ResponseWriter, r *http.Request) {
	l, f := c.language(w, r), c.readFilter(r, "24h")
	f = filter{Period: f.Period, From: f.From, To: f.To, from: f.from, to: f.to, Faults: f.Faults}
	var (
		checked, before warehouse.Checked
		recent          warehouse.FindingPage
		over            []warehouse.Span
	)
	from, to, step := c.span(f)
	ask := []func(context.Context) error{
		func(ctx context.Context) (err error) { checked, err = c.Record.Checked(ctx, f.query(0)); return },
		func(ctx context.Context) (err error) {
			recent, err = c.Record.Findings(ctx, f.query(recentLength))
			return
		},
	}
	if from < to {
		ask = append(ask, func(ctx context.Context) (err error) {
			over, err = c.Record.Trend(ctx, warehouse.FindingQuery{From: from, To: to}, steps[step].length)
			return
		})
	}
	if span := spans[f.Period]; span > 0 {
		ask = append(ask, func(ctx context.Context) (err error) {
			before, err = c.Record.Checked(ctx, warehouse.FindingQuery{From: f.from - span.Milliseconds(), To: f.from})
			return
		})
	}
	if err := together(r.Context(), ask...); err != nil {
		c.trouble(w, r, err)
		return
	}
	b := overviewBody{
		Filter: f, Checked: checked, Recent: recent.Items, Trend: c.chart(over, step), Compared: spans[f.Period] > 0,
		Live: f.with("/", "part", "list"), AllHref: "/findings?" + f.values().Encode(),
	}
	if may(r, identity.ReadCases) {
		counts, err := c.Cases.Board(r.Context(), "")
		if err != nil {
			c.trouble(w, r, err)
			return
		}
		b.Cases = unended(counts)
	}
	b.Evidence = c.logStanding(r)
	b.Rate = rate(l, checked)
	if before.Sessions > 0 {
		b.Before, b.RateBefore = &before, rate(l, before)
	}
	for _, p := range periods {
		b.Periods = append(b.Periods, periodLink{p, "/?" + url.Values{"period": {p}}.Encode(), p == f.Period})
	}
	b.Rules, b.Severities = c.counts(f, checked, b.Before)
	for id, n := range checked.NotAssessed {
		if n > 0 {
			b.Unchecked = append(b.Unchecked, uncheckedRule{id, n})
		}
	}
	slices.SortFunc(b.Unchecked, func(a, z uncheckedRule) int {
		if a.Sessions != z.Sessions {
			return int(z.Sessions - a.Sessions)
		}
		return strings.Compare(a.ID, z.ID)
	})
	if checked.Sessions == 0 && f.Period != "all" {
		b.Wider = "/?period=all"
	}
	part := "layout"
	if r.URL.Query().Get("part") == "list" {
		part = "list"
	}
	c.render(w, r, http.StatusOK, view{
		Page: "overview", Title: l.text("nav.overview"), Body: b,
		Checked: &checkedLine{checked.Sessions, checked.Interactions, checked.Findings, c.inWords(l, f), false},
	}, part)
}

// rate is how many findings a hundred sessions have, which can be compared where traffic differs.
func rate(l *language, c warehouse.Checked) string {
	return l.numbers.Sprintf("%.1f", 100*float64(c.Findings)/float64(max(1, c.Sessions)))
}

// counts are the findings per rule, worst and most first, and per severity. The severity is the
// rule's usual one: the record counts by rule.
func (c *Console) counts(f filter, now warehouse.Checked, before *warehouse.Checked) ([]ruleCount, []severityCount) {
	var (
		rules []ruleCount
		most  int64 = 1
		per         = map[string]int64{}
	)
	for id, n := range now.FindingsByRule {
		k := ruleCount{ID: id, Severity: string(c.ruleOf(id).Severity), Count: n, Href: f.with("/findings", "rule", id)}
		if before != nil {
			k.Before = before.FindingsByRule[id]
		}
		if n > 0 {
			rules = append(rules, k)
		}
		per[k.Severity] += n
		most = max(most, n, k.Before)
	}
	for i := range rules {
		rules[i].Width, rules[i].Was = int(100*rules[i].Count/most), int(100*rules[i].Before/most)
	}
	slices.SortFunc(rules, func(a, z ruleCount) int {
		if d := slices.Index(severities, a.Severity) - slices.Index(severities, z.Severity); d != 0 {
			return d
		}
		if a.Count != z.Count {
			return int(z.Count - a.Count)
		}
		return strings.Compare(a.ID, z.ID)
	})
	var out []severityCount
	for _, s := range severities {
		out = append(out, severityCount{s, per[s], f.with("/findings", "severity", s)})
	}
	return rules, out
}
