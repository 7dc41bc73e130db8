package warehouse

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// togetherRows bounds a group by its interactions, so that what is written at once takes no more memory than
	// when each of four partitions wrote a batch of its own.
	togetherRows = 60_000
	// linger is how long one that would write alone waits for others: batches of a process end at the same
	// moments, and come within some milliseconds of each other.
	linger = 10 * time.Millisecond
	// slow is how long a group may take before the next is written beside it: it may be a connection that nobody
	// answers on any more.
	slow = 10 * time.Second
)

// together has batches that come at the same moment written as one, and one group after the other unless it is
// slow. What a statement costs beside its rows (a part of each table, its merges, waiting for the disk) is many
// milliseconds of every batch, and the partitions of a process each have one: while some are written, the others
// gather.
type together struct {
	mu      sync.Mutex
	writing bool
	waiting []*joined
}

// joined is a batch that waits for a writer.
type joined struct {
	batch  *Batch
	answer chan answer // one is given, to whoever is not waiting any more
}

// answer says what became of a batch; or that its writer is to write the next group, this batch in front.
type answer struct {
	err    error
	alone  bool // the group failed, and whose fault that is cannot be seen: write it by itself
	writes bool
}

// write writes a batch, with others or by itself.
func (g *together) write(ctx context.Context, b *Batch, write func(context.Context, []*Batch) error) error {
	j := &joined{batch: b, answer: make(chan answer, 1)}
	g.mu.Lock()
	if g.writing {
		g.waiting = append(g.waiting, j)
		g.mu.Unlock()
		a, err := g.wait(ctx, j)
		switch {
		case err != nil:
			return err
		case a.alone:
			return write(ctx, []*Batch{b})
		case !a.writes:
			return a.err
		}
	} else {
		g.writing = true
		g.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(linger):
		}
	}
	g.mu.Lock()
	group := g.take(j)
	g.mu.Unlock()
	batches := make([]*Batch, len(group))
	for i, one := range group {
		batches[i] = one.batch
	}
	passed := time.AfterFunc(slow, g.pass)
	err := write(ctx, batches)
	for _, one := range group[1:] {
		one.answer <- answer{err: err, alone: err != nil}
	}
	if passed.Stop() {
		g.pass()
	}
	if err != nil && len(group) > 1 {
		err = write(ctx, batches[:1])
	}
	return err
}

// take gathers a group behind j; g.mu is held.
func (g *together) take(j *joined) []*joined {
	group, rows := []*joined{j}, len(j.batch.Interactions)
	for len(g.waiting) > 0 && rows+len(g.waiting[0].batch.Interactions) <= togetherRows {
		rows += len(g.waiting[0].batch.Interactions)
		group, g.waiting = append(group, g.waiting[0]), g.waiting[1:]
	}
	return group
}

// pass lets the next one that waits write.
func (g *together) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.writing = false
		return
	}
	next := g.waiting[0]
	g.waiting = g.waiting[1:]
	next.answer <- answer{writes: true}
}

// wait waits for the answer. Who gives up leaves the queue; a batch that is being written is waited for.
func (g *together) wait(ctx context.Context, j *joined) (answer, error) {
	select {
	case a := <-j.answer:
		return a, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	if i := slices.Index(g.waiting, j); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		g.mu.Unlock()
		return answer{}, ctx.Err()
	}
	g.mu.Unlock()
	a := <-j.answer
	if a.writes {
		g.pass()
	}
	if a.writes || a.alone {
		return answer{}, ctx.Err()
	}
	return a, nil
}
