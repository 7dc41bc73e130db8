package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"

	"mingjian/audit/console"
)

// Limits of one request. Reading a page takes milliseconds; a minute is for a warehouse in trouble.
const (
	readTimeout   = time.Minute
	intakeTimeout = 10 * time.Minute // a large import over a slow line, or all findings as a CSV
	formBytes     = 64 << 10         // every form is a few fields of text
	verdictBytes  = 1 << 20          // but a verdict has a page of text per finding and criterion
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
		switch {
		case r.URL.Path == interactionsPath:
			limit = intakeTimeout
			r.Body = http.MaxBytesReader(w, r.Body, intakeBytes)
		case strings.HasPrefix(r.URL.Path, "/reviews/"):
			r.Body = http.MaxBytesReader(w, r.Body, verdictBytes)
		case !strings.HasPrefix(r.URL.Path, "/api/"): // the API's operations have limits of their own
			r.Body = http.MaxBytesReader(w, r.Body, formBytes)
		}
		if r.URL.Path == console.CSVPath {
			limit = intakeTimeout
		}
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
	protected := compressed(foreign.Handler(limited))
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

// compressed sends text in a tenth of its size to whoever takes gzip. Its fastest level, since most
// readers are near. A random length is added, so that the size of an answer does not tell what it
// holds (BREACH).
func compressed(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.RandomJitter(32, 0, false))
	if err != nil {
		panic(err) // the options are constants
	}
	return wrap(next)
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
