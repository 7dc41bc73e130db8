package fund

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
)

// Account is where money stands.
type Account string

// The accounts. Outside is where it comes from, and holds what came in as a negative number.
const (
	Outside    Account = "outside"
	Available  Account = "available"   // can be reserved
	Reserved   Account = "reserved"    // set aside for approved cases
	Paying     Account = "paying"      // ordered, and not confirmed yet
	Paid       Account = "paid"        // customers have it
	WrittenOff Account = "written_off" // taken out of the fund
)

// accounts are all of them, in the order in which books list them.
var accounts = []Account{Outside, Available, Reserved, Paying, Paid, WrittenOff}

// Kind is what an entry is about.
type Kind string

// The kinds.
const (
	TopUp    Kind = "topup"
	Reserve  Kind = "reserve"
	Release  Kind = "release"
	Pay      Kind = "pay"
	Settle   Kind = "settle" // a payout was paid
	Fail     Kind = "fail"   // a payout could not be paid
	WriteOff Kind = "writeoff"
)

// kinds are all of them, in the order in which statements total them.
var kinds = []Kind{TopUp, Reserve, Release, Pay, Settle, Fail, WriteOff}

// moves are the accounts between which each kind moves money.
var moves = map[Kind]struct{ debit, credit Account }{
	TopUp: {Available, Outside}, Reserve: {Reserved, Available}, Release: {Available, Reserved}, Pay: {Paying, Reserved},
	Settle: {Paid, Paying}, Fail: {Reserved, Paying}, WriteOff: {WrittenOff, Available},
}

// Entry is one movement of money, as the API gives it and as the document of the warehouse's mirror
// (table fund_entries) has it.
type Entry struct {
	ID       string    `json:"entry_id"`
	Number   int64     `json:"number" doc:"Counts the entries of a tenant and currency, without gaps"`
	Tenant   string    `json:"tenant"`
	Currency string    `json:"currency" doc:"ISO 4217"`
	Minor    int64     `json:"amount_minor" doc:"In the currency's minor units, more than 0"`
	Debit    Account   `json:"debit" enum:"outside,available,reserved,paying,paid,written_off" doc:"The account that receives"`
	Credit   Account   `json:"credit" enum:"outside,available,reserved,paying,paid,written_off" doc:"The account that gives"`
	CaseID   string    `json:"case_id,omitempty"`
	PayoutID string    `json:"payout_id,omitempty"`
	Kind     Kind      `json:"kind" enum:"topup,reserve,release,pay,settle,fail,writeoff"`
	Actor    string    `json:"actor"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
	After    int64     `json:"balance_after" doc:"What was available after it, in minor units"`
	Low      bool      `json:"low,omitempty" doc:"In the mirror: less than the threshold was available after it"`
}

// entryID makes one entry of the same thing booked twice. The lengths keep ("a", "bc") and ("ab", "c") apart.
func entryID(of ...string) string {
	h := sha256.New()
	for _, s := range of {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return "fund-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// ledger is the row of a tenant and currency, while it is locked.
type ledger struct {
	tenant, currency string
	number, at       int64
	balance          map[Account]int64
	low              bool
}

// lock waits until nobody else moves this money, and returns how it stands. ok is false where nothing
// ever came in.
func lock(ctx context.Context, tx *store.Tx, tenant, currency string) (l ledger, ok bool, err error) {
	rows, err := tx.QueryContext(ctx, `UPDATE fund_ledgers SET low = low WHERE tenant = $1 AND currency = $2 RETURNING `+ledgerColumns, tenant, currency)
	if err != nil {
		return l, false, fmt.Errorf("fund: lock the ledger: %w", err)
	}
	found, err := ledgers(rows)
	if err != nil || len(found) == 0 {
		return l, false, err
	}
	return found[0], true, nil
}

// open locks a ledger that may not exist yet.
func open(ctx context.Context, tx *store.Tx, tenant, currency string) (ledger, error) {
	l, ok, err := lock(ctx, tx, tenant, currency)
	if err != nil || ok {
		return l, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO fund_ledgers (tenant, currency, number, at_ms, outside, available, reserved, paying, paid, written_off, low)
		VALUES ($1, $2, 0, 0, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (tenant, currency) DO NOTHING`, tenant, currency); err != nil {
		return l, fmt.Errorf("fund: begin the ledger: %w", err)
	}
	l, _, err = lock(ctx, tx, tenant, currency)
	return l, err
}

// post books an entry of its kind, the rest of which is filled in here, and tells everybody.
func (f *Fund) post(ctx context.Context, tx *store.Tx, l *ledger, e Entry) (Entry, error) {
	move := moves[e.Kind]
	e.Tenant, e.Currency, e.Debit, e.Credit, e.Actor = l.tenant, l.currency, move.debit, move.credit, actor(ctx)
	e.Number = l.number + 1
	at := max(f.db.Now().UnixMilli(), l.at) // a clock that was set back does not set the books back
	e.At = time.UnixMilli(at).UTC()
	if e.Credit != Outside && l.balance[e.Credit] < e.Minor {
		return Entry{}, f.short(*l, e)
	}
	if e.Credit == Outside && l.balance[Outside]-e.Minor < -MaxMinor {
		return Entry{}, refuse(Invalid, "all that ever came into a fund can be %d in minor units, and this would make it more", int64(MaxMinor))
	}
	l.number, l.at = e.Number, at
	l.balance[e.Credit] -= e.Minor
	l.balance[e.Debit] += e.Minor
	e.After = l.balance[Available]
	if _, err := tx.ExecContext(ctx, `INSERT INTO fund_entries (`+entryColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		e.ID, e.Number, e.Tenant, e.Currency, e.Minor, e.Debit, e.Credit, e.CaseID, e.PayoutID, e.Kind, e.Actor, e.Reason, at, e.After); err != nil {
		return Entry{}, fmt.Errorf("fund: book %s %s: %w", e.Kind, e.ID, err)
	}
	return e, f.announce(ctx, tx, l, e)
}

// short says what is missing.
func (f *Fund) short(l ledger, e Entry) error {
	return refuse(Short, "the fund of %s has %s %s, and %s is needed; top it up first",
		l.tenant, l.currency+" "+major(l.balance[e.Credit], l.currency), e.Credit, l.currency+" "+major(e.Minor, l.currency))
}

// announce tells of an entry: the journal, the warehouse, and whoever should know that money runs out.
func (f *Fund) announce(ctx context.Context, tx *store.Tx, l *ledger, e Entry) error {
	if err := f.watch(ctx, tx, l); err != nil {
		return err
	}
	e.Low = l.low
	document, err := json.Marshal(e)
	if err != nil {
		return err
	}
	subject := subject(e.Tenant, e.Currency)
	if e.CaseID != "" {
		subject = "case:" + e.CaseID
	}
	if err := tx.Record(ctx, store.Entry{Actor: e.Actor, Action: "fund." + string(e.Kind), Subject: subject, Reason: e.Reason, Detail: document}); err != nil {
		return err
	}
	row, err := json.Marshal(warehouse.MirrorRow{ID: e.ID, Version: 1, Tenant: e.Tenant, State: string(e.Kind), At: e.At.UnixMilli(), Document: document})
	if err != nil {
		return err
	}
	return tx.Send(ctx, store.Message{To: store.Destination{Kind: store.Mirror, Name: string(warehouse.FundEntries)}, Key: e.ID, Body: row})
}

// watch raises the alert of a low balance once, and takes it back when there is enough again.
func (f *Fund) watch(ctx context.Context, tx *store.Tx, l *ledger) error {
	below := f.lowBelow(l.tenant, l.currency)
	low := l.balance[Available] < below
	if low == l.low {
		return nil
	}
	l.low = low
	flag, action, reason := 0, "fund.enough", fmt.Sprintf("%s %s is available again", l.currency, major(l.balance[Available], l.currency))
	if low {
		flag, action = 1, "fund.low"
		reason = fmt.Sprintf("%s %s is available, less than %s; top the fund up", l.currency, major(l.balance[Available], l.currency), major(below, l.currency))
		f.o.Log.WarnContext(ctx, "a fund runs low", "tenant", l.tenant, "currency", l.currency, "available_minor", l.balance[Available], "below_minor", below)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE fund_ledgers SET low = $1 WHERE tenant = $2 AND currency = $3`, flag, l.tenant, l.currency); err != nil {
		return fmt.Errorf("fund: alert: %w", err)
	}
	detail, err := json.Marshal(map[string]int64{"available_minor": l.balance[Available], "below_minor": below})
	if err != nil {
		return err
	}
	return tx.Record(ctx, store.Entry{Actor: system, Action: action, Subject: subject(l.tenant, l.currency), Reason: reason, Detail: detail})
}

// subject names a ledger in the journal.
func subject(tenant, currency string) string { return "fund:" + tenant + "/" + currency }

// Query filters entries; empty fields do not filter. Times are [From, To).
type Query struct {
	From, To time.Time
	Tenant   string
	Currency string
	CaseID   string
	Kinds    []Kind
	Limit    int    // 1–500
	Cursor   string // Page.Next of the page before
}

// Page is newest first; Next is "" on the last page.
type Page struct {
	Items []Entry
	Next  string
}

// Entries returns the entries that the principal in ctx may see. A cursor that this package did not
// make is a *Refusal.
func (f *Fund) Entries(ctx context.Context, q Query) (page Page, err error) {
	where, args, err := scope(ctx, q.Tenant)
	if err != nil {
		return Page{}, err
	}
	add := func(condition string, values ...any) { where, args = and(where, args, condition, values...) }
	if q.Currency != "" {
		add("currency = ?", q.Currency)
	}
	if q.CaseID != "" {
		add("case_id = ?", q.CaseID)
	}
	if !q.From.IsZero() {
		add("at_ms >= ?", q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		add("at_ms < ?", q.To.UnixMilli())
	}
	if len(q.Kinds) > 0 {
		values := make([]any, len(q.Kinds))
		for i, k := range q.Kinds {
			values[i] = k
		}
		add("kind IN (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
	}
	if q.Cursor != "" {
		var at, number int64
		var id string
		if _, err := fmt.Sscanf(q.Cursor, "%d_%d_%s", &at, &number, &id); err != nil {
			return Page{}, errCursor
		}
		add("(at_ms, number, id) < (?, ?, ?)", at, number, id)
	}
	args = append(args, q.Limit+1)
	err = f.db.Read(ctx, func(tx *store.Tx) error {
		page.Items, err = entries(ctx, tx, fmt.Sprintf(`%s ORDER BY at_ms DESC, number DESC, id DESC LIMIT $%d`, where, len(args)), args...)
		return err
	})
	if err != nil {
		return Page{}, fmt.Errorf("list entries of the fund: %w", err)
	}
	if len(page.Items) > q.Limit {
		page.Items = page.Items[:q.Limit]
		last := page.Items[q.Limit-1]
		page.Next = fmt.Sprintf("%d_%d_%s", last.At.UnixMilli(), last.Number, last.ID)
	}
	return page, nil
}

var errCursor = &Refusal{Invalid, "a cursor is taken unchanged from next_cursor of the page before, or left out"}

// scope is the condition under which rows belong to a tenant ("" for all) that the principal may see. Whoever
// is bound to business lines is refused.
func scope(ctx context.Context, tenant string) (where string, args []any, err error) {
	if err := unbound(ctx); err != nil {
		return "", nil, err
	}
	where = "WHERE 1 = 1"
	if who, _ := identity.From(ctx); len(who.Tenants) > 0 {
		tenants := make([]any, len(who.Tenants))
		for i, t := range who.Tenants {
			tenants[i] = t
		}
		where, args = and(where, args, "tenant IN (?"+strings.Repeat(", ?", len(tenants)-1)+")", tenants...)
	}
	if tenant != "" {
		where, args = and(where, args, "tenant = ?", tenant)
	}
	return where, args, nil
}

// and adds a condition with a ? for each value.
func and(where string, args []any, condition string, values ...any) (string, []any) {
	for _, v := range values {
		args = append(args, v)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
	}
	return where + " AND " + condition, args
}

const entryColumns = `id, number, tenant, currency, amount_minor, debit, credit, case_id, payout_id, kind, actor, reason, at_ms, balance_after`

// entries reads those that a condition with its order selects.
func entries(ctx context.Context, tx *store.Tx, where string, args ...any) (out []Entry, err error) {
	err = eachEntry(ctx, tx, where, func(e Entry) error { out = append(out, e); return nil }, args...)
	return out, err
}

func eachEntry(ctx context.Context, tx *store.Tx, where string, do func(Entry) error, args ...any) error {
	rows, err := tx.QueryContext(ctx, `SELECT `+entryColumns+` FROM fund_entries `+where, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e Entry
		var at int64
		if err := rows.Scan(&e.ID, &e.Number, &e.Tenant, &e.Currency, &e.Minor, &e.Debit, &e.Credit, &e.CaseID, &e.PayoutID, &e.Kind, &e.Actor, &e.Reason, &at, &e.After); err != nil {
			return err
		}
		e.At = time.UnixMilli(at).UTC()
		if err := do(e); err != nil {
			return err
		}
	}
	return rows.Err()
}
