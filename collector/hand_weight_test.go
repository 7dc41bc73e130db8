package collector

import (
	"context"
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
