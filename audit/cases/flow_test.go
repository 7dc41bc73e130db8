package cases_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
)

// The table leads from a candidate everywhere, each state but none leads on, and no way skips one.
func TestTheTableOfTransitionsIsWhole(t *testing.T) {
	reached := map[cases.State]bool{cases.Candidate: true}
	for range cases.States {
		for _, tr := range cases.Transitions {
			reached[tr.To] = reached[tr.To] || reached[tr.From]
			if !slices.Contains(cases.States, tr.From) || !slices.Contains(cases.States, tr.To) || !slices.Contains(cases.Actions, tr.Action) || tr.Permission == identity.Public {
				t.Errorf("%+v", tr)
			}
		}
	}
	for _, s := range cases.States {
		if !reached[s] || !slices.ContainsFunc(cases.Transitions, func(tr cases.Transition) bool { return tr.From == s }) {
			t.Errorf("%s is not reached, or a dead end", s)
		}
	}
	way := []cases.State{cases.Candidate, cases.Open, cases.Assessed, cases.Proposed, cases.Approved, cases.Paying, cases.Paid, cases.Closed}
	for _, tr := range cases.Transitions {
		from, to := slices.Index(way, tr.From), slices.Index(way, tr.To)
		if from >= 0 && to > from+1 {
			t.Errorf("%+v skips a state", tr)
		}
		if tr.To == cases.Approved && tr.Action == cases.Approve && tr.Not != cases.Proposer {
			t.Errorf("%+v: the proposer may approve", tr)
		}
	}
}

// try does an action with arguments that fit the case, or that a draw makes up.
func (o *office) try(ctx context.Context, rt *rapid.T, k cases.Case, a cases.Action) (cases.Case, error) {
	switch a {
	case cases.TakeUp:
		return o.TakeUp(ctx, k.ID, k.Version, "在查")
	case cases.Assess:
		return o.Assess(ctx, k.ID, k.Version, cases.Assessment{AmountMinor: rapid.SampledFrom([]int64{0, 100_00, 3000_00, 6000_00}).Draw(rt, "loss"), Currency: "CNY", Words: "损失"})
	case cases.Propose:
		offer := cases.Offer{Form: "cash", AmountMinor: 100_00, Currency: "CNY", Reason: "退还"}
		if k.Harm != nil {
			if advice, err := o.Advise(ctx, k.ID); err == nil {
				offer.Form, offer.AmountMinor, offer.Points = advice.Form, advice.AmountMinor, 0
				if offer.Form == "points" {
					offer.AmountMinor, offer.Points = 0, advice.Points
				}
			}
		}
		return o.Propose(ctx, k.ID, k.Version, offer)
	case cases.Approve:
		digest := "00"
		if k.Proposal != nil {
			digest = k.Proposal.Digest
		}
		return o.Approve(ctx, k.ID, k.Version, digest, "属实")
	case cases.Reject:
		return o.Reject(ctx, k.ID, k.Version, "不成立")
	case cases.Pay:
		return o.Pay(ctx, k.ID, k.Version, "付款")
	case cases.Confirm:
		c := cases.Confirmation{CaseID: k.ID, PayoutID: k.ID + "-p1", Paid: rapid.Bool().Draw(rt, "paid"), Money: yuan(1), Why: "账户"}
		if n := len(k.Payouts); n > 0 {
			c.PayoutID = k.Payouts[rapid.IntRange(max(0, n-2), n-1).Draw(rt, "payout")].ID
		}
		if k.Proposal != nil {
			c.Money = k.Proposal.Money
		}
		return o.Confirm(ctx, c)
	case cases.Close:
		return o.Close(ctx, k.ID, k.Version, "完")
	default:
		return o.Appeal(ctx, k.ID, k.Version, "不服")
	}
}

// Whoever tries what in whatever order: no state is skipped, nobody approves their own, no first decider
// decides an appeal, what a page shows as allowed is what is allowed, and the fund holds exactly what is
// approved and not paid.
func TestNoOrderOfActionsBendsTheRules(t *testing.T) {
	o := openOffice(t, t.TempDir()+"/state.db")
	people := []string{"officer-1", "officer-2", "officer-3", "approver-1", "approver-2", "finance-1", "finance-2", "inspector-1", "viewer-1"}
	n := 0
	closed := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		session := fmt.Sprintf("s-%d", n)
		o.found[session] = []warehouse.FindingItem{{FindingID: "f-" + session, Rule: "cn-answer-untrue", Severity: "high", State: "standing"}}
		k, _, err := o.Report(by(t.Context(), "inspector-1"), cases.Report{SessionID: session, FindingID: "f-" + session, Kind: rapid.SampledFrom([]string{"price", "service"}).Draw(rt, "kind"), Reason: "x"})
		if err != nil {
			rt.Fatal(err)
		}
		for range 18 {
			o.now = o.now.Add(time.Minute)
			who := rapid.SampledFrom(people).Draw(rt, "who")
			a := rapid.SampledFrom(cases.Actions).Draw(rt, "action")
			if rapid.IntRange(0, 9).Draw(rt, "sensible") > 0 { // otherwise hardly a case would get anywhere
				can := map[cases.Action][]string{}
				for _, p := range people {
					for _, x := range o.Allowed(by(t.Context(), p), k) {
						if x.OK && (x.Action != cases.Reject || k.State == cases.Appealed) {
							can[x.Action] = append(can[x.Action], p)
						}
					}
				}
				if len(can) > 0 { // after some appeals everybody has decided before
					// The action first, so that what many people may do (an appeal) is done no more often for
					// that; and those that lead on in front, which are drawn more often, so that some cases end.
					possible := slices.DeleteFunc([]cases.Action{cases.Close, cases.Confirm, cases.Pay, cases.Approve, cases.Propose, cases.Assess, cases.TakeUp, cases.Reject, cases.Appeal},
						func(x cases.Action) bool { return can[x] == nil })
					a = rapid.SampledFrom(possible).Draw(rt, "possible")
					who = rapid.SampledFrom(can[a]).Draw(rt, "somebody")
				}
			}
			ctx := by(t.Context(), who)
			allowed := o.Allowed(ctx, k)[slices.Index(cases.Actions, a)]
			got, err := o.try(ctx, rt, k, a)
			if err == nil && !allowed.OK {
				rt.Fatalf("%s did %s to a case that is %s, which was not allowed: %s", who, a, k.State, allowed.Why)
			}
			var fault *cases.Fault
			var conflict *cases.Conflict
			if err != nil && allowed.OK && !errors.As(err, &fault) && !errors.As(err, &conflict) {
				rt.Fatalf("%s may do %s and cannot: %v", who, a, err)
			}
			f, readErr := o.Get(ctx, k.ID)
			if readErr != nil {
				rt.Fatal(readErr)
			}
			if err != nil && (f.Version != k.Version || f.State != k.State) {
				rt.Fatalf("a refusal (%v) changed the case from %s to %s", err, k.State, f.State)
			}
			if err == nil && (got.State != f.State || got.Version != f.Version) {
				rt.Fatalf("answered %s, stored %s", got.State, f.State)
			}
			if f.State == cases.Closed {
				closed++
			}
			k = f.Case
			o.holds(t, rt, f)
		}
	})
	if closed == 0 {
		t.Error("no case was ever closed")
	}
}

// holds checks what must be true of every case at every moment.
func (o *office) holds(t *testing.T, rt *rapid.T, f cases.File) {
	state := cases.State("")
	for _, s := range f.Steps {
		if s.From != state {
			rt.Fatalf("a step goes from %s where the case was %s", s.From, state)
		}
		if state = s.To; s.From == s.To || s.From == "" {
			continue
		}
		if !slices.ContainsFunc(cases.Transitions, func(tr cases.Transition) bool { return tr.From == s.From && tr.Action == s.Action && tr.To == s.To }) {
			rt.Fatalf("no transition is %+v", s)
		}
	}
	if state != f.State {
		rt.Fatalf("the steps lead to %s, the case is %s", state, f.State)
	}
	proposer := map[string]string{} // by digest
	approvers := map[string][]string{}
	for _, d := range f.Decisions {
		switch d.Action {
		case cases.Propose:
			proposer[d.Digest] = d.By
		case cases.Approve:
			if proposer[d.Digest] == d.By || slices.Contains(approvers[d.Digest], d.By) || proposer[d.Digest] == "" {
				rt.Fatalf("%s approved what %s proposed, after %q", d.By, proposer[d.Digest], approvers[d.Digest])
			}
			approvers[d.Digest] = append(approvers[d.Digest], d.By)
		}
		for _, earlier := range f.Decisions {
			if earlier.Round < d.Round && earlier.By == d.By {
				rt.Fatalf("%s decided in rounds %d and %d", d.By, earlier.Round, d.Round)
			}
		}
	}
	var held, paid int64
	if f.State == cases.Approved || f.State == cases.Paying {
		held = f.Proposal.Minor
		by := approvers[f.Proposal.Digest]
		isFinance := func(who string) bool { return strings.HasPrefix(who, "finance") }
		if len(by) != f.Proposal.Approval.People || f.Proposal.Approval.Finance && !slices.ContainsFunc(by, isFinance) {
			rt.Fatalf("%+v was approved by %q", f.Proposal, by)
		}
	}
	if err := o.db.Read(t.Context(), func(tx *store.Tx) error {
		got, err := balance(t.Context(), tx, f.ID)
		if err == nil && got != held {
			err = fmt.Errorf("%d are held for a case that is %s and needs %d", got, f.State, held)
		}
		if err == nil {
			err = tx.QueryRowContext(t.Context(), `SELECT COALESCE(sum(minor), 0) FROM purse_orders WHERE case_id = $1 AND state = 'paid'`, f.ID).Scan(&paid)
		}
		if err == nil && paid != f.PaidMinor {
			err = fmt.Errorf("%d were paid, the case says %d", paid, f.PaidMinor)
		}
		return err
	}); err != nil {
		rt.Fatal(err)
	}
}
