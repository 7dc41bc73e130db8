package evidence_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

// record is what a notary follows, in memory.
type record struct {
	mu         sync.Mutex
	seals      []warehouse.Seal
	policies   []warehouse.Policies
	indicators []warehouse.Finding
	unsettled  error // of Settle
}

func (r *record) Settle(context.Context) error { return r.unsettled }

func (r *record) put(s warehouse.Seal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seals = append(r.seals, s)
	slices.SortFunc(r.seals, func(a, b warehouse.Seal) int { // as the table lies
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.First, b.First), cmp.Compare(a.Generation, b.Generation), strings.Compare(a.ID, b.ID))
	})
}

func (r *record) of(p warehouse.Partition, first, last int64) (out []warehouse.Seal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.seals {
		if s.Topic == p.Topic && s.Partition == p.ID && s.First >= first && s.First <= last {
			out = append(out, s)
		}
	}
	return out
}

func (r *record) SealedPartitions(context.Context) ([]warehouse.Partition, error) {
	return []warehouse.Partition{{Topic: "a", ID: 0}, {Topic: "a", ID: 1}, {Topic: "b", ID: 0}}, nil
}

func (r *record) SealMarks(_ context.Context, p warehouse.Partition, from int64, each func(warehouse.SealMark) error) error {
	for _, s := range r.of(p, from, 1<<60) {
		if err := each(warehouse.SealMark{First: s.First, ID: s.ID}); err != nil {
			return err
		}
	}
	return nil
}

func (r *record) SealHeaders(_ context.Context, p warehouse.Partition, first, last int64, each func(*warehouse.Seal) error) error {
	for _, s := range r.of(p, first, last) {
		if err := each(&s); err != nil {
			return err
		}
	}
	return nil
}

func (r *record) Revisions(context.Context) (out []string, err error) {
	for _, p := range r.policies {
		out = append(out, p.Revision)
	}
	return out, nil
}

func (r *record) Policies(_ context.Context, revision string) (warehouse.Policies, bool, error) {
	for _, p := range r.policies {
		if p.Revision == revision {
			return p, true, nil
		}
	}
	return warehouse.Policies{}, false, nil
}

func (r *record) IndicatorFindings(_ context.Context, each func(*warehouse.Finding) error) error {
	for i := range r.indicators {
		if err := each(&r.indicators[i]); err != nil {
			return err
		}
	}
	return nil
}

// follower makes the seal that follows one, over n offsets.
func follower(t *testing.T, before warehouse.Seal, n int, generation int) warehouse.Seal {
	t.Helper()
	h := seal.Header{Topic: before.Topic, Partition: before.Partition, First: before.Last + 1, Last: before.Last + int64(n), Stored: n, Generation: generation, Previous: before.ID, At: before.At + 1}
	s, err := sealed.Write(&h, nil, seal.Gaps{})
	if err != nil {
		t.Fatal(err)
	}
	return *s
}

func logged(t *testing.T, dir string) (keys []string, bodies map[string]json.RawMessage) {
	t.Helper()
	log, err := evidence.OpenLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	bodies = map[string]json.RawMessage{}
	if _, err := log.Walk(t.Context(), func(r evidence.Recorded, _ func() ([]byte, error)) error {
		keys, bodies[r.Key] = append(keys, r.Key), r.Body
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return keys, bodies
}

// Seals of several partitions, over no offsets too, superseded ones and ones that come late, across restarts:
// each is in the log once, and behind the one that it follows.
func TestEverySealIsInTheLogOnceAndBehindTheOneBefore(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		dir, db, r := t.TempDir(), openStore(t, dsn), &record{}
		random := rand.New(rand.NewPCG(7, 1))
		previous, late := map[string]string{}, []warehouse.Seal(nil)
		ends := []warehouse.Seal{{Topic: "a", Last: -1}, {Topic: "a", Partition: 1, Last: 99}, {Topic: "b", Last: -1}}
		for range 4 {
			for range 700 {
				i := random.IntN(len(ends))
				next := follower(t, ends[i], random.IntN(3), 5)
				if random.IntN(50) == 0 { // another owner seals the same, and is heard of later
					late = append(late, follower(t, ends[i], 2, 4))
				}
				ends[i] = next
				previous[next.ID] = next.Previous
				r.put(next)
			}
			n := openNotary(t, dir, db, nil)
			if err := n.Follow(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			for _, s := range late {
				previous[s.ID] = s.Previous
				r.put(s)
			}
			late = nil
		}
		n := openNotary(t, dir, db, nil)
		for range 2 {
			if err := n.Follow(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		keys, bodies := logged(t, dir)
		at := map[string]int{}
		for i, key := range keys {
			id := strings.TrimPrefix(key, evidence.KeySeal)
			if _, twice := at[id]; twice || previous[id] == "" && len(bodies) == 0 {
				t.Fatalf("%s is twice in the log", key)
			}
			at[id] = i
		}
		if len(keys) != len(previous) {
			t.Fatalf("%d entries of %d seals", len(keys), len(previous))
		}
		for id, before := range previous {
			i, ok := at[id]
			j, known := at[before]
			if !ok || before != "" && (!known || j > i) {
				t.Fatalf("seal %s at %d (%v), and the one before at %d (%v)", id, i, ok, j, known)
			}
		}
		var body evidence.SealBody
		if err := json.Unmarshal(bodies[evidence.KeySeal+ends[0].ID], &body); err != nil {
			t.Fatal(err)
		}
		if got := seal.Leaf(body.Header); got.String() != body.ID || body.ID != ends[0].ID {
			t.Errorf("the header in the log gives %s, and the id is %s", got, body.ID)
		}
	})
}

// While the notary runs: what comes, what comes late, and what was changed on its way.
// What a loss of power may still take from the record is not in the log.
func TestNothingIsLoggedThatTheRecordMayLose(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		dir, db := t.TempDir(), openStore(t, dsn)
		r := &record{
			unsettled:  errors.New("the disk is away"),
			policies:   []warehouse.Policies{{Revision: "r", Files: "{}"}},
			indicators: []warehouse.Finding{{ID: "f", Tenant: "t", Rule: "i", Level: "indicator", Version: 1}},
		}
		r.put(follower(t, warehouse.Seal{Topic: "a", Last: -1}, 2, 5))
		n := openNotary(t, dir, db, nil)
		if err := n.Follow(t.Context(), r); !errors.Is(err, r.unsettled) {
			t.Errorf("followed: %v", err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if keys, _ := logged(t, dir); len(keys) != 0 {
			t.Errorf("the log has %q", keys)
		}
		r.unsettled = nil
		n = openNotary(t, dir, db, nil)
		if err := errors.Join(n.Follow(t.Context(), r), n.Close()); err != nil {
			t.Fatal(err)
		}
		if keys, _ := logged(t, dir); len(keys) != 3 {
			t.Errorf("the log has %q", keys)
		}
	})
}

func TestTheNotaryFollowsWhatHappens(t *testing.T) {
	dir, db, r := t.TempDir(), openStore(t, filepath.Join(t.TempDir(), "a.db")), &record{}
	first := follower(t, warehouse.Seal{Topic: "a", Last: -1}, 3, 2)
	second := follower(t, first, 3, 2)
	late := follower(t, first, 2, 1)
	forged := follower(t, second, 1, 2)
	forged.Stored, forged.Repeats = 0, 1
	r.put(first)
	r.put(second)
	r.put(forged)
	r.policies = []warehouse.Policies{{Revision: "r1", Fold: 3, Files: "{}"}}
	r.indicators = []warehouse.Finding{{ID: "f", Rule: "cn-rate", Tenant: "acme", Level: "indicator", Standing: true, Version: 1}, {ID: "f", Rule: "cn-rate", Tenant: "acme", Level: "indicator", Version: 2}}
	journal := func(action, subject string) {
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			return tx.Record(t.Context(), store.Entry{Actor: "li.wei", Action: action, Subject: subject, Reason: "王小明的电话", Detail: []byte(`{"minor":1999}`)})
		}); err != nil {
			t.Fatal(err)
		}
	}
	journal("case.approved", "case:17")
	n := openNotary(t, dir, db, nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx, r) }()
	has := func(want ...string) {
		t.Helper()
		var keys []string
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if keys, _ = logged(t, dir); !slices.ContainsFunc(want, func(key string) bool { return !slices.Contains(keys, key) }) {
				return
			}
		}
		t.Fatalf("the log has %q, and not all of %q", keys, want)
	}
	has("seal:"+first.ID, "seal:"+second.ID, "policies:r1", "indicator:f:1", "indicator:f:2", "journal:1")
	r.put(late)
	journal("identity.signed_in", "principal:li.wei")
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		return evidence.Queue(t.Context(), tx, evidence.Entry{Key: "erasure:1", Type: "person.erased", At: at, Body: map[string]any{}})
	}); err != nil {
		t.Fatal(err)
	}
	has("seal:"+late.ID, "journal:2", "erasure:1")
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	keys, bodies := logged(t, dir)
	if slices.Contains(keys, "seal:"+forged.ID) {
		t.Error("a seal that is not what its id says is in the log")
	}
	whole := fmt.Sprintf("%s", bodies)
	for _, secret := range []string{"li.wei", "王小明", "1999"} {
		if strings.Contains(whole, secret) {
			t.Errorf("%q is in the log, where it can never be erased", secret)
		}
	}
	var body evidence.JournalBody
	if err := json.Unmarshal(bodies["journal:1"], &body); err != nil || body.Action != "case.approved" || body.Subject != "case:17" {
		t.Errorf("%+v, %v", body, err)
	}
	// Whoever has the store can show what was committed to.
	if err := db.Read(t.Context(), func(tx *store.Tx) error {
		c, ok, err := evidence.OpenCommitter(t.Context(), tx)
		if err != nil || !ok {
			return fmt.Errorf("no committer: %v, %v", ok, err)
		}
		page, err := evidence.JournalPage(t.Context(), tx, 0, 10)
		if err != nil || len(page) != 2 {
			return fmt.Errorf("%d entries: %v", len(page), err)
		}
		if again, err := c.Body(page[0]); err != nil || again != body {
			return fmt.Errorf("%+v, %v", again, err)
		}
		page[0].Detail = []byte(`{"minor":9999}`)
		if again, _ := c.Body(page[0]); again == body {
			return fmt.Errorf("another amount has the same commitment")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
