package collector

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"testing"

	"mingjian/collector/session"
	"mingjian/collector/warehouse"
)

// Sessions freeze in the order in which they were touched last, and thaw as they were.
func TestSessionsFreezeAndThaw(t *testing.T) {
	m := newMemory()
	var all []*conversation
	for i := range 5 {
		c := &conversation{id: fmt.Sprintf("s%d", i), redo: -1, tenures: []tenure{{From: int64(i), Tenant: "acme", Customer: "c"}}}
		c.state = session.New(c.id, "acme")
		c.state.Due, c.state.Now, c.state.Last = int64(100-i), int64(i), int64(i)
		c.state.Found = map[string]session.Found{}
		m.add(c)
		all = append(all, c)
	}
	frozen := func() (out string) {
		for _, c := range all {
			if c.state == nil {
				out += c.id
			}
		}
		return out
	}
	take := func(batch int64, keep int, touched ...int) {
		t.Helper()
		var of []*conversation
		for _, i := range touched {
			c := all[i]
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
	was, tenures := *all[0].state, all[0].tenures
	take(1, 3, 0, 1, 2, 3, 4)
	if got := frozen(); got != "s0s1" {
		t.Errorf("frozen %s, want the two that are longest in memory", got)
	}
	take(2, 3, 2)
	take(3, 2, 0)
	if got := frozen(); got != "s1s3s4" {
		t.Errorf("frozen %s, want those that were touched longest ago", got)
	}
	if c := all[0]; !reflect.DeepEqual(*c.state, was) || !reflect.DeepEqual(c.tenures, tenures) || c.due != was.Due || !c.pending() {
		t.Errorf("thawed:\n%+v %+v\nwas\n%+v %+v", *c.state, c.tenures, was, tenures)
	}
	// What is frozen keeps its deadline.
	if due := m.overdue(97, 10, 4); len(due) != 2 || due[0].id != "s4" || due[1].id != "s3" {
		t.Errorf("overdue: %d sessions", len(due))
	}
	take(4, 0)
	if got := frozen(); got != "s0s1s2s3s4" {
		t.Errorf("frozen %s, want all", got)
	}
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
		log:       slog.New(slog.DiscardHandler), health: NewHealth().partition(0), memory: newMemory(),
	}
	if err := w.recall(t.Context(), []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	if record.asked != 2 || len(w.memory.sessions) != 2 || len(w.memory.due) != 2 || len(w.memory.owed) != 2 {
		t.Errorf("asked %d times: %d sessions, %d deadlines, %d findings owed; want 2 of each",
			record.asked, len(w.memory.sessions), len(w.memory.due), len(w.memory.owed))
	}
}
