package warehouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"mingjian/policies"
)

// Findings implements Record: newest first by moment, then by id.
func (s *Store) Findings(ctx context.Context, q FindingQuery) (FindingPage, error) {
	var w where
	w.findings(q)
	if err := w.after(q.Cursor, "at", "finding_id"); err != nil {
		return FindingPage{}, err
	}
	limit := clamp(q.Limit)
	// Which findings are on the page is found in small columns; the large ones are then read for
	// them alone.
	page := "SELECT session_id, finding_id FROM findings FINAL" + w.clause() +
		" ORDER BY at DESC, finding_id DESC LIMIT {limit:UInt64}"
	rows, err := collect(ctx, s, findings,
		"PREWHERE (session_id, finding_id) IN ("+page+") ORDER BY at DESC, finding_id DESC",
		append(w.args, clickhouse.Named("limit", limit+1))...)
	if err != nil {
		return FindingPage{}, err
	}
	var out FindingPage
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		out.Next = cursor{At: last.At, ID: last.ID}.String()
	}
	for _, f := range rows {
		out.Items = append(out.Items, f.item())
	}
	return out, nil
}

// Finding implements Record. A withdrawn finding is found too.
func (s *Store) Finding(ctx context.Context, id string) (FindingItem, bool, error) {
	rows, err := collect(ctx, s, findings, "PREWHERE finding_id = {id:String} LIMIT 1", clickhouse.Named("id", id))
	if err != nil || len(rows) == 0 {
		return FindingItem{}, false, err
	}
	return rows[0].item(), true, nil
}

// item is a finding as lists show it.
func (f Finding) item() FindingItem {
	state := "withdrawn"
	if f.Standing {
		state = "standing"
	}
	return FindingItem{
		FindingID: f.ID, Tenant: f.Tenant, SessionID: f.SessionID, Rule: f.Rule, Pack: f.Pack,
		Severity: f.Severity, Status: f.Status, Level: f.Level, Subject: f.Subject, At: f.At,
		State: state, Version: f.Version, Channel: f.Channel, BusinessLine: f.BusinessLine,
		BotVersion: f.BotVersion, Jurisdiction: f.Jurisdiction, Clauses: f.Clauses,
		Revision: f.Revision, Facts: f.Facts,
	}
}

// where collects conditions and their values; a value never becomes part of a statement.
type where struct {
	conditions []string
	args       []any
}

// add takes a condition over one placeholder, which is given a name of its own: {} becomes
// {p1:kind}.
func (w *where) add(condition, kind string, value any) {
	name := fmt.Sprintf("p%d", len(w.args)+1)
	w.conditions = append(w.conditions, strings.Replace(condition, "{}", "{"+name+":"+kind+"}", 1))
	w.args = append(w.args, clickhouse.Named(name, value))
}

func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = {}", "String", value)
	}
}

func (w *where) among(column string, values []string) {
	if len(values) > 0 {
		w.add(column+" IN {}", "Array(String)", values)
	}
}

// moment adds a condition over a moment; 0 adds none.
func (w *where) moment(condition string, at policies.Millis) {
	if at != 0 {
		w.add(strings.Replace(condition, "{}", "fromUnixTimestamp64Milli({}, 'UTC')", 1), "Int64", storable(at))
	}
}

// clause is the conditions as a WHERE clause with a space in front, or nothing.
func (w *where) clause() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// findings adds the conditions that a query puts on findings.
func (w *where) findings(q FindingQuery) {
	if !q.Withdrawn {
		w.conditions = append(w.conditions, "standing")
	}
	w.moment("at >= {}", q.From)
	w.moment("at < {}", q.To)
	w.equal("tenant", q.Tenant)
	w.equal("session_id", q.Session)
	w.among("rule", q.Rules)
	w.among("severity", q.Severities)
	w.among("status", q.Statuses)
	w.among("channel", q.Channels)
	w.among("business_line", q.BusinessLines)
	w.within(q.Within)
}

// within adds the bounds of what whoever asks may see.
func (w *where) within(b Within) {
	w.among("tenant", b.Tenants)
	w.among("business_line", b.BusinessLines)
}
