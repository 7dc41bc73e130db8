package export_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"mingjian/audit/export"
	"mingjian/collector"
	"mingjian/collector/event"
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

// BenchmarkExport makes a package of a million interactions of a day. Set-up writes them as a collector does.
func BenchmarkExport(b *testing.B) {
	s := &system{t: b}
	s.open(b.TempDir())
	begun := time.Now()
	s.fill(1_000_000)
	b.Logf("written in %s", time.Since(begun))
	for b.Loop() {
		var size counted
		progress, phase, since := export.Progress{}, "", time.Now()
		made, err := s.sources().Write(context.Background(), &size, s.request("acme"), func(p export.Progress) {
			if p.Phase != phase {
				b.Logf("%-12s %s", phase, time.Since(since))
				phase, since = p.Phase, time.Now()
			}
			progress = p
		})
		if err != nil {
			b.Fatal(err)
		}
		if made.Interactions != 1_000_000 || progress.Done != made.Interactions {
			b.Fatalf("%d interactions", made.Interactions)
		}
		b.ReportMetric(float64(size)/1e6, "MB")
	}
	b.ReportMetric(peak(b), "peak_MB")
}

type counted int64

func (c *counted) Write(b []byte) (int, error) {
	*c += counted(len(b))
	return len(b), nil
}

var _ io.Writer = new(counted)

// peak is the largest memory that this process had, in MB.
func peak(tb testing.TB) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(kb), " kB"), 64)
			if err != nil {
				tb.Fatal(err)
			}
			return n / 1000
		}
	}
	tb.Fatal("no VmHWM")
	return 0
}

// fill writes n interactions of one tenant in batches of 2,500, four partitions, ten to a session, and a finding in
// every fourth session.
func (s *system) fill(n int) {
	const partitions, batch, each = 4, 2500, 10
	type place struct {
		next     int64
		previous string
	}
	var at [partitions]place
	texts := []string{"您好，请问有什么可以帮您？", "我要转人工，已经说了三遍了，为什么还是机器人在回答", "请先描述您的问题哦，我会尽力为您解答。如需人工服务，请回复“人工”。", "上个月的账单多扣了三十五元，帮我查一下是怎么回事", "本服务由人工智能生成内容，仅供参考。"}
	ctx := context.Background()
	for done := 0; done < n; done += batch {
		part := done / batch % partitions
		p := &at[part]
		b := &warehouse.Batch{}
		var rows []seal.Row
		for i := range min(batch, n-done) {
			session, offset := fmt.Sprintf("bench-%07d", (done+i)/each), p.next+int64(i)
			r := warehouse.Interaction{
				Tenant: "acme", SessionID: session, EventID: fmt.Sprintf("e-%d", i%each), Topic: collector.InteractionsTopic, Partition: part, Offset: offset,
				At: day.UnixMilli() + int64(done+i)*80, Kind: "message", Role: "customer", Channel: "app", BusinessLine: "mobile", BotVersion: "2.1", Jurisdiction: "CN",
				Text: texts[i%len(texts)], TextBytes: 60, Salt: fmt.Sprintf("%016d", done+i),
			}
			e := event.Event{ID: r.EventID, SessionID: session, At: r.At, Kind: event.Kind(r.Kind), Tenant: "acme"}
			e.Actor.Role = "customer"
			r.Body = event.Body(&e)
			if i%3 == 0 {
				r.OriginalEnc = strings.Repeat("x", 120) + session
			}
			leaf := sealed.Leaf(&r)
			r.Leaf = string(leaf[:])
			rows = append(rows, seal.Row{Offset: offset, At: r.At, Tenant: r.Tenant, Leaf: leaf})
			b.Interactions = append(b.Interactions, r)
			if i%each != each-1 {
				continue
			}
			b.Sessions = append(b.Sessions, warehouse.Session{
				Tenant: "acme", SessionID: session, Topic: r.Topic, Partition: part, LastOffset: offset, Version: 1, Opened: r.At - 720, Closed: r.At, LastAt: r.At,
				Channel: "app", BusinessLine: "mobile", BotVersion: "2.1", Jurisdiction: "CN", Events: each, Revision: "bench",
				Facts: `{"channel":"app","business_line":"mobile","jurisdiction":"CN","opened":` + fmt.Sprint(r.At-720) + `,"closed":` + fmt.Sprint(r.At) + `}`,
			})
			if (done+i)/each%4 == 0 {
				f := warehouse.Finding{ID: "f-" + session, Tenant: "acme", SessionID: session, Rule: "cn-human-slow", Pack: "cn", Severity: "high", Status: "policy", Level: "session", Subject: r.EventID, At: r.At, Facts: `{"waited_s":93}`, Revision: "bench", Standing: true, Version: 1}
				b.Findings, b.Versions = append(b.Findings, f), append(b.Versions, sealed.Version(&f))
			}
		}
		h := seal.Header{Topic: collector.InteractionsTopic, Partition: part, First: p.next, Last: p.next + int64(len(rows)) - 1, Stored: len(rows), Generation: 1, Previous: p.previous, Revision: "bench", At: time.Now().UnixMilli()}
		var found []seal.Found
		for i := range b.Versions {
			found = append(found, seal.Found{Tenant: "acme", Leaf: seal.HashOf(b.Versions[i].Leaf)})
		}
		groups := seal.Groups(rows, nil, seal.Gaps{}, found, h.Topic, part)
		h.Commit(groups, s.vault.Blinding)
		w, err := sealed.Write(&h, groups, seal.Gaps{})
		if err != nil {
			s.t.Fatal(err)
		}
		for i := range b.Versions {
			v := &b.Versions[i]
			v.Topic, v.Partition, v.First, v.Seal, v.Ordinal = h.Topic, part, h.First, w.ID, i
		}
		b.Seal = w
		if err := s.record.Write(ctx, b); err != nil {
			s.t.Fatal(err)
		}
		p.next, p.previous = h.Last+1, w.ID
	}
	if err := s.notary.Follow(ctx, s.record); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.notary.Checkpoint(ctx); err != nil {
		s.t.Fatal(err)
	}
}
