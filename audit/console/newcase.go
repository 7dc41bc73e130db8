package console

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"mingjian/audit/cases"
)

// newCaseBody is the form by which a misjudgement is reported by hand.
type newCaseBody struct {
	Places    casePlaces
	Tenant    string
	Session   string
	Finding   string
	Findings  []reportable // of the session, where it is known
	Known     bool         // the session is in the record
	Kinds     []choice
	Reason    string
	Fault     string // the field that was wrong; "" for none
	Max       int
	Customers string // masked
}

// reportable is a finding that a report can be about.
type reportable struct {
	ID, Rule string
	Chosen   bool
}

// newCase is the form, prefilled from the address: tables of dashboards link here.
func (c *Console) newCase(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c.showNewCase(w, r, http.StatusOK, newCaseBody{
		Tenant: q.Get("tenant"), Session: cmp.Or(q.Get("session_id"), q.Get("session")), Finding: cmp.Or(q.Get("finding_id"), q.Get("finding")), Reason: q.Get("reason"),
	}, q.Get("kind"))
}

func (c *Console) showNewCase(w http.ResponseWriter, r *http.Request, status int, b newCaseBody, kind string) {
	l := c.language(w, r)
	b.Places, b.Max, b.Kinds = c.places(r, "", caseFilter{filter: filter{Period: "all"}}), cases.MaxReason, choices(cases.Kinds, []string{kind})
	if b.Session != "" {
		conv, ok, err := c.Record.SessionOf(r.Context(), b.Tenant, b.Session)
		if err != nil {
			c.trouble(w, r, err)
			return
		}
		if b.Known = ok; ok {
			b.Tenant, b.Customers = conv.Session.Tenant, Masked(conv.Session.CustomerID)
		}
		for _, f := range conv.Findings {
			if f.State == "standing" || f.FindingID == b.Finding {
				b.Findings = append(b.Findings, reportable{f.FindingID, f.Rule, f.FindingID == b.Finding})
			}
		}
	}
	c.respond(w, r, status, view{Page: "newcase", Title: l.text("report.title"), Body: b})
}

// beginCase takes the form. It is safe to send twice: the second answer is the first one's.
func (c *Console) beginCase(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, message{Key: "bad_form", Link: "/cases/new"})
		return
	}
	f := r.PostForm
	b := newCaseBody{Tenant: f.Get("tenant"), Session: strings.TrimSpace(f.Get("session_id")), Finding: f.Get("finding_id"), Reason: f.Get("reason")}
	got, opened, err := c.Cases.Report(r.Context(), cases.Report{Tenant: b.Tenant, SessionID: b.Session, FindingID: b.Finding, Kind: f.Get("kind"), Reason: b.Reason})
	var fault *cases.Fault
	switch {
	case errors.As(err, &fault):
		b.Fault = fault.Field
		c.showNewCase(w, r, http.StatusUnprocessableEntity, b, f.Get("kind"))
	case err != nil:
		c.trouble(w, r, err)
	default:
		http.Redirect(w, r, caseHref(got.ID, "said", map[bool]string{true: "began", false: "joined"}[opened]), http.StatusSeeOther)
	}
}
