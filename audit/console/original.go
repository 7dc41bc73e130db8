package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/audit/vault"
	"mingjian/collector/warehouse"
)

// Originals opens messages as they were before they were masked. Who may see them is for the pages to
// know. vault.ErrErased is returned for one whose key was destroyed.
type Originals interface {
	Original(ctx context.Context, row *warehouse.Interaction) ([]byte, error)
}

func (c *Console) originalRoutes() []identity.Route {
	return []identity.Route{
		{Method: http.MethodGet, Path: "/sessions/{id}/original", Permission: identity.ReadOriginals, Summary: "Ask to see what was said before it was masked", Handler: identity.Page(c.askOriginal)},
		{Method: http.MethodPost, Path: "/sessions/{id}/original", Permission: identity.ReadOriginals, Summary: "See what was said before it was masked", Handler: identity.Page(c.showOriginal)},
	}
}

// originalSeen is the journal's word for it.
const originalSeen = "original.seen"

// originalBody is one message: as it is masked, the form that asks why, and then what it was.
type originalBody struct {
	Session warehouse.Session
	Row     row
	Back    string // the message in its session
	Action  string
	Reason  string
	Fault   bool // no reason was given, or one that is too long
	Max     int
	State   string // ask, shown, erased, lost (its key is not here), none (nothing of it was masked)
	Text    string
	Raw     string // the message, as it came
}

// originalHref is where the original of an event is asked for.
func originalHref(s warehouse.Session, event string) string {
	at, query, _ := strings.Cut(sessionHref(s.Tenant, s.SessionID, "event", event), "?")
	return at + "/original?" + query
}

// offerOriginals puts the way to it beside every message of which something was masked or left out.
func (c *Console) offerOriginals(r *http.Request, rows []row, conv warehouse.Conversation) {
	if c.Originals == nil || !may(r, identity.ReadOriginals) {
		return
	}
	for i, e := range conv.Interactions {
		at := slices.IndexFunc(rows, func(r row) bool { return r.ID == anchorOf(i) })
		if at >= 0 && e.OriginalEnc != "" {
			rows[at].Original = originalHref(conv.Session, e.EventID)
		}
	}
}

func (c *Console) askOriginal(w http.ResponseWriter, r *http.Request) {
	if b, _, ok := c.originalOf(w, r); ok {
		c.respondOriginal(w, r, http.StatusOK, b)
	}
}

// originalOf finds the message that the address names, or answers why there is none.
func (c *Console) originalOf(w http.ResponseWriter, r *http.Request) (originalBody, warehouse.Interaction, bool) {
	l, id, q := c.language(w, r), r.PathValue("id"), r.URL.Query()
	conv, ok, err := c.Record.SessionOf(r.Context(), q.Get("tenant"), id)
	if err != nil {
		c.trouble(w, r, err)
		return originalBody{}, warehouse.Interaction{}, false
	}
	i := slices.IndexFunc(conv.Interactions, func(e warehouse.Interaction) bool { return e.EventID == q.Get("event") })
	if !ok || i < 0 {
		m := message{Key: "no_session", Detail: id, Link: "/sessions"}
		if ok {
			m = message{Key: "no_event", Detail: q.Get("event"), Link: sessionHref(conv.Session.Tenant, id)}
		}
		c.say(w, r, http.StatusNotFound, m)
		return originalBody{}, warehouse.Interaction{}, false
	}
	e := conv.Interactions[i]
	b := originalBody{
		Session: conv.Session, Row: c.eventRow(l, e, i), Back: sessionHref(conv.Session.Tenant, id) + "#" + anchorOf(i),
		Action: originalHref(conv.Session, e.EventID), Max: cases.MaxReason, State: "ask",
	}
	switch {
	case e.OriginalEnc == "" && conv.Session.Erased:
		b.State = "erased"
	case e.OriginalEnc == "":
		b.State = "none"
	case c.Originals == nil:
		b.State = "lost"
	}
	return b, e, true
}

func (c *Console) respondOriginal(w http.ResponseWriter, r *http.Request, status int, b originalBody) {
	c.respond(w, r, status, view{Page: "original", Title: c.language(w, r).text("original.title"), Body: b})
}

// showOriginal opens a message for somebody who says why. It is written down before it is shown: what
// cannot be written down is not shown. Sent twice it is seen twice, and the journal says so.
func (c *Console) showOriginal(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: r.URL.RequestURI()})
		return
	}
	b, e, ok := c.originalOf(w, r)
	if !ok {
		return
	}
	if b.State != "ask" {
		c.respondOriginal(w, r, http.StatusOK, b)
		return
	}
	b.Reason = strings.TrimSpace(strings.ReplaceAll(r.PostForm.Get("reason"), "\x00", "")) // PostgreSQL takes no NUL
	if n := utf8.RuneCountInString(b.Reason); n == 0 || n > b.Max || !utf8.ValidString(b.Reason) {
		b.Fault = true
		c.respondOriginal(w, r, http.StatusUnprocessableEntity, b)
		return
	}
	message, err := c.Originals.Original(r.Context(), &e)
	switch {
	case errors.Is(err, vault.ErrErased):
		b.State = "erased"
		c.respondOriginal(w, r, http.StatusGone, b)
		return
	case errors.Is(err, vault.ErrUnknownKey):
		b.State = "lost"
		c.respondOriginal(w, r, http.StatusOK, b)
		return
	case err != nil:
		c.trouble(w, r, err)
		return
	}
	who, _ := identity.From(r.Context())
	detail, err := json.Marshal(map[string]any{"event_id": e.EventID, "offset": e.Offset, "partition": e.Partition, "kind": e.Kind})
	if err == nil {
		err = c.Store.Write(r.Context(), func(tx *store.Tx) error {
			return tx.Record(r.Context(), store.Entry{
				Actor: who.ID, Action: originalSeen, Subject: "session:" + b.Session.SessionID, Reason: b.Reason, Detail: detail,
				Tenant: b.Session.Tenant, Line: b.Session.BusinessLine,
			})
		})
	}
	if err != nil {
		c.trouble(w, r, err)
		return
	}
	var said struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(message, &said) != nil { // not as the event model has it: it is all there is
		said.Text = string(message)
	}
	b.State, b.Text, b.Raw = "shown", said.Text, string(message)
	c.respondOriginal(w, r, http.StatusOK, b)
}
