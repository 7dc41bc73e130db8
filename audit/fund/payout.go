package fund

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"mingjian/audit/store"
	"mingjian/policies"
)

// The topics by which the fund and who pays talk to each other. The key of a record is the payout id. A
// result counts as soon as it is written, also inside a transaction of its producer that is aborted later:
// receivers write results outside of transactions.
const (
	OrderTopic  = "mingjian.payouts"
	ResultTopic = "mingjian.payouts.results"
)

// Payout is an order to make a customer good.
type Payout struct {
	// ID is the idempotency key, made from the case and the attempt: a receiver that has seen it does
	// nothing again.
	ID             string
	CaseID, Tenant string
	SessionID      string
	Customer       string // pseudonym, as the record has it
	Form           string // cash, coupon, points, redo
	Money          policies.Money
	Points         int64 // for points
	Basis          string
}

// Order is a payout as its receiver gets it: the value of a record of OrderTopic, and the body of the
// webhook's request.
type Order struct {
	PayoutID  string    `json:"payout_id"` // the idempotency key
	CaseID    string    `json:"case_id"`
	Tenant    string    `json:"tenant"`
	SessionID string    `json:"session_id"`
	Customer  string    `json:"customer"`           // pseudonym, as the record has it
	Form      string    `json:"form"`               // cash, coupon, points, redo
	Minor     int64     `json:"amount_minor"`       // in the currency's minor units; 0 where no money is owed
	Currency  string    `json:"currency,omitempty"` // ISO 4217; absent where no money is owed
	Points    int64     `json:"points,omitempty"`
	Basis     string    `json:"basis"` // why it is owed, with the clause
	At        time.Time `json:"at"`
}

// Confirmation is what the receiver says of a payout.
type Confirmation struct {
	PayoutID  string
	CaseID    string
	Paid      bool // false: it could not be paid
	Money     policies.Money
	Reference string // the receiver's own
	Why       string // of a failure
}

// Result is a confirmation as receivers send it: the value of a record of ResultTopic. Amount and
// currency are the order's, also where it could not be paid, so that it is plain which order is meant.
type Result struct {
	PayoutID  string `json:"payout_id"`
	CaseID    string `json:"case_id"`
	Paid      *bool  `json:"paid"`
	Minor     *int64 `json:"amount_minor"`
	Currency  string `json:"currency"`
	Reference string `json:"reference"`
	Why       string `json:"why"`
}

// maxResult is more than any result needs.
const maxResult = 64 << 10

// ReadResult reads a record of ResultTopic. Fields that it does not know are left alone; what is no
// result is a *Refusal.
func ReadResult(value []byte) (Confirmation, error) {
	if len(value) > maxResult {
		return Confirmation{}, refuse(Invalid, "a payout result is at most %d bytes; this has %d", maxResult, len(value))
	}
	var r Result
	if err := json.Unmarshal(value, &r); err != nil {
		return Confirmation{}, refuse(Invalid, "a payout result is a JSON object: %v", err)
	}
	for _, text := range []string{r.PayoutID, r.CaseID, r.Currency, r.Reference, r.Why} {
		if strings.ContainsRune(text, 0) || utf8.RuneCountInString(text) > maxReason {
			return Confirmation{}, refuse(Invalid, "the texts of a payout result have at most %d characters, and none of them is NUL", maxReason)
		}
	}
	if r.PayoutID == "" || r.CaseID == "" || r.Paid == nil || r.Minor == nil {
		return Confirmation{}, refuse(Invalid, "a payout result needs payout_id, case_id, paid and amount_minor")
	}
	return Confirmation{
		PayoutID: r.PayoutID, CaseID: r.CaseID, Paid: *r.Paid, Money: policies.Money{Minor: *r.Minor, Currency: r.Currency},
		Reference: r.Reference, Why: r.Why,
	}, nil
}

// payoutIDs are ids that stand in a header as they are, and without the dot that separates the parts of
// what a webhook signs.
var payoutIDs = regexp.MustCompile(`^[A-Za-z0-9_:-]{1,128}$`)

// PayoutState is what became of an order.
type PayoutState string

// The states. An order that failed stays failed: the next attempt is another order.
const (
	Ordered   PayoutState = "ordered"
	Confirmed PayoutState = "confirmed"
	Failed    PayoutState = "failed"
)

// Pay orders the payment of what is reserved, in the caller's transaction, and the order leaves with it.
// A second order of the same id changes nothing. It refuses where another amount is reserved, where
// another order of the case is under way, and where the id meant something else.
func (f *Fund) Pay(ctx context.Context, tx *store.Tx, p Payout) error {
	if p.Money.Minor == 0 {
		p.Money.Currency = ""
	} else if err := check(p.Money); err != nil {
		return err
	}
	if !payoutIDs.MatchString(p.ID) || p.CaseID == "" || p.Tenant == "" || p.Points < 0 {
		return refuse(Invalid, "an order needs an id (letters, digits, _, : and -, at most 128), a case and a tenant, and points that are not negative")
	}
	var l ledger
	if p.Money.Minor > 0 {
		var err error
		if l, _, err = lock(ctx, tx, p.Tenant, p.Money.Currency); err != nil {
			return err
		}
	}
	old, known, err := payoutOf(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	if known {
		if old.order() != p {
			return refuse(Mismatch, "the payout %s was ordered before, with other contents", p.ID)
		}
		return nil
	}
	if err := payable(ctx, tx, p); err != nil {
		return err
	}
	at := f.db.Now()
	body, err := json.Marshal(Order{
		PayoutID: p.ID, CaseID: p.CaseID, Tenant: p.Tenant, SessionID: p.SessionID, Customer: p.Customer, Form: p.Form,
		Minor: p.Money.Minor, Currency: p.Money.Currency, Points: p.Points, Basis: p.Basis, At: at,
	})
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO fund_payouts (id, case_id, tenant, session_id, customer, form, amount_minor, currency, points, basis, at_ms, body,
			state, settled_ms, reference, why, delivery, attempts, next_ms, answer)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, '', '', $14, 0, $11, '') ON CONFLICT DO NOTHING`,
		p.ID, p.CaseID, p.Tenant, p.SessionID, p.Customer, p.Form, p.Money.Minor, p.Money.Currency, p.Points, p.Basis, at.UnixMilli(), string(body), Ordered, Waiting)
	if err != nil {
		return fmt.Errorf("fund: order payout %s: %w", p.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return fmt.Errorf("fund: order payout %s: %w", p.ID, err)
	} else if n == 0 { // an order without money has no ledger to queue at
		return refuse(Held, "another payout of case %s was ordered in the same moment; wait for its result", p.CaseID)
	}
	if p.Money.Minor > 0 {
		reason := strings.TrimSpace(p.Basis)
		if reason == "" {
			reason = "ordered"
		}
		if _, err := f.post(ctx, tx, &l, Entry{ID: entryID(string(Pay), p.ID), Kind: Pay, CaseID: p.CaseID, PayoutID: p.ID, Minor: p.Money.Minor, Reason: reason}); err != nil {
			return err
		}
	}
	if err := tx.Record(ctx, store.Entry{Actor: actor(ctx), Action: "payout.ordered", Subject: payoutSubject(p.ID), Reason: p.Basis, Detail: body}); err != nil {
		return err
	}
	return tx.Send(ctx, store.Message{To: store.Destination{Kind: store.Topic, Name: OrderTopic}, Key: p.ID, Body: body})
}

// payable refuses an order that nothing stands behind.
func payable(ctx context.Context, tx *store.Tx, p Payout) error {
	var other string
	err := tx.QueryRowContext(ctx, `SELECT id FROM fund_payouts WHERE case_id = $1 AND state = $2`, p.CaseID, Ordered).Scan(&other)
	if err == nil {
		return refuse(Held, "the payout %s of case %s is under way; wait for its result", other, p.CaseID)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("fund: look for open orders of case %s: %w", p.CaseID, err)
	}
	held, err := heldFor(ctx, tx, p.CaseID)
	switch {
	case err != nil:
		return err
	case p.Money.Minor == 0 && len(held) == 0:
		return nil
	case len(held) == 0:
		return refuse(Nothing, "nothing is reserved for case %s", p.CaseID)
	case held[0].money != p.Money || held[0].tenant != p.Tenant:
		return refuse(Mismatch, "%s is reserved for case %s, and the order is for %s", say(held[0].money), p.CaseID, say(p.Money))
	}
	return nil
}

// Settle books what the receiver says of a payout, in the caller's transaction. done is false where the
// same outcome was booked before, which the journal notes. What is not what was ordered (id, amount,
// currency, case), and what contradicts the outcome that is booked, is refused. A failed payout keeps
// its reservation.
func (f *Fund) Settle(ctx context.Context, tx *store.Tx, c Confirmation) (done bool, err error) {
	p, known, err := payoutOf(ctx, tx, c.PayoutID)
	if err != nil {
		return false, err
	}
	if !known {
		return false, refuse(Unknown, "no payout %q was ordered", c.PayoutID)
	}
	if c.CaseID != p.CaseID {
		return false, refuse(Mismatch, "the payout %s belongs to another case than %q", p.ID, c.CaseID)
	}
	if c.Money.Minor != p.Money.Minor || p.Money.Minor > 0 && c.Money.Currency != p.Money.Currency {
		return false, refuse(Mismatch, "the payout %s was ordered with %s, and the result says %s", p.ID, say(p.Money), say(c.Money))
	}
	var l ledger
	if p.Money.Minor > 0 {
		if l, _, err = lock(ctx, tx, p.Tenant, p.Money.Currency); err != nil {
			return false, err
		}
	}
	// The row is locked too: an order without money has no ledger to queue at.
	if _, err := tx.ExecContext(ctx, `UPDATE fund_payouts SET state = state WHERE id = $1`, p.ID); err != nil {
		return false, fmt.Errorf("fund: lock payout %s: %w", p.ID, err)
	}
	if p, _, err = payoutOf(ctx, tx, p.ID); err != nil {
		return false, err
	}
	outcome, kind, action, reason := Failed, Fail, "payout.failed", c.Why
	if c.Paid {
		outcome, kind, action, reason = Confirmed, Settle, "payout.confirmed", c.Reference
	}
	if reason = strings.TrimSpace(reason); reason == "" {
		reason = "the receiver gave no reason"
		if c.Paid {
			reason = "the receiver gave no reference"
		}
	}
	detail, err := json.Marshal(Result{PayoutID: c.PayoutID, CaseID: c.CaseID, Paid: &c.Paid, Minor: &c.Money.Minor, Currency: c.Money.Currency, Reference: c.Reference, Why: c.Why})
	if err != nil {
		return false, err
	}
	note := func(action string) error {
		return tx.Record(ctx, store.Entry{Actor: actor(ctx), Action: action, Subject: payoutSubject(p.ID), Reason: reason, Detail: detail})
	}
	switch p.State {
	case outcome:
		return false, note("payout.told_again")
	case Ordered:
	default:
		return false, refuse(Contradiction, "the payout %s was booked as %s on %s; a result that it %s contradicts that, and a person has to find out which is true",
			p.ID, p.State, p.SettledAt.Format(time.RFC3339), map[bool]string{true: "was paid", false: "failed"}[c.Paid])
	}
	if _, err := tx.ExecContext(ctx, `UPDATE fund_payouts SET state = $1, settled_ms = $2, reference = $3, why = $4 WHERE id = $5`,
		outcome, f.db.Now().UnixMilli(), c.Reference, c.Why, p.ID); err != nil {
		return false, fmt.Errorf("fund: settle payout %s: %w", p.ID, err)
	}
	if p.Money.Minor > 0 {
		if _, err := f.post(ctx, tx, &l, Entry{ID: entryID("settled", p.ID), Kind: kind, CaseID: p.CaseID, PayoutID: p.ID, Minor: p.Money.Minor, Reason: reason}); err != nil {
			return false, err
		}
	}
	return true, note(action)
}

// payoutSubject names a payout in the journal.
func payoutSubject(id string) string { return "payout:" + id }

// Standing is a payout with what became of it.
type Standing struct {
	ID        string         `json:"payout_id"`
	CaseID    string         `json:"case_id"`
	Tenant    string         `json:"tenant"`
	SessionID string         `json:"session_id"`
	Customer  string         `json:"customer"`
	Form      string         `json:"form"`
	Money     policies.Money `json:"money"`
	Points    int64          `json:"points,omitempty"`
	Basis     string         `json:"basis"`
	At        time.Time      `json:"at" doc:"When it was ordered"`
	State     PayoutState    `json:"state" enum:"ordered,confirmed,failed"`
	SettledAt time.Time      `json:"settled_at,omitzero"`
	Reference string         `json:"reference,omitempty" doc:"The receiver's own"`
	Why       string         `json:"why,omitempty" doc:"Of a failure"`
	Delivery  Delivery       `json:"delivery" enum:"waiting,accepted,stuck" doc:"By webhook, where there is one; stuck needs a person"`
	Attempts  int64          `json:"attempts" doc:"Of the webhook"`
	Answer    string         `json:"answer,omitempty" doc:"To the webhook's last attempt"`

	next int64  // when the webhook tries next
	body string // the order as it was sent
}

// order is what was asked for.
func (s Standing) order() Payout {
	return Payout{
		ID: s.ID, CaseID: s.CaseID, Tenant: s.Tenant, SessionID: s.SessionID, Customer: s.Customer, Form: s.Form,
		Money: s.Money, Points: s.Points, Basis: s.Basis,
	}
}

// PayoutQuery filters payouts; empty fields do not filter. Times are [From, To).
type PayoutQuery struct {
	From, To time.Time
	Tenant   string
	CaseID   string
	State    PayoutState
	Delivery Delivery
	Limit    int    // 1–500
	Cursor   string // PayoutPage.Next of the page before
}

// PayoutPage is newest first; Next is "" on the last page.
type PayoutPage struct {
	Items []Standing
	Next  string
}

// Payouts returns the orders that the principal in ctx may see.
func (f *Fund) Payouts(ctx context.Context, q PayoutQuery) (page PayoutPage, err error) {
	where, args, err := scope(ctx, q.Tenant)
	if err != nil {
		return PayoutPage{}, err
	}
	add := func(condition string, values ...any) { where, args = and(where, args, condition, values...) }
	for condition, value := range map[string]string{"case_id = ?": q.CaseID, "state = ?": string(q.State), "delivery = ?": string(q.Delivery)} {
		if value != "" {
			add(condition, value)
		}
	}
	if !q.From.IsZero() {
		add("at_ms >= ?", q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		add("at_ms < ?", q.To.UnixMilli())
	}
	if q.Cursor != "" {
		var at int64
		var id string
		if _, err := fmt.Sscanf(q.Cursor, "%d_%s", &at, &id); err != nil {
			return PayoutPage{}, errCursor
		}
		add("(at_ms, id) < (?, ?)", at, id)
	}
	args = append(args, q.Limit+1)
	err = f.db.Read(ctx, func(tx *store.Tx) error {
		page.Items, err = payouts(ctx, tx, fmt.Sprintf(`%s ORDER BY at_ms DESC, id DESC LIMIT $%d`, where, len(args)), args...)
		return err
	})
	if err != nil {
		return PayoutPage{}, fmt.Errorf("list payouts: %w", err)
	}
	if len(page.Items) > q.Limit {
		page.Items = page.Items[:q.Limit]
		last := page.Items[q.Limit-1]
		page.Next = fmt.Sprintf("%d_%s", last.At.UnixMilli(), last.ID)
	}
	return page, nil
}

func payoutOf(ctx context.Context, tx *store.Tx, id string) (Standing, bool, error) {
	found, err := payouts(ctx, tx, `WHERE id = $1`, id)
	if err != nil || len(found) == 0 {
		return Standing{}, false, err
	}
	return found[0], true, nil
}

func payouts(ctx context.Context, tx *store.Tx, where string, args ...any) (out []Standing, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, case_id, tenant, session_id, customer, form, amount_minor, currency, points, basis, at_ms, body,
		state, settled_ms, reference, why, delivery, attempts, next_ms, answer FROM fund_payouts `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read payouts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s Standing
		var at, settled int64
		if err := rows.Scan(&s.ID, &s.CaseID, &s.Tenant, &s.SessionID, &s.Customer, &s.Form, &s.Money.Minor, &s.Money.Currency, &s.Points, &s.Basis, &at, &s.body,
			&s.State, &settled, &s.Reference, &s.Why, &s.Delivery, &s.Attempts, &s.next, &s.Answer); err != nil {
			return nil, fmt.Errorf("read payouts: %w", err)
		}
		s.At = time.UnixMilli(at).UTC()
		if settled > 0 {
			s.SettledAt = time.UnixMilli(settled).UTC()
		}
		out = append(out, s)
	}
	return out, rows.Err()
}
