package sampling_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/sampling"
	"mingjian/audit/store"
	"mingjian/policies"
)

// reviewing is how long reviews take here.
const reviewing = 24 * time.Hour

// catalogue has a rule whose one cause makes every session break it, and one that is a session's own.
var catalogue = []policies.Rule{{ID: "cn-systemic", Systemic: true}, {ID: "cn-own"}}

// desk is a sampler with what stands around it: a store, a log, a clock, and people who review.
type desk struct {
	*sampling.Sampler
	db        *store.DB
	notary    *evidence.Notary
	plans     *policies.Sampling
	lots      *sampling.Lots
	record    sampling.Record
	terms     sampling.Terms
	now       time.Time
	dir       string
	tasks     []sampling.Pick
	fail      error                      // what opening tasks answers
	forget    string                     // a pick whose task is gone
	defective func(sampling.Pick) bool   // nil: nobody reviews
	drawn     map[string][]sampling.Pick // tasks by lot
}

func newDesk(t *testing.T, dsn string, record sampling.Record, terms sampling.Terms, now time.Time) *desk {
	t.Helper()
	d := &desk{record: record, terms: terms, now: now, dir: t.TempDir(), drawn: map[string][]sampling.Pick{}}
	var err error
	if d.db, err = store.Open(t.Context(), dsn, store.Options{Now: func() time.Time { return d.now }}); err != nil {
		t.Fatal(err)
	}
	if d.notary, err = evidence.Open(t.Context(), d.dir, evidence.Options{Store: d.db, Settle: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.notary.Close(); err != nil {
			t.Error(err)
		}
		if err := d.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if d.plans, err = policies.LoadSampling(t.Context(), policies.Builtin()); err != nil {
		t.Fatal(err)
	}
	if d.lots, err = sampling.NewLots(t.Context(), d.db); err != nil {
		t.Fatal(err)
	}
	random := rand.NewChaCha8([32]byte{1})
	d.Sampler, err = sampling.New(t.Context(), sampling.Options{
		Store: d.db, Record: record, Notary: d.notary, Tasks: d, Results: d, Plans: d.plans, Rules: catalogue, Tenants: sampling.Everybody(terms),
		Now: func() time.Time { return d.now }, Random: random, Overlap: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Open implements sampling.Tasks.
func (d *desk) Open(_ context.Context, _ *store.Tx, picks []sampling.Pick) error {
	if d.fail != nil {
		return d.fail
	}
	for _, p := range picks {
		d.tasks = append(d.tasks, p)
		if p.LotID != "" {
			d.drawn[p.LotID] = append(d.drawn[p.LotID], p)
		}
	}
	return nil
}

// Lot implements sampling.Results: reviews are in a day after the last of the sample was closed.
func (d *desk) Lot(_ context.Context, lotID string) (reviewed, defective int, complete bool, err error) {
	sample := d.drawn[lotID]
	if d.defective == nil || len(sample) == 0 {
		return 0, 0, false, nil
	}
	windows := sampling.Terms{Zone: d.terms.Zone, LotHours: d.terms.LotHours}
	newest := slices.MaxFunc(sample, func(a, b sampling.Pick) int { return a.ClosedAt.Compare(b.ClosedAt) })
	_, ends := windows.Window(newest.ClosedAt)
	if d.now.Before(ends.Add(reviewing)) {
		return 0, 0, false, nil
	}
	for _, p := range sample {
		if d.defective(p) {
			defective++
		}
	}
	return len(sample), defective, true, nil
}

// Missing implements sampling.Opened.
func (d *desk) Missing(_ context.Context, picks []sampling.Pick) (missing []sampling.Pick, err error) {
	known := map[string]bool{}
	for _, p := range d.tasks {
		known[p.ID] = p.ID != d.forget
	}
	for _, p := range picks {
		if !known[p.ID] && p.ID != "more" {
			missing = append(missing, p)
		}
	}
	return missing, nil
}

func (d *desk) pass(t *testing.T) {
	t.Helper()
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) kinds() map[string]int {
	out := map[string]int{}
	for _, p := range d.tasks {
		out[p.Kind]++
	}
	return out
}

// all are the lots, oldest first.
func (d *desk) all(t *testing.T) []sampling.Lot {
	t.Helper()
	var out []sampling.Lot
	for q := (sampling.Query{Limit: 500}); ; {
		page, err := d.lots.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page.Items...)
		if q.Cursor = page.Next; q.Cursor == "" {
			slices.Reverse(out)
			return out
		}
	}
}

func (d *desk) verify(t *testing.T, day string) *sampling.Verification {
	t.Helper()
	log, err := evidence.OpenLog(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.notary.Checkpoint(t.Context()); err != nil { // what was stated last is to be covered
		t.Fatal(err)
	}
	v, err := sampling.Verifier{
		Store: d.db, Record: d.record, Log: log, Plans: d.plans, Rules: catalogue, Tenants: sampling.Everybody(d.terms), Opened: d,
	}.Verify(t.Context(), "", day)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
