package review_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/audit/store/storetest"
)

func TestWhatIsRefusedOfAVerdict(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, nil)
		id := d.open(sample("s-1"))[0]
		d.record.find("s-1", "cn-human-slow", 3)
		li := d.inspector("li")
		held := d.claim(li, id)
		decided := decide("s-1", "cn-human-slow", "upheld", 3)
		for name, c := range map[string]struct {
			a    review.Answer
			want string
		}{
			"a finding not decided":   {answer(nil), "faults: findings: the finding of cn-human-slow"},
			"a finding decided twice": {answer(all(decided, decided)), "faults: findings[1].finding_id: "},
			"no reason":               {answer(all(decided, func(a *review.Answer) { a.Findings[0].Why = " " })), "faults: findings[0].why: "},
			"a finding of elsewhere":  {answer(all(decided, decide("s-2", "x", "upheld", 1))), "faults: findings[1].finding_id: this session has no finding"},
			"another decision":        {answer(decide("s-1", "cn-human-slow", "maybe", 3)), "faults: findings[0].decision: "},
			"a finding that changed":  {answer(decide("s-1", "cn-human-slow", "upheld", 2)), "conflict: the finding of cn-human-slow changed"},
			"another revision":        {answer(all(decided, func(a *review.Answer) { a.PolicyRevision = "old" })), "conflict: the session was checked again"},
			"an unknown criterion": {answer(all(decided, func(a *review.Answer) {
				a.Criteria = append(a.Criteria, review.Rating{Criterion: "charm", Rating: "pass"})
			})), "faults: criteria[7].criterion: card service version 1 has no criterion charm"},
			"a criterion left out":      {answer(all(decided, func(a *review.Answer) { a.Criteria = a.Criteria[1:] })), "faults: criteria: disclosure is not rated"},
			"a criterion twice":         {answer(all(decided, func(a *review.Answer) { a.Criteria = append(a.Criteria, a.Criteria[0]) })), "faults: criteria[7].criterion: disclosure is rated twice"},
			"a rating beyond the scale": {answer(all(decided, rate("empathy", "4"))), "faults: criteria[5].rating: empathy takes a whole number from 0 to 3, or na"},
			"a number for pass or fail": {answer(all(decided, rate("privacy", "1"))), "faults: criteria[2].rating: privacy takes pass, fail or na"},
			"another card":              {answer(all(decided, func(a *review.Answer) { a.Card.Version = 2 })), "faults: card: "},
			"misjudged without words":   {answer(all(decided, func(a *review.Answer) { a.Misjudged = true })), "faults: misjudgement: "},
			"harm without a currency": {answer(all(decided, func(a *review.Answer) {
				a.Misjudged, a.Misjudgement = true, &review.Misjudgement{Kind: "price", AmountMinor: 1, Words: "x"}
			})), "faults: misjudgement.currency: "},
			"a kind of no claim": {answer(all(decided, func(a *review.Answer) {
				a.Misjudged, a.Misjudgement = true, &review.Misjudgement{Kind: "weather", Words: "x"}
			})), "faults: misjudgement.kind: "},
			"missed what passed": {answer(all(decided, func(a *review.Answer) { a.Missed = []review.Missed{{Criterion: "human"}} })), "faults: missed[0].criterion: human did not fail"},
			"missed by a strange rule": {answer(all(decided, rate("human", "fail"), func(a *review.Answer) {
				a.Missed = []review.Missed{{Criterion: "human", Rule: "q-red-line"}}
			})), "faults: missed[0].rule: "},
			"missed what was found": {answer(all(decided, rate("human", "fail"), func(a *review.Answer) {
				a.Missed = []review.Missed{{Criterion: "human", Rule: "cn-human-slow"}}
			})), "faults: missed[0].rule: cn-human-slow was found"},
			"long remarks": {answer(all(decided, func(a *review.Answer) { a.Remarks = strings.Repeat("长", review.MaxWords+1) })), "faults: remarks: "},
		} {
			if _, err := d.Submit(li, id, held.Version, c.a); !strings.HasPrefix(refused(err), c.want) {
				t.Errorf("%s: %s\nwant %s", name, refused(err), c.want)
			}
		}
		if _, err := d.Submit(li, id, held.Version, review.Answer{Card: review.CardRef{ID: "service", Version: 1}}); strings.Count(refused(err), "is not rated") != 7 || !strings.Contains(refused(err), "is not decided") {
			t.Errorf("an empty verdict does not tell all that is missing: %s", refused(err))
		}
		d.record.gone = true
		if _, err := d.Submit(li, id, held.Version, answer(decided)); !strings.Contains(refused(err), "conflict: the session is not in the record") {
			t.Errorf("a session that is gone: %s", refused(err))
		}
		d.record.gone = false
		if got := d.get(li, id); got.State != review.Claimed || got.Version != held.Version {
			t.Errorf("refused verdicts left %+v", got)
		}

		// The same verdict twice is one; another in its place is refused.
		once := d.submit(li, held, answer(decided))
		if again, err := d.Submit(li, id, held.Version, answer(decided)); err != nil || again.Version != once.Version {
			t.Errorf("the same verdict again: %+v, %v", again, err)
		}
		if _, err := d.Submit(li, id, once.Version, answer(all(decided, rate("empathy", "0")))); !strings.HasPrefix(refused(err), "conflict: this review is submitted") {
			t.Errorf("another verdict in its place: %s", refused(err))
		}
		same(t, "journal", d.actions(id), []string{"system review.opened", "li review.claimed", "li review.submitted"})
	})
}

func TestWhatIsRefusedByStateVersionAndPerson(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, nil)
		id := d.open(sample("s-1"))[0]
		li, zhao := d.inspector("li"), d.inspector("zhao")
		officer, chen := d.as("wang", identity.Officer), d.as("chen", identity.Supervisor)
		everything := func(id string) context.Context {
			return identity.With(t.Context(), identity.Principal{ID: id, Roles: []identity.Role{identity.Admin}})
		}
		try := func(what, want string, err error) {
			t.Helper()
			if got := refused(err); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s\nwant %s", what, got, want)
			}
		}
		does := func(_ review.Task, err error) error { return err }
		draft := json.RawMessage(`{}`)

		try("a review that is not there", "not found", does(d.Claim(li, "rev-none", 1)))
		try("nobody", "failed", does(d.Claim(t.Context(), id, 1)))
		try("a verdict on an open review", "conflict: you do not hold", does(d.Submit(li, id, 1, answer(nil))))
		try("a draft on an open review", "conflict: you do not hold", does(d.SaveDraft(li, id, 1, draft)))
		try("releasing an open review", "conflict: you do not hold", does(d.Release(li, id, 1, "")))
		try("disputing an open review", "conflict: this review is open", does(d.Dispute(officer, id, 1, "x")))
		try("deciding an open review", "conflict: this review is open", does(d.Decide(chen, id, 1, "x", nil)))
		try("claiming a stale version", "conflict: this is version 1 of the review, and you have read version 7", does(d.Claim(li, id, 7)))

		held := d.claim(li, id)
		try("claiming what is held", "conflict: somebody else holds", does(d.Claim(zhao, id, held.Version)))
		try("a verdict on what somebody else holds", "conflict: somebody else holds", does(d.Submit(zhao, id, held.Version, answer(nil))))
		try("releasing what somebody else holds", "conflict: somebody else holds", does(d.Release(zhao, id, held.Version, "")))
		try("a stale draft", "conflict: this is version", does(d.SaveDraft(li, id, held.Version-1, draft)))
		try("a draft that is no object", "faults: draft", does(d.SaveDraft(li, id, held.Version, json.RawMessage(`[1]`))))
		try("a draft that is too long", "faults: draft", does(d.SaveDraft(li, id, held.Version, json.RawMessage(`{"a":"`+strings.Repeat("x", review.MaxDraft)+`"}`))))
		try("a stale release", "conflict: this is version", does(d.Release(li, id, held.Version-1, "")))
		try("moving a stale version", "conflict: this is version", does(d.Reassign(chen, id, held.Version-1, "", "x")))
		try("moving without a reason", "faults: why", does(d.Reassign(chen, id, held.Version, "", " ")))

		// From here li holds every role, so that only who they are can stop them.
		li = everything("li")
		submitted := d.submit(li, held, answer(nil))
		try("claiming what is submitted", "conflict: this review is submitted", does(d.Claim(everything("zhao"), id, submitted.Version)))
		try("moving what is submitted", "conflict: this review is submitted", does(d.Reassign(chen, id, submitted.Version, "", "x")))
		try("a dispute without a reason", "faults: reason", does(d.Dispute(officer, id, submitted.Version, "")))
		try("a stale dispute", "conflict: this is version", does(d.Dispute(officer, id, 1, "x")))
		try("disputing one's own verdict", "forbidden: you gave this verdict", does(d.Dispute(li, id, submitted.Version, "x")))
		try("deciding what is not disputed", "conflict: this review is submitted", does(d.Decide(chen, id, submitted.Version, "x", nil)))

		wang := everything("wang")
		disputed, err := d.Dispute(wang, id, submitted.Version, "x")
		if err != nil {
			t.Fatal(err)
		}
		try("disputing twice", "conflict: this review is disputed", does(d.Dispute(everything("sun"), id, disputed.Version, "y")))
		try("deciding about one's own verdict", "forbidden: you gave the verdict", does(d.Decide(li, id, disputed.Version, "x", nil)))
		try("deciding one's own dispute", "forbidden: you disputed", does(d.Decide(wang, id, disputed.Version, "x", nil)))
		try("a stale decision", "conflict: this is version", does(d.Decide(chen, id, 1, "x", nil)))
		try("a decision without a reason", "faults: why", does(d.Decide(chen, id, disputed.Version, "", nil)))
		wrong := answer(rate("human", "5"))
		try("a replacement that is no verdict", "faults: criteria[1].rating", does(d.Decide(chen, id, disputed.Version, "x", &wrong)))
		d.pass(1000 * time.Hour)
		d.sweep()
		if got := d.get(chen, id); got.State != review.Disputed {
			t.Errorf("time ended a dispute: %s", got.State)
		}
		if _, err := d.Decide(chen, id, disputed.Version, "x", nil); err != nil {
			t.Error(err)
		}
	})
}

func TestABlindPairKnowsNothingOfEachOther(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, func(o *review.Options) { o.BlindShare = share(1) })
		d.record.find("s-1", "q-hallucination", 1)
		firstID := d.open(sample("s-1"), sample("s-2"))[0]
		chen := d.as("chen", identity.Supervisor)
		page, err := d.List(chen, review.Query{Limit: 10, Session: "s-1"})
		if err != nil || len(page.Items) != 2 {
			t.Fatalf("%+v, %v", page, err)
		}
		secondID := page.Items[0].ID
		if secondID == firstID {
			secondID = page.Items[1].ID
		}
		everything := func(id string) context.Context {
			return identity.With(t.Context(), identity.Principal{ID: id, Roles: []identity.Role{identity.Admin}})
		}
		li, zhao := everything("li"), d.inspector("zhao")
		first := d.submit(li, d.claim(li, firstID), answer(all(rate("correctness", "0"), decide("s-1", "q-hallucination", "upheld", 1))))
		if _, err := d.Claim(li, secondID, 1); !strings.HasPrefix(refused(err), "forbidden: this session was reviewed by the same person") {
			t.Errorf("one's own blind partner: %s", refused(err))
		}
		if _, err := d.Reassign(chen, secondID, 1, "li", "x"); !strings.HasPrefix(refused(err), "forbidden") {
			t.Errorf("giving somebody their own blind partner: %s", refused(err))
		}
		if got, ok, err := d.Next(li); err != nil || !ok || got.SessionID != "s-2" {
			t.Errorf("next gives %s, %v, %v", got.SessionID, ok, err)
		}
		// Nobody but its author sees a verdict that is sealed, the warehouse included.
		if got := d.get(chen, firstID); got.Verdict != nil || got.State != review.Submitted || got.PairID != "" {
			t.Errorf("a supervisor sees %+v", got)
		}
		if got := d.get(li, firstID); got.Verdict == nil || got.PairID != "" {
			t.Errorf("its author sees %+v", got)
		}
		if row := mirrored(t, d.sent(), firstID); row.State != "submitted" || strings.Contains(string(row.Document), "correctness") {
			t.Errorf("the warehouse is told %s", row.Document)
		}
		if _, err := d.Dispute(d.as("wang", identity.Officer), firstID, first.Version, "x"); !strings.HasPrefix(refused(err), "conflict: this verdict is compared") {
			t.Errorf("disputing a sealed verdict: %s", refused(err))
		}
		d.pass(1000 * time.Hour)
		d.sweep()
		if got := d.get(li, firstID); got.State != review.Submitted {
			t.Errorf("a sealed verdict became %s", got.State)
		}
		if outcomes, err := d.Outcomes(t.Context(), review.Filter{}); err != nil || len(outcomes) != 0 {
			t.Errorf("a sealed verdict is an outcome: %+v, %v", outcomes, err)
		}

		held := d.claim(zhao, secondID)
		if held.Kind != review.Sample || held.Others != nil {
			t.Errorf("the second inspector is told %s, %+v", held.Kind, held.Others)
		}
		d.submit(zhao, held, answer(all(rate("correctness", "1"), rate("empathy", "2"), decide("s-1", "q-hallucination", "overruled", 1))))
		list, err := d.List(chen, review.Query{Limit: 10, Kinds: []review.Kind{review.Adjudication}})
		if err != nil || len(list.Items) != 1 {
			t.Fatalf("adjudications: %+v, %v", list, err)
		}
		adjudication := list.Items[0]
		if !adjudication.Due.Equal(d.clock().Add(48*time.Hour)) || adjudication.SessionID != "s-1" {
			t.Errorf("the adjudication is %+v", adjudication)
		}
		if _, err := d.Claim(li, adjudication.ID, 1); !strings.HasPrefix(refused(err), "forbidden: this session was reviewed") {
			t.Errorf("adjudicating one's own: %s", refused(err))
		}
		if _, err := d.Claim(zhao, adjudication.ID, 1); refused(err) != "not found" {
			t.Errorf("an inspector adjudicates: %s", refused(err))
		}
		if _, err := d.Dispute(d.as("wang", identity.Officer), adjudication.ID, 1, "x"); !strings.HasPrefix(refused(err), "conflict: an adjudication") {
			t.Errorf("disputing an adjudication: %s", refused(err))
		}
		claimed := d.claim(chen, adjudication.ID)
		if len(claimed.Others) != 2 {
			t.Errorf("the adjudicator sees %d verdicts", len(claimed.Others))
		}
		d.submit(chen, claimed, answer(all(rate("correctness", "1"), decide("s-1", "q-hallucination", "upheld", 1))))

		got := d.get(li, firstID)
		if got.State != review.Submitted || got.Outcome == nil || got.Outcome.Inspector != "chen" || got.Verdict.Inspector != "li" || got.DisputeUntil.IsZero() {
			t.Errorf("the first is %+v", got)
		}
		if got = d.get(chen, secondID); got.State != review.Final || got.Verdict.Inspector != "zhao" || len(got.Others) != 2 {
			t.Errorf("the second is %+v", got)
		}
		officer := d.as("wang", identity.Officer)
		disputed, err := d.Dispute(officer, firstID, d.get(officer, firstID).Version, "x")
		if err != nil {
			t.Fatal(err)
		}
		for who, want := range map[string]string{"chen": "forbidden: you reviewed or adjudicated", "zhao": "forbidden: you reviewed or adjudicated", "li": "forbidden: you gave"} {
			if _, err := d.Decide(everything(who), firstID, disputed.Version, "x", nil); !strings.HasPrefix(refused(err), want) {
				t.Errorf("%s decides: %s", who, refused(err))
			}
		}
		if _, err := d.Decide(everything("sun"), firstID, disputed.Version, "x", nil); err != nil {
			t.Error(err)
		}

		pairs, err := d.Pairs(t.Context(), review.Filter{Tenant: "default"})
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		for _, p := range pairs {
			told[string(p.Comparison)+" "+p.Level+" "+p.Item] = p.First + "–" + p.Second + " by " + p.FirstRater + " and " + p.SecondRater
		}
		for item, want := range map[string]string{
			"human-human criterion correctness":   "0–1 by li and zhao",
			"human-human criterion empathy":       "3–2 by li and zhao",
			"human-human finding q-hallucination": "upheld–overruled by li and zhao",
			"human-rule criterion correctness":    "fail–fail by rule and chen",
			"human-rule criterion human":          "pass–pass by rule and chen",
			"human-rule finding q-hallucination":  "found–found by rule and chen",
		} {
			if told[item] != want {
				t.Errorf("%s: %s, want %s", item, told[item], want)
			}
		}
		agreements, err := d.Agreements(chen, "", start, d.clock().Add(time.Hour))
		if err != nil || len(agreements) != 1 || agreements[0].State != "adjudicated" || agreements[0].First != "li" || len(agreements[0].Differs) != 1 || agreements[0].Differs[0].Item != "finding:q-hallucination" {
			t.Errorf("the agreements are %+v, %v", agreements, err)
		}
	})
}

func TestABlindPairThatAgreesIsSettledAtOnce(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, func(o *review.Options) { o.BlindShare = share(1) })
		id := d.open(sample("s-1"))[0]
		done := make(chan error, 2)
		for _, who := range []string{"li", "zhao"} {
			ctx := d.inspector(who)
			got, ok, err := d.Next(ctx)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			go func() { // both at the same moment: one of them must see that the other is in
				_, err := d.Submit(ctx, got.ID, got.Version, answer(all(rate("human", "fail"), func(a *review.Answer) {
					a.Missed = []review.Missed{{Criterion: "human", Rule: "cn-human-slow"}}
				})))
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		chen := d.as("chen", identity.Supervisor)
		if got := d.get(chen, id); got.Verdict == nil || got.DisputeUntil.IsZero() || got.PairID != id || len(got.Verdict.Missed) != 1 {
			t.Errorf("the first is %+v", got)
		}
		pairs, err := d.Pairs(t.Context(), review.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		missed := 0
		for _, p := range pairs {
			if p.Comparison == review.HumanRule && p.Item == "cn-human-slow" && p.First == review.Clear && p.Second == review.Found {
				missed++
			}
		}
		if missed != 1 {
			t.Errorf("the missed finding is %d pairs of %+v", missed, pairs)
		}
		if agreements, err := d.Agreements(chen, "", start, start.Add(time.Hour)); err != nil || len(agreements) != 1 || agreements[0].State != "agreed" {
			t.Errorf("the agreements are %+v, %v", agreements, err)
		}
	})
}

// What is listed to an inspector does not tell them which reviews are compared: not by the session
// standing there twice, and not by a sample that has no lot but a rule for its reason.
func TestAnInspectorCannotTellABlindPairFromItsList(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		d := open(t, dsn, func(o *review.Options) { o.BlindShare = share(1) })
		must := sample("s-1")
		must.Kind, must.LotID, must.Reason = review.Mandatory, "", "complaint.filed"
		firstID := d.open(must, sample("s-2"))[0]
		li, zhao := d.inspector("li"), d.inspector("zhao")
		sees := func(who context.Context, q review.Query, want ...string) (items []review.Task) {
			t.Helper()
			q.Limit = 10
			page, err := d.List(who, q)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, item := range page.Items {
				got = append(got, item.SessionID+" "+string(item.Kind))
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%v is listed, want %v", got, want)
			}
			return page.Items
		}
		sees(li, review.Query{}, "s-1 mandatory", "s-2 sample")
		d.submit(li, d.claim(li, firstID), answer(nil))
		sees(li, review.Query{}, "s-1 mandatory", "s-2 sample")
		second := sees(zhao, review.Query{Kinds: []review.Kind{review.Mandatory}}, "s-1 mandatory")
		sees(zhao, review.Query{Kinds: []review.Kind{review.Sample}}, "s-2 sample")
		sees(zhao, review.Query{Kinds: []review.Kind{review.BlindSecond}})
		if len(second) == 1 && second[0].ID == firstID {
			t.Error("the first half is listed to somebody else after it was submitted")
		}
		if len(second) == 1 && d.claim(zhao, second[0].ID).Kind != review.Mandatory {
			t.Error("the second half of a mandatory review changes its kind when it is claimed")
		}
		sees(zhao, review.Query{Inspector: "zhao"}, "s-1 mandatory")
	})
}
