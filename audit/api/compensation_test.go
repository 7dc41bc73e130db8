package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/console/consoletest"
	"mingjian/audit/store"
)

// matter is a case that a test takes on its way.
type matter struct {
	s *service
	cases.File
}

// reported opens a case of a session by hand.
func (s *service) reported(session string) *matter {
	s.t.Helper()
	m := &matter{s: s}
	s.sent("officer", "/api/v1/cases", map[string]any{"session_id": session, "kind": "rights", "reason": "说不能退，其实能"}, http.StatusCreated, &m.Case)
	return m
}

// sent posts a body that must be taken.
func (s *service) sent(who, path string, body any, status int, into any) {
	s.t.Helper()
	answer, text := s.ask(who, path, body)
	if answer.StatusCode != status {
		s.t.Fatalf("POST %s %v as %s: %s %s", path, body, who, answer.Status, text)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) ask(who, path string, body any) (*http.Response, string) {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do(who, "POST", path, string(text), "Content-Type", "application/json")
}

// ask wants something done to the case as it is; fields are pairs of names and values.
func (m *matter) ask(who, action string, fields ...any) (*http.Response, string) {
	m.s.t.Helper()
	return m.s.ask(who, "/api/v1/cases/"+m.ID+"/"+action, m.body(action, fields))
}

func (m *matter) body(action string, fields []any) map[string]any {
	body := map[string]any{}
	if action != "confirm" { // whoever pays reads no versions
		body["version"] = m.Version
	}
	for i := 0; i < len(fields); i += 2 {
		body[fields[i].(string)] = fields[i+1]
	}
	return body
}

// done has something done to the case.
func (m *matter) done(who, action string, fields ...any) {
	m.s.t.Helper()
	m.s.sent(who, "/api/v1/cases/"+m.ID+"/"+action, m.body(action, fields), http.StatusOK, &m.Case)
}

// proposed assesses a loss in fen and offers it back.
func (m *matter) proposed(who string, fen int64) {
	m.s.t.Helper()
	m.done("officer", "assess", "amount_minor", fen, "currency", "CNY", "words", "应退未退")
	m.done(who, "propose", cashOf(fen)...)
}

func cashOf(fen int64) []any {
	return []any{"form", "cash", "amount_minor", fen, "currency", "CNY", "reason", "退还"}
}

func (m *matter) approved(by ...string) {
	m.s.t.Helper()
	for _, who := range by {
		m.done(who, "approve", "digest", m.Proposal.Digest, "reason", "属实")
	}
}

// alerted posts an alert of Grafana with a signature.
func (s *service) alerted(secret, body string, at time.Time) (*http.Response, string) {
	s.t.Helper()
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + ":" + body))
	return s.do("", "POST", "/api/v1/hooks/grafana", body, "Content-Type", "application/json",
		"X-Grafana-Alerting-Signature", hex.EncodeToString(mac.Sum(nil)), "X-Grafana-Alerting-Timestamp", stamp)
}

// Whatever would bend the rules of compensation is refused with a reason, changes nothing, and is in the
// journal under the name of whoever tried.
func TestWhatBendsTheRulesOfCompensationIsRefusedAndJournalled(t *testing.T) {
	const secret = "a-secret-of-more-than-16-characters"
	s := start(t)
	s.sent("finance", "/api/v1/fund/topup", map[string]any{"idempotency_key": "k", "amount_minor": 20_000_00, "currency": "CNY", "reason": "预算"}, http.StatusCreated, &struct{}{})
	m, large := s.reported(consoletest.Broken), s.reported(consoletest.Clean)
	alert := fmt.Sprintf(`{"alerts":[{"status":"firing","labels":{"session_id":%q},"startsAt":%q,"fingerprint":"f1"}]}`, consoletest.Phone, consoletest.Now.Format(time.RFC3339))
	var first string // digest of the proposal before it was changed
	confirm := func(currency string, fen int64, paid bool) (*http.Response, string) {
		return m.ask("finance", "confirm", "payout_id", m.Payouts[0].ID, "paid", paid, "amount_minor", fen, "currency", currency, "reference", "B-1")
	}
	for _, c := range []struct {
		name   string
		before func() // what leads there, and is taken
		try    func() (*http.Response, string)
		status int
		says   string
		who    string
		about  *matter // nil: the hook
	}{
		{"a proposal in another currency", func() { m.proposed("officer", 3000_00) }, func() (*http.Response, string) {
			return m.ask("officer", "propose", "form", "cash", "amount_minor", 3000_00, "currency", "USD", "reason", "x")
		}, 422, "the currency USD is not that of the harm, CNY", "test-officer", m},
		{"approving one's own", nil, func() (*http.Response, string) {
			return m.ask("officer", "approve", "digest", m.Proposal.Digest, "reason", "x")
		}, 403, "you made this proposal; somebody else has to approve it", "test-officer", m},
		{"approving twice", func() { m.approved("approver") }, func() (*http.Response, string) {
			return m.ask("approver", "approve", "digest", m.Proposal.Digest, "reason", "x")
		}, 403, "you have approved this already; the other approval needs another person", "test-approver", m},
		{"approving what was changed", func() {
			first = m.Proposal.Digest
			m.done("officer", "propose", cashOf(3100_00)...)
		}, func() (*http.Response, string) { return m.ask("finance", "approve", "digest", first, "reason", "x") },
			409, "this is not the proposal that you have read: it was changed since, now cash of CNY 3100.00", "test-finance", m},
		{"another amount after approval", func() { m.approved("approver", "finance") }, func() (*http.Response, string) {
			return m.ask("officer", "propose", cashOf(3000_00)...)
		}, 409, "what was approved cannot be changed any more", "test-officer", m},
		{"a confirmation in another currency", func() { m.done("finance", "pay", "reason", "付款") }, func() (*http.Response, string) { return confirm("USD", 3100_00, true) },
			409, "was ordered with CNY 3100.00, and the result says USD 3100.00", "test-finance", m},
		{"a confirmation of another amount", nil, func() (*http.Response, string) { return confirm("CNY", 3000_00, true) },
			409, "was ordered with CNY 3100.00, and the result says CNY 3000.00", "test-finance", m},
		{"a payout confirmed twice", func() {
			m.done("finance", "confirm", "payout_id", m.Payouts[0].ID, "paid", true, "amount_minor", 3100_00, "currency", "CNY", "reference", "B-1")
		}, func() (*http.Response, string) { return confirm("CNY", 3100_00, true) }, 409, "was confirmed before, as paid", "test-finance", m},
		{"a payout confirmed, and then not", nil, func() (*http.Response, string) { return confirm("CNY", 3100_00, false) }, 409, "was confirmed before, as paid", "test-finance", m},
		{"approving over one's limit", func() {
			large.proposed("admin", 6000_00)
			large.approved("approver")
		}, func() (*http.Response, string) {
			return large.ask("officer", "approve", "digest", large.Proposal.Digest, "reason", "x")
		}, 403, "this amount is over your limit", "test-officer", large},
		{"a forged alert", nil, func() (*http.Response, string) {
			return s.alerted("another-secret-of-characters", alert, consoletest.Now)
		}, 401, "the alert's signature does not fit", "grafana", nil},
		{"an old alert", nil, func() (*http.Response, string) { return s.alerted(secret, alert, consoletest.Now.Add(-time.Hour)) },
			401, "the alert's time stamp is more than 5m0s from now", "grafana", nil},
		{"a replayed alert", func() {
			if answer, text := s.alerted(secret, alert, consoletest.Now); answer.StatusCode != http.StatusOK {
				t.Fatalf("%s %s", answer.Status, text)
			}
		}, func() (*http.Response, string) { return s.alerted(secret, alert, consoletest.Now) }, 409, "this very message came before", "grafana", nil},
	} {
		if c.before != nil {
			c.before()
		}
		subject, action := "hook:grafana", "alert.refused"
		if c.about != nil {
			subject, action = "case:"+c.about.ID, "case.refused"
		}
		journal := func() (entries []store.Entry) {
			if err := s.db.Read(t.Context(), func(tx *store.Tx) (err error) {
				entries, err = tx.Journal(t.Context(), subject)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return entries
		}
		look := func() string {
			var out strings.Builder
			paths := []string{"/api/v1/case-board", "/api/v1/fund"}
			if c.about != nil {
				paths = append(paths, "/api/v1/cases/"+c.about.ID)
			}
			for _, path := range paths {
				var part any
				s.get("officer", path, &part)
				fmt.Fprintln(&out, part)
			}
			return out.String()
		}
		before, known := look(), len(journal())
		answer, text := c.try()
		var problem struct{ Detail string }
		if err := json.Unmarshal([]byte(text), &problem); err != nil || answer.StatusCode != c.status || !strings.Contains(problem.Detail, c.says) {
			t.Fatalf("%s: want %d and %q, got %s %s", c.name, c.status, c.says, answer.Status, text)
		}
		if after := look(); after != before {
			t.Errorf("%s: it changed something:\n%s\n%s", c.name, before, after)
		}
		entries := journal()
		if e := entries[len(entries)-1]; len(entries) != known+1 || e.Actor != c.who || e.Action != action || !strings.Contains(e.Reason, c.says) {
			t.Errorf("%s: after %d entries the journal has %+v", c.name, known, entries)
		}
	}
}
