package warehouse_test

import (
	"fmt"
	"slices"
	"testing"

	"mingjian/collector/warehouse"
)

func TestWhatTellsOfAMisjudgement(t *testing.T) {
	r := open(t)
	const start = 1_700_000_000_000
	finding := func(id, rule, level string, version int64, standing bool) warehouse.Finding {
		return warehouse.Finding{ID: id, Tenant: "a", SessionID: "s1", CustomerID: "c1", Rule: rule, Severity: "high", Level: level, At: start + 5, Version: version, Standing: standing}
	}
	event := func(tenant, session, id, kind string, at int64) warehouse.Interaction {
		return warehouse.Interaction{Tenant: tenant, SessionID: session, EventID: id, Kind: kind, At: at, ActorID: "li", Text: "words", Body: `{"claim":{}}`, Extra: `{"review":{}}`}
	}
	r.write(t, warehouse.Batch{
		Sessions: []warehouse.Session{{Tenant: "a", SessionID: "s1", Version: 1, LastAt: start, CustomerID: "c1"}, {Tenant: "b", SessionID: "s1", Version: 1, LastAt: start, CustomerID: "c2"}},
		Findings: []warehouse.Finding{
			finding("f1", "wrong", "session", 1, true), finding("f2", "other", "session", 1, true), finding("f3", "wrong-too", "session", 1, true),
			finding("f3", "wrong-too", "session", 2, false), finding("f4", "wrong", "indicator", 1, true),
		},
		Interactions: []warehouse.Interaction{
			event("a", "s1", "e1", "message", start), event("a", "s1", "e2", "misjudgement.reported", start+9), event("b", "s1", "e3", "review.decided", start+1),
			event("b", "nowhere", "e4", "misjudgement.reported", start+2),
		},
	})
	ask := func(q warehouse.MisjudgedQuery) (got []string) {
		t.Helper()
		if err := r.Misjudged(t.Context(), q, func(m warehouse.Misjudged) error {
			if m.EventID != "" && (m.Text != "words" || m.Body != `{"claim":{}}` || m.Extra != `{"review":{}}` || m.ActorID != "li") {
				t.Errorf("the event is %+v", m)
			}
			got = append(got, fmt.Sprint(m.Tenant, " ", m.SessionID, " ", m.CustomerID, " ", m.FindingID, m.EventID, " ", m.Rule, m.Kind, " ", m.Standing, " ", m.At-start))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	events := []string{"b s1 c2 e3 review.decided true 1", "b nowhere  e4 misjudgement.reported true 2", "a s1 c1 e2 misjudgement.reported true 9"}
	all := slices.Insert(slices.Clone(events), 2, "a s1 c1 f1 wrong true 5", "a s1 c1 f3 wrong-too false 5")
	if got := ask(warehouse.MisjudgedQuery{Rules: []string{"wrong", "wrong-too"}}); !slices.Equal(got, all) {
		t.Errorf("%q, want %q", got, all)
	}
	if got := ask(warehouse.MisjudgedQuery{}); !slices.Equal(got, events) {
		t.Errorf("without rules %q", got)
	}
	now, err := r.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(warehouse.MisjudgedQuery{Rules: []string{"wrong"}, Since: now.UnixMilli() + day}); len(got) != 0 {
		t.Errorf("before anything was written: %q", got)
	}
}
