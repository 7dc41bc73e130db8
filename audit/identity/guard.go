package identity

import (
	"errors"
	"fmt"
	"net/http"
)

// Authenticator says who sent a request.
type Authenticator interface {
	// Authenticate returns who sent r. ok is false where r carries no credentials of the kind that
	// this authenticator reads, and others may be asked; an error is for credentials that are wrong,
	// and ends the matter. The error's text is shown to whoever sent the request.
	Authenticate(r *http.Request) (p Principal, ok bool, err error)
}

// First asks authenticators in turn until one knows who it is.
type First []Authenticator

// Authenticate returns the first answer.
func (f First) Authenticate(r *http.Request) (Principal, bool, error) {
	for _, a := range f {
		if p, ok, err := a.Authenticate(r); ok || err != nil {
			return p, ok, err
		}
	}
	return Principal{}, false, nil
}

// The reasons for which the guard turns a request away.
var (
	ErrNobody  = errors.New("nobody is signed in")
	ErrDenied  = errors.New("this is not allowed")
	ErrInvalid = errors.New("the credentials are not valid")
)

// Guard stands in front of every route: it finds out who asks, puts them into the context, and lets
// them through if they hold the route's permission. refuse answers everybody else; err wraps
// ErrNobody, ErrDenied or ErrInvalid.
type Guard struct {
	Authenticator Authenticator
	Refuse        func(w http.ResponseWriter, r *http.Request, err error)
	Denied        func(r *http.Request, p Principal, perm Permission) // notes who was denied what; nil: nobody does
}

// Protect puts the guard in front of a route's handler.
func (g Guard) Protect(perm Permission, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, known, err := g.Authenticator.Authenticate(r)
		switch {
		case perm == Public && (err != nil || !known):
			// A public page is shown to everybody, also to one with a token that ran out.
		case err != nil:
			g.Refuse(w, r, fmt.Errorf("%w: %w", ErrInvalid, err))
			return
		case !known, p.ID == Local.ID && !p.May(perm): // who only sits at the machine can still sign in
			g.Refuse(w, r, ErrNobody)
			return
		case !p.May(perm):
			if g.Denied != nil {
				g.Denied(r, p, perm)
			}
			g.Refuse(w, r, fmt.Errorf("%w: it needs the permission %s", ErrDenied, perm))
			return
		default:
			r = r.WithContext(With(r.Context(), p))
		}
		next(w, r)
	}
}
