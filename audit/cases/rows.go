package cases

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mingjian/audit/store"
)

const columns = `id, version, change, tenant, session_id, customer, finding_id, state, kind, reason, reporter, at_ms, document, business_line`

// document is what is stored of a case beside its columns.
type document struct {
	Case
	Proposals int `json:"proposals"`
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// scan reads a case. A report of before there was a workflow has no document: it is a candidate in its
// first round.
func (c *Cases) scan(row interface{ Scan(...any) error }) (Case, error) {
	var k, now Case // now has the columns
	var at int64
	var text string
	if err := row.Scan(&now.ID, &now.Version, &now.change, &now.Tenant, &now.SessionID, &now.Customer, &now.FindingID,
		&now.State, &now.Kind, &now.Reason, &now.Reporter, &at, &text, &now.line); err != nil {
		return Case{}, err
	}
	now.At = moment(at)
	if text == "" {
		k = Case{Round: 1, ChangedAt: now.At, Deadlines: c.deadlines(now.At)}
		if now.FindingID != "" {
			k.Findings = []string{now.FindingID}
		}
	} else {
		var d document
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			return Case{}, fmt.Errorf("case %s cannot be read: %w", now.ID, err)
		}
		k = d.Case
		k.proposals = d.Proposals
	}
	k.ID, k.Version, k.change, k.Tenant, k.SessionID, k.Customer, k.FindingID = now.ID, now.Version, now.change, now.Tenant, now.SessionID, now.Customer, now.FindingID
	k.State, k.Kind, k.Reason, k.Reporter, k.At, k.line = now.State, now.Kind, now.Reason, now.Reporter, now.At, now.line
	return k, nil
}

// insert writes a new case. It returns false where one of its id exists.
func insert(ctx context.Context, tx *store.Tx, k Case) (bool, error) {
	text, err := json.Marshal(document{k, k.proposals})
	if err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO cases (`+columns+`, next_due_ms, escalation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (id) DO NOTHING`,
		k.ID, k.Version, k.change, k.Tenant, k.SessionID, k.Customer, k.FindingID, string(k.State), k.Kind, k.Reason, k.Reporter, k.At.UnixMilli(), string(text), k.line, k.nextDue(), k.Escalation)
	if err != nil {
		return false, fmt.Errorf("begin case: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// lock reads a case so that nobody else changes it before the transaction ends.
func (c *Cases) lock(ctx context.Context, tx *store.Tx, id string) (Case, error) {
	// The row is written first: that locks it on both engines.
	if _, err := tx.ExecContext(ctx, `UPDATE cases SET change = change + 1 WHERE id = $1`, id); err != nil {
		return Case{}, fmt.Errorf("change case: %w", err)
	}
	return c.read(ctx, tx, id)
}

// save writes a locked case back.
func save(ctx context.Context, tx *store.Tx, k Case) error {
	text, err := json.Marshal(document{k, k.proposals})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE cases SET version = $1, customer = $2, state = $3, kind = $4, document = $5, next_due_ms = $6, escalation = $7, change = $8, business_line = $9 WHERE id = $10`,
		k.Version, k.Customer, string(k.State), k.Kind, string(text), k.nextDue(), k.Escalation, k.change, k.line, k.ID)
	if err != nil {
		return fmt.Errorf("change case: %w", err)
	}
	return nil
}

// read returns a stored case, whoever asks.
func (c *Cases) read(ctx context.Context, tx *store.Tx, id string) (Case, error) {
	k, err := c.scan(tx.QueryRowContext(ctx, `SELECT `+columns+` FROM cases WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Case{}, ErrNotFound
	}
	if err != nil {
		return Case{}, fmt.Errorf("read case: %w", err)
	}
	return k, nil
}

// addStep writes what happened to a locked case.
func addStep(ctx context.Context, tx *store.Tx, id string, s Step) error {
	note := ""
	if len(s.Note) > 0 {
		note = string(detail(s.Note))
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO case_steps (case_id, seq, action, from_state, to_state, actor, reason, at_ms, note)
		VALUES ($1, (SELECT COALESCE(max(seq), 0) + 1 FROM case_steps WHERE case_id = $1), $2, $3, $4, $5, $6, $7, $8)`,
		id, string(s.Action), string(s.From), string(s.To), s.Actor, s.Reason, s.At.UnixMilli(), note)
	if err != nil {
		return fmt.Errorf("step of case: %w", err)
	}
	return nil
}

func steps(ctx context.Context, tx *store.Tx, id string) ([]Step, error) {
	return collect(ctx, tx, func(row interface{ Scan(...any) error }) (s Step, err error) {
		var at int64
		var note string
		if err := row.Scan(&s.Seq, &s.Action, &s.From, &s.To, &s.Actor, &s.Reason, &at, &note); err != nil {
			return s, err
		}
		s.At = moment(at)
		if note != "" {
			err = json.Unmarshal([]byte(note), &s.Note)
		}
		return s, err
	}, `SELECT seq, action, from_state, to_state, actor, reason, at_ms, note FROM case_steps WHERE case_id = $1 ORDER BY seq`, id)
}

func sources(ctx context.Context, tx *store.Tx, id string) ([]Source, error) {
	return collect(ctx, tx, func(row interface{ Scan(...any) error }) (s Source, err error) {
		var at, joined int64
		err = row.Scan(&s.Kind, &s.Ref, &s.Rule, &s.Words, &s.By, &at, &joined, &s.Ended)
		s.At, s.JoinedAt = moment(at), moment(joined)
		return s, err
	}, `SELECT kind, ref, rule, words, reporter, at_ms, joined_ms, ended FROM case_sources WHERE case_id = $1 ORDER BY joined_ms, at_ms, ref`, id)
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, tx *store.Tx, scan func(interface{ Scan(...any) error }) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read cases: %w", err)
	}
	defer rows.Close()
	out := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read cases: %w", err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read cases: %w", err)
	}
	return out, nil
}

// where collects conditions with their arguments; ? stands for the next argument.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	for _, v := range args {
		w.args = append(w.args, v)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(w.args)), 1)
	}
	w.conditions = append(w.conditions, condition)
}

func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// in filters by a list; an empty list does not filter.
func (w *where) in(column string, list []string) {
	if len(list) == 0 {
		return
	}
	args := make([]any, len(list))
	for i, v := range list {
		args[i] = v
	}
	w.add(column+" IN (?"+strings.Repeat(", ?", len(list)-1)+")", args...)
}

func (w where) clause() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

func addSource(ctx context.Context, tx *store.Tx, caseID string, t told, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO case_sources (origin, tenant, session_id, ref, case_id, kind, rule, words, reporter, at_ms, joined_ms, ended)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		t.origin(), t.tenant, t.session, t.Ref, caseID, string(t.Kind), t.Rule, t.Words, t.By, t.At.UnixMilli(), now.UnixMilli(), t.Ended)
	if err != nil {
		return fmt.Errorf("add a source to a case: %w", err)
	}
	return nil
}
