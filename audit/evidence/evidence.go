// Package evidence is the notary and its log: an append-only record of statements that nobody, the
// operator included, can change afterwards without its showing.
//
// The log is a Merkle tree (RFC 6962) kept as tiles in a directory (C2SP tlog-tiles, written by
// Tessera). Its checkpoints are signed with Ed25519 and follow C2SP tlog-checkpoint. An entry is one
// JSON object in canonical form (RFC 8785): when it was made, what kind it is, a key that no two
// entries share, and what it says.
//
// The flow: whoever has something to state queues it in the transaction in which it becomes true
// (Queue); Flush appends what is queued, notes where each entry stands and copies it to the
// warehouse. A crash anywhere between leads to the same log: what was appended without being noted is
// recognised by its key. Open takes the directory for itself, so that there is one notary; OpenLog
// only reads, needs no store, and checks signatures and hashes.
//
// Not promised: that the moment in an entry is true (it is the notary's clock; the order of entries
// is what the log proves), and that the operator cannot show different logs to different people, as
// long as nobody else cosigns the checkpoints. Who appends decides when, so a value that depends on a
// checkpoint can be influenced by appending something, which then stands in the log for all to see.
package evidence

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofrs/flock"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"

	"mingjian/audit/store"
	"mingjian/collector/warehouse"
)

//go:embed migrations
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the table of what is to be in the log.
var Noun = store.Noun{Name: "evidence", Files: migrationFiles}

// Entry is one statement.
type Entry struct {
	Key  string    // no two entries share one; queueing a key again changes nothing
	Type string    // noun.verb: sampling.key.committed
	At   time.Time // when it was made; kept in whole milliseconds, UTC
	Body any       // what it says; becomes JSON
}

// document is an entry as it stands in the log.
type document struct {
	At   string          `json:"at"` // RFC 3339 with milliseconds, UTC
	Body json.RawMessage `json:"body"`
	Key  string          `json:"key"`
	Type string          `json:"type"`
}

// moment is how an entry writes its moment.
const moment = "2006-01-02T15:04:05.000Z"

// maxEntry is the size of an entry that the log's tiles take (C2SP tlog-tiles: 16 bits of length).
const maxEntry = 1<<16 - 1

// canonical gives the bytes of an entry's leaf.
func (e Entry) canonical() ([]byte, error) {
	if e.Key == "" || e.Type == "" {
		return nil, fmt.Errorf("an evidence entry needs a key and a type, not %q and %q", e.Key, e.Type)
	}
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, fmt.Errorf("evidence entry %s: %w", e.Key, err)
	}
	text, err := json.Marshal(document{At: e.At.UTC().Format(moment), Body: body, Key: e.Key, Type: e.Type})
	if err != nil {
		return nil, fmt.Errorf("evidence entry %s: %w", e.Key, err)
	}
	value := jsontext.Value(text)
	if err := value.Canonicalize(); err != nil {
		return nil, fmt.Errorf("evidence entry %s: %w", e.Key, err)
	}
	if len(value) > maxEntry {
		return nil, fmt.Errorf("evidence entry %s: %d bytes are more than the %d that an entry may have", e.Key, len(value), maxEntry)
	}
	return value, nil
}

// Mirror takes copies of entries for dashboards.
type Mirror interface {
	PutLog(ctx context.Context, entries []warehouse.LogEntry) error
}

// Options are what a Notary needs from outside.
type Options struct {
	Store  *store.DB     // where statements are queued; needed
	Mirror Mirror        // nil: entries are not copied
	Random io.Reader     // makes the key of a new log; crypto/rand when nil
	Log    *slog.Logger  // what could not be copied; slog.Default when nil
	Settle time.Duration // how often a checkpoint is published while the log grows; DefaultSettle when 0

	Authority string  // URL of an authority that stamps checkpoints (RFC 3161); "": none does
	Witness   Witness // who cosigns checkpoints; the zero Witness: nobody does
}

// Witness is somebody else who cosigns checkpoints of a log that only ever grew (C2SP tlog-witness), so that
// the log cannot be shown in two forms.
type Witness struct {
	URL string // below which its add-checkpoint is
	Key string // its verifier key (C2SP tlog-cosignature, Ed25519)
}

// witnessPatience is how long a checkpoint waits for its cosignature. One that does not come is done without
// (the checkpoint says who signed it): what people decide here must not wait for somebody else's machine.
const witnessPatience = 2 * time.Second

// DefaultSettle is how often a growing log's checkpoint is published. Whoever asks for a checkpoint
// waits that long at most.
const DefaultSettle = time.Second

// gather is how long an entry waits for others to be written with it. Flush adds all it has at once,
// so the wait only has to outlast that.
const gather = 5 * time.Millisecond

// VerifierFile is the file of a log's public key: a C2SP signed-note verifier key.
const VerifierFile = "log.pub"

// The other files of a log beside its tiles.
const (
	keyFile  = "signer.key" // private, mode 0600
	lockFile = ".notary.lock"
)

// Notary appends to the log of one directory. It is safe for concurrent use.
type Notary struct {
	*Log
	store  *store.DB
	mirror Mirror
	logger *slog.Logger

	authority string

	add  tessera.AddFn
	size func(context.Context) (uint64, error) // entries that are in the tree
	stop func() error

	mu sync.Mutex // one Flush at a time
}

var redirect sync.Once

// Open takes a directory for this notary, and makes log and signing key where there is none. It is an
// error if another notary has it. Close must be called at the end.
func Open(ctx context.Context, dir string, o Options) (*Notary, error) {
	if o.Store == nil {
		return nil, errors.New("open the evidence log: a store is needed")
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Settle <= 0 {
		o.Settle = DefaultSettle
	}
	if err := o.Store.Migrate(ctx, Noun); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the evidence log: %w", err)
	}
	// Tessera tells what goes wrong in the background through klog, which is one for the process and
	// cannot be redirected while it is in use: the first notary's log has it all.
	redirect.Do(func() { klog.SetSlogLogger(o.Log) })
	lock := flock.New(filepath.Join(dir, lockFile))
	ours, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("open the evidence log: %w", err)
	}
	if !ours {
		return nil, fmt.Errorf("the evidence log in %s is in use by another process: a log has one notary; stop the other one or choose another directory", dir)
	}
	n, err := open(ctx, dir, o)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	end := n.stop
	n.stop = func() error { return errors.Join(end(), lock.Unlock()) }
	return n, nil
}

func open(ctx context.Context, dir string, o Options) (*Notary, error) {
	signer, err := loadSigner(dir, o.Random)
	if err != nil {
		return nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return nil, fmt.Errorf("open the evidence log: %w", err)
	}
	// The appender's own goroutines end with this context, which Close cancels after the last
	// checkpoint is published.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(256, gather).
		WithCheckpointInterval(o.Settle).
		WithCheckpointRepublishInterval(0) // a checkpoint of a log that has not grown says nothing new
	if o.Witness != (Witness{}) {
		group, err := o.Witness.group()
		if err != nil {
			cancel()
			return nil, err
		}
		options = options.WithWitnesses(group, &tessera.WitnessOptions{Timeout: witnessPatience, FailOpen: true})
	}
	appender, shutdown, reader, err := tessera.NewAppender(running, driver, options)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open the evidence log: %w", err)
	}
	log, err := OpenLog(dir)
	if err != nil {
		cancel()
		return nil, err
	}
	return &Notary{
		Log: log, store: o.Store, mirror: o.Mirror, logger: o.Log, authority: o.Authority, add: appender.Add, size: reader.IntegratedSize,
		stop: func() error {
			defer cancel()
			return shutdown(running)
		},
	}, nil
}

// group is the witness as the log's writer wants it.
func (w Witness) group() (tessera.WitnessGroup, error) {
	at, err := url.Parse(w.URL)
	if err != nil || at.Host == "" {
		return tessera.WitnessGroup{}, fmt.Errorf("the witness's address %q is not one: write http://host or https://host", w.URL)
	}
	one, err := tessera.NewWitness(w.Key, at)
	if err != nil {
		return tessera.WitnessGroup{}, fmt.Errorf("the verifier key of the witness at %s: %w", at.Host, err)
	}
	return tessera.NewWitnessGroup(1, one), nil
}

// Close publishes the last checkpoint and gives the directory back.
func (n *Notary) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stop()
}

// loadSigner reads the log's private key, and makes one for a new log.
func loadSigner(dir string, random io.Reader) (note.Signer, error) {
	path := filepath.Join(dir, keyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = newSigner(dir, random); err != nil {
			return nil, fmt.Errorf("make the evidence log's key: %w", err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("read the evidence log's key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("read the evidence log's key %s: %w", path, err)
	}
	return signer, nil
}

// newSigner makes a key pair and keeps it: first what others need, then the private key, so that a
// crash between the two leaves no key that nobody can check.
func newSigner(dir string, random io.Reader) ([]byte, error) {
	if _, err := os.Stat(filepath.Join(dir, "checkpoint")); err == nil {
		return nil, fmt.Errorf("%s holds a log whose %s is gone: restore it, or begin a new log in another directory", dir, keyFile)
	}
	// The origin names the log and is signed with every checkpoint; no two logs may share one.
	id := make([]byte, 8)
	if _, err := io.ReadFull(random, id); err != nil {
		return nil, err
	}
	private, public, err := note.GenerateKey(random, fmt.Sprintf("mingjian/evidence/%x", id))
	if err != nil {
		return nil, err
	}
	if err := keep(filepath.Join(dir, VerifierFile), public, 0o644); err != nil {
		return nil, err
	}
	return []byte(private), keep(filepath.Join(dir, keyFile), private, 0o600)
}

// keep writes a small file so that it is whole or not there.
func keep(path, text string, mode fs.FileMode) error { return keepBytes(path, []byte(text+"\n"), mode) }

func keepBytes(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Queue states something in a transaction of the store: once that has committed, the next Flush
// appends it. A key that was queued before stays as it was.
func (n *Notary) Queue(ctx context.Context, tx *store.Tx, entries ...Entry) error {
	return Queue(ctx, tx, entries...)
}

// Queue does so in a process that has no notary; the one of the log appends it within a second or so. The
// store must have Noun's tables.
func Queue(ctx context.Context, tx *store.Tx, entries ...Entry) error {
	for _, e := range entries {
		text, err := e.canonical()
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO evidence_entries (key, entry) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, e.Key, string(text)); err != nil {
			return fmt.Errorf("queue evidence %s: %w", e.Key, err)
		}
	}
	return nil
}

// Append queues one entry by itself, appends it, and says where it stands in the log.
func (n *Notary) Append(ctx context.Context, e Entry) (index uint64, err error) {
	if err := n.store.Write(ctx, func(tx *store.Tx) error { return n.Queue(ctx, tx, e) }); err != nil {
		return 0, err
	}
	if err := n.Flush(ctx); err != nil {
		return 0, err
	}
	var at int64
	err = n.store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT place FROM evidence_entries WHERE key = $1`, e.Key).Scan(&at)
	})
	if err != nil {
		return 0, fmt.Errorf("find evidence %s: %w", e.Key, err)
	}
	return uint64(at), nil
}

// queued is an entry on its way into the log.
type queued struct {
	seq   int64
	text  string
	place sql.NullInt64
}

// Flush appends what is queued. When it returns nil everything queued before it was called is durable
// in the log. What could not be copied to the mirror is copied by a later Flush.
func (n *Notary) Flush(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.recognise(ctx); err != nil {
		return fmt.Errorf("evidence log: %w", err)
	}
	for {
		appended, err := n.append(ctx)
		if err != nil {
			return err
		}
		if appended < atOnce {
			break
		}
	}
	if n.mirror != nil {
		if err := n.copyOut(ctx); err != nil {
			n.logger.WarnContext(ctx, "entries of the evidence log were not copied to the warehouse; trying again later", "error", err)
		}
	}
	return nil
}

// atOnce is how many entries are held in memory: some 2 MB of seals, and 128 MB if each were as large as it may be.
const atOnce = 2000

// append appends the first entries that are queued, and says how many.
func (n *Notary) append(ctx context.Context) (int, error) {
	waiting, err := n.waiting(ctx, `place IS NULL`)
	if err != nil {
		return 0, fmt.Errorf("evidence log: %w", err)
	}
	futures := make([]tessera.IndexFuture, len(waiting))
	for i, q := range waiting {
		futures[i] = n.add(ctx, tessera.NewEntry([]byte(q.text)))
	}
	places := make(map[int64]uint64, len(waiting))
	var failed error
	for i, q := range waiting {
		index, err := futures[i]()
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("evidence log: append: %w", err))
			continue
		}
		places[q.seq] = index.Index
	}
	if err := n.note(ctx, places); err != nil {
		return 0, errors.Join(failed, err)
	}
	return len(waiting), failed
}

// recognise notes what is in the log and was not noted, because a crash came between the two.
func (n *Notary) recognise(ctx context.Context) error {
	size, err := n.size(ctx)
	if err != nil {
		return err
	}
	var known uint64
	if err := n.store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT COALESCE(max(place) + 1, 0) FROM evidence_entries`).Scan(&known)
	}); err != nil {
		return err
	}
	if known > size {
		return fmt.Errorf("the log in %s holds %d entries, and %d were appended to it: restore the directory, it is not the log that this store belongs to", n.dir, size, known)
	}
	for known < size {
		found, err := n.read(ctx, known, size-known, size)
		if err != nil {
			return err
		}
		err = n.store.Write(ctx, func(tx *store.Tx) error {
			for _, r := range found {
				// An entry that the store does not have was queued before the store was set back.
				if _, err := tx.ExecContext(ctx, `INSERT INTO evidence_entries (key, entry, place) VALUES ($1, $2, $3)
					ON CONFLICT (key) DO UPDATE SET place = excluded.place, entry = excluded.entry WHERE evidence_entries.place IS NULL`,
					r.Key, string(r.Text), int64(r.Index)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		known += uint64(len(found))
	}
	return nil
}

// waiting gives the first entries that a condition holds for.
func (n *Notary) waiting(ctx context.Context, condition string) (out []queued, err error) {
	err = n.store.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT seq, entry, place FROM evidence_entries WHERE `+condition+` ORDER BY seq LIMIT $1`, atOnce)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var q queued
			if err := rows.Scan(&q.seq, &q.text, &q.place); err != nil {
				return err
			}
			out = append(out, q)
		}
		return rows.Err()
	})
	return out, err
}

// note writes down where entries stand.
func (n *Notary) note(ctx context.Context, places map[int64]uint64) error {
	if len(places) == 0 {
		return nil
	}
	err := n.store.Write(ctx, func(tx *store.Tx) error {
		for seq, place := range places {
			if _, err := tx.ExecContext(ctx, `UPDATE evidence_entries SET place = $1 WHERE seq = $2`, int64(place), seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("evidence log: note what was appended: %w", err)
	}
	return nil
}

// copyOut copies appended entries to the mirror.
func (n *Notary) copyOut(ctx context.Context) error {
	for {
		copied, err := n.copySome(ctx)
		if err != nil || copied < atOnce {
			return err
		}
	}
}

func (n *Notary) copySome(ctx context.Context) (int, error) {
	waiting, err := n.waiting(ctx, `mirrored = 0 AND place IS NOT NULL`)
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	rows := make([]warehouse.LogEntry, len(waiting))
	for i, q := range waiting {
		r, err := ReadEntry(uint64(q.place.Int64), []byte(q.text))
		if err != nil {
			return 0, err
		}
		rows[i] = warehouse.LogEntry{Index: q.place.Int64, Key: r.Key, Type: r.Type, At: r.At.UnixMilli(), Entry: q.text}
	}
	if err := n.mirror.PutLog(ctx, rows); err != nil {
		return 0, err
	}
	return len(waiting), n.store.Write(ctx, func(tx *store.Tx) error {
		for _, q := range waiting {
			if _, err := tx.ExecContext(ctx, `UPDATE evidence_entries SET mirrored = 1 WHERE seq = $1`, q.seq); err != nil {
				return err
			}
		}
		return nil
	})
}

// poll is how often Checkpoint looks whether the checkpoint was published.
const poll = 10 * time.Millisecond

// Checkpoint returns a signed checkpoint that covers everything that was appended before.
func (n *Notary) Checkpoint(ctx context.Context) (Checkpoint, error) {
	size, err := n.size(ctx)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("evidence log: %w", err)
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		c, err := n.Log.Checkpoint(ctx)
		if err != nil || c.Size >= size {
			return c, err
		}
		select {
		case <-ctx.Done():
			return Checkpoint{}, fmt.Errorf("evidence log: wait for a checkpoint: %w", ctx.Err())
		case <-tick.C:
		}
	}
}
