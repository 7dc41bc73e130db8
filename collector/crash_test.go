package collector_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"
	"pgregory.net/rapid"

	"mingjian/collector"
	"mingjian/collector/event"
	"mingjian/collector/session"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Each check runs collectors against a broker; the default, a hundred, would take minutes. When
	// it falls differs from run to run, so that there is nothing to keep of a failure but its seed.
	settings := map[string]string{"rapid.checks": "10", "rapid.nofailfile": "true"}
	flag.Visit(func(f *flag.Flag) { delete(settings, f.Name) })
	for name, value := range settings {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// views are what a reader of the record sees, one line for each row, without what tells only when
// and how often it was written.
func (l *ledger) views() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]string{}
	for k, r := range l.interactions {
		if r.Deleted {
			continue
		}
		r.Version = 0
		// What the session was known to be when the row was written depends on what came before.
		r.Channel, r.BusinessLine, r.BotVersion, r.Jurisdiction = "", "", "", ""
		out["interaction "+strings.Join(k[:], "/")] = fmt.Sprintf("%+v", r)
	}
	for k, s := range l.sessions {
		if s.Deleted {
			continue
		}
		s.Version, s.State = 0, nil
		out["session "+strings.Join(k[:], "/")] = fmt.Sprintf("%+v", s)
	}
	for id, f := range l.findings {
		if f.Deleted || !f.Standing {
			continue
		}
		f.Version = 0
		out["finding "+id] = fmt.Sprintf("%+v", f)
	}
	for p, offsets := range l.rejects {
		for o, r := range offsets {
			out[fmt.Sprintf("reject %d/%d", p, o)] = fmt.Sprintf("%+v", r)
		}
	}
	return out
}

func differ(want, got map[string]string) string {
	var out []string
	for k, v := range want {
		if got[k] != v {
			out = append(out, fmt.Sprintf("%s\n  want %s\n  got  %s", k, v, got[k]))
		}
	}
	for k, v := range got {
		if _, ok := want[k]; !ok {
			out = append(out, fmt.Sprintf("%s\n  not wanted: %s", k, v))
		}
	}
	slices.Sort(out)
	return strings.Join(out[:min(len(out), 6)], "\n")
}

// published reads a topic of ours to its end: the versions that were published of each finding.
func published(t testing.TB, addr, topic string) map[string]map[int64]bool {
	t.Helper()
	out := map[string]map[int64]bool{}
	for _, value := range topicValues(t, addr, topic) {
		id, version := findingVersion(t, value)
		if out[id] == nil {
			out[id] = map[int64]bool{}
		}
		out[id][version] = true
	}
	return out
}

// A collector that is killed at any write, as often as you like, with any size of batch, leaves the
// same views as one that was never disturbed, and every finding in the record was published.
func TestKillingAtAnyWriteChangesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		seed := rapid.Uint64().Draw(rt, "seed")
		store, killed := newLedger(), newLedger()
		log := &stage{t: t, topics: s.topics, addr: s.addr, bundle: s.bundle, rules: s.rules, writer: s.writer}
		// Sessions of their own for each check; the log before them stays and is done as well.
		msgs := madeUp(t, rand.New(rand.NewPCG(seed, 1)), 8)
		for i := range msgs {
			prefix := fmt.Sprintf("r%d-", run)
			msgs[i].Value = []byte(strings.ReplaceAll(string(msgs[i].Value), `"session_id":"`, `"session_id":"`+prefix))
			msgs[i].Key = append([]byte(prefix), msgs[i].Key...)
		}
		log.produce(msgs...)

		calm := log.options(store)
		calm.Group = s.group("calm", run)
		undisturbed := log.start(calm)
		undisturbed.atRest()
		undisturbed.stop()

		steps := rapid.SliceOfN(rapid.IntRange(0, 12), 1, 6).Draw(rt, "steps before each kill")
		for _, step := range steps {
			o := log.options(nil)
			o.Group, o.Findings = s.group("killed", run), s.killed
			o.Grace = time.Millisecond
			o.Batch.Messages = rapid.IntRange(1, 40).Draw(rt, "batch")
			ctx, kill := context.WithCancel(context.Background())
			o.Store = &mortal{ledger: killed, left: step, after: rapid.Bool().Draw(rt, "after"), kill: kill}
			life := &running{t: t, stage: log, health: o.Health, ended: make(chan struct{})}
			go func() {
				defer close(life.ended)
				if err := collector.Run(ctx, o); err != nil {
					t.Errorf("collector: %v", err)
				}
			}()
			life.atRest()
			kill()
			<-life.ended
		}
		o := log.options(killed)
		o.Group, o.Findings = s.group("killed", run), s.killed
		last := log.start(o)
		last.atRest()
		last.stop()

		if d := differ(store.views(), killed.views()); d != "" {
			rt.Fatalf("the views differ:\n%s", d)
		}
		killed.dispositions(t)
		if faults := killed.unproven(); len(faults) > 0 {
			rt.Fatalf("what the seals do not prove:\n%s", strings.Join(faults[:min(len(faults), 6)], "\n"))
		}
		out := published(t, s.addr, s.killed)
		for id, f := range killed.findings {
			if !f.Deleted && !out[id][f.Version] {
				rt.Fatalf("version %d of finding %s (%s) was never published", f.Version, id, f.Rule)
			}
		}
	})
}

func topicValues(t testing.TB, addr, topic string) [][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	leader, err := client.DialLeader(ctx, "tcp", addr, topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer leader.Close()
	first, end, err := leader.ReadOffsets()
	if err != nil {
		t.Fatal(err)
	}
	r := client.NewReader(client.ReaderConfig{Brokers: []string{addr}, Topic: topic, MaxWait: 20 * time.Millisecond, MaxBytes: 4 << 20})
	defer r.Close()
	if err := r.SetOffset(first); err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for next := first; next < end; {
		m, err := r.ReadMessage(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m.Value)
		next = m.Offset + 1
	}
	return out
}

// A session may name the tenant that it would have been given anyway. Doing its batch again after a crash is
// no move, and takes nothing away.
func TestNamingTheDefaultTenantIsNoMove(t *testing.T) {
	s := newStage(t, 1)
	store := newLedger()
	k := newTalk(t, "own", noon).add(0, event.Event{Kind: event.SessionOpened, Tenant: session.DefaultTenant})
	s.produce(k.says(time.Second, event.CustomerRole, "您好").closed(2 * time.Second).out...)
	ctx, kill := context.WithCancel(t.Context())
	o := s.options(&mortal{ledger: store, left: 2, kill: kill}) // interactions and sessions are written, the seal is not
	if err := collector.Run(ctx, o); err != nil {
		t.Fatal(err)
	}
	if len(store.interactions) != 3 || len(store.seals) != 0 {
		t.Fatalf("the crash left %d interactions and %d seals, want 3 and 0", len(store.interactions), len(store.seals))
	}
	r := s.start(s.options(store))
	r.atRest()
	for _, row := range store.interactions {
		if row.Deleted {
			t.Errorf("event %s was taken away", row.EventID)
		}
	}
}

// A move to another tenant that a crash interrupted is finished when its batch is done again. The opening of a
// session that was that tenant's from the beginning moves nothing, and nothing is looked up for it.
func TestOnlyAMoveIsFinishedAfterACrash(t *testing.T) {
	s := newStage(t, 1)
	store := newLedger()
	open := event.Event{Kind: event.SessionOpened, Tenant: "acme"}
	moved := newTalk(t, "moved", noon).says(0, event.CustomerRole, "您好").add(time.Second, open)
	options := func(to collector.Store) collector.Options {
		o := s.options(to)
		o.Batch, o.Quiet = collector.Limits{Messages: 2, Wait: 200 * time.Millisecond}, time.Hour
		return o
	}
	s.produce(moved.out[0])
	first, ends := s.start(options(store)), s.ends()
	eventually(t, func() string { return sealed(ends, first) })
	first.stop()
	s.produce(moved.out[1], newTalk(t, "own", noon).add(2*time.Second, open).out[0])
	ctx, kill := context.WithCancel(t.Context())
	if err := collector.Run(ctx, options(&mortal{ledger: store, left: 2, kill: kill})); err != nil { // interactions and sessions
		t.Fatal(err)
	}
	old := [3]string{session.DefaultTenant, "moved", "moved-0"}
	if row, ok := store.interactions[old]; !ok || row.Deleted || store.interactions[[3]string{"acme", "moved", "moved-0"}].EventID == "" {
		t.Fatalf("the crash left %v", store.interactions)
	}
	store.calls["events"] = 0
	last := s.start(options(store))
	ends = s.ends()
	eventually(t, func() string { return sealed(ends, last) })
	last.stop()
	if !store.interactions[old].Deleted {
		t.Error("the event stands under the tenant that its session was moved away from")
	}
	for k, row := range store.interactions {
		if k[0] == "acme" && row.Deleted {
			t.Errorf("event %s was taken away", row.EventID)
		}
	}
	if n := store.calls["events"]; n != 1 {
		t.Errorf("events of sessions were read %d times, want once, for the one that moved", n)
	}
}
