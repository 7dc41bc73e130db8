package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"mingjian/collector"
)

// Latency is how long it takes from the moment at which an interaction was due to be produced until a
// query first finds it sealed, over all interactions. What an interaction brings about is queryable
// before its seal is, so findings are not later than that. A seal that another partition's brought the look
// to may be seen a moment before it is on the disk.
type Latency struct {
	P50  float64 `json:"p50"` // milliseconds
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
	Rate float64 `json:"rate"`         // interactions a second that were asked for
	Held float64 `json:"rate_held"`    // that were produced
	Of   int     `json:"interactions"` // that were measured
}

// latency measures at a fixed rate, by default half of the sustained one.
func (b *bench) latency(ctx context.Context) error {
	if b.Latency <= 0 {
		return nil
	}
	rate := b.Rate
	if rate == 0 {
		rate = b.result.Rate / 2
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	if _, err := b.system.collect(ctx, b.profile("latency")); err != nil {
		return err
	}
	b.say("measuring latency at %.0f/s for %v", rate, b.Latency)
	n := int64(rate * b.Latency.Seconds())
	s, err := b.traffic("latency", n)
	if err != nil {
		return err
	}
	p := newProducer(b.system.endpoints.Kafka, collector.InteractionsTopic)
	defer p.close()
	p.noting = true
	w := &watch{system: b.system}
	var all []float64
	take := func(at time.Time) {
		for partition := range b.Partitions {
			for _, m := range p.reached(partition, w.at(partition)) {
				all = append(all, float64(at.Sub(m.at).Microseconds())/1000)
			}
		}
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	group, following := errgroup.WithContext(following)
	group.Go(func() error { return w.follow(following, take) })
	var held float64
	group.Go(func() error {
		defer stop()
		began := time.Now()
		sent, err := p.send(following, s, pace{count: n, rate: rate})
		held = float64(sent) / time.Since(began).Seconds()
		b.produced += sent
		if err != nil {
			return err
		}
		_, err = b.awaited(following, w, p.target())
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	take(time.Now()) // what the broker had acknowledged, and the producer had not heard of, at the last look
	if int64(len(all)) != n {
		return fmt.Errorf("latency: %d of %d interactions were seen", len(all), n)
	}
	slices.Sort(all)
	at := func(share float64) float64 { return round(all[min(len(all)-1, int(share*float64(len(all))))], 1) }
	b.result.Latency = &Latency{
		P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: at(1), Rate: round(rate, 0), Held: round(held, 0), Of: len(all),
	}
	b.say("latency p50 %.0f ms, p99 %.0f ms, p99.9 %.0f ms", b.result.Latency.P50, b.result.Latency.P99, b.result.Latency.P999)
	return b.system.rest()
}
