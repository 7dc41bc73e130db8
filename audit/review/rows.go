package review

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

// columns are all of a task's, in the order in which scanTask and values have them.
const columns = `id, version, change, tenant, business_line, channel, bot_version, jurisdiction, language, session_id, lot_id, kind, reason,
	card_id, card_version, pair_id, set_id, closed_ms, reason_ms, due_ms, opened_ms,
	assignee, state, inspector, claimed_ms, claim_until_ms, submitted_ms, settled_ms, final_ms, escalation, defective,
	verdict, digest, outcome, dispute, decision`

// fixed is how many of the columns never change after a task was opened (version and change do, and
// are written apart).
const fixed = 21

// ms is a moment as it is stored; 0 for none.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// document is a part of a task as it is stored: JSON, "" for none.
func document[T any](v *T) (string, error) {
	if v == nil {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

func parsed[T any](text string) (*T, error) {
	if text == "" {
		return nil, nil
	}
	v := new(T)
	return v, json.Unmarshal([]byte(text), v)
}

func values(t Task) ([]any, error) {
	verdict, e1 := document(t.Verdict)
	outcome, e2 := document(t.Outcome)
	dispute, e3 := document(t.Dispute)
	decision, e4 := document(t.Decision)
	defective := 0
	if t.defective {
		defective = 1
	}
	return []any{
		t.ID, t.Version, t.change, t.Tenant, t.BusinessLine, t.Channel, t.BotVersion, t.Jurisdiction, t.Language, t.SessionID, t.LotID, string(t.Kind), t.Reason,
		t.Card.ID, t.Card.Version, t.PairID, t.SetID, ms(t.ClosedAt), ms(t.ReasonAt), ms(t.Due), ms(t.OpenedAt),
		t.Assignee, string(t.State), t.Inspector, ms(t.ClaimedAt), ms(t.ClaimUntil), ms(t.SubmittedAt), ms(t.settled), ms(t.FinalAt), t.Escalation, defective,
		verdict, t.digest, outcome, dispute, decision,
	}, errors.Join(e1, e2, e3, e4)
}

func scanTask(row interface{ Scan(...any) error }) (t Task, err error) {
	var closed, reason, due, opened, claimed, until, submitted, settled, final int64
	var defective int
	var verdict, outcome, dispute, decision string
	if err := row.Scan(&t.ID, &t.Version, &t.change, &t.Tenant, &t.BusinessLine, &t.Channel, &t.BotVersion, &t.Jurisdiction, &t.Language, &t.SessionID, &t.LotID, &t.Kind, &t.Reason,
		&t.Card.ID, &t.Card.Version, &t.PairID, &t.SetID, &closed, &reason, &due, &opened,
		&t.Assignee, &t.State, &t.Inspector, &claimed, &until, &submitted, &settled, &final, &t.Escalation, &defective,
		&verdict, &t.digest, &outcome, &dispute, &decision); err != nil {
		return Task{}, err
	}
	t.ClosedAt, t.ReasonAt, t.Due, t.OpenedAt = moment(closed), moment(reason), moment(due), moment(opened)
	t.ClaimedAt, t.ClaimUntil, t.SubmittedAt, t.settled, t.FinalAt = moment(claimed), moment(until), moment(submitted), moment(settled), moment(final)
	t.defective = defective == 1
	var e1, e2, e3, e4 error
	t.Verdict, e1 = parsed[Verdict](verdict)
	t.Outcome, e2 = parsed[Verdict](outcome)
	t.Dispute, e3 = parsed[Dispute](dispute)
	t.Decision, e4 = parsed[Decision](decision)
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return Task{}, fmt.Errorf("review %s cannot be read: %w", t.ID, err)
	}
	return t, nil
}

// placeholders are $from … $to.
func placeholders(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		if i > from {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i))
	}
	return b.String()
}

var insertStatement = func() string {
	n := len(strings.Split(columns, ","))
	return `INSERT INTO reviews (` + columns + `) VALUES (` + placeholders(1, n) + `) ON CONFLICT (id) DO NOTHING`
}()

// updateStatement sets what can change, where the row is still as it was read.
var updateStatement = func() string {
	names := strings.Split(columns, ",")
	sets := []string{"version = $1", "change = $2"}
	for i, name := range names[fixed:] {
		sets = append(sets, fmt.Sprintf("%s = $%d", strings.TrimSpace(name), 3+i))
	}
	n := 3 + len(names) - fixed
	return fmt.Sprintf(`UPDATE reviews SET %s WHERE id = $%d AND change = $%d`, strings.Join(sets, ", "), n, n+1)
}()

func insertTask(ctx context.Context, tx *store.Tx, t Task) (bool, error) {
	args, err := values(t)
	if err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, insertStatement, args...)
	if err != nil {
		return false, fmt.Errorf("open review: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// update writes a task back. It returns false where somebody changed it since it was read. The
// task's change counter is raised; the version too unless nobody needs to know.
func update(ctx context.Context, tx *store.Tx, t *Task) (bool, error) {
	before := t.change
	t.change++
	args, err := values(*t)
	if err != nil {
		return false, err
	}
	args = append([]any{t.Version, t.change}, append(args[fixed:], t.ID, before)...)
	res, err := tx.ExecContext(ctx, updateStatement, args...)
	if err != nil {
		return false, fmt.Errorf("change review: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// save writes a change that people must know of: a stale read is a conflict.
func save(ctx context.Context, tx *store.Tx, t *Task) error {
	t.Version++
	ok, err := update(ctx, tx, t)
	if err == nil && !ok {
		err = conflictf("somebody changed this review at the same moment; read it again")
	}
	return err
}

// read returns a stored task, whoever asks.
func read(ctx context.Context, tx *store.Tx, id string) (Task, error) {
	t, err := scanTask(tx.QueryRowContext(ctx, `SELECT `+columns+` FROM reviews WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Task{}, ErrNotFound
	}
	if err != nil {
		return Task{}, fmt.Errorf("read review: %w", err)
	}
	return t, nil
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

// either wants one of several groups of conditions, none of which may be empty.
func (w *where) either(groups ...func(*where)) {
	outer := w.conditions
	var alternatives []string
	for _, group := range groups {
		w.conditions = nil
		group(w)
		alternatives = append(alternatives, strings.Join(w.conditions, " AND "))
	}
	w.conditions = append(outer, "("+strings.Join(alternatives, " OR ")+")")
}

func (w where) clause() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// selectTasks reads tasks in an order; limit 0 reads all.
func selectTasks(ctx context.Context, tx *store.Tx, w where, order string, limit int) ([]Task, error) {
	query := `SELECT ` + columns + ` FROM reviews` + w.clause() + ` ORDER BY ` + order
	if limit > 0 {
		query += ` LIMIT ` + strconv.Itoa(limit)
	}
	return collect(ctx, tx, scanTask, query, w.args...)
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, tx *store.Tx, scan func(interface{ Scan(...any) error }) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read reviews: %w", err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read reviews: %w", err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read reviews: %w", err)
	}
	return out, nil
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// cutCursor takes "moment_id" apart.
func cutCursor(cursor string) (at int64, id string, ok bool) {
	left, id, ok := strings.Cut(cursor, "_")
	if !ok {
		return 0, "", false
	}
	at, err := strconv.ParseInt(left, 10, 64)
	return at, id, err == nil
}
