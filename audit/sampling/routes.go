package sampling

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/identity"
)

// Routes are what the noun offers over HTTP.
func (l *Lots) Routes() []identity.Route {
	return []identity.Route{
		{
			Method: http.MethodGet, Path: "/api/v1/sampling/lots", Permission: identity.ReadSampling,
			Summary: "List the lots of review sampling, newest first",
			Handler: identity.Operation(l.list, func(op *huma.Operation) { op.Errors = []int{http.StatusUnprocessableEntity} }),
		},
		{
			Method: http.MethodGet, Path: "/api/v1/sampling/lots/{id}", Permission: identity.ReadSampling,
			Summary: "Show a lot with its sample",
			Handler: identity.Operation(l.show, func(op *huma.Operation) { op.Errors = []int{http.StatusNotFound} }),
		},
	}
}

type lotsInput struct {
	From         time.Time `query:"from" doc:"Lots that begin at or after (RFC 3339)"`
	To           time.Time `query:"to" doc:"Lots that begin before (RFC 3339)"`
	Tenant       string    `query:"tenant" maxLength:"128"`
	BusinessLine []string  `query:"business_line,explode" doc:"May be given several times"`
	Channel      []string  `query:"channel,explode" doc:"May be given several times"`
	State        []string  `query:"state,explode" doc:"normal, tightened, reduced, stopped; may be given several times"`
	Outcome      []string  `query:"outcome,explode" doc:"open, accepted, rejected, none; may be given several times"`
	Limit        int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor       string    `query:"cursor" maxLength:"200" doc:"next_cursor of the page before"`
}

type lotsOutput struct {
	Body struct {
		Items []Lot  `json:"items" nullable:"false"`
		Next  string `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (l *Lots) list(ctx context.Context, in *lotsInput) (*lotsOutput, error) {
	page, err := l.List(ctx, Query{
		From: in.From, To: in.To, Tenant: in.Tenant, BusinessLines: in.BusinessLine, Channels: in.Channel,
		States: in.State, Outcomes: in.Outcome, Limit: in.Limit, Cursor: in.Cursor,
	})
	if errors.Is(err, ErrCursor) {
		return nil, huma.Error422UnprocessableEntity(err.Error(), &huma.ErrorDetail{Location: "cursor", Message: err.Error()})
	}
	if err != nil {
		return nil, err
	}
	out := &lotsOutput{}
	out.Body.Items, out.Body.Next = append([]Lot{}, page.Items...), page.Next
	return out, nil
}

type lotInput struct {
	ID string `path:"id" maxLength:"128"`
}

type lotOutput struct {
	Body struct {
		Lot
		Sample []Pick `json:"sample" nullable:"false"`
	}
}

func (l *Lots) show(ctx context.Context, in *lotInput) (*lotOutput, error) {
	lot, sample, found, err := l.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, huma.Error404NotFound("there is no such lot; take its id from the list of lots")
	}
	out := &lotOutput{}
	out.Body.Lot, out.Body.Sample = lot, append([]Pick{}, sample...)
	return out, nil
}
