package identity_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
)

func TestTheAdministratorsTokenIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	first, err := identity.AdminToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := identity.AdminToken(dir)
	if err != nil || again != first || len(first) < 43 {
		t.Errorf("the token %q became %q, %v", first, again, err)
	}
	info, err := os.Stat(filepath.Join(dir, "admin.token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its file has mode %v, %v", info.Mode(), err)
	}
	other, err := identity.AdminToken(t.TempDir())
	if err != nil || other == first {
		t.Errorf("two systems have the token %q, %v", other, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "admin.token"), []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := identity.AdminToken(dir); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("a token of five letters: %v", err)
	}
}

func request(header ...string) *http.Request {
	r := httptest.NewRequest("GET", "http://127.0.0.1:8080/", nil)
	r.RemoteAddr = "127.0.0.1:55555"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestTheLocalReader(t *testing.T) {
	reads := func(change func(*http.Request)) bool {
		r := request()
		change(r)
		p, ok, err := identity.LocalReader{}.Authenticate(r)
		if err != nil {
			t.Fatal(err)
		}
		if ok && (!p.May(identity.ReadFindings) || p.May(identity.OpenCases) || p.May(identity.WriteInteractions)) {
			t.Errorf("the local reader is %+v", p)
		}
		return ok
	}
	for name, c := range map[string]struct {
		want   bool
		change func(*http.Request)
	}{
		"at the machine":            {true, func(*http.Request) {}},
		"by name":                   {true, func(r *http.Request) { r.Host = "localhost:8080" }},
		"by IPv6":                   {true, func(r *http.Request) { r.Host, r.RemoteAddr = "[::1]:8080", "[::1]:5" }},
		"IPv4 in IPv6":              {true, func(r *http.Request) { r.RemoteAddr = "[::ffff:127.0.0.1]:5" }},
		"from elsewhere":            {false, func(r *http.Request) { r.RemoteAddr = "10.0.0.9:5" }},
		"a name that was rebound":   {false, func(r *http.Request) { r.Host = "evil.example:8080" }},
		"a name that looks local":   {false, func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }},
		"localhost as a subdomain":  {false, func(r *http.Request) { r.Host = "localhost.evil.example" }},
		"no host":                   {false, func(r *http.Request) { r.Host = "" }},
		"through a proxy":           {false, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.0.0.9") }},
		"with credentials":          {false, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }},
		"through a standard proxy":  {false, func(r *http.Request) { r.Header.Set("Forwarded", "for=10.0.0.9") }},
		"a peer that cannot be one": {false, func(r *http.Request) { r.RemoteAddr = "@" }},
	} {
		if got := reads(c.change); got != c.want {
			t.Errorf("%s: reads is %v", name, got)
		}
	}
}

func TestASignInIsRandomExpiresAndIsNotInTheStore(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
		db, err := store.Open(t.Context(), dsn, store.Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s, err := identity.NewSignIn(t.Context(), db, identity.Options{AdminToken: "the-token", Cost: &identitytest.Cost})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.WithAdminToken(t.Context(), request(), "another"); err != identity.ErrWrongToken {
			t.Errorf("a wrong token: %v", err)
		}
		one, err := s.WithAdminToken(t.Context(), request(), " the-token\n")
		if err != nil {
			t.Fatal(err)
		}
		two, err := s.WithAdminToken(t.Context(), request(), "the-token")
		if err != nil {
			t.Fatal(err)
		}
		if one.Value == two.Value || !one.HttpOnly || one.SameSite != http.SameSiteLaxMode || one.Secure {
			t.Errorf("the cookies are %v and %v", one, two)
		}
		in := func(c *http.Cookie) bool {
			r := request()
			r.AddCookie(c)
			p, ok, err := s.Authenticate(r)
			if err != nil {
				t.Fatal(err)
			}
			return ok && p.May(identity.OpenCases)
		}
		if !in(one) || !in(two) || in(&http.Cookie{Name: one.Name, Value: "guessed"}) {
			t.Error("the cookies do not open as they should")
		}
		r := request()
		r.AddCookie(one)
		if _, err := s.Close(t.Context(), r); err != nil || in(one) || !in(two) {
			t.Errorf("after one signed out: %v, %v, %v", err, in(one), in(two))
		}
		if err := db.Read(t.Context(), func(tx *store.Tx) error {
			var n int
			err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM signed_in WHERE id_digest = $1`, two.Value).Scan(&n)
			if n != 0 {
				t.Error("the store holds the cookie's value")
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		for range 7 { // used again and again
			if now = now.Add(100 * time.Minute); !in(two) {
				t.Fatal("it ended too early")
			}
		}
		if now = now.Add(20 * time.Minute); in(two) {
			t.Error("after twelve hours it does not end")
		}
		three, err := s.WithAdminToken(t.Context(), request(), "the-token")
		if err != nil {
			t.Fatal(err)
		}
		if now = now.Add(2*time.Hour - time.Second); !in(three) {
			t.Error("unused, it ended too early")
		}
		renewing := request("Sec-Fetch-Mode", "cors")
		renewing.AddCookie(three)
		now = now.Add(time.Hour)
		if _, ok, err := s.Authenticate(renewing); !ok || err != nil {
			t.Errorf("an hour later: %v, %v", ok, err)
		}
		if now = now.Add(time.Hour); in(three) {
			t.Error("a list that renews itself keeps it open")
		}
	})
}
