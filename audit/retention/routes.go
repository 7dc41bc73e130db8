package retention

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/identity"
)

// Routes are what the noun offers over HTTP.
func (r *Retention) Routes() []identity.Route {
	return []identity.Route{
		{
			Method: http.MethodPost, Path: "/api/v1/erasures", Permission: identity.EraseCustomers,
			Summary: "Erase a tenant's customer from the record; again, it erases what is left",
			Handler: answers(r.erase, http.StatusConflict, http.StatusUnprocessableEntity),
		},
		{
			Method: http.MethodGet, Path: "/api/v1/holds", Permission: identity.HoldRecords,
			Summary: "List legal holds, newest first",
			Handler: answers(r.list),
		},
		{
			Method: http.MethodPost, Path: "/api/v1/holds", Permission: identity.HoldRecords,
			Summary: "Keep a customer, a session, a tenant or everything from being deleted or erased",
			Handler: answers(r.place, http.StatusUnprocessableEntity),
		},
		{
			Method: http.MethodPost, Path: "/api/v1/holds/{id}/lift", Permission: identity.HoldRecords,
			Summary: "Lift a hold; again, it changes nothing",
			Handler: answers(r.lift, http.StatusNotFound, http.StatusUnprocessableEntity),
		},
	}
}

// answers makes an operation whose refusals become problem documents.
func answers[I, O any](fn func(context.Context, *I) (*O, error), statuses ...int) identity.Handler {
	return identity.Operation(func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		return out, problem(err)
	}, func(op *huma.Operation) { op.Errors = statuses })
}

// problem tells a refusal from a fault of ours.
func problem(err error) error {
	var fault *Fault
	var held *Held
	switch {
	case errors.As(err, &fault):
		return huma.Error422UnprocessableEntity(fault.Text, &huma.ErrorDetail{Location: fault.Field, Message: fault.Text})
	case errors.As(err, &held):
		return huma.Error409Conflict(held.Error(), &huma.ErrorDetail{Location: "hold", Message: "the hold that covers it", Value: held.Hold.ID})
	case errors.Is(err, ErrNotFound):
		return huma.Error404NotFound(err.Error())
	}
	return err
}

type eraseInput struct {
	Body struct {
		Tenant   string `json:"tenant" minLength:"1" maxLength:"128"`
		Customer string `json:"customer" minLength:"1" maxLength:"256" doc:"As the source knows him, or his pseudonym"`
		Reason   string `json:"reason" minLength:"1" maxLength:"2000" doc:"Do not name him: it stays in the journal"`
		DryRun   bool   `json:"dry_run,omitempty" doc:"Only count"`
	}
}

type eraseOutput struct{ Body Erasure }

func (r *Retention) erase(ctx context.Context, in *eraseInput) (*eraseOutput, error) {
	b := in.Body
	e, err := r.Erase(ctx, Request{Tenant: b.Tenant, Customer: b.Customer, Reason: b.Reason, DryRun: b.DryRun})
	return &eraseOutput{e}, err
}

type holdsInput struct {
	Tenant   string `query:"tenant" maxLength:"128"`
	Customer string `query:"customer" maxLength:"256" doc:"Holds on this customer"`
	Session  string `query:"session" maxLength:"128" doc:"Holds on this session"`
	Standing bool   `query:"standing" doc:"Only those that were not lifted"`
	Limit    int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor   string `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
}

type holdsOutput struct {
	Body struct {
		Items []Hold `json:"items" nullable:"false"`
		Next  string `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (r *Retention) list(ctx context.Context, in *holdsInput) (*holdsOutput, error) {
	list, next, err := r.Holds(ctx, HoldQuery{Tenant: in.Tenant, Customer: in.Customer, Session: in.Session, Standing: in.Standing, Limit: in.Limit, Cursor: in.Cursor})
	out := &holdsOutput{}
	out.Body.Items, out.Body.Next = append([]Hold{}, list...), next
	return out, err
}

type holdInput struct {
	Body struct {
		Scope    Scope  `json:"scope" enum:"customer,session,tenant,all"`
		Tenant   string `json:"tenant,omitempty" maxLength:"128"`
		Customer string `json:"customer,omitempty" maxLength:"256"`
		Session  string `json:"session,omitempty" maxLength:"128"`
		Reason   string `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

type holdOutput struct{ Body Hold }

func (r *Retention) place(ctx context.Context, in *holdInput) (*holdOutput, error) {
	b := in.Body
	h, err := r.Place(ctx, NewHold{Scope: b.Scope, Tenant: b.Tenant, Customer: b.Customer, Session: b.Session, Reason: b.Reason})
	return &holdOutput{h}, err
}

type liftInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

func (r *Retention) lift(ctx context.Context, in *liftInput) (*holdOutput, error) {
	h, err := r.Lift(ctx, in.ID, in.Body.Reason)
	return &holdOutput{h}, err
}
