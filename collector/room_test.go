package collector

import (
	"testing"

	"mingjian/collector/original"
	"mingjian/collector/warehouse"
)

// What a batch leaves holds nothing of it, and what a rush made large is not kept for the few messages behind it.
func TestWhatABatchLeaves(t *testing.T) {
	filled := func(c *collector, messages int) room {
		r := c.roomFor(messages)
		r.items = append(r.items, make([]item, messages)...)
		for range messages {
			r.interactions = append(r.interactions, warehouse.Interaction{Text: "said"})
			r.owners = append(r.owners, original.Owner{Customer: "c"})
			r.touched = append(r.touched, warehouse.Session{State: []byte("state")})
			r.secrets = append(r.secrets, secret{message: []byte("said")})
		}
		return r
	}
	c := new(collector)
	r := filled(c, 100)
	c.leave(r)
	for i := range 100 {
		if r.interactions[i].Text != "" || r.owners[i] != (original.Owner{}) || r.touched[i].State != nil || r.secrets[i].message != nil {
			t.Fatalf("row %d of the batch before is still there", i)
		}
	}
	if next := c.roomFor(10); len(next.items)+len(next.interactions)+len(next.owners)+len(next.touched)+len(next.secrets) != 0 {
		t.Error("a batch begins with rows of the one before")
	}

	rush := new(collector)
	large := rush.roomFor(20_000)
	large.items = append(large.items, make([]item, 10)...)
	rush.leave(large)
	if again := rush.roomFor(10); cap(again.interactions) >= 20_000 {
		t.Error("ten messages keep the room of twenty thousand")
	}
}
