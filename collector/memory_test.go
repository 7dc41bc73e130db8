package collector

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mingjian/collector/session"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// Sessions freeze in the order in which they were touched last, and thaw as they were.
func TestSessionsFreezeAndThaw(t *testing.T) {
	m := newMemory(nil)
	var ids []string
	for i := range 5 {
		c := &conversation{id: fmt.Sprintf("s%d", i), version: int64(i), redo: -1, tenures: []tenure{
			{From: int64(i), Tenant: "acme", Derived: true}, {From: int64(i + 1), Tenant: "acme", Customer: "c"}, {From: int64(i + 2), Tenant: "other", Customer: "d"},
		}}
		c.state = session.New(c.id, "acme")
		c.state.Customer = "c"
		c.state.Due, c.state.Now, c.state.Last = int64(100-i), int64(i), int64(i)
		c.state.Found = map[string]session.Found{}
		m.add(c)
		ids = append(ids, c.id)
	}
	frozen := func() (out string) {
		for _, id := range ids {
			if m.awake[keyOf(id)] == nil {
				out += id
			}
		}
		return out
	}
	take := func(batch int64, keep int, touched ...int) {
		t.Helper()
		var of []*conversation
		for _, i := range touched {
			c := m.find(ids[i])
			if err := c.thaw(); err != nil {
				t.Fatal(err)
			}
			c.touched = batch
			of = append(of, c)
		}
		if err := m.rest(of, keep); err != nil {
			t.Fatal(err)
		}
	}
	was := *m.find("s0")
	state := *was.state
	take(1, 3, 0, 1, 2, 3, 4)
	if got := frozen(); got != "s0s1" {
		t.Errorf("frozen %s, want the two that are longest in memory", got)
	}
	take(2, 3, 2)
	take(3, 2, 0)
	if got := frozen(); got != "s1s3s4" {
		t.Errorf("frozen %s, want those that were touched longest ago", got)
	}
	c := m.find("s0")
	if !reflect.DeepEqual(*c.state, state) || !reflect.DeepEqual(c.tenures, was.tenures) ||
		c.id != was.id || c.due != was.due || c.version != was.version || c.redo != was.redo || !c.open {
		t.Errorf("thawed:\n%+v\n%+v\nwas\n%+v\n%+v", *c, *c.state, was, state)
	}
	// What is frozen keeps its deadline.
	due := m.overdue(97, 10, 4)
	if len(due) != 2 || due[0].id != "s4" || due[1].id != "s3" {
		t.Errorf("overdue: %d sessions", len(due))
	}
	take(4, 0, 4, 3)
	if got := frozen(); got != "s0s1s2s3s4" || m.len() != 5 {
		t.Errorf("frozen %s, want all", got)
	}
}

// Whatever comes in which order, memory has exactly the sessions that need watching, and some of those that are
// over, each as it was left, and names each deadline when its time has come and not before.
func TestMemoryKeepsWhatItIsGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type known struct {
			due  policies.Millis
			text string
			open bool
		}
		room := rapid.SampledFrom([]int{0, segmentBytes, 1 << 30}).Draw(t, "room")
		m, want, over := newMemory(newPast(room)), map[string]known{}, map[string]known{}
		clock := policies.Millis(0)
		batches := int64(rapid.IntRange(1, 40).Draw(t, "batches"))
		for number := int64(1); number <= batches; number++ {
			b := &batch{number: number}
			change := func(c *conversation) {
				if err := c.thaw(); err != nil {
					t.Fatal(err)
				}
				k := known{open: rapid.IntRange(0, 3).Draw(t, "open") > 0}
				if rapid.Bool().Draw(t, "waits") {
					k.due = clock + policies.Millis(rapid.IntRange(1, 50).Draw(t, "due"))
				}
				size := rapid.SampledFrom([]int{0, 10, 1000, ownSegment / 2, ownSegment, segmentBytes}).Draw(t, "size")
				k.text = strings.Repeat(fmt.Sprint(number%10), size)
				c.state.Due, c.state.Customer, c.state.Facts.Closed = k.due, k.text, 1
				if k.open {
					c.state.Facts.Closed = 0
				}
				c.frozen, c.touched = nil, number
				b.sessions = append(b.sessions, c)
				m.schedule(c)
				delete(over, c.id)
				if want[c.id] = k; !k.open && k.due == 0 {
					delete(want, c.id)
					over[c.id] = k
				}
			}
			inHand := map[string]bool{}
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 30), 0, 12, rapid.ID).Draw(t, "touched") {
				id := fmt.Sprint("s", n)
				inHand[id] = true
				c := m.find(id)
				k, watched := want[id]
				if last, ended := over[id]; ended {
					if c == nil && room == 1<<30 {
						t.Fatalf("session %s was over and is forgotten", id)
					}
					k = last
				} else if watched != (c != nil) {
					t.Fatalf("session %s is known: %v, want %v", id, c != nil, watched)
				}
				switch {
				case c == nil:
					c = &conversation{id: id, version: 7, state: session.New(id, "acme")}
					m.add(c)
				default:
					if err := c.thaw(); err != nil {
						t.Fatal(err)
					}
					if c.state.Customer != k.text || c.due != k.due || c.open != k.open || c.version != 7 {
						t.Fatalf("session %s is not as it was left", id)
					}
				}
				change(c)
			}
			clock += policies.Millis(rapid.IntRange(0, 20).Draw(t, "time"))
			for due := m.overdue(clock, 3, number); len(due) > 0; due = m.overdue(clock, 3, number) {
				for _, c := range due {
					if k := want[c.id]; inHand[c.id] || k.due != c.due || k.due > clock {
						t.Fatalf("at %d session %s is overdue, which is due at %d", clock, c.id, k.due)
					}
					inHand[c.id] = true
					change(c)
				}
			}
			for id, k := range want {
				if k.due != 0 && k.due <= clock && !inHand[id] {
					t.Fatalf("at %d session %s is not overdue, which is due at %d", clock, id, k.due)
				}
			}
			if err := m.rest(b.sessions, rapid.IntRange(0, 10).Draw(t, "keep")); err != nil {
				t.Fatal(err)
			}
			if err := m.settle(number, b.sessions); err != nil {
				t.Fatal(err)
			}
			if m.len() != len(want) {
				t.Fatalf("%d sessions are known, want %d", m.len(), len(want))
			}
			if n := len(m.due); n > staleDeadlines+2*m.len()+2 {
				t.Fatalf("%d deadlines of %d sessions", n, m.len())
			}
			kept := 0
			for i, shelf := range []shelf{m.shelf, m.past.newer, m.past.older} {
				var used, there int
				for _, s := range shelf.segments {
					used, there = used+s.used, there+len(s.data)
				}
				if there > used/7*8+2*segmentBytes {
					t.Fatalf("%d of %d bytes are used", used, there)
				}
				if i > 0 {
					kept += used
				}
			}
			if kept > room+2*(segmentBytes+1024) { // a half is full with the last one that it takes
				t.Fatalf("%d bytes of sessions that are over, where there is room for %d", kept, room)
			}
		}
	})
}

// wavering is a record whose second session cannot be read at first.
type wavering struct {
	Store
	asked int
}

func (w *wavering) Snapshots(_ context.Context, topic string, ids []string) (out []warehouse.Snapshot, err error) {
	w.asked++
	for i, id := range ids {
		state := session.New(id, "acme")
		state.Due = 1
		row := warehouse.Session{Tenant: "acme", SessionID: id, Topic: topic}
		if row.State, err = state.MarshalBinary(); err != nil {
			return nil, err
		}
		if i > 0 && w.asked == 1 {
			row.Owners = "away"
		}
		out = append(out, warehouse.Snapshot{Session: row, Findings: []warehouse.Finding{{Rule: "r", Version: 1}}})
	}
	return out, nil
}

// A look-up that has to be done again leaves each session once, with one deadline, and owes its findings once.
func TestALookUpThatFailsHalfwayLeavesNothing(t *testing.T) {
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	record := &wavering{}
	w := &worker{
		collector: &collector{Options: Options{Topic: "t", Store: record}, metrics: m},
		log:       slog.New(slog.DiscardHandler), health: NewHealth().partition(0), memory: newMemory(nil),
	}
	if err := w.recall(t.Context(), []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	if record.asked != 2 || w.memory.len() != 2 || len(w.memory.due) != 2 || len(w.memory.owed) != 2 {
		t.Errorf("asked %d times: %d sessions, %d deadlines, %d findings owed; want 2 of each",
			record.asked, w.memory.len(), len(w.memory.due), len(w.memory.owed))
	}
}
