package fund_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"mingjian/audit/fund"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/policies"
)

// The database holds what must always hold, also against a program with a defect and a person with a
// console.
func TestTheDatabaseItselfRefuses(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		b.topUp("a", cny(100_00))
		b.must(b.reserve("held", cny(10_00)))
		b.must(b.reserve("paid", cny(5_00)))
		b.must(b.pay(order("p-paid", "paid", cny(5_00))))
		if _, err := b.settle(result("p-paid", "paid", true, cny(5_00))); err != nil {
			t.Fatal(err)
		}
		b.must(b.reserve("paying", cny(3_00)))
		b.must(b.pay(order("p-paying", "paying", cny(3_00))))
		before := b.fingerprint()
		// The ledger has 82 yuan available, and 7 entries.
		entry := func(number int, kind, debit, credit string, minor int, after int, caseID, payout string) string {
			return fmt.Sprintf(`INSERT INTO fund_entries (id, number, tenant, currency, amount_minor, debit, credit, case_id, payout_id, kind, actor, reason, at_ms, balance_after)
				VALUES ('x', %d, 'acme', 'CNY', %d, '%s', '%s', '%s', '%s', '%s', 'mallory', 'why', 1795163400000, %d)`, number, minor, debit, credit, caseID, payout, kind, after)
		}
		for name, statement := range map[string]string{
			"an entry changed":                 `UPDATE fund_entries SET amount_minor = 1`,
			"an entry removed":                 `DELETE FROM fund_entries WHERE kind = 'writeoff' OR kind = 'topup'`,
			"a balance changed":                `UPDATE fund_ledgers SET available = available + 1, outside = outside - 1`,
			"a balance moved":                  `UPDATE fund_ledgers SET available = available - 1, paid = paid + 1`,
			"a balance moved under a number":   `UPDATE fund_ledgers SET available = available - 1, paid = paid + 1, number = number + 1`,
			"a number forgotten":               `UPDATE fund_ledgers SET number = number - 1`,
			"a ledger removed":                 `DELETE FROM fund_ledgers`,
			"a ledger with money from nowhere": `INSERT INTO fund_ledgers VALUES ('acme', 'USD', 0, 0, -5, 5, 0, 0, 0, 0, 0)`,
			"a ledger replaced":                `INSERT INTO fund_ledgers VALUES ('acme', 'CNY', 0, 0, 0, 0, 0, 0, 0, 0, 0)`,
			"less than nothing available":      entry(8, "writeoff", "written_off", "available", 82_01, -1, "", ""),
			"a negative amount":                entry(8, "topup", "available", "outside", -1, 81_99, "", ""),
			"an amount of nothing":             entry(8, "topup", "available", "outside", 0, 82_00, "", ""),
			"more than there can be":           entry(8, "topup", "available", "outside", fund.MaxMinor, 82_00+fund.MaxMinor, "", ""),
			"a kind between other accounts":    entry(8, "topup", "paid", "outside", 1, 82_00, "", ""),
			"an entry that skips a number":     entry(9, "topup", "available", "outside", 1, 82_01, "", ""),
			"an entry in the place of another": entry(7, "topup", "available", "outside", 1, 82_01, "", ""),
			"an entry with a wrong balance":    entry(8, "topup", "available", "outside", 1, 82_02, "", ""),
			"a second reservation":             entry(8, "reserve", "reserved", "available", 1, 81_99, "held", ""),
			"half a release":                   entry(8, "release", "available", "reserved", 9_00, 91_00, "held", ""),
			"another case's money released":    entry(8, "release", "available", "reserved", 10_00, 92_00, "paying", ""),
			"another case's money ordered":     entry(8, "pay", "paying", "reserved", 10_00, 82_00, "paid", "p-x"),
			"a payout ordered twice":           entry(8, "pay", "paying", "reserved", 10_00, 82_00, "held", "p-paid"),
			"a payout settled twice":           entry(8, "settle", "paid", "paying", 3_00, 82_00, "paid", "p-paid"),
			"a settlement of another amount":   entry(8, "settle", "paid", "paying", 2_00, 82_00, "paying", "p-paying"),
			"a settlement of nothing ordered":  entry(8, "settle", "paid", "paying", 3_00, 82_00, "paying", "p-x"),
			"money of a case without a case":   entry(8, "reserve", "reserved", "available", 1, 81_99, "", ""),
			"an order changed":                 `UPDATE fund_payouts SET amount_minor = 1`,
			"a result changed":                 `UPDATE fund_payouts SET state = 'failed' WHERE id = 'p-paid'`,
			"an order removed":                 `DELETE FROM fund_payouts`,
			"a second order of a case": `INSERT INTO fund_payouts SELECT 'p-2', case_id, tenant, session_id, customer, form, amount_minor, currency, points, basis, at_ms, body,
				state, settled_ms, reference, why, delivery, attempts, next_ms, answer FROM fund_payouts WHERE id = 'p-paying'`,
		} {
			for _, replace := range []bool{false, true} {
				if replace {
					if !strings.HasPrefix(statement, "INSERT") || strings.HasPrefix(dsn, "postgres") {
						continue
					}
					statement = "INSERT OR REPLACE" + strings.TrimPrefix(statement, "INSERT") // removes rows without asking the triggers of removal
				}
				if err := b.in(func(ctx context.Context, tx *store.Tx) error { _, err := tx.ExecContext(ctx, statement); return err }); err == nil {
					t.Errorf("the database took %s: %s", name, statement)
				}
			}
		}
		if after := b.fingerprint(); after != before {
			t.Errorf("something changed:\n%s\n%s", before, after)
		}
		b.whole()
		// What the database refuses there it takes where it is right.
		b.must(b.in(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.ExecContext(ctx, entry(8, "release", "available", "reserved", 10_00, 92_00, "held", ""))
			return err
		}))
	})
}

func TestVerifyFindsWhatSomebodyForced(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		drop := func(trigger, table string) string {
			if strings.HasPrefix(dsn, "postgres") {
				return "DROP TRIGGER " + trigger + " ON " + table
			}
			return "DROP TRIGGER " + trigger
		}
		b := open(t, dsn)
		b.topUp("a", cny(100_00))
		b.must(b.reserve("case-1", cny(10_00)))
		b.must(b.pay(order("p-1", "case-1", cny(10_00))))
		for _, force := range [][]string{
			{drop("fund_ledger_moves", "fund_ledgers"), `UPDATE fund_ledgers SET available = available - 1, paid = paid + 1`},
			{drop("fund_payout_keeps", "fund_payouts"), `UPDATE fund_payouts SET state = 'confirmed'`},
		} {
			found, err := b.Verify(t.Context())
			b.must(err)
			known := len(found)
			for _, statement := range force {
				b.must(b.in(func(ctx context.Context, tx *store.Tx) error { _, err := tx.ExecContext(ctx, statement); return err }))
			}
			if found, err = b.Verify(t.Context()); err != nil || len(found) <= known {
				t.Errorf("%s is not found: %v, %v", force[1], found, err)
			}
		}
	})
}

// Whatever several people do at once, and wherever they are cut off, the books balance, nothing is
// negative, and what is paid is what was confirmed.
func TestBooksBalanceWhateverHappensAtOnce(t *testing.T) {
	const wholeWay = 9 // top up, reserve, order, settle
	crash := errors.New("crash")
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		round := 0
		rapid.Check(t, func(rt *rapid.T) {
			round++
			tenant := fmt.Sprintf("t-%d", round)
			type step struct {
				What, Case, Amount, Attempt int
				Crash, Paid                 bool
			}
			steps := rapid.Custom(func(t *rapid.T) step {
				// Mostly the amount that is right for the case, so that much of what is tried succeeds.
				of := rapid.IntRange(0, 2).Draw(t, "case")
				right := []int{5, 0, 3}[of]
				amount := rapid.SampledFrom([]int{right, right, right, right, right, 1, 1 << 52}).Draw(t, "amount")
				return step{rapid.SampledFrom([]int{wholeWay, wholeWay, 0, 1, 2, 3, 4, 5}).Draw(t, "what"), of, amount, rapid.IntRange(0, 2).Draw(t, "attempt"), rapid.IntRange(0, 9).Draw(t, "crash") == 0, rapid.Bool().Draw(t, "paid")}
			})
			people := rapid.SliceOfN(rapid.SliceOfN(steps, 1, 6), 4, 4).Draw(rt, "people")
			var mu sync.Mutex
			var in, out, paid int64 // what the callers were told was done, in CNY
			fault := func(what string, err error) {
				var r *fund.Refusal
				if err != nil && !errors.As(err, &r) && !errors.Is(err, crash) {
					mu.Lock()
					defer mu.Unlock()
					t.Errorf("%s: %v", what, err)
				}
			}
			ctx := as(t.Context(), "wang", "")
			do := func(who, i int, s step) {
				money := policies.Money{Minor: int64(s.Amount), Currency: []string{"CNY", "CNY", "USD"}[s.Case]}
				caseID := fmt.Sprintf("%s-case-%d", tenant, s.Case)
				id := fmt.Sprintf("%s-p-%d-%d", tenant, s.Case, s.Attempt)
				done := false
				var err error
				switch s.What {
				case 0:
					_, done, err = b.TopUp(ctx, fund.Change{Key: fmt.Sprint(who, i), Tenant: tenant, Money: money, Reason: "x"})
				case 1:
					_, done, err = b.WriteOff(ctx, fund.Change{Key: fmt.Sprint(s.Case, s.Attempt), Tenant: tenant, Money: money, Reason: "x"})
				default:
					err = b.db.Write(ctx, func(tx *store.Tx) (err error) {
						switch s.What {
						case 2:
							err = b.Reserve(ctx, tx, fund.Holding{CaseID: caseID, Tenant: tenant, Money: money})
						case 3:
							err = b.Release(ctx, tx, caseID)
						case 4:
							err = b.Pay(ctx, tx, fund.Payout{ID: id, CaseID: caseID, Tenant: tenant, Form: "cash", Money: money, Basis: "x"})
						default:
							done, err = b.Settle(ctx, tx, fund.Confirmation{PayoutID: id, CaseID: caseID, Paid: s.Paid, Money: money})
						}
						if err == nil && s.Crash {
							return crash
						}
						return err
					})
				}
				fault(fmt.Sprintf("%+v", s), err)
				if err != nil || !done || money.Currency != "CNY" {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				switch {
				case s.What == 0:
					in += money.Minor
				case s.What == 1:
					out += money.Minor
				case s.Paid:
					paid += money.Minor
				}
			}
			var wg sync.WaitGroup
			for who, theirs := range people {
				wg.Go(func() {
					for i, s := range theirs {
						if s.What != wholeWay {
							do(who, i, s)
							continue
						}
						for _, s.What = range []int{0, 2, 4, 5} { // others come in between
							do(who, i, s)
						}
					}
				})
			}
			wg.Wait()
			all, err := b.Balances(ctx, tenant)
			b.must(err)
			for _, got := range all {
				if got.Available < 0 || got.Reserved < 0 || got.Paying < 0 || got.ToppedUp != got.Available+got.Reserved+got.Paying+got.Paid+got.WrittenOff {
					rt.Fatalf("%+v", got)
				}
				if got.Currency == "CNY" && (got.ToppedUp != in || got.WrittenOff != out || got.Paid != paid) {
					rt.Fatalf("the books have %+v; people were told of %d in, %d out, %d paid", got, in, out, paid)
				}
			}
		})
		b.whole()
		for _, k := range []fund.Kind{fund.TopUp, fund.Reserve, fund.Release, fund.Pay, fund.Settle, fund.Fail, fund.WriteOff} {
			if page, err := b.Entries(t.Context(), fund.Query{Limit: 1, Kinds: []fund.Kind{k}}); err != nil || len(page.Items) == 0 {
				t.Errorf("no entry of kind %s was made: the test shows nothing of it (%v)", k, err)
			}
		}
	})
}
