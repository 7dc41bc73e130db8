package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"mingjian/policies"
)

// authz is the decision point as it ships in the binary; that it does not load is a defect of the build.
var authz = sync.OnceValue(func() *policies.Authz {
	a, err := policies.LoadAuthz(context.Background(), policies.Builtin())
	if err != nil {
		panic(fmt.Errorf("the embedded policy: %w", err))
	}
	return a
})

// mostDecided is how many answers of the policy are kept: people times permissions and tenants that are
// asked about in the same hour. An answer follows from its question alone, so none gets old.
const mostDecided = 1 << 14

var decided = sync.OnceValue(func() *lru.Cache[string, bool] {
	c, err := lru.New[string, bool](mostDecided)
	if err != nil {
		panic(err) // the size is a constant
	}
	return c
})

// May reports whether one of the principal's roles holds p, and the token's scopes too where they use
// one. Public is held by everybody. What is listed is cut to tenants and lines besides.
func (p Principal) May(perm Permission) bool { return p.ask(perm, nil, nil) }

// Sees reports whether the principal may know of what belongs to a tenant.
func (p Principal) Sees(tenant string) bool { return p.ask("", &tenant, nil) }

// SeesLine reports whether the principal may know of what belongs to a business line of a tenant.
func (p Principal) SeesLine(tenant, line string) bool { return p.ask("", &tenant, &line) }

// ask puts a question to the policy, without a permission about sight alone. What cannot be decided is not allowed.
func (p Principal) ask(perm Permission, tenant, line *string) bool {
	in := policies.AuthzInput{
		Principal:  policies.AuthzPrincipal{Roles: texts(p.Roles), Tenants: p.Tenants, Lines: p.Lines, Scopes: p.Scopes},
		Permission: string(perm), Resource: policies.AuthzResource{Tenant: tenant, BusinessLine: line},
	}
	key := question(in)
	if answer, ok := decided().Get(key); ok {
		return answer
	}
	ask := authz().Allow
	if perm == "" {
		ask = authz().Sees
	}
	answer, err := ask(context.Background(), in)
	answer = answer && err == nil
	decided().Add(key, answer)
	return answer
}

// question is an input as a key. Lengths go before texts, so that no two questions are one key.
func question(in policies.AuthzInput) string {
	var b strings.Builder
	add := func(s string) { fmt.Fprintf(&b, "%d:%s", len(s), s) }
	all := func(list []string) {
		fmt.Fprintf(&b, "|%t%d|", list == nil, len(list))
		for _, s := range list {
			add(s)
		}
	}
	maybe := func(s *string) {
		b.WriteByte('?')
		if s != nil {
			add(*s)
		}
	}
	add(in.Permission)
	all(in.Principal.Roles)
	all(in.Principal.Tenants)
	all(in.Principal.Lines)
	all(in.Principal.Scopes)
	maybe(in.Resource.Tenant)
	maybe(in.Resource.BusinessLine)
	return b.String()
}

// Holds reports whether the role has a permission.
func (r Role) Holds(p Permission) bool {
	return slices.Contains(authz().Grants()[string(r)], string(p))
}

// Permissions are what somebody holds among everything that roles hold, sorted: what a token of theirs can be for.
func (p Principal) Permissions() (out []Permission) {
	for _, held := range authz().Grants() {
		for _, name := range held {
			if perm := Permission(name); !slices.Contains(out, perm) && p.May(perm) {
				out = append(out, perm)
			}
		}
	}
	slices.Sort(out)
	return out
}

func texts[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
