package collector

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Who is ready waits for those that are not, but not for long, and for nobody who gave up.
func TestBatchesSetOutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waited := func(ctx context.Context, c *convoy, most time.Duration) time.Duration {
			began := time.Now()
			c.wait(ctx, most)
			return time.Since(began)
		}
		c := new(convoy)
		if d := waited(t.Context(), c, time.Minute); d != 0 {
			t.Errorf("alone it waited %s", d)
		}
		first, second := c.prepare(), c.prepare()
		first()
		go func() {
			time.Sleep(20 * time.Millisecond)
			second()
		}()
		if d := waited(t.Context(), c, time.Minute); d != 20*time.Millisecond {
			t.Errorf("it waited %s, want as long as the other took", d)
		}
		slow := c.prepare()
		if d := waited(t.Context(), c, time.Minute); d != convoyWait {
			t.Errorf("it waited %s for one that takes long, want %s", d, convoyWait)
		}
		if d := waited(t.Context(), c, time.Millisecond); d != time.Millisecond {
			t.Errorf("it waited %s, want what a batch may wait", d)
		}
		gone, end := context.WithCancel(t.Context())
		end()
		if d := waited(gone, c, time.Minute); d != 0 {
			t.Errorf("it waited %s although its time was over", d)
		}
		slow()
		if d := waited(t.Context(), c, time.Minute); d != 0 {
			t.Errorf("it waited %s for nobody", d)
		}
	})
}
