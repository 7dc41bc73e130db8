package cases

import (
	"context"
	"slices"

	"mingjian/audit/identity"
)

// Action is what is done to a case.
type Action string

// What people do, and the receiver of a payment.
const (
	TakeUp  Action = "open"
	Assess  Action = "assess"
	Propose Action = "propose"
	Approve Action = "approve"
	Reject  Action = "reject"
	Pay     Action = "pay"
	Confirm Action = "confirm"
	Close   Action = "close"
	Appeal  Action = "appeal"
)

// What happens to a case without changing its state.
const (
	Began     Action = "began"     // the first source
	Joined    Action = "joined"    // one more source
	Ended     Action = "ended"     // a finding was withdrawn, an alert resolved
	Escalated Action = "escalated" // a deadline passed
)

// Transition is one way from a state to another.
type Transition struct {
	From       State
	Action     Action
	To         State
	Permission identity.Permission
	Not        Exclusion // who may not, whatever their permission
	When       string    // where one action leads to two states: when to this one
}

// Exclusion is who may not do something although they hold the permission. Where anybody is excluded from
// an approval or an appeal, so is the installation's own account.
type Exclusion string

// The exclusions.
const (
	Nobody Exclusion = ""
	// FirstDeciders are those who proposed, approved or rejected before an appeal
	// (cn-platform-human-review: an appeal is re-examined fairly).
	FirstDeciders Exclusion = "first deciders"
	// Proposer also excludes the first deciders, and who has approved already.
	Proposer Exclusion = "proposer"
)

// Transitions is the whole flow. Nothing changes a case's state but these.
var Transitions = []Transition{
	{Candidate, TakeUp, Open, identity.AssessCases, Nobody, ""},
	{Open, Assess, Assessed, identity.AssessCases, FirstDeciders, ""},
	{Assessed, Assess, Assessed, identity.AssessCases, FirstDeciders, ""},
	{Assessed, Propose, Proposed, identity.ProposeCases, FirstDeciders, ""},
	{Proposed, Assess, Assessed, identity.AssessCases, FirstDeciders, "withdraws the proposal"},
	{Proposed, Propose, Proposed, identity.ProposeCases, FirstDeciders, "voids the approvals so far"},
	{Proposed, Approve, Proposed, identity.ApproveCases, Proposer, "more approvals are needed"},
	{Proposed, Approve, Approved, identity.ApproveCases, Proposer, "it is the last approval needed"},
	{Approved, Pay, Paying, identity.PayCases, Nobody, ""},
	{Paying, Confirm, Paid, identity.ConfirmPayouts, Nobody, "the receiver paid"},
	{Paying, Confirm, Approved, identity.ConfirmPayouts, Nobody, "the receiver could not pay"},
	{Paid, Close, Closed, identity.AssessCases, Nobody, ""},

	{Candidate, Reject, Rejected, identity.AssessCases, Nobody, ""},
	{Open, Reject, Rejected, identity.AssessCases, Nobody, ""},
	{Assessed, Reject, Rejected, identity.AssessCases, FirstDeciders, ""},
	{Proposed, Reject, Rejected, identity.ApproveCases, FirstDeciders, ""},
	{Approved, Reject, Rejected, identity.ApproveCases, FirstDeciders, ""},

	{Rejected, Appeal, Appealed, identity.OpenCases, Nobody, ""},
	{Approved, Appeal, Appealed, identity.OpenCases, Nobody, ""},
	{Paid, Appeal, Appealed, identity.OpenCases, Nobody, ""},
	{Closed, Appeal, Appealed, identity.OpenCases, Nobody, ""},
	{Appealed, Assess, Assessed, identity.AssessCases, FirstDeciders, ""},
	{Appealed, Reject, Rejected, identity.AssessCases, FirstDeciders, ""},
}

// Actions are those of people, in the order of the flow.
var Actions = []Action{TakeUp, Assess, Propose, Approve, Reject, Pay, Confirm, Close, Appeal}

// from returns the first transition of an action from a state. Those that share both differ in the
// state they lead to only.
func from(s State, a Action) (Transition, bool) {
	i := slices.IndexFunc(Transitions, func(t Transition) bool { return t.From == s && t.Action == a })
	if i < 0 {
		return Transition{}, false
	}
	return Transitions[i], true
}

// leads reports whether the table has a way.
func leads(s State, a Action, to State) bool {
	return slices.ContainsFunc(Transitions, func(t Transition) bool { return t.From == s && t.Action == a && t.To == to })
}

// Permitted says whether somebody may do something to a case now, and if not, why.
type Permitted struct {
	Action Action `json:"action"`
	OK     bool   `json:"ok"`
	Why    string `json:"why,omitempty" doc:"Why not, in a sentence"`
}

// Allowed is what the principal in ctx may do to a case as it is, every action of the flow with the
// reason where they may not. A page shows the buttons by it; the actions themselves check again.
func (c *Cases) Allowed(ctx context.Context, k Case) []Permitted {
	out := make([]Permitted, 0, len(Actions))
	who, known := identity.From(ctx)
	for _, a := range Actions {
		p := Permitted{Action: a, OK: true}
		err := error(conflict(k, "nobody is signed in"))
		if known {
			err = may(k, a, who)
		}
		if err != nil {
			p.OK, p.Why = false, err.Error()
		}
		out = append(out, p)
	}
	return out
}

// may refuses an action by the table: the wrong state (*Conflict), or the wrong person (*Forbidden).
func may(k Case, a Action, who identity.Principal) error {
	t, ok := from(k.State, a)
	if !ok && a == Assess && k.State == Candidate {
		// Assessing a candidate takes it up first; both steps are recorded.
		t, ok = from(Candidate, TakeUp)
	}
	if !ok {
		return conflict(k, "this case is %s; %s", k.State, whence(a))
	}
	if !who.May(t.Permission) {
		return forbidden("it needs the permission %s", t.Permission)
	}
	if t.Not == Nobody {
		return nil
	}
	// Whoever holds the installation's token signs in as its administrator too, so that this account is nobody's
	// name, however it came in. A proposal of a first round is anybody's to make; what needs a second person is not.
	if who.ID == identity.Administrator.ID && (t.Not == Proposer || k.State == Appealed || k.Round > 1) {
		return forbidden("%s is the installation's own account and nobody's name, so it neither approves nor decides an appeal; sign in as a person who was invited for it", who.ID)
	}
	if k.decidedBefore(who.ID) {
		return forbidden("you proposed, approved or rejected before the customer appealed; somebody else decides now")
	}
	if t.Not == Proposer {
		return k.mayApprove(who)
	}
	return nil
}

// mayApprove refuses whoever proposed, has approved, or may not give the approval that is missing.
func (k *Case) mayApprove(who identity.Principal) error {
	if k.Proposal.By == who.ID {
		return forbidden("you made this proposal; somebody else has to approve it")
	}
	need, have := k.Proposal.Approval, k.approvals()
	if slices.ContainsFunc(have, func(d Ruling) bool { return d.By == who.ID }) {
		return forbidden("you have approved this already; the other approval needs another person")
	}
	byFinance := slices.ContainsFunc(have, func(d Ruling) bool { return d.Finance })
	if need.Finance && !byFinance && !finance(who) && len(have) >= need.People-1 {
		return forbidden("this amount is over your limit: %s", need.Why.EN)
	}
	return nil
}

// finance reports whether somebody approves for finance: whoever may pay.
func finance(who identity.Principal) bool { return who.May(identity.PayCases) }

// whence says from which states an action goes.
func whence(a Action) string {
	var states []string
	for _, t := range Transitions {
		if t.Action == a && !slices.Contains(states, string(t.From)) {
			states = append(states, string(t.From))
		}
	}
	return string(a) + " goes from " + list(states)
}
