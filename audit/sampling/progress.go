package sampling

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"mingjian/audit/store"
)

// progress is how far a tenant's lots are closed.
type progress struct {
	tenant string
	terms  Terms
	first  time.Time // beginning of its first lots
	next   time.Time // beginning of those that are closed next
}

// The moments that sampling remembers.
const (
	beganMark   = "began"   // when it first ran
	reasonsMark = "reasons" // up to where reasons were followed, by the record's clock
)

// progress returns where every tenant is, and begins with tenants that are new.
func (s *Sampler) progress(ctx context.Context, now time.Time) ([]progress, error) {
	seen, err := s.o.Record.TenantsSince(ctx)
	if err != nil {
		return nil, fmt.Errorf("sampling: %w", err)
	}
	recordNow, err := s.o.Record.Now(ctx)
	if err != nil {
		return nil, fmt.Errorf("sampling: %w", err)
	}
	var out []progress
	err = s.o.Store.Write(ctx, func(tx *store.Tx) error {
		out = nil
		began, err := mark(ctx, tx, beganMark, now.UnixMilli())
		if err != nil {
			return err
		}
		// Reasons that were recorded before sampling began are not followed.
		if _, err := mark(ctx, tx, reasonsMark, recordNow.UnixMilli()); err != nil {
			return err
		}
		known := map[string][2]int64{}
		rows, err := tx.QueryContext(ctx, `SELECT tenant, first_ms, next_ms FROM sampling_progress`)
		if err != nil {
			return err
		}
		if err := eachRow(rows, func() error {
			var tenant string
			var at [2]int64
			err := rows.Scan(&tenant, &at[0], &at[1])
			known[tenant] = at
			return err
		}); err != nil {
			return err
		}
		for _, tenant := range slices.Sorted(maps.Keys(seen)) {
			terms, err := s.terms(tenant)
			if err != nil {
				return err
			}
			at, ok := known[tenant]
			if !ok {
				from, err := s.firstWindow(ctx, tx, terms, later(seen[tenant], fromMS(began)))
				if err != nil {
					return err
				}
				at = [2]int64{from.UnixMilli(), from.UnixMilli()}
				if _, err := tx.ExecContext(ctx, `INSERT INTO sampling_progress (tenant, first_ms, next_ms) VALUES ($1, $2, $3)`, tenant, at[0], at[1]); err != nil {
					return err
				}
			}
			out = append(out, progress{tenant: tenant, terms: terms, first: fromMS(at[0]), next: fromMS(at[1])})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sampling: %w", err)
	}
	return out, nil
}

// firstWindow is where a tenant's lots begin: with the window in which it is first heard of, but
// not on a day whose key everybody knows already.
func (s *Sampler) firstWindow(ctx context.Context, tx *store.Tx, terms Terms, heard time.Time) (time.Time, error) {
	var newest string
	err := tx.QueryRowContext(ctx, `SELECT COALESCE(max(day), '') FROM sampling_keys WHERE zone = $1 AND published = 1`, terms.Zone.String()).Scan(&newest)
	if err != nil {
		return time.Time{}, err
	}
	from := terms.windowAt(heard).from
	if newest != "" {
		from = later(from, (day{terms.Zone, newest}).ends())
	}
	return from, nil
}

// mark reads a moment, which is set first where it was not.
func mark(ctx context.Context, tx *store.Tx, name string, first int64) (at int64, err error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO sampling_marks (name, at_ms) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, first); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT at_ms FROM sampling_marks WHERE name = $1`, name).Scan(&at)
	return at, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
