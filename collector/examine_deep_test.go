package collector_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	client "github.com/segmentio/kafka-go"

	"mingjian/collector"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// kept is a record in ClickHouse that a test may damage and put right again.
type kept struct {
	t     *testing.T
	store *warehouse.Store
	conn  driver.Conn
	stage *stage
}

// keep makes a record of all kinds of sessions, through collectors that are killed on the way.
func keep(t *testing.T) *kept {
	server := clickhousetest.Start(t)
	store, err := warehouse.Connect(t.Context(), warehouse.Options{Addr: server.URL, User: server.User, Password: server.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	options := server.Options()
	options.Auth.Database = warehouse.DefaultDatabase
	options.Settings = clickhouse.Settings{"mutations_sync": 2}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &kept{t: t, store: store, conn: conn, stage: newStage(t, 2)}
}

func (k *kept) exec(statement string, args ...any) {
	k.t.Helper()
	if err := k.conn.Exec(context.Background(), statement, args...); err != nil {
		k.t.Fatalf("%s: %v", statement, err)
	}
}

func (k *kept) ask(query string, into ...any) {
	k.t.Helper()
	if err := k.conn.QueryRow(context.Background(), query).Scan(into...); err != nil {
		k.t.Fatalf("%s: %v", query, err)
	}
}

// faults are the audit's failed checks, by name.
func (k *kept) faults() map[string]string {
	k.t.Helper()
	out := map[string]string{}
	checks := collector.Audit(k.t.Context(), collector.AuditOptions{Stream: stream.At(k.stage.addr), Topic: k.stage.interactions, Record: k.store, Pseudonym: newRing().Pseudonym})
	for _, c := range checks {
		if !c.OK {
			out[c.Name] = c.Detail
		}
	}
	if len(checks) < 4 {
		k.t.Fatalf("only %d checks: %+v", len(checks), checks)
	}
	return out
}

func (k *kept) clean(when string) {
	k.t.Helper()
	for name, what := range k.faults() {
		k.t.Errorf("%s: %s: %s", when, name, what)
	}
}

var damagedTables = []string{"interactions", "sessions", "findings", "seals", "rejects"}

func (k *kept) save() {
	for _, table := range damagedTables {
		k.exec("CREATE TABLE kept_" + table + " AS " + table)
		k.exec("INSERT INTO kept_" + table + " SELECT * FROM " + table)
	}
}

func (k *kept) restore() {
	for _, table := range damagedTables {
		k.exec("TRUNCATE TABLE " + table)
		k.exec("INSERT INTO " + table + " SELECT * FROM kept_" + table)
	}
}

// damage is one thing done to the record, and what an audit must say of it. {s} is a session of its own,
// {p} its partition, {o} the offset of its event {s}-3.
type damage struct {
	session   string
	statement string
	want      map[string]string // by check, part of a sentence
}

var damages = []damage{
	{"deleted", "ALTER TABLE interactions DELETE WHERE event_id = '{s}-3'", map[string]string{
		"offsets of partition {p}": "{o} (event {s}-3 of session {s})",
		"sessions":                 "session {s} of tenant default: its snapshot knows 8 events, and the record has 7 of them",
	}},
	{"moved", "INSERT INTO interactions SELECT * REPLACE (0 AS offset) FROM interactions FINAL WHERE event_id = '{s}-3'", map[string]string{
		"offsets of partition {p}": "event {s}-3 of session {s}", // offset 0 has two rows now
		"sessions":                 "session {s} of tenant default: its snapshot knows event {s}-3 at offset {o}, and the row stands at offset 0 of partition {p}",
	}},
	{"behind", "INSERT INTO interactions SELECT * REPLACE (1000000 AS offset, 'more' AS event_id) FROM (SELECT * FROM interactions FINAL WHERE event_id = '{s}-3')", map[string]string{
		"offsets of partition {p}": "a row stands at offset 1000000",
	}},
	{"reworded", "ALTER TABLE interactions UPDATE text = '谢谢' WHERE event_id = '{s}-3'", map[string]string{
		"offsets of partition {p}": "{o} (event {s}-3 of session {s})",
	}},
	{"acquitted", "ALTER TABLE interactions UPDATE text = '已为您办理' WHERE event_id = '{s}-4'", map[string]string{
		"offsets of partition {p}": "(event {s}-4 of session {s})",
		"sessions":                 "session {s} of tenant default: the facts of its row differ",
		"findings":                 "finding q-apology-loop of session {s} of tenant default: it stands, and does not follow",
	}},
	{"unfound", "ALTER TABLE findings DELETE WHERE session_id = '{s}' AND rule = 'q-apology-loop'", map[string]string{
		"findings": "finding q-apology-loop of session {s} of tenant default: it is missing, and follows",
	}},
	{"withdrawn", "ALTER TABLE findings UPDATE standing = 0 WHERE session_id = '{s}' AND rule = 'q-apology-loop'", map[string]string{
		"findings": "finding q-apology-loop of session {s} of tenant default: it is withdrawn, and follows",
	}},
	{"exaggerated", `ALTER TABLE findings UPDATE facts = '{"apologies": 99}' WHERE session_id = '{s}' AND rule = 'q-apology-loop'`, map[string]string{
		"findings": "finding q-apology-loop of session {s} of tenant default: its facts differ: ",
	}},
	{"accused", "INSERT INTO findings SELECT * REPLACE ('cn-human-unreachable' AS rule, repeat('a', 32) AS finding_id) FROM (SELECT * FROM findings FINAL WHERE session_id = '{s}' AND rule = 'q-apology-loop')", map[string]string{
		"findings": "finding cn-human-unreachable of session {s} of tenant default: it stands, and does not follow",
	}},
	{"rechannelled", `ALTER TABLE sessions UPDATE facts = replace(facts, '"channel":"app"', '"channel":"web"') WHERE session_id = '{s}'`, map[string]string{
		"sessions": `session {s} of tenant default: the facts of its row differ from what follows from its events: channel is "web", expected "app"`,
	}},
	{"reopened", "ALTER TABLE sessions UPDATE closed = toDateTime64(0, 3, 'UTC') WHERE session_id = '{s}'", map[string]string{
		"sessions": "session {s} of tenant default: its closed is 0",
	}},
	{"forgotten", "ALTER TABLE sessions DELETE WHERE session_id = '{s}'", map[string]string{
		"sessions": "session {s} of tenant default: the record has 8 interactions",
	}},
	{"kept up", "ALTER TABLE sessions UPDATE pending = 1 WHERE session_id = '{s}'", map[string]string{
		"sessions": "session {s} of tenant default: its pending is true",
	}},
	{"hidden", "ALTER TABLE sessions UPDATE last_offset = 1000000 WHERE session_id = '{s}'", map[string]string{
		"sessions": "session {s} of tenant default: its snapshot goes to offset 1000000 of partition {p}, where no seal is",
	}},
	{"elsewhere", "INSERT INTO interactions SELECT * REPLACE (99 AS partition, 'more' AS event_id) FROM (SELECT * FROM interactions FINAL WHERE event_id = '{s}-3')", map[string]string{
		"offsets of partition 99": "stand in a partition that the topic does not have",
	}},
	{"readmitted", "ALTER TABLE rejects DELETE WHERE key = '{s}'", map[string]string{
		"offsets of partition {p}": "(a message that is refused: json)",
	}},
}

// A record that crashes left behind is clean once it is finished, and while it is being made; and each kind
// of damage is named, what and where, and nothing else.
func TestAuditNamesWhatWasDamagedAndNothingElse(t *testing.T) {
	t.Parallel()
	k := keep(t)
	s := k.stage
	s.produce(madeUp(t, rand.New(rand.NewPCG(3, 1)), 40)...)
	for _, d := range damages {
		s.produce(sorry(t, d.session, "DE").out...)
		s.produce(sorry(t, d.session, "DE").out[2]) // again
	}
	s.produce(waiting(t, "w", noon).out...)
	s.produce(client.Message{Key: []byte("readmitted"), Value: []byte(`{"event_id": "cut`)})
	o := s.options(k.store)
	o.Batch.Messages = 3
	r := s.start(o)
	eventually(t, func() string {
		p := r.health.Report().Partitions
		if len(p) == 0 || p[0].State != collector.Consuming || p[0].Sealed.IsZero() && p[0].Lag() > 0 {
			return "nothing sealed"
		}
		return ""
	})
	k.clean("while a collector runs")
	r.stop()
	k.clean("after a collector was stopped on the way")
	r = s.start(s.options(k.store))
	r.atRest()
	s.produce(sorry(t, "last", "CN").out...)
	s.produce(sorry(t, "other", "CN").out...)
	r.atRest()
	r.stop()
	k.clean("at rest")
	k.save()

	want := map[string][]string{}
	for _, d := range damages {
		var partition, offset int64
		k.ask("SELECT partition, offset FROM interactions FINAL WHERE event_id = '"+d.session+"-3'", &partition, &offset)
		fill := strings.NewReplacer("{s}", d.session, "{p}", fmt.Sprint(partition), "{o}", fmt.Sprint(offset)).Replace
		k.exec(fill(d.statement))
		for check, part := range d.want {
			want[fill(check)] = append(want[fill(check)], fill(part))
		}
	}
	compare(t, want, k.faults())
	k.restore()

	var first, last, seals int64
	k.ask("SELECT min(first_offset), argMin(last_offset, first_offset), toInt64(count()) FROM seals FINAL WHERE partition = 0", &first, &last, &seals)
	k.exec(fmt.Sprintf("ALTER TABLE seals DELETE WHERE partition = 0 AND first_offset = %d", last+1))
	k.exec(fmt.Sprintf("ALTER TABLE seals UPDATE interactions_root = repeat('0', 64) WHERE partition = 1 AND first_offset = %d", first))
	compare(t, map[string][]string{
		"seals of partition 0":   {fmt.Sprintf("no seal has offsets %d to", last+1), "does not follow the one before it"},
		"offsets of partition 0": {fmt.Sprintf("no seal covers the rows at offset %d", last+1)},
		"seals of partition 1":   {fmt.Sprintf("the seal at offset %d is not as it was sealed, it was changed", first)},
	}, k.faults())
	k.restore()
	k.clean("put right")

	k.exec("TRUNCATE TABLE policies")
	if got := k.faults()["sessions"]; !strings.Contains(got, "the record lacks the policies of revision") {
		t.Errorf("without its policies: %s", got)
	}
}

// compare fails where a fault that is wanted is not told, or one is told that is not.
func compare(t *testing.T, want map[string][]string, got map[string]string) {
	t.Helper()
	for check, parts := range want {
		for _, part := range parts {
			if !strings.Contains(got[check], part) {
				t.Errorf("%s does not say %q: %s", check, part, got[check])
			}
		}
	}
	for check, what := range got {
		for _, sentence := range strings.Split(what, "; ") {
			ok := strings.Contains(sentence, ": the seal has ") // beside what is missing there
			for _, part := range want[check] {
				ok = ok || strings.Contains(sentence, part) || strings.Contains(sentence, between(part, "session ", " of tenant"))
			}
			if !ok {
				t.Errorf("not damaged: %s: %s", check, sentence)
			}
		}
	}
}

// between is what stands in a text between two others, with these; the text itself where they are not in it.
func between(text, from, to string) string {
	_, rest, ok := strings.Cut(text, from)
	name, _, ended := strings.Cut(rest, to)
	if !ok || !ended {
		return text
	}
	return from + name + to
}
