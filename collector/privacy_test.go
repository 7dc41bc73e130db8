package collector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	client "github.com/segmentio/kafka-go"

	"mingjian/collector"
	"mingjian/collector/event"
	"mingjian/collector/original"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// secrets are what must not be found in the clear, each in one form of its own.
var secrets = []string{"13812345678", "110101199003077758", "6222021234567890128", "ana.ruiz@example.com", "文化路12号", "13987654321", "880012345678", "王小明", "18800001111"}

// leaky is a conversation that says all of them, wherever one can say something.
func leaky(id string) []client.Message {
	line := func(n int, rest string) client.Message {
		return client.Message{Key: []byte(id), Value: fmt.Appendf(nil, `{"event_id":"%d","session_id":%q,"ts":%d,%s}`, n, id, noon.Add(time.Duration(n)*time.Second).UnixMilli(), rest)}
	}
	long := strings.Repeat("字", event.MaxText/3) + "13812345678"
	return []client.Message{
		line(0, `"kind":"session.opened","channel":"app","customer":{"id":"13987654321","jurisdiction":"DE","note":"13812345678"},"labels":{"13812345678":["6222021234567890128"]}`),
		line(1, `"kind":"message","actor":{"role":"customer","id":"13987654321"},"text":"我叫王小明，电话13812345678，身份证110101199003077758，卡号6222021234567890128"`),
		line(2, `"kind":"message","actor":{"role":"bot"},"text":"Sorry, wir schreiben an ana.ruiz@example.com, 河南省郑州市金水区文化路12号","ai":{"mark":"13812345678","sources":["ana.ruiz@example.com"]},"x":{"n":13812345678}`),
		line(3, `"kind":"menu.step","menu":{"pressed":"880012345678#","options":["13812345678"]}`),
		line(4, `"kind":"handoff.requested","actor":{"role":"customer"},"handoff":{"reason":"打13812345678"},"callback":{"what":"18800001111"},"promise":{"what":"回13812345678"}`),
		line(5, `"kind":"message","actor":{"role":"customer"},"text":"`+long+`"`),
		line(6, `"kind":"message","actor":{"role":"bot"},"text":"\u0000非常抱歉"`),
		line(7, `"kind":"message","actor":{"role":"bot"},"text":"非常抱歉"`),
		line(8, `"kind":"message","actor":{"role":"bot"},"text":"非常抱歉"`),
		line(7, `"kind":"message","actor":{"role":"bot"},"text":"13812345678"`), // a repeat
		line(-9, `"kind":"message","actor":{"role":"customer"},"text":"late 13812345678"`),
		line(9, `"kind":"message","actor":{"role":"customer"},"text":13812345678`), // and what is refused
		line(10, `"kind":"message","actor":{"role":"customer"},"channel":"13812345678"`),
		line(11, `"kind":"13812345678"`),
		line(12, `"kind":"message","actor":{"role":"customer"},"text":"13812345678 ana.ruiz@example.com`),
		{Key: []byte("13812345678"), Value: line(13, `"kind":"message","actor":{"role":"customer"},"text":"x"`).Value},
		line(14, `"kind":"session.closed"`),
	}
}

// refused is how many of them no event can be made of.
const refused = 5

func TestNothingPersonalIsStoredPublishedOrLoggedInTheClear(t *testing.T) {
	t.Parallel()
	server := clickhousetest.Lend(t)
	store, err := warehouse.Connect(t.Context(), warehouse.Options{Addr: server.URL, User: server.User, Password: server.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := newStage(t, 1)
	keys := newRing()
	var logged lockedBuffer
	o := s.options(store)
	o.Keys, o.Batch.Messages = keys, 4
	o.Log = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	sent := leaky("s")
	s.produce(sent...)
	r := s.start(o)
	r.atRest()
	r.stop()

	places := map[string]string{"log": logged.String()}
	for _, topic := range []string{s.findings, s.rejects} {
		values := topicValues(t, s.addr, topic)
		if len(values) == 0 {
			t.Errorf("nothing on %s", topic)
		}
		for i, value := range values {
			var m map[string]any // payloads are base64: look into them too
			if err := json.Unmarshal(value, &m); err != nil {
				t.Fatal(err)
			}
			var reject collector.RejectMessage
			json.Unmarshal(value, &reject)
			places[fmt.Sprintf("%s %d", topic, i)] = fmt.Sprint(m) + string(reject.Payload)
		}
	}
	options := server.Options()
	options.Auth.Database = warehouse.DefaultDatabase
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rows, err := conn.Query(t.Context(), "SELECT name, toInt64(ifNull(total_rows, 0)) FROM system.tables WHERE database = currentDatabase() AND engine NOT LIKE '%View'")
	if err != nil {
		t.Fatal(err)
	}
	filled := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		filled[name] = n
	}
	if filled["interactions"] < int64(len(sent))-refused-1 || filled["findings"] == 0 || filled["rejects"] != refused || filled["sessions"] == 0 {
		t.Errorf("rows: %v", filled)
	}
	for name := range filled {
		for _, secret := range secrets {
			var n uint64
			if err := conn.QueryRow(t.Context(), "SELECT count() FROM "+name+" WHERE position(toString(tuple(*)), ?) > 0", secret).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				t.Errorf("%s stands in %d rows of %s", secret, n, name)
			}
		}
	}
	for place, text := range places {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %s in %s", place, secret, text)
			}
		}
	}

	// What was masked can be proved.
	events, err := store.Events(t.Context(), session.DefaultTenant, "s")
	if err != nil {
		t.Fatal(err)
	}
	pseudonym := keys.Pseudonym("13987654321")
	for _, row := range events {
		k := keys.keys[keys.owner(row.KeyID)]
		if owner := keys.owner(row.KeyID); owner.Customer != pseudonym || owner.Month != "2026-03" {
			t.Errorf("event %s is of %+v", row.EventID, owner)
		}
		where := event.Position{Topic: row.Topic, Partition: row.Partition, Offset: row.Offset}
		if salt := k.Salts().Of(where); row.Salt != string(salt[:]) {
			t.Errorf("event %s has salt %x", row.EventID, row.Salt)
		}
		var kept bool
		switch row.EventID {
		case "7", "8", "14":
			kept = false
		default:
			kept = true
		}
		if kept != (row.OriginalEnc != "") || kept && row.EventID != "6" && len(row.MaskKinds) == 0 {
			t.Errorf("event %s: original of %d bytes, masked %v", row.EventID, len(row.OriginalEnc), row.MaskKinds)
		}
		if !kept {
			continue
		}
		got, err := original.Open(&k, where, []byte(row.OriginalEnc))
		if err != nil || !bytes.Equal(got, sent[row.Offset].Value) {
			t.Errorf("event %s: original %.80q, %v", row.EventID, got, err)
		}
	}
	if id := events[len(events)-1].EventID; len(events) != len(sent)-refused-1 || id != "14" {
		t.Errorf("%d events up to %s", len(events), id)
	}
	var snapshot warehouse.Conversation
	if snapshot, _, err = store.SessionOf(t.Context(), "", "s"); err != nil || snapshot.Session.CustomerID != pseudonym {
		t.Errorf("customer %q, %v", snapshot.Session.CustomerID, err)
	}
	var m collector.RejectMessage
	if err := json.Unmarshal(topicValues(t, s.addr, s.rejects)[0], &m); err != nil {
		t.Fatal(err)
	}
	k := keys.keys[original.Owner{Topic: s.interactions, Month: time.UnixMilli(m.At).UTC().Format("2006-01")}]
	got, err := original.Open(&k, event.Position{Topic: m.Topic, Partition: m.Partition, Offset: m.Offset}, m.Payload)
	if err != nil || m.KeyID != k.ID || !bytes.Equal(got, sent[m.Offset].Value) {
		t.Errorf("refused message %q, %v", got, err)
	}
}

// Whose an event is depends on what was known when it came, however batches are cut and whatever is
// killed in between; and what turned out later is noted.
func TestEventsBeforeTheCustomerIsNamedAreHis(t *testing.T) {
	s := newStage(t, 1)
	named := event.Event{Kind: event.Message, Actor: event.Actor{Role: event.CustomerRole}, Text: "我是老客户", Customer: &event.Customer{ID: "c-7"}}
	moved := newTalk(t, "moved", noon).
		says(0, event.CustomerRole, "您好").
		add(time.Second, named).
		add(-time.Second, event.Event{Kind: event.SessionOpened, Tenant: "acme"}).
		says(2*time.Second, event.CustomerRole, "在吗").closed(3 * time.Second)
	opened := newTalk(t, "opened", noon).
		add(time.Second, named).
		says(0, event.CustomerRole, "您好"). // late: what follows is folded with it
		add(-time.Second, event.Event{Kind: event.SessionOpened}).
		says(2*time.Second, event.CustomerRole, "在吗").closed(3 * time.Second)
	s.produce(append(moved.out, opened.out...)...)

	own := func(id string) original.Owner {
		return original.Owner{Tenant: session.DefaultTenant, Session: id, Month: "2026-03"}
	}
	his := func(tenant string) original.Owner {
		return original.Owner{Tenant: tenant, Customer: "c-7", Month: "2026-03"}
	}
	want := map[string][]original.Owner{
		"moved":  {own("moved"), own("moved"), his("acme"), his("acme"), his("acme")},
		"opened": {own("opened"), own("opened"), his(session.DefaultTenant), his(session.DefaultTenant), his(session.DefaultTenant)},
	}
	tenants := map[string]string{"moved": "acme", "opened": session.DefaultTenant}
	for _, c := range []struct{ messages, writes int }{{2, 100}, {100, 100}, {100, 0}, {100, 1}, {100, 2}, {100, 3}, {7, 4}} {
		t.Run(fmt.Sprintf("%d a batch, killed after %d writes", c.messages, c.writes), func(t *testing.T) {
			store, keys := newLedger(), newRing()
			options := func(messages int) collector.Options {
				o := s.options(store)
				o.Group, o.Keys, o.Batch.Messages = t.Name(), keys, messages
				return o
			}
			ctx, kill := context.WithCancel(t.Context())
			o := options(c.messages)
			o.Store, o.Grace = &mortal{ledger: store, left: c.writes, kill: kill}, time.Millisecond
			first := &running{t: t, stage: s, health: o.Health, ended: make(chan struct{})}
			go func() {
				defer close(first.ended)
				if err := collector.Run(ctx, o); err != nil {
					t.Errorf("collector: %v", err)
				}
			}()
			first.atRest()
			kill()
			<-first.ended
			r := s.start(options(3))
			r.atRest()
			r.stop()
			for id, owners := range want {
				for i, w := range owners {
					row := store.interactions[[3]string{tenants[id], id, fmt.Sprintf("%s-%d", id, i)}]
					if got := keys.owner(row.KeyID); got != w {
						t.Errorf("event %d of %s is of %+v, want %+v", i, id, got, w)
					}
				}
			}
			for id, tenant := range tenants {
				was, is := original.Owner{Tenant: session.DefaultTenant, Session: id}, original.Owner{Tenant: tenant, Customer: "c-7"}
				if !keys.adopted[original.Adoption{Was: was, Is: is}] {
					t.Errorf("that session %s is %+v's is not noted: %v", id, is, keys.adopted)
				}
			}
		})
	}
}

func TestWithoutKeysNothingIsStored(t *testing.T) {
	s := newStage(t, 1)
	store, keys := newLedger(), newRing()
	keys.leaveFor(errors.New("the vault is shut"))
	o := s.options(store)
	o.Keys = keys
	r := s.start(o)
	s.produce(sorry(t, "s", "CN").out...)
	s.produce(client.Message{Key: []byte("x"), Value: []byte("13812345678")})
	eventually(t, func() string {
		if h := r.health.Report(); h.Ready || !strings.Contains(strings.Join(h.Problems, " "), "the vault is shut") {
			return fmt.Sprintf("health does not say what is waited for: %+v", h)
		}
		return ""
	})
	if len(store.interactions)+len(store.rejects)+len(store.seals)+len(store.sessions) != 0 {
		t.Error("something was stored without keys")
	}
	keys.leaveFor(nil)
	r.atRest()
	if len(store.interactions) != 8 || len(store.rejects[0]) != 1 {
		t.Errorf("%d interactions and %d rejects afterwards", len(store.interactions), len(store.rejects[0]))
	}
}

// lockedBuffer is a log that many write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
