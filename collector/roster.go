package collector

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/cespare/xxhash/v2"
	"github.com/segmentio/kafka-go"
)

const (
	// firstRoom is for how many ids the first filter is made, and falsely the part of others that it
	// takes for known: each of those costs a look-up. That is 20 bits an id; with half of that each batch had
	// some thirty to look up, which took the engine more than to insert it did.
	firstRoom = 1 << 20
	falsely   = 0.0001
	// leasePatience bounds asking the group whether we still are the owner; without an answer everything is looked up.
	leasePatience = time.Second
)

// roster knows of a session id that the record has no session of it, so that it need not be asked: a look-up of one that
// is not there takes the store 30 µs in a small record and 200 µs in a large one, and most are of such. It
// is of a process that has every partition of the topic, for one generation; others ask the record.
//
// It may take a new id for a known one, never a known one for new. Whatever else writes sessions can be
//
//   - one who owned partitions before us. What he wrote up to a seal that one of our workers began
//     behind is among what survey reads, which begins after that worker has read the seals; while a worker
//     takes over, nobody relies on the roster. What he writes without such a seal one of us does
//     again, and whether that is before or after we look is as open as it is with a look-up.
//   - one who owns partitions after us. As long as the group says that our generation is the newest, there was none.
//
// Our own workers note an id before anything of it is written, and it is noted for good.
type roster struct {
	current func(context.Context) bool // whether the group knows no newer generation than ours
	due     chan struct{}              // a survey is
	past    *past                      // of all workers

	mu       sync.Mutex
	filters  []*bloom.BloomFilter // ids are noted in the last one; each has twice the room of that before
	room     int                  // in the last one
	loading  int                  // workers that are taking over
	changes  int                  // how often one began to
	surveyed int                  // the changes that the newest survey came after
}

func newRoster(current func(context.Context) bool) *roster {
	return &roster{current: current, due: make(chan struct{}, 1), past: newPast(pastBytes), surveyed: -1}
}

// lately are the sessions that were over lately; nil without a roster.
func (r *roster) lately() *past {
	if r == nil {
		return nil
	}
	return r.past
}

// takingOver tells that a worker is about to read the seals; it calls done when it has. Without a roster
// there is nothing to do.
func (r *roster) takingOver() (done func()) {
	if r == nil {
		return func() {}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loading++
	r.changes++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.loading--; r.loading == 0 {
			select {
			case r.due <- struct{}{}:
			default: // one is due already
			}
		}
	}
}

// complete reports whether what is not noted is not in the record; r.mu is held.
func (r *roster) complete() bool { return r.loading == 0 && r.surveyed == r.changes }

// meet notes ids and gives those of them that the record may know.
func (r *roster) meet(ctx context.Context, ids []string) []string {
	if r == nil {
		return ids
	}
	r.mu.Lock()
	complete := r.complete()
	r.mu.Unlock()
	complete = complete && r.current(ctx) // asked first: what was in the record by then is found
	r.mu.Lock()
	defer r.mu.Unlock()
	complete = complete && r.complete()
	var known []string
	for _, id := range ids {
		if noted := r.note(xxhash.Sum64String(id)); noted || !complete {
			known = append(known, id)
		}
	}
	return known
}

// note notes an id by its xxHash64, and reports whether it was noted before; r.mu is held.
func (r *roster) note(hash uint64) bool {
	id := binary.BigEndian.AppendUint64(nil, hash)
	for _, f := range r.filters {
		if f.Test(id) {
			return true
		}
	}
	if r.room == 0 {
		r.room = firstRoom << len(r.filters)
		r.filters = append(r.filters, bloom.NewWithEstimates(uint(r.room), falsely))
	}
	r.filters[len(r.filters)-1].Add(id)
	r.room--
	return false
}

// survey reads the ids of the record whenever workers have taken over, until ctx ends.
func (c *collector) survey(ctx context.Context, r *roster) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.due:
		}
		r.mu.Lock()
		changes, loading := r.changes, r.loading
		r.mu.Unlock()
		if loading > 0 {
			continue // it will be due
		}
		n, began := 0, time.Now()
		err := c.Store.SessionHashes(ctx, func(hash uint64) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.note(hash)
			n++
		})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.Log.Warn("the record's sessions could not be listed, so each new one is looked up; trying again", "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(longestPause):
			}
			select {
			case r.due <- struct{}{}:
			default:
			}
			continue
		}
		r.mu.Lock()
		r.surveyed = changes
		r.mu.Unlock()
		c.Log.Info("the record's sessions are listed", "rows", n, "took", time.Since(began))
	}
}

// enlist makes the roster of a generation that has every partition of the topic, nil where it has not.
func (c *collector) enlist(ctx context.Context, gen *kafka.Generation, partitions int) *roster {
	client := &kafka.Client{Addr: c.Stream.Addr(), Transport: c.transport}
	asking, cancel := context.WithTimeout(ctx, networkPatience)
	defer cancel()
	meta, err := client.Metadata(asking, &kafka.MetadataRequest{Topics: []string{c.Topic}})
	if err != nil || len(meta.Topics) != 1 || meta.Topics[0].Error != nil || len(meta.Topics[0].Partitions) != partitions {
		return nil
	}
	return newRoster(func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, leasePatience)
		defer cancel()
		answer, err := client.Heartbeat(ctx, &kafka.HeartbeatRequest{GroupID: gen.GroupID, GenerationID: gen.ID, MemberID: gen.MemberID})
		return err == nil && answer.Error == nil
	})
}
