package review

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"mingjian/audit/store"
)

// Backlog is what waits, as a supervisor sees it.
type Backlog struct {
	States []Count   `json:"states" nullable:"false" doc:"Tasks by state; final ones of the last 7 days only"`
	Ages   []Count   `json:"ages" nullable:"false" doc:"Open and claimed reviews by the time left: overdue, 8h (escalated at 40), 24h, 48h"`
	Kinds  []Count   `json:"kinds" nullable:"false" doc:"Open and claimed reviews by kind"`
	Held   []Count   `json:"held" nullable:"false" doc:"Claims held now, by inspector"`
	Oldest time.Time `json:"oldest_due,omitzero" doc:"The earliest due time of what is not done"`
}

// Count is one bar of a chart.
type Count struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

// recentFinal is how far back a backlog counts what is done.
const recentFinal = 7 * 24 * time.Hour

// Backlog counts what the principal in ctx may oversee; an empty tenant means all of theirs.
func (r *Reviews) Backlog(ctx context.Context, tenant string) (b Backlog, err error) {
	who, err := r.person(ctx)
	if err != nil {
		return Backlog{}, err
	}
	states, kinds, held := map[string]int{}, map[string]int{}, map[string]int{}
	ages := map[string]int{"overdue": 0, "8h": 0, "24h": 0, "48h": 0}
	now := r.db.Now()
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		var w where
		w.ofTenant(who)
		w.equal("tenant", tenant)
		w.add("(state <> 'final' OR final_ms >= ?)", now.Add(-recentFinal).UnixMilli())
		type row struct {
			state     State
			kind      string
			inspector string
			due       time.Time
			until     time.Time
		}
		rows, err := collect(ctx, tx, func(s interface{ Scan(...any) error }) (v row, err error) {
			var due, until int64
			err = s.Scan(&v.state, &v.kind, &v.inspector, &due, &until)
			v.due, v.until = moment(due), moment(until)
			return v, err
		}, `SELECT state, kind, inspector, due_ms, claim_until_ms FROM reviews`+w.clause(), w.args...)
		for _, v := range rows {
			if v.state == Claimed && !v.until.After(now) {
				v.state = Open
			}
			states[string(v.state)]++
			if v.state != Open && v.state != Claimed {
				continue
			}
			kinds[v.kind]++
			if v.state == Claimed {
				held[v.inspector]++
			}
			if b.Oldest.IsZero() || v.due.Before(b.Oldest) {
				b.Oldest = v.due
			}
			left := v.due.Sub(now)
			switch {
			case left <= 0:
				ages["overdue"]++
			case left <= 8*time.Hour:
				ages["8h"]++
			case left <= 24*time.Hour:
				ages["24h"]++
			default:
				ages["48h"]++
			}
		}
		return err
	})
	b.States, b.Ages, b.Kinds, b.Held = counts(states), counts(ages), counts(kinds), counts(held)
	return b, err
}

func counts(m map[string]int) []Count {
	out := []Count{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Count{name, m[name]})
	}
	return out
}

// Throughput is what one inspector did in one day.
type Throughput struct {
	Inspector     string  `json:"inspector"`
	Day           string  `json:"day" doc:"In the zone that was asked for: 2026-11-20"`
	Submitted     int     `json:"submitted"`
	Late          int     `json:"late" doc:"Of those, submitted after they were due"`
	MedianMinutes float64 `json:"median_minutes" doc:"From the last claim to the verdict"`
}

// Throughput counts verdicts submitted in [from, to) by inspector and day of a zone.
func (r *Reviews) Throughput(ctx context.Context, tenant string, from, to time.Time, zone *time.Location) (out []Throughput, err error) {
	who, err := r.person(ctx)
	if err != nil {
		return nil, err
	}
	type row struct {
		inspector               string
		claimed, submitted, due time.Time
	}
	var rows []row
	err = r.db.Read(ctx, func(tx *store.Tx) error {
		var w where
		w.ofTenant(who)
		w.equal("tenant", tenant)
		w.add("submitted_ms >= ?", max(from.UnixMilli(), 1))
		w.add("submitted_ms < ?", to.UnixMilli())
		var err error
		rows, err = collect(ctx, tx, func(s interface{ Scan(...any) error }) (v row, err error) {
			var claimed, submitted, due int64
			err = s.Scan(&v.inspector, &claimed, &submitted, &due)
			v.claimed, v.submitted, v.due = moment(claimed), moment(submitted), moment(due)
			return v, err
		}, `SELECT inspector, claimed_ms, submitted_ms, due_ms FROM reviews`+w.clause(), w.args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	type key struct{ inspector, day string }
	minutes := map[key][]float64{}
	late := map[key]int{}
	for _, v := range rows {
		k := key{v.inspector, v.submitted.In(zone).Format(day)}
		minutes[k] = append(minutes[k], v.submitted.Sub(v.claimed).Minutes())
		if v.submitted.After(v.due) {
			late[k]++
		}
	}
	out = []Throughput{}
	for k, list := range minutes {
		slices.Sort(list)
		n := len(list)
		out = append(out, Throughput{k.inspector, k.day, n, late[k], (list[(n-1)/2] + list[n/2]) / 2})
	}
	slices.SortFunc(out, func(a, b Throughput) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Inspector, b.Inspector))
	})
	return out, nil
}

// Reassign takes a task that is not submitted from whoever holds it and gives it to one inspector, or
// with an empty id back to everybody.
func (r *Reviews) Reassign(ctx context.Context, id string, version int64, to, why string) (Task, error) {
	why, err := reason("why", why)
	if err != nil {
		return Task{}, err
	}
	return r.change(ctx, id, func(ctx context.Context, tx *store.Tx, t *Task) error {
		if t.State != Open && t.State != Claimed {
			return conflictf("this review is %s; only one that is not submitted can be moved", t.State)
		}
		if err := fresh(*t, version); err != nil {
			return err
		}
		if t.Kind == Calibration {
			return conflictf("a calibration review is for the inspector it was made for")
		}
		if to != "" {
			if err := unseen(ctx, tx, *t, to); err != nil {
				return err
			}
		}
		t.Assignee = to
		if t.Inspector == to && to != "" { // they go on with what they hold
			if err := save(ctx, tx, t); err != nil {
				return err
			}
			return r.announce(ctx, tx, *t, "review.moved", why, map[string]any{"to": to})
		}
		return r.giveBack(ctx, tx, t, "review.moved", why, map[string]any{"to": to})
	})
}
