package session

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"

	"pgregory.net/rapid"
)

// placed is an event with its offset and what was found in it.
type placed struct {
	e     event.Event
	o     Order
	found signal.Set
}

// conversation draws a session's events with distinct ids and offsets; gaps are drawn so that the
// fold's own times (10 s, 30 s, 24 h) are hit exactly, missed by a little, and passed.
func conversation(t *rapid.T) []placed {
	gaps := []policies.Millis{0, 1, 3_000, 9_999, 10_000, 10_001, 20_000, 29_999, 30_000, 60_000, IdleClose - 1, IdleClose, IdleClose + 5_000}
	kinds := []event.Kind{
		event.Message, event.Message, event.Message, event.Message, event.HandoffRequested, event.HandoffQueued, event.HandoffAccepted,
		event.HandoffRejected, event.SessionClosed, event.SessionOpened, event.CallbackPromised, event.CallbackCompleted, event.MenuStep, event.DecisionMade,
		event.HandoffUpdated, event.HandoffAbandoned,
	}
	n := rapid.IntRange(1, 14).Draw(t, "events")
	offsets := rapid.Permutation(numbers(n)).Draw(t, "offsets")
	at := start
	var out []placed
	for i := range n {
		at += rapid.SampledFrom(gaps).Draw(t, "gap")
		e := event.Event{ID: fmt.Sprint("e", i), SessionID: "s", At: at, Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Text: "…"}
		e.Actor.Role = rapid.SampledFrom([]event.Role{event.CustomerRole, event.BotRole, event.AgentRole}).Draw(t, "role")
		if rapid.IntRange(0, 3).Draw(t, "told") == 0 {
			age := rapid.SampledFrom([]int{30, 71}).Draw(t, "age")
			e.Customer = &event.Customer{ID: fmt.Sprint("c", i), Age: &age, Jurisdiction: "cn"}
			e.Channel = rapid.SampledFrom([]string{"app", "web"}).Draw(t, "channel")
			e.Entrance = &event.Entrance{ElderChannel: new(bool)}
			e.Handoff = &event.Handoff{Priority: true}
		}
		disclosed(t, &e)
		contacted(t, &e)
		passedAround(t, &e)
		complained(t, &e)
		out = append(out, placed{e, Order{at, int64(offsets[i])}, signal.Set(rapid.Uint64Range(0, 1<<53-1).Draw(t, "found"))})
	}
	return out
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i + 1
	}
	return out
}

func inOrder(events []placed) []placed {
	return slices.SortedFunc(slices.Values(events), func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.o.At, b.o.At), cmp.Compare(a.o.Offset, b.o.Offset))
	})
}

func foldAll(events []placed) *State {
	s := New("s", "")
	for i := range events {
		s.Fold(&events[i].e, events[i].o, events[i].found, nil)
	}
	return s
}

// However events arrive, and whenever time was let pass between, the state is that of the ordered set.
func TestStateIsAFunctionOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := conversation(t)
		arrivals := rapid.Permutation(append(slices.Clone(set), set...)).Draw(t, "arrivals")

		got := New("s", "")
		var stored []placed
		for _, p := range arrivals {
			if _, again := got.Seen.First(p.e.ID); again {
				continue
			}
			stored = append(stored, p)
			if got.Late(p.o) {
				now := got.Now
				got = foldAll(inOrder(stored))
				got.Advance(now)
			} else {
				got.Fold(&p.e, p.o, p.found, nil)
			}
			if rapid.IntRange(0, 5).Draw(t, "pause") == 0 && got.WakeAt() != 0 {
				got.Advance(got.WakeAt())
			}
		}
		want := foldAll(inOrder(set))
		want.Advance(got.Now)
		equal(t, want, got)
	})
}

// A snapshot taken anywhere goes on exactly where the fold stopped.
func TestSnapshotGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := inOrder(conversation(t))
		cut := rapid.IntRange(0, len(set)).Draw(t, "cut")
		got := foldAll(set[:cut])
		got.Found = map[string]Found{"r": {Finding: policies.Finding{Rule: "r", Facts: []byte(`{"a":1}`)}, Version: 2, Standing: true}}
		got.NotAssessed = []policies.NotAssessable{{Rule: "x", Reason: "customer.age"}}
		data, err := got.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var read State
		if err := read.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, &read) {
			t.Fatalf("states differ\nwritten %+v\nread    %+v", got, &read)
		}
		for i := cut; i < len(set); i++ {
			a := got.Fold(&set[i].e, set[i].o, set[i].found, nil)
			b := read.Fold(&set[i].e, set[i].o, set[i].found, nil)
			if a != b {
				t.Fatalf("event %d: changed %v before the snapshot, %v after", i, a, b)
			}
		}
		equal(t, got, &read)
	})
}

// What Fold and Advance say has changed is what has changed, field by field. A group of facts that was
// changed in place, instead of in a copy, would be like what it was before, and its rules not be asked.
func TestChangesAreTold(t *testing.T) {
	fields := func(f *policies.Facts) map[string]string {
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(text, &raw); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for name, value := range raw {
			if string(value) == "[]" {
				value = []byte("null")
			}
			out[name] = string(value)
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		s := New("s", "")
		for i, p := range inOrder(conversation(t)) {
			before := fields(&s.Facts)
			var told policies.Fields
			if at := s.IdleAt(); at != 0 && rapid.IntRange(0, 9).Draw(t, "pause") == 0 {
				told = s.Advance(min(at, p.o.At))
			} else {
				told = s.Fold(&p.e, p.o, p.found, nil)
			}
			for name, now := range fields(&s.Facts) {
				if changed := now != before[name]; changed != (told&policies.Field(name) != 0) {
					t.Fatalf("step %d: %s changed: %v, told: %v\nbefore %s\nafter  %s", i, name, changed, !changed, before[name], now)
				}
			}
		}
	})
}

// equal compares all of two states; a nil and an empty list are the same.
func equal(t *rapid.T, want, got *State) {
	t.Helper()
	for _, s := range []*State{want, got} {
		if len(s.Facts.Human.Waits) == 0 {
			s.Facts.Human.Waits = nil
		}
		if len(s.at.Asking.Recent) == 0 {
			s.at.Asking.Recent = nil
		}
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("states differ\nwant %+v\ngot  %+v", want, got)
	}
}

// BenchmarkOpenSession reports what an open session of twenty events keeps in memory.
func BenchmarkOpenSession(b *testing.B) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var open []*State
	for b.Loop() {
		s := New(fmt.Sprint("session-", len(open)), "")
		for i := range 20 {
			e := event.Event{ID: fmt.Sprint("e", i), At: start + policies.Millis(i)*second, Kind: event.Message, Actor: event.Actor{Role: event.BotRole}, Text: "…"}
			if i == 0 {
				e.Kind, e.Channel, e.Customer = event.SessionOpened, "app", &event.Customer{ID: fmt.Sprint("c", i), Jurisdiction: "CN"}
			}
			found := signal.Set(0)
			if i == 9 {
				e.Actor.Role, found = event.CustomerRole, signal.HumanRequest
			}
			s.Fold(&e, Order{e.At, int64(i)}, found, nil)
		}
		open = append(open, s)
	}
	b.ReportMetric(float64(heap()-before)/float64(len(open)), "kept-B/op")
}
