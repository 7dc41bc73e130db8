package review

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"mingjian/audit/store"
)

// NewSet is a calibration to be made: sessions that are reviewed already, given blind to inspectors.
type NewSet struct {
	Name       string
	Tasks      []string // final reviews
	Inspectors []string // principal ids
	// Answers are the maker's own, as the expert, by task; where there is none, the verdict that
	// counts is the expert's answer.
	Answers map[string]Answer
}

// MaxSet bounds a set: inspectors answer it beside their work.
const MaxSet = 50

// Set is a calibration and what came of it.
type Set struct {
	ID      string      `json:"set_id"`
	Tenant  string      `json:"tenant"`
	Name    string      `json:"name"`
	Maker   string      `json:"maker"`
	At      time.Time   `json:"at"`
	Size    int         `json:"size" doc:"Sessions in the set"`
	Results []SetResult `json:"results" nullable:"false" doc:"By inspector"`
}

// SetResult is how far one inspector agrees with the expert.
type SetResult struct {
	Inspector string     `json:"inspector"`
	Given     int        `json:"given" doc:"Sessions given to them: those of the set that they had not reviewed before"`
	Answered  int        `json:"answered"`
	Items     []SetMatch `json:"items" nullable:"false" doc:"By criterion and rule, of what is answered"`
}

// SetMatch counts equal ratings of one criterion or rule.
type SetMatch struct {
	Item   string `json:"item" doc:"criterion:… or finding:…"`
	Rated  int    `json:"rated"`
	Agreed int    `json:"agreed"`
}

// Calibrate makes a set and one task per session and inspector, due in 48 hours. Whoever has reviewed
// a session before does not get it again. The same set made twice is one set.
func (r *Reviews) Calibrate(ctx context.Context, n NewSet) (Set, error) {
	who, err := r.person(ctx)
	if err != nil {
		return Set{}, err
	}
	if len(who.Lines) > 0 {
		return Set{}, fault("task_ids", "a calibration set is of a whole tenant, and you see only some of its business lines; ask somebody who sees them all")
	}
	var faults Faults
	if n.Name == "" {
		faults.add("name", "give the set a name")
	}
	tasks, inspectors := slices.Compact(slices.Sorted(slices.Values(n.Tasks))), slices.Compact(slices.Sorted(slices.Values(n.Inspectors)))
	if len(tasks) == 0 || len(tasks) > MaxSet {
		faults.add("task_ids", "name 1 to %d final reviews", MaxSet)
	}
	if len(inspectors) == 0 || slices.Contains(inspectors, "") {
		faults.add("inspectors", "name at least one inspector by id")
	}
	if err := faults.err(); err != nil {
		return Set{}, err
	}
	answers, err := r.expertise(ctx, who, n.Answers)
	if err != nil {
		return Set{}, err
	}
	h := sha256.New()
	for _, s := range slices.Concat([]string{n.Name}, tasks, []string{""}, inspectors) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	id := "set-" + hex.EncodeToString(h.Sum(nil)[:16])
	err = r.db.Write(ctx, func(tx *store.Tx) error {
		now := r.db.Now()
		var sources []Task
		for i, task := range tasks {
			if _, err := r.view(ctx, tx, task); err != nil {
				return fault(fmt.Sprintf("task_ids[%d]", i), "there is no review %s", task)
			}
			t, err := read(ctx, tx, task)
			if err != nil {
				return err
			}
			if t.State != Final || !t.Kind.primary() {
				return fault(fmt.Sprintf("task_ids[%d]", i), "review %s is not final, or not one that carries a session's outcome", task)
			}
			sources = append(sources, t)
		}
		if i := slices.IndexFunc(sources, func(t Task) bool { return t.Tenant != sources[0].Tenant }); i >= 0 {
			return fault("task_ids", "a set is of one tenant's reviews")
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO review_sets (id, tenant, name, maker, at_ms) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
			id, sources[0].Tenant, n.Name, who.ID, now.UnixMilli())
		if err != nil {
			return fmt.Errorf("make a calibration set: %w", err)
		}
		if made, err := res.RowsAffected(); err != nil || made == 0 {
			return err
		}
		for _, s := range sources {
			expert := cmp.Or(answers[s.ID], s.Counts())
			answer, err := json.Marshal(expert)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO review_set_answers (set_id, source_id, expert, answer) VALUES ($1, $2, $3, $4)`, id, s.ID, expert.Inspector, string(answer)); err != nil {
				return fmt.Errorf("make a calibration set: %w", err)
			}
			for _, inspector := range inspectors {
				if err := r.openCalibration(ctx, tx, id, s, inspector); err != nil {
					return err
				}
			}
		}
		return tx.Record(ctx, store.Entry{Actor: who.ID, Action: "calibration.made", Subject: "review-set:" + id, Reason: n.Name, Detail: detail(map[string]any{"tasks": tasks, "inspectors": inspectors})})
	})
	if err != nil {
		return Set{}, err
	}
	return r.Set(ctx, id)
}

// expertise checks the answers that the maker of a set gives as the expert.
func (r *Reviews) expertise(ctx context.Context, who person, answers map[string]Answer) (map[string]*Verdict, error) {
	out := map[string]*Verdict{}
	for _, id := range slices.Sorted(maps.Keys(answers)) {
		t, err := r.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		conv, ok, err := r.sessions.SessionOf(ctx, t.Tenant, t.SessionID)
		if err != nil {
			return nil, fmt.Errorf("make a calibration set: %w", err)
		}
		if !ok {
			return nil, conflictf("the session of review %s is not in the record now", id)
		}
		if out[id], err = r.judge(t, conv, answers[id]); err != nil {
			return nil, fmt.Errorf("the answer to review %s: %w", id, err)
		}
		out[id].Inspector, out[id].At = who.ID, r.db.Now()
	}
	return out, nil
}

func (r *Reviews) openCalibration(ctx context.Context, tx *store.Tx, set string, source Task, inspector string) error {
	if err := unseen(ctx, tx, Task{Tenant: source.Tenant, SessionID: source.SessionID}, inspector); err != nil {
		var seen *Forbidden
		if errors.As(err, &seen) {
			return nil
		}
		return err
	}
	now := r.db.Now()
	t := Task{ // lot and reason as the source's, so that it does not stand out
		ID: calibrationID(set, source.ID, inspector), Tenant: source.Tenant, BusinessLine: source.BusinessLine, Channel: source.Channel,
		BotVersion: source.BotVersion, Jurisdiction: source.Jurisdiction, Language: source.Language, SessionID: source.SessionID,
		LotID: source.LotID, Kind: Calibration, Reason: source.Reason, Card: source.Card, SetID: set, Assignee: inspector,
		ClosedAt: source.ClosedAt, ReasonAt: now, Due: now.Add(DueAfter),
	}
	_, err := r.insert(ctx, tx, t)
	return err
}

func calibrationID(set, source, inspector string) string {
	return taskID("calibration", set, source, inspector)
}

// expertsAnswer is the verdict that a calibration task is held against.
func expertsAnswer(ctx context.Context, tx *store.Tx, t Task) (*Verdict, error) {
	rows, err := collect(ctx, tx, func(s interface{ Scan(...any) error }) (v [2]string, err error) {
		return v, s.Scan(&v[0], &v[1])
	}, `SELECT source_id, answer FROM review_set_answers WHERE set_id = $1`, t.SetID)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if calibrationID(t.SetID, row[0], t.Assignee) == t.ID {
			return parsed[Verdict](row[1])
		}
	}
	return nil, fmt.Errorf("review %s: its calibration set %s has no answer for it", t.ID, t.SetID)
}

// Set returns a calibration with its results, for whoever may oversee its tenant, all lines of it.
func (r *Reviews) Set(ctx context.Context, id string) (s Set, err error) {
	who, err := r.person(ctx)
	if err != nil {
		return Set{}, err
	}
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		var at int64
		err := tx.QueryRowContext(ctx, `SELECT s.id, s.tenant, s.name, s.maker, s.at_ms, (SELECT count(*) FROM review_set_answers a WHERE a.set_id = s.id) FROM review_sets s WHERE s.id = $1`, id).
			Scan(&s.ID, &s.Tenant, &s.Name, &s.Maker, &at, &s.Size)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (!who.Sees(s.Tenant) || len(who.Lines) > 0) {
			return fmt.Errorf("%w: no calibration set %s", ErrNotFound, id)
		}
		if err != nil {
			return fmt.Errorf("read a calibration set: %w", err)
		}
		s.At, s.Results = moment(at), []SetResult{}
		var w where
		w.add("set_id = ?", id)
		tasks, err := selectTasks(ctx, tx, w, "assignee, id", 0)
		if err != nil {
			return err
		}
		return r.results(ctx, tx, &s, tasks)
	})
	if err != nil {
		return Set{}, err
	}
	return s, nil
}

// Sets are the newest calibrations that the principal in ctx may oversee, with their results; at most
// 20. An empty tenant means all of theirs.
func (r *Reviews) Sets(ctx context.Context, tenant string) (out []Set, err error) {
	who, err := r.person(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	if len(who.Lines) > 0 {
		return nil, nil // a set is of a tenant's reviews, of whichever lines
	}
	err = r.db.Read(ctx, func(tx *store.Tx) (err error) {
		var w where
		w.in("tenant", who.Tenants)
		w.equal("tenant", tenant)
		ids, err = collect(ctx, tx, scanText, `SELECT id FROM review_sets`+w.clause()+` ORDER BY at_ms DESC, id LIMIT 20`, w.args...)
		return err
	})
	for _, id := range ids {
		s, err := r.Set(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, err
}

func (r *Reviews) results(ctx context.Context, tx *store.Tx, s *Set, tasks []Task) error {
	by := map[string]*SetResult{}
	matches := map[string]map[string]*SetMatch{}
	for _, t := range tasks {
		if by[t.Assignee] == nil {
			by[t.Assignee], matches[t.Assignee] = &SetResult{Inspector: t.Assignee}, map[string]*SetMatch{}
		}
		by[t.Assignee].Given++
		if t.Verdict == nil {
			continue
		}
		by[t.Assignee].Answered++
		expert, err := expertsAnswer(ctx, tx, t)
		if err != nil {
			return err
		}
		for _, p := range r.beside(HumanExpert, t, Calibration, *expert, *t.Verdict) {
			item := p.Level + ":" + p.Item
			m := matches[t.Assignee][item]
			if m == nil {
				m = &SetMatch{Item: item}
				matches[t.Assignee][item] = m
			}
			m.Rated++
			if p.First == p.Second {
				m.Agreed++
			}
		}
	}
	for _, inspector := range slices.Sorted(maps.Keys(by)) {
		result := by[inspector]
		result.Items = []SetMatch{}
		for _, m := range matches[inspector] {
			result.Items = append(result.Items, *m)
		}
		slices.SortFunc(result.Items, func(a, b SetMatch) int { return cmp.Compare(a.Item, b.Item) })
		s.Results = append(s.Results, *result)
	}
	return nil
}
