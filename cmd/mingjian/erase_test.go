package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mingjian/audit/retention"
	"mingjian/collector"
)

// post sends a body as the administrator.
func (s *system) post(path, body string, into any) (status int, text string) {
	s.t.Helper()
	token, err := os.ReadFile(filepath.Join(s.data, "admin.token"))
	if err != nil {
		s.t.Fatal(err)
	}
	var at struct{ Console string }
	decodeFile(s.t, filepath.Join(s.data, "endpoints.json"), &at)
	req, _ := http.NewRequest(http.MethodPost, at.Console+path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode < 300 {
		if err := json.Unmarshal(answer, into); err != nil {
			s.t.Fatalf("POST %s: %v\n%s", path, err, answer)
		}
	}
	return resp.StatusCode, string(answer)
}

// A person is erased while the system runs, by hand and over HTTP, unless somebody holds them; what is left
// still proves everything else.
func TestAPersonIsErasedAndTheRestStillVerifies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := up(t, filepath.Join(dir, "data"))
	file := filepath.Join(dir, "calls.jsonl")
	said := func(i int) string { return fmt.Sprintf("只有客户%d说过的话", i%4) }
	const sessions, events = 20, 3
	writeLines(t, file, func(enc *json.Encoder) {
		for i := range sessions {
			session, name := fmt.Sprintf("s-%d", i), fmt.Sprintf("c-%d", i%4)
			if i%4 == 3 {
				name = "13812345678"
			}
			enc.Encode(map[string]any{"event_id": "1", "session_id": session, "ts": "2026-09-01T09:00:00Z", "kind": "session.opened", "channel": "app", "customer": map[string]any{"id": name, "jurisdiction": "CN"}})
			enc.Encode(map[string]any{"event_id": "2", "session_id": session, "ts": "2026-09-01T09:00:09Z", "kind": "message", "actor": map[string]any{"role": "customer"}, "text": said(i) + "，电话13912345678"})
			enc.Encode(map[string]any{"event_id": "3", "session_id": session, "ts": "2026-09-01T09:01:00Z", "kind": "session.closed"})
		}
	})
	output(t, "import", "--data", s.data, file)
	s.settled(sessions * events)
	s.wait("the sessions", func() bool {
		return s.count(`SELECT toInt64(count()) AS n FROM mingjian.sessions_v WHERE state = 'closed'`) == sessions
	})
	findings := s.count(`SELECT toInt64(count()) AS n FROM mingjian.findings_v WHERE state = 'standing'`)

	// Everything that any table holds, as text.
	tables := query[struct{ Name string }](s, `SELECT name AS Name FROM system.tables WHERE database = 'mingjian' AND engine LIKE '%MergeTree'`)
	if len(tables) < 12 {
		t.Fatalf("%d tables", len(tables))
	}
	holding := func(words ...string) (out []string) {
		var all []string
		for _, table := range tables {
			for _, w := range words {
				all = append(all, fmt.Sprintf(`SELECT '%s %s' AS Name FROM mingjian.%[1]s WHERE position(toString(tuple(*)), '%[2]s') > 0`, table.Name, w))
			}
		}
		for _, found := range query[struct{ Name string }](s, strings.Join(all, " UNION ALL ")) {
			out = append(out, found.Name)
		}
		return out
	}
	if got := holding(said(1)); len(got) == 0 {
		t.Fatal("nothing to erase")
	}

	var hold retention.Hold
	if status, text := s.post("/api/v1/holds", `{"scope": "customer", "tenant": "default", "customer": "c-1", "reason": "lawsuit"}`, &hold); status != http.StatusOK || hold.ID == "" {
		t.Fatal(status, text)
	}
	erase := func(customer string) (e retention.Erasure) {
		t.Helper()
		if err := json.Unmarshal([]byte(output(t, "audit", "erase", "--data", s.data, "--customer", customer, "--reason", "asked", "--json")), &e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	refused, err := mingjian("audit", "erase", "--data", s.data, "--customer", "c-1", "--reason", "asked").CombinedOutput()
	if err == nil || !strings.Contains(string(refused), hold.ID) || strings.Count(strings.TrimSpace(string(refused)), "\n") != 0 {
		t.Errorf("what is held was erased, or not told why: %v\n%s", err, refused)
	}
	if status, text := s.post("/api/v1/erasures", `{"tenant": "default", "customer": "c-1", "reason": "asked"}`, nil); status != http.StatusConflict || !strings.Contains(text, hold.ID) {
		t.Error(status, text)
	}
	if status, text := s.post("/api/v1/holds/"+hold.ID+"/lift", `{"reason": "settled"}`, &hold); status != http.StatusOK || hold.LiftedBy == "" {
		t.Fatal(status, text)
	}
	if got := output(t, "audit", "erase", "--data", s.data, "--customer", "c-1", "--reason", "asked", "--dry-run"); got != "5 sessions with 15 interactions and 1 keys would be erased.\n" {
		t.Error(got)
	}
	by := erase("c-1")
	if by.Sessions != 5 || by.Rows != 15 || by.Keys != 1 || by.State != retention.Done || len(by.Root) != 64 {
		t.Errorf("%+v", by)
	}
	var over retention.Erasure
	if status, text := s.post("/api/v1/erasures", `{"tenant": "default", "customer": "13812345678", "reason": "asked"}`, &over); status != http.StatusOK || over.Rows != 15 {
		t.Error(status, text)
	}
	// Imported once more, nothing of it comes back, and a late event says nothing.
	more := filepath.Join(dir, "more.jsonl")
	writeLines(t, more, func(enc *json.Encoder) {
		enc.Encode(map[string]any{"event_id": "9", "session_id": "s-1", "ts": "2026-09-01T09:00:30Z", "kind": "message", "actor": map[string]any{"role": "customer"}, "text": said(1), "customer": map[string]any{"id": "c-1"}})
	})
	output(t, "import", "--data", s.data, file, more)
	s.settled(sessions*events + 1)
	s.caughtUp()
	if got := holding(said(1), said(3), "c-1\"", "\\'c-1\\'"); len(got) != 0 {
		t.Errorf("what was erased stands in %v", got)
	}
	for _, words := range []string{said(0), said(2)} {
		if n := s.count(`SELECT toInt64(count()) AS n FROM mingjian.interactions_v WHERE position(text, '` + words + `') > 0`); n != 5 {
			t.Errorf("%d rows say %s", n, words)
		}
	}
	if n := s.count(`SELECT toInt64(count()) AS n FROM mingjian.findings_v WHERE state = 'standing'`); n != findings {
		t.Errorf("%d findings stand, before it were %d", n, findings)
	}
	for _, e := range []retention.Erasure{by, over} {
		s.wait("the log's entry", func() bool {
			return s.count(`SELECT toInt64(count()) AS n FROM mingjian.log_entries_v WHERE type = 'person.erased' AND key = 'erasure:`+e.ID+`' AND position(entry, '`+e.Root+`') > 0`) == 1
		})
		if n := s.count(`SELECT toInt64(count()) AS n FROM mingjian.erasures_v WHERE erasure = '` + e.ID + `'`); n != 15 {
			t.Errorf("%d rows are noted", n)
		}
	}
	var report struct {
		OK     bool
		Checks []collector.Check
	}
	if err := json.Unmarshal([]byte(output(t, "doctor", "--deep", "--data", s.data, "--json")), &report); err != nil || !report.OK {
		t.Errorf("%+v, %v", report, err)
	}
	told := false
	for _, c := range report.Checks {
		told = told || strings.Contains(c.Detail, "10 were erased")
	}
	if !told {
		t.Errorf("nobody says that sessions were erased: %+v", report.Checks)
	}
	for _, customer := range []string{"c-1", "13812345678"} {
		if e := erase(customer); e.ID != "" || e.Rows+e.Keys != 0 {
			t.Errorf("%s: something was left: %+v", customer, e)
		}
	}
	if got := output(t, "audit", "erase", "--data", s.data, "--customer", "c-1", "--reason", "asked"); got != "Nothing is left to erase.\n" {
		t.Error(got)
	}
	if got := output(t, "audit", "retention", "--data", s.data, "--dry-run"); got != "Nothing is past its term.\n" {
		t.Error(got)
	}
	var page string
	for _, lang := range []string{"en", "zh"} {
		page += s.page("/sessions/s-1?lang=" + lang)
	}
	if !strings.Contains(page, "was erased") || !strings.Contains(page, "已被删除") {
		t.Error("the page does not say that it was erased")
	}
	if strings.Contains(s.log.String(), "13812345678") {
		t.Error("the customer was logged")
	}
}

// page reads a page of the console as the administrator.
func (s *system) page(path string) string {
	s.t.Helper()
	token, err := os.ReadFile(filepath.Join(s.data, "admin.token"))
	if err != nil {
		s.t.Fatal(err)
	}
	var at struct{ Console string }
	decodeFile(s.t, filepath.Join(s.data, "endpoints.json"), &at)
	req, _ := http.NewRequest(http.MethodGet, at.Console+path, nil)
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s\n%s", path, resp.Status, body)
	}
	return string(body)
}
