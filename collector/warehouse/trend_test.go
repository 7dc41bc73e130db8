package warehouse_test

import (
	"reflect"
	"testing"
	"time"

	"mingjian/collector/warehouse"
)

func TestTrendHasEverySpanAndOnlyItsOwn(t *testing.T) {
	r := open(t)
	const start = 1_700_000_000_000
	minute := time.Minute.Milliseconds()
	finding := func(id, tenant string, at int64, severity string, standing bool) warehouse.Finding {
		return warehouse.Finding{ID: id, Tenant: tenant, SessionID: id, Rule: "r", Severity: severity, At: at, Standing: standing, Channel: "app"}
	}
	r.write(t, warehouse.Batch{
		Sessions: []warehouse.Session{
			{Tenant: "a", SessionID: "before", Opened: start - 1, LastAt: start + 1, Channel: "app"},
			{Tenant: "a", SessionID: "s1", Opened: start, LastAt: start, Channel: "app"},
			{Tenant: "a", SessionID: "s2", Opened: start + 3*minute - 1, LastAt: start + 3*minute, Channel: "web"},
			{Tenant: "b", SessionID: "s3", Opened: start, LastAt: start, Channel: "app"},
		},
		Findings: []warehouse.Finding{
			finding("early", "a", start-1, "critical", true), finding("f1", "a", start, "critical", true), finding("f2", "a", start+minute-1, "low", true),
			finding("f3", "a", start+2*minute, "low", true), finding("gone", "a", start, "low", false), finding("fb", "b", start, "low", true),
			finding("late", "a", start+3*minute-10, "critical", true),
		},
	})
	q := warehouse.FindingQuery{From: start, To: start + 3*minute - 10, Tenant: "a"}
	got, err := r.Trend(t.Context(), q, time.Minute)
	if want := []warehouse.Span{{start, 1, 2, 1}, {start + minute, 0, 0, 0}, {start + 2*minute, 0, 1, 0}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("trend %+v, %v; want %+v", got, err, want)
	}
	q.To, q.Channels = start+3*minute, []string{"app"}
	got, err = r.Trend(t.Context(), q, time.Minute)
	if want := []warehouse.Span{{start, 1, 2, 1}, {start + minute, 0, 0, 0}, {start + 2*minute, 0, 2, 1}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("trend of a channel %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []warehouse.FindingQuery{{}, {From: start}, {From: start, To: start}, {From: 1, To: start}} {
		if _, err := r.Trend(t.Context(), bad, time.Minute); err == nil {
			t.Errorf("a trend of %d to %d was answered", bad.From, bad.To)
		}
	}
}

func TestTenantsWithOneSessionIDAreToldApart(t *testing.T) {
	r := open(t)
	r.write(t, warehouse.Batch{
		Sessions:     []warehouse.Session{{Tenant: "a", SessionID: "s", LastAt: 2000}, {Tenant: "b", SessionID: "s", LastAt: 3000}},
		Interactions: []warehouse.Interaction{{Tenant: "a", SessionID: "s", EventID: "x", At: 2000}, {Tenant: "b", SessionID: "s", EventID: "y", At: 3000}},
		Findings:     []warehouse.Finding{{ID: "fa", Tenant: "a", SessionID: "s", At: 1}, {ID: "fb", Tenant: "b", SessionID: "s", At: 1}},
	})
	for tenant, want := range map[string]string{"a": "a x fa", "b": "b y fb", "": "b y fb"} {
		c, found, err := r.SessionOf(t.Context(), tenant, "s")
		if err != nil || !found || len(c.Interactions) != 1 || len(c.Findings) != 1 {
			t.Fatalf("%q: %+v, %v, %v", tenant, c, found, err)
		}
		if got := c.Session.Tenant + " " + c.Interactions[0].EventID + " " + c.Findings[0].FindingID; got != want {
			t.Errorf("%q: %s, want %s", tenant, got, want)
		}
	}
	if c, found, err := r.SessionOf(t.Context(), "c", "s"); err != nil || found {
		t.Errorf("a third tenant: %+v, %v", c, err)
	}
}

func TestSealsOverAreThoseThatStand(t *testing.T) {
	r := open(t)
	seal := func(id, previous string, partition int, first, last int64, generation int) warehouse.Seal {
		return warehouse.Seal{Topic: "topic", ID: id, Previous: previous, Partition: partition, First: first, Last: last, Generation: generation}
	}
	for _, s := range []warehouse.Seal{
		seal("a", "", 0, 0, 9, 1), seal("b", "a", 0, 10, 14, 2), seal("zombie", "a", 0, 10, 19, 1), seal("c", "b", 0, 15, 29, 2), seal("d", "", 1, 0, 50, 1),
	} {
		r.write(t, warehouse.Batch{Seal: &s})
	}
	for _, tt := range []struct {
		first, last int64
		want        []string
	}{{0, 0, []string{"a"}}, {9, 10, []string{"a", "b"}}, {10, 20, []string{"b", "c"}}, {5, 100, []string{"a", "b", "c"}}, {30, 40, nil}} {
		got, err := r.SealsOver(t.Context(), "topic", 0, tt.first, tt.last)
		var ids []string
		for _, s := range got {
			ids = append(ids, s.ID)
		}
		if err != nil || !reflect.DeepEqual(ids, tt.want) {
			t.Errorf("over %d to %d: %q, %v; want %q", tt.first, tt.last, ids, err, tt.want)
		}
	}
}
