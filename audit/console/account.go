package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mingjian/audit/identity"
)

// accountRoutes are the pages of one's own account.
func (c *Console) accountRoutes() []identity.Route {
	route := func(method, path string, p identity.Permission, summary string, h http.HandlerFunc) identity.Route {
		return identity.Route{Method: method, Path: path, Permission: p, Summary: summary, Handler: identity.Page(h)}
	}
	back := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusSeeOther) }
	}
	return []identity.Route{
		route(http.MethodGet, identity.WelcomePath, identity.Public, "Set a password by a one-time link", c.welcome),
		route(http.MethodPost, identity.WelcomePath, identity.Public, "Set a password by a one-time link", c.welcomePost),
		route(http.MethodGet, "/account", identity.OwnAccount, "One's own account", c.account),
		route(http.MethodPost, "/account/password", identity.OwnAccount, "Change one's own password", c.changePassword),
		route(http.MethodGet, "/account/password", identity.OwnAccount, "Back to the account", back("/account")),
		route(http.MethodGet, "/tokens", identity.ManageTokens, "One's own API tokens", c.tokens),
		route(http.MethodPost, "/tokens", identity.ManageTokens, "Make an API token", c.makeToken),
		route(http.MethodPost, "/tokens/{id}/revoke", identity.ManageTokens, "Revoke an API token", c.revokeToken),
		route(http.MethodGet, "/tokens/{id}/{act}", identity.ManageTokens, "Back to the tokens", back("/tokens")),
	}
}

func accountTabs(r *http.Request, here string) tabs {
	return tabsOf(r, "account.places", here, tab{"account", "/account", identity.OwnAccount}, tab{"tokens", "/tokens", identity.ManageTokens})
}

// passwordForm is where a password is chosen. Passwords are not kept; the code of a link is, since it is
// needed once more.
type passwordForm struct {
	Tabs  tabs
	Me    identity.Account // the account, where there is one
	Code  string
	Fault string // again, link, password (that was shown), busy, throttled, new (it will not do); "" for none
	Wait  string
	Why   string // the service's own words for it, in English
	Said  bool
	Least int
}

func (c *Console) welcome(w http.ResponseWriter, r *http.Request) {
	c.showWelcome(w, r, http.StatusOK, passwordForm{})
}

func (c *Console) showWelcome(w http.ResponseWriter, r *http.Request, status int, f passwordForm) {
	f.Least = identity.LeastPassword
	c.respond(w, r, status, view{Page: "welcome", Title: c.language(w, r).text("welcome.title"), Body: f})
}

// welcomePost sets a password by a one-time link and signs in.
func (c *Console) welcomePost(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: identity.WelcomePath})
		return
	}
	f := passwordForm{Code: codeOf(r.PostForm.Get("code"))}
	if r.PostForm.Get("password") != r.PostForm.Get("again") {
		f.Fault = "again"
		c.showWelcome(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	cookie, err := c.SignIn.WithLink(r.Context(), r, f.Code, r.PostForm.Get("password"))
	var no *identity.Refusal
	switch {
	case errors.Is(err, identity.ErrLink):
		f.Fault = "link"
		c.showWelcome(w, r, http.StatusGone, f)
	case errors.As(err, &no):
		f.Fault, f.Why = "new", no.Reason
		c.showWelcome(w, r, http.StatusUnprocessableEntity, f)
	case err != nil:
		status := 0
		if status, f.Fault, f.Wait = c.refusedCredentials(w, r, err); status == 0 {
			c.trouble(w, r, err)
			return
		}
		c.showWelcome(w, r, status, f)
	default:
		http.SetCookie(w, cookie)
		http.Redirect(w, r, "/account?said=welcome", http.StatusSeeOther)
	}
}

// codeOf takes a code as people paste it: alone, or the whole link.
func codeOf(typed string) string {
	if _, after, ok := strings.Cut(typed, "#"); ok {
		typed = after
	}
	return strings.TrimSpace(typed)
}

func (c *Console) account(w http.ResponseWriter, r *http.Request) {
	c.showAccount(w, r, http.StatusOK, passwordForm{Said: r.URL.Query().Get("said") != ""})
}

func (c *Console) showAccount(w http.ResponseWriter, r *http.Request, status int, f passwordForm) {
	who, _ := identity.From(r.Context())
	me, err := c.SignIn.Accounts.Get(r.Context(), who.ID)
	if errors.Is(err, identity.ErrNoAccount) {
		me, err = identity.Account{ID: who.ID, Name: who.Name, Roles: who.Roles, Tenants: who.Tenants, Lines: who.Lines}, nil
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	f.Me, f.Tabs, f.Least = me, accountTabs(r, "account"), identity.LeastPassword
	c.respond(w, r, status, view{Page: "account", Title: c.language(w, r).text("nav.account"), Body: f})
}

func (c *Console) changePassword(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/account"})
		return
	}
	var f passwordForm
	if r.PostForm.Get("password") != r.PostForm.Get("again") {
		f.Fault = "again"
		c.showAccount(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	cookie, err := c.SignIn.ChangePassword(r.Context(), r, r.PostForm.Get("old"), r.PostForm.Get("password"))
	var no *identity.Refusal
	switch {
	case errors.As(err, &no):
		f.Fault, f.Why = "new", no.Reason
		c.showAccount(w, r, http.StatusUnprocessableEntity, f)
	case err != nil:
		status := 0
		if status, f.Fault, f.Wait = c.refusedCredentials(w, r, err); status == 0 {
			c.trouble(w, r, err)
			return
		}
		c.showAccount(w, r, status, f)
	default:
		http.SetCookie(w, cookie)
		http.Redirect(w, r, "/account?said=password", http.StatusSeeOther)
	}
}

// tokensBody is the list of an account's tokens, and the form for a new one.
type tokensBody struct {
	Tabs   tabs
	Tokens []tokenRow
	Form   tokenForm
	Shown  *shownToken
	Said   bool
	Sure   string // id of the token whose revoking was not agreed to
}

// tokenRow is a token in a list.
type tokenRow struct {
	identity.Token
	State  string // valid, expired, revoked
	Revoke string // address of the form; "" where there is nothing to revoke
	Unsure bool   // the form was sent without agreeing
}

// tokenForm asks for a token.
type tokenForm struct {
	Action string
	Name   string
	Days   []choice
	Scopes []choice
	Fault  string // name, scopes, until, account, taken; "" for none
	Why    string // the service's own words for it, in English
	Open   bool
}

// shownToken is a token just made, which is shown this once.
type shownToken struct {
	identity.Token
	Text string
}

// tokenDays are the lives of tokens to choose from; the usual one is UsualToken.
var tokenDays = []string{"7", "30", "90", "180", "366"}

func usualDays() string { return strconv.Itoa(int(identity.UsualToken / (24 * time.Hour))) }

func (c *Console) tokens(w http.ResponseWriter, r *http.Request) {
	c.showTokens(w, r, http.StatusOK, tokensBody{Said: r.URL.Query().Get("said") == "revoked"})
}

func (c *Console) showTokens(w http.ResponseWriter, r *http.Request, status int, b tokensBody) {
	list, err := c.SignIn.Tokens.List(r.Context(), "")
	if err != nil && !errors.Is(err, identity.ErrNoAccount) {
		c.trouble(w, r, err)
		return
	}
	who, _ := identity.From(r.Context())
	b.Tabs, b.Tokens = accountTabs(r, "tokens"), c.tokenRows(list, func(id string) string { return "/tokens/" + id + "/revoke" }, b.Sure)
	b.Form = b.Form.with("/tokens", who.Permissions())
	c.respond(w, r, status, view{Page: "tokens", Title: c.language(w, r).text("nav.tokens"), Body: b})
}

// tokenRows are tokens with the address where each is revoked.
func (c *Console) tokenRows(list []identity.Token, revoke func(id string) string, unsure string) (out []tokenRow) {
	for _, k := range list {
		row := tokenRow{Token: k, State: "valid", Unsure: k.ID == unsure}
		switch {
		case !k.RevokedAt.IsZero():
			row.State = "revoked"
		case !c.Now().Before(k.Until):
			row.State = "expired"
		default:
			row.Revoke = revoke(k.ID)
		}
		out = append(out, row)
	}
	return out
}

// with completes the form by what there is to choose from.
func (f tokenForm) with(action string, held []identity.Permission) tokenForm {
	f.Action = action
	if f.Days == nil {
		f.Days = choices(tokenDays, []string{usualDays()})
	}
	var all []string
	for _, p := range held {
		all = append(all, string(p))
	}
	var chosen []string
	for _, s := range f.Scopes {
		chosen = append(chosen, s.Value)
	}
	f.Scopes = choices(all, chosen)
	return f
}

// newToken makes the token that a form asks for, for an account ("" for one's own). Where it is not made the
// form comes back with what is wrong with it. A name that a valid token has already is refused, so that a
// form that is sent twice makes one token.
func (c *Console) newToken(r *http.Request, account string) (*shownToken, tokenForm, error) {
	f := tokenForm{Name: strings.TrimSpace(r.PostForm.Get("name")), Days: choices(tokenDays, []string{r.PostForm.Get("days")}), Open: true}
	for _, s := range r.PostForm["scope"] {
		f.Scopes = append(f.Scopes, choice{s, true})
	}
	list, err := c.SignIn.Tokens.List(r.Context(), account)
	if err != nil && !errors.Is(err, identity.ErrNoAccount) {
		return nil, f, err
	}
	for _, k := range c.tokenRows(list, func(id string) string { return id }, "") {
		if k.State == "valid" && k.Name == f.Name {
			f.Fault = "taken"
			return nil, f, nil
		}
	}
	days, err := strconv.Atoi(r.PostForm.Get("days"))
	if err != nil || days < 0 || days > 10_000 { // not what a duration holds
		days = 0
	}
	text, made, err := c.SignIn.Tokens.Make(r.Context(), identity.TokenRequest{Account: account, Name: f.Name, Scopes: r.PostForm["scope"], For: time.Duration(days) * 24 * time.Hour})
	var no *identity.Refusal
	if errors.As(err, &no) {
		f.Fault, f.Why = no.Field, no.Reason
		return nil, f, nil
	}
	if err != nil {
		return nil, f, err
	}
	return &shownToken{made, text}, tokenForm{}, nil
}

func (c *Console) makeToken(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/tokens"})
		return
	}
	made, form, err := c.newToken(r, "")
	switch {
	case errors.Is(err, identity.ErrNoAccount):
		c.showTokens(w, r, http.StatusConflict, tokensBody{Form: tokenForm{Fault: "account", Open: true, Name: form.Name}})
	case err != nil:
		c.trouble(w, r, err)
	case made == nil:
		c.showTokens(w, r, http.StatusUnprocessableEntity, tokensBody{Form: form})
	default:
		c.showTokens(w, r, http.StatusOK, tokensBody{Shown: made})
	}
}

func (c *Console) revokeToken(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/tokens"})
		return
	}
	if r.PostForm.Get("sure") != "yes" {
		c.showTokens(w, r, http.StatusUnprocessableEntity, tokensBody{Sure: r.PathValue("id")})
		return
	}
	err := c.SignIn.Tokens.Revoke(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, identity.ErrNoToken):
		c.say(w, r, http.StatusNotFound, message{Key: "no_token", Link: "/tokens"})
	case err != nil:
		c.trouble(w, r, err)
	default:
		http.Redirect(w, r, "/tokens?said=revoked", http.StatusSeeOther)
	}
}
