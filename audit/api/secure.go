package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"mingjian/audit/console"
)

// Limits of one request. Reading a page takes milliseconds; a minute is for a warehouse in trouble.
const (
	readTimeout   = time.Minute
	intakeTimeout = 10 * time.Minute // a large import over a slow line
	formBytes     = 64 << 10         // every form is a few fields of text
	headerBytes   = 64 << 10
)

// contentPolicy lets a page load what this service itself sends and nothing else: no inline script
// or style, no frame, no form to another host.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure puts around everything what holds for every answer.
func secure(next http.Handler, pages *console.Console) http.Handler {
	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if forPeople(r) {
			pages.Foreign(w, r)
			return
		}
		problem(w, http.StatusForbidden, "this request came from a page of another site; send it from the console itself or with a token")
	}))
	limited := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := readTimeout
		if r.Method == http.MethodPost && r.URL.Path == interactionsPath {
			limit = intakeTimeout
			r.Body = http.MaxBytesReader(w, r.Body, intakeBytes)
		} else {
			r.Body = http.MaxBytesReader(w, r.Body, formBytes)
		}
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
	protected := foreign.Handler(limited)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store") // conversations are personal; static files say otherwise
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		protected.ServeHTTP(w, r)
	})
}

// Server is an HTTP server for the service with limits against slow and oversized requests. The
// caller listens, serves and shuts it down.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       intakeTimeout,
		WriteTimeout:      intakeTimeout + readTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
