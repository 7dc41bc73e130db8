package warehouse_test

import (
	"fmt"
	"strings"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// said is a row of a session of a customer, as the collector writes it.
func said(tenant, session string, offset int64, words string) warehouse.Interaction {
	id := fmt.Sprint("e", offset, `"\`)
	return warehouse.Interaction{
		Tenant: tenant, SessionID: session, EventID: id, Topic: "t", Offset: offset, At: 1_790_000_000_000 + offset, Kind: "message", Role: "customer",
		ActorID: words, Text: words, TextBytes: 9, Body: `{"words":"` + words + `"}`, Labels: words, Extra: words, OriginalEnc: words, KeyID: "k", Salt: words,
		Leaf: fmt.Sprintf("%032d", offset), Signals: []string{"anger"}, MaskKinds: []string{"phone"},
	}
}

func TestWhatIsErasedIsNowhereAndItsLeafStays(t *testing.T) {
	r := open(t)
	const words = "unsayable"
	moved := said("acme", "moved", 3, words)
	moved.Version = warehouse.Moved
	before := said("default", "moved", 3, words)
	away := before
	away.Version, away.Deleted = 1, true
	session := func(tenant, id, customer string, version int64) warehouse.Session {
		facts := fmt.Sprintf(`{"human":{"waits":[{"asked_at":1,"what":%q}]}}`, customer)
		return warehouse.Session{Tenant: tenant, SessionID: id, Topic: "t", Version: version, CustomerID: customer, Facts: facts, State: []byte(customer), Owners: customer, Pending: true, Due: 9, Events: 2}
	}
	gone := session("default", "moved", words, 2)
	gone.Deleted = true
	r.write(t, warehouse.Batch{
		Interactions: []warehouse.Interaction{said("acme", "his", 1, words), said("acme", "his", 2, words), before, said("acme", "hers", 4, "sayable"), said("other", "his", 5, "sayable")},
		Sessions:     []warehouse.Session{session("acme", "his", words, 1), session("default", "moved", words, 1), session("acme", "hers", "her", 1), session("other", "his", "another", 1)},
		Findings:     []warehouse.Finding{{ID: "f", Tenant: "acme", SessionID: "his", Rule: "r", Level: "session", Standing: true, Version: 1, CustomerID: words}},
	})
	r.write(t, warehouse.Batch{
		Interactions: []warehouse.Interaction{moved, away},
		Sessions:     []warehouse.Session{session("acme", "his", words, 2), session("acme", "moved", words, 3), gone},
	})
	if err := r.Put(t.Context(), warehouse.Cases, []warehouse.MirrorRow{{ID: "c", Version: 1, Tenant: "acme", SessionID: "his", Document: []byte(`{"a":1,"customer":"` + words + `\"","z":{"customer":"` + words + `"}}`)}}); err != nil {
		t.Fatal(err)
	}

	saying := "SELECT count() FROM sessions WHERE position(waits, '" + words + "') > 0"
	if r.count(t, saying) == 0 {
		t.Fatal("what is read of facts beside them does not say it")
	}

	ids, err := r.SessionsOf(t.Context(), "acme", []string{words, "p-" + words})
	if err != nil || strings.Join(ids, " ") != "his moved" {
		t.Fatalf("his sessions are %q, %v", ids, err)
	}
	var rows []warehouse.Erased
	list := func(e warehouse.Erased) error { rows = append(rows, e); return nil }
	if err := r.Erasable(t.Context(), "acme", ids, list); err != nil || len(rows) != 3 {
		t.Fatalf("%+v, %v", rows, err)
	}
	for i := range rows {
		rows[i].Erasure = "1"
	}
	if rows[2].Tenant != "default" || rows[0].Tenant != "acme" || rows[1].Leaf != fmt.Sprintf("%032d", 2) || rows[1].At != 1_790_000_000_002 {
		t.Errorf("%+v", rows)
	}
	for range 2 { // again is the same
		if err := r.PutErased(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		if err := r.Blank(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		if err := r.Forget(t.Context(), "acme", ids); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"interactions", "sessions", "findings", "cases"} {
		if n := r.count(t, "SELECT count() FROM "+table+" WHERE position(toString(tuple(*)), '"+words+"') > 0"); n != 0 {
			t.Errorf("%d rows of %s still say it", n, table)
		}
	}
	if n := r.count(t, saying); n != 0 {
		t.Errorf("%d rows of sessions still say it where waits stand by themselves", n)
	}
	if n := r.count(t, "SELECT count() FROM cases WHERE document = '{\"a\":1,\"customer\":\"erased\",\"z\":{\"customer\":\"erased\"}}'"); n != 1 {
		t.Error("the case lost more than its customer")
	}
	rows = nil
	if err := r.Erasable(t.Context(), "acme", ids, list); err != nil || len(rows) != 0 {
		t.Errorf("left: %+v, %v", rows, err)
	}
	events, err := r.Events(t.Context(), "acme", "his")
	if err != nil || len(events) != 2 {
		t.Fatal(events, err)
	}
	e, err := event.FromStored(events[0].Body, events[0].Text, 0, events[0].Flags, "", "")
	if err != nil || e.ID != `e1"\` || e.SessionID != "his" || e.At != 1_790_000_000_001 || e.Kind != event.Message || !event.IsErased(e.Flags) {
		t.Errorf("what is left of an event is %+v, %v", e, err)
	}
	if events[0].Leaf != fmt.Sprintf("%032d", 1) || events[0].Salt != "" {
		t.Errorf("leaf %q, salt %q", events[0].Leaf, events[0].Salt)
	}
	snaps, err := r.Snapshots(t.Context(), "t", []string{"his", "moved", "hers"})
	if err != nil || len(snaps) != 4 {
		t.Fatalf("%d snapshots, %v", len(snaps), err)
	}
	for _, s := range snaps {
		untouched := s.Session.Tenant == "other" || s.Session.SessionID == "hers"
		if s.Session.Erased == untouched || s.Session.Pending != untouched || (s.Session.CustomerID != "") != untouched {
			t.Errorf("%+v", s.Session)
		}
	}

	// What is over goes, and its place is known.
	var placed []int64
	stand := func() {
		placed = nil
		err := r.Rows(t.Context(), "t", 0, 0, 9, func(i *warehouse.Interaction) error {
			placed = append(placed, i.Offset)
			if i.Offset <= 2 && (i.Tenant != "acme" || i.Leaf != fmt.Sprintf("%032d", i.Offset) || i.At != policies.Millis(1_790_000_000_000+i.Offset)) {
				t.Errorf("%+v", i)
			}
			return nil
		}, func(*warehouse.Reject) error { return nil })
		if err != nil || len(placed) != 5 {
			t.Errorf("at offsets %v something stands, %v", placed, err)
		}
	}
	stand()
	rows = nil
	if err := r.Standing(t.Context(), "acme", []string{"his"}, list); err != nil || len(rows) != 2 {
		t.Fatalf("%+v, %v", rows, err)
	}
	for _, sweep := range []string{"2", "3"} { // two may note the same rows
		for i := range rows {
			rows[i].Erasure, rows[i].Gone = sweep, true
		}
		if err := r.PutErased(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
	}
	stand()
	for range 2 {
		if err := r.Drop(t.Context(), "2"); err != nil {
			t.Fatal(err)
		}
		if err := r.DropSessions(t.Context(), "acme", []string{"his"}); err != nil {
			t.Fatal(err)
		}
	}
	stand()
	if n := r.count(t, "SELECT count() FROM interactions FINAL WHERE session_id = 'his'") + r.count(t, "SELECT count() FROM sessions FINAL WHERE session_id = 'his'"); n != 2 {
		t.Errorf("%d rows of sessions of that id are left, and only another tenant's should be", n)
	}
}
