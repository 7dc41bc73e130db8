package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mingjian/audit/store"
)

// Run makes what was asked for until ctx ends, and then returns nil. What was being made when the program
// ended is made again from the beginning.
func (x *Exports) Run(ctx context.Context) error {
	if err := x.recover(ctx); err != nil {
		x.o.Log.ErrorContext(ctx, "exports that were under way could not be taken up again", "error", err)
	}
	tick := time.NewTicker(x.o.Every)
	defer tick.Stop()
	for {
		if err := x.expire(ctx); err != nil && ctx.Err() == nil {
			x.o.Log.ErrorContext(ctx, "packages whose time is over could not be removed", "error", err)
		}
		for {
			did, err := x.next(ctx)
			if err != nil && ctx.Err() == nil {
				x.o.Log.ErrorContext(ctx, "exports cannot be made", "error", err)
			}
			if !did || err != nil {
				break
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-x.wake:
		case <-tick.C:
		}
	}
}

// recover queues what was running when the program ended, and removes what is left of it.
func (x *Exports) recover(ctx context.Context) error {
	ids, err := x.ids(ctx, `state = $1`, string(Running))
	for _, id := range ids {
		_, failed := x.change(ctx, id, func(_ *store.Tx, e *Export) error {
			if e.State == Running {
				e.State, e.StartedAt = Queued, time.Time{}
			}
			return nil
		})
		err = errors.Join(err, failed)
	}
	parts, failed := filepath.Glob(filepath.Join(x.o.Dir, "*"+unfinished))
	for _, part := range parts {
		failed = errors.Join(failed, os.Remove(part))
	}
	return errors.Join(err, failed)
}

// unfinished ends the name of a file that is being written.
const unfinished = ".part"

func (x *Exports) ids(ctx context.Context, condition string, args ...any) (out []string, err error) {
	err = x.o.Store.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id FROM exports WHERE `+condition+` ORDER BY requested_ms, id`, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			out = append(out, id)
		}
		return rows.Err()
	})
	return out, err
}

// expire removes the files whose time is over.
func (x *Exports) expire(ctx context.Context) error {
	now := x.now()
	ids, err := x.ids(ctx, `state = $1 AND expires_ms > 0 AND expires_ms <= $2`, string(Done), now.UnixMilli())
	for _, id := range ids {
		_, failed := x.change(ctx, id, func(tx *store.Tx, e *Export) error {
			if e.State != Done || e.Expires.After(now) {
				return nil
			}
			// The file first: where that fails, it is tried again.
			if err := os.Remove(x.file(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			e.State = Expired
			return x.record(ctx, tx, "export.expired", *e, "", map[string]any{"sha256": e.SHA256})
		})
		err = errors.Join(err, failed)
	}
	return err
}

// next makes the export that waits longest; did is false where none does.
func (x *Exports) next(ctx context.Context) (did bool, err error) {
	ids, err := x.ids(ctx, `state = $1`, string(Queued))
	if err != nil || len(ids) == 0 {
		return false, err
	}
	making, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	x.mu.Lock()
	x.running, x.stop, x.at = ids[0], stop, Progress{}
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		x.running, x.stop = "", nil
		x.mu.Unlock()
	}()
	e, err := x.change(ctx, ids[0], func(_ *store.Tx, e *Export) error {
		if e.State == Queued {
			e.State, e.StartedAt = Running, x.now()
		}
		return nil
	})
	if err != nil || e.State != Running {
		return err == nil, err // cancelled between
	}
	file, made, err := x.make(making, e)
	if ctx.Err() != nil {
		return true, errors.Join(ctx.Err(), remove(file)) // taken up again when the program is
	}
	_, failed := x.change(ctx, e.ID, func(tx *store.Tx, e *Export) error {
		if e.State != Running {
			return remove(file)
		}
		e.FinishedAt = x.now()
		if err != nil {
			e.State, e.Problem = Failed, err.Error()
			x.o.Log.ErrorContext(ctx, "an export failed", "export", e.ID, "error", err)
			return x.record(ctx, tx, "export.failed", *e, "", map[string]any{"problem": e.Problem})
		}
		if err := os.Rename(file, x.file(e.ID)); err != nil {
			return err
		}
		e.State, e.Expires = Done, e.FinishedAt.Add(x.o.Keep)
		e.Package, e.At, e.Scope, e.Size, e.SHA256 = made.Manifest.ID, made.Manifest.LogSize, made.Manifest.Scope, made.Size, made.SHA256
		e.Progress = Progress{Done: made.Interactions, Total: made.Interactions}
		if err := x.record(ctx, tx, "export.made", *e, e.Purpose, map[string]any{"sha256": e.SHA256, "size": e.Size, "log_size": e.At}); err != nil {
			return err
		}
		if e.IssuedTo != "" {
			return x.issue(ctx, tx, e, "")
		}
		return nil
	})
	return true, failed
}

func remove(file string) error {
	if file == "" {
		return nil
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// made is a package in a file.
type made struct {
	*Made
	Size   int64
	SHA256 string
}

// make writes the package into a file that is not the export's yet. Where that fails nothing is left.
func (x *Exports) make(ctx context.Context, e Export) (name string, out made, err error) {
	f, err := os.OpenFile(filepath.Join(x.o.Dir, e.ID+unfinished), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", made{}, fmt.Errorf("write the package: %w", err)
	}
	sum, size := sha256.New(), new(counter)
	report := func(p Progress) {
		x.mu.Lock()
		x.at = p
		x.mu.Unlock()
	}
	out.Made, err = x.o.Make(ctx, io.MultiWriter(f, sum, size), Request{Scope: e.Scope, Purpose: e.Purpose, At: e.At, IssuedTo: e.IssuedTo}, report)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !strings.Contains(err.Error(), cause.Error()) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return "", made{}, errors.Join(err, remove(f.Name()))
	}
	out.Size, out.SHA256 = int64(*size), hex.EncodeToString(sum.Sum(nil))
	return f.Name(), out, nil
}

// counter counts what is written.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
