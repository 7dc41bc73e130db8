package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mingjian/audit/api"
	"mingjian/audit/cases"
	"mingjian/audit/console/consoletest"
	"mingjian/audit/export"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/retention"
	"mingjian/audit/review"
	"mingjian/audit/store"
	"mingjian/audit/vault"
	"mingjian/collector/intake"
)

// door takes what it is told to take.
type door struct {
	receipt intake.Receipt
	err     error
	got     string
	allowed func(tenant, line string) string
}

func (i *door) Accept(_ context.Context, body io.Reader, contentType string, allowed func(tenant, line string) string) (intake.Receipt, error) {
	i.allowed = allowed
	b, err := io.ReadAll(body)
	i.got = contentType + "|" + string(b[:min(len(b), 100)])
	if err != nil {
		return intake.Receipt{}, err
	}
	return i.receipt, i.err
}

type service struct {
	*httptest.Server
	t      *testing.T
	api    *api.Service
	intake *door
	record *consoletest.Record
	db     *store.DB
	signIn *identity.SignIn
	later  atomic.Int64 // how far the clock is beyond consoletest.Now
}

func start(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, intake: &door{}, record: consoletest.Centre()}
	now := func() time.Time { return consoletest.Now.Add(time.Duration(s.later.Load())) }
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), store.Options{Now: now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	signIn, err := identity.NewSignIn(t.Context(), db, identity.Options{AdminToken: "a-token-of-more-than-32-characters-xyz", Cost: &identitytest.Cost})
	if err != nil {
		t.Fatal(err)
	}
	people := identitytest.EachRole()
	s.db, s.signIn = db, signIn
	people["acme source"] = identity.Principal{ID: "acme-source", Roles: []identity.Role{identity.Source}, Tenants: []string{"acme"}}
	people["loans source"] = identity.Principal{ID: "loans-source", Roles: []identity.Role{identity.Source}, Tenants: []string{"acme"}, Lines: []string{"loans"}}
	people["loans viewer"] = identity.Principal{ID: "loans-viewer", Roles: []identity.Role{identity.Viewer}, Lines: []string{"loans"}}
	people["acme"] = identity.Principal{ID: "acme-officer", Roles: []identity.Role{identity.Officer}, Tenants: []string{"acme"}}
	keys, err := vault.Open(t.Context(), db, filepath.Join(t.TempDir(), vault.MasterKeyFile), true)
	if err != nil {
		t.Fatal(err)
	}
	packages, err := export.New(t.Context(), export.Options{Store: db, Dir: t.TempDir(), Accounts: signIn.Accounts, Log: quiet,
		Make: func(context.Context, io.Writer, export.Request, func(export.Progress)) (*export.Made, error) {
			return nil, errors.New("no package is made here")
		}})
	if err != nil {
		t.Fatal(err)
	}
	s.api, err = api.New(t.Context(), api.Options{
		Vault: keys, Erasing: struct{ retention.Record }{}, Exports: packages, // routes that are let in fail on what is asked
		Record: s.record, Policies: consoletest.Bundle, Intake: s.intake, System: consoletest.Health{}, Store: db, SignIn: signIn, Log: quiet, Now: now,
		Version: "1.2.3", Authenticator: identity.First{people, signIn.Tokens, signIn}, Review: review.Options{BlindShare: new(float64)},
		Cases:   cases.Options{GrafanaSecret: "a-secret-of-more-than-16-characters"},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up 1") }),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(s.api)
	t.Cleanup(s.Close)
	return s
}

// do sends a request as somebody ("" for nobody) and returns the answer with its body read.
func (s *service) do(who, method, path, body string, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	if who != "" {
		r.Header.Set(identitytest.Header, who)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(b)
}

func (s *service) get(who, path string, into any) {
	s.t.Helper()
	answer, body := s.do(who, "GET", path, "")
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s %s", path, answer.Status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		s.t.Fatalf("GET %s: %v in %s", path, err, body)
	}
}

func TestFindingsAreFilteredAndPaged(t *testing.T) {
	s := start(t)
	type page struct {
		Items []struct {
			ID       string `json:"finding_id"`
			Session  string `json:"session_id"`
			Rule     string
			Severity string
			Status   string
			Channel  string
			Tenant   string
			State    string
			At       time.Time
			Title    struct{ ZH, EN string }
			Clauses  []struct {
				ID       string
				Verified bool
			}
			Facts map[string]any
		}
		Next string `json:"next_cursor"`
	}
	var all page
	s.get("viewer", "/api/v1/findings?limit=500", &all)
	var paged []string
	for cursor := ""; ; {
		var p page
		s.get("viewer", "/api/v1/findings?limit=7&cursor="+cursor, &p)
		for i, f := range p.Items {
			if i > 0 && f.At.After(p.Items[i-1].At) {
				t.Errorf("%s is newer than the one before", f.ID)
			}
			paged = append(paged, f.ID)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if len(paged) != len(all.Items) || len(paged) == 0 {
		t.Errorf("%d findings by pages, %d at once", len(paged), len(all.Items))
	}
	for query, fits := range map[string]func(i int) bool{
		"rule=q-three-strikes&rule=q-apology-loop": func(i int) bool { return strings.HasPrefix(all.Items[i].Rule, "q-") },
		"severity=high":                 func(i int) bool { return all.Items[i].Severity == "high" },
		"status=statute":                func(i int) bool { return all.Items[i].Status == "statute" },
		"channel=phone":                 func(i int) bool { return all.Items[i].Channel == "phone" },
		"session=" + consoletest.Broken: func(i int) bool { return all.Items[i].Session == consoletest.Broken },
		"tenant=acme":                   func(i int) bool { return all.Items[i].Tenant == "acme" },
		"from=2026-11-20T15:40:00%2B08:00&to=1763628600000": func(i int) bool {
			return !all.Items[i].At.Before(time.Date(2026, 11, 20, 7, 40, 0, 0, time.UTC)) && all.Items[i].At.Before(time.UnixMilli(1763628600000))
		},
	} {
		var got page
		s.get("viewer", "/api/v1/findings?limit=500&"+query, &got)
		var want []string
		for i, f := range all.Items {
			if fits(i) {
				want = append(want, f.ID)
			}
		}
		var have []string
		for _, f := range got.Items {
			have = append(have, f.ID)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s: got %d findings, want %d", query, len(have), len(want))
		}
	}
	var one page
	s.get("viewer", "/api/v1/findings?rule=cn-human-unreachable&session="+consoletest.Broken, &one)
	if f := one.Items[0]; f.Title.ZH == "" || f.Title.EN == "" || len(f.Clauses) != 2 || f.Clauses[1].Verified || f.Facts["limit_s"] != 90.0 || f.State != "standing" {
		t.Errorf("a finding is told as %+v", f)
	}
}

func TestWhatIsWrongWithARequestIsSaid(t *testing.T) {
	s := start(t)
	for path, says := range map[string]string{
		"/api/v1/findings?from=yesterday": "RFC 3339",
		"/api/v1/findings?severity=awful": "critical",
		"/api/v1/findings?limit=100000":   "500",
		"/api/v1/cases?cursor=x":          "next_cursor",
		"/api/v1/findings?cursor=x":       "next_cursor",
		"/api/v1/sessions?cursor=x":       "next_cursor",
		"/api/v1/sessions/none":           "/api/v1/sessions",
		"/api/v1/nothing":                 "/openapi.json",
	} {
		answer, body := s.do("officer", "GET", path, "")
		var p struct {
			Status        int
			Title, Detail string
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil || answer.StatusCode/100 != 4 || p.Status != answer.StatusCode || p.Title == "" ||
			answer.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(body, says) {
			t.Errorf("GET %s: %s %s, which does not say %q", path, answer.Status, body, says)
		}
	}
	s.record.Fail(errors.New("dial tcp 10.0.0.7:9000: connection refused, password=secret"))
	answer, body := s.do("officer", "GET", "/api/v1/findings", "")
	if answer.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "secret") || !strings.Contains(body, "/readyz") {
		t.Errorf("with the record away: %s %s", answer.Status, body)
	}
}

func TestATenantsPersonSeesThatTenantOnly(t *testing.T) {
	s := start(t)
	var findings struct {
		Items []struct{ Tenant string }
	}
	s.get("acme", "/api/v1/findings?limit=500", &findings)
	if len(findings.Items) != 1 || findings.Items[0].Tenant != "acme" {
		t.Errorf("acme's officer sees %+v", findings.Items)
	}
	s.get("acme", "/api/v1/findings?tenant=default", &findings)
	if len(findings.Items) != 0 {
		t.Errorf("acme's officer asked for another tenant and saw %+v", findings.Items)
	}
	for path, want := range map[string]int{consoletest.Foreign: 200, consoletest.Broken: 404} {
		for _, prefix := range []string{"/api/v1/sessions/", "/sessions/"} {
			if answer, _ := s.do("acme", "GET", prefix+path, ""); answer.StatusCode != want {
				t.Errorf("GET %s%s as acme: %d, want %d", prefix, path, answer.StatusCode, want)
			}
		}
	}
	if answer, body := s.do("acme", "POST", "/api/v1/cases", fmt.Sprintf(`{"session_id":%q,"kind":"other","reason":"x"}`, consoletest.Broken)); answer.StatusCode != 422 {
		t.Errorf("a report on another tenant's session: %s %s", answer.Status, body)
	}
	if _, body := s.do("acme", "GET", "/findings?period=all", "", "Accept", "text/html"); strings.Contains(body, consoletest.Broken) || !strings.Contains(body, consoletest.Foreign) {
		t.Error("the findings page does not keep to the tenant")
	}
}

// TestTenantsWithOneSessionIDNeverMeet asks every route that shows the record, as the people of two
// tenants who have a session of one id.
func TestTenantsWithOneSessionIDNeverMeet(t *testing.T) {
	s := start(t)
	of := func(tenant, secret string, opened time.Time) {
		s.record.Add(consoletest.Session("s-both", opened, "app", "line-"+tenant, "CN").
			Say(1, "bot", secret).Found("cn-ai-label-missing", 0, 1, "statute", `{"bot_texts":1}`).Of(tenant).Done())
	}
	of("acme", "secret of acme", consoletest.Now.Add(-time.Hour))
	of("default", "secret of default", consoletest.Now.Add(-time.Minute)) // the newer one
	if answer, body := s.do("officer", "POST", "/api/v1/cases", `{"tenant":"default","session_id":"s-both","kind":"other","reason":"reason of default"}`); answer.StatusCode != 201 {
		t.Fatalf("a report: %s %s", answer.Status, body)
	}
	if answer, body := s.do("acme", "POST", "/api/v1/cases", `{"session_id":"s-both","kind":"other","reason":"reason of acme"}`); answer.StatusCode != 201 || !strings.Contains(body, `"tenant":"acme"`) {
		t.Fatalf("a report: %s %s", answer.Status, body)
	}
	for _, path := range []string{
		"/api/v1/findings?limit=500", "/api/v1/findings?session=s-both", "/api/v1/sessions?limit=500", "/api/v1/sessions/s-both", "/api/v1/sessions/s-both?tenant=acme",
		"/api/v1/cases?session=s-both", "/?period=all", "/findings?period=all", "/findings.csv?period=all", "/sessions?period=all", "/sessions/s-both", "/sessions/s-both?tenant=acme", "/rules",
	} {
		answer, body := s.do("acme", "GET", path, "", "Accept", "text/html")
		if answer.StatusCode != http.StatusOK {
			t.Errorf("GET %s as acme: %s", path, answer.Status)
		}
		for _, theirs := range []string{"secret of default", "reason of default", "line-default", "宽带", `"tenant":"default"`, "tenant=default"} {
			if strings.Contains(body, theirs) {
				t.Errorf("GET %s as acme shows %q", path, theirs)
			}
		}
		if strings.Contains(path, "/s-both") && !strings.Contains(body, "secret of acme") {
			t.Errorf("GET %s as acme does not show acme's", path)
		}
	}
	for _, path := range []string{"/api/v1/sessions/s-both?tenant=default", "/sessions/s-both?tenant=default"} {
		if answer, _ := s.do("acme", "GET", path, ""); answer.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s as acme: %s", path, answer.Status)
		}
	}
	if _, body := s.do("acme", "GET", "/?period=all", "", "Accept", "text/html", "Accept-Language", "en"); strings.Contains(body, "Messages refused") {
		t.Error("acme is told how many messages of everybody were refused")
	}
	// Whoever sees all tenants is led to each of the two.
	_, body := s.do("officer", "GET", "/findings?session=s-both&period=all", "", "Accept", "text/html")
	if !strings.Contains(body, `href="/sessions/s-both?tenant=acme#f-`) || !strings.Contains(body, `href="/sessions/s-both#f-`) {
		t.Error("the list does not tell the two sessions apart")
	}
	for path, want := range map[string]string{"/sessions/s-both?tenant=acme": "acme", "/sessions/s-both": "default"} {
		if _, body := s.do("officer", "GET", path, "", "Accept", "text/html"); !strings.Contains(body, "secret of "+want) || strings.Count(body, "reason of") != 1 || !strings.Contains(body, "reason of "+want) {
			t.Errorf("GET %s does not show that of %s alone", path, want)
		}
	}
}

func TestInteractionsAnswerPerItem(t *testing.T) {
	s := start(t)
	refused := []intake.Refusal{{Index: 1, EventID: "e2", Reason: "ts", Detail: "ts is missing"}}
	for name, c := range map[string]struct {
		receipt intake.Receipt
		err     error
		want    int
		says    string
	}{
		"all taken":  {receipt: intake.Receipt{Accepted: 2}, want: 202, says: `"refused":[]`},
		"some taken": {receipt: intake.Receipt{Accepted: 1, Refused: refused}, want: 207, says: "ts is missing"},
		"none taken": {receipt: intake.Receipt{Refused: refused}, want: 400, says: `"errors":[{"message":"ts is missing","location":"body[1]","value":"e2"}]`},
		"too large":  {receipt: intake.Receipt{Refused: []intake.Refusal{{TooBig: true, Detail: "larger than 1 MiB"}}}, want: 413, says: "1 MiB"},
		"unreadable": {err: fmt.Errorf("line 3: %w", intake.ErrUnreadable), want: 400, says: "line 3"},
		"away":       {err: fmt.Errorf("write: %w", intake.ErrAway), want: 503, says: "again"},
	} {
		s.intake.receipt, s.intake.err = c.receipt, c.err
		answer, body := s.do("source", "POST", "/api/v1/interactions", "{}\n{}", "Content-Type", "application/x-ndjson")
		if answer.StatusCode != c.want || !strings.Contains(body, c.says) {
			t.Errorf("%s: %s %s", name, answer.Status, body)
		}
		if s.intake.got != "application/x-ndjson|{}\n{}" {
			t.Errorf("%s: the intake was given %q", name, s.intake.got)
		}
	}
	s.intake.err = nil
	if answer, body := s.do("source", "POST", "/api/v1/interactions", strings.Repeat("x", 65<<20)); answer.StatusCode != 413 || !strings.Contains(body, "mingjian import") {
		t.Errorf("65 MiB: %s %s", answer.Status, body)
	}
}

func TestASourceWritesOnlyForItsTenantsAndLines(t *testing.T) {
	s := start(t)
	s.intake.receipt = intake.Receipt{Accepted: 1}
	for _, c := range []struct{ who, tenant, line, says string }{
		{"source", "", "", ""}, {"source", "other", "cards", ""},
		{"acme source", "acme", "", ""}, {"acme source", "acme", "cards", ""},
		{"acme source", "other", "", "tenants acme only"}, {"acme source", "", "", "name one of them in the event's tenant"},
		{"loans source", "acme", "loans", ""}, {"loans source", "acme", "cards", "business lines loans only"},
		{"loans source", "acme", "", "name one of them in the event's business_line"}, {"loans source", "other", "loans", "tenants acme only"},
	} {
		if answer, body := s.do(c.who, "POST", "/api/v1/interactions", "{}"); answer.StatusCode != 202 {
			t.Fatalf("%s: %s %s", c.who, answer.Status, body)
		}
		why := ""
		if s.intake.allowed != nil {
			why = s.intake.allowed(c.tenant, c.line)
		}
		if (why == "") != (c.says == "") || !strings.Contains(why, c.says) {
			t.Errorf("%s writes for %q, %q: %q, want %q", c.who, c.tenant, c.line, why, c.says)
		}
	}
}

func TestEverythingIsDescribed(t *testing.T) {
	s := start(t)
	var doc struct {
		OpenAPI string
		Info    struct{ Version string }
		Paths   map[string]map[string]struct {
			Summary    string
			Permission string `json:"x-permission"`
			Responses  map[string]any
		}
	}
	s.get("", "/openapi.json", &doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Info.Version != "1.2.3" {
		t.Errorf("OpenAPI %s of version %s", doc.OpenAPI, doc.Info.Version)
	}
	described := 0
	for _, r := range s.api.Routes() {
		op, ok := doc.Paths[r.Path][strings.ToLower(r.Method)]
		if strings.HasPrefix(r.Path, "/api/v1/") != ok {
			t.Errorf("%s %s: described is %v", r.Method, r.Path, ok)
		}
		if !ok {
			continue
		}
		described++
		if op.Permission != string(r.Permission) || op.Summary == "" || len(op.Responses) < 2 {
			t.Errorf("%s %s is described as %+v", r.Method, r.Path, op)
		}
	}
	if described < 48 {
		t.Errorf("%d operations are described", described)
	}
}

func TestHealth(t *testing.T) {
	s := start(t)
	if answer, body := s.do("", "GET", "/healthz", ""); answer.StatusCode != 200 || body != "ok\n" {
		t.Errorf("healthz: %s %q", answer.Status, body)
	}
	if answer, body := s.do("", "GET", "/readyz", ""); answer.StatusCode != 200 || !strings.Contains(body, `"ok":true`) || strings.Contains(body, "lag") {
		t.Errorf("readyz: %s %q", answer.Status, body)
	}
	for _, who := range []string{"acme", "loans viewer"} {
		if answer, body := s.do(who, "GET", "/metrics", ""); answer.StatusCode != 403 || strings.Contains(body, "up 1") || !strings.Contains(body, "of all tenants") {
			t.Errorf("metrics for %s: %s %q", who, answer.Status, body)
		}
	}
	if answer, body := s.do("viewer", "GET", "/metrics", ""); answer.StatusCode != 200 || body != "up 1\n" {
		t.Errorf("metrics: %s %q", answer.Status, body)
	}
}

func TestEveryAnswerIsGuardedAgainstTheBrowser(t *testing.T) {
	s := start(t)
	for _, path := range []string{"/", "/findings", "/api/v1/findings", "/static/console.js", "/nothing"} {
		answer, _ := s.do("viewer", "GET", path, "", "Accept", "text/html")
		policy := answer.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the content policy lacks %s", path, part)
			}
		}
		if strings.Contains(policy, "unsafe") || answer.Header.Get("X-Content-Type-Options") != "nosniff" || answer.Header.Get("Referrer-Policy") == "" {
			t.Errorf("%s: headers %v", path, answer.Header)
		}
	}
	for _, foreign := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://elsewhere.example"}} {
		for _, path := range []string{"/api/v1/cases", "/signin", "/sessions/" + consoletest.Broken + "/report"} {
			if answer, _ := s.do("officer", "POST", path, "{}", foreign...); answer.StatusCode != http.StatusForbidden {
				t.Errorf("POST %s with %s: %s", path, foreign, answer.Status)
			}
		}
	}
	if answer, _ := s.do("officer", "POST", "/signin", "token="+strings.Repeat("x", 1<<20), "Content-Type", "application/x-www-form-urlencoded"); answer.StatusCode != 400 {
		t.Errorf("a form of 1 MiB: %s", answer.Status)
	}
}

func TestWhatCannotBeAskedIsRefusedInPlainWords(t *testing.T) {
	s := start(t)
	for _, c := range []struct {
		method, path, body, allow string
		want                      int
	}{
		{"PUT", "/findings", "", "GET, HEAD", 405}, {"POST", "/api/v1/findings", "{}", "GET, HEAD", 405}, {"DELETE", "/sessions/x/report", "", "GET, HEAD, POST", 405},
		{"DELETE", "/api/v1/interactions", "", "POST", 405}, {"GET", "/api/v1/none", "", "", 404},
		{"POST", "/api/v1/cases", `{"reason":"` + strings.Repeat("x", 70<<10) + `"}`, "", 413}, {"POST", "/api/v1/cases", `{`, "", 400},
	} {
		answer, body := s.do("admin", c.method, c.path, c.body, "Content-Type", "application/json")
		if answer.StatusCode != c.want || answer.Header.Get("Allow") != c.allow || answer.Header.Get("Content-Type") != "application/problem+json" || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %s, Allow %q, %s", c.method, c.path, answer.Status, answer.Header.Get("Allow"), body)
		}
	}
}

func TestStaticFilesAreAskedForAgainOnlyWhenTheyChanged(t *testing.T) {
	s := start(t)
	answer, css := s.do("", "GET", "/static/console.css", "", "Accept-Encoding", "identity")
	tag := answer.Header.Get("ETag")
	if answer.StatusCode != 200 || tag == "" || css == "" {
		t.Fatalf("%s with ETag %q", answer.Status, tag)
	}
	if answer, body := s.do("", "GET", "/static/console.css", "", "If-None-Match", tag); answer.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("asked for again: %s", answer.Status)
	}
	answer, packed := s.do("", "GET", "/static/console.css", "", "Accept-Encoding", "gzip")
	if answer.Header.Get("Content-Encoding") != "gzip" || len(packed) > len(css)/2 {
		t.Errorf("with gzip: %q, %d of %d bytes", answer.Header.Get("Content-Encoding"), len(packed), len(css))
	}
}
