package bench

import (
	"context"
	"fmt"
	"time"

	"mingjian/collector"
)

// Opened is what sessions that are left open cost a collector.
type Opened struct {
	Sessions     int     `json:"sessions"`     // that the collector says it has in memory
	Interactions int64   `json:"interactions"` // two or three of each
	RSS          float64 `json:"rss_mb"`       // the collector's, MiB, when all were in the record
	Peak         float64 `json:"peak_rss_mb"`
	// Takeover is how long a new collector took from its start until it had taken every partition over
	// from one that ended in order, in seconds; and what it then had in memory, MiB.
	Takeover     float64 `json:"takeover_seconds"`
	TakeoverRSS  float64 `json:"takeover_rss_mb"`
	TakeoverPeak float64 `json:"takeover_peak_rss_mb"`
}

// openFor is the event time over which the sessions begin: long before any is closed for its silence.
const openFor = 10 * time.Minute

// opened measures with sessions that are begun and left open, and nothing else.
func (b *bench) opened(ctx context.Context) error {
	s, err := newTraffic(beginnings(b.talks), tagOf("open", time.Now()), 1, b.People)
	if err != nil {
		return err
	}
	s.spread(openFor * time.Duration(len(s.talks)) / time.Duration(b.Open))
	s.most = int64(b.Open)
	var n int64
	for i := range b.Open {
		n += int64(len(s.talks[i%len(s.talks)].lines))
	}
	s.base = time.Now().Add(-openFor).Truncate(time.Millisecond)
	if _, err := b.system.collect(ctx, b.profile("open")); err != nil {
		return err
	}
	p := newProducer(b.system.endpoints.Kafka, collector.InteractionsTopic)
	defer p.close()
	b.say("opening %d sessions", b.Open)
	w := &watch{system: b.system}
	began := time.Now()
	produced, ended, err := b.through(ctx, w, p, s, pace{count: n, lead: b.Lead})
	if err != nil {
		return err
	}
	b.produced += produced
	b.result.Interactions, b.result.Seconds = produced, round(ended.Sub(began).Seconds(), 3)
	u, err := usageOf(b.system.collector.pid)
	if err != nil {
		return err
	}
	o := &Opened{Interactions: produced, RSS: round(u.RSS, 1), Peak: round(u.Peak, 1)}
	if o.Sessions, err = b.system.remembered(ctx); err != nil {
		return err
	}
	b.result.Open = o
	b.say("%d sessions in memory, %.0f MiB; starting another collector", o.Sessions, o.RSS)
	if err := b.system.rest(); err != nil {
		return err
	}
	took, err := b.system.collect(ctx, "")
	if err != nil {
		return err
	}
	if u, err = usageOf(b.system.collector.pid); err != nil {
		return err
	}
	o.Takeover, o.TakeoverRSS, o.TakeoverPeak = round(took.Seconds(), 3), round(u.RSS, 1), round(u.Peak, 1)
	if n, err := b.system.remembered(ctx); err != nil {
		return err
	} else if n != o.Sessions {
		return &Wrong{fmt.Sprintf("%d sessions were open, and %d were taken over", o.Sessions, n)}
	}
	b.say("taken over in %.1f s", o.Takeover)
	return b.audit(ctx)
}

// remembered asks the collector how many sessions it has in memory.
func (s *system) remembered(ctx context.Context) (n int, err error) {
	report, err := s.report(ctx)
	for _, p := range report.Partitions {
		n += p.Sessions
	}
	return n, err
}
