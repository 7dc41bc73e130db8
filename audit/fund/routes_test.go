package fund_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"mingjian/audit/fund"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
)

// person is signed in by naming a tenant.
type person struct{}

func (person) Authenticate(r *http.Request) (identity.Principal, bool, error) {
	return identity.Principal{ID: "qian", Roles: []identity.Role{identity.Role(r.Header.Get("Role"))}, Tenants: identitytest.Only(r.Header.Get("Tenant")), Lines: identitytest.Only(r.Header.Get("Line"))}, true, nil
}

// site serves the routes of the fund behind a guard.
type site struct {
	*http.ServeMux
	routes []identity.Route
}

func (s site) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	guard := identity.Guard{Authenticator: person{}, Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
		if errors.Is(err, identity.ErrDenied) {
			w.WriteHeader(http.StatusForbidden)
		}
	}}
	for _, r := range s.routes {
		if r.Method+" "+r.Path == pattern {
			s.ServeMux.HandleFunc(pattern, guard.Protect(r.Permission, h))
		}
	}
}

// serve answers requests in the name of finance of a tenant ("" for all), and of its line after a /.
func serve(b *books) func(tenant, method, path, body string) *httptest.ResponseRecorder {
	s := site{http.NewServeMux(), b.Routes()}
	at := identity.Mounting{Mux: s, API: humago.New(s, huma.DefaultConfig("test", "1")), Log: slog.New(slog.DiscardHandler)}
	for _, r := range s.routes {
		r.Handler.Mount(r, at)
	}
	return func(tenant, method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(body))
		role, whose, known := strings.Cut(tenant, "@")
		if !known {
			role, whose = string(identity.Finance), tenant
		}
		r.Header.Set("Role", role)
		whose, line, _ := strings.Cut(whose, "/")
		r.Header.Set("Tenant", whose)
		r.Header.Set("Line", line)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
}

func TestTheFundOverHTTP(t *testing.T) {
	b := open(t, t.TempDir()+"/books.db")
	ask := serve(b)
	topUp := `{"idempotency_key":"k-1","tenant":"acme","amount_minor":100000,"currency":"CNY","reason":"预算"}`
	for _, c := range []struct {
		who, method, path, body string
		want                    int
		holds                   string
	}{
		{"", "POST", "/topup", topUp, 201, `"kind":"topup"`},
		{"", "POST", "/topup", topUp, 200, `"balance_after":100000`},
		{"acme", "POST", "/topup", strings.Replace(topUp, "100000", "5", 1), 409, "needs a new key"},
		{"other", "POST", "/topup", topUp, 403, "not one that you may see"},
		{"viewer@", "POST", "/topup", topUp, 403, ""},
		{"officer@", "POST", "/topup", topUp, 403, ""},
		{"", "POST", "/topup", `{"tenant":"acme","amount_minor":100000,"currency":"CNY","reason":"x"}`, 422, "idempotency_key"},
		{"", "POST", "/topup", strings.Replace(topUp, "CNY", "cny", 1), 422, "three capital letters"},
		{"acme", "POST", "/writeoff", `{"idempotency_key":"w","amount_minor":100,"currency":"CNY","reason":""}`, 422, "reason"},
		{"acme", "POST", "/writeoff", `{"idempotency_key":"w","amount_minor":100,"currency":"CNY","reason":"结转"}`, 201, `"debit":"written_off"`},
		{"acme", "POST", "/writeoff", `{"idempotency_key":"w2","amount_minor":99901,"currency":"CNY","reason":"结转"}`, 409, "top it up first"},
		{"officer@acme", "GET", "", "", 200, `"available_minor":99900`},
		{"viewer@", "GET", "", "", 403, ""},
		{"other", "GET", "", "", 200, `"items":[]}`},
		{"other", "GET", "?tenant=acme", "", 200, `"items":[]}`},
		{"acme", "GET", "/entries?kind=writeoff", "", 200, `"next_cursor":""`},
		{"other", "GET", "/entries?tenant=acme", "", 200, `"items":[]`},
		{"acme", "GET", "/entries?cursor=x", "", 422, "next_cursor"},
		{"acme", "GET", "/days?currency=CNY&from=2026-11-19T00:00:00Z&to=2026-11-20T00:00:00Z", "", 200, `"day":"2026-11-20","topped_up_minor":100000`},
		{"acme", "GET", "/payouts", "", 200, `"items":[]`},
		{"acme", "POST", "/payouts/p-1/resend", `{"reason":"x"}`, 404, "no payout"},
		{"acme", "GET", "/statement?month=2026-11", "", 200, `"closing":{"topped_up_minor":100000,"available_minor":99900`},
		{"acme", "GET", "/statement?month=2026-11&currency=CNY&format=csv", "", 200, "充值 Top-up"},
		{"acme", "GET", "/statement?month=2026-11&format=xlsx", "", 200, "PK"},
		{"acme", "GET", "/statement?month=2026-11&format=pdf", "", 422, "format"},
		{"acme", "GET", "/statement?month=2027-11", "", 422, "has not begun"},
		{"other", "GET", "/statement?month=2026-11&tenant=acme", "", 403, "not one that you may see"},
	} {
		w := ask(c.who, c.method, "/api/v1/fund"+c.path, c.body)
		if w.Code != c.want || !strings.Contains(w.Body.String(), c.holds) {
			t.Errorf("%s %s %s %s: %d %.300s; wanted %d with %s", c.who, c.method, c.path, c.body, w.Code, w.Body.String(), c.want, c.holds)
		}
	}
	w := ask("acme", "GET", "/api/v1/fund/statement?month=2026-11&format=xlsx", "")
	if w.Header().Get("Content-Type") != "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" ||
		w.Header().Get("Content-Disposition") != "attachment; filename*=UTF-8''fund-acme-CNY-2026-11.xlsx" {
		t.Errorf("headers %v", w.Header())
	}
	b.whole()
}

func TestPagesOfPayoutsFollowEachOther(t *testing.T) {
	b := open(t, t.TempDir()+"/books.db")
	b.ordered("p-1", "p-2", "p-3")
	if _, err := b.settle(result("p-2", "case-p-2", false, cny(1_00))); err != nil {
		t.Fatal(err)
	}
	ask := serve(b)
	var ids []string
	cursor := ""
	for range 3 {
		var page struct {
			Items []fund.Standing
			Next  string `json:"next_cursor"`
		}
		w := ask("acme", "GET", "/api/v1/fund/payouts?limit=1&cursor="+cursor, "")
		b.must(json.Unmarshal(w.Body.Bytes(), &page))
		for _, p := range page.Items {
			ids = append(ids, p.ID)
		}
		cursor = page.Next
	}
	if strings.Join(ids, " ") != "p-3 p-2 p-1" || cursor != "" {
		t.Errorf("pages gave %v, and then %q", ids, cursor)
	}
	if w := ask("acme", "GET", "/api/v1/fund/payouts?state=failed", ""); !strings.Contains(w.Body.String(), `"why":"账户已注销"`) || strings.Contains(w.Body.String(), "p-1") {
		t.Errorf("failed ones: %s", w.Body)
	}
	if w := ask("other", "GET", "/api/v1/fund/payouts", ""); strings.Contains(w.Body.String(), "p-1") {
		t.Errorf("another tenant sees %s", w.Body)
	}
}

func TestTheFundIsShownToNobodyWhoSeesSomeLinesOnly(t *testing.T) {
	b := open(t, t.TempDir()+"/books.db")
	ask := serve(b)
	const change = `{"idempotency_key":"k2","amount_minor":1,"currency":"CNY","reason":"x"}`
	for _, c := range [][3]string{
		{"POST", "/api/v1/fund/topup", change}, {"POST", "/api/v1/fund/writeoff", change}, {"GET", "/api/v1/fund"}, {"GET", "/api/v1/fund/entries"}, {"GET", "/api/v1/fund/payouts"},
		{"GET", "/api/v1/fund/days?currency=CNY&from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z"}, {"GET", "/api/v1/fund/statement?month=2026-11"},
	} {
		if w := ask("/loans", c[0], c[1], c[2]); w.Code != 403 || !strings.Contains(w.Body.String(), "only some of its business lines") {
			t.Errorf("%s %s for somebody of a line: %d %s", c[0], c[1], w.Code, w.Body)
		}
		if w := ask("", c[0], c[1], c[2]); w.Code >= 400 {
			t.Errorf("%s %s for somebody of all: %d %s", c[0], c[1], w.Code, w.Body)
		}
	}
}
