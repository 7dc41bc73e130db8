package identity_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
)

const day = 24 * time.Hour

func bearing(token string) *http.Request { return request("Authorization", "Bearer "+token) }

func (d *door) byToken(token string) (identity.Principal, bool) {
	d.t.Helper()
	p, ok, err := d.Tokens.Authenticate(bearing(token))
	if ok != (err == nil) {
		d.t.Fatalf("a token is %v, %v", ok, err)
	}
	if err != nil && strings.Contains(err.Error(), token) {
		d.t.Errorf("the error tells the token: %v", err)
	}
	return p, ok
}

func TestATokenDoesWhatItIsForAndNothingElse(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "wang", identity.Rights{Roles: []identity.Role{identity.Officer}, Tenants: []string{"acme"}})
		wang := identity.Principal{ID: "wang", Roles: []identity.Role{identity.Officer}, Tenants: []string{"acme"}}
		text, made, err := d.Tokens.Make(d.as(wang), identity.TokenRequest{Name: "report", Scopes: []string{"findings:read", "exports"}, For: day})
		if err != nil {
			t.Fatal(err)
		}
		if made.Account != "wang" || made.MadeBy != "wang" || !made.Until.Equal(d.now.Add(day)) || !strings.HasPrefix(text, "mingjian_") || len(text) < 50 {
			t.Errorf("made %+v", made)
		}
		p, ok := d.byToken(text)
		if !ok || p.ID != "wang" || !p.Sees("acme") || p.Sees("other") {
			t.Errorf("it is of %+v", p)
		}
		for perm, want := range map[identity.Permission]bool{
			identity.ReadFindings: true, identity.MakeExports: true, identity.IssueExports: true, identity.Public: true,
			identity.ReadIssued:  false, // of the noun, but not wang's
			identity.AssessCases: false, identity.ReadSessions: false, identity.ManageTokens: false, identity.OwnAccount: false, identity.ManagePeople: false,
		} {
			if p.May(perm) != want {
				t.Errorf("it may %s: %v", perm, !want)
			}
		}
		if list, err := d.Tokens.List(d.as(wang), ""); err != nil || len(list) != 1 || !list[0].UsedAt.Equal(d.now) {
			t.Errorf("its use is not known: %+v, %v", list, err)
		}
		// What it may do follows the account.
		if err := d.Accounts.Change(d.admin(), "wang", identity.Rights{Roles: []identity.Role{identity.Viewer}}); err != nil {
			t.Fatal(err)
		}
		if p, _ := d.byToken(text); p.May(identity.MakeExports) || !p.May(identity.ReadFindings) {
			t.Error("it may what its owner may no longer")
		}
		if err := d.Accounts.Disable(d.admin(), "wang", "gone"); err != nil {
			t.Fatal(err)
		}
		if _, ok := d.byToken(text); ok {
			t.Error("the token of an account that is shut opens")
		}
		if err := d.Accounts.Enable(d.admin(), "wang"); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(day - time.Millisecond)
		if _, ok := d.byToken(text); !ok {
			t.Error("it ended too early")
		}
		if d.now = d.now.Add(time.Millisecond); true {
			if _, ok := d.byToken(text); ok {
				t.Error("it does not end")
			}
		}
		if err := d.db.Read(t.Context(), func(tx *store.Tx) error {
			var n int
			err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM api_tokens WHERE digest = $1`, text).Scan(&n)
			if n != 0 {
				t.Error("the store holds the token")
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestATokenIsNeverWiderThanWhoMakesIt(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "wang", identity.Rights{Roles: []identity.Role{identity.Viewer}})
		wang := identity.Principal{ID: "wang", Roles: []identity.Role{identity.Viewer}}
		for name, scopes := range map[string][]string{
			"more than theirs": {"cases:assess"}, "another noun": {"people"}, "all": {"*"}, "none": {}, "empty": {" "}, "a part of a noun": {"find"}, "one of two": {"findings", "fund"},
		} {
			if _, _, err := d.Tokens.Make(d.as(wang), identity.TokenRequest{Name: "x", Scopes: scopes, For: day}); !refusal(err, "scopes") {
				t.Errorf("%s: %v", name, err)
			}
		}
		narrow := wang
		narrow.Scopes = []string{"tokens", "findings:read", "cases:read"}
		if _, _, err := d.Tokens.Make(d.as(narrow), identity.TokenRequest{Name: "x", Scopes: []string{"sessions:read"}, For: day}); !refusal(err, "scopes") {
			t.Errorf("a token makes one wider than itself: %v", err)
		}
		if _, _, err := d.Tokens.Make(d.as(narrow), identity.TokenRequest{Name: "x", Scopes: []string{"cases"}, For: day}); !refusal(err, "scopes") {
			t.Errorf("a token makes one for a noun of which it has one permission: %v", err)
		}
		if _, _, err := d.Tokens.Make(d.as(narrow), identity.TokenRequest{Name: "x", Scopes: []string{"findings:read"}, For: day}); err != nil {
			t.Errorf("a token makes one as narrow as itself: %v", err)
		}
		if _, _, err := d.Tokens.Make(d.as(wang), identity.TokenRequest{Account: "admin", Name: "x", Scopes: []string{"findings"}, For: day}); !errors.Is(err, identity.ErrNoAccount) {
			t.Errorf("makes the administrator's token: %v", err)
		}
		for field, in := range map[string]identity.TokenRequest{"name": {Scopes: []string{"findings"}, For: day}, "until": {Name: "x", Scopes: []string{"findings"}, For: 367 * day}} {
			if _, _, err := d.Tokens.Make(d.as(wang), in); !refusal(err, field) {
				t.Errorf("%+v: %v", in, err)
			}
		}
		// A program's, by the administrator: an account without a password.
		if _, _, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: "crm", Rights: identity.Rights{Roles: []identity.Role{identity.Source}, Tenants: []string{"acme"}}}); err != nil {
			t.Fatal(err)
		}
		text, made, err := d.Tokens.Make(d.admin(), identity.TokenRequest{Account: "crm", Name: "feed", Scopes: []string{"interactions:write"}, For: day})
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := d.byToken(text); !ok || p.ID != "crm" || !p.May(identity.WriteInteractions) || p.May(identity.ReadFindings) {
			t.Errorf("it is of %+v", p)
		}
		if _, _, err := d.Tokens.Make(d.admin(), identity.TokenRequest{Account: "crm", Name: "feed", Scopes: []string{"findings"}, For: day}); !refusal(err, "scopes") {
			t.Errorf("the administrator gives a program more than its account has: %v", err)
		}
		if err := d.Tokens.Revoke(d.as(wang), made.ID); err != identity.ErrNoToken {
			t.Errorf("revokes somebody else's: %v", err)
		}
		if err := d.Tokens.Revoke(d.admin(), made.ID); err != nil {
			t.Fatal(err)
		}
		if _, ok := d.byToken(text); ok {
			t.Error("what was revoked opens")
		}
		if err := d.Tokens.Revoke(d.admin(), made.ID); err != nil {
			t.Errorf("revoked twice: %v", err)
		}
		if got := strings.Join(d.journal("token:"+made.ID), ","); got != "admin token.made,admin token.revoked" {
			t.Errorf("the journal has %s", got)
		}
	})
}

func TestWhatIsNoTokenOpensNothing(t *testing.T) {
	d := open(t, t.TempDir()+"/state.db", identity.Options{})
	if p, ok, err := d.Tokens.Authenticate(request("Authorization", "bearer  the-token")); !ok || err != nil || p.ID != "admin" {
		t.Errorf("a scheme in small letters: %+v, %v", p, err)
	}
	for _, header := range []string{"Bearer ", "Bearer mingjian_", "Bearer mingjian_guessed", "Bearer x", "Basic the-token", "the-token", "Bearer the-token2"} {
		if p, ok, err := d.Tokens.Authenticate(request("Authorization", header)); ok || err == nil {
			t.Errorf("%q is %+v", header, p)
		}
	}
	if p, ok := d.byToken("the-token"); !ok || p.ID != "admin" {
		t.Errorf("the administrator's is %+v", p)
	}
	if _, ok, err := d.Tokens.Authenticate(request()); ok || err != nil {
		t.Errorf("no token: %v, %v", ok, err)
	}
	nobodys, err := identity.NewSignIn(t.Context(), d.db, identity.Options{Cost: &identitytest.Cost})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := nobodys.Tokens.Authenticate(request("Authorization", "Bearer ")); ok {
		t.Error("where there is no token of the administrator, none opens")
	}
	if _, err := nobodys.WithAdminToken(t.Context(), request(), ""); err != identity.ErrWrongToken {
		t.Errorf("and none signs in: %v", err)
	}
}
