package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/vault"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
)

// Two collectors on one workflow store mask what is personal; whoever has the keys can prove what was
// said, until the person is erased.
func TestPersonalDataIsMaskedProvedAndErased(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := up(t, filepath.Join(dir, "data"))
	var at embedded.Endpoints
	decodeFile(t, filepath.Join(s.data, "endpoints.json"), &at)

	// A second collector, on the same store and the same group.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	health := free.Addr().String()
	free.Close()
	second := mingjian("collect", "--data", s.data, "--listen", health)
	second.Stdout, second.Stderr = s.log, s.log
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		second.Process.Signal(syscall.SIGTERM)
		second.Wait()
	}()
	s.wait("the second collector's share", func() bool {
		resp, err := http.Get("http://" + health + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var report struct {
			Ready      bool
			Partitions []struct{ Partition int }
		}
		return json.NewDecoder(resp.Body).Decode(&report) == nil && report.Ready && len(report.Partitions) > 0
	})

	const sessions, secret = 40, "13812345678"
	said := func(i int) string { return fmt.Sprintf("我是客户%d，电话%s", i, secret) }
	file := filepath.Join(dir, "calls.jsonl")
	writeLines(t, file, func(enc *json.Encoder) {
		for i := range sessions {
			enc.Encode(map[string]any{"event_id": "1", "session_id": fmt.Sprintf("s-%d", i), "ts": "2026-09-01T09:00:00Z", "kind": "session.opened",
				"channel": "app", "customer": map[string]any{"id": fmt.Sprintf("c-%d", i%2)}})
			enc.Encode(map[string]any{"event_id": "2", "session_id": fmt.Sprintf("s-%d", i), "ts": "2026-09-01T09:00:09Z", "kind": "message",
				"actor": map[string]any{"role": "customer"}, "text": said(i)})
		}
	})
	output(t, "import", "--data", s.data, file)
	s.settled(2 * sessions)
	if n := s.count(`SELECT toInt64(count()) AS n FROM mingjian.interactions_v WHERE text LIKE '%⟦phone⟧%' AND has(mask_kinds, 'phone') AND key_id != ''`); n != sessions {
		t.Errorf("%d texts are masked, want %d", n, sessions)
	}
	if n := s.count(`SELECT toInt64(count()) AS n FROM mingjian.interactions WHERE position(toString(tuple(*)), '` + secret + `') > 0`); n != 0 {
		t.Errorf("%d rows hold the number", n)
	}
	if n := s.count(`SELECT toInt64(uniqExact(key_id)) AS n FROM mingjian.interactions_v`); n != 2 {
		t.Errorf("%d keys for two customers", n)
	}

	// A third process opens the same store, to read and to erase.
	db, err := openWorkflow(t.Context(), s.data, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	keys, err := openVault(t.Context(), s.data, db)
	if err != nil {
		t.Fatal(err)
	}
	options, err := embeddedStore(s.data, at, embedded.ReaderUser)
	if err != nil {
		t.Fatal(err)
	}
	record, err := warehouse.Connect(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer record.Close()
	opened := func(session int) (string, error) {
		t.Helper()
		rows, err := record.Events(t.Context(), "default", fmt.Sprintf("s-%d", session))
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		message, err := keys.Original(t.Context(), &rows[1])
		return string(message), err
	}
	for i := range 2 {
		if got, err := opened(i); err != nil || !strings.Contains(got, said(i)) {
			t.Errorf("session %d: %q, %v", i, got, err)
		}
	}
	officer := identity.With(t.Context(), identity.Principal{ID: "officer"})
	if n, err := keys.Erase(officer, "default", "c-0", "asked"); err != nil || n != 1 {
		t.Errorf("%d keys destroyed, %v", n, err)
	}
	if got, err := opened(0); err == nil || !strings.Contains(err.Error(), vault.ErrErased.Error()) {
		t.Errorf("after the erasure: %q, %v", got, err)
	}
	if got, err := opened(1); err != nil || !strings.Contains(got, said(1)) {
		t.Errorf("the other customer: %q, %v", got, err)
	}
	if strings.Contains(s.log.String(), secret) {
		t.Error("the number was logged")
	}
}

func TestCollectRefusesWithoutItsKeys(t *testing.T) {
	dir := t.TempDir()
	s := up(t, filepath.Join(dir, "data"))
	file := filepath.Join(dir, "plain")
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ store, env, says string }{
		"a store that cannot be":       {filepath.Join(file, "store"), "X=", "workflow store"},
		"a master key that is none":    {s.data, "MINGJIAN_MASTER_KEY_FILE=" + file, "32 random bytes"},
		"a master key that is missing": {s.data, "MINGJIAN_MASTER_KEY_FILE=" + file + ".no", "the master key is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := mingjian("collect", "--log-level", "error", "--data", s.data, "--store", c.store)
			cmd.Env = append(cmd.Env, c.env)
			timeout := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
			defer timeout.Stop()
			out, err := cmd.CombinedOutput()
			if text := strings.TrimSpace(string(out)); err == nil || strings.Contains(text, "\n") || !strings.Contains(text, c.says) {
				t.Fatalf("want one line that names %q, got (%v):\n%s", c.says, err, text)
			}
		})
	}
}
