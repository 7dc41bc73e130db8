package collector

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// convoyWait is how long at most a batch that is ready to be written waits for those that are not.
const convoyWait = 150 * time.Millisecond

// convoy has the batches of all partitions of a process set out together, where they are not full: each ends when
// none is on its way any more (see worker.gather), and waits for those that are not ready yet, neither for long. What
// a write costs beside its rows (see warehouse.Store.Write) is most of a small batch; and partitions that shared no
// step of the way waited for each other at every one.
type convoy struct {
	flying atomic.Int32

	mu        sync.Mutex
	preparing int           // that are checked, and wait for their keys
	all       chan struct{} // closed when all are ready; nil: they are
}

// fly notes that a batch is on its way into the record, until landed is called.
func (c *convoy) fly() (landed func()) {
	c.flying.Add(1)
	return func() { c.flying.Add(-1) }
}

// flies reports whether any batch is on its way.
func (c *convoy) flies() bool { return c.flying.Load() > 0 }

// prepare notes that a batch will be written, until it is ready for that.
func (c *convoy) prepare() (ready func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.preparing++; c.all == nil {
		c.all = make(chan struct{})
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.preparing--; c.preparing == 0 {
			close(c.all)
			c.all = nil
		}
	}
}

// alone is ready of a batch that no other waits for.
func alone() {}

// wait returns when all batches are ready, or when waiting longer would not pay: after convoyWait, or most where that is
// less.
func (c *convoy) wait(ctx context.Context, most time.Duration) {
	c.mu.Lock()
	all := c.all
	c.mu.Unlock()
	if all == nil {
		return
	}
	select {
	case <-all:
	case <-ctx.Done():
	case <-time.After(min(convoyWait, most)):
	}
}
