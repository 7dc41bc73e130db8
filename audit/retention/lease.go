package retention

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"mingjian/audit/store"
)

// leased is for how long an erasure is of whoever took it last. It is longer than any step takes, and renewed
// before each: a step that outlasts it may be done twice, and what is stated by then is not noted anew.
const leased = 10 * time.Minute

// lease is one hand on an erasure. Two would each note rows, and the one that states first would destroy what
// the other noted behind its back.
type lease struct {
	r       *Retention
	erasure string
	owner   string
}

func newLease(r *Retention, erasure string) lease {
	return lease{r, erasure, uuid.NewString()}
}

// busy says that another hand is on it.
type busy struct{ erasure string }

func (b *busy) Error() string {
	return "another process is at erasure " + b.erasure + ": ask again when it is done, or 10 minutes after it was killed"
}

// Unwrap makes it what the one who asks is told.
func (b *busy) Unwrap() error { return &Fault{"customer", b.Error()} }

// take takes the erasure, or keeps it where it is ours. It is a *busy where it is another's, and false where
// there is nothing left to carry out.
func (l lease) take(ctx context.Context) (open bool, err error) {
	now := l.r.db.Now()
	err = l.r.db.Write(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE retention_erasures SET owner = $1, until_ms = $2 WHERE id = $3 AND state <> 'done' AND (owner = $1 OR until_ms <= $4)`,
			l.owner, now.Add(leased).UnixMilli(), l.erasure, now.UnixMilli())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil || n == 1 {
			open = n == 1
			return err
		}
		others, err := erasures(ctx, tx, `WHERE id = $1 AND state <> 'done'`, l.erasure)
		if err == nil && len(others) > 0 {
			err = &busy{l.erasure}
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("take an erasure: %w", err)
	}
	return open, nil
}

// keep renews it before a step.
func (l lease) keep(ctx context.Context) error {
	open, err := l.take(ctx)
	if err == nil && !open {
		err = &busy{l.erasure} // it ended behind our back
	}
	return err
}

// give lets others at it.
func (l lease) give(ctx context.Context) error {
	err := l.r.db.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		_, err := tx.ExecContext(context.WithoutCancel(ctx), `UPDATE retention_erasures SET owner = '', until_ms = 0 WHERE id = $1 AND owner = $2`, l.erasure, l.owner)
		return err
	})
	if err != nil {
		return fmt.Errorf("give an erasure back: %w", err)
	}
	return nil
}
