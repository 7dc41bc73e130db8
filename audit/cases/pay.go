package cases

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"mingjian/audit/identity"
)

// Pay orders the payment of what is approved. Each order has an id of its own, which is what its
// receiver knows a repeat by.
func (c *Cases) Pay(ctx context.Context, id string, version int64, reason string) (Case, error) {
	reason, err := worded("reason", reason)
	if err != nil {
		return Case{}, err
	}
	return c.act(ctx, id, Pay, version, nil, func(d *doing) error {
		if err := d.allowed(Pay); err != nil {
			return err
		}
		p := d.Proposal
		order := Ordered{ID: payoutID(d.ID, len(d.Payouts)+1), By: d.who.ID, At: c.db.Now(), State: orderOpen}
		if err := c.o.Fund.Pay(ctx, d.tx, Payout{
			ID: order.ID, CaseID: d.ID, Tenant: d.Tenant, SessionID: d.SessionID, Customer: p.Customer,
			Form: p.Form, Money: p.Money, Points: p.Points, Basis: strings.Join(p.Advice.Basis, " "),
		}); err != nil {
			return refused(*d.Case, err)
		}
		d.Payouts = append(d.Payouts, order)
		return d.move(Pay, Paying, reason, map[string]any{"payout_id": order.ID, "form": p.Form, "amount_minor": p.Minor, "currency": p.Currency, "points": p.Points})
	})
}

// payoutID names an attempt to pay a case.
func payoutID(caseID string, attempt int) string { return fmt.Sprintf("%s-p%d", caseID, attempt) }

// caseOf is the case of a payout's id, "" where it is none of ours.
func caseOf(payoutID string) string {
	if i := strings.LastIndex(payoutID, "-p"); i >= 0 {
		return payoutID[:i]
	}
	return ""
}

// Confirm takes what the receiver says of a payout: from a person or program that may (the principal in
// ctx), or, where ctx has none, from the topic of confirmations. A payout that could not be paid goes
// back to approved, what is set aside for it stays. A confirmation that came before is a *Conflict with
// Repeat, and changes nothing; one that is not of what was ordered is a *Conflict. An unknown payout
// is ErrNotFound.
func (c *Cases) Confirm(ctx context.Context, said Confirmation) (Case, error) {
	if _, ok := identity.From(ctx); !ok {
		ctx = identity.With(ctx, identity.Principal{ID: byReceiver, Roles: []identity.Role{identity.Finance}})
	}
	said.PayoutID, said.Reference, said.Why = kept(said.PayoutID), kept(said.Reference), kept(said.Why)
	if said.CaseID == "" {
		said.CaseID = caseOf(said.PayoutID)
	}
	note := map[string]any{
		"payout_id": said.PayoutID, "paid": said.Paid, "amount_minor": said.Money.Minor, "currency": said.Money.Currency, "reference": said.Reference,
	}
	return c.act(ctx, said.CaseID, Confirm, 0, note, func(d *doing) error {
		at := slices.IndexFunc(d.Payouts, func(o Ordered) bool { return o.ID == said.PayoutID })
		if at < 0 {
			return grave{conflict(*d.Case, "the payout %s was never ordered for this case", said.PayoutID)}
		}
		order := &d.Payouts[at]
		if order.State != orderOpen {
			was := conflict(*d.Case, "the payout %s was confirmed before, as %s", order.ID, order.State)
			was.Repeat = (order.State == orderPaid) == said.Paid
			return grave{was}
		}
		d.version = d.Version // a receiver reads no versions; the payout's id says what is meant
		if err := d.allowed(Confirm); err != nil {
			return err
		}
		done, err := c.o.Fund.Settle(ctx, d.tx, said)
		if err != nil {
			return refused(*d.Case, err)
		}
		if !done {
			was := conflict(*d.Case, "the fund has booked the payout %s before", order.ID)
			was.Repeat = true
			return grave{was}
		}
		order.Reference, order.SettledAt = said.Reference, c.db.Now()
		if !said.Paid {
			order.State, order.Why = orderFailed, said.Why
			return d.move(Confirm, Approved, "could not be paid: "+said.Why, note)
		}
		order.State = orderPaid
		d.PaidMinor += said.Money.Minor
		return d.move(Confirm, Paid, "paid, reference "+said.Reference, note)
	})
}
