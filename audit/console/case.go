package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// caseBody is one case: the evidence, the decision beside it, and what happened so far.
type caseBody struct {
	cases.File
	Places    casePlaces
	Title     []template.HTML
	Turn      turn
	Deadlines []caseDeadline
	Said      string // key of what just happened
	Problem   string // key of what went wrong
	Why       template.HTML
	Detail    string    // the service's own words for it, in English
	Changed   []stepRow // since the form was shown
	Lost      string    // what was typed into a form that is there no more

	Missing  bool // the session is not in the record
	Rows     []row
	Findings []caseFinding
	Verdicts []caseVerdict
	Sources  []caseSource

	Advice    *policies.Advice
	Basis     []policies.Clause
	Suggested template.HTML
	Limits    template.HTML // least and most, "" where nothing in money is to be given
	NoAdvice  string        // key of why there is none
	Offer     template.HTML
	Approvals []cases.Ruling
	Need      need
	NeedWords string
	Max       int

	Forms []actForm
	Not   []notNow
	Steps []stepRow
}

// caseDeadline is a promise and how it stands.
type caseDeadline struct {
	Key  string
	Kind string // met, late (met too late), open
	Left left
	Met  policies.Millis
}

// caseFinding is a finding that joined the case. Known is false where the record has it no more.
type caseFinding struct {
	warehouse.FindingItem
	Known, Withdrawn bool
}

// caseVerdict is what a review of the session said.
type caseVerdict struct {
	ID string
	review.Verdict
	Outcome bool
}

// caseSource is what told of the wrong.
type caseSource struct {
	cases.Source
	Said template.HTML
	Who  template.HTML
}

// stepRow is one thing that happened.
type stepRow struct {
	cases.Step
	Who    template.HTML
	Words  template.HTML
	Amount template.HTML
}

// notNow is an action that this person cannot do now, and why.
type notNow struct {
	Action cases.Action
	Why    template.HTML
}

// caseState is what the page shows beside the case after somebody sent something.
type caseState struct {
	action  cases.Action
	typed   typed
	fault   fieldFault
	problem string
	detail  string
}

func (c *Console) casePage(w http.ResponseWriter, r *http.Request) {
	c.showCase(w, r, http.StatusOK, caseState{})
}

// backToCase answers an address that a form was sent to when somebody opens it.
func (c *Console) backToCase(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, caseHref(r.PathValue("id"), "lang", r.URL.Query().Get("lang")), http.StatusSeeOther)
}

// caseSaids are what a case's page can say has just happened, beside the actions.
var caseSaids = []string{"began", "joined"}

func (c *Console) showCase(w http.ResponseWriter, r *http.Request, status int, state caseState) {
	l, id := c.language(w, r), r.PathValue("id")
	k, err := c.Cases.Get(r.Context(), id)
	if errors.Is(err, cases.ErrNotFound) {
		c.say(w, r, http.StatusNotFound, message{Key: "no_case", Detail: id, Link: "/cases"})
		return
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	b := caseBody{
		File: k, Places: c.places(r, "", caseFilter{filter: filter{Period: "all"}}), Title: c.caseTitle(l, k.Case), Turn: c.turnOf(r, k.Case), Max: cases.MaxReason,
		Problem: state.problem, Detail: state.detail, Deadlines: c.caseDeadlines(l, k.Case), Approvals: approvals(k.Case), Need: missing(k.Case),
	}
	if said := r.URL.Query().Get("said"); status == http.StatusOK && (slices.Contains(caseSaids, said) || slices.Contains(cases.Actions, cases.Action(said))) {
		b.Said = said
	}
	for _, s := range k.Steps {
		step := c.stepRow(l, s)
		b.Steps = append(b.Steps, step)
		if state.problem == "stale" && s.Seq > state.typed.number("seen") {
			b.Changed = append(b.Changed, step)
		}
	}
	slices.Reverse(b.Steps)
	for _, s := range k.Sources {
		b.Sources = append(b.Sources, caseSource{s, c.fullWords(l, s.Words), l.actor(s.By)})
	}
	if p := k.Proposal; p != nil {
		b.Offer = l.offer(p.Form, p.Money, p.Points)
	}
	b.NeedWords = needWords(l, b.Need)
	if err := errors.Join(c.caseEvidence(r, l, &b), c.caseAdvice(r, l, &b)); err != nil {
		c.trouble(w, r, err)
		return
	}
	c.caseForms(r, l, &b, state)
	c.respond(w, r, status, view{Page: "case", Title: l.text("case.title", short(strings.TrimPrefix(k.ID, "case-"))), Body: b})
}

// short is the beginning of an id, enough to tell two of a page apart.
func short(id string) string { return id[:min(len(id), 8)] }

// caseDeadlines are those of the round.
func (c *Console) caseDeadlines(l *language, k cases.Case) (out []caseDeadline) {
	for _, d := range []struct {
		key string
		cases.Deadline
	}{{"answer", k.Deadlines.Answer}, {"decision", k.Deadlines.Decision}, {"payment", k.Deadlines.Payment}} {
		v := caseDeadline{Key: d.key, Kind: "open", Left: c.timeLeft(l, d.Due)}
		if !d.Met.IsZero() {
			v.Kind, v.Met = "met", d.Met.UnixMilli()
			if d.Met.After(d.Due) {
				v.Kind = "late"
			}
		}
		out = append(out, v)
	}
	return out
}

// caseEvidence reads the session: the excerpt of the conversation, the findings, the verdicts.
func (c *Console) caseEvidence(r *http.Request, l *language, b *caseBody) error {
	conv, ok, err := c.Record.SessionOf(r.Context(), b.Tenant, b.SessionID)
	if err != nil {
		return err
	}
	b.Missing = !ok
	for _, id := range b.File.Findings {
		f := caseFinding{FindingItem: warehouse.FindingItem{FindingID: id, Tenant: b.Tenant, SessionID: b.SessionID}}
		if i := slices.IndexFunc(conv.Findings, func(f warehouse.FindingItem) bool { return f.FindingID == id }); i >= 0 {
			f = caseFinding{conv.Findings[i], true, conv.Findings[i].State == "withdrawn"}
		}
		b.Findings = append(b.Findings, f)
	}
	if ok {
		s, err := c.sessionOf(r.Context(), l, conv)
		if err != nil {
			return err
		}
		b.Rows = excerpt(l, s.Rows, b.File.Findings)
	}
	if !may(r, identity.ReadReviews) {
		return nil
	}
	page, err := c.Reviews.List(r.Context(), review.Query{Session: b.SessionID, Limit: listLength})
	for _, t := range page.Items {
		if t.Tenant != b.Tenant {
			continue
		}
		if t.Outcome != nil {
			b.Verdicts = append(b.Verdicts, caseVerdict{t.ID, *t.Outcome, true})
		} else if t.Verdict != nil {
			b.Verdicts = append(b.Verdicts, caseVerdict{t.ID, *t.Verdict, false})
		}
	}
	return err
}

// How much of a conversation stands beside a decision.
const (
	allRows  = 16 // a short one is shown whole
	nearRows = 3  // before and after what the case is about
)

// excerpt keeps of a conversation what stands around the case's findings and reports, and says what it
// leaves out. Where nothing is marked it is the end.
func excerpt(l *language, rows []row, findings []string) (out []row) {
	rows, others := about(rows, findings)
	note := func(out []row) []row {
		if others > 0 {
			text, _ := l.plural("case.other_findings", int64(others)) // a key that a test holds to be there
			out = append(out, row{Type: "cut", Text: text})
		}
		return out
	}
	if len(rows) <= allRows {
		return note(rows)
	}
	keep := make([]bool, len(rows))
	any := false
	for i, r := range rows {
		mine := r.Kind == "misjudgement.reported" || r.Kind == "review.decided" || slices.ContainsFunc(r.Remarks, func(m remark) bool { return slices.Contains(findings, m.FindingID) })
		for j := max(0, i-nearRows); mine && j <= min(len(rows)-1, i+nearRows); j++ {
			keep[j], any = true, true
		}
	}
	for i := len(rows) - allRows; !any && i < len(rows); i++ {
		keep[i] = true
	}
	left := 0
	cut := func() {
		if left > 0 {
			text, _ := l.plural("case.cut", int64(left)) // a key that a test holds to be there
			out = append(out, row{Type: "cut", Text: text})
		}
		left = 0
	}
	for i, r := range rows {
		if !keep[i] {
			left++
			continue
		}
		cut()
		out = append(out, r)
	}
	cut()
	return note(out)
}

// about leaves the remarks on other findings than the case's out, and counts them: they decide nothing
// here. A case without findings keeps all, since any of them may be what it is about.
func about(rows []row, findings []string) (out []row, others int) {
	if len(findings) == 0 {
		return rows, 0
	}
	for _, r := range rows {
		had := len(r.Remarks)
		r.Remarks = slices.DeleteFunc(slices.Clone(r.Remarks), func(m remark) bool { return !slices.Contains(findings, m.FindingID) })
		others += had - len(r.Remarks)
		if r.Type != "deadline" || len(r.Remarks) > 0 {
			out = append(out, r)
		}
	}
	return out, others
}

// caseAdvice asks the policy what is owed; of a proposal that stands it is what the policy said then.
func (c *Console) caseAdvice(r *http.Request, l *language, b *caseBody) error {
	switch {
	case b.Proposal != nil:
		b.Advice = &b.Proposal.Advice
	case b.Harm == nil:
		b.NoAdvice = "not_assessed"
		return nil
	default:
		a, err := c.Cases.Advise(r.Context(), b.ID)
		var conflict *cases.Conflict
		if errors.As(err, &conflict) { // the session is not in the record now
			b.NoAdvice = "missing"
			return nil
		}
		if err != nil {
			return err
		}
		b.Advice = &a
	}
	a := b.Advice
	b.Suggested = l.offer(a.Form, policies.Money{Minor: a.AmountMinor, Currency: a.Currency}, a.Points)
	if a.MostMinor > 0 {
		b.Limits = l.money(a.LeastMinor, a.Currency) + " – " + l.money(a.MostMinor, a.Currency)
	}
	for _, id := range a.Basis {
		clause, ok := c.Cases.Clause(id)
		if !ok {
			clause = c.clauseOf(id)
		}
		b.Basis = append(b.Basis, clause)
	}
	return nil
}

// actor names who did something: people by their id, programs by what they are.
func (l *language) actor(id string) template.HTML { return l.named("case.actor.", id) }

// fullWords are the words of a source or a step, whole.
func (c *Console) fullWords(l *language, words string) template.HTML {
	if r, ok := c.Policies().Rule(words); ok {
		return escaped(r.Title.In(l.tag))
	}
	if text, ok := l.known("kind." + words); ok {
		return escaped(text)
	}
	return l.data(words)
}

// stepRow puts a step into words.
func (c *Console) stepRow(l *language, s cases.Step) stepRow {
	out := stepRow{Step: s, Who: l.actor(s.Actor), Words: c.fullWords(l, s.Reason)}
	text := func(name string) string { v, _ := s.Note[name].(string); return v }
	number := func(name string) int64 { return whole(s.Note[name]) }
	switch s.Action {
	case cases.Propose, cases.Pay:
		out.Amount = l.offer(text("form"), policies.Money{Minor: number("amount_minor"), Currency: text("currency")}, number("points"))
	case cases.Assess:
		out.Amount = escaped(l.text("case.no_loss"))
		if n := number("amount_minor"); n > 0 {
			out.Amount = l.money(n, text("currency"))
		}
		if fraud, _ := s.Note["fraud"].(bool); fraud {
			out.Amount += " · " + escaped(l.text("case.fraud"))
		}
	case cases.Approve:
		out.Amount = escaped(l.text("case.step_approved", l.number(number("approvals")), l.number(number("needed"))))
	case cases.Confirm:
		paid, _ := s.Note["paid"].(bool)
		out.Words = escaped(l.text("case.step_paid")) + l.data(text("reference"))
		if !paid {
			_, why, _ := strings.Cut(s.Reason, ": ")
			out.Words = escaped(l.text("case.step_unpaid")) + l.data(why)
		}
	case cases.Escalated:
		if name, ok := l.known("case.deadline." + text("deadline")); ok {
			out.Words = escaped(l.text("case.step_late", name))
		}
	case cases.Ended:
		if words, ok := l.known("case.step_ended." + text("source")); ok {
			out.Words = escaped(words)
		}
	}
	return out
}

// whole is a number of a step's note, however it was read.
func whole(v any) int64 {
	switch v := v.(type) {
	case float64:
		return int64(v) // amounts are below 2^53 (fund.MaxMinor)
	case int64:
		return v
	case int:
		return int64(v)
	case json.Number:
		n, _ := v.Int64() // a note of another shape says nothing
		return n
	}
	return 0
}

// whyNot says in words why somebody cannot do something now. The service decides; this only puts its
// refusal into the reader's language, from what the case shows.
func (c *Console) whyNot(l *language, k cases.Case, who identity.Principal, p cases.Permitted) template.HTML {
	from := slices.IndexFunc(cases.Transitions, func(t cases.Transition) bool { return t.From == k.State && t.Action == p.Action })
	if from < 0 {
		var states []string
		for _, t := range cases.Transitions {
			name := l.text("case.state." + string(t.From))
			if t.Action == p.Action && !slices.Contains(states, name) {
				states = append(states, name)
			}
		}
		return escaped(l.text("case.why.state", l.text("case.state."+string(k.State)), strings.Join(states, l.text("comma"))))
	}
	t := cases.Transitions[from]
	before := slices.ContainsFunc(k.Decisions, func(d cases.Ruling) bool { return d.Round < k.Round && d.By == who.ID })
	switch {
	case !who.May(t.Permission):
		var roles []string
		for _, role := range identity.Roles {
			if role != identity.Admin && role.Holds(t.Permission) {
				roles = append(roles, l.text("people.role."+string(role)))
			}
		}
		return escaped(l.text("case.why.role", strings.Join(roles, l.text("comma"))))
	case t.Not != cases.Nobody && who.ID == identity.Administrator.ID:
		return escaped(l.text("case.why.nobody"))
	case t.Not != cases.Nobody && before:
		return escaped(l.text("case.why.first"))
	case p.Action == cases.Approve && k.Proposal != nil && k.Proposal.By == who.ID:
		return escaped(l.text("case.why.own"))
	case p.Action == cases.Approve && slices.ContainsFunc(approvals(k), func(d cases.Ruling) bool { return d.By == who.ID }):
		return escaped(l.text("case.why.twice"))
	case p.Action == cases.Approve && k.Proposal != nil && missing(k).onlyFinance():
		return escaped(l.text("case.why.limit")) + l.prose(k.Proposal.Approval.Why.In(l.tag))
	}
	return template.HTML(fmt.Sprintf(`<span lang="en">%s</span>`, template.HTMLEscapeString(p.Why)))
}
