package session_test

import (
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/redact"
	"mingjian/collector/scenario"
	"mingjian/collector/session"
	"mingjian/policies"
)

// demonstrated gives the states that the sessions of the demonstration pass through, one after each
// event: what a collector writes that finds one event of each session in every batch.
func demonstrated(tb testing.TB, sessions int) []*session.State {
	tb.Helper()
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		tb.Fatal(err)
	}
	inspector, err := inspect.New(bundle)
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	play, err := scenario.Demo(tb.Context(), bundle, policies.Builtin(), scenario.PlayOptions{Seed: 1, Now: now, Sessions: sessions, History: 8 * time.Hour})
	if err != nil {
		tb.Fatal(err)
	}
	var passed []*session.State
	going := map[string]*session.State{}
	for offset := int64(0); ; offset++ {
		_, _, message, ok := play.Next()
		if !ok {
			break
		}
		e, reject := event.Decode(nil, message, now.Add(10*24*time.Hour))
		if reject != nil {
			continue
		}
		redact.Event(e, func(s string) string { return s })
		s := going[e.SessionID]
		if s == nil {
			s = inspector.Open(e)
			going[e.SessionID] = s
		}
		if _, err := inspector.Next(tb.Context(), s, e, event.Position{Topic: "t", Offset: offset}, nil); err != nil {
			continue // late or a repeat
		}
		data, err := s.MarshalBinary()
		if err != nil {
			tb.Fatal(err)
		}
		kept := new(session.State)
		if err := kept.UnmarshalBinary(data); err != nil {
			tb.Fatal(err)
		}
		passed = append(passed, kept)
	}
	if len(passed) == 0 {
		tb.Fatal("the demonstration has no session")
	}
	return passed
}

func BenchmarkSnapshotWrite(b *testing.B) {
	states := demonstrated(b, 300)
	b.ReportAllocs()
	size, n := 0, 0
	for b.Loop() {
		data, err := states[n%len(states)].MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		size += len(data)
		n++
	}
	b.ReportMetric(float64(size)/float64(n), "snapshot-B")
}

func BenchmarkSnapshotRead(b *testing.B) {
	var snapshots [][]byte
	for _, s := range demonstrated(b, 300) {
		data, err := s.MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		snapshots = append(snapshots, data)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		var s session.State
		if err := s.UnmarshalBinary(snapshots[n%len(snapshots)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
}
