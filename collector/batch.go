package collector

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/original"
	"mingjian/collector/redact"
	"mingjian/collector/seal"
	"mingjian/collector/session"
	"mingjian/collector/signal"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// batch is a run of offsets on its way into the record.
//
// Its rows go there in two writes with the publishing between them. A session whose events are in
// the batch has its snapshot in the first and its findings in the second: if a crash comes between,
// the batch is done again, the snapshot is found to know more than the findings do, and these are
// written and published then; where they were written too, and only the seal was not, they are written
// again under the next. A session that only let time pass has its snapshot behind the seal, with the next batch: if
// a crash comes before, the deadline fires again.
type batch struct {
	w        *worker
	number   int64 // counts from 1
	revision string
	run      run
	seen     policies.Millis // the newest ts among its events
	room

	rejects  []warehouse.Reject
	findings []warehouse.Finding
	sessions []*conversation // those that the batch touched; until conclude also those that it let time pass for
	leaves   carried         // to the next batch
	brings   carried         // of the batch before

	// What is taken away from under the tenant that a session had before.
	goneInteractions []warehouse.Interaction
	goneFindings     []warehouse.Finding
	goneSessions     []warehouse.Session

	at                        int64 // the next offset to be accounted for
	gaps                      seal.Gaps
	adopted                   []original.Adoption
	refused                   int // the place of the last reject's owner among owners
	stored, repeats, rejected int
	watched                   int             // sessions in memory when it is in the record, at most
	weight                    int64           // of what is in hand; see hand
	ready                     func()          // tells the convoy that it may be written
	waits                     bool            // for others of the convoy
	sealed                    *warehouse.Seal // once it is in the record; nil: the batch is no run of offsets
}

// room is what there is of each message of a batch or of each session in it. The arrays go from a batch that is in the record
// to one that begins: made anew for each they were a tenth of all garbage.
type room struct {
	items        []item
	interactions []warehouse.Interaction
	earlier      []int32 // by interaction, the one before of the same session, counted from 1; see rows
	secrets      []secret
	owners       []original.Owner    // of secrets
	touched      []warehouse.Session // the snapshots of sessions that the batch has events of
}

// roomFor is room for so many messages.
func (c *collector) roomFor(messages int) room {
	r, ok := c.rooms.Get().(*room)
	if !ok {
		r = &room{}
	}
	r.items, r.interactions = slices.Grow(r.items, messages), slices.Grow(r.interactions, messages)
	r.earlier, r.secrets = slices.Grow(r.earlier, messages), slices.Grow(r.secrets, messages)
	return *r
}

// leave gives the room of a batch that is in the record to the next. One far larger than its batch goes: after a rush all
// workers would hold such for a few messages at a time.
func (c *collector) leave(r room) {
	if cap(r.items) > 4*max(len(r.items), smallBatch) {
		return
	}
	clear(r.interactions)
	clear(r.secrets)
	clear(r.owners)
	clear(r.touched)
	c.rooms.Put(&room{
		items: r.items[:0], interactions: r.interactions[:0], earlier: r.earlier[:0],
		secrets: r.secrets[:0], owners: r.owners[:0], touched: r.touched[:0],
	})
}

// smallBatch is a batch, in messages, whose room is not worth saving on.
const smallBatch = 1024

// item is a message, decoded.
type item struct {
	message
	event  *event.Event // masked
	masks  redact.Kinds
	found  signal.Set // what its text says
	body   string     // of its row
	reject *event.Reject
	of     *conversation // nil: a session that this batch begins
}

// begin makes a batch that is judged by the rules in force.
func (w *worker) begin(ctx context.Context, r run) (*batch, error) {
	if err := w.adopt(ctx); err != nil {
		return nil, err
	}
	if err := w.heed(ctx); err != nil {
		return nil, err
	}
	w.batches++
	return &batch{
		w: w, number: w.batches, revision: w.catalogue.revision, run: r, room: w.roomFor(len(r.messages)),
		at: r.first, ready: alone,
	}, nil
}

// check takes a run through everything that comes before writing, while the run before is being written.
// After an error the worker's memory is in doubt.
func (w *worker) check(ctx context.Context, r run) (b *batch, err error) {
	weight, err := w.inHand.take(ctx, r)
	if err != nil {
		return nil, err
	}
	ready := alone
	if !r.full {
		ready = w.convoy.prepare()
	}
	defer func() {
		if err != nil {
			w.inHand.free(weight)
			ready()
		}
	}()
	b, err = w.begin(ctx, r)
	if err != nil {
		return nil, err
	}
	b.weight, b.ready, b.waits = weight, ready, !r.full
	b.decode()
	w.unsealed = r.first
	if err := b.recall(ctx); err != nil {
		return nil, err
	}
	b.empty()
	if err := b.classify(ctx); err != nil {
		return nil, err
	}
	b.read()
	for i := range b.items {
		if err := b.take(ctx, i); err != nil {
			return nil, err
		}
	}
	b.control(r.next)
	for _, c := range b.sessions {
		w.memory.schedule(c)
	}
	w.clock = max(w.clock, b.seen)
	// Sessions of this batch may well go on in the next one, so their deadlines wait for that.
	if err := b.letTimePass(ctx, min(w.clock, w.Now().UnixMilli()), eventClock); err != nil {
		return nil, err
	}
	return b, b.conclude()
}

// decode reads the messages and masks what they say.
func (b *batch) decode() {
	now := b.w.Now()
	for _, m := range b.run.messages {
		it := item{message: m}
		it.event, it.reject = event.Decode(m.key, m.value, now)
		if it.event != nil {
			it.masks = redact.Event(it.event, b.w.Keys.Pseudonym)
		}
		b.items = append(b.items, it)
	}
}

// read finds what the texts say and writes the bodies of rows, each in one go over the batch. In turns with
// the fold and the rules both took three times as long: the detectors' tables had left the processor's cache.
func (b *batch) read() {
	for i := range b.items {
		if it := &b.items[i]; it.event != nil {
			it.found = b.w.inspector.Signals(it.event)
		}
	}
	for i := range b.items {
		if it := &b.items[i]; it.event != nil {
			it.body = event.Body(it.event)
		}
	}
}

// recall finds the sessions of the batch, in memory or in the record, and takes them in hand before
// anything is waited for: what is in hand is not forgotten when the batch before is in the record.
func (b *batch) recall(ctx context.Context) error {
	find := func() (unknown []string, err error) {
		asked := map[string]bool{}
		for i := range b.items {
			it := &b.items[i]
			if it.event == nil || it.of != nil {
				continue
			}
			id := it.event.SessionID
			if it.of = b.w.memory.find(id); it.of != nil {
				if err := b.touch(it.of); err != nil {
					return nil, err
				}
			} else if !asked[id] {
				asked[id] = true
				unknown = append(unknown, id)
			}
		}
		return unknown, nil
	}
	unknown, err := find()
	if err != nil || len(unknown) == 0 {
		return err
	}
	if err := b.w.recall(ctx, unknown); err != nil {
		return err
	}
	_, err = find()
	return err
}

// control accounts for the offsets up to next that no message has.
func (b *batch) control(next int64) {
	if b.at < next {
		b.gaps.Control = append(b.gaps.Control, [2]int64{b.at, next - 1})
	}
	b.at = next
}

// take inspects the next message.
func (b *batch) take(ctx context.Context, i int) error {
	it := &b.items[i]
	b.control(it.offset)
	b.at++
	at := event.Position{Topic: b.w.Topic, Partition: b.w.partition, Offset: it.offset}
	if it.event == nil {
		b.refuse(it, at)
		return nil
	}
	e := it.event
	c := it.of
	if c == nil {
		c = b.w.memory.find(e.SessionID) // begun by an event before
	}
	if c == nil {
		c = &conversation{id: e.SessionID, state: b.w.inspector.Open(e), redo: -1}
		b.w.memory.add(c)
		if err := b.touch(c); err != nil {
			return err
		}
	}
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
	out, err := b.w.inspectorOf(c).NextOf(ctx, c.state, e, it.found, at, func(ctx context.Context) ([]inspect.Placed, error) {
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
		b.gaps.Repeats = append(b.gaps.Repeats, [2]int64{it.offset, out.FirstOffset})
		return nil
	}
	b.seen = max(b.seen, e.At)
	row := interactionRow(e, at, c.state, out.Signals, it.body)
	row.MaskKinds = it.masks.Names()
	if c.erased != nil {
		c.nameless(&row)
	}
	b.stored++
	owner, adopted := c.reckon(e, it.offset, b.w.month.of(e.At))
	b.adopted = append(b.adopted, adopted...)
	waits := secret{owner: b.ownerOf(c, owner)}
	if (it.masks != 0 || len(e.Flags) > 0) && c.erased == nil {
		waits.message = it.value
	}
	if out.TenantWas != "" {
		if err := b.move(ctx, c, out.TenantWas); err != nil {
			return err
		}
	} else if from := c.movedAt(it.offset); redone && from != "" {
		if err := b.bury(ctx, c, from); err != nil {
			return err
		}
	}
	waits.row = len(b.interactions)
	b.secrets = append(b.secrets, waits)
	b.keep(c, row)
	changes := out.Changes
	if was != standingOf(c.state) {
		changes = everyFinding(c.state, changes)
	}
	for _, ch := range changes {
		b.findings = append(b.findings, b.w.catalogue.findingRow(ch, c.state))
	}
	// An event that is in the state already may not be in the snapshot: a crash came between the two
	// and the session was folded from its events.
	if !redone || it.offset > c.redo && c.dirty != b.number {
		c.dirty, c.version, c.frozen = b.number, c.nextVersion(), nil
	}
	return nil
}

// touch takes a session in hand.
func (b *batch) touch(c *conversation) error {
	if c.touched == b.number {
		return nil
	}
	c.touched, c.row, c.owner = b.number, 0, -1
	b.sessions = append(b.sessions, c)
	return c.thaw()
}

func (b *batch) keep(c *conversation, row warehouse.Interaction) {
	b.interactions, b.earlier = append(b.interactions, row), append(b.earlier, c.row)
	c.row = int32(len(b.interactions))
}

// ownerOf is the place of a session's owner among those of the batch; most often it is that of the event before.
func (b *batch) ownerOf(c *conversation, o original.Owner) int {
	if c.owner < 0 || b.owners[c.owner] != o {
		c.owner = int32(len(b.owners))
		b.owners = append(b.owners, o)
	}
	return int(c.owner)
}

// rows are the indexes of a touched session's interactions in the batch, the newest first.
func (b *batch) rows(c *conversation) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := c.row; i > 0 && yield(int(i-1)); {
			i = b.earlier[i-1]
		}
	}
}

func (b *batch) refuse(it *item, at event.Position) {
	row := rejectRow(it.message, at, it.reject)
	o := original.Owner{Topic: at.Topic, Month: b.w.month.of(row.At)}
	if len(b.rejects) == 0 || b.owners[b.refused] != o {
		b.refused = len(b.owners)
		b.owners = append(b.owners, o)
	}
	b.secrets = append(b.secrets, secret{
		owner: b.refused, row: len(b.rejects), reject: true,
		message: it.value[:min(len(it.value), maxPayload)],
	})
	b.rejects = append(b.rejects, row)
	b.rejected++
}

// move puts a session that had no tenant so far under the one it has now.
func (b *batch) move(ctx context.Context, c *conversation, from string) error {
	for i := range b.rows(c) {
		b.interactions[i].Tenant = c.state.Tenant
	}
	rows, err := b.w.storedRows(ctx, from, c.state.ID)
	if err != nil {
		return err
	}
	for _, row := range rows {
		row.Tenant, row.Version = c.state.Tenant, 0
		if row.Partition != b.w.partition || row.Offset < b.run.first {
			row.Version = warehouse.Moved // a seal has it; what a crash left of this batch or a later one has none yet
		}
		b.keep(c, row)
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
	limit := b.w.mayFire()
	for fired := 0; fired < limit; {
		due := b.w.memory.overdue(now, limit-fired, b.number)
		if len(due) == 0 {
			break
		}
		fired += len(due)
		for _, c := range due {
			if err := c.thaw(); err != nil {
				return err
			}
			out, err := b.w.inspectorOf(c).Deadline(ctx, c.state)
			if err != nil {
				return fmt.Errorf("deadline of session %s: %w", c.state.ID, err)
			}
			if c.dirty != b.number {
				c.dirty = b.number
				b.sessions = append(b.sessions, c)
			}
			c.version, c.frozen = c.nextVersion(), nil
			for _, ch := range out.Changes {
				b.findings = append(b.findings, b.w.catalogue.findingRow(ch, c.state))
			}
			b.w.memory.schedule(c)
			b.w.metrics.deadlines.WithLabelValues(clock).Inc()
		}
	}
	return nil
}

// mayFire is how many deadlines a batch fires at most.
func (w *worker) mayFire() int { return max(1, w.Batch.Messages/firedPart) }

// letTimePass fires the deadlines that the wall clock has passed.
func (w *worker) letTimePass(ctx context.Context) (b *batch, err error) {
	weight, err := w.inHand.takeFired(ctx, w.mayFire())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.inHand.free(weight)
		}
	}()
	b, err = w.begin(ctx, run{first: w.next, next: w.next})
	if err != nil {
		return nil, err
	}
	b.weight = weight
	if err := b.letTimePass(ctx, w.Now().UnixMilli(), wallClock); err != nil {
		return nil, err
	}
	return b, b.conclude()
}
