package collector

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
)

// What is in hand is bounded, whoever has it; a run that is heavier than all that may be goes alone, and who gives
// up waiting has nothing.
func TestWhatIsInHandIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHand(2, math.MaxInt64)
		heavy := run{messages: []message{{value: make([]byte, h.most)}}}
		weight, err := h.take(t.Context(), heavy)
		if err != nil || weight != h.most {
			t.Fatalf("the first has %d, %v; want %d", weight, err, h.most)
		}
		gone, giveUp := context.WithCancel(t.Context())
		giveUp()
		if _, err := h.takeFired(gone, 1); err == nil {
			t.Fatal("two have more in hand than may be")
		}
		taken := false
		go func() {
			small, err := h.take(t.Context(), run{messages: []message{{value: []byte("x")}}})
			if err != nil || small != messageWeight+1 {
				t.Errorf("the second has %d, %v", small, err)
			}
			taken = true
		}()
		synctest.Wait()
		if taken {
			t.Fatal("the second did not wait")
		}
		h.free(weight)
		synctest.Wait()
		if !taken {
			t.Fatal("the second waits for ever")
		}
	})
}

// The more sessions are open, the less is in hand beside them, and one batch at least.
func TestOpenSessionsLeaveLessInHand(t *testing.T) {
	batch := run{messages: slices.Repeat([]message{{value: make([]byte, 320)}}, DefaultBatchMessages)}
	fit := func(processors int, memory, sessions int64) (n int) {
		h := newHand(processors, memory)
		h.sessions.Store(sessions)
		for {
			weight, err := h.take(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			if n++; !h.held.TryAcquire(weight) {
				return n
			}
			h.free(weight)
		}
	}
	for _, c := range []struct {
		processors       int
		memory, sessions int64
		want             int
	}{
		{2, math.MaxInt64, 0, 3}, {2, 1280 << 20, 0, 3}, {2, 1280 << 20, 700_000, 3}, {2, 1280 << 20, 1_000_000, 1},
		{2, 1280 << 20, 100_000_000, 1}, {2, 1 << 20, 0, 1}, {64, math.MaxInt64, 1_000_000, 65}, {64, 1280 << 20, 0, 9},
	} {
		if n := fit(c.processors, c.memory, c.sessions); n != c.want {
			t.Errorf("%+v: %d batches are in hand", c, n)
		}
	}
}
