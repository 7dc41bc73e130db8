package cases

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/identity"
)

// Routes are what the noun offers over HTTP.
func (c *Cases) Routes() []identity.Route {
	return []identity.Route{
		{
			Method: http.MethodGet, Path: "/api/v1/cases", Permission: identity.ReadCases,
			Summary: "List possible misjudgements, newest first",
			Handler: identity.Operation(c.list, func(op *huma.Operation) { op.Errors = []int{http.StatusUnprocessableEntity} }),
		},
		{
			Method: http.MethodPost, Path: "/api/v1/cases", Permission: identity.OpenCases,
			Summary: "Report that the AI misjudged a session",
			Handler: identity.Operation(c.report, func(op *huma.Operation) {
				op.DefaultStatus = http.StatusCreated
				op.Errors = []int{http.StatusUnprocessableEntity}
				op.Responses = map[string]*huma.Response{"200": {Description: "The same person has reported this before; this is the case that stands"}}
			}),
		},
	}
}

type listInput struct {
	From    time.Time `query:"from" doc:"Reported at or after (RFC 3339)"`
	To      time.Time `query:"to" doc:"Reported before (RFC 3339)"`
	Tenant  string    `query:"tenant" maxLength:"128"`
	Session string    `query:"session" maxLength:"128"`
	State   []string  `query:"state,explode" doc:"May be given several times"`
	Limit   int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor  string    `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
}

type listOutput struct {
	Body struct {
		Items []Case `json:"items" nullable:"false"`
		Next  string `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (c *Cases) list(ctx context.Context, in *listInput) (*listOutput, error) {
	page, err := c.List(ctx, Query{From: in.From, To: in.To, Tenant: in.Tenant, Session: in.Session, States: in.State, Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return nil, problem(err)
	}
	out := &listOutput{}
	out.Body.Items, out.Body.Next = append([]Case{}, page.Items...), page.Next
	return out, nil
}

type reportInput struct {
	Body struct {
		Tenant    string `json:"tenant,omitempty" maxLength:"128" doc:"Whose session it is, where two tenants have one of this id"`
		SessionID string `json:"session_id" minLength:"1" maxLength:"128"`
		FindingID string `json:"finding_id,omitempty" maxLength:"128" doc:"Leave out for the session as a whole"`
		Kind      string `json:"kind" enum:"price,quality,rights,refund,continuity,billing,personal_information,service,other"`
		Reason    string `json:"reason" minLength:"1" maxLength:"2000" doc:"What the AI got wrong"`
	}
}

type reportOutput struct {
	Status int
	Body   Case
}

func (c *Cases) report(ctx context.Context, in *reportInput) (*reportOutput, error) {
	got, opened, err := c.Report(ctx, Report{Tenant: in.Body.Tenant, SessionID: in.Body.SessionID, FindingID: in.Body.FindingID, Kind: in.Body.Kind, Reason: in.Body.Reason})
	if err != nil {
		return nil, problem(err)
	}
	out := &reportOutput{Status: http.StatusCreated, Body: got}
	if !opened {
		out.Status = http.StatusOK
	}
	return out, nil
}

// problem tells a fault of the report from one of ours.
func problem(err error) error {
	var f *Fault
	if errors.As(err, &f) {
		return huma.Error422UnprocessableEntity(f.Text, &huma.ErrorDetail{Location: f.Field, Message: f.Text})
	}
	return err
}
