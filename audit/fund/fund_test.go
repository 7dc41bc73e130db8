package fund_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mingjian/audit/fund"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/policies"
)

// books is a fund with a clock that a test moves.
type books struct {
	*fund.Fund
	t     *testing.T
	db    *store.DB
	clock atomic.Int64
}

func open(t *testing.T, dsn string) *books {
	t.Helper()
	b := &books{t: t}
	b.set("2026-11-20T16:30:00+08:00")
	db, err := store.Open(t.Context(), dsn, store.Options{Now: b.now, Poll: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	b.db = db
	if b.Fund, err = fund.New(t.Context(), db, fund.Options{Low: []fund.Threshold{{Currency: "CNY", Minor: 100_00}}, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *books) now() time.Time { return time.UnixMilli(b.clock.Load()) }

func (b *books) set(at string) {
	b.t.Helper()
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		b.t.Fatal(err)
	}
	b.clock.Store(when.UnixMilli())
}

func as(ctx context.Context, id, tenant string) context.Context {
	return identity.With(ctx, identity.Principal{ID: id, Roles: []identity.Role{identity.Finance}, Tenants: identitytest.Only(tenant)})
}

func cny(minor int64) policies.Money { return policies.Money{Minor: minor, Currency: "CNY"} }

func (b *books) topUp(key string, m policies.Money) {
	b.t.Helper()
	if _, _, err := b.TopUp(as(b.t.Context(), "qian", ""), fund.Change{Key: key, Tenant: "acme", Money: m, Reason: "十一月预算"}); err != nil {
		b.t.Fatal(err)
	}
}

// in runs fn in a transaction, as cases do.
func (b *books) in(fn func(context.Context, *store.Tx) error) error {
	ctx := as(b.t.Context(), "wang", "")
	return b.db.Write(ctx, func(tx *store.Tx) error { return fn(ctx, tx) })
}

func (b *books) reserve(caseID string, m policies.Money) error {
	return b.in(func(ctx context.Context, tx *store.Tx) error {
		return b.Reserve(ctx, tx, fund.Holding{CaseID: caseID, Tenant: "acme", Money: m})
	})
}

func (b *books) release(caseID string) error {
	return b.in(func(ctx context.Context, tx *store.Tx) error { return b.Release(ctx, tx, caseID) })
}

func order(id, caseID string, m policies.Money) fund.Payout {
	return fund.Payout{ID: id, CaseID: caseID, Tenant: "acme", SessionID: "s-1", Customer: "c-7f", Form: "cash", Money: m, Basis: "消费者权益保护法第五十五条"}
}

func (b *books) pay(p fund.Payout) error {
	return b.in(func(ctx context.Context, tx *store.Tx) error { return b.Pay(ctx, tx, p) })
}

func result(id, caseID string, paid bool, m policies.Money) fund.Confirmation {
	c := fund.Confirmation{PayoutID: id, CaseID: caseID, Paid: paid, Money: m, Reference: "bank-77"}
	if !paid {
		c.Reference, c.Why = "", "账户已注销"
	}
	return c
}

func (b *books) settle(c fund.Confirmation) (done bool, err error) {
	err = b.in(func(ctx context.Context, tx *store.Tx) error {
		done, err = b.Settle(ctx, tx, c)
		return err
	})
	return done, err
}

// must is for what has to work.
func (b *books) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// stands compares the balances of acme in a currency: available, reserved, paying, paid, written off.
func (b *books) stands(currency string, want ...int64) {
	b.t.Helper()
	all, err := b.Balances(b.t.Context(), "acme")
	b.must(err)
	for _, got := range all {
		if got.Currency == currency {
			if have := []int64{got.Available, got.Reserved, got.Paying, got.Paid, got.WrittenOff}; fmt.Sprint(have) != fmt.Sprint(want) {
				b.t.Fatalf("%s stands at %v, not %v", currency, have, want)
			}
			return
		}
	}
	b.t.Fatalf("acme has no %s", currency)
}

// whole says that the books agree with themselves.
func (b *books) whole() {
	b.t.Helper()
	found, err := b.Verify(b.t.Context())
	if err != nil || len(found) > 0 {
		b.t.Fatalf("the books differ: %v, %v", found, err)
	}
}

// actions is what the journal has of a subject.
func (b *books) actions(subject string) string {
	b.t.Helper()
	var out []string
	b.must(b.db.Read(b.t.Context(), func(tx *store.Tx) error {
		entries, err := tx.Journal(b.t.Context(), subject)
		for _, e := range entries {
			out = append(out, e.Actor+" "+e.Action)
		}
		return err
	}))
	return strings.Join(out, ", ")
}

// sent is what left for a destination so far; the relay runs until the outbox is empty.
func (b *books) sent(name string) (out []store.Message) {
	b.t.Helper()
	ctx, stop := context.WithCancel(b.t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- b.db.Relay(ctx, func(ctx context.Context, m store.Message) error {
			if m.To.Name == name {
				out = append(out, m)
			}
			return nil
		})
	}()
	for n := int64(1); n > 0; {
		var err error
		n, err = b.db.Waiting(ctx)
		b.must(err)
		time.Sleep(time.Millisecond)
	}
	stop()
	b.must(<-ended)
	return out
}

func code(err error) fund.Code {
	var r *fund.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return fund.Code(fmt.Sprint(err))
}

func TestMoneyGoesFromTopUpToPaidThoughTheFirstPaymentFails(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		b.topUp("budget-11", cny(1_000_00))
		b.must(b.reserve("case-1", cny(500_00)))
		b.must(b.reserve("case-1", cny(500_00))) // the same again changes nothing
		b.stands("CNY", 500_00, 500_00, 0, 0, 0)
		first := order("case-1-1", "case-1", cny(500_00))
		b.must(b.pay(first))
		b.must(b.pay(first))
		b.stands("CNY", 500_00, 0, 500_00, 0, 0)
		for _, want := range []bool{true, false} {
			if done, err := b.settle(result("case-1-1", "case-1", false, cny(500_00))); done != want || err != nil {
				t.Fatalf("a failure: %v, %v", done, err)
			}
			b.stands("CNY", 500_00, 500_00, 0, 0, 0)
		}
		b.must(b.pay(order("case-1-2", "case-1", cny(500_00))))
		for _, want := range []bool{true, false} {
			if done, err := b.settle(result("case-1-2", "case-1", true, cny(500_00))); done != want || err != nil {
				t.Fatalf("a confirmation: %v, %v", done, err)
			}
			b.stands("CNY", 500_00, 0, 0, 500_00, 0)
		}
		b.must(b.reserve("case-2", cny(40_00)))
		b.must(b.release("case-2"))
		b.must(b.release("case-2"))
		b.must(b.reserve("case-2", cny(30_00))) // again, another amount
		b.must(b.release("case-2"))
		if _, _, err := b.WriteOff(as(t.Context(), "qian", ""), fund.Change{Key: "end", Tenant: "acme", Money: cny(500_00), Reason: "年末结转"}); err != nil {
			t.Fatal(err)
		}
		b.stands("CNY", 0, 0, 0, 500_00, 500_00)
		b.whole()
		if got := b.actions("payout:case-1-2"); got != "wang payout.ordered, wang payout.confirmed, wang payout.told_again" {
			t.Errorf("the journal has of the payout: %s", got)
		}
		if got := b.actions("case:case-1"); got != "wang fund.reserve, wang fund.pay, wang fund.fail, wang fund.pay, wang fund.settle" {
			t.Errorf("the journal has of the case: %s", got)
		}

		page, err := b.Entries(t.Context(), fund.Query{Limit: 4})
		b.must(err)
		var kinds []fund.Kind
		for {
			for _, e := range page.Items {
				kinds = append(kinds, e.Kind)
			}
			if page.Next == "" {
				break
			}
			page, err = b.Entries(t.Context(), fund.Query{Limit: 4, Cursor: page.Next})
			b.must(err)
		}
		if fmt.Sprint(kinds) != "[writeoff release reserve release reserve settle pay fail pay reserve topup]" {
			t.Errorf("entries, newest first: %v", kinds)
		}
	})
}

func TestWhatLeavesIsWhatWasBooked(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		b.topUp("a", cny(1_000_00))
		b.must(b.reserve("case-1", cny(12_50)))
		b.must(b.pay(order("p-1", "case-1", cny(12_50))))
		b.must(b.pay(order("p-1", "case-1", cny(12_50))))
		b.must(b.pay(fund.Payout{ID: "p-2", CaseID: "case-2", Tenant: "acme", SessionID: "s-2", Customer: "c-8", Form: "points", Points: 300, Basis: "服务承诺"}))
		if done, err := b.settle(fund.Confirmation{PayoutID: "p-2", CaseID: "case-2", Paid: true}); !done || err != nil {
			t.Fatalf("points: %v, %v", done, err)
		}
		orders := b.sent(fund.OrderTopic)
		if len(orders) != 2 || orders[0].Key != "p-1" || orders[0].To.Kind != store.Topic {
			t.Fatalf("%d orders left: %v", len(orders), orders)
		}
		want := `{"payout_id":"p-1","case_id":"case-1","tenant":"acme","session_id":"s-1","customer":"c-7f","form":"cash","amount_minor":1250,"currency":"CNY","basis":"消费者权益保护法第五十五条","at":"2026-11-20T08:30:00Z"}`
		if got := string(orders[0].Body); got != want {
			t.Errorf("the order says\n%s\nand not\n%s", got, want)
		}
		if got := string(orders[1].Body); !strings.Contains(got, `"form":"points","amount_minor":0,"points":300,`) {
			t.Errorf("the order of points says %s", got)
		}
		b.stands("CNY", 987_50, 0, 12_50, 0, 0)
		b.whole()
	})
}

func TestEveryEntryGoesToTheMirror(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		b.topUp("a", cny(120_00))
		b.must(b.reserve("case-1", cny(50_00)))
		rows := b.sent("fund_entries")
		if len(rows) != 2 {
			t.Fatalf("%d rows", len(rows))
		}
		var row struct {
			ID, Tenant, State string
			Version           int64
			Document          []byte
		}
		b.must(json.Unmarshal(rows[1].Body, &row))
		var document map[string]any
		b.must(json.Unmarshal(row.Document, &document))
		for field, want := range map[string]any{
			"entry_id": row.ID, "number": 2.0, "tenant": "acme", "currency": "CNY", "amount_minor": 5000.0, "debit": "reserved", "credit": "available",
			"case_id": "case-1", "kind": "reserve", "actor": "wang", "reason": "set aside for the case", "at": "2026-11-20T08:30:00Z", "balance_after": 7000.0, "low": true,
		} {
			if document[field] != want {
				t.Errorf("%s is %v, not %v", field, document[field], want)
			}
		}
		if row.Version != 1 || row.State != "reserve" || row.Tenant != "acme" || rows[1].Key != row.ID {
			t.Errorf("the row is %+v", row)
		}
	})
}

func TestALowBalanceIsSaidOnceUntilThereIsEnough(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		low := func(want bool) {
			t.Helper()
			all, err := b.Balances(t.Context(), "")
			b.must(err)
			if all[0].Low != want || all[0].LowBelow != 100_00 {
				t.Fatalf("%+v", all[0])
			}
		}
		b.topUp("a", cny(100_00))
		low(false) // exactly enough
		b.must(b.reserve("case-1", cny(1)))
		b.must(b.reserve("case-2", cny(1)))
		low(true)
		b.topUp("b", cny(2))
		low(false)
		b.must(b.reserve("case-3", cny(1)))
		if got := strings.Count(b.actions("fund:acme/CNY"), "fund.low"); got != 2 {
			t.Errorf("the alert was raised %d times: %s", got, b.actions("fund:acme/CNY"))
		}
		if got := strings.Count(b.actions("fund:acme/CNY"), "fund.enough"); got != 1 {
			t.Errorf("and taken back %d times", got)
		}
		b.topUp("other", policies.Money{Minor: 1, Currency: "USD"}) // has no threshold
		if got := b.actions("fund:acme/USD"); got != "qian fund.topup" {
			t.Errorf("USD: %s", got)
		}
	})
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		b.topUp("a", cny(1_000_00))
		b.must(b.reserve("held", cny(10_00)))
		b.must(b.reserve("paying", cny(20_00)))
		b.must(b.pay(order("p-paying", "paying", cny(20_00))))
		for _, paid := range []bool{true, false} {
			id := fmt.Sprintf("done-%v", paid)
			b.must(b.reserve(id, cny(5_00)))
			b.must(b.pay(order("p-"+id, id, cny(5_00))))
			if _, err := b.settle(result("p-"+id, id, paid, cny(5_00))); err != nil {
				t.Fatal(err)
			}
		}
		settle := func(c fund.Confirmation) error { _, err := b.settle(c); return err }
		change := func(ctx context.Context, c fund.Change) error { _, _, err := b.TopUp(ctx, c); return err }
		all := as(t.Context(), "qian", "")
		usd := policies.Money{Minor: 20_00, Currency: "USD"}
		before := b.fingerprint()
		for name, try := range map[string]struct {
			err  error
			want fund.Code
		}{
			"reserve more than there is":      {b.reserve("new", cny(1_000_01)), fund.Short},
			"reserve what never came in":      {b.reserve("new", usd), fund.Short},
			"reserve another amount":          {b.reserve("held", cny(11_00)), fund.Held},
			"reserve while paying":            {b.reserve("paying", cny(20_00)), fund.Held},
			"reserve less than nothing":       {b.reserve("new", cny(-1)), fund.Invalid},
			"reserve without end":             {b.reserve("new", cny(1<<62)), fund.Invalid},
			"reserve in an unknown one":       {b.reserve("new", policies.Money{Minor: 1, Currency: "XXQ"}), fund.Invalid},
			"reserve in no currency":          {b.reserve("new", policies.Money{Minor: 1, Currency: "yuan"}), fund.Invalid},
			"pay what is not reserved":        {b.pay(order("p-new", "new", cny(10_00))), fund.Nothing},
			"pay another amount":              {b.pay(order("p-held", "held", cny(10_01))), fund.Mismatch},
			"pay nothing of what is held":     {b.pay(order("p-held", "held", policies.Money{})), fund.Mismatch},
			"pay in another currency":         {b.pay(order("p-held", "held", usd)), fund.Mismatch},
			"pay for another tenant":          {b.pay(fund.Payout{ID: "p-held", CaseID: "held", Tenant: "other", Money: cny(10_00)}), fund.Mismatch},
			"pay under a used id":             {b.pay(order("p-paying", "held", cny(10_00))), fund.Mismatch},
			"pay while paying":                {b.pay(order("p-again", "paying", cny(20_00))), fund.Held},
			"pay without an id":               {b.pay(order("", "held", cny(10_00))), fund.Invalid},
			"pay under an id of two parts":    {b.pay(order("a.b", "held", cny(10_00))), fund.Invalid},
			"settle an unknown payout":        {settle(result("p-nobody", "paying", true, cny(20_00))), fund.Unknown},
			"settle another amount":           {settle(result("p-paying", "paying", true, cny(20_01))), fund.Mismatch},
			"settle a failure of another sum": {settle(result("p-paying", "paying", false, cny(1))), fund.Mismatch},
			"settle in another currency":      {settle(result("p-paying", "paying", true, usd)), fund.Mismatch},
			"settle for another case":         {settle(result("p-paying", "held", true, cny(20_00))), fund.Mismatch},
			"paid after failed":               {settle(result("p-done-false", "done-false", true, cny(5_00))), fund.Contradiction},
			"failed after paid":               {settle(result("p-done-true", "done-true", false, cny(5_00))), fund.Contradiction},
			"top up without a key":            {change(all, fund.Change{Tenant: "acme", Money: cny(1), Reason: "x"}), fund.Invalid},
			"top up without a reason":         {change(all, fund.Change{Key: "k", Tenant: "acme", Money: cny(1), Reason: "  "}), fund.Invalid},
			"top up nothing":                  {change(all, fund.Change{Key: "k", Tenant: "acme", Money: cny(0), Reason: "x"}), fund.Invalid},
			"top up past the end of numbers":  {change(all, fund.Change{Key: "k", Tenant: "acme", Money: cny(fund.MaxMinor), Reason: "x"}), fund.Invalid},
			"another top-up under a used key": {change(all, fund.Change{Key: "a", Tenant: "acme", Money: cny(1), Reason: "x"}), fund.Mismatch},
			"top up another tenant":           {change(as(t.Context(), "sun", "other"), fund.Change{Key: "k", Tenant: "acme", Money: cny(1), Reason: "x"}), fund.Foreign},
			"write off more than there is": {func() error {
				_, _, err := b.WriteOff(all, fund.Change{Key: "w", Tenant: "acme", Money: cny(1_000_00), Reason: "x"})
				return err
			}(), fund.Short},
		} {
			if got := code(try.err); got != try.want {
				t.Errorf("%s: %s, not %s", name, got, try.want)
			} else if strings.TrimSpace(try.err.Error()) == "" || strings.Contains(try.err.Error(), "\n") {
				t.Errorf("%s: the refusal is no sentence: %q", name, try.err)
			}
		}
		if after := b.fingerprint(); after != before {
			t.Errorf("what was refused changed something:\n%s\n%s", before, after)
		}
		b.whole()
	})
}

// fingerprint is all that can change.
func (b *books) fingerprint() string {
	b.t.Helper()
	balances, err := b.Balances(b.t.Context(), "")
	b.must(err)
	entries, err := b.Entries(b.t.Context(), fund.Query{Limit: 500})
	b.must(err)
	payouts, err := b.Payouts(b.t.Context(), fund.PayoutQuery{Limit: 500})
	b.must(err)
	waiting, err := b.db.Waiting(b.t.Context())
	b.must(err)
	out, err := json.Marshal([]any{balances, entries, payouts, waiting})
	b.must(err)
	return string(out)
}

func TestATopUpSentTwiceCountsOnce(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		c := fund.Change{Key: "k", Tenant: "acme", Money: cny(7), Reason: "x"}
		first, done, err := b.TopUp(as(t.Context(), "qian", ""), c)
		if err != nil || !done {
			t.Fatal(done, err)
		}
		again, done, err := b.TopUp(as(t.Context(), "qian", ""), c)
		if err != nil || done || again != first {
			t.Errorf("%+v, %v, %v", again, done, err)
		}
		c.Tenant = "other"
		if _, done, err := b.TopUp(as(t.Context(), "qian", ""), c); err != nil || !done {
			t.Errorf("the same key for another tenant: %v, %v", done, err)
		}
		b.stands("CNY", 7, 0, 0, 0, 0)
	})
}

func TestTheClockThatGoesBackDoesNotTurnTheBooksBack(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		b := open(t, dsn)
		b.topUp("a", cny(10_00))
		b.set("2026-10-31T00:00:00+08:00")
		b.topUp("b", cny(10_00))
		b.whole()
	})
}
