package collector

import (
	"fmt"
	"reflect"
	"testing"

	"mingjian/collector/session"
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
