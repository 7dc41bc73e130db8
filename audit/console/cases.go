package console

import (
	"cmp"
	"encoding/csv"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
)

// caseRoutes are the pages on which misjudgements are made good. The guard asks for the weakest
// permission that an action needs from any state, as it does for the API; the table of transitions asks
// for more where it has to.
func (c *Console) caseRoutes() []identity.Route {
	route := func(method, path string, p identity.Permission, summary string, h http.HandlerFunc) identity.Route {
		return identity.Route{Method: method, Path: path, Permission: p, Summary: summary, Handler: identity.Page(h)}
	}
	routes := []identity.Route{
		route(http.MethodGet, "/cases", identity.ReadCases, "Cases, as a list or a board", c.casesPage),
		route(http.MethodGet, "/cases.csv", identity.ReadCases, "Cases as CSV", c.casesCSV),
		route(http.MethodGet, "/cases/new", identity.OpenCases, "Report a misjudgement", c.newCase),
		route(http.MethodPost, "/cases", identity.OpenCases, "Report a misjudgement", c.beginCase),
		route(http.MethodGet, "/cases/{id}", identity.ReadCases, "One case", c.casePage),
		route(http.MethodGet, "/cases/{id}/{act}", identity.ReadCases, "Back to the case", c.backToCase),
	}
	for _, a := range caseActs {
		routes = append(routes, route(http.MethodPost, "/cases/{id}/"+string(a.action), a.permission, a.summary, c.actOnCase(a)))
	}
	return routes
}

// caseHref is the address of a case's page, with a query where there is one.
func caseHref(id string, query ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			q.Set(query[i], query[i+1])
		}
	}
	at := "/cases/" + url.PathEscape(id)
	if len(q) > 0 {
		at += "?" + q.Encode()
	}
	return at
}

// caseFilter is what the address of the list or the board says. A state that is none is left out.
type caseFilter struct {
	filter  // its period, and nothing else of it
	View    string
	State   string
	Tenant  string
	Kind    string
	Overdue bool
}

func (c *Console) readCaseFilter(r *http.Request) caseFilter {
	q := r.URL.Query()
	period := c.readFilter(r, "all")
	f := caseFilter{
		filter: filter{Period: period.Period, From: period.From, To: period.To, Cursor: period.Cursor, Faults: period.Faults, from: period.from, to: period.to},
		State:  q.Get("state"), Tenant: cmp.Or(q.Get("tenant"), q.Get("var-tenant")), Kind: q.Get("kind"), Overdue: q.Get("overdue") == "yes",
	}
	if q.Get("view") == "board" {
		f.View = "board"
	}
	if !slices.Contains(cases.States, cases.State(f.State)) {
		f.State = ""
	}
	if !slices.Contains(cases.Kinds, f.Kind) {
		f.Kind = ""
	}
	if f.Tenant == "$__all" { // every one, as a dashboard's link says it
		f.Tenant = ""
	}
	return f
}

// query is the filter as cases take it.
func (f caseFilter) query(limit int) cases.Query {
	q := cases.Query{Tenant: f.Tenant, Kind: f.Kind, Overdue: f.Overdue, Limit: limit, Cursor: f.Cursor}
	if f.from != 0 {
		q.From = time.UnixMilli(f.from)
	}
	if f.to != 0 {
		q.To = time.UnixMilli(f.to)
	}
	if f.State != "" {
		q.States = []cases.State{cases.State(f.State)}
	}
	return q
}

// address is that of the same filter on a path, with fields changed.
func (f caseFilter) address(path string, change ...string) string {
	q := f.filter.values()
	if f.Period == "all" {
		q.Del("period")
	}
	for name, value := range map[string]string{"view": f.View, "state": f.State, "tenant": f.Tenant, "kind": f.Kind, "overdue": yesOf(f.Overdue)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for i := 0; i+1 < len(change); i += 2 {
		q.Del(change[i])
		if change[i+1] != "" {
			q.Set(change[i], change[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// narrowed reports whether something is filtered, so that finding nothing says less.
func (f caseFilter) narrowed() bool {
	return f.State != "" || f.Tenant != "" || f.Kind != "" || f.Overdue || f.from != 0 || f.to != 0
}

// casesBody is the list, or the board.
type casesBody struct {
	Filter   caseFilter
	Places   casePlaces
	Columns  []boardColumn // of the board; the list takes their counts
	States   []stateChoice
	Items    []caseRow
	Next     string
	First    string
	CSV      string
	Live     string
	Periods  []choice
	Kinds    []choice
	Tenants  bool // more than one may be seen
	Reports  bool // may report one
	Narrowed bool
	All      int
}

// stateChoice is a state to filter by, with how many are in it.
type stateChoice struct {
	Key, Href string
	N         int
	Here      bool
}

// casePlaces are the pages about compensation, with the one that is shown.
type casePlaces struct {
	Here        string // list, board, fund
	List, Board string
	Fund        bool // may see it
}

// caseRow is a case in a list or on the board.
type caseRow struct {
	cases.Case
	Title  []template.HTML // rules, or the words of who reported it
	Amount template.HTML   // with what it is; "" where nothing is known
	Due    *due
	Turn   turn
}

// due is the next deadline.
type due struct {
	Key string // answer, decision, payment
	left
}

// turn says whose turn it is.
type turn struct {
	Key  string // role: officer, approver, finance, receiver, other_officer; "" for nobody's
	Mine bool
}

// wayOn is the action by which each state goes on, and whose turn that makes it.
var wayOn = map[cases.State]struct {
	action cases.Action
	turn   string
}{
	cases.Candidate: {cases.TakeUp, "officer"}, cases.Open: {cases.Assess, "officer"}, cases.Assessed: {cases.Propose, "officer"}, cases.Proposed: {cases.Approve, "approver"},
	cases.Approved: {cases.Pay, "finance"}, cases.Paying: {cases.Confirm, "receiver"}, cases.Paid: {cases.Close, "officer"}, cases.Appealed: {cases.Assess, "other_officer"},
}

// turnOf says who has to do something next; whoever reads it is told where it is they.
func (c *Console) turnOf(r *http.Request, k cases.Case) turn {
	way, ok := wayOn[k.State]
	if !ok {
		return turn{}
	}
	t := turn{Key: way.turn}
	if k.State == cases.Proposed && missing(k).onlyFinance() {
		t.Key = "finance"
	}
	t.Mine = slices.ContainsFunc(c.Cases.Allowed(r.Context(), k), func(p cases.Permitted) bool { return p.Action == way.action && p.OK })
	if k.State == cases.Paying { // people confirm only what the receiver does not
		t.Mine = false
	}
	return t
}

// dueNext is the deadline that a case has to meet next; nil where there is none.
func (c *Console) dueNext(l *language, k cases.Case) *due {
	for _, d := range []struct {
		key string
		cases.Deadline
	}{{"answer", k.Deadlines.Answer}, {"decision", k.Deadlines.Decision}, {"payment", k.Deadlines.Payment}} {
		if d.Met.IsZero() {
			return &due{d.key, c.timeLeft(l, d.Due)}
		}
	}
	return nil
}

func (c *Console) caseRow(r *http.Request, l *language, k cases.Case) caseRow {
	return caseRow{Case: k, Title: c.caseTitle(l, k), Amount: caseAmount(l, k), Due: c.dueNext(l, k), Turn: c.turnOf(r, k)}
}

// caseTitle says what a case is about: its rules, or what somebody reported.
func (c *Console) caseTitle(l *language, k cases.Case) (out []template.HTML) {
	for _, id := range k.Rules {
		out = append(out, escaped(c.ruleOf(id).Title.In(l.tag)))
	}
	if len(out) == 0 {
		out = append(out, c.caseWords(l, k.Reason))
	}
	return out
}

// caseWords are what a source said; of a finding it is its rule's id.
func (c *Console) caseWords(l *language, words string) template.HTML {
	if r, ok := c.Policies().Rule(words); ok {
		return escaped(r.Title.In(l.tag))
	}
	if text, ok := l.known("kind." + words); ok {
		return escaped(text)
	}
	const most = 60 // characters of a long report, in a list
	if text := []rune(words); len(text) > most {
		words = string(text[:most]) + "…"
	}
	return l.data(words)
}

// caseAmount is the amount that counts now: what is proposed, else the harm, else the claim.
func caseAmount(l *language, k cases.Case) template.HTML {
	with := func(key string, amount template.HTML) template.HTML {
		return `<span class="what-for">` + escaped(l.text("case.amount."+key)) + "</span> " + amount
	}
	switch p, h := k.Proposal, k.Harm; {
	case p != nil:
		return with(offerStands(k.State), l.offer(p.Form, p.Money, p.Points))
	case h != nil && h.AmountMinor > 0:
		return with("harm", l.money(h.AmountMinor, h.Currency))
	case h != nil:
		return escaped(l.text("case.no_loss"))
	case k.Claimed != nil:
		return with("claimed", l.money(k.Claimed.Minor, k.Claimed.Currency))
	}
	return ""
}

// offerStands says how far what a customer gets is.
func offerStands(s cases.State) string {
	switch s {
	case cases.Approved, cases.Paying:
		return "approved"
	case cases.Paid, cases.Closed:
		return "paid"
	}
	return "proposal"
}

// places are the pages about compensation that somebody may see.
func (c *Console) places(r *http.Request, here string, f caseFilter) casePlaces {
	f.Cursor = ""
	return casePlaces{Here: here, List: f.address("/cases", "view", ""), Board: f.address("/cases", "view", "board", "state", ""), Fund: may(r, identity.ReadFund)}
}

func (c *Console) casesPage(w http.ResponseWriter, r *http.Request) {
	l, f := c.language(w, r), c.readCaseFilter(r)
	who, _ := identity.From(r.Context())
	counts, err := c.Cases.Board(r.Context(), f.Tenant)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	b := casesBody{
		Filter: f, Kinds: choices(cases.Kinds, []string{f.Kind}), Periods: choices(periods, []string{f.Period}),
		Tenants: len(who.Tenants) != 1, Reports: who.May(identity.OpenCases), Narrowed: f.narrowed(), CSV: f.address("/cases.csv", "view", ""),
	}
	for _, n := range counts {
		b.All += n.N
		b.States = append(b.States, stateChoice{string(n.State), f.address("/cases", "state", string(n.State), "view", ""), n.N, f.State == string(n.State)})
	}
	b.Live = f.address("/cases", "part", "list")
	if f.View == "board" {
		b.Places = c.places(r, "board", f)
		if b.Columns, err = c.board(r, l, f, counts); err != nil {
			c.trouble(w, r, err)
			return
		}
	} else {
		b.Places = c.places(r, "list", f)
		page, err := c.Cases.List(r.Context(), f.query(listLength))
		if c.fromTheNewest(w, r, err) {
			return
		}
		if err != nil {
			c.trouble(w, r, err)
			return
		}
		for _, k := range page.Items {
			b.Items = append(b.Items, c.caseRow(r, l, k))
		}
		if page.Next != "" {
			b.Next = f.address("/cases", "cursor", page.Next)
		}
		if f.Cursor != "" {
			b.First, b.Live = f.address("/cases"), ""
		}
	}
	part := "layout"
	if r.URL.Query().Get("part") == "list" {
		part = "list"
	}
	c.render(w, r, http.StatusOK, view{Page: "cases", Title: l.text("nav.cases"), Body: b}, part)
}

// fromTheNewest sends whoever came with a broken cursor to the beginning of the list.
func (c *Console) fromTheNewest(w http.ResponseWriter, r *http.Request, err error) bool {
	var fault *cases.Fault
	if !errors.As(err, &fault) {
		return false
	}
	q := r.URL.Query()
	q.Del("cursor")
	http.Redirect(w, r, (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String(), http.StatusSeeOther)
	return true
}

// casesCSV is what the list shows, all pages of it, sent as it is read.
func (c *Console) casesCSV(w http.ResponseWriter, r *http.Request) {
	l, f := c.language(w, r), c.readCaseFilter(r)
	q := f.query(csvPage)
	q.Cursor = ""
	page, err := c.Cases.List(r.Context(), q)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="cases.csv"`)
	_, _ = w.Write([]byte("\ufeff")) // spreadsheets read UTF-8 only after this mark
	out := csv.NewWriter(w)
	var head []string
	for _, k := range []string{"id", "at", "state", "kind", "tenant", "session", "customer", "rules", "reason", "harm", "offer", "currency", "paid", "round", "due", "due_at", "escalation"} {
		head = append(head, l.text("case.csv."+k))
	}
	_ = out.Write(head)
	for {
		for _, k := range page.Items {
			_ = out.Write(safeCells(c.caseCells(l, k)...))
		}
		out.Flush()
		if page.Next == "" || out.Error() != nil { // all is sent, or the reader is gone
			return
		}
		q.Cursor = page.Next
		if page, err = c.Cases.List(r.Context(), q); err != nil {
			// What is sent cannot be taken back: cut the connection, so that nobody takes half for whole.
			c.Log.ErrorContext(r.Context(), "a CSV broke off", "error", err)
			panic(http.ErrAbortHandler)
		}
	}
}

// caseCells are a case's line of the CSV. Amounts are in major units, as people read them.
func (c *Console) caseCells(l *language, k cases.Case) []string {
	harm, offer, paid, dueKey, dueAt := "", "", "", "", ""
	if k.Harm != nil {
		harm = major(k.Harm.AmountMinor, k.Harm.Currency)
	}
	if p := k.Proposal; p != nil {
		offer = l.text("case.form." + p.Form)
		switch p.Form {
		case cases.Points:
			offer = l.text("case.points_n", l.number(p.Points))
		case cases.Cash, cases.Coupon:
			offer += " " + major(p.Minor, p.Currency)
		}
	}
	if k.PaidMinor > 0 {
		paid = major(k.PaidMinor, k.Currency)
	}
	if d := c.dueNext(l, k); d != nil {
		dueKey, dueAt = l.text("case.deadline."+d.Key), c.clock(d.At, "2006-01-02T15:04:05-07:00")
	}
	return []string{
		k.ID, c.clock(k.At.UnixMilli(), "2006-01-02T15:04:05-07:00"), l.text("case.state." + string(k.State)), l.text("claim." + k.Kind), k.Tenant, k.SessionID,
		Masked(k.Customer), strings.Join(k.Rules, " "), k.Reason, harm, offer, k.Currency, paid, l.number(int64(k.Round)), dueKey, dueAt, l.number(int64(k.Escalation)),
	}
}

// casesLine counts the cases that are not done, for the overview.
type casesLine struct{ Cases, Overdue int }

func unended(counts []cases.Column) *casesLine {
	out := &casesLine{}
	for _, n := range counts {
		if n.State != cases.Closed && n.State != cases.Rejected {
			out.Cases += n.N
			out.Overdue += n.Overdue
		}
	}
	return out
}
