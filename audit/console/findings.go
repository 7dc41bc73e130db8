package console

import (
	"context"
	"encoding/csv"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"

	"mingjian/audit/identity"
	"mingjian/collector/warehouse"
)

// listLength is how many rows a page of a list has: two screens, and far from 200 kB.
const listLength = 50

// findingsBody is the findings list.
type findingsBody struct {
	Filter  filter
	Items   []warehouse.FindingItem
	Next    string // address of the older page
	First   string // address of the newest page, on older ones
	CSV     string
	Live    string // address of the fragment that renews the list; "" on older pages
	Wider   string // where the list is empty: the same for all time
	Checked warehouse.Checked
	// Unchecked sessions lack a fact that the one rule that is filtered for needs.
	Unchecked int64
	Rules     []choice
	Levels    []choice
	Statuses  []choice
	Channels  []choice
	Lines     []choice
	Periods   []choice
}

func (c *Console) findings(w http.ResponseWriter, r *http.Request) {
	l, f := c.language(w, r), c.readFilter(r, "7d")
	var (
		page    warehouse.FindingPage
		checked warehouse.Checked
	)
	err := together(r.Context(),
		func(ctx context.Context) (err error) { page, err = c.Record.Findings(ctx, f.query(listLength)); return },
		func(ctx context.Context) (err error) { checked, err = c.Record.Checked(ctx, f.query(0)); return },
	)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	b := findingsBody{
		Filter: f, Items: page.Items, Checked: checked, CSV: CSVPath + "?" + f.values().Encode(),
		Rules: choices(c.ruleIDs(), f.Rules), Levels: choices(severities, f.Severities), Statuses: choices(statuses, f.Statuses),
		Channels: choices(checked.Channels, f.Channels), Lines: choices(checked.BusinessLines, f.BusinessLines),
		Periods: choices(periods, []string{f.Period}),
	}
	if page.Next != "" {
		b.Next = f.with("/findings", "cursor", page.Next)
	}
	if f.Cursor != "" {
		b.First = "/findings?" + f.values().Encode()
	} else {
		b.Live = f.with("/findings", "part", "list")
	}
	if len(f.Rules) == 1 {
		b.Unchecked = checked.NotAssessed[f.Rules[0]]
	}
	if len(page.Items) == 0 && f.Period != "all" {
		all := f
		all.From, all.To = "", ""
		b.Wider = all.with("/findings", "period", "all")
	}
	part := "layout"
	if r.URL.Query().Get("part") == "list" {
		part = "list"
	}
	c.render(w, r, http.StatusOK, view{
		Page: "findings", Title: l.text("nav.findings"), Body: b,
		Checked: &checkedLine{checked.Sessions, checked.Interactions, checked.Findings, c.inWords(l, f), f.narrowed()},
	}, part)
}

func (c *Console) ruleIDs() []string {
	rules := c.Policies().Rules
	out := make([]string, 0, len(rules))
	for _, r := range rules {
		out = append(out, r.ID)
	}
	return out
}

// CSVPath is where all findings of a filter are downloaded, which takes longer than a page.
const CSVPath = "/findings.csv"

// csvPage is how many findings are read at a time (the record's largest page).
const csvPage = 500

// findingsCSV is what the list shows, all pages of it. It is sent as it is read: a million rows take
// no more memory than a page of them.
func (c *Console) findingsCSV(w http.ResponseWriter, r *http.Request) {
	l, f := c.language(w, r), c.readFilter(r, "7d")
	q := f.query(csvPage)
	q.Cursor = ""
	page, err := c.Record.Findings(r.Context(), q)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="findings.csv"`)
	_, _ = w.Write([]byte("\ufeff")) // spreadsheets read UTF-8 only after this mark
	out := csv.NewWriter(w)
	var head []string
	for _, k := range []string{"at", "severity", "status", "rule", "title", "session", "channel", "business_line", "bot_version", "jurisdiction", "clauses", "revision", "finding"} {
		head = append(head, l.text("csv."+k))
	}
	_ = out.Write(head)
	for {
		for _, i := range page.Items {
			_ = out.Write(safeCells(
				c.clock(i.At, "2006-01-02T15:04:05-07:00"), l.text("severity."+i.Severity), l.text("status."+i.Status+".word"), i.Rule, c.ruleOf(i.Rule).Title.In(l.tag),
				i.SessionID, i.Channel, i.BusinessLine, i.BotVersion, i.Jurisdiction, strings.Join(i.Clauses, " "), i.Revision, i.FindingID))
		}
		out.Flush()
		if page.Next == "" || out.Error() != nil { // all is sent, or the reader is gone
			return
		}
		q.Cursor = page.Next
		if page, err = c.Record.Findings(r.Context(), q); err != nil {
			// What is sent cannot be taken back: cut the connection, so that nobody takes half for whole.
			c.Log.ErrorContext(r.Context(), "a CSV broke off", "error", err)
			panic(http.ErrAbortHandler)
		}
	}
}

// together asks the record several things at once: the first fault ends all.
func together(ctx context.Context, ask ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, fn := range ask {
		group.Go(func() error { return fn(ctx) })
	}
	return group.Wait()
}

// safeCells keeps a spreadsheet from running what somebody wrote: a cell that would be read as a
// formula is made text (OWASP, CSV injection).
func safeCells(cells ...string) []string {
	for i, s := range cells {
		if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
			cells[i] = "'" + s
		}
	}
	return cells
}

// may reports whether the person of a request holds a permission, for what a page offers (the guard
// is what holds them to it).
func may(r *http.Request, p identity.Permission) bool {
	who, ok := identity.From(r.Context())
	return ok && who.May(p)
}
