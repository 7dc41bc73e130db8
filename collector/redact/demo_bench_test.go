package redact_test

import (
	"syscall"
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/scenario"
	"mingjian/policies"
)

// BenchmarkEventOfTheDemo is the masking of one interaction, on average over the demo's stream.
func BenchmarkEventOfTheDemo(b *testing.B) {
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
	// Masking changes an event, so that each is masked once and decoded unmeasured.
	var spent time.Duration
	const at = 1000
	events := make([]*event.Event, 0, at)
	n := 0
	for b.Loop() {
		if events = events[:0]; n%at == 0 {
			b.StopTimer()
			for i := range at {
				e, reject := event.Decode(keys[(n+i)%len(keys)], values[(n+i)%len(keys)], later)
				if reject != nil {
					b.Fatal(reject)
				}
				events = append(events, e)
			}
			b.StartTimer()
			began := processor()
			for _, e := range events {
				redact.Event(e, func(id string) string { return id })
			}
			spent += processor() - began
		}
		n++
	}
	b.ReportMetric(float64(spent)/float64((n+at-1)/at*at), "cpu-ns/op")
}

// processor is what the process has used of processors, which other processes do not change.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
