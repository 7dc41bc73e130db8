package api

import (
	"context"

	"mingjian/audit/cases"
	"mingjian/audit/fund"
	"mingjian/audit/store"
)

// purse is the fund as cases know it.
type purse struct{ fund *fund.Fund }

// Reserve sets a case's money aside.
func (p purse) Reserve(ctx context.Context, tx *store.Tx, h cases.Holding) error {
	return p.fund.Reserve(ctx, tx, fund.Holding(h))
}

// Release gives what is reserved for a case back.
func (p purse) Release(ctx context.Context, tx *store.Tx, caseID string) error {
	return p.fund.Release(ctx, tx, caseID)
}

// Pay orders the payment of what is reserved.
func (p purse) Pay(ctx context.Context, tx *store.Tx, o cases.Payout) error {
	return p.fund.Pay(ctx, tx, fund.Payout(o))
}

// Settle books what the receiver says of a payout.
func (p purse) Settle(ctx context.Context, tx *store.Tx, c cases.Confirmation) (bool, error) {
	return p.fund.Settle(ctx, tx, fund.Confirmation(c))
}

var _ cases.Fund = purse{}
