package event_test

import (
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/scenario/scenariotest"
)

// BenchmarkDecodeOfTheDemo is the decoding of one interaction, on average over the demo's stream.
func BenchmarkDecodeOfTheDemo(b *testing.B) {
	demo := scenariotest.Play(b)
	b.ReportAllocs()
	n := 0
	began := scenariotest.Processor()
	for b.Loop() {
		if _, reject := event.Decode(demo.Keys[n%len(demo.Keys)], demo.Values[n%len(demo.Keys)], demo.Later); reject != nil {
			b.Fatal(reject)
		}
		n++
	}
	b.ReportMetric(float64(scenariotest.Processor()-began)/float64(n), "cpu-ns/op")
}
