package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"mingjian/audit/identity"
)

// signInBody is the form. What was typed and is a secret is not kept.
type signInBody struct {
	Next     string
	Name     string
	Fault    string // what was wrong: password, token, busy, throttled, provider, pending, uninvited; "" for nothing
	Wait     string // until one more attempt is taken, in words
	Provider bool   // one can sign in at the OpenID Connect provider
	Token    bool   // the way with the administrator's token is open
	First    bool   // nobody has a password yet
}

func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	c.showSignIn(w, r, http.StatusOK, signInBody{Next: ours(r.URL.Query().Get("next"))})
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, status int, b signInBody) {
	settled, err := c.SignIn.Accounts.Settled(r.Context())
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	b.Provider, b.First = c.SignIn.Provider != nil, !settled
	c.respond(w, r, status, view{Page: "signin", Title: c.language(w, r).text("signin.title"), Body: b})
}

// signInPost signs in with a name and a password, or with the administrator's token.
func (c *Console) signInPost(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/signin"})
		return
	}
	b := signInBody{Next: ours(r.PostForm.Get("next")), Name: strings.TrimSpace(r.PostForm.Get("name"))}
	var cookie *http.Cookie
	var err error
	if token := strings.TrimSpace(r.PostForm.Get("token")); token != "" {
		b.Token = true
		cookie, err = c.SignIn.WithAdminToken(r.Context(), r, token)
	} else {
		cookie, err = c.SignIn.WithPassword(r.Context(), r, b.Name, r.PostForm.Get("password"))
	}
	if err == nil {
		http.SetCookie(w, cookie)
		http.Redirect(w, r, b.Next, http.StatusSeeOther)
		return
	}
	status := 0
	if status, b.Fault, b.Wait = c.refusedCredentials(w, r, err); status == 0 {
		c.trouble(w, r, err)
		return
	}
	c.showSignIn(w, r, status, b)
}

// refusedCredentials says what was wrong with what somebody showed, with the status to answer; 0 where the
// fault is ours.
func (c *Console) refusedCredentials(w http.ResponseWriter, r *http.Request, err error) (status int, fault, wait string) {
	var throttled *identity.Throttled
	switch {
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", throttled.RetryAfter())
		return http.StatusTooManyRequests, "throttled", c.language(w, r).lasting(throttled.Wait.Milliseconds())
	case errors.Is(err, identity.ErrBusy):
		return http.StatusServiceUnavailable, "busy", ""
	case errors.Is(err, identity.ErrCredentials):
		return http.StatusUnauthorized, "password", ""
	case errors.Is(err, identity.ErrWrongToken):
		return http.StatusUnauthorized, "token", ""
	}
	return 0, "", ""
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	cookie, err := c.SignIn.Close(r.Context(), r)
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// toProvider sends the browser to the OpenID Connect provider.
func (c *Console) toProvider(w http.ResponseWriter, r *http.Request) {
	next := ours(r.URL.Query().Get("next"))
	to, cookie, err := c.SignIn.Begin(r, next)
	if err != nil {
		c.showSignIn(w, r, http.StatusBadGateway, signInBody{Next: next, Fault: "provider"})
		return
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// fromProvider is where the provider sends the browser back to.
func (c *Console) fromProvider(w http.ResponseWriter, r *http.Request) {
	cookies, next, err := c.SignIn.Finish(r)
	for _, cookie := range cookies {
		http.SetCookie(w, cookie)
	}
	switch {
	case errors.Is(err, identity.ErrPending):
		c.showSignIn(w, r, http.StatusBadRequest, signInBody{Next: "/", Fault: "pending"})
	case errors.Is(err, identity.ErrUninvited):
		c.showSignIn(w, r, http.StatusForbidden, signInBody{Next: "/", Fault: "uninvited"})
	case errors.Is(err, identity.ErrProvider):
		c.showSignIn(w, r, http.StatusBadGateway, signInBody{Next: "/", Fault: "provider"})
	case err != nil:
		c.trouble(w, r, err)
	default:
		http.Redirect(w, r, ours(next), http.StatusSeeOther)
	}
}

// ours is where to go after signing in: a path of this service, or its start. A browser reads "//host"
// and "/\host" as another host.
func ours(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
