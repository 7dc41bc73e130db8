package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/export"
	"mingjian/audit/export/dossier"
	"mingjian/audit/identity"
)

// Exports makes packages that regulators can check, and keeps them. It answers only for what the principal
// in the context may see.
type Exports interface {
	Start(ctx context.Context, r export.Request) (export.Export, error)
	List(ctx context.Context, q export.Query) (export.Page, error)
	Get(ctx context.Context, id string) (export.Export, error)
	Open(ctx context.Context, id string) (*os.File, export.Export, error)
	Cancel(ctx context.Context, id, reason string) (export.Export, error)
	Issue(ctx context.Context, id, to, purpose string) (export.Export, error)
}

func (c *Console) exportRoutes() []identity.Route {
	route := func(method, path string, p identity.Permission, summary string, h http.HandlerFunc) identity.Route {
		return identity.Route{Method: method, Path: path, Permission: p, Summary: summary, Handler: identity.Page(h)}
	}
	return []identity.Route{
		route(http.MethodGet, "/exports", identity.ReadExports, "Packages that were asked for", c.exports),
		route(http.MethodPost, "/exports", identity.MakeExports, "Ask for a package", c.startExport),
		route(http.MethodGet, "/exports/{id}", identity.ReadExports, "One package", c.exportPage),
		route(http.MethodGet, "/exports/{id}/file", identity.ReadExports, "Download a package", c.downloadExport),
		route(http.MethodGet, "/exports/{id}/{act}", identity.ReadExports, "Back to the package", c.backToExport),
		route(http.MethodPost, "/exports/{id}/cancel", identity.MakeExports, "Stop a package that is not made yet", c.cancelExport),
		route(http.MethodPost, "/exports/{id}/issue", identity.IssueExports, "Issue a package to a regulator", c.issueExport),
		route(http.MethodGet, "/issued", identity.ReadIssued, "Packages that were issued to oneself", c.issued),
		route(http.MethodGet, "/issued/{id}/file", identity.ReadIssued, "Download a package that was issued to oneself", c.downloadExport),
	}
}

// exportsBody is the list of packages, and the form for a new one.
type exportsBody struct {
	Items   []exportRow
	Next    string
	First   string
	Live    string
	Makes   bool
	Form    exportForm
	Problem string // key of what went wrong with another form
	Why     string // the service's own words for it, in English
}

// exportRow is a package in words.
type exportRow struct {
	export.Export
	From, Until string // the days, both in it
	Percent     int    // of what is to be written; -1 while that is not known
	SizeWords   string
	Narrowed    bool // it is of chosen conversations only
	Busy        bool // queued or running
	File        string
	Sealing     string // until when what was recorded is in it; "" until it is known
}

// exportForm asks for a package. Days are the tenant's; what was typed is kept.
type exportForm struct {
	Tenant, From, To, Jurisdictions, Sessions, Purpose string
	Rules                                              []choice
	Fault                                              string // tenant, from, to, purpose, refusal; "" for none
	Why                                                string // the service's own words for it, in English
	Open                                               bool
	Max                                                int
}

// exportRow puts a package into words.
func (c *Console) exportRow(l *language, e export.Export, below string) exportRow {
	const day = time.DateOnly
	s := e.Scope
	row := exportRow{
		Export: e, From: c.clock(s.From, day), Until: c.clock(max(s.From, s.To-1), day), Percent: -1, SizeWords: l.bytes(e.Size),
		Narrowed: !s.Whole(), Busy: e.State == export.Queued || e.State == export.Running, File: below + url.PathEscape(e.ID) + "/file",
	}
	if s.RecordedBy > 0 {
		row.Sealing = c.clock(s.RecordedBy, "2006-01-02 15:04")
	}
	if p := e.Progress; p.Total > 0 {
		row.Percent = int(min(100, 100*p.Done/p.Total))
	}
	return row
}

// bytes is a size to read, in steps of 1,000.
func (l *language) bytes(n int64) string {
	size, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if size < 1000 {
			break
		}
		size, unit = size/1000, next
	}
	if unit == "B" {
		return l.number(n) + " B"
	}
	return l.numbers.Sprintf("%.1f", size) + " " + unit
}

func (c *Console) exports(w http.ResponseWriter, r *http.Request) {
	c.showExports(w, r, http.StatusOK, exportsBody{})
}

func (c *Console) showExports(w http.ResponseWriter, r *http.Request, status int, b exportsBody) {
	l, q := c.language(w, r), r.URL.Query()
	who, _ := identity.From(r.Context())
	page, err := c.Exports.List(r.Context(), export.Query{Limit: listLength, Cursor: q.Get("cursor")})
	var no *export.Refusal
	if errors.As(err, &no) && q.Get("cursor") != "" { // an address that somebody shortened
		http.Redirect(w, r, "/exports", http.StatusSeeOther)
		return
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	for _, e := range page.Items {
		b.Items = append(b.Items, c.exportRow(l, e, "/exports/"))
	}
	if page.Next != "" {
		b.Next = "/exports?" + url.Values{"cursor": {page.Next}}.Encode()
	}
	if q.Get("cursor") != "" {
		b.First = "/exports"
	} else if slices.ContainsFunc(b.Items, func(e exportRow) bool { return e.Busy }) {
		b.Live = "/exports?part=list"
	}
	b.Makes = who.May(identity.MakeExports)
	b.Form.Max = cases.MaxReason
	if b.Form.Rules == nil {
		b.Form.Rules = choices(c.ruleIDs(), nil)
	}
	if b.Form.Tenant == "" && !b.Form.Open {
		b.Form.Tenant = who.OnlyTenant()
		if len(who.Tenants) == 0 {
			b.Form.Tenant = defaultTenant
		}
		today := c.Now().In(c.zone)
		b.Form.From, b.Form.To = today.AddDate(0, 0, 1-today.Day()).Format(time.DateOnly), today.Format(time.DateOnly)
		b.Form.Open = len(page.Items) == 0
	}
	part := "layout"
	if q.Get("part") == "list" {
		part = "list"
	}
	c.render(w, r, status, view{Page: "exports", Title: l.text("nav.exports"), Body: b}, part)
}

// startExport asks for a package. One that is being made and is the same is not asked for twice.
func (c *Console) startExport(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/exports"})
		return
	}
	p := r.PostForm
	f := exportForm{
		Tenant: strings.TrimSpace(p.Get("tenant")), From: p.Get("from"), To: p.Get("to"), Jurisdictions: p.Get("jurisdictions"), Sessions: p.Get("sessions"),
		Purpose: p.Get("purpose"), Rules: choices(c.ruleIDs(), p["rule"]), Open: true,
	}
	scope := dossier.Scope{Tenant: f.Tenant, Jurisdictions: strings.Fields(strings.NewReplacer(",", " ", "，", " ", "、", " ").Replace(f.Jurisdictions)), Rules: p["rule"], Sessions: linesOf(f.Sessions)}
	from, e1 := time.ParseInLocation(time.DateOnly, f.From, c.zone)
	to, e2 := time.ParseInLocation(time.DateOnly, f.To, c.zone)
	switch {
	case f.Tenant == "":
		f.Fault = "tenant"
	case e1 != nil:
		f.Fault = "from"
	case e2 != nil || to.Before(from) || to.After(from.AddDate(1, 0, -1)):
		f.Fault = "to"
	case strings.TrimSpace(f.Purpose) == "":
		f.Fault = "purpose"
	}
	if f.Fault != "" {
		c.showExports(w, r, http.StatusUnprocessableEntity, exportsBody{Form: f})
		return
	}
	scope.From, scope.To = from.UnixMilli(), to.AddDate(0, 0, 1).UnixMilli()
	e, err := c.sameExport(r.Context(), scope, f.Purpose)
	if err == nil && e.ID == "" {
		e, err = c.Exports.Start(r.Context(), export.Request{Scope: scope, Purpose: f.Purpose})
	}
	var no *export.Refusal
	switch {
	case errors.Is(err, export.ErrNotFound): // somebody else's tenant
		f.Fault = "tenant"
		c.showExports(w, r, http.StatusUnprocessableEntity, exportsBody{Form: f})
	case errors.As(err, &no):
		f.Fault, f.Why = "refusal", no.Text
		c.showExports(w, r, http.StatusUnprocessableEntity, exportsBody{Form: f})
	case err != nil:
		c.trouble(w, r, err)
	default:
		http.Redirect(w, r, exportHref(e.ID, "started"), http.StatusSeeOther)
	}
}

// sameExport is the package that the same person asked for in the same words and that is not made yet; the
// zero Export where there is none.
func (c *Console) sameExport(ctx context.Context, s dossier.Scope, purpose string) (export.Export, error) {
	who, _ := identity.From(ctx)
	page, err := c.Exports.List(ctx, export.Query{Tenant: s.Tenant, States: []export.State{export.Queued, export.Running}, Limit: listLength})
	for _, e := range page.Items {
		if e.RequestedBy == who.ID && e.Purpose == strings.TrimSpace(purpose) && e.Scope.From == s.From && e.Scope.To == s.To &&
			slices.Equal(e.Scope.Jurisdictions, s.Jurisdictions) && slices.Equal(e.Scope.Rules, s.Rules) && slices.Equal(e.Scope.Sessions, s.Sessions) {
			return e, err
		}
	}
	return export.Export{}, err
}

func exportHref(id, said string) string {
	at := "/exports/" + url.PathEscape(id)
	if said != "" {
		at += "?" + url.Values{"said": {said}}.Encode()
	}
	return at
}

// exportBody is one package.
type exportBody struct {
	Row        exportRow
	Said       string
	Problem    string // key of what could not be done
	Why        string // the service's own words for it, in English
	Issues     bool   // may be issued, by whoever reads it
	Cancels    bool
	Regulators []string // accounts that it can be issued to
	IssuedTo   string   // as it was typed
	Purpose    string
	Max        int
	Key        string // fingerprint of the log's key; "" where this service has no log
}

func (c *Console) exportPage(w http.ResponseWriter, r *http.Request) {
	b := exportBody{}
	if said := r.URL.Query().Get("said"); slices.Contains([]string{"started", "cancelled", "issued"}, said) {
		b.Said = said
	}
	c.showExport(w, r, http.StatusOK, b)
}

func (c *Console) backToExport(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, exportHref(r.PathValue("id"), ""), http.StatusSeeOther)
}

func (c *Console) showExport(w http.ResponseWriter, r *http.Request, status int, b exportBody) {
	l := c.language(w, r)
	e, err := c.Exports.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		c.noExport(w, r, err)
		return
	}
	b.Row, b.Max = c.exportRow(l, e, "/exports/"), cases.MaxReason
	b.Cancels = b.Row.Busy && may(r, identity.MakeExports)
	b.Issues = e.IssuedTo == "" && (b.Row.Busy || e.State == export.Done) && may(r, identity.IssueExports)
	if b.Issues && c.SignIn != nil {
		people, err := c.SignIn.Accounts.List(r.Context())
		if err != nil {
			c.trouble(w, r, err)
			return
		}
		for _, k := range people {
			if slices.Contains(k.Roles, identity.Regulator) && !k.Disabled {
				b.Regulators = append(b.Regulators, k.ID)
			}
		}
	}
	b.Key = c.logKey(r)
	c.respond(w, r, status, view{Page: "export", Title: l.text("export.title", e.ID), Body: b})
}

func (c *Console) noExport(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, export.ErrNotFound) {
		c.say(w, r, http.StatusNotFound, message{Key: "no_export", Detail: r.PathValue("id"), Link: "/exports"})
		return
	}
	c.trouble(w, r, err)
}

// afterExport answers what became of an action on a package.
func (c *Console) afterExport(w http.ResponseWriter, r *http.Request, said string, b exportBody, err error) {
	var no *export.Refusal
	switch {
	case errors.As(err, &no) && no.Conflict:
		b.Problem, b.Why = "conflict", no.Text
		c.showExport(w, r, http.StatusConflict, b)
	case errors.As(err, &no):
		b.Problem, b.Why = "refused", no.Text
		c.showExport(w, r, http.StatusUnprocessableEntity, b)
	case err != nil:
		c.noExport(w, r, err)
	default:
		http.Redirect(w, r, exportHref(r.PathValue("id"), said), http.StatusSeeOther)
	}
}

func (c *Console) readExport(w http.ResponseWriter, r *http.Request) bool {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: exportHref(r.PathValue("id"), "")})
		return false
	}
	return true
}

func (c *Console) cancelExport(w http.ResponseWriter, r *http.Request) {
	if !c.readExport(w, r) {
		return
	}
	if r.PostForm.Get("sure") != "yes" {
		c.showExport(w, r, http.StatusUnprocessableEntity, exportBody{Problem: "sure"})
		return
	}
	_, err := c.Exports.Cancel(r.Context(), r.PathValue("id"), r.PostForm.Get("reason"))
	c.afterExport(w, r, "cancelled", exportBody{}, err)
}

// issueExport gives a regulator the package. It cannot be taken back, so it is asked for twice.
func (c *Console) issueExport(w http.ResponseWriter, r *http.Request) {
	if !c.readExport(w, r) {
		return
	}
	b := exportBody{IssuedTo: strings.TrimSpace(r.PostForm.Get("issued_to")), Purpose: r.PostForm.Get("purpose")}
	switch {
	case b.IssuedTo == "":
		b.Problem = "to"
	case r.PostForm.Get("sure") != "yes":
		b.Problem = "sure"
	}
	if b.Problem != "" {
		c.showExport(w, r, http.StatusUnprocessableEntity, b)
		return
	}
	_, err := c.Exports.Issue(r.Context(), r.PathValue("id"), b.IssuedTo, b.Purpose)
	c.afterExport(w, r, "issued", b, err)
}

// downloadExport sends a package; that it was taken stands in the journal by then.
func (c *Console) downloadExport(w http.ResponseWriter, r *http.Request) {
	f, e, err := c.Exports.Open(r.Context(), r.PathValue("id"))
	var no *export.Refusal
	if errors.As(err, &no) {
		c.say(w, r, http.StatusConflict, message{Key: "no_package", Detail: r.PathValue("id"), Link: "/" + strings.Split(r.URL.Path, "/")[1]})
		return
	}
	if err != nil {
		c.noExport(w, r, err)
		return
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Length", strconv.FormatInt(e.Size, 10))
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", packageName(e)))
	_, _ = io.Copy(w, f) // whoever went away does not hear of it
}

// packageName is what a package's file is called where it is downloaded.
func packageName(e export.Export) string { return "mingjian-" + e.ID + ".zip" }

// issuedBody is what a regulator sees: the packages, and how to check them without trusting anyone.
type issuedBody struct {
	Items []exportRow
	Next  string
	First string
	Key   string
	Name  string // of a file, for the command
}

func (c *Console) issued(w http.ResponseWriter, r *http.Request) {
	l, cursor := c.language(w, r), r.URL.Query().Get("cursor")
	page, err := c.Exports.List(r.Context(), export.Query{Issued: true, Limit: listLength, Cursor: cursor})
	var no *export.Refusal
	if errors.As(err, &no) && cursor != "" {
		http.Redirect(w, r, "/issued", http.StatusSeeOther)
		return
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	b := issuedBody{Key: c.logKey(r), Name: packageName(export.Export{ID: "…"})}
	for _, e := range page.Items {
		b.Items = append(b.Items, c.exportRow(l, e, "/issued/"))
	}
	if len(page.Items) > 0 {
		b.Name = packageName(page.Items[0])
	}
	if page.Next != "" {
		b.Next = "/issued?" + url.Values{"cursor": {page.Next}}.Encode()
	}
	if cursor != "" {
		b.First = "/issued"
	}
	c.respond(w, r, http.StatusOK, view{Page: "issued", Title: l.text("export.issued_title"), Body: b})
}
