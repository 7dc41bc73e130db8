package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mingjian/collector"
	"mingjian/collector/event"
	"mingjian/collector/intake"
	"mingjian/collector/original"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
)

// What was refused and is an event to this program is stored once, with what it breaks; and a deep doctor
// tells a record that is whole from one that holds a row which nobody sealed.
func TestReplayRejectsAndDeepDoctor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := up(t, filepath.Join(dir, "data"))
	line := func(id int, text string) string {
		return fmt.Sprintf(`{"event_id":"%d","session_id":"s","ts":"2026-09-01T09:00:0%dZ","kind":"message","actor":{"role":"bot"},"text":%q}`, id, id, text)
	}
	file := filepath.Join(dir, "talk.jsonl")
	writeLines(t, file, func(enc *json.Encoder) {
		enc.Encode(json.RawMessage(line(1, "非常抱歉")))
		enc.Encode(json.RawMessage(line(2, "非常抱歉")))
		enc.Encode(json.RawMessage(`{"event_id":"no event"}`))
	})
	output(t, "import", "--data", s.data, file)
	s.settled(3)
	s.caughtUp()

	deep := func() (bool, string) {
		t.Helper()
		var report struct {
			OK     bool
			Checks []collector.Check
		}
		out, err := mingjian("doctor", "--deep", "--json", "--data", s.data).Output()
		if e := json.Unmarshal(out, &report); e != nil || report.OK != (err == nil) {
			t.Fatalf("doctor says ok: %v, and ends with %v (%v): %s", report.OK, err, e, out)
		}
		return report.OK, string(out)
	}
	if ok, out := deep(); !ok || !strings.Contains(out, `"findings"`) {
		t.Errorf("a whole record: %s", out)
	}

	// As an older program might have refused it: what it is now no fault of.
	var at embedded.Endpoints
	decodeFile(t, filepath.Join(s.data, "endpoints.json"), &at)
	options, err := embeddedStore(s.data, at, embedded.WriterUser)
	if err != nil {
		t.Fatal(err)
	}
	record, err := warehouse.Connect(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer record.Close()
	db, err := openWorkflow(t.Context(), s.data, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	keys, err := openVault(t.Context(), s.data, db)
	if err != nil {
		t.Fatal(err)
	}
	owned, err := keys.Keys(t.Context(), []original.Owner{{Topic: collector.InteractionsTopic, Month: "2026-09"}})
	if err != nil {
		t.Fatal(err)
	}
	const planted = 1 << 30
	refused := []byte(line(3, "非常抱歉，请拨打13812345678"))
	sum := sha256.Sum256(refused)
	place := event.Position{Topic: collector.InteractionsTopic, Offset: planted}
	row := warehouse.Reject{
		Topic: place.Topic, Offset: planted, At: time.Now().UnixMilli(), Key: "s", Reason: "field", Detail: "text must be short",
		Size: len(refused), SHA256: hex.EncodeToString(sum[:]), Payload: original.Seal(&owned[0], place, refused), KeyID: owned[0].ID,
	}
	if err := record.Write(context.Background(), &warehouse.Batch{Rejects: []warehouse.Reject{row}}); err != nil {
		t.Fatal(err)
	}
	if ok, out := deep(); ok || !strings.Contains(out, fmt.Sprintf("a row stands at offset %d", planted)) {
		t.Errorf("with a reject that no message was: %s", out)
	}
	replay := func(args ...string) (r intake.Replayed) {
		t.Helper()
		if err := json.Unmarshal([]byte(output(t, append([]string{"replay-rejects", "--json", "--data", s.data}, args...)...)), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := replay("--dry-run"); r.Rejects != 2 || r.Sent != 1 || len(r.Still) != 1 {
		t.Errorf("dry run: %+v", r)
	}
	if r := replay("--reason", "field"); r.Rejects != 1 || r.Sent != 1 {
		t.Errorf("replayed: %+v", r)
	}
	s.settled(4)
	s.wait("the finding", func() bool {
		return s.count(`SELECT toInt64(count()) AS n FROM mingjian.findings_v WHERE session_id = 's' AND rule = 'q-apology-loop' AND state = 'standing'`) == 1
	})
	if r := replay(); r.Rejects != 2 || r.Sent != 0 || r.Stored != 1 {
		t.Errorf("again: %+v", r)
	}
	if n := s.count(`SELECT toInt64(count()) AS n FROM mingjian.interactions_v WHERE event_id = '3' AND text LIKE '%⟦phone⟧%'`); n != 1 {
		t.Errorf("the event stands %d times", n)
	}
	if text := output(t, "replay-rejects", "--data", s.data, "--since", "1h"); !strings.HasPrefix(text, "2 refused messages: 0 sent, 1 stand in the record already") {
		t.Errorf("told: %s", text)
	}
}
