package identity

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Route is one thing that can be asked of the service. Each noun contributes its own; they are
// mounted, guarded, described in OpenAPI and tested from this one table.
type Route struct {
	Method     string // GET, POST
	Path       string // as http.ServeMux takes it: /api/v1/sessions/{id}
	Permission Permission
	Summary    string // one line, for the API's description
	Handler    Handler
}

// Handler is what answers a route: a Page or an Operation.
type Handler interface {
	Mount(r Route, at Mounting)
}

// Mounting is where routes are registered. Both the mux and the API lead through the Guard.
type Mounting struct {
	Mux Mux
	API huma.API
	Log *slog.Logger // what went wrong on our side; the one who asked is told only that it did
}

// Mux is where handlers are registered by pattern ("GET /path").
type Mux interface {
	HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request))
}

// Page makes a route of an ordinary handler. It does not appear in the API's description.
func Page(h http.HandlerFunc) Handler { return page(h) }

type page http.HandlerFunc

func (p page) Mount(r Route, at Mounting) { at.Mux.HandleFunc(r.Method+" "+r.Path, p) }

// Operation makes a route of a typed API operation: I is read from the request, O is the response,
// and an error that is a huma.StatusError becomes a problem document (RFC 9457). The describe
// functions complete what the types do not say (errors, limits, a body that is streamed).
func Operation[I, O any](fn func(context.Context, *I) (*O, error), describe ...func(*huma.Operation)) Handler {
	return operation[I, O]{fn, describe}
}

// bodyBytes is how much an operation takes that does not read a stream: a few fields of text.
const bodyBytes = 64 << 10

type operation[I, O any] struct {
	fn       func(context.Context, *I) (*O, error)
	describe []func(*huma.Operation)
}

func (o operation[I, O]) Mount(r Route, at Mounting) {
	op := huma.Operation{
		MaxBodyBytes: bodyBytes,
		Method:       r.Method, Path: r.Path, Summary: r.Summary,
		OperationID: huma.GenerateOperationID(r.Method, r.Path, (*O)(nil)),
		// Whoever reads the description sees what a token must be allowed to do.
		Extensions: map[string]any{"x-permission": string(r.Permission)},
	}
	if r.Permission != Public {
		op.Security = []map[string][]string{{"bearer": {}}}
	}
	for _, d := range o.describe {
		d(&op)
	}
	op.Errors = append(op.Errors, http.StatusServiceUnavailable)
	if r.Permission != Public {
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	}
	huma.Register(at.API, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := o.fn(ctx, in)
		var told huma.StatusError
		if err != nil && !errors.As(err, &told) {
			at.Log.ErrorContext(ctx, "a request could not be answered", "route", r.Method+" "+r.Path, "error", err)
			return nil, huma.Error503ServiceUnavailable("this cannot be answered now; try again in a moment, and if it stays so look at /readyz and the service's log")
		}
		return out, err
	})
}
