package collector_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"

	"mingjian/collector/event"
	"mingjian/collector/intake"
	"mingjian/collector/original"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
)

// Messages that a clock which was behind refused are events once it is right. They are stored once, their
// session is as if it had never been refused, and what is still wrong stays refused and is counted.
func TestRefusedMessagesAreReplayedOnceAfterAFix(t *testing.T) {
	t.Parallel()
	k := keep(t)
	s, keys := k.stage, newRing()
	talk := sorry(t, "13812345678", "DE") // an id that is masked in a reject's key
	long := message(t, event.Event{ID: "long", SessionID: "l", At: at(noon, 20*time.Second), Kind: event.Message, Actor: event.Actor{Role: event.CustomerRole}, Text: strings.Repeat("字", 30_000)})
	elsewhere := message(t, event.Event{ID: "x", SessionID: talk.id, Tenant: "acme", At: at(noon, 9*time.Second), Kind: event.Message, Actor: event.Actor{Role: event.CustomerRole}})
	other := message(t, event.Event{ID: "other", SessionID: talk.id, At: at(noon, 0), Kind: event.Message, Actor: event.Actor{Role: event.CustomerRole}})
	other.Key = []byte("13987654321") // it is masked as the session's id is
	imported := message(t, event.Event{ID: "imported", SessionID: "i", At: at(noon, 20*time.Second), Kind: event.Message, Actor: event.Actor{Role: event.CustomerRole}})
	sum := sha256.Sum256(imported.Value)
	imported.Key = []byte(hex.EncodeToString(sum[:16])) // when it was imported nobody could tell the session
	behind := s.options(k.store)
	behind.Keys = keys
	behind.Now = func() time.Time { return noon.Add(-24*time.Hour + 5*time.Second) } // the last five events are too far ahead
	s.produce(talk.out...)
	s.produce(talk.out[7], long, elsewhere, other, imported)
	s.produce(client.Message{Key: []byte("other"), Value: talk.out[6].Value}, client.Message{Key: []byte("cut"), Value: []byte(`{"event_id": "cut`)})
	r := s.start(behind)
	ends := s.ends()
	eventually(t, func() string { return sealed(ends, r) })
	r.stop()

	producer := intake.NewProducer(stream.At(s.addr), s.interactions)
	t.Cleanup(func() { producer.Close() })
	erased := false
	replay := func(q warehouse.RefusedQuery, dry bool) intake.Replayed {
		t.Helper()
		q.Topic = s.interactions
		out, err := intake.ReplayRejects(t.Context(), producer, k.store, intake.RejectsOptions{Query: q, DryRun: dry, Open: func(_ context.Context, row *warehouse.Reject) ([]byte, error) {
			for _, key := range keys.keys {
				if key.ID == row.KeyID && !erased {
					return original.Open(&key, event.Position{Topic: row.Topic, Partition: row.Partition, Offset: row.Offset}, row.Payload)
				}
			}
			return nil, fmt.Errorf("no key")
		}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	still := map[string]int64{"json": 1, "key": 2, "tenant": 1}
	check := func(when string, got intake.Replayed, want intake.Replayed) {
		t.Helper()
		named := got.Named
		got.Named = nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
		if len(named) != int(got.Cut+got.Unopened) || got.Cut > 0 && !strings.Contains(strings.Join(named, "\n"), fmt.Sprintf("of %d bytes the first 65536 are kept", len(long.Value))) {
			t.Errorf("%s: named %q", when, named)
		}
	}
	erased = true
	check("without the key", replay(warehouse.RefusedQuery{}, false), intake.Replayed{Rejects: 12, Unopened: 12, Still: map[string]int64{}})
	erased = false
	want := intake.Replayed{Rejects: 12, Sent: 6, Stored: 1, Cut: 1, Still: still}
	check("to try", replay(warehouse.RefusedQuery{}, true), want)
	if now := s.ends(); !reflect.DeepEqual(now, ends) {
		t.Fatalf("a dry run sent something: the log goes to %v, and was to %v", now, ends)
	}
	check("of another reason", replay(warehouse.RefusedQuery{Reason: "json"}, false), intake.Replayed{Rejects: 1, Still: map[string]int64{"json": 1}})
	check("of the future", replay(warehouse.RefusedQuery{Since: time.Now().Add(time.Hour).UnixMilli()}, false), intake.Replayed{Still: map[string]int64{}})
	check("replayed", replay(warehouse.RefusedQuery{}, false), want)

	right := s.options(k.store)
	right.Keys = keys
	r = s.start(right)
	r.atRest()
	done := s.ends()
	check("again", replay(warehouse.RefusedQuery{}, false), intake.Replayed{Rejects: 12, Stored: 7, Cut: 1, Still: still})
	if now := s.ends(); !reflect.DeepEqual(now, done) {
		t.Errorf("the second replay sent something: the log goes to %v, and was to %v", now, done)
	}
	r.stop()
	snapshots, err := k.store.Snapshots(t.Context(), s.interactions, []string{talk.id})
	if err != nil || len(snapshots) != 1 || snapshots[0].Session.Events != 8 {
		t.Fatalf("%d sessions, %v: %+v", len(snapshots), err, snapshots)
	}
	var loops int
	for _, f := range snapshots[0].Findings {
		if f.Rule == "q-apology-loop" && f.Standing {
			loops++
		}
	}
	if loops != 1 {
		t.Errorf("findings %+v", snapshots[0].Findings)
	}
	k.clean("after the replay")
}
