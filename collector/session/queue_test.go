package session

import (
	"reflect"
	"testing"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

func place(n int) func(*event.Event) {
	return func(e *event.Event) {
		if e.Handoff == nil {
			e.Handoff = new(event.Handoff)
		}
		e.Handoff.QueuePosition = &n
	}
}

func held(seconds float64) func(*event.Event) {
	return func(e *event.Event) { e.Handoff = &event.Handoff{HoldS: &seconds} }
}

// stretch is one from and until these steps; until 0 it goes on.
func stretch(from string, fromAt float64, until string, untilAt float64) policies.Stretch {
	s := policies.Stretch{From: from, FromAt: at(fromAt), Until: until}
	if untilAt > 0 {
		s.UntilAt, s.LastedMs = at(untilAt), at(untilAt)-at(fromAt)
	}
	return s
}

func TestQueue(t *testing.T) {
	joins := does(5, event.HandoffAccepted, by(agent))
	for name, c := range map[string]struct {
		steps []step
		want  *policies.Queue
	}{
		"never queued": {steps: []step{does(1, event.HandoffUpdated, place(3)), joins}},
		"queued in the dark": {
			steps: []step{does(1, event.HandoffQueued)},
			want: &policies.Queue{
				Stays:    []policies.Stay{{Queued: "e1", QueuedAt: at(1)}},
				Silences: []policies.Stretch{stretch("e1", 1, "", 0)},
				Untold:   []policies.Stretch{stretch("e1", 1, "", 0)},
			},
		},
		"shown at once": {
			steps: []step{does(1, event.HandoffQueued, place(3)), joins},
			want: &policies.Queue{
				Stays:    []policies.Stay{{Queued: "e1", QueuedAt: at(1), Told: "e1", ToldAt: at(1), Position: 3, Ended: "e2", EndedAt: at(5), EndedAs: "joined", WaitedMs: 4000}},
				Silences: []policies.Stretch{stretch("e1", 1, "e2", 5)},
			},
		},
		"told just before": {
			steps: []step{says(0, bot, signal.TellsQueue), does(1, event.HandoffQueued)},
			want: &policies.Queue{
				Stays:    []policies.Stay{{Queued: "e2", QueuedAt: at(1), Told: "e1", ToldAt: at(0)}},
				Silences: []policies.Stretch{stretch("e2", 1, "", 0)},
			},
		},
		"told before the customer spoke": {
			steps: []step{says(0, bot, signal.TellsQueue), says(0.5, customer, 0), does(1, event.HandoffQueued)},
			want: &policies.Queue{
				Stays:    []policies.Stay{{Queued: "e3", QueuedAt: at(1)}},
				Silences: []policies.Stretch{stretch("e3", 1, "", 0)},
				Untold:   []policies.Stretch{stretch("e3", 1, "", 0)},
			},
		},
		"told late, in words": {
			steps: []step{does(1, event.HandoffQueued), says(2, bot, signal.Hold), says(4, system, signal.TellsQueue)},
			want: &policies.Queue{
				Stays:    []policies.Stay{{Queued: "e1", QueuedAt: at(1), Told: "e3", ToldAt: at(4), ToldAfterMs: 3000}},
				Silences: []policies.Stretch{stretch("e1", 1, "e3", 4), stretch("e3", 4, "", 0)},
				Untold:   []policies.Stretch{stretch("e1", 1, "e3", 4)},
			},
		},
		"another way is news, and no place": {
			steps: []step{does(1, event.HandoffQueued), says(4, bot, signal.OffersWay)},
			want: &policies.Queue{
				Stays:    []policies.Stay{{Queued: "e1", QueuedAt: at(1)}},
				Silences: []policies.Stretch{stretch("e1", 1, "e2", 4), stretch("e2", 4, "", 0)},
				Untold:   []policies.Stretch{stretch("e1", 1, "", 0)},
			},
		},
		"a change that is not told": {
			steps: []step{does(1, event.HandoffQueued, place(3)), does(4, event.HandoffUpdated), does(9, event.HandoffAbandoned)},
			want: &policies.Queue{
				Stays:    []policies.Stay{{Queued: "e1", QueuedAt: at(1), Told: "e1", ToldAt: at(1), Position: 3, Ended: "e3", EndedAt: at(9), EndedAs: "abandoned", WaitedMs: 8000}},
				Silences: []policies.Stretch{stretch("e1", 1, "e2", 4), stretch("e2", 4, "e3", 9)},
				Untold:   []policies.Stretch{stretch("e2", 4, "e3", 9)},
			},
		},
		"only the longest so far are kept": {
			steps: []step{does(1, event.HandoffQueued, place(3)), does(6, event.HandoffUpdated, place(2)), does(8, event.HandoffUpdated, place(1)), does(20, event.HandoffRejected)},
			want: &policies.Queue{
				Stays:    []policies.Stay{{Queued: "e1", QueuedAt: at(1), Told: "e1", ToldAt: at(1), Position: 3, Ended: "e4", EndedAt: at(20), EndedAs: "rejected", WaitedMs: 19000}},
				Silences: []policies.Stretch{stretch("e1", 1, "e2", 6), stretch("e3", 8, "e4", 20)},
			},
		},
		"priority, and two stays": {
			steps: []step{
				does(1, event.HandoffQueued, priority, place(1)), does(2, event.HandoffUpdated, priority), says(3, agent, 0),
				does(4, event.HandoffQueued, place(9)), does(7, event.SessionClosed), does(8, event.HandoffAbandoned),
			},
			want: &policies.Queue{
				Stays: []policies.Stay{
					{Queued: "e1", QueuedAt: at(1), Priority: "e1", PriorityAt: at(1), Told: "e1", ToldAt: at(1), Position: 1, Ended: "e3", EndedAt: at(3), EndedAs: "joined", WaitedMs: 2000},
					{Queued: "e4", QueuedAt: at(4), Told: "e4", ToldAt: at(4), Position: 9, Ended: "e5", EndedAt: at(7), EndedAs: "closed", WaitedMs: 3000},
				},
				Silences: []policies.Stretch{stretch("e1", 1, "e2", 2), stretch("e4", 4, "e5", 7)},
				Untold:   []policies.Stretch{stretch("e2", 2, "e3", 3)},
			},
		},
		"holds add up": {
			steps: []step{does(1, event.HandoffUpdated, held(600)), does(2, event.HandoffUpdated, held(899.5)), does(3, event.HandoffUpdated, held(0)), does(4, event.HandoffUpdated, held(10))},
			want:  &policies.Queue{LongestHoldS: 900, LongestHold: "e2", LongestHoldAt: at(2), HeldS: 1510, Held: "e4", HeldAt: at(4)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := folded(t, c.steps...).Facts.Queue
			if got != nil { // a list without an element is none
				for _, list := range []*[]policies.Stretch{&got.Silences, &got.Untold} {
					if len(*list) == 0 {
						*list = nil
					}
				}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("queue %+v\nwant  %+v", got, c.want)
			}
		})
	}
}

func TestSilenceEndsTheQueue(t *testing.T) {
	s := folded(t, does(0, event.HandoffQueued))
	s.Advance(start + IdleClose)
	if y := s.Facts.Queue.Stays[0]; y.EndedAs != "closed" || y.Ended != "" || y.WaitedMs != IdleClose {
		t.Errorf("stay %+v", y)
	}
}

func TestEndlessQueue(t *testing.T) {
	s := endless(3000, func(i int) step {
		switch i % 3 {
		case 0:
			return does(0, event.HandoffQueued)
		case 1:
			return does(0, event.HandoffUpdated, held(1e6))
		}
		return does(0, event.HandoffAbandoned)
	})
	if q := s.Facts.Queue; len(q.Stays) > maxStays || len(q.Silences) > maxStretches || len(q.Untold) > maxStretches || q.HeldS > maxHeldS {
		t.Errorf("%d stays, %d silences, %d untold, held %d s", len(q.Stays), len(q.Silences), len(q.Untold), q.HeldS)
	}
}
