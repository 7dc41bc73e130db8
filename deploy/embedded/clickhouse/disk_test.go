package clickhouse

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever waits is let go by a pass that began after he came, and many are by one.
func TestWaitingForTheDiskTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, ended atomic.Int64
		d := newDisk(func() error {
			begun.Add(1)
			time.Sleep(10 * time.Millisecond)
			ended.Add(1)
			return nil
		}, func(err error) { t.Error(err) })
		const writers = 100
		var group sync.WaitGroup
		for i := range writers {
			group.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				was := begun.Load()
				if err := d.wait(); err != nil {
					t.Error(err)
				}
				if ended.Load() <= was {
					t.Errorf("writer %d came after pass %d had begun, and was let go when %d had ended", i, was, ended.Load())
				}
			})
		}
		group.Wait()
		if n := ended.Load(); n > writers/5 {
			t.Errorf("%d passes for %d writers in a tenth of a second", n, writers)
		}
	})
}

// A disk that fails is told to all, those who come later too, as an exception that clients know: what it lost would
// be taken for written.
func TestADiskThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passes, told := 0, error(nil)
		d := newDisk(func() error {
			time.Sleep(time.Millisecond)
			if passes++; passes == 2 {
				return errors.New("input/output error")
			}
			return nil
		}, func(err error) { told = err })
		if err := d.wait(); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				var e *exception
				if err := d.wait(); !errors.As(err, &e) || e.code != codeCannotFsync {
					t.Errorf("told %v", err)
				}
			})
		}
		group.Wait()
		if err := d.wait(); err == nil || err != told || passes != 2 {
			t.Errorf("later: %v after %d passes", err, passes)
		}
	})
}
