package sampling_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/identity"
	"mingjian/audit/sampling"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// archive is a record in memory, in which the test says when each row was written.
type archive struct {
	now      time.Time
	sessions []warehouse.ClosedSession // Closed 0: open
	reasons  []warehouse.Reason        // of the session that Tenant and SessionID name
	away     error
}

func (a *archive) Now(context.Context) (time.Time, error) { return a.now, a.away }

func (a *archive) TenantsSince(context.Context) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	for _, s := range a.sessions {
		if at := time.UnixMilli(s.Recorded); out[s.Tenant].IsZero() || at.Before(out[s.Tenant]) {
			out[s.Tenant] = at
		}
	}
	return out, a.away
}

func (a *archive) Closed(_ context.Context, q warehouse.ClosedQuery, each func(warehouse.ClosedSession) error) error {
	for _, s := range a.sessions {
		in := s.Closed >= q.From || q.Late != 0 && s.Recorded >= q.Late
		if s.Closed == 0 || s.Tenant != q.Tenant || !in || q.To != 0 && s.Closed >= q.To || q.Recorded != 0 && s.Recorded > q.Recorded || len(q.IDs) > 0 && !slices.Contains(q.IDs, s.SessionID) {
			continue
		}
		if err := each(s); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) Reasons(_ context.Context, q warehouse.ReasonQuery, each func(warehouse.Reason) error) error {
	var out []warehouse.Reason
	for _, r := range a.reasons {
		for _, s := range a.sessions {
			if s.Tenant != r.Tenant || s.SessionID != r.SessionID || s.Closed == 0 || q.Tenant != "" && q.Tenant != s.Tenant || s.Closed < q.From ||
				q.To != 0 && s.Closed >= q.To || max(r.Known, s.Recorded) < q.Since || len(q.IDs) > 0 && !slices.Contains(q.IDs, s.SessionID) {
				continue
			}
			r.ClosedSession = s
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b warehouse.Reason) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.SessionID, b.SessionID), cmp.Compare(a.At, b.At), cmp.Compare(a.What, b.What))
	})
	for _, r := range out {
		if err := each(r); err != nil {
			return err
		}
	}
	return a.away
}

// monday is the first day of these tests, on which the service starts at noon.
var monday = time.Date(2026, 10, 12, 0, 0, 0, 0, sampling.Shanghai)

// room is a desk over an archive.
type room struct {
	*desk
	archive *archive
}

func newRoom(t *testing.T, dsn string, at time.Time) *room {
	t.Helper()
	a := &archive{now: at}
	terms := sampling.DefaultTerms
	terms.AQL = "6.5"
	return &room{newDesk(t, dsn, a, terms, at), a}
}

// at sets both clocks and makes a pass.
func (r *room) at(t *testing.T, at time.Time) {
	t.Helper()
	r.now, r.archive.now = at, at
	r.pass(t)
}

// closed records a session at the moment it closes.
func (r *room) closed(id string, at time.Time) { r.recorded(id, at, at) }

func (r *room) recorded(id string, closed, recorded time.Time) {
	r.archive.sessions = append(r.archive.sessions, warehouse.ClosedSession{
		Tenant: "bank", SessionID: id, BusinessLine: "cards", Channel: "app", BotVersion: "1", Jurisdiction: "CN", Closed: closed.UnixMilli(), Recorded: recorded.UnixMilli(),
	})
}

func (r *room) reason(id, what string, at, known time.Time) {
	r.archive.reasons = append(r.archive.reasons, warehouse.Reason{
		ClosedSession: warehouse.ClosedSession{Tenant: "bank", SessionID: id}, What: what, Rule: !strings.Contains(what, "."), At: at.UnixMilli(), Known: known.UnixMilli(),
	})
}

// task finds the tasks of a session.
func (r *room) task(id string) (kinds []string, last sampling.Pick) {
	for _, p := range r.tasks {
		if p.SessionID == id {
			kinds, last = append(kinds, p.Kind+" "+p.Reason), p
		}
	}
	return kinds, last
}

func (r *room) wants(t *testing.T, id, kinds string, due time.Time) {
	t.Helper()
	got, p := r.task(id)
	if strings.Join(got, ", ") != kinds || kinds != "" && !p.Due.Equal(due) {
		t.Errorf("session %s: tasks %q due %s, want %q due %s", id, got, p.Due, kinds, due)
	}
}

func TestWhatMustBeReviewedHasATaskInTime(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		noon := monday.Add(12 * time.Hour)
		r := newRoom(t, dsn, noon)
		// Before the service started: not its business.
		r.closed("old", noon.Add(-20*time.Hour))
		r.reason("old", "cn-own", noon.Add(-20*time.Hour), noon.Add(-20*time.Hour))
		r.at(t, noon)

		one := noon.Add(time.Hour)
		r.closed("plain", one)
		r.closed("found", one)
		r.reason("found", "cn-own", one.Add(-time.Minute), one.Add(-time.Minute))
		r.closed("both", one)
		r.reason("both", "complaint.filed", one.Add(2*time.Minute), one.Add(2*time.Minute))
		r.reason("both", "cn-own", one.Add(-2*time.Minute), one)
		r.archive.sessions = append(r.archive.sessions, warehouse.ClosedSession{Tenant: "bank", SessionID: "talking", BusinessLine: "cards", Channel: "app", BotVersion: "1", Recorded: one.UnixMilli()})
		r.reason("talking", "cn-own", one, one)
		for i, id := range []string{"systemic-2", "systemic-1", "systemic-3"} {
			r.closed(id, one.Add(time.Duration(10-i)*time.Second))
			r.reason(id, "cn-systemic", one, one)
		}
		r.closed("systemic-and-own", one.Add(time.Minute))
		r.reason("systemic-and-own", "cn-systemic", one, one)
		r.reason("systemic-and-own", "misjudgement.reported", one.Add(time.Minute), one.Add(time.Minute))
		r.at(t, one.Add(5*time.Minute))

		r.wants(t, "old", "", time.Time{})
		r.wants(t, "plain", "", time.Time{})
		r.wants(t, "found", "mandatory cn-own", one.Add(48*time.Hour))
		r.wants(t, "both", "mandatory cn-own", one.Add(48*time.Hour))
		r.wants(t, "talking", "", time.Time{})
		r.wants(t, "systemic-3", "systemic cn-systemic", one.Add(8*time.Second+48*time.Hour))
		r.wants(t, "systemic-1", "", time.Time{})
		r.wants(t, "systemic-and-own", "mandatory misjudgement.reported", one.Add(time.Minute+48*time.Hour))

		// The talk ends: it waits no longer.
		three := noon.Add(3 * time.Hour)
		for i := range r.archive.sessions {
			if s := &r.archive.sessions[i]; s.SessionID == "talking" {
				s.Closed, s.Recorded = three.UnixMilli(), three.UnixMilli()
			}
		}
		r.at(t, three.Add(time.Minute))
		r.wants(t, "talking", "mandatory cn-own", three.Add(48*time.Hour))

		// Lots close. What had a task is not drawn from; what only broke a systemic rule is.
		r.at(t, monday.Add(18*time.Hour))
		lots := r.all(t)
		if len(lots) != 1 || lots[0].Sessions != 8 || lots[0].Size != 3 || lots[0].Outcome != sampling.Open {
			t.Fatalf("lots %+v", lots)
		}
		_, sample, found, err := r.lots.Get(t.Context(), lots[0].ID)
		if err != nil || !found || len(sample) != lots[0].Plan.N {
			t.Fatalf("%d of %+v, %v, %v", len(sample), lots[0].Plan, found, err)
		}
		for _, p := range sample {
			if !slices.Contains([]string{"plain", "systemic-1", "systemic-2"}, p.SessionID) || p.From != 3 || p.Drawn != len(sample) || !p.Due.Equal(p.ClosedAt.Add(48*time.Hour)) {
				t.Errorf("drawn %+v", p)
			}
		}

		// Two days later the customer of a session that was passed over reports a misjudgement, and
		// one more is known for a systemic rule: it has its task already.
		late := monday.Add(60 * time.Hour)
		before := len(r.tasks)
		r.reason("plain", "misjudgement.reported", late, late)
		r.reason("plain", "cn-systemic", one, late)
		r.at(t, late.Add(time.Minute))
		if kinds, p := r.task("plain"); len(r.tasks) != before+1 || kinds[len(kinds)-1] != "mandatory misjudgement.reported" || !p.Due.Equal(late.Add(48*time.Hour)) {
			t.Errorf("tasks of plain: %q, due %s", kinds, p.Due)
		}
		// A day later the rule breaks again, and has a task for that day; so has a new bot version.
		r.closed("tuesday", late.Add(2*time.Hour))
		r.reason("tuesday", "cn-systemic", late, late.Add(2*time.Hour))
		r.archive.sessions = append(r.archive.sessions, warehouse.ClosedSession{Tenant: "bank", SessionID: "other-bot", BusinessLine: "cards", Channel: "app", BotVersion: "2", Closed: late.Add(2 * time.Hour).UnixMilli(), Recorded: late.Add(2 * time.Hour).UnixMilli()})
		r.reason("other-bot", "cn-systemic", late, late.Add(2*time.Hour))
		r.at(t, late.Add(3*time.Hour))
		if n := r.kinds()[sampling.Systemic]; n != 3 {
			t.Errorf("%d tasks for a systemic rule, want 3", n)
		}
		// An import of what was said weeks ago: 48 hours from when it was heard of.
		r.recorded("imported", monday.Add(-500*time.Hour), late.Add(4*time.Hour))
		r.reason("imported", "complaint.filed", monday.Add(-500*time.Hour), late.Add(4*time.Hour))
		r.at(t, late.Add(5*time.Hour))
		r.wants(t, "imported", "mandatory complaint.filed", late.Add(52*time.Hour))
		for _, day := range []string{"2026-10-12", "2026-10-13", "2026-10-14"} {
			if v := r.verify(t, day); !v.OK {
				t.Errorf("%s", v)
			}
		}
	})
}

func TestLotsTakeEverySessionOnce(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		r := newRoom(t, dsn, monday.Add(-time.Hour))
		r.at(t, monday.Add(-time.Hour))
		r.closed("first", monday)
		r.closed("last", monday.Add(6*time.Hour-time.Millisecond))
		r.closed("next", monday.Add(6*time.Hour))
		r.recorded("late", monday.Add(5*time.Hour), monday.Add(7*time.Hour))
		r.recorded("very late", monday.Add(time.Hour), monday.Add(20*time.Hour))
		r.at(t, monday.Add(6*time.Hour-time.Second)) // not yet over
		if lots := r.all(t); len(lots) != 0 {
			t.Fatalf("closed before the end: %+v", lots)
		}
		// The service is away for a day and closes what it missed.
		r.at(t, monday.Add(30*time.Hour))
		r.at(t, monday.Add(30*time.Hour+time.Minute))
		var got []string
		for _, l := range r.all(t) {
			_, sample, _, err := r.lots.Get(t.Context(), l.ID)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, p := range sample {
				ids = append(ids, p.SessionID)
				if late := strings.Contains(p.SessionID, "late"); late && !p.Due.Equal(p.ClosedAt.Add(48*time.Hour)) != (l.To.Sub(p.ClosedAt) > 6*time.Hour) {
					t.Errorf("%s is due %s", p.SessionID, p.Due)
				}
			}
			slices.Sort(ids)
			got = append(got, l.From.In(sampling.Shanghai).Format("02 15h ")+strings.Join(ids, ","))
		}
		if want := "12 00h first,last; 12 06h late,next; 12 18h very late"; strings.Join(got, "; ") != want {
			t.Errorf("lots %q, want %q", strings.Join(got, "; "), want)
		}
		// Another version of a session's row, written later, does not put it into another lot.
		r.archive.sessions[0].Recorded = monday.Add(31 * time.Hour).UnixMilli()
		r.at(t, monday.Add(36*time.Hour))
		if lots := r.all(t); len(lots) != 3 {
			t.Errorf("%d lots, want 3", len(lots))
		}
		if v := r.verify(t, "2026-10-12"); !v.OK || v.Lots != 3 || v.Sessions != 5 {
			t.Errorf("%s", v)
		}
		// One that slipped into the record without a lot is named.
		r.recorded("slipped in", monday.Add(time.Hour), monday.Add(2*time.Hour))
		if v := r.verify(t, "2026-10-12"); v.OK || len(v.Problems) != 1 || v.Problems[0].Where != "session:slipped in" {
			t.Errorf("%s", v)
		}
	})
}

func TestAFailureLeavesNothingHalfDone(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		r := newRoom(t, dsn, monday.Add(-time.Hour))
		r.at(t, monday.Add(-time.Hour))
		for i := range 40 {
			r.closed(fmt.Sprintf("s%02d", i), monday.Add(time.Duration(i)*time.Minute))
		}
		r.reason("s01", "cn-own", monday, monday)
		r.fail = errors.New("no tasks today")
		r.now, r.archive.now = monday.Add(6*time.Hour), monday.Add(6*time.Hour)
		if err := r.Pass(t.Context()); !errors.Is(err, r.fail) {
			t.Fatalf("the pass answered %v", err)
		}
		if lots := r.all(t); len(lots) != 0 || len(r.tasks) != 0 {
			t.Errorf("%d lots and %d tasks after a failure", len(lots), len(r.tasks))
		}
		r.fail, r.archive.away = nil, errors.New("the record is away")
		if err := r.Pass(t.Context()); !errors.Is(err, r.archive.away) {
			t.Errorf("the pass answered %v", err)
		}
		r.archive.away = nil
		r.pass(t)
		r.pass(t)
		if lots := r.all(t); len(lots) != 1 || lots[0].Sessions != 40 || lots[0].Size != 39 || r.kinds()[sampling.Mandatory] != 1 || r.kinds()[sampling.Sample] != lots[0].Plan.N {
			t.Errorf("lots %+v, tasks %v", lots, r.kinds())
		}
		if v := r.verify(t, "2026-10-12"); !v.OK || !strings.Contains(v.String(), "not published yet") {
			t.Errorf("%s", v)
		}
	})
}

func TestRunGoesOnUntilItIsStopped(t *testing.T) {
	r := newRoom(t, t.TempDir()+"/audit.sqlite", monday)
	ctx, stop := context.WithCancel(t.Context())
	seen := make(chan struct{})
	sampler, err := sampling.New(t.Context(), sampling.Options{
		Store: r.db, Record: watched{r.archive, seen}, Notary: r.notary, Tasks: r.desk, Plans: r.plans, Poll: time.Millisecond, Now: func() time.Time { return monday },
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- sampler.Run(ctx) }()
	<-seen
	<-seen // it went on after the first pass
	stop()
	for {
		select {
		case <-seen:
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

// watched tells of each pass.
type watched struct {
	*archive
	seen chan struct{}
}

func (w watched) TenantsSince(ctx context.Context) (map[string]time.Time, error) {
	w.seen <- struct{}{}
	return w.archive.TenantsSince(ctx)
}

func TestKeysAreCommittedToBeforeTheDayAndPublishedAfterIt(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		noon := monday.Add(12 * time.Hour)
		r := newRoom(t, dsn, noon)
		r.at(t, noon)
		r.closed("s", noon.Add(time.Hour))
		for h := range 30 {
			r.at(t, noon.Add(time.Duration(h)*time.Hour))
		}
		if _, err := r.notary.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		entries, err := r.notary.Read(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			var body struct {
				Day  string
				Late bool
			}
			if err := json.Unmarshal(e.Body, &body); err != nil {
				t.Fatal(err)
			}
			at := e.At.In(sampling.Shanghai).Format("02 15:04")
			got = append(got, fmt.Sprint(at, " ", strings.TrimPrefix(e.Type, "sampling."), " ", strings.TrimPrefix(body.Day, "2026-10-"), " ", body.Late))
		}
		want := []string{
			"12 12:00 key.committed 12 true", "12 12:00 key.committed 13 false",
			"12 18:00 lot.closed 12 false",
			"13 00:00 key.committed 14 false", "13 00:00 key.published 12 false",
		}
		if !slices.Equal(got, want) {
			t.Errorf("the log says %q, want %q", got, want)
		}
		v := r.verify(t, "2026-10-12")
		if !v.OK || len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "when the day had begun") {
			t.Errorf("%s", v)
		}
	})
}

func TestAStoppedStratumIsLookedAtWholeUntilItIsReleased(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		r := newRoom(t, dsn, monday.Add(-time.Hour))
		r.at(t, monday.Add(-time.Hour))
		stratum := sampling.Stratum{Tenant: "bank", BusinessLine: "cards", Channel: "app", BotVersion: "1"}
		officer := identity.With(t.Context(), identity.Principal{ID: "chen"})
		if err := r.Release(officer, stratum, "nothing was wrong"); !errors.Is(err, sampling.ErrNotStopped) {
			t.Errorf("released what was not stopped: %v", err)
		}
		everything := true
		r.defective = func(sampling.Pick) bool { return everything }
		w := 0
		next := func() sampling.Lot {
			from := monday.Add(time.Duration(w) * 6 * time.Hour)
			for i := range 30 {
				r.closed(fmt.Sprintf("s%02d-%02d", w, i), from.Add(time.Duration(i)*time.Minute))
			}
			w++
			r.at(t, from.Add(6*time.Hour))
			lots := r.all(t)
			return lots[len(lots)-1]
		}
		var states []string
		play := func(n int) (last sampling.Lot) {
			for range n {
				last = next()
				if s := string(last.State); len(states) == 0 || states[len(states)-1] != s {
					states = append(states, s)
				}
			}
			return last
		}
		last := play(18)
		if last.State != policies.Stopped || last.Plan.N != 30 {
			t.Fatalf("after %q the lot is %+v", states, last)
		}
		for _, bad := range []struct {
			ctx    context.Context
			reason string
		}{{t.Context(), "x"}, {officer, "  "}, {identity.With(t.Context(), identity.Principal{ID: "li", Tenants: []string{"other"}}), "x"}} {
			if err := r.Release(bad.ctx, stratum, bad.reason); err == nil {
				t.Error("released by nobody or for nothing")
			}
		}
		everything = false
		if err := r.Release(officer, stratum, "The bot was set back to version 0.9."); err != nil {
			t.Fatal(err)
		}
		play(12)
		if want := "normal tightened stopped tightened normal"; strings.Join(states, " ") != want {
			t.Errorf("states %q, want %q", states, want)
		}
		var why string
		err := r.db.Read(t.Context(), func(tx *store.Tx) error {
			entries, err := tx.Journal(t.Context(), "stratum:bank/cards/app/1")
			if len(entries) == 1 {
				why = entries[0].Actor + ": " + entries[0].Reason
			}
			return err
		})
		if err != nil || why != "chen: The bot was set back to version 0.9." {
			t.Errorf("the journal says %q, %v", why, err)
		}
		for d := range 8 {
			if v := r.verify(t, monday.AddDate(0, 0, d).Format(time.DateOnly)); !v.OK {
				t.Errorf("%s", v)
			}
		}
		// A decision that was counted otherwise than the reviews say is named.
		if err := r.db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), `UPDATE sampling_lots SET outcome = 'accepted' WHERE id = $1`, r.all(t)[1].ID)
			return err
		}); err == nil {
			if v := r.verify(t, "2026-10-12"); v.OK {
				t.Error("a changed outcome was not noticed")
			}
		}
	})
}

func TestVerifyNamesTheWrongTermsAndAMissingLog(t *testing.T) {
	r := newRoom(t, t.TempDir()+"/audit.sqlite", monday.Add(-time.Hour))
	r.at(t, monday.Add(-time.Hour))
	r.closed("s", monday.Add(time.Hour))
	r.at(t, monday.Add(6*time.Hour))
	if _, err := r.notary.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	log, err := evidence.OpenLog(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	madrid := r.terms
	madrid.Zone = time.FixedZone("Madrid", 3600)
	v := sampling.Verifier{Store: r.db, Record: r.archive, Log: log, Plans: r.plans, Tenants: sampling.Everybody(madrid)}
	got, err := v.Verify(t.Context(), "bank", "2026-10-12")
	if err != nil || got.OK || !strings.Contains(got.String(), "the tenant's zone is Madrid") {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := v.Verify(t.Context(), "nobody", "2026-10-12"); err != nil || !got.OK || got.Lots != 0 {
		t.Errorf("a tenant that is not there: %s, %v", got, err)
	}
	if _, err := v.Verify(t.Context(), "", "12 October"); err == nil || !strings.Contains(err.Error(), "write it as") {
		t.Errorf("a day that is none: %v", err)
	}
	other, err := evidence.Open(t.Context(), t.TempDir(), evidence.Options{Store: openStore(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	v.Log, v.Tenants = other.Log, sampling.Everybody(r.terms)
	if got, err := v.Verify(t.Context(), "", "2026-10-12"); err != nil || got.OK {
		t.Errorf("against another log: %s, %v", got, err)
	}
}

func openStore(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), t.TempDir()+"/other.sqlite", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestTermsThatCannotBeAreRefused(t *testing.T) {
	r := newRoom(t, t.TempDir()+"/audit.sqlite", monday)
	for _, terms := range []sampling.Terms{{}, {Zone: time.UTC, LotHours: 5}, {Zone: time.UTC, LotHours: 48}, {LotHours: 6}} {
		s, err := sampling.New(t.Context(), sampling.Options{Store: r.db, Record: r.archive, Notary: r.notary, Tasks: r.desk, Plans: r.plans, Tenants: sampling.Everybody(terms)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Pass(t.Context()); err == nil {
			t.Errorf("%+v was taken", terms)
		}
	}
	if _, err := sampling.New(t.Context(), sampling.Options{Store: r.db}); err == nil {
		t.Error("a sampler without a record")
	}
}
