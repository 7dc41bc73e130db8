package warehouse

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"text/template"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/pressly/goose/v3"

	"mingjian/policies"
)

// The migrations, in order. Each statement may be run again without harm (IF NOT EXISTS, OR
// REPLACE): ClickHouse has no transactions to put around them and no lock for two collectors that
// start at once.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Engine is how tables are kept; migrations are templates over it. The zero value is one server.
type Engine struct {
	// Replicated keeps a copy of each table on every replica of a shard, found by the server's
	// macros {shard} and {replica}.
	Replicated bool
	// Cluster is the cluster on which statements are run; "" runs them where they are sent.
	Cluster string
}

// retention is how long a row that belongs to no tenant (rejects, indicators) is kept after it entered
// the record: three years, the term of the E-Commerce Law, art. 31 (clause cn-ec-31-3y). It runs from
// recorded_at, not from the event: old transcripts that are imported today are to be kept.
const retention = "3 YEAR"

// ceiling is when rows are deleted at the latest, in years, if nobody swept them; no tenant's term is longer.
// It ends before 2106, where ClickHouse's seconds do.
const ceiling = policies.LongestRetention

// Replacing renders the engine of a table that keeps one row per key.
func (e Engine) Replacing(arguments string) string {
	if !e.Replicated {
		return "ReplacingMergeTree(" + arguments + ")"
	}
	place := "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
	if arguments != "" {
		place += ", " + arguments
	}
	return "ReplicatedReplacingMergeTree(" + place + ")"
}

// OnCluster renders the clause that runs a statement on all nodes, with a space in front.
func (e Engine) OnCluster() string {
	if e.Cluster == "" {
		return ""
	}
	return " ON CLUSTER '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(e.Cluster) + "'"
}

// Retention renders the clause that deletes rows after their term.
func (e Engine) Retention() string {
	return "TTL toDateTime(recorded_at) + INTERVAL " + retention
}

// Ceiling renders the clause that deletes what no sweep has.
func (e Engine) Ceiling() string {
	return fmt.Sprintf("TTL toDateTime(recorded_at) + INTERVAL %d YEAR", ceiling)
}

// rendered shows the migrations with the engine's clauses filled in.
type rendered struct {
	fs.FS
	clauses clauses
}

// clauses are what a migration may fill in.
type clauses struct {
	Engine
	// Flushed is whether the server flushes what it acknowledges, as the embedded one does.
	Flushed bool
	// merges are those of mergeSettings that the server knows.
	merges map[string]string
	// PruneFinal lets a view with FINAL skip partitions by a condition on time. Servers from 26.x on
	// read all of them unless told that no key lies in two; older ones do not know the setting.
	PruneFinal string
}

// Durable renders the settings with which an acknowledged insert survives a loss of power: a seal
// must never reach the disk before the rows it closes. Replicas do that for each other, and the embedded server
// for every table at once, when it starts too: what a merge wrote is on the disk before the server removes what it
// was made of.
func (c clauses) Durable() string {
	if c.Replicated || c.Flushed {
		return "fsync_after_insert = 0, fsync_part_directory = 0, min_rows_to_fsync_after_merge = 0"
	}
	return "fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1"
}

// Merges renders the settings by which parts are merged, and MergesBy those with another base.
func (c clauses) Merges() string { return c.MergesBy(mergeSettings[baseSetting]) }

// MergesBy is Merges, with a base.
func (c clauses) MergesBy(base string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(c.merges)) {
		value := c.merges[name]
		if name == baseSetting {
			value = base
		}
		out = append(out, name+" = "+value)
	}
	return strings.Join(out, ", ")
}

// SessionGranule is how many rows of sessions one mark is for. Of 256, each row took a quarter more to insert and again
// to merge. Replicas must be alike, so those of tables that were made with 256 are made so too.
func (c clauses) SessionGranule() int {
	if c.Replicated {
		return 256
	}
	return 1024
}

// mergeSettings have small parts wait until there are twenty about as large, and a large one not written again with
// each dozen of small ones: the selector's measure is the size of all over that of the largest, from the base at ten
// parts of a table's month down to two at fifty (SimpleMergeSelector.cpp of ClickHouse). Statistics of every
// column, which newer servers make with each merge, tell their planner nothing that our queries need.
var mergeSettings = map[string]string{"min_parts_to_merge_at_once": "10", baseSetting: "20", "auto_statistics_types": "''"}

// baseSetting is what some tables have another value of. With 20 those of half a million interactions were merged by the
// dozen, every four minutes of full load, and took a fifth of all speed for one. Whoever reads interactions, which have
// 60, meets up to fifty parts of a month. Of sessions, which dashboards read whole, that was too many: human
// requests of a million and a half took 1.2 instead of 0.6 seconds; and 40 merged as many of their rows as 20.
const baseSetting = "merge_selector_base"

// oldMergeSetting is known to every server that we support.
const oldMergeSetting = "min_parts_to_merge_at_once"

const (
	// flushesMacro is what the embedded server is known by (package deploy/embedded/clickhouse).
	flushesMacro = "flushes_what_it_acknowledges"
	pruneSetting = "defer_partition_pruning_after_final"
	pruneFinal   = " SETTINGS " + pruneSetting + " = 0"
)

// Open renders a file; directories are passed on as they are.
func (r rendered) Open(name string) (fs.File, error) {
	f, err := r.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, ".sql") {
		return f, err
	}
	defer f.Close()
	text, err := fs.ReadFile(r.FS, name)
	if err != nil {
		return nil, err
	}
	t, err := template.New(name).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	out := page{File: f}
	if err := t.Execute(&out.text, r.clauses); err != nil {
		return nil, err
	}
	return &out, nil
}

// page is a rendered file; its Stat is the template's.
type page struct {
	fs.File
	text bytes.Buffer
}

func (p *page) Read(b []byte) (int, error) { return p.text.Read(b) }

func (p *page) Close() error { return nil }

// migrate brings the schema up to date. Several processes may do so at once.
func migrate(ctx context.Context, db *sql.DB, engine Engine) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	fill := clauses{Engine: engine}
	prunes, err := known(ctx, db, "SELECT count() FROM system.settings WHERE name = ?", pruneSetting)
	if err != nil {
		return fmt.Errorf("ask for the server's settings: %w", err)
	}
	if prunes {
		fill.PruneFinal = pruneFinal
	}
	if fill.Flushed, err = known(ctx, db, "SELECT count() FROM system.macros WHERE macro = ?", flushesMacro); err != nil {
		return fmt.Errorf("ask for the server's macros: %w", err)
	}
	fill.merges = map[string]string{}
	for name, value := range mergeSettings {
		ok, err := known(ctx, db, "SELECT count() FROM system.merge_tree_settings WHERE name = ?", name)
		if err != nil {
			return fmt.Errorf("ask for the server's settings of tables: %w", err)
		}
		if ok || name == oldMergeSetting {
			fill.merges[name] = value
		}
	}
	p, err := goose.NewProvider(goose.DialectClickHouse, db, rendered{files, fill},
		goose.WithDisableGlobalRegistry(true), goose.WithTableName("migrations"))
	if err != nil {
		return fmt.Errorf("prepare the migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return fill.harden(ctx, db)
}

// known asks whether the server has something. Newer servers let a user read some tables about themselves only who was
// granted it, which ours need not be: then it is not known to have it.
func known(ctx context.Context, db *sql.DB, query string, args ...any) (bool, error) {
	var n uint64
	err := db.QueryRowContext(ctx, query, args...).Scan(&n)
	if code(err) == accessDenied {
		return false, nil
	}
	return n > 0, err
}

// harden makes tables durable that are not as this server needs it: they may have been made on another, and be restored
// or attached here.
func (c clauses) harden(ctx context.Context, db *sql.DB) error {
	first, _, _ := strings.Cut(c.Durable(), ",")
	rows, err := db.QueryContext(ctx, "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%ReplacingMergeTree' AND position(engine_full, ?) = 0 ORDER BY name", first)
	if err != nil {
		return fmt.Errorf("ask how durable tables are: %w", err)
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("ask how durable tables are: %w", err)
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("ask how durable tables are: %w", err)
	}
	for _, name := range tables {
		if _, err := db.ExecContext(ctx, "ALTER TABLE `"+name+"`"+c.OnCluster()+" MODIFY SETTING "+c.Durable()); err != nil {
			return fmt.Errorf("make table %s durable: %w", name, err)
		}
	}
	return nil
}

// Schema tells which migration the database is at, and which is the newest that this program has.
func (s *Store) Schema(ctx context.Context) (at, newest int64, err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0, 0, err
	}
	for _, f := range files {
		var version int64
		if _, err := fmt.Sscanf(strings.TrimPrefix(f, "migrations/"), "%d_", &version); err != nil {
			return 0, 0, fmt.Errorf("number of migration %s: %w", f, err)
		}
		newest = max(newest, version)
	}
	err = s.each(ctx, "read the schema's version", "SELECT max(version_id) FROM migrations WHERE is_applied = 1", nil,
		func(rows driver.Rows) error { return rows.Scan(&at) })
	return at, newest, err
}
