package retention_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mingjian/audit/retention"
	"mingjian/audit/store/storetest"
)

// Somebody else goes on with what one has in hand, while the person goes on too: nothing is destroyed that no
// statement is about.
func TestAnErasureIsCarriedOutByOneHand(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		h := open(t, dsn)
		h.fill()
		at := map[string]int{}
		h.record.step = func(step string, done bool) error {
			if at[step]++; step == "list" && done { // it takes long
				h.now = h.now.Add(4 * time.Minute)
			}
			if !done || step != "note" && step != "read" || at[step] > 2 {
				return nil
			}
			h.record.say("s1", "c-1", "four") // and a seal covers it
			var fault *retention.Fault
			if _, err := h.Erase(h.officer(), request); !errors.As(err, &fault) || !strings.Contains(err.Error(), "another process is at erasure") || strings.Contains(err.Error(), "\n") {
				t.Errorf("after %s somebody else was told %v", step, err)
			}
			if err := h.Resume(t.Context(), h.now.Add(time.Minute)); err != nil { // a service that takes it for abandoned
				t.Error(err)
			}
			return nil
		}
		e, err := h.Erase(h.officer(), request)
		if err != nil || e.State != retention.Done || int(e.Rows) != len(h.record.erasures[e.ID]) || !strings.Contains(h.entry(e.ID), h.root(e.ID)) {
			t.Errorf("%d rows are noted, %+v, %v: %s", len(h.record.erasures[e.ID]), e, err, h.entry(e.ID))
		}
		if got := strings.Join(h.said(), ","); got != ",,hers,,,four,four" {
			t.Errorf("the record says %q", got)
		}
		h.record.step = func(string, bool) error { return nil }
		if e, err = h.Erase(h.officer(), request); err != nil || e.Rows != 2 {
			t.Errorf("what came meanwhile: %+v, %v", e, err)
		}
	})
}

// Whoever was away for longer than the erasure is his does not state it, nor note anything behind the one who took it.
func TestWhoWasAwayTooLongLeavesItToTheOther(t *testing.T) {
	for _, step := range []string{"list", "note", "read"} {
		h := open(t, filepath.Join(t.TempDir(), "a.db"))
		h.fill()
		n := 0
		h.record.step = func(at string, done bool) error {
			if at != step || done {
				return nil
			}
			if n++; at == "list" && n < 3 { // before it was begun
				return nil
			}
			h.record.step = func(string, bool) error { return nil }
			h.now = h.now.Add(time.Hour)
			if err := h.Resume(t.Context(), h.now); err != nil {
				t.Error(err)
			}
			h.record.say("s1", "c-1", "four")
			return nil
		}
		if _, err := h.Erase(h.officer(), request); err == nil {
			t.Errorf("away at %s: it went on", step)
		}
		for id, rows := range h.record.erasures {
			if !strings.Contains(h.entry(id), h.root(id)) {
				t.Errorf("away at %s: %d rows are noted, and the log says %s", step, len(rows), h.entry(id))
			}
		}
		if got := strings.Join(h.said(), ","); got != ",,hers,,,four" {
			t.Errorf("away at %s: the record says %q", step, got)
		}
	}
}

// A service that starts again while its sweep was not done does not begin another over the same sessions.
func TestASweepLeavesOutWhatAnotherHasInHand(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "a.db"))
	h.record.say("old", "c-1", "old")
	h.record.talks["old"].recorded = h.now.AddDate(-4, 0, 0).UnixMilli()
	killed := errors.New("killed")
	h.record.step = func(step string, done bool) error {
		if step == "drop" {
			return killed
		}
		return nil
	}
	if _, err := h.Sweep(t.Context(), false); !errors.Is(err, killed) {
		t.Fatal(err)
	}
	h.record.step = func(string, bool) error { return nil }
	h.restart()
	if due, err := h.Sweep(t.Context(), false); err != nil || len(due) != 0 || len(h.record.erasures) != 1 {
		t.Errorf("swept twice: %+v, %d erasures, %v", due, len(h.record.erasures), err)
	}
	h.now = h.now.Add(time.Hour)
	if err := h.Resume(t.Context(), h.now); err != nil || len(h.said()) != 0 || len(h.record.talks) != 0 {
		t.Errorf("%q is left, %v", h.said(), err)
	}
}
