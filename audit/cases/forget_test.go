package cases_test

import (
	"strings"
	"testing"

	"mingjian/audit/cases"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
)

func TestACaseThatHasEndedForgetsItsCustomer(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o, ok := openOffice(t, dsn), must(t)
		officer, finance := by(t.Context(), "officer-zhao"), by(t.Context(), "finance-sun")
		k := o.candidate(t, "s1")
		k = ok(o.TakeUp(officer, k.ID, k.Version, "我们正在核实，明天答复您。"))
		k = ok(o.Assess(officer, k.ID, k.Version, cases.Assessment{AmountMinor: 100_00, Currency: "CNY", Words: "多付"}))
		k = ok(o.Propose(officer, k.ID, k.Version, cash(100_00)))
		other := o.candidate(t, "s2")

		forget := func(want int) cases.Case {
			t.Helper()
			err := o.db.Write(t.Context(), func(tx *store.Tx) error {
				n, err := o.Forget(t.Context(), tx, "default", []string{"s1", "s9"})
				if n != want {
					t.Errorf("%d cases forgot, want %d", n, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			f, err := o.Get(officer, k.ID)
			if err != nil {
				t.Fatal(err)
			}
			return f.Case
		}
		if k = forget(0); k.Customer != "c-s1" || k.Proposal.Customer != "c-s1" {
			t.Errorf("a case that goes on: %+v", k)
		}
		for _, who := range []string{"approver-qian", "approver-li", "finance-sun"} {
			if k.State == cases.Proposed {
				k = o.approve(t, k, who)
			}
		}
		k = ok(o.Pay(finance, k.ID, k.Version, "付款"))
		k = ok(o.Confirm(t.Context(), cases.Confirmation{PayoutID: k.Payouts[0].ID, Paid: true, Money: yuan(100_00)}))
		k = ok(o.Close(officer, k.ID, k.Version, "已到账"))
		k = forget(1)
		if k.Customer != cases.Erased || k.Proposal.Customer != cases.Erased || k.PaidMinor != 100_00 {
			t.Errorf("an ended case: %+v", k)
		}
		forget(0)
		var text string
		err := o.db.Read(t.Context(), func(tx *store.Tx) error {
			if err := tx.QueryRowContext(t.Context(), `SELECT document FROM cases WHERE id = $1`, k.ID).Scan(&text); err != nil {
				return err
			}
			paid, err := balance(t.Context(), tx, "paid")
			if paid != 100_00 {
				t.Errorf("%d are paid", paid)
			}
			return err
		})
		if err != nil || strings.Contains(text, "c-s1") {
			t.Errorf("%s, %v", text, err)
		}
		if f, err := o.Get(officer, other.ID); err != nil || f.Customer != "c-s2" {
			t.Errorf("another's case: %+v, %v", f, err)
		}
	})
}
