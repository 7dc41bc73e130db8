package clickhouse

import (
	"fmt"
	"os"
	"sync"
)

// flushesMacro is a macro of the engine's configuration. It tells whoever makes tables that this server flushes
// what it acknowledges by itself, so that their parts need not be.
const flushesMacro = "flushes_what_it_acknowledges"

// A disk is the one that a directory lies on, and to which statements wait together for what they wrote to get. The
// engine's own way is to flush each of the fifteen files of every new part by itself, each of which waits
// for the filesystem: a third of a second an insert where merges write beside it, against one wait for all
// of them. What others write to the same filesystem is flushed along.
type disk struct {
	sync func() error
	turn chan struct{} // one in it while a pass is under way
	fail func(error)   // is told of the first pass that failed
	mu   sync.Mutex
	next *pass // that has not begun; nil: nobody waits for one
	err  error // of the first pass that failed; whose turn it is has it
}

// A pass is one flush of the whole filesystem.
type pass struct {
	done chan struct{} // closed when err is there
	err  error
}

// diskOf is the disk of a directory, until that is closed.
func diskOf(dir string, fail func(error)) (*disk, *os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open the ClickHouse data directory: %w", err)
	}
	return newDisk(func() error { return syncFilesystem(f) }, fail), f, nil
}

func newDisk(sync func() error, fail func(error)) *disk {
	return &disk{sync: sync, turn: make(chan struct{}, 1), fail: fail}
}

// wait returns when everything that was written before it was called is on the disk. After a failure all
// fail: the operating system tells of it once, and what it lost would be taken for written by the next pass. One that has begun may have
// passed it by already, so it waits for the next, together with all others that do.
func (d *disk) wait() error {
	d.mu.Lock()
	p, mine := d.next, false
	if p == nil {
		p, mine = &pass{done: make(chan struct{})}, true
		d.next = p
	}
	d.mu.Unlock()
	if !mine {
		<-p.done
		return p.err
	}
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	d.mu.Lock()
	d.next = nil
	d.mu.Unlock()
	if d.err == nil {
		if err := d.sync(); err != nil {
			d.err = raise(codeCannotFsync, "CANNOT_FSYNC", "What was written did not get to the disk: %v", err)
			d.fail(d.err)
		}
	}
	p.err = d.err
	close(p.done)
	return p.err
}
