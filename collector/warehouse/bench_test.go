package warehouse_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// What a benchmark's record holds: sessions of 20 events each, written by batches of 50,000 events
// in which a session's events lie apart, so that most sessions are written more than once.
const (
	benchSessions  = 50_000
	benchEvents    = 20
	benchBatch     = 50_000
	benchBegin     = 1_790_000_000_000 // 2026-09-21
	benchSpacing   = 30_000            // ms between the openings of two sessions
	benchWidth     = 5_000             // sessions that go on at a time
	benchTopic     = "mingjian.interactions"
	benchPartition = 4
)

var (
	benchChannels = []string{"app", "web", "wechat", "phone"}
	benchLines    = []string{"billing", "roaming", "broadband"}
	benchRules    = []string{"cn-human-slow", "cn-ai-label-missing", "q-apology-loop"}
)

// fill writes the benchmark's record.
func fill(b *testing.B, store *warehouse.Store) {
	random := rand.New(rand.NewPCG(1, 2))
	var batch warehouse.Batch
	versions := make([]int64, benchSessions)
	touched := map[int]bool{}
	state := make([]byte, 1500)
	for i := range state {
		state[i] = "abcdefghijklmnop"[random.IntN(16)]
	}
	for i := range benchSessions * benchEvents {
		// Event i belongs to one of the sessions of its window.
		window := i / (benchWidth * benchEvents)
		n := window*benchWidth + i%benchWidth
		at := int64(benchBegin + n*benchSpacing + (i/benchWidth%benchEvents)*7_000)
		session := fmt.Sprintf("%08x-%04x-session", uint32(n)*2654435761, n)
		batch.Interactions = append(batch.Interactions, warehouse.Interaction{
			Tenant: "default", SessionID: session, EventID: fmt.Sprintf("e-%d", i), Topic: benchTopic,
			Partition: n % benchPartition, Offset: int64(i), At: at, Kind: "message", Role: "customer", ActorID: "c-1",
			Channel: benchChannels[n%4], BusinessLine: benchLines[n%3], BotVersion: "2.3.1", Jurisdiction: "CN",
			Text: "您好，我要转人工，已经说了三遍了，请尽快安排。" + session, TextBytes: 80, Signals: []string{"human_request"},
			Body: `{"event_id":"e","session_id":"` + session + `","kind":"message","actor":{"role":"customer"}}`,
		})
		touched[n] = true
		if len(batch.Interactions) < benchBatch && i+1 < benchSessions*benchEvents {
			continue
		}
		for n := range touched {
			versions[n]++
			session := fmt.Sprintf("%08x-%04x-session", uint32(n)*2654435761, n)
			opened := int64(benchBegin + n*benchSpacing)
			batch.Sessions = append(batch.Sessions, warehouse.Session{
				Tenant: "default", SessionID: session, Topic: benchTopic, Partition: n % benchPartition, LastOffset: int64(i),
				Version: versions[n], Opened: opened, LastAt: opened + 140_000, Pending: n%100 == 0,
				Channel: benchChannels[n%4], BusinessLine: benchLines[n%3], Jurisdiction: "CN", BotVersion: "2.3.1",
				Events: benchEvents, Facts: `{"jurisdiction":"CN"}`, Revision: "4f2a", State: state,
				NotAssessed: []policies.NotAssessable{{Rule: "cn-elder-channel-missing", Reason: "customer.age"}},
			})
			batch.Findings = append(batch.Findings, warehouse.Finding{
				ID: fmt.Sprintf("f-%08x", n), Tenant: "default", SessionID: session, Rule: benchRules[n%3], Pack: "cn",
				Severity: "high", Status: "policy", Level: "session", At: opened + 60_000, Facts: `{"wait_s":93}`,
				Clauses: []string{"cn-cpl-44"}, Revision: "4f2a", Standing: n%7 != 0, Version: versions[n],
				Channel: benchChannels[n%4], BusinessLine: benchLines[n%3], Jurisdiction: "CN",
			})
		}
		if err := store.Write(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
		batch = warehouse.Batch{}
		clear(touched)
	}
}

// BenchmarkRecord measures reading a record of a million interactions that was just written.
func BenchmarkRecord(b *testing.B) {
	r := open(b)
	fill(b, r.Store)
	session := fmt.Sprintf("%08x-%04x-session", func() uint32 { n := uint32(777); return n * 2654435761 }(), 777)
	ids := make([]string, 0, 1000)
	for n := range 1000 {
		ids = append(ids, fmt.Sprintf("%08x-%04x-session", uint32(n)*2654435761, n))
		if n%2 == 0 {
			ids[n] += "-unknown"
		}
	}
	day := warehouse.FindingQuery{From: benchBegin + 86_400_000, To: benchBegin + 2*86_400_000}
	for _, bc := range []struct {
		name string
		do   func() error
	}{
		{"Findings", func() error {
			_, err := r.Findings(b.Context(), warehouse.FindingQuery{Rules: benchRules[:1]})
			return err
		}},
		{"FindingsOfADay", func() error { _, err := r.Findings(b.Context(), day); return err }},
		{"Finding", func() error { _, _, err := r.Finding(b.Context(), "f-00000309"); return err }},
		{"Session", func() error { _, _, err := r.Session(b.Context(), session); return err }},
		{"Sessions", func() error { _, err := r.Sessions(b.Context(), warehouse.SessionQuery{}); return err }},
		{"Checked", func() error { _, err := r.Checked(b.Context(), warehouse.FindingQuery{}); return err }},
		{"CheckedOfADay", func() error { _, err := r.Checked(b.Context(), day); return err }},
		{"Events", func() error { _, err := r.Events(b.Context(), "default", session); return err }},
		{"Snapshots1000", func() error { _, err := r.Snapshots(b.Context(), benchTopic, ids); return err }},
		{"Progress", func() error { _, err := r.Progress(b.Context(), benchTopic); return err }},
		{"Open", func() error {
			return r.Open(b.Context(), benchTopic, 0, func(warehouse.Snapshot) error { return nil })
		}},
		{"ViewCount", func() error {
			return r.conn.QueryRow(b.Context(), "SELECT count() FROM interactions_v").Scan(new(uint64))
		}},
		{"ViewByHour", func() error {
			return r.conn.Exec(b.Context(), "SELECT toStartOfHour(at) AS time, count() FROM interactions_v WHERE channel = 'app' GROUP BY time ORDER BY time")
		}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			for b.Loop() {
				if err := bc.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWrite measures batches of 50,000 interactions with their sessions and findings.
func BenchmarkWrite(b *testing.B) {
	r := open(b)
	for b.Loop() {
		fill(b, r.Store)
	}
	b.ReportMetric(float64(benchSessions*benchEvents)*float64(b.N)/b.Elapsed().Seconds(), "interactions/s")
}
