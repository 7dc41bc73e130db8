package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/console"
	"mingjian/audit/identity"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// readings are the operations that only read the record and the rules.
type readings struct {
	record  console.Record
	inForce func() *policies.Bundle
}

func (a readings) routes() []identity.Route {
	refused := func(op *huma.Operation) { op.Errors = []int{http.StatusUnprocessableEntity} }
	return []identity.Route{
		{Method: http.MethodGet, Path: "/api/v1/findings", Permission: identity.ReadFindings, Summary: "List findings, newest first", Handler: identity.Operation(a.findings, refused)},
		{Method: http.MethodGet, Path: "/api/v1/sessions", Permission: identity.ReadSessions, Summary: "List sessions, newest first", Handler: identity.Operation(a.sessions, refused)},
		{Method: http.MethodGet, Path: "/api/v1/sessions/{id}", Permission: identity.ReadSessions, Summary: "One session as it went, with its findings", Handler: identity.Operation(a.session, func(op *huma.Operation) {
			op.Errors = []int{http.StatusNotFound}
		})},
		{Method: http.MethodGet, Path: "/api/v1/policies", Permission: identity.ReadPolicies, Summary: "The rules with their citations", Handler: identity.Operation(a.policies)},
	}
}

// Moment is a time as the API takes it in a query: RFC 3339 or Unix milliseconds.
type Moment string

// millis returns 0 for an empty Moment.
func (m Moment) millis(name string) (policies.Millis, error) {
	if m == "" {
		return 0, nil
	}
	if t, err := time.Parse(time.RFC3339, string(m)); err == nil {
		return t.UnixMilli(), nil
	}
	if ms, err := strconv.ParseInt(string(m), 10, 64); err == nil {
		return ms, nil
	}
	text := fmt.Sprintf("%s is not a moment; give RFC 3339 (2026-11-20T16:00:00+08:00, with + written %%2B) or Unix milliseconds", name)
	return 0, huma.Error422UnprocessableEntity(text, &huma.ErrorDetail{Location: "query." + name, Message: text, Value: string(m)})
}

// Finding is a finding as the API tells it.
type Finding struct {
	ID           string         `json:"finding_id"`
	Tenant       string         `json:"tenant"`
	SessionID    string         `json:"session_id"`
	Rule         string         `json:"rule"`
	Title        policies.Text  `json:"title"`
	Pack         string         `json:"pack"`
	Severity     string         `json:"severity" enum:"critical,high,medium,low"`
	Status       string         `json:"status" enum:"statute,policy,standard,benchmark,quality,promise,draft" doc:"What breaking the rule means; only statute is a breach of law"`
	Level        string         `json:"level"`
	Subject      string         `json:"subject,omitempty" doc:"event_id of the event that completed it; absent when a deadline did"`
	At           time.Time      `json:"at"`
	State        string         `json:"state" enum:"standing,withdrawn"`
	Version      int64          `json:"version"`
	Channel      string         `json:"channel"`
	BusinessLine string         `json:"business_line"`
	BotVersion   string         `json:"bot_version,omitempty"`
	Jurisdiction string         `json:"jurisdiction"`
	Clauses      []CitedClause  `json:"clauses" nullable:"false"`
	Facts        map[string]any `json:"facts" doc:"The values that decided it"`
	Revision     string         `json:"policy_revision"`
}

// CitedClause is a clause as a finding cites it.
type CitedClause struct {
	ID         string `json:"id"`
	Instrument string `json:"instrument,omitempty"`
	Article    string `json:"article,omitempty"`
	Effective  string `json:"effective,omitempty" doc:"YYYY-MM-DD"`
	Verified   bool   `json:"verified" doc:"The clause's own wording was seen"`
}

func (a readings) finding(f warehouse.FindingItem) Finding {
	bundle := a.inForce()
	rule, _ := bundle.Rule(f.Rule)
	out := Finding{
		ID: f.FindingID, Tenant: f.Tenant, SessionID: f.SessionID, Rule: f.Rule, Title: rule.Title, Pack: f.Pack,
		Severity: f.Severity, Status: f.Status, Level: f.Level, Subject: f.Subject, At: moment(f.At), State: f.State, Version: f.Version,
		Channel: f.Channel, BusinessLine: f.BusinessLine, BotVersion: f.BotVersion, Jurisdiction: f.Jurisdiction,
		Clauses: []CitedClause{}, Facts: map[string]any{}, Revision: f.Revision,
	}
	for _, id := range f.Clauses {
		k, _ := bundle.Clause(id) // of an older revision it may be gone; the id still stands
		out.Clauses = append(out.Clauses, CitedClause{ID: id, Instrument: k.Instrument, Article: k.Article, Effective: k.Effective, Verified: k.Verified})
	}
	if f.Facts != "" {
		// Facts that are no object cannot come from the packs; the finding is told without them.
		_ = json.Unmarshal([]byte(f.Facts), &out.Facts)
	}
	return out
}

func moment(ms policies.Millis) time.Time { return time.UnixMilli(ms).UTC() }

type findingsInput struct {
	From         Moment   `query:"from" doc:"At or after: RFC 3339 or Unix milliseconds"`
	To           Moment   `query:"to" doc:"Before: RFC 3339 or Unix milliseconds"`
	Tenant       string   `query:"tenant" maxLength:"128"`
	Rule         []string `query:"rule,explode" doc:"May be given several times, as all filters that are lists"`
	Severity     []string `query:"severity,explode" enum:"critical,high,medium,low"`
	Status       []string `query:"status,explode" enum:"statute,policy,standard,benchmark,quality,promise,draft"`
	Channel      []string `query:"channel,explode"`
	BusinessLine []string `query:"business_line,explode"`
	Session      string   `query:"session" maxLength:"128"`
	Withdrawn    bool     `query:"withdrawn" doc:"Also findings that no longer follow"`
	Limit        int      `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor       string   `query:"cursor" maxLength:"500" doc:"next_cursor of the page before"`
}

type findingsOutput struct {
	Body struct {
		Items []Finding `json:"items" nullable:"false"`
		Next  string    `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (a readings) findings(ctx context.Context, in *findingsInput) (*findingsOutput, error) {
	from, err := in.From.millis("from")
	if err != nil {
		return nil, err
	}
	to, err := in.To.millis("to")
	if err != nil {
		return nil, err
	}
	page, err := a.record.Findings(ctx, warehouse.FindingQuery{
		From: from, To: to, Tenant: in.Tenant, Rules: in.Rule, Severities: in.Severity, Statuses: in.Status,
		Channels: in.Channel, BusinessLines: in.BusinessLine, Session: in.Session, Withdrawn: in.Withdrawn, Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return nil, listFault("list findings", err)
	}
	out := &findingsOutput{}
	out.Body.Items, out.Body.Next = []Finding{}, page.Next
	for _, f := range page.Items {
		out.Body.Items = append(out.Body.Items, a.finding(f))
	}
	return out, nil
}

// listFault tells a cursor that was not ours from a fault of ours.
func listFault(doing string, err error) error {
	if errors.Is(err, warehouse.ErrCursor) {
		return huma.Error422UnprocessableEntity("take the cursor unchanged from next_cursor of the page before, or leave it out",
			&huma.ErrorDetail{Location: "query.cursor", Message: err.Error()})
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Session is a session as lists tell it.
type Session struct {
	ID           string     `json:"session_id"`
	Tenant       string     `json:"tenant"`
	Opened       time.Time  `json:"opened"`
	Closed       *time.Time `json:"closed,omitempty" doc:"Absent while open"`
	LastAt       time.Time  `json:"last_at"`
	Channel      string     `json:"channel"`
	BusinessLine string     `json:"business_line"`
	Industry     string     `json:"industry,omitempty"`
	Jurisdiction string     `json:"jurisdiction,omitempty"`
	Customer     string     `json:"customer,omitempty" doc:"Masked"`
	Bot          string     `json:"bot,omitempty"`
	BotVersion   string     `json:"bot_version,omitempty"`
	Events       int        `json:"events"`
	Findings     int        `json:"findings" doc:"Standing"`
	Revision     string     `json:"policy_revision"`
}

func session(s warehouse.Session, findings int) Session {
	out := Session{
		ID: s.SessionID, Tenant: s.Tenant, Opened: moment(s.Opened), LastAt: moment(s.LastAt), Channel: s.Channel, BusinessLine: s.BusinessLine,
		Industry: s.Industry, Jurisdiction: s.Jurisdiction, Customer: console.Masked(s.CustomerID), Bot: s.BotID, BotVersion: s.BotVersion,
		Events: s.Events, Findings: findings, Revision: s.Revision,
	}
	if s.Closed != 0 {
		t := moment(s.Closed)
		out.Closed = &t
	}
	return out
}

type sessionsInput struct {
	From         Moment   `query:"from"`
	To           Moment   `query:"to"`
	Tenant       string   `query:"tenant" maxLength:"128"`
	Channel      []string `query:"channel,explode"`
	BusinessLine []string `query:"business_line,explode"`
	Limit        int      `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor       string   `query:"cursor" maxLength:"500"`
}

type sessionsOutput struct {
	Body struct {
		Items []Session `json:"items" nullable:"false"`
		Next  string    `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (a readings) sessions(ctx context.Context, in *sessionsInput) (*sessionsOutput, error) {
	from, err := in.From.millis("from")
	if err != nil {
		return nil, err
	}
	to, err := in.To.millis("to")
	if err != nil {
		return nil, err
	}
	page, err := a.record.Sessions(ctx, warehouse.SessionQuery{
		From: from, To: to, Tenant: in.Tenant, Channels: in.Channel, BusinessLines: in.BusinessLine, Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return nil, listFault("list sessions", err)
	}
	out := &sessionsOutput{}
	out.Body.Items, out.Body.Next = []Session{}, page.Next
	for _, s := range page.Items {
		out.Body.Items = append(out.Body.Items, session(s.Session, s.Findings))
	}
	return out, nil
}

// Interaction is one event of a session, its text masked.
type Interaction struct {
	EventID   string    `json:"event_id"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	Role      string    `json:"role,omitempty"`
	Actor     string    `json:"actor,omitempty"`
	Text      string    `json:"text,omitempty"`
	Flags     []string  `json:"flags,omitempty" doc:"What had to be done to keep it: text_cut, text_nul"`
	Topic     string    `json:"topic"`
	Partition int       `json:"partition"`
	Offset    int64     `json:"offset"`
}

type sessionInput struct {
	ID     string `path:"id" maxLength:"128"`
	Tenant string `query:"tenant" maxLength:"128" doc:"Where two tenants have a session of this id; without it, the one with the newest event"`
}

type sessionOutput struct {
	Body struct {
		Session
		Interactions []Interaction            `json:"interactions" nullable:"false"`
		Found        []Finding                `json:"found" nullable:"false" doc:"Withdrawn findings included"`
		NotAssessed  []policies.NotAssessable `json:"not_assessed" nullable:"false" doc:"Rules that could not be checked, and the fact they lack"`
	}
}

func (a readings) session(ctx context.Context, in *sessionInput) (*sessionOutput, error) {
	c, ok, err := a.record.SessionOf(ctx, in.Tenant, in.ID)
	if err != nil {
		return nil, fmt.Errorf("read session: %w", err)
	}
	if !ok {
		return nil, huma.Error404NotFound("there is no such session in the record; list them at /api/v1/sessions")
	}
	out := &sessionOutput{}
	out.Body.Interactions, out.Body.Found = []Interaction{}, []Finding{}
	out.Body.NotAssessed = append([]policies.NotAssessable{}, c.Session.NotAssessed...)
	standing := 0
	for _, f := range c.Findings {
		if f.State == "standing" {
			standing++
		}
		out.Body.Found = append(out.Body.Found, a.finding(f))
	}
	out.Body.Session = session(c.Session, standing)
	for _, i := range c.Interactions {
		out.Body.Interactions = append(out.Body.Interactions, Interaction{
			EventID: i.EventID, At: moment(i.At), Kind: i.Kind, Role: i.Role, Actor: i.ActorID, Text: i.Text, Flags: i.Flags,
			Topic: i.Topic, Partition: i.Partition, Offset: i.Offset,
		})
	}
	return out, nil
}

type policiesOutput struct {
	Body struct {
		Revision string          `json:"revision"`
		Items    []policies.Rule `json:"items" nullable:"false"`
	}
}

func (a readings) policies(context.Context, *struct{}) (*policiesOutput, error) {
	out := &policiesOutput{}
	bundle := a.inForce()
	out.Body.Revision, out.Body.Items = bundle.Revision, append([]policies.Rule{}, bundle.Rules...)
	return out, nil
}
