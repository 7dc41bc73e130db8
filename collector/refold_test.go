package collector_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/collector"
	"mingjian/collector/event"
	"mingjian/collector/session"
)

// A snapshot that another version of the fold made is of no use; the events are.
func TestSessionIsFoldedFromItsEventsWhereTheSnapshotIsForeign(t *testing.T) {
	s := newStage(t, 1)
	store := newLedger()
	o := s.options(store)
	o.Quiet = time.Hour
	r := s.start(o)
	out := sorry(t, "f", "DE").out
	s.produce(out[:6]...)
	ends := s.ends()
	eventually(t, func() string { return sealed(ends, r) })
	r.stop()
	k := [2]string{"f", session.DefaultTenant}
	row := store.sessions[k]
	row.State = []byte{255}
	store.sessions[k] = row

	r = s.start(s.options(store))
	s.produce(out[6:]...)
	r.atRest()
	if found := store.rules(true); found["q-apology-loop"] != 1 || found["eu-ai-notice-missing"] != 1 {
		t.Errorf("findings %v", found)
	}
	if n := store.sessions[k].Events; n != 8 {
		t.Errorf("the session has %d events, want 8", n)
	}
}

// A long session that comes newest first is folded anew once for each batch, not for each event, and
// comes to what it comes to in order.
func TestNewestFirstIsFoldedOnceForEachBatch(t *testing.T) {
	s := newStage(t, 1)
	store := newLedger()
	o := s.options(store)
	const events, batch = 900, 150
	o.Batch = collector.Limits{Messages: batch, Wait: within}
	for _, id := range []string{"A", "B"} {
		k := newTalk(t, id, noon).opened("DE")
		for i := 1; i < events-1; i++ {
			role := []event.Role{event.CustomerRole, event.BotRole}[i%2]
			k.says(time.Duration(i)*time.Second, role, lines[role][i%5])
		}
		k.closed(events * time.Second)
		if id == "B" {
			slices.Reverse(k.out)
			k.out = append(k.out, k.out[:batch]...) // again
		}
		s.produce(k.out...)
	}
	r := s.start(o)
	r.atRest()
	if n := store.calls["events"]; n == 0 || n >= events/batch {
		t.Errorf("the session was read from the record %d times in %d batches", n, events/batch)
	}
	if stored, repeats, _, _ := store.dispositions(t); stored != 2*events || repeats != batch || len(store.interactions) != 2*events {
		t.Errorf("sealed %d stored and %d repeats, and there are %d interactions; want %d, %d, %d", stored, repeats, len(store.interactions), 2*events, batch, 2*events)
	}
	a, b := store.sessions[[2]string{"A", session.DefaultTenant}], store.sessions[[2]string{"B", session.DefaultTenant}]
	if b.Events != events || strings.ReplaceAll(b.Facts, "B-", "A-") != a.Facts {
		t.Errorf("of %d events newest first:\n%s\nin order:\n%s", b.Events, b.Facts, a.Facts)
	}
	found := map[string][]string{}
	for _, f := range store.findings {
		if f.Standing {
			found[f.SessionID] = append(found[f.SessionID], fmt.Sprint(f.Rule, f.At, strings.TrimPrefix(f.Subject, f.SessionID), strings.ReplaceAll(f.Facts, f.SessionID+"-", "")))
		}
	}
	slices.Sort(found["A"])
	slices.Sort(found["B"])
	if len(found["A"]) == 0 || !slices.Equal(found["A"], found["B"]) {
		t.Errorf("in order %v\nnewest first %v", found["A"], found["B"])
	}
}

// A crash came between the last events and their snapshot, which another version of the fold made:
// the events tell more than the snapshot, and reading them once more adds nothing.
func TestForeignSnapshotBehindItsEventsIsReplaced(t *testing.T) {
	s := newStage(t, 1)
	store := newLedger()
	o := s.options(store)
	o.Quiet = time.Hour
	r := s.start(o)
	out := sorry(t, "f", "DE").out
	s.produce(out[:6]...)
	ends := s.ends()
	eventually(t, func() string { return sealed(ends, r) })
	r.stop()

	ctx, kill := context.WithCancel(t.Context())
	o = s.options(&mortal{ledger: store, left: 1, kill: kill}) // the events are written, their session is not
	s.produce(out[6:]...)
	if err := collector.Run(ctx, o); err != nil {
		t.Fatal(err)
	}
	k := [2]string{"f", session.DefaultTenant}
	row := store.sessions[k]
	if row.Events != 6 || len(store.interactions) != 8 {
		t.Fatalf("the crash left %d events and a session of %d", len(store.interactions), row.Events)
	}
	row.State = []byte{255}
	store.sessions[k] = row

	r = s.start(s.options(store))
	r.atRest()
	if row := store.sessions[k]; row.Events != 8 || row.Pending {
		t.Errorf("the session has %d events and is pending: %v; want 8, and not", row.Events, row.Pending)
	}
	if found := store.rules(true); found["q-apology-loop"] != 1 || found["eu-ai-notice-missing"] != 1 {
		t.Errorf("findings %v", found)
	}
}
