package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"mingjian/audit/identity"
)

// signInBody is the form. The token that was typed is a secret and is not kept.
type signInBody struct {
	Next  string
	Name  string
	Roles []choice
	Fault string // the field that was wrong: token, name; "" for none
}

// asAdministrator is the choice that needs no name.
const asAdministrator = string(identity.Admin)

func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	c.showSignIn(w, r, http.StatusOK, signInBody{Next: ours(r.URL.Query().Get("next"))})
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, status int, b signInBody) {
	if b.Roles == nil {
		b.Roles = roles(asAdministrator)
	}
	c.respond(w, r, status, view{Page: "signin", Title: c.language(w, r).text("signin.title"), Body: b})
}

// roles are what the holder of the token can sign in as.
func roles(chosen string) []choice {
	all := []string{asAdministrator}
	for _, role := range identity.Positions {
		all = append(all, string(role))
	}
	return choices(all, []string{chosen})
}

func (c *Console) signInPost(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/signin"})
		return
	}
	next := ours(r.PostForm.Get("next"))
	role := r.PostForm.Get("role")
	b := signInBody{Next: next, Name: strings.TrimSpace(r.PostForm.Get("name")), Roles: roles(role)}
	as := identity.Person{Name: b.Name, Role: identity.Role(role)}
	if role == asAdministrator || role == "" {
		as = identity.Person{}
	}
	cookie, err := c.SignIn.Open(r.Context(), r, r.PostForm.Get("token"), as)
	switch {
	case errors.Is(err, identity.ErrWrongToken):
		c.Log.WarnContext(r.Context(), "a sign-in with a wrong token", "from", r.RemoteAddr)
		b.Fault = "token"
		c.showSignIn(w, r, http.StatusUnauthorized, b)
	case errors.Is(err, identity.ErrPerson):
		b.Fault = "name"
		c.showSignIn(w, r, http.StatusUnprocessableEntity, b)
	case err != nil:
		c.trouble(w, r, err)
	default:
		http.SetCookie(w, cookie)
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
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

// ours is where to go after signing in: a path of this service, or its start. A browser reads "//host"
// and "/\host" as another host.
func ours(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
