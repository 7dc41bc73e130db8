package fund

import (
	"context"
	"fmt"

	"mingjian/audit/store"
	"mingjian/policies"
)

// Difference is one thing that the books tell in two ways.
type Difference struct {
	Where string `json:"where"` // fund:tenant/currency, case:id or payout:id
	What  string `json:"what"`
}

// Verify adds all entries up again and says where balances, holdings or payouts tell another story.
// Nothing is found in books that only this program and its database have touched. It reads every entry
// once, in constant memory per ledger.
func (f *Fund) Verify(ctx context.Context) (found []Difference, err error) {
	err = f.db.Read(ctx, func(tx *store.Tx) error {
		found = nil
		for _, check := range []func(context.Context, *store.Tx, func(where, format string, args ...any)) error{verifyLedgers, verifyHoldings, verifyPayouts} {
			if err := check(ctx, tx, func(where, format string, args ...any) {
				found = append(found, Difference{where, fmt.Sprintf(format, args...)})
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("verify the fund: %w", err)
	}
	return found, nil
}

// verifyLedgers holds each balance against the sum of its entries, and each entry against the one before.
func verifyLedgers(ctx context.Context, tx *store.Tx, differs func(where, format string, args ...any)) error {
	rows, err := tx.QueryContext(ctx, `SELECT `+ledgerColumns+` FROM fund_ledgers ORDER BY tenant, currency`)
	if err != nil {
		return err
	}
	books, err := ledgers(rows)
	if err != nil {
		return err
	}
	for _, l := range books {
		where := subject(l.tenant, l.currency)
		var sum Amounts
		var last Entry
		if err := eachEntry(ctx, tx, `WHERE tenant = $1 AND currency = $2 ORDER BY number`, func(e Entry) error {
			if e.Number != last.Number+1 {
				differs(where, "entry %d follows entry %d", e.Number, last.Number)
			}
			if e.At.Before(last.At) {
				differs(where, "entry %d is older than the one before it", e.Number)
			}
			if move := moves[e.Kind]; move.debit != e.Debit || move.credit != e.Credit || e.Minor < 1 {
				differs(where, "entry %d is no %s: %d from %s to %s", e.Number, e.Kind, e.Minor, e.Credit, e.Debit)
			}
			sum.add(e.Debit, e.Credit, e.Minor)
			for _, a := range accounts {
				if sum.of(a) < 0 {
					differs(where, "after entry %d the account %s has %d", e.Number, a, sum.of(a))
				}
			}
			if e.After != sum.Available {
				differs(where, "entry %d says that %d was available after it; the entries give %d", e.Number, e.After, sum.Available)
			}
			last = e
			return nil
		}, l.tenant, l.currency); err != nil {
			return err
		}
		for _, a := range accounts {
			if have := l.amounts(); have.of(a) != sum.of(a) {
				differs(where, "the account %s has %d; the entries give %d", a, have.of(a), sum.of(a))
			}
		}
		if l.number != last.Number {
			differs(where, "the ledger counts %d entries, and the last is %d", l.number, last.Number)
		}
	}
	return nil
}

// verifyHoldings looks for cases that hold less than nothing, or twice.
func verifyHoldings(ctx context.Context, tx *store.Tx, differs func(where, format string, args ...any)) error {
	rows, err := tx.QueryContext(ctx, `SELECT case_id, min(reserved_minor), min(paying_minor),
			sum(CASE WHEN reserved_minor <> 0 THEN 1 ELSE 0 END) + sum(CASE WHEN paying_minor <> 0 THEN 1 ELSE 0 END)
		FROM fund_held GROUP BY case_id
		HAVING min(reserved_minor) < 0 OR min(paying_minor) < 0
			OR sum(CASE WHEN reserved_minor <> 0 THEN 1 ELSE 0 END) + sum(CASE WHEN paying_minor <> 0 THEN 1 ELSE 0 END) > 1 ORDER BY case_id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var reserved, paying, count int64
		if err := rows.Scan(&id, &reserved, &paying, &count); err != nil {
			return err
		}
		differs("case:"+id, "%d amounts are held, the least reserved is %d and the least ordered %d", count, reserved, paying)
	}
	return rows.Err()
}

// verifyPayouts holds what became of each order against its entries.
func verifyPayouts(ctx context.Context, tx *store.Tx, differs func(where, format string, args ...any)) error {
	rows, err := tx.QueryContext(ctx, `SELECT p.id, p.state, p.amount_minor, p.currency,
			coalesce((SELECT sum(amount_minor) FROM fund_entries e WHERE e.kind = 'pay' AND e.payout_id = p.id AND e.case_id = p.case_id AND e.tenant = p.tenant AND e.currency = p.currency), 0),
			coalesce((SELECT max(kind) FROM fund_entries e WHERE e.kind IN ('settle', 'fail') AND e.payout_id = p.id), '')
		FROM fund_payouts p ORDER BY p.id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	booked := map[PayoutState]string{Ordered: "", Confirmed: string(Settle), Failed: string(Fail)}
	for rows.Next() {
		var id, currency, settled string
		var state PayoutState
		var minor, ordered int64
		if err := rows.Scan(&id, &state, &minor, &currency, &ordered, &settled); err != nil {
			return err
		}
		if ordered != minor {
			differs(payoutSubject(id), "%s was ordered, and %d booked", say(policies.Money{Minor: minor, Currency: currency}), ordered)
		}
		if minor > 0 && settled != booked[state] {
			differs(payoutSubject(id), "it is %s, and %q is booked", state, settled)
		}
	}
	return rows.Err()
}
