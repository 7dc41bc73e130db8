package warehouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	// idsPerQuery and idBytesPerQuery bound the ids of one lookup: over HTTP they stand in the URL,
	// percent-encoded to at most three times their length, and servers take URLs up to 1 MiB
	// (http_max_uri_size).
	idsPerQuery     = 1000
	idBytesPerQuery = 96 << 10
)

// Snapshots implements Reader. A session that several tenants have under one id comes once for
// each.
func (s *Store) Snapshots(ctx context.Context, topic string, ids []string) ([]Snapshot, error) {
	var out []Snapshot
	for len(ids) > 0 {
		n, bytes := 0, 0
		for n < len(ids) && n < idsPerQuery && (n == 0 || bytes+len(ids[n]) <= idBytesPerQuery) {
			bytes += len(ids[n])
			n++
		}
		known, err := s.known(ctx, ids[:n])
		if err != nil {
			return nil, err
		}
		ids = ids[n:]
		if len(known) == 0 {
			continue
		}
		err = s.snapshots(ctx, sessions, "{ids:Array(String)}", "topic = {topic:String}", func(snap Snapshot) error {
			out = append(out, snap)
			return nil
		}, clickhouse.Named("ids", known), clickhouse.Named("topic", topic))
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// known are those of a few ids that there are any rows of. Most sessions that are looked up are new, and
// this reads one column to find that out, where snapshots reads two tables.
func (s *Store) known(ctx context.Context, ids []string) (out []string, err error) {
	err = s.each(ctx, "look up sessions", "SELECT DISTINCT session_id FROM sessions PREWHERE session_id IN {ids:Array(String)}",
		[]any{clickhouse.Named("ids", ids)}, func(rows driver.Rows) error {
			var id string
			err := rows.Scan(&id)
			out = append(out, id)
			return err
		})
	return out, err
}

// openBlock is how many sessions a taker-over has in memory at once beside those it keeps, a few times over:
// some megabytes. The server's default, 65,000, took a process with four partitions half a gigabyte.
const openBlock = 4096

// resumed is a session without its facts, which are most of its row and in its state too.
var resumed = sessions.without("facts")

// SessionHashes implements Reader. One thread of the server: nobody waits for it.
func (s *Store) SessionHashes(ctx context.Context, each func(uint64)) error {
	return s.each(ctx, "list sessions", "SELECT xxHash64(session_id) FROM sessions SETTINGS max_threads = 1", nil, func(rows driver.Rows) error {
		var hash uint64
		err := rows.Scan(&hash)
		each(hash)
		return err
	})
}

// Open implements Reader. Snapshots come ordered by session and tenant; each may use the Store.
func (s *Store) Open(ctx context.Context, topic string, partition int, each func(Snapshot) error) error {
	// Any version that was pending makes a candidate: one byte a row is read to find them. Whether
	// the newest version is pending is asked of the candidates alone.
	const mine = "topic = {topic:String} AND partition = {partition:Int64}"
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_block_size": openBlock}), clickhouse.WithBlockBufferSize(1))
	return s.snapshots(ctx, resumed,
		"(SELECT session_id FROM sessions PREWHERE pending WHERE "+mine+")", mine+" AND pending", each,
		clickhouse.Named("topic", topic), clickhouse.Named("partition", int64(partition)))
}

// snapshots streams the sessions with an id in a set that meet a condition, each with its findings.
// Both come in the order of their tables and are merged on the way.
func (s *Store) snapshots(ctx context.Context, t table[Session], set, condition string, each func(Snapshot) error, args ...any) error {
	found, err := s.conn.Query(ctx, newest(findings, "finding_id", set)+" ORDER BY session_id, finding_id", args...)
	if err != nil {
		return fmt.Errorf("read findings: %w", err)
	}
	defer found.Close()
	rows, err := s.conn.Query(ctx, newest(t, "tenant", set)+" AND "+condition+" ORDER BY session_id, tenant", args...)
	if err != nil {
		return fmt.Errorf("read sessions: %w", err)
	}
	defer rows.Close()

	ahead := findingsAhead{rows: found}
	var of []Finding // of the current session id, for all tenants
	for id := (*string)(nil); rows.Next(); {
		var snap Snapshot
		if err := t.scan(rows, &snap.Session); err != nil {
			return err
		}
		if id == nil || *id != snap.Session.SessionID {
			id = &snap.Session.SessionID
			if of, err = ahead.take(*id); err != nil {
				return err
			}
		}
		for _, f := range of {
			if f.Tenant == snap.Session.Tenant {
				snap.Findings = append(snap.Findings, f)
			}
		}
		if err := each(snap); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read sessions: %w", err)
	}
	return nil
}

// newest selects the newest versions of the rows of a set of sessions; key tells a session's rows
// apart. For a few sessions out of very many this is faster than FINAL, most of all for those that
// do not exist: 500 such among four million took 9 ms instead of 79.
func newest[T any](t table[T], key, set string) string {
	columns := strings.Join(t.names(), ", ")
	return "SELECT " + columns + " FROM (SELECT " + columns + " FROM " + t.name +
		" PREWHERE session_id IN " + set + " ORDER BY session_id, " + key + ", version DESC, is_deleted DESC" +
		" LIMIT 1 BY session_id, " + key + ") WHERE is_deleted = 0"
}

// findingsAhead reads findings ordered by session, one session at a time.
type findingsAhead struct {
	rows driver.Rows
	next *Finding // read, but of a later session
}

// take returns the findings of a session and forgets those of earlier ones.
func (a *findingsAhead) take(sessionID string) ([]Finding, error) {
	var out []Finding
	for {
		if a.next == nil {
			if !a.rows.Next() {
				if err := a.rows.Err(); err != nil {
					return nil, fmt.Errorf("read findings: %w", err)
				}
				return out, nil
			}
			a.next = new(Finding)
			if err := findings.scan(a.rows, a.next); err != nil {
				return nil, err
			}
		}
		if a.next.SessionID > sessionID {
			return out, nil
		}
		if a.next.SessionID == sessionID {
			out = append(out, *a.next)
		}
		a.next = nil
	}
}

// Events implements Reader.
func (s *Store) Events(ctx context.Context, tenant, sessionID string) ([]Interaction, error) {
	return collect(ctx, s, interactions, "PREWHERE tenant = {tenant:String} AND session_id = {session:String} ORDER BY at, offset",
		clickhouse.Named("tenant", tenant), clickhouse.Named("session", sessionID))
}

// collect reads the rows of a table that a clause leaves, without duplicates.
func collect[T any](ctx context.Context, s *Store, t table[T], clause string, args ...any) ([]T, error) {
	var out []T
	query := "SELECT " + strings.Join(t.names(), ", ") + " FROM " + t.name + " FINAL " + clause
	err := s.each(ctx, "read "+t.name, query, args, func(rows driver.Rows) error {
		var row T
		if err := t.scan(rows, &row); err != nil {
			return err
		}
		out = append(out, row)
		return nil
	})
	return out, err
}

// each calls for every row of a query's result; what names the whole in errors.
func (s *Store) each(ctx context.Context, what, query string, args []any, row func(driver.Rows) error) error {
	rows, err := s.conn.Query(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
