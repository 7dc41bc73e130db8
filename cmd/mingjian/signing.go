package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mingjian/audit/identity"
)

// signing is how people sign in at console and API.
type signing struct {
	ConsoleURL      string                   `name:"console-url" help:"Address of the console as browsers reach it, where that is not --listen: behind a proxy that ends TLS, or with --oidc-issuer." placeholder:"URL"`
	TrustedProxy    []netip.Prefix           `name:"trusted-proxy" help:"Networks of proxies whose X-Forwarded-For says who asks, separated by commas; failed sign-ins are counted by it." placeholder:"CIDR"`
	OIDCIssuer      string                   `name:"oidc-issuer" help:"OpenID Connect provider at which people sign in." placeholder:"URL"`
	OIDCClientID    string                   `name:"oidc-client-id" help:"What this console is called there." placeholder:"ID"`
	OIDCGroupsClaim string                   `name:"oidc-groups-claim" help:"Claim of the ID token with a person's groups." default:"groups"`
	OIDCRoles       map[string]identity.Role `name:"oidc-roles" help:"Roles by group, separated by semicolons; without it only people who were invited come in." placeholder:"GROUP=ROLE"`
	OIDCTenants     map[string]string        `name:"oidc-tenants" help:"Tenants by group, for people who come in by a group; without it they see all." placeholder:"GROUP=TENANT"`
}

// oidcSecret is the variable with the client's secret at the provider; with _FILE behind it, that with the
// path of a file that holds it.
const oidcSecret = "MINGJIAN_OIDC_CLIENT_SECRET"

// signingHelp is said by the commands that have a console.
const signingHelp = `Without a provider people sign in with accounts of this system: the first start prints a one-time link that sets the
administrator's password, and the administrator invites the others. With one, ` + oidcSecret + ` (or the file that
` + oidcSecret + `_FILE names) is the client's secret there, and CONSOLE-URL` + identity.CallbackPath + ` the redirect URI.`

// Validate refuses what cannot work before anything is started.
func (s *signing) Validate() error {
	if s.OIDCIssuer != "" && (s.OIDCClientID == "" || s.ConsoleURL == "") {
		return errors.New("--oidc-issuer needs --oidc-client-id and --console-url too")
	}
	if s.OIDCIssuer == "" && s.OIDCClientID != "" {
		return errors.New("--oidc-client-id needs --oidc-issuer too")
	}
	return nil
}

// local says whether who sits at the machine may look without signing in. A console with an address of its own
// stands behind a proxy, which comes from this machine for everybody.
func (s *signing) local(listener string) bool {
	return s.ConsoleURL == "" && identity.Loopback(listener)
}

// provider is where people sign in; nil where they do it here.
func (s *signing) provider() (*identity.ProviderOptions, error) {
	if s.OIDCIssuer == "" {
		return nil, nil
	}
	known, err := secret(oidcSecret)
	if err != nil {
		return nil, err
	}
	return &identity.ProviderOptions{
		Issuer: s.OIDCIssuer, ClientID: s.OIDCClientID, ClientSecret: known, GroupsClaim: s.OIDCGroupsClaim, Roles: s.OIDCRoles, Tenants: s.OIDCTenants,
	}, nil
}

// first says how to set the administrator's password, where nobody can sign in yet; else "".
func first(console string, l identity.Link, needed bool) string {
	if !needed {
		return ""
	}
	return fmt.Sprintf("Set the administrator's password (once, until %s; the next start prints a new link):\n  %s%s\n",
		l.Until.Local().Format(time.DateTime), strings.TrimRight(console, "/"), l.Path())
}
