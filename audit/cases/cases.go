// Package cases holds the misjudgements of the AI that people have to look into. What is here is
// where a case begins: somebody who reads a session reports that the AI wronged the customer, and a
// candidate stands in the store.
//
// Reporting is one transaction: the candidate, a journal entry, and two messages in the outbox. The
// event misjudgement.reported goes to the stream, so that it appears in the conversation and rules
// see it; the mirror row goes to the warehouse, so that dashboards count it.
//
// Reporting twice is safe: the same person, session and finding is the same case, and its first
// report stands.
package cases

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/event"
	"mingjian/collector/warehouse"
)

//go:embed migrations/*.sql
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the table of cases.
var Noun = store.Noun{Name: "cases", Files: migrationFiles}

// Candidate is the state of a case that nobody has looked into yet.
const Candidate = "candidate"

// EventTopic is the stream of interactions, where a report becomes part of the conversation.
const EventTopic = "mingjian.interactions"

// MaxReason is how many characters a reason may have: a page of text.
const MaxReason = 2000

// Kinds are what a claim can be about (claim.kind of the event model, version 1).
var Kinds = []string{"price", "quality", "rights", "refund", "continuity", "billing", "personal_information", "service", "other"}

// Case is one possible misjudgement.
type Case struct {
	ID        string    `json:"case_id"`
	Version   int64     `json:"version" doc:"Grows with each change"`
	Tenant    string    `json:"tenant"`
	SessionID string    `json:"session_id"`
	FindingID string    `json:"finding_id,omitempty"`
	State     string    `json:"state" enum:"candidate"`
	Kind      string    `json:"kind" doc:"What the customer's claim is about"`
	Reason    string    `json:"reason" doc:"What the AI got wrong, in the reporter's words"`
	Reporter  string    `json:"reporter" doc:"Id of who reported it"`
	At        time.Time `json:"at" doc:"When it was reported"`
}

// Report is what somebody says the AI got wrong.
type Report struct {
	Tenant    string // whose session it is, where two tenants have one of this id; "" for the newest
	SessionID string
	FindingID string // "" for the session as a whole
	Kind      string // one of Kinds
	Reason    string // 1–MaxReason characters
}

// Fault is a report that cannot be taken: which field, and what to do about it.
type Fault struct {
	Field string // session_id, finding_id, kind, reason
	Text  string // one sentence, English
}

// Error is the sentence.
func (f *Fault) Error() string { return f.Field + ": " + f.Text }

// Sessions is the part of the record that a report is checked against. It answers only for what the
// principal in ctx may see.
type Sessions interface {
	SessionOf(ctx context.Context, tenant, sessionID string) (warehouse.Conversation, bool, error)
}

// Cases is the noun's way in.
type Cases struct {
	db       *store.DB
	sessions Sessions
}

// New brings the noun's table up to date.
func New(ctx context.Context, db *store.DB, sessions Sessions) (*Cases, error) {
	if err := db.Migrate(ctx, Noun); err != nil {
		return nil, err
	}
	return &Cases{db: db, sessions: sessions}, nil
}

// Report opens a candidate in the name of the principal in ctx. opened is false where the same
// person has reported the same before; the case is then the one that stands. A *Fault says what is
// wrong with the report.
func (c *Cases) Report(ctx context.Context, r Report) (got Case, opened bool, err error) {
	who, ok := identity.From(ctx)
	if !ok {
		return Case{}, false, errors.New("report a misjudgement: nobody acts")
	}
	r.Reason = strings.TrimSpace(r.Reason)
	tenant, err := c.check(ctx, r)
	if err != nil {
		return Case{}, false, err
	}
	now := Case{
		ID: caseID(tenant, r, who.ID), Version: 1, Tenant: tenant, SessionID: r.SessionID, FindingID: r.FindingID,
		State: Candidate, Kind: r.Kind, Reason: r.Reason, Reporter: who.ID, At: c.db.Now(),
	}
	err = c.db.Write(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO cases (id, version, tenant, session_id, finding_id, state, kind, reason, reporter, at_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`,
			now.ID, now.Version, now.Tenant, now.SessionID, now.FindingID, now.State, now.Kind, now.Reason, now.Reporter, now.At.UnixMilli())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if opened = n == 1; !opened {
			got, err = scan(tx.QueryRowContext(ctx, selectCase+` WHERE id = $1`, now.ID))
			return err
		}
		got = now
		return announce(ctx, tx, now)
	})
	if err != nil {
		return Case{}, false, fmt.Errorf("report a misjudgement: %w", err)
	}
	return got, opened, nil
}

// check says what is wrong with a report, or whose session it is about.
func (c *Cases) check(ctx context.Context, r Report) (tenant string, err error) {
	if !slices.Contains(Kinds, r.Kind) {
		return "", &Fault{"kind", "choose what the claim is about, one of: " + strings.Join(Kinds, ", ")}
	}
	if n := utf8.RuneCountInString(r.Reason); n == 0 || n > MaxReason {
		return "", &Fault{"reason", fmt.Sprintf("say in 1 to %d characters what the AI got wrong (this has %d)", MaxReason, n)}
	}
	conv, ok, err := c.sessions.SessionOf(ctx, r.Tenant, r.SessionID)
	if err != nil {
		return "", fmt.Errorf("report a misjudgement: %w", err)
	}
	if !ok {
		return "", &Fault{"session_id", "there is no such session in the record; copy the id from the session's page"}
	}
	if r.FindingID != "" && !slices.ContainsFunc(conv.Findings, func(f warehouse.FindingItem) bool { return f.FindingID == r.FindingID }) {
		return "", &Fault{"finding_id", "this session has no such finding; leave it out to report the session as a whole"}
	}
	return conv.Session.Tenant, nil
}

// announce tells everybody else of a new case: the journal, the stream, the warehouse.
func announce(ctx context.Context, tx *store.Tx, c Case) error {
	document, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := tx.Record(ctx, store.Entry{Actor: c.Reporter, Action: "case.reported", Subject: "case:" + c.ID, Reason: c.Reason, Detail: document}); err != nil {
		return err
	}
	// The event's id is the case's, so that a message delivered twice counts once.
	reported, err := json.Marshal(map[string]any{
		"event_id": c.ID, "session_id": c.SessionID, "tenant": c.Tenant, "ts": c.At.Format(time.RFC3339Nano),
		"kind": event.MisjudgementReported, "actor": event.Actor{Role: event.SystemRole, ID: c.Reporter},
		"claim": event.Claim{Kind: c.Kind}, "text": c.Reason,
		"case_id": c.ID, "finding_id": c.FindingID,
	})
	if err != nil {
		return err
	}
	row, err := json.Marshal(warehouse.MirrorRow{
		ID: c.ID, Version: c.Version, Tenant: c.Tenant, SessionID: c.SessionID, State: c.State, At: c.At.UnixMilli(), Document: document,
	})
	if err != nil {
		return err
	}
	return tx.Send(ctx,
		store.Message{To: store.Destination{Kind: store.Topic, Name: EventTopic}, Key: c.SessionID, Body: reported},
		store.Message{To: store.Destination{Kind: store.Mirror, Name: string(warehouse.Cases)}, Key: c.ID, Body: row})
}

// caseID makes one case of the same report made twice. The lengths keep ("a", "bc") and ("ab", "c") apart.
func caseID(tenant string, r Report, reporter string) string {
	h := sha256.New()
	for _, s := range []string{tenant, r.SessionID, r.FindingID, reporter} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return "case-" + hex.EncodeToString(h.Sum(nil)[:16])
}

const selectCase = `SELECT id, version, tenant, session_id, finding_id, state, kind, reason, reporter, at_ms FROM cases`

func scan(row interface{ Scan(...any) error }) (c Case, err error) {
	var at int64
	err = row.Scan(&c.ID, &c.Version, &c.Tenant, &c.SessionID, &c.FindingID, &c.State, &c.Kind, &c.Reason, &c.Reporter, &at)
	c.At = time.UnixMilli(at).UTC()
	return c, err
}

// Query filters cases; empty fields do not filter. Times are [From, To).
type Query struct {
	From, To time.Time
	Tenant   string
	Session  string
	States   []string
	Limit    int    // 1–500
	Cursor   string // Page.Next of the page before
}

// Page is newest first; Next is "" on the last page.
type Page struct {
	Items []Case
	Next  string
}

// List returns the cases that the principal in ctx may see. A cursor that this package did not make
// is a *Fault.
func (c *Cases) List(ctx context.Context, q Query) (Page, error) {
	who, _ := identity.From(ctx)
	where, args := []string{"1 = 1"}, []any{}
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		where = append(where, condition)
	}
	if who.Tenant != "" {
		add("tenant = ?", who.Tenant)
	}
	if q.Tenant != "" {
		add("tenant = ?", q.Tenant)
	}
	if q.Session != "" {
		add("session_id = ?", q.Session)
	}
	if !q.From.IsZero() {
		add("at_ms >= ?", q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		add("at_ms < ?", q.To.UnixMilli())
	}
	if len(q.States) > 0 {
		states := make([]any, len(q.States))
		for i, s := range q.States {
			states[i] = s
		}
		add("state IN (?"+strings.Repeat(", ?", len(states)-1)+")", states...)
	}
	if q.Cursor != "" {
		var at int64
		var id string
		if _, err := fmt.Sscanf(q.Cursor, "%d_%s", &at, &id); err != nil {
			return Page{}, &Fault{"cursor", "take it unchanged from next_cursor of the page before, or leave it out"}
		}
		add("(at_ms < ? OR (at_ms = ? AND id < ?))", at, at, id)
	}
	args = append(args, q.Limit+1)
	var page Page
	err := c.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, fmt.Sprintf(`%s WHERE %s ORDER BY at_ms DESC, id DESC LIMIT $%d`, selectCase, strings.Join(where, " AND "), len(args)), args...)
		if err != nil {
			return err
		}
		return each(rows, func(k Case) { page.Items = append(page.Items, k) })
	})
	if err != nil {
		return Page{}, fmt.Errorf("list cases: %w", err)
	}
	if len(page.Items) > q.Limit {
		page.Items = page.Items[:q.Limit]
		last := page.Items[q.Limit-1]
		page.Next = fmt.Sprintf("%d_%s", last.At.UnixMilli(), last.ID)
	}
	return page, nil
}

func each(rows *sql.Rows, fn func(Case)) error {
	defer rows.Close()
	for rows.Next() {
		c, err := scan(rows)
		if err != nil {
			return err
		}
		fn(c)
	}
	return rows.Err()
}
