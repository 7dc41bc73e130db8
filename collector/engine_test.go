package collector_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"mingjian/collector"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// The same messages through the record in memory and through ClickHouse, killed on the way.
func TestClickHouseKeepsWhatTheLedgerKeeps(t *testing.T) {
	t.Parallel()
	server := clickhousetest.Lend(t)
	store, err := warehouse.Connect(t.Context(), warehouse.Options{Addr: server.URL, User: server.User, Password: server.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := newStage(t, 2)
	s.produce(madeUp(t, rand.New(rand.NewPCG(3, 1)), 30)...)
	s.produce(sorry(t, "eu", "DE").out...)
	s.produce(sorry(t, "eu", "DE").out...) // again

	ledger := newLedger()
	calm := s.options(ledger)
	calm.Group = s.group("calm", 1)
	r := s.start(calm)
	r.atRest()
	r.stop()

	for _, messages := range []int{7, 40} {
		o := s.options(store)
		o.Findings, o.Batch.Messages = s.killed, messages
		r := s.start(o)
		eventually(t, func() string {
			p := r.health.Report().Partitions
			if len(p) == 0 || p[0].State != collector.Consuming || p[0].Sealed.IsZero() && p[0].Lag() > 0 {
				return "nothing sealed"
			}
			return ""
		})
		r.stop()
	}
	r = s.start(s.options(store))
	r.atRest()
	r.stop()

	got := newLedger() // what the store gives back, as a ledger, to be looked at alike
	var ids []string
	for k := range ledger.sessions {
		ids = append(ids, k[0])
	}
	snapshots, err := store.Snapshots(t.Context(), s.interactions, ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, snap := range snapshots {
		rows, err := store.Events(t.Context(), snap.Session.Tenant, snap.Session.SessionID)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Write(t.Context(), &warehouse.Batch{Interactions: rows, Findings: snap.Findings, Sessions: []warehouse.Session{snap.Session}}); err != nil {
			t.Fatal(err)
		}
	}
	want := ledger.views()
	for k := range want {
		if strings.HasPrefix(k, "reject") {
			delete(want, k)
		}
	}
	if len(want) < 100 {
		t.Fatalf("only %d rows to compare", len(want))
	}
	if d := differ(want, got.views()); d != "" {
		t.Errorf("ClickHouse differs from the ledger:\n%s", d)
	}
	_, repeats, rejected, _ := ledger.dispositions(t)
	checked, err := store.Checked(t.Context(), warehouse.FindingQuery{})
	if err != nil || checked.Rejects != int64(rejected) || repeats < 8 {
		t.Errorf("%d rejects, want %d; %d repeats; %v", checked.Rejects, rejected, repeats, err)
	}

	failed := func(checks []collector.Check) string {
		var out []string
		for _, c := range checks {
			if !c.OK {
				out = append(out, c.Name+": "+c.Detail)
			}
		}
		return strings.Join(out, "\n")
	}
	examine := func() []collector.Check {
		return collector.Examine(t.Context(), stream.At(s.addr), s.interactions, store)
	}
	if checks := examine(); failed(checks) != "" || len(checks) != 4+2*2+1 {
		t.Errorf("examined after all this: %+v", checks)
	}
	// A seal that leaves offsets out, and one that was tampered with, are found.
	progress, err := store.Progress(t.Context(), s.interactions)
	if err != nil {
		t.Fatal(err)
	}
	forged := progress[0]
	forged.Previous, forged.First, forged.Last = forged.ID, forged.Last+3, forged.Last+4
	forged.ID = "forged"
	if err := store.Write(t.Context(), &warehouse.Batch{Seal: &forged}); err != nil {
		t.Fatal(err)
	}
	wrong := failed(examine())
	for _, want := range []string{"it was changed", fmt.Sprintf("no seal has offsets %d to %d", progress[0].Last+1, progress[0].Last+2), "the broker's log ends at"} {
		if !strings.Contains(wrong, want) {
			t.Errorf("%q is not among what is wrong:\n%s", want, wrong)
		}
	}
	server.Kill()
	if wrong := failed(examine()); !strings.Contains(wrong, "store: ") || strings.Contains(wrong, "seals") {
		t.Errorf("without ClickHouse: %s", wrong)
	}
	if wrong := failed(collector.Examine(t.Context(), stream.At("127.0.0.1:1"), s.interactions, store)); !strings.Contains(wrong, "broker: ") {
		t.Errorf("without Kafka: %s", wrong)
	}
}
