package dashboards

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// TestMacrosExpandAsTheDataSourceDoes goes through pairs of query and expansion that the data source's
// documentation and tests give.
func TestMacrosExpandAsTheDataSourceDoes(t *testing.T) {
	text, err := os.ReadFile("testdata/macros.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Pairs []struct {
			Source, Query, Expansion, Interval string
			From, To                           time.Time
			Variables                          map[string][]string
		}
	}
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Pairs) < 30 {
		t.Fatalf("%d pairs", len(table.Pairs))
	}
	for _, p := range table.Pairs {
		interval, err := time.ParseDuration(p.Interval)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Expand(p.Query, Window{From: p.From, To: p.To, Interval: interval}, p.Variables)
		if err != nil || got != p.Expansion {
			t.Errorf("%s: %s\n got %s (%v)\nwant %s", p.Source, p.Query, got, err, p.Expansion)
		}
	}
}

func TestABadMacroIsAnError(t *testing.T) {
	for _, query := range []string{"SELECT $__timeFilter(at", "SELECT $__timeFilter", "SELECT $__dateTimeFilter(day)", "SELECT $__timeFilter_ms(f(at)"} {
		got, err := Expand(query, Window{}, nil)
		if err == nil {
			t.Errorf("%s became %s", query, got)
		}
	}
}
