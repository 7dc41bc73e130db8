package replay_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/redact"
	"mingjian/collector/replay"
	"mingjian/collector/scenario"
	"mingjian/collector/session"
	"mingjian/policies"
)

// A session taken whole stands as it stands when its events come one by one and each deadline fires when
// it is due, which is how the collector takes it: played sessions of every scenario, looked at on the way
// and long after.
func TestWholeIsWhatStepByStepCameTo(t *testing.T) {
	bundle := load(t, nil)
	inspector, err := inspect.New(bundle)
	if err != nil {
		t.Fatal(err)
	}
	player, err := scenario.Demo(t.Context(), bundle, policies.Builtin(), scenario.PlayOptions{Seed: 3, Now: now, Sessions: 500, History: 8 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*replay.Session{}
	for n := int64(0); ; n++ {
		at, key, value, ok := player.Next()
		if !ok {
			break
		}
		e, reject := event.Decode([]byte(key), value, at)
		if reject != nil {
			t.Fatal(reject)
		}
		redact.Event(e, nil)
		s := all[key]
		if s == nil {
			s = &replay.Session{ID: key, Tenant: inspector.Open(e).Tenant}
			all[key] = s
		}
		s.Events = append(s.Events, inspect.Placed{Event: e, Offset: n})
	}
	found := 0
	for _, id := range slices.Sorted(maps.Keys(all)) {
		s := all[id]
		for _, later := range []time.Duration{0, 20 * time.Minute, 400 * 24 * time.Hour} {
			until := s.Events[len(s.Events)-1].Event.At + later.Milliseconds()
			want, err := stepByStep(t.Context(), inspector, s, until)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Stand(t.Context(), inspector, until)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := told(got), told(want); a != b {
				t.Errorf("session %s after %v: whole it stands at\n%s\nstep by step at\n%s", id, later, a, b)
			}
			found += len(want.Found)
		}
	}
	if found < 100 {
		t.Fatalf("only %d findings to compare", found)
	}
}

func stepByStep(ctx context.Context, i *inspect.Inspector, s *replay.Session, until policies.Millis) (*session.State, error) {
	state := session.New(s.ID, s.Tenant)
	pass := func(to policies.Millis) error {
		for state.Due != 0 && state.Due <= to {
			if _, err := i.Deadline(ctx, state); err != nil {
				return err
			}
		}
		return nil
	}
	for _, p := range s.Events {
		if err := pass(p.Event.At); err != nil {
			return nil, err
		}
		if _, err := i.Next(ctx, state, p.Event, event.Position{Offset: p.Offset}, func(context.Context) ([]inspect.Placed, error) {
			return nil, errors.New("it came late")
		}); err != nil {
			return nil, err
		}
	}
	return state, pass(until)
}

// told is what stands, and what could not be assessed, in words to compare.
func told(s *session.State) (out string) {
	for _, rule := range slices.Sorted(maps.Keys(s.Found)) {
		if f := s.Found[rule].Finding; s.Found[rule].Standing {
			out += fmt.Sprintf("%s %s %s %s %d %s\n", rule, f.Severity, f.Status, f.Subject, f.At, f.Facts)
		}
	}
	return out + fmt.Sprint(s.NotAssessed)
}
