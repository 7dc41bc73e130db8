package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"mingjian/audit/cases"
	"mingjian/audit/fund"
	"mingjian/audit/store"
	"mingjian/collector/intake"
	"mingjian/collector/scenario"
	"mingjian/collector/stream"
	"mingjian/policies"
)

// From nothing to paid: a conversation in which a machine refuses a refund and nobody answers for it is
// noticed, reviewed, decided by four people and paid once. Everything here goes by HTTP or Kafka.
func TestFromAViolationToAPaidCustomer(t *testing.T) {
	t.Parallel()
	const session, customer = "s-refund-1", "c-10086"
	s := up(t, filepath.Join(t.TempDir(), "data"), "--look-every", "1s", "--fund-low", "CNY=900000")
	li, wu := enter(s, "li", "inspector"), enter(s, "wu", "inspector")
	chen := enter(s, "chen", "supervisor")
	zhao := enter(s, "zhao", "officer")
	qian := enter(s, "qian", "approver")
	sun := enter(s, "sun", "finance")

	// Finance has set 10,000 yuan aside for customers.
	sun.must("POST", "/api/v1/fund/topup", map[string]any{"idempotency_key": "budget-2026", "amount_minor": 10_000_00, "currency": "CNY", "reason": "年度预算"}, 201, nil)

	// A conversation breaks a rule: a machine refuses a refund, and neither a person nor reasons come.
	zhao.token().must("POST", "/api/v1/interactions", violation(t, session, customer), 202, nil)

	// Its rule makes a candidate of it, without anybody's doing.
	var k cases.File
	zhao.until(session, &k, "a candidate by the rule", func() bool { return k.State == cases.Candidate && has(k, cases.FromFinding) })
	if k.Customer != customer || !slices.Equal(k.Rules, []string{"cn-auto-decision-human-refused"}) || k.Kind != "rights" {
		t.Fatalf("the candidate is %+v", k.Case)
	}

	// Grafana's alert about the same finding joins it; sent again it is refused.
	alert := grafanaMessage(session, k.FindingID, time.Now().Add(-time.Minute))
	header := signAlert(t, s, alert)
	var heard struct{ Items []cases.Heard }
	enter(s, "", "").send("POST", "/api/v1/hooks/grafana", alert, header...).is(200, &heard)
	if len(heard.Items) != 1 || heard.Items[0].Result != "joined" || heard.Items[0].CaseID != k.ID {
		t.Fatalf("the alert was taken as %+v", heard.Items)
	}
	enter(s, "", "").send("POST", "/api/v1/hooks/grafana", alert, header...).refused(409, "this very message came before")
	enter(s, "", "").send("POST", "/api/v1/hooks/grafana", alert, header[:2]...).refused(401, "signed without a time stamp")

	// A critical finding must be reviewed. Li finds that the AI misjudged; the officer disputes it, and
	// the supervisor lets it stand. (One review in ten is done twice, by somebody else.)
	s.wait("the review", func() bool { return len(chen.reviews(session)) > 0 })
	li.misjudged(session)
	wu.misjudged(session)
	disputed := ""
	for _, id := range chen.reviews(session) {
		if zhao.send("POST", "/api/v1/reviews/"+id+"/dispute", map[string]any{"version": zhao.version("/api/v1/reviews/" + id), "reason": "退款确实不符合条件"}).status == 200 {
			disputed = id
		}
	}
	chen.must("POST", "/api/v1/reviews/"+disputed+"/decide", map[string]any{"version": chen.version("/api/v1/reviews/" + disputed), "why": "没有人工，也没有说明理由"}, 200, nil)
	zhao.until(session, &k, "the verdict in the case", func() bool { return has(k, cases.FromReview) })

	// The officer answers the customer, finds what it cost, and proposes what the policy suggests.
	path := "/api/v1/cases/" + k.ID
	do := func(who *person, action string, more map[string]any) {
		t.Helper()
		body := map[string]any{"version": k.Version}
		for name, v := range more {
			body[name] = v
		}
		who.must("POST", path+"/"+action, body, 200, &k.Case)
	}
	do(zhao, "open", map[string]any{"answer": "我们正在人工核实您的退款，明天答复您。"})
	zhao.send("POST", path+"/assess", map[string]any{"version": k.Version, "amount_minor": 1280_00, "currency": "JPY", "words": "x"}).refused(422, "policies/compensation/tables.yaml")
	do(zhao, "assess", map[string]any{"amount_minor": 1280_00, "currency": "CNY", "words": "应退未退的价款，见订单"})
	var advice policies.Advice
	zhao.must("GET", path+"/advice", nil, 200, &advice)
	if !advice.Eligible || advice.AmountMinor != 1280_00 || !slices.Contains(advice.Basis, "cn-pipl-24-human") || !strings.Contains(advice.Why.ZH, "客户损失") {
		t.Errorf("the advice is %+v", advice)
	}
	do(zhao, "propose", map[string]any{"form": advice.Form, "amount_minor": advice.AmountMinor, "currency": "CNY", "reason": "全额退款"})

	// Over 200 yuan two others approve; not who proposed, nobody twice, and never the installation's token.
	yes := map[string]any{"digest": k.Proposal.Digest, "reason": "属实，同意"}
	approval := map[string]any{"version": k.Version, "digest": k.Proposal.Digest, "reason": "我提的，没问题"}
	zhao.send("POST", path+"/approve", approval).refused(403, "you made this proposal; somebody else has to approve it")
	zhao.token().send("POST", path+"/approve", approval).refused(403, "neither approves nor decides an appeal; sign in as a person")
	do(qian, "approve", yes)
	if k.State != cases.Proposed || k.Proposal.Approval.People != 2 {
		t.Errorf("with one approval it is %s, and needs %+v", k.State, k.Proposal.Approval)
	}
	approval["version"] = k.Version
	qian.send("POST", path+"/approve", approval).refused(403, "you have approved this already")
	do(sun, "approve", yes)
	if k.State != cases.Approved {
		t.Fatalf("with both approvals it is %s", k.State)
	}
	var money struct{ Items []fund.Balance }
	sun.must("GET", "/api/v1/fund", nil, 200, &money)
	if b := money.Items[0]; b.Reserved != 1280_00 || b.Available != 8720_00 || !b.Low || b.LowBelow != 9000_00 {
		t.Errorf("after the approval the fund is %+v", b)
	}

	// Finance orders the payment; who pays reads it from the topic, and says that it was paid, twice.
	do(sun, "pay", map[string]any{"reason": "按审批付款"})
	order, message := s.order()
	if order.PayoutID != k.Payouts[0].ID || string(message.Key) != order.PayoutID || order.Minor != 1280_00 || order.Currency != "CNY" || order.Form != "cash" ||
		order.Customer != k.Customer || order.SessionID != session || !strings.Contains(order.Basis, "cn-pipl-24-human") {
		t.Errorf("the order is %s", message.Value)
	}
	paid := fmt.Sprintf(`{"payout_id":%q,"case_id":%q,"paid":true,"amount_minor":128000,"currency":"CNY","reference":"B-2026-1"}`, order.PayoutID, order.CaseID)
	s.result(order.PayoutID, paid, paid)
	zhao.until(session, &k, "paid", func() bool { return k.State == cases.Paid })
	s.wait("the second confirmation in the journal", func() bool {
		return slices.ContainsFunc(s.journal("case:"+k.ID), func(e store.Entry) bool {
			return e.Actor == "receiver" && e.Action == "case.refused" && strings.Contains(e.Reason, "was confirmed before, as paid")
		})
	})

	// Another reference may be another payment: it changes nothing, and finance sees it.
	s.result(order.PayoutID, strings.Replace(paid, "B-2026-1", "B-2026-2", 1))
	s.wait("the contradiction in the journal", func() bool {
		return slices.ContainsFunc(s.journal("payout:"+order.PayoutID), func(e store.Entry) bool {
			return e.Action == "payout.result_refused" && strings.Contains(e.Reason, "ask the receiver whether the money left twice")
		})
	})
	if page := string(sun.send("GET", "/fund?lang=zh", nil).body); !strings.Contains(page, "付款结果自相矛盾") || !strings.Contains(page, "B-2026-2") {
		t.Errorf("the fund's page does not show the contradiction: %s", page)
	}

	// Nothing closes by itself.
	zhao.until(session, &k, "all of it", func() bool { return true })
	do(zhao, "close", map[string]any{"reason": "客户确认收到"})
	if k.State != cases.Closed || k.PaidMinor != 1280_00 {
		t.Errorf("at the end it is %s with %d paid", k.State, k.PaidMinor)
	}
	s.wait("the case on the dashboards", func() bool {
		return s.count(`SELECT toInt64(count()) AS n FROM mingjian.cases_v WHERE id = '`+k.ID+`' AND state = 'closed'`) == 1
	})
	sun.balances()
	zhao.until(session, &k, "one case", func() bool { return true })
	went(t, k, s.journal("case:"+k.ID))
}

// went holds the case's steps and its journal against the timeline.
func went(t *testing.T, k cases.File, journal []store.Entry) {
	t.Helper()
	var way, told []string
	for _, step := range k.Steps {
		if step.From != step.To || step.Action == cases.Approve {
			way = append(way, fmt.Sprint(step.Actor, " ", step.Action, " ", step.To))
		}
	}
	want := []string{
		"record began candidate", "zhao open open", "zhao assess assessed", "zhao propose proposed", "qian approve proposed", "sun approve approved",
		"sun pay paying", "receiver confirm paid", "zhao close closed",
	}
	if !slices.Equal(way, want) {
		t.Errorf("it went %q", way)
	}
	for _, e := range journal {
		told = append(told, e.Actor+" "+e.Action)
		if e.Reason == "" || e.At.IsZero() {
			t.Errorf("the journal has %+v", e)
		}
	}
	for _, line := range append([]string{
		"record case.began", "grafana case.joined", "record case.joined", "zhao case.opened", "zhao case.assessed", "zhao case.proposed", "zhao case.refused",
		"admin case.refused", "qian case.approved", "qian case.refused", "sun fund.reserve", "sun case.approved", "sun fund.pay", "sun case.ordered",
		"receiver fund.settle", "receiver case.confirmed", "receiver case.refused",
	}, "zhao case.closed") {
		if !slices.Contains(told, line) {
			t.Errorf("the journal does not have %q: %q", line, told)
		}
	}
}

// violation is a session of the demo's script, with a customer, as NDJSON.
func violation(t *testing.T, session, customer string) string {
	t.Helper()
	list, _, err := scenario.Load(policies.Builtin(), "scenarios/decisions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i, m := range list[0].Script(session, time.Now().Add(-10*time.Minute), list[0].First()) {
		if i == 0 { // the opening
			var e map[string]any
			if err := json.Unmarshal(m.Value, &e); err != nil {
				t.Fatal(err)
			}
			who, _ := e["customer"].(map[string]any)
			if who == nil {
				who = map[string]any{}
			}
			who["id"], e["customer"] = customer, who
			if m.Value, err = json.Marshal(e); err != nil {
				t.Fatal(err)
			}
		}
		lines = append(lines, string(m.Value))
	}
	return strings.Join(lines, "\n")
}

// grafanaMessage is what Grafana's webhook contact point sends of one firing alert (payload version 1).
func grafanaMessage(session, finding string, since time.Time) string {
	labels := fmt.Sprintf(`{"alertname":"AI misjudged a customer","grafana_folder":"Mingjian","tenant":"default","session_id":%q,"finding_id":%q}`, session, finding)
	return fmt.Sprintf(`{"receiver":"mingjian","status":"firing","orgId":1,"alerts":[{"status":"firing","labels":%s,
		"annotations":{"summary":"自动化决定没有人工复核，也没有说明"},"startsAt":%q,"endsAt":"0001-01-01T00:00:00Z",
		"generatorURL":"http://127.0.0.1:3000/alerting/grafana/misjudged/view?orgId=1","fingerprint":"c6eadffa33fcdf37",
		"silenceURL":"http://127.0.0.1:3000/alerting/silence/new","dashboardURL":"","panelURL":"","values":{"A":1},"valueString":"[ var='A' value=1 ]"}],
		"groupLabels":{"alertname":"AI misjudged a customer"},"commonLabels":%s,"commonAnnotations":{},"externalURL":"http://127.0.0.1:3000/","version":"1",
		"groupKey":"{}:{alertname=\"AI misjudged a customer\"}","truncatedAlerts":0,"title":"[FIRING:1] AI misjudged a customer","state":"alerting","message":"**Firing**"}`,
		labels, since.Format(time.RFC3339Nano), labels)
}

// signAlert signs a message now, with the secret that the system made for itself.
func signAlert(t *testing.T, s *system, body string) []string {
	t.Helper()
	file := filepath.Join(s.data, "grafana.secret")
	secret, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret's file is %v, %v", info.Mode(), err)
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, bytes.TrimSpace(secret))
	mac.Write([]byte(stamp + ":" + body))
	return []string{"X-Grafana-Alerting-Signature", hex.EncodeToString(mac.Sum(nil)), "X-Grafana-Alerting-Timestamp", stamp}
}

// has reports whether a case has a source of a kind.
func has(k cases.File, kind cases.SourceKind) bool {
	return slices.ContainsFunc(k.Sources, func(s cases.Source) bool { return s.Kind == kind })
}

// order reads the first order from its topic.
func (s *system) order() (o fund.Order, m kafka.Message) {
	s.t.Helper()
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{s.endpoints().Kafka}, Topic: fund.OrderTopic, MaxWait: 100 * time.Millisecond})
	defer r.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	m, err := r.ReadMessage(ctx)
	if err != nil {
		s.t.Fatal("no order on the topic: ", err)
	}
	if err := json.Unmarshal(m.Value, &o); err != nil {
		s.t.Fatal(err)
	}
	return o, m
}

// result says what became of a payout.
func (s *system) result(key string, values ...string) {
	s.t.Helper()
	p := intake.NewProducer(stream.At(s.endpoints().Kafka), fund.ResultTopic)
	defer p.Close()
	for _, v := range values {
		if err := p.Send(s.t.Context(), fund.ResultTopic, []byte(key), []byte(v)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// journal is what was recorded of a subject.
func (s *system) journal(subject string) (out []store.Entry) {
	s.t.Helper()
	db, err := store.Open(s.t.Context(), filepath.Join(s.data, "audit.sqlite"), store.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if err := db.Read(s.t.Context(), func(tx *store.Tx) (err error) { out, err = tx.Journal(s.t.Context(), subject); return err }); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// version is that of a review as it is now.
func (p *person) version(path string) (n int64) {
	p.s.t.Helper()
	var t struct{ Version int64 }
	p.must("GET", path, nil, 200, &t)
	return t.Version
}

// until waits for the one case of a session to be as wanted, and reads it.
func (p *person) until(session string, into *cases.File, what string, ok func() bool) {
	p.s.t.Helper()
	p.s.wait(what, func() bool {
		var page struct{ Items []cases.Case }
		p.must("GET", "/api/v1/cases?session="+session, nil, 200, &page)
		if len(page.Items) == 0 {
			return false
		}
		if len(page.Items) > 1 {
			p.s.t.Fatalf("one wrong has %d cases: %+v", len(page.Items), page.Items)
		}
		*into = cases.File{}
		p.must("GET", "/api/v1/cases/"+page.Items[0].ID, nil, 200, into)
		return ok()
	})
}

// reviews are the ids of a session's.
func (p *person) reviews(session string) (ids []string) {
	p.s.t.Helper()
	var page struct {
		Items []struct {
			ID string `json:"task_id"`
		}
	}
	p.must("GET", "/api/v1/reviews?session="+session, nil, 200, &page)
	for _, t := range page.Items {
		ids = append(ids, t.ID)
	}
	return ids
}

// misjudged gives the verdict that the AI did the customer wrong, where there is a review to do.
func (p *person) misjudged(session string) {
	p.s.t.Helper()
	var next struct {
		Item *struct {
			ID      string `json:"task_id"`
			Version int64
			Card    struct {
				ID      string `json:"id"`
				Version int    `json:"version"`
			}
		}
		Card struct {
			Criteria []struct {
				ID    string
				Scale int
			}
		} `json:"card_text"`
	}
	p.must("POST", "/api/v1/reviews/next", map[string]any{}, 200, &next)
	if next.Item == nil {
		return
	}
	task := next.Item
	var conversation struct {
		Revision string `json:"policy_revision"`
		Found    []struct {
			ID      string `json:"finding_id"`
			Version int64
			State   string
		}
	}
	p.must("GET", "/api/v1/sessions/"+session, nil, 200, &conversation)
	ratings, findings := []map[string]any{}, []map[string]any{}
	for _, c := range next.Card.Criteria {
		rating := "pass"
		if c.Scale > 0 {
			rating = strconv.Itoa(c.Scale)
		}
		ratings = append(ratings, map[string]any{"criterion": c.ID, "rating": rating})
	}
	for _, f := range conversation.Found {
		if f.State == "standing" {
			findings = append(findings, map[string]any{"finding_id": f.ID, "version": f.Version, "decision": "upheld", "why": "听过对话，属实"})
		}
	}
	p.must("POST", "/api/v1/reviews/"+task.ID+"/verdict", map[string]any{
		"version": task.Version, "card": task.Card, "policy_revision": conversation.Revision, "criteria": ratings, "findings": findings,
		"misjudged": true, "misjudgement": map[string]any{"kind": "rights", "amount_minor": 1280_00, "currency": "CNY", "words": "应当退款"},
	}, 200, nil)
}

// balances holds the month's statement against what was paid, as JSON and as CSV.
func (p *person) balances() {
	t := p.s.t
	t.Helper()
	path := "/api/v1/fund/statement?month=" + time.Now().In(fund.Shanghai).Format("2006-01")
	var s fund.Statement
	p.must("GET", path, nil, 200, &s)
	var kinds []string
	for _, e := range s.Movements {
		kinds = append(kinds, fmt.Sprint(e.Actor, " ", e.Kind, " ", e.Minor))
	}
	if !slices.Equal(kinds, []string{"sun topup 1000000", "sun reserve 128000", "sun pay 128000", "receiver settle 128000"}) {
		t.Errorf("the statement has %q", kinds)
	}
	if (s.Opening != fund.Amounts{}) || (s.Closing != fund.Amounts{ToppedUp: 10_000_00, Available: 8720_00, Paid: 1280_00}) {
		t.Errorf("it opens with %+v and closes with %+v", s.Opening, s.Closing)
	}
	sheet := p.send("GET", path+"&format=csv", nil)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(sheet.body), "\ufeff"))).ReadAll()
	if err != nil || sheet.status != 200 {
		t.Fatal(sheet.status, err)
	}
	closing := map[string]string{}
	for _, row := range rows {
		if strings.HasSuffix(row[0], "Closing") {
			closing[row[3]] = row[8]
		}
	}
	if closing["累计充值 Topped up"] != "1000000" || closing["可用 Available"] != "872000" || closing["已支付 Paid"] != "128000" || closing["支付中 Paying"] != "0" {
		t.Errorf("the sheet closes with %v", closing)
	}
}
