package evidence_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/store"
	"mingjian/collector/warehouse"
)

// widest is a mirror that notes how many entries it was given at once.
type widest struct{ most, all int }

func (w *widest) PutLog(_ context.Context, entries []warehouse.LogEntry) error {
	w.most, w.all = max(w.most, len(entries)), w.all+len(entries)
	return nil
}

// watched is a record that looks at the queue while it is read.
type watched struct {
	*record
	db    *store.DB
	queue int // how long it was at most
}

func (w *watched) SealMarks(ctx context.Context, p warehouse.Partition, from int64, each func(warehouse.SealMark) error) error {
	return w.record.SealMarks(ctx, p, from, func(m warehouse.SealMark) error {
		if err := each(m); err != nil {
			return err
		}
		return w.db.Read(ctx, func(tx *store.Tx) error {
			var n int
			err := tx.QueryRowContext(ctx, `SELECT count(*) FROM evidence_entries WHERE place IS NULL`).Scan(&n)
			w.queue = max(w.queue, n)
			return err
		})
	})
}

// What is long is gone through in parts: a queue, what is to be copied, and a first look over many seals.
func TestManyEntriesAreNeverHeldAtOnce(t *testing.T) {
	dir, db, mirror := t.TempDir(), openStore(t, filepath.Join(t.TempDir(), "a.db")), &widest{}
	n := openNotary(t, dir, db, mirror)
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		for i := range 4100 {
			if err := n.Queue(t.Context(), tx, entry(i)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := n.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mirror.most > 2000 || mirror.all != 4100 {
		t.Errorf("of %d copies, %d were made at once", mirror.all, mirror.most)
	}
	r := &watched{record: &record{}, db: db}
	for s, i := (warehouse.Seal{Topic: "a", Last: -1}), 0; i < 1700; i++ {
		s = follower(t, s, 1, 1)
		r.seals = append(r.seals, s)
	}
	if err := n.Follow(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if r.queue >= 1000 {
		t.Errorf("%d seals waited to be appended", r.queue)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	keys, _ := logged(t, dir)
	for i, key := range keys[:4100] {
		if key != entry(i).Key {
			t.Fatalf("entry %d is %s", i, key)
		}
	}
	if len(keys) != 4100+1700 {
		t.Errorf("the log has %d entries", len(keys))
	}
}

// A seal comes as late as a collector may write one: 900 seals behind the newest.
func TestASealThatComesLateIsFoundAsFarBackAsCollectorsLook(t *testing.T) {
	dir, db, r := t.TempDir(), openStore(t, filepath.Join(t.TempDir(), "a.db")), &record{}
	for s, i := (warehouse.Seal{Topic: "a", Last: -1}), 0; i < 2100; i++ {
		s = follower(t, s, 1, 2)
		r.seals = append(r.seals, s)
	}
	late := follower(t, r.seals[1200], 2, 1)
	n := openNotary(t, dir, db, nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx, r) }()
	has := func(id string) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			if keys, _ := logged(t, dir); slices.Contains(keys, evidence.KeySeal+id) {
				return
			} else if time.Now().After(deadline) {
				t.Fatalf("%d entries, and seal %s is not among them", len(keys), id)
			}
		}
	}
	has(r.seals[2099].ID)
	r.put(late)
	has(late.ID)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}
