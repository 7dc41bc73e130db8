package review

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/identity"
)

// Routes are what the noun offers over HTTP.
func (r *Reviews) Routes() []identity.Route {
	const base = "/api/v1/reviews"
	get := func(path string, perm identity.Permission, summary string, h identity.Handler) identity.Route {
		return identity.Route{Method: http.MethodGet, Path: path, Permission: perm, Summary: summary, Handler: h}
	}
	post := func(path string, perm identity.Permission, summary string, h identity.Handler) identity.Route {
		return identity.Route{Method: http.MethodPost, Path: path, Permission: perm, Summary: summary, Handler: h}
	}
	return []identity.Route{
		get(base, identity.ReadReviews, "List reviews, newest first or soonest due first", answers(r.list, http.StatusUnprocessableEntity)),
		get(base+"/{id}", identity.ReadReviews, "One review, with its card", answers(r.one, http.StatusNotFound)),
		post(base+"/next", identity.WorkReviews, "Claim the most urgent review that suits you", answers(r.next, http.StatusConflict)),
		post(base+"/{id}/claim", identity.WorkReviews, "Claim this review", changes(r, func(ctx context.Context, in *reviewVersionInput) (Task, error) {
			return r.Claim(ctx, in.ID, in.Body.Version)
		})),
		post(base+"/{id}/release", identity.WorkReviews, "Give a claimed review back", changes(r, func(ctx context.Context, in *reviewReleaseInput) (Task, error) {
			return r.Release(ctx, in.ID, in.Body.Version, in.Body.Why)
		})),
		post(base+"/{id}/draft", identity.WorkReviews, "Keep what is typed so far, and extend the claim", changes(r, func(ctx context.Context, in *reviewDraftInput) (Task, error) {
			return r.SaveDraft(ctx, in.ID, in.Body.Version, in.Body.Draft)
		})),
		post(base+"/{id}/verdict", identity.WorkReviews, "Submit the verdict", changes(r, func(ctx context.Context, in *reviewVerdictInput) (Task, error) {
			return r.Submit(ctx, in.ID, in.Body.Version, in.Body.Answer)
		})),
		post(base+"/{id}/dispute", identity.DisputeReviews, "Dispute a submitted verdict", changes(r, func(ctx context.Context, in *reviewDisputeInput) (Task, error) {
			return r.Dispute(ctx, in.ID, in.Body.Version, in.Body.Reason)
		})),
		post(base+"/{id}/decide", identity.DecideReviews, "Decide a dispute", changes(r, func(ctx context.Context, in *reviewDecideInput) (Task, error) {
			return r.Decide(ctx, in.ID, in.Body.Version, in.Body.Why, in.Body.Instead)
		})),
		post(base+"/{id}/reassign", identity.SuperviseReviews, "Take a review from its holder, for one inspector or for everybody", changes(r, func(ctx context.Context, in *reviewReassignInput) (Task, error) {
			return r.Reassign(ctx, in.ID, in.Body.Version, in.Body.To, in.Body.Why)
		})),
		get("/api/v1/review-cards", identity.ReadReviews, "The score cards in use", answers(r.listCards)),
		get("/api/v1/review-backlog", identity.SuperviseReviews, "What waits, by state, age, kind and holder", answers(r.backlog)),
		get("/api/v1/review-forecast", identity.SuperviseReviews, "Whether what is open will be done in time", answers(r.forecast)),
		get("/api/v1/review-throughput", identity.SuperviseReviews, "Verdicts by inspector and day", answers(r.throughput, http.StatusUnprocessableEntity)),
		get(base+"/report", identity.SuperviseReviews, "Defect rates, quality of rules, agreement and lots, each with its 95 % interval", answers(r.report)),
		get("/api/v1/review-pairs", identity.SuperviseReviews, "Blind double reviews and where they differ", answers(r.agreements)),
		post("/api/v1/review-sets", identity.SuperviseReviews, "Make a calibration set of final reviews", answers(r.calibrate, http.StatusConflict, http.StatusUnprocessableEntity)),
		get("/api/v1/review-sets/{set}", identity.SuperviseReviews, "A calibration set and its results", answers(r.set, http.StatusNotFound)),
	}
}

// bodyBytes is how much a request may have: a verdict on a long card with every remark full.
const bodyBytes = 256 << 10

// answers makes an operation whose refusals become problem documents.
func answers[I, O any](fn func(context.Context, *I) (*O, error), statuses ...int) identity.Handler {
	return identity.Operation(func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		return out, problem(err)
	}, func(op *huma.Operation) { op.Errors, op.MaxBodyBytes = statuses, bodyBytes })
}

// changes makes an operation that changes one task and answers with it as it then is.
func changes[I any](r *Reviews, fn func(context.Context, *I) (Task, error)) identity.Handler {
	return answers(func(ctx context.Context, in *I) (*reviewTaskOutput, error) {
		t, err := fn(ctx, in)
		if err != nil {
			return nil, err
		}
		return r.output(t)
	}, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity)
}

// problem tells a refusal from a fault of ours.
func problem(err error) error {
	var faults Faults
	var conflict *Conflict
	var forbidden *Forbidden
	switch {
	case errors.As(err, &faults):
		details := make([]error, len(faults))
		for i, f := range faults {
			details[i] = &huma.ErrorDetail{Location: f.Field, Message: f.Text}
		}
		return huma.Error422UnprocessableEntity("some of what was sent cannot be taken; errors says what and how to mend it", details...)
	case errors.As(err, &conflict):
		return huma.Error409Conflict(conflict.Text)
	case errors.As(err, &forbidden):
		return huma.Error403Forbidden(forbidden.Text)
	case errors.Is(err, ErrNotFound):
		return huma.Error404NotFound(err.Error())
	}
	return err
}

type reviewTaskOutput struct {
	Body struct {
		Task
		CardText *Card `json:"card_text" doc:"The score card, with its guidance"`
	}
}

func (r *Reviews) output(t Task) (*reviewTaskOutput, error) {
	card, err := r.Card(t.Card)
	if err != nil {
		return nil, err
	}
	out := &reviewTaskOutput{}
	out.Body.Task, out.Body.CardText = t, card
	return out, nil
}

type reviewListInput struct {
	From      time.Time `query:"from" doc:"Opened at or after (RFC 3339)"`
	To        time.Time `query:"to" doc:"Opened before (RFC 3339)"`
	DueBefore time.Time `query:"due_before" doc:"Due before (RFC 3339)"`
	Tenant    string    `query:"tenant" maxLength:"128"`
	Session   string    `query:"session" maxLength:"128"`
	Lot       string    `query:"lot" maxLength:"128"`
	State     []State   `query:"state,explode" doc:"May be given several times"`
	Kind      []Kind    `query:"kind,explode" doc:"May be given several times"`
	Mine      bool      `query:"mine" doc:"Only those that you hold or have reviewed"`
	Overdue   bool      `query:"overdue" doc:"Only those that are due and not submitted"`
	Order     string    `query:"order" enum:"newest,due" default:"newest"`
	Limit     int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Cursor    string    `query:"cursor" maxLength:"200" doc:"next_cursor of the page before, with the same filters"`
}

type reviewListOutput struct {
	Body struct {
		Items []Task `json:"items" nullable:"false"`
		Next  string `json:"next_cursor" doc:"Empty on the last page"`
	}
}

func (r *Reviews) list(ctx context.Context, in *reviewListInput) (*reviewListOutput, error) {
	q := Query{
		From: in.From, To: in.To, DueBefore: in.DueBefore, Tenant: in.Tenant, Session: in.Session, LotID: in.Lot, States: in.State, Kinds: in.Kind,
		Overdue: in.Overdue, Limit: in.Limit, Cursor: in.Cursor, ByDue: in.Order == "due",
	}
	if in.Mine {
		who, _ := identity.From(ctx)
		q.Inspector = who.ID
	}
	page, err := r.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &reviewListOutput{}
	out.Body.Items, out.Body.Next = append([]Task{}, page.Items...), page.Next
	return out, nil
}

type reviewOneInput struct {
	ID string `path:"id" maxLength:"128"`
}

func (r *Reviews) one(ctx context.Context, in *reviewOneInput) (*reviewTaskOutput, error) {
	t, err := r.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return r.output(t)
}

type reviewNextOutput struct {
	Body struct {
		Item *Task `json:"item,omitempty" doc:"Absent where nothing waits for you"`
		Card *Card `json:"card_text,omitempty"`
	}
}

func (r *Reviews) next(ctx context.Context, _ *struct{}) (*reviewNextOutput, error) {
	t, ok, err := r.Next(ctx)
	if err != nil {
		return nil, err
	}
	out := &reviewNextOutput{}
	if ok {
		out.Body.Item = &t
		out.Body.Card, err = r.Card(t.Card)
	}
	return out, err
}

type reviewVersionInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64 `json:"version" doc:"Of the review as you have read it"`
	}
}

type reviewReleaseInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64  `json:"version" doc:"Of the review as you have read it"`
		Why     string `json:"why,omitempty" maxLength:"2000"`
	}
}

type reviewDraftInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64           `json:"version" doc:"Of the review as you have read it"`
		Draft   json.RawMessage `json:"draft" doc:"A JSON object that only you get back"`
	}
}

type reviewVerdictInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64 `json:"version" doc:"Of the review as you have read it"`
		Answer
	}
}

type reviewDisputeInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64  `json:"version" doc:"Of the review as you have read it"`
		Reason  string `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

type reviewDecideInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64   `json:"version" doc:"Of the review as you have read it"`
		Why     string  `json:"why" minLength:"1" maxLength:"2000"`
		Instead *Answer `json:"instead,omitempty" doc:"The verdict that replaces the disputed one; leave it out where that stands"`
	}
}

type reviewReassignInput struct {
	ID   string `path:"id" maxLength:"128"`
	Body struct {
		Version int64  `json:"version" doc:"Of the review as you have read it"`
		To      string `json:"to,omitempty" maxLength:"128" doc:"An inspector's id; leave it out to give the review back to everybody"`
		Why     string `json:"why" minLength:"1" maxLength:"2000"`
	}
}

type reviewCardsOutput struct {
	Body struct {
		Items []*Card `json:"items" nullable:"false"`
	}
}

func (r *Reviews) listCards(context.Context, *struct{}) (*reviewCardsOutput, error) {
	out := &reviewCardsOutput{}
	out.Body.Items = append([]*Card{}, r.Cards()...)
	return out, nil
}

type reviewTenantInput struct {
	Tenant string `query:"tenant" maxLength:"128"`
}

type reviewBacklogOutput struct{ Body Backlog }

func (r *Reviews) backlog(ctx context.Context, in *reviewTenantInput) (*reviewBacklogOutput, error) {
	b, err := r.Backlog(ctx, in.Tenant)
	return &reviewBacklogOutput{b}, err
}

type reviewForecastOutput struct{ Body Forecast }

func (r *Reviews) forecast(ctx context.Context, in *reviewTenantInput) (*reviewForecastOutput, error) {
	f, err := r.Forecast(ctx, in.Tenant)
	return &reviewForecastOutput{f}, err
}

type reviewPeriodInput struct {
	Tenant string    `query:"tenant" maxLength:"128"`
	From   time.Time `query:"from" doc:"At or after (RFC 3339); 7 days ago when left out"`
	To     time.Time `query:"to" doc:"Before (RFC 3339); now when left out"`
}

// usualPeriod is what supervisors look back on when they do not say.
const usualPeriod = 7 * 24 * time.Hour

func (r *Reviews) period(from, to time.Time) (time.Time, time.Time) {
	if to.IsZero() {
		to = r.db.Now().Add(time.Millisecond) // what happened now is part of it
	}
	if from.IsZero() {
		from = to.Add(-usualPeriod)
	}
	return from, to
}

type reviewThroughputInput struct {
	Tenant string    `query:"tenant" maxLength:"128"`
	From   time.Time `query:"from" doc:"At or after (RFC 3339); 7 days ago when left out"`
	To     time.Time `query:"to" doc:"Before (RFC 3339); now when left out"`
	Zone   string    `query:"zone" default:"Asia/Shanghai" doc:"In which a day begins"`
}

type reviewThroughputOutput struct {
	Body struct {
		Items []Throughput `json:"items" nullable:"false"`
	}
}

func (r *Reviews) throughput(ctx context.Context, in *reviewThroughputInput) (*reviewThroughputOutput, error) {
	zone, err := time.LoadLocation(in.Zone)
	if err != nil {
		return nil, fault("zone", "%q is not in the time zone database; write it as Asia/Shanghai", in.Zone)
	}
	from, to := r.period(in.From, in.To)
	out := &reviewThroughputOutput{}
	out.Body.Items, err = r.Throughput(ctx, in.Tenant, from, to, zone)
	return out, err
}

type reviewReportOutput struct{ Body Report }

func (r *Reviews) report(ctx context.Context, in *reviewPeriodInput) (*reviewReportOutput, error) {
	from, to := r.period(in.From, in.To)
	rep, err := r.Report(ctx, in.Tenant, from, to)
	return &reviewReportOutput{rep}, err
}

type reviewAgreementsOutput struct {
	Body struct {
		Items []Agreement `json:"items" nullable:"false"`
	}
}

func (r *Reviews) agreements(ctx context.Context, in *reviewPeriodInput) (*reviewAgreementsOutput, error) {
	from, to := r.period(in.From, in.To)
	list, err := r.Agreements(ctx, in.Tenant, from, to)
	out := &reviewAgreementsOutput{}
	out.Body.Items = append([]Agreement{}, list...)
	return out, err
}

type reviewCalibrateInput struct {
	Body struct {
		Name  string `json:"name" minLength:"1" maxLength:"200"`
		Items []struct {
			TaskID string  `json:"task_id" minLength:"1" maxLength:"128"`
			Answer *Answer `json:"answer,omitempty" doc:"Yours, as the expert; left out, the verdict that counts is the expert's"`
		} `json:"items" minItems:"1" maxItems:"50" doc:"Final reviews"`
		Inspectors []string `json:"inspectors" minItems:"1" maxItems:"200"`
	}
}

type reviewSetOutput struct{ Body Set }

func (r *Reviews) calibrate(ctx context.Context, in *reviewCalibrateInput) (*reviewSetOutput, error) {
	n := NewSet{Name: in.Body.Name, Inspectors: in.Body.Inspectors, Answers: map[string]Answer{}}
	for _, item := range in.Body.Items {
		n.Tasks = append(n.Tasks, item.TaskID)
		if item.Answer != nil {
			n.Answers[item.TaskID] = *item.Answer
		}
	}
	s, err := r.Calibrate(ctx, n)
	return &reviewSetOutput{s}, err
}

type reviewSetInput struct {
	Set string `path:"set" maxLength:"128"`
}

func (r *Reviews) set(ctx context.Context, in *reviewSetInput) (*reviewSetOutput, error) {
	s, err := r.Set(ctx, in.Set)
	return &reviewSetOutput{s}, err
}
