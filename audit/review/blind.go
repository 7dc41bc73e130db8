package review

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"mingjian/audit/store"
)

// keepKey makes the key of the blind draw, once, and records its digest, so that the draw can be
// checked by whoever is given the key.
func (r *Reviews) keepKey(ctx context.Context, tx *store.Tx) error {
	const name = "blind"
	secret := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r.o.Rand, secret); err != nil {
		return fmt.Errorf("make the key of the blind draw: %w", err)
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO review_keys (name, secret) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, hex.EncodeToString(secret))
	if err != nil {
		return fmt.Errorf("keep the key of the blind draw: %w", err)
	}
	made, err := res.RowsAffected()
	if err != nil {
		return err
	}
	var stored string
	if err := tx.QueryRowContext(ctx, `SELECT secret FROM review_keys WHERE name = $1`, name).Scan(&stored); err != nil {
		return fmt.Errorf("read the key of the blind draw: %w", err)
	}
	if r.blindKey, err = hex.DecodeString(stored); err != nil {
		return fmt.Errorf("read the key of the blind draw: %w", err)
	}
	if made == 0 {
		return nil
	}
	sum := sha256.Sum256(r.blindKey)
	return tx.Record(ctx, store.Entry{Actor: system, Action: "key.made", Subject: "review-key:" + name, Detail: detail(map[string]any{"sha256": hex.EncodeToString(sum[:])})})
}

// reviewedTwice draws: HMAC-SHA256(key, task id), its first 8 bytes as a fraction of 2⁶⁴, below the share.
func (r *Reviews) reviewedTwice(id string) bool {
	mac := hmac.New(sha256.New, r.blindKey)
	mac.Write([]byte(id))
	return float64(binary.BigEndian.Uint64(mac.Sum(nil)))/math.Exp2(64) < r.blindShare
}

// openSecond opens the second, blind review of a task that was just opened.
func (r *Reviews) openSecond(ctx context.Context, tx *store.Tx, first Task) error {
	second := first
	second.ID, second.Kind = taskID(first.ID, "second"), BlindSecond
	if _, err := tx.ExecContext(ctx, `INSERT INTO review_pairs (id, second_id, submitted, state, differs, at_ms, adjudicate) VALUES ($1, $2, 0, 'waiting', '', 0, '')`, first.ID, second.ID); err != nil {
		return fmt.Errorf("open a blind pair: %w", err)
	}
	_, err := r.insert(ctx, tx, second)
	return err
}

// Difference is one thing that two reviewers of a session saw differently.
type Difference struct {
	Item   string `json:"item" doc:"criterion:…, finding:… (a rule) or misjudged"`
	First  string `json:"first"`
	Second string `json:"second"`
}

// compare sees whether both reviews of a pair are in. Where they agree, both stand; where not, an
// adjudication is opened, due 48 hours from now.
func (r *Reviews) compare(ctx context.Context, tx *store.Tx, t *Task) error {
	// The update locks the pair, so that of two halves at the same moment the later sees the earlier.
	if _, err := tx.ExecContext(ctx, `UPDATE review_pairs SET submitted = submitted + 1 WHERE id = $1`, t.PairID); err != nil {
		return fmt.Errorf("compare a blind pair: %w", err)
	}
	first, second, err := r.halves(ctx, tx, t.PairID)
	if err != nil {
		return err
	}
	if first.Verdict == nil || second.Verdict == nil {
		return nil
	}
	differs := r.differences(first, second)
	now := r.db.Now()
	state, adjudicate := "agreed", ""
	if len(differs) > 0 {
		a := first
		a.ID, a.Kind, a.Assignee, a.Verdict, a.digest, a.defective = taskID(first.PairID, "adjudication"), Adjudication, "", nil, "", false
		a.Inspector, a.ClaimedAt, a.ClaimUntil, a.SubmittedAt, a.Escalation = "", time.Time{}, time.Time{}, time.Time{}, 0
		a.ReasonAt, a.Due, a.Reason = now, now.Add(DueAfter), "two blind reviews differ"
		state, adjudicate = "disagreed", a.ID
		if _, err := r.insert(ctx, tx, a); err != nil {
			return err
		}
	}
	told, err := json.Marshal(differs)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE review_pairs SET state = $1, differs = $2, at_ms = $3, adjudicate = $4 WHERE id = $5`, state, string(told), now.UnixMilli(), adjudicate, t.PairID); err != nil {
		return fmt.Errorf("compare a blind pair: %w", err)
	}
	if err := tx.Record(ctx, store.Entry{Actor: system, Action: "pair." + state, Subject: first.subject(), Detail: detail(map[string]any{"second": second.ID, "differs": len(differs)})}); err != nil {
		return err
	}
	if state == "disagreed" {
		return nil
	}
	return r.settle(ctx, tx, first, second)
}

func (r *Reviews) halves(ctx context.Context, tx *store.Tx, pair string) (first, second Task, err error) {
	var secondID string
	if err := tx.QueryRowContext(ctx, `SELECT second_id FROM review_pairs WHERE id = $1`, pair).Scan(&secondID); err != nil {
		return first, second, fmt.Errorf("read a blind pair: %w", err)
	}
	if first, err = read(ctx, tx, pair); err != nil {
		return first, second, err
	}
	second, err = read(ctx, tx, secondID)
	return first, second, err
}

// settle unseals a pair: from now the first task's outcome may be disputed, and the second is done.
func (r *Reviews) settle(ctx context.Context, tx *store.Tx, first, second Task) error {
	now := r.db.Now()
	first.settled, second.settled = now, now
	second.State, second.FinalAt = Final, now
	for _, t := range []*Task{&first, &second} {
		if err := save(ctx, tx, t); err != nil {
			return err
		}
		if err := r.announce(ctx, tx, *t, "review.settled", "both reviews of the pair are in and decided", nil); err != nil {
			return err
		}
	}
	return nil
}

// adjudicated makes the adjudicator's verdict the outcome of the pair's first task.
func (r *Reviews) adjudicated(ctx context.Context, tx *store.Tx, a Task) error {
	first, second, err := r.halves(ctx, tx, a.PairID)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE review_pairs SET state = 'adjudicated' WHERE id = $1`, a.PairID); err != nil {
		return fmt.Errorf("adjudicate: %w", err)
	}
	first.Outcome, first.defective = a.Verdict, a.Verdict.Defective
	return r.settle(ctx, tx, first, second)
}

// differences compares two verdicts of one session: a criterion that one failed and the other did
// not, or whose ratings on a scale are two or more apart; a finding decided differently (one that
// only one of them saw is left out: it came or went in between); and whether the AI misjudged.
func (r *Reviews) differences(first, second Task) []Difference {
	out := []Difference{}
	card := r.cards.Find(first.Card)
	a, b := first.Verdict, second.Verdict
	for _, x := range a.Criteria {
		k, ok := card.criterion(x.Criterion)
		i := slices.IndexFunc(b.Criteria, func(y Rating) bool { return y.Criterion == x.Criterion })
		if !ok || i < 0 {
			continue
		}
		if y := b.Criteria[i]; apart(k, x.Rating, y.Rating) {
			out = append(out, Difference{"criterion:" + k.ID, x.Rating, y.Rating})
		}
	}
	for _, x := range a.Findings {
		for _, y := range b.Findings {
			if x.FindingID == y.FindingID && x.Decision != y.Decision {
				out = append(out, Difference{"finding:" + x.Rule, x.Decision, y.Decision})
			}
		}
	}
	if a.Misjudged != b.Misjudged {
		out = append(out, Difference{"misjudged", strconv.FormatBool(a.Misjudged), strconv.FormatBool(b.Misjudged)})
	}
	return out
}

func apart(k Criterion, x, y string) bool {
	if x == y {
		return false
	}
	if k.fails(x) != k.fails(y) || k.Scale == 0 {
		return k.fails(x) != k.fails(y)
	}
	n, e1 := strconv.Atoi(x)
	m, e2 := strconv.Atoi(y)
	return e1 == nil && e2 == nil && max(n-m, m-n) >= 2
}
