// Package console is the pages: what broke, where in which conversation, under which rule, and what
// was checked so that "nothing broke" means something.
//
// It is also where misjudgements are made good: a list and a board of cases (cases.go), the case with its
// evidence beside the decision (case.go, caseact.go), and the fund that pays (fund.go).
//
// It is also where people review conversations within 48 hours (reviews.go, review.go, verdict.go) and
// where their supervisor sees whether they are in time, agree, and what it says of all sessions (team.go).
//
// Pages are rendered here, from templates and the record, and work without script; console.js only
// adds that lists renew themselves and that the keyboard moves. Everything a page shows comes from
// this host. Every filter is in the address.
//
// What customers and bots wrote is hostile: it is escaped by html/template, its direction marks and
// control characters are made visible, and it stands in elements of its own language.
package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
	_ "time/tzdata" // the tenant's zone must exist where no zone files do

	"mingjian/audit/cases"
	"mingjian/audit/fund"
	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

//go:embed templates/*.html static/* locale/*.yaml
var files embed.FS

// Record is the part of the warehouse's reading side that people see. It answers only for what the
// principal in the context may see.
type Record interface {
	Findings(ctx context.Context, q warehouse.FindingQuery) (warehouse.FindingPage, error)
	SessionOf(ctx context.Context, tenant, sessionID string) (warehouse.Conversation, bool, error)
	SealsOver(ctx context.Context, topic string, partition int, first, last int64) ([]warehouse.Seal, error)
	Sessions(ctx context.Context, q warehouse.SessionQuery) (warehouse.SessionPage, error)
	Checked(ctx context.Context, q warehouse.FindingQuery) (warehouse.Checked, error)
	Trend(ctx context.Context, q warehouse.FindingQuery, length time.Duration) ([]warehouse.Span, error)
}

// System says how the system is.
type System interface {
	// Health asks every part; it returns within a second or two, whatever hangs.
	Health(ctx context.Context) []Check
	// Endpoints are the addresses that people and programs use, in the order to show.
	Endpoints() []Endpoint
}

// Check is one part's health. Detail is a sentence for an engineer, in English.
type Check struct {
	Name   string // broker, warehouse, store, collector, …
	OK     bool
	Detail string
	// Aside: what is wrong wants a person and keeps nothing from being served, so that it does not make
	// the service unready.
	Aside bool
}

// Endpoint is one address.
type Endpoint struct{ Name, Address string }

// Options are what the pages need.
type Options struct {
	Record Record
	// Policies gives the revision in force, which may be another at the next call.
	Policies func() *policies.Bundle
	Cases    *cases.Cases    // misjudgements that are made good
	Fund     *fund.Fund      // from what they are
	Reviews  *review.Reviews // the 48-hour review
	System   System
	Store    Store
	// Exports makes packages for regulators; nil: this service makes none.
	Exports Exports
	// Retention holds and erases; nil: nobody does here.
	Retention Retention
	// Evidence is the log that seals stand in; nil: this service does not see it.
	Evidence Evidence
	// Originals opens what was masked; nil: this service holds no keys, and offers none.
	Originals Originals
	SignIn    *identity.SignIn // nil: nobody can sign in with a browser
	Log       *slog.Logger
	Now       func() time.Time
}

// zoneName is the tenant's zone, in which every time is shown.
const zoneName = "Asia/Shanghai"

// Console renders the pages. It is safe for concurrent use.
type Console struct {
	Options
	zone      *time.Location
	languages map[string]*language
	pages     map[string]map[string]*template.Template // by language and page
	assets    *assets
}

// pageNames are the pages; each is a template file that fills the layout.
var pageNames = []string{"overview", "findings", "sessions", "session", "rules", "system", "signin", "message", "reviews", "review", "team", "cases", "case", "newcase", "fund", "journal", "original", "welcome", "account", "tokens", "people", "person", "exports", "export", "issued", "records"}

// New reads templates and texts; a fault in them is a defect that shows here and not on a page.
func New(o Options) (*Console, error) {
	c := &Console{Options: o, pages: map[string]map[string]*template.Template{}}
	var err error
	if c.zone, err = time.LoadLocation(zoneName); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if c.languages, err = readLanguages(files); err != nil {
		return nil, err
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if c.assets, err = readAssets(static); err != nil {
		return nil, err
	}
	for tag, l := range c.languages {
		shared, err := template.New("").Funcs(c.funcs(l)).ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/talk.html", "templates/caseparts.html", "templates/accountparts.html")
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		c.pages[tag] = map[string]*template.Template{}
		for _, name := range pageNames {
			own, err := shared.Clone()
			if err == nil {
				own, err = own.ParseFS(files, "templates/"+name+".html")
			}
			if err != nil {
				return nil, fmt.Errorf("console: %w", err)
			}
			c.pages[tag][name] = own
		}
	}
	return c, nil
}

// Routes are the pages with the permissions they need.
func (c *Console) Routes() []identity.Route {
	get := func(path string, p identity.Permission, summary string, h http.HandlerFunc) identity.Route {
		return identity.Route{Method: http.MethodGet, Path: path, Permission: p, Summary: summary, Handler: identity.Page(h)}
	}
	routes := []identity.Route{
		get("/{$}", identity.ReadFindings, "Overview", c.overview),
		get("/findings", identity.ReadFindings, "Findings", c.findings),
		get(CSVPath, identity.ReadFindings, "Findings as CSV", c.findingsCSV),
		get("/sessions", identity.ReadSessions, "Sessions", c.sessions),
		get("/sessions/{id}", identity.ReadSessions, "One session", c.session),
		get("/sessions/{id}/report", identity.ReadSessions, "Back to the session", c.backToSession),
		get("/rules", identity.ReadPolicies, "Rules", c.rulesPage),
		get("/system", identity.ReadSystem, "System", c.system),
		get("/static/{file}", identity.Public, "Style, script and mark", c.assets.serve),
		{Method: http.MethodPost, Path: "/sessions/{id}/report", Permission: identity.OpenCases, Summary: "Report a misjudgement", Handler: identity.Page(c.report)},
	}
	routes = append(routes, c.reviewRoutes()...)
	routes = append(routes, c.caseRoutes()...)
	routes = append(routes, c.fundRoutes()...)
	routes = append(routes, c.journalRoutes()...)
	routes = append(routes, c.originalRoutes()...)
	if c.Retention != nil {
		routes = append(routes, c.recordRoutes()...)
	}
	if c.Exports != nil {
		routes = append(routes, c.exportRoutes()...)
	}
	if c.SignIn != nil {
		routes = append(routes, c.accountRoutes()...)
		routes = append(routes, c.peopleRoutes()...)
		routes = append(routes,
			get("/signin", identity.Public, "Sign in", c.signIn),
			identity.Route{Method: http.MethodPost, Path: "/signin", Permission: identity.Public, Summary: "Sign in", Handler: identity.Page(c.signInPost)},
			identity.Route{Method: http.MethodPost, Path: "/signout", Permission: identity.Public, Summary: "Sign out", Handler: identity.Page(c.signOut)})
		if c.SignIn.Provider != nil {
			routes = append(routes,
				get("/signin/provider", identity.Public, "Sign in at the OpenID Connect provider", c.toProvider),
				get(identity.CallbackPath, identity.Public, "Back from the provider", c.fromProvider))
		}
	}
	return routes
}

// view is what every template gets.
type view struct {
	Page     string // template and key of the navigation
	Title    string
	Lang     string
	Nav      []navItem
	Switch   string // address of this page in the other language
	Who      *identity.Principal
	CanSign  bool // there is a sign-in page
	Local    bool // reads because of sitting at the machine
	Revision string
	Rules    int
	Checked  *checkedLine // nil where the page is about nothing that is checked
	Asset    map[string]string
	Body     any
}

// partOf says under which item of the navigation a page stands that has none of its own.
var partOf = map[string]string{"session": "sessions", "review": "reviews", "team": "reviews", "case": "cases", "newcase": "cases", "fund": "cases", "journal": "system", "original": "sessions", "people": "system", "person": "system", "records": "system", "export": "exports"}

// Can reports whether the reader holds a permission, for what a page offers.
func (v view) Can(p string) bool { return v.Who != nil && v.Who.May(identity.Permission(p)) }

type navItem struct {
	Key, Href string
	Here      bool
}

// checkedLine says what was looked at, on every page.
type checkedLine struct {
	Sessions, Interactions, Findings int64
	Period                           string // in words
	Scope                            bool   // some filter beside the period is set
}

// respond renders a page; a fault of ours shows as a plain message with the way out.
func (c *Console) respond(w http.ResponseWriter, r *http.Request, status int, v view) {
	c.render(w, r, status, v, "layout")
}

func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, v view, name string) {
	l := c.language(w, r)
	rules := c.Policies()
	v.Lang, v.Revision, v.Rules, v.Asset, v.CanSign = l.tag, rules.Revision, len(rules.Rules), c.assets.address, c.SignIn != nil
	if who, ok := identity.From(r.Context()); ok {
		v.Who, v.Local = &who, who.ID == identity.Local.ID
		for _, n := range []struct {
			key, href string
			need      identity.Permission
		}{
			{"overview", "/", identity.ReadFindings}, {"findings", "/findings", identity.ReadFindings}, {"sessions", "/sessions", identity.ReadSessions},
			{"reviews", "/reviews", identity.ReadReviews}, {"cases", "/cases", identity.ReadCases}, {"exports", "/exports", identity.ReadExports}, {"issued", "/issued", identity.ReadIssued}, {"rules", "/rules", identity.ReadPolicies}, {"system", "/system", identity.ReadSystem},
		} {
			if c.Exports == nil && (n.key == "exports" || n.key == "issued") || n.key == "issued" && who.May(identity.ReadExports) {
				continue // nothing is exported here, or the list of all is there
			}
			if who.May(n.need) {
				v.Nav = append(v.Nav, navItem{n.key, n.href, n.key == v.Page || n.key == partOf[v.Page]})
			}
		}
	}
	other := *r.URL
	q := other.Query()
	q.Set("lang", map[string]string{"zh": "en", "en": "zh"}[l.tag])
	q.Del("part")
	v.Switch = (&url.URL{Path: other.Path, RawQuery: q.Encode()}).String()

	page := c.pages[l.tag][v.Page]
	if page == nil {
		page = c.pages[l.tag]["message"]
	}
	var out bytes.Buffer // so that a fault half way does not leave half a page
	if err := page.ExecuteTemplate(&out, name, v); err != nil {
		c.Log.ErrorContext(r.Context(), "a page could not be rendered", "page", v.Page, "error", err)
		http.Error(w, "This page cannot be shown; the service's log says why. 此页无法显示，原因见服务日志。", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", l.html)
	w.Header().Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the reader may be gone
}

// message is a page that only says something.
type message struct {
	Key    string // message.<Key>.title, .text
	Detail string
	Link   string // where to go from here; "" for nowhere
}

func (c *Console) say(w http.ResponseWriter, r *http.Request, status int, m message) {
	title := c.language(w, r).text("message." + m.Key + ".title")
	c.respond(w, r, status, view{Page: "message", Title: title, Body: m})
}

// trouble answers when the record cannot be read.
func (c *Console) trouble(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		return // the reader left
	}
	if errors.Is(err, warehouse.ErrCursor) { // an address that somebody shortened: begin at the newest
		q := r.URL.Query()
		q.Del("cursor")
		http.Redirect(w, r, (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String(), http.StatusSeeOther)
		return
	}
	c.Log.ErrorContext(r.Context(), "a page could not be read", "path", r.URL.Path, "error", err)
	c.say(w, r, http.StatusServiceUnavailable, message{Key: "trouble", Link: "/system"})
}

// NotFound answers where there is no page.
func (c *Console) NotFound(w http.ResponseWriter, r *http.Request) {
	c.say(w, r, http.StatusNotFound, message{Key: "not_found", Link: "/"})
}

// Foreign answers a form that was sent from another site.
func (c *Console) Foreign(w http.ResponseWriter, r *http.Request) {
	c.say(w, r, http.StatusForbidden, message{Key: "foreign", Link: "/"})
}

// Refuse answers whom the guard turned away: to the sign-in page, or with the reason.
func (c *Console) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, identity.ErrDenied) {
		if r.URL.Path == "/" && c.Exports != nil { // a regulator begins where their packages are
			http.Redirect(w, r, "/issued", http.StatusSeeOther)
			return
		}
		c.say(w, r, http.StatusForbidden, message{Key: "denied", Link: "/"})
		return
	}
	if c.SignIn == nil || errors.Is(err, identity.ErrInvalid) {
		c.say(w, r, http.StatusUnauthorized, message{Key: "nobody"})
		return
	}
	next := "/"
	switch {
	case r.Method == http.MethodGet:
		next = r.URL.RequestURI()
	case strings.HasPrefix(r.URL.Path, "/reviews/"): // back to the review, where the draft waits
		next = path.Dir(r.URL.Path)
	case strings.HasPrefix(r.URL.Path, "/cases/"):
		next = path.Dir(r.URL.Path)
	case r.URL.Path == "/cases":
		next = "/cases/new"
	case strings.HasPrefix(r.URL.Path, "/sessions/"): // its address answers whoever opens it too
		next = r.URL.RequestURI()
	case strings.HasPrefix(r.URL.Path, "/people"), strings.HasPrefix(r.URL.Path, "/tokens"), strings.HasPrefix(r.URL.Path, "/account"):
		next = r.URL.Path // its address answers whoever opens it too
	case strings.HasPrefix(r.URL.Path, "/fund/"):
		next = "/fund"
	}
	http.Redirect(w, r, "/signin?"+url.Values{"next": {next}}.Encode(), http.StatusSeeOther)
}
