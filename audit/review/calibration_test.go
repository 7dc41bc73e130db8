package review_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/audit/store/storetest"
)

func TestCalibrationHoldsInspectorsAgainstAnExpert(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, nil)
		ids := d.open(sample("s-1"), sample("s-2"))
		d.record.find("s-2", "q-red-line", 1)
		li, zhao, chen := d.inspector("li"), d.inspector("zhao"), d.as("chen", identity.Supervisor)
		d.submit(li, d.claim(li, ids[0]), answer(rate("human", "fail")))
		d.submit(li, d.claim(li, ids[1]), answer(decide("s-2", "q-red-line", "overruled", 1)))
		set := review.NewSet{Name: "十一月", Tasks: ids, Inspectors: []string{"zhao", "li"}, Answers: map[string]review.Answer{
			ids[1]: answer(all(rate("red-line", "fail"), decide("s-2", "q-red-line", "upheld", 1))),
		}}
		if _, err := d.Calibrate(chen, set); !strings.Contains(refused(err), "is not final") {
			t.Errorf("a set of reviews that are not final: %s", refused(err))
		}
		d.pass(72 * time.Hour)
		d.sweep()
		made, err := d.Calibrate(chen, set)
		if err != nil || made.Size != 2 {
			t.Fatalf("%+v, %v", made, err)
		}
		if again, err := d.Calibrate(chen, set); err != nil || again.ID != made.ID || len(again.Results) != 1 {
			t.Errorf("the same set again: %+v, %v", again, err)
		}
		if _, ok, err := d.Next(li); ok || err != nil {
			t.Errorf("li gets a session again: %v, %v", ok, err)
		}
		for kind, want := range map[review.Kind]int{review.Sample: 2, review.Calibration: 0} {
			if page, err := d.List(zhao, review.Query{Limit: 10, Kinds: []review.Kind{kind}}); err != nil || len(page.Items) != want {
				t.Errorf("zhao sees %d of kind %s, %v", len(page.Items), kind, err)
			}
		}
		for range 2 {
			got, ok, err := d.Next(zhao)
			if err != nil || !ok || got.Kind != review.Sample || got.SetID != "" || got.Assignee != "" || len(got.Others) > 0 {
				t.Fatalf("zhao gets %+v, %v, %v", got, ok, err)
			}
			a := answer(rate("human", "fail"))
			if got.SessionID == "s-2" {
				a = answer(all(rate("red-line", "fail"), decide("s-2", "q-red-line", "overruled", 1)))
			}
			if got = d.submit(zhao, got, a); got.State != review.Final {
				t.Errorf("a calibration is %s", got.State)
			}
		}
		result, err := d.Set(chen, made.ID)
		if err != nil || len(result.Results) != 1 {
			t.Fatalf("%+v, %v", result, err)
		}
		got := result.Results[0]
		items := map[string]review.SetMatch{}
		for _, m := range got.Items {
			items[m.Item] = m
		}
		if got.Inspector != "zhao" || got.Given != 2 || got.Answered != 2 || items["criterion:human"].Agreed != 2 || items["criterion:red-line"].Agreed != 2 ||
			items["finding:q-red-line"] != (review.SetMatch{Item: "finding:q-red-line", Rated: 1}) {
			t.Errorf("the result is %+v", got)
		}
		pairs, err := d.Pairs(t.Context(), review.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(pairs, func(p review.Pair) bool { return p.Comparison == review.HumanExpert && p.Level == "finding" })
		if i < 0 || pairs[i].First != "upheld" || pairs[i].FirstRater != "chen" || pairs[i].Second != "overruled" || pairs[i].SecondRater != "zhao" {
			t.Errorf("the pairs are %+v", pairs)
		}
		if n, _, _, _ := d.Lot(t.Context(), "lot-1"); n != 2 {
			t.Errorf("calibrations count in the lot: %d", n)
		}
		if _, total, _, _ := d.Overdue(t.Context(), "", start, start.Add(1000*time.Hour)); total != 2 {
			t.Errorf("calibrations count in the promise: %d", total)
		}
	})
}
