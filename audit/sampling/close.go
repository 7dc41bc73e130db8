package sampling

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// lotClosed is the kind of statement that fixes a lot in the evidence log; its body is a Closing.
const lotClosed = "sampling.lot.closed"

// closeDue closes a tenant's lots whose time is over, one window after the other.
func (s *Sampler) closeDue(ctx context.Context, now time.Time, p *progress) error {
	for {
		w := p.terms.windowFrom(p.next)
		if now.Before(w.to) {
			return nil
		}
		if err := s.closeWindow(ctx, now, p, w); err != nil {
			return fmt.Errorf("close the lots from %s: %w", w.from.Format(time.RFC3339), err)
		}
		p.next = w.to
	}
}

// drawn is a lot on its way into the store.
type drawn struct {
	closing Closing
	members []member
	picks   []Pick
}

// closeWindow closes all lots of one tenant and window.
func (s *Sampler) closeWindow(ctx context.Context, now time.Time, p *progress, w window) error {
	d := dayAt(w.from, p.terms.Zone)
	key, err := s.key(ctx, now, d) // stands there, except after a standstill of days
	if err != nil {
		return err
	}
	if err := s.o.Notary.Flush(ctx); err != nil {
		return err
	}
	checkpoint, err := s.o.Notary.Checkpoint(ctx)
	if err != nil {
		return err
	}
	sessions, err := s.universe(ctx, p, w)
	if err != nil {
		return err
	}
	reasons, err := s.leftOut(ctx, p.tenant, w, sessions)
	if err != nil {
		return err
	}
	strata := map[Stratum][]warehouse.ClosedSession{}
	for _, c := range sessions {
		strata[stratumOf(c)] = append(strata[stratumOf(c)], c)
	}
	var lots []drawn
	for _, stratum := range slices.SortedFunc(maps.Keys(strata), compareStrata) {
		lot, err := s.drawLot(ctx, p.terms, stratum, w, d, key, checkpoint, strata[stratum], reasons)
		if err != nil {
			return err
		}
		lots = append(lots, lot)
	}
	return s.o.Store.Write(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE sampling_progress SET next_ms = $1 WHERE tenant = $2 AND next_ms = $3`, w.to.UnixMilli(), p.tenant, w.from.UnixMilli())
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, errors.New("another process has closed them"))
		}
		return s.keep(ctx, tx, now, checkpoint, lots)
	})
}

func compareStrata(a, b Stratum) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.BusinessLine, b.BusinessLine), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.BotVersion, b.BotVersion))
}

// universe is the sessions of a window's lots: those closed in it and those that came too late for an
// earlier one, as far as they were recorded by its end and are in no lot yet.
func (s *Sampler) universe(ctx context.Context, p *progress, w window) ([]warehouse.ClosedSession, error) {
	var out []warehouse.ClosedSession
	err := s.o.Record.Closed(ctx, warehouse.ClosedQuery{
		Tenant: p.tenant, From: w.from.UnixMilli(), To: w.to.UnixMilli(),
		Late: w.from.Add(-s.o.Overlap).UnixMilli(), Recorded: w.to.UnixMilli(),
	}, func(c warehouse.ClosedSession) error {
		out = append(out, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(out))
	for i, c := range out {
		ids[i] = c.SessionID
	}
	var taken map[string]string
	err = s.o.Store.Read(ctx, func(tx *store.Tx) error {
		taken, err = lotsOf(ctx, tx, p.tenant, ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out, func(c warehouse.ClosedSession) bool { return taken[c.SessionID] != "" }), nil
}

// idsPerLookup bounds the placeholders of a statement: SQLite takes 32,766 and PostgreSQL 65,535.
const idsPerLookup = 1000

// lotsOf says in which lot each of some sessions is; those in none are not in the answer.
func lotsOf(ctx context.Context, tx *store.Tx, tenant string, ids []string) (map[string]string, error) {
	out := map[string]string{}
	wanted := map[int64][]string{} // sessions that may be in a lot, by the lot
	for part := range slices.Chunk(ids, idsPerLookup) {
		of := make(map[int64][]string, len(part))
		args := make([]any, len(part))
		for i, id := range part {
			at := digest(tenant, id)
			of[at] = append(of[at], id)
			args[i] = at
		}
		rows, err := tx.QueryContext(ctx, `SELECT digest, lot FROM sampling_members WHERE digest IN (`+tx.Places(1, len(args))+`)`, args...)
		if err != nil {
			return nil, err
		}
		if err := eachRow(rows, func() error {
			var at, lot int64
			err := rows.Scan(&at, &lot)
			wanted[lot] = append(wanted[lot], of[at]...)
			return err
		}); err != nil {
			return nil, err
		}
	}
	for seq, ids := range wanted {
		var lotID, of string
		var packed []byte
		err := tx.QueryRowContext(ctx, `SELECT id, tenant, members FROM sampling_lots WHERE seq = $1`, seq).Scan(&lotID, &of, &packed)
		if errors.Is(err, sql.ErrNoRows) {
			continue // somebody took the lot away, which verification names
		}
		if err != nil {
			return nil, err
		}
		members, err := unpack(packed)
		if err != nil {
			return nil, fmt.Errorf("lot %s: %w", lotID, err)
		}
		in := make(map[string]bool, len(members))
		for _, m := range members {
			in[m.ID] = true
		}
		for _, id := range ids {
			if of == tenant && in[id] {
				out[id] = lotID
			}
		}
	}
	return out, nil
}

// leftOut says which of some sessions are not drawn from, and why: they are reviewed anyway.
func (s *Sampler) leftOut(ctx context.Context, tenant string, w window, sessions []warehouse.ClosedSession) (map[string]string, error) {
	var late []string
	for _, c := range sessions {
		if c.Closed < w.from.UnixMilli() {
			late = append(late, c.SessionID)
		}
	}
	found, err := s.grounds(ctx, warehouse.ReasonQuery{Tenant: tenant, From: w.from.UnixMilli(), To: w.to.UnixMilli()})
	if err == nil && len(late) > 0 {
		var more []grounds
		more, err = s.grounds(ctx, warehouse.ReasonQuery{Tenant: tenant, IDs: late})
		found = append(found, more...)
	}
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	var stand []string // sessions that may stand for a systemic rule
	for _, g := range found {
		switch {
		case g.own != nil:
			out[g.SessionID] = g.own.What
		case len(g.systemic) > 0:
			stand = append(stand, g.SessionID)
		}
	}
	for part := range slices.Chunk(stand, idsPerLookup) {
		args := []any{tenant, Systemic}
		for _, id := range part {
			args = append(args, id)
		}
		err := s.o.Store.Read(ctx, func(tx *store.Tx) error {
			rows, err := tx.QueryContext(ctx, `SELECT session_id, document FROM sampling_picks WHERE tenant = $1 AND kind = $2 AND session_id IN (`+tx.Places(3, len(part))+`)`, args...)
			if err != nil {
				return err
			}
			return eachRow(rows, func() error {
				var id, text string
				var p Pick
				if err := rows.Scan(&id, &text); err != nil {
					return err
				}
				err := json.Unmarshal([]byte(text), &p)
				out[id] = p.Reason
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// drawLot closes one lot: fixes its members, asks for the plan, and draws.
func (s *Sampler) drawLot(ctx context.Context, terms Terms, stratum Stratum, w window, d day, key []byte, checkpoint evidence.Checkpoint, sessions []warehouse.ClosedSession, reasons map[string]string) (drawn, error) {
	slices.SortFunc(sessions, func(a, b warehouse.ClosedSession) int { return cmp.Compare(a.SessionID, b.SessionID) })
	lot := drawn{closing: Closing{
		ID: name("lot-", stratum.Tenant, stratum.BusinessLine, stratum.Channel, stratum.BotVersion, w.from.UTC().Format(time.RFC3339)), Stratum: stratum,
		From: w.from.UTC(), To: w.to.UTC(), Zone: terms.Zone.String(), Day: d.name, Level: terms.Level, AQL: terms.AQL, Steady: terms.Steady,
		Sessions: len(sessions), LogSize: checkpoint.Size,
	}}
	byID := make(map[string]warehouse.ClosedSession, len(sessions))
	var rest []string
	for _, c := range sessions {
		why := reasons[c.SessionID]
		lot.members = append(lot.members, member{ID: c.SessionID, Closed: c.Closed, Reason: why})
		if why == "" {
			rest = append(rest, c.SessionID)
		}
		byID[c.SessionID] = c
	}
	var err error
	if lot.closing.Root, err = root(lot.members); err != nil {
		return drawn{}, err
	}
	if lot.closing.State, err = s.state(ctx, stratum); err != nil {
		return drawn{}, err
	}
	if lot.closing.Size = len(rest); len(rest) == 0 {
		return lot, nil
	}
	lot.closing.Plan, err = s.o.Plans.Plan(ctx, policies.PlanInput{LotSize: len(rest), Level: terms.Level, AQL: terms.AQL, State: lot.closing.State})
	if err != nil {
		return drawn{}, err
	}
	for _, id := range Draw(key, checkpoint.Body, rest, lot.closing.Plan.N) {
		c := byID[id]
		closed := fromMS(c.Closed)
		heard := closed
		if closed.Before(w.from) {
			heard = w.to // a latecomer could not be drawn before
		}
		lot.picks = append(lot.picks, Pick{
			ID: sampleID(c.Tenant, id), Tenant: c.Tenant, BusinessLine: c.BusinessLine, Channel: c.Channel, BotVersion: c.BotVersion,
			Jurisdiction: c.Jurisdiction, SessionID: id, LotID: lot.closing.ID, Kind: Sample, ClosedAt: closed,
			Due: terms.due(closed, heard), Drawn: lot.closing.Plan.N, From: len(rest),
		})
	}
	return lot, nil
}

// keep stores lots with everything that follows from them.
func (s *Sampler) keep(ctx context.Context, tx *store.Tx, now time.Time, checkpoint evidence.Checkpoint, lots []drawn) error {
	var seq int64
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(max(seq), 0) FROM sampling_lots`).Scan(&seq); err != nil {
		return err
	}
	for _, lot := range lots {
		seq++
		c := lot.closing
		text, err := json.Marshal(c)
		if err != nil {
			return err
		}
		packed, err := pack(lot.members)
		if err != nil {
			return err
		}
		outcome := Open
		if c.Plan.N == 0 {
			outcome = Nothing
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO sampling_lots (id, seq, tenant, business_line, channel, bot_version, from_ms, to_ms, day,
				document, checkpoint, members, size, n, state, outcome, reviewed, defective, decided_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0, 0, 0)`,
			c.ID, seq, c.Tenant, c.BusinessLine, c.Channel, c.BotVersion, ms(c.From), ms(c.To), c.Day,
			string(text), string(checkpoint.Note), packed, c.Size, c.Plan.N, c.State, outcome)
		if err != nil {
			return fmt.Errorf("lot %s: %w", c.ID, err)
		}
		if err := enrol(ctx, tx, c.Tenant, seq, lot.members); err != nil {
			return fmt.Errorf("lot %s: %w", c.ID, err)
		}
		if err := s.open(ctx, tx, lot.picks); err != nil {
			return fmt.Errorf("lot %s: %w", c.ID, err)
		}
		if err := tx.Record(ctx, store.Entry{Actor: actor, Action: "lot.closed", Subject: "lot:" + c.ID, Detail: text}); err != nil {
			return err
		}
		if err := s.o.Notary.Queue(ctx, tx, evidence.Entry{Key: "sampling-lot/" + c.ID, Type: lotClosed, At: now, Body: c}); err != nil {
			return err
		}
	}
	return nil
}

// actor stands in the journal for what nobody did by hand.
const actor = "sampling"

// enrol notes that sessions are in a lot.
func enrol(ctx context.Context, tx *store.Tx, tenant string, seq int64, members []member) error {
	for part := range slices.Chunk(members, idsPerLookup) {
		var values strings.Builder
		args := make([]any, 0, len(part)+1)
		args = append(args, seq)
		for i, m := range part {
			if i > 0 {
				values.WriteByte(',')
			}
			fmt.Fprintf(&values, "($%d, $1)", i+2)
			args = append(args, digest(tenant, m.ID))
		}
		// Two sessions of a lot that share a digest are one row.
		if _, err := tx.ExecContext(ctx, `INSERT INTO sampling_members (digest, lot) VALUES `+values.String()+` ON CONFLICT (digest, lot) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	return nil
}

// state is how strictly the next lot of a stratum is inspected.
func (s *Sampler) state(ctx context.Context, stratum Stratum) (policies.Inspection, error) {
	var st standing
	err := s.o.Store.Read(ctx, func(tx *store.Tx) (err error) {
		st, err = standingOf(ctx, tx, stratum)
		return err
	})
	return st.State, err
}

// standing is where a stratum is in the switching rules.
type standing struct {
	policies.SwitchState
	history []policies.Decided // since the state was entered
}

func standingOf(ctx context.Context, tx *store.Tx, stratum Stratum) (standing, error) {
	st := standing{SwitchState: policies.SwitchState{State: policies.Normal}}
	var history string
	err := tx.QueryRowContext(ctx, `SELECT state, score, history FROM sampling_strata WHERE tenant = $1 AND business_line = $2 AND channel = $3 AND bot_version = $4`,
		stratum.Tenant, stratum.BusinessLine, stratum.Channel, stratum.BotVersion).Scan(&st.State, &st.Score, &history)
	if errors.Is(err, sql.ErrNoRows) {
		return st, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(history), &st.history)
	}
	if err != nil {
		return standing{}, fmt.Errorf("state of %s: %w", path(stratum), err)
	}
	return st, nil
}
