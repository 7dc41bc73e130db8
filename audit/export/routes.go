package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/export/dossier"
	"mingjian/audit/identity"
)

// Routes are what the noun offers over HTTP. What was issued to a regulator is below /api/v1/issued, because
// nothing else is theirs to see.
func (x *Exports) Routes() []identity.Route {
	const base, theirs = "/api/v1/exports", "/api/v1/issued"
	get := func(path string, p identity.Permission, summary string, h identity.Handler) identity.Route {
		return identity.Route{Method: http.MethodGet, Path: path, Permission: p, Summary: summary, Handler: h}
	}
	post := func(path string, p identity.Permission, summary string, h identity.Handler) identity.Route {
		return identity.Route{Method: http.MethodPost, Path: path, Permission: p, Summary: summary, Handler: h}
	}
	return []identity.Route{
		get(base, identity.ReadExports, "Packages that were asked for, newest first", answers(x.list, http.StatusUnprocessableEntity)),
		post(base, identity.MakeExports, "Ask for a package; it is made in the background", answers(x.ask, http.StatusNotFound, http.StatusUnprocessableEntity)),
		get(base+"/{id}", identity.ReadExports, "One package and how far it is", answers(x.one, http.StatusNotFound)),
		post(base+"/{id}/cancel", identity.MakeExports, "Stop a package that is not made yet", answers(x.halt, http.StatusNotFound, http.StatusConflict)),
		post(base+"/{id}/issue", identity.IssueExports, "Issue a package to a regulator", answers(x.give, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)),
		get(base+"/{id}/file", identity.ReadExports, "The package, a zip file", answers(x.download, http.StatusNotFound, http.StatusConflict)),
		get(theirs, identity.ReadIssued, "Packages that were issued to you, newest first", answers(x.issuedList, http.StatusUnprocessableEntity)),
		get(theirs+"/{id}", identity.ReadIssued, "One package that was issued to you", answers(x.one, http.StatusNotFound)),
		get(theirs+"/{id}/file", identity.ReadIssued, "The package that was issued to you, a zip file", answers(x.download, http.StatusNotFound, http.StatusConflict)),
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
	var r *Refusal
	switch {
	case errors.Is(err, ErrNotFound):
		return huma.Error404NotFound(ErrNotFound.Error())
	case errors.As(err, &r) && r.Conflict:
		return huma.Error409Conflict(r.Text)
	case errors.As(err, &r):
		return huma.Error422UnprocessableEntity(r.Text)
	}
	return err
}

type exportListInput struct {
	Tenant string  `query:"tenant" maxLength:"128"`
	State  []State `query:"state,explode" enum:"queued,running,done,failed,cancelled,expired" doc:"May be given several times"`
	Limit  int     `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor string  `query:"cursor" maxLength:"200" doc:"next_cursor of the page before, with the same filters"`
}

type exportListOutput struct{ Body Page }

func (x *Exports) list(ctx context.Context, in *exportListInput) (*exportListOutput, error) {
	return x.page(ctx, in, false)
}

func (x *Exports) issuedList(ctx context.Context, in *exportListInput) (*exportListOutput, error) {
	return x.page(ctx, in, true)
}

func (x *Exports) page(ctx context.Context, in *exportListInput, issued bool) (*exportListOutput, error) {
	page, err := x.List(ctx, Query{Tenant: in.Tenant, States: in.State, Issued: issued, Limit: in.Limit, Cursor: in.Cursor})
	page.Items = append([]Export{}, page.Items...)
	return &exportListOutput{page}, err
}

type exportAskInput struct {
	Body struct {
		Tenant        string    `json:"tenant,omitempty" maxLength:"128" doc:"Default: yours, or else the tenant default"`
		From          time.Time `json:"from" doc:"Of the moments of interactions, inclusive (RFC 3339)"`
		To            time.Time `json:"to" doc:"Exclusive (RFC 3339)"`
		Jurisdictions []string  `json:"jurisdictions,omitempty" maxItems:"1000" doc:"Only conversations of these"`
		Rules         []string  `json:"rules,omitempty" maxItems:"1000" doc:"Only conversations that broke one of these"`
		Sessions      []string  `json:"sessions,omitempty" maxItems:"1000" doc:"Only these conversations"`
		RecordedBy    time.Time `json:"recorded_by,omitzero" doc:"Leaves out what was recorded after it; 48 hours after the period by default"`
		At            uint64    `json:"at,omitempty" doc:"Size of the evidence log in the checkpoint to prove against; the newest by default"`
		Purpose       string    `json:"purpose" minLength:"1" maxLength:"2000"`
		IssuedTo      string    `json:"issued_to,omitempty" maxLength:"200" doc:"Id of a regulator's account, who may download it once it is made"`
	}
}

type exportOutput struct{ Body Export }

func (x *Exports) ask(ctx context.Context, in *exportAskInput) (*exportOutput, error) {
	b := &in.Body
	s := dossier.Scope{
		Tenant: b.Tenant, From: b.From.UnixMilli(), To: b.To.UnixMilli(), Jurisdictions: b.Jurisdictions, Rules: b.Rules, Sessions: b.Sessions,
	}
	if !b.RecordedBy.IsZero() {
		s.RecordedBy = b.RecordedBy.UnixMilli()
	}
	if s.Tenant == "" {
		who, _ := identity.From(ctx)
		if s.Tenant = who.OnlyTenant(); s.Tenant == "" {
			s.Tenant = defaultTenant
		}
	}
	e, err := x.Start(ctx, Request{Scope: s, Purpose: b.Purpose, At: b.At, IssuedTo: b.IssuedTo})
	return &exportOutput{e}, err
}

type exportOneInput struct {
	ID string `path:"id" maxLength:"64"`
}

func (x *Exports) one(ctx context.Context, in *exportOneInput) (*exportOutput, error) {
	e, err := x.Get(ctx, in.ID)
	return &exportOutput{e}, err
}

type exportCancelInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"2000"`
	}
}

func (x *Exports) halt(ctx context.Context, in *exportCancelInput) (*exportOutput, error) {
	reason := ""
	if in.Body != nil {
		reason = in.Body.Reason
	}
	e, err := x.Cancel(ctx, in.ID, reason)
	return &exportOutput{e}, err
}

type exportIssueInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		IssuedTo string `json:"issued_to" minLength:"1" maxLength:"200" doc:"Id of the regulator's account"`
		Purpose  string `json:"purpose,omitempty" maxLength:"2000" doc:"Default: what the package was asked for"`
	}
}

func (x *Exports) give(ctx context.Context, in *exportIssueInput) (*exportOutput, error) {
	e, err := x.Issue(ctx, in.ID, in.Body.IssuedTo, in.Body.Purpose)
	return &exportOutput{e}, err
}

func (x *Exports) download(ctx context.Context, in *exportOneInput) (*huma.StreamResponse, error) {
	f, e, err := x.Open(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer f.Close()
		ctx.SetHeader("Content-Type", "application/zip")
		ctx.SetHeader("Content-Length", strconv.FormatInt(e.Size, 10))
		ctx.SetHeader("Content-Disposition", fmt.Sprintf("attachment; filename=\"mingjian-%s.zip\"", e.ID))
		ctx.SetHeader("X-Package-SHA256", e.SHA256)
		_, _ = io.Copy(ctx.BodyWriter(), f) // whoever went away does not hear of it
	}}, nil
}
