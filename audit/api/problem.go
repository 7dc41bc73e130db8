package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"mingjian/audit/console"
	"mingjian/audit/identity"
)

// problem answers with a problem document (RFC 9457).
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// The client may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(&huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail})
}

// forPeople tells a page's request from a program's.
func forPeople(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// refuse answers whom the guard turned away.
func refuse(pages *console.Console, log *slog.Logger) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		log.InfoContext(r.Context(), "refused", "method", r.Method, "path", r.URL.Path, "from", r.RemoteAddr, "why", err)
		if forPeople(r) {
			pages.Refuse(w, r, err)
			return
		}
		switch {
		case errors.Is(err, identity.ErrDenied):
			problem(w, http.StatusForbidden, err.Error()+"; ask an administrator for a role that holds it, or use a token that is for it")
		case errors.Is(err, identity.ErrInvalid):
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			problem(w, http.StatusUnauthorized, err.Error())
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			problem(w, http.StatusUnauthorized, "send a token as: Authorization: Bearer TOKEN; people make theirs in the console, and the administrator's is in the file admin.token of the data directory")
		}
	}
}

// denied writes into the journal who was denied what. That it cannot be written lets nobody in, and is logged.
func denied(s *identity.SignIn, log *slog.Logger) func(*http.Request, identity.Principal, identity.Permission) {
	if s == nil {
		return nil
	}
	return func(r *http.Request, p identity.Principal, perm identity.Permission) {
		if err := s.Denied(r.Context(), p, r.Pattern, perm); err != nil {
			log.ErrorContext(r.Context(), "a denial could not be written into the journal", "error", err)
		}
	}
}

// notFound answers what no route takes: there is nothing here, or not by this method.
func notFound(pages *console.Console, mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if methods := allowed(mux, r); len(methods) > 0 {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			problem(w, http.StatusMethodNotAllowed, r.URL.Path+" takes "+strings.Join(methods, " and ")+", not "+r.Method)
			return
		}
		if forPeople(r) {
			pages.NotFound(w, r)
			return
		}
		problem(w, http.StatusNotFound, "there is nothing at "+r.Method+" "+r.URL.Path+"; what there is stands in /openapi.json")
	}
}

// allowed are the methods by which a path can be asked for.
func allowed(mux *http.ServeMux, r *http.Request) (methods []string) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := *r
		other.Method = method
		if _, pattern := mux.Handler(&other); pattern != "" && pattern != "/" {
			methods = append(methods, method)
		}
	}
	return methods
}
