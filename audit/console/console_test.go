package console_test

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"mingjian/audit/api"
	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
	"mingjian/policies"
)

// token is the administrator's in these tests.
const token = "test-token-that-nobody-else-knows-0123456789"

// service is the whole service over a made-up record, with its clock at consoletest.Now.
func service(t *testing.T, record *consoletest.Record) (*httptest.Server, *store.DB) {
	t.Helper()
	return serviceOf(t, record, consoletest.Bundle())
}

func serviceOf(t *testing.T, record *consoletest.Record, bundle *policies.Bundle) (*httptest.Server, *store.DB) {
	t.Helper()
	now := func() time.Time { return consoletest.Now }
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), store.Options{Now: now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	signIn, err := identity.NewSignIn(t.Context(), db, identity.Options{AdminToken: token, Cost: &identitytest.Cost})
	if err != nil {
		t.Fatal(err)
	}
	s, err := api.New(t.Context(), api.Options{
		Record: record, Policies: func() *policies.Bundle { return bundle }, System: consoletest.Health{}, Store: db, SignIn: signIn, Log: quiet, Now: now, Version: "test",
		Authenticator: identity.First{identitytest.EachRole(), signIn.Tokens, signIn, identity.LocalReader{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server, db
}
