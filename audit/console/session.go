package console

import (
	"cmp"
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

// report takes the form. It is safe to send twice: the second answer is the first one's.
func (c *Console) report(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/sessions/" + url.PathEscape(r.PathValue("id"))})
		return
	}
	form := &reportForm{FindingID: r.PostForm.Get("finding_id"), Reason: r.PostForm.Get("reason")}
	got, _, err := c.Cases.Report(r.Context(), cases.Report{
		SessionID: r.PathValue("id"), FindingID: form.FindingID, Kind: r.PostForm.Get("kind"), Reason: form.Reason,
	})
	var fault *cases.Fault
	switch {
	case errors.As(err, &fault):
		form.Fault = fault.Field
		c.showSession(w, r, http.StatusUnprocessableEntity, form, r.PostForm.Get("kind"))
	case err != nil:
		c.trouble(w, r, err)
	default:
		http.Redirect(w, r, "/sessions/"+url.PathEscape(got.SessionID)+"?"+url.Values{"reported": {got.ID}}.Encode()+"#report", http.StatusSeeOther)
	}
}

func (c *Console) showSession(w http.ResponseWriter, r *http.Request, status int, form *reportForm, kind string) {
	l, id := c.language(w, r), r.PathValue("id")
	conv, ok, err := c.Record.Session(r.Context(), id)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	if !ok {
		c.say(w, r, http.StatusNotFound, message{Key: "no_session", Detail: id, Link: "/sessions"})
		return
	}
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
	c.beside(l, &b, conv, facts)
	if may(r, identity.OpenCases) {
		form.Action, form.Max = "/sessions/"+url.PathEscape(id)+"/report", cases.MaxReason
		form.Kinds = choices(cases.Kinds, []string{kind})
		b.Form = form
	}
	if may(r, identity.ReadCases) {
		page, err := c.Cases.List(r.Context(), cases.Query{Session: id, Limit: listLength})
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

// beside fills what stands beside the conversation.
func (c *Console) beside(l *language, b *sessionBody, conv warehouse.Conversation, f policies.Facts) {
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
	into(&b.Evidence, "place", l.data(s.Topic+" / "+l.number(int64(s.Partition))))
	into(&b.Evidence, "offsets", escaped(offsets(l, conv.Interactions)))
	into(&b.Evidence, "events", escaped(l.number(int64(len(conv.Interactions)))))
	into(&b.Evidence, "revision", l.data(s.Revision))
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

func offsets(l *language, events []warehouse.Interaction) string {
	if len(events) == 0 {
		return l.text("not_reported")
	}
	byOffset := func(a, z warehouse.Interaction) int { return int(a.Offset - z.Offset) }
	first, last := slices.MinFunc(events, byOffset), slices.MaxFunc(events, byOffset)
	if first.Offset == last.Offset {
		return l.number(first.Offset)
	}
	return l.number(first.Offset) + "–" + l.number(last.Offset)
}
