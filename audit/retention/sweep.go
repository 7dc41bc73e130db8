package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mingjian/audit/store"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

const (
	// often is the pause between rounds that end what was begun, and look again at what was erased lately.
	often = time.Minute
	// lately is for how long after an erasure a collector may write what it had in hand: it tries a batch
	// again for as long as it runs, but stores that are away for an hour are somebody's emergency.
	lately = time.Hour
	// daily is the pause between sweeps.
	daily = 24 * time.Hour
)

// abandoned is after how long an erasure that was begun counts as nobody's: by then whoever began it was killed.
const abandoned = 10 * time.Minute

// Run ends what others began, looks again at what was erased, and once a day deletes what is past its term,
// until ctx ends. What fails is logged and tried again in the next round.
func (r *Retention) Run(ctx context.Context) error {
	tick := time.NewTicker(often)
	defer tick.Stop()
	var swept time.Time
	for {
		since := r.db.Now().Add(-lately)
		sweeping := r.db.Now().Sub(swept) >= daily
		if sweeping {
			since = time.Time{}
		}
		err := r.Resume(ctx, since)
		if err == nil && sweeping {
			if _, err = r.Sweep(ctx, false); err == nil {
				swept = r.db.Now()
			}
		}
		if err != nil && ctx.Err() == nil {
			r.log.ErrorContext(ctx, "retention could not do its round; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Resume ends the erasures that were begun some minutes ago and not ended, and erases what came to light since of persons who were erased
// after a moment: what a collector had in hand then, and cases that have ended since.
func (r *Retention) Resume(ctx context.Context, since time.Time) error {
	var unfinished, finished []Erasure
	err := r.db.Read(ctx, func(tx *store.Tx) (err error) {
		if unfinished, err = erasures(ctx, tx, `WHERE state <> 'done' AND at_ms <= $1`, r.db.Now().Add(-abandoned).UnixMilli()); err != nil {
			return err
		}
		finished, err = erasures(ctx, tx, `WHERE state = 'done' AND kind = 'person' AND done_ms >= $1`, since.UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	var faults []error
	for _, e := range unfinished {
		var held *Held
		var others *busy
		switch _, err := r.finish(ctx, e); {
		case errors.As(err, &others): // and ends it
		case errors.As(err, &held):
			r.log.InfoContext(ctx, "an erasure was given up for a hold", "erasure", e.ID, "hold", held.Hold.ID)
		case err != nil:
			faults = append(faults, fmt.Errorf("erasure %s: %w", e.ID, err))
		}
	}
	for _, e := range finished {
		if err := r.again(ctx, e); err != nil {
			faults = append(faults, fmt.Errorf("erasure %s: %w", e.ID, err))
		}
	}
	return errors.Join(faults...)
}

// again erases what has come to stand of an erased person's sessions since.
func (r *Retention) again(ctx context.Context, e Erasure) error {
	var sessions []string
	err := r.db.Write(ctx, func(tx *store.Tx) (err error) {
		if sessions, err = sessionsOf(ctx, tx, `SELECT session_id FROM retention_sessions WHERE erasure = $1 ORDER BY session_id`, e.ID); err != nil {
			return err
		}
		_, err = r.o.Cases.Forget(ctx, tx, e.Tenant, sessions)
		return err
	})
	if err != nil {
		return err
	}
	found := map[string]bool{}
	if err := r.remaining(ctx, e.Tenant, sessions, found); err != nil || len(found) == 0 {
		return err
	}
	var some []string
	for _, id := range sessions {
		if found[id] {
			some = append(some, id)
		}
	}
	var held *Held
	_, err = r.begin(ctx, Erasure{Kind: Person, Tenant: e.Tenant, Person: e.Person, Reason: "on its way when " + e.ID + " was done", By: system}, some)
	if errors.As(err, &held) {
		return nil
	}
	return err
}

// remaining finds the sessions of which something is left to erase.
func (r *Retention) remaining(ctx context.Context, tenant string, sessions []string, found map[string]bool) error {
	named, err := r.o.Record.Named(ctx, tenant, sessions)
	if err != nil {
		return err
	}
	for _, id := range named {
		found[id] = true
	}
	any := false
	if err := r.sealed(ctx, tenant, sessions, r.o.Record.Erasable, func(warehouse.Erased) error { any = true; return nil }); err != nil || !any {
		return err
	}
	for _, id := range sessions {
		if found[id] {
			continue
		}
		if err := r.sealed(ctx, tenant, []string{id}, r.o.Record.Erasable, func(warehouse.Erased) error { found[id] = true; return nil }); err != nil {
			return err
		}
	}
	return nil
}

// Due is what a sweep deletes, or would, of a tenant, jurisdiction and industry.
type Due struct {
	Tenant       string        `json:"tenant"`
	Jurisdiction string        `json:"jurisdiction"`
	Industry     string        `json:"industry"`
	Term         policies.Term `json:"term"`
	Before       time.Time     `json:"before" doc:"What was recorded last before then goes"`
	Sessions     int64         `json:"sessions"`
	Rows         int64         `json:"interactions"`
	Held         int64         `json:"held" doc:"Sessions that stay because somebody holds them"`
}

// terms is how the log names them.
type terms struct {
	Jurisdiction string `json:"jurisdiction"`
	Industry     string `json:"industry"`
	Years        int    `json:"years"`
	Clause       string `json:"clause"`
	Before       string `json:"before"`
}

// Sweep deletes what is past its term and not held, or with dry only says what that is. Open sessions, money
// and evidence stay.
func (r *Retention) Sweep(ctx context.Context, dry bool) ([]Due, error) {
	ages, err := r.o.Record.Ages(ctx)
	if err != nil {
		return nil, err
	}
	var out []Due
	for _, age := range ages {
		d := Due{Tenant: age.Tenant, Jurisdiction: age.Jurisdiction, Industry: age.Industry, Term: r.o.Rules().Retention(age.Tenant, age.Jurisdiction, age.Industry)}
		d.Before = r.db.Now().AddDate(-d.Term.Years, 0, 0)
		if moment(age.Oldest).Before(d.Before) {
			if err := r.sweep(ctx, age, &d, dry); err != nil {
				return out, err
			}
		}
		if d.Sessions+d.Held > 0 {
			out = append(out, d)
		}
	}
	return out, nil
}

func (r *Retention) sweep(ctx context.Context, age warehouse.Age, d *Due, dry bool) error {
	why, err := json.Marshal(terms{d.Jurisdiction, d.Industry, d.Term.Years, d.Term.Clause, d.Before.Format(time.RFC3339)})
	if err != nil {
		return err
	}
	for after, more := "", true; more; {
		var g grip
		going := map[string]bool{} // sessions that another erasure has in hand: it ends by itself
		err := r.db.Read(ctx, func(tx *store.Tx) (err error) {
			if g, err = r.grip(ctx, tx); err != nil {
				return err
			}
			ids, err := sessionsOf(ctx, tx, `SELECT s.session_id FROM retention_sessions s JOIN retention_erasures e ON e.id = s.erasure WHERE e.tenant = $1 AND e.state <> 'done'`, age.Tenant)
			for _, id := range ids {
				going[id] = true
			}
			return err
		})
		if err != nil {
			return err
		}
		var sessions []string
		n := 0
		err = r.o.Record.Over(ctx, age, d.Before.UnixMilli(), after, sessionsAtOnce, func(session, customer string) error {
			n, after = n+1, session
			if going[session] {
				return nil
			}
			person := ""
			if customer != "" {
				person = r.person(age.Tenant, customer)
			}
			if g.on(age.Tenant, person, session) != nil {
				d.Held++
			} else {
				sessions = append(sessions, session)
			}
			return nil
		})
		if err != nil {
			return err
		}
		more = n == sessionsAtOnce
		if len(sessions) == 0 {
			continue
		}
		e := Erasure{Kind: Swept, Tenant: age.Tenant, Reason: fmt.Sprintf("past the %d years of %s", d.Term.Years, d.Term.Clause), By: system, terms: why}
		if dry {
			err = r.sealed(ctx, age.Tenant, sessions, r.o.Record.Standing, func(warehouse.Erased) error { e.Rows++; return nil })
		} else {
			e, err = r.begin(ctx, e, sessions)
		}
		if err != nil {
			return err
		}
		d.Sessions, d.Rows = d.Sessions+int64(len(sessions)), d.Rows+e.Rows
	}
	return nil
}
