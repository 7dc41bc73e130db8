package evidence

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mingjian/audit/store"
	"mingjian/collector/seal"
)

// JournalBody is what the log says of an entry of the journal: verdicts, decisions about cases, payments,
// and whatever else people do is journalled in the transaction in which it becomes true, so that no noun can
// forget to state it. Who did it to whom, why, and the details are in Commitment alone: the log can never be
// erased, and staff are persons too.
type JournalBody struct {
	Action string `json:"action"`
	At     int64  `json:"at"` // Unix milliseconds
	// Commitment is HMAC-SHA-256 of the whole entry as canonical JSON, under a key of the entry's own
	// (Committer.Key). Showing that key and the entry proves it, and tells nothing of others.
	Commitment seal.Hash `json:"commitment"`
	ID         int64     `json:"id"`
	Subject    string    `json:"subject,omitempty"` // where its noun names no person
}

// impersonal are the nouns of subjects that stand in the log as they are: their ids are numbers and digests.
var impersonal = map[string]bool{"case": true, "review": true, "lot": true, "payout": true, "card": true, "review-key": true, "review-set": true}

// Committer makes the commitments to a journal.
type Committer struct{ secret []byte }

// journalSecret is the name of what a store's commitments are keyed by.
const journalSecret = "journal"

// OpenCommitter reads what a store's commitments are keyed by; ok is false where no notary made it yet.
func OpenCommitter(ctx context.Context, tx *store.Tx) (c Committer, ok bool, err error) {
	var text string
	err = tx.QueryRowContext(ctx, `SELECT secret FROM evidence_secrets WHERE name = $1`, journalSecret).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return Committer{}, false, nil
	}
	if err == nil {
		c.secret, err = hex.DecodeString(text)
	}
	if err != nil {
		return Committer{}, false, fmt.Errorf("read the secret of commitments: %w", err)
	}
	return c, true, nil
}

// Key is that of an entry's commitment.
func (c Committer) Key(id int64) []byte {
	h := hmac.New(sha256.New, c.secret)
	fmt.Fprintf(h, "journal %d", id)
	return h.Sum(nil)
}

// Body says of an entry of the journal what the log does.
func (c Committer) Body(e store.Entry) (JournalBody, error) {
	whole := jsontext.Value(nil)
	text, err := json.Marshal(map[string]any{
		"action": e.Action, "actor": e.Actor, "at": e.At.UnixMilli(), "detail": string(e.Detail), "id": e.ID, "reason": e.Reason, "subject": e.Subject,
	})
	if whole = text; err == nil {
		err = whole.Canonicalize()
	}
	if err != nil {
		return JournalBody{}, fmt.Errorf("journal entry %d: %w", e.ID, err)
	}
	b := JournalBody{Action: e.Action, At: e.At.UnixMilli(), ID: e.ID}
	h := hmac.New(sha256.New, c.Key(e.ID))
	h.Write(whole)
	h.Sum(b.Commitment[:0])
	if noun, _, _ := strings.Cut(e.Subject, ":"); impersonal[noun] {
		b.Subject = e.Subject
	}
	return b, nil
}

const (
	// journalPage is how many entries of the journal are read at a time.
	journalPage = 500
	// journalBack is how far behind the newest entry is looked for those that came late: on PostgreSQL an id
	// is drawn before its transaction commits.
	journalBack = 1000
)

// followJournal queues the journal's entries that are not queued.
func (f *follower) followJournal(ctx context.Context) error {
	c, err := f.committer(ctx)
	if err != nil {
		return err
	}
	for after := max(0, f.journal-journalBack); ; {
		page, err := f.journalPage(ctx, after)
		if err != nil || len(page) == 0 {
			return err
		}
		ids := make([]string, len(page))
		for i, e := range page {
			ids[i] = fmt.Sprint(e.ID)
		}
		missing, err := f.missing(ctx, KeyJournal, ids)
		if err != nil {
			return err
		}
		var entries []Entry
		for i, e := range page {
			if !missing[ids[i]] {
				continue
			}
			body, err := c.Body(e)
			if err != nil {
				return err
			}
			entries = append(entries, Entry{Key: KeyJournal + ids[i], Type: TypeJournal, At: f.store.Now(), Body: body})
		}
		if err := f.queue(ctx, entries); err != nil {
			return err
		}
		after = page[len(page)-1].ID
		f.journal = max(f.journal, after)
	}
}

func (f *follower) journalPage(ctx context.Context, after int64) (out []store.Entry, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) error {
		out, err = JournalPage(ctx, tx, after, journalPage)
		return err
	})
	return out, err
}

// JournalPage reads the first entries of the journal behind an id, by id.
func JournalPage(ctx context.Context, tx *store.Tx, after int64, limit int) (out []store.Entry, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, actor, action, subject, reason, at_ms, detail FROM journal WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e store.Entry
		var at int64
		var detail string
		if err := rows.Scan(&e.ID, &e.Actor, &e.Action, &e.Subject, &e.Reason, &at, &detail); err != nil {
			return nil, err
		}
		e.At, e.Detail = time.UnixMilli(at).UTC(), json.RawMessage(detail)
		out = append(out, e)
	}
	return out, rows.Err()
}

// committer gives what commitments are keyed by, and makes it for a new store.
func (f *follower) committer(ctx context.Context) (c Committer, err error) {
	var ok bool
	if err = f.store.Read(ctx, func(tx *store.Tx) error {
		c, ok, err = OpenCommitter(ctx, tx)
		return err
	}); err != nil || ok {
		return c, err
	}
	return c, f.store.Write(ctx, func(tx *store.Tx) error {
		secret := make([]byte, sha256.Size)
		rand.Read(secret) // never fails
		if _, err := tx.ExecContext(ctx, `INSERT INTO evidence_secrets (name, secret) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, journalSecret, hex.EncodeToString(secret)); err != nil {
			return err
		}
		c, _, err = OpenCommitter(ctx, tx)
		return err
	})
}
