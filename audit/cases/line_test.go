package cases_test

import (
	"errors"
	"slices"
	"testing"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/audit/store/storetest"
	"mingjian/collector/warehouse"
)

// TestACaseIsOfItsSessionsLine opens cases in each of the ways there are, and looks who sees them.
func TestACaseIsOfItsSessionsLine(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		record := &told{now: monday, rows: []warehouse.Misjudged{finding("f-1", "loans/found", monday), finding("f-2", "cards/found", monday)}}
		o := openOffice(t, dsn, withSecret, func(c *cases.Options) { c.Record, c.Rules = record, catalogue })
		reported := map[string]cases.Case{}
		for _, session := range []string{"loans/reported", "cards/reported", "reported"} {
			reported[session] = o.candidate(t, session)
		}
		if err := o.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		body := message(firing("firing", "fp-1", `"session_id":"loans/alert"`, monday), firing("firing", "fp-2", `"session_id":"cards/alert"`, monday))
		if status, text := send(t, o.serve(t), hookPath, body, signed(hookSecret, body, o.now)...); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
		see := func(lines ...string) (out []string, counted int) {
			t.Helper()
			ctx := identity.With(t.Context(), identity.Principal{ID: "officer-lin", Roles: []identity.Role{identity.Officer}, Lines: lines})
			page, err := o.List(ctx, cases.Query{Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			board, err := o.Board(ctx, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range page.Items {
				out = append(out, k.SessionID)
			}
			for _, c := range board {
				counted += c.N
			}
			slices.Sort(out)
			return out, counted
		}
		if got, n := see(); len(got) != 7 || n != 7 {
			t.Errorf("whoever sees all lines sees %q, %d", got, n)
		}
		if got, n := see("loans"); !slices.Equal(got, []string{"loans/alert", "loans/found", "loans/reported"}) || n != 3 {
			t.Errorf("whoever sees loans sees %q, %d", got, n)
		}
		loans := identity.With(t.Context(), identity.Principal{ID: "officer-lin", Roles: []identity.Role{identity.Officer}, Lines: []string{"loans"}})
		for session, k := range reported {
			_, read := o.Get(loans, k.ID)
			_, changed := o.Assess(loans, k.ID, k.Version, cases.Assessment{AmountMinor: 1, Currency: "CNY", Words: "x"})
			for _, err := range []error{read, changed} {
				if want := session == "loans/reported"; want != (err == nil) || !want && !errors.Is(err, cases.ErrNotFound) {
					t.Errorf("%s for whoever sees loans: %v", session, err)
				}
			}
		}
	})
}
