package review

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"mingjian/audit/store"
)

// Dispute is what the reviewed side holds against a verdict.
type Dispute struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Decision ends a dispute.
type Decision struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Stands bool      `json:"stands" doc:"The verdict stays; false: outcome has the one that replaces it"`
	Why    string    `json:"why"`
}

// reason wants 1 to MaxWords characters.
func reason(field, text string) (string, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n == 0 || n > MaxWords {
		return "", fault(field, "say why in 1 to %d characters (this has %d)", MaxWords, n)
	}
	return text, nil
}

// Dispute contests a submitted verdict within its window. The same person sending the same again
// changes nothing.
func (r *Reviews) Dispute(ctx context.Context, id string, version int64, why string) (Task, error) {
	who, err := r.person(ctx)
	if err != nil {
		return Task{}, err
	}
	if why, err = reason("reason", why); err != nil {
		return Task{}, err
	}
	return r.change(ctx, id, func(ctx context.Context, tx *store.Tx, t *Task) error {
		now := r.db.Now()
		until := t.settled.Add(r.o.DisputeWindow)
		switch {
		case t.State == Disputed && t.Dispute.By == who.ID && t.Dispute.Reason == why:
			return errUnchanged
		case !t.Kind.primary():
			return conflictf("an adjudication, a second review and a calibration carry no outcome of their own; dispute the first review of the pair")
		case t.State != Submitted:
			return conflictf("this review is %s; only a submitted verdict can be disputed", t.State)
		case t.sealed():
			return conflictf("this verdict is compared with a second one and not settled yet; dispute it then")
		case !now.Before(until):
			return conflictf("the time to dispute this verdict ended at %s", until.Format(time.RFC3339))
		case t.Inspector == who.ID:
			return &Forbidden{"you gave this verdict; somebody of the reviewed side may dispute it"}
		}
		if err := fresh(*t, version); err != nil {
			return err
		}
		t.State, t.Dispute = Disputed, &Dispute{By: who.ID, At: now, Reason: why}
		if err := save(ctx, tx, t); err != nil {
			return err
		}
		return r.announce(ctx, tx, *t, "review.disputed", why, nil)
	})
}

// Decide ends a dispute: the verdict stands, or instead replaces it. It needs a person who had no
// part in the review or the dispute.
func (r *Reviews) Decide(ctx context.Context, id string, version int64, why string, instead *Answer) (Task, error) {
	who, err := r.person(ctx)
	if err != nil {
		return Task{}, err
	}
	if why, err = reason("why", why); err != nil {
		return Task{}, err
	}
	before, err := r.Get(ctx, id)
	if err != nil {
		return Task{}, err
	}
	if d := before.Decision; d != nil && d.By == who.ID && d.Why == why && d.Stands == (instead == nil) {
		return before, nil // the same sent again
	}
	if err := r.decidable(before, who, version); err != nil {
		return Task{}, err
	}
	var outcome *Verdict
	if instead != nil {
		conv, ok, err := r.sessions.SessionOf(ctx, before.Tenant, before.SessionID)
		if err != nil {
			return Task{}, fmt.Errorf("decide a dispute: %w", err)
		}
		if !ok {
			return Task{}, conflictf("the session is not in the record now; decide when it is")
		}
		if outcome, err = r.judge(before, conv, *instead); err != nil {
			return Task{}, err
		}
		outcome.Inspector, outcome.At = who.ID, r.db.Now()
	}
	return r.change(ctx, id, func(ctx context.Context, tx *store.Tx, t *Task) error {
		if err := r.decidable(*t, who, version); err != nil {
			return err
		}
		if t.PairID != "" {
			_, second, err := r.halves(ctx, tx, t.PairID)
			if err != nil {
				return err
			}
			if second.Inspector == who.ID || t.Outcome != nil && t.Outcome.Inspector == who.ID {
				return &Forbidden{"you reviewed or adjudicated this session; somebody else has to decide the dispute"}
			}
		}
		t.State, t.Decision = Decided, &Decision{By: who.ID, At: r.db.Now(), Stands: outcome == nil, Why: why}
		if outcome != nil {
			t.Outcome, t.defective = outcome, outcome.Defective
		}
		if err := save(ctx, tx, t); err != nil {
			return err
		}
		if err := r.announce(ctx, tx, *t, "review.decided", why, map[string]any{"stands": outcome == nil}); err != nil {
			return err
		}
		return r.publish(ctx, tx, *t)
	})
}

// decidable refuses what is not disputed, and whoever took part.
func (r *Reviews) decidable(t Task, who person, version int64) error {
	switch {
	case t.State != Disputed:
		return conflictf("this review is %s; there is no dispute to decide", t.State)
	case t.Inspector == who.ID:
		return &Forbidden{"you gave the verdict that is disputed; somebody else has to decide"}
	case t.Dispute.By == who.ID:
		return &Forbidden{"you disputed this verdict; somebody else has to decide"}
	}
	return fresh(t, version)
}
