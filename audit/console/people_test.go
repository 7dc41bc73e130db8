package console_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"mingjian/audit/api"
	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
	"mingjian/policies"
)

// TestALinkLeadsToTheConfiguredAddress, whatever host the request names: whoever sends it chooses that.
func TestALinkLeadsToTheConfiguredAddress(t *testing.T) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), store.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	signIn, err := identity.NewSignIn(t.Context(), db, identity.Options{Address: "https://mingjian.example.com/", Cost: &identitytest.Cost, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	service, err := api.New(t.Context(), api.Options{
		Record: &consoletest.Record{}, Policies: func() *policies.Bundle { return consoletest.Bundle() }, System: consoletest.Health{}, Store: db, SignIn: signIn, Log: quiet,
		Version: "test", Authenticator: identitytest.EachRole(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/people", "/people/li/link"} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://evil.example"+path, strings.NewReader(url.Values{"id": {"li"}, "role": {"inspector"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
		r.Header.Set(identitytest.Header, "admin")
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		if page := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(page, "https://mingjian.example.com/welcome#") || strings.Contains(page, "evil.example") {
			t.Errorf("%s: %d %s", path, w.Code, problemOf(page))
		}
	}
}
