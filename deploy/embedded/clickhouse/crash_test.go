package clickhouse_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mingjian/deploy/embedded/clickhouse/clickhousetest"
)

// What was acknowledged before a kill -9 is there after it.
func TestKill(t *testing.T) {
	ch := clickhousetest.Start(t)
	conn := open(t, ch.Options())
	exec(t, conn, "CREATE TABLE t (writer UInt8, n UInt64) ORDER BY (writer, n)")
	const writers, enough, size = 4, 20, 500
	acknowledged := make(chan uint8, writers*1000)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	for w := range uint8(writers) {
		go func() {
			defer func() { ended <- struct{}{} }()
			for n := uint64(0); ctx.Err() == nil; n += size {
				batch, err := conn.PrepareBatch(ctx, "INSERT INTO t")
				if err != nil {
					return // the server is gone
				}
				for i := range uint64(size) {
					if err := batch.Append(w, n+i); err != nil {
						t.Error(err)
					}
				}
				if err := batch.Send(); err != nil {
					return
				}
				acknowledged <- w
			}
		}()
	}
	batches := map[uint8]uint64{}
	for range enough {
		batches[<-acknowledged]++
	}
	ch.Kill()
	cancel()
	for range writers {
		<-ended
	}
	close(acknowledged)
	for w := range acknowledged {
		batches[w]++
	}
	ch.Restart()
	for w := range uint8(writers) {
		got := scan[uint64](t, conn, "SELECT uniqExact(n) FROM t WHERE writer = ?", w)
		// The one batch that was under way may be there as well.
		if want := batches[w] * size; got != want && got != want+size {
			t.Errorf("writer %d: %d rows, %d were acknowledged", w, got, want)
		}
		if n := scan[uint64](t, conn, "SELECT toUInt64(count() - uniqExact(n)) FROM t WHERE writer = ?", w); n != 0 {
			t.Errorf("writer %d: %d rows twice", w, n)
		}
	}
}

// A merge that a full disk cuts short leaves a part without marks, which the engine takes for whole until it starts
// anew: then it takes what that part was made of.
func TestAPartWithoutMarksEndsTheProcess(t *testing.T) {
	ch := clickhousetest.Start(t)
	conn := open(t, ch.Options())
	exec(t, conn, "CREATE TABLE t (n UInt64) ORDER BY n")
	for i := range 5 {
		exec(t, conn, "INSERT INTO t SELECT number + ? FROM numbers(1000)", i*1000)
	}
	exec(t, conn, "OPTIMIZE TABLE t FINAL")
	part := scan[string](t, conn, "SELECT path FROM system.parts WHERE table = 't' AND active")
	marks, err := filepath.Glob(filepath.Join(part, "*.cmrk*"))
	if err != nil || len(marks) == 0 {
		t.Fatalf("the marks of %s: %q, %v", part, marks, err)
	}
	for _, file := range marks {
		if err := os.Truncate(file, 0); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, conn, "SYSTEM DROP MARK CACHE")
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT sum(n) FROM t").Scan(&n); err == nil {
		t.Fatal("a part without marks was read")
	}
	for conn.Ping(t.Context()) == nil { // bounded by the test's time: it ends or it does not
		time.Sleep(10 * time.Millisecond)
	}
	ch.Restart()
	if got, want := scan[uint64](t, conn, "SELECT sum(n) FROM t"), uint64(5000*4999/2); got != want {
		t.Errorf("after the restart the sum is %d, want %d", got, want)
	}
}
