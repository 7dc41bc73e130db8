package clickhouse

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// A User may use the server.
type User struct {
	// Name is the user's name, as clients send it. A request that names no
	// user is by "default".
	Name string
	// Password, when empty, lets in only peers on this machine that also
	// address it as such, so that a web page cannot get in by rebinding a
	// name of its own to 127.0.0.1.
	Password string
	// ReadOnly users may run what changes nothing, and read tables but no
	// files, URLs or other servers.
	ReadOnly bool
}

// credentials are the name and password of a request. ClickHouse takes them
// from headers, basic authentication or the URL.
func credentials(r *http.Request) (name, password string) {
	q := r.URL.Query()
	if h := r.Header; h.Get("X-ClickHouse-User") != "" || h.Get("X-ClickHouse-Key") != "" {
		name, password = h.Get("X-ClickHouse-User"), h.Get("X-ClickHouse-Key")
	} else if u, p, ok := r.BasicAuth(); ok {
		name, password = u, p
	} else {
		name, password = q.Get("user"), q.Get("password")
	}
	if name == "" {
		name = "default"
	}
	return name, password
}

// authenticate returns the user whom a request is by.
func (s *server) authenticate(r *http.Request) (User, error) {
	name, password := credentials(r)
	given := sha256.Sum256([]byte(password))
	for _, u := range s.users {
		if u.Name != name {
			continue
		}
		want := sha256.Sum256([]byte(u.Password))
		if subtle.ConstantTimeCompare(given[:], want[:]) == 1 && (u.Password != "" || isLocal(r)) {
			return u, nil
		}
	}
	// Whether the name exists is not for strangers to learn.
	return User{}, raise(codeAuthenticationFailed, "AUTHENTICATION_FAILED",
		"%s: Authentication failed: password is incorrect, or there is no user with such name", name)
}

// isLocal reports whether the peer is on this machine and addressed it by a
// name or address that only means this machine.
func isLocal(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
