package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mingjian/audit/evidence"
	"mingjian/audit/identity"
	"mingjian/audit/retention"
	"mingjian/audit/store"
)

// Retention keeps what is in dispute, and forgets whoever asks for it. It answers only for what the principal
// in the context may see.
type Retention interface {
	Holds(ctx context.Context, q retention.HoldQuery) (holds []retention.Hold, next string, err error)
	Place(ctx context.Context, n retention.NewHold) (retention.Hold, error)
	Lift(ctx context.Context, id, why string) (retention.Hold, error)
	Erase(ctx context.Context, q retention.Request) (retention.Erasure, error)
}

func (c *Console) recordRoutes() []identity.Route {
	route := func(method, path string, p identity.Permission, summary string, h http.HandlerFunc) identity.Route {
		return identity.Route{Method: method, Path: path, Permission: p, Summary: summary, Handler: identity.Page(h)}
	}
	back := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/records", http.StatusSeeOther) }
	return []identity.Route{
		route(http.MethodGet, "/records", identity.HoldRecords, "Holds and erasures", c.records),
		route(http.MethodGet, "/records/{act}", identity.HoldRecords, "Back to holds and erasures", back),
		route(http.MethodPost, "/records/hold", identity.HoldRecords, "Place a hold", c.placeHold),
		route(http.MethodPost, "/records/lift", identity.HoldRecords, "Lift a hold", c.liftHold),
		route(http.MethodPost, "/records/erase", identity.EraseCustomers, "Erase a customer", c.eraseCustomer),
	}
}

// recordsBody is what is held and what was erased.
type recordsBody struct {
	Tabs     tabs
	Said     string // placed, lifted, erased, nothing; "" for nothing
	Holds    []retention.Hold
	Next     string
	First    string
	Erasures []erasureRow
	Erases   bool // may erase
	Hold     recordForm
	Lift     recordForm
	Erase    recordForm
	Counted  *retention.Erasure // what would be erased
	Max      int
}

// recordForm is a form with what was typed and what was wrong with it.
type recordForm struct {
	Typed typed
	Fault string // the field: scope, tenant, customer, reason, again, held; "" for none
	Why   string // the service's own words for it, in English
	Open  bool
}

// erasureRow is an erasure with its proof.
type erasureRow struct {
	ID, Tenant, Kind string
	store.Entry
	Rows, Sessions int64
	Root           string
	Index          int64 // in the log; -1 while it is not there, or this service does not see it
}

// eraseActions are the journal's words for what took something out of the record.
var eraseActions = []string{retention.ErasedType, retention.SweptType}

// erasurePrefix begins an erasure's subject in the journal, and the key of its entry in the log.
const erasurePrefix = "erasure:"

// erasures are the newest ones that the person may know of.
func (c *Console) erasures(ctx context.Context) (out []erasureRow, err error) {
	who, _ := identity.From(ctx)
	for _, action := range eraseActions {
		entries, err := c.Store.Entries(ctx, store.JournalQuery{Action: action, Limit: listLength})
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			id, ok := strings.CutPrefix(e.Subject, erasurePrefix)
			var said struct {
				Tenant   string `json:"tenant"`
				Rows     int64  `json:"rows"`
				Sessions int64  `json:"sessions"`
				Root     string `json:"leaves_root"`
			}
			if !ok || json.Unmarshal(e.Detail, &said) != nil || !who.Sees(said.Tenant) {
				continue
			}
			out = append(out, erasureRow{ID: id, Tenant: said.Tenant, Kind: action, Entry: e, Rows: said.Rows, Sessions: said.Sessions, Root: said.Root, Index: -1})
		}
	}
	slices.SortFunc(out, func(a, z erasureRow) int { return cmp.Compare(z.Entry.ID, a.Entry.ID) })
	out = out[:min(len(out), listLength)]
	return out, c.Store.Read(ctx, func(tx *store.Tx) error {
		for i, e := range out {
			index, ok, err := evidence.Place(ctx, tx, e.Subject)
			if err != nil {
				return err
			}
			if ok {
				out[i].Index = index
			}
		}
		return nil
	})
}

func (c *Console) records(w http.ResponseWriter, r *http.Request) {
	b := recordsBody{}
	if said := r.URL.Query().Get("said"); slices.Contains([]string{"placed", "lifted", "erased", "nothing"}, said) {
		b.Said = said
	}
	c.showRecords(w, r, http.StatusOK, b)
}

func (c *Console) showRecords(w http.ResponseWriter, r *http.Request, status int, b recordsBody) {
	who, _ := identity.From(r.Context())
	cursor := r.URL.Query().Get("cursor")
	var next string
	var err error
	if b.Holds, next, err = c.Retention.Holds(r.Context(), retention.HoldQuery{Limit: listLength, Cursor: cursor}); err == nil {
		b.Erasures, err = c.erasures(r.Context())
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	if next != "" {
		b.Next = "/records?" + url.Values{"cursor": {next}}.Encode()
	}
	if cursor != "" {
		b.First = "/records"
	}
	for _, f := range []*recordForm{&b.Hold, &b.Erase} {
		if f.Typed == nil {
			f.Typed = typed{"tenant": cmp.Or(who.OnlyTenant(), defaultTenant), "scope": string(retention.HoldCustomer)}
		}
	}
	b.Tabs, b.Erases, b.Max = c.systemTabs(r, "records"), who.May(identity.EraseCustomers), retention.MaxReason
	c.respond(w, r, status, view{Page: "records", Title: c.language(w, r).text("nav.records"), Body: b})
}

// readRecord returns the form that was sent, or answers why there is none.
func (c *Console) readRecord(w http.ResponseWriter, r *http.Request) (recordForm, bool) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/records"})
		return recordForm{}, false
	}
	f := recordForm{Typed: typed{}, Open: true}
	for name, values := range r.PostForm {
		f.Typed[name] = values[0]
	}
	return f, true
}

// refused puts a refusal into a form; false where the fault is ours.
func (f *recordForm) refused(err error) bool {
	var fault *retention.Fault
	var held *retention.Held
	switch {
	case errors.As(err, &fault):
		f.Fault, f.Why = fault.Field, fault.Text
	case errors.As(err, &held):
		f.Fault, f.Why = "held", held.Error()
	default:
		return false
	}
	return true
}

// placeHold places a hold. The same hold that stands already is not placed twice.
func (c *Console) placeHold(w http.ResponseWriter, r *http.Request) {
	f, ok := c.readRecord(w, r)
	if !ok {
		return
	}
	n := retention.NewHold{Scope: retention.Scope(f.Typed["scope"]), Tenant: strings.TrimSpace(f.Typed["tenant"]), Reason: f.Typed["reason"]}
	about := retention.HoldQuery{Tenant: n.Tenant, Standing: true, Limit: 500}
	switch n.Scope {
	case retention.HoldCustomer:
		n.Customer = strings.TrimSpace(f.Typed["subject"])
		about.Customer = n.Customer
	case retention.HoldSession:
		n.Session = strings.TrimSpace(f.Typed["subject"])
		about.Session = n.Session
	case retention.HoldAll:
		n.Tenant, about.Tenant = "", ""
	}
	who, _ := identity.From(r.Context())
	standing, _, err := c.Retention.Holds(r.Context(), about)
	if err == nil && !slices.ContainsFunc(standing, func(h retention.Hold) bool {
		return h.Scope == n.Scope && h.PlacedBy == who.ID && h.Reason == strings.TrimSpace(n.Reason)
	}) {
		_, err = c.Retention.Place(r.Context(), n)
	}
	switch {
	case err == nil:
		http.Redirect(w, r, "/records?said=placed", http.StatusSeeOther)
	case f.refused(err):
		c.showRecords(w, r, http.StatusUnprocessableEntity, recordsBody{Hold: f})
	default:
		c.trouble(w, r, err)
	}
}

func (c *Console) liftHold(w http.ResponseWriter, r *http.Request) {
	f, ok := c.readRecord(w, r)
	if !ok {
		return
	}
	_, err := c.Retention.Lift(r.Context(), f.Typed["id"], f.Typed["reason"])
	switch {
	case err == nil:
		http.Redirect(w, r, "/records?said=lifted", http.StatusSeeOther)
	case errors.Is(err, retention.ErrNotFound):
		c.say(w, r, http.StatusNotFound, message{Key: "no_hold", Detail: f.Typed["id"], Link: "/records"})
	case f.refused(err):
		c.showRecords(w, r, http.StatusUnprocessableEntity, recordsBody{Lift: f})
	default:
		c.trouble(w, r, err)
	}
}

// eraseCustomer counts what would go, and erases it once the customer's id was typed a second time. Sent
// twice, the second finds nothing left.
func (c *Console) eraseCustomer(w http.ResponseWriter, r *http.Request) {
	f, ok := c.readRecord(w, r)
	if !ok {
		return
	}
	q := retention.Request{Tenant: f.Typed["tenant"], Customer: f.Typed["customer"], Reason: f.Typed["reason"], DryRun: true}
	counted, err := c.Retention.Erase(r.Context(), q)
	erase := f.Typed["act"] == "erase"
	if err == nil && erase && strings.TrimSpace(f.Typed["again"]) != strings.TrimSpace(q.Customer) {
		f.Fault = "again"
		c.showRecords(w, r, http.StatusUnprocessableEntity, recordsBody{Erase: f, Counted: &counted})
		return
	}
	if err == nil && erase {
		q.DryRun = false
		var done retention.Erasure
		if done, err = c.Retention.Erase(r.Context(), q); err == nil {
			said := "erased"
			if done.ID == "" {
				said = "nothing"
			}
			http.Redirect(w, r, "/records?said="+said, http.StatusSeeOther)
			return
		}
	}
	switch {
	case err == nil:
		c.showRecords(w, r, http.StatusOK, recordsBody{Erase: f, Counted: &counted})
	case f.refused(err):
		status := http.StatusUnprocessableEntity
		if f.Fault == "held" {
			status = http.StatusConflict
		}
		c.showRecords(w, r, status, recordsBody{Erase: f})
	default:
		c.trouble(w, r, err)
	}
}
