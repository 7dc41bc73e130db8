package collector

import (
	"bytes"
	"container/heap"
	"context"
	"fmt"
	"slices"

	"mingjian/collector/inspect"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// conversation is a session that something happens to, or that it happened to lately. Of the others all that
// is kept is on the shelf: little more than the snapshot that the record has too, a tenth of the memory.
type conversation struct {
	id    string
	key   key
	state *session.State // nil until thaw, where it comes from the shelf
	// frozen is the snapshot of the state; nil where the state has changed since it was made.
	frozen []byte
	packed []byte // the tenures, until thaw
	// due and open are the state's (State.Due, Facts.Closed == 0), as schedule last saw them; scheduled is for when
	// it is among the deadlines, 0 where it is not. That may be before due, never after it.
	due, scheduled policies.Millis
	// version is that of the snapshot that was last made or loaded.
	version int64
	// redo is the newest offset that the snapshot knew when it was loaded here, -1 where it knew none
	// of this partition. Up to there events have been judged already, and are not judged again.
	redo int64
	// Numbers of batches, which count from 1: the newest that has events of this session, the newest
	// that its snapshot must be written with, and the one that it had in hand when it was last found warm.
	touched, dirty, seen int64
	row                  int32              // of its newest row in the batch that touched it, counted from 1; see batch.rows
	owner                int32              // of its newest event there, counted from 0; -1: none; see batch.ownerOf
	open, warm           bool               // open: see due; warm: in memory.warm
	tenures              []tenure           // whose its events are, by offset; nil until thaw
	erased               *warehouse.Session // what is kept of the row of one whose person was erased; nil: nobody's was
	owners               string             // the tenures as the session's row has them; "" where they have changed or were not asked for since
}

// firedBits is the room for deadlines in a snapshot's version.
const firedBits = 20

// nextVersion orders a session's snapshots by what they know: by the newest offset, and by how many
// deadlines fired since. It depends on nothing else, so that two owners of a partition, or the same
// one before and after a crash, number equal snapshots alike.
func (c *conversation) nextVersion() int64 {
	base := (c.state.Last + 1) << firedBits
	if c.version < base {
		return base
	}
	return c.version + 1
}

// pending reports whether anything can still happen to the session without an event of its own.
func (c *conversation) pending() bool { return c.open || c.due != 0 }

// thaw makes the state of a session that comes from the shelf.
func (c *conversation) thaw() error {
	if c.state != nil {
		return nil
	}
	state := new(session.State)
	if err := state.UnmarshalBinary(c.frozen); err != nil {
		return fmt.Errorf("session %s: %w", c.id, err)
	}
	if state.Found == nil {
		state.Found = map[string]session.Found{}
	}
	c.state, c.tenures, c.packed = state, readTenures(shelved{c.packed}, state), nil
	return nil
}

// freeze makes the snapshot, where there is none of the state as it is.
func (c *conversation) freeze() (err error) {
	if c.frozen == nil {
		c.frozen, err = c.state.MarshalBinary()
	}
	return err
}

// memory is what a worker knows: the sessions that are open or have a deadline pending, those of the
// batches in hand, the deadlines in order, and some sessions that were over lately.
type memory struct {
	awake map[key]*conversation
	shelf shelf // the others that are watched, of which no batch that is being checked has an event
	past  *past // nil: nothing is kept
	due   deadlines
	warm  []*conversation     // those awake of which no batch has an event that is being checked
	owed  []warehouse.Finding // to the findings topic, see revive
}

func newMemory(past *past) *memory {
	return &memory{awake: map[key]*conversation{}, shelf: newShelf(), past: past}
}

// len is how many sessions are watched or in hand.
func (m *memory) len() int { return len(m.awake) + m.shelf.len() }

// find gives a session, awake from now on, and nil where memory has none of that id.
func (m *memory) find(id string) *conversation { return m.wake(keyOf(id)) }

func (m *memory) wake(k key) *conversation {
	if c := m.awake[k]; c != nil {
		return c
	}
	c := m.shelf.take(k)
	if c == nil {
		c = m.past.take(k)
	}
	if c != nil {
		m.awake[k] = c
	}
	return c
}

// add takes up a session that memory does not have.
func (m *memory) add(c *conversation) {
	c.key = keyOf(c.id)
	m.awake[c.key] = c
	m.schedule(c)
}

// schedule notes when the session's deadline is, after its state has changed. One that moves away, as
// most do with every event, is looked for when its time has come.
func (m *memory) schedule(c *conversation) {
	c.due, c.open = c.state.Due, c.state.Facts.Closed == 0
	if c.due != 0 && (c.scheduled == 0 || c.due < c.scheduled) {
		c.scheduled = c.due
		m.expect(c.key, c.due)
	}
}

// expect adds a deadline. Those that are out of date are thrown away before they are more than the others.
func (m *memory) expect(k key, at policies.Millis) {
	if len(m.due) > staleDeadlines+2*m.len() {
		m.due = slices.DeleteFunc(m.due, func(d deadline) bool {
			at, _ := m.appointment(d.key)
			return at != d.at
		})
		heap.Init(&m.due)
	}
	heap.Push(&m.due, deadline{at, k})
}

// appointment is for when a session is among the deadlines, and when its own is; 0 where there is none.
func (m *memory) appointment(k key) (scheduled, due policies.Millis) {
	if c := m.awake[k]; c != nil {
		return c.scheduled, c.due
	}
	return m.shelf.appointment(k)
}

// postpone puts a session's deadline, which was taken out, back to where it has moved.
func (m *memory) postpone(k key, due policies.Millis) {
	if c := m.awake[k]; c != nil {
		c.scheduled = due
	} else {
		m.shelf.schedule(k, due)
	}
	if due != 0 {
		heap.Push(&m.due, deadline{due, k})
	}
}

// settle stops watching sessions of a batch whose snapshots are in the record and that need it no more. Those that a
// later batch has in hand are that one's.
func (m *memory) settle(batch int64, sessions []*conversation) error {
	for _, c := range sessions {
		if m.awake[c.key] != c || max(c.touched, c.dirty) != batch || c.pending() {
			continue
		}
		if c.erased == nil { // that is rare, and more than a shelf keeps
			if err := c.freeze(); err != nil {
				return err
			}
			m.past.put(c)
		}
		m.forgetAwake(c)
	}
	return nil
}

// rest takes over the sessions of a batch that has been checked, and shelves those that were not touched
// for the longest time, so that about keep stay warm.
func (m *memory) rest(batch []*conversation, keep int) error {
	for _, c := range batch {
		if !c.warm {
			c.warm, c.seen = true, max(c.touched, c.dirty)
			m.warm = append(m.warm, c)
		}
	}
	var again []*conversation // touched since: they go to the end of the queue
	for len(m.warm) > 0 && len(m.warm)+len(again) > keep {
		c := m.warm[0]
		m.warm[0], m.warm = nil, m.warm[1:]
		newest := max(c.touched, c.dirty)
		switch {
		case m.awake[c.key] != c:
			c.warm = false // forgotten
		case newest > c.seen || !c.pending(): // the latter are about to be forgotten
			c.seen = newest
			again = append(again, c)
		default:
			if err := m.freeze(c); err != nil {
				return err
			}
		}
	}
	m.warm = append(m.warm, again...)
	return nil
}

// freeze puts a session onto the shelf.
func (m *memory) freeze(c *conversation) error {
	if c.erased != nil { // rare, and more than the shelf keeps
		c.warm = false
		return nil
	}
	if err := c.freeze(); err != nil {
		return err
	}
	m.shelf.put(c)
	m.forgetAwake(c)
	c.warm = false
	return nil
}

// forgetAwake drops a session from those awake; a batch, or warm, may hold on to it.
func (m *memory) forgetAwake(c *conversation) {
	delete(m.awake, c.key)
	c.state, c.frozen, c.tenures = nil, nil, nil
}

// overdue gives the sessions whose deadline is at or before now, soonest first and at most limit,
// leaving out those of which the batch in hand has events. The caller schedules each anew.
func (m *memory) overdue(now policies.Millis, limit int, batch int64) []*conversation {
	var out []*conversation
	var later []deadline
	for len(out) < limit && len(m.due) > 0 && m.due[0].at <= now {
		d := heap.Pop(&m.due).(deadline)
		scheduled, due := m.appointment(d.key)
		switch {
		case scheduled != d.at: // out of date
		case due != d.at:
			m.postpone(d.key, due)
		default:
			c := m.wake(d.key)
			if c.touched == batch {
				later = append(later, d)
				continue
			}
			c.scheduled = 0
			out = append(out, c)
		}
	}
	for _, d := range later {
		heap.Push(&m.due, d)
	}
	return out
}

// staleDeadlines is how many deadlines may be out of date whatever there are: throwing them away looks at all.
const staleDeadlines = 1 << 10

// deadline is a moment at which to look at a session.
type deadline struct {
	at  policies.Millis
	key key
}

// deadlines is a min-heap; equal ones are by key, so that the order is always the same.
type deadlines []deadline

func (d deadlines) Len() int { return len(d) }

func (d deadlines) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && bytes.Compare(d[i].key[:], d[j].key[:]) < 0
}

func (d deadlines) Swap(i, j int) { d[i], d[j] = d[j], d[i] }

// Push implements heap.Interface.
func (d *deadlines) Push(x any) { *d = append(*d, x.(deadline)) }

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	old := *d
	last := old[len(old)-1]
	*d = old[:len(old)-1]
	return last
}

// loadOpen loads the partition's sessions that are open or have a deadline pending.
func (w *worker) loadOpen(ctx context.Context, m *memory) error {
	return w.Store.Open(ctx, w.Topic, w.partition, func(s warehouse.Snapshot) error {
		c, owed, err := w.revive(ctx, s)
		if err != nil {
			return err
		}
		m.add(c)
		m.owed = append(m.owed, owed...)
		return m.freeze(c)
	})
}

// recall loads those of the sessions that the record has and memory has not, in one query. No batch that is
// being written has events of them, for its sessions stay in memory until it is in the record.
func (w *worker) recall(ctx context.Context, ids []string) error {
	if ids = w.known.meet(ctx, ids); len(ids) == 0 {
		return nil
	}
	return w.try(ctx, "look up sessions", func() error {
		w.memory.past.look(ids)
		snapshots, err := w.Store.Snapshots(ctx, w.Topic, ids)
		if err != nil {
			return err
		}
		var found []*conversation
		var owed []warehouse.Finding
		for _, s := range snapshots {
			c, more, err := w.revive(ctx, s)
			if err != nil {
				return err // and again from the beginning, so that nothing of this may be in memory yet
			}
			found, owed = append(found, c), append(owed, more...)
		}
		for _, c := range found {
			w.memory.add(c)
		}
		w.memory.owed = append(w.memory.owed, owed...)
		return nil
	})
}

// revive makes a conversation of what is stored. The findings in the record may be behind the
// snapshot or ahead of it, when a crash came between the two. Where they are ahead, they are what
// stands, so the fold goes on from them and withdraws what does not follow. Either way they are owed:
// whether they were published is not known.
func (w *worker) revive(ctx context.Context, s warehouse.Snapshot) (c *conversation, owed []warehouse.Finding, err error) {
	if s.Session.Erased || w.erased[sessionOf{s.Session.Tenant, s.Session.SessionID}] {
		if c, err = w.bare(ctx, &s.Session); err != nil {
			return nil, nil, fmt.Errorf("session %s: %w", s.Session.SessionID, err)
		}
		if s.Session.Partition == w.partition {
			c.redo = s.Session.LastOffset
		}
		return c, nil, nil
	}
	c = &conversation{id: s.Session.SessionID, state: new(session.State), frozen: s.Session.State, version: s.Session.Version, redo: -1}
	if err := c.state.UnmarshalBinary(s.Session.State); err != nil {
		w.log.Info("session is folded from its events", "session_id", s.Session.SessionID, "because", err)
		c.frozen = nil
		if c.state, err = w.rebuilt(ctx, &s.Session); err != nil {
			return nil, nil, fmt.Errorf("session %s: %w", s.Session.SessionID, err)
		}
	}
	if s.Session.Partition == w.partition {
		c.redo = s.Session.LastOffset
	}
	c.owners = s.Session.Owners
	if c.tenures, err = tenuresOf(c.id, c.owners); err != nil {
		return nil, nil, err
	}
	if c.state.Found == nil {
		c.state.Found = map[string]session.Found{}
	}
	recorded := map[string]int{} // versions by rule
	for _, f := range s.Findings {
		recorded[f.Rule] = int(f.Version)
		if c.state.Found[f.Rule].Version < int(f.Version) {
			c.state.Found[f.Rule], c.frozen = foundAs(f), nil
			owed = append(owed, f)
		}
	}
	for rule, f := range c.state.Found {
		if recorded[rule] < f.Version {
			owed = append(owed, w.catalogue.findingRow(inspect.Change{Rule: rule, Finding: f.Finding, Version: f.Version, Standing: f.Standing}, c.state))
		}
	}
	if c.redo >= w.unsealed {
		// A crash came before the seal over the session's last events. Which of its findings no seal has cannot
		// be seen; that one has a version twice does no harm.
		for _, f := range s.Findings {
			if int(f.Version) == c.state.Found[f.Rule].Version && !slices.ContainsFunc(owed, func(o warehouse.Finding) bool { return o.ID == f.ID }) {
				owed = append(owed, f)
			}
		}
	}
	return c, owed, nil
}
