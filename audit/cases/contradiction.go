package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mingjian/audit/store"
)

// Contradiction is a result of a payout that says something else than the one that is recorded: money may have
// left twice, or not at all. It changed nothing; a person has to find out with the receiver.
type Contradiction struct {
	Said Confirmation
	Text string    // what was answered: what is recorded, and what was said against it
	By   string    // who said it: a person, or receiver
	At   time.Time // when it was said first
}

// Contradictions are those that the principal in ctx may see, newest first; an empty tenant means all. The same
// said again is one.
func (c *Cases) Contradictions(ctx context.Context, tenant string, limit int) (out []Contradiction, err error) {
	var w where
	ofTenant(ctx, &w, tenant)
	err = c.db.Read(ctx, func(tx *store.Tx) error {
		out, err = collect(ctx, tx, func(row interface{ Scan(...any) error }) (x Contradiction, err error) {
			var at int64
			var said string
			if err := row.Scan(&said, &x.Text, &x.By, &at); err != nil {
				return x, err
			}
			x.At = moment(at)
			return x, json.Unmarshal([]byte(said), &x.Said)
		}, fmt.Sprintf(`SELECT said, answer, said_by, said_ms FROM case_contradictions JOIN cases ON cases.id = case_contradictions.case_id%s
			ORDER BY said_ms DESC, payout_id, digest LIMIT %d`, w.clause(), limit), w.args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list contradicting results: %w", err)
	}
	return out, nil
}

// contradicted keeps a contradicting result, in a transaction of its own, since the one that refused it is undone.
// What comes by the topic is journalled about the payout by its reader, who knows where it stands in the stream.
func (c *Cases) contradicted(ctx context.Context, said Confirmation, why string, inPerson bool) error {
	ctx = context.WithoutCancel(ctx)
	text, err := json.Marshal(said)
	if err != nil {
		return err
	}
	return c.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO case_contradictions (payout_id, digest, case_id, said, answer, said_by, said_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (payout_id, digest) DO NOTHING`,
			said.PayoutID, sum(text), said.CaseID, string(text), kept(why), actor(ctx), c.db.Now().UnixMilli()); err != nil {
			return err
		}
		if !inPerson {
			return nil
		}
		return tx.Record(ctx, store.Entry{Actor: actor(ctx), Action: "payout.result_refused", Subject: "payout:" + said.PayoutID, Reason: kept(why), Detail: text})
	})
}
