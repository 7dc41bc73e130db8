// Package store keeps workflow state: one handle over SQLite (the embedded default) or PostgreSQL
// (by address), the migrations that each noun brings, the journal of who did what and why, and the
// outbox of what the rest of the system must hear about.
//
// The flow: Open gives a DB, Migrate brings every noun's tables up to date, Write runs one
// transaction in which a noun changes its rows, calls Tx.Record for the journal and Tx.Send for the
// outbox. All three are durable together or not at all. Relay carries the outbox to where it goes.
//
// Statements use the placeholders $1, $2 … which both engines understand. What differs between the
// engines stays in this package.
//
// Not promised: that writers wait for each other. On SQLite they do (one writer); on PostgreSQL
// they run side by side at READ COMMITTED, so a noun guards its rows with versions or constraints.
// Messages arrive at least once, and in order only within one destination.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite" // driver "sqlite"
)

// Options are what a DB needs from outside. The zero value works.
type Options struct {
	Now  func() time.Time // stamps journal and outbox; time.Now when nil
	Log  *slog.Logger     // what the relay could not deliver; slog.Default when nil
	Poll time.Duration    // how often the relay looks without being woken; DefaultPoll when 0
}

// DefaultPoll is how often the relay looks for messages that another process wrote. Messages of
// this process wake it at once.
const DefaultPoll = time.Second

// pooled is how many PostgreSQL connections are kept when nobody needs them: as many as people change
// something in the same moment. Opening one takes longer than most changes.
const pooled = 16

// readers is how many SQLite connections read beside the one that writes: a page makes a handful
// of short queries, more would only cost file handles.
const readers = 4

// DB is the handle. It is safe for concurrent use.
type DB struct {
	engine   engine
	write    *sql.DB // SQLite: one connection, so that there is one writer
	read     *sql.DB
	now      func() time.Time
	log      *slog.Logger
	poll     time.Duration
	wake     chan struct{}
	relaying atomic.Bool
}

type engine string

const (
	sqlite   engine = "sqlite"
	postgres engine = "postgres"
)

// Open opens the store that dsn names: a PostgreSQL URL (postgres://…, version 15 or later) or the
// path of a SQLite file, which is made with mode 0600 if it does not exist. The store's own tables
// (journal, outbox) are brought up to date.
func Open(ctx context.Context, dsn string, o Options) (*DB, error) {
	d := &DB{now: o.Now, log: o.Log, poll: o.Poll, wake: make(chan struct{}, 1)}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.Default()
	}
	if d.poll <= 0 {
		d.poll = DefaultPoll
	}
	var err error
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		err = d.openPostgres(ctx, dsn)
	} else {
		err = d.openSQLite(ctx, dsn)
	}
	if err == nil {
		err = d.Migrate(ctx, Noun{Name: "store", Files: own})
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *DB) openPostgres(ctx context.Context, dsn string) error {
	d.engine = postgres
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return errors.New("open store: the PostgreSQL address cannot be read; it looks like postgres://user@host:5432/database")
	}
	db.SetMaxIdleConns(pooled)
	d.write, d.read = db, db
	var version int
	if err := db.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return fmt.Errorf("open store: reach PostgreSQL: %w", err)
	}
	if version < 150000 {
		return fmt.Errorf("open store: PostgreSQL %d is too old; version 15 or later is needed", version/10000)
	}
	return nil
}

func (d *DB) openSQLite(ctx context.Context, path string) error {
	d.engine = sqlite
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	// SQLite gives its side files the mode of the database file, so that is made first.
	f, err := os.OpenFile(abs, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	// FULL: an acknowledged change survives a loss of power, which NORMAL does not promise in WAL.
	// What is deleted is overwritten: destroyed keys must not be found in the file's free pages.
	pragmas := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "secure_delete(ON)",
	}}
	address := (&url.URL{Scheme: "file", Path: abs}).String() + "?" + pragmas.Encode()
	// A writing transaction takes its lock when it begins: upgrading later could fail half way.
	if d.write, err = sql.Open("sqlite", address+"&_txlock=immediate"); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	d.write.SetMaxOpenConns(1)
	if err := d.write.PingContext(ctx); err != nil {
		return fmt.Errorf("open store %s: %w", abs, err)
	}
	if d.read, err = sql.Open("sqlite", address+"&_pragma=query_only(ON)"); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	d.read.SetMaxOpenConns(readers)
	return nil
}

// Close closes the handle. Transactions under way end with an error.
func (d *DB) Close() error {
	var errs []error
	if d.read != nil && d.read != d.write {
		errs = append(errs, d.read.Close())
	}
	if d.write != nil {
		errs = append(errs, d.write.Close())
	}
	return errors.Join(errs...)
}

// Ping says whether the store answers.
func (d *DB) Ping(ctx context.Context) error { return d.read.PingContext(ctx) }

// Noun is a part of the workflow with tables of its own.
type Noun struct {
	Name string // names its version table goose_<Name>
	// Files holds goose migrations (NNNNN_what.sql) at its root, or, where the engines need
	// different statements, in folders sqlite and postgres.
	Files fs.FS
}

// Migrate brings the nouns' tables up to date, each by its own migrations. On PostgreSQL a lock
// keeps processes that start together from doing it twice.
func (d *DB) Migrate(ctx context.Context, nouns ...Noun) error {
	for _, n := range nouns {
		files := n.Files
		if info, err := fs.Stat(files, string(d.engine)); err == nil && info.IsDir() {
			if files, err = fs.Sub(files, string(d.engine)); err != nil {
				return fmt.Errorf("migrate %s: %w", n.Name, err)
			}
		}
		dialect, options := goose.DialectSQLite3, []goose.ProviderOption{
			goose.WithTableName("goose_" + n.Name), goose.WithDisableGlobalRegistry(true),
		}
		if d.engine == postgres {
			locker, err := lock.NewPostgresSessionLocker()
			if err != nil {
				return fmt.Errorf("migrate %s: %w", n.Name, err)
			}
			dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
		}
		p, err := goose.NewProvider(dialect, d.write, files, options...)
		if err != nil {
			return fmt.Errorf("migrate %s: %w", n.Name, err)
		}
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrate %s: %w", n.Name, err)
		}
	}
	return nil
}

// Tx is one transaction. It must not be used after the function it was given to returns.
type Tx struct {
	*sql.Tx
	db       *DB
	outgoing []Message // what was sent, in order
}

// Places are the placeholders of n values in a row, $first and the following. SQLite looks each one that has a number up
// among all of a statement's, which of a thousand takes longer than the statement: there they have none, so they
// stand in the statement in the order of their values, and none with a number behind them.
func (t *Tx) Places(first, n int) string {
	if t.db.engine == sqlite {
		return strings.TrimSuffix(strings.Repeat("?, ", n), ", ")
	}
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", first+i)
	}
	return b.String()
}

// Now is the store's clock, UTC, in whole milliseconds.
func (d *DB) Now() time.Time { return d.now().UTC().Truncate(time.Millisecond) }

// Read runs fn in a transaction that changes nothing and sees one state of the store.
func (d *DB) Read(ctx context.Context, fn func(*Tx) error) error {
	o := &sql.TxOptions{ReadOnly: true}
	if d.engine == postgres {
		o.Isolation = sql.LevelRepeatableRead
	}
	tx, err := d.read.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	defer tx.Rollback() // nothing to keep
	return fn(&Tx{Tx: tx, db: d})
}

// Write runs fn in a transaction and makes it durable; an error from fn undoes all of it.
func (d *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write to the store: %w", err)
	}
	defer tx.Rollback() // no effect after Commit
	t := &Tx{Tx: tx, db: d}
	if err := fn(t); err != nil {
		return err
	}
	if err := t.flush(ctx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write to the store: %w", err)
	}
	if len(t.outgoing) > 0 {
		select {
		case d.wake <- struct{}{}:
		default: // the relay has a wake-up waiting already
		}
	}
	return nil
}
