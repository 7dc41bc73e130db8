package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"mingjian/audit/export/dossier"
	"mingjian/audit/export/report"
	"mingjian/audit/fund"
	"mingjian/audit/review/estimate"
	"mingjian/policies"
)

const (
	// mostTalks is how many conversations have a page: what somebody reads in a week. All are in the data.
	mostTalks = 100
	// mostExamples of a clause are in the report.
	mostExamples = 3
	// around is how many lines of a conversation an example has on either side of what was found.
	around = 3
)

// writeReport writes what people read: conversations, tables, and the page with everything.
func (p *packing) writeReport(ctx context.Context) error {
	b := &reporting{packing: p, bySession: map[string][]*finding{}, files: map[string]string{}, talks: map[string]*report.Conversation{}}
	b.standing()
	if err := b.conversations(ctx); err != nil {
		return err
	}
	out, err := b.report(ctx)
	if err != nil {
		return err
	}
	tables := b.tables(out)
	for _, t := range []struct {
		name  string
		table report.Table
	}{{"report/findings.csv", tables.findings}, {"report/sessions.csv", tables.sessions}, {"report/clauses.csv", tables.clauses}} {
		if err := p.file(t.name, func(w io.Writer) error { return report.CSV(w, t.table) }); err != nil {
			return err
		}
	}
	if err := p.file("report/package.xlsx", func(w io.Writer) error {
		return report.XLSX(w, []report.Table{tables.summary, tables.clauses, tables.findings})
	}); err != nil {
		return err
	}
	return p.file(dossier.ReportFile, func(w io.Writer) error { return report.HTML(w, out) })
}

// reporting is the report on its way.
type reporting struct {
	*packing
	list      []*finding            // that stand, about sessions of the period, by moment and id
	bySession map[string][]*finding // of those
	withdrawn int
	files     map[string]string // by session: the page of its conversation
	talks     map[string]*report.Conversation
}

func (b *reporting) standing() {
	for _, f := range b.found {
		if !b.inside(f.session) {
			continue
		}
		if !f.standing {
			b.withdrawn++
			continue
		}
		b.list = append(b.list, f)
		b.bySession[f.session] = append(b.bySession[f.session], f)
	}
	slices.SortFunc(b.list, byMoment)
	for _, of := range b.bySession {
		slices.SortFunc(of, byMoment)
	}
}

func byMoment(x, y *finding) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.id, y.id)) }

// rank puts what matters most first.
func rank(f *finding) int {
	n := slices.Index([]string{"critical", "high", "medium", "low"}, f.severity)
	if f.status != "statute" {
		n += 10
	}
	return n
}

// conversations writes pages: those that the report takes examples from, then by weight.
func (b *reporting) conversations(ctx context.Context) error {
	var ids []string
	add := func(session string) {
		if len(ids) < mostTalks && !slices.Contains(ids, session) {
			ids = append(ids, session)
		}
	}
	heavy := slices.Clone(b.list)
	slices.SortStableFunc(heavy, func(x, y *finding) int { return cmp.Compare(rank(x), rank(y)) })
	rules := map[string]int{}
	for _, f := range heavy {
		if rules[f.rule]++; rules[f.rule] <= mostExamples {
			add(f.session)
		}
	}
	for _, f := range heavy {
		if len(ids) == mostTalks {
			break
		}
		add(f.session)
	}
	for i, id := range ids {
		talk, err := b.conversation(ctx, id)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("conversations/%03d.html", i+1)
		b.files[id], b.talks[id] = name, talk
		if err := b.file(name, func(w io.Writer) error { return report.Page(w, talk) }); err != nil {
			return err
		}
	}
	return nil
}

// conversation is a session as it went, up to the package's moment.
func (b *reporting) conversation(ctx context.Context, id string) (*report.Conversation, error) {
	rows, err := b.Record.Events(ctx, b.scope.Tenant, id)
	if err != nil {
		return nil, err
	}
	t := b.sessions[id]
	c := b.partition(int(t.partition))
	out := &report.Conversation{
		Session: id, Channel: t.channel, BusinessLine: t.line, BotVersion: t.version, Jurisdiction: t.place, Package: b.manifest.ID,
	}
	remarks := map[string][]report.Remark{}
	moments := map[string]time.Time{}
	for i := range rows {
		moments[rows[i].EventID] = time.UnixMilli(rows[i].At).In(b.zone)
	}
	for _, f := range b.bySession[id] {
		remarks[f.subject] = append(remarks[f.subject], b.remark(f, moments))
	}
	for i := range rows {
		r := &rows[i]
		if r.Topic != b.Topic || r.Partition != c.partition || r.Offset > c.cut() {
			continue
		}
		line := report.Line{At: time.UnixMilli(r.At).In(b.zone), Role: r.Role, Kind: r.Kind, Text: r.Text, Speech: r.Kind == "message", Erased: r.Salt == ""}
		var body struct {
			AI struct {
				Mark string `json:"mark"`
			} `json:"ai"`
			Entrance struct {
				Label string `json:"ai_label"`
			} `json:"entrance"`
		}
		if json.Unmarshal([]byte(r.Body), &body) == nil { // a body that cannot be read hides no text
			line.Label, out.Entrance = body.AI.Mark, cmp.Or(body.Entrance.Label, out.Entrance)
		}
		line.Remarks = remarks[r.EventID]
		delete(remarks, r.EventID)
		out.Lines = append(out.Lines, line)
	}
	// What stands at no event stands where its deadline fell due.
	for _, f := range b.bySession[id] {
		if remarks[f.subject] == nil {
			continue
		}
		out.Lines = append(out.Lines, report.Line{At: time.UnixMilli(f.at).In(b.zone), Role: "system", Kind: "deadline", Remarks: []report.Remark{b.remark(f, moments)}})
	}
	slices.SortStableFunc(out.Lines, func(x, y report.Line) int { return x.At.Compare(y.At) })
	for i := range out.Lines {
		out.Lines[i].NewDay = i == 0 || out.Lines[i].At.Format(time.DateOnly) != out.Lines[i-1].At.Format(time.DateOnly)
	}
	return out, nil
}

func (b *reporting) remark(f *finding, moments map[string]time.Time) report.Remark {
	m := report.Remark{Rule: f.rule, Severity: f.severity, Status: f.status, Facts: report.Facts(f.facts, b.zone, moments), Title: b.rule(f.rule).Title}
	if cited := b.cited(f); len(cited) > 0 {
		m.Clause = said(cited[0]).Name()
	}
	return m
}

// cited are the clauses that a finding counts under: of those of its rule, the ones that hold where its
// session was.
func (b *reporting) cited(f *finding) (out []policies.Clause) {
	for _, c := range b.rule(f.rule).Clauses {
		if b.bundle.Covers(c, b.sessions[f.session].place) {
			out = append(out, c)
		}
	}
	return out
}

// said is a clause as the report says it.
func said(c policies.Clause) report.Clause {
	return report.Clause{ID: c.ID, Instrument: c.Instrument, Article: c.Article, Effective: c.Effective, Wording: c.Wording, Verified: c.Verified}
}

// rule finds a rule; one that this revision has not is shown by its id.
func (b *reporting) rule(id string) policies.Rule {
	if r, ok := b.bundle.Rule(id); ok {
		return r
	}
	return policies.Rule{ID: id, Title: policies.Text{ZH: id, EN: id}}
}

// example is a conversation around a finding.
func (b *reporting) example(f *finding, c *report.Clause) (report.Example, bool) {
	talk := b.talks[f.session]
	if talk == nil {
		return report.Example{}, false
	}
	at := slices.IndexFunc(talk.Lines, func(l report.Line) bool {
		return slices.ContainsFunc(l.Remarks, func(m report.Remark) bool { return m.Rule == f.rule })
	})
	if at < 0 {
		return report.Example{}, false
	}
	e := report.Example{Session: f.session, Finding: f.id, File: b.files[f.session], At: time.UnixMilli(f.at).In(b.zone)}
	from, to := max(0, at-around), min(len(talk.Lines), at+around+1)
	for i, l := range talk.Lines[from:to] {
		l.Remarks = slices.DeleteFunc(slices.Clone(l.Remarks), func(m report.Remark) bool { return m.Rule != f.rule })
		for k := range l.Remarks {
			l.Remarks[k].Clause = c.Name()
		}
		if i == 0 {
			l.Cut = from
		}
		e.Lines = append(e.Lines, l)
	}
	return e, true
}

// span is a stretch of the chart: a day, or an hour where the period is short.
func (b *reporting) spans() (begins []time.Time, label string) {
	at, end := time.UnixMilli(b.scope.From).In(b.zone), time.UnixMilli(b.scope.To)
	if end.Sub(at) <= 48*time.Hour {
		for at = at.Truncate(time.Hour); at.Before(end); at = at.Add(time.Hour) {
			begins = append(begins, at)
		}
		return begins, "01-02 15:00"
	}
	for at = time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, b.zone); at.Before(end); at = at.AddDate(0, 0, 1) {
		begins = append(begins, at)
	}
	if end.Sub(begins[0]) > 300*24*time.Hour {
		return begins, "2006-01-02"
	}
	return begins, "01-02"
}

func (b *reporting) days(list []*finding, sessions bool) []report.Day {
	begins, label := b.spans()
	out := make([]report.Day, len(begins))
	for i, at := range begins {
		out[i] = report.Day{At: at, Label: at.Format(label)}
	}
	place := func(ms int64) *report.Day {
		i, exact := slices.BinarySearchFunc(begins, ms, func(t time.Time, ms int64) int { return cmp.Compare(t.UnixMilli(), ms) })
		if !exact {
			i--
		}
		return &out[min(max(i, 0), len(out)-1)]
	}
	for _, f := range list {
		d := place(f.at)
		d.Findings++
		if f.status == "statute" {
			d.Statute++
		}
	}
	if sessions {
		for _, t := range b.sessions {
			if t.inside > 0 {
				place(t.opening).Sessions++
			}
		}
	}
	return out
}

// report counts everything.
func (b *reporting) report(ctx context.Context) (*report.Report, error) {
	public, err := b.Log.PublicKey()
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256([]byte(strings.TrimSpace(string(public))))
	in := func(ms int64) time.Time { return time.UnixMilli(ms).In(b.zone) }
	out := &report.Report{
		ID: b.manifest.ID, Tenant: b.scope.Tenant, Purpose: b.request.Purpose, Program: b.Program, Origin: b.manifest.Origin,
		From: in(b.scope.From), To: in(b.scope.To), RecordedBy: in(b.scope.RecordedBy), By: b.by().In(b.zone), LogSize: b.manifest.LogSize,
		Fingerprint: hex.EncodeToString(key[:]), Revisions: b.manifest.Revisions, Whole: b.scope.Whole(), Tested: len(b.manifest.Revisions) > len(b.untested)+len(b.missing),
		Shown: b.manifest.Counts[dossier.InteractionsFile], Findings: len(b.list), Withdrawn: b.withdrawn, Broken: len(b.bySession), Rules: len(b.bundle.Rules),
		Days: b.days(b.list, true), Talks: len(b.talks), TalksOf: len(b.bySession), Partitions: len(b.partitions),
	}
	for _, c := range b.partitions {
		out.Seals += len(c.links)
		out.Made = later(out.Made, in(c.links[len(c.links)-1].Header.At))
	}
	for name, list := range map[string][]string{"jurisdictions": b.scope.Jurisdictions, "rules": b.scope.Rules, "sessions": b.scope.Sessions} {
		if len(list) > 0 {
			out.Scope = append(out.Scope, report.Pair{Name: scopeNames[name], Value: strings.Join(list, ", ")})
		}
	}
	slices.SortFunc(out.Scope, func(x, y report.Pair) int { return cmp.Compare(x.Name.EN, y.Name.EN) })
	for _, t := range b.sessions {
		out.Interactions += int(t.inside)
		if t.inside > 0 {
			out.Sessions++
		}
	}
	for _, f := range b.list {
		if f.status == "statute" {
			out.Statute++
		}
	}
	out.Erased = b.blank
	b.clauses(out)
	b.unchecked(out)
	b.review(out)
	b.money(out)
	return out, ctx.Err()
}

func later(x, y time.Time) time.Time {
	if y.After(x) {
		return y
	}
	return x
}

var scopeNames = map[string]report.Text{
	"jurisdictions": {ZH: "法域", EN: "jurisdictions"}, "rules": {ZH: "规则", EN: "rules"}, "sessions": {ZH: "会话", EN: "conversations"},
}

func (b *reporting) review(out *report.Report) {
	r := &out.Review
	for _, t := range b.figures.reviews {
		r.Tasks++
		if t.settled {
			r.Done++
		}
		if t.submitted > t.due || t.submitted == 0 && b.log.made > t.due {
			r.Late++
		}
		if t.disputed {
			r.Disputed++
		}
	}
	var strata []estimate.Stratum
	for _, l := range b.figures.lots {
		s := estimate.Stratum{Name: l.ID, Population: l.Size}
		for _, session := range b.figures.drawn[l.ID] {
			if v, ok := b.figures.verdicts[session]; ok {
				s.Reviewed++
				if v.defective {
					s.Defective++
				}
			}
		}
		strata = append(strata, s)
		out.Lots = append(out.Lots, report.Lot{
			ID: l.ID, From: l.From.In(b.zone), Stratum: strings.Join([]string{l.BusinessLine, l.Channel, l.BotVersion}, " / "), Plan: fmt.Sprintf("n = %d, Ac = %d", l.Plan.N, l.Plan.Ac),
			Sessions: l.Sessions, N: l.Plan.N, Reviewed: s.Reviewed, Defective: s.Defective,
		})
	}
	r.Sampled = len(strata) > 0
	r.Rate = estimate.Rate(strata)
}

// amount is minor units as people write them.
func amount(minor int64, currency string) string {
	scale := fund.Scale(currency)
	return currency + " " + decimal.New(minor, -scale).StringFixed(scale)
}

var (
	caseStates = map[string]report.Text{
		"candidate": {ZH: "待受理", EN: "candidate"}, "open": {ZH: "已受理", EN: "open"}, "assessed": {ZH: "已评估", EN: "assessed"}, "proposed": {ZH: "待审批", EN: "proposed"},
		"approved": {ZH: "已批准", EN: "approved"}, "paying": {ZH: "支付中", EN: "paying"}, "paid": {ZH: "已支付", EN: "paid"}, "closed": {ZH: "已结案", EN: "closed"},
		"rejected": {ZH: "不予补偿", EN: "rejected"}, "appealed": {ZH: "申诉中", EN: "appealed"},
	}
	accountNames = map[string]report.Text{
		"outside": {ZH: "累计充值（负数）", EN: "topped up (negative)"}, "available": {ZH: "可用", EN: "available"}, "reserved": {ZH: "已预留", EN: "reserved"}, "paying": {ZH: "支付中", EN: "paying"},
		"paid": {ZH: "已支付", EN: "paid"}, "written_off": {ZH: "已核销", EN: "written off"},
	}
)

func (b *reporting) money(out *report.Report) {
	states := map[string]int{}
	for _, c := range b.figures.cases {
		states[c.State]++
	}
	for _, state := range slices.Sorted(maps.Keys(states)) {
		name, ok := caseStates[state]
		if !ok {
			name = report.Text{ZH: state, EN: state}
		}
		out.Cases = append(out.Cases, report.Pair{Name: name, Value: fmt.Sprint(states[state])})
	}
	for _, currency := range slices.Sorted(maps.Keys(b.figures.paidMinor)) {
		out.Paid = append(out.Paid, amount(b.figures.paidMinor[currency], currency))
	}
	for _, f := range b.figures.funds {
		t := report.Fund{Currency: f.currency}
		for _, account := range []string{"outside", "available", "reserved", "paying", "paid", "written_off"} {
			t.Rows = append(t.Rows, report.FundRow{Name: accountNames[account], Opening: amount(f.opening[account], f.currency), Closing: amount(f.closing[account], f.currency)})
		}
		out.Funds = append(out.Funds, t)
	}
}
