package cases_test

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"mingjian/audit/cases"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// told is a record that tells what a test puts into it.
type told struct {
	now   time.Time
	rows  []warehouse.Misjudged
	asked []warehouse.MisjudgedQuery
}

func (r *told) Now(context.Context) (time.Time, error) { return r.now, nil }

func (r *told) Misjudged(_ context.Context, q warehouse.MisjudgedQuery, each func(warehouse.Misjudged) error) error {
	r.asked = append(r.asked, q)
	for _, m := range r.rows {
		if m.Known >= q.Since {
			if err := each(m); err != nil {
				return err
			}
		}
	}
	return nil
}

func catalogue() []policies.Rule {
	return []policies.Rule{{ID: "cn-promise-broken", Misjudgement: true}, {ID: "cn-human-slow"}}
}

func finding(id, session string, at time.Time) warehouse.Misjudged {
	return warehouse.Misjudged{
		Tenant: "default", SessionID: session, CustomerID: "c-" + session, FindingID: id, Rule: "cn-promise-broken", Severity: "high", Standing: true,
		At: at.UnixMilli(), Known: at.UnixMilli(),
	}
}

func said(id, session, kind, body, extra string, at time.Time) warehouse.Misjudged {
	return warehouse.Misjudged{
		Tenant: "default", SessionID: session, EventID: id, Kind: kind, ActorID: "shop", Text: "答错", Body: body, Extra: extra, Standing: true,
		At: at.UnixMilli(), Known: at.UnixMilli(),
	}
}

func TestCandidatesComeFromTheRecordOncePerWrong(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		r := &told{now: monday}
		o := openOffice(t, dsn, func(opts *cases.Options) { opts.Record, opts.Rules = r, catalogue })
		follow := func(after time.Duration, rows ...warehouse.Misjudged) (all []cases.Case) {
			t.Helper()
			o.now, r.now = monday.Add(after), monday.Add(after)
			r.rows = append(r.rows, rows...)
			for range 2 { // looking again is harmless
				if err := o.Follow(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			page, err := o.List(by(t.Context(), "viewer-x"), cases.Query{Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			return page.Items
		}
		if got := follow(0); len(got) != 0 || !slices.Equal(r.asked[0].Rules, []string{"cn-promise-broken"}) || r.asked[0].Since != 0 {
			t.Errorf("at first %+v, asked %+v", got, r.asked)
		}
		// A finding, an event and a verdict of one session are one case; a verdict without a
		// misjudgement and a withdrawn finding are none.
		withdrawn := finding("f-w", "s-w", monday)
		withdrawn.Standing = false
		got := follow(time.Hour,
			finding("f-1", "s-1", monday.Add(time.Minute)),
			said("e-1", "s-1", "misjudgement.reported", `{"claim":{"kind":"refund","amount_minor":1200,"currency":"CNY"}}`, "", monday.Add(2*time.Minute)),
			said("rev-1.decided", "s-1", "review.decided", `{"claim":{"kind":"price"}}`, `{"review":{"misjudged":true}}`, monday.Add(3*time.Minute)),
			said("rev-2.decided", "s-2", "review.decided", `{}`, `{"review":{"misjudged":false}}`, monday.Add(3*time.Minute)),
			withdrawn,
		)
		if len(got) != 1 || got[0].Kind != "rights" || got[0].Customer != "c-s-1" || *got[0].Claimed != yuan(1200) || got[0].State != cases.Candidate || !slices.Equal(got[0].Findings, []string{"f-1"}) {
			t.Fatalf("joined: %+v", got)
		}
		if since := r.asked[len(r.asked)-1].Since; since != monday.Add(time.Hour-cases.DefaultOverlap).UnixMilli() {
			t.Errorf("the last look was at what came since %d", since)
		}
		id := got[0].ID
		f, err := o.Get(by(t.Context(), "viewer-x"), id)
		if err != nil || len(f.Sources) != 3 || len(f.Steps) != 3 || f.Steps[0].Actor != "record" || f.Sources[1].Kind != cases.FromEvent || f.Sources[2].Kind != cases.FromReview {
			t.Errorf("the case is %+v, %v", f, err)
		}

		// A report by hand comes back through the record and is known there.
		o.found["s-1"] = nil
		k, opened, err := o.Report(by(t.Context(), "inspector-li"), cases.Report{SessionID: "s-1", Kind: "rights", Reason: "没有回电"})
		if err != nil || opened || k.ID != id {
			t.Fatalf("%+v, %v, %v", k, opened, err)
		}
		f, _ = o.Get(by(t.Context(), "viewer-x"), id)
		ref := f.Sources[len(f.Sources)-1].Ref
		follow(2*time.Hour, said(ref, "s-1", "misjudgement.reported", `{"claim":{"kind":"rights"}}`, "", monday.Add(time.Hour)))
		f, err = o.Get(by(t.Context(), "viewer-x"), id)
		if err != nil || len(f.Sources) != 4 || len(f.Steps) != 4 {
			t.Errorf("after the report came back: %+v, %v", f, err)
		}

		// The finding is withdrawn: a step, and the case goes on; then it stands again.
		gone := finding("f-1", "s-1", monday.Add(time.Minute))
		gone.Standing, gone.Known = false, monday.Add(3*time.Hour).UnixMilli()
		r.rows = nil
		follow(3*time.Hour, gone)
		f, err = o.Get(by(t.Context(), "viewer-x"), id)
		if err != nil || f.State != cases.Candidate || f.Steps[4].Action != cases.Ended || f.Steps[4].Reason != "finding withdrawn" || f.Version != 1 {
			t.Errorf("after the withdrawal: %+v, %v", f, err)
		}
		r.rows = nil
		follow(4*time.Hour, finding("f-1", "s-1", monday.Add(4*time.Hour)))
		if f, err = o.Get(by(t.Context(), "viewer-x"), id); err != nil || len(f.Steps) != 6 || f.Steps[5].Reason != "finding stands again" {
			t.Errorf("after it stood again: %+v, %v", f, err)
		}

		if got := follow(4*time.Hour, finding("f-5", "s-1", monday.Add(4*time.Hour))); len(got) != 1 || !slices.Equal(got[0].Findings, []string{"f-1", "f-5"}) {
			t.Errorf("one more finding of a case that stands: %+v", got)
		}

		// After the case ended: the same finding and what happened before it are no new wrong.
		o.now = monday.Add(5 * time.Hour)
		if _, err := o.Reject(by(t.Context(), "officer-zhao"), id, f.Version, "已回电"); err != nil {
			t.Fatal(err)
		}
		if got := follow(6*time.Hour, finding("f-2", "s-1", monday.Add(5*time.Hour-time.Minute)), said("e-9", "s-1", "misjudgement.reported", `{}`, "", monday.Add(5*time.Hour+time.Minute))); len(got) != 1 || got[0].State != cases.Rejected {
			t.Errorf("late sources of the same wrong: %+v", got)
		}
		if got := follow(7*time.Hour, finding("f-3", "s-1", monday.Add(6*time.Hour+time.Minute))); len(got) != 2 || got[0].FindingID != "f-3" {
			t.Errorf("another wrong: %+v", got)
		}
		// Another customer in a session of the same id.
		other := finding("f-4", "s-1", monday.Add(7*time.Hour))
		other.CustomerID = "c-2"
		if got := follow(7*time.Hour, other); len(got) != 3 {
			t.Errorf("another customer: %+v", got)
		}
	})
}

func TestAnEventThatCannotBeReadLeavesTheOthersAlone(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		r := &told{now: monday, rows: []warehouse.Misjudged{
			said("e-bad", "s-1", "misjudgement.reported", `{broken`, "", monday), finding("f-2", "s-2", monday),
		}}
		o := openOffice(t, dsn, func(opts *cases.Options) { opts.Record, opts.Rules = r, catalogue })
		if err := o.Follow(t.Context()); err == nil || !strings.Contains(err.Error(), "e-bad") {
			t.Errorf("%v", err)
		}
		if page, err := o.List(by(t.Context(), "viewer-x"), cases.Query{Limit: 10}); err != nil || len(page.Items) != 1 {
			t.Errorf("%+v, %v", page, err)
		}
	})
}

func TestSourcesThatComeAtOnceBeginOneCase(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		o := openOffice(t, dsn)
		var wg sync.WaitGroup
		for _, who := range strings.Fields("a b c d e f g h") {
			wg.Go(func() {
				if _, _, err := o.Report(by(t.Context(), "inspector-"+who), cases.Report{SessionID: "s-1", Kind: "other", Reason: who}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		page, err := o.List(by(t.Context(), "viewer-x"), cases.Query{Limit: 10})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		if f, err := o.Get(by(t.Context(), "viewer-x"), page.Items[0].ID); err != nil || len(f.Sources) != 8 || len(f.Steps) != 8 {
			t.Errorf("%+v, %v", f, err)
		}
	})
}

// A store of before there was a workflow holds candidates that go on as any other.
func TestCandidatesOfBeforeTheWorkflow(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		db, err := store.Open(t.Context(), dsn, store.Options{Now: func() time.Time { return monday }})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		first := fstest.MapFS{}
		for _, engine := range []string{"sqlite", "postgres"} {
			file := engine + "/00001_cases.sql"
			text, err := fs.ReadFile(cases.Noun.Files, file)
			if err != nil {
				t.Fatal(err)
			}
			first[file] = &fstest.MapFile{Data: text}
		}
		if err := db.Migrate(t.Context(), store.Noun{Name: cases.Noun.Name, Files: first}); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO cases VALUES ('case-old', 1, 'default', 's-old', 'f-old', 'candidate', 'price', '旧', 'li', $1)`, monday.UnixMilli())
			return err
		}); err != nil {
			t.Fatal(err)
		}
		r := &told{now: monday, rows: []warehouse.Misjudged{said("case-old", "s-old", "misjudgement.reported", `{}`, "", monday)}}
		c, err := cases.New(t.Context(), db, everywhere{}, cases.Options{Record: r, Rules: catalogue, Fund: purse{}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		f, err := c.Get(by(t.Context(), "viewer-x"), "case-old")
		if err != nil || len(f.Steps) != 1 || len(f.Sources) != 1 || f.Round != 1 || !f.Deadlines.Answer.Due.Equal(monday.Add(24*time.Hour)) || !slices.Equal(f.Findings, []string{"f-old"}) {
			t.Errorf("%+v, %v", f, err)
		}
		k, err := c.Assess(by(t.Context(), "officer-zhao"), "case-old", 1, cases.Assessment{AmountMinor: 5, Currency: "CNY", Words: "x"})
		if err != nil || k.State != cases.Assessed || k.Version != 3 {
			t.Errorf("%+v, %v", k, err)
		}
	})
}

func TestARuleThatIsMarkedLaterIsLookedUpFromTheBeginning(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		r, rules := &told{now: monday}, catalogue()
		o := openOffice(t, dsn, func(opts *cases.Options) { opts.Record, opts.Rules = r, func() []policies.Rule { return rules } })
		look := func() int64 {
			t.Helper()
			if err := o.Follow(t.Context()); err != nil {
				t.Fatal(err)
			}
			return r.asked[len(r.asked)-1].Since
		}
		look()
		if since := look(); since == 0 {
			t.Error("the second look was at all of the record again")
		}
		rules[1].Misjudgement = true
		if since := look(); since != 0 {
			t.Errorf("what broke the rule before it was marked is left out: asked since %d", since)
		}
		slices.Reverse(rules)
		if since := look(); since == 0 {
			t.Error("the same rules in another order are looked up from the beginning")
		}
	})
}

func TestACaseThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		r := &told{now: monday}
		o := openOffice(t, dsn, func(opts *cases.Options) { opts.Record, opts.Rules = r, catalogue })
		broken := o.candidate(t, "s-1")
		o.now = monday.Add(time.Minute) // its deadline is the first
		whole := o.candidate(t, "s-2")
		damage := func(text string) (before string) {
			t.Helper()
			if err := o.db.Write(t.Context(), func(tx *store.Tx) error {
				if err := tx.QueryRowContext(t.Context(), `SELECT document FROM cases WHERE id = $1`, broken.ID).Scan(&before); err != nil {
					return err
				}
				_, err := tx.ExecContext(t.Context(), `UPDATE cases SET document = $1 WHERE id = $2`, text, broken.ID)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return before
		}
		sound := damage("{")
		o.now, r.now = monday.Add(25*time.Hour), monday.Add(25*time.Hour)
		r.rows = []warehouse.Misjudged{finding("f-1", "s-1", monday), finding("f-3", "s-3", monday)}
		for what, pass := range map[string]func(context.Context) error{"sweep": o.Sweep, "follow": o.Follow} {
			if err := pass(t.Context()); err == nil {
				t.Errorf("%s says nothing of what cannot be read", what)
			}
		}
		damage(sound)
		page, err := o.List(by(t.Context(), "viewer-x"), cases.Query{Limit: 10})
		if err != nil || len(page.Items) != 3 {
			t.Fatalf("%+v, %v", page.Items, err)
		}
		for _, k := range page.Items {
			if k.ID == whole.ID && k.Escalation != 1 {
				t.Errorf("the case behind it was not escalated: %+v", k)
			}
		}
		// What could not be done is done by the next pass.
		if err := o.Follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := o.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		f, err := o.Get(by(t.Context(), "viewer-x"), broken.ID)
		if err != nil || f.Escalation != 1 || !slices.Contains(f.Findings, "f-1") {
			t.Errorf("after it was mended: %+v, %v", f.Case, err)
		}
	})
}
