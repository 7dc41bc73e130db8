package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mingjian/audit/store"
)

// deadlines are a round's that begins now.
func (c *Cases) deadlines(from time.Time) Deadlines {
	d := c.o.Policy.Deadlines
	return Deadlines{Answer: Deadline{Due: from.Add(d.Answer)}, Decision: Deadline{Due: from.Add(d.Decision)}, Payment: Deadline{Due: from.Add(d.Payment)}}
}

// each visits the deadlines with their names, in their order.
func (d *Deadlines) each(visit func(name string, d *Deadline)) {
	visit("answer", &d.Answer)
	visit("decision", &d.Decision)
	visit("payment", &d.Payment)
}

// meet marks what a case in a state has done.
func (d *Deadlines) meet(s State, now time.Time) {
	met := func(d *Deadline) {
		if d.Met.IsZero() {
			d.Met = now
		}
	}
	switch s {
	case Open, Assessed, Proposed:
		met(&d.Answer)
	case Approved, Paying:
		met(&d.Answer)
		met(&d.Decision)
	case Paid, Closed, Rejected: // where nothing is owed nothing is late
		met(&d.Answer)
		met(&d.Decision)
		met(&d.Payment)
	}
}

// nextDue is the next deadline that a sweep has to look at, in milliseconds; 0 for none.
func (k *Case) nextDue() (next int64) {
	k.Deadlines.each(func(_ string, d *Deadline) {
		if at := d.Due.UnixMilli(); d.Met.IsZero() && d.Escalated.IsZero() && (next == 0 || at < next) {
			next = at
		}
	})
	return next
}

// sweepBatch is how many cases a sweep reads at a time.
const sweepBatch = 100

// patience is how many things a pass may fail at before it takes the store to be away: one that cannot be
// read leaves the others alone.
const patience = 10

// Sweep escalates the deadlines that have passed, each once. It closes and rejects nothing. Doing it
// again changes nothing.
func (c *Cases) Sweep(ctx context.Context) error {
	for {
		now := c.db.Now()
		var late []string
		err := c.db.Read(ctx, func(tx *store.Tx) (err error) { // without waiting for those who write
			late, err = collect(ctx, tx, func(row interface{ Scan(...any) error }) (id string, err error) { return id, row.Scan(&id) },
				fmt.Sprintf(`SELECT id FROM cases WHERE next_due_ms > 0 AND next_due_ms <= $1 ORDER BY next_due_ms, id LIMIT %d`, sweepBatch), now.UnixMilli())
			return err
		})
		if err != nil {
			return fmt.Errorf("look at deadlines: %w", err)
		}
		var faults []error
		for _, id := range late {
			if err := c.db.Write(ctx, func(tx *store.Tx) error { return c.escalate(ctx, tx, id, now) }); err != nil {
				faults = append(faults, fmt.Errorf("escalate case %s: %w", id, err))
			}
			if len(faults) == patience {
				break
			}
		}
		if len(faults) > 0 || len(late) < sweepBatch { // the next sweep goes on
			return errors.Join(faults...)
		}
	}
}

// escalate marks what is late. The case's version stays, so that whoever is at work on it is not
// disturbed.
func (c *Cases) escalate(ctx context.Context, tx *store.Tx, id string, now time.Time) error {
	k, err := c.lock(ctx, tx, id)
	if err != nil {
		return err
	}
	late := map[string]time.Time{}
	var names []string
	k.Deadlines.each(func(name string, d *Deadline) {
		if d.Met.IsZero() && d.Escalated.IsZero() && !d.Due.After(now) {
			d.Escalated = now
			late[name], names = d.Due, append(names, name)
		}
	})
	k.Escalation += len(names)
	if err := save(ctx, tx, k); err != nil {
		return err
	}
	for _, name := range names {
		s := Step{
			Action: Escalated, From: k.State, To: k.State, Actor: bySystem, Reason: fmt.Sprintf("the %s was due at %s", name, late[name].Format(time.RFC3339)),
			Note: map[string]any{"deadline": name, "due": late[name]},
		}
		if err := c.tell(ctx, tx, k, "case.escalated", s); err != nil {
			return err
		}
	}
	return nil
}
