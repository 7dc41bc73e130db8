package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
)

const adminToken = "a-token-of-more-than-32-characters-xyz"

// signedIn is a person of each role, signed in with a password, by the role's name.
func (s *service) signedIn() map[string]string {
	s.t.Helper()
	cookies := map[string]string{}
	for _, role := range identity.Roles {
		if role == identity.Admin {
			continue
		}
		identitytest.Account(s.t, s.signIn, string(role), identity.Rights{Roles: []identity.Role{role}})
		cookies[string(role)] = s.cookie(string(role))
	}
	link, _, err := s.signIn.Accounts.FirstLink(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if link.Code == "" { // somebody has a password already
		if link, err = s.signIn.Accounts.NewLink(s.as(identity.Administrator), "admin"); err != nil {
			s.t.Fatal(err)
		}
	}
	if _, err := s.signIn.Accounts.SetPassword(s.t.Context(), link.Code, identitytest.Password); err != nil {
		s.t.Fatal(err)
	}
	cookies["admin"] = s.cookie("admin")
	return cookies
}

func (s *service) as(p identity.Principal) context.Context { return identity.With(s.t.Context(), p) }

// cookie signs an account in, as the header Cookie.
func (s *service) cookie(account string) string {
	c := identitytest.Cookie(s.t, s.signIn, account)
	return c.Name + "=" + c.Value
}

// token makes a token of the account for a scope, as the header Authorization.
func (s *service) token(account, scope string) string {
	s.t.Helper()
	text, _, err := s.signIn.Tokens.Make(s.as(identity.Administrator), identity.TokenRequest{Account: account, Name: "test", Scopes: []string{scope}, For: 48 * time.Hour})
	if err != nil {
		s.t.Fatal(err)
	}
	return "Bearer " + text
}

// paths fills in what routes leave open with things that there are.
func (s *service) paths() func(identity.Route) string {
	s.t.Helper()
	waiting := s.openReview(consoletest.Clean)
	set := s.calibration(s.finalReview())
	misjudged, _, err := s.api.Cases().Report(s.as(identitytest.EachRole()["officer"]), cases.Report{SessionID: consoletest.Clean, Kind: "other", Reason: "x"})
	if err != nil {
		s.t.Fatal(err)
	}
	fill := strings.NewReplacer("reviews/{id}", "reviews/"+waiting, "cases/{id}", "cases/"+misjudged.ID, "people/{id}", "people/admin", "tokens/{id}", "tokens/none",
		"{set}", set, "{id}", consoletest.Clean, "{$}", "", "{file}", "console.css")
	return func(r identity.Route) string { return fill.Replace(r.Path) }
}

// elsewhere are the routes about things of which there are none here; that is said once one is in.
var elsewhere = []string{
	"/api/v1/sampling/lots/{id}", "/sessions/{id}/original", "/api/v1/tokens/{id}/revoke", "/api/v1/welcome",
	"/api/v1/exports/{id}", "/api/v1/issued/{id}", "/exports/{id}", "/issued/{id}", "/api/v1/holds/{id}/lift", "/records/{act}",
}

// rows are the routes of testdata/permissions.txt and who gets in.
func rows(t *testing.T) (text string, in map[string][]string) {
	t.Helper()
	b, err := os.ReadFile("testdata/permissions.txt")
	if err != nil {
		t.Fatal(err)
	}
	in = map[string][]string{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		in[f[0]+" "+f[1]] = f[3:]
	}
	return string(b), in
}

// TestEveryRouteLetsInWhomTheTableSays walks every route as nobody, as each role, with a sign-in that ran
// out, and with a token of the administrator that is for something else. The answers are held against
// testdata/permissions.txt, so that a route without a row there fails.
func TestEveryRouteLetsInWhomTheTableSays(t *testing.T) {
	s := start(t)
	want, allowed := rows(t)
	path := s.paths()
	cookies := s.signedIn()
	s.later.Store(int64(-13 * time.Hour)) // after the others, since signing in clears away what has ended
	ended := s.signedInAgain(cookies)
	s.later.Store(0)
	who := map[string][]string{"nobody": nil}
	for role, cookie := range cookies {
		who[role] = []string{"Cookie", cookie}
		who["ended "+role] = []string{"Cookie", ended[role]}
	}
	who["a token that nobody made"] = []string{"Authorization", "Bearer mingjian_guessed"}
	narrow := map[bool]string{true: s.token("admin", "policies:read"), false: s.token("admin", "findings:read")}
	who["of the name alone"] = []string{"Cookie", "mingjian_session=admin"}

	order := []string{"nobody", "admin", "officer", "inspector", "supervisor", "approver", "finance", "regulator", "viewer", "source"}
	if len(order) != len(identity.Roles)+1 {
		t.Fatalf("%d roles are tested of %d", len(order)-1, len(identity.Roles))
	}
	var table strings.Builder
	for _, r := range s.api.Routes() {
		name := r.Method + " " + r.Path
		row, ok := allowed[name]
		if !ok {
			t.Errorf("%s has no row in testdata/permissions.txt", name)
		}
		who["with a token that is for something else"] = []string{"Authorization", narrow[r.Permission != identity.ReadPolicies]}
		var in []string
		for person, header := range who {
			known := slices.Contains(order[1:], person)
			answer, body := s.do("", r.Method, path(r), "{}", append([]string{"Content-Type", "application/json"}, header...)...)
			if answer.StatusCode >= 500 {
				t.Errorf("%s as %s: %s %s", name, person, answer.Status, body)
			}
			refused := answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized && answer.Header.Get("WWW-Authenticate") != ""
			if !refused {
				if answer.StatusCode == http.StatusNotFound && !slices.ContainsFunc(elsewhere, func(path string) bool { return strings.HasPrefix(r.Path, path) }) {
					t.Errorf("%s as %s: %s %s", name, person, answer.Status, body)
				}
				if known || person == "nobody" {
					in = append(in, person)
				} else if r.Permission != identity.Public {
					t.Errorf("%s lets in %s: %s %s", name, person, answer.Status, body)
				}
				continue
			}
			status := http.StatusUnauthorized
			if known || person == "with a token that is for something else" {
				status = http.StatusForbidden
			}
			if answer.StatusCode != status || answer.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s refuses %s with %s, %s", name, person, answer.Status, answer.Header.Get("Content-Type"))
			}
			if strings.Contains(body, consoletest.Clean) || strings.Contains(body, "您好") {
				t.Errorf("%s tells %s, whom it refuses: %s", name, person, body)
			}
		}
		slices.SortFunc(in, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
		if ok && !slices.Equal(in, row) {
			t.Errorf("%s lets in %s; the table says %s", name, in, row)
		}
		fmt.Fprintf(&table, "%-5s %-30s %-19s %s\n", r.Method, r.Path, r.Permission, strings.Join(in, " "))
	}
	if table.String() != want {
		t.Errorf("who gets in is not as testdata/permissions.txt says; if it is meant to be, the file becomes:\n%s", table.String())
	}
}

// signedInAgain signs everybody in anew.
func (s *service) signedInAgain(before map[string]string) map[string]string {
	cookies := map[string]string{}
	for role := range before {
		cookies[role] = s.cookie(role)
	}
	return cookies
}

// TestNobodySeesAnotherTenantOrLine walks every route as somebody who holds every permission in another
// tenant, and in another business line of the same one.
func TestNobodySeesAnotherTenantOrLine(t *testing.T) {
	s := start(t)
	path := s.paths()
	link, err := s.signIn.Accounts.NewLink(s.as(identity.Administrator), "admin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.signIn.Accounts.SetPassword(t.Context(), link.Code, identitytest.Password); err != nil {
		t.Fatal(err)
	}
	theirs := []string{"宽带", "您好", `"tenant":"default"`, consoletest.Clean}
	everything := s.cookie("admin")
	shown := 0
	for name, rights := range map[string]identity.Rights{
		"of another tenant": {Roles: []identity.Role{identity.Admin}, Tenants: []string{"nowhere", "nowhere-else"}},
		"of another line":   {Roles: []identity.Role{identity.Admin}, Lines: []string{"no-such-line"}},
	} {
		id := strings.ReplaceAll(name, " ", "-")
		identitytest.Account(t, s.signIn, id, rights)
		cookie := s.cookie(id)
		for _, r := range s.api.Routes() {
			if r.Permission == identity.Public || r.Permission == identity.ReadPolicies {
				continue
			}
			for _, accept := range []string{"application/json", "text/html"} {
				answer, body := s.do("", r.Method, path(r), "{}", "Content-Type", "application/json", "Cookie", cookie, "Accept", accept)
				if answer.StatusCode >= 500 {
					t.Errorf("%s %s for an administrator %s: %s", r.Method, r.Path, name, answer.Status)
				}
				about := strings.Contains(r.Path, "{id}") && !strings.Contains(r.Path, "people") && !strings.Contains(r.Path, "tokens")
				if about && answer.StatusCode < 400 && answer.StatusCode != http.StatusSeeOther {
					t.Errorf("%s %s for an administrator %s: %s %s", r.Method, r.Path, name, answer.Status, body)
				}
				if about {
					body = strings.ReplaceAll(body, consoletest.Clean, "") // it was asked for by this name
				}
				for _, secret := range theirs {
					if strings.Contains(body, secret) {
						t.Errorf("%s %s shows an administrator %s %q", r.Method, r.Path, name, secret)
					}
				}
			}
			if r.Method == http.MethodGet { // that what is looked for would be there is seen with other eyes
				if _, body := s.do("", r.Method, path(r), "", "Cookie", everything, "Accept", "text/html"); slices.ContainsFunc(theirs, func(secret string) bool { return strings.Contains(body, secret) }) {
					shown++
				}
			}
		}
	}
	if shown < 10 {
		t.Errorf("whoever sees everything is shown it by %d routes only: this test does not look for what there is", shown)
	}
}

// TestSeveralTenantsAndALine cut lists and sessions to both.
func TestSeveralTenantsAndALine(t *testing.T) {
	s := start(t)
	of := func(tenant, line string, opened time.Time) {
		s.record.Add(consoletest.Session("s-of-three", opened, "app", line, "CN").
			Say(1, "bot", "said in "+tenant+" "+line).Found("cn-ai-label-missing", 0, 1, "statute", `{"bot_texts":1}`).Of(tenant).Done())
	}
	of("alpha", "loans", consoletest.Now.Add(-3*time.Minute))
	of("beta", "loans", consoletest.Now.Add(-2*time.Minute))
	of("gamma", "loans", consoletest.Now.Add(-time.Minute)) // the newest
	identitytest.Account(t, s.signIn, "two", identity.Rights{Roles: []identity.Role{identity.Officer}, Tenants: []string{"alpha", "beta"}, Lines: []string{"loans"}})
	identitytest.Account(t, s.signIn, "cards", identity.Rights{Roles: []identity.Role{identity.Officer}, Tenants: []string{"alpha", "beta"}, Lines: []string{"cards"}})
	two, cards := s.cookie("two"), s.cookie("cards")
	for path, want := range map[string][3]int{ // how often alpha, beta and gamma are named
		"/api/v1/findings?limit=500": {1, 1, 0}, "/api/v1/findings?tenant=beta": {0, 1, 0}, "/api/v1/findings?tenant=gamma": {0, 0, 0},
		"/api/v1/sessions?limit=500": {1, 1, 0}, "/api/v1/findings?business_line=cards": {0, 0, 0},
	} {
		_, body := s.do("", "GET", path, "", "Cookie", two)
		for i, tenant := range []string{"alpha", "beta", "gamma"} {
			if got := strings.Count(body, `"tenant":"`+tenant+`"`); got != want[i] {
				t.Errorf("GET %s names %s %d times, want %d", path, tenant, got, want[i])
			}
		}
		if _, body := s.do("", "GET", path, "", "Cookie", cards); strings.Contains(body, "alpha") || strings.Contains(body, "loans") {
			t.Errorf("GET %s for another line: %s", path, body)
		}
	}
	for path, want := range map[string]string{"/api/v1/sessions/s-of-three": "said in beta", "/api/v1/sessions/s-of-three?tenant=alpha": "said in alpha", "/api/v1/sessions/s-of-three?tenant=gamma": ""} {
		answer, body := s.do("", "GET", path, "", "Cookie", two)
		if (want == "") != (answer.StatusCode == http.StatusNotFound) || !strings.Contains(body, want) {
			t.Errorf("GET %s: %s %s", path, answer.Status, body)
		}
		if answer, _ := s.do("", "GET", path, "", "Cookie", cards); answer.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s for another line: %s", path, answer.Status)
		}
	}
}

// TestACookieIsNoUseToAnotherSite posts to every route that changes something as a page of another site
// would make a signed-in browser do.
func TestACookieIsNoUseToAnotherSite(t *testing.T) {
	s := start(t)
	cookies := s.signedIn()
	path := s.paths()
	tried := 0
	for _, r := range s.api.Routes() {
		if r.Method != http.MethodPost || r.Path == "/api/v1/hooks/grafana" {
			continue
		}
		tried++
		for _, foreign := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://elsewhere.example"}, {"Origin", "null"}} {
			for _, kind := range []string{"application/json", "application/x-www-form-urlencoded", "text/plain"} {
				header := append([]string{"Cookie", cookies["admin"], "Content-Type", kind}, foreign...)
				if answer, body := s.do("", r.Method, path(r), "{}", header...); answer.StatusCode != http.StatusForbidden || !strings.Contains(body, "another site") {
					t.Errorf("%s %s with %s: %s", r.Method, r.Path, foreign, answer.Status)
				}
			}
		}
	}
	if tried < 30 {
		t.Errorf("only %d routes change anything", tried)
	}
}

// form sends the sign-in form.
func (s *service) form(path string, form url.Values, header ...string) (*http.Response, string) {
	s.t.Helper()
	return s.do("", "POST", path, form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html"}, header...)...)
}

func TestSigningInLeadsNowhereElse(t *testing.T) {
	s := start(t)
	identitytest.Account(t, s.signIn, "li", identity.Rights{Roles: []identity.Role{identity.Officer}})
	for _, next := range []string{
		"//evil.example", `/\evil.example`, `\\evil.example`, `\/evil.example`, "https://evil.example", "https:evil.example", "https:/evil.example", "javascript:alert(1)", "///evil.example",
		"/\t/evil.example", "\t//evil.example", "/%09/evil.example\r\nSet-Cookie: x=1", "/x\r\nLocation: https://evil.example", "evil.example", " //evil.example", "http://evil.example/signin",
	} {
		answer, _ := s.form("/signin", url.Values{"name": {"li"}, "password": {identitytest.Password}, "next": {next}})
		to := answer.Header.Get("Location")
		at, err := url.Parse(to)
		if answer.StatusCode != http.StatusSeeOther || err != nil || at.Host != "" || at.Scheme != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
			t.Errorf("next=%q leads to %s %q", next, answer.Status, to)
		}
		if len(answer.Header["Location"]) != 1 || len(answer.Header["Set-Cookie"]) != 1 {
			t.Errorf("next=%q makes headers of its own: %v", next, answer.Header)
		}
		if answer, body := s.do("", "GET", "/signin?next="+url.QueryEscape(next), "", "Accept", "text/html"); answer.StatusCode != 200 || !strings.Contains(body, `name="next" value="/"`) {
			t.Errorf("next=%q is kept by the form: %s", next, answer.Status)
		}
	}
	if answer, _ := s.form("/signin", url.Values{"name": {"li"}, "password": {identitytest.Password}, "next": {"/findings?severity=high"}}); answer.Header.Get("Location") != "/findings?severity=high" {
		t.Errorf("its own page: %q", answer.Header.Get("Location"))
	}
}

func TestTheIDOfASignInIsNewAndEndsWithIt(t *testing.T) {
	s := start(t)
	identitytest.Account(t, s.signIn, "li", identity.Rights{Roles: []identity.Role{identity.Officer}})
	enter := func(header ...string) *http.Cookie {
		t.Helper()
		answer, _ := s.form("/signin", url.Values{"name": {"li"}, "password": {identitytest.Password}}, header...)
		for _, c := range answer.Cookies() {
			if strings.HasSuffix(c.Name, "mingjian_session") && c.Value != "" {
				return c
			}
		}
		t.Fatalf("%s with cookies %v", answer.Status, answer.Cookies())
		return nil
	}
	reads := func(c *http.Cookie) int {
		answer, _ := s.do("", "GET", "/api/v1/findings", "", "Cookie", c.Name+"="+c.Value)
		return answer.StatusCode
	}
	planted := &http.Cookie{Name: "mingjian_session", Value: "an-id-that-the-attacker-knows"}
	c := enter("Cookie", planted.Name+"="+planted.Value)
	if c.Value == planted.Value || reads(planted) != 401 || reads(c) != 200 {
		t.Errorf("the planted id answers %d, the new one %d", reads(planted), reads(c))
	}
	again := enter("Cookie", c.Name+"="+c.Value)
	if reads(c) != 401 || reads(again) != 200 {
		t.Errorf("after signing in again the id from before answers %d, the new one %d", reads(c), reads(again))
	}
	if !again.HttpOnly || again.SameSite != http.SameSiteLaxMode || again.Path != "/" || again.Domain != "" {
		t.Errorf("the cookie is %v", again)
	}
	if answer, _ := s.form("/signout", nil, "Cookie", again.Name+"="+again.Value); answer.StatusCode != http.StatusSeeOther || reads(again) != 401 {
		t.Errorf("after signing out (%s) it answers %d", answer.Status, reads(again))
	}
	// Over TLS the cookie says that no other host set it.
	r := httptest.NewRequest("POST", "https://mingjian.example.com/signin", strings.NewReader(url.Values{"name": {"li"}, "password": {identitytest.Password}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	if set := w.Result().Cookies(); len(set) != 1 || set[0].Name != "__Host-mingjian_session" || !set[0].Secure || w.Header().Get("Strict-Transport-Security") == "" {
		t.Errorf("over TLS: %v, %v", set, w.Header())
	}
}

func TestFilesAreReachedByTheirNamesOnly(t *testing.T) {
	s := start(t)
	cookies := s.signedIn()
	for _, up := range []string{"../api.go", "..%2fapi.go", "%2e%2e/api.go", "%2e%2e%2fapi.go", "..%5capi.go", "%252e%252e%252fapi.go", "....//api.go", "/etc/passwd", "%2fetc%2fpasswd", "console.css%00.txt", "../templates/layout.html", "..%2ftemplates%2flayout.html", "../../../../etc/passwd", "%00", "."} {
		for _, under := range []string{"/static/", "/sessions/", "/api/v1/sessions/", "/cases/", "/api/v1/cases/", "/reviews/", "/api/v1/sampling/lots/", "/api/v1/people/"} {
			answer, body := s.do("", "GET", under+up, "", "Cookie", cookies["admin"])
			if answer.StatusCode < 300 && !strings.HasPrefix(answer.Request.URL.Path, "/static/console") || answer.StatusCode >= 500 || strings.Contains(body, "root:") || strings.Contains(body, "package ") || strings.Contains(body, "{{") {
				t.Errorf("GET %s%s: %s %.200s", under, up, answer.Status, body)
			}
			if to := answer.Header.Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to, "://") {
				t.Errorf("GET %s%s leads to %q", under, up, to)
			}
		}
	}
}

// TestNamesMakeNoHeaders: what people are called stands in answers, and must not become part of their head.
func TestNamesMakeNoHeaders(t *testing.T) {
	s := start(t)
	cookies := s.signedIn()
	for _, name := range []string{"x\r\nSet-Cookie: mingjian_session=planted", "x\nX-Injected: 1", "x\u2028y", "<script>alert(1)</script>"} {
		body := fmt.Sprintf(`{"id":%q,"name":%q,"roles":["viewer"]}`, name, name)
		answer, _ := s.do("", "POST", "/api/v1/people", body, "Content-Type", "application/json", "Cookie", cookies["admin"])
		if answer.StatusCode != http.StatusUnprocessableEntity && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%q is invited: %s", name, answer.Status)
		}
		if answer, _ := s.form("/signin", url.Values{"name": {name}, "password": {name}, "next": {"/" + name}}); answer.Header.Get("X-Injected") != "" || len(answer.Cookies()) != 0 {
			t.Errorf("signing in as %q answers %v", name, answer.Header)
		}
		for _, path := range []string{"/api/v1/sessions/" + url.PathEscape(name), "/findings?session=" + url.QueryEscape(name), "/findings.csv?session=" + url.QueryEscape(name)} {
			if answer, body := s.do("", "GET", path, "", "Cookie", cookies["admin"], "Accept", "text/html"); answer.Header.Get("X-Injected") != "" || len(answer.Cookies()) != 0 || strings.Contains(body, "<script>alert") {
				t.Errorf("GET %s answers %v", path, answer.Header)
			}
		}
	}
}

func TestGuessingIsSlowedDownAndTellsNothing(t *testing.T) {
	s := start(t)
	identitytest.Account(t, s.signIn, "somebody-known", identity.Rights{Roles: []identity.Role{identity.Officer}})
	said := map[string][]string{}
	for _, name := range []string{"somebody-known", "somebody-else"} {
		for range 7 {
			answer, body := s.form("/signin", url.Values{"name": {name}, "password": {"not the password"}}, "Accept-Language", "en")
			body = strings.ReplaceAll(body, name, "NAME")
			said[name] = append(said[name], fmt.Sprint(answer.StatusCode, answer.Header.Get("Retry-After"), len(answer.Header["Set-Cookie"]), body))
			if answer.StatusCode == http.StatusTooManyRequests && answer.Header.Get("Retry-After") == "" {
				t.Error("how long to wait is not said")
			}
		}
	}
	if !slices.Equal(said["somebody-known"], said["somebody-else"]) {
		t.Error("somebody who has an account is answered otherwise than somebody who has none")
	}
	if !strings.HasPrefix(said["somebody-known"][4], "401") || !strings.HasPrefix(said["somebody-known"][6], "429") {
		t.Errorf("seven wrong passwords: %.3s … %.3s", said["somebody-known"][4], said["somebody-known"][6])
	}
}

// TestTheAdministratorsTokenWorksAsBefore, and API tokens beside it.
func TestTokensOverHTTP(t *testing.T) {
	s := start(t)
	bearer := []string{"Authorization", "Bearer " + adminToken, "Content-Type", "application/json"}
	invite := func(id, role string) string {
		t.Helper()
		answer, body := s.do("", "POST", "/api/v1/people", fmt.Sprintf(`{"id":%q,"roles":[%q]}`, id, role), bearer...)
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("invite %s: %s %s", id, answer.Status, body)
		}
		return field(body, "code")
	}
	code := invite("wang", "officer")
	welcome := fmt.Sprintf(`{"code":%q,"password":%q}`, code, identitytest.Password)
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		if answer, body := s.do("", "POST", "/api/v1/welcome", welcome, "Content-Type", "application/json"); answer.StatusCode != want {
			t.Errorf("the link: %s %s, want %d", answer.Status, body, want)
		}
	}
	wang := []string{"Cookie", s.cookie("wang"), "Content-Type", "application/json"}
	answer, body := s.do("", "POST", "/api/v1/tokens", `{"name":"report","scopes":["findings"]}`, wang...)
	token := field(body, "token")
	if answer.StatusCode != http.StatusOK || token == "" {
		t.Fatalf("a token: %s %s", answer.Status, body)
	}
	for path, want := range map[string]int{"/api/v1/findings": 200, "/api/v1/cases": 403, "/api/v1/tokens": 403, "/api/v1/people": 403} {
		if answer, body := s.do("", "GET", path, "", "Authorization", "Bearer "+token); answer.StatusCode != want || strings.Contains(body, token) {
			t.Errorf("GET %s with it: %s %s", path, answer.Status, body)
		}
	}
	if answer, _ := s.do("", "POST", "/api/v1/tokens", `{"name":"x","scopes":["people"]}`, wang...); answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a token wider than its maker: %s", answer.Status)
	}
	if _, list := s.do("", "GET", "/api/v1/tokens", "", wang...); strings.Contains(list, token) || !strings.Contains(list, `"used_at"`) {
		t.Errorf("the list says %s", list)
	}
	if answer, _ := s.do("", "POST", "/api/v1/tokens/"+field(body, "id")+"/revoke", "", bearer...); answer.StatusCode != http.StatusNoContent {
		t.Errorf("revoke: %s", answer.Status)
	}
	if answer, _ := s.do("", "GET", "/api/v1/findings", "", "Authorization", "Bearer "+token); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("revoked it answers %s", answer.Status)
	}
	// Being shut takes effect at the next request.
	if answer, body := s.do("", "POST", "/api/v1/people/wang/disable", `{"reason":"left"}`, bearer...); answer.StatusCode != http.StatusNoContent {
		t.Fatalf("disable: %s %s", answer.Status, body)
	}
	if answer, _ := s.do("", "GET", "/api/v1/findings", "", wang...); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("after being shut wang reads: %s", answer.Status)
	}
}

// field is a text of a flat JSON object.
func field(body, name string) string {
	_, rest, _ := strings.Cut(body, `"`+name+`":"`)
	text, _, _ := strings.Cut(rest, `"`)
	return text
}

// TestDenialsAreWrittenDown, once for each person and route in an hour.
func TestDenialsAreWrittenDown(t *testing.T) {
	s := start(t)
	identitytest.Account(t, s.signIn, "li", identity.Rights{Roles: []identity.Role{identity.Regulator}})
	cookie := s.cookie("li")
	for range 3 {
		s.do("", "GET", "/api/v1/findings?session=secret", "", "Cookie", cookie)
	}
	s.do("", "GET", "/api/v1/findings", "") // nobody
	if err := s.db.Read(t.Context(), func(tx *store.Tx) error {
		entries, err := tx.Journal(t.Context(), "route:GET /api/v1/findings")
		if len(entries) != 1 || entries[0].Actor != "li" || entries[0].Action != "identity.denied" || !strings.Contains(string(entries[0].Detail), "findings:read") {
			t.Errorf("the journal has %+v", entries)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
