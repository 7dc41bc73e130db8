package collector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/original"
	"mingjian/collector/redact"
	"mingjian/collector/seal"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// batch is a run of offsets on its way into the record.
//
// Its rows go there in two writes with the publishing between them. A session whose events are in
// the batch has its snapshot in the first and its findings in the second: if a crash comes between,
// the batch is done again, the snapshot is found to know more than the findings do, and these are
// written and published then. A session that only let time pass has both in the second write,
// findings first: if a crash comes between those two, the deadline fires again.
type batch struct {
	w     *worker
	run   run
	seen  policies.Millis // the newest ts among its events
	items []item

	interactions []warehouse.Interaction
	rejects      []warehouse.Reject
	findings     []warehouse.Finding
	sessions     []*conversation  // every one that the batch touched or let time pass for
	rows         map[string][]int // interactions by session id, as indexes

	// What is taken away from under the tenant that a session had before.
	goneInteractions []warehouse.Interaction
	goneFindings     []warehouse.Finding
	goneSessions     []warehouse.Session

	leaves                    [][]byte // of every offset from run.first on; nil until protect has made it
	secrets                   []secret
	adopted                   []original.Adoption
	stored, repeats, rejected int
}

// item is a message, decoded.
type item struct {
	message
	event  *event.Event // masked
	masks  redact.Kinds
	reject *event.Reject
}

// batch takes a run through everything. After an error the worker's memory is in doubt.
func (w *worker) batch(ctx context.Context, r run) error {
	if err := w.adopt(ctx); err != nil {
		return err
	}
	b := &batch{w: w, run: r, rows: map[string][]int{}}
	if err := w.recall(ctx, b.decode()); err != nil {
		return err
	}
	if err := b.classify(ctx); err != nil {
		return err
	}
	for i := range b.items {
		if err := b.take(ctx, i); err != nil {
			return err
		}
	}
	b.control(r.next)
	w.clock = max(w.clock, b.seen)
	// Sessions of this batch may well go on in the next one, so their deadlines wait for that.
	if err := b.letTimePass(ctx, min(w.clock, w.Now().UnixMilli()), eventClock); err != nil {
		return err
	}
	if err := b.protect(ctx); err != nil {
		return err
	}
	return b.write(ctx)
}

// decode reads the messages, masks what they say, and returns the ids of sessions that memory does not have.
func (b *batch) decode() (unknown []string) {
	now := b.w.Now()
	asked := map[string]bool{}
	for _, m := range b.run.messages {
		it := item{message: m}
		it.event, it.reject = event.Decode(m.key, m.value, now)
		if it.event != nil {
			it.masks = redact.Event(it.event, b.w.Keys.Pseudonym)
		}
		b.items = append(b.items, it)
		if it.event == nil {
			continue
		}
		if id := it.event.SessionID; b.w.memory.sessions[id] == nil && !asked[id] {
			asked[id] = true
			unknown = append(unknown, id)
		}
	}
	return unknown
}

// control accounts for the offsets up to next that no message has.
func (b *batch) control(next int64) {
	for at := b.run.first + int64(len(b.leaves)); at < next; at++ {
		b.leaf(seal.Entry{Disposition: seal.Control, Topic: b.w.Topic, Partition: b.w.partition, Offset: at})
	}
}

func (b *batch) leaf(e seal.Entry) { b.leaves = append(b.leaves, seal.Leaf(e.Canonical())) }

// take inspects the next message.
func (b *batch) take(ctx context.Context, i int) error {
	it := &b.items[i]
	b.control(it.offset)
	at := event.Position{Topic: b.w.Topic, Partition: b.w.partition, Offset: it.offset}
	if it.event == nil {
		b.refuse(it, at)
		return nil
	}
	e := it.event
	c := b.w.memory.sessions[e.SessionID]
	if c == nil {
		c = &conversation{state: b.w.inspector.Open(e), redo: -1}
		b.w.memory.add(c)
	}
	b.touch(c)
	_, redone := c.state.Seen.First(e.ID)
	if !redone && it.offset <= c.redo && e.Tenant == c.state.Tenant {
		// It came before the snapshot and is not part of it: it was refused, because the session had
		// no tenant yet, and stays refused although the session has moved to this one since.
		it.reject = &event.Reject{Reason: event.TenantMoved, Detail: fmt.Sprintf(
			"the event names tenant %q, but session %q belongs to tenant %q", e.Tenant, e.SessionID, session.DefaultTenant)}
		b.refuse(it, at)
		return nil
	}
	was := standingOf(c.state)
	out, err := b.w.inspector.Next(ctx, c.state, e, at, func(ctx context.Context) ([]inspect.Placed, error) {
		b.w.metrics.late.Inc()
		before, err := b.events(ctx, c)
		return append(before, b.coming(c, i)...), err
	})
	if errors.As(err, &it.reject) {
		b.refuse(it, at)
		return nil
	}
	if err != nil {
		return fmt.Errorf("inspect offset %d: %w", it.offset, err)
	}
	if out.Repeat {
		b.repeats++
		b.leaf(repeatEntry(e, at, out.FirstOffset))
		return nil
	}
	b.seen = max(b.seen, e.At)
	row := interactionRow(e, at, c.state, out.Signals)
	row.MaskKinds = it.masks.Names()
	b.stored++
	owner, adopted := c.reckon(e, it.offset)
	b.adopted = append(b.adopted, adopted...)
	waits := secret{owner: owner, leaf: len(b.leaves)}
	if it.masks != 0 || len(e.Flags) > 0 {
		waits.message = it.value
	}
	b.leaves = append(b.leaves, nil)
	if out.TenantWas != "" {
		if err := b.move(ctx, c, out.TenantWas); err != nil {
			return err
		}
	} else if redone && e.Kind == event.SessionOpened && e.Tenant != "" {
		if err := b.bury(ctx, c, session.DefaultTenant); err != nil {
			return err
		}
	}
	waits.row = len(b.interactions)
	b.secrets = append(b.secrets, waits)
	b.keep(row)
	changes := out.Changes
	if was != standingOf(c.state) {
		changes = everyFinding(c.state, changes)
	}
	for _, ch := range changes {
		b.findings = append(b.findings, b.w.catalogue.findingRow(ch, c.state))
	}
	// An event that is in the state already may not be in the snapshot: a crash came between the two
	// and the session was folded from its events.
	if !redone || it.offset > c.redo && !c.dirty {
		c.dirty, c.version = true, c.nextVersion()
	}
	b.w.memory.schedule(c)
	return nil
}

func (b *batch) touch(c *conversation) {
	if !c.touched {
		c.touched = true
		b.sessions = append(b.sessions, c)
	}
}

func (b *batch) keep(row warehouse.Interaction) {
	b.rows[row.SessionID] = append(b.rows[row.SessionID], len(b.interactions))
	b.interactions = append(b.interactions, row)
}

func (b *batch) refuse(it *item, at event.Position) {
	row := rejectRow(it.message, at, it.reject)
	b.secrets = append(b.secrets, secret{
		owner: original.Owner{Topic: at.Topic, Month: monthOf(row.At)},
		row:   len(b.rejects), leaf: len(b.leaves), reject: true,
		message: it.value[:min(len(it.value), maxPayload)],
	})
	b.rejects, b.leaves = append(b.rejects, row), append(b.leaves, nil)
	b.rejected++
}

// move puts a session that had no tenant so far under the one it has now.
func (b *batch) move(ctx context.Context, c *conversation, from string) error {
	for _, i := range b.rows[c.state.ID] {
		b.interactions[i].Tenant = c.state.Tenant
	}
	rows, err := b.w.storedRows(ctx, from, c.state.ID)
	if err != nil {
		return err
	}
	for _, row := range rows {
		row.Tenant = c.state.Tenant
		b.keep(row)
	}
	old, state := *c, *c.state
	state.Tenant = from
	old.state, old.version = &state, c.nextVersion()
	gone, err := b.w.catalogue.sessionRow(b.w.Topic, b.w.partition, &old)
	if err != nil {
		return err
	}
	gone.Deleted, gone.Pending = true, false
	b.goneSessions = append(b.goneSessions, gone)
	b.takeAway(c, from, rows)
	return nil
}

// bury finishes a move that a crash may have interrupted: the snapshot knows of it, and rows may
// still stand under the old tenant.
func (b *batch) bury(ctx context.Context, c *conversation, from string) error {
	rows, err := b.w.storedRows(ctx, from, c.state.ID)
	if err == nil && len(rows) > 0 {
		b.takeAway(c, from, rows)
	}
	return err
}

// takeAway deletes what stands under an old tenant. That is written when everything is under the
// new one, findings first, so that rows which are still there tell of a move that is not finished.
func (b *batch) takeAway(c *conversation, from string, rows []warehouse.Interaction) {
	for _, row := range rows {
		row.Version, row.Deleted = row.Version+1, true
		b.goneInteractions = append(b.goneInteractions, row)
	}
	for rule, f := range c.state.Found {
		row := b.w.catalogue.findingRow(inspect.Change{Rule: rule, Finding: f.Finding, Version: f.Version}, c.state)
		row.ID, row.Tenant, row.Deleted = inspect.FindingID(from, c.state.ID, rule), from, true
		b.goneFindings = append(b.goneFindings, row)
	}
}

// standing is what findings carry of their session.
type standing struct{ channel, line, bot, jurisdiction, customer string }

func standingOf(s *session.State) standing {
	return standing{s.Facts.Channel, s.Facts.BusinessLine, s.Bot.Version, s.Facts.Jurisdiction, s.Customer}
}

// everyFinding adds a new version of each finding that is not among the changes, because what it
// carries of its session has changed: a finding can come before the event that names the channel.
func everyFinding(s *session.State, changes []inspect.Change) []inspect.Change {
	changed := map[string]bool{}
	for _, ch := range changes {
		changed[ch.Rule] = true
	}
	for _, rule := range slices.Sorted(maps.Keys(s.Found)) {
		if changed[rule] {
			continue
		}
		f := s.Found[rule]
		f.Version++
		s.Found[rule] = f
		changes = append(changes, inspect.Change{Rule: rule, Finding: f.Finding, Version: f.Version, Standing: f.Standing})
	}
	return changes
}

// What fires deadlines.
const (
	eventClock = "event"
	wallClock  = "wall"
)

// letTimePass fires the deadlines up to now of sessions that the batch has no events of. A batch
// fires a bounded number; the rest waits for the next.
func (b *batch) letTimePass(ctx context.Context, now policies.Millis, clock string) error {
	for fired := 0; fired < b.w.Batch.Messages; {
		due := b.w.memory.overdue(now, b.w.Batch.Messages-fired)
		if len(due) == 0 {
			break
		}
		fired += len(due)
		for _, c := range due {
			out, err := b.w.inspector.Deadline(ctx, c.state)
			if err != nil {
				return fmt.Errorf("deadline of session %s: %w", c.state.ID, err)
			}
			if !c.dirty {
				c.dirty = true
				b.sessions = append(b.sessions, c)
			}
			c.version = c.nextVersion()
			for _, ch := range out.Changes {
				b.findings = append(b.findings, b.w.catalogue.findingRow(ch, c.state))
			}
			b.w.memory.schedule(c)
			b.w.metrics.deadlines.WithLabelValues(clock).Inc()
		}
	}
	return nil
}

// letTimePass fires the deadlines that the wall clock has passed.
func (w *worker) letTimePass(ctx context.Context) error {
	if err := w.adopt(ctx); err != nil {
		return err
	}
	b := &batch{w: w, run: run{first: w.position, next: w.position}}
	if err := b.letTimePass(ctx, w.Now().UnixMilli(), wallClock); err != nil {
		return err
	}
	return b.write(ctx)
}

// write puts the batch into the record and publishes it, for as long as it takes.
func (b *batch) write(ctx context.Context) error {
	w := b.w
	began := time.Now()
	before := warehouse.Batch{Interactions: b.interactions, Rejects: b.rejects, Sessions: b.goneSessions}
	after := warehouse.Batch{Interactions: b.goneInteractions, Findings: append(w.memory.owed, b.findings...)}
	for _, c := range b.sessions {
		if !c.dirty {
			continue // repeats, refusals and what a crash made us do again change nothing
		}
		row, err := w.catalogue.sessionRow(w.Topic, w.partition, c)
		if err != nil {
			return err
		}
		if c.touched {
			before.Sessions = append(before.Sessions, row)
		} else {
			after.Sessions = append(after.Sessions, row)
		}
	}
	if b.run.next > b.run.first {
		s, err := b.seal(after.Findings)
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
	w.memory.owed = nil
	w.memory.settle(b.sessions)
	b.count(after.Findings)
	if after.Seal != nil {
		w.seal, w.position = *after.Seal, b.run.next
		w.metrics.batches.Inc()
		w.metrics.write.Observe(time.Since(began).Seconds())
		w.hint()
		w.health.sealed(w.position)
	}
	w.health.holds(len(w.memory.sessions))
	return nil
}

func (w *worker) publish(ctx context.Context, findings []warehouse.Finding, rejects []warehouse.Reject) error {
	if len(findings)+len(rejects) == 0 {
		return nil
	}
	return w.try(ctx, "publish", func() error { return w.out.send(ctx, findings, rejects) })
}

func (w *worker) store(ctx context.Context, what string, b *warehouse.Batch) error {
	if len(b.Interactions)+len(b.Rejects)+len(b.Findings)+len(b.Sessions) == 0 && b.Policies == nil && b.Seal == nil {
		return nil
	}
	return w.try(ctx, what, func() error { return w.Store.Write(ctx, b) })
}

// seal makes the seal over the batch.
func (b *batch) seal(findings []warehouse.Finding) (*warehouse.Seal, error) {
	w := b.w
	leaves := make([][]byte, len(findings))
	for i := range findings {
		leaves[i] = findingLeaf(&findings[i])
	}
	s := &warehouse.Seal{
		Topic: w.Topic, Partition: w.partition, First: b.run.first, Last: b.run.next - 1,
		Stored: b.stored, Repeats: b.repeats, Rejected: b.rejected,
		Control:    len(b.leaves) - b.stored - b.repeats - b.rejected,
		Generation: w.fence, Previous: w.seal.ID, Revision: w.catalogue.revision, At: w.Now().UnixMilli(),
		InteractionsRoot: seal.Root(b.leaves), FindingsRoot: seal.Root(leaves),
	}
	h := sealHeader(s)
	if err := h.Check(); err != nil {
		return nil, err
	}
	s.ID = h.ID()
	return s, nil
}

func (b *batch) count(findings []warehouse.Finding) {
	m := b.w.metrics
	for d, n := range map[seal.Disposition]int{
		seal.Stored: b.stored, seal.Repeat: b.repeats, seal.Rejected: b.rejected,
		seal.Control: len(b.leaves) - b.stored - b.repeats - b.rejected,
	} {
		m.interactions.WithLabelValues(string(d)).Add(float64(n))
	}
	for i := range findings {
		m.findings.WithLabelValues(stateOf(&findings[i])).Inc()
	}
	m.sessions.WithLabelValues(b.w.label()).Set(float64(len(b.w.memory.sessions)))
	m.lag.WithLabelValues(b.w.label()).Set(float64(max(0, b.w.end-b.run.next)))
}
