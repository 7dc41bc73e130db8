package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/audit/console/consoletest"
	"mingjian/audit/review"
	"mingjian/audit/store"
)

// openReview opens a review of a session and returns its id.
func (s *service) openReview(session string) string {
	s.t.Helper()
	n := review.NewTask{
		Tenant: "default", BusinessLine: "宽带", Channel: "app", Language: "zh", SessionID: session, LotID: "lot-1", Kind: review.Sample,
		Reason: "lot-1", ClosedAt: consoletest.Now.Add(-time.Hour),
	}
	if err := s.db.Write(s.t.Context(), func(tx *store.Tx) error { return s.api.Reviews().Open(s.t.Context(), tx, []review.NewTask{n}) }); err != nil {
		s.t.Fatal(err)
	}
	return n.ID()
}

// told is a review as the API tells it.
type told struct {
	ID      string `json:"task_id"`
	Version int64
	State   string
	Card    struct {
		ID      string
		Version int
	}
	CardText struct {
		Criteria []struct {
			ID    string
			Scale int
		}
	} `json:"card_text"`
	Verdict struct{ Score float64 }
}

// post changes a review and returns it, or fails.
func (s *service) post(who, path string, body any) (out told) {
	s.t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, got := s.do(who, "POST", path, string(sent), "Content-Type", "application/json")
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("POST %s %s: %s %s", path, sent, answer.Status, got)
	}
	if err := json.Unmarshal([]byte(got), &out); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// verdict passes everything and overrules every finding.
func (s *service) verdict(t told, session string) map[string]any {
	s.t.Helper()
	var conversation struct {
		Revision string `json:"policy_revision"`
		Found    []struct {
			ID      string `json:"finding_id"`
			Version int64
			State   string
		}
	}
	s.get("inspector", "/api/v1/sessions/"+session, &conversation)
	ratings, findings := []map[string]any{}, []map[string]any{}
	for _, c := range t.CardText.Criteria {
		rating := "pass"
		if c.Scale > 0 {
			rating = fmt.Sprint(c.Scale)
		}
		ratings = append(ratings, map[string]any{"criterion": c.ID, "rating": rating})
	}
	for _, f := range conversation.Found {
		if f.State == "standing" {
			findings = append(findings, map[string]any{"finding_id": f.ID, "version": f.Version, "decision": "overruled", "why": "看过对话"})
		}
	}
	return map[string]any{
		"version": t.Version, "card": map[string]any{"id": t.Card.ID, "version": t.Card.Version},
		"policy_revision": conversation.Revision, "criteria": ratings, "findings": findings, "misjudged": false,
	}
}

// finalReview takes a session with findings through a review, a dispute and a decision, by the API alone.
func (s *service) finalReview() string {
	s.t.Helper()
	id := s.openReview(consoletest.Broken)
	path := "/api/v1/reviews/" + id
	var t told
	s.get("inspector", path, &t)
	t = s.post("inspector", path+"/claim", map[string]any{"version": t.Version})
	t = s.post("inspector", path+"/draft", map[string]any{"version": t.Version, "draft": map[string]any{"remarks": "写到一半"}})
	t = s.post("inspector", path+"/verdict", s.verdict(t, consoletest.Broken))
	if t.State != "submitted" || t.Verdict.Score != 100 {
		s.t.Errorf("the verdict is taken as %+v", t)
	}
	t = s.post("officer", path+"/dispute", map[string]any{"version": t.Version, "reason": "规则没有错"})
	t = s.post("supervisor", path+"/decide", map[string]any{"version": t.Version, "why": "规则有误"})
	if t.State != "decided" {
		s.t.Errorf("the decision is taken as %+v", t)
	}
	if err := s.api.Reviews().Sweep(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// calibration makes a set of a final review.
func (s *service) calibration(id string) string {
	s.t.Helper()
	answer, body := s.do("supervisor", "POST", "/api/v1/review-sets", fmt.Sprintf(`{"name":"十一月","items":[{"task_id":%q}],"inspectors":["li"]}`, id), "Content-Type", "application/json")
	var made struct {
		ID string `json:"set_id"`
	}
	if err := json.Unmarshal([]byte(body), &made); err != nil || answer.StatusCode != http.StatusOK || made.ID == "" {
		s.t.Fatalf("a calibration set: %s %s, %v", answer.Status, body, err)
	}
	return made.ID
}

func TestReviewsOverTheAPI(t *testing.T) {
	s := start(t)
	done := s.finalReview()
	open := s.openReview(consoletest.Clean)
	var page struct {
		Items []told
		Next  string `json:"next_cursor"`
	}
	ids := func(who, query string) (out []string) {
		s.get(who, "/api/v1/reviews"+query, &page)
		for _, i := range page.Items {
			out = append(out, i.ID)
		}
		slices.Sort(out)
		return out
	}
	both := []string{done, open}
	slices.Sort(both)
	for query, want := range map[string][]string{"": both, "?state=open&state=claimed": {open}, "?mine=true": {done}, "?state=final&kind=sample&lot=lot-1": {done}, "?order=due&overdue=true": nil, "?tenant=acme": nil} {
		if got := ids("inspector", query); !slices.Equal(got, want) {
			t.Errorf("GET /api/v1/reviews%s: %v, want %v", query, got, want)
		}
	}
	if got := ids("acme", ""); len(got) != 0 {
		t.Errorf("another tenant sees %v", got)
	}

	// Claiming the next, and every kind of refusal as a problem document.
	answer, body := s.do("inspector", "POST", "/api/v1/reviews/next", "")
	if answer.StatusCode != 200 || !strings.Contains(body, open) || !strings.Contains(body, `"guidance"`) {
		t.Errorf("next: %s %s", answer.Status, body)
	}
	if _, body = s.do("inspector", "POST", "/api/v1/reviews/next", ""); strings.Contains(body, `"item"`) {
		t.Errorf("next of nothing: %s", body)
	}
	path := "/api/v1/reviews/" + open
	for _, c := range []struct {
		who, path, body string
		want            int
		says            string
	}{
		{"inspector", path + "/draft", `{"version":1,"draft":{}}`, 409, "read it again"},
		{"admin", path + "/draft", `{"version":2,"draft":{}}`, 409, "somebody else holds"},
		{"inspector", path + "/verdict", `{"version":2,"card":{"id":"service","version":1},"policy_revision":"x","criteria":[],"findings":[],"misjudged":false}`, 422, "disclosure is not rated"},
		{"inspector", path + "/verdict", `{"version":2}`, 422, "card"},
		{"inspector", "/api/v1/reviews/rev-none/claim", `{"version":1}`, 404, "GET /api/v1/reviews"},
		{"officer", path + "/dispute", `{"version":2,"reason":"x"}`, 409, "only a submitted verdict"},
		{"supervisor", path + "/reassign", `{"version":2,"to":"","why":" "}`, 422, "say why"},
		{"supervisor", "/api/v1/review-sets", `{"name":"x","items":[{"task_id":"` + open + `"}],"inspectors":["li"]}`, 422, "is not final"},
	} {
		answer, body := s.do(c.who, "POST", c.path, c.body, "Content-Type", "application/json")
		if answer.StatusCode != c.want || !strings.Contains(body, c.says) || answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("POST %s as %s: %s %s", c.path, c.who, answer.Status, body)
		}
	}
	var own told
	s.get("admin", path, &own)
	if _, err := json.Marshal(own); err != nil || own.State != "claimed" {
		t.Errorf("after the refusals: %+v", own)
	}
	s.post("inspector", path+"/release", map[string]any{"version": own.Version, "why": "认识客户"})

	for path, says := range map[string]string{
		"/api/v1/review-cards":                `"id":"service"`,
		"/api/v1/review-backlog":              `"ages":[{"name":"24h","n":0},{"name":"48h","n":1},{"name":"8h","n":0},{"name":"overdue","n":0}]`,
		"/api/v1/review-forecast?tenant=acme": `"open":0`,
		"/api/v1/review-throughput":           `{"inspector":"test-inspector","day":"2026-11-20","submitted":1,"late":0,"median_minutes":0}`,
		"/api/v1/review-pairs":                `"items":[]`,
	} {
		if answer, body := s.do("supervisor", "GET", path, ""); answer.StatusCode != 200 || !strings.Contains(body, says) {
			t.Errorf("GET %s: %s %s", path, answer.Status, body)
		}
	}
	if answer, body := s.do("supervisor", "GET", "/api/v1/review-throughput?zone=Mars", ""); answer.StatusCode != 422 || !strings.Contains(body, "Asia/Shanghai") {
		t.Errorf("a zone that is none: %s %s", answer.Status, body)
	}
}
