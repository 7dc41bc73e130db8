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
		if _, ok := d.byToken(text); ok {
			t.Error("the token opens again with the account")
		}
		if text, _, err = d.Tokens.Make(d.as(wang), identity.TokenRequest{Name: "again", Scopes: []string{"findings:read"}, For: day}); err != nil {
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
		if _, _, err := d.Tokens.Make(d.as(narrow), identity.TokenRequest{Name: "x", Scopes: []string{"findings:read"}, For: day}); !refusal(err, "") {
			t.Errorf("a token makes one, which outlives it: %v", err)
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

// TestNobodyActsInSomebodyElsesName: whoever manages people makes tokens for programs, not for people.
func TestNobodyActsInSomebodyElsesName(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		everything := identity.Rights{Roles: []identity.Role{identity.Officer, identity.Approver, identity.Finance, identity.Supervisor}}
		identitytest.Account(t, d.SignIn, "person", everything)
		boss := d.as(identity.Principal{ID: "boss", Roles: []identity.Role{identity.Admin}})
		for _, whose := range []string{"person", "admin"} {
			if _, _, err := d.Tokens.Make(boss, identity.TokenRequest{Account: whose, Name: "x", Scopes: []string{"findings:read"}, For: day}); !refusal(err, "account") {
				t.Errorf("a token of %s: %v", whose, err)
			}
		}
		_, link, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: "program", Rights: everything})
		if err != nil {
			t.Fatal(err)
		}
		for _, scope := range []string{"cases:approve", "cases:pay", "reviews:decide", "cases", "reviews"} {
			if _, _, err := d.Tokens.Make(boss, identity.TokenRequest{Account: "program", Name: "x", Scopes: []string{"findings:read", scope}, For: day}); !refusal(err, "scopes") {
				t.Errorf("a program may %s: %v", scope, err)
			}
		}
		text, made, err := d.Tokens.Make(boss, identity.TokenRequest{Account: "program", Name: "x", Scopes: []string{"cases:read"}, For: day})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.db.Read(t.Context(), func(tx *store.Tx) error {
			entries, err := tx.Journal(t.Context(), "token:"+made.ID)
			if len(entries) != 1 || entries[0].Actor != "boss" || !strings.Contains(string(entries[0].Detail), `"made_by":"boss"`) {
				t.Errorf("the journal has %+v", entries)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		// Once somebody signs in with the account, what was made for it before is not theirs.
		if _, err := d.Accounts.SetPassword(t.Context(), link.Code, identitytest.Password); err != nil {
			t.Fatal(err)
		}
		if p, ok := d.byToken(text); ok {
			t.Errorf("it acts in the name of %+v, who signs in", p)
		}
		if got := strings.Join(d.journal("token:"+made.ID), ","); got != "boss token.made,program token.revoked" {
			t.Errorf("the journal has %s", got)
		}
	})
}

// TestATokenManagesNobody, whatever its scopes: by a link it would become a sign-in with all of its owner's rights.
func TestATokenManagesNobody(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		_, theirs, err := d.Tokens.Make(d.as(identity.Principal{ID: "li", Roles: inspector.Roles}), identity.TokenRequest{Name: "x", Scopes: []string{"findings:read"}, For: day})
		if err != nil {
			t.Fatal(err)
		}
		text, own, err := d.Tokens.Make(d.admin(), identity.TokenRequest{Name: "provisioning", Scopes: []string{"people:manage", "tokens:manage"}, For: day})
		if err != nil {
			t.Fatal(err)
		}
		p, ok := d.byToken(text)
		if !ok || !p.May(identity.ManagePeople) {
			t.Fatalf("it is of %+v", p)
		}
		byToken := d.as(p)
		for what, err := range map[string]error{
			"links": second(d.Accounts.NewLink(byToken, "admin")), "changes": d.Accounts.Change(byToken, "li", identity.Rights{Roles: []identity.Role{identity.Admin}}),
			"shuts": d.Accounts.Disable(byToken, "li", "x"), "opens": d.Accounts.Enable(byToken, "li"), "revokes somebody's": d.Tokens.Revoke(byToken, theirs.ID),
		} {
			if !refusal(err, "") {
				t.Errorf("it %s: %v", what, err)
			}
		}
		if _, _, err := d.Accounts.Invite(byToken, identity.Invitation{ID: "second", Rights: identity.Rights{Roles: []identity.Role{identity.Admin}}}); !refusal(err, "") {
			t.Errorf("it invites: %v", err)
		}
		if _, _, err := d.Tokens.Make(byToken, identity.TokenRequest{Name: "child", Scopes: []string{"people:manage"}, For: day}); !refusal(err, "") {
			t.Errorf("it makes another: %v", err)
		}
		// The token from the file is the administrator in person.
		if p, _ := d.byToken("the-token"); second(d.Accounts.NewLink(d.as(p), "li")) != nil {
			t.Error("the token from the file makes no link")
		}
		if err := d.Tokens.Revoke(byToken, own.ID); err != nil {
			t.Errorf("it cannot end itself: %v", err)
		}
	})
}

func TestALinkThatIsUsedEndsTokens(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		text, _, err := d.Tokens.Make(d.as(identity.Principal{ID: "li", Roles: inspector.Roles}), identity.TokenRequest{Name: "x", Scopes: []string{"findings:read"}, For: day})
		if err != nil {
			t.Fatal(err)
		}
		link, err := d.Accounts.NewLink(d.as(identity.Principal{ID: "boss", Roles: []identity.Role{identity.Admin}}), "li")
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := d.byToken(text); !ok {
			t.Error("a link that nobody used ends it")
		}
		if _, err := d.Accounts.SetPassword(t.Context(), link.Code, identitytest.Password); err != nil {
			t.Fatal(err)
		}
		if _, ok := d.byToken(text); ok {
			t.Error("whoever took the account over before the reset keeps a token")
		}
		if err := d.db.Read(t.Context(), func(tx *store.Tx) error {
			entries, err := tx.Journal(t.Context(), "account:li")
			if last := entries[len(entries)-1]; last.Action != "account.password_set" || !strings.Contains(string(last.Detail), `"link_made_by":"boss"`) {
				t.Errorf("who made the link is not told: %s %s", last.Action, last.Detail)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}
