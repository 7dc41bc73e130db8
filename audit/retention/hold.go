package retention

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"mingjian/audit/identity"
	"mingjian/audit/store"
)

// Scope is what a hold covers.
type Scope string

// The scopes.
const (
	HoldCustomer Scope = "customer" // everything of a tenant's customer
	HoldSession  Scope = "session"
	HoldTenant   Scope = "tenant"
	HoldAll      Scope = "all"
)

// Hold keeps something from being deleted or erased, for a dispute or an authority, until it is lifted.
type Hold struct {
	ID      string `json:"hold_id"`
	Scope   Scope  `json:"scope" enum:"customer,session,tenant,all"`
	Tenant  string `json:"tenant,omitempty" doc:"Empty where it holds everything"`
	Subject string `json:"subject,omitempty" doc:"Id of the session; of a customer a keyed digest, which names nobody"`
	Reason  string `json:"reason"`

	PlacedBy string    `json:"placed_by"`
	PlacedAt time.Time `json:"placed_at"`
	LiftedBy string    `json:"lifted_by,omitempty" doc:"Empty while it holds"`
	LiftedAt time.Time `json:"lifted_at,omitzero"`
	Lifted   string    `json:"lifted_for,omitempty" doc:"Why it was lifted"`
}

// String says which hold it is and whose, for people.
func (h *Hold) String() string {
	what := map[Scope]string{HoldCustomer: "the customer", HoldSession: "session " + h.Subject, HoldTenant: "tenant " + h.Tenant, HoldAll: "everything"}[h.Scope]
	return fmt.Sprintf("hold %s on %s, placed by %s on %s: %s", h.ID, what, h.PlacedBy, h.PlacedAt.Format(time.DateOnly), h.Reason)
}

// NewHold is what somebody wants held.
type NewHold struct {
	Scope    Scope
	Tenant   string // not with HoldAll
	Customer string // with HoldCustomer
	Session  string // with HoldSession
	Reason   string
}

// MaxReason is the longest reason, in characters.
const MaxReason = 2000

func reason(text string) error {
	if n := utf8.RuneCountInString(strings.TrimSpace(text)); n == 0 || n > MaxReason {
		return fault("reason", "say why, in at most %d characters", MaxReason)
	}
	return nil
}

// Place places a hold, in the name of the principal in ctx.
func (r *Retention) Place(ctx context.Context, n NewHold) (Hold, error) {
	who, err := actor(ctx)
	if err != nil {
		return Hold{}, err
	}
	h := Hold{ID: "hold-" + uuid.Must(uuid.NewV7()).String(), Scope: n.Scope, Tenant: n.Tenant, Reason: strings.TrimSpace(n.Reason), PlacedBy: who.ID, PlacedAt: r.db.Now()}
	if err := reason(n.Reason); err != nil {
		return Hold{}, err
	}
	if (n.Scope == HoldAll) != (n.Tenant == "") || (n.Scope == HoldCustomer) != (n.Customer != "") || (n.Scope == HoldSession) != (n.Session != "") {
		return Hold{}, fault("scope", "a hold is on all, on a tenant, on a tenant's customer, or on a tenant's session: name exactly what it is on")
	}
	if !slices.Contains([]Scope{HoldCustomer, HoldSession, HoldTenant, HoldAll}, n.Scope) {
		return Hold{}, fault("scope", "a hold's scope is customer, session, tenant or all, not %q", n.Scope)
	}
	if !r.reaches(who, n.Tenant) {
		return Hold{}, fault("tenant", "you cannot place a hold there: you see other tenants only")
	}
	switch n.Scope {
	case HoldCustomer:
		h.Subject = r.person(n.Tenant, n.Customer)
	case HoldSession:
		h.Subject = n.Session
	}
	err = r.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO retention_holds (`+holdColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, '', 0, '')`,
			h.ID, string(h.Scope), h.Tenant, h.Subject, h.Reason, h.PlacedBy, h.PlacedAt.UnixMilli()); err != nil {
			return err
		}
		return r.journal(ctx, tx, "hold.placed", h, h.Reason)
	})
	if err != nil {
		return Hold{}, fmt.Errorf("place a hold: %w", err)
	}
	return h, nil
}

// reaches reports whether somebody sees a tenant; all of them, where it is "".
func (r *Retention) reaches(who identity.Principal, tenant string) bool {
	if tenant == "" {
		return len(who.Tenants) == 0 && len(who.Lines) == 0
	}
	return who.Sees(tenant) && len(who.Lines) == 0
}

func actor(ctx context.Context) (identity.Principal, error) {
	who, ok := identity.From(ctx)
	if !ok {
		return who, errors.New("retention: nobody acts")
	}
	return who, nil
}

func (r *Retention) journal(ctx context.Context, tx *store.Tx, action string, h Hold, reason string) error {
	who, err := actor(ctx)
	if err != nil {
		return err
	}
	detail, err := json.Marshal(map[string]any{"scope": h.Scope, "tenant": h.Tenant, "subject": h.Subject})
	if err != nil {
		return err
	}
	return tx.Record(ctx, store.Entry{Actor: who.ID, Action: action, Subject: "hold:" + h.ID, Reason: reason, Detail: detail})
}

// Lift ends a hold. Lifting one that was lifted changes nothing.
func (r *Retention) Lift(ctx context.Context, id, why string) (h Hold, err error) {
	who, err := actor(ctx)
	if err != nil {
		return Hold{}, err
	}
	if err := reason(why); err != nil {
		return Hold{}, err
	}
	err = r.db.Write(ctx, func(tx *store.Tx) error {
		// The row is written first: that locks it on both engines.
		res, err := tx.ExecContext(ctx, `UPDATE retention_holds SET lifted_by = $1, lifted_ms = $2, lifted_for = $3 WHERE id = $4 AND lifted_ms = 0`,
			who.ID, r.db.Now().UnixMilli(), strings.TrimSpace(why), id)
		if err != nil {
			return err
		}
		changed, err := res.RowsAffected()
		if err != nil {
			return err
		}
		h, err = scanHold(tx.QueryRowContext(ctx, `SELECT `+holdColumns+` FROM retention_holds WHERE id = $1`, id))
		if errors.Is(err, sql.ErrNoRows) || err == nil && !r.reaches(who, h.Tenant) {
			return ErrNotFound
		}
		if err != nil || changed == 0 {
			return err
		}
		return r.journal(ctx, tx, "hold.lifted", h, h.Lifted)
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("lift a hold: %w", err)
	}
	return h, err
}

// HoldQuery filters holds. Of a customer they are found by the customer.
type HoldQuery struct {
	Tenant, Customer, Session string
	Standing                  bool // not lifted
	Limit                     int  // 1–500
	Cursor                    string
}

// Holds lists holds that the principal in ctx may know of, newest first; next is "" on the last page. Of those
// that they could not place, because they see some tenants or business lines only, it says that something is
// held, and neither what nor why: the session or customer may be another line's.
func (r *Retention) Holds(ctx context.Context, q HoldQuery) (out []Hold, next string, err error) {
	who, err := actor(ctx)
	if err != nil {
		return nil, "", err
	}
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		all, err := holds(ctx, tx, "")
		if err != nil {
			return err
		}
		for _, h := range all {
			switch {
			case h.Tenant != "" && !who.Sees(h.Tenant), q.Tenant != "" && h.Tenant != q.Tenant, q.Standing && h.LiftedBy != "",
				q.Customer != "" && (h.Scope != HoldCustomer || h.Subject != r.person(h.Tenant, q.Customer)),
				q.Session != "" && (h.Scope != HoldSession || h.Subject != q.Session),
				q.Cursor != "" && holdCursor(h) >= q.Cursor:
				continue
			}
			if len(out) == q.Limit {
				next = holdCursor(out[len(out)-1])
				return nil
			}
			if !r.reaches(who, h.Tenant) {
				h.Subject, h.Reason, h.Lifted = "", "", ""
			}
			out = append(out, h)
		}
		return nil
	})
	return out, next, err
}

// holdCursor is a place in the list: ids grow with time (UUID version 7).
func holdCursor(h Hold) string { return h.ID }

const holdColumns = `id, scope, tenant, subject, reason, placed_by, placed_ms, lifted_by, lifted_ms, lifted_for`

func scanHold(row interface{ Scan(...any) error }) (h Hold, err error) {
	var placed, lifted int64
	err = row.Scan(&h.ID, &h.Scope, &h.Tenant, &h.Subject, &h.Reason, &h.PlacedBy, &placed, &h.LiftedBy, &lifted, &h.Lifted)
	h.PlacedAt, h.LiftedAt = moment(placed), moment(lifted)
	return h, err
}

// holds reads all, newest first: they are placed by hand, and few.
func holds(ctx context.Context, tx *store.Tx, condition string) (out []Hold, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+holdColumns+` FROM retention_holds `+condition+` ORDER BY id DESC`)
	if err != nil {
		return nil, fmt.Errorf("read holds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		h, err := scanHold(rows)
		if err != nil {
			return nil, fmt.Errorf("read holds: %w", err)
		}
		out = append(out, h)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read holds: %w", err)
	}
	return out, nil
}

// Held says that something is not deleted because somebody holds it.
type Held struct{ Hold Hold }

// Error says which hold it is and who placed it.
func (h *Held) Error() string {
	return "this is held and cannot be erased: " + h.Hold.String() + "; it can be once the hold is lifted"
}

// grip is the holds that stand.
type grip []Hold

func (r *Retention) grip(ctx context.Context, tx *store.Tx) (grip, error) {
	return holds(ctx, tx, `WHERE lifted_ms = 0`)
}

// on gives a hold that covers a tenant, any of its sessions, or the person; nil where none does.
func (g grip) on(tenant, person string, sessions ...string) *Hold {
	for i := range g {
		h := &g[i]
		switch {
		case h.Scope == HoldAll, h.Tenant == tenant && (h.Scope == HoldTenant ||
			h.Scope == HoldCustomer && h.Subject == person || h.Scope == HoldSession && slices.Contains(sessions, h.Subject)):
			return h
		}
	}
	return nil
}
