package fund

import (
	"context"
	"fmt"
	"time"

	"mingjian/audit/store"
)

// Statement is what happened to a fund in a month: how it opened, every movement, how it closed. One
// month closes as the next one opens.
type Statement struct {
	Tenant    string    `json:"tenant"`
	Currency  string    `json:"currency"`
	Month     string    `json:"month" doc:"YYYY-MM"`
	Zone      string    `json:"zone" doc:"In which the month begins and ends"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to" doc:"The first moment of the next month"`
	Opening   Amounts   `json:"opening"`
	Movements []Entry   `json:"movements" nullable:"false" doc:"Oldest first"`
	Closing   Amounts   `json:"closing"`
	Totals    []Total   `json:"totals" doc:"By kind, every kind"`

	zone *time.Location
}

// Total is what the movements of one kind add up to.
type Total struct {
	Kind  Kind  `json:"kind"`
	Count int   `json:"count"`
	Minor int64 `json:"amount_minor"`
}

// Statement is that of a month ("2026-11") in the tenant's zone. A month that is still running closes as
// it stands. A tenant that the principal in ctx may not see, and a month that cannot be read or has not
// begun, are a *Refusal.
func (f *Fund) Statement(ctx context.Context, tenant, currency, month string) (s Statement, err error) {
	if err := seen(ctx, tenant); err != nil {
		return s, err
	}
	if tenant == "" {
		return s, refuse(Invalid, "say whose statement, in tenant")
	}
	if !isCurrency(currency) {
		return s, refuse(Invalid, noCurrency, currency)
	}
	zone := f.o.Zone(tenant)
	from, err := time.ParseInLocation("2006-01", month, zone)
	if err != nil {
		return s, refuse(Invalid, "a month is written as 2026-11; this is %q", month)
	}
	if from.After(f.db.Now()) {
		return s, refuse(Invalid, "the month %s has not begun", month)
	}
	s = Statement{Tenant: tenant, Currency: currency, Month: month, Zone: zone.String(), From: from, To: from.AddDate(0, 1, 0), Movements: []Entry{}, zone: zone}
	totals := map[Kind]*Total{}
	for _, k := range kinds {
		totals[k] = &Total{Kind: k}
	}
	err = f.db.Read(ctx, func(tx *store.Tx) error {
		if s.Opening, err = standing(ctx, tx, tenant, currency, s.From); err != nil {
			return err
		}
		s.Closing = s.Opening
		return eachEntry(ctx, tx, `WHERE tenant = $1 AND currency = $2 AND at_ms >= $3 AND at_ms < $4 ORDER BY number`, func(e Entry) error {
			s.Movements = append(s.Movements, e)
			s.Closing.add(e.Debit, e.Credit, e.Minor)
			totals[e.Kind].Count++
			totals[e.Kind].Minor += e.Minor
			return nil
		}, tenant, currency, s.From.UnixMilli(), s.To.UnixMilli())
	})
	if err != nil {
		return Statement{}, fmt.Errorf("statement of %s: %w", month, err)
	}
	for _, k := range kinds {
		s.Totals = append(s.Totals, *totals[k])
	}
	return s, nil
}
