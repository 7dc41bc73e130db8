package sampling

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mingjian/audit/store"
)

// LotProof is what it takes to draw a lot again, beside the log: its members in the order of its root, the
// checkpoint that was drawn with, and the sample.
type LotProof struct {
	Closing
	Checkpoint []byte // the signed note
	Members    []LotMember
	Drawn      []string // sessions of the sample, by id
}

// LotMember is a session of a lot, as it was when the lot was closed.
type LotMember struct {
	ID     string
	Closed time.Time
	Reason string // why it was left out of the draw
}

// Proofs gives what proves a tenant's lots that have to do with [from, to), in the order in which they were
// closed.
func (l *Lots) Proofs(ctx context.Context, tenant string, from, to time.Time, each func(LotProof) error) error {
	return l.db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT document, checkpoint, members FROM sampling_lots WHERE tenant = $1 AND from_ms < $2 AND to_ms > $3 ORDER BY seq`,
			tenant, to.UnixMilli(), from.UnixMilli())
		if err != nil {
			return fmt.Errorf("read lots: %w", err)
		}
		var lots []LotProof
		err = eachRow(rows, func() error {
			var p LotProof
			var text, checkpoint string
			var packed []byte
			if err := rows.Scan(&text, &checkpoint, &packed); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &p.Closing); err != nil {
				return err
			}
			members, err := unpack(packed)
			if err != nil {
				return fmt.Errorf("lot %s: %w", p.ID, err)
			}
			for _, m := range members {
				p.Members = append(p.Members, LotMember{ID: m.ID, Closed: fromMS(m.Closed), Reason: m.Reason})
			}
			p.Checkpoint = []byte(checkpoint)
			lots = append(lots, p)
			return nil
		})
		if err != nil {
			return fmt.Errorf("read lots: %w", err)
		}
		for _, p := range lots {
			picks, err := picksOf(ctx, tx, `lot_id = $1`, p.ID)
			if err != nil {
				return fmt.Errorf("read the sample of lot %s: %w", p.ID, err)
			}
			for _, pick := range picks {
				p.Drawn = append(p.Drawn, pick.SessionID)
			}
			if err := each(p); err != nil {
				return err
			}
		}
		return nil
	})
}
