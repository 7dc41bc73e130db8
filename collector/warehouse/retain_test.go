package warehouse_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mingjian/collector/warehouse"
)

func TestWhatIsOverIsFoundByTenantJurisdictionAndIndustry(t *testing.T) {
	r := open(t)
	session := func(tenant, id, jurisdiction, industry string, pending bool) warehouse.Session {
		return warehouse.Session{Tenant: tenant, SessionID: id, Version: 1, Jurisdiction: jurisdiction, Industry: industry, CustomerID: "c-" + id, Pending: pending}
	}
	r.write(t, warehouse.Batch{Sessions: []warehouse.Session{
		session("a", "old1", "CN", "bank", false), session("a", "old2", "CN", "bank", false), session("a", "old3", "CN", "bank", false), session("a", "waits", "CN", "bank", true),
		session("a", "new", "CN", "bank", false), session("a", "spain", "ES", "", false), session("b", "other", "CN", "bank", false), session("a", "again", "CN", "bank", false),
	}})
	if err := r.conn.Exec(t.Context(), "INSERT INTO sessions SELECT * REPLACE (version + 1 AS version, now64(3) - INTERVAL 4 YEAR AS recorded_at) FROM sessions FINAL WHERE session_id != 'new'"); err != nil {
		t.Fatal(err)
	}
	later := session("a", "again", "CN", "bank", false)
	later.Version = 3
	r.write(t, warehouse.Batch{Sessions: []warehouse.Session{later}})
	ages, err := r.Ages(t.Context())
	if err != nil || len(ages) != 3 {
		t.Fatalf("%+v, %v", ages, err)
	}
	three := time.Now().AddDate(-3, 0, 0).UnixMilli()
	for i, want := range []string{"a CN bank 5", "a ES  1", "b CN bank 1"} {
		a := ages[i]
		if got := fmt.Sprintf("%s %s %s %d", a.Tenant, a.Jurisdiction, a.Industry, a.Sessions); got != want || a.Oldest >= three || a.Oldest < time.Now().AddDate(-5, 0, 0).UnixMilli() {
			t.Errorf("%q of %d, want %q", got, a.Oldest, want)
		}
	}
	over := func(after string, limit int) string {
		t.Helper()
		var out []string
		if err := r.Over(t.Context(), ages[0], three, after, limit, func(session, customer string) error {
			if customer != "c-"+session {
				t.Errorf("%s is of %s", session, customer)
			}
			out = append(out, session)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return strings.Join(out, " ")
	}
	if got := over("", 9); got != "old1 old2 old3" {
		t.Errorf("over are %q", got)
	}
	if got := over("old1", 1); got != "old2" {
		t.Errorf("the next is %q", got)
	}
	if named, err := r.Named(t.Context(), "a", []string{"old1", "spain", "none"}); err != nil || strings.Join(named, " ") != "old1 spain" {
		t.Errorf("%v, %v", named, err)
	}
	if err := r.Forget(t.Context(), "a", []string{"old1"}); err != nil {
		t.Fatal(err)
	}
	if named, err := r.Named(t.Context(), "a", []string{"old1", "spain"}); err != nil || strings.Join(named, " ") != "spain" {
		t.Errorf("%v, %v", named, err)
	}
	// No table lets go of what a tenant may keep, and evidence has no term.
	for table, years := range map[string]int{"interactions": 30, "sessions": 30, "findings": 30, "reviews": 30, "cases": 30, "fund_entries": 30, "rejects": 3, "seals": 0, "erasures": 0, "log_entries": 0} {
		want := fmt.Sprintf("toIntervalYear(%d)", years)
		if n := r.count(t, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = '"+table+"' AND position(create_table_query, 'TTL') > 0"); (n == 1) != (years > 0) {
			t.Errorf("%s: a term: %v", table, n == 1)
		} else if years > 0 && r.count(t, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = '"+table+"' AND position(create_table_query, '"+want+"') > 0") != 1 {
			t.Errorf("%s does not keep rows for %d years", table, years)
		}
	}
}
