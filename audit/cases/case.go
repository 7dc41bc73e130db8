// Package cases makes good what the AI got wrong: a misjudgement becomes a case, people decide it
// under rules that cannot be bent, and the customer is paid once.
//
// # The flow
//
// A candidate comes from a finding of a rule marked as a misjudgement, from a review's verdict, from an
// event misjudgement.reported, from an alert of a dashboard, or from somebody who reports it by hand
// (Report). Whatever tells of the same session and customer joins the case that stands; another case
// begins only where the earlier one had ended before, and something else went wrong (Join, Follow, the
// hook in grafana.go).
//
//	candidate → open → assessed → proposed → approved → paying → paid → closed
//	    └────────┴────────┴──────────┴──────────┴─► rejected
//	paying ─► approved, where the receiver could not pay; proposed ─► assessed, to begin again
//	approved, paid, closed, rejected ─► appealed ─► assessed or rejected, by somebody else
//
// An officer takes a candidate up with a first answer to the customer (Open), assesses what it cost
// them (Assess), and proposes what they get (Propose) within what mingjian.compensation allows. Others
// approve exactly that proposal (Approve): an approval names the proposal's digest, so that another
// amount needs other approvals. With the last of them the money is reserved in the fund, in the same
// transaction. Finance orders the payment (Pay), the receiver confirms it (Confirm), and a person
// closes the case (Close). A case for which nothing is paid (points, something done again) takes the
// same way. The customer may appeal (Appeal), as often as they like; none of those who proposed,
// approved or rejected before decides it then. The installation's own account is nobody's name: it
// approves nothing and decides no appeal.
//
// Of a payout the first result counts. The same again is known by its id; one that says something else, or
// names another reference, changes nothing and is kept for a person to look into (Contradictions).
//
// Transitions is the one table of who may do what from where. Every step is a row in case_steps (which
// the database refuses to change), a line in the journal, a mirror row for the dashboards, and a new
// version of the case; a version in each request keeps one person from overwriting another. What
// was refused and matters (approving one's own, another amount, another currency, a forged alert) is
// in the journal too, as case.refused or alert.refused.
//
// Deadlines run from when the candidate came in, and anew from an appeal: a first answer, a decision,
// the payment. A sweep (Sweep) escalates what is late, once per deadline. Nothing closes by itself.
// How long they are is a table of the policy (compensation/tables.yaml).
//
// # Not promised
//
// That two cases of one customer in different sessions are seen as one wrong; only their session joins
// them. That an alert is about a wrong: it opens a candidate, and a person looks. What a person told a
// customer outside the system is only known as they write it down.
package cases

import (
	"slices"
	"time"

	"mingjian/policies"
)

// State is how far a case is.
type State string

// The states.
const (
	Candidate State = "candidate" // nobody has looked into it
	Open      State = "open"      // taken up, the customer has a first answer
	Assessed  State = "assessed"  // what it cost the customer is known
	Proposed  State = "proposed"  // what they get waits for approval
	Approved  State = "approved"  // approved and set aside
	Paying    State = "paying"    // ordered, not confirmed
	Paid      State = "paid"      // confirmed by the receiver
	Closed    State = "closed"    // done, by a person
	Rejected  State = "rejected"  // nothing is owed, and why
	Appealed  State = "appealed"  // the customer disagrees; somebody else decides
)

// States are all of them, in the order of the way through.
var States = []State{Candidate, Open, Assessed, Proposed, Approved, Paying, Paid, Closed, Rejected, Appealed}

// ended reports whether a new wrong begins a new case.
func (s State) ended() bool { return s == Closed || s == Rejected }

// Kinds are what a claim can be about (claim.kind of the event model, version 1).
var Kinds = []string{"price", "quality", "rights", "refund", "continuity", "billing", "personal_information", "service", "other"}

// The forms in which a customer is made good.
const (
	Cash   = "cash"
	Coupon = "coupon" // worth its amount
	Points = "points"
	Redo   = "redo" // the service is done again, for nothing
)

// Case is one possible misjudgement and what became of it. It is what the API answers with and what
// the warehouse mirrors.
type Case struct {
	ID         string    `json:"case_id"`
	Version    int64     `json:"version" doc:"Send it back with every change; a change of somebody else's raises it"`
	Tenant     string    `json:"tenant"`
	SessionID  string    `json:"session_id"`
	Customer   string    `json:"customer,omitempty" doc:"Pseudonym, as the record has it; its end only for whoever does not work cases"`
	FindingID  string    `json:"finding_id,omitempty" doc:"Of the source that it began with"`
	State      State     `json:"state" enum:"candidate,open,assessed,proposed,approved,paying,paid,closed,rejected,appealed"`
	Kind       string    `json:"kind" doc:"What the customer's claim is about"`
	Reason     string    `json:"reason" doc:"What the AI got wrong, in the words of the first source; of a finding its rule's id"`
	Reporter   string    `json:"reporter" doc:"Id of who reported it: a person, record or grafana"`
	At         time.Time `json:"at" doc:"When it came in"`
	ChangedAt  time.Time `json:"changed_at" doc:"When its state last changed"`
	Round      int       `json:"round" doc:"1, and one more for each appeal"`
	Deadlines  Deadlines `json:"deadlines"`
	Escalation int       `json:"escalation" doc:"How many deadlines of this round have been escalated: 0 to 3"`

	Findings []string        `json:"findings,omitempty" doc:"Ids of findings that joined, in their order"`
	Rules    []string        `json:"rules,omitempty" doc:"Rules of those findings"`
	Claimed  *policies.Money `json:"claimed,omitempty" doc:"The harm as a source put it; a starting point for the assessment"`

	Answer    string    `json:"answer,omitempty" doc:"What the customer was told first"`
	Appeal    string    `json:"appeal,omitempty" doc:"The customer's words, of the last appeal"`
	Harm      *Harm     `json:"harm,omitempty" doc:"As assessed"`
	Proposal  *Proposal `json:"proposal,omitempty" doc:"The one that counts"`
	Decisions []Ruling  `json:"decisions,omitempty" doc:"Who proposed, approved and rejected, all rounds"`
	Payouts   []Ordered `json:"payouts,omitempty" doc:"Orders to pay; the last one counts"`
	PaidMinor int64     `json:"paid_minor,omitempty" doc:"Confirmed so far, all rounds, in minor units"`
	Currency  string    `json:"currency,omitempty" doc:"ISO 4217; of the harm and whatever is paid"`

	proposals int    // how many there were; makes each digest another one
	change    int64  // grows with every change; guards the row, orders the mirror
	line      string // business line of the session when the case began; "" where it had none
}

// Harm is what the misjudgement cost the customer, as an officer assessed it.
type Harm struct {
	AmountMinor int64  `json:"amount_minor" minimum:"0" doc:"The loss, in minor units; 0 where it was none in money"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"ISO 4217"`
	PriceMinor  int64  `json:"price_minor,omitempty" minimum:"0" doc:"What the customer paid for the goods or service, in minor units; what fraud is measured by"`
	Fraud       bool   `json:"fraud,omitempty" doc:"Asserted: the statement deceived the customer into buying"`
	Words       string `json:"words" minLength:"1" maxLength:"2000" doc:"What it was"`
	// Set by the service.
	By string    `json:"by" doc:"Who assessed it" readOnly:"true"`
	At time.Time `json:"at" readOnly:"true"`
}

// Proposal is what somebody proposes that the customer gets.
type Proposal struct {
	Form           string    `json:"form" enum:"cash,coupon,points,redo"`
	policies.Money           // zero amount for points and redo
	Points         int64     `json:"points,omitempty"`
	Customer       string    `json:"customer,omitempty"`
	By             string    `json:"by"`
	At             time.Time `json:"at"`
	Reason         string    `json:"reason"`
	// Digest is the SHA-256 of exactly this proposal, in hex. Approvals name it.
	Digest string `json:"digest" doc:"Send it with an approval; another proposal has another one"`
	// Advice is what the policy said, and Basis the clauses it rests on.
	Advice   policies.Advice   `json:"advice"`
	Approval policies.Approval `json:"approval" doc:"Who has to approve"`
}

// Ruling is one person's part in deciding a case.
type Ruling struct {
	Round   int       `json:"round"`
	Action  Action    `json:"action" enum:"propose,approve,reject"`
	By      string    `json:"by"`
	Finance bool      `json:"finance,omitempty" doc:"Approved for finance"`
	Digest  string    `json:"digest,omitempty" doc:"Of the proposal that was made or approved"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
	Version int64     `json:"version" doc:"Of the case as it was read"`
}

// Ordered is an order to pay and what became of it.
type Ordered struct {
	ID        string    `json:"payout_id" doc:"The idempotency key"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	State     string    `json:"state" enum:"ordered,paid,failed"`
	Reference string    `json:"reference,omitempty" doc:"The receiver's own"`
	Why       string    `json:"why,omitempty" doc:"Of a failure, in the receiver's words"`
	SettledAt time.Time `json:"settled_at,omitzero"`
}

// The states of an order.
const (
	orderOpen   = "ordered"
	orderPaid   = "paid"
	orderFailed = "failed"
)

// Deadline is a promise with a time.
type Deadline struct {
	Due       time.Time `json:"due"`
	Met       time.Time `json:"met,omitzero" doc:"When it was done; later than due means late"`
	Escalated time.Time `json:"escalated,omitzero" doc:"When it was found late"`
}

// Deadlines are a round's.
type Deadlines struct {
	Answer   Deadline `json:"answer" doc:"Somebody takes it up and answers the customer"`
	Decision Deadline `json:"decision" doc:"Approved or rejected"`
	Payment  Deadline `json:"payment" doc:"Confirmed by the receiver"`
}

// Step is one thing that happened to a case. The database refuses to change or remove one.
type Step struct {
	Seq    int64     `json:"seq" doc:"From 1"`
	Action Action    `json:"action"`
	From   State     `json:"from" doc:"Empty at the beginning"`
	To     State     `json:"to"`
	Actor  string    `json:"actor" doc:"A person, record, grafana, receiver or system"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	// Note has what else is to be known of it: amounts, ids.
	Note map[string]any `json:"note,omitempty"`
}

// SourceKind is where a source of a case comes from.
type SourceKind string

// The kinds of sources.
const (
	FromFinding SourceKind = "finding" // a rule marked as a misjudgement
	FromReview  SourceKind = "review"  // a verdict: review.decided
	FromEvent   SourceKind = "event"   // misjudgement.reported
	FromAlert   SourceKind = "alert"   // of Grafana
	FromReport  SourceKind = "report"  // by hand
)

// Source is one thing that tells of a wrong.
type Source struct {
	Kind     SourceKind `json:"kind" enum:"finding,review,event,alert,report"`
	Ref      string     `json:"ref" doc:"Id of the finding, event or report; fingerprint of the alert"`
	Rule     string     `json:"rule,omitempty"`
	Words    string     `json:"words,omitempty"`
	By       string     `json:"by,omitempty" doc:"Who reported it"`
	At       time.Time  `json:"at" doc:"When it happened"`
	JoinedAt time.Time  `json:"joined_at"`
	Ended    string     `json:"ended,omitempty" enum:"withdrawn,resolved" doc:"What became of it; the case goes on"`
}

// File is a case with its whole history.
type File struct {
	Case
	Steps   []Step   `json:"steps" nullable:"false"`
	Sources []Source `json:"sources" nullable:"false"`
}

// approvals are those of the proposal that counts.
func (c *Case) approvals() (out []Ruling) {
	if c.Proposal == nil {
		return nil
	}
	for _, d := range c.Decisions {
		if d.Action == Approve && d.Round == c.Round && d.Digest == c.Proposal.Digest {
			out = append(out, d)
		}
	}
	return out
}

// decidedBefore reports whether somebody proposed, approved or rejected in an earlier round.
func (c *Case) decidedBefore(who string) bool {
	return slices.ContainsFunc(c.Decisions, func(d Ruling) bool { return d.Round < c.Round && d.By == who })
}

// subject names the case in the journal.
func (c *Case) subject() string { return "case:" + c.ID }
