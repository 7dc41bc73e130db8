package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// RetainedSince is the moment before which rows that were written may be gone by retention. Seals stay.
func RetainedSince(now time.Time) time.Time { return now.AddDate(-retentionYears, 0, 0) }

// retentionYears is retention as a number.
const retentionYears = 3

// without is the table with some columns left out.
func (t table[T]) without(names ...string) table[T] {
	t.columns = slices.DeleteFunc(slices.Clone(t.columns), func(c column[T]) bool { return slices.Contains(names, c.name) })
	return t
}

// Rows streams the interactions and rejects that stand at offsets first to last (inclusive) of a partition,
// in no order. Of an interaction that was deleted because its time was over there are place, moment, tenant
// and leaf. The rows are reused; their strings and lists are not.
func (s *Store) Rows(ctx context.Context, topic string, partition int, first, last int64, stored func(*Interaction) error, refused func(*Reject) error) error {
	if err := between(ctx, s, interactions, topic, partition, first, last, stored); err != nil {
		return err
	}
	if err := s.gone(ctx, topic, partition, first, last, stored); err != nil {
		return err
	}
	return between(ctx, s, rejects, topic, partition, first, last, refused)
}

func between[T any](ctx context.Context, s *Store, t table[T], topic string, partition int, first, last int64, each func(*T) error) error {
	return s.each(inBlocks(ctx, replayBlock), "read "+t.name, "SELECT "+strings.Join(t.names(), ", ")+" FROM "+t.name+
		" FINAL WHERE topic = {topic:String} AND partition = {partition:Int64} AND offset BETWEEN {first:Int64} AND {last:Int64}",
		[]any{
			clickhouse.Named("topic", topic), clickhouse.Named("partition", int64(partition)),
			clickhouse.Named("first", first), clickhouse.Named("last", last),
		}, func(rows driver.Rows) error {
			var row T
			if err := t.scan(rows, &row); err != nil {
				return err
			}
			return each(&row)
		})
}

// wholeBlock is how many rows of sessions the server sends at a time: the snapshot of one with thousands of
// events takes tens of kilobytes.
const wholeBlock = 1024

// inBlocks has the server send so many rows at a time, and read tables in the order of their key.
func inBlocks(ctx context.Context, rows int) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_block_size": rows, "optimize_read_in_order": 1}))
}

// SealsFrom gives a partition's next standing seals over offsets: those that begin in [from, before), at most
// limit and at least one where there is any, in their order.
func (s *Store) SealsFrom(ctx context.Context, topic string, partition int, from, before int64, limit int) ([]Seal, error) {
	read := func(table, condition string) (out []Seal, err error) {
		err = s.each(ctx, "read seals", "SELECT "+strings.Join(seals.names(), ", ")+" FROM "+table+
			" WHERE topic = {topic:String} AND partition = {partition:Int64} AND first_offset >= {from:Int64} AND first_offset < {before:Int64} AND last_offset >= first_offset"+condition+
			" ORDER BY first_offset, generation, id LIMIT {limit:UInt64}",
			[]any{
				clickhouse.Named("topic", topic), clickhouse.Named("partition", int64(partition)),
				clickhouse.Named("from", from), clickhouse.Named("before", before), clickhouse.Named("limit", limit+1),
			}, func(rows driver.Rows) error {
				var seal Seal
				err := seals.scan(rows, &seal)
				out = append(out, seal)
				return err
			})
		return out, err
	}
	out, err := read("seals FINAL", "")
	if err != nil {
		return nil, err
	}
	for i := range out[min(1, len(out)):] {
		if out[i+1].First <= out[i].Last {
			// Two owners sealed the same; see SealsOver.
			if out, err = read("seals_v", " AND state = 'standing'"); err != nil {
				return nil, err
			}
			break
		}
	}
	return out[:min(limit, len(out))], nil
}

// Unsettled is a row at an offset that was recorded too long ago to be on its way, or in a time to come.
type Unsettled struct {
	Offset             int64
	Reject             bool
	SessionID, EventID string // of an interaction
	Reason             string // of a reject
}

// Unsettled gives rows and rejects from an offset on that were not recorded within a span of the moment that it is
// by the server's clock, at most limit of them and in their order. A row that was written again counts from then.
func (s *Store) Unsettled(ctx context.Context, topic string, partition int, from int64, within time.Duration, limit int) (out []Unsettled, err error) {
	const there = " WHERE topic = {topic:String} AND partition = {partition:Int64} AND offset >= {from:Int64}" +
		" AND abs(toUnixTimestamp64Milli(recorded_at) - toUnixTimestamp64Milli(now64(3))) > {within:Int64}"
	// Only what may be one of them is merged.
	err = s.each(ctx, "read what was recorded long ago", "SELECT offset, reject, session_id, event_id, reason FROM ("+
		"SELECT offset, false AS reject, session_id, event_id, '' AS reason FROM interactions FINAL"+there+
		" AND (tenant, session_id, event_id) IN (SELECT DISTINCT tenant, session_id, event_id FROM interactions"+there+" LIMIT {limit:UInt64})"+
		" UNION ALL SELECT offset, true, '', '', toString(reason) FROM rejects FINAL"+there+") ORDER BY offset, reject LIMIT {limit:UInt64}",
		[]any{
			clickhouse.Named("topic", topic), clickhouse.Named("partition", int64(partition)), clickhouse.Named("from", from),
			clickhouse.Named("within", within.Milliseconds()), clickhouse.Named("limit", limit),
		}, func(rows driver.Rows) error {
			var u Unsettled
			err := rows.Scan(&u.Offset, &u.Reject, &u.SessionID, &u.EventID, &u.Reason)
			out = append(out, u)
			return err
		})
	return out, err
}

// Newest gives the highest offset that any interaction or reject of a topic stands at, by partition.
func (s *Store) Newest(ctx context.Context, topic string) (map[int]int64, error) {
	out := map[int]int64{}
	err := s.each(ctx, "read the newest offsets", "SELECT partition, max(newest) FROM (SELECT partition, max(offset) AS newest FROM interactions WHERE topic = {topic:String} GROUP BY partition UNION ALL SELECT partition, max(offset) FROM rejects WHERE topic = {topic:String} GROUP BY partition) GROUP BY partition",
		[]any{clickhouse.Named("topic", topic)}, func(rows driver.Rows) error {
			var partition, offset int64
			err := rows.Scan(&partition, &offset)
			out[int(partition)] = offset
			return err
		})
	return out, err
}

// EventKey names an event: an event_id counts once in a session.
type EventKey struct{ SessionID, EventID string }

// Places gives the offset at which each of the events stands that the record has.
func (s *Store) Places(ctx context.Context, topic string, events []EventKey) (map[EventKey]int64, error) {
	wanted := make(map[EventKey]bool, len(events))
	ids := make([]string, 0, len(events))
	for _, e := range events {
		wanted[e] = true
		ids = append(ids, e.SessionID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	out := map[EventKey]int64{}
	if len(ids) == 0 {
		return out, nil
	}
	for _, some := range inParts(ids) {
		err := s.each(ctx, "look up events", "SELECT session_id, event_id, offset FROM interactions FINAL PREWHERE session_id IN {ids:Array(String)} WHERE topic = {topic:String}",
			[]any{clickhouse.Named("ids", some), clickhouse.Named("topic", topic)}, func(rows driver.Rows) error {
				var k EventKey
				var offset int64
				if err := rows.Scan(&k.SessionID, &k.EventID, &offset); err != nil {
					return err
				}
				if was, twice := out[k]; wanted[k] && (!twice || offset < was) {
					out[k] = offset
				}
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Whole is everything that the record has of one session. Session is nil where it has no snapshot of it.
type Whole struct {
	Tenant, ID string
	Session    *Session
	Findings   []Finding // withdrawn ones included, indicators' not
	Rows       []PlacedRow
}

// PlacedRow is what an event is rebuilt from, and its place; see Interaction.
type PlacedRow struct {
	EventID     string
	Partition   int
	Offset      int64
	Text        string
	TextBytes   int
	Flags       []string
	Body, Extra string
}

// placedRow is a PlacedRow with its session, as a table is read.
type placedRow struct {
	sessionID string
	PlacedRow
}

var placedRows = table[placedRow]{"interactions", []column[placedRow]{
	plain("session_id", func(r *placedRow) *string { return &r.sessionID }),
	plain("event_id", func(r *placedRow) *string { return &r.EventID }),
	number("partition", func(r *placedRow) *int { return &r.Partition }),
	plain("offset", func(r *placedRow) *int64 { return &r.Offset }),
	plain("text", func(r *placedRow) *string { return &r.Text }),
	number("text_bytes", func(r *placedRow) *int { return &r.TextBytes }),
	words("flags", func(r *placedRow) *[]string { return &r.Flags }),
	plain("body", func(r *placedRow) *string { return &r.Body }),
	plain("extra", func(r *placedRow) *string { return &r.Extra }),
}}

// Tenants lists every tenant that anything in the record is of.
func (s *Store) Tenants(ctx context.Context) ([]string, error) {
	var out []string
	err := s.each(ctx, "list tenants", "SELECT toString(tenant) AS t FROM sessions UNION DISTINCT SELECT toString(tenant) FROM interactions UNION DISTINCT SELECT toString(tenant) FROM findings ORDER BY 1", nil,
		func(rows driver.Rows) error {
			var tenant string
			err := rows.Scan(&tenant)
			out = append(out, tenant)
			return err
		})
	slices.Sort(out)
	return slices.Compact(out), err
}

// Wholes streams a tenant's sessions of a topic ordered by id. Its three tables are each read in the order of
// their key and merged on the way, so that nothing is sorted and one session is held at a time.
func (s *Store) Wholes(ctx context.Context, topic, tenant string, each func(*Whole) error) error {
	return s.wholes(inBlocks(ctx, wholeBlock), topic, tenant, "", nil, each)
}

// WholeOf is one session; where the record has nothing of it, it is empty.
func (s *Store) WholeOf(ctx context.Context, topic, tenant, id string) (*Whole, error) {
	out := &Whole{Tenant: tenant, ID: id}
	err := s.wholes(ctx, topic, tenant, " AND session_id = {session:String}", []any{clickhouse.Named("session", id)}, func(w *Whole) error {
		out = w
		return nil
	})
	return out, err
}

func (s *Store) wholes(ctx context.Context, topic, tenant, only string, args []any, each func(*Whole) error) error {
	args = append([]any{clickhouse.Named("topic", topic), clickhouse.Named("tenant", tenant)}, args...)
	events, err := inOrder(ctx, s, placedRows, "topic = {topic:String} AND tenant = {tenant:String}"+only, "tenant, session_id, event_id", func(r *placedRow) string { return r.sessionID }, args)
	if err != nil {
		return err
	}
	defer events.rows.Close()
	found, err := inOrder(ctx, s, findings, "tenant = {tenant:String} AND level = 'session'"+only, "session_id, finding_id", func(f *Finding) string { return f.SessionID }, args)
	if err != nil {
		return err
	}
	defer found.rows.Close()
	snaps, err := inOrder(ctx, s, sessions, "tenant = {tenant:String}"+only, "session_id, tenant", func(r *Session) string { return r.SessionID }, args)
	if err != nil {
		return err
	}
	defer snaps.rows.Close()
	for events.has || found.has || snaps.has {
		w := &Whole{Tenant: tenant, ID: first(events.peek(), found.peek(), snaps.peek())}
		var of []Session
		var rows []placedRow
		if rows, err = events.take(w.ID); err != nil {
			return err
		}
		if w.Findings, err = found.take(w.ID); err != nil {
			return err
		}
		if of, err = snaps.take(w.ID); err != nil {
			return err
		}
		for i := range rows {
			w.Rows = append(w.Rows, rows[i].PlacedRow)
		}
		if len(of) > 0 {
			w.Session = &of[0]
		}
		if w.Session != nil && w.Session.Topic != topic {
			continue
		}
		if err := each(w); err != nil {
			return err
		}
	}
	return nil
}

// first is the smallest id among those that there are.
func first(ids ...*string) string {
	var out *string
	for _, id := range ids {
		if id != nil && (out == nil || *id < *out) {
			out = id
		}
	}
	return *out
}

// ordered is a result in the order of session ids, one row of it read ahead.
type ordered[T any] struct {
	table table[T]
	rows  driver.Rows
	id    func(*T) string
	next  T
	has   bool
}

func inOrder[T any](ctx context.Context, s *Store, t table[T], condition, order string, id func(*T) string, args []any) (*ordered[T], error) {
	rows, err := s.conn.Query(ctx, "SELECT "+strings.Join(t.names(), ", ")+" FROM "+t.name+" FINAL WHERE "+condition+" ORDER BY "+order, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.name, err)
	}
	o := &ordered[T]{table: t, rows: rows, id: id}
	if err := o.step(); err != nil {
		rows.Close()
		return nil, err
	}
	return o, nil
}

func (o *ordered[T]) step() error {
	o.has = o.rows.Next()
	if !o.has {
		if err := o.rows.Err(); err != nil {
			return fmt.Errorf("read %s: %w", o.table.name, err)
		}
		return nil
	}
	var fresh T
	o.next = fresh
	return o.table.scan(o.rows, &o.next)
}

func (o *ordered[T]) peek() *string {
	if !o.has {
		return nil
	}
	id := o.id(&o.next)
	return &id
}

// take reads the rows of a session.
func (o *ordered[T]) take(id string) (out []T, err error) {
	for o.has && o.id(&o.next) == id {
		out = append(out, o.next)
		if err := o.step(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
