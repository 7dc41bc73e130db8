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

// conversation is a session in memory.
type conversation struct {
	state *session.State
	// version is that of the snapshot that was last made or loaded.
	version int64
	// redo is the newest offset that the snapshot knew when it was loaded here, -1 where it knew none
	// of this partition. Up to there events have been judged already, and are not judged again.
	redo int64
	// dirty: the snapshot must be written with the batch in hand.
	dirty bool
	// touched: an event of the batch in hand was this session's.
	touched bool
	place   int      // in the heap; -1: not there
	tenures []tenure // whose its events are, by offset
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
func (c *conversation) pending() bool { return c.state.Facts.Closed == 0 || c.state.Due != 0 }

// memory is what a worker knows: the sessions that are open or have a deadline pending, those of the
// batch in hand, and the deadlines in order.
type memory struct {
	sessions map[string]*conversation
	due      deadlines
	owed     []warehouse.Finding // to the findings topic, see revive
}

func newMemory() *memory { return &memory{sessions: map[string]*conversation{}} }

func (m *memory) add(c *conversation) {
	c.place = -1
	m.sessions[c.state.ID] = c
	m.schedule(c)
}

// schedule puts the session where its deadline belongs, after its state has changed.
func (m *memory) schedule(c *conversation) {
	switch {
	case c.state.Due == 0 && c.place >= 0:
		heap.Remove(&m.due, c.place)
	case c.state.Due != 0 && c.place >= 0:
		heap.Fix(&m.due, c.place)
	case c.state.Due != 0:
		heap.Push(&m.due, c)
	}
}

// settle forgets the batch in hand once it is in the record, and with it the sessions that need no
// more watching.
func (m *memory) settle(batch []*conversation) {
	for _, c := range batch {
		c.dirty, c.touched = false, false
		if !c.pending() {
			delete(m.sessions, c.state.ID)
		}
	}
}

// overdue gives the sessions whose deadline is at or before now, soonest first and at most limit,
// leaving out those of which the batch in hand has events.
func (m *memory) overdue(now policies.Millis, limit int) []*conversation {
	var out, all []*conversation
	for len(out) < limit && len(m.due) > 0 && m.due[0].state.Due <= now {
		c := heap.Pop(&m.due).(*conversation)
		all = append(all, c)
		if !c.touched {
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
	a, b := d[i].state, d[j].state
	if a.Due != b.Due {
		return a.Due < b.Due
	}
	return a.ID < b.ID
}

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i, j
}

// Push implements heap.Interface.
func (d *deadlines) Push(x any) {
	c := x.(*conversation)
	c.place = len(*d)
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
		return nil
	})
}

// recall loads those of the sessions that the record has and memory has not, in one query.
func (w *worker) recall(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return w.try(ctx, "look up sessions", func() error {
		snapshots, err := w.Store.Snapshots(ctx, w.Topic, ids)
		if err != nil {
			return err
		}
		for _, s := range snapshots {
			c, owed, err := w.revive(ctx, s)
			if err != nil {
				return err
			}
			w.memory.add(c)
			w.memory.owed = append(w.memory.owed, owed...)
		}
		return nil
	})
}

// revive makes a conversation of what is stored. The findings in the record may be behind the
// snapshot or ahead of it, when a crash came between the two. Where they are ahead, they are what
// stands, so the fold goes on from them and withdraws what does not follow. Either way they are owed:
// whether they were published is not known.
func (w *worker) revive(ctx context.Context, s warehouse.Snapshot) (c *conversation, owed []warehouse.Finding, err error) {
	c = &conversation{state: new(session.State), version: s.Session.Version, redo: -1}
	if err := c.state.UnmarshalBinary(s.Session.State); err != nil {
		w.log.Info("session is folded from its events", "session_id", s.Session.SessionID, "because", err)
		if c.state, err = w.rebuilt(ctx, &s.Session); err != nil {
			return nil, nil, fmt.Errorf("session %s: %w", s.Session.SessionID, err)
		}
	}
	if s.Session.Partition == w.partition {
		c.redo = s.Session.LastOffset
	}
	if c.tenures, err = tenuresOf(&s.Session); err != nil {
		return nil, nil, err
	}
	if c.state.Found == nil {
		c.state.Found = map[string]session.Found{}
	}
	recorded := map[string]int{} // versions by rule
	for _, f := range s.Findings {
		recorded[f.Rule] = int(f.Version)
		if c.state.Found[f.Rule].Version < int(f.Version) {
			c.state.Found[f.Rule] = foundAs(f)
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
