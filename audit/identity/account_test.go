package identity_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
)

// door is signing in over an empty store, with a clock that the test moves.
type door struct {
	*identity.SignIn
	t    *testing.T
	db   *store.DB
	now  time.Time
	read func() // called when somebody reads the clock; nil: nothing is
}

func open(t *testing.T, dsn string, o identity.Options) *door {
	t.Helper()
	d := &door{t: t, now: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	var err error
	if d.db, err = store.Open(t.Context(), dsn, store.Options{Now: d.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if o.AdminToken == "" {
		o.AdminToken = "the-token"
	}
	o.Cost = &identitytest.Cost
	if d.SignIn, err = identity.NewSignIn(t.Context(), d.db, o); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *door) clock() time.Time {
	if d.read != nil {
		d.read()
	}
	return d.now
}

func onEach(t *testing.T, test func(t *testing.T, d *door)) {
	storetest.OnEach(t, func(t *testing.T, dsn string) { test(t, open(t, dsn, identity.Options{})) })
}

// as is a context in which somebody acts.
func (d *door) as(p identity.Principal) context.Context { return identity.With(d.t.Context(), p) }

func (d *door) admin() context.Context { return d.as(identity.Administrator) }

// with is a request with a cookie.
func with(c *http.Cookie) *http.Request {
	r := request()
	r.AddCookie(c)
	return r
}

// who is signed in with a cookie; false for nobody.
func (d *door) who(c *http.Cookie) (identity.Principal, bool) {
	d.t.Helper()
	p, ok, err := d.Authenticate(with(c))
	if err != nil {
		d.t.Fatal(err)
	}
	return p, ok
}

// journal is the actions on a subject, in their order.
func (d *door) journal(subject string) (actions []string) {
	d.t.Helper()
	err := d.db.Read(d.t.Context(), func(tx *store.Tx) error {
		entries, err := tx.Journal(d.t.Context(), subject)
		for _, e := range entries {
			actions = append(actions, e.Actor+" "+e.Action)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return actions
}

func refusal(err error, field string) bool {
	var r *identity.Refusal
	return errors.As(err, &r) && r.Field == field && r.Reason != ""
}

var inspector = identity.Rights{Roles: []identity.Role{identity.Inspector}}

func TestTheFirstLinkSetsTheAdministratorsPasswordOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		before, needed, err := d.Accounts.FirstLink(t.Context())
		if err != nil || !needed {
			t.Fatal(needed, err)
		}
		link, needed, err := d.Accounts.FirstLink(t.Context()) // the next start
		if err != nil || !needed || link.Code == before.Code || !strings.HasPrefix(link.Path(), "/welcome#") {
			t.Fatal(link, needed, err)
		}
		if _, err := d.WithLink(t.Context(), request(), before.Code, identitytest.Password); err != identity.ErrLink {
			t.Errorf("the link of the start before: %v", err)
		}
		if _, err := d.WithLink(t.Context(), request(), link.Code, "short"); !refusal(err, "password") {
			t.Errorf("a short password: %v", err)
		}
		d.now = link.Until
		if _, err := d.WithLink(t.Context(), request(), link.Code, identitytest.Password); err != identity.ErrLink {
			t.Errorf("a link that ran out: %v", err)
		}
		if link, _, err = d.Accounts.FirstLink(t.Context()); err != nil {
			t.Fatal(err)
		}
		local := identity.LocalReader{Accounts: d.Accounts}
		if _, ok, err := local.Authenticate(request()); !ok || err != nil {
			t.Errorf("before there is a password nobody reads at the machine: %v", err)
		}
		c, err := d.WithLink(t.Context(), request(), link.Code, identitytest.Password)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := d.who(c); !ok || p.ID != "admin" || !p.May(identity.ManagePeople) {
			t.Errorf("signed in as %+v", p)
		}
		if _, err := d.WithLink(t.Context(), request(), link.Code, identitytest.Password); err != identity.ErrLink {
			t.Errorf("used twice: %v", err)
		}
		if _, needed, err := d.Accounts.FirstLink(t.Context()); needed || err != nil {
			t.Errorf("a link is made though somebody can sign in: %v", err)
		}
		if _, ok, err := local.Authenticate(request()); ok || err != nil {
			t.Errorf("who sits at the machine still reads without signing in: %v", err)
		}
		identitytest.Cookie(t, d.SignIn, "admin")
		if got := d.journal("account:admin"); !slices.Equal(got, []string{"admin account.password_set", "admin identity.signed_in", "admin identity.signed_in"}) {
			t.Errorf("the journal has %q", got)
		}
	})
}

func TestOfTwoWhoUseALinkAtOnceOneDoes(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		_, link, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: "li", Rights: inspector})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = d.Accounts.SetPassword(t.Context(), link.Code, fmt.Sprint("three ducks and bridge ", i))
			})
		}
		wg.Wait()
		used := 0
		for _, err := range errs {
			if err == nil {
				used++
			} else if err != identity.ErrLink {
				t.Error(err)
			}
		}
		if used != 1 {
			t.Errorf("a link was used %d times", used)
		}
	})
}

func TestInvitations(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		k, link, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: " Zhao.Lei ", Name: "赵磊", Email: "Zhao@Example.com", Rights: identity.Rights{
			Roles: []identity.Role{identity.Supervisor, identity.Inspector, identity.Inspector}, Tenants: []string{"acme", " acme", ""}}})
		if err != nil {
			t.Fatal(err)
		}
		if k.ID != "zhao.lei" || k.Name != "赵磊" || k.Email != "zhao@example.com" || len(k.Roles) != 2 || len(k.Tenants) != 1 || len(link.Code) < 43 {
			t.Errorf("invited %+v", k)
		}
		for field, in := range map[string]identity.Invitation{
			"id":      {ID: "ZHAO.lei", Rights: inspector},
			"email":   {ID: "other", Email: "zhao@example.com", Rights: inspector},
			"roles":   {ID: "other"},
			"tenants": {ID: "other", Rights: identity.Rights{Roles: inspector.Roles, Tenants: []string{" "}}},
			"lines":   {ID: "other", Rights: identity.Rights{Roles: inspector.Roles, Lines: []string{"a\nb"}}},
			"name":    {ID: "other", Name: "a\r\nSet-Cookie: x", Rights: inspector},
		} {
			if _, _, err := d.Accounts.Invite(d.admin(), in); !refusal(err, field) {
				t.Errorf("%+v: %v", in, err)
			}
		}
		for _, id := range []string{"", "admin", "Local", "system", "nobody", "a b", "a/b", "a\nb", "../a", "<b>", strings.Repeat("x", 65), "ａｄｍｉｎ", "-x"} {
			if _, _, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: id, Rights: inspector}); !refusal(err, "id") {
				t.Errorf("%q is invited: %v", id, err)
			}
		}
		for _, bad := range []string{"x", "a@b@c", "Zhao <z@example.com>", "a@b\r\nBcc: c@d"} {
			if _, _, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: "other", Email: bad, Rights: inspector}); !refusal(err, "email") {
				t.Errorf("the address %q is taken: %v", bad, err)
			}
		}
		if _, err := d.WithPassword(t.Context(), request(), "zhao.lei", ""); err != identity.ErrCredentials {
			t.Errorf("an account without a password: %v", err)
		}
		if err := d.db.Read(t.Context(), func(tx *store.Tx) error {
			var n int
			err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM account_links WHERE digest = $1`, link.Code).Scan(&n)
			if n != 0 {
				t.Error("the store holds the link's code")
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}

// TestWhatChangesAnAccountEndsItsSignIns holds for each of the changes that somebody who is signed in must
// not outlive.
func TestWhatChangesAnAccountEndsItsSignIns(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		other := identitytest.Account(t, d.SignIn, "wang", inspector)
		stays := identitytest.Cookie(t, d.SignIn, other.ID)
		identitytest.Account(t, d.SignIn, "li", inspector)
		for what, change := range map[string]func() error{
			"other rights": func() error {
				return d.Accounts.Change(d.admin(), "li", identity.Rights{Roles: []identity.Role{identity.Viewer}, Tenants: []string{"acme"}})
			},
			"being shut": func() error { return d.Accounts.Disable(d.admin(), "li", "left the company") },
			"its own new password": func() error {
				_, err := d.ChangePassword(d.as(identity.Principal{ID: "li", Roles: inspector.Roles}), request(), identitytest.Password, identitytest.Password)
				return err
			},
			"a new link that is used": func() error {
				link, err := d.Accounts.NewLink(d.admin(), "li")
				if err == nil {
					_, err = d.Accounts.SetPassword(t.Context(), link.Code, identitytest.Password)
				}
				return err
			},
		} {
			one, two := identitytest.Cookie(t, d.SignIn, "li"), identitytest.Cookie(t, d.SignIn, "li")
			if _, ok := d.who(one); !ok {
				t.Fatalf("before %s nobody is in", what)
			}
			if err := change(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for _, c := range []*http.Cookie{one, two} {
				if p, ok := d.who(c); ok {
					t.Errorf("%s leaves %+v signed in", what, p)
				}
			}
			if _, ok := d.who(stays); !ok {
				t.Errorf("%s ends somebody else's sign-in", what)
			}
			if err := d.Accounts.Enable(d.admin(), "li"); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Accounts.Disable(d.admin(), "li", "gone"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.WithPassword(t.Context(), request(), "li", identitytest.Password); err != identity.ErrCredentials {
			t.Errorf("an account that is shut signs in: %v", err)
		}
		link, err := d.Accounts.NewLink(d.admin(), "li")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.WithLink(t.Context(), request(), link.Code, identitytest.Password); err != identity.ErrLink {
			t.Errorf("an account that is shut uses a link: %v", err)
		}
	})
}

func TestTheAdministratorsAccountStays(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		if err := d.Accounts.Disable(d.admin(), "admin", "x"); !refusal(err, "id") {
			t.Errorf("it is shut: %v", err)
		}
		if err := d.Accounts.Change(d.admin(), "admin", inspector); !refusal(err, "id") {
			t.Errorf("its rights change: %v", err)
		}
	})
}

// TestAnAdministratorOfATenantManagesItsPeopleOnly: nobody gives what they do not have.
func TestAnAdministratorOfATenantManagesItsPeopleOnly(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		acme := d.as(identity.Principal{ID: "boss", Roles: []identity.Role{identity.Admin}, Tenants: []string{"acme"}, Lines: []string{"broadband"}})
		rights := func(tenants, lines []string) identity.Rights {
			return identity.Rights{Roles: inspector.Roles, Tenants: tenants, Lines: lines}
		}
		broadband := []string{"broadband"}
		if _, _, err := d.Accounts.Invite(acme, identity.Invitation{ID: "li", Rights: rights([]string{"acme"}, broadband)}); err != nil {
			t.Fatal(err)
		}
		for field, r := range map[string]identity.Rights{"tenants": rights(nil, broadband), "lines": rights([]string{"acme"}, []string{"broadband", "mobile"})} {
			if _, _, err := d.Accounts.Invite(acme, identity.Invitation{ID: "wide", Rights: r}); !refusal(err, field) {
				t.Errorf("invites to %+v: %v", r, err)
			}
			if err := d.Accounts.Change(acme, "li", r); !refusal(err, field) {
				t.Errorf("widens to %+v: %v", r, err)
			}
		}
		identitytest.Account(t, d.SignIn, "wang", inspector)
		for what, err := range map[string]error{
			"changes": d.Accounts.Change(acme, "wang", rights([]string{"acme"}, broadband)), "shuts": d.Accounts.Disable(acme, "wang", "x"),
			"links": second(d.Accounts.NewLink(acme, "wang")), "takes over the administrator": second(d.Accounts.NewLink(acme, "admin")),
			"reads": second(d.Accounts.Get(acme, "wang")), "lists tokens of": second(d.Tokens.List(acme, "wang")),
		} {
			if !errors.Is(err, identity.ErrNoAccount) {
				t.Errorf("%s somebody of another tenant: %v", what, err)
			}
		}
		list, err := d.Accounts.List(acme)
		if err != nil || len(list) != 1 || list[0].ID != "li" {
			t.Errorf("lists %+v, %v", list, err)
		}
		if _, err := d.Accounts.Get(d.as(identity.Principal{ID: "li", Roles: inspector.Roles}), "wang"); !errors.Is(err, identity.ErrNoAccount) {
			t.Errorf("an inspector reads a colleague's account: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestPasswords(t *testing.T) {
	d := open(t, t.TempDir()+"/state.db", identity.Options{})
	k, _, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: "zhanglihua", Name: "Zhang Lihua", Email: "lihua@example-bank.com", Rights: inspector})
	if err != nil {
		t.Fatal(err)
	}
	set := func(password string) error {
		link, err := d.Accounts.NewLink(d.admin(), k.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Accounts.SetPassword(t.Context(), link.Code, password)
		return err
	}
	for _, bad := range []string{
		"", "fourteen chars", "password1234567", "PasswordPassword", "zhanglihua123456", "ZhangLihuaZhangLihua", "123456789012345", "aaaaaaaaaaaaaaaaaaaa",
		"qwertyuiopasdfghjkl", "mingjian-mingjian", "abababababababab!", "admin@mingjian123", strings.Repeat("x y z ", 200), "three ducks\x00 under a bridge",
	} {
		if err := set(bad); !refusal(err, "password") {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
	for _, good := range []string{"three ducks under a bridge", "三只鸭子在桥底下游来游去真的很开心啊", "correct horse battery", "xK9$mQ2!vL7@pR4", strings.Repeat("several words ", 10)} {
		if err := set(good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
		if _, err := d.WithPassword(t.Context(), request(), "ZhangLihua", good); err != nil {
			t.Errorf("%q does not open: %v", good, err)
		}
	}
	// The same character, written in two ways, is the same password.
	if err := set("caf\u00e9 under the bridge"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.WithPassword(t.Context(), request(), k.ID, "cafe\u0301 under the bridge"); err != nil {
		t.Errorf("a composed character: %v", err)
	}
	if err := d.db.Read(t.Context(), func(tx *store.Tx) error {
		var hash string
		err := tx.QueryRowContext(t.Context(), `SELECT password FROM accounts WHERE id = $1`, k.ID).Scan(&hash)
		if !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=1,p=1$") {
			t.Errorf("the store holds %q", hash)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	// A system whose hashes cost more now makes them anew when it can.
	dear := identitytest.Cost
	dear.Iterations = 2
	later, err := identity.NewSignIn(t.Context(), d.db, identity.Options{Cost: &dear})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := later.WithPassword(t.Context(), request(), k.ID, "café under the bridge"); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.db.Read(t.Context(), func(tx *store.Tx) error {
		var hash string
		err := tx.QueryRowContext(t.Context(), `SELECT password FROM accounts WHERE id = $1`, k.ID).Scan(&hash)
		if !strings.Contains(hash, "t=2") {
			t.Errorf("the hash stays as cheap as it was: %q", hash)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func TestTheCostIsTheOneThatIsRecommended(t *testing.T) {
	if c := identity.Cost; c.Memory != 64<<10 || c.Iterations != 3 || c.Parallelism != 4 || c.SaltLength != 16 || c.KeyLength != 32 {
		t.Errorf("RFC 9106, section 4, second option is 3 passes over 64 MiB in 4 lanes, salt of 128 bits, tag of 256; it is %+v", c)
	}
}

func TestChangingOnesOwnPasswordNeedsTheOneBefore(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		li := d.as(identity.Principal{ID: "li", Roles: inspector.Roles})
		if _, err := d.ChangePassword(li, request(), "not the one before", "another good password"); err != identity.ErrCredentials {
			t.Errorf("with a wrong one: %v", err)
		}
		if _, err := d.ChangePassword(li, request(), identitytest.Password, "short"); !refusal(err, "password") {
			t.Errorf("to a short one: %v", err)
		}
		c, err := d.ChangePassword(li, request(), identitytest.Password, "another good password")
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := d.who(c); !ok || p.ID != "li" {
			t.Errorf("the browser that changed it is signed out")
		}
		if _, err := d.WithPassword(t.Context(), request(), "li", identitytest.Password); err != identity.ErrCredentials {
			t.Errorf("the one before still opens: %v", err)
		}
	})
}

func TestEverySignInHasANewID(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		planted := &http.Cookie{Name: "mingjian_session", Value: "planted-by-somebody-else"}
		c, err := d.WithPassword(t.Context(), with(planted), "li", identitytest.Password)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := d.who(planted); ok || c.Value == planted.Value {
			t.Error("an id that was planted is signed in")
		}
		again, err := d.WithPassword(t.Context(), with(c), "li", identitytest.Password)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := d.who(c); ok || again.Value == c.Value {
			t.Error("the id from before signing in again is still good")
		}
	})
}

func TestTheCookieOverTLSIsOfThisHostOnly(t *testing.T) {
	d := open(t, t.TempDir()+"/state.db", identity.Options{Address: "https://mingjian.example.com"})
	identitytest.Account(t, d.SignIn, "li", inspector)
	c := identitytest.Cookie(t, d.SignIn, "li")
	if c.Name != "__Host-mingjian_session" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("the cookie is %v", c)
	}
	if _, ok := d.who(&http.Cookie{Name: "mingjian_session", Value: c.Value}); ok {
		t.Error("a cookie that another host or a page without TLS may have set is read")
	}
	if _, ok := d.who(c); !ok {
		t.Error("its own is not read")
	}
	for _, bad := range []string{"mingjian.example.com", "ftp://x", "https://", "://"} {
		if _, err := identity.NewSignIn(t.Context(), d.db, identity.Options{Address: bad, Cost: &identitytest.Cost}); err == nil {
			t.Errorf("the address %q is taken", bad)
		}
	}
}

// TestALinkEndsWithTheNextPassword, also with one that its owner sets, and with the account.
func TestALinkEndsWithTheNextPassword(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		for what, change := range map[string]func() error{
			"the owner's next password": func() error {
				_, err := d.ChangePassword(d.as(identity.Principal{ID: "li", Roles: inspector.Roles}), request(), identitytest.Password, identitytest.Password)
				return err
			},
			"being shut and opened": func() error {
				return errors.Join(d.Accounts.Disable(d.admin(), "li", "x"), d.Accounts.Enable(d.admin(), "li"))
			},
		} {
			link, err := d.Accounts.NewLink(d.admin(), "li")
			if err != nil {
				t.Fatal(err)
			}
			if err := change(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if _, err := d.WithLink(t.Context(), request(), link.Code, identitytest.Password); err != identity.ErrLink {
				t.Errorf("%s leaves a link that opens: %v", what, err)
			}
		}
	})
}

// TestASignInDoesNotOutliveThePasswordThatItShowed changes things between the comparison and the cookie: a
// sign-in reads the clock when it begins and when it is let in.
func TestASignInDoesNotOutliveThePasswordThatItShowed(t *testing.T) {
	onEach(t, func(t *testing.T, d *door) {
		identitytest.Account(t, d.SignIn, "li", inspector)
		li := d.as(identity.Principal{ID: "li", Roles: inspector.Roles})
		dear := identitytest.Cost
		dear.Iterations = 2
		later, err := identity.NewSignIn(t.Context(), d.db, identity.Options{Cost: &dear})
		if err != nil {
			t.Fatal(err)
		}
		password := identitytest.Password
		for name, s := range map[string]*identity.SignIn{"as it is hashed now": d.SignIn, "when it is hashed anew": later} {
			for what, change := range map[string]func() error{
				"another password": func() error {
					_, err := d.ChangePassword(li, request(), password, password+" too")
					return err
				},
				"being shut": func() error { return d.Accounts.Disable(d.admin(), "li", "x") },
			} {
				readings, changed := 0, errors.New("nothing was changed")
				d.read = func() {
					if readings++; readings == 2 {
						d.read = nil
						changed = change()
					}
				}
				c, err := s.WithPassword(t.Context(), request(), "li", password)
				if d.read = nil; changed != nil {
					t.Fatalf("%s, %s: %v", name, what, changed)
				}
				if !errors.Is(err, identity.ErrCredentials) {
					t.Errorf("%s, %s: let in with %v, %v", name, what, c, err)
				}
				if what == "another password" {
					if _, err := d.WithPassword(t.Context(), request(), "li", password); err != identity.ErrCredentials {
						t.Errorf("%s: the one before opens again: %v", name, err)
					}
					password += " too"
				}
				if err := d.Accounts.Enable(d.admin(), "li"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestNobodyReadsAtTheMachineOnceThereAreAccounts, also before anybody has a password.
func TestNobodyReadsAtTheMachineOnceThereAreAccounts(t *testing.T) {
	for name, begin := range map[string]func(d *door) error{
		"an account": func(d *door) error {
			_, _, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: "crm", Rights: inspector})
			return err
		},
		"a token": func(d *door) error {
			_, _, err := d.Tokens.Make(d.admin(), identity.TokenRequest{Name: "x", Scopes: []string{"findings:read"}, For: day})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, d *door) {
				local := identity.LocalReader{Accounts: d.Accounts}
				if _, ok, err := local.Authenticate(request()); !ok || err != nil {
					t.Errorf("at first nobody reads at the machine: %v", err)
				}
				if err := begin(d); err != nil {
					t.Fatal(err)
				}
				if _, ok, err := local.Authenticate(request()); ok || err != nil {
					t.Errorf("who sits at the machine still reads: %v", err)
				}
				if _, needed, err := d.Accounts.FirstLink(t.Context()); !needed || err != nil {
					t.Errorf("the administrator has no way to a password: %v", err)
				}
			})
		})
	}
}
