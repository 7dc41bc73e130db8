package session_test

import (
	"syscall"
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/redact"
	"mingjian/collector/scenario"
	"mingjian/collector/session"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// BenchmarkFoldOfTheDemo is the folding of one interaction, on average over the demo's stream, played
// again and again by new sessions.
func BenchmarkFoldOfTheDemo(b *testing.B) {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		b.Fatal(err)
	}
	detector, err := signal.New(bundle.Lexicons)
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	player, err := scenario.Demo(b.Context(), bundle, policies.Builtin(), scenario.PlayOptions{Seed: 1, Now: now, History: 8 * time.Hour, Sessions: 3000})
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
	for {
		_, key, value, ok := player.Next()
		if !ok {
			break
		}
		e, reject := event.Decode([]byte(key), value, now.AddDate(1, 0, 0))
		if reject != nil {
			b.Fatal(reject)
		}
		redact.Event(e, func(id string) string { return id })
		if _, ok := sessions[key]; !ok {
			sessions[key] = len(sessions)
		}
		stream = append(stream, step{e, detector.Detect(e.Actor.Role, e.Text), sessions[key]})
	}
	b.ReportAllocs()
	states := make([]*session.State, len(sessions))
	n := 0
	began := processor()
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
	b.ReportMetric(float64(processor()-began)/float64(n), "cpu-ns/op")
}

// processor is what the process has used of processors, which other processes do not change.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
