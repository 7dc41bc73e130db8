package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A newcomer's first command shows a finding on its own. Once the demo has played for a while, every query of dashboards
// and alerts works, and every panel that the demo should fill shows something.
func TestDashboardsCheckIsGreenOnTheDemo(t *testing.T) {
	t.Parallel()
	s := up(t, filepath.Join(t.TempDir(), "data"), "--demo")
	var page struct {
		Items []map[string]any `json:"items"`
	}
	s.wait("a finding", func() bool {
		s.get("/api/v1/findings", &page)
		return len(page.Items) > 0
	})
	// What the demo makes last; a check is some hundred queries, and is not asked over and over.
	s.wait("reviews and indicators", func() bool {
		return len(query[struct{ N int }](s, `SELECT 1 AS n FROM mingjian.reviews_v LIMIT 1`)) > 0 &&
			len(query[struct{ N int }](s, `SELECT 1 AS n FROM mingjian.indicators_v WHERE state = 'breached' LIMIT 1`)) > 0
	})
	s.wait("every panel that the demo fills", func() bool {
		var told []struct {
			Board, Panel, Fault string
			MS                  float64
		}
		check := mingjian("dashboards", "check", "--data", s.data, "--json")
		check.Stderr = t.Output()
		text, failed := check.Output()
		if err := json.Unmarshal(text, &told); err != nil || len(told) < 90 || told[2].MS <= 0 {
			t.Fatalf("%d queries are told, %v, %v", len(told), err, failed)
		}
		var faults []string
		for _, a := range told {
			if a.Fault == "" {
				continue
			}
			faults = append(faults, a.Board+"/"+a.Panel+": "+a.Fault)
			if !strings.HasPrefix(a.Fault, "shows nothing") {
				t.Fatal(faults)
			}
		}
		if (failed != nil) != (len(faults) > 0) {
			t.Fatalf("the command ends with %v over faults %v", failed, faults)
		}
		return len(faults) == 0
	})
	s.stop() // while the demo plays
	s.ended()
}

// Building twice writes once, and takes away what is no longer built.
func TestDashboardsBuild(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "dashboards", "zh", "gone.json")
	if err := os.MkdirAll(filepath.Dir(stale), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	first := output(t, "dashboards", "build", "--out", dir, "--console-url", "https://console.example.com/")
	if !strings.Contains(first, "removed "+stale) || strings.Count(first, ".json") != 17 || strings.Count(first, ".yaml") != 6 {
		t.Errorf("written:\n%s", first)
	}
	text, err := os.ReadFile(filepath.Join(dir, "dashboards", "en", "human.json"))
	if err != nil || !strings.Contains(string(text), `"https://console.example.com"`) {
		t.Errorf("the dashboards do not lead to the console: %v", err)
	}
	if again := output(t, "dashboards", "build", "--out", dir, "--console-url", "https://console.example.com"); again != "" {
		t.Errorf("written again:\n%s", again)
	}
}
