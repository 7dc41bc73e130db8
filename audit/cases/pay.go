package cases

import (
	"context"
	"errors"
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
// back to approved, what is set aside for it stays; why is asked of a person (*Fault), while a failure on the
// topic counts without. A confirmation that came before is a *Conflict with Repeat, and changes nothing;
// one that says something else than that, or another reference, is one with Contradiction, and kept for
// Contradictions; one that is not of what was ordered is a *Conflict. An unknown payout is ErrNotFound.
func (c *Cases) Confirm(ctx context.Context, said Confirmation) (Case, error) {
	_, inPerson := identity.From(ctx)
	if !inPerson {
		ctx = identity.With(ctx, identity.Principal{ID: byReceiver, Roles: []identity.Role{identity.Finance}})
	}
	said.PayoutID, said.Money.Currency = kept(said.PayoutID), kept(said.Money.Currency)
	said.Reference, said.Why = strings.TrimSpace(kept(said.Reference)), strings.TrimSpace(kept(said.Why))
	if !said.Paid && said.Why == "" && !inPerson {
		said.Why = noReason
	}
	if said.CaseID == "" {
		said.CaseID = caseOf(said.PayoutID)
	}
	note := map[string]any{
		"payout_id": said.PayoutID, "paid": said.Paid, "amount_minor": said.Money.Minor, "currency": said.Money.Currency, "reference": said.Reference,
	}
	k, err := c.act(ctx, said.CaseID, Confirm, 0, note, func(d *doing) error {
		at := slices.IndexFunc(d.Payouts, func(o Ordered) bool { return o.ID == said.PayoutID })
		if at < 0 {
			return grave{conflict(*d.Case, "the payout %s was never ordered for this case", said.PayoutID)}
		}
		order := &d.Payouts[at]
		if order.State != orderOpen {
			return d.toldAgain(*order, said)
		}
		d.version = d.Version // a receiver reads no versions; the payout's id says what is meant
		if err := d.allowed(Confirm); err != nil {
			return err
		}
		if !said.Paid && said.Why == "" {
			return &Fault{"why", "say why it could not be paid, as the receiver put it"}
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
	var no *Conflict
	if errors.As(err, &no) && no.Contradiction {
		// Without the sentence's type: what could not be kept has to be told again.
		if failed := c.contradicted(ctx, said, no.Text, inPerson); failed != nil {
			return Case{}, fmt.Errorf("a contradicting result (%v) could not be kept: %w", err, failed)
		}
	}
	return k, err
}

// noReason stands where a receiver says that it could not pay and does not say why, as in the fund's books.
const noReason = "the receiver gave no reason"

// toldAgain is the answer to a result of a payout whose result is recorded: a repeat where both say the same, and
// else a contradiction. Two references are two payments, until somebody knows better.
func (d *doing) toldAgain(order Ordered, said Confirmation) error {
	was := conflict(*d.Case, "the payout %s was confirmed before, as %s", order.ID, order.State)
	const ask = "; ask the receiver which is true"
	switch {
	case said.Paid && order.State != orderPaid:
		was.Text += ", and is now said to have been paid" + ask + " before it is paid again"
	case !said.Paid && order.State == orderPaid:
		was.Text += ", and is now said to have failed" + ask
	case said.Paid && said.Reference != "" && said.Reference != strings.TrimSpace(order.Reference):
		was.Text += fmt.Sprintf(" with the reference %q, and is now said to have been paid with the reference %q; ask the receiver whether the money left twice", order.Reference, said.Reference)
	default:
		_, err := d.c.o.Fund.Settle(d.ctx, d.tx, said) // the books know what was ordered
		var no interface{ Refusal() string }
		if err != nil && !errors.As(err, &no) {
			return err
		}
		if was.Repeat = err == nil; err != nil {
			was.Text += ", and now " + no.Refusal() + ask
		}
	}
	was.Contradiction = !was.Repeat
	return grave{was}
}
