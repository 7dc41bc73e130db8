package evidence_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mingjian/audit/evidence"
	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
	"mingjian/collector/warehouse"
)

// copies is a mirror that can be away.
type copies struct {
	away bool
	rows []warehouse.LogEntry
}

func (c *copies) PutLog(_ context.Context, entries []warehouse.LogEntry) error {
	if c.away {
		return errors.New("away")
	}
	c.rows = append(c.rows, entries...)
	return nil
}

func openStore(t *testing.T, dsn string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func openNotary(t *testing.T, dir string, db *store.DB, mirror evidence.Mirror) *evidence.Notary {
	t.Helper()
	n, err := evidence.Open(t.Context(), dir, evidence.Options{Store: db, Mirror: mirror, Settle: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var at = time.Date(2026, 10, 12, 10, 0, 0, 0, time.UTC)

func entry(i int) evidence.Entry {
	return evidence.Entry{Key: fmt.Sprintf("k/%d", i), Type: "test.said", At: at.Add(time.Duration(i) * time.Second), Body: map[string]any{"z": i, "a": "一"}}
}

func TestEntriesAreInTheLogOnceAndInOrder(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		dir, db, mirror := filepath.Join(t.TempDir(), "log"), openStore(t, dsn), &copies{away: true}
		n := openNotary(t, dir, db, mirror)
		empty, err := n.Checkpoint(t.Context())
		if err != nil || empty.Size != 0 {
			t.Fatalf("a new log has %+v, %v", empty, err)
		}
		for i := range 3 {
			index, err := n.Append(t.Context(), entry(i))
			if err != nil || index != uint64(i) {
				t.Fatalf("entry %d at %d, %v", i, index, err)
			}
		}
		if index, err := n.Append(t.Context(), entry(1)); err != nil || index != 1 {
			t.Errorf("again: at %d, %v", index, err)
		}
		mirror.away = false
		// More than one tile, in one transaction, and undone with it.
		queue := func(from, to int, fail error) error {
			return db.Write(t.Context(), func(tx *store.Tx) error {
				for i := from; i < to; i++ {
					if err := n.Queue(t.Context(), tx, entry(i)); err != nil {
						return err
					}
				}
				return fail
			})
		}
		if err := queue(1000, 1005, errors.New("no")); err == nil {
			t.Fatal("queued in a transaction that failed")
		}
		if err := queue(3, 600, nil); err != nil {
			t.Fatal(err)
		}
		if err := n.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		c, err := n.Checkpoint(t.Context())
		if err != nil || c.Size != 600 {
			t.Fatalf("%+v, %v", c, err)
		}
		got, err := n.Read(t.Context(), 254, 4)
		if err != nil || len(got) != 4 || got[0].Key != "k/254" || got[3].Key != "k/257" || !got[0].At.Equal(at.Add(254*time.Second)) || got[0].Type != "test.said" {
			t.Errorf("read %+v, %v", got, err)
		}
		if want := `{"at":"2026-10-12T10:04:14.000Z","body":{"a":"一","z":254},"key":"k/254","type":"test.said"}`; string(got[0].Text) != want {
			t.Errorf("the entry is %s", got[0].Text)
		}
		if got, err := n.Read(t.Context(), 600, 4); err != nil || len(got) != 0 {
			t.Errorf("behind the end: %+v, %v", got, err)
		}
		if len(mirror.rows) != 600 || mirror.rows[599].Index != 599 || mirror.rows[1].Key != "k/1" {
			t.Errorf("%d entries copied", len(mirror.rows))
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}

		// Another notary goes on in the same log, with the same key.
		n = openNotary(t, dir, db, nil)
		defer n.Close()
		if index, err := n.Append(t.Context(), entry(600)); err != nil || index != 600 {
			t.Errorf("after a restart: at %d, %v", index, err)
		}
		if old, err := n.Parse(c.Note); err != nil || old.Size != 600 || !bytes.HasPrefix(old.Body, []byte("mingjian/evidence/")) {
			t.Errorf("the checkpoint from before: %+v, %v", old, err)
		}
	})
}

// A crash between appending and noting: the store does not know what the log has.
func TestWhatWasAppendedAndNotNotedIsRecognised(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		dir, db := t.TempDir(), openStore(t, dsn)
		n := openNotary(t, dir, db, nil)
		defer n.Close()
		for i := range 4 {
			if _, err := n.Append(t.Context(), entry(i)); err != nil {
				t.Fatal(err)
			}
		}
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.ExecContext(t.Context(), `UPDATE evidence_entries SET place = NULL WHERE key = 'k/2'`); err != nil {
				return err
			}
			_, err := tx.ExecContext(t.Context(), `DELETE FROM evidence_entries WHERE key = 'k/3'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			if index, err := n.Append(t.Context(), entry(i)); err != nil || index != uint64(i) {
				t.Errorf("entry %d at %d, %v", i, index, err)
			}
		}
	})
}

func TestALogHasOneNotaryAndOneStore(t *testing.T) {
	dir, db := t.TempDir(), openStore(t, filepath.Join(t.TempDir(), "a.db"))
	n := openNotary(t, dir, db, nil)
	if _, err := evidence.Open(t.Context(), dir, evidence.Options{Store: db}); err == nil || !strings.Contains(err.Error(), "one notary") {
		t.Errorf("a second notary: %v", err)
	}
	if _, err := n.Append(t.Context(), entry(0)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "signer.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key: %v, %v", info.Mode(), err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	// A store that knows more than the log: the log was replaced.
	other := openNotary(t, t.TempDir(), db, nil)
	defer other.Close()
	if _, err := other.Append(t.Context(), entry(1)); err == nil || !strings.Contains(err.Error(), "restore the directory") {
		t.Errorf("appended to a log that is not the store's: %v", err)
	}
	// A log without its key is not signed with another.
	if err := os.Remove(filepath.Join(dir, "signer.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.Open(t.Context(), dir, evidence.Options{Store: db}); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("a log whose key is gone: %v", err)
	}
	if _, err := evidence.OpenLog(t.TempDir()); err == nil {
		t.Error("opened a log that is not there")
	}
}

func TestAnEntryNeedsAKeyATypeAndRoom(t *testing.T) {
	n := openNotary(t, t.TempDir(), openStore(t, filepath.Join(t.TempDir(), "a.db")), nil)
	defer n.Close()
	for name, e := range map[string]evidence.Entry{
		"no key": {Type: "t"}, "no type": {Key: "k"}, "no JSON": {Key: "k", Type: "t", Body: make(chan int)},
		"too large": {Key: "k", Type: "t", Body: strings.Repeat("x", 1<<16)},
	} {
		if _, err := n.Append(t.Context(), e); err == nil {
			t.Errorf("%s: appended", name)
		}
	}
}

func TestAChangedLogIsNoticed(t *testing.T) {
	dir, db := t.TempDir(), openStore(t, filepath.Join(t.TempDir(), "a.db"))
	n := openNotary(t, dir, db, nil)
	for i := range 5 {
		if _, err := n.Append(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := evidence.OpenLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	var before []byte
	walk := func() (evidence.Checkpoint, error) {
		keys = nil
		return log.Walk(t.Context(), func(r evidence.Recorded, root func() ([]byte, error)) (err error) {
			keys = append(keys, r.Key)
			if r.Index == 2 {
				before, err = root()
			}
			return err
		})
	}
	c, err := walk()
	if err != nil || c.Size != 5 || strings.Join(keys, " ") != "k/0 k/1 k/2 k/3 k/4" || len(before) != 32 || bytes.Equal(before, c.Root) {
		t.Fatalf("%+v, %q, %v", c, keys, err)
	}
	bundle := filepath.Join(dir, "tile", "entries", "000.p", "5")
	text, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bundle, bytes.Replace(text, []byte(`"z":3`), []byte(`"z":9`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := walk(); !errors.Is(err, evidence.ErrChanged) {
		t.Errorf("an entry was changed: %v", err)
	}
	signed := bytes.Replace(c.Note, []byte("\n5\n"), []byte("\n4\n"), 1)
	if _, err := log.Parse(signed); err == nil {
		t.Error("a checkpoint that was changed is taken for the log's")
	}
}
