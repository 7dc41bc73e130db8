package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector/event"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// recordMark names up to where the record was followed for these rules, by its own clock. The first look
// is at all of it: a wrong stays one, whenever this service began, and whenever its rule was marked.
func recordMark(rules []string) string {
	return "record-" + sum([]byte(strings.Join(slices.Sorted(slices.Values(rules)), " ")))
}

// Follow makes candidates of what the record holds since the last look: findings of rules marked as
// misjudgements, verdicts and reports. Looking at the same again is harmless. What cannot be read of
// one thing is in the error, and the others go on.
func (c *Cases) Follow(ctx context.Context) error {
	if c.o.Record == nil {
		return nil
	}
	upTo, err := c.o.Record.Now(ctx)
	if err != nil {
		return fmt.Errorf("follow the record: %w", err)
	}
	var q warehouse.MisjudgedQuery
	for _, r := range c.o.Rules() {
		if r.Misjudgement {
			q.Rules = append(q.Rules, r.ID)
		}
	}
	mark := recordMark(q.Rules)
	var since int64
	if err := c.db.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT COALESCE(max(at_ms), 0) FROM case_marks WHERE name = $1`, mark).Scan(&since)
	}); err != nil {
		return fmt.Errorf("follow the record: %w", err)
	}
	q.Since = max(0, since-c.o.Overlap.Milliseconds())
	var found []told
	var faults []error
	if err := c.o.Record.Misjudged(ctx, q, func(m warehouse.Misjudged) error {
		t, ok, err := c.heard(m)
		if err != nil { // it is told again by the next look within the overlap, and then no more
			faults = append(faults, err)
		} else if ok {
			found = append(found, t)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("follow the record: %w", err)
	}
	var unheard []error
	for _, t := range found {
		if err := c.hear(ctx, t); err != nil {
			unheard = append(unheard, fmt.Errorf("follow the record: session %s: %w", t.session, err))
		}
		if len(unheard) == patience {
			break
		}
	}
	if len(unheard) > 0 { // the next look is at the same again
		return errors.Join(append(faults, unheard...)...)
	}
	err = c.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO case_marks (name, at_ms) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms WHERE case_marks.at_ms < excluded.at_ms`, mark, upTo.UnixMilli())
		return err
	})
	return errors.Join(append(faults, err)...)
}

// hear joins what the record tells, unless it is known as it is: most of what a look brings was there at
// the last one too, and is told without waiting for those who write.
func (c *Cases) hear(ctx context.Context, t told) error {
	var known, before string
	if err := c.db.Read(ctx, func(tx *store.Tx) (err error) {
		known, before, err = sourceOf(ctx, tx, t)
		return err
	}); err != nil {
		return err
	}
	if known != "" && before == t.Ended || known == "" && t.Ended != "" {
		return nil
	}
	if known == "" {
		conv, _, err := c.sessions.SessionOf(identity.With(ctx, identity.Principal{ID: byRecord, Name: byRecord}), t.tenant, t.session)
		if err != nil {
			return err
		}
		t.line = conv.Session.BusinessLine
	}
	return c.db.Write(ctx, func(tx *store.Tx) error {
		_, _, err := c.join(ctx, tx, t)
		return err
	})
}

// heard makes a source of what the record tells; ok is false where it tells of no wrong.
func (c *Cases) heard(m warehouse.Misjudged) (t told, ok bool, err error) {
	t = told{tenant: m.Tenant, session: m.SessionID, customer: m.CustomerID, actor: byRecord}
	t.At = time.UnixMilli(m.At).UTC()
	if m.FindingID != "" {
		t.Kind, t.Ref, t.Rule, t.findingID, t.By = FromFinding, m.FindingID, m.Rule, m.FindingID, byRecord
		t.Words, t.kind = m.Rule, c.o.Policy.KindOf(m.Rule)
		if !m.Standing {
			t.Ended = "withdrawn"
		}
		return t, true, nil
	}
	var body struct {
		Claim struct {
			Kind        string `json:"kind"`
			AmountMinor int64  `json:"amount_minor"`
			Currency    string `json:"currency"`
		} `json:"claim"`
	}
	var extra struct {
		FindingID string `json:"finding_id"`
		Review    struct {
			Misjudged bool `json:"misjudged"`
		} `json:"review"`
	}
	for text, into := range map[string]any{m.Body: &body, m.Extra: &extra} {
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return told{}, false, fmt.Errorf("event %s of session %s cannot be read: %w", m.EventID, m.SessionID, err)
		}
	}
	t.Kind, t.Ref, t.By, t.Words, t.kind, t.findingID = FromEvent, m.EventID, m.ActorID, m.Text, "other", extra.FindingID
	if m.Kind == string(event.ReviewDecided) {
		if !extra.Review.Misjudged {
			return told{}, false, nil
		}
		t.Kind = FromReview
	}
	if t.Words == "" {
		t.Words = m.Kind
	}
	if t.By == "" {
		t.By = byRecord
	}
	if slices.Contains(Kinds, body.Claim.Kind) {
		t.kind = body.Claim.Kind
	}
	if body.Claim.AmountMinor > 0 && body.Claim.Currency != "" {
		t.claimed = &policies.Money{Minor: body.Claim.AmountMinor, Currency: body.Claim.Currency}
	}
	return t, true, nil
}
