package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
)

// peopleRoutes are the pages on which accounts are managed.
func (c *Console) peopleRoutes() []identity.Route {
	route := func(method, path, summary string, h http.HandlerFunc) identity.Route {
		return identity.Route{Method: method, Path: path, Permission: identity.ManagePeople, Summary: summary, Handler: identity.Page(h)}
	}
	return []identity.Route{
		route(http.MethodGet, "/people", "People and programs that have an account", c.people),
		route(http.MethodPost, "/people", "Invite somebody", c.invite),
		route(http.MethodGet, "/people/{id}", "One account", c.person),
		route(http.MethodGet, "/people/{id}/{act}", "Back to the account", c.backToPerson),
		route(http.MethodPost, "/people/{id}/rights", "Give an account other roles, tenants and lines", c.changeRights),
		route(http.MethodPost, "/people/{id}/disable", "Shut an account", c.disablePerson),
		route(http.MethodPost, "/people/{id}/enable", "Open an account again", c.enablePerson),
		route(http.MethodPost, "/people/{id}/link", "A new one-time link", c.linkPerson),
		route(http.MethodPost, "/people/{id}/tokens", "Make a token for an account", c.tokenForPerson),
		route(http.MethodPost, "/people/{id}/revoke", "Revoke a token of an account", c.revokeOfPerson),
	}
}

// rightsForm is who somebody is to be and what they may do. Tenants and lines stand one in a line.
type rightsForm struct {
	ID, Name, Email string
	Roles           []choice
	Tenants, Lines  string
	Fault           string // id, name, email, roles, tenants, lines; "" for none
	Why             string // the service's own words for it, in English
	Open            bool
}

// rolesChosen are all roles, with those that somebody has.
func rolesChosen(chosen []string) []choice {
	var all []string
	for _, r := range identity.Roles {
		all = append(all, string(r))
	}
	return choices(all, chosen)
}

// linesOf are the lines of a text, without empty ones.
func linesOf(text string) (out []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// readRights is what a form says somebody may do.
func readRights(form url.Values) (rightsForm, identity.Rights) {
	f := rightsForm{
		ID: strings.TrimSpace(form.Get("id")), Name: form.Get("name"), Email: form.Get("email"),
		Roles: rolesChosen(form["role"]), Tenants: form.Get("tenants"), Lines: form.Get("lines"), Open: true,
	}
	rights := identity.Rights{Tenants: linesOf(f.Tenants), Lines: linesOf(f.Lines)}
	for _, role := range form["role"] {
		rights.Roles = append(rights.Roles, identity.Role(role))
	}
	return f, rights
}

// shownLink is a one-time link just made, which is shown this once.
type shownLink struct {
	ID      string
	Address string
	Until   time.Time
}

// linkFor is a link as it can be sent: below the address that is configured, since what a request says of its
// host is whoever's who sent it. Where none is, it is the one by which the administrator reached it.
func (c *Console) linkFor(r *http.Request, id string, l identity.Link) *shownLink {
	if c.SignIn.Address != "" {
		return &shownLink{id, c.SignIn.Address + l.Path(), l.Until}
	}
	scheme := "http"
	if r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://") { // behind a proxy that ends TLS
		scheme = "https"
	}
	return &shownLink{id, scheme + "://" + r.Host + l.Path(), l.Until}
}

// peopleBody is everybody.
type peopleBody struct {
	Tabs  tabs
	Items []identity.Account
	Form  rightsForm
	Link  *shownLink
}

func (c *Console) people(w http.ResponseWriter, r *http.Request) {
	c.showPeople(w, r, http.StatusOK, peopleBody{})
}

func (c *Console) showPeople(w http.ResponseWriter, r *http.Request, status int, b peopleBody) {
	list, err := c.SignIn.Accounts.List(r.Context())
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	who, _ := identity.From(r.Context())
	b.Tabs, b.Items = c.systemTabs(r, "people"), list
	if b.Form.Roles == nil {
		b.Form = rightsForm{Roles: rolesChosen(nil), Tenants: strings.Join(who.Tenants, "\n"), Lines: strings.Join(who.Lines, "\n"), Open: len(list) < 2 && b.Link == nil}
	}
	c.respond(w, r, status, view{Page: "people", Title: c.language(w, r).text("nav.people"), Body: b})
}

// invite makes an account. Sent twice it makes one: the second answer is that the name is taken.
func (c *Console) invite(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/people"})
		return
	}
	form, rights := readRights(r.PostForm)
	k, link, err := c.SignIn.Accounts.Invite(r.Context(), identity.Invitation{ID: form.ID, Name: form.Name, Email: form.Email, Rights: rights})
	var no *identity.Refusal
	switch {
	case errors.As(err, &no):
		form.Fault, form.Why = no.Field, no.Reason
		c.showPeople(w, r, http.StatusUnprocessableEntity, peopleBody{Form: form})
	case err != nil:
		c.trouble(w, r, err)
	default:
		c.showPeople(w, r, http.StatusOK, peopleBody{Link: c.linkFor(r, k.ID, link)})
	}
}

// personBody is one account.
type personBody struct {
	identity.Account
	Tabs   tabs
	Form   rightsForm
	Fixed  bool // the administrator's account stays as it is
	Self   bool
	Link   *shownLink
	Tokens []tokenRow
	Token  tokenForm
	Shown  *shownToken
	Said   string // rights, disable, enable, revoke; "" for nothing
	Reason string // of a form that was not taken
	Fault  string // of the other forms: reason, sure, provider; "" for none
	Why    string
	Sure   string
	Max    int
}

// personSaids are what the page can say has just happened.
var personSaids = []string{"rights", "disable", "enable", "revoke"}

func personHref(id string, query ...string) string {
	at := "/people/" + url.PathEscape(id)
	if len(query) == 2 {
		at += "?" + url.Values{query[0]: {query[1]}}.Encode()
	}
	return at
}

func (c *Console) person(w http.ResponseWriter, r *http.Request) {
	b := personBody{}
	if said := r.URL.Query().Get("said"); slices.Contains(personSaids, said) {
		b.Said = said
	}
	c.showPerson(w, r, http.StatusOK, b)
}

// backToPerson answers an address that a form was sent to when somebody opens it.
func (c *Console) backToPerson(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, personHref(r.PathValue("id")), http.StatusSeeOther)
}

func (c *Console) showPerson(w http.ResponseWriter, r *http.Request, status int, b personBody) {
	k, err := c.SignIn.Accounts.Get(r.Context(), r.PathValue("id"))
	var list []identity.Token
	if err == nil {
		list, err = c.SignIn.Tokens.List(r.Context(), k.ID)
	}
	if err != nil {
		c.noPerson(w, r, err)
		return
	}
	who, _ := identity.From(r.Context())
	b.Account, b.Tabs, b.Max = k, c.systemTabs(r, "people"), cases.MaxReason/2 // as accounts take it
	b.Fixed, b.Self = k.ID == identity.Administrator.ID, k.ID == who.ID
	if b.Form.Roles == nil {
		var has []string
		for _, role := range k.Roles {
			has = append(has, string(role))
		}
		b.Form = rightsForm{Roles: rolesChosen(has), Tenants: strings.Join(k.Tenants, "\n"), Lines: strings.Join(k.Lines, "\n")}
	}
	b.Tokens = c.tokenRows(list, func(id string) string { return personHref(k.ID) + "/revoke?token=" + url.QueryEscape(id) }, b.Sure)
	b.Token = b.Token.with(personHref(k.ID)+"/tokens", identity.Principal{ID: k.ID, Roles: k.Roles, Tenants: k.Tenants, Lines: k.Lines}.Permissions())
	c.respond(w, r, status, view{Page: "person", Title: k.ID, Body: b})
}

func (c *Console) noPerson(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, identity.ErrNoAccount) || errors.Is(err, identity.ErrNoToken) {
		c.say(w, r, http.StatusNotFound, message{Key: "no_person", Detail: r.PathValue("id"), Link: "/people"})
		return
	}
	c.trouble(w, r, err)
}

// onPerson takes a form about an account; do says what became of it. A refusal stands beside what was typed.
func (c *Console) onPerson(w http.ResponseWriter, r *http.Request, act string, form personBody, do func() error) {
	err := do()
	var no *identity.Refusal
	switch {
	case errors.As(err, &no):
		if form.Form.Roles != nil {
			form.Form.Fault, form.Form.Why = no.Field, no.Reason
		} else {
			form.Fault, form.Why = no.Field, no.Reason
		}
		c.showPerson(w, r, http.StatusUnprocessableEntity, form)
	case err != nil:
		c.noPerson(w, r, err)
	default:
		http.Redirect(w, r, personHref(r.PathValue("id"), "said", act), http.StatusSeeOther)
	}
}

// formOf reads a form about an account, or answers why it cannot be read.
func (c *Console) formOf(w http.ResponseWriter, r *http.Request) bool {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: personHref(r.PathValue("id"))})
		return false
	}
	return true
}

func (c *Console) changeRights(w http.ResponseWriter, r *http.Request) {
	if !c.formOf(w, r) {
		return
	}
	form, rights := readRights(r.PostForm)
	c.onPerson(w, r, "rights", personBody{Form: form}, func() error { return c.SignIn.Accounts.Change(r.Context(), r.PathValue("id"), rights) })
}

func (c *Console) disablePerson(w http.ResponseWriter, r *http.Request) {
	if !c.formOf(w, r) {
		return
	}
	b := personBody{Reason: r.PostForm.Get("reason")}
	if r.PostForm.Get("sure") != "yes" {
		b.Fault = "sure"
		c.showPerson(w, r, http.StatusUnprocessableEntity, b)
		return
	}
	c.onPerson(w, r, "disable", b, func() error { return c.SignIn.Accounts.Disable(r.Context(), r.PathValue("id"), b.Reason) })
}

func (c *Console) enablePerson(w http.ResponseWriter, r *http.Request) {
	c.onPerson(w, r, "enable", personBody{}, func() error { return c.SignIn.Accounts.Enable(r.Context(), r.PathValue("id")) })
}

// linkPerson makes a new one-time link. Sent twice, the second link is the one that counts.
func (c *Console) linkPerson(w http.ResponseWriter, r *http.Request) {
	link, err := c.SignIn.Accounts.NewLink(r.Context(), r.PathValue("id"))
	if err == nil {
		c.showPerson(w, r, http.StatusOK, personBody{Link: c.linkFor(r, r.PathValue("id"), link)})
		return
	}
	c.onPerson(w, r, "link", personBody{}, func() error { return err })
}

func (c *Console) tokenForPerson(w http.ResponseWriter, r *http.Request) {
	if !c.formOf(w, r) {
		return
	}
	made, form, err := c.newToken(r, r.PathValue("id"))
	switch {
	case err != nil:
		c.noPerson(w, r, err)
	case made == nil:
		c.showPerson(w, r, http.StatusUnprocessableEntity, personBody{Token: form})
	default:
		c.showPerson(w, r, http.StatusOK, personBody{Shown: made})
	}
}

func (c *Console) revokeOfPerson(w http.ResponseWriter, r *http.Request) {
	if !c.formOf(w, r) {
		return
	}
	token := r.URL.Query().Get("token")
	if r.PostForm.Get("sure") != "yes" {
		c.showPerson(w, r, http.StatusUnprocessableEntity, personBody{Sure: token})
		return
	}
	c.onPerson(w, r, "revoke", personBody{}, func() error { return c.SignIn.Tokens.Revoke(r.Context(), token) })
}
