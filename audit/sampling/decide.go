package sampling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/policies"
)

// The kinds of statements that move a stratum in the switching rules.
const (
	lotDecided      = "sampling.lot.decided"
	stratumReleased = "sampling.stratum.released"
)

// decision is what a lot came to and where it led its stratum.
type decision struct {
	LotID string `json:"lot_id"`
	Stratum
	Reviewed  int                 `json:"reviewed"`
	Defective int                 `json:"defective"`
	Outcome   Outcome             `json:"outcome"`
	Next      policies.Inspection `json:"next"` // how the stratum's next lots are inspected
	Score     int                 `json:"score"`
}

// release lets sampling of a stratum begin again.
type release struct {
	Stratum
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// decide takes over what reviews came to. The lots of a stratum are decided in the order in which they
// were closed, because the switching rules count lots in a row: one whose reviews are not in holds up
// those behind it, except that it is rejected as soon as too many defective sessions are known.
func (s *Sampler) decide(ctx context.Context, now time.Time) error {
	if s.o.Results == nil {
		return nil
	}
	var open []Lot
	err := s.o.Store.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.QueryContext(ctx, selectLot+` WHERE outcome = $1 ORDER BY seq`, string(Open))
		if err != nil {
			return err
		}
		return eachRow(rows, func() error {
			l, err := scanLot(rows)
			open = append(open, l)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("decide lots: %w", err)
	}
	held := map[Stratum]bool{}
	var faults []error
	for _, l := range open {
		if held[l.Stratum] {
			continue
		}
		decided, err := s.decideLot(ctx, now, l)
		if err != nil {
			faults = append(faults, fmt.Errorf("decide lot %s: %w", l.ID, err))
		}
		held[l.Stratum] = !decided
	}
	return errors.Join(faults...)
}

// decideLot decides a lot if its reviews allow it.
func (s *Sampler) decideLot(ctx context.Context, now time.Time, l Lot) (decided bool, err error) {
	reviewed, defective, complete, err := s.o.Results.Lot(ctx, l.ID)
	if err != nil {
		return false, err
	}
	d := decision{LotID: l.ID, Stratum: l.Stratum, Reviewed: reviewed, Defective: defective}
	switch {
	case defective >= l.Plan.Re:
		d.Outcome = Rejected
	case complete:
		d.Outcome = Accepted
	default:
		return false, nil
	}
	return true, s.o.Store.Write(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE sampling_lots SET outcome = $1, reviewed = $2, defective = $3, decided_ms = $4 WHERE id = $5 AND outcome = $6`,
			string(d.Outcome), reviewed, defective, now.UnixMilli(), l.ID, string(Open))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err // another process was first
		}
		st, err := standingOf(ctx, tx, l.Stratum)
		if err != nil {
			return err
		}
		if st, err = st.after(ctx, s.o.Plans, l.Closing, d); err != nil {
			return err
		}
		d.Next, d.Score = st.State, st.Score
		if err := st.keep(ctx, tx, l.Stratum); err != nil {
			return err
		}
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if err := tx.Record(ctx, store.Entry{Actor: actor, Action: "lot.decided", Subject: "lot:" + l.ID, Detail: text}); err != nil {
			return err
		}
		return s.o.Notary.Queue(ctx, tx, evidence.Entry{Key: "sampling-lot/" + l.ID + "/decided", Type: lotDecided, At: now, Body: d})
	})
}

// after is the standing of a stratum after one of its lots was decided. A lot that was inspected in
// another state than the stratum is in by now (its reviews took until after a switch) counts neither
// way.
func (st standing) after(ctx context.Context, plans *policies.Sampling, c Closing, d decision) (standing, error) {
	if c.State != st.State || st.State == policies.Stopped {
		return st, nil
	}
	history := append(st.history[:len(st.history):len(st.history)], policies.Decided{
		Accepted: d.Outcome == Accepted, Letter: c.Plan.Letter, Ac: c.Plan.Ac, Defective: d.Defective,
	})
	next, err := plans.Next(ctx, policies.SwitchInput{State: st.State, Score: st.Score, AQL: c.AQL, Steady: c.Steady, History: history})
	if err != nil {
		return standing{}, err
	}
	switch {
	case next.State != st.State:
		history = nil
	case st.State != policies.Tightened && len(history) > recent:
		history = history[len(history)-recent:] // tightened inspection counts all of them
	}
	return standing{next, history}, nil
}

// recent is how many lots the rules look back over outside tightened inspection: 2 of 5 or fewer in a
// row (9.3.1).
const recent = 5

// keep stores a stratum's standing.
func (st standing) keep(ctx context.Context, tx *store.Tx, stratum Stratum) error {
	if st.history == nil {
		st.history = []policies.Decided{}
	}
	history, err := json.Marshal(st.history)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO sampling_strata (tenant, business_line, channel, bot_version, state, score, history) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (tenant, business_line, channel, bot_version) DO UPDATE SET state = excluded.state, score = excluded.score, history = excluded.history`,
		stratum.Tenant, stratum.BusinessLine, stratum.Channel, stratum.BotVersion, string(st.State), st.Score, string(history))
	return err
}

// ErrNotStopped is what Release answers for a stratum whose sampling was not stopped.
var ErrNotStopped = errors.New("sampling of this stratum is not stopped: there is nothing to release")

// Release lets sampling of a stratum begin again, tightened, after five rejected lots had stopped it
// (GB/T 2828.1-2012, 9.4): what was wrong has been put right, says the principal in ctx, and why it is
// so.
func (s *Sampler) Release(ctx context.Context, stratum Stratum, reason string) error {
	who, ok := identity.From(ctx)
	if !ok || !who.SeesLine(stratum.Tenant, stratum.BusinessLine) {
		return errors.New("release a stratum: nobody acts who may")
	}
	if reason = strings.TrimSpace(reason); reason == "" {
		return errors.New("release a stratum: say what was put right")
	}
	now := s.o.Now().UTC().Truncate(time.Millisecond)
	return s.o.Store.Write(ctx, func(tx *store.Tx) error {
		st, err := standingOf(ctx, tx, stratum)
		if err != nil {
			return err
		}
		if st.State != policies.Stopped {
			return ErrNotStopped
		}
		if err := (standing{SwitchState: policies.SwitchState{State: policies.Tightened}}).keep(ctx, tx, stratum); err != nil {
			return err
		}
		if err := tx.Record(ctx, store.Entry{Actor: who.ID, Action: "stratum.released", Subject: "stratum:" + path(stratum), Reason: reason}); err != nil {
			return err
		}
		return s.o.Notary.Queue(ctx, tx, evidence.Entry{
			Key: name("sampling-release/", path(stratum), now.Format(time.RFC3339Nano)), Type: stratumReleased, At: now, Body: release{stratum, who.ID, reason},
		})
	})
}
