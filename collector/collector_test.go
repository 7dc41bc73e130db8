package collector_test

import (
	"fmt"
	"slices"
	"testing"

	"mingjian/collector/warehouse"
)

func (l *ledger) rules(state bool) map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]int{}
	for _, f := range l.findings {
		if f.Standing == state && !f.Deleted {
			out[f.Rule]++
		}
	}
	return out
}

// dispositions adds up what the standing seals account for, and fails where they leave a hole.
func (l *ledger) dispositions(t *testing.T) (stored, repeats, rejected, control int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, seals := range l.standing() {
		next := seals[0].First
		for _, s := range seals {
			if s.First != next {
				t.Errorf("partition %d: seal at %d where %d is next", p, s.First, next)
			}
			next = s.Last + 1
			if n := s.Stored + s.Repeats + s.Rejected + s.Control; int64(n) != s.Last-s.First+1 {
				t.Errorf("partition %d: seal %d–%d accounts for %d offsets", p, s.First, s.Last, n)
			}
			stored, repeats, rejected, control = stored+s.Stored, repeats+s.Repeats, rejected+s.Rejected, control+s.Control
		}
	}
	return
}

func TestEventsBecomeRowsFindingsAndSeals(t *testing.T) {
	s := newStage(t, 2)
	store := newLedger()
	r := s.start(s.options(store))
	for i := range 10 {
		s.produce(sorry(t, fmt.Sprintf("eu%d", i), "DE").out...)
		s.produce(sorry(t, fmt.Sprintf("cn%d", i), "CN").out...)
	}
	r.atRest()
	if n := len(store.interactions); n != 160 {
		t.Errorf("%d interactions, want 160", n)
	}
	found := store.rules(true)
	if found["q-apology-loop"] != 20 || found["eu-ai-notice-missing"] != 10 {
		t.Errorf("findings %v", found)
	}
	if stored, repeats, rejected, control := store.dispositions(t); stored != 160 || repeats+rejected+control != 0 {
		t.Errorf("dispositions %d %d %d %d", stored, repeats, rejected, control)
	}
	for _, f := range store.findings {
		if f.Rule == "eu-ai-notice-missing" && (len(f.Clauses) == 0 || f.Revision != s.bundle.Revision || f.Channel != "app" || f.CustomerID == "") {
			t.Errorf("finding %+v", f)
		}
	}
	if h := r.health.Report(); !h.Healthy || !h.Ready {
		t.Errorf("health %+v", h)
	}
	// Import everything again.
	before := len(store.findings)
	for i := range 10 {
		s.produce(sorry(t, fmt.Sprintf("eu%d", i), "DE").out...)
		s.produce(sorry(t, fmt.Sprintf("cn%d", i), "CN").out...)
	}
	r.atRest()
	if n := len(store.interactions); n != 160 || len(store.findings) != before {
		t.Errorf("after the second import %d interactions and %d findings, want 160 and %d", n, len(store.findings), before)
	}
	if stored, repeats, _, _ := store.dispositions(t); stored != 160 || repeats != 160 {
		t.Errorf("after the second import %d stored and %d repeats", stored, repeats)
	}
	for _, seals := range store.standing() {
		if !slices.IsSortedFunc(seals, func(a, b warehouse.Seal) int { return int(a.First - b.First) }) {
			t.Error("seals out of order")
		}
	}
}

// whole fails the test unless so many sorry sessions are stored once, with their findings.
func (l *ledger) whole(t *testing.T, sessions int) {
	t.Helper()
	if n := len(l.interactions); n != 8*sessions {
		t.Errorf("%d interactions, want %d", n, 8*sessions)
	}
	if found := l.rules(true); found["q-apology-loop"] != sessions || found["eu-ai-notice-missing"] != sessions {
		t.Errorf("findings %v, want %d of each", found, sessions)
	}
	// A producer that got no answer sends again, so there may be repeats.
	if stored, _, rejected, _ := l.dispositions(t); stored != 8*sessions || rejected != 0 {
		t.Errorf("%d stored and %d rejected are sealed, want %d and 0", stored, rejected, 8*sessions)
	}
}
