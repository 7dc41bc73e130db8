package warehouse

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However many write at once, whatever fails and whoever gives up: a batch that was answered with nil was written
// whole, nobody waits for ever, and batches are written together.
func TestBatchesThatAreWrittenTogether(t *testing.T) {
	var g together
	var mu sync.Mutex
	written, groups := map[int64]bool{}, 0
	poison := errors.New("a row that no server takes")
	write := func(ctx context.Context, all []*Batch) error {
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		mu.Lock()
		defer mu.Unlock()
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, b := range all {
			if b.Seal.First%17 == 0 {
				return poison
			}
		}
		groups++
		for _, b := range all {
			written[b.Seal.First] = true
		}
		return nil
	}
	const workers, each = 12, 200
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := range each {
				n := int64(w*each + i + 1)
				ctx, cancel := context.WithCancel(t.Context())
				if n%5 == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(400))*time.Microsecond)
				}
				err := g.write(ctx, &Batch{Seal: &Seal{First: n}, Interactions: make([]Interaction, rand.IntN(togetherRows/3))}, write)
				gaveUp := ctx.Err() != nil
				cancel()
				mu.Lock()
				there := written[n]
				mu.Unlock()
				switch {
				case err == nil && !there:
					t.Errorf("batch %d was answered and not written", n)
				case err != nil && n%17 == 0 && (errors.Is(err, poison) || gaveUp):
				case err != nil && !gaveUp:
					t.Errorf("batch %d: %v", n, err)
				}
			}
		})
	}
	group.Wait()
	if g.writing || len(g.waiting) != 0 {
		t.Errorf("one writes (%v) and %d wait when all is done", g.writing, len(g.waiting))
	}
	if groups >= len(written) {
		t.Errorf("%d batches were written one by one", len(written))
	}
}

// A write that nobody answers holds the others up for a moment only.
func TestOneThatHangsHoldsNobodyUpForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g together
		hangs := make(chan struct{})
		write := func(_ context.Context, all []*Batch) error {
			if all[0].Seal.First == 0 {
				<-hangs
			}
			return nil
		}
		var group sync.WaitGroup
		began := time.Now()
		for n := range int64(5) {
			group.Go(func() {
				time.Sleep(time.Duration(n) * time.Second)
				if err := g.write(t.Context(), &Batch{Seal: &Seal{First: n}}, write); err != nil {
					t.Error(err)
				}
				if n == 0 {
					return
				}
				if took := time.Since(began); took > slow+time.Second {
					t.Errorf("batch %d was written after %v", n, took)
				}
			})
		}
		time.Sleep(time.Minute)
		close(hangs)
		group.Wait()
		if g.writing || len(g.waiting) != 0 {
			t.Errorf("one writes (%v) and %d wait when all is done", g.writing, len(g.waiting))
		}
	})
}
