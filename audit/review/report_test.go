package review_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/review"
)

// lots are what a test says was drawn.
type lots []review.DrawnLot

func (l lots) Drawn(_ context.Context, tenant string, from, to time.Time) (out []review.DrawnLot, err error) {
	for _, lot := range l {
		if (tenant == "" || tenant == lot.Tenant) && !lot.From.Before(from) && lot.From.Before(to) {
			out = append(out, lot)
		}
	}
	return out, nil
}

func lot(id, line string, population, any int) review.DrawnLot {
	return review.DrawnLot{ID: id, Tenant: "default", BusinessLine: line, Channel: "app", BotVersion: "4.2", From: start.Add(-2 * time.Hour), To: start, Population: population, Any: any, Outcome: "open"}
}

// answerAll claims and answers tasks, the first of them as failing says.
func (d *desk) answerAll(who string, ids []string, failing int, fail func(*review.Answer)) {
	d.t.Helper()
	for i, id := range ids {
		change := fail
		if i >= failing {
			change = nil
		}
		d.submit(d.inspector(who), d.claim(d.inspector(who), id), answer(change))
	}
}

func TestTheReportWeighsWhatWasDrawn(t *testing.T) {
	drawn := lots{lot("lot-1", "cards", 1000, 2), lot("lot-2", "loans", 200, 0), lot("lot-3", "cards", 300, 0)}
	d := open(t, t.TempDir()+"/state.db", func(o *review.Options) { o.Lots = drawn })
	of := func(lotID, line string, n int) (tasks []review.NewTask) {
		for i := range n {
			s := sample(fmt.Sprintf("%s-%d", lotID, i))
			s.LotID, s.BusinessLine = lotID, line
			tasks = append(tasks, s)
		}
		return tasks
	}
	first := d.open(of("lot-1", "cards", 20)...)
	second := d.open(of("lot-2", "loans", 10)...)
	d.answerAll("li", first, 2, rate("correctness", "0"))
	d.answerAll("li", second, 5, rate("privacy", "fail"))
	// Two sessions that are reviewed in any case; a rule found something in one and erred.
	d.record.find("must-1", "q-red-line", 1)
	must := []review.NewTask{sample("must-1"), sample("must-2")}
	for i := range must {
		must[i].Kind, must[i].LotID, must[i].Reason = review.Mandatory, "", "complaint.filed"
	}
	ids := d.open(must...)
	d.answerAll("li", ids[:1], 1, decide("must-1", "q-red-line", review.Overruled, 1))
	d.answerAll("li", ids[1:], 1, all(rate("privacy", "fail"), func(a *review.Answer) {
		a.Missed = []review.Missed{{Criterion: "privacy", Rule: "cn-sensitive-pi-unasked"}}
	}))
	d.answerAll("li", d.open(of("lot-of-yesterday", "cards", 1)...), 0, nil)

	zhao := d.as("zhao", identity.Supervisor)
	rep, err := d.Report(zhao, "", start.Add(-24*time.Hour), start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if rep.Sessions != 1502 || rep.Reviewed != 32 || rep.Outside != 1 || len(rep.Lots) != 3 || rep.Lots[0].Reviewed != 20 || rep.Lots[0].Defective != 2 {
		t.Errorf("the base is %d, %d, %d: %+v", rep.Sessions, rep.Reviewed, rep.Outside, rep.Lots)
	}
	rateOf := func(item string) review.Defect {
		i := slices.IndexFunc(rep.Defects, func(x review.Defect) bool { return x.Item == item })
		if i < 0 {
			t.Fatalf("nothing is said of %s", item)
		}
		return rep.Defects[i]
	}
	// 10 % of 1,000 and none of 200 and of the 2: 100 of 1,202; lot-3 was not looked at.
	got := rateOf("correctness").Overall
	if math.Abs(got.Value-100.0/1202) > 1e-9 || got.Unseen != 300 || !got.Interval.Covers(100.0/1202) || got.Interval.Width() < 0.1 {
		t.Errorf("correctness fails in %+v", got)
	}
	// Half of 200, and one of the 2 that are known in full.
	got = rateOf("privacy").Overall
	if math.Abs(got.Value-101.0/1202) > 1e-9 {
		t.Errorf("privacy fails in %+v", got)
	}
	if got = rateOf(review.AnyDefect).Overall; math.Abs(got.Value-201.0/1202) > 1e-9 {
		t.Errorf("sessions are defective in %+v", got)
	}
	bound := rateOf("privacy").Bound
	if bound.Within || bound.Relative == nil || *bound.Relative < 0.5 || bound.Needed < 1000 || bound.Needed > 1502 {
		t.Errorf("the bound is %+v", bound)
	}
	if bound = rateOf(review.Misjudgments).Bound; bound.Within || bound.Relative != nil || bound.Needed != 1502 {
		t.Errorf("the bound of nothing is %+v", bound)
	}
	for _, s := range rateOf("privacy").Strata {
		if want := map[string]float64{"cards": 1.0 / 1002, "loans": 0.5}[s.BusinessLine]; math.Abs(s.Rate.Value-want) > 1e-9 {
			t.Errorf("privacy of %s fails in %+v", s.BusinessLine, s.Rate)
		}
	}
	for _, q := range rep.Rules {
		switch q.Rule {
		case "q-red-line":
			if q.Precision.Value != 0 || q.Precision.Reviewed != 1 || q.Recall.Reviewed != 0 {
				t.Errorf("the rule that erred: %+v", q)
			}
		case "cn-sensitive-pi-unasked":
			if q.Recall.Value != 0 || q.Recall.Reviewed != 1 || q.Precision.Reviewed != 0 {
				t.Errorf("the rule that missed: %+v", q)
			}
		default:
			t.Errorf("nothing is to be said of %s", q.Rule)
		}
	}
	if _, err := json.Marshal(rep); err != nil {
		t.Errorf("the report cannot be sent: %v", err)
	}

	// Another tenant's supervisor sees nothing of it, whatever they ask for.
	acme := identity.With(t.Context(), identity.Principal{ID: "sun", Roles: []identity.Role{identity.Supervisor}, Tenants: []string{"acme"}})
	for _, tenant := range []string{"", "default"} {
		rep, err := d.Report(acme, tenant, start.Add(-24*time.Hour), start.Add(time.Hour))
		if err != nil || rep.Sessions != 0 || rep.Reviewed+rep.Outside != 0 || len(rep.Agreements) != 0 {
			t.Errorf("acme asking for %q sees %+v, %v", tenant, rep, err)
		}
	}
}

func TestTheReportSaysHowFarPeopleAgree(t *testing.T) {
	d := open(t, t.TempDir()+"/state.db", func(o *review.Options) { o.BlindShare = share(1) })
	var tasks []review.NewTask
	for i := range 12 {
		tasks = append(tasks, sample(fmt.Sprintf("s-%d", i)))
	}
	d.open(tasks...)
	for who, failing := range map[string]int{"li": 6, "wang": 5} { // agree on eleven of twelve
		for range tasks {
			task, ok, err := d.Next(d.inspector(who))
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			var change func(*review.Answer)
			for i := range failing {
				if task.SessionID == fmt.Sprintf("s-%d", i) {
					change = rate("human", "fail")
				}
			}
			d.submit(d.inspector(who), task, answer(change))
		}
	}
	zhao := d.as("zhao", identity.Supervisor)
	task, ok, err := d.Next(zhao)
	if err != nil || !ok || task.Kind != review.Adjudication {
		t.Fatalf("no adjudication: %+v, %v", task, err)
	}
	d.submit(zhao, task, answer(rate("human", "fail")))
	read := func() []review.AgreementRow {
		rep, err := d.Report(zhao, "", start.Add(-24*time.Hour), start.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return rep.Agreements
	}
	rows := read()
	i := slices.IndexFunc(rows, func(r review.AgreementRow) bool {
		return r.Comparison == review.HumanHuman && r.By == "criterion" && r.Item == "human"
	})
	if i < 0 {
		t.Fatalf("nothing is said of the criterion: %+v", rows)
	}
	// Observed 11/12; by chance 6·5+6·7 of 144.
	chance := 72.0 / 144
	want := (11.0/12 - chance) / (1 - chance)
	if got := rows[i]; got.N != 12 || math.Abs(got.Kappa-want) > 1e-9 || !got.Interval.Covers(want) || got.Interval.High-got.Interval.Low < 0.1 {
		t.Errorf("κ is %+v, want %.3f", got, want)
	}
	for _, who := range []string{"li", "wang"} {
		if !slices.ContainsFunc(rows, func(r review.AgreementRow) bool {
			return r.Comparison == review.HumanHuman && r.By == "inspector" && r.Item == who && r.N == 84
		}) {
			t.Errorf("nothing is said of %s", who)
		}
	}
	if !slices.Equal(rows, read()) {
		t.Error("the same report says something else the second time")
	}
}

func TestWhoeverSeesSomeLinesOnlyHasNothingToDoWithSets(t *testing.T) {
	d := open(t, t.TempDir()+"/state.db", nil)
	ids := d.open(sample("s-1"))
	d.answerAll("li", ids, 0, nil)
	d.pass(73 * time.Hour)
	d.sweep()
	set := review.NewSet{Name: "十月", Tasks: ids, Inspectors: []string{"wang"}}
	made, err := d.Calibrate(d.as("zhao", identity.Supervisor), set)
	if err != nil {
		t.Fatal(err)
	}
	bound := identity.With(t.Context(), identity.Principal{ID: "qian", Roles: []identity.Role{identity.Supervisor}, Lines: []string{"宽带", "loans", "cards"}})
	if sets, err := d.Sets(bound, ""); err != nil || len(sets) != 0 {
		t.Errorf("lists %+v, %v", sets, err)
	}
	if _, err := d.Set(bound, made.ID); !errors.Is(err, review.ErrNotFound) {
		t.Errorf("reads: %v", err)
	}
	set.Name = "另一组"
	if _, err := d.Calibrate(bound, set); !strings.Contains(refused(err), "only some of its business lines") {
		t.Errorf("makes: %v", err)
	}
}

func TestSetsAreListedNewestFirst(t *testing.T) {
	d := open(t, t.TempDir()+"/state.db", nil)
	zhao := d.as("zhao", identity.Supervisor)
	ids := d.open(sample("s-1"))
	d.answerAll("li", ids, 0, nil)
	d.pass(73 * time.Hour)
	d.sweep()
	for _, name := range []string{"十月", "十一月"} {
		if _, err := d.Calibrate(zhao, review.NewSet{Name: name, Tasks: ids, Inspectors: []string{"wang"}}); err != nil {
			t.Fatal(err)
		}
		d.pass(time.Hour)
	}
	sets, err := d.Sets(zhao, "")
	if err != nil || len(sets) != 2 || sets[0].Name != "十一月" || sets[1].Results[0].Given != 1 {
		t.Errorf("the sets are %+v, %v", sets, err)
	}
	if sets, err := d.Sets(zhao, "acme"); err != nil || len(sets) != 0 {
		t.Errorf("another tenant has %+v, %v", sets, err)
	}
}

func TestAnErrorIsBoundedOnlyWhereEverythingWasLookedAt(t *testing.T) {
	for unseen, want := range map[int]bool{0: true, 5: false} {
		drawn := lots{lot("lot-1", "cards", 3, 0), lot("lot-2", "loans", unseen, 0)}
		d := open(t, t.TempDir()+"/state.db", func(o *review.Options) { o.Lots = drawn })
		d.answerAll("li", d.open(sample("s-1"), sample("s-2"), sample("s-3")), 1, rate("privacy", "fail"))
		rep, err := d.Report(d.as("zhao", identity.Supervisor), "", start.Add(-24*time.Hour), start.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if b := rep.Defects[0].Bound; b.Within != want || b.Relative == nil || *b.Relative != 0 {
			t.Errorf("one of three defective, %d not looked at: %+v", unseen, b)
		}
	}
}
