// Package identitytest mints people for tests: a table of principals, of which a request names one
// in a header.
package identitytest

import (
	"fmt"
	"net/http"

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
	for role := range identity.Grants {
		p[string(role)] = identity.Principal{ID: "test-" + string(role), Name: string(role), Roles: []identity.Role{role}}
	}
	return p
}
