package cases_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"mingjian/audit/cases"
	"mingjian/audit/identity"
	"mingjian/audit/store/storetest"
	"mingjian/collector/warehouse"
)

// hookSecret is what Grafana and the service share in these tests.
const hookSecret = "a-secret-of-32-characters-or-so-1"

// serve offers the routes to whoever the header Who names.
func (o *office) serve(t testing.TB) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	at := identity.Mounting{Mux: mux, API: humago.New(mux, huma.DefaultConfig("cases", "1")), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, r := range o.Routes() {
		r.Handler.Mount(r, at)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who := r.Header.Get("Who"); who != "" {
			r = r.WithContext(by(r.Context(), who))
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// send posts a body with headers and returns the answer.
func send(t testing.TB, s *httptest.Server, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// signed is what Grafana sends with a body: signature and time stamp; without a time it is what it sends where no
// header for the time stamp is configured.
func signed(secret, body string, at time.Time) []string {
	mac := hmac.New(sha256.New, []byte(secret))
	if at.IsZero() {
		mac.Write([]byte(body))
		return []string{"X-Grafana-Alerting-Signature", hex.EncodeToString(mac.Sum(nil))}
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac.Write([]byte(stamp + ":" + body))
	return []string{"X-Grafana-Alerting-Signature", hex.EncodeToString(mac.Sum(nil)), "X-Grafana-Alerting-Timestamp", stamp}
}

// firing is an alert as Grafana sends it, of payload version 1.
func firing(status, fingerprint, labels string, starts time.Time) string {
	return fmt.Sprintf(`{"status":%q,"labels":{"alertname":"AI misjudged a customer",%s},"annotations":{"summary":"报错了价格","description":"x"},
		"startsAt":%q,"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://127.0.0.1:3000/alerting/grafana/a/view","fingerprint":%q,
		"silenceURL":"","dashboardURL":"","panelURL":"","values":{"B":1}}`, status, labels, starts.Format(time.RFC3339Nano), fingerprint)
}

func message(alerts ...string) string {
	return `{"receiver":"mingjian","status":"firing","orgId":1,"alerts":[` + strings.Join(alerts, ",") + `],"groupLabels":{},"commonLabels":{},
		"commonAnnotations":{},"externalURL":"http://127.0.0.1:3000/","version":"1","groupKey":"{}:{}","truncatedAlerts":0,"title":"[FIRING:1]","state":"alerting","message":"x"}`
}

const hookPath = "/api/v1/hooks/grafana"

func results(t *testing.T, body string) (out []string, items []cases.Heard) {
	t.Helper()
	var got struct{ Items []cases.Heard }
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, h := range got.Items {
		out = append(out, h.Result)
	}
	return out, got.Items
}

func withSecret(o *cases.Options) { o.GrafanaSecret = hookSecret }

func TestAlertsOpenJoinAndEndSourcesOfCases(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o := openOffice(t, dsn, withSecret)
		o.found["s-1"] = []warehouse.FindingItem{{FindingID: "f-1", SessionID: "s-1", Tenant: "default", Rule: "cn-promise-broken", State: "standing"}}
		s := o.serve(t)
		starts := monday.Add(-time.Minute)
		post := func(body string, want ...string) []cases.Heard {
			t.Helper()
			o.now = o.now.Add(time.Second)
			status, text := send(t, s, hookPath, body, signed(hookSecret, body, o.now)...)
			if status != 200 {
				t.Fatalf("%d %s", status, text)
			}
			got, items := results(t, text)
			if !slices.Equal(got, want) {
				t.Errorf("got %s, want %q", text, want)
			}
			return items
		}
		one := firing("firing", "fp-1", `"session_id":"s-1","finding_id":"f-1","tenant":"default"`, starts)
		opened := post(message(one), "opened")
		id := opened[0].CaseID
		if again := post(message(one), "unchanged"); again[0].CaseID != id { // Grafana repeats what goes on
			t.Errorf("an alert that goes on is said to be of case %q, want %q", again[0].CaseID, id)
		}
		// Another alert of the session joins; bad ones are told one by one and the others go on.
		post(message(
			firing("firing", "fp-2", `"session_id":"s-1","kind":"price"`, starts),
			`{"status":"firing","labels":3}`,
			firing("firing", "fp-3", `"session_id":"none-such"`, starts),
			firing("firing", "fp-4", `"session_id":"s-1","finding_id":"f-of-another"`, starts),
			firing("gone", "fp-5", `"session_id":"s-1"`, starts),
			firing("firing", "fp-6", `"fund":"low"`, starts),
			firing("firing", "fp-7", `"session_id":"s-2","kind":"refund"`, starts),
		), "joined", "refused", "refused", "refused", "refused", "ignored", "opened")
		post(message(firing("resolved", "fp-1", `"session_id":"s-1"`, starts)), "ended")
		post(message(firing("resolved", "fp-9", `"session_id":"s-9"`, starts)), "unchanged") // of nothing that was heard of
		f, err := o.Get(by(t.Context(), "viewer-x"), id)
		if err != nil || f.State != cases.Candidate || f.Kind != "rights" || f.Reporter != "grafana" || f.Reason != "报错了价格" || len(f.Sources) != 2 ||
			f.Sources[0].Ended != "resolved" || f.Steps[2].Reason != "alert resolved" {
			t.Errorf("the case is %+v, %v", f, err)
		}
		// It fires anew: it stands again.
		if again := post(message(firing("firing", "fp-1", `"session_id":"s-1"`, starts.Add(time.Hour))), "joined"); again[0].CaseID != id {
			t.Errorf("it joined %s", again[0].CaseID)
		}
		if f, err = o.Get(by(t.Context(), "viewer-x"), id); err != nil || f.Sources[0].Ended != "" || f.Steps[3].Reason != "alert stands again" {
			t.Errorf("the case is %+v, %v", f, err)
		}
		if page, err := o.List(by(t.Context(), "viewer-x"), cases.Query{Limit: 10}); err != nil || len(page.Items) != 2 {
			t.Errorf("%+v, %v", page, err)
		}
		if got := o.journal(t, "alert:fp-6"); len(got) != 1 || got[0].Action != "alert.ignored" || got[0].Actor != "grafana" {
			t.Errorf("the journal has %+v", got)
		}
		if got := o.refusals(t, "alert:fp-4"); len(got) != 1 || !strings.Contains(got[0], "no such finding") {
			t.Errorf("the journal has %q", got)
		}
	})
}

func TestAnAlertSaysNothingThatIsNotThere(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o := openOffice(t, dsn, withSecret, func(c *cases.Options) { c.Rules = catalogue })
		for i := range 9 {
			session := fmt.Sprint("s-", i)
			o.found[session] = []warehouse.FindingItem{{FindingID: "f-1", SessionID: session, Tenant: "default", Rule: "cn-promise-broken", State: "standing"}}
		}
		s := o.serve(t)
		for i, c := range []struct{ labels, result, why, rule, kind string }{
			{`"rule":"nonsense","finding_id":"f-1"`, "opened", "", "cn-promise-broken", "rights"}, // what the finding is of counts
			{`"rule":"cn-refund-overdue","finding_id":"f-1"`, "opened", "", "cn-promise-broken", "rights"},
			{`"rule":"nonsense"`, "refused", `no rule is called "nonsense" (label rule)`, "", ""},
			{`"rule":"cn-promise-broken"`, "opened", "", "cn-promise-broken", "rights"},
			{`"rule":"cn-human-slow"`, "opened", "", "cn-human-slow", "other"}, // in the catalogue only
			{`"kind":"weather"`, "refused", `no claim is of the kind "weather" (label kind); leave the label out, or choose one of price, quality,`, "", ""},
			{`"kind":"weather","finding_id":"f-1"`, "refused", "no claim is of the kind", "", ""},
			{`"kind":"refund","finding_id":"f-1"`, "opened", "", "cn-promise-broken", "refund"},
			{`"kind":"human_unreachable","rule":"cn-promise-broken"`, "opened", "", "cn-promise-broken", "rights"},
		} {
			fingerprint := fmt.Sprint("fp-", i)
			body := message(firing("firing", fingerprint, fmt.Sprintf(`"session_id":"s-%d",`, i)+c.labels, monday))
			status, text := send(t, s, hookPath, body, signed(hookSecret, body, o.now)...)
			if status != 200 {
				t.Fatalf("%d %s", status, text)
			}
			got, items := results(t, text)
			if got[0] != c.result || !strings.Contains(items[0].Why, c.why) {
				t.Errorf("%s: %s", c.labels, text)
			}
			if c.result == "refused" {
				if r := o.refusals(t, "alert:"+fingerprint); len(r) != 1 || !strings.Contains(r[0], c.why) {
					t.Errorf("%s: the journal has %q", c.labels, r)
				}
				continue
			}
			if f, err := o.Get(by(t.Context(), "viewer-x"), items[0].CaseID); err != nil || f.Kind != c.kind || !slices.Equal(f.Rules, []string{c.rule}) || f.Sources[0].Rule != c.rule {
				t.Errorf("%s: %+v, %v", c.labels, f, err)
			}
		}
	})
}

// What the provisioned alert rules say of a session is understood.
func TestTheHookKnowsTheKindsOfTheDashboardsAlerts(t *testing.T) {
	text, err := os.ReadFile("../../deploy/grafana/provisioning/alerting/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	o := openOffice(t, t.TempDir()+"/state.db", withSecret)
	s := o.serve(t)
	kinds := 0
	for i, rule := range strings.Split(string(text), "\n      - uid: ")[1:] {
		if !strings.Contains(rule, "SELECT tenant, session_id,") {
			continue // it names no session, and is ignored
		}
		_, kind, _ := strings.Cut(rule, "\n          kind: ")
		kind, _, _ = strings.Cut(kind, "\n")
		kinds++
		body := message(firing("firing", fmt.Sprint("fp-", i), fmt.Sprintf(`"session_id":"s-%d","kind":%q`, i, kind), monday))
		if status, text := send(t, s, hookPath, body, signed(hookSecret, body, o.now)...); status != 200 || !strings.Contains(text, "opened") {
			t.Errorf("an alert of the kind %q: %d %s", kind, status, text)
		}
	}
	if kinds < 2 {
		t.Errorf("%d rules were read", kinds)
	}
}

func TestTheHookTakesOnlyWhatTheSecretSigned(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o := openOffice(t, dsn, withSecret)
		s := o.serve(t)
		body := message(firing("firing", "fp-1", `"session_id":"s-1"`, monday))
		refused := func(what string, want int, says, body string, header ...string) {
			t.Helper()
			status, text := send(t, s, hookPath, body, header...)
			if status != want || !strings.Contains(text, says) || strings.Contains(text, hookSecret) {
				t.Errorf("%s: %d %s", what, status, text)
			}
			if r := o.refusals(t, "hook:grafana"); len(r) == 0 || !strings.Contains(r[len(r)-1], says) {
				t.Errorf("%s: the journal has %q", what, r)
			}
			o.now = o.now.Add(time.Minute) // for the journal to be told of the next
		}
		refused("nothing", 401, "not signed", body)
		refused("another token", 401, "not signed", body, "Authorization", "Bearer "+hookSecret+"x")
		refused("another secret", 401, "does not fit", body, signed(hookSecret+"x", body, o.now)...)
		refused("another body", 401, "does not fit", strings.Replace(body, "s-1", "s-2", 1), signed(hookSecret, body, o.now)...)
		refused("no hex", 401, "does not fit", body, "X-Grafana-Alerting-Signature", "zz", "X-Grafana-Alerting-Timestamp", "1")
		refused("too old", 401, "time stamp", body, signed(hookSecret, body, o.now.Add(-6*time.Minute))...)
		refused("from the future", 401, "time stamp", body, signed(hookSecret, body, o.now.Add(6*time.Minute))...)
		stripped := signed(hookSecret, body, o.now)
		refused("without its time stamp", 401, "signed without a time stamp; set the contact point's timestamp header", body, stripped[:2]...)
		refused("signed without a time stamp", 401, "to X-Grafana-Alerting-Timestamp", body, signed(hookSecret, body, time.Time{})...)
		if page, err := o.List(by(t.Context(), "viewer-x"), cases.Query{Limit: 10}); err != nil || len(page.Items) != 0 {
			t.Errorf("a forged alert opened %+v, %v", page, err)
		}
		good := signed(hookSecret, body, o.now)
		if status, text := send(t, s, hookPath, body, good...); status != 200 || !strings.Contains(text, "opened") {
			t.Errorf("%d %s", status, text)
		}
		refused("the very same again", 409, "came before", body, good...)

		// With the secret as a token: again changes nothing.
		if status, text := send(t, s, hookPath, body, "Authorization", "Bearer "+hookSecret); status != 200 || !strings.Contains(text, "unchanged") {
			t.Errorf("%d %s", status, text)
		}
		if status, text := send(t, s, hookPath, "{", signed(hookSecret, "{", o.now)...); status != 422 {
			t.Errorf("%d %s", status, text)
		}
		if status, _ := send(t, s, hookPath, strings.Repeat(" ", 2<<20), "Authorization", "Bearer "+hookSecret); status != 413 {
			t.Errorf("a body over the limit: %d", status)
		}
	})
}

func TestWhoeverKnocksAllDayDoesNotFillTheJournal(t *testing.T) {
	o := openOffice(t, t.TempDir()+"/state.db", withSecret)
	s := o.serve(t)
	knock := func(n int, header ...string) {
		t.Helper()
		for i := range n {
			if status, text := send(t, s, hookPath, fmt.Sprintf(`{"n":%d}`, i), header...); status != 401 {
				t.Fatalf("%d %s", status, text)
			}
		}
	}
	told := func(want ...string) {
		t.Helper()
		var got []string
		for _, e := range o.journal(t, "hook:grafana") {
			var d struct {
				LeftOut int `json:"left_out"`
			}
			if err := json.Unmarshal(e.Detail, &d); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s +%d", e.Reason[:20], d.LeftOut))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("the journal has %q, want %q", got, want)
		}
	}
	const unsigned, forged = "the alert is not sig", "the alert's signatur"
	knock(100)
	told(unsigned + " +0")
	knock(50, "X-Grafana-Alerting-Signature", "00", "X-Grafana-Alerting-Timestamp", "1") // another reason is told of
	told(unsigned+" +0", forged+" +0")
	o.now = o.now.Add(59 * time.Second)
	knock(10)
	told(unsigned+" +0", forged+" +0")
	o.now = o.now.Add(time.Second)
	knock(10)
	told(unsigned+" +0", forged+" +0", unsigned+" +109")
}

func TestWithoutASecretTheHookIsOff(t *testing.T) {
	o := openOffice(t, t.TempDir()+"/state.db")
	if status, text := send(t, o.serve(t), hookPath, message()); status != 503 || !strings.Contains(text, "MINGJIAN_GRAFANA_SECRET") {
		t.Errorf("%d %s", status, text)
	}
	if _, err := cases.New(t.Context(), o.db, o.found, cases.Options{GrafanaSecret: "short"}); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a secret that can be guessed: %v", err)
	}
}

// Whatever is in a message, it is answered, and what it opens belongs to a session.
func FuzzAlerts(f *testing.F) {
	o := openOffice(f, f.TempDir()+"/state.db", withSecret)
	s := o.serve(f)
	for _, seed := range []string{
		message(firing("firing", "fp-1", `"session_id":"s-1"`, monday)), message(firing("resolved", "fp-2", `"session_id":"s\u0000","kind":"\u202e"`, monday)),
		`{"alerts":[null,1,"x",[],{}]}`, `{"alerts":null}`, `[]`, `{`, "", `{"alerts":[{"status":"firing","fingerprint":"\u0000","startsAt":"9999-12-31T23:59:59Z"}]}`,
		`{"alerts":[{"status":"firing","fingerprint":"a","labels":{"session_id":"s"},"startsAt":"2026-01-01T00:00:00+23:59"}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		status, text := send(t, s, hookPath, body, "Authorization", "Bearer "+hookSecret)
		if status >= 500 {
			t.Errorf("%d %s", status, text)
		}
	})
}

func TestTheWorkflowOverHTTP(t *testing.T) {
	o := openOffice(t, t.TempDir()+"/state.db")
	o.found["s-1"] = []warehouse.FindingItem{{FindingID: "f-1", SessionID: "s-1", Tenant: "default", Rule: "cn-answer-untrue", Severity: "high", State: "standing"}}
	s := o.serve(t)
	var k struct {
		cases.Case
		Allowed []cases.Permitted
		Steps   []cases.Step
	}
	post := func(who, path string, want int, says string, body map[string]any) {
		t.Helper()
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		status, answer := send(t, s, "/api/v1/cases"+path, string(text), "Who", who)
		if status != want || !strings.Contains(answer, says) {
			t.Fatalf("POST %s %s as %s: %d %s", path, text, who, status, answer)
		}
		if status < 300 {
			if err := json.Unmarshal([]byte(answer), &k); err != nil {
				t.Fatal(err)
			}
		}
	}
	post("inspector-li", "", 201, `"state":"candidate"`, map[string]any{"session_id": "s-1", "finding_id": "f-1", "kind": "price", "reason": "报错"})
	post("inspector-bo", "", 200, k.ID, map[string]any{"session_id": "s-1", "kind": "price", "reason": "报错"})
	at := "/" + k.ID
	post("officer-zhao", at+"/open", 200, `"state":"open"`, map[string]any{"version": k.Version, "answer": "在查"})
	post("officer-zhao", at+"/assess", 422, "currency", map[string]any{"version": k.Version, "amount_minor": 5, "words": "x"})
	post("officer-zhao", at+"/assess", 422, "amount_minor", map[string]any{"version": k.Version, "amount_minor": -5, "currency": "CNY", "words": "x"})
	post("officer-zhao", at+"/assess", 200, `"state":"assessed"`, map[string]any{"version": k.Version, "amount_minor": 10000, "currency": "CNY", "words": "多付"})
	post("officer-zhao", at+"/propose", 422, "has to be between", map[string]any{"version": k.Version, "form": "cash", "amount_minor": 1 << 62, "currency": "CNY", "reason": "x"})
	post("officer-zhao", at+"/propose", 200, `"digest"`, map[string]any{"version": k.Version, "form": "cash", "amount_minor": 10000, "currency": "CNY", "reason": "退还"})
	post("officer-zhao", at+"/approve", 403, "somebody else has to approve", map[string]any{"version": k.Version, "digest": k.Proposal.Digest, "reason": "x"})
	post("approver-qian", at+"/approve", 409, "changed since", map[string]any{"version": k.Version, "digest": "00", "reason": "x"})
	post("approver-qian", at+"/approve", 409, fmt.Sprintf(`"value":%d`, k.Version), map[string]any{"version": 1, "digest": k.Proposal.Digest, "reason": "x"})
	post("approver-qian", at+"/approve", 200, `"state":"approved"`, map[string]any{"version": k.Version, "digest": k.Proposal.Digest, "reason": "属实"})
	post("finance-sun", at+"/pay", 200, `"state":"paying"`, map[string]any{"version": k.Version, "reason": "付"})
	post("finance-sun", at+"/confirm", 422, "say why it could not be paid", map[string]any{"payout_id": k.Payouts[0].ID, "paid": false, "amount_minor": 10000, "currency": "CNY"})
	post("finance-sun", at+"/confirm", 409, "what was ordered", map[string]any{"payout_id": k.Payouts[0].ID, "paid": true, "amount_minor": 10001, "currency": "CNY"})
	confirmed := map[string]any{"payout_id": k.Payouts[0].ID, "paid": true, "amount_minor": 10000, "currency": "CNY", "reference": "B-1"}
	post("finance-sun", at+"/confirm", 200, `"state":"paid"`, confirmed)
	post("finance-sun", at+"/confirm", 409, "confirmed before", confirmed)
	confirmed["reference"] = "B-2"
	post("finance-sun", at+"/confirm", 409, "ask the receiver whether the money left twice", confirmed)
	post("officer-zhao", at+"/assess", 409, "what was approved cannot be changed any more", map[string]any{"version": k.Version, "amount_minor": 10000, "currency": "CNY", "words": "x"})
	post("officer-zhao", at+"/close", 200, `"state":"closed"`, map[string]any{"version": k.Version, "reason": "完"})
	post("inspector-li", at+"/appeal", 200, `"state":"appealed"`, map[string]any{"version": k.Version, "words": "不够"})
	post("officer-zhao", at+"/reject", 403, "before the customer appealed", map[string]any{"version": k.Version, "reason": "x"})
	post("officer-wang", at+"/reject", 200, `"state":"rejected"`, map[string]any{"version": k.Version, "reason": "足额"})
	post("officer-wang", "/case-none/reject", 404, "no such case", map[string]any{"version": 1, "reason": "x"})

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/cases"+at, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Who", "inspector-li")
	answer, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&k); err != nil || len(k.Steps) != 11 || len(k.Allowed) != len(cases.Actions) {
		t.Errorf("%+v, %v", k, err)
	}
	for _, a := range k.Allowed {
		if a.OK != (a.Action == cases.Appeal) || !a.OK && a.Why == "" {
			t.Errorf("an inspector is shown %+v", a)
		}
	}
}
