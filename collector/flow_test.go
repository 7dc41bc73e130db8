package collector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"

	"mingjian/collector"
	"mingjian/collector/event"
	"mingjian/collector/session"
)

// spoilt are messages that no event can be made of, one of each kind, and the reason that must
// stand with it.
func spoilt(n int) map[string]struct {
	key, value string
	reason     event.Reason
} {
	id := fmt.Sprintf("bad%d", n)
	ok := func(rest string) string {
		return fmt.Sprintf(`{"event_id":"e","session_id":%q,"ts":1772452800000,"kind":"message"%s}`, id, rest)
	}
	return map[string]struct {
		key, value string
		reason     event.Reason
	}{
		"nothing":           {id, "", event.EmptyMessage},
		"blanks":            {id, " \n ", event.EmptyMessage},
		"cut":               {id, ok("")[:40], event.NotJSON},
		"list":              {id, "[" + ok("") + "]", event.NotJSON},
		"number":            {id, "42", event.NotJSON},
		"text":              {id, `"hello"`, event.NotJSON},
		"null":              {id, "null", event.NotJSON},
		"not JSON":          {id, "event_id=e", event.NotJSON},
		"two values":        {id, ok("") + ok(""), event.NotJSON},
		"byte order mark":   {id, "\xEF\xBB\xBF" + ok(""), event.NotJSON},
		"invalid UTF-8":     {id, ok(",\"text\":\"\xff\xfe\""), event.NotJSON},
		"binary":            {id, "\x00\x01\x02\x03", event.NotJSON},
		"deep":              {id, ok(`,"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), event.NotJSON},
		"name twice":        {id, ok(`,"kind":"message"`), event.NotJSON},
		"wrong type":        {id, ok(`,"text":7`), event.BadField},
		"object for text":   {id, ok(`,"channel":{"a":1}`), event.BadField},
		"unknown channel":   {id, ok(`,"channel":"pigeon"`), event.BadField},
		"no event id":       {id, fmt.Sprintf(`{"session_id":%q,"ts":1772452800000,"kind":"message"}`, id), event.NoEventID},
		"long event id":     {id, fmt.Sprintf(`{"event_id":%q,"session_id":%q,"ts":1772452800000,"kind":"message"}`, strings.Repeat("e", 65), id), event.NoEventID},
		"no session id":     {"", `{"event_id":"e","ts":1772452800000,"kind":"message"}`, event.NoSessionID},
		"no ts":             {id, fmt.Sprintf(`{"event_id":"e","session_id":%q,"kind":"message"}`, id), event.BadTime},
		"year 9999":         {id, fmt.Sprintf(`{"event_id":"e","session_id":%q,"ts":"9999-01-01T00:00:00Z","kind":"message"}`, id), event.BadTime},
		"year 1970":         {id, fmt.Sprintf(`{"event_id":"e","session_id":%q,"ts":12,"kind":"message"}`, id), event.BadTime},
		"ts is words":       {id, fmt.Sprintf(`{"event_id":"e","session_id":%q,"ts":"yesterday","kind":"message"}`, id), event.BadTime},
		"no kind":           {id, fmt.Sprintf(`{"event_id":"e","session_id":%q,"ts":1772452800000}`, id), event.BadKind},
		"unknown kind":      {id, fmt.Sprintf(`{"event_id":"e","session_id":%q,"ts":1772452800000,"kind":"sneeze"}`, id), event.BadKind},
		"another key":       {"other", ok(""), event.KeyDiffers},
		"key is not text":   {"\xff\xfe", ok(""), event.KeyDiffers},
		"ts out of numbers": {id, fmt.Sprintf(`{"event_id":"e","session_id":%q,"ts":1e400,"kind":"message"}`, id), event.BadTime},
	}
}

func TestMalformedMessagesAreKeptApartAndTheRestGoesOn(t *testing.T) {
	s := newStage(t, 2)
	store := newLedger()
	r := s.start(s.options(store))
	want := map[event.Reason]int{}
	kinds, bad, good := len(spoilt(0)), 0, 0
	if kinds < 20 {
		t.Fatalf("only %d kinds", kinds)
	}
	for n := 0; bad < 1000; n++ {
		var msgs []client.Message
		for _, m := range spoilt(n) {
			msgs = append(msgs, client.Message{Key: []byte(m.key), Value: []byte(m.value)})
			want[m.reason]++
			bad++
		}
		msgs = append(msgs, sorry(t, fmt.Sprintf("good%d", n), "CN").out...)
		good += 8
		s.produce(msgs...)
	}
	long := newTalk(t, "long", noon).says(0, event.CustomerRole, "x")
	long.out[0].Value = fmt.Appendf(nil, `{"event_id":"l","session_id":"long","ts":1772452800000,"kind":"message","actor":{"role":"customer"},"text":"\u0000%s","odd":1}`, strings.Repeat("长", 300_000))
	s.produce(long.out...)
	// A key as long as a message, six times that as JSON: no broker takes that on the rejects topic.
	s.produce(client.Message{Key: bytes.Repeat([]byte{1}, 900_000), Value: long.out[0].Value[:100]})
	want[event.NotJSON]++
	bad++
	r.atRest()

	got := map[event.Reason]int{}
	for _, offsets := range store.rejects {
		for _, row := range offsets {
			got[event.Reason(row.Reason)]++
			if row.Detail == "" || len(row.SHA256) != 64 || len(row.Payload) > 64<<10 || len(row.Key) > 1<<10 || (row.Size > 0 && len(row.Payload) == 0) {
				t.Errorf("reject %+v", row)
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("reasons %v, want %v", got, want)
	}
	if n := len(store.interactions); n != good+1 {
		t.Errorf("%d interactions, want %d", n, good+1)
	}
	kept := store.interactions[[3]string{session.DefaultTenant, "long", "l"}]
	if len(kept.Text) > event.MaxText || kept.TextBytes < 900_000 || len(kept.Flags) != 2 || kept.Extra == "" {
		t.Errorf("900 KB of text: %d bytes kept of %d, flags %v, extra %q", len(kept.Text), kept.TextBytes, kept.Flags, kept.Extra)
	}
	if stored, _, rejected, _ := store.dispositions(t); stored != good+1 || rejected != bad {
		t.Errorf("sealed %d stored and %d rejected, want %d and %d", stored, rejected, good+1, bad)
	}
	if h := r.health.Report(); !h.Healthy || !h.Ready {
		t.Errorf("health %+v", h)
	}
	r.stop()
	values := topicValues(t, s.addr, s.rejects)
	if len(values) != bad {
		t.Errorf("%d messages on the rejects topic, want %d", len(values), bad)
	}
	var m collector.RejectMessage
	if err := json.Unmarshal(values[0], &m); err != nil || m.Reason == "" || m.Detail == "" {
		t.Errorf("a message of the rejects topic: %s, %v", values[0], err)
	}
}

func TestOrderOfArrivalChangesNoFinding(t *testing.T) {
	s := newStage(t, 1)
	rng := rand.New(rand.NewPCG(7, 7))
	stores := []*ledger{newLedger(), newLedger()}
	for i, store := range stores {
		o := s.options(store)
		o.Group = s.group("g", i)
		o.Batch.Messages = 3 // late across batches, so that the record is asked
		r := s.start(o)
		for n := range 12 {
			id := fmt.Sprintf("%c-%d", 'A'+i, n)
			out := sorry(t, id, "DE").out
			if i == 1 {
				rng.Shuffle(len(out), func(a, b int) { out[a], out[b] = out[b], out[a] })
			}
			s.produce(out...)
		}
		r.atRest()
		r.stop()
	}
	in := func(l *ledger, prefix string) map[string]int {
		out := map[string]int{}
		for _, f := range l.findings {
			if rest, ok := strings.CutPrefix(f.SessionID, prefix); ok && f.Standing {
				facts := strings.ReplaceAll(f.Facts, prefix, "")
				out[fmt.Sprint(rest, f.Rule, f.At, strings.TrimPrefix(f.Subject, prefix), facts, f.Severity, f.Channel, f.CustomerID == "c-"+f.SessionID)]++
			}
		}
		return out
	}
	ordered, shuffled := in(stores[0], "A-"), in(stores[1], "B-")
	if len(ordered) < 24 || fmt.Sprint(ordered) != fmt.Sprint(shuffled) {
		t.Errorf("ordered %d findings:\n%v\nshuffled %d:\n%v", len(ordered), ordered, len(shuffled), shuffled)
	}
	if stores[1].calls["events"] == 0 {
		t.Error("no session was folded anew from the record: nothing came late")
	}
}

func TestStoreAwayLosesNothing(t *testing.T) {
	s := newStage(t, 2)
	store := newLedger()
	store.leaveFor(errors.New("connection refused"))
	r := s.start(s.options(store))
	s.produce(sorry(t, "before", "CN").out...)
	eventually(t, func() string {
		h := r.health.Report()
		if h.Ready || !h.Healthy || !strings.Contains(strings.Join(h.Problems, " "), "connection refused") {
			return fmt.Sprintf("health does not say what is waited for: %+v", h)
		}
		return ""
	})
	store.leaveFor(nil)
	r.atRest()
	store.leaveFor(errors.New("connection refused"))
	for i := range 20 {
		s.produce(sorry(t, fmt.Sprintf("during%d", i), "CN").out...)
	}
	eventually(t, func() string {
		if h := r.health.Report(); h.Ready {
			return fmt.Sprintf("health %+v", h)
		}
		return ""
	})
	store.leaveFor(nil)
	r.atRest()
	if n := len(store.interactions); n != 21*8 {
		t.Errorf("%d interactions, want %d", n, 21*8)
	}
	if h := r.health.Report(); !h.Ready {
		t.Errorf("health %+v", h)
	}
}

func TestPartitionsMoveBetweenTwoCollectors(t *testing.T) {
	t.Parallel()
	s := newStage(t, 4)
	store := newLedger()
	// Half of each session, another collector, the other half, and one of the two goes.
	first := s.start(s.options(store))
	var rest []client.Message
	for i := range 40 {
		out := sorry(t, fmt.Sprintf("m%d", i), "DE").out
		s.produce(out[:4]...)
		rest = append(rest, out[4:]...)
	}
	ends := s.ends()
	eventually(t, func() string { return sealed(ends, first) })
	second := s.start(s.options(store))
	eventually(t, func() string {
		if a, b := len(first.health.Report().Partitions), len(second.health.Report().Partitions); a != 2 || b != 2 {
			return fmt.Sprintf("the collectors have %d and %d partitions", a, b)
		}
		return ""
	})
	s.produce(rest[:len(rest)/2]...)
	first.stop()
	s.produce(rest[len(rest)/2:]...)
	second.atRest()
	if n := len(store.interactions); n != 320 {
		t.Errorf("%d interactions, want 320", n)
	}
	found := store.rules(true)
	if found["q-apology-loop"] != 40 || found["eu-ai-notice-missing"] != 40 {
		t.Errorf("findings %v", found)
	}
	if stored, repeats, rejected, control := store.dispositions(t); stored != 320 || repeats+rejected+control != 0 {
		t.Errorf("dispositions %d %d %d %d", stored, repeats, rejected, control)
	}
}

// waiting is a session in which somebody asks for a person and nobody comes.
func waiting(t testing.TB, id string, start time.Time) *talk {
	return newTalk(t, id, start).opened("CN").says(time.Second, event.CustomerRole, "转人工").says(2*time.Second, event.BotRole, "正在为您转接人工客服")
}

const unreachable = "cn-human-unreachable"

func TestEventTimeFiresDeadlinesAndFutureEventsDoNot(t *testing.T) {
	s := newStage(t, 1)
	store := newLedger()
	o := s.options(store)
	now := noon.Add(time.Hour)
	o.Now = func() time.Time { return now }
	o.Quiet = time.Hour // the wall clock takes no part
	r := s.start(o)
	standing := func() int { return store.rules(true)[unreachable] }
	step := func(m ...client.Message) {
		s.produce(m...)
		ends := s.ends()
		eventually(t, func() string { return sealed(ends, r) })
	}
	step(waiting(t, "now", now).out...) // at the wall clock: 90 s have not passed
	step(waiting(t, "w", noon).out...)
	step(newTalk(t, "ahead", now).says(10*time.Hour, event.CustomerRole, "您好").out...)
	step(newTalk(t, "tick", noon).says(time.Second, event.CustomerRole, "您好").out...)
	eventually(t, func() string {
		if n := standing(); n != 1 {
			return fmt.Sprintf("%d findings stand, want that of the session an hour ago only", n)
		}
		return ""
	})
	for _, f := range store.findings {
		if f.SessionID != "w" {
			t.Errorf("finding of session %s", f.SessionID)
		}
		if want := at(noon, 91*time.Second); f.At != want {
			t.Errorf("it is dated %d, want %d: when 90 s had passed", f.At, want)
		}
	}
}

func TestWallClockFiresDeadlinesOfAQuietPartition(t *testing.T) {
	s := newStage(t, 1)
	store := newLedger()
	r := s.start(s.options(store))
	s.produce(waiting(t, "w", noon).out...)
	r.atRest()
	if n := store.rules(true)[unreachable]; n != 1 {
		t.Errorf("%d findings stand, want 1", n)
	}
	row := store.sessions[[2]string{"w", session.DefaultTenant}]
	if row.Closed != at(noon, 24*time.Hour+2*time.Second) || row.Pending {
		t.Errorf("the silent session is closed at %d, pending %v", row.Closed, row.Pending)
	}
	if n := len(store.seals); n == 0 {
		t.Error("no seal")
	}
	// Somebody came in time after all: the news is late, and the finding withdrawn.
	late := newTalk(t, "w", noon)
	late.n = 100
	s.produce(late.add(30*time.Second, event.Event{Kind: event.HandoffAccepted, Actor: event.Actor{Role: event.AgentRole, ID: "a"}}).out...)
	r.atRest()
	if n := store.rules(true)[unreachable]; n != 0 {
		t.Errorf("%d findings stand, want none", n)
	}
	if n := store.rules(false)[unreachable]; n != 1 {
		t.Errorf("%d findings are withdrawn, want 1", n)
	}
}

// A crash between a deadline's finding and its session leaves the record knowing more than the
// snapshot. When news then come by which nothing was broken, what the record has is withdrawn.
func TestFindingAheadOfItsSessionIsWithdrawn(t *testing.T) {
	s := newStage(t, 1)
	store := newLedger()
	o := s.options(store)
	o.Quiet = time.Hour
	r := s.start(o)
	s.produce(waiting(t, "w", noon).out...)
	ends := s.ends()
	eventually(t, func() string { return sealed(ends, r) })
	r.stop()

	ctx, kill := context.WithCancel(context.Background())
	o = s.options(&mortal{ledger: store, left: 1, after: true, kill: kill}) // versions and findings are written
	o.Grace = time.Millisecond
	if err := collector.Run(ctx, o); err != nil {
		t.Fatal(err)
	}
	if n := store.rules(true)[unreachable]; n != 1 {
		t.Fatalf("%d findings stand after the crash, want 1: it came too early", n)
	}
	if row := store.sessions[[2]string{"w", session.DefaultTenant}]; row.Closed != 0 {
		t.Fatal("the session's snapshot was written: the crash came too late")
	}

	late := newTalk(t, "w", noon)
	late.n = 100
	s.produce(late.add(30*time.Second, event.Event{Kind: event.HandoffAccepted, Actor: event.Actor{Role: event.AgentRole, ID: "a"}}).out...)
	r = s.start(s.options(store))
	r.atRest()
	if standing, withdrawn := store.rules(true)[unreachable], store.rules(false)[unreachable]; standing != 0 || withdrawn != 1 {
		t.Errorf("%d findings stand and %d are withdrawn, want 0 and 1", standing, withdrawn)
	}
	out := published(t, s.addr, s.findings)
	for id, f := range store.findings {
		if !out[id][f.Version] {
			t.Errorf("version %d of finding %s was never published", f.Version, f.Rule)
		}
	}
}

func TestNothingIsWrittenWhileNothingHappens(t *testing.T) {
	s := newStage(t, 1)
	store := newLedger()
	r := s.start(s.options(store))
	s.produce(sorry(t, "over", "DE").out...)
	s.produce(newTalk(t, "open", time.Now()).opened("CN").out...)
	ends := s.ends()
	eventually(t, func() string {
		if p := r.health.Report().Partitions; len(p) == 1 && p[0].Sessions > 1 {
			return "the session that is over is still watched"
		}
		return sealed(ends, r)
	})
	look := func() string {
		store.mu.Lock()
		defer store.mu.Unlock()
		return fmt.Sprint(store.calls["write"], r.health.Report().Partitions[0].Sealed)
	}
	before := look()
	time.Sleep(time.Second) // the clock is looked at several times meanwhile
	if after := look(); after != before {
		t.Errorf("%s writes and newest seal, a second ago %s", after, before)
	}
}

func TestStoppingWritesWhatIsInHand(t *testing.T) {
	s := newStage(t, 1)
	s.produce(sorry(t, "a", "CN").out...)
	before := runtime.NumGoroutine()
	store := newLedger()
	o := s.options(store)
	o.Batch.Wait = time.Hour // nothing but the stop ends the batch
	r := s.start(o)
	r.hasRead(8) // where the log ended when the partition was taken over
	s.produce(sorry(t, "b", "CN").out...)
	r.hasRead(16)
	r.stop()
	if n := len(store.interactions); n != 16 {
		t.Errorf("%d interactions, want 16", n)
	}
	if stored, _, _, _ := store.dispositions(t); stored != 16 {
		t.Errorf("%d sealed, want 16", stored)
	}
	eventually(t, func() string {
		if n := runtime.NumGoroutine(); n > before {
			stacks := make([]byte, 1<<16)
			return fmt.Sprintf("%d goroutines, %d before:\n%s", n, before, stacks[:runtime.Stack(stacks, true)])
		}
		return ""
	})
}

func TestRunRefusesOptionsThatCannotWork(t *testing.T) {
	err := collector.Run(context.Background(), collector.Options{Batch: collector.Limits{Bytes: -1}})
	if err == nil || bytes.Count([]byte(err.Error()), []byte("\n")) < 3 {
		t.Errorf("every fault is named: %v", err)
	}
}
