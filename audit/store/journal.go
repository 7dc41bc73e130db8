package store

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
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
		`INSERT INTO journal (actor, action, subject, reason, at_ms, detail) VALUES ($1, $2, $3, $4, $5, $6)`,
		e.Actor, e.Action, e.Subject, e.Reason, t.db.Now().UnixMilli(), string(e.Detail))
	if err != nil {
		return fmt.Errorf("journal %s: %w", e.Action, err)
	}
	return nil
}

// Journal returns what was recorded of a subject, oldest first.
func (t *Tx) Journal(ctx context.Context, subject string) ([]Entry, error) {
	rows, err := t.QueryContext(ctx,
		`SELECT id, actor, action, subject, reason, at_ms, detail FROM journal WHERE subject = $1 ORDER BY id`, subject)
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
		if err := rows.Scan(&e.ID, &e.Actor, &e.Action, &e.Subject, &e.Reason, &at, &detail); err != nil {
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
