package policies

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// The files of the decision point mingjian.authz.
var authzModules = []string{"authz/decision.rego", "authz/roles.rego"}

// AuthzInput is a question to mingjian.authz: may this principal do what the permission names, to what
// belongs to this tenant and business line?
type AuthzInput struct {
	Principal  AuthzPrincipal `json:"principal"`
	Permission string         `json:"permission"` // noun:verb, or "public"
	Resource   AuthzResource  `json:"resource"`
}

// AuthzPrincipal is who asks.
type AuthzPrincipal struct {
	ID      string   `json:"id"`
	Roles   []string `json:"roles"`
	Tenants []string `json:"tenants"` // empty: all
	Lines   []string `json:"lines"`   // empty: all
	Scopes  []string `json:"scopes"`  // nil: acts in person; else what the token is for
}

// AuthzResource is what it is about; nil where the question is not about one tenant or line.
type AuthzResource struct {
	Tenant       *string `json:"tenant"`
	BusinessLine *string `json:"business_line"`
}

// Authz is the decision point mingjian.authz; safe for many goroutines. Like Sampling it is no part of a
// Bundle's revision.
type Authz struct {
	allow, sees rego.PreparedEvalQuery
	grants      map[string][]string
}

// LoadAuthz reads the decision point from a bundle's source.
func LoadAuthz(ctx context.Context, fsys fs.FS) (*Authz, error) {
	modules := map[string]*ast.Module{}
	for _, file := range authzModules {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if modules[file], err = ast.ParseModuleWithOpts(file, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1}); err != nil {
			return nil, regoFaults(file, err)
		}
	}
	compiler := ast.NewCompiler().WithStrict(true)
	if compiler.Compile(modules); compiler.Failed() {
		return nil, regoFaults(authzModules[0], compiler.Errors)
	}
	prepare := func(query string) (rego.PreparedEvalQuery, error) {
		return rego.New(rego.Query(query), rego.Compiler(compiler), rego.StrictBuiltinErrors(true)).PrepareForEval(ctx)
	}
	a := &Authz{}
	var allowErr, seesErr error
	a.allow, allowErr = prepare("data.mingjian.authz.allow")
	a.sees, seesErr = prepare("data.mingjian.authz.sees")
	grants, grantsErr := prepare("data.mingjian.authz.grants")
	if err := errors.Join(allowErr, seesErr, grantsErr); err != nil {
		return nil, fmt.Errorf("prepare mingjian.authz: %w", err)
	}
	if err := decide(ctx, grants, nil, &a.grants); err != nil {
		return nil, fmt.Errorf("mingjian.authz: the roles: %w", err)
	}
	return a, nil
}

// Allow says whether the principal may. An error is no permission.
func (a *Authz) Allow(ctx context.Context, in AuthzInput) (bool, error) {
	return a.ask(ctx, a.allow, in)
}

// Sees says whether the resource is one that the principal may know of, whatever the permission.
func (a *Authz) Sees(ctx context.Context, in AuthzInput) (bool, error) {
	return a.ask(ctx, a.sees, in)
}

// Grants is what each role holds, sorted. It is the policy's own and not to be changed.
func (a *Authz) Grants() map[string][]string { return a.grants }

func (a *Authz) ask(ctx context.Context, query rego.PreparedEvalQuery, in AuthzInput) (allowed bool, err error) {
	p := &in.Principal
	p.Roles, p.Tenants, p.Lines = list(p.Roles), list(p.Tenants), list(p.Lines)
	if err := decide(ctx, query, in, &allowed); err != nil {
		return false, fmt.Errorf("mingjian.authz: %w", err)
	}
	return allowed, nil
}

// list is never null in the input: null would be something that is not said.
func list(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}
