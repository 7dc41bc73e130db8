package fund

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/identity"
	"mingjian/policies"
)

// Routes are what the noun offers over HTTP.
func (f *Fund) Routes() []identity.Route {
	const base = "/api/v1/fund"
	get := func(path, summary string, h identity.Handler) identity.Route {
		return identity.Route{Method: http.MethodGet, Path: path, Permission: identity.ReadFund, Summary: summary, Handler: h}
	}
	post := func(path, summary string, h identity.Handler) identity.Route {
		return identity.Route{Method: http.MethodPost, Path: path, Permission: identity.ManageFund, Summary: summary, Handler: h}
	}
	return []identity.Route{
		get(base, "How the money of each tenant and currency stands", answers(f.show)),
		get(base+"/entries", "Every movement of money, newest first", answers(f.list, http.StatusUnprocessableEntity)),
		get(base+"/days", "How a fund stood at the end of each day", answers(f.days, http.StatusUnprocessableEntity)),
		get(base+"/statement", "The statement of a month, as JSON, CSV or XLSX", answers(f.statement, http.StatusUnprocessableEntity)),
		get(base+"/payouts", "Orders to pay and what became of them, newest first", answers(f.payouts, http.StatusUnprocessableEntity)),
		post(base+"/topup", "Bring money into a fund", changes(f.TopUp)),
		post(base+"/writeoff", "Take money out of a fund for good", changes(f.WriteOff)),
		post(base+"/payouts/{id}/resend", "Let the webhook try an order again that its receiver refused", answers(f.resend, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)),
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
	if !errors.As(err, &r) {
		return err
	}
	switch r.Code {
	case Invalid:
		return huma.Error422UnprocessableEntity(r.Text)
	case Unknown:
		return huma.Error404NotFound(r.Text)
	case Foreign:
		return huma.Error403Forbidden(r.Text)
	default:
		return huma.Error409Conflict(r.Text)
	}
}

type fundShowInput struct {
	Tenant string `query:"tenant" maxLength:"128"`
}

type fundShowOutput struct {
	Body struct {
		Items []Balance `json:"items" nullable:"false"`
	}
}

func (f *Fund) show(ctx context.Context, in *fundShowInput) (*fundShowOutput, error) {
	balances, err := f.Balances(ctx, in.Tenant)
	out := &fundShowOutput{}
	out.Body.Items = append([]Balance{}, balances...)
	return out, err
}

type fundListInput struct {
	From     time.Time `query:"from" doc:"Booked at or after (RFC 3339)"`
	To       time.Time `query:"to" doc:"Booked before (RFC 3339)"`
	Tenant   string    `query:"tenant" maxLength:"128"`
	Currency string    `query:"currency" maxLength:"3"`
	Case     string    `query:"case" maxLength:"128"`
	Kind     []Kind    `query:"kind,explode" enum:"topup,reserve,release,pay,settle,fail,writeoff" doc:"May be given several times"`
	Limit    int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor   string    `query:"cursor" maxLength:"200" doc:"next_cursor of the page before, with the same filters"`
}

type fundListOutput struct {
	Body struct {
		Items []Entry `json:"items" nullable:"false"`
		Next  string  `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (f *Fund) list(ctx context.Context, in *fundListInput) (*fundListOutput, error) {
	page, err := f.Entries(ctx, Query{
		From: in.From, To: in.To, Tenant: in.Tenant, Currency: in.Currency, CaseID: in.Case, Kinds: in.Kind, Limit: in.Limit, Cursor: in.Cursor,
	})
	out := &fundListOutput{}
	out.Body.Items, out.Body.Next = append([]Entry{}, page.Items...), page.Next
	return out, err
}

type fundDaysInput struct {
	Tenant   string    `query:"tenant" maxLength:"128" doc:"Default: yours, or else the tenant default"`
	Currency string    `query:"currency" required:"true" maxLength:"3" doc:"ISO 4217"`
	From     time.Time `query:"from" required:"true" doc:"A moment of the first day (RFC 3339)"`
	To       time.Time `query:"to" required:"true" doc:"A moment of the last day (RFC 3339)"`
}

type fundDaysOutput struct {
	Body struct {
		Items []Day `json:"items" nullable:"false"`
	}
}

func (f *Fund) days(ctx context.Context, in *fundDaysInput) (*fundDaysOutput, error) {
	days, err := f.Days(ctx, tenantOr(ctx, in.Tenant), in.Currency, in.From, in.To)
	out := &fundDaysOutput{}
	out.Body.Items = append([]Day{}, days...)
	return out, err
}

// defaultTenant is whose events are that name nobody (the event model).
const defaultTenant = "default"

// tenantOr is the tenant that was asked for, or else that of the principal in ctx.
func tenantOr(ctx context.Context, asked string) string {
	who, _ := identity.From(ctx)
	return cmp.Or(asked, who.OnlyTenant(), defaultTenant)
}

type fundStatementInput struct {
	Tenant   string `query:"tenant" maxLength:"128" doc:"Default: yours, or else the tenant default"`
	Month    string `query:"month" required:"true" maxLength:"7" doc:"YYYY-MM, in the tenant's zone"`
	Currency string `query:"currency" maxLength:"3" default:"CNY" doc:"ISO 4217"`
	Format   string `query:"format" enum:"json,csv,xlsx" default:"json"`
}

type fundStatementOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (f *Fund) statement(ctx context.Context, in *fundStatementInput) (*fundStatementOutput, error) {
	s, err := f.Statement(ctx, tenantOr(ctx, in.Tenant), in.Currency, in.Month)
	if err != nil {
		return nil, err
	}
	out := &fundStatementOutput{ContentType: "application/json"}
	switch in.Format {
	case "csv":
		out.ContentType = "text/csv; charset=utf-8"
		out.Body, err = s.CSV()
	case "xlsx":
		out.ContentType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		out.Body, err = s.XLSX()
	default:
		out.Body, err = json.Marshal(s)
		return out, err
	}
	// The tenant's name may hold any letter (RFC 6266, section 4.3).
	out.Disposition = fmt.Sprintf("attachment; filename*=UTF-8''fund-%s-%s-%s.%s", url.PathEscape(s.Tenant), s.Currency, s.Month, in.Format)
	return out, err
}

type fundChangeInput struct {
	Body struct {
		Key      string `json:"idempotency_key" minLength:"1" maxLength:"128" doc:"A new one for each change; the same again changes nothing"`
		Tenant   string `json:"tenant,omitempty" maxLength:"128" doc:"Default: yours, or else the tenant default"`
		Minor    int64  `json:"amount_minor" minimum:"1" doc:"In the currency's minor units"`
		Currency string `json:"currency" minLength:"3" maxLength:"3" doc:"ISO 4217"`
		Reason   string `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

type fundChangeOutput struct {
	Status int
	Body   Entry
}

// changes makes an operation of TopUp or WriteOff.
func changes(do func(context.Context, Change) (Entry, bool, error)) identity.Handler {
	return identity.Operation(func(ctx context.Context, in *fundChangeInput) (*fundChangeOutput, error) {
		b := in.Body
		e, done, err := do(ctx, Change{Key: b.Key, Tenant: tenantOr(ctx, b.Tenant), Money: policies.Money{Minor: b.Minor, Currency: b.Currency}, Reason: b.Reason})
		if err != nil {
			return nil, problem(err)
		}
		out := &fundChangeOutput{Status: http.StatusCreated, Body: e}
		if !done {
			out.Status = http.StatusOK
		}
		return out, nil
	}, func(op *huma.Operation) {
		op.DefaultStatus = http.StatusCreated
		op.Errors = []int{http.StatusConflict, http.StatusUnprocessableEntity}
		op.Responses = map[string]*huma.Response{"200": {Description: "The same key was booked before; this is the entry that stands"}}
	})
}

type fundPayoutsInput struct {
	From     time.Time `query:"from" doc:"Ordered at or after (RFC 3339)"`
	To       time.Time `query:"to" doc:"Ordered before (RFC 3339)"`
	Tenant   string    `query:"tenant" maxLength:"128"`
	Case     string    `query:"case" maxLength:"128"`
	State    string    `query:"state" enum:"ordered,confirmed,failed"`
	Delivery string    `query:"delivery" enum:"waiting,accepted,stuck"`
	Limit    int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor   string    `query:"cursor" maxLength:"200" doc:"next_cursor of the page before, with the same filters"`
}

type fundPayoutsOutput struct {
	Body struct {
		Items []Standing `json:"items" nullable:"false"`
		Next  string     `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (f *Fund) payouts(ctx context.Context, in *fundPayoutsInput) (*fundPayoutsOutput, error) {
	page, err := f.Payouts(ctx, PayoutQuery{
		From: in.From, To: in.To, Tenant: in.Tenant, CaseID: in.Case, State: PayoutState(in.State), Delivery: Delivery(in.Delivery), Limit: in.Limit, Cursor: in.Cursor,
	})
	out := &fundPayoutsOutput{}
	out.Body.Items, out.Body.Next = append([]Standing{}, page.Items...), page.Next
	return out, err
}

type fundResendInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"2000" doc:"What was mended"`
	}
}

type fundResendOutput struct{ Body Standing }

func (f *Fund) resend(ctx context.Context, in *fundResendInput) (*fundResendOutput, error) {
	s, err := f.Resend(ctx, in.ID, in.Body.Reason)
	return &fundResendOutput{s}, err
}
