package cases

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/identity"
	"mingjian/policies"
)

// Routes are what the noun offers over HTTP. Each has the weakest permission that its action needs from
// any state; the table of transitions asks for more where it does.
func (c *Cases) Routes() []identity.Route {
	const base = "/api/v1/cases"
	get := func(path, summary string, h identity.Handler) identity.Route {
		return identity.Route{Method: http.MethodGet, Path: path, Permission: identity.ReadCases, Summary: summary, Handler: h}
	}
	post := func(path string, perm identity.Permission, summary string, h identity.Handler) identity.Route {
		return identity.Route{Method: http.MethodPost, Path: path, Permission: perm, Summary: summary, Handler: h}
	}
	return []identity.Route{
		get(base, "List possible misjudgements and what became of them, newest first", answers(c.list, http.StatusUnprocessableEntity)),
		get(base+"/{id}", "One case with its history, and what you may do to it", answers(c.one, http.StatusNotFound)),
		get(base+"/{id}/advice", "What the policy says an assessed case is owed", answers(c.advice, http.StatusNotFound, http.StatusConflict)),
		get("/api/v1/case-board", "Cases by state, and how many are late", answers(c.board)),
		post(base, identity.OpenCases, "Report that the AI misjudged a session", identity.Operation(c.report, func(op *huma.Operation) {
			op.DefaultStatus = http.StatusCreated
			op.Errors = []int{http.StatusUnprocessableEntity}
			op.Responses = map[string]*huma.Response{"200": {Description: "The session has a case already, which the report joined; or the same person has reported this before"}}
		})),
		post(base+"/{id}/open", identity.AssessCases, "Take a candidate up, with a first answer to the customer", changes(func(ctx context.Context, in *caseOpenInput) (Case, error) {
			return c.TakeUp(ctx, in.ID, in.Body.Version, in.Body.Answer)
		})),
		post(base+"/{id}/assess", identity.AssessCases, "Assess what it cost the customer", changes(func(ctx context.Context, in *caseAssessInput) (Case, error) {
			return c.Assess(ctx, in.ID, in.Body.Version, in.Body.Assessment)
		})),
		post(base+"/{id}/propose", identity.ProposeCases, "Propose what the customer gets", changes(func(ctx context.Context, in *caseProposeInput) (Case, error) {
			return c.Propose(ctx, in.ID, in.Body.Version, in.Body.Offer)
		})),
		post(base+"/{id}/approve", identity.ApproveCases, "Approve exactly the proposal that you have read", changes(func(ctx context.Context, in *caseApproveInput) (Case, error) {
			return c.Approve(ctx, in.ID, in.Body.Version, in.Body.Digest, in.Body.Reason)
		})),
		post(base+"/{id}/reject", identity.ApproveCases, "Reject a case: nothing is owed", changes(func(ctx context.Context, in *caseReasonInput) (Case, error) {
			return c.Reject(ctx, in.ID, in.Body.Version, in.Body.Reason)
		})),
		post(base+"/{id}/pay", identity.PayCases, "Order the payment of what is approved", changes(func(ctx context.Context, in *caseReasonInput) (Case, error) {
			return c.Pay(ctx, in.ID, in.Body.Version, in.Body.Reason)
		})),
		post(base+"/{id}/confirm", identity.ConfirmPayouts, "Say what became of a payout", changes(func(ctx context.Context, in *caseConfirmInput) (Case, error) {
			b := in.Body
			return c.Confirm(ctx, Confirmation{PayoutID: b.PayoutID, CaseID: in.ID, Paid: b.Paid, Money: b.Money, Reference: b.Reference, Why: b.Why})
		})),
		post(base+"/{id}/close", identity.AssessCases, "Close a case that was paid", changes(func(ctx context.Context, in *caseReasonInput) (Case, error) {
			return c.Close(ctx, in.ID, in.Body.Version, in.Body.Reason)
		})),
		post(base+"/{id}/appeal", identity.OpenCases, "File the customer's appeal, in their words", changes(func(ctx context.Context, in *caseAppealInput) (Case, error) {
			return c.Appeal(ctx, in.ID, in.Body.Version, in.Body.Words)
		})),
		c.hookRoute(),
	}
}

// answers makes an operation whose refusals become problem documents.
func answers[I, O any](fn func(context.Context, *I) (*O, error), statuses ...int) identity.Handler {
	return identity.Operation(func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		return out, problem(err)
	}, func(op *huma.Operation) { op.Errors = statuses })
}

// changes makes an operation that changes one case and answers with it as it then is.
func changes[I any](fn func(context.Context, *I) (Case, error)) identity.Handler {
	return answers(func(ctx context.Context, in *I) (*caseOutput, error) {
		k, err := fn(ctx, in)
		return &caseOutput{shown(ctx, k)}, err
	}, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)
}

// problem tells a refusal from a fault of ours. A conflict says which version the case has now.
func problem(err error) error {
	var fault *Fault
	var conflict *Conflict
	var forbidden *Forbidden
	switch {
	case errors.As(err, &fault):
		return huma.Error422UnprocessableEntity(fault.Text, &huma.ErrorDetail{Location: fault.Field, Message: fault.Text})
	case errors.As(err, &conflict):
		return huma.Error409Conflict(conflict.Text, &huma.ErrorDetail{Location: "version", Message: "the case has this version now", Value: conflict.Version})
	case errors.As(err, &forbidden):
		return huma.Error403Forbidden(forbidden.Text)
	case errors.Is(err, ErrNotFound):
		return huma.Error404NotFound(err.Error())
	}
	return err
}

type caseOutput struct{ Body Case }

// shown is a case as the principal in ctx reads it. Only whoever works cases has to know which customer it is;
// everybody else gets of the id what the pages show, by which two customers can be told apart.
func shown(ctx context.Context, k Case) Case {
	who, _ := identity.From(ctx)
	if slices.ContainsFunc([]identity.Permission{identity.AssessCases, identity.ProposeCases, identity.ApproveCases, identity.PayCases, identity.ConfirmPayouts}, who.May) {
		return k
	}
	if id := []rune(k.Customer); len(id) >= 6 {
		k.Customer = "•••" + string(id[len(id)-3:])
	} else if len(id) > 0 {
		k.Customer = "•••"
	}
	return k
}

type caseListInput struct {
	From    time.Time `query:"from" doc:"Came in at or after (RFC 3339)"`
	To      time.Time `query:"to" doc:"Came in before (RFC 3339)"`
	Tenant  string    `query:"tenant" maxLength:"128"`
	Session string    `query:"session" maxLength:"128"`
	State   []State   `query:"state,explode" doc:"May be given several times"`
	Overdue bool      `query:"overdue" doc:"Only those with a deadline that passed"`
	Limit   int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor  string    `query:"cursor" maxLength:"200" doc:"next_cursor of the page before, with the same filters"`
}

type caseListOutput struct {
	Body struct {
		Items []Case `json:"items" nullable:"false"`
		Next  string `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (c *Cases) list(ctx context.Context, in *caseListInput) (*caseListOutput, error) {
	page, err := c.List(ctx, Query{
		From: in.From, To: in.To, Tenant: in.Tenant, Session: in.Session, States: in.State, Overdue: in.Overdue, Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return nil, err
	}
	out := &caseListOutput{}
	out.Body.Items, out.Body.Next = []Case{}, page.Next
	for _, k := range page.Items {
		out.Body.Items = append(out.Body.Items, shown(ctx, k))
	}
	return out, nil
}

type caseOneInput struct {
	ID string `path:"id" maxLength:"128"`
}

type caseOneOutput struct {
	Body struct {
		File
		Allowed []Permitted `json:"allowed" nullable:"false" doc:"What you may do to it now, and why not the rest"`
	}
}

func (c *Cases) one(ctx context.Context, in *caseOneInput) (*caseOneOutput, error) {
	f, err := c.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &caseOneOutput{}
	out.Body.Allowed = c.Allowed(ctx, f.Case)
	f.Case = shown(ctx, f.Case)
	out.Body.File = f
	return out, nil
}

type caseAdviceOutput struct{ Body policies.Advice }

func (c *Cases) advice(ctx context.Context, in *caseOneInput) (*caseAdviceOutput, error) {
	a, err := c.Advise(ctx, in.ID)
	return &caseAdviceOutput{a}, err
}

type caseBoardInput struct {
	Tenant string `query:"tenant" maxLength:"128"`
}

type caseBoardOutput struct {
	Body struct {
		Items []Column `json:"items" nullable:"false" doc:"All states, in the order of the flow"`
	}
}

func (c *Cases) board(ctx context.Context, in *caseBoardInput) (*caseBoardOutput, error) {
	columns, err := c.Board(ctx, in.Tenant)
	out := &caseBoardOutput{}
	out.Body.Items = columns
	return out, err
}

type caseReportInput struct {
	Body struct {
		Tenant    string `json:"tenant,omitempty" maxLength:"128" doc:"Whose session it is, where two tenants have one of this id"`
		SessionID string `json:"session_id" minLength:"1" maxLength:"128"`
		FindingID string `json:"finding_id,omitempty" maxLength:"128" doc:"Leave out for the session as a whole"`
		Kind      string `json:"kind" enum:"price,quality,rights,refund,continuity,billing,personal_information,service,other"`
		Reason    string `json:"reason" minLength:"1" maxLength:"2000" doc:"What the AI got wrong"`
	}
}

type caseReportOutput struct {
	Status int
	Body   Case
}

func (c *Cases) report(ctx context.Context, in *caseReportInput) (*caseReportOutput, error) {
	got, opened, err := c.Report(ctx, Report{Tenant: in.Body.Tenant, SessionID: in.Body.SessionID, FindingID: in.Body.FindingID, Kind: in.Body.Kind, Reason: in.Body.Reason})
	if err != nil {
		return nil, problem(err)
	}
	out := &caseReportOutput{Status: http.StatusCreated, Body: shown(ctx, got)}
	if !opened {
		out.Status = http.StatusOK
	}
	return out, nil
}

type caseOpenInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64  `json:"version" doc:"Of the case as you have read it"`
		Answer  string `json:"answer" minLength:"1" maxLength:"2000" doc:"What the customer is told first"`
	}
}

type caseAssessInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64 `json:"version" doc:"Of the case as you have read it"`
		Assessment
	}
}

type caseProposeInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64 `json:"version" doc:"Of the case as you have read it"`
		Offer
	}
}

type caseApproveInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64  `json:"version" doc:"Of the case as you have read it"`
		Digest  string `json:"digest" minLength:"1" maxLength:"64" doc:"Of the proposal as you have read it: proposal.digest"`
		Reason  string `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

type caseReasonInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64  `json:"version" doc:"Of the case as you have read it"`
		Reason  string `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

type caseConfirmInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		PayoutID string `json:"payout_id" minLength:"1" maxLength:"128"`
		Paid     bool   `json:"paid" doc:"false: it could not be paid"`
		policies.Money
		Reference string `json:"reference,omitempty" maxLength:"200" doc:"The receiver's own"`
		Why       string `json:"why,omitempty" maxLength:"2000" doc:"Of a failure"`
	}
}

type caseAppealInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64  `json:"version" doc:"Of the case as you have read it"`
		Words   string `json:"words" minLength:"1" maxLength:"2000" doc:"The customer's"`
	}
}
