package fund

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/policies"
)

// maxReason is how many characters a reason may have: a page of text.
const maxReason = 2000

// maxKey is how many characters a key of a request may have: a UUID takes 36.
const maxKey = 128

// Change is what finance does: money that comes into a fund or is taken out of it.
type Change struct {
	Key    string // made by the client, 1–128 characters: the same key changes the fund once
	Tenant string
	Money  policies.Money
	Reason string // 1–2000 characters
}

// TopUp brings money into a fund. done is false where the same key did so before; the entry is then
// that one. Another tenant's fund, or a key that meant something else, is a *Refusal.
func (f *Fund) TopUp(ctx context.Context, c Change) (e Entry, done bool, err error) {
	return f.change(ctx, TopUp, c)
}

// WriteOff takes money out of a fund for good: a budget that ends, a loss. Only what is available can
// be taken. Refusals are as of TopUp.
func (f *Fund) WriteOff(ctx context.Context, c Change) (e Entry, done bool, err error) {
	return f.change(ctx, WriteOff, c)
}

func (f *Fund) change(ctx context.Context, kind Kind, c Change) (e Entry, done bool, err error) {
	c.Reason, c.Key = strings.TrimSpace(c.Reason), strings.TrimSpace(c.Key)
	if err := c.check(ctx); err != nil {
		return Entry{}, false, err
	}
	want := Entry{ID: entryID(string(kind), c.Tenant, c.Key), Kind: kind, Minor: c.Money.Minor, Reason: c.Reason}
	err = f.db.Write(ctx, func(tx *store.Tx) error {
		l, err := open(ctx, tx, c.Tenant, c.Money.Currency)
		if err != nil {
			return err
		}
		booked, err := entries(ctx, tx, `WHERE id = $1`, want.ID)
		if err != nil {
			return err
		}
		if len(booked) == 0 {
			done = true
			e, err = f.post(ctx, tx, &l, want)
			return err
		}
		e = booked[0]
		if e.Currency != c.Money.Currency || e.Minor != c.Money.Minor {
			return refuse(Mismatch, "the key %q was used for %s on %s; a new %s needs a new key", c.Key, say(policies.Money{Minor: e.Minor, Currency: e.Currency}), e.At.Format("2006-01-02"), kind)
		}
		return nil
	})
	if err != nil {
		return Entry{}, false, refused(err, "%s the fund of %s", kind, c.Tenant)
	}
	return e, done, nil
}

// check refuses what cannot be asked for.
func (c Change) check(ctx context.Context) error {
	if err := seen(ctx, c.Tenant); err != nil {
		return err
	}
	if c.Tenant == "" {
		return refuse(Invalid, "say whose fund it is, in tenant")
	}
	if n := utf8.RuneCountInString(c.Key); n == 0 || n > maxKey {
		return refuse(Invalid, "give an idempotency_key of 1 to %d characters, a new one for each change: sending the same again is then safe", maxKey)
	}
	if n := utf8.RuneCountInString(c.Reason); n == 0 || n > maxReason {
		return refuse(Invalid, "say why, in 1 to %d characters", maxReason)
	}
	if strings.ContainsRune(c.Tenant+c.Key+c.Reason, 0) {
		return refuse(Invalid, "texts may hold any character but NUL")
	}
	return check(c.Money)
}

// seen refuses a tenant that the principal in ctx may not see.
func seen(ctx context.Context, tenant string) error {
	if err := unbound(ctx); err != nil {
		return err
	}
	if who, _ := identity.From(ctx); !who.Sees(tenant) {
		return refuse(Foreign, "the fund of %q is not one that you may see", tenant)
	}
	return nil
}

// unbound refuses whoever sees some business lines only: the money is one for all of a tenant's.
func unbound(ctx context.Context) error {
	if who, _ := identity.From(ctx); len(who.Lines) > 0 {
		return refuse(Foreign, "a fund is of a whole tenant, and you see only some of its business lines; ask somebody who sees them all")
	}
	return nil
}

// refused passes a refusal on as it is, and says of any other error what was being done.
func refused(err error, format string, args ...any) error {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// Holding is what is set aside for a case.
type Holding struct {
	CaseID, Tenant string
	Money          policies.Money // zero where what is owed is no money: points, a redo
}

// Reserve sets a case's money aside, in the caller's transaction. The same again changes nothing; it
// refuses where less is available, and where something else is held for the case.
func (f *Fund) Reserve(ctx context.Context, tx *store.Tx, h Holding) error {
	if h.Money.Minor == 0 {
		return nil
	}
	if err := check(h.Money); err != nil {
		return err
	}
	if h.CaseID == "" || h.Tenant == "" {
		return refuse(Invalid, "a reservation needs a case and a tenant")
	}
	l, ok, err := lock(ctx, tx, h.Tenant, h.Money.Currency)
	if err != nil {
		return err
	}
	if !ok {
		return refuse(Short, "the fund of %s has no %s; top it up first", h.Tenant, h.Money.Currency)
	}
	held, err := heldFor(ctx, tx, h.CaseID)
	if err != nil {
		return err
	}
	if len(held) > 0 {
		if other := held[0]; len(held) > 1 || other.tenant != h.Tenant || other.money != h.Money || other.paying != 0 {
			return refuse(Held, "%s is held for case %s already; release it first", say(other.total()), h.CaseID)
		}
		return nil
	}
	turn, err := turns(ctx, tx, Reserve, h.CaseID)
	if err != nil {
		return err
	}
	_, err = f.post(ctx, tx, &l, Entry{ID: entryID(string(Reserve), h.CaseID, turn), Kind: Reserve, CaseID: h.CaseID, Minor: h.Money.Minor, Reason: "set aside for the case"})
	return err
}

// Release gives what is reserved for a case back to the fund, in the caller's transaction; nothing
// reserved is no error. What is ordered is not reserved any more.
func (f *Fund) Release(ctx context.Context, tx *store.Tx, caseID string) error {
	held, err := heldFor(ctx, tx, caseID)
	if err != nil || len(held) == 0 {
		return err
	}
	l, _, err := lock(ctx, tx, held[0].tenant, held[0].money.Currency)
	if err != nil {
		return err
	}
	if held, err = heldFor(ctx, tx, caseID); err != nil || len(held) == 0 || held[0].money.Minor == 0 { // it may have moved before the lock
		return err
	}
	turn, err := turns(ctx, tx, Release, caseID)
	if err != nil {
		return err
	}
	_, err = f.post(ctx, tx, &l, Entry{ID: entryID(string(Release), caseID, turn), Kind: Release, CaseID: caseID, Minor: held[0].money.Minor, Reason: "the case needs it no longer"})
	return err
}

// held is what a case has of one ledger: reserved (money) or ordered (paying).
type held struct {
	tenant string
	money  policies.Money
	paying int64
}

func (h held) total() policies.Money {
	return policies.Money{Minor: h.money.Minor + h.paying, Currency: h.money.Currency}
}

// heldFor is what a case holds; at most one, which the database sees to.
func heldFor(ctx context.Context, tx *store.Tx, caseID string) (out []held, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT tenant, currency, reserved_minor, paying_minor FROM fund_held
		WHERE case_id = $1 AND (reserved_minor <> 0 OR paying_minor <> 0) ORDER BY tenant, currency`, caseID)
	if err != nil {
		return nil, fmt.Errorf("fund: read what case %s holds: %w", caseID, err)
	}
	defer rows.Close()
	for rows.Next() {
		var h held
		if err := rows.Scan(&h.tenant, &h.money.Currency, &h.money.Minor, &h.paying); err != nil {
			return nil, fmt.Errorf("fund: read what case %s holds: %w", caseID, err)
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// turns counts what was booked of a kind for a case, so that the next one has an id of its own.
func turns(ctx context.Context, tx *store.Tx, kind Kind, caseID string) (string, error) {
	var n int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM fund_entries WHERE case_id = $1 AND case_id <> '' AND kind = $2`, caseID, kind).Scan(&n); err != nil {
		return "", fmt.Errorf("fund: count the entries of case %s: %w", caseID, err)
	}
	return strconv.Itoa(n + 1), nil
}
