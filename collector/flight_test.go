package collector_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"

	"mingjian/collector/event"
	"mingjian/collector/original"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
)

// noted is a record that keeps what it was given, write by write, and may hold a write up.
type noted struct {
	*ledger
	hold func(*warehouse.Batch)

	mu     sync.Mutex
	writes []warehouse.Batch
}

func (n *noted) Write(ctx context.Context, b *warehouse.Batch) error {
	if n.hold != nil {
		n.hold(b)
	}
	if err := n.ledger.Write(ctx, b); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	kept := *b
	kept.Interactions, kept.Sessions = slices.Clone(b.Interactions), slices.Clone(b.Sessions) // the arrays are used again
	n.writes = append(n.writes, kept)
	return nil
}

// with gives the places of the writes that have a snapshot of the session.
func (n *noted) with(id string) (out []int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, b := range n.writes {
		if slices.ContainsFunc(b.Sessions, func(s warehouse.Session) bool { return s.SessionID == id }) {
			out = append(out, i)
		}
	}
	return out
}

// tick is a message that moves event time on from noon.
func tick(t *testing.T, after time.Duration) client.Message {
	return newTalk(t, fmt.Sprint("tick", after), noon).says(after, event.CustomerRole, "您好").out[0]
}

// A deadline's snapshot is written once its seal is: with the next batch where there is one, and else by itself, also by
// a collector that stops.
func TestADeadlinesSnapshotComesWithTheNextBatch(t *testing.T) {
	for name, tt := range map[string]struct {
		next  []client.Message
		stops bool
	}{
		"more comes": {next: []client.Message{tick(t, 2*time.Minute+time.Second)}}, "nothing comes": {}, "it stops": {stops: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 1)
			sealing, more := make(chan struct{}), make(chan struct{})
			read := sync.OnceFunc(func() { close(sealing); <-more })
			goOn := sync.OnceFunc(func() { close(more) })
			store := &noted{ledger: newLedger(), hold: func(b *warehouse.Batch) {
				if b.Seal != nil && len(b.Findings) > 0 {
					read() // until the next is in hand, if one is to come
				}
			}}
			o := s.options(store)
			o.Quiet, o.Batch.Messages, o.Grace = time.Hour, 1, within
			r := s.start(o)
			t.Cleanup(goOn) // or a failure would wait for the batch for ever
			s.produce(append(waiting(t, "w", noon).out, tick(t, 2*time.Minute))...)
			s.produce(tt.next...)
			ends := s.ends()
			r.hasRead(ends[0])
			if tt.stops {
				select {
				case <-sealing:
				case <-time.After(within):
					t.Fatal("no deadline is sealed")
				}
				go r.stop()
				time.Sleep(100 * time.Millisecond) // what it does then is to wait for the batch
			}
			goOn()
			eventually(t, func() string {
				if n := len(store.with("w")); n < 4 {
					return fmt.Sprintf("%d snapshots, want one for each of three messages and one for the deadline", n)
				}
				if tt.stops {
					return ""
				}
				return sealed(ends, r)
			})
			r.stop()
			store.dispositions(t)
			places := store.with("w")
			place := places[len(places)-1]
			last := store.writes[place]
			brought := strings.Join(ids(last.Interactions), " ")
			if want := strings.Join(sessionsOf(tt.next), " "); brought != want || last.Seal != nil {
				t.Errorf("the snapshot came with interactions of %q, want %q", brought, want)
			}
			if !slices.ContainsFunc(store.writes[:place], func(b warehouse.Batch) bool { return b.Seal != nil && len(b.Findings) > 0 }) {
				t.Error("the snapshot was written before the seal of its deadline")
			}
			if store.rules(true)[unreachable] != 1 {
				t.Errorf("%v", store.rules(true))
			}
		})
	}
}

func ids(rows []warehouse.Interaction) (out []string) {
	for _, r := range rows {
		out = append(out, r.SessionID)
	}
	return out
}

func sessionsOf(messages []client.Message) (out []string) {
	for _, m := range messages {
		out = append(out, string(m.Key))
	}
	return out
}

// What a deadline left of a session whose person is erased before it is written never is.
func TestASnapshotThatIsStillToBeWrittenIsErased(t *testing.T) {
	s, ring := newStage(t, 1), newRing()
	store := &noted{ledger: newLedger(), hold: func(b *warehouse.Batch) {
		if b.Seal != nil && slices.ContainsFunc(b.Findings, func(f warehouse.Finding) bool { return f.Rule == unreachable }) {
			ring.erase(session.DefaultTenant, "w")
		}
	}}
	o := s.options(store)
	o.Keys, o.Quiet = ring, time.Hour
	r := s.start(o)
	s.produce(append(waiting(t, "w", noon).out, waiting(t, "v", noon).out...)...)
	ends := s.ends()
	eventually(t, func() string { return sealed(ends, r) })
	before, other := len(store.with("w")), len(store.with("v"))
	s.produce(tick(t, 2*time.Minute))
	eventually(t, func() string {
		if len(store.with("v")) == other {
			return "the deadline's snapshot of the other session is not there"
		}
		return ""
	})
	r.stop()
	if n := len(store.with("w")); n != before {
		t.Errorf("%d snapshots of the session, %d before its person was erased", n, before)
	}
}

// A session that the next batch moves to another tenant leaves nothing that stands with the one before, though that batch
// brings a snapshot of it there.
func TestASnapshotOfASessionThatMovesAwayDoesNotStand(t *testing.T) {
	s := newStage(t, 1)
	more := make(chan struct{})
	read, goOn := sync.OnceFunc(func() { <-more }), sync.OnceFunc(func() { close(more) })
	store := &noted{ledger: newLedger(), hold: func(b *warehouse.Batch) {
		if b.Seal != nil && len(b.Findings) > 0 {
			read()
		}
	}}
	o := s.options(store)
	o.Quiet, o.Batch.Messages = time.Hour, 1
	r := s.start(o)
	t.Cleanup(goOn)
	w := newTalk(t, "w", noon).add(time.Second, event.Event{Kind: event.Message, Actor: event.Actor{Role: event.CustomerRole}, Text: "转人工",
		Customer: &event.Customer{ID: "c-w", Jurisdiction: "CN"}}).says(2*time.Second, event.BotRole, "正在为您转接人工客服")
	s.produce(append(slices.Clone(w.out), tick(t, 2*time.Minute))...)
	s.produce(w.add(3*time.Minute, event.Event{Kind: event.SessionOpened, Tenant: "acme"}).out[2])
	ends := s.ends()
	r.hasRead(ends[0])
	goOn()
	eventually(t, func() string { return sealed(ends, r) })
	r.stop()
	store.dispositions(t)
	for _, tenant := range []string{session.DefaultTenant, "acme"} {
		if row, ok := store.sessions[[2]string{"w", tenant}]; !ok || row.Deleted != (tenant != "acme") {
			t.Errorf("the session with %s: there %v, deleted %v", tenant, ok, row.Deleted)
		}
	}
	if !slices.ContainsFunc(store.writes, func(b warehouse.Batch) bool {
		var rows []bool
		for _, row := range b.Sessions {
			if row.SessionID == "w" && row.Tenant == session.DefaultTenant {
				rows = append(rows, row.Deleted)
			}
		}
		return slices.Contains(rows, true) && slices.Contains(rows, false)
	}) {
		t.Error("no batch brings the snapshot and buries the session")
	}
	stands := map[string]bool{}
	for _, f := range store.findings {
		if f.SessionID == "w" {
			stands[f.Tenant] = stands[f.Tenant] || f.Standing && !f.Deleted
		}
	}
	if was, there := stands[session.DefaultTenant]; was || !there || !stands["acme"] {
		t.Errorf("findings stand: %v", stands)
	}
}

// counting counts how often batches begin.
type counting struct {
	*ring
	begun atomic.Int64
}

func (c *counting) Erased(ctx context.Context, after int64) ([]original.Owner, int64, error) {
	c.begun.Add(1)
	return c.ring.Erased(ctx, after)
}

// More than memory has room for do not wait for another batch.
func TestManySnapshotsDoNotWait(t *testing.T) {
	const partitions, room = 32, 16 << 10 / 32 / 8
	s, ring := newStage(t, partitions), &counting{ring: newRing()}
	var all []int
	for p := range partitions {
		all = append(all, p)
	}
	first := func(id string) bool {
		return (&client.Hash{}).Balance(client.Message{Key: []byte(id)}, all...) == 0
	}
	var out []client.Message
	for i, n := 0, 0; n <= room; i++ {
		if id := fmt.Sprint("w", i); first(id) {
			out, n = append(out, waiting(t, id, noon).out...), n+1
		}
	}
	after := 25 * time.Hour
	for !first(fmt.Sprint("tick", after)) {
		after++
	}
	var begunBySeal, begunByRows atomic.Int64
	store := &noted{ledger: newLedger(), hold: func(b *warehouse.Batch) {
		switch {
		case b.Seal != nil && len(b.Findings) > room:
			begunBySeal.Store(ring.begun.Load())
		case len(b.Sessions) > room && len(b.Interactions) == 0:
			begunByRows.Store(ring.begun.Load())
		}
	}}
	o := s.options(store)
	o.Keys, o.Quiet = ring, time.Hour
	r := s.start(o)
	s.produce(out...)
	ends := s.ends()
	eventually(t, func() string { return sealed(ends, r) })
	s.produce(tick(t, after))
	eventually(t, func() string {
		if begunByRows.Load() == 0 {
			return "the snapshots are not written"
		}
		return ""
	})
	r.stop()
	store.dispositions(t)
	if seal, rows := begunBySeal.Load(), begunByRows.Load(); seal != rows {
		t.Errorf("%d batches began between the deadlines' seal and their snapshots", rows-seal)
	}
}
