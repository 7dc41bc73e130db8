package collector

import (
	"context"
	"slices"
	"time"

	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

// flight is a batch on its way into the record. There is one at most, so that seals follow each other in
// order, and that no more than two batches are in hand: nothing is read from the broker while one is
// being written and another waits for it.
type flight struct {
	batch  *batch
	landed chan struct{} // closed when err is there
	err    error
}

// flies reports whether the batch is still being written.
func (f *flight) flies() bool {
	if f == nil {
		return false
	}
	select {
	case <-f.landed:
		return false
	default:
		return true
	}
}

// launch begins to write a batch once the one before is in the record.
func (w *worker) launch(ctx context.Context, b *batch) error {
	if err := w.land(); err != nil {
		w.inHand.free(b.weight)
		b.ready()
		return err
	}
	b.brings, w.carried = w.carried, carried{}
	f := &flight{batch: b, landed: make(chan struct{})}
	w.flight = f
	landed := w.convoy.fly()
	go func() {
		defer close(f.landed)
		defer landed()
		defer w.inHand.free(b.weight)
		f.err = b.write(ctx)
	}()
	return nil
}

// land waits until the batch that is being written is in the record, if there is one.
func (w *worker) land() error {
	f := w.flight
	if f == nil {
		return nil
	}
	<-f.landed
	w.flight = nil
	if f.err != nil {
		return f.err
	}
	if err := w.memory.settle(f.batch.brings.batch, f.batch.brings.sessions); err != nil {
		return err
	}
	if err := w.memory.settle(f.batch.number, f.batch.sessions); err != nil {
		return err
	}
	w.carried = f.batch.leaves
	if s := f.batch.sealed; s != nil {
		w.seal, w.position = *s, f.batch.run.next
		w.hint()
	}
	f.batch.count()
	w.leave(f.batch.room)
	w.count()
	w.health.holds(w.memory.len())
	return nil
}

// carried are the sessions that only let time pass in a batch. Their snapshots, which must not be in the record before its
// seal, go there with the rows of the next: an insert of their own was a fifth of what the engine did for a batch, and half
// of all parts of sessions.
type carried struct {
	batch    int64               // its number
	sessions []*conversation     // in memory until their snapshots are in the record
	rows     []warehouse.Session // the snapshots
}

// mayLeave is how many snapshots a batch leaves to the next at most, since hand does not count them: those of all
// partitions together are an eighth of the sessions that are kept warm, and as many more while the next is written.
func (w *worker) mayLeave() int { return w.keepWarm / 8 }

// follow launches a batch of no offsets, which brings what is owed and what the batch before leaves.
func (w *worker) follow(ctx context.Context) error {
	b, err := w.begin(ctx, run{first: w.next, next: w.next})
	if err != nil {
		return err
	}
	if err := b.conclude(); err != nil {
		return err
	}
	return w.launch(ctx, b)
}

// landWhole is land, and has in the record what the batch leaves too: no other is to be
// expected soon. That asks for keys and rules as any batch does, and so waits for them where they are away.
func (w *worker) landWhole(ctx context.Context) error {
	if err := w.land(); err != nil || len(w.carried.sessions) == 0 {
		return err
	}
	if err := w.follow(ctx); err != nil {
		return err
	}
	return w.land()
}

// conclude makes the snapshots, after which the sessions belong to the next batch, and takes along the
// findings that are owed.
func (b *batch) conclude() error {
	w := b.w
	if len(b.items) > 0 {
		b.touched = slices.Grow(b.touched, len(b.sessions))
	}
	b.leaves.batch = b.number
	for _, c := range b.sessions {
		if c.dirty != b.number {
			continue // repeats, refusals and what a crash made us do again change nothing
		}
		row, err := w.catalogue.sessionRow(w.Topic, w.partition, c)
		if err != nil {
			return err
		}
		if c.touched == b.number {
			b.touched = append(b.touched, row)
		} else {
			b.leaves.sessions, b.leaves.rows = append(b.leaves.sessions, c), append(b.leaves.rows, row)
		}
	}
	clear(b.items) // nobody needs what was read while it is being written, and it is most of the batch
	b.run.messages = nil
	b.findings, w.memory.owed = append(w.memory.owed, b.findings...), nil
	if err := w.memory.rest(b.sessions, w.keepWarm); err != nil {
		return err
	}
	b.sessions = slices.DeleteFunc(b.sessions, func(c *conversation) bool { return c.touched != b.number })
	b.watched = w.memory.len()
	for _, c := range b.sessions {
		if !c.pending() {
			b.watched--
		}
	}
	return nil
}

// write puts the batch into the record and publishes it, for as long as it takes. It runs beside the check
// of the next batch, and so changes nothing that is the worker's.
func (b *batch) write(ctx context.Context) error {
	w := b.w
	began := time.Now()
	err := b.protect(ctx)
	b.ready()
	if err != nil {
		return err
	}
	if b.waits {
		w.convoy.wait(ctx, w.Batch.Wait)
	}
	b.touched = append(append(b.touched, b.goneSessions...), b.brings.rows...)
	before := warehouse.Batch{Interactions: b.interactions, Rejects: b.rejects, Sessions: b.touched}
	after := warehouse.Batch{Interactions: b.goneInteractions, Findings: b.findings}
	for _, found := range [][]warehouse.Finding{b.goneFindings, b.findings} {
		for i := range found {
			before.Versions = append(before.Versions, sealed.Version(&found[i])) // nothing without their seal
		}
	}
	if b.run.next > b.run.first || len(before.Versions) > 0 { // what deadlines bring has a seal, as all that is found
		s, err := b.seal(before.Versions)
		if err != nil {
			return err
		}
		after.Seal = s
	}
	if err := w.store(ctx, "write rows", &before); err != nil {
		return err
	}
	if err := w.publish(ctx, append(b.goneFindings, after.Findings...), b.rejects); err != nil {
		return err
	}
	if err := w.store(ctx, "write withdrawn findings", &warehouse.Batch{Findings: b.goneFindings}); err != nil {
		return err
	}
	if err := w.store(ctx, "write findings and seal", &after); err != nil {
		return err
	}
	if len(b.leaves.rows) > w.mayLeave() {
		if err := w.store(ctx, "write sessions", &warehouse.Batch{Sessions: b.leaves.rows}); err != nil {
			return err
		}
		b.sessions, b.leaves = append(b.sessions, b.leaves.sessions...), carried{}
	}
	if after.Seal != nil {
		b.sealed = after.Seal
		w.metrics.batches.Inc()
		w.metrics.write.Observe(time.Since(began).Seconds())
		w.health.sealed(b.run.next, b.watched)
	}
	return nil
}

func (w *worker) publish(ctx context.Context, findings []warehouse.Finding, rejects []warehouse.Reject) error {
	if len(findings)+len(rejects) == 0 {
		return nil
	}
	return w.try(ctx, "publish", func() error { return w.out.send(ctx, findings, rejects) })
}

func (w *worker) store(ctx context.Context, what string, b *warehouse.Batch) error {
	if len(b.Interactions)+len(b.Rejects)+len(b.Findings)+len(b.Versions)+len(b.Sessions) == 0 && b.Policies == nil && b.Seal == nil {
		return nil
	}
	return w.try(ctx, what, func() error { return w.Store.Write(ctx, b) })
}

func (b *batch) count() {
	m := b.w.metrics
	for d, n := range map[seal.Disposition]int{
		seal.Stored: b.stored, seal.Repeat: b.repeats, seal.Rejected: b.rejected,
		seal.Control: b.silent(),
	} {
		m.interactions.WithLabelValues(string(d)).Add(float64(n))
	}
	for i := range b.findings {
		m.findings.WithLabelValues(stateOf(&b.findings[i])).Inc()
	}
	m.sessions.WithLabelValues(b.w.label()).Set(float64(b.w.memory.len()))
	m.lag.WithLabelValues(b.w.label()).Set(float64(max(0, b.w.end-b.run.next)))
}
