package console

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/audit/store"
)

// Store is the workflow store: what people and the system did, and the way to add to it.
type Store interface {
	Read(ctx context.Context, fn func(*store.Tx) error) error
	Entries(ctx context.Context, q store.JournalQuery) ([]store.Entry, error)
	Write(ctx context.Context, fn func(*store.Tx) error) error
}

func (c *Console) journalRoutes() []identity.Route {
	route := func(path, summary string, h http.HandlerFunc) identity.Route {
		return identity.Route{Method: http.MethodGet, Path: path, Permission: identity.ReadJournal, Summary: summary, Handler: identity.Page(h)}
	}
	return []identity.Route{
		route("/journal", "Who did what to what, and why", c.journal),
		route("/journal.csv", "The journal as CSV", c.journalCSV),
	}
}

// journalFilter is what the address of the journal says. What was typed is kept as it was.
type journalFilter struct {
	Actor, Action, Subject, Day string
	Fault                       string // the field that was left out: day; "" where none
	cursor                      string

	from, to time.Time
}

func (c *Console) readJournalFilter(r *http.Request) journalFilter {
	q := r.URL.Query()
	f := journalFilter{
		Actor: strings.TrimSpace(q.Get("actor")), Action: q.Get("action"), Subject: strings.TrimSpace(q.Get("subject")), Day: q.Get("day"), cursor: q.Get("cursor"),
	}
	if f.Day != "" {
		day, err := time.ParseInLocation(time.DateOnly, f.Day, c.zone)
		if err != nil {
			f.Fault = "day"
		} else {
			f.from, f.to = day, day.AddDate(0, 0, 1)
		}
	}
	return f
}

// address is that of the same filter on a path, with fields changed.
func (f journalFilter) address(path string, change ...string) string {
	q := url.Values{}
	for _, field := range [][2]string{{"actor", f.Actor}, {"action", f.Action}, {"subject", f.Subject}, {"day", f.Day}} {
		if field[1] != "" {
			q.Set(field[0], field[1])
		}
	}
	for i := 0; i+1 < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (f journalFilter) narrowed() bool { return f.Actor+f.Action+f.Subject+f.Day != "" }

// errCursor is for a place in the journal that is none.
var errCursor = errors.New("no place in the journal")

// query is the filter as the journal takes it, cut to what the person may see: of whoever is bound to
// tenants or lines what names those, what they did themselves, and the whole history of a case or
// review that they see.
func (c *Console) journalQuery(ctx context.Context, f journalFilter, limit int) (store.JournalQuery, error) {
	q := store.JournalQuery{Actor: f.Actor, Action: f.Action, Subject: f.Subject, From: f.from, To: f.to, Limit: limit}
	if f.cursor != "" {
		at, id, _ := strings.Cut(f.cursor, ".")
		ms, e1 := strconv.ParseInt(at, 10, 64)
		n, e2 := strconv.ParseInt(id, 10, 64)
		if e1 != nil || e2 != nil || n < 1 {
			return q, errCursor
		}
		q.BeforeAt, q.BeforeID = time.UnixMilli(ms), n
	}
	who, ok := identity.From(ctx)
	if !ok {
		return q, errors.New("the journal is read for a principal, and there is none")
	}
	seen, err := c.seesSubject(ctx, f.Subject)
	if !seen {
		q.Reader, q.Tenants, q.Lines = who.ID, who.Tenants, who.Lines
	}
	return q, err
}

// seesSubject reports whether an entry is about a case or review that the person may see.
func (c *Console) seesSubject(ctx context.Context, subject string) (bool, error) {
	noun, id, _ := strings.Cut(subject, ":")
	var err error
	switch noun {
	case "case":
		_, err = c.Cases.Get(ctx, id)
	case "review":
		_, err = c.Reviews.Get(ctx, id)
	default:
		return false, nil
	}
	if errors.Is(err, cases.ErrNotFound) || errors.Is(err, review.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// journalBody is the journal.
type journalBody struct {
	Tabs     tabs
	Filter   journalFilter
	Actions  []actionGroup
	Items    []entryLine
	Next     string
	First    string
	CSV      string
	Narrowed bool
	Bound    bool // the person sees a part
}

// actionGroup are the actions on one kind of thing, to choose from.
type actionGroup struct {
	Noun    string
	Actions []choice
}

// entryLine is an entry in words.
type entryLine struct {
	store.Entry
	Who    template.HTML
	Did    template.HTML
	What   template.HTML // what it was done to
	Href   string        // its page; "" where it has none
	Same   string        // its history
	By     string        // the actor's
	Words  template.HTML
	Detail string // "" for none
}

func (c *Console) journal(w http.ResponseWriter, r *http.Request) {
	l, f := c.language(w, r), c.readJournalFilter(r)
	q, err := c.journalQuery(r.Context(), f, listLength+1)
	if errors.Is(err, errCursor) { // an address that somebody shortened: begin at the newest
		http.Redirect(w, r, f.address("/journal"), http.StatusSeeOther)
		return
	}
	var entries []store.Entry
	if err == nil {
		entries, err = c.Store.Entries(r.Context(), q)
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	who, _ := identity.From(r.Context())
	b := journalBody{
		Tabs: c.systemTabs(r, "journal"), Filter: f, Actions: l.actions(f.Action), CSV: f.address("/journal.csv"), Narrowed: f.narrowed(),
		Bound: len(who.Tenants)+len(who.Lines) > 0,
	}
	if len(entries) > listLength {
		entries = entries[:listLength]
		b.Next = f.address("/journal", "cursor", cursorAfter(entries[listLength-1]))
	}
	if f.cursor != "" {
		b.First = f.address("/journal")
	}
	for _, e := range entries {
		b.Items = append(b.Items, c.entryLine(l, who, f, e))
	}
	c.respond(w, r, http.StatusOK, view{Page: "journal", Title: l.text("journal.title"), Body: b})
}

func cursorAfter(e store.Entry) string { return fmt.Sprintf("%d.%d", e.At.UnixMilli(), e.ID) }

// actions are those that the pages have words for, by what they are done to, and the chosen one.
func (l *language) actions(chosen string) (out []actionGroup) {
	const prefix = "journal.action."
	var all []string
	for key := range l.texts {
		if id, ok := strings.CutPrefix(key, prefix); ok {
			all = append(all, id)
		}
	}
	if chosen != "" && !slices.Contains(all, chosen) {
		all = append(all, chosen)
	}
	slices.Sort(all)
	for _, id := range all {
		noun, _, _ := strings.Cut(id, ".")
		if len(out) == 0 || out[len(out)-1].Noun != noun {
			out = append(out, actionGroup{Noun: noun})
		}
		g := &out[len(out)-1]
		g.Actions = append(g.Actions, choice{id, id == chosen})
	}
	return out
}

// nounOf is the word for a kind of thing, or its name in the journal.
func (l *language) nounOf(noun string) string {
	if text, ok := l.known("journal.noun." + noun); ok {
		return text
	}
	return noun
}

// nouns are the kinds of things that have a page, and where.
var nouns = map[string]struct {
	page string
	need identity.Permission
}{
	"case": {"/cases/", identity.ReadCases}, "review": {"/reviews/", identity.ReadReviews}, "account": {"/people/", identity.ManagePeople},
}

// subjectHref is the page of what an entry is about; "" where there is none that the person may open.
func subjectHref(who identity.Principal, e store.Entry) string {
	noun, id, _ := strings.Cut(e.Subject, ":")
	if noun == "session" && who.May(identity.ReadSessions) {
		return sessionHref(e.Tenant, id)
	}
	n, ok := nouns[noun]
	if !ok || !who.May(n.need) || id == "unknown" {
		return ""
	}
	return n.page + url.PathEscape(id)
}

func (c *Console) entryLine(l *language, who identity.Principal, f journalFilter, e store.Entry) entryLine {
	noun, id, _ := strings.Cut(e.Subject, ":")
	out := entryLine{
		Entry: e, Who: l.actor(e.Actor), Did: l.named("journal.action.", e.Action), Href: subjectHref(who, e), Words: c.fullWords(l, e.Reason),
		Same: journalFilter{Subject: e.Subject}.address("/journal"), By: journalFilter{Actor: e.Actor}.address("/journal"),
		What: l.data(e.Subject), Detail: spread(e.Detail),
	}
	if name, ok := l.known("journal.noun." + noun); ok && id != "" {
		out.What = escaped(name) + ` <span class="id">` + l.data(id) + "</span>"
	}
	if f.Subject == e.Subject {
		out.Same = ""
	}
	return out
}

// spread is an entry's detail with a line for each value; "" where there is none.
func spread(detail json.RawMessage) string {
	var text bytes.Buffer
	if len(detail) <= len("{}") || json.Indent(&text, detail, "", "  ") != nil {
		return ""
	}
	return text.String()
}

// journalCSV is what the list shows, all pages of it.
func (c *Console) journalCSV(w http.ResponseWriter, r *http.Request) {
	l, f := c.language(w, r), c.readJournalFilter(r)
	f.cursor = ""
	q, err := c.journalQuery(r.Context(), f, store.MaxEntries)
	var entries []store.Entry
	if err == nil {
		entries, err = c.Store.Entries(r.Context(), q)
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="journal.csv"`)
	_, _ = w.Write([]byte("\ufeff")) // spreadsheets read UTF-8 only after this mark
	out := csv.NewWriter(w)
	var head []string
	for _, k := range []string{"id", "at", "actor", "did", "action", "subject", "reason", "tenant", "business_line", "detail"} {
		head = append(head, l.text("journal.csv."+k))
	}
	_ = out.Write(head)
	for {
		for _, e := range entries {
			did, ok := l.known("journal.action." + e.Action)
			if !ok {
				did = e.Action
			}
			_ = out.Write(safeCells(strconv.FormatInt(e.ID, 10), c.clock(e.At.UnixMilli(), "2006-01-02T15:04:05-07:00"), e.Actor, did, e.Action, e.Subject, e.Reason, e.Tenant, e.Line, string(e.Detail)))
		}
		out.Flush()
		if len(entries) < store.MaxEntries || out.Error() != nil { // all is sent, or the reader is gone
			return
		}
		last := entries[len(entries)-1]
		q.BeforeAt, q.BeforeID = last.At, last.ID
		if entries, err = c.Store.Entries(r.Context(), q); err != nil {
			// What is sent cannot be taken back: cut the connection, so that nobody takes half for whole.
			c.Log.ErrorContext(r.Context(), "a CSV broke off", "error", err)
			panic(http.ErrAbortHandler)
		}
	}
}

// tabs are pages that belong together.
type tabs struct {
	Label string // key of the text
	Items []navItem
}

// tabsOf keeps of pages those that the person may open; a page alone has no tabs.
func tabsOf(r *http.Request, label, here string, pages ...tab) tabs {
	out := tabs{Label: label}
	for _, p := range pages {
		if may(r, p.need) {
			out.Items = append(out.Items, navItem{p.key, p.href, p.key == here})
		}
	}
	if len(out.Items) < 2 {
		out.Items = nil
	}
	return out
}

type tab struct {
	key, href string
	need      identity.Permission
}

// systemTabs are the pages about the system and who does what in it.
func (c *Console) systemTabs(r *http.Request, here string) tabs {
	pages := []tab{{"system", "/system", identity.ReadSystem}, {"journal", "/journal", identity.ReadJournal}}
	if c.SignIn != nil {
		pages = append(pages, tab{"people", "/people", identity.ManagePeople})
	}
	if c.Retention != nil {
		pages = append(pages, tab{"records", "/records", identity.HoldRecords})
	}
	return tabsOf(r, "system.places", here, pages...)
}
