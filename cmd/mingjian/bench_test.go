package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A small run goes through everything that a large one does: each number is there, the record has
// exactly what was produced, and nothing is left behind.
func TestBenchMeasuresAndAccountsForEverything(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	profiles := t.TempDir()
	var r map[string]any
	text := output(t, "bench", "--json", "--count", "4000", "--sessions", "100", "--partitions", "2", "--lead", "3000",
		"--latency", "500ms", "--rate", "1000", "--naive", "200ms", "--cpuprofile", profiles)
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	at := func(path string) any {
		var v any = r
		for _, name := range strings.Split(path, ".") {
			m, _ := v.(map[string]any)
			v = m[name]
		}
		return v
	}
	for path, want := range map[string]float64{"interactions": 4000, "partitions": 2, "sessions": 100, "latency_ms.interactions": 500} {
		if at(path) != want {
			t.Errorf("%s = %v, want %v", path, at(path), want)
		}
	}
	for _, path := range []string{
		"seconds", "rate", "copy_rate", "naive_rate", "rate_to_copy_rate", "rate_to_naive_rate", "findings", "message_bytes", "events_per_session",
		"latency_ms.p50", "latency_ms.p99", "latency_ms.p999", "naive_check_us", "naive_check_applicable_us",
		"stages_us.decode", "stages_us.redact", "stages_us.detect", "stages_us.fold", "stages_us.check", "stages_us.write",
		"peak_rss_mb.broker", "peak_rss_mb.engine", "peak_rss_mb.collector", "cpu_seconds_per_million.collector",
		"catch_up.cpu_seconds_per_million.engine_table", "catch_up.cpu_seconds_per_million.engine_table_parallel",
	} {
		if n, ok := at(path).(float64); !ok || n <= 0 {
			t.Errorf("%s = %v", path, at(path))
		}
	}
	checks, _ := r["checks"].([]any)
	sealed := 0
	for _, c := range checks {
		c := c.(map[string]any)
		if c["ok"] != true {
			t.Errorf("doctor says %v", c)
		}
		if strings.HasPrefix(c["name"].(string), "seals of partition") {
			sealed++
		}
	}
	if sealed != 2 {
		t.Errorf("doctor looked at the seals of %d partitions: %v", sealed, checks)
	}
	if f, err := os.Stat(filepath.Join(profiles, "sustained.pprof")); err != nil || f.Size() == 0 {
		t.Errorf("profile: %v, %v", f, err)
	}
	left(t)
}

// Sessions that are left open are all in the collector's memory, and in the next one's.
func TestBenchOfOpenSessions(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var r struct {
		Interactions int64
		Open         struct {
			Sessions     int
			Interactions int64
			RSS          float64 `json:"rss_mb"`
			Takeover     float64 `json:"takeover_seconds"`
		}
	}
	if err := json.Unmarshal([]byte(output(t, "bench", "--json", "--open", "3000")), &r); err != nil {
		t.Fatal(err)
	}
	o := r.Open
	if o.Sessions != 3000 || o.Interactions != r.Interactions || o.Interactions < 2*3000 || o.Interactions > 3*3000 || o.RSS <= 0 || o.Takeover <= 0 {
		t.Errorf("%+v", r)
	}
	left(t)
}

// left fails where a bench left files or processes behind.
func left(t *testing.T) {
	t.Helper()
	if files, err := filepath.Glob(filepath.Join(os.TempDir(), "mingjian-bench-*")); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	for _, p := range processes() {
		if strings.Contains(strings.Join(p.args, " "), os.TempDir()) {
			t.Errorf("left behind: %v", p.args)
		}
	}
}
