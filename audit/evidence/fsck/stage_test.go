package fsck_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/segmentio/kafka-go"

	"mingjian/audit/evidence"
	"mingjian/audit/evidence/fsck"
	"mingjian/audit/store"
	"mingjian/audit/vault"
	"mingjian/collector"
	"mingjian/collector/scenario"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
	broker "mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
	"mingjian/policies"
)

// within bounds every wait; a test that needs all of it has failed.
const within = 2 * time.Minute

const partitions = 3

// system is a broker, a record, a vault and a log, with a collector and a notary to be run on them.
type system struct {
	t       *testing.T
	addr    string
	topic   string
	record  *warehouse.Store
	conn    driver.Conn
	db      *store.DB
	keys    *vault.Vault
	dir     string // of the log
	rules   *collector.Rules
	player  *scenario.Player
	written int64
	sent    int
}

func start(t *testing.T) *system {
	server := clickhousetest.Start(t)
	record, err := warehouse.Connect(t.Context(), warehouse.Options{Addr: server.URL, User: server.User, Password: server.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { record.Close() })
	options := server.Options()
	options.Auth.Database = warehouse.DefaultDatabase
	options.Settings = clickhouse.Settings{"mutations_sync": 2, "optimize_on_insert": 0}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "audit.sqlite"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	keys, err := vault.Open(t.Context(), db, filepath.Join(dir, vault.MasterKeyFile), true)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := collector.NewRules(bundle)
	if err != nil {
		t.Fatal(err)
	}
	player, err := scenario.Demo(t.Context(), bundle, policies.Builtin(), scenario.PlayOptions{Seed: 1, Now: time.Now().Add(-48 * time.Hour), History: 8 * time.Hour, Sessions: 400})
	if err != nil {
		t.Fatal(err)
	}
	s := &system{t: t, record: record, conn: conn, db: db, keys: keys, dir: filepath.Join(dir, "evidence"), rules: rules, player: player,
		topic: fmt.Sprintf("%s.%x", collector.InteractionsTopic, time.Now().UnixNano())}
	s.addr = kafkatest.Start(t, broker.Topic{Name: s.topic, Partitions: partitions}, broker.Topic{Name: s.topic + ".findings", Partitions: 1}, broker.Topic{Name: s.topic + ".rejects", Partitions: 1})
	return s
}

// tenants are whose sessions are played; "" names none.
var tenants = []string{"", "acme", "umbrella"}

// produce sends so many messages of the demo, its sessions shared out among tenants, with repeats and what is
// refused among them.
func (s *system) produce(n int) {
	s.t.Helper()
	var out []kafka.Message
	for range n {
		_, key, value, ok := s.player.Next()
		if !ok {
			break
		}
		h := fnv.New32a()
		h.Write([]byte(key))
		if tenant := tenants[h.Sum32()%3]; tenant != "" && bytes.Contains(value, []byte(`"session.opened"`)) {
			var event map[string]any
			if err := json.Unmarshal(value, &event); err != nil {
				s.t.Fatal(err)
			}
			event["tenant"] = tenant
			value, _ = json.Marshal(event)
		}
		m := kafka.Message{Key: []byte(key), Value: value}
		out = append(out, m)
		if s.sent++; s.sent%17 == 0 {
			out = append(out, m)
		}
		if s.sent%29 == 0 {
			out = append(out, kafka.Message{Key: []byte(key), Value: value[:len(value)/2]})
		}
	}
	transport := &kafka.Transport{MetadataTTL: 500 * time.Millisecond}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{Addr: kafka.TCP(s.addr), Topic: s.topic, Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll, Transport: transport, BatchTimeout: time.Millisecond, MaxAttempts: 10}
	defer w.Close()
	if err := w.WriteMessages(s.t.Context(), out...); err != nil {
		s.t.Fatal(err)
	}
	s.written += int64(len(out))
}

// collect runs a collector until the function that it returns is called.
func (s *system) collect() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := collector.Run(ctx, collector.Options{
			Stream: stream.At(s.addr), Topic: s.topic, Findings: s.topic + ".findings", Rejects: s.topic + ".rejects", Group: s.topic,
			Store: s.record, Keys: s.keys, Rules: s.rules, Batch: collector.Limits{Messages: 60, Wait: 20 * time.Millisecond}, Quiet: 50 * time.Millisecond, Grace: time.Second,
			Log: slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		}); err != nil {
			s.t.Errorf("collector: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	s.t.Cleanup(stop)
	return stop
}

// atRest waits until everything that was sent is sealed, and nothing more comes of it.
func (s *system) atRest() {
	s.t.Helper()
	still, before := 0, int64(-1)
	s.eventually(func() string {
		var sealed, seals int64
		s.ask("SELECT toInt64(sum(next)), toInt64(sum(n)) FROM (SELECT max(last_offset) + 1 AS next, count() AS n FROM seals FINAL GROUP BY partition)", &sealed, &seals)
		if still++; seals != before {
			still = 0
		}
		if before = seals; sealed < s.written || still < 10 {
			return fmt.Sprintf("%d of %d offsets are sealed by %d seals", sealed, s.written, seals)
		}
		return ""
	})
}

func (s *system) eventually(what func() string) {
	s.t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		wrong := what()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("after %v: %s", within, wrong)
		}
	}
}

func (s *system) notary() *evidence.Notary {
	s.t.Helper()
	n, err := evidence.Open(s.t.Context(), s.dir, evidence.Options{Store: s.db, Mirror: s.record, Settle: 100 * time.Millisecond, Log: slog.New(slog.NewTextHandler(s.t.Output(), nil))})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// follow has everything appended.
func (s *system) follow() {
	s.t.Helper()
	n := s.notary()
	if err := n.Follow(s.t.Context(), s.record); err != nil {
		s.t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// check runs fsck; nothing is on its way unless patience is given.
func (s *system) check(patience time.Duration) *fsck.Report {
	s.t.Helper()
	report, err := fsck.Run(s.t.Context(), fsck.Options{Record: s.record, Dir: s.dir, Store: s.db, Blinding: s.keys.Blinding, Patience: max(patience, 1)})
	if err != nil {
		s.t.Fatal(err)
	}
	return report
}

func (s *system) clean(when string, patience time.Duration) *fsck.Report {
	s.t.Helper()
	r := s.check(patience)
	if !r.OK || len(r.Unchecked) > 0 {
		s.t.Fatalf("%s: %s\n%q", when, told(r), r.Unchecked)
	}
	return r
}

func told(r *fsck.Report) string {
	var out []string
	for _, f := range r.Faults {
		out = append(out, f.String())
	}
	return strings.Join(out, "\n")
}

func (s *system) exec(statement string) {
	s.t.Helper()
	if err := s.conn.Exec(context.Background(), statement); err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
}

func (s *system) ask(query string, into ...any) {
	s.t.Helper()
	if err := s.conn.QueryRow(context.Background(), query).Scan(into...); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}

// logFiles are the files of the log that a check covers.
func (s *system) logFiles() (out []string) {
	s.t.Helper()
	out = []string{"checkpoint", evidence.VerifierFile}
	err := filepath.WalkDir(filepath.Join(s.dir, "tile"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(s.dir, path)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}
