package indicator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"mingjian/collector/warehouse"
)

// versions counts what is written of a tenant's numbers, by what the newest version of each is.
func (c *centre) versions(t *testing.T) (rows, versions int64) {
	t.Helper()
	all, err := c.Indicators(t.Context(), warehouse.Days{Tenant: c.tenant, Zone: beijing, First: today.AddDate(-1, 0, 0), Last: today.AddDate(0, 1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		versions += r.Version
	}
	return int64(len(all)), versions
}

// TestLateEventsChangeTheNumberAndWithdraw holds a day that was found against what comes late to it, and a
// round that has nothing new against itself.
func TestLateEventsChangeTheNumberAndWithdraw(t *testing.T) {
	house := open(t)
	c := house.of("late")
	old := time.Date(2026, 10, 12, 10, 0, 0, 0, beijing) // imported: longer ago than the rounds look back
	talks := times(40, 7, func() *talk { return c.talk("a", "", old).say(1, "customer", "在吗") }, func(_ int, k *talk) {})
	for _, k := range talks[7:] {
		k.say(2, "bot", "在")
	}
	c.write(t, talks...)
	c.compute(t)
	found := c.want(t, "i-breakpoint-rate", "a", old, 7, 40, warehouse.Breached)

	rows, versions := c.versions(t)
	c.compute(t)
	c.service = house.another() // as after a restart
	c.compute(t)
	if r, v := c.versions(t); r != rows || v != versions {
		t.Errorf("rounds without news made %d rows of %d versions out of %d of %d", r, v, rows, versions)
	}

	// An answer to the first comes late: 6 of 40 is within the limit.
	talks[0].session.Version++
	c.write(t, talks[0].say(2, "bot", "在"))
	c.compute(t)
	withdrawn := c.want(t, "i-breakpoint-rate", "a", old, 6, 40, warehouse.Kept)
	f, _, err := c.Finding(t.Context(), found.FindingID)
	if err != nil || withdrawn.FindingID != found.FindingID || withdrawn.Version != found.Version+1 || f.State != "withdrawn" || f.Version != withdrawn.Version {
		t.Errorf("withdrawn as %+v, %v; the row is %+v", f, err, withdrawn)
	}
	var facts struct {
		Numerator, Denominator, Value, Low, High float64
		Period, Day                              string
		Limit                                    float64 `json:"limit_percent"`
		Beyond                                   *bool   `json:"interval_beyond_limit"`
	}
	if err := json.Unmarshal([]byte(f.Facts), &facts); err != nil || facts.Numerator != 7 || facts.Denominator != 40 || facts.Value != 0.175 ||
		facts.Low != found.Low || facts.High != found.High || facts.Period != "day" || facts.Day != "2026-10-12" || facts.Limit != 15 || facts.Beyond == nil || *facts.Beyond {
		t.Errorf("a finding that is withdrawn tells what it told: %s, %v", f.Facts, err)
	}
	if f.At != talks[0].session.Closed {
		t.Errorf("dated %d, not the newest end of the day %d", f.At, talks[0].session.Closed)
	}

	// And a late unanswered turn finds it again.
	talks[1].session.Version++
	talks[39].session.Version++
	c.write(t, talks[1], talks[39].say(3, "customer", "还在吗"))
	c.compute(t)
	c.want(t, "i-breakpoint-rate", "a", old, 7, 40, warehouse.Breached)

	// All sessions turn out to be another tenant's: nothing is left to count.
	for _, k := range talks {
		k.session.Version, k.session.Deleted = k.session.Version+10, true
	}
	c.write(t, talks...)
	c.compute(t)
	c.want(t, "i-breakpoint-rate", "a", old, 0, 0, warehouse.Empty)
	if page, err := c.Findings(t.Context(), warehouse.FindingQuery{Tenant: "late"}); err != nil || len(page.Items) != 0 {
		t.Errorf("%d findings stand, %v", len(page.Items), err)
	}
}

// TestDaysAreTheTenants holds midnight in the tenant's zone.
func TestDaysAreTheTenants(t *testing.T) {
	house := open(t)
	c := house.of("zone")
	for i, at := range []time.Time{today.Add(-time.Millisecond), today, today.AddDate(0, 0, 1).Add(-time.Millisecond), today.AddDate(0, 0, 1)} {
		k := c.talk("a", "CN", at)
		k.facts.Bot.Texts = i + 1
		c.write(t, k)
	}
	c.compute(t)
	c.want(t, "cn-47746-no-threshold", "", today.AddDate(0, 0, -1), 1, 1, warehouse.Breached)
	c.want(t, "cn-47746-no-threshold", "", today, 2, 2, warehouse.Breached)
	c.want(t, "cn-47746-no-threshold", "", today.AddDate(0, 0, 1), 1, 1, warehouse.Breached)
}

// review is a review as the workflow store mirrors it.
func (c *centre) review(t *testing.T, id string, version int64, document map[string]any) {
	t.Helper()
	body, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Put(t.Context(), warehouse.Reviews, []warehouse.MirrorRow{{ID: id, Version: version, Tenant: c.tenant, State: "open", At: noon.UnixMilli(), Document: body}}); err != nil {
		t.Fatal(err)
	}
}

func TestReviewsWithin48Hours(t *testing.T) {
	house := open(t)
	c := house.of("reviews")
	at := func(d time.Duration) string { return noon.Add(d).UTC().Format(time.RFC3339Nano) }
	review := func(id string, version int64, due, done time.Duration, kind string) {
		document := map[string]any{"business_line": "a", "kind": kind, "due": at(due), "closed_at": at(due - 48*time.Hour)}
		if done != 0 {
			document["submitted_at"] = at(done)
		}
		c.review(t, id, version, document)
	}
	review("exactly", 1, -time.Hour, -time.Hour, "sample")
	review("early", 1, -time.Hour, -2*time.Hour, "mandatory")
	review("adjudicated", 1, -time.Hour, 0, "adjudication")
	review("coming", 1, time.Hour, 0, "sample")
	c.compute(t)
	c.want(t, "i-review-overdue", "a", today, 2, 2, warehouse.Kept)

	house.now = noon.Add(time.Hour) // nothing is written, and a review falls due
	c.compute(t)
	c.want(t, "i-review-overdue", "a", today, 2, 3, warehouse.Breached)
	review("coming", 2, time.Hour, time.Hour+time.Millisecond, "sample") // done late stays late
	c.compute(t)
	c.want(t, "i-review-overdue", "a", today, 2, 3, warehouse.Breached)
	review("coming", 3, time.Hour, time.Hour, "sample") // it had been done in time after all
	c.compute(t)
	c.want(t, "i-review-overdue", "a", today, 3, 3, warehouse.Kept)
}

func TestErrorThatTheSampleBounds(t *testing.T) {
	house := open(t)
	c := house.of("error")
	var talks []*talk
	for _, line := range []string{"part", "whole", "clean", "unseen"} {
		talks = append(talks, times(4, 0, func() *talk { return c.talk(line, "ES", noon) }, nil)...)
	}
	c.write(t, talks...)
	review := func(line string, i int, kind string, defective bool, outcome any) {
		document := map[string]any{
			"business_line": line, "kind": kind, "jurisdiction": "ES", "due": noon.Add(48 * time.Hour).UTC().Format(time.RFC3339Nano), "closed_at": noon.UTC().Format(time.RFC3339Nano),
			"verdict": map[string]any{"defective": defective},
		}
		if outcome != nil {
			document["outcome"] = map[string]any{"defective": outcome}
		}
		c.review(t, fmt.Sprint(line, kind, i), 1, document)
	}
	for i := range 4 {
		review("whole", i, "sample", i == 0, nil)
		if i < 2 {
			review("part", i, "sample", false, i == 0) // the verdict that counts is the other
			review("clean", i, "sample", false, nil)
			review("unseen", i, "mandatory", true, nil)
		}
	}
	c.compute(t)
	// One of two, of four: the sample counts for 4, and 2 of 4 lie between 0.067586 and 0.932414.
	if r := c.want(t, "i-es-error", "part", today, 1, 2, warehouse.Breached); r.Value != 0.5 || r.Low != 0.067586 || r.High != 0.932414 {
		t.Errorf("interval %v [%v, %v]", r.Value, r.Low, r.High)
	}
	if r := c.want(t, "i-es-error", "whole", today, 1, 4, warehouse.Kept); r.Low != 0.25 || r.High != 0.25 {
		t.Errorf("of what was seen as a whole the share is known: [%v, %v]", r.Low, r.High)
	}
	if r := c.want(t, "i-es-error", "clean", today, 0, 2, warehouse.NotAssessable); r.Reason != "no_defect_seen" {
		t.Errorf("reason %q", r.Reason)
	}
	if r := c.want(t, "i-es-error", "unseen", today, 0, 0, warehouse.NotAssessable); r.Reason != "review.decided" {
		t.Errorf("reason %q", r.Reason)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	house := open(t)
	c := house.of("run")
	k := c.talk("a", "CN", noon)
	k.facts.Bot.Texts = 1
	c.write(t, k)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.service.Run(ctx) }()
	for c.row(t, "cn-47746-no-threshold", "", today).Name == "" {
		select {
		case err := <-ended:
			t.Fatalf("ended by itself: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}
