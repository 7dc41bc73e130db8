package collector_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/replay"
	"mingjian/collector/session"
	"mingjian/collector/warehouse"
)

// What comes of a session after its person was erased, while a collector that knows it goes on and after it
// was started again: it is accounted for, says nothing, and changes no finding.
func TestErasedSessionsStayErased(t *testing.T) {
	t.Parallel()
	k := keep(t)
	s, ring := k.stage, newRing()
	o := s.options(k.store)
	o.Keys = ring
	var clock atomic.Int64
	clock.Store(noon.Add(time.Hour).UnixMilli())
	o.Now = func() time.Time { return time.UnixMilli(clock.Load()) }
	r := s.start(o)
	sealed := func() {
		t.Helper()
		ends := s.ends()
		eventually(t, func() string { return sealed(ends, r) })
	}
	closed, open, hers := sorry(t, "closed", "DE"), newTalk(t, "open", noon).opened("DE").says(time.Second, event.CustomerRole, "不能说的"), sorry(t, "hers", "DE")
	closed.says(13*time.Second, event.CustomerRole, "不能说的").says(14*time.Second, event.CustomerRole, "13812345678不能说的")
	s.produce(slices.Concat(closed.out, open.out, hers.out)...)
	sealed()
	var standing uint64
	k.ask("SELECT count() FROM findings FINAL WHERE standing AND session_id = 'closed'", &standing)
	if standing < 2 {
		t.Fatalf("%d findings stand", standing)
	}

	ids := []string{"closed", "open"}
	tell := func() {
		for _, id := range ids {
			ring.erase(session.DefaultTenant, id)
		}
	}
	erase := func(id string) (n int) {
		t.Helper()
		var rows []warehouse.Erased
		err := k.store.Erasable(t.Context(), session.DefaultTenant, ids, func(e warehouse.Erased) error {
			e.Erasure = id
			rows = append(rows, e)
			return nil
		})
		for _, do := range []func() error{
			func() error { return err },
			func() error { return k.store.PutErased(t.Context(), rows) },
			func() error { return k.store.Blank(t.Context(), id) },
			func() error { return k.store.Forget(t.Context(), session.DefaultTenant, ids) },
		} {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
		return len(rows)
	}
	tell()
	if n := erase("1"); n != len(closed.out)+len(open.out) {
		t.Fatalf("%d rows were erased", n)
	}
	tell()
	silent := func(when string) {
		t.Helper()
		for _, table := range []string{"interactions", "sessions", "findings"} {
			var n uint64
			for _, said := range []string{"不能说的", "我的话费不对", "c-closed", "c-open"} {
				k.ask(fmt.Sprintf("SELECT count() FROM %s WHERE position(toString(tuple(*)), '%s') > 0 AND session_id != 'hers'", table, said), &n)
				if n != 0 {
					t.Errorf("%s: %d rows of %s say %s", when, n, table, said)
				}
			}
		}
		var now, rows uint64
		k.ask("SELECT count() FROM findings FINAL WHERE standing AND session_id = 'closed'", &now)
		if now != standing {
			t.Errorf("%s: %d findings stand, before it were %d", when, now, standing)
		}
		k.ask("SELECT count() FROM findings FINAL WHERE session_id = 'open'", &rows)
		if rows != 0 {
			t.Errorf("%s: %d findings in a session that says nothing", when, rows)
		}
		k.ask("SELECT count() FROM sessions FINAL WHERE erased AND business_line = 'mobile' AND jurisdiction = 'DE'", &rows)
		if rows != 2 {
			t.Errorf("%s: %d sessions are marked", when, rows)
		}
	}
	silent("erased")
	again := slices.Clone(closed.out[:3])
	for i, id := range ids { // to the end, late, with the customer's name, and the same once more
		more := newTalk(t, id, noon)
		more.n = 100
		more.says(time.Minute, event.CustomerRole, "13812345678不能说的").says(-time.Minute, event.BotRole, "不能说的").opened("DE")
		again = append(again, more.out...)
		if i == 0 {
			again = append(again, more.out[0])
		}
	}
	s.produce(again...)
	sealed()
	silent("after more came")
	clock.Store(noon.Add(100 * time.Hour).UnixMilli())
	r.atRest()
	silent("after a day")
	var flagged uint64
	k.ask("SELECT count() FROM sessions FINAL WHERE pending", &flagged)
	if flagged != 0 {
		t.Errorf("%d sessions wait for something after a day", flagged)
	}
	r.stop()
	k.ask("SELECT count() FROM interactions FINAL WHERE has(flags, 'erased') AND session_id != 'hers' AND original_enc = '' AND length(leaf) = 32", &flagged)
	if want := uint64(len(closed.out) + len(open.out) + 6); flagged != want {
		t.Errorf("%d events are left, want %d", flagged, want)
	}

	// As by a process that knows nothing of it.
	r = s.start(o)
	more := newTalk(t, "open", noon)
	more.n = 200
	s.produce(more.says(2*time.Minute, event.CustomerRole, "不能说的").closed(3 * time.Minute).out...)
	r.atRest()
	r.stop()
	silent("after a restart")
	k.clean("erased")
	if n := erase("2"); n != 0 {
		t.Errorf("%d rows are left to erase", n)
	}
	sessions, interactions, err := k.store.ReplaySize(t.Context(), warehouse.ReplayQuery{})
	if err != nil || sessions != 1 || interactions != int64(len(hers.out)) {
		t.Errorf("%d sessions with %d interactions would be inspected again, %v", sessions, interactions, err)
	}
	k.ask("SELECT count() FROM sessions FINAL WHERE pending", &flagged)
	if flagged != 0 {
		t.Errorf("%d sessions wait for something", flagged)
	}
	progress, err := k.store.Progress(t.Context(), s.interactions)
	if err != nil {
		t.Fatal(err)
	}
	found, err := replay.Audit(t.Context(), k.store, replay.AuditQuery{Topic: s.interactions, Sealed: progress, Now: clock.Load()})
	if err != nil || found.Erased != 2 || found.Sessions != 1 || len(found.Faults) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

// The fold takes events of every kind without their contents.
func TestEveryKindOfEventFoldsWithoutItsContents(t *testing.T) {
	bundle, err := rules()
	if err != nil {
		t.Fatal(err)
	}
	i, err := inspect.New(bundle)
	if err != nil {
		t.Fatal(err)
	}
	kinds := strings.Fields("session.opened message menu.step handoff.requested handoff.queued handoff.updated handoff.accepted handoff.rejected handoff.abandoned callback.promised callback.completed promise.made promise.kept decision.made complaint.filed complaint.acknowledged complaint.resolved return.received refund.completed survey.sent misjudgement.reported review.decided session.closed")
	state := session.New("s", "")
	for n, kind := range append(kinds, kinds...) {
		e := (&event.Event{ID: fmt.Sprint(n), SessionID: "s", At: at(noon, time.Duration(n)*time.Second), Kind: event.Kind(kind), Text: "x"}).Erased()
		e, err := event.FromStored(event.Body(e), e.Text, 0, e.Flags, "", "")
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		out, err := i.Silent().Next(t.Context(), state, e, event.Position{Offset: int64(n)}, nil)
		if err != nil || len(out.Changes) != 0 {
			t.Errorf("%s: %+v, %v", kind, out, err)
		}
	}
	if state.Count() != 2*len(kinds) || len(state.Found) != 0 {
		t.Errorf("%d events, %d findings", state.Count(), len(state.Found))
	}
	for state.Due != 0 {
		if out, err := i.Silent().Deadline(t.Context(), state); err != nil || len(out.Changes) != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
}
