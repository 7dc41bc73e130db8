package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// endpoints is where a system can be reached.
func (s *system) endpoints() (at struct{ Console, Kafka string }) {
	decodeFile(s.t, filepath.Join(s.data, "endpoints.json"), &at)
	return at
}

// person is somebody's browser.
type person struct {
	s      *system
	bearer string
	client *http.Client
}

// enter invites somebody, who sets a password and signs in by the form; nobody where the name is empty.
func enter(s *system, name, role string) *person {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	p := &person{s: s, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if name == "" {
		return p
	}
	const password = "three ducks under a bridge"
	var invited struct{ Code string }
	p.token().send("POST", "/api/v1/people", map[string]any{"id": name, "roles": []string{role}}).is(http.StatusOK, &invited)
	p.send("POST", "/api/v1/welcome", map[string]any{"code": invited.Code, "password": password}).is(http.StatusNoContent, nil)
	form := url.Values{"name": {name}, "password": {password}, "next": {"/"}}
	p.send("POST", "/signin", form.Encode(), "Content-Type", "application/x-www-form-urlencoded").is(http.StatusSeeOther, nil)
	return p
}

func (p *person) adminToken() string {
	text, err := os.ReadFile(filepath.Join(p.s.data, "admin.token"))
	if err != nil {
		p.s.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// token is a program that has the token of the API.
func (p *person) token() *person {
	return &person{s: p.s, bearer: p.adminToken(), client: http.DefaultClient}
}

// reply is an answer of the service.
type reply struct {
	t      *testing.T
	what   string
	status int
	body   []byte
}

// send asks for something. A body that is no text is sent as JSON.
func (p *person) send(method, path string, body any, header ...string) reply {
	p.s.t.Helper()
	text, ok := body.(string)
	kind := "application/json"
	if !ok && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			p.s.t.Fatal(err)
		}
		text = string(b)
	} else if strings.HasSuffix(path, "/interactions") {
		kind = "application/x-ndjson"
	}
	req, err := http.NewRequestWithContext(p.s.t.Context(), method, p.s.endpoints().Console+path, strings.NewReader(text))
	if err != nil {
		p.s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	if p.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+p.bearer)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	answer, err := p.client.Do(req)
	if err != nil {
		p.s.t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		p.s.t.Fatal(err)
	}
	return reply{p.s.t, method + " " + path, answer.StatusCode, got}
}

// is wants a status, and reads the answer.
func (r reply) is(status int, into any) {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: %d %s", r.what, r.status, r.body)
	}
	if into != nil {
		if err := json.Unmarshal(r.body, into); err != nil {
			r.t.Fatalf("%s: %v in %s", r.what, err, r.body)
		}
	}
}

// refused wants a refusal with a reason.
func (r reply) refused(status int, why string) {
	r.t.Helper()
	var problem struct{ Detail string }
	if json.Unmarshal(r.body, &problem) != nil || r.status != status || !strings.Contains(problem.Detail, why) {
		r.t.Errorf("%s: want %d and %q, got %d %s", r.what, status, why, r.status, r.body)
	}
}

func (p *person) must(method, path string, body any, status int, into any) {
	p.s.t.Helper()
	p.send(method, path, body).is(status, into)
}
