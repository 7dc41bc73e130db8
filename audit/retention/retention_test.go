package retention_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/audit/retention"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/audit/vault"
	"mingjian/collector/original"
	"mingjian/collector/seal"
	"mingjian/policies"
)

const tenant = "acme"

// house is retention over a record in memory, with a store and keys of its own.
type house struct {
	*retention.Retention
	t      *testing.T
	db     *store.DB
	keys   *vault.Vault
	record *ledger
	rules  *policies.Bundle
	now    time.Time
}

var builtin = func() *policies.Bundle {
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		panic(err)
	}
	return b
}()

func open(t *testing.T, dsn string) *house {
	t.Helper()
	h := &house{t: t, record: newLedger(tenant), rules: builtin, now: time.Date(2026, 11, 16, 1, 0, 0, 0, time.UTC)}
	var err error
	if h.db, err = store.Open(t.Context(), dsn, store.Options{Now: func() time.Time { return h.now }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.db.Close() })
	if h.keys, err = vault.Open(t.Context(), h.db, filepath.Join(t.TempDir(), vault.MasterKeyFile), true); err != nil {
		t.Fatal(err)
	}
	h.record.trespass = func(erasure string) {
		if !strings.Contains(h.entry(erasure), h.root(erasure)) {
			t.Errorf("erasure %s destroys rows, and its statement is not certain to come", erasure)
		}
	}
	h.restart()
	return h
}

// restart is a new process.
func (h *house) restart() {
	h.t.Helper()
	made, err := cases.New(h.t.Context(), h.db, nil, cases.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.Retention, err = retention.New(h.t.Context(), retention.Options{Store: h.db, Record: h.record, Vault: h.keys, Cases: made, Rules: func() *policies.Bundle { return h.rules }})
	if err != nil {
		h.t.Fatal(err)
	}
}

// entry is what the log is to say of an erasure, "" where nothing is queued.
func (h *house) entry(erasure string) (text string) {
	h.t.Helper()
	err := h.db.Read(h.t.Context(), func(tx *store.Tx) error {
		return tx.QueryRowContext(h.t.Context(), `SELECT COALESCE(MAX(entry), '') FROM evidence_entries WHERE key = $1`, "erasure:"+erasure).Scan(&text)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

func (h *house) entries() (n int) {
	h.t.Helper()
	err := h.db.Read(h.t.Context(), func(tx *store.Tx) error {
		return tx.QueryRowContext(h.t.Context(), `SELECT count(*) FROM evidence_entries`).Scan(&n)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// root is over what the record has noted of an erasure.
func (h *house) root(erasure string) string {
	var leaves []seal.Hash
	for offset := range int64(len(h.record.lines) + 100) {
		if r, ok := h.record.erasures[erasure][offset]; ok {
			leaves = append(leaves, seal.HashOf(r.Leaf))
		}
	}
	return seal.Root(leaves).String()
}

func (h *house) said() (out []string) {
	for _, r := range h.record.lines {
		out = append(out, r.text)
	}
	return out
}

// key is the data key of an owner in a month, and whether it is still the one it was is seen by its id.
func (h *house) key(o original.Owner) string {
	h.t.Helper()
	o.Tenant, o.Month = tenant, "2026-10"
	keys, err := h.keys.Keys(h.t.Context(), []original.Owner{o})
	if err != nil {
		h.t.Fatal(err)
	}
	return keys[0].ID
}

func by(ctx context.Context, id string, tenants ...string) context.Context {
	return identity.With(ctx, identity.Principal{ID: id, Roles: []identity.Role{identity.Officer}, Tenants: tenants})
}

func (h *house) officer() context.Context { return by(h.t.Context(), "officer-zhao") }

// fill has two sessions of one customer, one that was adopted, and one of another.
func (h *house) fill() (his, hers string) {
	h.record.say("s1", "c-1", "one")
	h.record.say("s2", "c-1", "two")
	h.record.say("s3", "c-2", "hers")
	h.record.say("s1", "c-1", "three")
	h.record.say("s4", "", "adopted")
	his, hers = h.key(original.Owner{Customer: "c-1"}), h.key(original.Owner{Customer: "c-2"})
	h.key(original.Owner{Session: "s4"})
	err := h.keys.Adopt(h.t.Context(), []original.Adoption{{Was: original.Owner{Tenant: tenant, Session: "s4"}, Is: original.Owner{Tenant: tenant, Customer: "c-1"}}})
	if err != nil {
		h.t.Fatal(err)
	}
	return his, hers
}

var request = retention.Request{Tenant: tenant, Customer: "c-1", Reason: "asked"}

// Killed before or after any step, and run again, by the same command or by the service, it ends the same.
func TestAnErasureEndsTheSameWhereverItWasKilled(t *testing.T) {
	killed := errors.New("killed")
	steps := []string{"", "find", "list", "note", "read", "blank", "forget"}
	for _, resumed := range []bool{false, true} {
		for i, at := range steps {
			for _, done := range []bool{false, true} {
				storetest.OnEach(t, func(t *testing.T, dsn string) {
					name := fmt.Sprintf("%s %v, resumed %v", at, done, resumed)
					h := open(t, dsn)
					_, hers := h.fill()
					h.record.step = func(step string, after bool) error {
						if step == at && after == done {
							return killed
						}
						return nil
					}
					if _, err := h.Erase(h.officer(), request); at != "" && !errors.Is(err, killed) {
						t.Fatalf("%s: %v", name, err)
					}
					h.record.step = func(string, bool) error { return nil }
					h.restart()
					if resumed {
						before := fmt.Sprint(h.said(), h.entries())
						if err := h.Resume(t.Context(), h.now.Add(1)); err != nil || fmt.Sprint(h.said(), h.entries()) != before {
							t.Errorf("%s: taken over from whoever may still be at it: %v", name, err)
						}
						h.now = h.now.Add(time.Hour)
						if err := h.Resume(t.Context(), time.Time{}); err != nil {
							t.Fatal(name, err)
						}
					}
					e, err := h.Erase(h.officer(), request)
					if err != nil {
						t.Fatal(name, err)
					}
					if at == "" || resumed && i > 2 { // it was whole before
						if e.ID != "" {
							t.Errorf("%s: something was left to erase: %+v", name, e)
						}
					} else if e.State != retention.Done || e.Rows != 4 || e.Sessions != 3 || e.Keys != 2 || e.By != "officer-zhao" {
						t.Errorf("%s: %+v", name, e)
					}
					if e, err = h.Erase(h.officer(), request); err != nil || e.ID != "" || e.Rows+e.Keys != 0 {
						t.Errorf("%s: once more: %+v, %v", name, e, err)
					}
					if got := strings.Join(h.said(), ","); got != ",,hers,," {
						t.Errorf("%s: the record says %q", name, got)
					}
					if n := h.entries(); n != 1 {
						t.Errorf("%s: the log has %d entries", name, n)
					}
					if h.key(original.Owner{Customer: "c-2"}) != hers {
						t.Errorf("%s: another's key is gone", name)
					}
					for id, rows := range h.record.erasures {
						var entry struct {
							Type string
							Body map[string]any
						}
						if err := json.Unmarshal([]byte(h.entry(id)), &entry); err != nil {
							t.Fatal(name, err)
						}
						if entry.Type != "person.erased" || entry.Body["rows"] != 4.0 || entry.Body["leaves_root"] != h.root(id) || entry.Body["keys"] != 2.0 || len(rows) != 4 ||
							entry.Body["erasure"] != id || entry.Body["tenant"] != tenant || strings.Contains(h.entry(id), `"c-1"`) {
							t.Errorf("%s: %s", name, h.entry(id))
						}
					}
					var names string
					err = h.db.Read(t.Context(), func(tx *store.Tx) error {
						return tx.QueryRowContext(t.Context(), `SELECT COALESCE(MAX(names), '') FROM retention_erasures`).Scan(&names)
					})
					if err != nil || names != "" {
						t.Errorf("%s: the store still knows %q, %v", name, names, err)
					}
				})
			}
		}
	}
}

func TestWhatIsHeldIsNeitherErasedNorSwept(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		h := open(t, dsn)
		his, _ := h.fill()
		h.now = h.now.AddDate(4, 0, 0) // all is past its term
		for _, n := range []retention.NewHold{
			{Scope: retention.HoldAll}, {Scope: retention.HoldTenant, Tenant: tenant}, {Scope: retention.HoldSession, Tenant: tenant, Session: "s2"},
			{Scope: retention.HoldCustomer, Tenant: tenant, Customer: "c-1"}, {Scope: retention.HoldCustomer, Tenant: tenant, Customer: h.keys.Pseudonym("c-1")},
			{Scope: retention.HoldSession, Tenant: tenant, Session: "s4"},
		} {
			n.Reason = "lawsuit 7"
			placed, err := h.Place(by(t.Context(), "counsel-sun"), n)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(placed.Subject, "c-1") {
				t.Errorf("the hold names the customer: %+v", placed)
			}
			var held *retention.Held
			_, err = h.Erase(h.officer(), request)
			if !errors.As(err, &held) || !strings.Contains(err.Error(), placed.ID) || !strings.Contains(err.Error(), "counsel-sun") || !strings.Contains(err.Error(), "lawsuit 7") {
				t.Errorf("%s: %v", n.Scope, err)
			}
			if got := strings.Join(h.said(), ","); got != "one,two,hers,three,adopted" {
				t.Errorf("%s: the record says %q", n.Scope, got)
			}
			due, err := h.Sweep(t.Context(), true)
			if err != nil || len(due) != 1 || due[0].Held == 0 || n.Scope == retention.HoldSession && due[0].Held != 1 {
				t.Errorf("%s: %+v, %v", n.Scope, due, err)
			}
			for range 2 {
				if l, err := h.Lift(h.officer(), placed.ID, "settled"); err != nil || l.LiftedBy != "officer-zhao" || l.LiftedAt.IsZero() {
					t.Fatalf("%+v, %v", l, err)
				}
			}
		}
		if h.key(original.Owner{Customer: "c-1"}) != his {
			t.Error("a key of what was held is gone")
		}
		// One that is placed in the last moment.
		var placed retention.Hold
		h.record.step = func(step string, done bool) (err error) {
			if step == "read" && done {
				placed, err = h.Place(h.officer(), retention.NewHold{Scope: retention.HoldCustomer, Tenant: tenant, Customer: "c-1", Reason: "now"})
			}
			return err
		}
		var held *retention.Held
		if _, err := h.Erase(h.officer(), request); !errors.As(err, &held) || held.Hold.ID != placed.ID {
			t.Errorf("held in the last moment: %v", err)
		}
		h.record.step = func(string, bool) error { return nil }
		h.now = h.now.Add(time.Hour)
		if err := h.Resume(t.Context(), time.Time{}); err != nil || h.key(original.Owner{Customer: "c-1"}) != his || h.said()[0] != "one" || h.entries() != 0 || len(h.record.erasures) != 0 {
			t.Errorf("it was not given up: %v, %q, %v", err, h.said(), h.record.erasures)
		}
		if _, err := h.Lift(h.officer(), placed.ID, "settled"); err != nil {
			t.Fatal(err)
		}
		if e, err := h.Erase(h.officer(), request); err != nil || e.Rows != 4 || h.said()[0] != "" {
			t.Errorf("after it was lifted: %+v, %v, %q", e, err, h.said())
		}

		all, next, err := h.Holds(h.officer(), retention.HoldQuery{Limit: 5})
		if err != nil || len(all) != 5 || next == "" || all[0].ID != placed.ID {
			t.Fatalf("%+v, %q, %v", all, next, err)
		}
		rest, next, err := h.Holds(h.officer(), retention.HoldQuery{Limit: 5, Cursor: next})
		if err != nil || len(rest) != 2 || next != "" || rest[1].Scope != retention.HoldAll {
			t.Errorf("%+v, %q, %v", rest, next, err)
		}
		if of, _, err := h.Holds(h.officer(), retention.HoldQuery{Limit: 50, Customer: h.keys.Pseudonym("c-1")}); err != nil || len(of) != 3 {
			t.Errorf("holds on the customer: %+v, %v", of, err)
		}
		if none, _, err := h.Holds(by(t.Context(), "other", "beta"), retention.HoldQuery{Limit: 50}); err != nil || len(none) != 1 {
			t.Errorf("another tenant's officer sees %+v, %v", none, err)
		}
	})
}

func TestWhyOtherLinesAreHeldIsNotTold(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "a.db"))
	for _, n := range []retention.NewHold{{Scope: retention.HoldAll}, {Scope: retention.HoldSession, Tenant: tenant, Session: "s-loans"}} {
		n.Reason = "lawsuit 7"
		placed, err := h.Place(h.officer(), n)
		if err == nil && n.Scope == retention.HoldAll {
			_, err = h.Lift(h.officer(), placed.ID, "settled")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	bound := identity.With(t.Context(), identity.Principal{ID: "o", Roles: []identity.Role{identity.Officer}, Tenants: []string{tenant}, Lines: []string{"cards"}})
	seen, _, err := h.Holds(bound, retention.HoldQuery{Limit: 9})
	if err != nil || len(seen) != 2 || seen[1].LiftedBy == "" || seen[0].PlacedAt.IsZero() {
		t.Fatalf("%+v, %v", seen, err)
	}
	for _, hold := range seen {
		if hold.Subject+hold.Reason+hold.Lifted != "" {
			t.Errorf("somebody of another line reads %+v", hold)
		}
	}
	if all, _, err := h.Holds(h.officer(), retention.HoldQuery{Limit: 9}); err != nil || all[0].Reason != "lawsuit 7" || all[0].Subject != "s-loans" || all[1].Lifted != "settled" {
		t.Errorf("somebody of all lines reads %+v, %v", all, err)
	}
}

func TestWhatCannotBeHeldOrErasedIsSaid(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "a.db"))
	h.fill()
	var fault *retention.Fault
	for want, n := range map[string]retention.NewHold{
		"reason": {Scope: retention.HoldAll}, "scope": {Scope: "world", Tenant: tenant, Reason: "r"}, "scope ": {Scope: retention.HoldAll, Tenant: tenant, Reason: "r"},
		"scope  ": {Scope: retention.HoldCustomer, Tenant: tenant, Reason: "r"}, "scope   ": {Scope: retention.HoldSession, Session: "s", Reason: "r"}, "tenant": {Scope: retention.HoldTenant, Tenant: "beta", Reason: "r"},
	} {
		if _, err := h.Place(by(t.Context(), "o", tenant), n); !errors.As(err, &fault) || fault.Field != strings.TrimSpace(want) {
			t.Errorf("%+v: %v", n, err)
		}
	}
	for want, q := range map[string]retention.Request{
		"reason": {Tenant: tenant, Customer: "c"}, "tenant": {Customer: "c", Reason: "r"}, "customer": {Tenant: tenant, Reason: "r"}, "tenant ": {Tenant: "beta", Customer: "c", Reason: "r"},
		"customer ": {Tenant: tenant, Customer: "erased", Reason: "r"},
	} {
		if _, err := h.Erase(by(t.Context(), "o", tenant), q); !errors.As(err, &fault) || fault.Field != strings.TrimSpace(want) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if _, err := h.Lift(h.officer(), "hold-none", "r"); !errors.Is(err, retention.ErrNotFound) {
		t.Error(err)
	}
	placed, err := h.Place(h.officer(), retention.NewHold{Scope: retention.HoldTenant, Tenant: tenant, Reason: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Lift(by(t.Context(), "o", "beta"), placed.ID, "r"); !errors.Is(err, retention.ErrNotFound) {
		t.Errorf("another tenant's officer: %v", err)
	}
	if now, _, err := h.Holds(h.officer(), retention.HoldQuery{Standing: true, Limit: 9}); err != nil || len(now) != 1 {
		t.Errorf("a lift that was refused lifted it: %+v, %v", now, err)
	}
	if _, err := h.Erase(t.Context(), request); err == nil {
		t.Error("nobody erased")
	}
	if _, err := h.Lift(h.officer(), placed.ID, "r"); err != nil {
		t.Fatal(err)
	}
	e, err := h.Erase(h.officer(), retention.Request{Tenant: tenant, Customer: "c-1", Reason: "r", DryRun: true})
	if err != nil || e.ID != "" || e.Rows != 4 || e.Sessions != 3 || e.Keys != 2 || h.said()[0] != "one" || h.entries() != 0 {
		t.Errorf("a dry run: %+v, %v", e, err)
	}
}

// What a collector had in hand, and what no seal covered, is erased by a later round; known by a pseudonym or
// not, it is the same person.
func TestWhatComesLaterIsErasedByALaterRound(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		h := open(t, dsn)
		h.record.say("s1", h.keys.Pseudonym("13812345678"), "one")
		h.record.say("s1", "", "two")
		h.record.sealed = 0
		e, err := h.Erase(h.officer(), retention.Request{Tenant: tenant, Customer: "13812345678", Reason: "asked"})
		if err != nil || e.Rows != 1 {
			t.Fatalf("%+v, %v", e, err)
		}
		if err := h.Resume(t.Context(), h.now.Add(-time.Hour)); err != nil || h.entries() != 1 {
			t.Errorf("a round with nothing to do: %d entries, %v", h.entries(), err)
		}
		h.record.sealed = 9
		h.record.talks["s1"].customer = h.keys.Pseudonym("13812345678") // a collector that had it in hand
		h.now = h.now.Add(time.Minute)
		if err := h.Resume(t.Context(), h.now); err != nil || h.said()[1] != "two" {
			t.Errorf("looked at what is older: %v", err)
		}
		if err := h.Resume(t.Context(), h.now.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(h.said(), ","); got != "," || h.record.talks["s1"].customer != "" || h.entries() != 2 {
			t.Errorf("the record says %q, %d entries", got, h.entries())
		}
		if e, err := h.Erase(h.officer(), retention.Request{Tenant: tenant, Customer: h.keys.Pseudonym("13812345678"), Reason: "again"}); err != nil || e.ID != "" {
			t.Errorf("%+v, %v", e, err)
		}
		sessions, count, err := h.keys.Erased(t.Context(), 0)
		if err != nil || len(sessions) != 1 || sessions[0] != (original.Owner{Tenant: tenant, Session: "s1"}) {
			t.Errorf("collectors are told of %+v, %v", sessions, err)
		}
		if none, again, err := h.keys.Erased(t.Context(), count); err != nil || len(none) != 0 || again != count {
			t.Errorf("%+v, %d, %v", none, again, err)
		}
	})
}

func TestWhatIsPastItsTermGoesAndItsSealsStay(t *testing.T) {
	killed := errors.New("killed")
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		h := open(t, dsn)
		add := func(id, jurisdiction, industry string, years int, days int) {
			h.record.say(id, "c-"+id, id)
			talk := h.record.talks[id]
			talk.jurisdiction, talk.industry, talk.recorded = jurisdiction, industry, h.now.AddDate(-years, 0, -days).UnixMilli()
		}
		for _, c := range []struct {
			jurisdiction, industry string
			years                  int
		}{{"CN", "", 3}, {"ES", "telecom", 5}, {"CN", "insurance", 10}, {"ES-CT", "insurance", 10}} {
			add("old "+c.jurisdiction+c.industry, c.jurisdiction, c.industry, c.years, 1)
			add("new "+c.jurisdiction+c.industry, c.jurisdiction, c.industry, c.years, -1)
		}
		add("open", "CN", "", 4, 0)
		h.record.talks["open"].pending = true
		add("held", "CN", "", 4, 0)
		if _, err := h.Place(h.officer(), retention.NewHold{Scope: retention.HoldCustomer, Tenant: tenant, Customer: "c-held", Reason: "r"}); err != nil {
			t.Fatal(err)
		}
		want := map[string]policies.Term{
			"CN ": {Years: 3, Clause: "cn-ec-31-3y"}, "CN insurance": {Years: 10, Clause: "cn-ins-rec"}, "ES telecom": {Years: 5, Clause: "es-21-22-audit"}, "ES-CT insurance": {Years: 10, Clause: "cn-ins-rec"},
		}
		check := func(due []retention.Due) {
			t.Helper()
			for _, d := range due {
				name := d.Jurisdiction + " " + d.Industry
				if d.Term != want[name] || d.Sessions != 1 || d.Rows != 1 || !d.Before.Equal(h.now.AddDate(-d.Term.Years, 0, 0)) || (d.Held == 1) != (name == "CN ") {
					t.Errorf("%+v", d)
				}
			}
			if len(due) != len(want) {
				t.Errorf("%+v", due)
			}
		}
		due, err := h.Sweep(t.Context(), true)
		if err != nil || len(h.record.lines) != 10 || h.entries() != 0 {
			t.Fatal(err, h.said())
		}
		check(due)
		for _, at := range []string{"note", "drop", "drop sessions"} {
			h.record.step = func(step string, done bool) error {
				if step == at {
					return killed
				}
				return nil
			}
			if _, err := h.Sweep(t.Context(), false); !errors.Is(err, killed) {
				t.Errorf("%s: %v", at, err)
			}
			h.restart()
		}
		h.record.step = func(string, bool) error { return nil }
		h.now = h.now.Add(time.Hour)
		if err := h.Resume(t.Context(), time.Time{}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Sweep(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(h.said(), ","); got != "new CN,new EStelecom,new CNinsurance,new ES-CTinsurance,open,held" || len(h.record.talks) != 6 {
			t.Errorf("%q is left", got)
		}
		gone := map[int64]bool{}
		for id, rows := range h.record.erasures {
			if e := h.entry(id); !strings.Contains(e, `"type":"retention.swept"`) || !strings.Contains(e, h.root(id)) || !strings.Contains(e, `"years":`) {
				t.Errorf("%s: %s", id, e)
			}
			for offset, r := range rows {
				gone[offset] = true
				if !r.Gone || len(r.Leaf) != 32 {
					t.Errorf("%+v", r)
				}
			}
		}
		if len(gone) != 4 {
			t.Errorf("%d rows are accounted for", len(gone))
		}
		if due, err := h.Sweep(t.Context(), false); err != nil || len(due) != 1 || due[0].Sessions != 0 || due[0].Held != 1 {
			t.Errorf("again: %+v, %v", due, err)
		}
	})
}

// A service that starts carries on with what another left.
func TestRunEndsWhatWasBegunAndItself(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "a.db"))
	h.fill()
	killed := errors.New("killed")
	h.record.step = func(step string, done bool) error {
		if step == "blank" {
			return killed
		}
		return nil
	}
	if _, err := h.Erase(h.officer(), request); !errors.Is(err, killed) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h.now = h.now.Add(time.Hour)
	h.record.step = func(step string, done bool) error {
		if step == "forget" && done {
			defer cancel() // the round goes on without
		}
		return nil
	}
	if err := h.Run(ctx); err != nil || h.said()[0] != "" || h.record.talks["s1"].customer != "" {
		t.Errorf("%v, %q", err, h.said())
	}
}
