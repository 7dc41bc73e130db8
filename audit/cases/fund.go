package cases

import (
	"context"

	"mingjian/audit/store"
	"mingjian/policies"
)

// Fund is the money that cases are made good from. Each call is part of the transaction in which the
// case changes its state, so that books and cases never tell different stories. An error with a method
// Refusal() string is the fund saying no to what was asked; its text is for the person who asked.
type Fund interface {
	// Reserve sets a case's money aside. It refuses where the tenant's fund has less to spend.
	Reserve(ctx context.Context, tx *store.Tx, h Holding) error
	// Release gives what is reserved for a case back to the fund; nothing reserved is no error.
	Release(ctx context.Context, tx *store.Tx, caseID string) error
	// Pay orders the payment of what is reserved, once per payout id: a second order of the same id
	// changes nothing. The order leaves with the transaction.
	Pay(ctx context.Context, tx *store.Tx, p Payout) error
	// Settle books what the receiver says of a payout. done is false where this was booked before.
	// What is not what was ordered (id, amount, currency, case) is refused, and changes nothing.
	// A failed payout keeps its reservation.
	Settle(ctx context.Context, tx *store.Tx, c Confirmation) (done bool, err error)
}

// Holding is what is set aside for a case.
type Holding struct {
	CaseID, Tenant string
	Money          policies.Money // zero where what is owed is no money: points, a redo
}

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

// Confirmation is what the receiver says of a payout.
type Confirmation struct {
	PayoutID  string
	CaseID    string
	Paid      bool // false: it could not be paid
	Money     policies.Money
	Reference string // the receiver's own
	Why       string // of a failure
}
