// Package api assembles what the audit service offers over HTTP: the operations under /api/v1 that
// /openapi.json describes, the console's pages, health and metrics.
//
// Every noun contributes its routes; New mounts them all behind one guard, which is the only place
// where permissions are checked. What a person may see of the record is cut to their tenants and
// business lines in one place too (scope.go). Errors of the API are problem documents (RFC 9457) that say the way out.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"mingjian/audit/cases"
	"mingjian/audit/console"
	"mingjian/audit/export"
	"mingjian/audit/fund"
	"mingjian/audit/identity"
	"mingjian/audit/retention"
	"mingjian/audit/review"
	"mingjian/audit/sampling"
	"mingjian/audit/store"
	"mingjian/audit/vault"
	"mingjian/policies"
)

// Options are what the service is wired up with. All fields without a remark are needed.
type Options struct {
	Record        console.Record          // reads the warehouse
	Policies      func() *policies.Bundle // the revision in force; another one may be at the next call
	Intake        Intake                  // takes interactions; nil: this service takes none (503)
	System        console.System          // how the system is
	Metrics       http.Handler            // Prometheus; nil: 404
	Store         *store.DB               // workflow state; migrated here
	Originals     console.Originals       // opens what was masked; nil: nobody sees originals here
	Exports       *export.Exports         // makes packages for regulators; nil: none are made here
	Evidence      console.Evidence        // the evidence log, on pages; nil: they do not see it
	Vault         *vault.Vault            // with Erasing: people are erased here, and what is past its term is deleted
	Erasing       retention.Record        // nil: neither
	Authenticator identity.Authenticator
	SignIn        *identity.SignIn // lets browsers in; nil: there is no sign-in page
	Review        review.Options   // how the 48-hour review works; the zero value has its defaults
	Fund          fund.Options     // how the fund is kept; the zero value has its defaults
	Cases         cases.Options    // how misjudgements are made good; its Fund is the one above
	Version       string           // of the program, as /openapi.json states it
	Log           *slog.Logger     // slog.Default when nil
	Now           func() time.Time // time.Now when nil
}

// Service is the assembled handler.
type Service struct {
	handler   http.Handler
	routes    []identity.Route
	reviews   *review.Reviews
	fund      *fund.Fund
	cases     *cases.Cases
	retention *retention.Retention // nil: nobody erases here
}

// New checks the options, brings the nouns' tables up to date and assembles the service.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Record == nil || o.Policies == nil || o.System == nil || o.Store == nil || o.Authenticator == nil {
		return nil, errors.New("assemble the API: Record, Policies, System, Store and Authenticator are needed")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	record := scope{o.Record}
	ledger, err := fund.New(ctx, o.Store, o.Fund)
	if err != nil {
		return nil, err
	}
	o.Cases.Fund = purse{ledger}
	if o.Cases.Rules == nil {
		o.Cases.Rules = func() []policies.Rule { return o.Policies().Rules }
	}
	reports, err := cases.New(ctx, o.Store, record, o.Cases)
	if err != nil {
		return nil, err
	}
	lots, err := sampling.NewLots(ctx, o.Store)
	if err != nil {
		return nil, err
	}
	if o.Review.Lots == nil {
		o.Review.Lots = drawn{lots}
	}
	reviews, err := review.New(ctx, o.Store, record, o.Review)
	if err != nil {
		return nil, err
	}
	var kept []identity.Route
	var erasing *retention.Retention
	var holds console.Retention // nil where nobody erases, unlike a nil *Retention in it
	if o.Erasing != nil && o.Vault != nil {
		erasing, err = retention.New(ctx, retention.Options{Store: o.Store, Record: o.Erasing, Vault: o.Vault, Cases: reports, Rules: o.Policies, Log: o.Log})
		if err != nil {
			return nil, err
		}
		kept, holds = erasing.Routes(), erasing
	}
	var exporting []identity.Route
	var packages console.Exports // nil where none are made, unlike a nil *Exports in it
	if o.Exports != nil {
		exporting, packages = o.Exports.Routes(), o.Exports
	}
	pages, err := console.New(console.Options{
		Record: record, Policies: o.Policies, Cases: reports, Fund: ledger, Reviews: reviews, System: o.System, SignIn: o.SignIn, Store: o.Store, Originals: o.Originals,
		Retention: holds, Exports: packages, Evidence: o.Evidence, Log: o.Log, Now: o.Now,
	})
	if err != nil {
		return nil, err
	}
	s := &Service{reviews: reviews, fund: ledger, cases: reports, retention: erasing}
	described := &description{}
	var people []identity.Route
	if o.SignIn != nil {
		people = o.SignIn.Routes()
	}
	for _, contributed := range [][]identity.Route{
		readings{record, o.Policies}.routes(), interactions{o.Intake}.routes(), reports.Routes(), reviews.Routes(), lots.Routes(), ledger.Routes(),
		people, kept, exporting, health{o.System, o.Metrics}.routes(), described.routes(), pages.Routes(),
	} {
		s.routes = append(s.routes, contributed...)
	}

	mux := http.NewServeMux()
	guarded := &guardedMux{
		mux: mux, routes: s.routes,
		guard: identity.Guard{Authenticator: o.Authenticator, Refuse: refuse(pages, o.Log), Denied: denied(o.SignIn, o.Log)},
	}
	config := huma.DefaultConfig("Mingjian", o.Version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // described below, as a route like all others
	config.CreateHooks = nil                                             // no $schema in responses
	config.Servers = []*huma.Server{{URL: "/"}}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}}
	at := identity.Mounting{Mux: guarded, API: humago.New(guarded, config), Log: o.Log}
	for _, r := range s.routes {
		r.Handler.Mount(r, at)
	}
	if err := described.of(at.API); err != nil {
		return nil, err
	}
	mux.HandleFunc("/", guarded.guard.Protect(identity.Public, notFound(pages, mux)))
	s.handler = secure(mux, pages)
	return s, nil
}

// ServeHTTP answers a request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Reviews is the 48-hour review that the service offers. Whoever runs the service runs its Run too, and
// opens tasks through its Open.
func (s *Service) Reviews() *review.Reviews { return s.reviews }

// Fund is the money that cases are made good from. Whoever runs the service brings it the results of
// payouts, and its orders to a webhook where there is one.
func (s *Service) Fund() *fund.Fund { return s.fund }

// Cases are the misjudgements that are made good. Whoever runs the service runs its Run too.
func (s *Service) Cases() *cases.Cases { return s.cases }

// Retention is who erases and deletes; nil where nobody does. Whoever runs the service runs its Run too.
func (s *Service) Retention() *retention.Retention { return s.retention }

// Routes is everything that can be asked of the service, with the permission it needs.
func (s *Service) Routes() []identity.Route { return s.routes }

// guardedMux puts the guard in front of every handler that is registered, whoever registers it.
type guardedMux struct {
	mux    *http.ServeMux
	guard  identity.Guard
	routes []identity.Route
}

// HandleFunc registers a handler under its route's permission. A pattern that is no route is a
// defect of the program: nothing may be reachable that the table does not name.
func (g *guardedMux) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	for _, r := range g.routes {
		if r.Method+" "+r.Path == pattern {
			g.mux.HandleFunc(pattern, g.guard.Protect(r.Permission, h))
			return
		}
	}
	panic("no route names " + pattern)
}

// ServeHTTP completes humago's Mux.
func (g *guardedMux) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }
