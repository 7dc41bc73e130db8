package console

import (
	"context"
	"net/http"

	"mingjian/collector/warehouse"
)

// sessionsBody is the list of sessions.
type sessionsBody struct {
	Filter   filter
	Items    []warehouse.SessionItem
	Next     string
	First    string
	Wider    string
	Checked  warehouse.Checked
	Channels []choice
	Lines    []choice
	Periods  []choice
}

func (c *Console) sessions(w http.ResponseWriter, r *http.Request) {
	l, f := c.language(w, r), c.readFilter(r, "7d")
	f = filter{Period: f.Period, From: f.From, To: f.To, Channels: f.Channels, BusinessLines: f.BusinessLines, Cursor: f.Cursor, Faults: f.Faults, from: f.from, to: f.to}
	var (
		page    warehouse.SessionPage
		checked warehouse.Checked
	)
	err := together(r.Context(), func(ctx context.Context) (err error) {
		page, err = c.Record.Sessions(ctx, warehouse.SessionQuery{
			From: f.from, To: f.to, Channels: f.Channels, BusinessLines: f.BusinessLines, Limit: listLength, Cursor: f.Cursor,
		})
		return
	}, func(ctx context.Context) (err error) { checked, err = c.Record.Checked(ctx, f.query(0)); return })
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	b := sessionsBody{
		Filter: f, Items: page.Items, Checked: checked,
		Channels: choices(checked.Channels, f.Channels), Lines: choices(checked.BusinessLines, f.BusinessLines), Periods: choices(periods, []string{f.Period}),
	}
	if page.Next != "" {
		b.Next = f.with("/sessions", "cursor", page.Next)
	}
	if f.Cursor != "" {
		b.First = "/sessions?" + f.values().Encode()
	}
	if len(page.Items) == 0 && f.Period != "all" {
		all := f
		all.From, all.To = "", ""
		b.Wider = all.with("/sessions", "period", "all")
	}
	c.respond(w, r, http.StatusOK, view{
		Page: "sessions", Title: l.text("nav.sessions"), Body: b,
		Checked: &checkedLine{checked.Sessions, checked.Interactions, checked.Findings, c.inWords(l, f), f.narrowed()},
	})
}
