package collector

import (
	"container/heap"
	"context"
	"fmt"

	"mingjian/collector/inspect"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// conversation is a session in memory. One that nothing has happened to for a while is frozen: all that
// is kept of its state is the snapshot that the record has too, a tenth of the memory.
type conversation struct {
	id    string
	state *session.State // nil: frozen
	// frozen is the snapshot of the state; nil where the state has changed since it was made.
	frozen []byte
	// due and open are the state's (State.Due, Facts.Closed == 0), as schedule last saw them.
	due policies.Millis
	// version is that of the snapshot that was last made or loaded.
	version int64
	// redo is the newest offset that the snapshot knew when it was loaded here, -1 where it knew none
	// of this partition. Up to there events have been judged already, and are not judged again.
	redo int64
	// Numbers of batches, which count from 1: the newest that has events of this session, the newest
	// that its snapshot must be written with, and the one that it had in hand when it was last found warm.
	touched, dirty, seen int64
	row                  int32    // of its newest row in the batch that touched it, counted from 1; see batch.rows
	place                int32    // in the heap; -1: not there
	open, warm           bool     // open: see due; warm: in memory.warm
	tenures              []tenure // whose its events are, by offset; nil while frozen
	owners               string   // the tenures as the session's row has them; "" where they have changed since
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

// thaw makes the state of a frozen session again.
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
	tenures, err := tenuresOf(c.id, c.owners)
	if err != nil {
		return err
	}
	c.state, c.tenures = state, tenures
	return nil
}

// freeze keeps of a session only what its row has.
func (c *conversation) freeze() (err error) {
	if c.frozen == nil {
		if c.frozen, err = c.state.MarshalBinary(); err != nil {
			return err
		}
	}
	if c.owners, err = c.ownership(); err != nil {
		return err
	}
	c.state, c.tenures = nil, nil
	return nil
}

// memory is what a worker knows: the sessions that are open or have a deadline pending, those of the
// batches in hand, and the deadlines in order.
type memory struct {
	sessions map[string]*conversation
	due      deadlines
	warm     []*conversation     // those that are not frozen and of no batch that is being checked
	owed     []warehouse.Finding // to the findings topic, see revive
}

func newMemory() *memory { return &memory{sessions: map[string]*conversation{}} }

func (m *memory) add(c *conversation) {
	c.place = -1
	m.sessions[c.id] = c
	m.schedule(c)
}

// schedule puts the session where its deadline belongs, after its state has changed.
func (m *memory) schedule(c *conversation) {
	was := c.due
	c.due, c.open = c.state.Due, c.state.Facts.Closed == 0
	switch {
	case c.due == 0 && c.place >= 0:
		heap.Remove(&m.due, int(c.place))
	case c.due != was && c.place >= 0:
		heap.Fix(&m.due, int(c.place))
	case c.due != 0 && c.place < 0:
		heap.Push(&m.due, c)
	}
}

// settle forgets the sessions of a batch that is in the record and that need no more watching. Those
// that a later batch has in hand are that one's.
func (m *memory) settle(b *batch) {
	for _, c := range b.sessions {
		if max(c.touched, c.dirty) == b.number && !c.pending() {
			delete(m.sessions, c.id)
			c.state, c.frozen = nil, nil // it may wait in warm
		}
	}
}

// rest takes over the sessions of a batch that has been checked, and freezes those that were not touched
// for the longest time, so that at most keep stay warm.
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
		switch newest := max(c.touched, c.dirty); {
		case m.sessions[c.id] != c:
			c.warm = false // forgotten
		case newest > c.seen:
			c.seen = newest
			again = append(again, c)
		default:
			c.warm = false
			if err := c.freeze(); err != nil {
				return err
			}
		}
	}
	m.warm = append(m.warm, again...)
	return nil
}

// overdue gives the sessions whose deadline is at or before now, soonest first and at most limit,
// leaving out those of which the batch in hand has events.
func (m *memory) overdue(now policies.Millis, limit int, batch int64) []*conversation {
	var out, all []*conversation
	for len(out) < limit && len(m.due) > 0 && m.due[0].due <= now {
		c := heap.Pop(&m.due).(*conversation)
		all = append(all, c)
		if c.touched != batch {
			out = append(out, c)
		}
	}
	for _, c := range all {
		heap.Push(&m.due, c)
	}
	return out
}

// deadlines is a min-heap by Due; of equal ones, by session id, so that the order is always the same.
type deadlines []*conversation

func (d deadlines) Len() int { return len(d) }

func (d deadlines) Less(i, j int) bool {
	a, b := d[i], d[j]
	if a.due != b.due {
		return a.due < b.due
	}
	return a.id < b.id
}

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = int32(i), int32(j)
}

// Push implements heap.Interface.
func (d *deadlines) Push(x any) {
	c := x.(*conversation)
	c.place = int32(len(*d))
	*d = append(*d, c)
}

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	old := *d
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	c.place = -1
	return c
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
		return c.freeze()
	})
}

// recall loads those of the sessions that the record has and memory has not, in one query. No batch that is
// being written has events of them, for its sessions stay in memory until it is in the record.
func (w *worker) recall(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return w.try(ctx, "look up sessions", func() error {
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
	return c, owed, nil
}
