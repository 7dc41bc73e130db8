//go:build e2e

package identity_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
)

// realProvider runs npm's oidc-provider, a certified one, until the test ends. MINGJIAN_OIDC_PROVIDER is the
// node_modules that has it.
func realProvider(t *testing.T, redirect string, people map[string]any) (issuer string) {
	modules := os.Getenv("MINGJIAN_OIDC_PROVIDER")
	if modules == "" {
		t.Fatal("MINGJIAN_OIDC_PROVIDER must be the path of a node_modules with oidc-provider")
	}
	said, err := json.Marshal(people)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "testdata/provider.mjs")
	cmd.Env = append(os.Environ(), "REDIRECT="+redirect, "PEOPLE="+string(said), "CLIENT_ID="+clientID, "CLIENT_SECRET="+clientSecret)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill() // by its own id, should it not end by itself
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "http://") {
			return lines.Text()
		}
	}
	t.Fatal("the provider did not start")
	return ""
}

// TestARealProvider walks through its pages as a browser does.
func TestARealProvider(t *testing.T) {
	var d *door
	mux := http.NewServeMux()
	mux.HandleFunc("GET /begin", func(w http.ResponseWriter, r *http.Request) {
		to, c, err := d.Begin(r, "/after")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		http.SetCookie(w, c)
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
	mux.HandleFunc("GET "+identity.CallbackPath, func(w http.ResponseWriter, r *http.Request) {
		set, next, err := d.Finish(r)
		for _, c := range set {
			http.SetCookie(w, c)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	})
	mux.HandleFunc("GET /after", func(w http.ResponseWriter, r *http.Request) {
		p, ok, err := d.Authenticate(r)
		fmt.Fprint(w, p.ID, " ", p.Roles, " ", p.Tenants, " ", ok && err == nil)
	})
	console := httptest.NewServer(mux)
	defer console.Close()

	issuer := realProvider(t, console.URL+identity.CallbackPath, map[string]any{
		"li":   map[string]any{"email": "li@example.com", "email_verified": true},
		"mei":  map[string]any{"preferred_username": "Mei", "name": "梅", "groups": []string{"qa", "acme"}},
		"wang": map[string]any{"email": "wang@example.com", "email_verified": true, "groups": []string{"canteen"}},
	})
	db, err := store.Open(t.Context(), t.TempDir()+"/state.db", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := identity.NewSignIn(t.Context(), db, identity.Options{Address: console.URL, Cost: &identitytest.Cost, Provider: &identity.ProviderOptions{
		Issuer: issuer, ClientID: clientID, ClientSecret: clientSecret,
		Roles: map[string]identity.Role{"qa": identity.Inspector}, Tenants: map[string]string{"acme": "acme"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	d = &door{SignIn: s, t: t, db: db}
	if _, _, err := s.Accounts.Invite(d.admin(), identity.Invitation{ID: "li.mei", Email: "li@example.com", Rights: inspector}); err != nil {
		t.Fatal(err)
	}
	for login, want := range map[string]string{
		"li":   "200 /after li.mei [inspector] [] true", // was invited
		"mei":  "200 /after mei [inspector] [acme] true",
		"wang": "403 " + identity.CallbackPath + " " + identity.ErrUninvited.Error(),
	} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		browser := &http.Client{Jar: jar}
		if got := walk(t, browser, console.URL+"/begin", login); got != want {
			t.Errorf("%s: %s, want %s", login, got, want)
		}
	}
}

// walk follows the provider's forms until it is through them, and says where it came out.
func walk(t *testing.T, browser *http.Client, from, login string) string {
	answer, err := browser.Get(from)
	for range 5 {
		if err != nil {
			t.Fatal(err)
		}
		page, err := html.Parse(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		action, text := "", ""
		form := url.Values{}
		for n := range page.Descendants() {
			at := map[string]string{}
			for _, a := range n.Attr {
				at[a.Key] = a.Val
			}
			switch {
			case n.Type == html.TextNode:
				text += n.Data
			case n.Data == "form" && n.Type == html.ElementNode:
				action = at["action"]
			case n.Data == "input" && n.Type == html.ElementNode:
				form.Set(at["name"], at["value"])
			}
		}
		if action == "" {
			return fmt.Sprintf("%d %s %s", answer.StatusCode, answer.Request.URL.Path, strings.TrimSpace(text))
		}
		if form.Has("login") {
			form.Set("login", login)
			form.Set("password", "any")
		}
		to, err := answer.Request.URL.Parse(action)
		if err != nil {
			t.Fatal(err)
		}
		answer, err = browser.PostForm(to.String(), form)
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the provider's forms do not end")
	return ""
}
