package cases

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"mingjian/policies"
)

// Assessment is what an officer finds that a misjudgement cost the customer.
type Assessment struct {
	Kind        string `json:"kind,omitempty" enum:",price,quality,rights,refund,continuity,billing,personal_information,service,other" doc:"Leave out where the case's is right"`
	AmountMinor int64  `json:"amount_minor" minimum:"0" doc:"The loss, in minor units; 0 where it was none in money"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"ISO 4217"`
	PriceMinor  int64  `json:"price_minor,omitempty" minimum:"0" doc:"What the customer paid for the goods or service, in minor units; needed for fraud"`
	Fraud       bool   `json:"fraud,omitempty" doc:"The statement deceived the customer into buying"`
	Words       string `json:"words" minLength:"1" maxLength:"2000" doc:"What it cost the customer, and how that is known"`
	Answer      string `json:"answer,omitempty" maxLength:"2000" doc:"What the customer was told first, where nobody took the case up before; the words where left out"`
}

// maxMinor bounds what a harm can be assessed at: the largest integer that every reader of JSON keeps
// whole (RFC 8259, section 6). What the policy adds for fraud is a small multiple of it, and fits 64 bits.
const maxMinor = 1<<53 - 1

// check says what is wrong with an assessment.
func (a *Assessment) check() (err error) {
	if a.Words, err = worded("words", a.Words); err != nil {
		return err
	}
	if a.Answer == "" {
		a.Answer = a.Words
	}
	if a.Answer, err = worded("answer", a.Answer); err != nil {
		return err
	}
	if a.Kind != "" && !slices.Contains(Kinds, a.Kind) {
		return &Fault{"kind", "choose what the claim is about, one of: " + list(Kinds)}
	}
	if a.AmountMinor < 0 || a.AmountMinor > maxMinor {
		return &Fault{"amount_minor", fmt.Sprintf("the loss is 0 to %d, in minor units", int64(maxMinor))}
	}
	if a.PriceMinor < 0 || a.PriceMinor > maxMinor {
		return &Fault{"price_minor", fmt.Sprintf("the price is 0 to %d, in minor units", int64(maxMinor))}
	}
	if len(a.Currency) != 3 || strings.Trim(a.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return &Fault{"currency", "three capital letters of ISO 4217 are wanted: CNY"}
	}
	return nil
}

// Assess writes down the harm. A candidate is taken up first, in the same transaction; a proposal that
// waits for approval is withdrawn. A harm in a currency that has no limits of approval is refused: nothing
// could be proposed for it.
func (c *Cases) Assess(ctx context.Context, id string, version int64, a Assessment) (Case, error) {
	if err := a.check(); err != nil {
		return Case{}, err
	}
	limits, err := c.limits(ctx, a.Currency)
	if err != nil {
		return Case{}, err
	}
	note := map[string]any{"amount_minor": a.AmountMinor, "currency": a.Currency}
	return c.act(ctx, id, Assess, version, note, func(d *doing) error {
		if err := d.unapproved(); err != nil {
			return err
		}
		if err := d.allowed(Assess); err != nil {
			return err
		}
		if d.Currency != "" && d.PaidMinor > 0 && d.Currency != a.Currency {
			return grave{&Fault{"currency", fmt.Sprintf("this case has paid in %s before; assess the harm in the same currency", d.Currency)}}
		}
		if limits != "" {
			return grave{&Fault{"currency", limits}}
		}
		if d.State == Candidate {
			d.Answer = a.Answer
			if err := d.move(TakeUp, Open, a.Answer, nil); err != nil {
				return err
			}
		}
		if d.State == Appealed {
			d.Answer = a.Answer
		}
		if a.Kind != "" {
			d.Kind = a.Kind
		}
		d.Currency, d.Proposal = a.Currency, nil
		d.Harm = &Harm{AmountMinor: a.AmountMinor, Currency: a.Currency, PriceMinor: a.PriceMinor, Fraud: a.Fraud, Words: a.Words, By: d.who.ID, At: c.db.Now()}
		return d.move(Assess, Assessed, a.Words, map[string]any{"amount_minor": a.AmountMinor, "currency": a.Currency, "price_minor": a.PriceMinor, "fraud": a.Fraud})
	})
}

// limits asks the policy whether a currency has limits of approval, and returns its sentence where it has none.
// A loss of one unit with a finding behind it is owed in every currency that has them.
func (c *Cases) limits(ctx context.Context, currency string) (why string, err error) {
	advice, err := c.o.Policy.Advise(ctx, policies.CompensationInput{
		Kind: unsaid, Harm: policies.CompensationHarm{AmountMinor: 1, Currency: currency}, Rules: []policies.BrokenRule{{}},
	})
	if err != nil || advice.Eligible {
		return "", err
	}
	return advice.Why.EN, nil
}

// unapproved refuses, for the journal, what would change a case that was approved: whoever tries this may mean
// the money that was approved to be another.
func (d *doing) unapproved() error {
	switch d.State {
	case Approved, Paying, Paid, Closed:
		return grave{conflict(*d.Case, "this case is %s; what was approved cannot be changed any more: reject it, or file the customer's appeal", d.State)}
	}
	return nil
}

// Offer is what somebody proposes that the customer gets.
type Offer struct {
	Form        string `json:"form" enum:"cash,coupon,points,redo"`
	AmountMinor int64  `json:"amount_minor" doc:"In minor units; 0 for points and redo"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"ISO 4217; that of the harm"`
	Points      int64  `json:"points,omitempty"`
	Reason      string `json:"reason" minLength:"1" maxLength:"2000" doc:"Why this, and why more or less than suggested"`
}

// Advise is what mingjian.compensation says of an assessed case: what is owed, within which limits a
// proposal may lie, and why. Before an assessment it is a *Conflict.
func (c *Cases) Advise(ctx context.Context, id string) (policies.Advice, error) {
	f, err := c.Get(ctx, id)
	if err != nil {
		return policies.Advice{}, err
	}
	in, err := c.question(ctx, f.Case)
	if err != nil {
		return policies.Advice{}, err
	}
	return c.o.Policy.Advise(ctx, in)
}

// question is a case as the policy sees it: with those of its findings that stand now.
func (c *Cases) question(ctx context.Context, k Case) (policies.CompensationInput, error) {
	if k.Harm == nil {
		return policies.CompensationInput{}, conflict(k, "this case is %s; assess what it cost the customer first", k.State)
	}
	in := policies.CompensationInput{
		Tenant: k.Tenant, Kind: k.Kind, Fraud: k.Harm.Fraud, PaidMinor: k.PaidMinor,
		Harm: policies.CompensationHarm{AmountMinor: k.Harm.AmountMinor, PriceMinor: k.Harm.PriceMinor, Currency: k.Harm.Currency},
	}
	conv, ok, err := c.sessions.SessionOf(ctx, k.Tenant, k.SessionID)
	if err != nil {
		return in, fmt.Errorf("read the session of case %s: %w", k.ID, err)
	}
	if !ok {
		return in, conflict(k, "the session is not in the record now; try again when it is")
	}
	in.Jurisdiction = conv.Session.Jurisdiction
	for _, f := range conv.Findings {
		if f.State == "standing" && slices.Contains(k.Findings, f.FindingID) {
			in.Rules = append(in.Rules, policies.BrokenRule{ID: f.Rule, Severity: policies.Severity(f.Severity)})
		}
	}
	return in, nil
}

// Propose puts an offer up for approval. It lies within what the policy allows, or is refused; it voids
// the approvals of an earlier proposal. An approved one cannot be changed any more.
func (c *Cases) Propose(ctx context.Context, id string, version int64, o Offer) (Case, error) {
	var err error
	if o.Reason, err = worded("reason", o.Reason); err != nil {
		return Case{}, err
	}
	note := map[string]any{"form": o.Form, "amount_minor": o.AmountMinor, "currency": o.Currency, "points": o.Points}
	// The record is asked before the transaction; the version makes sure that the case is still the same.
	before, err := c.Get(ctx, id)
	if err != nil {
		return Case{}, err
	}
	var advice policies.Advice
	var approval policies.Approval
	if _, ok := from(before.State, Propose); ok {
		in, err := c.question(ctx, before.Case)
		if err != nil {
			return Case{}, err
		}
		in.Proposal = policies.Offer{Form: o.Form, AmountMinor: o.AmountMinor, Currency: o.Currency, Points: o.Points}
		if advice, err = c.o.Policy.Advise(ctx, in); err != nil {
			return Case{}, err
		}
		if approval, err = c.o.Policy.Approval(ctx, in); err != nil {
			return Case{}, err
		}
	}
	return c.act(ctx, id, Propose, version, note, func(d *doing) error {
		if err := d.unapproved(); err != nil {
			return err
		}
		if err := d.allowed(Propose); err != nil {
			return err
		}
		if d.Version != before.Version {
			return conflict(*d.Case, "somebody changed this case at the same moment; read it again")
		}
		if !approval.Allowed {
			return grave{&Fault{"proposal", approval.Why.EN}}
		}
		voided := len(d.approvals())
		d.proposals++
		p := &Proposal{
			Form: o.Form, Money: policies.Money{Minor: o.AmountMinor, Currency: o.Currency}, Points: o.Points, Customer: d.Customer,
			By: d.who.ID, At: c.db.Now(), Reason: o.Reason, Advice: advice, Approval: approval,
		}
		p.Digest = p.digest(d.ID, d.proposals)
		d.Proposal = p
		d.decide(Ruling{Action: Propose, Digest: p.Digest, Reason: o.Reason})
		note["digest"], note["basis"] = p.Digest, advice.Basis
		if voided > 0 {
			note["voided_approvals"] = voided
		}
		return d.move(Propose, Proposed, o.Reason, note)
	})
}

// digest is the SHA-256 of what is approved, in hex. Each proposal of a case has a number, so that
// approvals of an earlier one never count for a later one, also where it says the same.
func (p *Proposal) digest(caseID string, number int) string {
	text, err := json.Marshal([]any{caseID, number, p.Form, p.Minor, p.Currency, p.Points, p.Advice.Basis, p.Customer, p.By})
	if err != nil {
		panic(fmt.Sprintf("cases: a proposal cannot be written as JSON: %v", err)) // plain data: cannot happen
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Approve approves exactly the proposal that the digest names. With the last approval needed the
// money is reserved; a fund that is short refuses, and the case stays proposed. The same sent twice is
// one approval.
func (c *Cases) Approve(ctx context.Context, id string, version int64, digest, reason string) (Case, error) {
	reason, err := worded("reason", reason)
	if err != nil {
		return Case{}, err
	}
	return c.act(ctx, id, Approve, version, map[string]any{"digest": digest}, func(d *doing) error {
		again := func(v Ruling) bool {
			return v.Action == Approve && v.By == d.who.ID && v.Digest == digest && v.Version == version
		}
		if slices.ContainsFunc(d.Decisions, again) {
			return errUnchanged
		}
		if err := may(*d.Case, Approve, d.who); err != nil {
			return err
		}
		if d.Proposal.Digest != digest {
			return grave{conflict(*d.Case, "this is not the proposal that you have read: it was changed since, now %s; read it again", d.Proposal.words())}
		}
		if err := d.allowed(Approve); err != nil {
			return err
		}
		d.decide(Ruling{Action: Approve, Finance: finance(d.who), Digest: digest, Reason: reason})
		note := map[string]any{"digest": digest, "approvals": len(d.approvals()), "needed": d.Proposal.Approval.People}
		if !d.Proposal.approvedBy(d.approvals()) {
			return d.move(Approve, Proposed, reason, note)
		}
		if err := c.o.Fund.Reserve(ctx, d.tx, Holding{CaseID: d.ID, Tenant: d.Tenant, Money: d.Proposal.Money}); err != nil {
			return refused(*d.Case, err)
		}
		return d.move(Approve, Approved, reason, note)
	})
}

// approvedBy reports whether approvals are enough.
func (p *Proposal) approvedBy(have []Ruling) bool {
	byFinance := slices.ContainsFunc(have, func(d Ruling) bool { return d.Finance })
	return len(have) >= p.Approval.People && (byFinance || !p.Approval.Finance)
}

// words say what is proposed, for a sentence. Nothing is proposed in a currency without two decimals: the table
// of limits has none.
func (p *Proposal) words() string {
	switch p.Form {
	case Points:
		return fmt.Sprintf("%d points", p.Points)
	case Redo:
		return "a redo"
	}
	return fmt.Sprintf("%s of %s %d.%02d", p.Form, p.Currency, p.Minor/100, p.Minor%100)
}
