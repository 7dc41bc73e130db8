package session

import (
	"fmt"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// endless folds n events, 1 s apart, and gives the state that is left.
func endless(n int, next func(i int) step) *State {
	s := New("s", "")
	for i := range n {
		st := next(i)
		e := st.e
		e.ID, e.SessionID, e.At = fmt.Sprint("e", i), "s", start+policies.Millis(i)*second
		s.Fold(&e, Order{e.At, int64(i)}, st.found, nil)
	}
	return s
}

// However long a session goes on, what it makes us hold beside the ids is bounded, and what broke a
// rule first is still known.
func TestEndlessSession(t *testing.T) {
	const n = 20_000
	asks := says(0, event.CustomerRole, signal.HumanRequest)
	cycle := func(steps ...step) func(int) step {
		return func(i int) step { return steps[i%len(steps)] }
	}
	accepted, priorityGiven := does(0, event.HandoffAccepted, by(event.AgentRole)), does(0, event.HandoffQueued, priority)
	idle := says(0, event.CustomerRole, 0)
	for name, next := range map[string]func(int) step{
		"asking on and on":         cycle(asks),
		"asked and met":            cycle(asks, accepted),
		"asked and given priority": cycle(asks, priorityGiven),
		"asked and closed":         cycle(asks, does(0, event.SessionClosed)),
		"asked and taken back":     cycle(asks, says(0, event.CustomerRole, signal.RequestWithdraw)),
		"longer and longer waits": func() func(int) step {
			left, length := 0, 0
			return func(int) step {
				switch {
				case left == 0:
					length++
					left = length
					return asks
				case left == 1:
					left = 0
					return accepted
				}
				left--
				return idle
			}
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			s := endless(n, next)
			if s.Count() != n {
				t.Errorf("%d of %d events were seen", s.Count(), n)
			}
			a := s.at.Asking
			if len(s.Facts.Human.Waits) > maxWaits || len(a.Recent) > maxRecent || len(a.Runs) > maxRecent+1 || s.Facts.Human.Strikes > maxStrikes {
				t.Errorf("%d waits, %d recent requests, %d runs, %d strikes are kept", len(s.Facts.Human.Waits), len(a.Recent), len(a.Runs), s.Facts.Human.Strikes)
			}
			data, err := s.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if most := 12*n + 16<<10; len(data) > most {
				t.Errorf("the snapshot has %d bytes, more than %d", len(data), most)
			}
			var read State
			if err := read.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			for _, i := range []int{0, 1, maxYoung, n / 2, n - 1} {
				if offset, ok := read.Seen.First(fmt.Sprint("e", i)); !ok || offset != int64(i) {
					t.Errorf("event %d: offset %d, %v", i, offset, ok)
				}
			}
		})
	}

	late := append(slicesOf(200, asks, accepted), asks)
	late = append(late, slicesOf(20, idle, idle)...)
	late = append(late, accepted)
	late = append(late, slicesOf(200, asks, accepted)...)
	s := endless(len(late), func(i int) step { return late[i] })
	slow := 0
	for _, w := range s.Facts.Human.Waits {
		if w.JoinedAt-w.AskedAt > 30*second {
			slow++
		}
	}
	if slow != 1 {
		t.Errorf("%d of the waits that are kept are slow, want the one among 401", slow)
	}
}

// slicesOf repeats two steps.
func slicesOf(times int, a, b step) []step {
	var out []step
	for range times {
		out = append(out, a, b)
	}
	return out
}

// BenchmarkEndlessSession folds a session of 100,000 events in which a person is asked for and met.
func BenchmarkEndlessSession(b *testing.B) {
	asks, accepted := says(0, event.CustomerRole, signal.HumanRequest), does(0, event.HandoffAccepted, by(event.AgentRole))
	for b.Loop() {
		endless(100_000, func(i int) step {
			if i%2 == 0 {
				return asks
			}
			return accepted
		})
	}
}
