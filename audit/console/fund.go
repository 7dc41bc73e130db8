package console

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/currency"

	"mingjian/audit/cases"
	"mingjian/audit/fund"
	"mingjian/audit/identity"
	"mingjian/policies"
)

// fundRoutes are the pages of the money that customers are made good from.
func (c *Console) fundRoutes() []identity.Route {
	route := func(method, path string, p identity.Permission, summary string, h http.HandlerFunc) identity.Route {
		return identity.Route{Method: method, Path: path, Permission: p, Summary: summary, Handler: identity.Page(h)}
	}
	return []identity.Route{
		route(http.MethodGet, "/fund", identity.ReadFund, "The fund", c.fundPage),
		route(http.MethodGet, "/fund/{act}", identity.ReadFund, "Back to the fund", c.backToFund),
		route(http.MethodPost, "/fund/topup", identity.ManageFund, "Bring money into a fund", c.changeFund(fund.TopUp, c.Fund.TopUp)),
		route(http.MethodPost, "/fund/writeoff", identity.ManageFund, "Take money out of a fund", c.changeFund(fund.WriteOff, c.Fund.WriteOff)),
		route(http.MethodPost, "/fund/payouts/{id}/resend", identity.ManageFund, "Send a payout again", c.resendPayout),
	}
}

// fundBody is the fund: how every ledger stands, and one of them in more detail.
type fundBody struct {
	Places   casePlaces
	Said     string
	Problem  string // what could not be done, in a sentence
	Ledgers  []ledgerRow
	Here     *ledgerRow // the one that is looked at; nil before anything came in
	Chart    *fundChart
	Spans    []periodLink
	Entries  []entryRow
	Next     string
	First    string
	Payouts  []payoutRow
	Months   []string
	Manages  bool
	TopUp    fundForm
	WriteOff fundForm
	Max      int
}

// ledgerRow is a ledger in the table of balances.
type ledgerRow struct {
	fund.Balance
	Href string
	Here bool
	In   struct{ Available, Reserved, Paying, Paid, WrittenOff, ToppedUp, Below template.HTML } // in words
}

// entryRow is a movement of money in words.
type entryRow struct {
	fund.Entry
	Amount, After template.HTML
	Who, Words    template.HTML
}

// payoutRow is an order that needs a person, and why: contradicted, stuck, failed, silent.
type payoutRow struct {
	fund.Standing
	Key    string
	Said   []contradictionRow // what was said against the result that is recorded
	Amount template.HTML
	Typed  string // the words of a form that was not taken
}

// contradictionRow is one thing that was said of a payout, and by whom.
type contradictionRow struct {
	cases.Contradiction
	Who template.HTML
}

// fundForm is the form that changes a fund. Key makes sending it twice harmless.
type fundForm struct {
	Act   string // topup, writeoff
	Key   string
	Typed typed
	Fault string // the field that was wrong, or refusal
	Words string // what is wrong
	Open  bool
}

// The spans of the chart, in days.
var fundSpans = []struct {
	key  string
	days int
}{{"30d", 30}, {"90d", 90}, {"365d", 365}}

const (
	entryLength   = 25             // movements of a page: the balances and the chart stand above them
	statementsFor = 24             // months whose statements are offered
	mostAttempts  = 500            // to pay one case: as many as are listed at a time
	patience      = 24 * time.Hour // how long a payout may go unanswered before a person looks
)

func (c *Console) fundPage(w http.ResponseWriter, r *http.Request) {
	c.showFund(w, r, http.StatusOK, fundBody{})
}

// backToFund answers an address that a form was sent to when somebody opens it.
func (c *Console) backToFund(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, fundHref(r.URL.Query(), "lang", r.URL.Query().Get("lang")), http.StatusSeeOther)
}

// fundHref is the address of the fund's page about the same ledger, with fields changed.
func fundHref(q url.Values, change ...string) string {
	v := url.Values{}
	for _, name := range []string{"tenant", "currency", "period"} {
		if q.Get(name) != "" {
			v.Set(name, q.Get(name))
		}
	}
	for i := 0; i+1 < len(change); i += 2 {
		v.Del(change[i])
		if change[i+1] != "" {
			v.Set(change[i], change[i+1])
		}
	}
	if len(v) == 0 {
		return "/fund"
	}
	return "/fund?" + v.Encode()
}

func (c *Console) showFund(w http.ResponseWriter, r *http.Request, status int, b fundBody) {
	l, q := c.language(w, r), r.URL.Query()
	who, _ := identity.From(r.Context())
	b.Places, b.Manages, b.Max = c.places(r, "fund", caseFilter{filter: filter{Period: "all"}}), who.May(identity.ManageFund), cases.MaxReason
	if said := q.Get("said"); status == http.StatusOK && slices.Contains([]string{"topup", "writeoff", "resent"}, said) {
		b.Said = said
	}
	tenant, code := cmp.Or(q.Get("tenant"), q.Get("var-tenant")), q.Get("currency")
	if tenant == "$__all" { // every one, as a dashboard's link says it
		tenant = ""
	}
	balances, err := c.Fund.Balances(r.Context(), "")
	var no *fund.Refusal
	if errors.As(err, &no) && no.Code == fund.Foreign {
		c.say(w, r, http.StatusForbidden, message{Key: "no_fund", Link: "/cases"})
		return
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	here := slices.IndexFunc(balances, func(f fund.Balance) bool {
		return (tenant == "" || f.Tenant == tenant) && (code == "" || f.Currency == code)
	})
	for i, f := range balances {
		row := c.ledgerRow(l, f)
		row.Href, row.Here = fundHref(q, "tenant", f.Tenant, "currency", f.Currency), i == here
		b.Ledgers = append(b.Ledgers, row)
	}
	if here >= 0 {
		b.Here = &b.Ledgers[here]
		if err := c.ledgerDetail(r, l, &b); err != nil {
			if errors.As(err, &no) && q.Get("cursor") != "" { // an address that somebody shortened
				http.Redirect(w, r, fundHref(q), http.StatusSeeOther)
				return
			}
			c.trouble(w, r, err)
			return
		}
	}
	b.TopUp, b.WriteOff = c.fundForm(b.TopUp, string(fund.TopUp), who, b.Here), c.fundForm(b.WriteOff, string(fund.WriteOff), who, b.Here)
	b.TopUp.Open = b.TopUp.Open || here < 0
	c.respond(w, r, status, view{Page: "fund", Title: l.text("fund.title"), Body: b})
}

func (c *Console) ledgerRow(l *language, f fund.Balance) ledgerRow {
	m := func(n int64) template.HTML { return l.money(n, f.Currency) }
	row := ledgerRow{Balance: f}
	row.In.Available, row.In.Reserved, row.In.Paying, row.In.Paid = m(f.Available), m(f.Reserved), m(f.Paying), m(f.Paid)
	row.In.WrittenOff, row.In.ToppedUp, row.In.Below = m(f.WrittenOff), m(f.ToppedUp), m(f.LowBelow)
	return row
}

// fundForm is a form with what is known, where nothing was typed before.
func (c *Console) fundForm(f fundForm, act string, who identity.Principal, here *ledgerRow) fundForm {
	f.Act = act
	if f.Typed == nil {
		f.Typed = typed{"tenant": cmp.Or(who.OnlyTenant(), defaultTenant), "currency": "CNY"}
		if here != nil {
			f.Typed["tenant"], f.Typed["currency"] = here.Tenant, here.Currency
		}
	}
	if f.Key = f.Typed["key"]; f.Key == "" {
		f.Key = rand.Text()
	}
	return f
}

// ledgerDetail fills in the chart, the movements, the months and the payouts of the ledger that is looked at.
func (c *Console) ledgerDetail(r *http.Request, l *language, b *fundBody) error {
	q, ctx, now := r.URL.Query(), r.Context(), c.Now()
	f := b.Here
	span := fundSpans[0]
	for _, s := range fundSpans {
		if s.key == q.Get("period") {
			span = s
		}
	}
	for _, s := range fundSpans {
		b.Spans = append(b.Spans, periodLink{s.key, fundHref(q, "tenant", f.Tenant, "currency", f.Currency, "period", s.key), s.key == span.key})
	}
	days, err := c.Fund.Days(ctx, f.Tenant, f.Currency, now.AddDate(0, 0, 1-span.days), now)
	if err != nil {
		return err
	}
	b.Chart = chartFund(l, days, f.Balance)
	page, err := c.Fund.Entries(ctx, fund.Query{Tenant: f.Tenant, Currency: f.Currency, Limit: entryLength, Cursor: q.Get("cursor")})
	if err != nil {
		return err
	}
	for _, e := range page.Items {
		b.Entries = append(b.Entries, entryRow{e, l.money(e.Minor, e.Currency), l.money(e.After, e.Currency), l.actor(e.Actor), c.entryWords(l, e)})
	}
	if page.Next != "" {
		b.Next = fundHref(q, "tenant", f.Tenant, "currency", f.Currency, "cursor", page.Next) + "#entries"
	}
	if q.Get("cursor") != "" {
		b.First = fundHref(q) + "#entries"
	}
	for m := now.In(c.zone); len(b.Months) < statementsFor; m = time.Date(m.Year(), m.Month(), 0, 0, 0, 0, 0, c.zone) {
		b.Months = append(b.Months, m.Format("2006-01"))
	}
	wanting, err := c.wanting(ctx, l, f.Tenant)
	for i, p := range wanting {
		for _, old := range b.Payouts { // a form that was not taken
			if old.ID == p.ID {
				wanting[i].Typed = old.Typed
			}
		}
	}
	b.Payouts = wanting
	return err
}

// entryWords are the reason of a movement; those that the fund itself gives are said by the kind.
func (c *Console) entryWords(l *language, e fund.Entry) template.HTML {
	switch e.Kind {
	case fund.TopUp, fund.WriteOff, fund.Settle, fund.Fail:
		return l.data(e.Reason)
	}
	return ""
}

// wanting are the payouts that need a person: of which two things were said, that the webhook's receiver
// refuses, that could not be paid and were not ordered again, or of which nobody has said for a day what became.
func (c *Console) wanting(ctx context.Context, l *language, tenant string) (out []payoutRow, err error) {
	// These come first, and a payout is listed once: it must not be called one that waits to be ordered again
	// while its money may have left.
	out, err = c.contradicted(ctx, l, tenant)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, p := range out {
		seen[p.ID] = true
	}
	for _, ask := range []struct {
		key string
		q   fund.PayoutQuery
	}{
		{"stuck", fund.PayoutQuery{State: fund.Ordered, Delivery: fund.Stuck}},
		{"failed", fund.PayoutQuery{State: fund.Failed}},
		{"silent", fund.PayoutQuery{State: fund.Ordered, To: c.Now().Add(-patience)}},
	} {
		ask.q.Tenant, ask.q.Limit = tenant, entryLength
		page, err := c.Fund.Payouts(ctx, ask.q)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Items {
			if seen[p.ID] {
				continue
			}
			if ask.key == "failed" {
				k, err := c.Cases.Get(ctx, p.CaseID)
				if errors.Is(err, cases.ErrNotFound) {
					continue
				}
				if err != nil {
					return nil, err
				}
				if k.State != cases.Approved || len(k.Payouts) == 0 || k.Payouts[len(k.Payouts)-1].ID != p.ID {
					continue // ordered again, or not to be paid any more
				}
			}
			seen[p.ID] = true
			out = append(out, payoutRow{Standing: p, Key: ask.key, Amount: l.offer(p.Form, p.Money, p.Points)})
		}
	}
	return out, nil
}

// contradicted are the payouts of which something else was said than what is recorded, with what was said.
func (c *Console) contradicted(ctx context.Context, l *language, tenant string) (out []payoutRow, err error) {
	said, err := c.Cases.Contradictions(ctx, tenant, entryLength)
	if err != nil {
		return nil, err
	}
	for _, x := range said {
		s := contradictionRow{x, l.actor(x.By)}
		if i := slices.IndexFunc(out, func(p payoutRow) bool { return p.ID == s.Said.PayoutID }); i >= 0 {
			out[i].Said = append(out[i].Said, s)
			continue
		}
		page, err := c.Fund.Payouts(ctx, fund.PayoutQuery{Tenant: tenant, CaseID: s.Said.CaseID, Limit: mostAttempts})
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(page.Items, func(p fund.Standing) bool { return p.ID == s.Said.PayoutID }); i >= 0 {
			p := page.Items[i]
			out = append(out, payoutRow{Standing: p, Key: "contradicted", Said: []contradictionRow{s}, Amount: l.offer(p.Form, p.Money, p.Points)})
		}
	}
	return out, nil
}

// changeFund takes the form that tops up or writes off. It is safe to send twice: a key in the form is
// booked once.
func (c *Console) changeFund(kind fund.Kind, do func(context.Context, fund.Change) (fund.Entry, bool, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fields, ok := c.readFund(w, r)
		if !ok {
			return
		}
		l := c.language(w, r)
		form := fundForm{Typed: fields, Open: true}
		code := strings.ToUpper(strings.TrimSpace(fields["currency"]))
		_, unknown := currency.ParseISO(code)
		n, exact := minor(fields["amount"], code)
		var err error
		switch {
		case strings.TrimSpace(fields["tenant"]) == "":
			form.Fault = "tenant"
		case unknown != nil:
			form.Fault = "currency"
		case !exact || n == 0:
			form.Fault = "amount"
		case strings.TrimSpace(fields["reason"]) == "":
			form.Fault = "reason"
		case kind == fund.WriteOff && fields["sure"] != "yes":
			form.Fault = "sure"
		default:
			_, _, err = do(r.Context(), fund.Change{Key: fields["key"], Tenant: strings.TrimSpace(fields["tenant"]), Money: policies.Money{Minor: n, Currency: code}, Reason: fields["reason"]})
		}
		status := http.StatusUnprocessableEntity
		var no *fund.Refusal
		switch {
		case form.Fault != "":
			form.Words = l.text("fund.fault." + form.Fault)
		case errors.As(err, &no):
			form.Fault, form.Words, status = "refusal", l.text("fund.refusal."+string(no.Code)), http.StatusConflict
		case err != nil:
			c.trouble(w, r, err)
			return
		default:
			http.Redirect(w, r, fundHref(url.Values{"tenant": {strings.TrimSpace(fields["tenant"])}, "currency": {code}}, "said", string(kind)), http.StatusSeeOther)
			return
		}
		b := fundBody{TopUp: form}
		if kind == fund.WriteOff {
			b = fundBody{WriteOff: form}
		}
		c.showFund(w, r, status, b)
	}
}

// readFund returns the form that was sent, or answers why there is none.
func (c *Console) readFund(w http.ResponseWriter, r *http.Request) (typed, bool) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/fund"})
		return nil, false
	}
	fields := typed{}
	for name, values := range r.PostForm {
		fields[name] = values[0]
	}
	return fields, true
}

// resendPayout lets the webhook try again what its receiver refused.
func (c *Console) resendPayout(w http.ResponseWriter, r *http.Request) {
	fields, ok := c.readFund(w, r)
	if !ok {
		return
	}
	p, err := c.Fund.Resend(r.Context(), r.PathValue("id"), fields["reason"])
	var no *fund.Refusal
	switch {
	case errors.As(err, &no):
		b := fundBody{Problem: c.language(w, r).text("fund.refusal." + string(no.Code)), Payouts: []payoutRow{{Standing: fund.Standing{ID: r.PathValue("id")}, Typed: fields["reason"]}}}
		c.showFund(w, r, http.StatusConflict, b)
	case err != nil:
		c.trouble(w, r, err)
	default:
		http.Redirect(w, r, fundHref(url.Values{"tenant": {p.Tenant}, "currency": {p.Money.Currency}}, "said", "resent"), http.StatusSeeOther)
	}
}
