package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	native "github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"
)

// Write implements Writer. Each kind of row is one insert; what a later insert refers to is durable before it begins, and
// the seal is last. Writing the same rows again is harmless: they have the same keys. Batches that are written at the
// same moment are written together.
func (s *Store) Write(ctx context.Context, b *Batch) error {
	return s.together.write(ctx, b, s.write)
}

// write writes batches as one. Rejects, and versions of findings, which are nothing without their seal, go
// beside the others: an insert is mostly waiting for the disk, and a batch waits for each in turn.
func (s *Store) write(ctx context.Context, all []*Batch) error {
	if err := insert(ctx, s, revisions, of(all, func(b *Batch) []Policies { return orNone(b.Policies) })...); err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	group.Go(func() error {
		return insert(within, s, rejects, of(all, func(b *Batch) []Reject { return b.Rejects })...)
	})
	group.Go(func() error {
		return insert(within, s, versions, of(all, func(b *Batch) []FindingVersion { return b.Versions })...)
	})
	group.Go(func() error {
		if err := insert(within, s, interactions, of(all, func(b *Batch) []Interaction { return b.Interactions })...); err != nil {
			return err
		}
		if err := insert(within, s, findings, of(all, func(b *Batch) []Finding { return b.Findings })...); err != nil {
			return err
		}
		return insert(within, s, sessions, of(all, func(b *Batch) []Session { return b.Sessions })...)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return insert(ctx, s, seals, of(all, func(b *Batch) []Seal { return orNone(b.Seal) })...)
}

// of picks one kind of row of each batch.
func of[T any](all []*Batch, rows func(*Batch) []T) [][]T {
	out := make([][]T, len(all))
	for i, b := range all {
		out[i] = rows(b)
	}
	return out
}

func orNone[T any](row *T) []T {
	if row == nil {
		return nil
	}
	return []T{*row}
}

// Put implements Mirror.
func (s *Store) Put(ctx context.Context, name MirrorTable, rows []MirrorRow) error {
	switch name {
	case Reviews, Cases, FundEntries:
		return insert(ctx, s, mirrored(name), rows)
	}
	return fmt.Errorf("mirror %q: no such table", name)
}

// insertSettings make an insert mean what Writer promises.
var insertSettings = clickhouse.Settings{
	// When the insert returns its rows are in the table, not in a buffer to be joined with others.
	"async_insert": 0,
	// Rows are told apart by their keys. A block that was seen before is written all the same: rows
	// that were deleted since may have to come back.
	"insert_deduplicate": 0,
	// Rows of equal key collapse when parts are merged and when they are read. Looking for them in each
	// block as well took a fifth of the engine's time over an insert, and a block has next to none.
	"optimize_on_insert": 0,
	// An import of old transcripts holds more months than the 100 that the server would allow.
	"max_partitions_per_insert_block": 0,
}

// insert writes rows, which come in any number of parts, by column as one block.
func insert[T any](ctx context.Context, s *Store, t table[T], parts ...[]T) error {
	n := 0
	for _, rows := range parts {
		n += len(rows)
	}
	if n == 0 {
		return nil
	}
	in, err := s.shapeOf(ctx, t.name, t.names())
	if err != nil {
		return err
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings), clickhouse.WithColumnNamesAndTypes(in.columns))
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO "+t.name+" ("+strings.Join(t.names(), ", ")+")")
	if err != nil {
		return fmt.Errorf("write %d %s: %w", n, t.name, err)
	}
	defer batch.Close()
	texts := textsOf(batch)
	ends := in.lend(texts)
	for i, c := range t.columns {
		for _, rows := range parts {
			if err := c.append(batch.Column(i), rows); err != nil {
				return fmt.Errorf("write %d %s: column %s: %w", n, t.name, c.name, err)
			}
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("write %d %s: %w", n, t.name, err)
	}
	in.takeBack(texts, ends)
	return nil
}

// shape is what is known of the inserts into one table.
type shape struct {
	columns []clickhouse.ColumnNameAndType
	spare   atomic.Pointer[spare] // nil: an insert has it
}

// spare are columns of texts that are empty and have room.
type spare struct {
	texts []native.String
	ends  time.Time   // of keeping it
	drop  *time.Timer // then, where no insert comes
}

// textsOf are the columns of texts of a batch.
func textsOf(batch driver.Batch) (texts []*native.String) {
	for _, c := range batch.Columns() {
		if text, ok := c.(*native.String); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// lend gives columns of texts the room that those of an insert before grew to, and says until when it is to be kept.
// Grown anew each time they were a quarter of all garbage.
func (in *shape) lend(texts []*native.String) (ends time.Time) {
	room := in.spare.Swap(nil)
	if room == nil {
		return time.Now().Add(keepRoom)
	}
	room.drop.Stop()
	same := func(a *native.String, b native.String) bool { return a.Name() == b.Name() }
	if !slices.EqualFunc(texts, room.texts, same) { // a server names columns by itself, over its native protocol
		return time.Now().Add(keepRoom)
	}
	for i, text := range texts {
		*text = room.texts[i]
	}
	return room.ends
}

// takeBack keeps the room of columns that were sent.
func (in *shape) takeBack(texts []*native.String, ends time.Time) {
	left := time.Until(ends)
	if left <= 0 {
		return
	}
	room := &spare{texts: make([]native.String, len(texts)), ends: ends}
	for i, text := range texts {
		text.Reset() // which keeps the room
		room.texts[i] = *text
	}
	room.drop = time.AfterFunc(left, func() { in.spare.CompareAndSwap(room, nil) })
	in.spare.Store(room)
}

// shapeOf names the columns of an insert with their types; over HTTP the driver would
// otherwise ask for them before each one. LowCardinality is left to the server, which builds its
// dictionaries several times faster than the driver does.
func (s *Store) shapeOf(ctx context.Context, name string, columns []string) (*shape, error) {
	s.mu.Lock()
	known, ok := s.shapes[name]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	types := map[string]string{}
	err := s.each(ctx, "look up the columns of "+name,
		"SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}",
		[]any{clickhouse.Named("table", name)}, func(rows driver.Rows) error {
			var column, kind string
			err := rows.Scan(&column, &kind)
			types[column] = strings.Replace(kind, "LowCardinality(String)", "String", 1)
			return err
		})
	if err != nil {
		return nil, err
	}
	known = &shape{}
	for _, column := range columns {
		if types[column] == "" {
			return nil, fmt.Errorf("table %s has no column %s: it is older than this program", name, column)
		}
		known.columns = append(known.columns, clickhouse.ColumnNameAndType{Name: column, Type: types[column]})
	}
	s.mu.Lock()
	s.shapes[name] = known
	s.mu.Unlock()
	return known, nil
}
