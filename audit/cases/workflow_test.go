package cases_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

func yuan(fen int64) policies.Money { return policies.Money{Minor: fen, Currency: "CNY"} }

func must(t *testing.T) func(cases.Case, error) cases.Case {
	return func(k cases.Case, err error) cases.Case {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
}

func TestFromACandidateToClosed(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o, ok := openOffice(t, dsn), must(t)
		k := o.candidate(t, "s1")
		if k.Customer != "c-s1" || !slices.Equal(k.Rules, []string{"cn-answer-untrue"}) || !k.Deadlines.Answer.Due.Equal(monday.Add(24*time.Hour)) ||
			!k.Deadlines.Decision.Due.Equal(monday.Add(72*time.Hour)) || !k.Deadlines.Payment.Due.Equal(monday.Add(7*24*time.Hour)) {
			t.Errorf("the candidate is %+v", k)
		}
		officer, finance := by(t.Context(), "officer-zhao"), by(t.Context(), "finance-sun")
		k = ok(o.TakeUp(officer, k.ID, k.Version, "我们正在核实，明天答复您。"))
		k = ok(o.Assess(officer, k.ID, k.Version, cases.Assessment{AmountMinor: 6000_00, Currency: "CNY", Words: "多付 6000 元"}))
		advice, err := o.Advise(officer, k.ID)
		if err != nil || !advice.Eligible || advice.AmountMinor != 6000_00 || !slices.Equal(advice.Basis, []string{"cn-cpl-20-answer"}) {
			t.Errorf("the advice is %+v, %v", advice, err)
		}
		k = ok(o.Propose(officer, k.ID, k.Version, cash(6000_00)))
		k = o.approve(t, k, "approver-qian")
		if k.State != cases.Proposed {
			t.Errorf("with one of two approvals it is %s", k.State)
		}
		k = o.approve(t, k, "finance-sun")
		k = ok(o.Pay(finance, k.ID, k.Version, "付款"))
		if k.State != cases.Paying || len(k.Payouts) != 1 || k.Payouts[0].ID != k.ID+"-p1" {
			t.Errorf("ordered: %+v", k)
		}
		// The receiver cannot pay: back to approved with what is set aside; then it can.
		k = ok(o.Confirm(t.Context(), cases.Confirmation{PayoutID: k.Payouts[0].ID, Money: yuan(6000_00), Why: "账户已注销"}))
		if k.State != cases.Approved || k.Payouts[0].State != "failed" || k.Payouts[0].Why != "账户已注销" {
			t.Errorf("after a failure: %+v", k)
		}
		k = ok(o.Pay(finance, k.ID, k.Version, "换账户再付"))
		k = ok(o.Confirm(finance, cases.Confirmation{PayoutID: k.ID + "-p2", CaseID: k.ID, Paid: true, Money: yuan(6000_00), Reference: "B-7"}))
		k = ok(o.Close(officer, k.ID, k.Version, "客户确认收到"))
		if k.State != cases.Closed || k.PaidMinor != 6000_00 || k.Deadlines.Payment.Met.IsZero() {
			t.Errorf("closed: %+v", k)
		}

		f, err := o.Get(officer, k.ID)
		if err != nil {
			t.Fatal(err)
		}
		var way, journal []string
		for i, s := range f.Steps {
			if s.Actor == "" || s.Reason == "" || s.At.IsZero() || s.Seq != int64(i+1) {
				t.Errorf("step %+v", s)
			}
			way = append(way, string(s.Action)+" "+string(s.To))
		}
		want := []string{
			"began candidate", "open open", "assess assessed", "propose proposed", "approve proposed", "approve approved", "pay paying",
			"confirm approved", "pay paying", "confirm paid", "close closed",
		}
		if !slices.Equal(way, want) {
			t.Errorf("it went %q", way)
		}
		for _, e := range o.journal(t, "case:"+k.ID) {
			journal = append(journal, e.Action)
		}
		if len(journal) != len(want) || journal[0] != "case.reported" || journal[10] != "case.closed" {
			t.Errorf("the journal says %q", journal)
		}
		if err := o.db.Read(t.Context(), func(tx *store.Tx) error {
			paid, e1 := balance(t.Context(), tx, "paid")
			held, e2 := balance(t.Context(), tx, k.ID)
			if paid != 6000_00 || held != 0 {
				t.Errorf("paid %d, still held %d", paid, held)
			}
			return errors.Join(e1, e2)
		}); err != nil {
			t.Error(err)
		}

		// The mirror's last row is the case as it is.
		var last warehouse.MirrorRow
		ctx, stop := context.WithCancel(t.Context())
		left, err := o.db.Waiting(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.db.Relay(ctx, func(_ context.Context, m store.Message) error {
			if m.To.Kind == store.Mirror {
				var row warehouse.MirrorRow
				if err := json.Unmarshal(m.Body, &row); err != nil {
					return err
				}
				if row.Version <= last.Version {
					t.Errorf("version %d of the mirror follows %d", row.Version, last.Version)
				}
				last = row
			}
			if left--; left == 0 {
				stop()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		stop()
		var mirrored cases.Case
		if err := json.Unmarshal(last.Document, &mirrored); err != nil || last.State != "closed" || mirrored.Proposal.Minor != 6000_00 || mirrored.Currency != "CNY" || mirrored.Deadlines.Answer.Due.IsZero() {
			t.Errorf("the mirror has %+v, %v", last, err)
		}
	})
}

func TestWhatIsRefusedIsSaidAndRecorded(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o := openOffice(t, dsn)
		ctx := t.Context()
		refused := func(what, subject string, kind any, says string, _ cases.Case, err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), says) || !errors.As(err, kind) {
				t.Errorf("%s: %v", what, err)
			}
			if r := o.refusals(t, subject); len(r) == 0 || !strings.Contains(r[len(r)-1], says) {
				t.Errorf("%s: the journal has %q", what, r)
			}
		}
		var forbidden *cases.Forbidden
		var conflict *cases.Conflict
		var fault *cases.Fault
		k := o.proposed(t, "s1", 300_00)
		at := "case:" + k.ID
		first := k
		got, err := o.Approve(by(ctx, "officer-zhao"), k.ID, k.Version, k.Proposal.Digest, "好")
		refused("self-approval", at, &forbidden, "you made this proposal", got, err)
		k = o.approve(t, k, "approver-qian")
		got, err = o.Approve(by(ctx, "approver-qian"), k.ID, k.Version, k.Proposal.Digest, "好")
		refused("the same person twice", at, &forbidden, "approved this already", got, err)
		if again, err := o.Approve(by(ctx, "approver-qian"), first.ID, first.Version, first.Proposal.Digest, "属实"); err != nil || again.Version != k.Version {
			t.Errorf("the same request sent again: %+v, %v", again, err)
		}

		// The amount changes: the approval is void, and one of the old proposal is refused.
		old := k.Proposal.Digest
		k, err = o.Propose(by(ctx, "officer-zhao"), k.ID, k.Version, cash(310_00))
		if err != nil || k.Proposal.Digest == old {
			t.Fatal(err)
		}
		got, err = o.Approve(by(ctx, "finance-sun"), k.ID, k.Version, old, "好")
		refused("a changed amount", at, &conflict, "not the proposal that you have read: it was changed since, now cash of CNY 310.00;", got, err)
		k = o.approve(t, k, "finance-sun")
		if k.State != cases.Proposed {
			t.Errorf("an approval of what was changed still counts: %s", k.State)
		}
		k = o.approve(t, k, "approver-qian")
		got, err = o.Propose(by(ctx, "officer-zhao"), k.ID, k.Version, cash(320_00))
		refused("another amount after approval", at, &conflict, "cannot be changed any more", got, err)
		harm := cases.Assessment{AmountMinor: 320_00, Currency: "CNY", Words: "x"}
		got, err = o.Assess(by(ctx, "officer-zhao"), k.ID, k.Version, harm)
		refused("another harm after approval", at, &conflict, "this case is approved; what was approved cannot be changed any more", got, err)

		// The confirmation.
		k, err = o.Pay(by(ctx, "finance-sun"), k.ID, k.Version, "付款")
		if err != nil {
			t.Fatal(err)
		}
		payout := k.Payouts[0].ID
		got, err = o.Assess(by(ctx, "officer-zhao"), k.ID, k.Version, harm)
		refused("another harm after the order", at, &conflict, "this case is paying; what was approved cannot be changed any more", got, err)
		got, err = o.Confirm(ctx, cases.Confirmation{PayoutID: payout, Paid: true, Money: policies.Money{Minor: 310_00, Currency: "USD"}})
		refused("another currency", at, &conflict, "what was ordered is CNY 31000", got, err)
		got, err = o.Confirm(ctx, cases.Confirmation{PayoutID: k.ID + "-p9", Paid: true, Money: yuan(310_00)})
		refused("an unknown payout", at, &conflict, "never ordered", got, err)
		paid := cases.Confirmation{PayoutID: payout, Paid: true, Money: yuan(310_00), Reference: "B-1"}
		if k, err = o.Confirm(ctx, paid); err != nil || k.State != cases.Paid {
			t.Fatal(k.State, err)
		}
		got, err = o.Confirm(ctx, paid)
		if refused("a second confirmation", at, &conflict, "confirmed before", got, err); !conflict.Repeat {
			t.Error("a second confirmation is no repeat")
		}
		got, err = o.Assess(by(ctx, "officer-zhao"), k.ID, k.Version, harm)
		refused("another harm after the payment", at, &conflict, "this case is paid; what was approved cannot be changed any more", got, err)
		if _, err := o.Confirm(ctx, cases.Confirmation{PayoutID: "case-none-p1"}); !errors.Is(err, cases.ErrNotFound) {
			t.Errorf("a payout of no case: %v", err)
		}

		// Limits.
		big := o.proposed(t, "s2", 5000_01)
		big = o.approve(t, big, "approver-qian")
		got, err = o.Approve(by(ctx, "approver-wu"), big.ID, big.Version, big.Proposal.Digest, "好")
		refused("over one's limit", "case:"+big.ID, &forbidden, "over your limit", got, err)
		for _, a := range o.Allowed(by(ctx, "approver-wu"), big) {
			if a.Action == cases.Approve && (a.OK || !strings.Contains(a.Why, "limit")) {
				t.Errorf("approver-wu is shown %+v", a)
			}
		}
		if big = o.approve(t, big, "finance-sun"); big.State != cases.Approved {
			t.Errorf("with finance it is %s", big.State)
		}
		over := o.assessed(t, "s3", 100_00)
		got, err = o.Propose(by(ctx, "officer-zhao"), over.ID, over.Version, cash(900_00))
		refused("more than the policy allows", "case:"+over.ID, &fault, "has to be between", got, err)
		usd := cash(100_00)
		usd.Currency = "USD"
		got, err = o.Propose(by(ctx, "officer-zhao"), over.ID, over.Version, usd)
		refused("another currency than the harm's", "case:"+over.ID, &fault, "is not that of the harm", got, err)
		foreign := o.candidate(t, "s4")
		got, err = o.Assess(by(ctx, "officer-zhao"), foreign.ID, foreign.Version, cases.Assessment{AmountMinor: 5_00, Currency: "USD", Words: "x"})
		refused("a currency without a row", "case:"+foreign.ID, &fault, "USD has no row in the table of limits, policies/compensation/tables.yaml, which has CNY", got, err)

		// The fund has a million yuan.
		rich := o.proposed(t, "s5", 2_000_000_00)
		rich = o.approve(t, rich, "approver-qian")
		got, err = o.Approve(by(ctx, "finance-sun"), rich.ID, rich.Version, rich.Proposal.Digest, "好")
		refused("more than the fund has", "case:"+rich.ID, &conflict, "the fund is short", got, err)
		if f, err := o.Get(by(ctx, "viewer-x"), rich.ID); err != nil || f.State != cases.Proposed || f.Version != rich.Version {
			t.Errorf("a fund that is short leaves the case %s, %v", f.State, err)
		}

		// What is merely late is no matter for the journal.
		n := len(o.refusals(t, "case:"+rich.ID))
		if _, err = o.Reject(by(ctx, "finance-sun"), rich.ID, rich.Version-1, "x"); !errors.As(err, &conflict) || conflict.Version != rich.Version {
			t.Errorf("a stale version: %v", err)
		}
		if _, err = o.Close(by(ctx, "officer-zhao"), rich.ID, rich.Version, "x"); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "close goes from paid") {
			t.Errorf("a skipped state: %v", err)
		}
		if got := o.refusals(t, "case:"+rich.ID); len(got) != n {
			t.Errorf("the journal has %q", got)
		}
	})
}

// Two results of one payout that differ are never taken for one: the money may have left twice.
func TestAResultThatContradictsTheRecordedOneIsRefusedAndKept(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o, ok := openOffice(t, dsn), must(t)
		ctx, finance := t.Context(), by(t.Context(), "finance-sun")
		k := o.approve(t, o.proposed(t, "s1", 100_00), "approver-qian")
		k = ok(o.Pay(finance, k.ID, k.Version, "付款"))
		first := cases.Confirmation{PayoutID: k.Payouts[0].ID, CaseID: k.ID, Money: yuan(100_00), Why: "账户已注销"}
		k = ok(o.Confirm(ctx, first))
		k = ok(o.Pay(finance, k.ID, k.Version, "再付"))
		second := cases.Confirmation{PayoutID: k.Payouts[1].ID, CaseID: k.ID, Money: yuan(100_00), Paid: true, Reference: "B-2"}
		k = ok(o.Confirm(ctx, second))

		of := func(c cases.Confirmation, change func(*cases.Confirmation)) cases.Confirmation { change(&c); return c }
		silent := of(second, func(c *cases.Confirmation) { c.Reference = "" })
		spaced := of(second, func(c *cases.Confirmation) { c.Reference = " B-2\n" })
		for _, repeat := range []cases.Confirmation{first, second, silent, spaced} {
			var no *cases.Conflict
			if _, err := o.Confirm(ctx, repeat); !errors.As(err, &no) || !no.Repeat || no.Contradiction {
				t.Errorf("%+v is no repeat: %v", repeat, err)
			}
		}
		late := of(first, func(c *cases.Confirmation) { c.Paid, c.Reference, c.Why = true, "B-1", "" })
		twice := of(second, func(c *cases.Confirmation) { c.Reference = "B-3" })
		other := of(second, func(c *cases.Confirmation) { c.Money = yuan(200_00) })
		failed := of(second, func(c *cases.Confirmation) { c.Paid, c.Reference = false, "" })
		for _, c := range []struct {
			said cases.Confirmation
			says string
		}{
			{late, "was confirmed before, as failed, and is now said to have been paid"},
			{twice, `was confirmed before, as paid with the reference "B-2", and is now said to have been paid with the reference "B-3"; ask the receiver whether the money left twice`},
			{other, "was confirmed before, as paid, and now what was ordered is CNY 10000"},
			{failed, "was confirmed before, as paid, and is now said to have failed"},
		} {
			o.now = o.now.Add(time.Minute)
			for _, who := range []context.Context{ctx, finance} {
				var no *cases.Conflict
				if _, err := o.Confirm(who, c.said); !errors.As(err, &no) || no.Repeat || !no.Contradiction || !strings.Contains(no.Text, c.says) {
					t.Errorf("%+v: %v", c.said, err)
				}
			}
			if r := o.refusals(t, "case:"+k.ID); len(r) == 0 || !strings.Contains(r[len(r)-1], c.says) {
				t.Errorf("the journal has %q", r)
			}
			// What came by the topic is journalled about the payout by whoever reads that.
			entries := o.journal(t, "payout:"+c.said.PayoutID)
			if len(entries) == 0 {
				t.Fatal("the journal has nothing about the payout")
			}
			if e := entries[len(entries)-1]; e.Action != "payout.result_refused" || e.Actor != "finance-sun" || !strings.Contains(e.Reason, c.says) {
				t.Errorf("the journal has %+v", e)
			}
		}
		if f, err := o.Get(finance, k.ID); err != nil || f.Version != k.Version || f.State != cases.Paid || f.PaidMinor != 100_00 {
			t.Errorf("a contradiction changed the case: %+v, %v", f, err)
		}
		got, err := o.Contradictions(finance, "", 10)
		if err != nil || len(got) != 5 { // of the failure the words differ
			t.Fatalf("%d are kept: %+v, %v", len(got), got, err)
		}
		if last := got[4]; last.Said != late || last.By != "receiver" || !strings.Contains(last.Text, "as failed") || !last.At.Equal(monday.Add(time.Minute)) {
			t.Errorf("the first is %+v", last)
		}
		if got, err := o.Contradictions(as(ctx, "finance-far", "acme"), "", 10); err != nil || len(got) != 0 {
			t.Errorf("another tenant's finance sees %+v, %v", got, err)
		}
	})
}

func TestAFailureSaysWhyOrThatNobodySaid(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o, ok := openOffice(t, dsn), must(t)
		finance := by(t.Context(), "finance-sun")
		k := o.approve(t, o.proposed(t, "s1", 100_00), "approver-qian")
		k = ok(o.Pay(finance, k.ID, k.Version, "付款"))
		failed := cases.Confirmation{PayoutID: k.Payouts[0].ID, CaseID: k.ID, Money: yuan(100_00), Why: " "}
		var fault *cases.Fault
		if _, err := o.Confirm(finance, failed); !errors.As(err, &fault) || fault.Field != "why" {
			t.Errorf("a person says nothing: %v", err)
		}
		// A receiver that says nothing has still not paid.
		k = ok(o.Confirm(t.Context(), failed))
		f, err := o.Get(finance, k.ID)
		if err != nil || k.State != cases.Approved || f.Steps[len(f.Steps)-1].Reason != "could not be paid: the receiver gave no reason" || k.Payouts[0].Why != "the receiver gave no reason" {
			t.Errorf("%+v, %v", f, err)
		}
	})
}

// The installation's account is nobody's name, so it is no second person, whatever its role may do.
func TestTheInstallationsAccountIsNoSecondPerson(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o, ok := openOffice(t, dsn), must(t)
		ctx := t.Context()
		admin := identity.With(ctx, identity.Administrator)
		refused := func(what string, k cases.Case, err error) {
			t.Helper()
			var no *cases.Forbidden
			if !errors.As(err, &no) || !strings.Contains(no.Text, "nobody's name") {
				t.Errorf("%s: %v", what, err)
			}
			if r := o.refusals(t, "case:"+k.ID); len(r) == 0 || !strings.HasPrefix(r[len(r)-1], "admin: admin is the installation's own account") {
				t.Errorf("%s: the journal has %q", what, r)
			}
		}
		k := o.proposed(t, "s1", 6000_00)
		_, err := o.Approve(admin, k.ID, k.Version, k.Proposal.Digest, "好")
		refused("approving", k, err)
		for _, p := range o.Allowed(admin, k) {
			if p.Action == cases.Approve && p.OK {
				t.Error("its page shows that it may approve")
			}
		}
		// A person with the same role may: what counts is the name.
		person := identity.With(ctx, identity.Principal{ID: "wu", Roles: []identity.Role{identity.Admin}})
		k = ok(o.Approve(person, k.ID, k.Version, k.Proposal.Digest, "好"))
		k = ok(o.Reject(by(ctx, "approver-qian"), k.ID, k.Version, "不成立"))
		k = ok(o.Appeal(admin, k.ID, k.Version, "不服")) // in the customer's words
		harm := cases.Assessment{AmountMinor: 100_00, Currency: "CNY", Words: "x"}
		_, err = o.Assess(admin, k.ID, k.Version, harm)
		refused("assessing an appeal", k, err)
		_, err = o.Reject(admin, k.ID, k.Version, "x")
		refused("rejecting an appeal", k, err)
		k = ok(o.Assess(by(ctx, "officer-wang"), k.ID, k.Version, harm))
		_, err = o.Propose(admin, k.ID, k.Version, cash(100_00))
		refused("proposing after an appeal", k, err)
		_, err = o.Reject(admin, k.ID, k.Version, "x")
		refused("rejecting after an appeal", k, err)

		// What needs nobody else it may do.
		k = o.candidate(t, "s2")
		k = ok(o.Assess(admin, k.ID, k.Version, harm))
		k = ok(o.Propose(admin, k.ID, k.Version, cash(100_00)))
		if k = o.approve(t, k, "approver-qian"); k.State != cases.Approved {
			t.Errorf("its proposal is %s", k.State)
		}
	})
}

func TestAnAppealIsDecidedBySomebodyElse(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o, ok := openOffice(t, dsn), must(t)
		ctx := t.Context()
		k := o.approve(t, o.proposed(t, "s1", 100_00), "approver-qian")
		if k.State != cases.Approved {
			t.Fatal(k.State)
		}
		o.now = monday.Add(10 * 24 * time.Hour)
		k = ok(o.Appeal(by(ctx, "inspector-li"), k.ID, k.Version, "一百元不够"))
		if k.State != cases.Appealed || k.Round != 2 || k.Proposal != nil || k.Appeal != "一百元不够" || !k.Deadlines.Decision.Due.Equal(o.now.Add(72*time.Hour)) {
			t.Errorf("appealed: %+v", k)
		}
		var forbidden *cases.Forbidden
		anew := cases.Assessment{AmountMinor: 150_00, Currency: "CNY", Words: "重新核算"}
		for _, first := range []string{"officer-zhao"} {
			if _, err := o.Assess(by(ctx, first), k.ID, k.Version, anew); !errors.As(err, &forbidden) {
				t.Errorf("%s assesses the appeal: %v", first, err)
			}
			if _, err := o.Reject(by(ctx, first), k.ID, k.Version, "不成立"); !errors.As(err, &forbidden) {
				t.Errorf("%s rejects the appeal: %v", first, err)
			}
		}
		k = ok(o.Assess(by(ctx, "officer-wang"), k.ID, k.Version, anew))
		k = ok(o.Propose(by(ctx, "officer-wang"), k.ID, k.Version, cash(150_00)))
		if _, err := o.Approve(by(ctx, "approver-qian"), k.ID, k.Version, k.Proposal.Digest, "好"); !errors.As(err, &forbidden) || !strings.Contains(err.Error(), "appealed") {
			t.Errorf("the first approver approves: %v", err)
		}
		k = o.approve(t, k, "approver-wu")
		k = ok(o.Pay(by(ctx, "finance-sun"), k.ID, k.Version, "付款"))
		k = ok(o.Confirm(ctx, cases.Confirmation{PayoutID: k.Payouts[0].ID, Paid: true, Money: yuan(150_00)}))
		// Paid and still not content: what was paid counts against what is owed.
		k = ok(o.Appeal(by(ctx, "inspector-li"), k.ID, k.Version, "还有误工费"))
		k = ok(o.Assess(by(ctx, "officer-he"), k.ID, k.Version, cases.Assessment{AmountMinor: 200_00, Currency: "CNY", Words: "加误工费"}))
		if a, err := o.Advise(by(ctx, "officer-he"), k.ID); err != nil || a.AmountMinor != 50_00 {
			t.Errorf("after what was paid: %+v, %v", a, err)
		}
		var fault *cases.Fault
		if _, err := o.Assess(by(ctx, "officer-he"), k.ID, k.Version, cases.Assessment{AmountMinor: 1, Currency: "USD", Words: "x"}); !errors.As(err, &fault) || fault.Field != "currency" {
			t.Errorf("another currency than was paid in: %v", err)
		}
		k = ok(o.Reject(by(ctx, "officer-he"), k.ID, k.Version, "已足额"))
		if k.State != cases.Rejected || len(k.Decisions) != 5 {
			t.Errorf("rejected: %+v", k)
		}
		// What had been set aside for the first proposal is free again.
		if err := o.db.Read(ctx, func(tx *store.Tx) error {
			available, err := balance(ctx, tx, "available")
			if available != 1_000_000_00-150_00 {
				t.Errorf("%d are available", available)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestLateDeadlinesEscalateOnceAndNothingClosesByItself(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o := openOffice(t, dsn)
		late, quick := o.candidate(t, "late"), o.candidate(t, "quick")
		quick, err := o.TakeUp(by(t.Context(), "officer-zhao"), quick.ID, quick.Version, "在查")
		if err != nil {
			t.Fatal(err)
		}
		sweep := func(after time.Duration) (f cases.File) {
			t.Helper()
			o.now = monday.Add(after)
			for range 2 {
				if err := o.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			f, err := o.Get(by(t.Context(), "viewer-x"), late.ID)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		for after, want := range map[time.Duration]int{24*time.Hour - 1e6: 0} {
			if f := sweep(after); f.Escalation != want {
				t.Errorf("after %s: %+v", after, f)
			}
		}
		if f := sweep(24 * time.Hour); f.Escalation != 1 || f.Deadlines.Answer.Escalated.IsZero() || len(f.Steps) != 2 || f.Version != late.Version {
			t.Errorf("after a day: %+v", f)
		}
		f := sweep(8 * 24 * time.Hour)
		if f.Escalation != 3 || len(f.Steps) != 4 || f.State != cases.Candidate || f.Steps[3].Actor != "system" || !strings.Contains(f.Steps[3].Reason, "payment") {
			t.Errorf("after eight days: %+v", f)
		}
		board, err := o.Board(by(t.Context(), "viewer-x"), "")
		if err != nil || board[0] != (cases.Column{State: cases.Candidate, N: 1, Overdue: 1}) || board[1] != (cases.Column{State: cases.Open, N: 1, Overdue: 1}) || board[7].N != 0 {
			t.Errorf("the board is %+v, %v", board, err)
		}
		if g, err := o.Get(by(t.Context(), "viewer-x"), quick.ID); err != nil || g.Escalation != 2 || !g.Deadlines.Answer.Escalated.IsZero() {
			t.Errorf("the one taken up in time: %+v, %v", g, err)
		}
		page, err := o.List(by(t.Context(), "viewer-x"), cases.Query{Overdue: true, Limit: 10})
		if err != nil || len(page.Items) != 2 {
			t.Errorf("overdue: %+v, %v", page, err)
		}
	})
}

func TestAnotherTenantsCaseIsNotThere(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o := openOffice(t, dsn)
		k := o.candidate(t, "s1")
		ctx := as(t.Context(), "li", "acme")
		if _, err := o.Get(ctx, k.ID); !errors.Is(err, cases.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		if _, err := o.Appeal(ctx, k.ID, k.Version, "x"); !errors.Is(err, cases.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheStepsOfACaseCannotBeChanged(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o := openOffice(t, dsn)
		o.candidate(t, "s1")
		for _, change := range []string{`UPDATE case_steps SET actor = 'x'`, `DELETE FROM case_steps`} {
			err := o.db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.ExecContext(t.Context(), change)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", change, err)
			}
		}
	})
}

func TestEveryMoveIsANewerVersionOfTheMirrorsRow(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o := openOffice(t, dsn)
		k := o.assessed(t, "s1", 10_00) // a candidate: it is taken up in the same transaction
		o.now = monday.AddDate(0, 0, 30)
		if err := o.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		var states []string
		last := int64(0)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		if err := o.db.Relay(ctx, func(_ context.Context, m store.Message) error {
			if m.To.Kind != store.Mirror || m.Key != k.ID {
				return nil
			}
			var row warehouse.MirrorRow
			if err := json.Unmarshal(m.Body, &row); err != nil {
				return err
			}
			if row.Version < last || row.Version == last && row.State != states[len(states)-1] {
				t.Errorf("%s has version %d, after %v with version %d", row.State, row.Version, states, last)
			}
			states, last = append(states, row.State), row.Version
			if len(states) == 5 {
				stop()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if want := []string{"candidate", "open", "assessed", "assessed", "assessed"}; !slices.Equal(states, want) {
			t.Errorf("mirrored %v, want %v", states, want)
		}
	})
}

func TestWhatCannotBeKeptOrCountedIsNoFaultOfTheStore(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o := openOffice(t, dsn)
		ctx := t.Context()
		k := o.candidate(t, "s1")
		var fault *cases.Fault
		for field, a := range map[string]cases.Assessment{
			"amount_minor": {AmountMinor: 1 << 53, Currency: "CNY", Words: "x"}, "price_minor": {PriceMinor: math.MaxInt64, Currency: "CNY", Words: "x", Fraud: true},
		} {
			if _, err := o.Assess(by(ctx, "officer-zhao"), k.ID, k.Version, a); !errors.As(err, &fault) || fault.Field != field {
				t.Errorf("%+v: %v", a, err)
			}
		}
		most := cases.Assessment{AmountMinor: 1<<53 - 1, PriceMinor: 1<<53 - 1, Fraud: true, Currency: "CNY", Words: "x"}
		k, err := o.Assess(by(ctx, "officer-zhao"), k.ID, k.Version, most)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := o.Advise(by(ctx, "officer-zhao"), k.ID); err != nil || a.Eligible {
			t.Errorf("more than is handled: %+v, %v", a, err)
		}

		k = o.approve(t, o.proposed(t, "s2", 10_00), "approver-qian")
		if k, err = o.Pay(by(ctx, "finance-sun"), k.ID, k.Version, "付款"); err != nil {
			t.Fatal(err)
		}
		var conflict *cases.Conflict
		if _, err := o.Confirm(by(ctx, "finance-sun"), cases.Confirmation{CaseID: k.ID, PayoutID: "p\x00", Money: yuan(10_00)}); !errors.As(err, &conflict) {
			t.Errorf("a payout id with NUL: %v", err)
		}
		said := cases.Confirmation{CaseID: k.ID, PayoutID: k.Payouts[0].ID, Money: yuan(10_00), Reference: "r\x00", Why: "no\x00 account"}
		if k, err = o.Confirm(by(ctx, "finance-sun"), said); err != nil || k.State != cases.Approved || k.Payouts[0].Why != "no account" {
			t.Errorf("a reason with NUL: %+v, %v", k.Payouts, err)
		}
	})
}
