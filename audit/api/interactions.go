package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/identity"
	"mingjian/collector/intake"
)

const interactionsPath = "/api/v1/interactions"

// intakeBytes is how much one request may carry: an afternoon's export of a small contact centre.
// What is larger goes through the import command, which has no limit.
const intakeBytes = 64 << 20

// Intake takes interactions into the stream (*intake.Producer).
type Intake interface {
	// Accept reads an object, an array or NDJSON and puts each event into the stream. What is wrong
	// with single events stands in the receipt; an error means that the request as a whole could
	// not be taken (intake.ErrUnreadable, intake.ErrAway, or the body's own). allowed says of the tenant and
	// business line that an event names why it may not be written there, "" where it may; nil allows all.
	Accept(ctx context.Context, body io.Reader, contentType string, allowed func(tenant, line string) string) (intake.Receipt, error)
}

// Receipt is an intake's receipt as the API tells it.
type Receipt struct {
	Accepted int       `json:"accepted" doc:"Events that are in the stream, durably"`
	Refused  []Refusal `json:"refused" nullable:"false" doc:"Events that are not, each with its reason"`
}

// Refusal is one event that was not taken.
type Refusal struct {
	Index   int    `json:"index" doc:"Place in the request, from 0"`
	EventID string `json:"event_id,omitempty"`
	Reason  string `json:"reason" doc:"Class of the fault, for counting"`
	Detail  string `json:"detail" doc:"What is wrong, in a sentence"`
}

type interactions struct{ intake Intake }

func (i interactions) routes() []identity.Route {
	return []identity.Route{{
		Method: http.MethodPost, Path: interactionsPath, Permission: identity.WriteInteractions,
		Summary: "Send interactions: one object, an array, or NDJSON",
		Handler: identity.Operation(i.accept, func(op *huma.Operation) {
			op.Description = "202: all are in the stream. 207: some are, and the others are named with their reasons. " +
				"400, 413: none is. Sending the same event twice counts it once, so a request that got no answer can be repeated. " +
				"Whoever is bound to tenants names one of them in every event, and whoever is bound to business lines names one of those too: " +
				"an event that names none belongs to whom its session does, which is not known here."
			op.DefaultStatus = http.StatusAccepted
			op.Errors = []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable}
		}),
	}}
}

// describeBody tells what may be sent. It is added to the finished description: an operation that
// had it from the start would have its body read into memory and checked by huma, not by the intake.
func describeBody(api *huma.OpenAPI) {
	longest := func(n int) *int { return &n }
	event := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true, Required: []string{"event_id", "session_id", "ts", "kind"},
		Description: "An event of the event model, version 1. Fields that it does not know are kept.",
		Properties: map[string]*huma.Schema{
			"event_id":   {Type: huma.TypeString, MaxLength: longest(64), Description: "The same again in a session counts once"},
			"session_id": {Type: huma.TypeString, MaxLength: longest(128)},
			"ts": {Description: "When it happened", OneOf: []*huma.Schema{
				{Type: huma.TypeString, Format: "date-time"}, {Type: huma.TypeInteger, Format: "int64", Description: "Unix milliseconds"},
			}},
			"kind": {Type: huma.TypeString, Description: "message, session.opened, handoff.queued, …", Examples: []any{"message"}},
			"text": {Type: huma.TypeString, Description: "Over 16 KiB it is kept cut and flagged"},
		},
	}
	post := api.Paths[interactionsPath].Post
	some := *post.Responses["202"]
	some.Description = "Some are in the stream; the others are named"
	post.Responses["207"] = &some
	post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json":     {Schema: &huma.Schema{OneOf: []*huma.Schema{event, {Type: huma.TypeArray, Items: event}}}},
		"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString, Description: "One event per line"}},
	}}
}

// acceptInput hands the body on as a stream; huma would read it whole.
type acceptInput struct {
	body        io.Reader
	contentType string
}

// Resolve takes the body (huma.Resolver).
func (in *acceptInput) Resolve(ctx huma.Context) []error {
	in.body, in.contentType = ctx.BodyReader(), ctx.Header("Content-Type")
	return nil
}

// refusals are the reasons as a problem document lists them.
func refusals(refused []intake.Refusal) (out []error) {
	for _, r := range refused {
		out = append(out, &huma.ErrorDetail{Location: fmt.Sprintf("body[%d]", r.Index), Message: r.Detail, Value: r.EventID})
	}
	return out
}

// writable says where the principal in ctx may write. What is missing is not filled in: the session may be
// another tenant's.
func writable(ctx context.Context) func(tenant, line string) string {
	who, _ := identity.From(ctx)
	return func(tenant, line string) string {
		switch {
		case len(who.Tenants) > 0 && !slices.Contains(who.Tenants, tenant):
			return fmt.Sprintf("you write for the tenants %s only; name one of them in the event's tenant", strings.Join(who.Tenants, ", "))
		case len(who.Lines) > 0 && !slices.Contains(who.Lines, line):
			return fmt.Sprintf("you write for the business lines %s only; name one of them in the event's business_line", strings.Join(who.Lines, ", "))
		}
		return ""
	}
}

type acceptOutput struct {
	Status int
	Body   Receipt
}

func (i interactions) accept(ctx context.Context, in *acceptInput) (*acceptOutput, error) {
	if i.intake == nil {
		return nil, huma.Error503ServiceUnavailable("this service takes no interactions; send them to one that was started with a broker")
	}
	receipt, err := i.intake.Accept(ctx, in.body, in.contentType, writable(ctx))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, huma.NewError(http.StatusRequestEntityTooLarge, "the request is larger than 64 MiB; send it in parts, or use: mingjian import FILE")
	case errors.Is(err, intake.ErrUnreadable):
		return nil, huma.Error400BadRequest(err.Error())
	case errors.Is(err, intake.ErrAway):
		return nil, huma.Error503ServiceUnavailable("the broker cannot be reached; send the request again, what was taken already is not counted twice")
	case err != nil:
		return nil, err
	}
	out := &acceptOutput{Status: http.StatusAccepted, Body: Receipt{Accepted: receipt.Accepted, Refused: []Refusal{}}}
	for _, r := range receipt.Refused {
		out.Body.Refused = append(out.Body.Refused, Refusal{r.Index, r.EventID, r.Reason, r.Detail})
	}
	switch {
	case len(receipt.Refused) == 0:
	case receipt.Accepted > 0:
		out.Status = http.StatusMultiStatus
	case receipt.Refused[0].TooBig:
		return nil, huma.NewError(http.StatusRequestEntityTooLarge, receipt.Refused[0].Detail)
	default:
		return nil, huma.Error400BadRequest("none of the events was taken; errors says why for each", refusals(receipt.Refused)...)
	}
	return out, nil
}
