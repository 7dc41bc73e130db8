package store

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

//go:embed migrations
var migrations embed.FS

var own, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Entry is one line of the journal: who did what to what, why, and when. The store refuses to
// change or remove an entry, whoever asks.
type Entry struct {
	ID      int64 // set by the store, grows
	Actor   string
	Action  string // noun.verb: case.reported
	Subject string // what it was done to: case:…, session:…
	Reason  string // in the actor's words; "" where none is asked for
	At      time.Time
	Detail  json.RawMessage // a JSON object; {} when nil
	// Whose the subject is; "" where it is nobody's in particular. Whoever is bound to tenants or lines
	// reads the entries that name one of theirs, and their own.
	Tenant, Line string
}

// Record writes a journal entry in this transaction. ID and At are set by the store.
func (t *Tx) Record(ctx context.Context, e Entry) error {
	if e.Actor == "" || e.Action == "" || e.Subject == "" {
		return fmt.Errorf("journal: an entry needs actor, action and subject, not %q, %q, %q", e.Actor, e.Action, e.Subject)
	}
	if len(e.Detail) == 0 {
		e.Detail = json.RawMessage("{}")
	}
	_, err := t.ExecContext(ctx,
		`INSERT INTO journal (actor, action, subject, reason, at_ms, detail, tenant, business_line) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		e.Actor, e.Action, e.Subject, e.Reason, t.db.Now().UnixMilli(), string(e.Detail), e.Tenant, e.Line)
	if err != nil {
		return fmt.Errorf("journal %s: %w", e.Action, err)
	}
	return nil
}

const entryColumns = `id, actor, action, subject, reason, at_ms, detail, tenant, business_line`

// Journal returns what was recorded of a subject, oldest first.
func (t *Tx) Journal(ctx context.Context, subject string) ([]Entry, error) {
	return t.entries(ctx, `SELECT `+entryColumns+` FROM journal WHERE subject = $1 ORDER BY id`, subject)
}

// JournalQuery asks for entries; what is empty does not narrow.
type JournalQuery struct {
	Actor, Action, Subject string
	From, To               time.Time // From is in, To is not

	// Reader is somebody bound to Tenants or Lines (empty: to none): entries that are not of those are
	// left out, unless they are the reader's own.
	Reader         string
	Tenants, Lines []string

	BeforeAt time.Time // with BeforeID: entries older than this one, which was the last of a page
	BeforeID int64
	Limit    int // 1 to MaxEntries; MaxEntries otherwise
}

// MaxEntries is how many entries are read at once.
const MaxEntries = 500

// Entries returns what was recorded, newest first.
func (d *DB) Entries(ctx context.Context, q JournalQuery) (out []Entry, err error) {
	var (
		where []string
		args  []any
	)
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	among := func(list []string) string {
		places := make([]string, len(list))
		for i, v := range list {
			places[i] = arg(v)
		}
		return "(" + strings.Join(places, ", ") + ")"
	}
	for _, f := range []struct{ column, value string }{{"actor", q.Actor}, {"action", q.Action}, {"subject", q.Subject}} {
		if f.value != "" {
			where = append(where, f.column+" = "+arg(f.value))
		}
	}
	if !q.From.IsZero() {
		where = append(where, "at_ms >= "+arg(q.From.UnixMilli()))
	}
	if !q.To.IsZero() {
		where = append(where, "at_ms < "+arg(q.To.UnixMilli()))
	}
	var bound []string
	if len(q.Tenants) > 0 {
		bound = append(bound, "tenant IN "+among(q.Tenants))
	}
	if len(q.Lines) > 0 {
		bound = append(bound, "business_line IN "+among(q.Lines))
	}
	if len(bound) > 0 {
		where = append(where, "("+strings.Join(bound, " AND ")+" OR actor = "+arg(q.Reader)+")")
	}
	if q.BeforeID > 0 {
		where = append(where, "(at_ms, id) < ("+arg(q.BeforeAt.UnixMilli())+", "+arg(q.BeforeID)+")")
	}
	query := `SELECT ` + entryColumns + ` FROM journal`
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	if q.Limit < 1 || q.Limit > MaxEntries {
		q.Limit = MaxEntries
	}
	query += " ORDER BY at_ms DESC, id DESC LIMIT " + arg(q.Limit)
	err = d.Read(ctx, func(tx *Tx) error {
		out, err = tx.entries(ctx, query, args...)
		return err
	})
	return out, err
}

func (t *Tx) entries(ctx context.Context, query string, args ...any) ([]Entry, error) {
	rows, err := t.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	defer rows.Close()
	var out []Entry
	for rows.Next() {
		var (
			e      Entry
			at     int64
			detail string
		)
		if err := rows.Scan(&e.ID, &e.Actor, &e.Action, &e.Subject, &e.Reason, &at, &detail, &e.Tenant, &e.Line); err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		e.At, e.Detail = time.UnixMilli(at).UTC(), json.RawMessage(detail)
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return out, nil
}
