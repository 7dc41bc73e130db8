package sampling

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"mingjian/audit/store"
	"mingjian/collector/warehouse"
)

// grounds is why one session must be reviewed.
type grounds struct {
	warehouse.ClosedSession
	own      *warehouse.Reason  // the first reason that is the session's own; nil: none
	systemic []warehouse.Reason // findings of systemic rules
}

// grounds reads reasons and puts those of a session together.
func (s *Sampler) grounds(ctx context.Context, q warehouse.ReasonQuery) ([]grounds, error) {
	return readGrounds(ctx, s.o.Record, s.systemic, q)
}

func readGrounds(ctx context.Context, record Record, systemic map[string]bool, q warehouse.ReasonQuery) ([]grounds, error) {
	var out []grounds
	err := record.Reasons(ctx, q, func(r warehouse.Reason) error {
		if n := len(out); n == 0 || out[n-1].Tenant != r.Tenant || out[n-1].SessionID != r.SessionID {
			out = append(out, grounds{ClosedSession: r.ClosedSession})
		}
		g := &out[len(out)-1]
		switch {
		case r.Rule && systemic[r.What]:
			g.systemic = append(g.systemic, r)
		case g.own == nil:
			g.own = &r
		}
		return nil
	})
	return out, err
}

// follow picks what became mandatory since the last look: a reason that is new, or a session with a
// reason that has closed.
func (s *Sampler) follow(ctx context.Context) error {
	upTo, err := s.o.Record.Now(ctx)
	if err != nil {
		return fmt.Errorf("follow reasons: %w", err)
	}
	var since int64
	if err := s.o.Store.Read(ctx, func(tx *store.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT at_ms FROM sampling_marks WHERE name = $1`, reasonsMark).Scan(&since)
	}); err != nil {
		return fmt.Errorf("follow reasons: %w", err)
	}
	found, err := s.grounds(ctx, warehouse.ReasonQuery{Since: since - s.o.Overlap.Milliseconds()})
	if err != nil {
		return fmt.Errorf("follow reasons: %w", err)
	}
	picks, err := s.mandatory(found)
	if err != nil {
		return fmt.Errorf("follow reasons: %w", err)
	}
	err = s.o.Store.Write(ctx, func(tx *store.Tx) error {
		if err := s.open(ctx, tx, picks); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE sampling_marks SET at_ms = $1 WHERE name = $2 AND at_ms < $1`, upTo.UnixMilli(), reasonsMark)
		return err
	})
	if err != nil {
		return fmt.Errorf("follow reasons: %w", err)
	}
	return nil
}

// mandatory makes picks of grounds, in the order in which the sessions were closed, so that the first
// of them stands for a systemic rule.
func (s *Sampler) mandatory(found []grounds) ([]Pick, error) {
	slices.SortFunc(found, func(a, b grounds) int {
		return cmp.Or(cmp.Compare(a.Closed, b.Closed), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.SessionID, b.SessionID))
	})
	var picks []Pick
	for _, g := range found {
		terms, err := s.terms(g.Tenant)
		if err != nil {
			return nil, err
		}
		if g.own != nil {
			picks = append(picks, terms.pick(g.ClosedSession, Mandatory, mandatoryID(g.ClosedSession), g.own))
		}
		for _, r := range g.systemic {
			picks = append(picks, terms.pick(g.ClosedSession, Systemic, terms.systemicID(r), &r))
		}
	}
	return picks, nil
}

func mandatoryID(c warehouse.ClosedSession) string {
	return name("pick-", c.Tenant, c.SessionID, Mandatory)
}

func sampleID(tenant, sessionID string) string { return name("pick-", tenant, sessionID, Sample) }

// systemicID is the same for all sessions of a bot version that were closed on a day and broke a rule.
func (t Terms) systemicID(r warehouse.Reason) string {
	return name("pick-", r.Tenant, r.What, r.BotVersion, dayAt(fromMS(r.Closed), t.Zone).name, Systemic)
}

// pick makes the pick of a session that must be reviewed.
func (t Terms) pick(c warehouse.ClosedSession, kind, id string, why *warehouse.Reason) Pick {
	closed, happened := fromMS(c.Closed), fromMS(why.At)
	return Pick{
		ID: id, Tenant: c.Tenant, BusinessLine: c.BusinessLine, Channel: c.Channel, BotVersion: c.BotVersion,
		Jurisdiction: c.Jurisdiction, SessionID: c.SessionID, Kind: kind, Reason: why.What,
		ClosedAt: closed, ReasonAt: happened, Drawn: 1, From: 1,
		Due: t.due(later(closed, happened), fromMS(max(why.Known, c.Recorded))),
	}
}

// due is by when what could be reviewed since a moment must be, where the record heard of it at
// another.
func (t Terms) due(since, heard time.Time) time.Time {
	if heard.Sub(since) > time.Duration(t.LotHours)*time.Hour {
		since = heard
	}
	return since.Add(reviewWithin)
}

// open stores those picks that are new, and makes review tasks of them.
func (s *Sampler) open(ctx context.Context, tx *store.Tx, picks []Pick) error {
	var opened []Pick
	for _, p := range picks {
		text, err := json.Marshal(p)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO sampling_picks (id, tenant, session_id, lot_id, kind, closed_ms, document)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
			p.ID, p.Tenant, p.SessionID, p.LotID, p.Kind, ms(p.ClosedAt), string(text))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n == 1 {
			opened = append(opened, p)
		}
	}
	if len(opened) == 0 {
		return nil
	}
	return s.o.Tasks.Open(ctx, tx, opened)
}
