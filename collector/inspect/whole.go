package inspect

import (
	"context"

	"mingjian/collector/session"
	"mingjian/policies"
)

// Fold folds a session whose events are all there, in their order, and lets time pass to now, asking
// nothing. With Judge after it that comes to what Next for each event and Deadline for each moment up to
// now would have come to, without the steps between: it is how a late event is taken, for all of them.
//
// An event that Next would refuse is an *event.Reject here too, and the state is unfinished.
func (i *Inspector) Fold(s *session.State, events []Placed, now policies.Millis) error {
	for _, p := range events {
		if _, again := s.Seen.First(p.Event.ID); again {
			continue
		}
		if err := admit(s, p.Event); err != nil {
			return err
		}
		s.Fold(p.Event, session.Order{At: p.Event.At, Offset: p.Offset}, i.Signals(p.Event), i.detector)
	}
	s.Advance(now)
	return nil
}

// Judge asks every rule about a session as it stands; State.Found has the answer.
func (i *Inspector) Judge(ctx context.Context, s *session.State) error {
	verdict, err := i.ask(ctx, s, policies.AllFields)
	if err != nil {
		return err
	}
	settle(s, verdict, false)
	schedule(s)
	return nil
}

// Beside is the inspector without the rules that answer as those of another bundle do, whatever the facts
// (see policies.Bundle.Alike): who asks both asks those once.
func (i *Inspector) Beside(ctx context.Context, b *policies.Bundle) (*Inspector, error) {
	engine, ok := i.rules.(*policies.Engine)
	if !ok {
		return i, nil
	}
	out := *i
	var err error
	out.rules, err = engine.Beside(ctx, b)
	return &out, err
}
