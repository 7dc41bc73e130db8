package collector

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/redact"
	"mingjian/collector/scenario"
	"mingjian/policies"
)

// begun gives the first two or three events of sessions of the demonstration, in turns and without end, with ids of
// their own.
func begun(tb testing.TB, bundle *policies.Bundle) func() []*event.Event {
	tb.Helper()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	play, err := scenario.Demo(tb.Context(), bundle, policies.Builtin(), scenario.PlayOptions{Seed: 1, Now: now, Sessions: 300, History: 8 * time.Hour})
	if err != nil {
		tb.Fatal(err)
	}
	var order []string
	talks := map[string][]map[string]any{}
	for {
		_, key, value, ok := play.Next()
		if !ok {
			break
		}
		var m map[string]any
		if err := json.Unmarshal(value, &m); err != nil {
			tb.Fatal(err)
		}
		if talks[key] == nil {
			order = append(order, key)
		}
		if len(talks[key]) < 2+len(order)%2 && m["kind"] != "session.closed" {
			talks[key] = append(talks[key], m)
		}
	}
	n := 0
	return func() (out []*event.Event) {
		id := fmt.Sprintf("s-1qx0z2k-%05x", n)
		for i, m := range talks[order[n%len(order)]] {
			m["session_id"], m["event_id"] = id, fmt.Sprintf("%s-e%d", id, i)
			if c, ok := m["customer"].(map[string]any); ok && c["id"] != nil {
				c["id"] = fmt.Sprintf("demo-cn-%d", n)
			}
			value, err := json.Marshal(m)
			if err != nil {
				tb.Fatal(err)
			}
			e, reject := event.Decode(nil, value, now.Add(24*time.Hour))
			if reject != nil {
				tb.Fatal(reject)
			}
			redact.Event(e, func(s string) string { return s })
			out = append(out, e)
		}
		n++
		return out
	}
}

// BenchmarkOpenSessions measures what a session takes that is open and rests, all included.
func BenchmarkOpenSessions(b *testing.B) {
	const sessions = 100_000
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		b.Fatal(err)
	}
	inspector, err := inspect.New(bundle)
	if err != nil {
		b.Fatal(err)
	}
	next, offset := begun(b, bundle), int64(0)
	for b.Loop() {
		m := newMemory(nil)
		before := living()
		for range sessions {
			var c *conversation
			for _, e := range next() {
				if c == nil {
					c = &conversation{id: e.SessionID, state: inspector.Open(e), redo: -1}
				}
				if _, err := inspector.Next(b.Context(), c.state, e, event.Position{Topic: "t", Offset: offset}, nil); err != nil {
					continue // a scenario may send one late
				}
				c.reckon(e, offset, "2026-09")
				offset++
			}
			c.version = c.nextVersion()
			m.add(c)
			if err := m.rest([]*conversation{c}, 0); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(living()-before)/sessions, "B/session")
		runtime.KeepAlive(m)
	}
}

// living is how much of the heap is reachable, in bytes.
func living() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
