package identity_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store/storetest"
)

// signingKey is the providers'; making one takes longer than a test.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// provider is an OpenID Connect provider that lets everybody in whom the test names.
type provider struct {
	*httptest.Server
	t      *testing.T
	key    *rsa.PrivateKey // what it signs with
	away   bool
	asked  int                   // for tokens, how often
	codes  map[string]url.Values // what was asked for, by code
	claims map[string]any        // of whoever signs in; they replace what is usual
	info   map[string]any        // what it says when it is asked about the person; nil: there is no such endpoint
}

const clientID, clientSecret = "mingjian", "a-secret-of-the-client"

func startProvider(t *testing.T) *provider {
	p := &provider{t: t, key: signingKey(), codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if p.away {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		about := map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"}, "scopes_supported": []string{"openid", "groups"},
		}
		if p.info != nil {
			about["userinfo_endpoint"] = p.URL + "/person"
		}
		_ = json.NewEncoder(w).Encode(about)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: signingKey().Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/person", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(p.info)
	})
	mux.HandleFunc("/token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// token gives tokens for a code, once, to whoever knows the secret and the PKCE verifier.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.asked++
	asked, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	id, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || id != clientID || secret != clientSecret || asked.Get("code_challenge_method") != "S256" ||
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	said := map[string]any{"iss": p.URL, "aud": clientID, "sub": "sub-1", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "nonce": asked.Get("nonce")}
	maps.Copy(said, p.claims)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: p.key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		p.t.Error(err)
		return
	}
	signed, err := jwt.Signed(signer).Claims(said).Serialize()
	if err != nil {
		p.t.Error(err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": signed})
}

// consent is what the provider sends the browser back with.
func (p *provider) consent(to string) url.Values {
	p.t.Helper()
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, p.URL+"/authorize?") {
		p.t.Fatal(to, err)
	}
	code := rand.Text()
	p.codes[code] = u.Query()
	return url.Values{"code": {code}, "state": {u.Query().Get("state")}, "iss": {p.URL}}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// at opens a door that this provider guards.
func (p *provider) at(t *testing.T, dsn string, change func(*identity.ProviderOptions)) *door {
	t.Helper()
	o := identity.ProviderOptions{Issuer: p.URL, ClientID: clientID, ClientSecret: clientSecret}
	if change != nil {
		change(&o)
	}
	return open(t, dsn, identity.Options{Address: "http://127.0.0.1:8080/", Provider: &o, Log: quiet()})
}

// back is the request by which the browser comes back, with the cookies it has.
func back(answer url.Values, cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", "http://127.0.0.1:8080"+identity.CallbackPath+"?"+answer.Encode(), nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

// enter goes through the whole of it.
func (d *door) enter(p *provider) (identity.Principal, error) {
	d.t.Helper()
	to, pending, err := d.Begin(request(), "/reviews?x=1")
	if err != nil {
		return identity.Principal{}, err
	}
	set, next, err := d.Finish(back(p.consent(to), pending))
	if err != nil {
		if len(set) != 1 || set[0].MaxAge >= 0 {
			d.t.Errorf("after %v the cookies are %v", err, set)
		}
		return identity.Principal{}, err
	}
	if next != "/reviews?x=1" || len(set) != 2 || set[0].MaxAge >= 0 || set[0].Name != pending.Name {
		d.t.Errorf("next is %q, the cookies %v", next, set)
	}
	who, ok := d.who(set[1])
	if !ok {
		d.t.Fatal("nobody is signed in")
	}
	return who, nil
}

func TestWhoWasInvitedSignsInAtTheProvider(t *testing.T) {
	onEachWith(t, nil, func(t *testing.T, d *door, p *provider) {
		if _, _, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: "li", Email: "li@example.com", Rights: inspector}); err != nil {
			t.Fatal(err)
		}
		for name, claims := range map[string]map[string]any{
			"another address": {"email": "wang@example.com", "email_verified": true}, "one that is not verified": {"email": "li@example.com"},
			"one said not to be": {"email": "li@example.com", "email_verified": false}, "none": {},
		} {
			p.claims = claims
			if who, err := d.enter(p); err != identity.ErrUninvited {
				t.Errorf("%s: %+v, %v", name, who, err)
			}
		}
		p.claims = map[string]any{"email": "Li@Example.com", "email_verified": true, "preferred_username": "admin"}
		who, err := d.enter(p)
		if err != nil || who.ID != "li" || !who.May(identity.WorkReviews) || who.May(identity.ManagePeople) {
			t.Fatalf("%+v, %v", who, err)
		}
		p.claims = map[string]any{} // from now on it is the subject that counts
		if who, err = d.enter(p); err != nil || who.ID != "li" {
			t.Errorf("again: %+v, %v", who, err)
		}
		p.claims = map[string]any{"sub": "sub-2", "email": "li@example.com", "email_verified": true}
		if who, err = d.enter(p); err != identity.ErrUninvited {
			t.Errorf("somebody else who got the address: %+v, %v", who, err)
		}
		if err := d.Accounts.Disable(d.admin(), "li", "gone"); err != nil {
			t.Fatal(err)
		}
		p.claims = nil
		if who, err = d.enter(p); err != identity.ErrUninvited {
			t.Errorf("an account that is shut: %+v, %v", who, err)
		}
		if _, ok, _ := (identity.LocalReader{Accounts: d.Accounts}).Authenticate(request()); ok {
			t.Error("where a provider guards, who sits at the machine reads")
		}
	})
}

// onEachWith runs a test on each engine with a provider.
func onEachWith(t *testing.T, change func(*identity.ProviderOptions), test func(t *testing.T, d *door, p *provider)) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		p := startProvider(t)
		test(t, p.at(t, dsn, change), p)
	})
}

func TestGroupsGiveRolesAndTenants(t *testing.T) {
	onEachWith(t, func(o *identity.ProviderOptions) {
		o.Roles = map[string]identity.Role{"qa": identity.Inspector, "qa-leads": identity.Supervisor}
		o.Tenants = map[string]string{"acme-staff": "acme", "beta-staff": "beta"}
	}, func(t *testing.T, d *door, p *provider) {
		for name, groups := range map[string]any{"none": nil, "others": []string{"everybody"}, "a role but no tenant": []string{"qa"}, "a tenant but no role": []string{"acme-staff"}} {
			p.claims = map[string]any{"groups": groups, "preferred_username": "li"}
			if who, err := d.enter(p); err != identity.ErrUninvited {
				t.Errorf("%s: %+v, %v", name, who, err)
			}
		}
		p.claims = map[string]any{"groups": []string{"qa", "acme-staff", "x"}, "preferred_username": "Li", "name": "李梅"}
		who, err := d.enter(p)
		if err != nil || who.ID != "li" || who.Name != "李梅" || !who.May(identity.WorkReviews) || who.May(identity.SuperviseReviews) || !who.Sees("acme") || who.Sees("beta") {
			t.Fatalf("%+v, %v", who, err)
		}
		if err := d.Accounts.Change(d.admin(), "li", inspector); !refusal(err, "roles") {
			t.Errorf("rights that the provider gives are changed here: %v", err)
		}
		p.claims["groups"] = []string{"qa-leads", "beta-staff"}
		if who, err = d.enter(p); err != nil || !who.May(identity.SuperviseReviews) || who.Sees("acme") || !who.Sees("beta") {
			t.Errorf("after the groups changed: %+v, %v", who, err)
		}
		p.claims["groups"] = "qa" // as some providers write a list of one
		if who, err = d.enter(p); err != identity.ErrUninvited {
			t.Errorf("out of the tenant's group: %+v, %v", who, err)
		}
		for sub, username := range map[string]string{"sub-9": "li", "sub-8": "admin", "sub-7": "../..", "sub-6": "system", "sub-5": ""} {
			p.claims = map[string]any{"sub": sub, "groups": []string{"qa", "acme-staff"}, "preferred_username": username}
			who, err := d.enter(p)
			if err != nil || who.ID == "li" || who.ID == "admin" || who.ID == "system" || strings.ContainsAny(who.ID, "/ ") || who.ID == "" {
				t.Errorf("somebody who calls himself %q is %+v, %v", username, who, err)
			}
		}
	})
}

// TestAProviderThatSaysMoreWhenItIsAsked keeps to the letter of OpenID Connect Core, 5.4.
func TestAProviderThatSaysMoreWhenItIsAsked(t *testing.T) {
	p := startProvider(t)
	p.info = map[string]any{"sub": "sub-1", "preferred_username": "li", "groups": []string{"qa"}}
	d := p.at(t, t.TempDir()+"/state.db", func(o *identity.ProviderOptions) { o.Roles = map[string]identity.Role{"qa": identity.Inspector} })
	if who, err := d.enter(p); err != nil || who.ID != "li" {
		t.Errorf("%+v, %v", who, err)
	}
	p.info["sub"] = "sub-2"
	if who, err := d.enter(p); err != identity.ErrProvider {
		t.Errorf("told about somebody else: %+v, %v", who, err)
	}
}

// TestAnAnswerThatCannotBeBelievedLetsNobodyIn changes one thing of a good answer at a time.
func TestAnAnswerThatCannotBeBelievedLetsNobodyIn(t *testing.T) {
	p := startProvider(t)
	d := p.at(t, t.TempDir()+"/state.db", func(o *identity.ProviderOptions) { o.Roles = map[string]identity.Role{"qa": identity.Inspector} })
	good := map[string]any{"groups": []string{"qa"}, "preferred_username": "li"}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, claims := range map[string]map[string]any{
		"expired":              {"exp": d.now.Add(-time.Second).Unix()},
		"for another client":   {"aud": "somebody-else"},
		"for another party":    {"azp": "somebody-else", "aud": []string{clientID, "somebody-else"}},
		"of another issuer":    {"iss": "https://evil.example"},
		"of another sign-in":   {"nonce": "another"},
		"without a nonce":      {"nonce": ""},
		"groups of no kind":    {"groups": map[string]any{"qa": true}},
		"not good before long": {"nbf": d.now.Add(time.Hour).Unix()},
	} {
		p.claims = maps.Clone(good)
		maps.Copy(p.claims, claims)
		if who, err := d.enter(p); err != identity.ErrProvider {
			t.Errorf("an ID token that is %s: %+v, %v", name, who, err)
		}
	}
	p.claims, p.key = good, other
	if who, err := d.enter(p); err != identity.ErrProvider {
		t.Errorf("signed with another key: %+v, %v", who, err)
	}
	p.key = signingKey()

	begin := func() (string, *http.Cookie) {
		to, pending, err := d.Begin(request(), "/")
		if err != nil {
			t.Fatal(err)
		}
		return to, pending
	}
	to, pending := begin()
	elsewhere, theirs := begin()
	answer := p.consent(to)
	with := func(key, value string) url.Values {
		changed := maps.Clone(answer)
		changed[key] = []string{value}
		return changed
	}
	for name, c := range map[string]struct {
		r    *http.Request
		want error
	}{
		"no cookie":                 {back(answer), identity.ErrPending},
		"another browser's cookie":  {back(answer, theirs), identity.ErrPending},
		"no state":                  {back(with("state", ""), pending), identity.ErrPending},
		"another state":             {back(with("state", "x"), pending), identity.ErrPending},
		"a cookie that was changed": {back(answer, &http.Cookie{Name: pending.Name, Value: pending.Value[1:]}), identity.ErrPending},
		"an empty cookie":           {back(answer, &http.Cookie{Name: pending.Name, Value: ".."}), identity.ErrPending},
		"a guessed code":            {back(with("code", "x"), pending), identity.ErrProvider},
		"an error":                  {back(with("error", "access_denied"), pending), identity.ErrProvider},
		"another issuer (RFC 9207)": {back(with("iss", "https://evil.example"), pending), identity.ErrProvider},
		// Whoever steals a code has not the verifier that belongs to it (RFC 7636).
		"a code of another sign-in": {back(url.Values{"code": p.consent(elsewhere)["code"], "state": answer["state"]}, pending), identity.ErrProvider},
	} {
		if _, _, err := d.Finish(c.r); err != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := d.Finish(back(answer, pending)); err != nil {
		t.Errorf("what nothing was changed of: %v", err)
	}
	if _, _, err := d.Finish(back(answer, pending)); err != identity.ErrProvider {
		t.Errorf("used twice: %v", err)
	}
	to, pending = begin()
	d.now = d.now.Add(10 * time.Minute)
	if _, _, err := d.Finish(back(p.consent(to), pending)); err != identity.ErrPending {
		t.Errorf("ten minutes later: %v", err)
	}
}

func TestAProviderThatIsAwayComesBack(t *testing.T) {
	p := startProvider(t)
	p.away = true
	d := p.at(t, t.TempDir()+"/state.db", func(o *identity.ProviderOptions) { o.Roles = map[string]identity.Role{"qa": identity.Inspector} })
	if _, _, err := d.Begin(request(), "/"); err != identity.ErrProvider {
		t.Errorf("away: %v", err)
	}
	if c, err := d.WithAdminToken(t.Context(), request(), "the-token"); err != nil {
		t.Errorf("with the provider away nobody gets in: %v, %v", c, err)
	}
	p.away, p.claims = false, map[string]any{"groups": []string{"qa"}}
	if _, err := d.enter(p); err != nil {
		t.Errorf("back again: %v", err)
	}
}

func TestSettingsOfAProviderThatCannotWorkAreRefused(t *testing.T) {
	d := open(t, t.TempDir()+"/state.db", identity.Options{})
	good := identity.ProviderOptions{Issuer: "https://sso.example.com", ClientID: "x"}
	for says, change := range map[string]func(*identity.Options){
		"https://":  func(o *identity.Options) { o.Provider.Issuer = "http://sso.example.com" },
		"client id": func(o *identity.Options) { o.Provider.ClientID = "" },
		"address":   func(o *identity.Options) { o.Address = "" },
		"root":      func(o *identity.Options) { o.Provider.Roles = map[string]identity.Role{"g": "root"} },
	} {
		p := good
		o := identity.Options{Address: "https://mingjian.example.com", Provider: &p, Cost: &identitytest.Cost}
		change(&o)
		if _, err := identity.NewSignIn(t.Context(), d.db, o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if _, err := identity.NewSignIn(t.Context(), d.db, identity.Options{Address: "https://mingjian.example.com", Provider: &good, Cost: &identitytest.Cost}); err != nil {
		t.Error(err)
	}
}

// TestWhatTheProviderRefusedIsNoted, without what it said of the person.
func TestWhatTheProviderRefusedIsNoted(t *testing.T) {
	p := startProvider(t)
	d := p.at(t, t.TempDir()+"/state.db", nil)
	if _, err := d.enter(p); !errors.Is(err, identity.ErrUninvited) {
		t.Fatal(err)
	}
	if got := d.journal("account:unknown"); !slices.Equal(got, []string{"nobody identity.sign_in_failed"}) {
		t.Errorf("the journal has %q", got)
	}
}

var byGroup = func(o *identity.ProviderOptions) { o.Roles = map[string]identity.Role{"qa": identity.Inspector} }

// TestWhoLosesTheirGroupsLosesTheirTokens, and comes back with the groups; nobody comes back whom an
// administrator shut out.
func TestWhoLosesTheirGroupsLosesTheirTokens(t *testing.T) {
	onEachWith(t, byGroup, func(t *testing.T, d *door, p *provider) {
		in, out := map[string]any{"groups": []string{"qa"}, "preferred_username": "li"}, map[string]any{"groups": []string{}}
		p.claims = in
		who, err := d.enter(p)
		if err != nil {
			t.Fatal(err)
		}
		text, _, err := d.Tokens.Make(d.as(who), identity.TokenRequest{Name: "x", Scopes: []string{"findings:read"}, For: day})
		if err != nil {
			t.Fatal(err)
		}
		p.claims = out
		for range 2 {
			if who, err := d.enter(p); err != identity.ErrUninvited {
				t.Fatalf("without groups: %+v, %v", who, err)
			}
		}
		if _, ok := d.byToken(text); ok {
			t.Error("the token outlives the groups")
		}
		if k, err := d.Accounts.Get(d.admin(), "li"); err != nil || !k.Disabled {
			t.Errorf("the account is %+v, %v", k, err)
		}
		p.claims = in
		if who, err := d.enter(p); err != nil || who.ID != "li" {
			t.Errorf("with the groups back: %+v, %v", who, err)
		}
		if _, ok := d.byToken(text); ok {
			t.Error("the token comes back with the groups")
		}
		p.claims = out
		if who, err := d.enter(p); err != identity.ErrUninvited {
			t.Fatalf("without groups: %+v, %v", who, err)
		}
		if err := d.Accounts.Disable(d.admin(), "li", "left"); err != nil {
			t.Fatal(err)
		}
		p.claims = in
		if who, err := d.enter(p); err != identity.ErrUninvited {
			t.Errorf("whom the administrator shut out comes back with the groups: %+v, %v", who, err)
		}
	})
}

func TestAnInviteeWhoIsShutDoesNotComeBackByGroups(t *testing.T) {
	onEachWith(t, byGroup, func(t *testing.T, d *door, p *provider) {
		if _, _, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: "li", Email: "li@example.com", Rights: inspector}); err != nil {
			t.Fatal(err)
		}
		if err := d.Accounts.Disable(d.admin(), "li", "never came"); err != nil {
			t.Fatal(err)
		}
		p.claims = map[string]any{"email": "li@example.com", "email_verified": true, "groups": []string{"qa"}}
		if who, err := d.enter(p); err != identity.ErrUninvited {
			t.Errorf("%+v, %v", who, err)
		}
		if list, err := d.Accounts.List(d.admin()); err != nil || len(list) != 2 {
			t.Errorf("there are %+v, %v", list, err)
		}
	})
}

// TestATokenThatWasMadeBeforeSomebodySignsInIsNotTheirs: the account was a program's until then.
func TestATokenThatWasMadeBeforeSomebodySignsInIsNotTheirs(t *testing.T) {
	onEachWith(t, nil, func(t *testing.T, d *door, p *provider) {
		if _, _, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: "li", Email: "li@example.com", Rights: inspector}); err != nil {
			t.Fatal(err)
		}
		text, _, err := d.Tokens.Make(d.admin(), identity.TokenRequest{Account: "li", Name: "x", Scopes: []string{"findings:read"}, For: day})
		if err != nil {
			t.Fatal(err)
		}
		p.claims = map[string]any{"email": "li@example.com", "email_verified": true}
		if _, err := d.enter(p); err != nil {
			t.Fatal(err)
		}
		if who, ok := d.byToken(text); ok {
			t.Errorf("it acts in the name of %+v", who)
		}
	})
}

// TestAnAddressIsVerifiedByWhoeverTellsIt: the token's word that an address is verified is not for another
// one that the provider tells elsewhere.
func TestAnAddressIsVerifiedByWhoeverTellsIt(t *testing.T) {
	for name, c := range map[string]struct {
		token, info map[string]any
		want        error
	}{
		"the token vouches for no address": {map[string]any{"email_verified": true}, map[string]any{"email": "li@example.com"}, identity.ErrUninvited},
		"the token has another address":    {map[string]any{"email": "x@example.com", "email_verified": true}, map[string]any{"email": "li@example.com"}, identity.ErrUninvited},
		"only elsewhere it is verified":    {map[string]any{"email": "li@example.com"}, map[string]any{"email": "x@example.com", "email_verified": true}, identity.ErrUninvited},
		"told and verified elsewhere":      {map[string]any{}, map[string]any{"email": "li@example.com", "email_verified": true}, nil},
		"told and verified in the token":   {map[string]any{"email": "li@example.com", "email_verified": true}, map[string]any{"email": "x@example.com"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := startProvider(t)
			p.claims, p.info = c.token, c.info
			p.info["sub"] = "sub-1"
			d := p.at(t, t.TempDir()+"/state.db", nil)
			if _, _, err := d.Accounts.Invite(d.admin(), identity.Invitation{ID: "li", Email: "li@example.com", Rights: inspector}); err != nil {
				t.Fatal(err)
			}
			if who, err := d.enter(p); err != c.want {
				t.Errorf("%+v, %v", who, err)
			}
		})
	}
}

// TestTheProviderIsNotAskedForEverybodysGuesses: the cookie of a sign-in under way is what the browser says.
func TestTheProviderIsNotAskedForEverybodysGuesses(t *testing.T) {
	p := startProvider(t)
	d := p.at(t, t.TempDir()+"/state.db", byGroup)
	p.claims = map[string]any{"groups": []string{"qa"}}
	for range 30 { // what succeeds counts for nothing
		if _, err := d.enter(p); err != nil {
			t.Fatal(err)
		}
	}
	to, pending, err := d.Begin(request(), "/")
	if err != nil {
		t.Fatal(err)
	}
	before := p.asked
	for range 100 {
		answer := p.consent(to)
		answer.Set("code", "guessed")
		if _, _, err := d.Finish(back(answer, pending)); !errors.Is(err, identity.ErrProvider) {
			t.Fatal(err)
		}
	}
	if asked := p.asked - before; asked > 2*20 { // each time with the client's secret in the header, and in the body
		t.Errorf("the provider was asked %d times", asked)
	}
}
