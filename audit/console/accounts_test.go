package console_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
)

// visitor is somebody at a browser of their own.
type visitor struct {
	*office
	*http.Client
}

func (o *office) visitor() visitor {
	o.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		o.t.Fatal(err)
	}
	return visitor{o, &http.Client{Jar: jar}}
}

// post sends a form, follows where it leads, and returns status, path and page.
func (v visitor) post(path string, form url.Values) (int, string, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), "POST", v.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.do(r)
}

func (v visitor) open(path string) (int, string, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), "GET", v.URL+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.do(r)
}

func (v visitor) do(r *http.Request) (int, string, string) {
	v.t.Helper()
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Language", "en")
	answer, err := v.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer.StatusCode, answer.Request.URL.RequestURI(), string(b)
}

var oneTimeLink = regexp.MustCompile(`<code class="secret">(http://[^<]+)</code>`)

// invited makes an account through the pages and returns its one-time link.
func (o *office) invited(id string, form url.Values) string {
	o.t.Helper()
	form.Set("id", id)
	status, _, page := o.send("admin", "/people", form)
	link := oneTimeLink.FindStringSubmatch(page)
	if status != 200 || link == nil {
		o.t.Fatalf("inviting %s: %d %s", id, status, problemOf(page))
	}
	return link[1]
}

const sentence = "two herons over a quiet lake"

func TestFromTheInvitationToOnesOwnPassword(t *testing.T) {
	o := newPlainOffice(t)
	link := o.invited("Zhou.Yi", url.Values{"name": {"周<b>易</b>"}, "role": {"officer"}})
	at, code, ok := strings.Cut(link, "#")
	if !ok || at != o.URL+"/welcome" || len(code) < 40 {
		t.Fatalf("the link is %q", link)
	}
	if page := o.get("admin", "/people", "en"); strings.Contains(page, code) || !strings.Contains(page, "周&lt;b&gt;") || strings.Contains(page, "<b>易") {
		t.Error("the link is shown again, or a name is markup")
	}
	v := o.visitor()
	for name, c := range map[string]struct {
		form url.Values
		want int
	}{
		"different": {url.Values{"code": {code}, "password": {sentence}, "again": {sentence + "!"}}, 422},
		"short":     {url.Values{"code": {code}, "password": {"short"}, "again": {"short"}}, 422},
		"no link":   {url.Values{"code": {"made-up"}, "password": {sentence}, "again": {sentence}}, 410},
	} {
		status, _, page := v.post("/welcome", c.form)
		if status != c.want || strings.Contains(page, sentence) || !strings.Contains(page, `value="`+c.form.Get("code")+`"`) || !strings.Contains(page, `aria-invalid="true"`) {
			t.Errorf("%s: %d", name, status)
		}
	}
	status, path, page := v.post("/welcome", url.Values{"code": {link}, "password": {sentence}, "again": {sentence}}) // the whole link, as it is pasted
	if status != 200 || path != "/account?said=welcome" || !strings.Contains(page, "Your password is set") || !strings.Contains(page, "Compliance officer") {
		t.Fatalf("setting the password: %d %s", status, path)
	}
	if status, _, page := o.visitor().post("/welcome", url.Values{"code": {code}, "password": {sentence}, "again": {sentence}}); status != 410 || !strings.Contains(page, "used already") {
		t.Errorf("the link once more: %d", status)
	}
	// Elsewhere, with the password; what one asked for before comes after.
	w := o.visitor()
	if _, path, page := w.open("/journal?actor=admin"); path != "/signin?next=%2Fjournal%3Factor%3Dadmin" || !strings.Contains(page, `name="password"`) {
		t.Errorf("the journal without a sign-in leads to %s", path)
	}
	if status, _, page := w.post("/signin", url.Values{"name": {"zhou.yi"}, "password": {"wrong"}, "next": {"/journal"}}); status != 401 || !strings.Contains(page, `value="zhou.yi"`) || !strings.Contains(page, `value="/journal"`) || strings.Contains(page, "wrong") && strings.Contains(page, `value="wrong"`) {
		t.Errorf("a wrong password: %d", status)
	}
	if status, path, _ := w.post("/signin", url.Values{"name": {"ZHOU.YI"}, "password": {sentence}, "next": {"/journal"}}); status != 200 || path != "/journal" {
		t.Errorf("with the password: %d %s", status, path)
	}
	// One's own password is changed with the one before, and the first browser is signed out.
	for name, form := range map[string]url.Values{
		"the one before is wrong": {"old": {"wrong"}, "password": {sentence + " 2"}, "again": {sentence + " 2"}},
		"too easy":                {"old": {sentence}, "password": {"password12345678"}, "again": {"password12345678"}},
	} {
		if status, _, page := w.post("/account/password", form); status != 401 && status != 422 || !strings.Contains(page, `id="password-fault"`) {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, path, _ := w.post("/account/password", url.Values{"old": {sentence}, "password": {sentence + " 2"}, "again": {sentence + " 2"}}); status != 200 || path != "/account?said=password" {
		t.Errorf("changing it: %d %s", status, path)
	}
	if _, path, _ := v.open("/account"); !strings.HasPrefix(path, "/signin") {
		t.Errorf("the other browser is still signed in, at %s", path)
	}
}

func TestTooManyAttemptsAreToldHowLongToWait(t *testing.T) {
	o := newPlainOffice(t)
	identitytest.Account(t, o.signIn, "li", identity.Rights{Roles: []identity.Role{identity.Inspector}})
	v := o.visitor()
	var status int
	var page string
	for range 8 {
		if status, _, page = v.post("/signin", url.Values{"name": {"li"}, "password": {"guess"}}); status == 429 {
			break
		}
	}
	if status != 429 || !regexp.MustCompile(`Try again in \d+ s`).MatchString(page) || !strings.Contains(page, `value="li"`) {
		t.Errorf("after many guesses: %d", status)
	}
	for range 30 {
		if status, _, page = v.post("/signin", url.Values{"token": {"guess"}}); status == 429 {
			break
		}
	}
	if status != 429 || !strings.Contains(page, `<details class="by-token" open>`) {
		t.Errorf("after many tokens: %d", status)
	}
}

func TestPeopleAreManagedByWhoeverMay(t *testing.T) {
	o := newPlainOffice(t)
	o.invited("wang", url.Values{"role": {"inspector"}, "tenants": {"acme\n\n beta "}, "lines": {"loans"}})
	says(t, o.get("admin", "/people", "en"), "wang", "acme", "beta", "loans", "invited")
	// What is wrong is named at its field, and all that was typed comes back.
	for field, form := range map[string]url.Values{
		"id":      {"id": {"wang"}, "role": {"officer"}, "name": {"另一位"}},
		"email":   {"id": {"liu"}, "role": {"officer"}, "email": {"no address"}},
		"roles":   {"id": {"liu"}, "tenants": {"acme"}},
		"tenants": {"id": {"liu"}, "role": {"officer"}, "tenants": {strings.Repeat("x", 200)}},
	} {
		status, _, page := o.send("admin", "/people", form)
		if status != 422 || !strings.Contains(page, `id="`+field+`-fault"`) || oneTimeLink.MatchString(page) {
			t.Errorf("%s: %d", field, status)
		}
		for name, v := range form {
			if name != "role" && !strings.Contains(page, v[0]) {
				t.Errorf("%s: what was typed as %s is gone", field, name)
			}
		}
	}
	if status, where, _ := o.send("admin", "/people/wang/rights", url.Values{"role": {"supervisor", "officer"}}); status != 303 || where != "/people/wang?said=rights" {
		t.Errorf("other roles: %d %s", status, where)
	}
	page := o.get("admin", "/people/wang?said=rights", "en")
	for _, role := range []string{"supervisor", "officer"} {
		if !strings.Contains(page, `value="`+role+`" checked`) {
			t.Errorf("wang is no %s", role)
		}
	}
	if status, _, page := o.send("admin", "/people/wang/rights", url.Values{"lines": {"loans"}}); status != 422 || !strings.Contains(page, `>loans</textarea>`) {
		t.Errorf("no role at all: %d", status)
	}
	// Nothing that shuts somebody out is done without being asked.
	for name, form := range map[string]url.Values{"not agreed": {"reason": {"left"}}, "no reason": {"sure": {"yes"}, "reason": {" "}}} {
		if status, _, _ := o.send("admin", "/people/wang/disable", form); status != 422 {
			t.Errorf("shut although %s: %d", name, status)
		}
	}
	for range 2 { // sent twice
		if status, _, _ := o.send("admin", "/people/wang/disable", url.Values{"sure": {"yes"}, "reason": {"left <i>us</i>"}}); status != 303 {
			t.Errorf("shutting the account: %d", status)
		}
	}
	says(t, o.get("admin", "/people/wang", "en"), "shut", "Open the account again")
	says(t, o.get("officer", "/journal?subject=account:wang", "en"), "Disabled an account", "left")
	if status, _, _ := o.send("admin", "/people/wang/enable", nil); status != 303 {
		t.Errorf("opening it: %d", status)
	}
	if status, _, page := o.send("admin", "/people/wang/link", nil); status != 200 || !oneTimeLink.MatchString(page) {
		t.Errorf("a new link: %d", status)
	}
	if status, _, page := o.send("admin", "/people/admin/disable", url.Values{"sure": {"yes"}, "reason": {"x"}}); status != 422 {
		t.Errorf("the administrator's account was shut: %d %s", status, problemOf(page))
	}
	if status, _, page := visit404(t, o, "/people/nobody"); status != 404 || !strings.Contains(page, "no such account") {
		t.Errorf("nobody's page: %d", status)
	}
	for _, who := range []string{"officer", "supervisor", "inspector", "viewer", "regulator"} {
		for _, path := range []string{"/people", "/people/wang", "/people/wang/rights"} {
			if status, _, _ := visit404(t, o, path, who); status != 403 {
				t.Errorf("%s as %s: %d", path, who, status)
			}
		}
		if status, _, _ := o.send(who, "/people", url.Values{"id": {"x"}, "role": {"admin"}}); status != 403 {
			t.Errorf("%s invited somebody: %d", who, status)
		}
	}
}

// visit404 is visit for pages that need not be there; as the administrator unless somebody is named.
func visit404(t *testing.T, o *office, path string, who ...string) (int, string, string) {
	t.Helper()
	status, page, header := visit(t, o.URL+path, append(who, "admin")[0], "en")
	return status, header.Get("Location"), page
}

func TestTokensAreShownOnceAndRevoked(t *testing.T) {
	o := newPlainOffice(t)
	identitytest.Account(t, o.signIn, "zhao", identity.Rights{Roles: []identity.Role{identity.Supervisor}})
	v := o.visitor()
	v.post("/signin", url.Values{"name": {"zhao"}, "password": {identitytest.Password}})
	form := url.Values{"name": {"报表 <script>"}, "scope": {"findings:read", "journal:read"}, "days": {"30"}}
	for name, wrong := range map[string]url.Values{
		"no name":  with(form, "name", ""),
		"no scope": {"name": {"n"}, "days": {"30"}},
		"not held": {"name": {"n"}, "days": {"30"}, "scope": {"people:manage"}},
		"for ever": with(form, "days", "100000"),
		"no days":  with(form, "days", "soon"),
	} {
		if status, _, page := v.post("/tokens", wrong); status != 422 || !strings.Contains(page, `id="token-fault"`) || strings.Contains(page, "mingjian_") && strings.Contains(page, "The token is made") {
			t.Errorf("%s: %d", name, status)
		}
	}
	status, _, page := v.post("/tokens", form)
	text := regexp.MustCompile(`<code class="secret">(mingjian_[^<]+)</code>`).FindStringSubmatch(page)
	if status != 200 || text == nil || strings.Contains(page, "<script> ") || !strings.Contains(page, "报表 &lt;script&gt;") {
		t.Fatalf("making one: %d", status)
	}
	if status, _, page := v.post("/tokens", form); status != 422 || !strings.Contains(page, "of this name is there already") {
		t.Errorf("sent twice: %d", status)
	}
	if _, _, page := v.open("/tokens"); strings.Contains(page, text[1]) {
		t.Error("it is shown again")
	}
	asked := func() int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", o.URL+"/api/v1/findings", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+text[1])
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := asked(); got != 200 {
		t.Errorf("with the token: %d", got)
	}
	_, _, page = v.open("/tokens")
	at := regexp.MustCompile(`action="(/tokens/[^"]+/revoke)"`).FindStringSubmatch(page)
	if at == nil {
		t.Fatal("it cannot be revoked")
	}
	if status, _, page := v.post(at[1], nil); status != 422 || !strings.Contains(page, "Tick the box") || asked() != 200 {
		t.Errorf("revoked without being asked: %d", status)
	}
	if status, path, page := v.post(at[1], url.Values{"sure": {"yes"}}); status != 200 || path != "/tokens?said=revoked" || !strings.Contains(page, "revoked") || asked() == 200 {
		t.Errorf("revoking it: %d %s", status, path)
	}
	// The administrator makes one for a program and revokes it; nobody else revokes a stranger's.
	o.invited("feed", url.Values{"role": {"source"}})
	status, _, page = o.send("admin", "/people/feed/tokens", url.Values{"name": {"crm"}, "scope": {"interactions:write"}, "days": {"90"}})
	if status != 200 || !strings.Contains(page, `<code class="secret">mingjian_`) {
		t.Fatalf("for a program: %d", status)
	}
	id := regexp.MustCompile(`revoke\?token=([0-9a-f-]+)"`).FindStringSubmatch(page)
	if id == nil {
		t.Fatal("the administrator cannot revoke it")
	}
	if status, _, _ := v.post("/tokens/"+id[1]+"/revoke", url.Values{"sure": {"yes"}}); status != 404 {
		t.Errorf("a stranger's: %d", status)
	}
	if status, where, _ := o.send("admin", "/people/feed/revoke?token="+id[1], url.Values{"sure": {"yes"}}); status != 303 || where != "/people/feed?said=revoke" {
		t.Errorf("by the administrator: %d %s", status, where)
	}
	entries, err := o.db.Entries(t.Context(), store.JournalQuery{Action: "token.revoked"})
	if err != nil || len(entries) != 2 {
		t.Errorf("%d revocations in the journal, %v", len(entries), err)
	}
}

func TestTheSignInPageLetsNobodyElseIn(t *testing.T) {
	o := newPlainOffice(t)
	says(t, o.get("", "/signin", "en"), "Nobody has set a password yet")
	identitytest.Account(t, o.signIn, "li", identity.Rights{Roles: []identity.Role{identity.Inspector}})
	if strings.Contains(o.get("", "/signin", "en"), "Nobody has set a password yet") {
		t.Error("somebody has, and the page says nobody has")
	}
	v := o.visitor()
	for next, want := range map[string]string{"/reviews": "/reviews", "//evil.example/": "/", `/\evil.example`: "/", "https://evil.example": "/"} {
		if status, path, _ := v.post("/signin", url.Values{"name": {"li"}, "password": {identitytest.Password}, "next": {next}}); status != 200 || path != want {
			t.Errorf("next %q led to %d %s", next, status, path)
		}
	}
	if status, _, _ := v.open("/people"); status != 403 {
		t.Errorf("an inspector at the people page: %d", status)
	}
	if _, _, page := v.open("/"); strings.Contains(page, `href="/system"`) != identity.Inspector.Holds(identity.ReadSystem) || strings.Contains(page, `href="/tokens"`) {
		t.Error("the page offers what its reader may not open")
	}
}
