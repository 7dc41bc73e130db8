package fund

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"mingjian/audit/store"
)

// Balance is how the money of a tenant and currency stands, in minor units.
type Balance struct {
	Tenant   string `json:"tenant"`
	Currency string `json:"currency" doc:"ISO 4217"`
	Amounts
	Entries  int64     `json:"entries" doc:"How many there are"`
	At       time.Time `json:"at" doc:"Of the last entry"`
	Low      bool      `json:"low" doc:"Less than low_below_minor is available"`
	LowBelow int64     `json:"low_below_minor" doc:"0 where there is no threshold"`
}

// Amounts is what stands in each account, in minor units.
type Amounts struct {
	ToppedUp   int64 `json:"topped_up_minor" doc:"All that ever came in: the sum of the others"`
	Available  int64 `json:"available_minor"`
	Reserved   int64 `json:"reserved_minor" doc:"Set aside for approved cases"`
	Paying     int64 `json:"paying_minor" doc:"Ordered, and not confirmed yet"`
	Paid       int64 `json:"paid_minor"`
	WrittenOff int64 `json:"written_off_minor"`
}

// of is what stands in an account, what came in as a positive number.
func (a Amounts) of(account Account) int64 { return *a.at(account) }

func (a *Amounts) at(account Account) *int64 {
	return map[Account]*int64{Outside: &a.ToppedUp, Available: &a.Available, Reserved: &a.Reserved, Paying: &a.Paying, Paid: &a.Paid, WrittenOff: &a.WrittenOff}[account]
}

// add moves an amount.
func (a *Amounts) add(debit, credit Account, minor int64) {
	if credit == Outside {
		a.ToppedUp += minor
	} else {
		*a.at(credit) -= minor
	}
	*a.at(debit) += minor
}

// Balances are those that the principal in ctx may see, of one tenant or ("") of all.
func (f *Fund) Balances(ctx context.Context, tenant string) (out []Balance, err error) {
	where, args, err := scope(ctx, tenant)
	if err != nil {
		return nil, err
	}
	err = f.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT `+ledgerColumns+` FROM fund_ledgers `+where+` ORDER BY tenant, currency`, args...)
		if err != nil {
			return err
		}
		found, err := ledgers(rows)
		for _, l := range found {
			out = append(out, f.balance(l))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the fund's balances: %w", err)
	}
	return out, nil
}

func (f *Fund) balance(l ledger) Balance {
	return Balance{
		Tenant: l.tenant, Currency: l.currency, Amounts: l.amounts(),
		Entries: l.number, At: time.UnixMilli(l.at).UTC(), Low: l.low, LowBelow: f.lowBelow(l.tenant, l.currency),
	}
}

func (l ledger) amounts() Amounts {
	return Amounts{
		ToppedUp: -l.balance[Outside], Available: l.balance[Available], Reserved: l.balance[Reserved],
		Paying: l.balance[Paying], Paid: l.balance[Paid], WrittenOff: l.balance[WrittenOff],
	}
}

// Day is how a fund stood at the end of a local day.
type Day struct {
	Day string `json:"day" doc:"YYYY-MM-DD, in the tenant's zone"`
	Amounts
}

// maxDays bounds what one question can cover: ten years.
const maxDays = 3660

// Days is how a fund stood at the end of each local day from the day of from to the day of to, both
// included, for a chart. A tenant that the principal in ctx may not see is a *Refusal.
func (f *Fund) Days(ctx context.Context, tenant, currency string, from, to time.Time) ([]Day, error) {
	if err := seen(ctx, tenant); err != nil {
		return nil, err
	}
	zone := f.o.Zone(tenant)
	midnight := func(t time.Time) time.Time {
		y, m, d := t.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, zone)
	}
	first, last := midnight(from), midnight(to)
	if last.Before(first) || last.After(first.AddDate(0, 0, maxDays)) {
		return nil, refuse(Invalid, "days go from a first to a last one, at most %d", maxDays)
	}
	var days []Day
	err := f.db.Read(ctx, func(tx *store.Tx) error {
		amounts, err := standing(ctx, tx, tenant, currency, first)
		if err != nil {
			return err
		}
		end := first.AddDate(0, 0, 1)
		finish := func() {
			days = append(days, Day{first.Format(time.DateOnly), amounts})
			first, end = end, end.AddDate(0, 0, 1)
		}
		err = eachEntry(ctx, tx, `WHERE tenant = $1 AND currency = $2 AND at_ms >= $3 AND at_ms < $4 ORDER BY number`, func(e Entry) error {
			for !e.At.Before(end) {
				finish()
			}
			amounts.add(e.Debit, e.Credit, e.Minor)
			return nil
		}, tenant, currency, first.UnixMilli(), last.AddDate(0, 0, 1).UnixMilli())
		for !first.After(last) {
			finish()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the fund's days: %w", err)
	}
	return days, nil
}

// standing is how a fund stood just before a moment, from its entries.
func standing(ctx context.Context, tx *store.Tx, tenant, currency string, before time.Time) (a Amounts, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT debit, credit, CAST(sum(amount_minor) AS BIGINT) FROM fund_entries
		WHERE tenant = $1 AND currency = $2 AND at_ms < $3 GROUP BY debit, credit`, tenant, currency, before.UnixMilli())
	if err != nil {
		return a, err
	}
	defer rows.Close()
	for rows.Next() {
		var debit, credit Account
		var minor int64
		if err := rows.Scan(&debit, &credit, &minor); err != nil {
			return a, err
		}
		a.add(debit, credit, minor)
	}
	return a, rows.Err()
}

const ledgerColumns = `tenant, currency, number, at_ms, outside, available, reserved, paying, paid, written_off, low`

func ledgers(rows *sql.Rows) (out []ledger, err error) {
	defer rows.Close()
	for rows.Next() {
		l := ledger{balance: map[Account]int64{}}
		var in [6]int64 // as accounts has them
		var low int
		if err := rows.Scan(&l.tenant, &l.currency, &l.number, &l.at, &in[0], &in[1], &in[2], &in[3], &in[4], &in[5], &low); err != nil {
			return nil, fmt.Errorf("fund: read a ledger: %w", err)
		}
		for i, a := range accounts {
			l.balance[a] = in[i]
		}
		l.low = low == 1
		out = append(out, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("fund: read a ledger: %w", err)
	}
	return out, nil
}
