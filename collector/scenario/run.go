package scenario

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/redact"
	"mingjian/collector/session"
)

// Result is what running a scenario came to, as `policy check --json` prints it. Lists are ordered.
type Result struct {
	ID       string   `json:"id"`
	Expected []string `json:"expected"` // of the rules that are loaded
	Found    []string `json:"found"`    // what stands when the clock stops
	// Unknown are expected rules that are not loaded; they count neither way.
	Unknown []string `json:"unknown,omitempty"`
	OK      bool     `json:"ok"` // found is exactly what was expected
}

// Run lets an inspector see the scenario's events at their own time, with every deadline fired up
// to s.Until, and compares what it finds with what is expected.
func Run(ctx context.Context, i *inspect.Inspector, s *Scenario) (Result, error) {
	state, err := perform(ctx, i, s, s.First())
	if err != nil {
		return Result{}, err
	}
	return compare(i, s, state), nil
}

// perform runs the scenario, in the words given, up to s.Until.
func perform(ctx context.Context, i *inspect.Inspector, s *Scenario, words Words) (*session.State, error) {
	var state *session.State
	for n, m := range s.Script(s.ID, s.Start, words) {
		e, reject := event.Decode([]byte(s.ID), m.Value, m.At)
		if reject != nil {
			return nil, fmt.Errorf("scenario %s, event %d: %w", s.ID, n, reject)
		}
		redact.Event(e, nil) // as the collector does, so that detectors see the same
		if state == nil {
			state = i.Open(e)
		}
		if err := pass(ctx, i, state, m.At); err != nil {
			return nil, fmt.Errorf("scenario %s: %w", s.ID, err)
		}
		if _, err := i.Next(ctx, state, e, event.Position{Offset: int64(n)}, nothingStored); err != nil {
			return nil, fmt.Errorf("scenario %s, event %d: %w", s.ID, n, err)
		}
	}
	if err := pass(ctx, i, state, s.Start.Add(s.Until)); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.ID, err)
	}
	return state, nil
}

// pass fires the deadlines that fall due up to a moment.
func pass(ctx context.Context, i *inspect.Inspector, s *session.State, now time.Time) error {
	for s.Due != 0 && s.Due <= now.UnixMilli() {
		if _, err := i.Deadline(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// nothingStored is never asked for: a script's events come in order.
func nothingStored(context.Context) ([]inspect.Placed, error) {
	return nil, fmt.Errorf("a scenario's event came late")
}

func compare(i *inspect.Inspector, s *Scenario, state *session.State) Result {
	r := Result{ID: s.ID, Expected: []string{}, Found: []string{}}
	for _, rule := range s.Expect {
		if i.Knows(rule) {
			r.Expected = append(r.Expected, rule)
		} else {
			r.Unknown = append(r.Unknown, rule)
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(state.Found)) {
		if state.Found[rule].Standing {
			r.Found = append(r.Found, rule)
		}
	}
	r.OK = slices.Equal(r.Expected, r.Found)
	return r
}

// calendarBound is how long a session lasts at least where a deadline of its can hang on working hours,
// working days or the end of a day.
const calendarBound = 2 * time.Hour

// otherStarts are moments at which a scenario that lasts is tried beside its own: they go through the
// week and the hours of the day, so that weekends, holidays and midnights come to lie within it.
var otherStarts = func() (shifts []time.Duration) {
	for n := 1; n <= 12; n++ {
		shifts = append(shifts, -time.Duration(n)*31*time.Hour)
	}
	return shifts
}()

// holdsOnAnyDay tries a scenario that lasts for so long at other starts. One that depends on the calendar (“on the
// fifth working day”) is a fair check at its own start, and no ground truth at another.
func holdsOnAnyDay(ctx context.Context, i *inspect.Inspector, s *Scenario, least time.Duration) (bool, error) {
	if s.Until < least {
		return true, nil
	}
	for _, shift := range otherStarts {
		moved := *s
		moved.Start = s.Start.Add(shift)
		state, err := perform(ctx, i, &moved, s.First())
		if err != nil {
			return false, err
		}
		if !compare(i, &moved, state).OK {
			return false, nil
		}
		if err := pass(ctx, i, state, moved.Start.Add(horizon)); err != nil {
			return false, fmt.Errorf("scenario %s: %w", s.ID, err)
		}
		if !compare(i, &moved, state).OK {
			return false, nil
		}
	}
	return true, nil
}

// horizon is how far Lasting lets time run on: longer than any deadline of the catalogue.
const horizon = 400 * 24 * time.Hour

// Lasting keeps the scenarios that may be played at any time: their expectation holds, does not hang
// on a date, and stays the same however long the clock runs on (a wait that is cut off before its
// deadline is a fair check, but a demo that runs on would find it). Rules that are not loaded are
// dropped from their expectations, so that these are ground truth.
func Lasting(ctx context.Context, i *inspect.Inspector, list []*Scenario) ([]*Scenario, error) {
	var out []*Scenario
	for _, s := range list {
		if s.OwnStart { // its start may matter, as of a law that began, or may not
			moved := *s
			moved.Start = DefaultStart
			if anyDay, err := holdsOnAnyDay(ctx, i, &moved, 0); err != nil {
				return nil, err
			} else if !anyDay {
				continue
			}
			s = &moved
		}
		state, err := perform(ctx, i, s, s.First())
		if err != nil {
			return nil, err
		}
		soon := compare(i, s, state)
		if err := pass(ctx, i, state, s.Start.Add(horizon)); err != nil {
			return nil, fmt.Errorf("scenario %s: %w", s.ID, err)
		}
		if late := compare(i, s, state); !soon.OK || !late.OK {
			continue
		}
		if anyDay, err := holdsOnAnyDay(ctx, i, s, calendarBound); err != nil {
			return nil, err
		} else if !anyDay {
			continue
		}
		known := *s
		for _, f := range state.Found {
			if f.Standing {
				known.breaks = min(known.breaks, time.Duration(f.Finding.At-s.Start.UnixMilli())*time.Millisecond)
			}
		}
		known.Expect = soon.Expected
		known.ExpectNot = slices.DeleteFunc(slices.Clone(s.ExpectNot), func(rule string) bool { return !i.Knows(rule) })
		out = append(out, &known)
	}
	return out, nil
}
