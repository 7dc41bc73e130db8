package replay_test

import (
	"flag"
	"io/fs"
	"runtime"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"mingjian/collector/replay"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// benchSessions have a million interactions.
var benchSessions = flag.Int("backtest.sessions", 157_000, "sessions of the benchmark's record")

// BenchmarkBacktest compares two policies over a million stored interactions of the demo's contact
// centre: `go test -run - -bench Backtest -benchtime 1x ./collector/replay`.
func BenchmarkBacktest(b *testing.B) {
	store := open(b)
	before := load(b, nil)
	n := fill(b, store, before, *benchSessions, 30*24*time.Hour, 10_000)
	b.Logf("%d interactions", n)
	apology, err := fs.ReadFile(policies.Builtin(), "lexicon/apology.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for name, over := range map[string]fstest.MapFS{
		"OneTopicDiffers":  {"params.yaml": {Data: []byte("cn: {human_slow_s: 20}\n")}},
		"AnyFactMayDiffer": {"lexicon/apology.yaml": {Data: append(apology, "      - '\\bxyzzy\\b'\n"...)}},
	} {
		b.Run(name, func(b *testing.B) { backtest(b, store, before, load(b, over)) })
	}
}

func backtest(b *testing.B, store *warehouse.Store, before, after *policies.Bundle) {
	for b.Loop() {
		var began, ended syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &began)
		c, err := replay.Compare(b.Context(), store, replay.Backtest{Before: before, After: after, Now: now.Add(48 * time.Hour).UnixMilli()})
		if err != nil {
			b.Fatal(err)
		}
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ended)
		processor := time.Duration(ended.Utime.Nano() + ended.Stime.Nano() - began.Utime.Nano() - began.Stime.Nano())
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.Logf("%d interactions, %d sessions in %.1f s, %.1f s of processors; %+v; %d MiB from the system", c.Interactions, c.Sessions, c.Seconds, processor.Seconds(), c.Tally, m.Sys>>20)
		b.ReportMetric(float64(c.Interactions)/c.Seconds, "interactions/s")
	}
}
