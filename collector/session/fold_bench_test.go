package session_test

import (
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/scenario/scenariotest"
	"mingjian/collector/session"
	"mingjian/collector/signal"
)

// BenchmarkFoldOfTheDemo is the folding of one interaction, on average over the demo's stream, played
// again and again by new sessions.
func BenchmarkFoldOfTheDemo(b *testing.B) {
	demo := scenariotest.Play(b)
	detector, err := signal.New(demo.Bundle.Lexicons)
	if err != nil {
		b.Fatal(err)
	}
	type step struct {
		event   *event.Event
		found   signal.Set
		session int
	}
	var stream []step
	sessions := map[string]int{}
	for i, value := range demo.Values {
		e, reject := event.Decode(demo.Keys[i], value, demo.Later)
		if reject != nil {
			b.Fatal(reject)
		}
		redact.Event(e, func(id string) string { return id })
		if _, ok := sessions[e.SessionID]; !ok {
			sessions[e.SessionID] = len(sessions)
		}
		stream = append(stream, step{e, detector.Detect(e.Actor.Role, e.Text), sessions[e.SessionID]})
	}
	b.ReportAllocs()
	states := make([]*session.State, len(sessions))
	n := 0
	began := scenariotest.Processor()
	for b.Loop() {
		if n%len(stream) == 0 {
			clear(states)
		}
		one := &stream[n%len(stream)]
		s := states[one.session]
		if s == nil {
			s = session.New(one.event.SessionID, one.event.Tenant)
			states[one.session] = s
		}
		s.Fold(one.event, session.Order{At: one.event.At, Offset: int64(n)}, one.found, detector)
		n++
	}
	b.ReportMetric(float64(scenariotest.Processor()-began)/float64(n), "cpu-ns/op")
}
