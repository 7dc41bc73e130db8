package export_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"
	"golang.org/x/mod/sumdb/note"

	"mingjian/audit/cases"
	"mingjian/audit/evidence"
	"mingjian/audit/export"
	"mingjian/audit/export/dossier"
	"mingjian/audit/export/verify"
	"mingjian/audit/identity"
	"mingjian/audit/retention"
	"mingjian/audit/store"
	"mingjian/audit/vault"
	"mingjian/collector"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
	"mingjian/policies"
)

// within bounds every wait; a test that needs all of it has failed.
const within = 2 * time.Minute

// system is a record that a collector writes, with a notary's log over it.
type system struct {
	t      testing.TB
	addr   string
	record *warehouse.Store
	db     *store.DB
	vault  *vault.Vault
	notary *evidence.Notary
	signer note.Signer
	writer *client.Writer
	health *collector.Health
	sent   map[int]int64
}

// ran starts a system.
func ran(t *testing.T) *system {
	t.Helper()
	s := &system{t: t, sent: map[int]int64{}, health: collector.NewHealth()}
	s.open(t.TempDir())
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := collector.NewRules(bundle)
	if err != nil {
		t.Fatal(err)
	}
	s.addr = kafkatest.Start(t, kafka.Topic{Name: collector.InteractionsTopic, Partitions: 2}, kafka.Topic{Name: collector.FindingsTopic, Partitions: 1}, kafka.Topic{Name: collector.RejectsTopic, Partitions: 1})
	s.writer = &client.Writer{Addr: client.TCP(s.addr), Topic: collector.InteractionsTopic, Balancer: &client.Hash{}, RequiredAcks: client.RequireAll, BatchTimeout: time.Millisecond}
	t.Cleanup(func() { s.writer.Close() })
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- collector.Run(ctx, collector.Options{
			Stream: stream.At(s.addr), Store: s.record, Keys: s.vault, Rules: rules, Health: s.health,
			Batch: collector.Limits{Messages: 400, Wait: 50 * time.Millisecond}, Quiet: 100 * time.Millisecond, Grace: time.Second,
			Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("collector: %v", err)
		}
	})
	return s
}

// open opens the stores.
func (s *system) open(dir string) {
	t, ctx := s.t, context.Background()
	t.Helper()
	server := clickhousetest.Lend(t)
	var err error
	if s.record, err = warehouse.Connect(ctx, warehouse.Options{Addr: server.URL, User: server.User, Password: server.Password}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.record.Close() })
	if s.db, err = store.Open(ctx, filepath.Join(dir, "audit.sqlite"), store.Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.db.Close() })
	if s.vault, err = vault.Open(ctx, s.db, filepath.Join(dir, vault.MasterKeyFile), true); err != nil {
		t.Fatal(err)
	}
	if s.notary, err = evidence.Open(ctx, filepath.Join(dir, "evidence"), evidence.Options{Store: s.db, Log: slog.New(slog.DiscardHandler), Settle: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.notary.Close() })
	if s.signer, err = evidence.OpenSigner(filepath.Join(dir, "evidence")); err != nil {
		t.Fatal(err)
	}
}

func (s *system) sources() *export.Sources {
	return &export.Sources{
		Record: s.record, Topic: collector.InteractionsTopic, Log: s.notary.Log, Signer: s.signer, Blinding: s.vault.Blinding, Store: s.db, Program: "test",
	}
}

// told sends events, each a JSON object, waits until they are sealed, and has the notary append the seals.
func (s *system) told(events ...map[string]any) {
	s.t.Helper()
	var messages []client.Message
	for _, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			s.t.Fatal(err)
		}
		messages = append(messages, client.Message{Key: []byte(e["session_id"].(string)), Value: b})
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := s.writer.WriteMessages(ctx, messages...); err != nil {
		s.t.Fatal(err)
	}
	s.sealed(ctx)
}

// sealed waits until everything is sealed and in the log.
func (s *system) sealed(ctx context.Context) {
	s.t.Helper()
	c := &client.Client{Addr: client.TCP(s.addr)}
	offsets, err := c.ListOffsets(ctx, &client.ListOffsetsRequest{Topics: map[string][]client.OffsetRequest{collector.InteractionsTopic: {client.LastOffsetOf(0), client.LastOffsetOf(1)}}})
	if err != nil {
		s.t.Fatal(err)
	}
	for {
		done, err := s.record.Progress(ctx, collector.InteractionsTopic)
		if err != nil {
			s.t.Fatal(err)
		}
		behind := false
		for _, p := range offsets.Topics[collector.InteractionsTopic] {
			behind = behind || p.LastOffset > 0 && done[p.Partition].Last < p.LastOffset-1
		}
		if !behind {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := s.notary.Follow(ctx, s.record); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.notary.Checkpoint(ctx); err != nil {
		s.t.Fatal(err)
	}
}

// day is the period of the tests: yesterday.
var day = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)

// talk is a conversation of a tenant that begins at a moment of the day; what the customer says is in it.
func talk(tenant, id string, at time.Duration, jurisdiction string, words ...string) (out []map[string]any) {
	n := 0
	say := func(kind string, more map[string]any) {
		e := map[string]any{"event_id": fmt.Sprintf("e%d", n), "session_id": id, "ts": day.Add(at + time.Duration(n)*10*time.Second).Format(time.RFC3339), "kind": kind}
		for k, v := range more {
			e[k] = v
		}
		out = append(out, e)
		n++
	}
	say("session.opened", map[string]any{"tenant": tenant, "channel": "app", "industry": "telecom", "business_line": "mobile", "customer": map[string]any{"id": "c-" + id, "jurisdiction": jurisdiction, "age": 70}, "bot": map[string]any{"id": "b", "version": "2.1"}})
	for _, w := range words {
		say("message", map[string]any{"text": w, "actor": map[string]any{"role": "customer"}})
		say("message", map[string]any{"text": "请先描述您的问题哦", "actor": map[string]any{"role": "bot", "automated": true}})
	}
	say("session.closed", map[string]any{"close": map[string]any{"by": "customer", "reason": "ended"}})
	return out
}

func (s *system) request(tenant string) export.Request {
	return export.Request{Scope: dossier.Scope{Tenant: tenant, From: day.UnixMilli(), To: day.AddDate(0, 0, 1).UnixMilli()}, Purpose: "a test"}
}

// written makes a package.
func (s *system) written(r export.Request) ([]byte, *export.Made) {
	s.t.Helper()
	var out bytes.Buffer
	made, err := s.sources().Write(context.Background(), &out, r, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Bytes(), made
}

// verified has the package checked.
func (s *system) verified(pkg []byte) *verify.Report {
	s.t.Helper()
	report, err := verify.Package(context.Background(), bytes.NewReader(pkg), int64(len(pkg)), verify.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range report.Problems {
		s.t.Errorf("%s: %s", p.Where, p.What)
	}
	return report
}

// unpacked are the files of a package.
func unpacked(t testing.TB, pkg []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		out[f.Name] = string(b)
	}
	return out
}

// crowd is many conversations of three tenants.
func crowd(n int) (out []map[string]any) {
	for i := range n {
		for _, tenant := range []string{"acme", "other", ""} {
			id := fmt.Sprintf("%s-%d", tenant, i)
			at := time.Duration(i) * 17 * time.Minute % (24 * time.Hour)
			where := []string{"CN", "EU-ES", "US-CA"}[i%3]
			words := []string{"转人工", "secret of " + tenant + " " + id}
			if i%7 == 0 {
				words = append(words, `<script>alert("`+tenant+`")</script>`, "=1+1")
			}
			t := talk(tenant, id, at, where, words...)
			if tenant == "" {
				delete(t[0], "tenant")
			}
			out = append(out, t...)
		}
	}
	return out
}

func TestAPackageVerifiesAndIsTheSameAgain(t *testing.T) {
	s := ran(t)
	s.told(crowd(120)...)
	s.casework("acme", "acme-7")
	for _, where := range []string{"US-UT", "CN", "FR"} {
		human := talk("acme", "acme-human-"+where, 90*time.Minute, where, "are you a bot?")
		human[2]["text"] = "I am a real person, not a robot. 我是真人，不是机器人。"
		s.told(human...)
	}
	// One that crosses the border, sealed apart.
	long := talk("acme", "acme-long", 24*time.Hour-25*time.Second, "CN", "过一会儿", "还在吗", "你好")
	s.told(long[:3]...)
	s.told(append(long[3:], talk("acme", "acme-next-day", 30*time.Hour, "CN", "tomorrow's words")...)...)
	request := s.request("acme")

	first, made := s.written(request)
	report := s.verified(first)
	if !report.Complete || report.Counts.Interactions < 120*6 || report.Counts.Findings == 0 || report.Counts.Rechecked == 0 {
		t.Errorf("verified %+v", report)
	}
	files := unpacked(t, first)
	for name, text := range files {
		if strings.Contains(text, "secret of other") || strings.Contains(text, "tomorrow's words") && name != dossier.InteractionsFile {
			t.Errorf("%s has what is not the package's", name)
		}
	}
	if !strings.Contains(files[dossier.CasesFile], `"action":"open"`) || !strings.Contains(files[dossier.CasesFile], `"state":"rejected"`) {
		t.Errorf("cases:\n%s", files[dossier.CasesFile])
	}
	if !strings.Contains(files[dossier.InteractionsFile], "还在吗") {
		t.Error("the conversation that crosses the border is not whole")
	}
	if dir := os.Getenv("MINGJIAN_TEST_PACKAGES"); dir != "" { // to be looked at
		if err := os.WriteFile(filepath.Join(dir, "acme.zip"), first, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	readable(t, files)
	s.narrower(request, made)
	if made.Manifest.Scope.RecordedBy == 0 || made.Manifest.LogSize == 0 {
		t.Errorf("manifest %+v", made.Manifest)
	}

	// More comes: also to conversations of the period.
	late := talk("acme", "acme-5", 5*17*time.Minute+time.Hour, "CN", "a late word")
	for i := range late {
		late[i]["event_id"] = fmt.Sprintf("late%d", i)
	}
	s.told(append(late[1:3], crowd(130)[120*3*6:]...)...)
	request.At = made.Manifest.LogSize
	again, _ := s.written(request)
	if !bytes.Equal(first, again) {
		now := unpacked(t, again)
		for name, text := range files {
			if now[name] != text {
				t.Errorf("%s is not the same: %s", name, firstDifference(text, now[name]))
			}
		}
		t.Error("the same request at the same checkpoint gave other bytes")
	}
	request.At = 0
	newest, _ := s.written(request)
	s.verified(newest)
	if bytes.Equal(first, newest) {
		t.Error("the newest checkpoint gives what an older one gave")
	}
	s.verified(func() []byte { b, _ := s.written(s.request("default")); return b }())
	s.forgotten(made)
}

// casework reports a session, takes the case up and rejects it.
func (s *system) casework(tenant, session string) {
	s.t.Helper()
	ctx := identity.With(context.Background(), identity.Principal{ID: "officer", Roles: []identity.Role{identity.Officer}})
	list, err := cases.New(ctx, s.db, s.record, cases.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	k, _, err := list.Report(ctx, cases.Report{Tenant: tenant, SessionID: session, Kind: "price", Reason: "the price was another"})
	if err == nil {
		k, err = list.TakeUp(ctx, k.ID, k.Version, "we look into it")
	}
	if err == nil {
		_, err = list.Reject(ctx, k.ID, k.Version, "the price was right")
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// forgotten erases a customer: what he said is gone from packages, and everything else still verifies.
func (s *system) forgotten(before *export.Made) {
	s.t.Helper()
	ctx := identity.With(context.Background(), identity.Principal{ID: "officer", Roles: []identity.Role{identity.Admin}})
	reports, err := cases.New(ctx, s.db, s.record, cases.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := retention.New(ctx, retention.Options{Store: s.db, Record: s.record, Vault: s.vault, Cases: reports, Rules: func() *policies.Bundle { return bundle }})
	if err != nil {
		s.t.Fatal(err)
	}
	done, err := r.Erase(ctx, retention.Request{Tenant: "acme", Customer: "c-acme-7", Reason: "asked to be forgotten"})
	if err != nil || done.Rows == 0 {
		s.t.Fatalf("erased %+v, %v", done, err)
	}
	s.sealed(ctx)
	pkg, made := s.written(s.request("acme"))
	report := s.verified(pkg)
	files := unpacked(s.t, pkg)
	for name, text := range files {
		if strings.Contains(text, "secret of acme acme-7 ") || strings.Contains(text, "secret of acme acme-7\"") || strings.Contains(text, "secret of acme acme-7<") {
			s.t.Errorf("%s has what was erased", name)
		}
	}
	if want := fmt.Sprintf("%d interactions were erased", done.Rows); !strings.Contains(files[dossier.ReportFile], want) {
		s.t.Errorf("what was not checked does not say %q", want)
	}
	if report.Counts.Erased != int(done.Rows) || made.Manifest.Counts[dossier.ErasuresFile] != 1 || made.Manifest.Counts[dossier.InteractionsFile] < before.Manifest.Counts[dossier.InteractionsFile] {
		s.t.Errorf("%d rows are erased of %d; erasures %s", report.Counts.Erased, done.Rows, files[dossier.ErasuresFile])
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d\n%.1500s\n%.1500s", i+1, as[i], bs[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(as), len(bs))
}

// readable checks what people get: the page, the conversations, the tables.
func readable(t *testing.T, files map[string]string) {
	t.Helper()
	ofItsOwnCountry(t, files)
	page := files[dossier.ReportFile]
	for _, want := range []string{"个会话", "conversations with", "How to verify this package", "cn-human", "<svg"} {
		if !strings.Contains(page, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	talks := 0
	for name, text := range files {
		if !strings.HasSuffix(name, ".html") {
			continue
		}
		if strings.Contains(text, "<script") {
			t.Errorf("%s has a script", name)
		}
		if strings.HasPrefix(name, "conversations/") {
			talks++
			if strings.Contains(text, "&lt;script&gt;") {
				page = "" // what the customer said is there, as text
			}
		}
	}
	if talks == 0 || page != "" {
		t.Errorf("%d conversations, and none has the script that a customer sent", talks)
	}
	for _, name := range []string{"report/findings.csv", "report/sessions.csv", "report/clauses.csv"} {
		if n := strings.Count(files[name], "\r\n"); n < 3 || !strings.HasPrefix(files[name], "\ufeff") {
			t.Errorf("%s has %d lines", name, n)
		}
	}
	if len(files["report/package.xlsx"]) < 4000 {
		t.Error("the workbook is empty")
	}
	var tests, revisions int
	for name := range files {
		if strings.HasPrefix(name, "policies/") && strings.HasSuffix(name, "_test.rego") {
			tests++
		}
		if strings.HasPrefix(name, "policies/") && strings.HasSuffix(name, "/params.yaml") {
			revisions++
		}
	}
	if tests < 20 || revisions != 1 {
		t.Errorf("%d tests of %d revisions", tests, revisions)
	}
}

// narrower makes packages of less than everything.
func (s *system) narrower(whole export.Request, all *export.Made) {
	s.t.Helper()
	nosuch := whole
	nosuch.Scope.Tenant = "nosuch"
	var out bytes.Buffer
	if _, err := s.sources().Write(context.Background(), &out, nosuch, nil); err == nil || out.Len() > 0 || !strings.HasPrefix(err.Error(), "the record has nothing of tenant nosuch in this period") || strings.Contains(err.Error(), "\n") {
		s.t.Errorf("a tenant that does not exist: %d bytes, %v", out.Len(), err)
	}
	for name, narrow := range map[string]func(*dossier.Scope){
		"sessions": func(d *dossier.Scope) { d.Sessions = []string{"acme-5", "acme-7"} },
		"rules": func(d *dossier.Scope) {
			d.Rules = []string{"cn-elder-not-direct", "cn-human-unreachable", "core-human-refused"}
		},
		"jurisdictions": func(d *dossier.Scope) { d.Jurisdictions = []string{"EU-ES"} },
	} {
		r := whole
		narrow(&r.Scope)
		pkg, made := s.written(r)
		report := s.verified(pkg)
		rows := made.Manifest.Counts[dossier.InteractionsFile]
		if made.Interactions != int64(rows) {
			s.t.Errorf("%s: a package of %d rows is said to have %d", name, rows, made.Interactions)
		}
		if report.Complete || rows == 0 || rows >= all.Manifest.Counts[dossier.InteractionsFile] {
			s.t.Errorf("%s: %d rows of %d; complete: %t", name, rows, all.Manifest.Counts[dossier.InteractionsFile], report.Complete)
		}
		text := unpacked(s.t, pkg)[dossier.InteractionsFile]
		if name == "sessions" && (rows != 16 || strings.Contains(text, "acme-6")) || name == "jurisdictions" && strings.Contains(text, `acme-3\\"`) {
			s.t.Errorf("%s: %d rows, among them others", name, rows)
		}
	}
}

// ofItsOwnCountry checks that a bot that says that it is human (one in each country of the crowd) is held
// against the law of the session's country alone, wherever the package speaks of it.
func ofItsOwnCountry(t *testing.T, files map[string]string) {
	t.Helper()
	rows := func(name string) []map[string]string {
		all, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(files[name], "\ufeff"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var out []map[string]string
		for _, row := range all[1:] {
			m := map[string]string{}
			for i, cell := range row {
				_, english, _ := strings.Cut(all[0][i], " ")
				m[english] = cell
			}
			out = append(out, m)
		}
		return out
	}
	places, counted := map[string]string{}, map[string]int{}
	for _, r := range rows("report/sessions.csv") {
		places[r["Conversation"]] = r["Jurisdiction"]
	}
	denied := map[string]string{}
	for _, r := range rows("report/findings.csv") {
		if r["Rule"] == "ai-denied" {
			denied[places[r["Conversation"]]] = r["Clauses"]
		}
		for _, c := range strings.Fields(r["Clauses"]) {
			counted[c]++
		}
	}
	if want := (map[string]string{"US-UT": "us-ut-13-77-103", "CN": "", "FR": "eu-aia-50-1"}); !maps.Equal(denied, want) {
		t.Errorf("a bot that denies what it is breaks %v, want %v", denied, want)
	}
	for _, r := range rows("report/clauses.csv") {
		if r["Clause"] != "" && r["Findings"] != strconv.Itoa(counted[r["Clause"]]) {
			t.Errorf("%s has %s findings, and %d count under it", r["Clause"], r["Findings"], counted[r["Clause"]])
		}
		switch idle := r["Not checked"]; r["Clause"] {
		case "us-ut-13-77-103", "eu-aia-50-1":
			if r["Findings"] == "0" || idle != "" {
				t.Errorf("%v", r)
			}
		case "kr-ai-31":
			if !strings.Contains(idle, "no conversation of its jurisdiction to judge") {
				t.Errorf("%v", r)
			}
		case "es-8-2-3min", "cn-miit-85pct":
			if idle == "" || r["Judgements"] != "0" {
				t.Errorf("%v", r)
			}
		}
		if r["Findings"] == "0" && (r["Not checked"] == "") != (r["Judgements"] != "0") && !strings.Contains(r["Not checked"], "In force from") {
			t.Errorf("a clause without findings was judged or says why not: %v", r)
		}
	}
	for name, text := range files {
		if strings.HasPrefix(name, "conversations/") && strings.Contains(text, "<code>ai-denied</code>") &&
			(strings.Contains(text, "AI Act") != strings.Contains(text, "<dd>FR</dd>") || strings.Contains(text, "Utah Code") != strings.Contains(text, "<dd>US-UT</dd>")) {
			t.Errorf("%s names the law of another country", name)
		}
	}
}
