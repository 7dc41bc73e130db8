package identity

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// LocalReader lets whoever sits at the machine read without signing in. It is meant for a listener
// on a loopback address only; whoever wires it up checks that with Loopback.
//
// The Host must be a loopback name too, so that a page elsewhere whose name was pointed at this
// machine cannot read through the browser (DNS rebinding); and a request that a proxy forwarded is
// nobody's local reading. It ends once there are accounts or tokens: from then on everybody shows who they are.
type LocalReader struct {
	Accounts *Accounts // nil: it does not end
}

// Local is who reads at the machine itself: may look and change nothing.
var Local = Principal{ID: "local", Name: "local", Roles: []Role{Viewer}, Scopes: []string{
	string(ReadFindings), string(ReadSessions), string(ReadPolicies), string(ReadSystem), string(ReadCases), string(ReadSampling),
}}

// Authenticate knows loopback requests without credentials. What they may do is
// what a viewer may: no permission that changes anything.
func (l LocalReader) Authenticate(r *http.Request) (Principal, bool, error) {
	for _, h := range []string{"Authorization", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return Principal{}, false, nil
		}
	}
	if !Loopback(r.RemoteAddr) || !Loopback(r.Host) {
		return Principal{}, false, nil
	}
	if l.Accounts != nil {
		if used, err := l.Accounts.InUse(r.Context()); err != nil || used {
			return Principal{}, false, err
		}
	}
	return Local, true, nil
}

// Loopback reports whether an address ("127.0.0.1:8080", "[::1]:1", "localhost") names this machine only.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
