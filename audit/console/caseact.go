package console

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/currency"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
)

// fieldFault is one field of a form that is wrong: its name, and the key of what to do about it.
type fieldFault struct{ Field, Key string }

// Error names the field.
func (f fieldFault) Error() string { return f.Field + ": " + f.Key }

// caseAct is an action on a case, as a form sends it.
type caseAct struct {
	action     cases.Action
	permission identity.Permission
	summary    string
	sure       bool // it is asked for once more, since others act on it or it cannot be taken back
	do         func(c *Console, ctx context.Context, k cases.Case, t typed) (cases.Case, error)
}

// caseActs are all of them, in the order of the flow.
var caseActs = []caseAct{
	{cases.TakeUp, identity.AssessCases, "Take a candidate up", false, func(c *Console, ctx context.Context, k cases.Case, t typed) (cases.Case, error) {
		return c.Cases.TakeUp(ctx, k.ID, t.number("version"), t["answer"])
	}},
	{cases.Assess, identity.AssessCases, "Assess what it cost the customer", false, (*Console).assessCase},
	{cases.Propose, identity.ProposeCases, "Propose what the customer gets", false, (*Console).proposeCase},
	{cases.Approve, identity.ApproveCases, "Approve a proposal", true, func(c *Console, ctx context.Context, k cases.Case, t typed) (cases.Case, error) {
		return c.Cases.Approve(ctx, k.ID, t.number("version"), t["digest"], t["reason"])
	}},
	{cases.Reject, identity.ApproveCases, "Reject a case", true, func(c *Console, ctx context.Context, k cases.Case, t typed) (cases.Case, error) {
		return c.Cases.Reject(ctx, k.ID, t.number("version"), t["reason"])
	}},
	{cases.Pay, identity.PayCases, "Order the payment", true, func(c *Console, ctx context.Context, k cases.Case, t typed) (cases.Case, error) {
		return c.Cases.Pay(ctx, k.ID, t.number("version"), t["reason"])
	}},
	{cases.Confirm, identity.ConfirmPayouts, "Say what became of a payout", true, (*Console).confirmCase},
	{cases.Close, identity.AssessCases, "Close a case", true, func(c *Console, ctx context.Context, k cases.Case, t typed) (cases.Case, error) {
		return c.Cases.Close(ctx, k.ID, t.number("version"), t["reason"])
	}},
	{cases.Appeal, identity.OpenCases, "File the customer's appeal", true, func(c *Console, ctx context.Context, k cases.Case, t typed) (cases.Case, error) {
		return c.Cases.Appeal(ctx, k.ID, t.number("version"), t["words"])
	}},
}

// wordFields are the fields that hold sentences.
var wordFields = []string{"answer", "words", "reason", "reference", "why"}

// prosaic are the sentences that were typed, for whoever can no longer send them.
func prosaic(t typed) string {
	var out []string
	for _, name := range wordFields {
		if s := strings.TrimSpace(t[name]); s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n\n")
}

// amountOf reads an amount of a form in minor units; an empty one is 0.
func amountOf(t typed, field, code string) (int64, error) {
	if strings.TrimSpace(t[field]) == "" {
		return 0, nil
	}
	n, ok := minor(t[field], code)
	if !ok {
		return 0, fieldFault{field, "amount"}
	}
	return n, nil
}

func (c *Console) assessCase(ctx context.Context, k cases.Case, t typed) (cases.Case, error) {
	code := strings.ToUpper(strings.TrimSpace(t["currency"]))
	if _, err := currency.ParseISO(code); err != nil {
		return k, fieldFault{"currency", "currency"}
	}
	a := cases.Assessment{Kind: t["kind"], Currency: code, Fraud: t["fraud"] == "yes", Words: t["words"], Answer: t["answer"]}
	var err error
	if a.AmountMinor, err = amountOf(t, "amount", code); err != nil {
		return k, err
	}
	if a.PriceMinor, err = amountOf(t, "price", code); err != nil {
		return k, err
	}
	if a.Fraud && a.PriceMinor == 0 {
		return k, fieldFault{"price", "price"}
	}
	got, err := c.Cases.Assess(ctx, k.ID, t.number("version"), a)
	var no *cases.Fault
	if errors.As(err, &no) && no.Field == "currency" && k.PaidMinor == 0 { // else it is another currency than was paid in
		err = fieldFault{"currency", "no_limits"}
	}
	return got, err
}

func (c *Console) proposeCase(ctx context.Context, k cases.Case, t typed) (cases.Case, error) {
	o := cases.Offer{Form: t["form"], Currency: t["currency"], Reason: t["reason"]}
	switch o.Form {
	case cases.Cash, cases.Coupon:
		n, err := amountOf(t, "amount", o.Currency)
		if err != nil {
			return k, err
		}
		if n == 0 {
			return k, fieldFault{"amount", "amount"}
		}
		o.AmountMinor = n
	case cases.Points:
		if o.Points = t.number("points"); o.Points < 1 {
			return k, fieldFault{"points", "points"}
		}
	case cases.Redo:
	default:
		return k, fieldFault{"form", "form"}
	}
	return c.Cases.Propose(ctx, k.ID, t.number("version"), o)
}

// confirmCase says of a payout what its receiver told a person. The amount is the ordered one: the
// person says whether exactly that was paid.
func (c *Console) confirmCase(ctx context.Context, k cases.Case, t typed) (cases.Case, error) {
	said := cases.Confirmation{PayoutID: t["payout"], CaseID: k.ID, Paid: t["paid"] == "yes", Reference: strings.TrimSpace(t["reference"]), Why: strings.TrimSpace(t["why"])}
	switch {
	case t["paid"] != "yes" && t["paid"] != "no":
		return k, fieldFault{"paid", "paid"}
	case said.Paid && said.Reference == "":
		return k, fieldFault{"reference", "reference"}
	case !said.Paid && said.Why == "":
		return k, fieldFault{"why", "words"}
	}
	if k.Proposal != nil {
		said.Money = k.Proposal.Money
	}
	return c.Cases.Confirm(ctx, said)
}

// actOnCase takes a form. It is safe to send twice: what was done by the first is not refused to the
// second. What is refused comes back with the reason and all that was typed.
func (c *Console) actOnCase(a caseAct) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if err := r.ParseForm(); err != nil {
			c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: caseHref(id)})
			return
		}
		fields := typed{}
		for name, values := range r.PostForm {
			fields[name] = strings.ReplaceAll(values[0], "\r\n", "\n")
		}
		before, err := c.Cases.Get(r.Context(), id)
		if err == nil {
			switch long := slices.IndexFunc(wordFields, func(f string) bool { return utf8.RuneCountInString(fields[f]) > cases.MaxReason }); {
			case long >= 0:
				err = fieldFault{wordFields[long], "words"}
			case a.sure && fields["sure"] != "yes":
				err = fieldFault{"sure", "sure"}
			default:
				_, err = a.do(c, r.Context(), before.Case, fields)
			}
		}
		if err != nil {
			c.caseRefused(w, r, err, a, fields)
			return
		}
		http.Redirect(w, r, caseHref(id, "said", string(a.action)), http.StatusSeeOther)
	}
}

// serviceFields are the fields of the service's requests by those of the forms.
var serviceFields = map[string]fieldFault{
	"answer": {"answer", "words"}, "words": {"words", "words"}, "reason": {"reason", "words"}, "kind": {"kind", "kind"},
	"amount_minor": {"amount", "amount"}, "price_minor": {"price", "amount"}, "currency": {"currency", "other_currency"}, "proposal": {"amount", "proposal"},
}

func (c *Console) caseRefused(w http.ResponseWriter, r *http.Request, err error, a caseAct, fields typed) {
	id := r.PathValue("id")
	who, _ := identity.From(r.Context())
	state := caseState{action: a.action, typed: fields}
	var own fieldFault
	var fault *cases.Fault
	var forbidden *cases.Forbidden
	var conflict *cases.Conflict
	switch {
	case errors.As(err, &own):
		state.fault, state.problem = own, "fault"
		c.showCase(w, r, http.StatusUnprocessableEntity, state)
	case errors.As(err, &fault):
		state.fault, state.problem, state.detail = serviceFields[fault.Field], "fault", fault.Text
		c.showCase(w, r, http.StatusUnprocessableEntity, state)
	case errors.As(err, &forbidden):
		state.problem, state.detail = "forbidden", forbidden.Text
		c.showCase(w, r, http.StatusForbidden, state)
	case errors.As(err, &conflict):
		now, err := c.Cases.Get(r.Context(), id)
		if err != nil {
			c.trouble(w, r, err)
			return
		}
		if conflict.Repeat || sentBefore(now, a.action, who.ID, fields) {
			http.Redirect(w, r, caseHref(id, "said", string(a.action)), http.StatusSeeOther)
			return
		}
		state.problem, state.detail = "fund", conflict.Text
		if now.Version != fields.number("version") {
			state.problem = "stale"
		}
		c.showCase(w, r, http.StatusConflict, state)
	case errors.Is(err, cases.ErrNotFound):
		c.say(w, r, http.StatusNotFound, message{Key: "no_case", Detail: id, Link: "/cases"})
	default:
		c.trouble(w, r, err)
	}
}

// sentBefore reports whether the same person did the same with the same words since the form was shown.
func sentBefore(now cases.File, a cases.Action, who string, fields typed) bool {
	return slices.ContainsFunc(now.Steps, func(s cases.Step) bool {
		same := slices.ContainsFunc(wordFields, func(f string) bool { return s.Reason == strings.TrimSpace(fields[f]) })
		return s.Seq > fields.number("seen") && s.Action == a && s.Actor == who && same
	})
}

// actForm is the form of an action that is allowed now.
type actForm struct {
	Action    cases.Action
	Href      string
	Version   int64
	Seen      int64 // the last step that the page shows
	Typed     typed
	Open      bool
	First     bool // it is how the case goes on
	FaultOn   string
	Fault     string
	Sure      template.HTML // what to agree to; "" where nothing has to be
	Kinds     []choice
	FormKinds []choice
	Currency  string
	Digest    string
	Payout    string
	Answers   bool // the customer has no first answer yet
	Hint      string
	Max       int
}

// caseForms makes the forms of what is allowed, and says why the rest is not.
func (c *Console) caseForms(r *http.Request, l *language, b *caseBody, state caseState) {
	who, _ := identity.From(r.Context())
	way := wayOn[b.State]
	shown := false
	for _, p := range c.Cases.Allowed(r.Context(), b.Case) {
		if !p.OK {
			b.Not = append(b.Not, notNow{p.Action, c.whyNot(l, b.Case, who, p)})
			if p.Action == state.action && (state.problem == "forbidden" || state.problem == "stale") {
				b.Why = b.Not[len(b.Not)-1].Why
			}
			continue
		}
		if p.Action == cases.Propose && b.Advice != nil && !b.Advice.Eligible {
			b.Not = append(b.Not, notNow{p.Action, l.prose(b.Advice.Why.In(l.tag))})
			continue
		}
		f := c.actForm(l, b, p.Action)
		if p.Action == state.action && state.problem != "" {
			shown = true
			f.Open = true
			for name, value := range state.typed {
				if !slices.Contains([]string{"version", "seen", "digest", "payout", "sure"}, name) { // as the case is now
					f.Typed[name] = value
				}
			}
			if state.typed["fraud"] == "" {
				delete(f.Typed, "fraud")
			}
			if state.fault.Field != "" {
				f.FaultOn, f.Fault = state.fault.Field, c.faultWords(l, b, state.fault)
			}
		}
		if f.First = p.Action == way.action; f.First {
			f.Open = true
			b.Forms = append([]actForm{f}, b.Forms...)
			continue
		}
		b.Forms = append(b.Forms, f)
	}
	if state.problem != "" && !shown {
		b.Lost = prosaic(state.typed)
	}
}

// faultWords say what is wrong with a field, and the way out.
func (c *Console) faultWords(l *language, b *caseBody, f fieldFault) string {
	switch f.Key {
	case "words":
		return l.text("case.fault.words", l.number(cases.MaxReason))
	case "proposal":
		if a := b.Advice; a != nil && !a.Eligible {
			return l.text("case.fault.not_eligible")
		} else if a != nil {
			return l.text("case.fault.proposal", plain(b.Limits), l.number(a.MostPoints))
		}
	}
	return l.text("case.fault." + f.Key)
}

// plain is an amount of ours without its elements, for a sentence.
func plain(h template.HTML) string {
	if h == "" {
		return "–"
	}
	return strings.NewReplacer(`<span class="money">`, "", "</span>", "", "&nbsp;", "\u00a0").Replace(string(h))
}

// actForm is a form with what is known already.
func (c *Console) actForm(l *language, b *caseBody, a cases.Action) actForm {
	k := b.Case
	f := actForm{Action: a, Href: caseHref(k.ID) + "/" + string(a), Version: k.Version, Typed: typed{}, Max: cases.MaxReason, Answers: k.Answer == ""}
	if n := len(b.File.Steps); n > 0 {
		f.Seen = b.File.Steps[n-1].Seq
	}
	amount := b.Offer
	switch a {
	case cases.Assess:
		f.Kinds = choices(cases.Kinds, []string{k.Kind})
		f.Typed["currency"] = "CNY"
		switch h := k.Harm; {
		case h != nil:
			f.Typed["amount"], f.Typed["currency"], f.Typed["words"] = major(h.AmountMinor, h.Currency), h.Currency, h.Words
			if h.PriceMinor > 0 {
				f.Typed["price"] = major(h.PriceMinor, h.Currency)
			}
			if h.Fraud {
				f.Typed["fraud"] = "yes"
			}
		case k.Claimed != nil:
			f.Typed["amount"], f.Typed["currency"] = major(k.Claimed.Minor, k.Claimed.Currency), k.Claimed.Currency
		}
		if k.State == cases.Proposed {
			f.Hint = "withdraws"
		}
	case cases.Propose:
		f.Currency = k.Harm.Currency
		if a := b.Advice; a != nil {
			f.FormKinds = choices(a.Forms, []string{a.Form})
			if a.AmountMinor > 0 {
				f.Typed["amount"] = major(a.AmountMinor, a.Currency)
			}
			if a.Points > 0 {
				f.Typed["points"] = strconv.FormatInt(a.Points, 10)
			}
		}
		if len(b.Approvals) > 0 {
			f.Hint = "voids"
		}
	case cases.Approve:
		f.Digest = k.Proposal.Digest
		f.Sure = escaped(l.text("case.sure.approve")) + " " + amount
	case cases.Pay:
		f.Sure = escaped(l.text("case.sure.pay", Masked(k.Customer))) + " " + amount
	case cases.Confirm:
		f.Payout, f.Currency = k.Payouts[len(k.Payouts)-1].ID, k.Currency
		f.Sure = escaped(l.text("case.sure.confirm")) + " " + amount
	case cases.Reject, cases.Close, cases.Appeal:
		f.Sure = escaped(l.text("case.sure." + string(a)))
	}
	return f
}

// Picks reports whether a choice is the one that was sent, or, where nothing was, the usual one.
func (f actForm) Picks(name, value string, usual bool) bool {
	if sent, ok := f.Typed[name]; ok {
		return sent == value
	}
	return usual
}
