package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"mingjian/audit/store"
)

// MaxDraft is how many bytes a draft may have: somewhat less than a request.
const MaxDraft = bodyBytes - 16<<10

// candidates is how many tasks a claim looks at: enough that on PostgreSQL many who claim at the
// same moment each find one, few enough to stay quick.
const candidates = 40

// errUnchanged ends a transaction that has nothing to write.
var errUnchanged = errors.New("nothing to change")

// change reads a task that the person may see, changes it in one transaction, and returns it as it
// then is. fn may return errUnchanged.
func (r *Reviews) change(ctx context.Context, id string, fn func(context.Context, *store.Tx, *Task) error) (t Task, err error) {
	err = r.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := r.view(ctx, tx, id); err != nil { // whether it may be seen at all
			return err
		}
		stored, err := read(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := fn(ctx, tx, &stored); err != nil {
			return err
		}
		t, err = r.view(ctx, tx, id)
		return err
	})
	if errors.Is(err, errUnchanged) {
		return r.Get(ctx, id)
	}
	return t, err
}

// fresh refuses a change to a task that was read in another version.
func fresh(t Task, version int64) error {
	if t.Version != version {
		return conflictf("this is version %d of the review, and you have read version %d; read it again and repeat what you did if it still holds", t.Version, version)
	}
	return nil
}

// holds refuses whoever does not hold the task.
func (r *Reviews) holds(t Task, who person, version int64) error {
	now := r.db.Now()
	switch {
	case t.State == Open, t.expired(now):
		return conflictf("you do not hold this review: nobody does, a claim ends after %s without a saved draft; claim it again, your draft is kept", r.o.ClaimFor)
	case t.State != Claimed:
		return conflictf("this review is %s; it takes no draft, verdict or release any more", t.State)
	case t.Inspector != who.ID:
		return conflictf("somebody else holds this review")
	}
	return fresh(t, version)
}

// Next claims the most urgent task that suits the principal in ctx. ok is false where there is none.
// A *Conflict says that they hold as many as they may.
func (r *Reviews) Next(ctx context.Context) (t Task, ok bool, err error) {
	who, err := r.person(ctx)
	if err != nil {
		return Task{}, false, err
	}
	for crowded := true; crowded && !ok; {
		crowded = false
		err = r.db.Write(ctx, func(tx *store.Tx) error {
			if err := r.room(ctx, tx, who); err != nil {
				return err
			}
			list, err := r.waiting(ctx, tx, who)
			if err != nil {
				return err
			}
			for _, c := range list {
				took, err := r.take(ctx, tx, &c, who)
				if err != nil {
					return err
				}
				if took {
					ok = true
					t, err = r.view(ctx, tx, c.ID)
					return err
				}
			}
			crowded = len(list) == candidates // others took them all; behind these there are more
			return errUnchanged
		})
		if err != nil && !errors.Is(err, errUnchanged) {
			return Task{}, false, err
		}
	}
	return t, ok, nil
}

// waiting are the most urgent tasks that a person may claim, in their turn.
func (r *Reviews) waiting(ctx context.Context, tx *store.Tx, who person) ([]Task, error) {
	var w where
	// The first condition is the index's.
	w.add("state IN ('open', 'claimed')")
	w.add("(state = 'open' OR claim_until_ms <= ?)", r.db.Now().UnixMilli())
	w.ofTenant(who)
	w.suits(who)
	list, err := selectTasks(ctx, tx, w, "due_ms, id", candidates)
	r.inTurn(list, who.ID)
	return list, err
}

// inTurn orders tasks by the hour in which they are due; within the hour those given to the person
// by name, then those that fewest members can do, then by a hash that differs between people, so
// that many who claim at once do not all reach for the same.
func (r *Reviews) inTurn(list []Task, who string) {
	rank := make(map[string][4]int64, len(list))
	for _, t := range list {
		h := fnv.New64a()
		h.Write([]byte(who))
		h.Write([]byte(t.ID))
		free := int64(1)
		if t.Assignee != "" {
			free = 0
		}
		rank[t.ID] = [4]int64{t.Due.Unix() / 3600, free, int64(r.teams.able(t.Language, t.BusinessLine)), int64(h.Sum64() >> 1)}
	}
	slices.SortFunc(list, func(a, b Task) int {
		x, y := rank[a.ID], rank[b.ID]
		return slices.Compare(x[:], y[:])
	})
}

// room locks the person's row, so that their claims follow each other, and refuses more than the limit.
func (r *Reviews) room(ctx context.Context, tx *store.Tx, who person) error {
	now := r.db.Now().UnixMilli()
	if _, err := tx.ExecContext(ctx, `INSERT INTO review_inspectors (id, latest_ms) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET latest_ms = excluded.latest_ms`, who.ID, now); err != nil {
		return fmt.Errorf("claim a review: %w", err)
	}
	var held int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM reviews WHERE inspector = $1 AND state = 'claimed' AND claim_until_ms > $2`, who.ID, now).Scan(&held); err != nil {
		return fmt.Errorf("claim a review: %w", err)
	}
	if held >= who.member.MaxOpen {
		return conflictf("you hold %d reviews, which is as many as you may; submit or release one first", held)
	}
	return nil
}

// take claims a task for a person whom it suits. It returns false where somebody was quicker.
func (r *Reviews) take(ctx context.Context, tx *store.Tx, t *Task, who person) (bool, error) {
	now := r.db.Now()
	former := ""
	if t.expired(now) {
		former = t.Inspector
	}
	t.State, t.Inspector, t.ClaimedAt, t.ClaimUntil = Claimed, who.ID, now, now.Add(r.o.ClaimFor)
	t.Version++
	took, err := update(ctx, tx, t)
	if err != nil || !took {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO review_seen (tenant, session_id, inspector, task_id) VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, session_id, inspector) DO NOTHING`,
		t.Tenant, t.SessionID, who.ID, t.ID); err != nil {
		return false, fmt.Errorf("claim a review: %w", err)
	}
	if former != "" {
		if err := r.recordExpiry(ctx, tx, *t, former); err != nil {
			return false, err
		}
	}
	return true, r.announce(ctx, tx, *t, "review.claimed", "", map[string]any{"until": t.ClaimUntil})
}

func (r *Reviews) recordExpiry(ctx context.Context, tx *store.Tx, t Task, holder string) error {
	return tx.Record(ctx, store.Entry{
		Actor: system, Action: "review.expired", Subject: t.subject(), Reason: "the claim ran out without a saved draft",
		Detail: detail(map[string]any{"inspector": holder}),
	})
}

// Claim claims one task by its id. Claiming what one holds already changes nothing.
func (r *Reviews) Claim(ctx context.Context, id string, version int64) (Task, error) {
	who, err := r.person(ctx)
	if err != nil {
		return Task{}, err
	}
	return r.change(ctx, id, func(ctx context.Context, tx *store.Tx, t *Task) error {
		now := r.db.Now()
		free := t.State == Open || t.expired(now)
		switch {
		case !free && t.State == Claimed && t.Inspector == who.ID:
			return errUnchanged
		case !free && t.State == Claimed:
			return conflictf("somebody else holds this review")
		case !free:
			return conflictf("this review is %s; it cannot be claimed any more", t.State)
		case t.Assignee != "" && t.Assignee != who.ID:
			return &Forbidden{"a supervisor gave this review to somebody else"}
		case t.Kind == Adjudication && !who.decides:
			return &Forbidden{"an adjudication is for somebody who may decide disputes"}
		}
		if err := fresh(*t, version); err != nil {
			return err
		}
		if err := r.room(ctx, tx, who); err != nil {
			return err
		}
		if err := unseen(ctx, tx, *t, who.ID); err != nil {
			return err
		}
		var w where
		w.add("id = ?", id)
		w.suits(who)
		if fits, err := selectTasks(ctx, tx, w, "id", 1); err != nil {
			return err
		} else if len(fits) == 0 {
			return &Forbidden{"this review is in a language or business line that the roster does not name for you"}
		}
		took, err := r.take(ctx, tx, t, who)
		if err == nil && !took {
			err = conflictf("somebody else was quicker")
		}
		return err
	})
}

// unseen refuses an inspector who has had the same session by another task.
func unseen(ctx context.Context, tx *store.Tx, t Task, inspector string) error {
	other, err := collect(ctx, tx, scanText, `SELECT task_id FROM review_seen WHERE tenant = $1 AND session_id = $2 AND inspector = $3 AND task_id <> $4`,
		t.Tenant, t.SessionID, inspector, t.ID)
	if err == nil && len(other) > 0 {
		err = &Forbidden{"this session was reviewed by the same person before; its second review and its adjudication need somebody else"}
	}
	return err
}

// Release gives a held task back. The draft is kept for whoever saved it.
func (r *Reviews) Release(ctx context.Context, id string, version int64, why string) (Task, error) {
	who, err := r.person(ctx)
	if err != nil {
		return Task{}, err
	}
	return r.change(ctx, id, func(ctx context.Context, tx *store.Tx, t *Task) error {
		if err := r.holds(*t, who, version); err != nil {
			return err
		}
		return r.giveBack(ctx, tx, t, "review.released", why, nil)
	})
}

// giveBack opens a task again and records from whom it was taken, with what else is to be told.
func (r *Reviews) giveBack(ctx context.Context, tx *store.Tx, t *Task, action, why string, told map[string]any) error {
	fields := map[string]any{"inspector": t.Inspector}
	maps.Copy(fields, told)
	t.State, t.Inspector, t.ClaimedAt, t.ClaimUntil = Open, "", time.Time{}, time.Time{}
	if err := save(ctx, tx, t); err != nil {
		return err
	}
	return r.announce(ctx, tx, *t, action, why, fields)
}

// SaveDraft keeps what the holder has typed so far, a JSON object that only they get back, and
// extends the claim.
func (r *Reviews) SaveDraft(ctx context.Context, id string, version int64, draft json.RawMessage) (Task, error) {
	who, err := r.person(ctx)
	if err != nil {
		return Task{}, err
	}
	var object map[string]json.RawMessage
	if len(draft) > MaxDraft || json.Unmarshal(draft, &object) != nil || object == nil {
		return Task{}, fault("draft", "a draft is a JSON object of at most %d bytes", MaxDraft)
	}
	return r.change(ctx, id, func(ctx context.Context, tx *store.Tx, t *Task) error {
		if err := r.holds(*t, who, version); err != nil {
			return err
		}
		now := r.db.Now()
		t.ClaimUntil = now.Add(r.o.ClaimFor)
		if err := save(ctx, tx, t); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO review_drafts (task_id, inspector, at_ms, draft) VALUES ($1, $2, $3, $4)
			ON CONFLICT (task_id, inspector) DO UPDATE SET at_ms = excluded.at_ms, draft = excluded.draft`, id, who.ID, now.UnixMilli(), string(draft))
		return err
	})
}
