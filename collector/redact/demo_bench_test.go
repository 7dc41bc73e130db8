package redact_test

import (
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/scenario/scenariotest"
)

// BenchmarkEventOfTheDemo is the masking of one interaction, on average over the demo's stream.
func BenchmarkEventOfTheDemo(b *testing.B) {
	demo := scenariotest.Play(b)
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
				e, reject := event.Decode(demo.Keys[(n+i)%len(demo.Keys)], demo.Values[(n+i)%len(demo.Keys)], demo.Later)
				if reject != nil {
					b.Fatal(reject)
				}
				events = append(events, e)
			}
			b.StartTimer()
			began := scenariotest.Processor()
			for _, e := range events {
				redact.Event(e, func(id string) string { return id })
			}
			spent += scenariotest.Processor() - began
		}
		n++
	}
	b.ReportMetric(float64(spent)/float64((n+at-1)/at*at), "cpu-ns/op")
}
