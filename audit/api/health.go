package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/console"
	"mingjian/audit/identity"
)

// health answers whether the service lives and is ready.
type health struct {
	system  console.System
	metrics http.Handler
}

func (h health) routes() []identity.Route {
	return []identity.Route{
		{Method: http.MethodGet, Path: "/healthz", Permission: identity.Public, Summary: "The process lives", Handler: identity.Page(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			fmt.Fprintln(w, "ok")
		})},
		{Method: http.MethodGet, Path: "/readyz", Permission: identity.Public, Summary: "Every part answers", Handler: identity.Page(h.ready)},
		{Method: http.MethodGet, Path: "/metrics", Permission: identity.ReadSystem, Summary: "Prometheus metrics", Handler: identity.Page(func(w http.ResponseWriter, r *http.Request) {
			if who, _ := identity.From(r.Context()); len(who.Tenants)+len(who.Lines) > 0 {
				problem(w, http.StatusForbidden, "the metrics are of all tenants, and you see some tenants or business lines only; ask for a token of somebody who sees them all")
				return
			}
			if h.metrics == nil {
				problem(w, http.StatusNotFound, "this service keeps no metrics")
				return
			}
			h.metrics.ServeHTTP(w, r)
		})},
	}
}

// ready says which parts answer, by name only: what is wrong with one stands on the system page,
// for those who may see it.
func (h health) ready(w http.ResponseWriter, r *http.Request) {
	type part struct {
		Name string `json:"name"`
		OK   bool   `json:"ok"`
	}
	answer := struct {
		OK    bool   `json:"ok"`
		Parts []part `json:"parts"`
	}{OK: true, Parts: []part{}}
	for _, c := range h.system.Health(r.Context()) {
		answer.OK = answer.OK && (c.OK || c.Aside)
		answer.Parts = append(answer.Parts, part{c.Name, c.OK})
	}
	w.Header().Set("Content-Type", "application/json")
	if !answer.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}

// description is /openapi.json, written once all operations are registered.
type description struct{ document []byte }

func (d *description) of(api huma.API) (err error) {
	describeBody(api.OpenAPI())
	if d.document, err = json.MarshalIndent(api.OpenAPI(), "", "  "); err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	return nil
}

func (d *description) routes() []identity.Route {
	return []identity.Route{{
		Method: http.MethodGet, Path: "/openapi.json", Permission: identity.Public, Summary: "This description (OpenAPI 3.1)",
		Handler: identity.Page(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.oai.openapi+json")
			_, _ = w.Write(d.document) // the client may be gone
		}),
	}}
}
