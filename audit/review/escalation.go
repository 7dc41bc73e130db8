package review

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mingjian/audit/store"
)

// levels are when a review that is not done is escalated, in time since its 48 hours began.
var levels = []time.Duration{24 * time.Hour, 40 * time.Hour, DueAfter}

// sweepBatch is how many tasks a sweep changes in one transaction, so that those who claim do not wait.
const sweepBatch = 50

// Run sweeps until ctx ends, and then returns nil. What a sweep could not do is logged and done by
// the next one.
func (r *Reviews) Run(ctx context.Context) error {
	tick := time.NewTicker(r.o.SweepEvery)
	defer tick.Stop()
	for {
		if err := r.Sweep(ctx); err != nil && ctx.Err() == nil {
			r.o.Log.Error("reviews could not be swept; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep does what time brings: returns claims that ran out, escalates what is not done, and makes
// final what was decided or not disputed within the window. Doing it again changes nothing.
func (r *Reviews) Sweep(ctx context.Context) error {
	now := r.db.Now()
	var expired, decided, settled where // each begins with the condition of its index
	expired.add("state IN ('open', 'claimed') AND state = 'claimed' AND claim_until_ms <= ?", now.UnixMilli())
	decided.add("state IN ('submitted', 'decided') AND state = 'decided'")
	settled.add("state IN ('submitted', 'decided') AND state = 'submitted' AND settled_ms > 0 AND settled_ms <= ?", now.Add(-r.o.DisputeWindow).UnixMilli())
	if err := r.each(ctx, expired, r.expire); err != nil {
		return err
	}
	for i, after := range levels {
		var w where
		// Only what is neither submitted nor done is late; a calibration has no promise to keep.
		w.add("state IN ('open', 'claimed') AND kind <> 'calibration' AND escalation < ? AND due_ms <= ?", i+1, now.Add(DueAfter-after).UnixMilli())
		if err := r.each(ctx, w, func(ctx context.Context, tx *store.Tx, t *Task) error { return r.escalate(ctx, tx, t, i+1) }); err != nil {
			return err
		}
	}
	if err := r.each(ctx, decided, r.finish); err != nil {
		return err
	}
	return r.each(ctx, settled, func(ctx context.Context, tx *store.Tx, t *Task) error {
		if err := r.finish(ctx, tx, t); err != nil {
			return err
		}
		return r.publish(ctx, tx, *t)
	})
}

// each changes all tasks of a condition that changing them takes away, some at a time.
func (r *Reviews) each(ctx context.Context, w where, fn func(context.Context, *store.Tx, *Task) error) error {
	for {
		var some []Task
		read := func(tx *store.Tx) (err error) {
			some, err = selectTasks(ctx, tx, w, "due_ms, id", sweepBatch)
			return err
		}
		if err := r.db.Read(ctx, read); err != nil { // without waiting for those who write
			return err
		}
		if len(some) == 0 {
			return nil
		}
		err := r.db.Write(ctx, func(tx *store.Tx) error {
			if err := read(tx); err != nil {
				return err
			}
			for _, t := range some {
				if err := fn(ctx, tx, &t); err != nil {
					return fmt.Errorf("review %s: %w", t.ID, err)
				}
			}
			return nil
		})
		var moved *Conflict
		if err != nil && !errors.As(err, &moved) { // somebody's claim or verdict was quicker: look again
			return err
		}
	}
}

// expire returns a task whose claim ran out.
func (r *Reviews) expire(ctx context.Context, tx *store.Tx, t *Task) error {
	holder := t.Inspector
	t.State, t.Inspector, t.ClaimedAt, t.ClaimUntil = Open, "", time.Time{}, time.Time{}
	if err := save(ctx, tx, t); err != nil {
		return err
	}
	if err := r.recordExpiry(ctx, tx, *t, holder); err != nil {
		return err
	}
	return r.mirror(ctx, tx, *t)
}

// escalate raises a task by one level. Its version stays, so that whoever is at work on it is not
// disturbed. A level that was passed while nobody swept is recorded too.
func (r *Reviews) escalate(ctx context.Context, tx *store.Tx, t *Task, level int) error {
	t.Escalation = level
	ok, err := update(ctx, tx, t)
	if err != nil {
		return err
	}
	if !ok {
		return conflictf("it was changed at the same moment")
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO review_escalations (task_id, level, at_ms) VALUES ($1, $2, $3)`, t.ID, level, r.db.Now().UnixMilli()); err != nil {
		return err
	}
	return r.announce(ctx, tx, *t, "review.escalated", fmt.Sprintf("not done after %s", levels[level-1]), map[string]any{"level": level, "due": t.Due})
}

// finish makes a verdict final.
func (r *Reviews) finish(ctx context.Context, tx *store.Tx, t *Task) error {
	why := "nobody disputed it in time"
	if t.State == Decided {
		why = "the dispute was decided"
	}
	t.State, t.FinalAt = Final, r.db.Now()
	if err := save(ctx, tx, t); err != nil {
		return err
	}
	return r.announce(ctx, tx, *t, "review.final", why, nil)
}

// Escalated is one escalation of a task.
type Escalated struct {
	TaskID string    `json:"task_id"`
	Level  int       `json:"level" doc:"1 after 24 hours, 2 after 40, 3 after 48"`
	At     time.Time `json:"at"`
}

// Escalations are a task's, lowest level first.
func (r *Reviews) Escalations(ctx context.Context, id string) (out []Escalated, err error) {
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		if _, err := r.view(ctx, tx, id); err != nil {
			return err
		}
		out, err = collect(ctx, tx, func(s interface{ Scan(...any) error }) (e Escalated, err error) {
			var at int64
			err = s.Scan(&e.TaskID, &e.Level, &at)
			e.At = moment(at)
			return e, err
		}, `SELECT task_id, level, at_ms FROM review_escalations WHERE task_id = $1 ORDER BY level`, id)
		return err
	})
	return out, err
}

// Overdue is how the promise of 48 hours was kept: of the reviews that fell due in [from, until) and
// not after now, how many were submitted by then (done48h), and those that were not, whether they
// were submitted later or are still open. Adjudications and calibrations carry no such promise. An
// empty tenant means all. It answers for the indicator i-review-overdue, whoever asks.
func (r *Reviews) Overdue(ctx context.Context, tenant string, from, until time.Time) (done48h, total int, overdue []Task, err error) {
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		var w where
		w.add("kind NOT IN ('adjudication', 'calibration')")
		w.equal("tenant", tenant)
		w.add("due_ms >= ?", from.UnixMilli())
		w.add("due_ms < ?", until.UnixMilli())
		w.add("due_ms <= ?", r.db.Now().UnixMilli())
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM reviews`+w.clause(), w.args...).Scan(&total); err != nil {
			return fmt.Errorf("count reviews: %w", err)
		}
		w.add("(submitted_ms = 0 OR submitted_ms > due_ms)")
		overdue, err = selectTasks(ctx, tx, w, "due_ms, id", 0)
		return err
	})
	return total - len(overdue), total, overdue, err
}
