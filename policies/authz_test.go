package policies_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mingjian/policies"
)

func TestAuthz(t *testing.T) {
	a, err := policies.LoadAuthz(t.Context(), policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	tenant, line := "acme", "broadband"
	for name, c := range map[string]struct {
		in   policies.AuthzInput
		want bool
	}{
		"nobody, something public": {policies.AuthzInput{Permission: "public"}, true},
		"nobody":                   {policies.AuthzInput{Permission: "findings:read"}, false},
		"a viewer":                 {policies.AuthzInput{Principal: policies.AuthzPrincipal{Roles: []string{"viewer"}}, Permission: "findings:read"}, true},
		"a token for nothing":      {policies.AuthzInput{Principal: policies.AuthzPrincipal{Roles: []string{"viewer"}, Scopes: []string{}}, Permission: "findings:read"}, false},
		"its tenant": {policies.AuthzInput{Principal: policies.AuthzPrincipal{Roles: []string{"viewer"}, Tenants: []string{"acme"}, Lines: []string{line}}, Permission: "findings:read",
			Resource: policies.AuthzResource{Tenant: &tenant, BusinessLine: &line}}, true},
		"another tenant": {policies.AuthzInput{Principal: policies.AuthzPrincipal{Roles: []string{"viewer"}, Tenants: []string{"other"}}, Permission: "findings:read",
			Resource: policies.AuthzResource{Tenant: &tenant, BusinessLine: &line}}, false},
		"another line": {policies.AuthzInput{Principal: policies.AuthzPrincipal{Roles: []string{"viewer"}, Lines: []string{"mobile"}}, Permission: "findings:read",
			Resource: policies.AuthzResource{Tenant: &tenant, BusinessLine: &line}}, false},
	} {
		if got, err := a.Allow(t.Context(), c.in); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if g := a.Grants()["regulator"]; !slices.Equal(g, []string{"account:own", "exports:issued", "policies:read"}) {
		t.Errorf("a regulator holds %v", g)
	}
}

func TestAuthzThatCannotBeReadIsRefused(t *testing.T) {
	for text, says := range map[string]string{"package mingjian.authz\nallow if {": "authz/decision.rego", "package mingjian.authz\nallow if nothing": "nothing"} {
		source := fstest.MapFS{"authz/decision.rego": {Data: []byte(text)}, "authz/roles.rego": {Data: []byte("package mingjian.authz\ngrants := {}")}}
		if _, err := policies.LoadAuthz(t.Context(), source); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := policies.LoadAuthz(t.Context(), fstest.MapFS{}); err == nil {
		t.Error("no policy at all is taken")
	}
}

func BenchmarkAuthz(b *testing.B) {
	a, err := policies.LoadAuthz(b.Context(), policies.Builtin())
	if err != nil {
		b.Fatal(err)
	}
	tenant := "acme"
	in := policies.AuthzInput{Permission: "cases:assess", Resource: policies.AuthzResource{Tenant: &tenant},
		Principal: policies.AuthzPrincipal{ID: "li", Roles: []string{"officer"}, Tenants: []string{"acme"}, Scopes: []string{"cases"}}}
	for b.Loop() {
		if ok, err := a.Allow(b.Context(), in); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}
