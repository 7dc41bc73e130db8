// Package fund keeps the money that customers are made good from: a double-entry ledger per tenant
// and currency, the orders to pay, and what their receivers say of them.
//
// The flow: finance tops the fund up. When a case is approved its amount is reserved; when it is paid
// the reservation becomes an order, which leaves through the outbox to the topic mingjian.payouts (and
// to a webhook where one is configured) under an idempotency key; a confirmation books it as paid, a
// failure leaves the reservation where it was. What a case no longer needs is released.
//
//	outside → available → reserved → paying → paid
//	            │   ▲         │ ▲       │
//	            │   └─────────┘ └───────┘
//	            │    release      failed: the reservation is kept
//	            └──→ written_off
//
// An entry moves one amount from one account (its credit) to another (its debit), so books balance by
// construction. What must always hold is held by the database, whoever writes to it: entries are never
// changed or removed; balances move by entries and by nothing else, are never negative, and add up to
// zero with what came in; a case has one reservation at a time, which moves whole; a payout is ordered
// once and settled once. Verify adds the entries up again and says where the balances tell another
// story. Amounts are integers in minor units; each ledger has one currency, so that they never mix.
//
// What moves the money of one tenant and currency queues at the row of its ledger, so entries are
// counted without gaps and their times never go back. Callers that also change rows of their own lock
// those first, and handle one case in a transaction.
//
// An order (type Order) leaves once in the outbox, and every delivery of it bears the same payout id:
// a receiver that has seen the id does nothing again. The webhook and the topic say the same of the
// same orders; whoever lets two systems pay, one from each, must let them share the ids. A result
// (type Result) comes back on the topic mingjian.payouts.results or through the API.
//
// Not promised: that a receiver which forgets ids pays once; that a case which holds money in two
// currencies at once is refused by the database itself (the case's own lock sees to that).
package fund

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/store"
)

//go:embed migrations
var migrations embed.FS

var migrationFiles, _ = fs.Sub(migrations, "migrations") // cannot fail: the folder is embedded

// Noun brings the tables of the fund.
var Noun = store.Noun{Name: "fund", Files: migrationFiles}

// Shanghai is the zone of months and days where none is given. China has had one zone without summer
// time since 1991, so that no zone file is needed.
var Shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// Threshold is what a fund should always have to spend. Below it there is an alert, once until there is
// enough again.
type Threshold struct {
	Tenant   string // "" for every tenant that has none of its own
	Currency string
	Minor    int64
}

// DefaultLow is 10,000 yuan: two of the largest payments that two officers can approve without finance.
var DefaultLow = []Threshold{{Currency: "CNY", Minor: 10_000_00}}

// Options are what the fund can be told. The zero value works.
type Options struct {
	Low  []Threshold                        // DefaultLow when nil; a currency without one has no alert
	Zone func(tenant string) *time.Location // of a tenant's months and days; Shanghai when nil
	Log  *slog.Logger                       // slog.Default when nil
}

// Fund is the noun's way in. It is safe for concurrent use.
type Fund struct {
	db *store.DB
	o  Options
}

// New brings the noun's tables up to date.
func New(ctx context.Context, db *store.DB, o Options) (*Fund, error) {
	if o.Low == nil {
		o.Low = DefaultLow
	}
	if o.Zone == nil {
		o.Zone = func(string) *time.Location { return Shanghai }
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	for _, t := range o.Low {
		if !isCurrency(t.Currency) || t.Minor < 0 || t.Minor > MaxMinor {
			return nil, errors.New("fund: a threshold needs a currency as ISO 4217 writes it, and an amount that is not negative")
		}
	}
	if err := db.Migrate(ctx, Noun); err != nil {
		return nil, err
	}
	return &Fund{db: db, o: o}, nil
}

// lowBelow is the threshold of a ledger, 0 for none.
func (f *Fund) lowBelow(tenant, currency string) (minor int64) {
	for _, t := range f.o.Low {
		if t.Currency == currency && t.Tenant == tenant {
			return t.Minor
		}
		if t.Currency == currency && t.Tenant == "" {
			minor = t.Minor
		}
	}
	return minor
}

// system acts where no person does: the consumer of results, the webhook.
const system = "system"

// actor is who acts, for entries and the journal.
func actor(ctx context.Context) string {
	if who, ok := identity.From(ctx); ok {
		return who.ID
	}
	return system
}
