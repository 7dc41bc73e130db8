package sampling

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/policies"
)

// Outcome is what the reviews of a lot's sample came to.
type Outcome string

// The outcomes.
const (
	Open     Outcome = "open"
	Accepted Outcome = "accepted" // at most Ac sessions of the sample are defective
	Rejected Outcome = "rejected" // Re or more are
	Nothing  Outcome = "none"     // nothing was drawn: every session of the lot is reviewed anyway
)

// Closing is what is fixed when a lot is closed. The evidence log has it.
type Closing struct {
	ID string `json:"lot_id"`
	Stratum
	From     time.Time           `json:"from" doc:"The lot has sessions closed at or after this, and latecomers of earlier lots"`
	To       time.Time           `json:"to"`
	Zone     string              `json:"zone" doc:"Of the tenant's days"`
	Day      string              `json:"day" doc:"Whose key the draw used"`
	Sessions int                 `json:"sessions" doc:"Of the lot, those included that are reviewed in any case"`
	Size     int                 `json:"size" doc:"Sessions that the sample was drawn from"`
	Level    string              `json:"level" doc:"Inspection level"`
	AQL      string              `json:"aql" doc:"Acceptance quality limit, per cent"`
	Steady   bool                `json:"steady" doc:"Whether reduced inspection is allowed"`
	State    policies.Inspection `json:"state" enum:"normal,tightened,reduced,stopped"`
	Plan     policies.Plan       `json:"plan"`
	Root     string              `json:"root" doc:"Merkle root (RFC 6962) over the members"`
	LogSize  uint64              `json:"log_size" doc:"Size of the log in the checkpoint that the draw used"`
}

// Lot is a lot and what its reviews came to so far.
type Lot struct {
	Closing
	Outcome   Outcome   `json:"outcome" enum:"open,accepted,rejected,none"`
	Reviewed  int       `json:"reviewed" doc:"Sessions of the sample with a final verdict"`
	Defective int       `json:"defective"`
	DecidedAt time.Time `json:"decided_at,omitzero"`
}

const selectLot = `SELECT document, outcome, reviewed, defective, decided_ms FROM sampling_lots`

func scanLot(row interface{ Scan(...any) error }) (l Lot, err error) {
	var text string
	var decided int64
	if err := row.Scan(&text, &l.Outcome, &l.Reviewed, &l.Defective, &decided); err != nil {
		return Lot{}, err
	}
	l.DecidedAt = fromMS(decided)
	return l, json.Unmarshal([]byte(text), &l.Closing)
}

// Query filters lots; empty fields do not filter. Times are [From, To) and about the lots' beginning.
type Query struct {
	From, To      time.Time
	Tenant        string
	BusinessLines []string
	Channels      []string
	States        []string
	Outcomes      []string
	Limit         int    // 1–500
	Cursor        string // Page.Next of the page before
}

// Page is newest first; Next is "" on the last page.
type Page struct {
	Items []Lot
	Next  string
}

// ErrCursor is what List answers to a cursor that it did not give out.
var ErrCursor = errors.New("take the cursor unchanged from next_cursor of the page before, or leave it out")

// Lots reads what was sampled. Its answers are cut to the tenant of the principal in ctx.
type Lots struct{ db *store.DB }

// NewLots brings the noun's tables up to date.
func NewLots(ctx context.Context, db *store.DB) (*Lots, error) {
	if err := db.Migrate(ctx, Noun); err != nil {
		return nil, err
	}
	return &Lots{db}, nil
}

// List returns a page of lots.
func (l *Lots) List(ctx context.Context, q Query) (Page, error) {
	who, _ := identity.From(ctx)
	where, args := []string{"1 = 1"}, []any{}
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		where = append(where, condition)
	}
	among := func(column string, values []string) {
		if len(values) == 0 {
			return
		}
		some := make([]any, len(values))
		for i, v := range values {
			some[i] = v
		}
		add(column+" IN (?"+strings.Repeat(", ?", len(some)-1)+")", some...)
	}
	among("tenant", who.Tenants)
	among("business_line", who.Lines)
	if q.Tenant != "" {
		add("tenant = ?", q.Tenant)
	}
	if !q.From.IsZero() {
		add("from_ms >= ?", q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		add("from_ms < ?", q.To.UnixMilli())
	}
	among("business_line", q.BusinessLines)
	among("channel", q.Channels)
	among("state", q.States)
	among("outcome", q.Outcomes)
	if q.Cursor != "" {
		var at int64
		var id string
		if _, err := fmt.Sscanf(q.Cursor, "%d_%s", &at, &id); err != nil {
			return Page{}, ErrCursor
		}
		add("(from_ms < ? OR (from_ms = ? AND id < ?))", at, at, id)
	}
	args = append(args, q.Limit+1)
	var page Page
	err := l.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, fmt.Sprintf(`%s WHERE %s ORDER BY from_ms DESC, id DESC LIMIT $%d`, selectLot, strings.Join(where, " AND "), len(args)), args...)
		if err != nil {
			return err
		}
		return eachRow(rows, func() error {
			lot, err := scanLot(rows)
			page.Items = append(page.Items, lot)
			return err
		})
	})
	if err != nil {
		return Page{}, fmt.Errorf("list lots: %w", err)
	}
	if len(page.Items) > q.Limit {
		page.Items = page.Items[:q.Limit]
		last := page.Items[q.Limit-1]
		page.Next = fmt.Sprintf("%d_%s", last.From.UnixMilli(), last.ID)
	}
	return page, nil
}

// Get returns a lot with its sample, in the order of the sessions' ids; false where there is none that
// the principal in ctx may see.
func (l *Lots) Get(ctx context.Context, id string) (lot Lot, sample []Pick, found bool, err error) {
	who, _ := identity.From(ctx)
	err = l.db.Read(ctx, func(tx *store.Tx) error {
		if lot, err = scanLot(tx.QueryRowContext(ctx, selectLot+` WHERE id = $1`, id)); err != nil {
			return err
		}
		sample, err = picksOf(ctx, tx, `lot_id = $1`, id)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) || err == nil && !who.SeesLine(lot.Tenant, lot.BusinessLine) {
		return Lot{}, nil, false, nil
	}
	if err != nil {
		return Lot{}, nil, false, fmt.Errorf("read lot %s: %w", id, err)
	}
	return lot, sample, true, nil
}

func picksOf(ctx context.Context, tx *store.Tx, condition string, args ...any) ([]Pick, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, session_id, document FROM sampling_picks WHERE `+condition+` ORDER BY session_id, id`, args...)
	if err != nil {
		return nil, err
	}
	var out []Pick
	err = eachRow(rows, func() error {
		var id, session, text string
		if err := rows.Scan(&id, &session, &text); err != nil {
			return err
		}
		var p Pick
		err := json.Unmarshal([]byte(text), &p)
		p.ID, p.SessionID = id, session // the columns are what tasks were made by
		out = append(out, p)
		return err
	})
	return out, err
}
