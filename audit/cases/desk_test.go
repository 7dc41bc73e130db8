package cases_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// everywhere is a record in which every session is, with the findings that a test gave it. What stands before
// a / in a session's id is its business line.
type everywhere map[string][]warehouse.FindingItem

func (e everywhere) SessionOf(ctx context.Context, tenant, id string) (warehouse.Conversation, bool, error) {
	if strings.HasPrefix(id, "none") {
		return warehouse.Conversation{}, false, nil
	}
	if tenant == "" {
		tenant = "default"
	}
	if who, ok := identity.From(ctx); !ok || !who.Sees(tenant) {
		return warehouse.Conversation{}, false, errors.New("nobody asks")
	}
	line, _, lined := strings.Cut(id, "/")
	if !lined {
		line = ""
	}
	return warehouse.Conversation{
		Session:  warehouse.Session{Tenant: tenant, SessionID: id, CustomerID: "c-" + id, Jurisdiction: "CN", BusinessLine: line},
		Findings: e[id],
	}, true, nil
}

// purse is a fund in two tables, so that what a transaction undoes is undone in it too.
type purse struct{}

var purseNoun = store.Noun{Name: "purse", Files: fstest.MapFS{"00001_purse.sql": {Data: []byte(`-- +goose Up
CREATE TABLE purse (id TEXT PRIMARY KEY, minor BIGINT NOT NULL CHECK (minor >= 0));
INSERT INTO purse VALUES ('available', 100000000), ('paid', 0);
CREATE TABLE purse_orders (id TEXT PRIMARY KEY, case_id TEXT NOT NULL, minor BIGINT NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL);
`)}}}

type no string

func (n no) Error() string   { return "the fund: " + string(n) }
func (n no) Refusal() string { return string(n) }

func move(ctx context.Context, tx *store.Tx, from, to string, minor int64) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO purse (id, minor) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET minor = purse.minor + excluded.minor`, to, minor); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE purse SET minor = minor - $1 WHERE id = $2`, minor, from)
	return err
}

func balance(ctx context.Context, tx *store.Tx, id string) (n int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(sum(minor), 0) FROM purse WHERE id = $1`, id).Scan(&n)
	return n, err
}

func (purse) Reserve(ctx context.Context, tx *store.Tx, h cases.Holding) error {
	if n, err := balance(ctx, tx, "available"); err != nil || n < h.Money.Minor {
		return errors.Join(err, no("the fund is short"))
	}
	return move(ctx, tx, "available", h.CaseID, h.Money.Minor)
}

func (purse) Release(ctx context.Context, tx *store.Tx, caseID string) error {
	n, err := balance(ctx, tx, caseID)
	if err != nil {
		return err
	}
	return move(ctx, tx, caseID, "available", n)
}

func (purse) Pay(ctx context.Context, tx *store.Tx, p cases.Payout) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO purse_orders VALUES ($1, $2, $3, $4, 'ordered') ON CONFLICT (id) DO NOTHING`, p.ID, p.CaseID, p.Money.Minor, p.Money.Currency)
	return err
}

func (purse) Settle(ctx context.Context, tx *store.Tx, c cases.Confirmation) (bool, error) {
	var minor int64
	var currency, state string
	if err := tx.QueryRowContext(ctx, `SELECT minor, currency, state FROM purse_orders WHERE id = $1 AND case_id = $2`, c.PayoutID, c.CaseID).Scan(&minor, &currency, &state); err != nil {
		return false, err
	}
	if c.Money != (policies.Money{Minor: minor, Currency: currency}) {
		return false, no(fmt.Sprintf("what was ordered is %s %d", currency, minor))
	}
	if state != "ordered" {
		return false, nil
	}
	state = "failed"
	if c.Paid {
		state = "paid"
		if err := move(ctx, tx, c.CaseID, "paid", minor); err != nil {
			return false, err
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE purse_orders SET state = $1 WHERE id = $2`, state, c.PayoutID)
	return err == nil, err
}

// office is cases with a purse over a record of everything.
type office struct {
	*cases.Cases
	db      *store.DB
	now     time.Time
	found   everywhere
	options cases.Options
}

// monday is when the tests of the workflow begin.
var monday = time.Date(2026, 11, 16, 1, 0, 0, 0, time.UTC)

func openOffice(t testing.TB, dsn string, change ...func(*cases.Options)) *office {
	t.Helper()
	o := &office{now: monday, found: everywhere{}, options: cases.Options{Fund: purse{}}}
	var err error
	o.db, err = store.Open(t.Context(), dsn, store.Options{Now: func() time.Time { return o.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := o.db.Migrate(t.Context(), purseNoun); err != nil {
		t.Fatal(err)
	}
	for _, fn := range change {
		fn(&o.options)
	}
	if o.Cases, err = cases.New(t.Context(), o.db, o.found, o.options); err != nil {
		t.Fatal(err)
	}
	return o
}

// by is a context in which somebody acts. The name begins with the role.
func by(ctx context.Context, name string) context.Context {
	role, _, _ := strings.Cut(name, "-")
	return identity.With(ctx, identity.Principal{ID: name, Roles: []identity.Role{identity.Role(role)}})
}

// candidate opens a case of a session by a report of its finding.
func (o *office) candidate(t testing.TB, session string) cases.Case {
	t.Helper()
	o.found[session] = []warehouse.FindingItem{{FindingID: "f-" + session, SessionID: session, Tenant: "default", Rule: "cn-answer-untrue", Severity: "high", State: "standing"}}
	k, opened, err := o.Report(by(t.Context(), "inspector-li"), cases.Report{SessionID: session, FindingID: "f-" + session, Kind: "price", Reason: "报错了价格"})
	if err != nil || !opened {
		t.Fatal(opened, err)
	}
	return k
}

// assessed takes a candidate to assessed with a loss in fen.
func (o *office) assessed(t testing.TB, session string, fen int64) cases.Case {
	t.Helper()
	k := o.candidate(t, session)
	k, err := o.Assess(by(t.Context(), "officer-zhao"), k.ID, k.Version, cases.Assessment{AmountMinor: fen, Currency: "CNY", Words: "多付了钱"})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// proposed offers the loss back in cash.
func (o *office) proposed(t testing.TB, session string, fen int64) cases.Case {
	t.Helper()
	k := o.assessed(t, session, fen)
	k, err := o.Propose(by(t.Context(), "officer-zhao"), k.ID, k.Version, cash(fen))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func cash(fen int64) cases.Offer {
	return cases.Offer{Form: "cash", AmountMinor: fen, Currency: "CNY", Reason: "退还多付的钱"}
}

// approve lets people approve what is proposed, one after the other.
func (o *office) approve(t testing.TB, k cases.Case, people ...string) cases.Case {
	t.Helper()
	for _, who := range people {
		var err error
		if k, err = o.Approve(by(t.Context(), who), k.ID, k.Version, k.Proposal.Digest, "属实"); err != nil {
			t.Fatal(who, err)
		}
	}
	return k
}

// journal is what the journal says of a case, its actions in their order.
func (o *office) journal(t testing.TB, subject string) (out []store.Entry) {
	t.Helper()
	if err := o.db.Read(t.Context(), func(tx *store.Tx) (err error) {
		out, err = tx.Journal(t.Context(), subject)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// refusals are the reasons that the journal has for what was refused.
func (o *office) refusals(t testing.TB, subject string) (out []string) {
	t.Helper()
	for _, e := range o.journal(t, subject) {
		if e.Action == "case.refused" || e.Action == "alert.refused" {
			out = append(out, e.Actor+": "+e.Reason)
		}
	}
	return out
}
