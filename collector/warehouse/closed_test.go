package warehouse_test

import (
	"fmt"
	"strings"
	"testing"

	"mingjian/collector/warehouse"
)

const day = 24 * 3600 * 1000

func closedIDs(t *testing.T, r record, q warehouse.ClosedQuery) string {
	t.Helper()
	var ids []string
	if err := r.Closed(t.Context(), q, func(c warehouse.ClosedSession) error {
		ids = append(ids, c.SessionID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(ids, " ")
}

func TestClosedSessionsOfASpanAndLatecomers(t *testing.T) {
	r := open(t)
	const start = 1_700_000_000_000
	session := func(tenant, id string, version int64, closed int64) warehouse.Session {
		return warehouse.Session{Tenant: tenant, SessionID: id, Version: version, Opened: start, Closed: closed, LastAt: start, BusinessLine: "broadband", Channel: "app", BotVersion: "1", Jurisdiction: "CN"}
	}
	r.write(t, warehouse.Batch{Sessions: []warehouse.Session{
		session("a", "open", 1, 0), session("a", "s1", 1, start), session("a", "s2", 1, start+day-1), session("a", "next", 1, start+day),
		session("a", "late", 1, start-1), session("b", "other", 1, start), session("a", "moved", 1, start), session("a", "moved", 2, start+2*day),
	}})
	now, err := r.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	written := now.UnixMilli()
	q := warehouse.ClosedQuery{Tenant: "a", From: start, To: start + day}
	if got := closedIDs(t, r, q); got != "s1 s2" {
		t.Errorf("the span has %q", got)
	}
	q.Late = written - day
	if got := closedIDs(t, r, q); got != "late s1 s2" {
		t.Errorf("with latecomers %q", got)
	}
	q.Late = written + day
	if got := closedIDs(t, r, q); got != "s1 s2" {
		t.Errorf("with latecomers that are none %q", got)
	}
	q.Recorded = written - day
	if got := closedIDs(t, r, q); got != "" {
		t.Errorf("written before it was %q", got)
	}
	if got := closedIDs(t, r, warehouse.ClosedQuery{Tenant: "a", IDs: []string{"s2", "open", "other", "moved"}}); got != "moved s2" {
		t.Errorf("by id %q", got)
	}
	err = r.Closed(t.Context(), warehouse.ClosedQuery{Tenant: "b"}, func(c warehouse.ClosedSession) error {
		if c.Recorded < written-day || c.Recorded > written+day {
			t.Errorf("written at %d, now is %d", c.Recorded, written)
		}
		c.Recorded = 0
		if want := (warehouse.ClosedSession{Tenant: "b", SessionID: "other", BusinessLine: "broadband", Channel: "app", BotVersion: "1", Jurisdiction: "CN", Closed: start}); c != want {
			t.Errorf("got %+v", c)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	tenants, err := r.TenantsSince(t.Context())
	if err != nil || len(tenants) != 2 || tenants["a"].UnixMilli() < written-day {
		t.Errorf("tenants %v, %v", tenants, err)
	}
}

func TestReasonsForReviewingASession(t *testing.T) {
	r := open(t)
	const start = 1_700_000_000_000
	session := func(tenant, id string, closed int64) warehouse.Session {
		return warehouse.Session{Tenant: tenant, SessionID: id, Version: 1, Closed: closed, LastAt: start}
	}
	finding := func(id, tenant, session, rule, severity, level string, version int64, standing bool) warehouse.Finding {
		return warehouse.Finding{ID: id, Tenant: tenant, SessionID: session, Rule: rule, Severity: severity, Level: level, At: start + 5, Version: version, Standing: standing}
	}
	event := func(tenant, session, id, kind string, at int64) warehouse.Interaction {
		return warehouse.Interaction{Tenant: tenant, SessionID: session, EventID: id, Kind: kind, At: at}
	}
	r.write(t, warehouse.Batch{
		Sessions: []warehouse.Session{session("a", "s1", start+1), session("a", "s2", start+2), session("a", "open", 0), session("b", "s1", start+day), session("a", "clean", start), session("a", "withdrawn", start)},
		Findings: []warehouse.Finding{
			finding("f1", "a", "s1", "r1", "critical", "session", 1, true), finding("f2", "a", "s1", "r2", "high", "session", 1, true),
			finding("f3", "a", "s2", "r1", "critical", "session", 1, true), finding("f3", "a", "s2", "r1", "critical", "session", 2, false),
			finding("f4", "a", "open", "r1", "critical", "session", 1, true), finding("f5", "b", "s1", "r3", "critical", "session", 1, true),
			finding("f6", "a", "clean", "r4", "critical", "indicator", 1, true),
			finding("f7", "a", "withdrawn", "r1", "critical", "session", 1, true), finding("f7", "a", "withdrawn", "r1", "critical", "session", 2, false),
		},
		Interactions: []warehouse.Interaction{
			event("a", "s1", "e2", "complaint.filed", start+9), event("a", "s1", "e1", "complaint.filed", start+3), event("a", "s2", "e3", "misjudgement.reported", start+7),
			event("a", "clean", "e4", "message", start),
		},
	})
	now, err := r.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		q    warehouse.ReasonQuery
		want string
	}{
		{warehouse.ReasonQuery{}, "a s1 complaint.filed 3, a s1 r1 5, a s2 misjudgement.reported 7, b s1 r3 5"},
		{warehouse.ReasonQuery{Tenant: "b"}, "b s1 r3 5"},
		{warehouse.ReasonQuery{From: start + 2, To: start + day}, "a s2 misjudgement.reported 7"},
		{warehouse.ReasonQuery{Tenant: "a", IDs: []string{"s1", "clean", "open"}}, "a s1 complaint.filed 3, a s1 r1 5"},
		{warehouse.ReasonQuery{Since: now.UnixMilli() - day}, "a s1 complaint.filed 3, a s1 r1 5, a s2 misjudgement.reported 7, b s1 r3 5"},
		{warehouse.ReasonQuery{Since: now.UnixMilli() + day}, ""},
	} {
		var got []string
		if err := r.Reasons(t.Context(), tt.q, func(reason warehouse.Reason) error {
			if reason.Rule != strings.HasPrefix(reason.What, "r") {
				t.Errorf("%s: a rule is %v", reason.What, reason.Rule)
			}
			got = append(got, fmt.Sprint(reason.Tenant, " ", reason.SessionID, " ", reason.What, " ", reason.At-start))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%+v: %q, want %q", tt.q, got, tt.want)
		}
	}
	// A finding of a session that had none before is new although the session's row is not.
	if err := r.conn.Exec(t.Context(), "INSERT INTO findings (finding_id, tenant, session_id, rule, severity, level, standing, version, at, recorded_at) VALUES ('f9', 'a', 'clean', 'r9', 'critical', 'session', true, 1, fromUnixTimestamp64Milli(1700000000001), now64(3) + INTERVAL 5 DAY)"); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := r.Reasons(t.Context(), warehouse.ReasonQuery{Since: now.UnixMilli() + 2*day}, func(reason warehouse.Reason) error {
		got = append(got, reason.SessionID)
		return nil
	}); err != nil || len(got) != 1 || got[0] != "clean" {
		t.Errorf("new since: %q, %v", got, err)
	}
}

// However many sessions there are, all reasons of one come one after another, and once.
func TestReasonsOfOneSessionComeTogether(t *testing.T) {
	const sessions = 1100 // more than one question takes
	r := open(t)
	var b warehouse.Batch
	for i := range sessions {
		id := fmt.Sprint("s", i)
		for _, tenant := range []string{"a", "b"} {
			b.Sessions = append(b.Sessions, warehouse.Session{Tenant: tenant, SessionID: id, Version: 1, Closed: 1_700_000_000_000})
			for _, kind := range []string{"complaint.filed", "misjudgement.reported"} {
				b.Interactions = append(b.Interactions, warehouse.Interaction{Tenant: tenant, SessionID: id, EventID: kind, Kind: kind, At: 1_700_000_000_000})
			}
		}
	}
	r.write(t, b)
	var last string
	seen := map[string]int{}
	if err := r.Reasons(t.Context(), warehouse.ReasonQuery{}, func(reason warehouse.Reason) error {
		of := reason.Tenant + " " + reason.SessionID
		if seen[of] > 0 && of != last {
			t.Errorf("%s comes again", of)
		}
		last = of
		seen[of]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2*sessions {
		t.Errorf("%d sessions, want %d", len(seen), 2*sessions)
	}
	for of, n := range seen {
		if n != 2 {
			t.Errorf("%s has %d reasons", of, n)
		}
	}
}

func TestLogEntriesAreCopiedOnce(t *testing.T) {
	r := open(t)
	entries := []warehouse.LogEntry{{Index: 0, Key: "k0", Type: "a", At: 1_700_000_000_000, Entry: "{}"}, {Index: 1, Key: "k1", Type: "b", At: 1_700_000_000_000, Entry: "{}"}}
	for range 2 {
		if err := r.PutLog(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.count(t, "SELECT count() FROM log_entries_v"); n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
	if n := r.count(t, "SELECT toUInt64(index) FROM log_entries_v WHERE key = 'k1' AND type = 'b' AND entry = '{}'"); n != 1 {
		t.Errorf("index %d, want 1", n)
	}
}
