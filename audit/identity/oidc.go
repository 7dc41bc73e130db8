package identity

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"mingjian/audit/store"
)

// CallbackPath is where the provider sends people back to; below the console's address it is the redirect
// URI to register there.
const CallbackPath = "/signin/provider/callback"

// ProviderOptions are what an OpenID Connect provider needs to know of us and we of it.
type ProviderOptions struct {
	Issuer       string            // https://…; plain http only on this machine
	ClientID     string            // as it is registered there
	ClientSecret string            // "" for a public client, which PKCE protects
	GroupsClaim  string            // with a person's groups; "" for groups
	Roles        map[string]Role   // by group; none: only those who were invited come in
	Tenants      map[string]string // by group, for whoever comes in by a group; none: all tenants
	Client       *http.Client      // asks the provider; nil: one that gives up after providerTimeout
}

const providerTimeout = 10 * time.Second

// pendingFor is how long somebody may take to sign in at the provider.
const pendingFor = 10 * time.Minute

// What became of a sign-in at the provider.
var (
	// ErrProvider is for a provider that does not answer, or answers what cannot be believed; what it was stands in the log.
	ErrProvider = errors.New("the sign-in service did not answer as it should; try again in a moment, and if it stays so an engineer finds the reason in the service's log")
	// ErrPending is for an answer that belongs to no sign-in of this browser.
	ErrPending = errors.New("this sign-in was begun elsewhere or took too long; begin again")
	// ErrUninvited is for somebody whom the provider knows and nobody has let in here.
	ErrUninvited = errors.New("you have no account here, or it is shut; ask an administrator for an invitation")
)

// Provider signs people in at an OpenID Connect provider by the authorization code flow with PKCE (OpenID
// Connect Core 1.0, section 3.1; RFC 7636; RFC 9700).
type Provider struct {
	ProviderOptions
	redirect string
	now      func() time.Time
	log      *slog.Logger

	mu    sync.Mutex
	found *oidc.Provider // nil until it was asked once
}

func newProvider(o ProviderOptions, address string, db *store.DB, log *slog.Logger) (*Provider, error) {
	switch {
	case !strings.HasPrefix(o.Issuer, "https://") && !Loopback(strings.TrimPrefix(strings.TrimRight(o.Issuer, "/"), "http://")):
		return nil, fmt.Errorf("the provider's issuer %q has to begin with https://", o.Issuer)
	case o.ClientID == "":
		return nil, errors.New("the provider needs a client id: the one under which this console is registered there")
	case address == "":
		return nil, errors.New("the provider needs the console's address, to send people back to")
	}
	for group, role := range o.Roles {
		if !slices.Contains(Roles, role) {
			return nil, fmt.Errorf("the group %q gives a role %q, which there is not; there are %s", group, role, strings.Join(texts(Roles), ", "))
		}
	}
	if o.GroupsClaim == "" {
		o.GroupsClaim = "groups"
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: providerTimeout}
	}
	return &Provider{ProviderOptions: o, redirect: strings.TrimRight(address, "/") + CallbackPath, now: db.Now, log: log}, nil
}

// discover asks the provider about itself, and keeps what it said. That it is away when this program
// starts is no reason not to start.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// The provider keeps this context for fetching keys later.
	found, err := oidc.NewProvider(context.WithoutCancel(p.client(ctx)), p.Issuer)
	if err != nil {
		return nil, err
	}
	p.found = found
	return found, nil
}

func (p *Provider) client(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.Client)
}

// exchange asks for a person's name and address, and for their groups by a scope of that name where the
// provider has one: some give them only so, others refuse a scope that they do not know.
func (p *Provider) exchange(found *oidc.Provider) *oauth2.Config {
	var says struct {
		Scopes []string `json:"scopes_supported"`
	}
	scopes := []string{oidc.ScopeOpenID, "profile", "email"}
	if found.Claims(&says) == nil && slices.Contains(says.Scopes, p.GroupsClaim) {
		scopes = append(scopes, p.GroupsClaim)
	}
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: p.redirect, Scopes: scopes}
}

// pending is a sign-in under way. It is kept by the browser alone, in a cookie out of reach for scripts:
// state, nonce and PKCE verifier follow from its secret, so that nobody can fill the store by beginning.
type pending struct {
	secret string
	until  time.Time
	next   string
}

func (p pending) derive(what string) string {
	mac := hmac.New(sha256.New, []byte(p.secret))
	mac.Write([]byte(what))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) // 43 characters, as RFC 7636 wants a verifier
}

func (p pending) state() string    { return p.derive("state") }
func (p pending) nonce() string    { return p.derive("nonce") }
func (p pending) verifier() string { return p.derive("verifier") }

func (p pending) String() string {
	return p.secret + "." + strconv.FormatInt(p.until.Unix(), 10) + "." + base64.RawURLEncoding.EncodeToString([]byte(p.next))
}

func readPending(text string) (p pending, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(parts[0]) < tokenBytes {
		return p, false
	}
	until, err := strconv.ParseInt(parts[1], 10, 64)
	next, nextErr := base64.RawURLEncoding.DecodeString(parts[2])
	return pending{parts[0], time.Unix(until, 0), string(next)}, err == nil && nextErr == nil
}

// mostNext keeps the cookie within what browsers keep.
const mostNext = 1024

func (s *SignIn) pendingCookie(r *http.Request, value string, maxAge int) *http.Cookie {
	c := s.cookie(r, value, maxAge)
	c.Name = strings.Replace(c.Name, "session", "provider", 1)
	return c
}

// Begin begins a sign-in at the provider: the address to send the browser to, and the cookie to set. next is
// where the person wants to go afterwards; Finish gives it back. ErrProvider where the provider is away.
func (s *SignIn) Begin(r *http.Request, next string) (to string, c *http.Cookie, err error) {
	found, err := s.Provider.discover(r.Context())
	if err != nil {
		s.Provider.log.WarnContext(r.Context(), "the OpenID Connect provider cannot be asked", "issuer", s.Provider.Issuer, "error", err)
		return "", nil, ErrProvider
	}
	if len(next) > mostNext {
		next = ""
	}
	p := pending{random(), s.db.Now().Add(pendingFor), next}
	to = s.Provider.exchange(found).AuthCodeURL(p.state(), oidc.Nonce(p.nonce()), oauth2.S256ChallengeOption(p.verifier()))
	return to, s.pendingCookie(r, p.String(), int(pendingFor/time.Second)), nil
}

// Finish ends a sign-in at the provider with the request that it sends the browser back with: the cookies to
// set in any case, and where the person wanted to go, which whoever redirects there checks. ErrPending,
// ErrProvider (also where it is not asked because too many sign-ins failed: a *Throttled is in it then), or ErrUninvited.
func (s *SignIn) Finish(r *http.Request) (set []*http.Cookie, next string, err error) {
	set = []*http.Cookie{s.pendingCookie(r, "", -1)} // each is for one answer
	ctx, from := r.Context(), s.source(r)
	held, err := r.Cookie(set[0].Name)
	if err != nil {
		return set, "", ErrPending
	}
	p, ok := readPending(held.Value)
	if !ok || !s.db.Now().Before(p.until) || !hmac.Equal([]byte(p.state()), []byte(r.URL.Query().Get("state"))) {
		return set, "", ErrPending
	}
	// The cookie is the browser's own word, so whoever asks can have any number of codes looked at.
	if _, err := s.attempt(ctx, "", from); err != nil {
		return set, "", fmt.Errorf("%w: %w", ErrProvider, signInError(err))
	}
	who, err := s.Provider.answer(ctx, r, p)
	if err != nil {
		s.Provider.log.WarnContext(ctx, "a sign-in at the OpenID Connect provider failed", "issuer", s.Provider.Issuer, "from", from, "error", err)
		return set, "", cmp.Or(s.failed(ctx, "", from, "provider", 1), ErrProvider)
	}
	var k Account
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		k, err = s.admit(ctx, tx, who)
		return err
	})
	if errors.Is(err, ErrUninvited) {
		return set, "", cmp.Or(s.failed(ctx, k.ID, from, "provider", 1), s.shut(ctx, k), ErrUninvited)
	}
	if err != nil {
		return set, "", signInError(err)
	}
	c, err := s.let(ctx, r, k, "provider", "")
	if errors.Is(err, ErrCredentials) { // shut in this moment
		err = ErrUninvited
	}
	if err != nil {
		return set, "", err
	}
	return append(set, c), p.next, nil
}

// shut shuts the account of somebody whom the provider no longer lets in, with its sign-ins and tokens. admit
// opens it when it does again.
func (s *SignIn) shut(ctx context.Context, k Account) error {
	if k.ID == "" || k.Disabled {
		return nil
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		k, err := selectAccount(ctx, tx, `id = $1`, k.ID)
		if err != nil || k.Disabled || !k.ByGroups {
			return err
		}
		k.Disabled, k.ungrouped = true, true
		ctx := With(ctx, k.principal())
		if err := s.Accounts.write(ctx, tx, k); err != nil {
			return err
		}
		return record(ctx, tx, "account.disabled", k, "groups at the provider")
	})
}

// claims are what an ID token says of a person.
type claims struct {
	Issuer, Subject string
	Email           string // verified; "" otherwise
	Name, Username  string
	Groups          []string
}

// saidOf is what an ID token, or the provider when it is asked, says of a person.
type saidOf struct {
	AuthorizedParty string `json:"azp"`
	Email           string `json:"email"`
	Verified        any    `json:"email_verified"` // some providers write it as text
	Name            string `json:"name"`
	Username        string `json:"preferred_username"`
}

// answer checks the provider's answer and returns whom it names.
func (p *Provider) answer(ctx context.Context, r *http.Request, begun pending) (who claims, err error) {
	q := r.URL.Query()
	if fault := q.Get("error"); fault != "" {
		return who, fmt.Errorf("the provider says %.100q: %.300q", fault, q.Get("error_description"))
	}
	if iss := q.Get("iss"); iss != "" && iss != p.Issuer { // RFC 9207
		return who, fmt.Errorf("the answer is of %.200q", iss)
	}
	found, err := p.discover(ctx)
	if err != nil {
		return who, err
	}
	tokens, err := p.exchange(found).Exchange(p.client(ctx), q.Get("code"), oauth2.VerifierOption(begun.verifier()))
	if err != nil {
		return who, fmt.Errorf("exchange the code: %w", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	token, err := found.VerifierContext(p.client(ctx), &oidc.Config{ClientID: p.ClientID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return who, fmt.Errorf("the ID token: %w", err)
	}
	if !hmac.Equal([]byte(token.Nonce), []byte(begun.nonce())) {
		return who, errors.New("the ID token was made for another sign-in: its nonce differs")
	}
	var said saidOf
	if err := token.Claims(&said); err != nil {
		return who, fmt.Errorf("the ID token: %w", err)
	}
	if said.AuthorizedParty != "" && said.AuthorizedParty != p.ClientID { // OpenID Connect Core, 3.1.3.7
		return who, fmt.Errorf("the ID token was made for the client %.100q", said.AuthorizedParty)
	}
	rest := map[string]json.RawMessage{}
	if err := token.Claims(&rest); err != nil {
		return who, fmt.Errorf("the ID token: %w", err)
	}
	if found.UserInfoEndpoint() != "" && (rest[p.GroupsClaim] == nil || rest["email"] == nil) {
		// A provider that keeps to the letter of OpenID Connect Core, 5.4, says more only when it is asked.
		info, err := found.UserInfo(p.client(ctx), oauth2.StaticTokenSource(tokens))
		if err != nil {
			return who, fmt.Errorf("ask the provider about the person: %w", err)
		}
		if info.Subject != token.Subject {
			return who, errors.New("the provider told about another person than the one who signed in")
		}
		// Not on top of what the token says: its word that an address is verified is for its own address.
		var asked saidOf
		if err := errors.Join(info.Claims(&asked), info.Claims(&rest)); err != nil {
			return who, fmt.Errorf("what the provider says of the person: %w", err)
		}
		if said.Email == "" {
			said.Email, said.Verified = asked.Email, asked.Verified
		}
		said.Name, said.Username = cmp.Or(asked.Name, said.Name), cmp.Or(asked.Username, said.Username)
	}
	who = claims{Issuer: token.Issuer, Subject: token.Subject, Name: said.Name, Username: said.Username}
	if said.Verified == true || said.Verified == "true" {
		if who.Email, err = address(said.Email); err != nil {
			who.Email = ""
		}
	}
	if groups := rest[p.GroupsClaim]; len(groups) > 0 && json.Unmarshal(groups, &who.Groups) != nil {
		var one string
		if err := json.Unmarshal(groups, &one); err != nil {
			return who, fmt.Errorf("the claim %s is neither a text nor a list of texts", p.GroupsClaim)
		}
		who.Groups = []string{one}
	}
	return who, nil
}

// rights are what somebody's groups give; no roles where they give none, or no tenant where tenants are given by groups.
func (p *Provider) rights(groups []string) Rights {
	var r Rights
	for _, g := range groups {
		if role, ok := p.Roles[g]; ok {
			r.Roles = append(r.Roles, role)
		}
		if tenant, ok := p.Tenants[g]; ok {
			r.Tenants = append(r.Tenants, tenant)
		}
	}
	slices.Sort(r.Roles)
	slices.Sort(r.Tenants)
	r.Roles, r.Tenants = slices.Compact(r.Roles), slices.Compact(r.Tenants)
	if len(p.Tenants) > 0 && len(r.Tenants) == 0 {
		return Rights{}
	}
	return r
}

// admit finds the account of whom the provider names: the one that is theirs, or that was invited by their
// verified address, or, where groups give roles, a new one. ErrUninvited, with the account where there is one.
func (s *SignIn) admit(ctx context.Context, tx *store.Tx, who claims) (Account, error) {
	by := s.Provider.rights(who.Groups)
	k, err := selectAccount(ctx, tx, `issuer = $1 AND subject = $2`, who.Issuer, who.Subject)
	if errors.Is(err, ErrNoAccount) && who.Email != "" {
		if k, err = selectAccount(ctx, tx, `email = $1 AND subject = ''`, who.Email); err == nil {
			if k.Disabled { // groups make no other account of theirs
				return k, ErrUninvited
			}
			if _, err := tx.ExecContext(ctx, `UPDATE accounts SET issuer = $2, subject = $3 WHERE id = $1`, k.ID, who.Issuer, who.Subject); err != nil {
				return k, err
			}
			ctx := With(ctx, k.principal())
			if err := revokeAll(ctx, tx, s.db.Now(), k.ID); err != nil { // made while nobody signed in with it
				return k, err
			}
			return k, record(ctx, tx, "account.bound", k, "")
		}
	}
	switch {
	case errors.Is(err, ErrNoAccount) && len(by.Roles) == 0:
		return Account{}, ErrUninvited
	case errors.Is(err, ErrNoAccount):
		return s.newcomer(ctx, tx, who, by)
	case err != nil:
		return k, err
	case k.Disabled && !k.ungrouped, k.ByGroups && len(by.Roles) == 0:
		return k, ErrUninvited
	case k.ungrouped:
		k.Roles, k.Tenants, k.Disabled, k.ungrouped = by.Roles, by.Tenants, false, false
		if err := s.Accounts.write(ctx, tx, k); err != nil {
			return k, err
		}
		return k, record(With(ctx, k.principal()), tx, "account.enabled", k, "groups at the provider")
	case !k.ByGroups || slices.Equal(k.Roles, by.Roles) && slices.Equal(k.Tenants, by.Tenants):
		return k, nil
	}
	k.Roles, k.Tenants = by.Roles, by.Tenants
	if err := s.Accounts.write(ctx, tx, k); err != nil {
		return k, err
	}
	return k, record(With(ctx, k.principal()), tx, "account.changed", k, "groups at the provider")
}

// newcomer makes the account of somebody whose groups let them in. A name that is somebody's already is made
// another one: what people call themselves at the provider must not make them anybody here.
func (s *SignIn) newcomer(ctx context.Context, tx *store.Tx, who claims, by Rights) (Account, error) {
	mark := digest(who.Issuer + "\x00" + who.Subject)[:8]
	local, _, _ := strings.Cut(who.Email, "@")
	id, err := accountID(cmp.Or(who.Username, local))
	if err != nil {
		id = "person-" + mark
	}
	_, known := selectAccount(ctx, tx, `id = $1`, id)
	if slices.Contains(taken, id) || !errors.Is(known, ErrNoAccount) {
		if len(id) > 48 {
			id = "person"
		}
		id += "-" + mark
	}
	name, err := shownName(who.Name, id)
	if err != nil {
		name = id
	}
	if who.Email != "" {
		if _, err := selectAccount(ctx, tx, `email = $1`, who.Email); !errors.Is(err, ErrNoAccount) {
			who.Email = ""
		}
	}
	now := s.db.Now()
	k := Account{ID: id, Name: name, Email: who.Email, Roles: by.Roles, Tenants: by.Tenants, Provider: true, ByGroups: true, CreatedAt: now, ChangedAt: now}
	if err := insertAccount(ctx, tx, k, who.Issuer, who.Subject); err != nil {
		return k, err
	}
	return k, record(With(ctx, k.principal()), tx, "account.made", k, "groups at the provider")
}
