package warehouse_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// write puts a batch into the record or ends the test.
func (r record) write(tb testing.TB, b warehouse.Batch) {
	tb.Helper()
	if err := r.Write(tb.Context(), &b); err != nil {
		tb.Fatal(err)
	}
}

func TestOpenAndSnapshots(t *testing.T) {
	r := open(t)
	session := func(tenant, id string, partition int, version int64, pending bool) warehouse.Session {
		return warehouse.Session{Tenant: tenant, SessionID: id, Topic: "topic", Partition: partition, Version: version, Pending: pending, State: []byte{0, 1, 255}}
	}
	finding := func(tenant, id, rule string, version int64, standing bool) warehouse.Finding {
		return warehouse.Finding{ID: tenant + id + rule, Tenant: tenant, SessionID: id, Rule: rule, Version: version, Standing: standing, Facts: `{"n":1}`}
	}
	r.write(t, warehouse.Batch{
		Sessions: []warehouse.Session{
			session("a", "s1", 0, 1, true), session("a", "s2", 0, 1, true), session("b", "s2", 0, 1, true),
			session("a", "s3", 1, 1, true), session("a", "s4", 0, 1, true), session("a", "s5", 0, 1, false),
		},
		Findings: []warehouse.Finding{
			finding("a", "s1", "r1", 1, true), finding("a", "s1", "r2", 1, true), finding("a", "s2", "r1", 1, true),
			finding("a", "s0", "r1", 1, true), // of no session at all
		},
	})
	closed, withdrawn := session("a", "s4", 0, 2, false), finding("a", "s1", "r2", 2, false)
	r.write(t, warehouse.Batch{Sessions: []warehouse.Session{closed, session("a", "s5", 0, 2, true)}, Findings: []warehouse.Finding{withdrawn}})

	var open []warehouse.Snapshot
	if err := r.Open(t.Context(), "topic", 0, func(s warehouse.Snapshot) error { open = append(open, s); return nil }); err != nil {
		t.Fatal(err)
	}
	want := []warehouse.Snapshot{
		{Session: session("a", "s1", 0, 1, true), Findings: []warehouse.Finding{finding("a", "s1", "r1", 1, true), withdrawn}},
		{Session: session("a", "s2", 0, 1, true), Findings: []warehouse.Finding{finding("a", "s2", "r1", 1, true)}},
		{Session: session("b", "s2", 0, 1, true)},
		{Session: session("a", "s5", 0, 2, true)},
	}
	if !reflect.DeepEqual(open, want) {
		t.Errorf("open:\n%+v\nwant:\n%+v", open, want)
	}
	stop := errors.New("enough")
	if err := r.Open(t.Context(), "topic", 0, func(warehouse.Snapshot) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a callback's error became %v", err)
	}

	ids := []string{"s2", "absent", "s4"}
	for i := range 3000 { // more than one lookup takes
		ids = append(ids, fmt.Sprint("no-such-session-", i))
	}
	found, err := r.Snapshots(t.Context(), "topic", append(ids, "s1"))
	if err != nil {
		t.Fatal(err)
	}
	want = []warehouse.Snapshot{want[1], want[2], {Session: closed}, want[0]}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("snapshots:\n%+v\nwant:\n%+v", found, want)
	}
	if found, err = r.Snapshots(t.Context(), "other topic", []string{"s1"}); err != nil || len(found) != 0 {
		t.Errorf("another topic has %d of them, %v", len(found), err)
	}
}

// A session that turns out to be another tenant's leaves nothing behind, and may come back.
func TestMoveToAnotherTenant(t *testing.T) {
	r := open(t)
	put := func(tenant string, version int64, deleted bool) {
		r.write(t, warehouse.Batch{
			Interactions: []warehouse.Interaction{{Tenant: tenant, SessionID: "s", EventID: "e", Topic: "topic", At: 1000, Version: version, Deleted: deleted}},
			Sessions:     []warehouse.Session{{Tenant: tenant, SessionID: "s", Topic: "topic", Pending: true, Version: version, Deleted: deleted}},
			Findings:     []warehouse.Finding{{ID: tenant + "f", Tenant: tenant, SessionID: "s", Standing: true, Version: version, Deleted: deleted}},
		})
	}
	check := func(want string) {
		t.Helper()
		for _, view := range []string{"interactions_v", "sessions_v", "findings_v"} {
			var tenants []string
			if err := r.conn.QueryRow(t.Context(), "SELECT groupArray(tenant) FROM "+view).Scan(&tenants); err != nil || !slices.Equal(tenants, []string{want}) {
				t.Errorf("%s has tenants %q, %v; want only %s", view, tenants, err, want)
			}
		}
		snapshots, err := r.Snapshots(t.Context(), "topic", []string{"s"})
		if err != nil || len(snapshots) != 1 || snapshots[0].Session.Tenant != want || len(snapshots[0].Findings) != 1 {
			t.Errorf("snapshots %+v, %v; want one of %s with its finding", snapshots, err, want)
		}
		open := 0
		err = r.Open(t.Context(), "topic", 0, func(warehouse.Snapshot) error { open++; return nil })
		if err != nil || open != 1 {
			t.Errorf("%d open, %v; want 1", open, err)
		}
	}
	put("default", 1, false)
	check("default")
	put("bank", 2, false)
	put("default", 2, true)
	put("default", 1, false) // an old batch, done again
	check("bank")
	put("default", 3, false)
	put("bank", 3, true)
	check("default")
}

// Whatever forks owners have made, the end that Progress follows is the end of what the view says
// stands, and what stands is the chain behind it.
func TestProgressFollowsTheChain(t *testing.T) {
	fewer(t)
	r := open(t)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		topic := fmt.Sprint("topic", run)
		var seals []warehouse.Seal
		for i := range rapid.IntRange(1, 12).Draw(t, "seals") {
			s := warehouse.Seal{Topic: topic, ID: fmt.Sprint("id", i), Generation: rapid.IntRange(1, 3).Draw(t, "generation"), At: rapid.Int64Range(0, 3).Draw(t, "at")}
			if before := rapid.IntRange(-1, i-1).Draw(t, "before"); before >= 0 {
				s.Previous, s.First = seals[before].ID, seals[before].Last+1
			}
			s.Last = s.First + rapid.Int64Range(0, 5).Draw(t, "length")
			seals = append(seals, s)
		}
		ctx := t.Context()
		for _, s := range rapid.Permutation(append(seals, seals[0])).Draw(t, "order") {
			if err := r.Write(ctx, &warehouse.Batch{Seal: &s}); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]bool{} // walked from the beginning
		end := warehouse.Seal{}
		for again := true; again; {
			again = false
			var next []warehouse.Seal
			for _, s := range seals {
				if s.Previous == end.ID {
					next = append(next, s)
				}
			}
			for i, s := range next {
				if i == 0 || s.Generation > end.Generation ||
					s.Generation == end.Generation && (s.At > end.At || s.At == end.At && s.ID > end.ID) {
					end, again = s, true
				}
			}
			if again {
				want[end.ID] = true
			}
		}
		progress, err := r.Progress(ctx, topic)
		if err != nil || !reflect.DeepEqual(progress, map[int]warehouse.Seal{0: end}) {
			t.Errorf("progress %+v, %v; want %+v", progress, err, end)
		}
		var standing []string
		if err := r.conn.QueryRow(ctx, "SELECT groupArray(id) FROM seals_v WHERE state = 'standing' AND topic = '"+topic+"'").Scan(&standing); err != nil {
			t.Fatal(err)
		}
		slices.Sort(standing)
		if all := slices.Sorted(maps.Keys(want)); !slices.Equal(standing, all) {
			t.Errorf("standing %q, want %q", standing, all)
		}
	})
}

func TestSealsTellWhichStand(t *testing.T) {
	r := open(t)
	seal := func(id, previous string, partition int, first, last int64, generation int) warehouse.Seal {
		return warehouse.Seal{Topic: "topic", ID: id, Previous: previous, Partition: partition, First: first, Last: last, Generation: generation, InteractionsRoot: "root"}
	}
	all := []warehouse.Seal{
		seal("a", "", 0, 0, 9, 1), seal("taken over", "a", 0, 10, 14, 2), seal("zombie", "a", 0, 10, 19, 1),
		seal("zombie's next", "zombie", 0, 20, 29, 1), seal("of another partition", "", 1, 0, 0, 1),
	}
	for _, s := range all {
		r.write(t, warehouse.Batch{Seal: &s})
	}
	r.write(t, warehouse.Batch{Seal: &warehouse.Seal{Topic: "other", ID: "other"}})
	var got []warehouse.Seal
	stands := map[string]bool{}
	err := r.Seals(t.Context(), "topic", func(s warehouse.Seal, standing bool) error {
		got = append(got, s)
		stands[s.ID] = standing
		return nil
	})
	want := []warehouse.Seal{all[0], all[2], all[1], all[3], all[4]}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("seals\n%+v, %v; want\n%+v", got, err, want)
	}
	if want := map[string]bool{"a": true, "taken over": true, "zombie": false, "zombie's next": false, all[4].ID: true}; !maps.Equal(stands, want) {
		t.Errorf("standing %v, want %v", stands, want)
	}
	progress, err := r.Progress(t.Context(), "topic")
	if want := map[int]warehouse.Seal{0: all[1], 1: all[4]}; err != nil || !reflect.DeepEqual(progress, want) {
		t.Errorf("progress %+v, %v; want %+v", progress, err, want)
	}
}

func TestMirrorHighestVersionWins(t *testing.T) {
	r := open(t)
	for _, table := range []warehouse.MirrorTable{warehouse.Reviews, warehouse.Cases, warehouse.FundEntries} {
		for _, version := range []int64{2, 3, 1, 3} {
			row := warehouse.MirrorRow{ID: "c-1", Version: version, Tenant: "t", SessionID: "s", State: fmt.Sprint("state", version), At: 1000 * version, Document: []byte(`{"who":"O'Brien\\"}`)}
			if err := r.Put(t.Context(), table, []warehouse.MirrorRow{row}); err != nil {
				t.Fatal(err)
			}
		}
		var state, document string
		if n := r.count(t, "SELECT count() FROM "+string(table)+"_v"); n != 1 {
			t.Errorf("%s_v has %d rows, want 1", table, n)
		}
		if err := r.conn.QueryRow(t.Context(), "SELECT state, document FROM "+string(table)+"_v").Scan(&state, &document); err != nil || state != "state3" || document != `{"who":"O'Brien\\"}` {
			t.Errorf("%s_v: %s %s, %v", table, state, document, err)
		}
	}
	if err := r.Put(t.Context(), "interactions; DROP TABLE seals", []warehouse.MirrorRow{{ID: "x"}}); err == nil {
		t.Error("wrote to a table that is no mirror")
	}
}

func TestNotAssessedComesBackWithItsReasons(t *testing.T) {
	r := open(t)
	want := []policies.NotAssessable{{Rule: "r1", Reason: "customer.age"}, {Rule: "r2", Reason: "entrance"}}
	r.write(t, warehouse.Batch{Sessions: []warehouse.Session{{Tenant: "t", SessionID: "s", NotAssessed: want}}})
	got, found, err := r.Session(t.Context(), "s")
	if err != nil || !found || !reflect.DeepEqual(got.Session.NotAssessed, want) {
		t.Errorf("%+v, %v, %v; want %+v", got.Session.NotAssessed, found, err, want)
	}
}
