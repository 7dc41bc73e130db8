package review_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/collector/event"
)

func TestATaskIsOpenedOnceAndDueAfter48Hours(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, nil)
		late := sample("s-2")
		late.Kind, late.ReasonAt = review.Mandatory, start.Add(30*time.Hour) // a complaint, a day after closing
		ids := d.open(sample("s-1"), late)
		d.open(sample("s-1"), late)
		other := sample("s-1")
		other.Reason = "in other words"
		d.open(other)

		ctx := d.inspector("li")
		page, err := d.List(ctx, review.Query{Limit: 10, ByDue: true})
		if err != nil || len(page.Items) != 2 || page.Items[0].ID != ids[0] || page.Items[1].ID != ids[1] {
			t.Fatalf("the list is %+v, %v", page.Items, err)
		}
		if due := page.Items[0].Due; !due.Equal(start.Add(47 * time.Hour)) {
			t.Errorf("a session closed an hour ago is due at %v", due)
		}
		if due := page.Items[1].Due; !due.Equal(start.Add(78 * time.Hour)) {
			t.Errorf("a session with a complaint tomorrow is due at %v", due)
		}
		same(t, "journal", d.actions(ids[0]), []string{"system review.opened"})
		if row := mirrored(t, d.sent(), ids[1]); row.State != "open" || row.SessionID != "s-2" || row.Tenant != "default" {
			t.Errorf("the mirror row is %+v", row)
		}
		bad := sample("")
		if err := d.db.Write(t.Context(), func(tx *store.Tx) error { return d.Open(t.Context(), tx, []review.NewTask{sample("s-9"), bad}) }); err == nil {
			t.Error("a task without a session was opened")
		}
		if _, err := d.Get(ctx, sample("s-9").ID()); refused(err) != "not found" {
			t.Errorf("of an opening that failed a task stayed: %v", err)
		}
	})
}

func TestAReviewFromOpenToFinal(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, nil)
		id := d.open(sample("s-1"))[0]
		d.record.find("s-1", "cn-human-slow", 3)
		d.record.find("s-1", "q-hallucination", 1)
		li := d.inspector("li")
		got, ok, err := d.Next(li)
		if err != nil || !ok || got.ID != id || got.State != review.Claimed || !got.ClaimUntil.Equal(start.Add(30*time.Minute)) {
			t.Fatalf("next is %+v, %v, %v", got, ok, err)
		}
		d.pass(20 * time.Minute)
		if got, err = d.SaveDraft(li, id, got.Version, json.RawMessage(`{"remarks":"写到一半"}`)); err != nil || !got.ClaimUntil.Equal(start.Add(50*time.Minute)) {
			t.Fatalf("a draft made it %+v, %v", got, err)
		}
		if back := d.get(li, id); string(back.Draft) != `{"remarks":"写到一半"}` {
			t.Errorf("the draft came back as %s", back.Draft)
		}
		if seen := d.get(d.as("chen", identity.Supervisor), id); seen.Draft != nil {
			t.Error("somebody else sees the draft")
		}
		a := answer(all(
			rate("correctness", "1"), rate("resolution", "2"), rate("human", "na"),
			decide("s-1", "cn-human-slow", "overruled", 3), decide("s-1", "q-hallucination", "upheld", 1),
			func(a *review.Answer) {
				a.Misjudged, a.Misjudgement = true, &review.Misjudgement{Kind: "price", AmountMinor: 12900, Currency: "CNY", Words: "报错价格"}
				a.Remarks = "价格表是上月的"
			}))
		got = d.submit(li, got, a)
		// 15 + 20×1/3 + 10 + 20×2/3 + 10 + 5 of 80 points; human is not applicable.
		if got.State != review.Submitted || *got.Verdict.Score != 75 || !got.Verdict.Defective || got.Draft != nil || len(got.Verdict.Missed) != 0 {
			t.Errorf("submitted: %+v with %v points and missed %v", got, *got.Verdict.Score, got.Verdict.Missed)
		}
		if f := got.Verdict.Findings; f[0].Rule != "cn-human-slow" || f[0].Severity != "critical" {
			t.Errorf("the findings are kept as %+v", f)
		}
		if !got.DisputeUntil.Equal(d.clock().Add(72 * time.Hour)) {
			t.Errorf("it may be disputed until %v", got.DisputeUntil)
		}
		reviewed, defective, complete, err := d.Lot(t.Context(), "lot-1")
		if err != nil || reviewed != 1 || defective != 1 || complete {
			t.Errorf("the lot says %d, %d, %v, %v", reviewed, defective, complete, err)
		}

		officer, chen := d.as("wang", identity.Officer), d.as("chen", identity.Supervisor)
		got, err = d.Dispute(officer, id, got.Version, "价格当天有效")
		if err != nil || got.State != review.Disputed {
			t.Fatal(refused(err))
		}
		if again, err := d.Dispute(officer, id, got.Version, "价格当天有效"); err != nil || again.Version != got.Version {
			t.Errorf("the same dispute again: %+v, %v", again, err)
		}
		instead := answer(all(decide("s-1", "cn-human-slow", "overruled", 3), decide("s-1", "q-hallucination", "overruled", 1)))
		got, err = d.Decide(chen, id, got.Version, "查过价格表", &instead)
		if err != nil || got.State != review.Decided || got.Decision.Stands || got.Verdict == nil || *got.Outcome.Score != 100 {
			t.Fatalf("decided: %+v, %s", got, refused(err))
		}
		if again, err := d.Decide(chen, id, got.Version-1, "查过价格表", &instead); err != nil || again.Version != got.Version {
			t.Errorf("the same decision again: %+v, %v", again, err)
		}
		d.sweep()
		if got = d.get(li, id); got.State != review.Final || got.FinalAt.IsZero() {
			t.Errorf("after the sweep: %+v", got)
		}
		if _, defective, complete, _ = d.Lot(t.Context(), "lot-1"); defective != 0 || !complete {
			t.Errorf("the lot does not follow the decision: %d, %v", defective, complete)
		}
		same(t, "journal", d.actions(id), []string{
			"system review.opened", "li review.claimed", "li review.submitted", "wang review.disputed", "chen review.decided", "system review.final",
		})

		messages := d.sent()
		if row := mirrored(t, messages, id); row.State != "final" || !strings.Contains(string(row.Document), "查过价格表") {
			t.Errorf("the mirror row is %+v", row)
		}
		var events []store.Message
		for _, m := range messages {
			if m.To.Kind == store.Topic {
				events = append(events, m)
			}
		}
		if len(events) != 1 || events[0].To.Name != "mingjian.interactions" || events[0].Key != "s-1" {
			t.Fatalf("%d events: %+v", len(events), events)
		}
		e, bad := event.Decode([]byte(events[0].Key), events[0].Body, d.clock())
		if bad != nil {
			t.Fatalf("the collector would refuse %s: %v", events[0].Body, bad)
		}
		var extra struct {
			Review struct {
				TaskID    string `json:"task_id"`
				Misjudged bool
				Findings  []struct{ Rule, Decision string }
			}
		}
		if err := json.Unmarshal(e.Extra, &extra); err != nil || e.Kind != event.ReviewDecided || e.ID != id+".decided" || e.Tenant != "default" ||
			extra.Review.TaskID != id || extra.Review.Misjudged || len(extra.Review.Findings) != 2 || extra.Review.Findings[1].Decision != "overruled" {
			t.Errorf("the event is %s, %v", events[0].Body, err)
		}
	})
}

func TestAVerdictThatNobodyDisputesBecomesFinalAndIsPublishedOnce(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, nil)
		id := d.open(sample("s-1"))[0]
		li := d.inspector("li")
		d.submit(li, d.claim(li, id), answer(func(a *review.Answer) {
			a.Misjudged, a.Misjudgement = true, &review.Misjudgement{Kind: "rights", Words: "说不能退，其实能"}
		}))
		d.pass(72*time.Hour - time.Millisecond)
		d.sweep()
		if got := d.get(li, id); got.State != review.Submitted {
			t.Fatalf("final too early: %+v", got)
		}
		d.pass(time.Millisecond)
		if _, err := d.Dispute(d.as("wang", identity.Officer), id, d.get(li, id).Version, "late"); !strings.Contains(refused(err), "conflict: the time to dispute") {
			t.Errorf("a dispute after the window: %s", refused(err))
		}
		d.sweep()
		d.sweep()
		if got := d.get(li, id); got.State != review.Final {
			t.Fatalf("not final: %+v", got)
		}
		events := 0
		for _, m := range d.sent() {
			if m.To.Kind == store.Topic {
				events++
				e, bad := event.Decode([]byte(m.Key), m.Body, d.clock())
				if bad != nil || e.Claim == nil || e.Claim.Kind != "rights" || e.Actor.ID != "li" {
					t.Errorf("the event is %s, %v", m.Body, bad)
				}
			}
		}
		if events != 1 {
			t.Errorf("%d events were published", events)
		}
	})
}

func TestAClaimEndsAndTheTaskIsGivenToSomebodyElse(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, nil)
		id := d.open(sample("s-1"))[0]
		li, zhao := d.inspector("li"), d.inspector("zhao")
		held := d.claim(li, id)
		if got, err := d.Claim(li, id, 0); err != nil || got.Version != held.Version {
			t.Errorf("claiming what one holds: %+v, %v", got, err)
		}
		if _, ok, err := d.Next(zhao); ok || err != nil {
			t.Errorf("a task that is held was given: %v, %v", ok, err)
		}
		held, err := d.SaveDraft(li, id, held.Version, json.RawMessage(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		d.pass(30 * time.Minute)
		if got := d.get(li, id); got.State != review.Open || got.Inspector != "" {
			t.Errorf("a claim that ran out is shown as %+v", got)
		}
		if _, err := d.Submit(li, id, held.Version, answer(nil)); !strings.Contains(refused(err), "conflict: you do not hold this review") {
			t.Errorf("a verdict after the claim ran out: %s", refused(err))
		}
		got, ok, err := d.Next(zhao)
		if err != nil || !ok || got.Inspector != "zhao" || got.Draft != nil {
			t.Fatalf("the next is %+v, %v, %v", got, ok, err)
		}
		if _, err := d.SaveDraft(li, id, held.Version, json.RawMessage(`{}`)); !strings.Contains(refused(err), "somebody else holds") {
			t.Errorf("a draft for what somebody else holds: %s", refused(err))
		}
		if _, err = d.Release(zhao, id, got.Version, "认识客户"); err != nil {
			t.Fatal(err)
		}
		if got = d.claim(li, id); string(got.Draft) != `{"a":1}` {
			t.Errorf("the draft of the first claim came back as %s", got.Draft)
		}
		d.pass(time.Hour)
		d.sweep()
		same(t, "journal", d.actions(id), []string{
			"system review.opened", "li review.claimed", "system review.expired", "zhao review.claimed", "zhao review.released", "li review.claimed", "system review.expired",
		})
	})
}

func TestWhoGetsWhat(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, func(o *review.Options) {
			o.Teams = fstest.MapFS{"teams.yaml": {Data: []byte(`
calendars: [{id: always, zone: UTC, week: {}}]
default: {max_open: 3}
teams:
  - id: one
    calendar: always
    minutes_per_review: 10
    members:
      - {id: ana, languages: [es, zh], max_open: 2}
      - {id: li, languages: [zh], business_lines: [cards]}
`)}}
		})
		es, loans, soon := sample("s-es"), sample("s-loans"), sample("s-soon")
		es.Language, soon.ClosedAt = "es", start.Add(-3*time.Hour)
		loans.BusinessLine, loans.ClosedAt = "loans", start
		d.open(sample("s-zh"), es, loans, soon)
		take := func(who string) string {
			got, ok, err := d.Next(d.inspector(who))
			if err != nil {
				return refused(err)
			}
			if !ok {
				return "nothing"
			}
			return got.SessionID
		}
		// The most urgent first; in the same hour what fewest can do; not more than the limit.
		same(t, "what ana gets", []string{take("ana"), take("ana"), take("ana")},
			[]string{"s-soon", "s-es", "conflict: you hold 2 reviews, which is as many as you may; submit or release one first"})
		same(t, "what li gets", []string{take("li"), take("li")}, []string{"s-zh", "nothing"})
		if _, err := d.Get(d.inspector("li"), loans.ID()); refused(err) != "not found" {
			t.Errorf("li sees another business line: %s", refused(err))
		}
		chen := d.as("chen", identity.Supervisor)
		if _, err := d.Reassign(chen, loans.ID(), d.get(chen, loans.ID()).Version, "li", "无人可做"); err != nil {
			t.Fatal(err)
		}
		if got := take("zhao"); got != "nothing" {
			t.Errorf("zhao gets what was given to li: %s", got)
		}
		same(t, "what li gets by name", []string{take("li")}, []string{"s-loans"})

		acme := identity.With(t.Context(), identity.Principal{ID: "ann", Roles: []identity.Role{identity.Supervisor}, Tenants: []string{"acme"}})
		if page, err := d.List(acme, review.Query{Limit: 10}); err != nil || len(page.Items) != 0 {
			t.Errorf("another tenant sees %d reviews, %v", len(page.Items), err)
		}
		// A supervisor takes a claim away.
		moved, err := d.Reassign(chen, loans.ID(), d.get(chen, loans.ID()).Version, "", "放回")
		if err != nil || moved.State != review.Open || moved.Assignee != "" {
			t.Errorf("moved: %+v, %v", moved, err)
		}
	})
}

func TestOnePersonAtManyWindowsGetsNoMoreThanOnePersonMay(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, func(o *review.Options) { o.BlindShare = share(1) })
		windows := func(who string) (sessions []string, refusals int) {
			var wg sync.WaitGroup
			var mu sync.Mutex
			for range 12 {
				wg.Go(func() {
					got, ok, err := d.Next(d.inspector(who))
					mu.Lock()
					defer mu.Unlock()
					if err != nil && !strings.HasPrefix(refused(err), "conflict: you hold 5") {
						t.Error(err)
					}
					if err != nil {
						refusals++
					}
					if ok {
						sessions = append(sessions, got.SessionID)
					}
				})
			}
			wg.Wait()
			slices.Sort(sessions)
			return sessions, refusals
		}
		d.open(sample("s-1"), sample("s-2")) // four tasks, of which li may have two
		if got, _ := windows("li"); !slices.Equal(got, []string{"s-1", "s-2"}) {
			t.Errorf("li got %v", got)
		}
		for i := range 60 {
			d.open(sample(fmt.Sprint("t-", i)))
		}
		if got, refusals := windows("zhao"); len(slices.Compact(got)) != 5 || refusals != 7 {
			t.Errorf("zhao got %v and was refused %d times", got, refusals)
		}
	})
}

func TestListsArePagedAndFiltered(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, nil)
		for i := range 7 {
			n := sample(fmt.Sprint("s-", i))
			n.ClosedAt = start.Add(-time.Duration(i/2) * time.Hour) // some due at the same moment
			d.open(n)
			d.pass(time.Duration(i%2) * time.Minute) // some opened at the same moment
		}
		chen := d.as("chen", identity.Supervisor)
		for _, byDue := range []bool{false, true} {
			seen := map[string]bool{}
			var last review.Task
			for cursor := ""; ; {
				page, err := d.List(chen, review.Query{Limit: 2, Cursor: cursor, ByDue: byDue})
				if err != nil {
					t.Fatal(err)
				}
				for _, got := range page.Items {
					if seen[got.ID] || last.ID != "" && (byDue && got.Due.Before(last.Due) || !byDue && got.OpenedAt.After(last.OpenedAt)) {
						t.Errorf("%s is out of place", got.SessionID)
					}
					seen[got.ID], last = true, got
				}
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			if len(seen) != 7 {
				t.Errorf("%d of 7 are listed", len(seen))
			}
		}
		li := d.inspector("li")
		if _, _, err := d.Next(li); err != nil {
			t.Fatal(err)
		}
		d.pass(48 * time.Hour)
		for name, c := range map[string]struct {
			q    review.Query
			want int
		}{
			"all":       {review.Query{}, 7},
			"mine":      {review.Query{Inspector: "li"}, 1},
			"a state":   {review.Query{States: []review.State{review.Open, review.Submitted}}, 6},
			"overdue":   {review.Query{Overdue: true}, 7},
			"due":       {review.Query{DueBefore: start.Add(47 * time.Hour)}, 3},
			"a session": {review.Query{Session: "s-3", Kinds: []review.Kind{review.Sample}}, 1},
			"opened":    {review.Query{From: start.Add(time.Minute), To: start.Add(2 * time.Minute)}, 2},
		} {
			c.q.Limit = 100
			page, err := d.List(chen, c.q)
			if err != nil || len(page.Items) != c.want {
				t.Errorf("%s: %d reviews, want %d, %v", name, len(page.Items), c.want, err)
			}
		}
		if _, err := d.List(chen, review.Query{Limit: 1, Cursor: "x"}); !strings.Contains(refused(err), "faults: cursor") {
			t.Errorf("a made-up cursor: %s", refused(err))
		}
	})
}

func TestEscalationIsOncePerLevelAndOverdueStaysOverdue(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, nil)
		n := sample("s-1")
		n.ClosedAt = start
		done := sample("s-2")
		done.ClosedAt = start
		id := d.open(n, done)[0]
		li, chen := d.inspector("li"), d.as("chen", identity.Supervisor)
		d.submit(li, d.claim(li, done.ID()), answer(nil))
		for _, c := range []struct {
			at    time.Duration
			level int
		}{{24*time.Hour - time.Millisecond, 0}, {24 * time.Hour, 1}, {40 * time.Hour, 2}, {48 * time.Hour, 3}, {100 * time.Hour, 3}} {
			d.pass(start.Add(c.at).Sub(d.clock()))
			d.sweep()
			d.sweep()
			got := d.get(chen, id)
			if got.Escalation != c.level || got.State != review.Open || got.Version != 1 {
				t.Errorf("after %s: level %d, %s, version %d", c.at, got.Escalation, got.State, got.Version)
			}
		}
		times, err := d.Escalations(chen, id)
		if err != nil || len(times) != 3 || !times[1].At.Equal(start.Add(40*time.Hour)) {
			t.Errorf("escalated %+v, %v", times, err)
		}
		same(t, "journal", d.actions(id), []string{"system review.opened", "system review.escalated", "system review.escalated", "system review.escalated"})
		if row := mirrored(t, d.sent(), id); !strings.Contains(string(row.Document), `"escalation":3`) {
			t.Errorf("the mirror row is %s", row.Document)
		}
		kept, total, overdue, err := d.Overdue(t.Context(), "default", start, start.Add(72*time.Hour))
		if err != nil || kept != 1 || total != 2 || len(overdue) != 1 || overdue[0].ID != id {
			t.Errorf("within 48 hours: %d of %d, overdue %+v, %v", kept, total, overdue, err)
		}
		// Done late is still overdue.
		d.submit(li, d.claim(li, id), answer(nil))
		if kept, total, overdue, _ = d.Overdue(t.Context(), "", start, start.Add(72*time.Hour)); kept != 1 || total != 2 || len(overdue) != 1 {
			t.Errorf("after a late verdict: %d of %d, %d overdue", kept, total, len(overdue))
		}
		if _, total, _, _ = d.Overdue(t.Context(), "acme", start, start.Add(72*time.Hour)); total != 0 {
			t.Errorf("another tenant has %d", total)
		}
	})
}

func TestWhatASupervisorSees(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, func(o *review.Options) {
			o.Teams = fstest.MapFS{"teams.yaml": {Data: []byte(`
calendars: [{id: office, zone: Asia/Shanghai, week: {fri: ["09:00-12:00", "13:00-18:00"]}, holidays: ["2026-11-27"], workdays: {"2026-11-21": ["10:00-10:30"]}}]
default: {max_open: 5}
teams: [{id: one, calendar: office, minutes_per_review: 60, members: [{id: li}]}]
`)}}
		})
		for i := range 10 {
			n := sample(fmt.Sprint("s-", i))
			n.ClosedAt = start.Add(time.Duration(i*3-47) * time.Hour)
			d.open(n)
		}
		li, chen := d.inspector("li"), d.as("chen", identity.Supervisor)
		first, _, err := d.Next(li)
		if err != nil {
			t.Fatal(err)
		}
		// One person, an hour each, from 09:00: done at 10, 11, 12, 14, … 18:00, and half of the next on
		// Saturday; due one hour from now and then every three. Next Friday is a holiday.
		f, err := d.Forecast(chen, "")
		if err != nil || f.Open != 10 || f.Late != 2 || f.Capacity != 8 || !f.DoneBy.IsZero() {
			t.Errorf("the forecast is %+v, %v", f, err)
		}
		d.pass(10 * time.Minute)
		d.submit(li, first, answer(nil))
		if _, _, err := d.Next(li); err != nil {
			t.Fatal(err)
		}
		d.pass(4 * time.Hour)
		b, err := d.Backlog(chen, "default")
		if err != nil {
			t.Fatal(err)
		}
		want := "[{open 9} {submitted 1}] [{24h 6} {48h 0} {8h 2} {overdue 1}] [{sample 9}] []"
		if got := fmt.Sprint(b.States, b.Ages, b.Kinds, b.Held); got != want || !b.Oldest.Equal(start.Add(4*time.Hour)) {
			t.Errorf("the backlog is %s, oldest %v; want %s", got, b.Oldest, want)
		}
		zone, _ := time.LoadLocation("Asia/Shanghai")
		done, err := d.Throughput(chen, "", start, d.clock(), zone)
		if err != nil || len(done) != 1 || done[0] != (review.Throughput{Inspector: "li", Day: "2026-11-20", Submitted: 1, MedianMinutes: 10}) {
			t.Errorf("the throughput is %+v, %v", done, err)
		}
	})
}
