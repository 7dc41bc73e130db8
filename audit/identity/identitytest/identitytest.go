// Package identitytest mints people for tests: a table of principals, of which a request names one
// in a header.
package identitytest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/alexedwards/argon2id"

	"mingjian/audit/identity"
)

// Header names the principal.
const Header = "X-Test-Principal"

// People is a table of principals by name. A request without the header comes from nobody.
type People map[string]identity.Principal

// Authenticate looks the name up.
func (p People) Authenticate(r *http.Request) (identity.Principal, bool, error) {
	name := r.Header.Get(Header)
	if name == "" {
		return identity.Principal{}, false, nil
	}
	who, ok := p[name]
	if !ok {
		return identity.Principal{}, false, fmt.Errorf("the test has nobody called %q", name)
	}
	return who, true, nil
}

// EachRole is one person per role, named as the role, seeing every tenant.
func EachRole() People {
	p := People{}
	for _, role := range identity.Roles {
		p[string(role)] = identity.Principal{ID: "test-" + string(role), Name: string(role), Roles: []identity.Role{role}}
	}
	return p
}

// Only is the list of one tenant; "" is all of them.
func Only(tenant string) []string {
	if tenant == "" {
		return nil
	}
	return []string{tenant}
}

// Cost is that of a password hash where only its being right matters.
var Cost = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Password is that of every account that a test makes.
const Password = "three ducks under a bridge"

// Account makes an account that can sign in with Password.
func Account(t testing.TB, s *identity.SignIn, id string, rights identity.Rights) identity.Account {
	t.Helper()
	ctx := identity.With(context.Background(), identity.Administrator)
	k, link, err := s.Accounts.Invite(ctx, identity.Invitation{ID: id, Rights: rights})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accounts.SetPassword(ctx, link.Code, Password); err != nil {
		t.Fatal(err)
	}
	return k
}

// Cookie signs an account of Account in, over plain HTTP.
func Cookie(t testing.TB, s *identity.SignIn, id string) *http.Cookie {
	t.Helper()
	c, err := s.WithPassword(context.Background(), httptest.NewRequest(http.MethodPost, "http://127.0.0.1/signin", nil), id, Password)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
