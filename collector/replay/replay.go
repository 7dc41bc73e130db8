// Package replay inspects stored interactions again: what would stand if these had been the policies
// all along?
//
//	record ──rows──► session by session ──event.FromStored──► inspect (detectors, fold, rules)
//	                                                              └─ deadlines up to now ──► what stands
//
// It runs the code that judged the stream, on events that are masked already, and writes nothing. A
// session is taken whole or not at all, so that a comparison never rests on half of one: a query chooses
// sessions by when they were opened, and their events come with them whenever they were.
//
// A session is folded whole, time passes up to now, and then its rules are asked, once. The steps between
// make no difference to what stands: rules judge the facts and the moment, not the way there, and an event
// that comes after a deadline brings what the deadline would have brought.
//
// Not promised: that what stands here is what stands in the record, where the policies, or the program,
// have changed since; and that an event which arrives while the record is read is seen. Indicators,
// which speak of many sessions, are not computed.
package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// Record gives stored interactions.
type Record interface {
	ReplaySize(ctx context.Context, q warehouse.ReplayQuery) (sessions, interactions int64, err error)
	Replay(ctx context.Context, q warehouse.ReplayQuery, each func(*warehouse.ReplayRow) error) error
}

// Session is a stored session with its events in their order.
type Session struct {
	Tenant, ID string
	Events     []inspect.Placed
}

// stored is a session as it is read, before its events are rebuilt.
type stored struct {
	tenant, id string
	rows       []warehouse.ReplayRow
}

// session rebuilds the events and puts them in order.
func (s *stored) session() (*Session, error) {
	out := &Session{Tenant: s.tenant, ID: s.id, Events: make([]inspect.Placed, 0, len(s.rows))}
	for i := range s.rows {
		r := &s.rows[i]
		e, err := event.FromStored(r.Body, r.Text, int(r.TextBytes), r.Flags, "", r.Extra)
		if err != nil {
			return nil, fmt.Errorf("session %s of tenant %s: %w", s.id, s.tenant, err)
		}
		out.Events = append(out.Events, inspect.Placed{Event: e, Offset: r.Offset})
	}
	slices.SortFunc(out.Events, func(a, b inspect.Placed) int {
		return cmp.Or(cmp.Compare(a.Event.At, b.Event.At), cmp.Compare(a.Offset, b.Offset))
	})
	return out, nil
}

// Stand is the state of the session under an inspector's policies once time has passed up to now.
func (s *Session) Stand(ctx context.Context, i *inspect.Inspector, now policies.Millis) (*session.State, error) {
	state := session.New(s.ID, s.Tenant)
	if err := i.Fold(state, s.Events, now); err != nil {
		return nil, err
	}
	return state, i.Judge(ctx, state)
}

// handful is how many interactions' sessions go to a worker at a time: handing over costs little
// beside them, and workers are never long without.
const handful = 512

// sessions reads the sessions that a query chooses and gives them to workers, each called by one
// goroutine at a time. The first error ends all.
func sessions(ctx context.Context, record Record, q warehouse.ReplayQuery, workers []func(context.Context, []stored) error) error {
	group, ctx := errgroup.WithContext(ctx)
	hands := make(chan []stored, 2*len(workers))
	for _, work := range workers {
		group.Go(func() error {
			for some := range hands {
				if err := work(ctx, some); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(hands)
		var some []stored
		held := 0
		pass := func() error {
			select {
			case hands <- some:
				some, held = nil, 0
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := record.Replay(ctx, q, func(r *warehouse.ReplayRow) error {
			last := len(some) - 1
			if last < 0 || some[last].id != r.SessionID || some[last].tenant != r.Tenant {
				if held >= handful {
					if err := pass(); err != nil {
						return err
					}
				}
				some = append(some, stored{tenant: r.Tenant, id: r.SessionID})
				last = len(some) - 1
			}
			some[last].rows = append(some[last].rows, *r)
			held++
			return nil
		})
		if err != nil || held == 0 {
			return err
		}
		return pass()
	})
	return group.Wait()
}
