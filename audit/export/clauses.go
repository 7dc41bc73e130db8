package export

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"mingjian/audit/export/report"
	"mingjian/audit/review/estimate"
	"mingjian/policies"
)

// noClause heads what was found where no clause of law holds.
const noClause = "服务质量、承诺与自定规则 Quality, promises and rules without a clause that holds there"

// section is a clause on its way: what was found under it, by rule.
type section struct {
	report.Clause
	asks  []policies.Rule // that cite it, or found something
	found map[string][]*finding
}

// sections gives each clause that a rule of the revision cites what counts under it. One that has no id takes
// the rules that cite none, and what was found where no clause of its rule holds.
func (b *reporting) sections() []*section {
	of := map[string]*section{}
	at := func(c policies.Clause) *section {
		if of[c.ID] == nil {
			of[c.ID] = &section{Clause: said(c), found: map[string][]*finding{}}
		}
		return of[c.ID]
	}
	none := policies.Clause{Instrument: noClause}
	for _, f := range b.list {
		cited := b.cited(f)
		if len(cited) == 0 {
			cited = []policies.Clause{none}
		}
		for _, c := range cited {
			s := at(c)
			s.found[f.rule] = append(s.found[f.rule], f)
		}
	}
	rules := slices.Clone(b.bundle.Rules)
	seen := map[string]bool{}
	for _, f := range b.list {
		if _, known := b.bundle.Rule(f.rule); !known && !seen[f.rule] {
			rules, seen[f.rule] = append(rules, b.rule(f.rule)), true
		}
	}
	for _, r := range rules {
		for _, c := range r.Clauses {
			s := at(c)
			s.asks = append(s.asks, r)
		}
		if s := at(none); len(r.Clauses) == 0 || len(s.found[r.ID]) > 0 {
			s.asks = append(s.asks, r)
		}
	}
	out := make([]*section, 0, len(of))
	for _, id := range slices.Sorted(maps.Keys(of)) {
		out = append(out, of[id])
	}
	return out
}

// asked counts the sessions that a rule judged where a clause holds, and those that it could not.
func (b *reporting) asked(r policies.Rule, c *section) (judged, stuck int) {
	if len(b.scope.Rules) > 0 && !slices.Contains(b.scope.Rules, r.ID) {
		return 0, 0
	}
	for place, sessions := range b.figures.places {
		if b.bundle.Asks(r, place) && b.under(r, c, place) {
			n := b.figures.stuck[ruleIn{r.ID, place}]
			judged, stuck = judged+sessions-n, stuck+n
		}
	}
	return judged, stuck
}

// under reports whether what a rule finds in a jurisdiction counts under a clause.
func (b *reporting) under(r policies.Rule, c *section, place string) bool {
	if c.ID != "" {
		return b.bundle.Covers(policies.Clause{ID: c.ID}, place)
	}
	return !slices.ContainsFunc(r.Clauses, func(c policies.Clause) bool { return b.bundle.Covers(c, place) })
}

// idle says why no session of the package was judged by a clause.
func (b *reporting) idle(c *section) report.Text {
	day := time.UnixMilli(b.scope.To - 1).In(b.zone).Format(time.DateOnly)
	holds := false
	for place := range b.figures.places {
		holds = holds || b.bundle.Covers(policies.Clause{ID: c.ID}, place)
	}
	every := func(what func(policies.Rule) bool) bool {
		return !slices.ContainsFunc(c.asks, func(r policies.Rule) bool { return !what(r) })
	}
	switch {
	case !holds:
		return report.Text{ZH: "包内没有其适用法域、可供判断的会话", EN: "The package has no conversation of its jurisdiction to judge"}
	case c.Effective > day:
		return report.Text{ZH: "自 " + c.Effective + " 起施行", EN: "In force from " + c.Effective}
	case every(func(r policies.Rule) bool { return r.Indicator }):
		return report.Text{ZH: "指标（跨会话的数字）不在本包内", EN: "Indicators, which are figures of many conversations, are not in this package"}
	case len(b.scope.Rules) > 0 && every(func(r policies.Rule) bool { return r.Indicator || !slices.Contains(b.scope.Rules, r.ID) }):
		return report.Text{ZH: "不在本包所选规则之列", EN: "Of none of the rules that this package was asked for"}
	}
	return report.Text{ZH: "规则对所有会话都无法判断，原因见上表", EN: "Its rules could judge no conversation; why stands in the table above"}
}

// clauses makes the sections: one for each clause that something was found against, then the others.
func (b *reporting) clauses(out *report.Report) {
	day := time.UnixMilli(b.scope.To - 1).In(b.zone).Format(time.DateOnly)
	idle := map[report.Text][]report.Clause{}
	for _, c := range b.sections() {
		s := &c.Clause
		var found []*finding
		for _, r := range c.asks {
			judged, stuck := b.asked(r, c)
			if judged+len(c.found[r.ID]) == 0 {
				continue
			}
			s.Rules = append(s.Rules, report.Rule{
				ID: r.ID, Title: r.Title, Remedy: r.Remedy, Severity: string(r.Severity), Findings: len(c.found[r.ID]), Judged: judged, NotAssessed: stuck, Precision: b.precision(r.ID),
			})
			found = append(found, c.found[r.ID]...)
		}
		switch {
		case len(found) > 0:
		case c.ID == "":
			continue
		case len(s.Rules) == 0 || s.Effective > day:
			why := b.idle(c)
			idle[why] = append(idle[why], *s)
			continue
		default:
			out.Quiet = append(out.Quiet, *s)
			continue
		}
		slices.SortFunc(found, byMoment)
		statuses, sessions := map[string]int{}, map[string]bool{}
		for _, f := range found {
			statuses[f.status]++
			sessions[f.session] = true
		}
		for _, status := range slices.Sorted(maps.Keys(statuses)) {
			s.Statuses = append(s.Statuses, report.Status{Status: status, N: statuses[status]})
		}
		slices.SortStableFunc(s.Statuses, func(x, y report.Status) int {
			return cmp.Compare(boolInt(x.Status != "statute"), boolInt(y.Status != "statute"))
		})
		s.Findings, s.Sessions, s.Days = len(found), len(sessions), b.days(found, false)
		s.Rate = estimate.Rate([]estimate.Stratum{{Population: out.Sessions, Reviewed: out.Sessions, Defective: len(sessions)}})
		for _, f := range found {
			if len(s.Examples) == mostExamples {
				break
			}
			if slices.ContainsFunc(s.Examples, func(e report.Example) bool { return e.Session == f.session }) {
				continue
			}
			if e, ok := b.example(f, s); ok {
				s.Examples = append(s.Examples, e)
			}
		}
		out.Clauses = append(out.Clauses, *s)
	}
	// What matters most stands first.
	weight := func(c *report.Clause) int {
		switch {
		case c.ID == "":
			return 2
		case c.Statuses[0].Status == "statute":
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out.Clauses, func(x, y report.Clause) int {
		return cmp.Or(cmp.Compare(weight(&x), weight(&y)), cmp.Compare(y.Findings, x.Findings), cmp.Compare(x.ID, y.ID))
	})
	for why, clauses := range idle {
		out.Idle = append(out.Idle, report.Idle{Why: why, Clauses: clauses})
	}
	slices.SortFunc(out.Idle, func(x, y report.Idle) int { return cmp.Compare(x.Why.EN, y.Why.EN) })
	out.Rules = 0
	for _, r := range b.bundle.Rules {
		if slices.ContainsFunc(slices.Collect(maps.Keys(b.figures.places)), func(place string) bool { return b.bundle.Asks(r, place) }) {
			out.Rules++
		}
	}
}

func boolInt(v bool) int {
	if v {
		return 1
	}
	return 0
}

// precision is how often people upheld a rule in the sessions that they reviewed; nil where they reviewed none.
func (b *reporting) precision(rule string) *estimate.Estimate {
	n, upheld := b.figures.decided[rule], b.figures.upheld[rule]
	if n == 0 {
		return nil
	}
	return &estimate.Estimate{Value: float64(upheld) / float64(n), Interval: estimate.Exact(float64(upheld), float64(n)), Population: n, Reviewed: n, Effective: float64(n)}
}

func (b *reporting) unchecked(out *report.Report) {
	for n, sessions := range b.figures.notAssessed {
		out.Unchecked = append(out.Unchecked, report.Unchecked{Rule: n.Rule, Title: b.rule(n.Rule).Title, Reason: report.Reason(n.Reason), Sessions: sessions})
	}
	slices.SortFunc(out.Unchecked, func(x, y report.Unchecked) int {
		return cmp.Or(cmp.Compare(y.Sessions, x.Sessions), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Reason.EN, y.Reason.EN))
	})
	note := func(zh, en string, args ...any) {
		out.Notes = append(out.Notes, report.Text{ZH: fmt.Sprintf(zh, args...), EN: fmt.Sprintf(en, args...)})
	}
	for _, why := range slices.Sorted(maps.Keys(b.figures.unsettled)) {
		note("%d 个会话没有事实摘要，规则无法判断：%s。", "%d conversations have no summary of facts, and were judged by no rule: %s.", b.figures.unsettled[why], why)
	}
	if b.blank > 0 {
		note("%d 条交互已依法删除，仅存摘要；此前对其作出的发现仍在。", "%d interactions were erased: their hashes are left, and what was found before stands.", b.blank)
	}
	if b.moved > 0 {
		note("%d 行在封存时尚未归属其企业，仅以摘要出现。", "%d rows were sealed before their tenant was known, and stand here as hashes alone.", b.moved)
	}
	for _, revision := range b.missing {
		note("规则版本 %s 未存档。", "Revision %s of the rules is not archived.", revision)
	}
	for _, revision := range b.untested {
		note("规则版本 %.12s 的测试未存档。", "The tests of revision %.12s of the rules are not archived.", revision)
	}
	note("记录截至时间之后才到达的交互不在本包内。", "Interactions that arrived after “recorded by” are not in this package.")
}
