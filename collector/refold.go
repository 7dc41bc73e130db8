package collector

import (
	"context"
	"errors"
	"fmt"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
)

// events gives the events that a session's state has folded, from the record and from this batch.
// The record may know more than the state, from an attempt that a crash ended.
func (b *batch) events(ctx context.Context, c *conversation) ([]inspect.Placed, error) {
	known := map[string]bool{}
	var out []inspect.Placed
	add := func(row *warehouse.Interaction) error {
		first, seen := c.state.Seen.First(row.EventID)
		if !seen || first != row.Offset || known[row.EventID] {
			return nil
		}
		p, err := placed(row)
		if err == nil && c.erased != nil {
			p = emptied(p)
		}
		known[row.EventID] = true
		out = append(out, p)
		return err
	}
	for i := range b.rows(c) {
		if err := add(&b.interactions[i]); err != nil {
			return nil, err
		}
	}
	if len(out) < c.state.Count() {
		rows, err := b.w.storedRows(ctx, c.state.Tenant, c.state.ID)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			if err := add(&rows[i]); err != nil {
				return nil, err
			}
		}
	}
	if n := c.state.Count(); len(out) < n {
		b.w.log.Error("a session is folded anew without all of its events: the record has lost rows",
			"session_id", c.state.ID, "events", n, "found", len(out))
	}
	return out, nil // Next puts them in order
}

// coming gives the events of a late event's session that stand behind it in the batch. They are folded
// anew with it, and nothing is left to do when it is their turn: a session that comes newest first
// is folded once a batch and not once an event, which would take the square of its length. The first
// event that may be refused, or may move the session, ends it.
func (b *batch) coming(c *conversation, late int) []inspect.Placed {
	first := map[string]bool{b.items[late].event.ID: true}
	var out []inspect.Placed
	for i := late + 1; i < len(b.items); i++ {
		it := &b.items[i]
		if it.event == nil || it.event.SessionID != c.state.ID {
			continue
		}
		if it.event.Tenant != "" && (it.event.Tenant != c.state.Tenant || it.offset <= c.redo) {
			break
		}
		if _, seen := c.state.Seen.First(it.event.ID); seen || first[it.event.ID] {
			continue
		}
		first[it.event.ID] = true
		out = append(out, inspect.Placed{Event: it.event, Offset: it.offset})
	}
	return out
}

// storedRows reads a session's rows once the batch that is being written is there too, waiting for the store
// where it is away.
func (w *worker) storedRows(ctx context.Context, tenant, sessionID string) (rows []warehouse.Interaction, err error) {
	if err := w.land(); err != nil {
		return nil, err
	}
	err = w.try(ctx, "read a session's events", func() (err error) {
		rows, err = w.Store.Events(ctx, tenant, sessionID)
		return err
	})
	return rows, err
}

func placed(r *warehouse.Interaction) (inspect.Placed, error) {
	e, err := event.FromStored(r.Body, r.Text, r.TextBytes, r.Flags, r.Labels, r.Extra)
	if err != nil {
		return inspect.Placed{}, fmt.Errorf("event %s of session %s: %w", r.EventID, r.SessionID, err)
	}
	return inspect.Placed{Event: e, Offset: r.Offset}, nil
}

// rebuilt folds a session from its stored events: its snapshot is of another version of the fold.
func (w *worker) rebuilt(ctx context.Context, s *warehouse.Session) (*session.State, error) {
	return w.fold(ctx, s, false)
}

func (w *worker) fold(ctx context.Context, s *warehouse.Session, erased bool) (*session.State, error) {
	inspector := w.inspector
	if erased {
		inspector = inspector.Silent()
	}
	rows, err := w.Store.Events(ctx, s.Tenant, s.SessionID)
	if err != nil {
		return nil, err
	}
	state := session.New(s.SessionID, s.Tenant)
	for i := range rows {
		p, err := placed(&rows[i])
		if err != nil {
			return nil, err
		}
		if erased {
			p = emptied(p)
		}
		at := event.Position{Topic: rows[i].Topic, Partition: rows[i].Partition, Offset: p.Offset}
		if _, err := inspector.Next(ctx, state, p.Event, at, inOrder); err != nil {
			return nil, err
		}
	}
	return state, nil
}

func inOrder(context.Context) ([]inspect.Placed, error) {
	return nil, errors.New("stored events come out of order")
}
