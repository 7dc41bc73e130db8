package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"mingjian/collector"
)

// watch asks the engine how far the record is, as anybody would who wants to read it: what is below the
// offsets that it answers can be queried, findings included, for a batch's seal is written last.
type watch struct {
	system *system
	total  atomic.Int64 // offsets that are sealed, of all partitions

	mu    sync.Mutex
	ends  map[int]int64 // by partition: the offset behind the newest sealed one
	moved time.Time     // when the newest answer came that had anything new
}

// sealedSQL is cheap however long the chain of seals is: one group for each partition.
const sealedSQL = `SELECT partition, max(last_offset) + 1, toInt64(sum(last_offset - first_offset + 1)) FROM mingjian.seals WHERE topic = {topic:String} GROUP BY partition`

// look asks once. It returns the moment at which the answer was there.
func (w *watch) look(ctx context.Context) (time.Time, error) {
	rows, err := w.system.conn.Query(ctx, sealedSQL, driver.NamedValue{Name: "topic", Value: collector.InteractionsTopic})
	if err != nil {
		return time.Time{}, fmt.Errorf("ask how far the record is: %w", err)
	}
	defer rows.Close()
	ends, total := map[int]int64{}, int64(0)
	for rows.Next() {
		var partition, end, n int64
		if err := rows.Scan(&partition, &end, &n); err != nil {
			return time.Time{}, fmt.Errorf("ask how far the record is: %w", err)
		}
		ends[int(partition)] = end
		total += n
	}
	if err := rows.Err(); err != nil {
		return time.Time{}, fmt.Errorf("ask how far the record is: %w", err)
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if total != w.total.Load() {
		w.moved = now
	}
	w.ends = ends
	w.total.Store(total)
	return now, nil
}

// askEvery is how often the collector is asked whether there is anything new to look at.
const askEvery = 20 * time.Millisecond

// follow looks whenever the collector has sealed more, until ctx ends, or an error; each is called after each
// look. To ask the engine ten times a second took a tenth of two cores at half of the rate.
func (w *watch) follow(ctx context.Context, each func(time.Time)) error {
	for said := int64(-1); ; {
		sealed, err := w.system.sealed(ctx)
		if err == nil && sealed != said {
			var at time.Time
			if at, err = w.look(ctx); err == nil && each != nil {
				each(at)
			}
			said = sealed
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if sleep(ctx, askEvery) != nil {
			return nil
		}
	}
}

// at is how far a partition is.
func (w *watch) at(partition int) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ends[partition]
}

// there reports whether every partition is at its target, and since when.
func (w *watch) there(target map[int]int64) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, end := range target {
		if w.ends[id] < end {
			return time.Time{}, false
		}
	}
	return w.moved, true
}
