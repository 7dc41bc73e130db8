package dashboards

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// record starts ClickHouse, makes the tables, and gives the record to write to and to read from.
func record(t *testing.T) (writes, reads *warehouse.Store) {
	t.Helper()
	ch := clickhousetest.Start(t)
	connect := func(o warehouse.Options) *warehouse.Store {
		o.Addr = ch.URL
		s, err := warehouse.Connect(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	return connect(warehouse.Options{User: ch.User, Password: ch.Password}), connect(warehouse.Options{User: ch.Reader, Password: ch.ReaderPassword, ReadOnly: true})
}

func TestCheck(t *testing.T) {
	writes, reads := record(t)
	o := options(t)
	answers, err := Check(t.Context(), o, reads)
	if err != nil {
		t.Fatal(err)
	}
	panels := 0
	each(t, Chinese, func(board, panel) { panels++ })
	if want := panels + len((writer{Options: o, faults: new([]error)}).alerts()) + 2; len(answers) != want {
		t.Errorf("%d queries were run, of %d", len(answers), want)
	}
	const missing = "shows nothing, and the demo should fill it"
	for _, a := range answers {
		if want := map[bool]string{true: missing}[a.Filled]; a.Fault != want || !a.Empty {
			t.Errorf("%s/%s on an empty record: empty %v, %q, want %q", a.Board, a.Panel, a.Empty, a.Fault, want)
		}
	}

	// What the workflow mirrors fills the panels about it.
	mirror(t, writes, warehouse.Reviews, "final", map[string]any{
		"task_id": "rev-1", "kind": "sample", "business_line": "宽带", "channel": "app", "pair_id": "rev-1", "opened_at": now.Add(-60 * time.Hour), "closed_at": now.Add(-61 * time.Hour),
		"due": now.Add(-13 * time.Hour), "submitted_at": now.Add(-20 * time.Hour), "verdict": map[string]any{"defective": true, "misjudged": false, "findings": []any{map[string]any{"decision": "upheld"}, map[string]any{"decision": "overruled"}}},
	})
	mirror(t, writes, warehouse.Reviews, "final", map[string]any{
		"task_id": "rev-2", "kind": "blind_second", "business_line": "宽带", "channel": "app", "pair_id": "rev-1", "opened_at": now.Add(-60 * time.Hour), "due": now.Add(-13 * time.Hour),
		"submitted_at": now.Add(-5 * time.Hour), "verdict": map[string]any{"defective": false}, "outcome": map[string]any{"defective": true, "misjudged": false},
	})
	mirror(t, writes, warehouse.Reviews, "open", map[string]any{"task_id": "rev-3", "kind": "mandatory", "business_line": "宽带", "channel": "app", "opened_at": now.Add(-60 * time.Hour), "due": now.Add(-time.Hour)})
	deadlines := map[string]any{"answer": map[string]any{"due": now.Add(-time.Hour)}, "decision": map[string]any{"due": now}, "payment": map[string]any{"due": now.Add(96 * time.Hour)}}
	mirror(t, writes, warehouse.Cases, "candidate", map[string]any{"case_id": "c-1", "kind": "price", "reason": "told a wrong price", "at": now.Add(-25 * time.Hour), "deadlines": deadlines})
	// An appeal waits for its answer, which is due before the decision. What is rejected was not paid.
	mirror(t, writes, warehouse.Cases, "appealed", map[string]any{"case_id": "c-3", "kind": "price", "at": now.Add(-25 * time.Hour), "paid_minor": 20000, "currency": "CNY", "deadlines": map[string]any{
		"answer": map[string]any{"due": now.Add(-time.Hour)}, "decision": map[string]any{"due": now.Add(1000 * time.Hour * 24)}, "payment": map[string]any{"due": now.Add(1000 * time.Hour * 24)}}})
	for _, d := range []string{"answer", "decision", "payment"} {
		deadlines[d] = map[string]any{"due": now, "met": now.Add(-time.Hour)}
	}
	mirror(t, writes, warehouse.Cases, "rejected", map[string]any{"case_id": "c-4", "kind": "price", "at": now.Add(-2 * time.Hour), "deadlines": deadlines})
	mirror(t, writes, warehouse.Cases, "paid", map[string]any{"case_id": "c-2", "kind": "price", "at": now.Add(-49 * time.Hour), "deadlines": deadlines, "paid_minor": 20000, "currency": "CNY"})
	mirror(t, writes, warehouse.FundEntries, "topup", map[string]any{"entry_id": "f-1", "number": 1, "currency": "CNY", "kind": "topup", "amount_minor": 100000, "balance_after": 100000})
	mirror(t, writes, warehouse.FundEntries, "reserve", map[string]any{"entry_id": "f-2", "number": 2, "currency": "CNY", "kind": "reserve", "amount_minor": 20000, "balance_after": 80000, "low": true})
	mirror(t, writes, warehouse.FundEntries, "settle", map[string]any{"entry_id": "f-3", "number": 3, "currency": "CNY", "kind": "settle", "amount_minor": 20000, "balance_after": 80000, "low": true})
	filled := map[string]string{}
	for _, q := range mustQueries(t, o) {
		if !slices.Contains([]string{"overview", "review", "compensation", "alerts"}, q.Board) {
			continue
		}
		if a, _ := ask(t.Context(), reads, q); !a.Empty && a.Fault == "" {
			filled[a.Board] += " " + a.Panel
		}
	}
	want := map[string]string{
		"overview": " overdue candidates", "review": " overdue backlog in-time upheld pairs next hours-left opened done", "compensation": " late candidates going redress balance by-state by-age cases paid movements",
		"alerts": " mingjian-fund-low mingjian-review-overdue",
	}
	if !maps.Equal(filled, want) {
		t.Errorf("filled %v, want %v", filled, want)
	}
	numbers := map[string]float64{"review/in-time": 1. / 3, "review/upheld": 0.5, "review/pairs": 1, "compensation/redress": 48 * 3600, "compensation/late": 2}
	for _, q := range mustQueries(t, o) {
		if want, ok := numbers[q.Board+"/"+q.Panel]; ok {
			if got := number(t, reads, q.SQL); got != want {
				t.Errorf("%s/%s is %v, want %v", q.Board, q.Panel, got, want)
			}
		}
	}

	// An indicator is no session, however bad it is.
	of := func(id, session, level string) warehouse.Finding {
		return warehouse.Finding{ID: id, Tenant: "default", SessionID: session, Rule: "ai-denied", Severity: "critical", Status: "statute", Level: level, At: now.Add(-time.Hour).UnixMilli(), Version: 1, Standing: true}
	}
	if err := writes.Write(t.Context(), &warehouse.Batch{Sessions: []warehouse.Session{
		{Tenant: "default", SessionID: "s-1", Version: 1, BusinessLine: "mobile"}, {Tenant: "other", SessionID: "s-1", Version: 1, BusinessLine: "fibre"},
	}, Findings: []warehouse.Finding{of("f-1", "s-1", "session"), of("f-2", "s-1", "session"), of("f-3", "", "indicator")}}); err != nil {
		t.Fatal(err)
	}
	for _, q := range mustQueries(t, o) {
		key, sql := q.Board+"/"+q.Panel, q.SQL
		switch key {
		case "overview/critical", "overview/statute":
		case "overview/by-status", "overview/by-rule":
			sql = "SELECT sum(sessions) FROM (" + sql + ")"
		default:
			continue
		}
		if got := number(t, reads, sql); got != 1 {
			t.Errorf("%s counts %v sessions, want 1", key, got)
		}
	}

	// Another tenant has a session of the same id on another line.
	for line, want := range map[string]float64{"mobile": 1, "fibre": 0} {
		vars := everything()
		vars["business_line"] = []string{line}
		picked, err := queries(o, vars)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range picked {
			if q.Board == "compensation" && q.Panel == "candidates" {
				if got := number(t, reads, q.SQL); got != want {
					t.Errorf("the line %s has %v candidates, want %v", line, got, want)
				}
			}
		}
	}

	for sql, want := range map[string]string{
		"SELECT nothing FROM findings_v":                    "nothing",
		"SELECT 1 AS value, 2 AS other":                     "one number",
		"SELECT now() AS time, 1. AS value FROM numbers(2)": "only texts and one Float64",
		"INSERT INTO findings (rule) VALUES ('x')":          "may not",
	} {
		q := Query{SQL: sql, fits: oneNumber}
		a, _ := ask(t.Context(), reads, q)
		fault := a.Fault
		if err := q.shape(t.Context(), reads); fault == "" && err != nil {
			fault = err.Error()
		}
		if fault == "" || want != "may not" && want != "one number" && !strings.Contains(fault, want) {
			t.Errorf("%s: %q", sql, fault)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Check(over, o, reads); err == nil {
		t.Error("a check that was interrupted says nothing")
	}
}

func mustQueries(t *testing.T, o Options) []Query {
	t.Helper()
	qs, err := Queries(o)
	if err != nil {
		t.Fatal(err)
	}
	return qs
}

// mirror writes a row of workflow state as the outbox does.
func mirror(t *testing.T, s *warehouse.Store, table warehouse.MirrorTable, state string, document map[string]any) {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprint(document[map[warehouse.MirrorTable]string{warehouse.Reviews: "task_id", warehouse.Cases: "case_id", warehouse.FundEntries: "entry_id"}[table]])
	row := warehouse.MirrorRow{ID: id, Version: 1, Tenant: "default", SessionID: "s-1", State: state, At: now.Add(-2 * time.Hour).UnixMilli(), Document: text}
	if err := s.Put(t.Context(), table, []warehouse.MirrorRow{row}); err != nil {
		t.Fatal(err)
	}
}

// number reads one number.
func number(t *testing.T, s *warehouse.Store, sql string) float64 {
	t.Helper()
	found, err := s.Query(t.Context(), "SELECT toFloat64(assumeNotNull(*)) FROM ("+sql+")")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var n float64
	if !found.Next() {
		t.Fatalf("no row: %s", sql)
	}
	if err := found.Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestQueriesAreNamedOnce(t *testing.T) {
	var names []string
	for _, q := range mustQueries(t, options(t)) {
		names = append(names, q.Board+"/"+q.Panel)
		if strings.Contains(q.SQL, "$") {
			t.Errorf("%s/%s is not expanded: %s", q.Board, q.Panel, q.SQL)
		}
	}
	if all := len(names); len(slices.Compact(slices.Sorted(slices.Values(names)))) != all {
		t.Error("two queries have one name")
	}
}
