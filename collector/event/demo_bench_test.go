package event_test

import (
	"syscall"
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/scenario"
	"mingjian/policies"
)

// BenchmarkDecodeOfTheDemo is the decoding of one interaction, on average over the demo's stream.
func BenchmarkDecodeOfTheDemo(b *testing.B) {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	player, err := scenario.Demo(b.Context(), bundle, policies.Builtin(), scenario.PlayOptions{Seed: 1, Now: now, History: 8 * time.Hour, Sessions: 3000})
	if err != nil {
		b.Fatal(err)
	}
	var keys, values [][]byte
	for {
		_, key, value, ok := player.Next()
		if !ok {
			break
		}
		keys, values = append(keys, []byte(key)), append(values, value)
	}
	later := now.AddDate(1, 0, 0)
	b.ReportAllocs()
	n := 0
	began := processor()
	for b.Loop() {
		if _, reject := event.Decode(keys[n%len(keys)], values[n%len(keys)], later); reject != nil {
			b.Fatal(reject)
		}
		n++
	}
	b.ReportMetric(float64(processor()-began)/float64(n), "cpu-ns/op")
}

// processor is what the process has used of processors, which other processes do not change.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
