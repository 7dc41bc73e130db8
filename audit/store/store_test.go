package store_test

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mingjian/audit/store"
	"mingjian/audit/store/storetest"
)

var clock = time.Date(2026, 11, 20, 8, 30, 0, 123456789, time.UTC)

func open(t *testing.T, dsn string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), dsn, store.Options{Now: func() time.Time { return clock }, Poll: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func send(t *testing.T, db *store.DB, name string, bodies ...string) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		for _, b := range bodies {
			if err := tx.Send(t.Context(), store.Message{To: store.Destination{Kind: store.Topic, Name: name}, Key: "k", Body: []byte(b)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// relay runs the relay until stop returns true for what was published so far.
func relay(t *testing.T, db *store.DB, publish func(store.Message) error, stop func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	var mu sync.Mutex
	go func() {
		done <- db.Relay(ctx, func(_ context.Context, m store.Message) error {
			mu.Lock()
			defer mu.Unlock()
			return publish(m)
		})
	}()
	for {
		mu.Lock()
		ended := stop()
		mu.Unlock()
		waiting, err := db.Waiting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ended && waiting == 0 {
			break
		}
		select {
		case err := <-done:
			t.Fatalf("the relay ended early: %v, %d messages wait", err, waiting)
		case <-time.After(5 * time.Millisecond):
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestAChangeItsJournalEntryAndItsMessagesAreOne(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		refused := errors.New("no")
		act := func(end error) error {
			return db.Write(t.Context(), func(tx *store.Tx) error {
				e := store.Entry{Actor: "li", Action: "case.reported", Subject: "case:1", Reason: "答错了", Detail: []byte(`{"a":1}`)}
				if err := tx.Record(t.Context(), e); err != nil {
					return err
				}
				if err := tx.Send(t.Context(), store.Message{To: store.Destination{Kind: store.Mirror, Name: "cases"}, Key: "1", Body: []byte{0, 0xff}}); err != nil {
					return err
				}
				return end
			})
		}
		if err := act(refused); !errors.Is(err, refused) {
			t.Fatalf("got %v", err)
		}
		if n, _ := db.Waiting(t.Context()); n != 0 {
			t.Fatalf("%d messages of an undone transaction wait", n)
		}
		if err := act(nil); err != nil {
			t.Fatal(err)
		}
		err := db.Read(t.Context(), func(tx *store.Tx) error {
			got, err := tx.Journal(t.Context(), "case:1")
			if err != nil {
				return err
			}
			if len(got) != 1 || got[0].Reason != "答错了" || string(got[0].Detail) != `{"a":1}` || !got[0].At.Equal(clock.Truncate(time.Millisecond)) {
				return fmt.Errorf("the journal says %+v", got)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []store.Message
		relay(t, db, func(m store.Message) error { got = append(got, m); return nil }, func() bool { return len(got) > 0 })
		if len(got) != 1 || got[0].To != (store.Destination{Kind: store.Mirror, Name: "cases"}) || string(got[0].Body) != "\x00\xff" || got[0].Key != "1" {
			t.Fatalf("delivered %+v", got)
		}
	})
}

func TestTheJournalCannotBeChanged(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		record := func(tx *store.Tx) error {
			return tx.Record(t.Context(), store.Entry{Actor: "li", Action: "a.b", Subject: "s"})
		}
		if err := db.Write(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		for _, change := range []string{`UPDATE journal SET actor = 'wang'`, `DELETE FROM journal`} {
			err := db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.ExecContext(t.Context(), change)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", change, err)
			}
		}
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			return tx.Record(t.Context(), store.Entry{Action: "a.b", Subject: "s"})
		}); err == nil {
			t.Error("an entry without an actor was taken")
		}
	})
}

func TestReadingCannotWrite(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		err := db.Read(t.Context(), func(tx *store.Tx) error {
			_, err := tx.ExecContext(t.Context(), `DELETE FROM outbox`)
			return err
		})
		if err == nil {
			t.Error("a read transaction wrote")
		}
	})
}

func TestMessagesArriveInOrderThoughTheirDestinationRefuses(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		var want []string
		for i := range 230 { // more than two of the relay's batches
			want = append(want, fmt.Sprint(i))
		}
		send(t, db, "down-at-first", want...)
		send(t, db, "fine", "x", "y")
		got, refusals := map[string][]string{}, 0
		relay(t, db, func(m store.Message) error {
			if m.To.Name == "down-at-first" && refusals < 2 {
				refusals++
				return errors.New("broker away")
			}
			if m.To.Name == "down-at-first" && len(got["fine"]) != 2 {
				t.Error("a destination that refuses held another up")
			}
			got[m.To.Name] = append(got[m.To.Name], string(m.Body))
			return nil
		}, func() bool { return len(got["down-at-first"]) >= len(want) })
		if !slices.Equal(got["down-at-first"], want) {
			t.Errorf("arrived: %v", got["down-at-first"])
		}
	})
}

func TestAMessageIsDeliveredAgainWhenItsDeliveryWasNotRecorded(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		send(t, db, "topic", "once", "then")
		ctx, crash := context.WithCancel(t.Context())
		var got []string
		err := db.Relay(ctx, func(_ context.Context, m store.Message) error {
			got = append(got, string(m.Body))
			crash()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		relay(t, db, func(m store.Message) error { got = append(got, string(m.Body)); return nil }, func() bool { return len(got) >= 3 })
		if !slices.Equal(got, []string{"once", "once", "then"}) {
			t.Errorf("delivered %v", got)
		}
	})
}

// However much waits for one destination, another has its turn after a batch of it.
func TestManyMessagesForOnePlaceDoNotHoldUpAnother(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		send(t, db, "rows", slices.Repeat([]string{"row"}, 250)...)
		send(t, db, "payouts", "order")
		var got []string
		relay(t, db, func(m store.Message) error { got = append(got, string(m.Body)); return nil }, func() bool { return len(got) >= 251 })
		if at := slices.Index(got, "order"); at != 100 {
			t.Errorf("the order came after %d rows", at)
		}
	})
}

func TestOnlyOneRelayWorks(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		send(t, db, "topic", "a")
		calls := 0
		relay(t, db, func(store.Message) error {
			calls++
			if err := db.Relay(t.Context(), nil); err == nil {
				t.Error("a second relay began in this process")
			}
			return nil
		}, func() bool { return calls > 0 })
	})
}

func TestManyWritersLoseNothing(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		const writers, each = 8, 25
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					send(t, db, "topic", fmt.Sprintf("%d-%d", w, i))
				}
			})
		}
		last, count := map[byte]int{}, 0
		relay(t, db, func(m store.Message) error {
			var w, i int
			if _, err := fmt.Sscanf(string(m.Body), "%d-%d", &w, &i); err != nil {
				t.Error(err)
			}
			if i != last[byte(w)] {
				t.Errorf("writer %d: message %d came when %d was due", w, i, last[byte(w)])
			}
			last[byte(w)]++
			count++
			return nil
		}, func() bool { return count >= writers*each })
		wg.Wait()
	})
}

func sub(t *testing.T, files fs.FS, folder string) fs.FS {
	t.Helper()
	out, err := fs.Sub(files, folder)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

//go:embed testdata/noun
var noun embed.FS

func TestEachNounBringsItsOwnMigrations(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		n := store.Noun{Name: "noun", Files: sub(t, noun, "testdata/noun")}
		for range 2 { // opening again finds everything in place
			db := open(t, dsn)
			if err := db.Migrate(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			if err := db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.ExecContext(t.Context(), `INSERT INTO things (id, name) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, "1", "壹")
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		db := open(t, dsn)
		err := db.Read(t.Context(), func(tx *store.Tx) error {
			var name string
			if err := tx.QueryRowContext(t.Context(), `SELECT name FROM things`).Scan(&name); err != nil {
				return err
			}
			if name != "壹" {
				return fmt.Errorf("kept %q", name)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// On PostgreSQL writers queue for the outbox, and one that queues must not hold another up that it
// waits for itself.
func TestWritersWhoSendBetweenTheirChangesDoNotBlockEachOther(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		db := open(t, dsn)
		if err := db.Migrate(t.Context(), store.Noun{Name: "noun", Files: sub(t, noun, "testdata/noun")}); err != nil {
			t.Fatal(err)
		}
		const rows, writers, each = 4, 8, 25
		set := func(tx *store.Tx, id int, name string) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO things (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name`, fmt.Sprint(id), name)
			return err
		}
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					row := (w + i) % (rows - 1)
					if err := db.Write(t.Context(), func(tx *store.Tx) error {
						message := store.Message{To: store.Destination{Kind: store.Topic, Name: "topic"}, Key: "k", Body: []byte("x")}
						return errors.Join(set(tx, row, "a"), tx.Send(t.Context(), message), set(tx, row+1, "b"))
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n, err := db.Waiting(t.Context()); n != writers*each || err != nil {
			t.Errorf("%d messages wait, %v", n, err)
		}
	})
}

func TestTheFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	send(t, db, "topic", "a")
	for _, p := range []string{path, path + "-wal"} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(p), info.Mode().Perm())
		}
	}
}

func TestAnUnreadableAddressIsOneClearLine(t *testing.T) {
	for _, dsn := range []string{"postgres://u:secret@:bad/x", filepath.Join(t.TempDir(), "no", "such", "folder", "x.db")} {
		_, err := store.Open(t.Context(), dsn, store.Options{})
		if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
}

func TestTheJournalIsReadNewestFirstInPages(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		now := clock
		db, err := store.Open(t.Context(), dsn, store.Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		add := func(e store.Entry) {
			t.Helper()
			if err := db.Write(t.Context(), func(tx *store.Tx) error { return tx.Record(t.Context(), e) }); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 12 { // three at each moment, so that a page ends between equals
			now = clock.Add(time.Duration(i/3) * time.Hour)
			e := store.Entry{Actor: []string{"li", "wang"}[i%2], Action: []string{"case.opened", "original.seen", "case.closed"}[i%3], Subject: fmt.Sprint("case:", i%4), Tenant: []string{"", "acme", "beta"}[i%3]}
			if e.Tenant == "acme" {
				e.Line = []string{"loans", "cards"}[i%2]
			}
			add(e)
		}
		ids := func(q store.JournalQuery) (out []int64) {
			t.Helper()
			got, err := db.Entries(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got {
				out = append(out, e.ID)
			}
			return out
		}
		var paged []int64
		for q := (store.JournalQuery{Limit: 2}); ; {
			got, err := db.Entries(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 0 {
				break
			}
			for _, e := range got {
				paged = append(paged, e.ID)
			}
			last := got[len(got)-1]
			q.BeforeAt, q.BeforeID = last.At, last.ID
		}
		if want := []int64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}; !slices.Equal(paged, want) || !slices.Equal(ids(store.JournalQuery{}), want) {
			t.Errorf("in pages %v, at once %v", paged, ids(store.JournalQuery{}))
		}
		for name, c := range map[string]struct {
			q    store.JournalQuery
			want []int64
		}{
			"actor":              {store.JournalQuery{Actor: "li"}, []int64{11, 9, 7, 5, 3, 1}},
			"action and subject": {store.JournalQuery{Action: "original.seen", Subject: "case:1"}, []int64{2}},
			"an hour":            {store.JournalQuery{From: clock.Truncate(time.Millisecond).Add(time.Hour), To: clock.Add(2 * time.Hour).Truncate(time.Millisecond)}, []int64{6, 5, 4}},
			"nothing":            {store.JournalQuery{Subject: "case:' OR 1=1 --"}, nil},
			"a tenant":           {store.JournalQuery{Reader: "zhou", Tenants: []string{"beta", "gamma"}}, []int64{12, 9, 6, 3}},
			"and one's own":      {store.JournalQuery{Reader: "wang", Tenants: []string{"gamma"}}, []int64{12, 10, 8, 6, 4, 2}},
			"a line of a tenant": {store.JournalQuery{Reader: "zhou", Tenants: []string{"acme"}, Lines: []string{"cards"}}, []int64{8, 2}},
			"a line of all":      {store.JournalQuery{Reader: "zhou", Lines: []string{"loans"}}, []int64{11, 5}},
		} {
			if got := ids(c.q); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, not %v", name, got, c.want)
			}
		}
	})
}
