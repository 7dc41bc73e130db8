package collector

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
)

// What is in hand is bounded, whoever has it; a run that is heavier than all that may be goes alone, and who gives
// up waiting has nothing.
func TestWhatIsInHandIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHand()
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
	batch := run{messages: make([]message, DefaultBatchMessages)}
	fit := func(sessions int64) (n int) {
		h := newHand()
		h.watched.Store(sessions)
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
	none, some, many, tooMany := fit(0), fit(100_000), fit(1_000_000), fit(10_000_000)
	if none != some || none < runtime.GOMAXPROCS(0)+1 || many >= none || tooMany != 1 {
		t.Errorf("%d batches are in hand beside no session, %d beside 100,000, %d beside a million, %d beside ten", none, some, many, tooMany)
	}
}
