package collector_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"mingjian/collector/warehouse"
)

// slow is a record that takes its time to write, so that the next batch is checked meanwhile.
type slow struct {
	*ledger
	takes time.Duration
}

func (s slow) Write(ctx context.Context, b *warehouse.Batch) error {
	time.Sleep(s.takes)
	return s.ledger.Write(ctx, b)
}

// full is a record that takes nothing in while it is set, and answers all the same.
type full struct {
	*ledger
	is atomic.Bool
}

func (f *full) Write(ctx context.Context, b *warehouse.Batch) error {
	if f.is.Load() {
		return errors.New("no space left on device")
	}
	return f.ledger.Write(ctx, b)
}

// What is late for a batch that is still being written, moves its session, or comes when the session is just
// over, is taken as if every batch had been in the record before the next was looked at.
func TestABatchIsCheckedWhileAnotherIsWritten(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	s.produce(madeUp(t, rand.New(rand.NewPCG(11, 5)), 40)...)
	stores := []*ledger{newLedger(), newLedger()}
	for i, takes := range []time.Duration{0, 10 * time.Millisecond} {
		o := s.options(slow{stores[i], takes})
		o.Group = s.group("slow", i)
		o.Batch.Messages = 5
		r := s.start(o)
		r.atRest()
		r.stop()
		stores[i].dispositions(t)
	}
	want := stores[0].views()
	if len(want) < 100 || stores[1].calls["events"] == 0 {
		t.Fatalf("%d rows, and the record was asked for events %d times: nothing to compare", len(want), stores[1].calls["events"])
	}
	if d := differ(want, stores[1].views()); d != "" {
		t.Errorf("a slow record has something else:\n%s", d)
	}
}

// While nothing can be written, one batch waits for that and one for it, and the broker is left alone.
func TestNoMoreThanTwoBatchesAreInHand(t *testing.T) {
	s := newStage(t, 1)
	store := &full{ledger: newLedger()}
	o := s.options(store)
	o.Batch.Messages = 8
	r := s.start(o)
	end := func() int64 {
		if p := r.health.Report().Partitions; len(p) == 1 {
			return p[0].End
		}
		return 0
	}
	s.produce(sorry(t, "before", "CN").out...)
	r.atRest()
	store.is.Store(true)
	for _, id := range []string{"written", "checked"} {
		before := end()
		s.produce(sorry(t, id, "CN").out...)
		eventually(t, func() string {
			if now := end(); now == before {
				return fmt.Sprintf("nothing was read beyond offset %d", now)
			}
			return ""
		})
	}
	time.Sleep(200 * time.Millisecond) // what is still on its way arrives
	before := end()
	for i := range 5 {
		s.produce(sorry(t, fmt.Sprintf("left%d", i), "CN").out...)
	}
	time.Sleep(time.Second) // several reads would fit
	if now := end(); now != before {
		t.Errorf("with two batches in hand the broker was read from %d to %d", before, now)
	}
	store.is.Store(false)
	r.atRest()
	if n := len(store.interactions); n != 8*8 {
		t.Errorf("%d interactions, want %d", n, 8*8)
	}
}
