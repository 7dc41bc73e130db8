package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// sessionBody is one session: the conversation, what stands in its margin, what stands beside it.
type sessionBody struct {
	Session    warehouse.Session
	Rows       []row
	Standing   []warehouse.FindingItem
	Withdrawn  int
	Customer   []pair
	Entrance   []pair
	Bot        []pair
	Facts      []pair
	Evidence   []pair
	Unchecked  []unchecked
	Form       *reportForm // nil where the person may not report
	Reports    []cases.Case
	Proofs     []proofRow
	Logged     bool // this service sees the log
	Length     policies.Millis
	EventCount int
}

type unchecked struct {
	Rule   string
	Reason template.HTML
}

// reportForm is the form with what was typed and what was wrong with it.
type reportForm struct {
	Action    string
	Kinds     []choice
	FindingID string
	Reason    string
	Fault     string // the field that was wrong; "" where none
	Done      string // id of the case that was just opened
	Max       int
}

func (c *Console) session(w http.ResponseWriter, r *http.Request) {
	form := &reportForm{FindingID: r.URL.Query().Get("finding"), Done: r.URL.Query().Get("reported")}
	c.showSession(w, r, http.StatusOK, form, "")
}

// backToSession answers the address that the form is sent to when somebody opens it: after a report
// with a fault it stands in the address bar.
func (c *Console) backToSession(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	http.Redirect(w, r, sessionHref(q.Get("tenant"), r.PathValue("id"), "lang", q.Get("lang"))+"#report", http.StatusSeeOther)
}

// sessionHref is the address of a session's page, with more of a query where it has a value. The
// tenant stands in it unless it is the one that most installations have.
func sessionHref(tenant, id string, more ...string) string {
	q := url.Values{}
	if tenant != "" && tenant != defaultTenant {
		q.Set("tenant", tenant)
	}
	for i := 0; i < len(more); i += 2 {
		if more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	at := "/sessions/" + url.PathEscape(id)
	if len(q) == 0 {
		return at
	}
	return at + "?" + q.Encode()
}

// defaultTenant is the tenant of events that name none (event model, version 1).
const defaultTenant = "default"

// report takes the form. It is safe to send twice: the second answer is the first one's.
func (c *Console) report(w http.ResponseWriter, r *http.Request) {
	tenant, id := r.URL.Query().Get("tenant"), r.PathValue("id")
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: sessionHref(tenant, id)})
		return
	}
	form := &reportForm{FindingID: r.PostForm.Get("finding_id"), Reason: r.PostForm.Get("reason")}
	got, _, err := c.Cases.Report(r.Context(), cases.Report{
		Tenant: tenant, SessionID: id, FindingID: form.FindingID, Kind: r.PostForm.Get("kind"), Reason: form.Reason,
	})
	var fault *cases.Fault
	switch {
	case errors.As(err, &fault):
		form.Fault = fault.Field
		c.showSession(w, r, http.StatusUnprocessableEntity, form, r.PostForm.Get("kind"))
	case err != nil:
		c.trouble(w, r, err)
	default:
		http.Redirect(w, r, sessionHref(got.Tenant, got.SessionID, "reported", got.ID)+"#report", http.StatusSeeOther)
	}
}

func (c *Console) showSession(w http.ResponseWriter, r *http.Request, status int, form *reportForm, kind string) {
	l, id := c.language(w, r), r.PathValue("id")
	conv, ok, err := c.Record.SessionOf(r.Context(), r.URL.Query().Get("tenant"), id)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	if !ok {
		c.say(w, r, http.StatusNotFound, message{Key: "no_session", Detail: id, Link: "/sessions"})
		return
	}
	s := conv.Session
	b, err := c.sessionOf(r.Context(), l, conv)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	c.offerOriginals(r, b.Rows, conv)
	if b.Proofs, err = c.proofsOf(r.Context(), conv); err != nil {
		c.trouble(w, r, err)
		return
	}
	b.Logged = c.Evidence != nil
	if may(r, identity.OpenCases) {
		at, query, _ := strings.Cut(sessionHref(s.Tenant, id), "?")
		form.Action, form.Max = at+"/report?"+query, cases.MaxReason
		form.Kinds = choices(cases.Kinds, []string{kind})
		b.Form = form
	}
	if may(r, identity.ReadCases) {
		page, err := c.Cases.List(r.Context(), cases.Query{Tenant: s.Tenant, Session: id, Limit: listLength})
		if err != nil {
			c.trouble(w, r, err)
			return
		}
		b.Reports = page.Items
	}
	c.respond(w, r, status, view{
		Page: "session", Title: l.text("session.title", id), Body: b,
	})
}

// sessionOf lays out a session, whatever page it is for.
func (c *Console) sessionOf(ctx context.Context, l *language, conv warehouse.Conversation) (sessionBody, error) {
	s := conv.Session
	var facts policies.Facts
	// Facts that do not decode leave the conversation readable; the fields beside it stay empty.
	_ = json.Unmarshal([]byte(s.Facts), &facts)
	b := sessionBody{Session: s, Rows: c.conversation(l, conv, facts), EventCount: len(conv.Interactions), Length: max(0, s.LastAt-s.Opened)}
	for _, f := range conv.Findings {
		if f.State == "withdrawn" {
			b.Withdrawn++
		} else {
			b.Standing = append(b.Standing, f)
		}
	}
	slices.SortStableFunc(b.Standing, func(a, z warehouse.FindingItem) int {
		return slices.Index(severities, a.Severity) - slices.Index(severities, z.Severity)
	})
	seals, err := c.sealsOver(ctx, conv)
	if err != nil {
		return sessionBody{}, err
	}
	c.beside(l, &b, conv, facts, seals)
	return b, nil
}

// beside fills what stands beside the conversation.
func (c *Console) beside(l *language, b *sessionBody, conv warehouse.Conversation, f policies.Facts, seals []warehouse.Seal) {
	s := conv.Session
	into := func(list *[]pair, name string, value template.HTML) {
		if value != "" {
			*list = append(*list, pair{escaped(l.text("beside." + name)), value})
		}
	}
	maybe := func(v *bool) template.HTML {
		if v == nil {
			return escaped(l.text("not_reported"))
		}
		return l.yes(*v)
	}
	unless := func(v string, show func(string) template.HTML) template.HTML {
		if v == "" {
			return escaped(l.text("not_reported"))
		}
		return show(v)
	}

	into(&b.Customer, "customer", unless(Masked(s.CustomerID), escaped))
	into(&b.Customer, "jurisdiction", unless(s.Jurisdiction, l.data))
	into(&b.Customer, "elder", maybe(f.Elder))
	into(&b.Customer, "accessible", l.yes(f.Accessible))

	into(&b.Entrance, "channel", l.named("channel.", s.Channel))
	into(&b.Entrance, "business_line", l.data(s.BusinessLine))
	into(&b.Entrance, "industry", unless(s.Industry, func(v string) template.HTML { return l.named("industry.", v) }))
	if e := f.Entrance; e != nil {
		into(&b.Entrance, "human_option", l.yes(e.HumanOptionVisible))
		into(&b.Entrance, "elder_channel", l.yes(e.ElderChannel))
		into(&b.Entrance, "accessible_channel", l.yes(e.AccessibleChannel))
		into(&b.Entrance, "interface_label", l.named("value.", cmp.Or(string(e.Label), string(policies.NoLabel))))
	} else {
		into(&b.Entrance, "entrance", escaped(l.text("not_reported")))
	}
	into(&b.Bot, "bot", unless(s.BotID, l.data))
	into(&b.Bot, "bot_version", unless(s.BotVersion, l.data))
	into(&b.Bot, "bot_texts", escaped(l.number(int64(f.Bot.Texts))))
	if f.Bot.Texts > 0 {
		into(&b.Bot, "label", labelWords(l, f.Bot))
		into(&b.Bot, "notice", l.yes(f.Bot.FirstNotice))
	}
	into(&b.Facts, "strikes", escaped(l.number(int64(f.Human.Strikes))))
	into(&b.Facts, "waits", escaped(l.number(int64(len(f.Human.Waits)))))
	into(&b.Facts, "apologies", escaped(l.number(int64(f.Service.Apologies))))
	if s.Closed != 0 {
		into(&b.Facts, "closed", escaped(c.clock(s.Closed, "2006-01-02 15:04:05")))
		into(&b.Facts, "closed_by", unless(f.ClosedBy, func(v string) template.HTML { return l.named("role.", v) }))
		into(&b.Facts, "resolved", maybe(f.Resolved))
	} else {
		into(&b.Facts, "closed", escaped(l.text("still_open")))
	}
	if s.Tenant != defaultTenant {
		into(&b.Evidence, "tenant", l.data(s.Tenant))
	}
	into(&b.Evidence, "place", template.HTML(strings.ReplaceAll(string(l.data(s.Topic+" / "+l.number(int64(s.Partition)))), ".", ".<wbr>")))
	into(&b.Evidence, "offsets", escaped(offsetWords(l, conv)))
	into(&b.Evidence, "seals", sealWords(l, conv, seals))
	into(&b.Evidence, "revision", folded(s.Revision[:min(len(s.Revision), 12)], `<span class="id">`+escaped(s.Revision)+"</span>"))
	if s.Derived {
		into(&b.Evidence, "derived", l.yes(true))
	}
	for _, n := range s.NotAssessed {
		b.Unchecked = append(b.Unchecked, unchecked{n.Rule, lackingWords(l, n.Reason)})
	}
}

// labelWords says which of the bot's texts carried what label.
func labelWords(l *language, b policies.BotFacts) template.HTML {
	switch {
	case b.FullAt > 0:
		return escaped(l.text("label.full_at", l.number(int64(b.FullAt))))
	case b.IncompleteAt > 0:
		return escaped(l.text("label.incomplete_at", l.number(int64(b.IncompleteAt))))
	}
	return escaped(l.text("label.none"))
}

// lackingWords says which fact was missing: a path of the event model, such as customer.age.
func lackingWords(l *language, path string) template.HTML {
	if text, ok := l.known("lacking." + strings.ReplaceAll(path, ".", "_")); ok {
		return escaped(text)
	}
	return l.data(path)
}

// offsets are those of a session's events, rising. All events of a session have its key and lie in
// one partition; one that a source put elsewhere is not among them.
func offsets(conv warehouse.Conversation) (out []int64) {
	for _, e := range conv.Interactions {
		if e.Topic == conv.Session.Topic && e.Partition == conv.Session.Partition {
			out = append(out, e.Offset)
		}
	}
	slices.Sort(out)
	return out
}

func offsetWords(l *language, conv warehouse.Conversation) string {
	all := offsets(conv)
	if len(all) == 0 {
		return l.text("not_reported")
	}
	return between(l, all[0], all[len(all)-1])
}

func between(l *language, first, last int64) string {
	if first == last {
		return l.number(first)
	}
	return l.number(first) + "–" + l.number(last)
}

// sealsOver are the seals that cover an event of the session; those between that cover only events
// of others are left out.
func (c *Console) sealsOver(ctx context.Context, conv warehouse.Conversation) ([]warehouse.Seal, error) {
	all := offsets(conv)
	if len(all) == 0 {
		return nil, nil
	}
	seals, err := c.Record.SealsOver(ctx, conv.Session.Topic, conv.Session.Partition, all[0], all[len(all)-1])
	return slices.DeleteFunc(seals, func(s warehouse.Seal) bool {
		i, _ := slices.BinarySearch(all, s.First)
		return i == len(all) || all[i] > s.Last
	}), err
}

// mostSeals are listed; a long session has one for every few of its events.
const mostSeals = 20

// sealWords says how much of the session is sealed, and by which seals.
func sealWords(l *language, conv warehouse.Conversation, seals []warehouse.Seal) template.HTML {
	sealed := 0
	for _, offset := range offsets(conv) {
		if slices.ContainsFunc(seals, func(s warehouse.Seal) bool { return s.First <= offset && offset <= s.Last }) {
			sealed++
		}
	}
	summary := l.text("beside.sealed", l.number(int64(sealed)), l.number(int64(len(conv.Interactions))))
	if len(seals) == 0 {
		return escaped(summary)
	}
	var list strings.Builder
	for _, s := range seals[:min(len(seals), mostSeals)] {
		list.WriteString(`<span class="seal">` + string(escaped(between(l, s.First, s.Last))) + ` <span class="id">` + string(escaped(s.ID)) + "</span></span>")
	}
	if more := len(seals) - mostSeals; more > 0 {
		list.WriteString(string(escaped(l.text("beside.more_seals", l.number(int64(more))))))
	}
	return folded(summary, template.HTML(list.String()))
}

// folded shows a summary, and the rest to whoever opens it.
func folded(summary string, rest template.HTML) template.HTML {
	return "<details><summary>" + escaped(summary) + "</summary>" + rest + "</details>"
}
