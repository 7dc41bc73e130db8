package collector

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

const (
	// messageWeight is what a message takes up in memory beside itself while it is in hand, as event, rows, leaf and
	// columns of inserts, in bytes: measured with messages of 272 bytes.
	messageWeight = 4 << 10
	// batchWeight is that of a batch of DefaultBatchMessages such.
	batchWeight = DefaultBatchMessages * (messageWeight + 320)
	// firedWeight is what a session takes up of which a deadline fires: its state, that comes from the shelf, and its row.
	firedWeight = 8 << 10
	// firedPart is the part of a batch's messages up to which it fires deadlines. A million sessions that were
	// opened within minutes are due within minutes too.
	firedPart = 8
	// sessionWeight is what a session takes up that nothing happens to, in bytes: a million are 700 of the 1,300 MiB that a
	// collector has then.
	sessionWeight = 700
)

// hand bounds what all workers of a process have in hand together, whatever the number of partitions: one batch
// that is checked for each processor, and one more, so that one is being written meanwhile; less where there is not the
// memory for that beside the sessions that are open. A batch that waits for its turn has been read and nothing else.
type hand struct {
	most     int64
	held     *semaphore.Weighted
	shared   int64        // what batches and open sessions may take up together, in bytes
	sessions atomic.Int64 // that all workers remember
}

// newHand is for so many processors, and a process that may have so much memory, in bytes. Two fifths of it are left to
// what there is anyway, to columns and to garbage.
func newHand(processors int, memory int64) *hand {
	most := int64(processors+1) * batchWeight
	return &hand{most: most, held: semaphore.NewWeighted(most), shared: memory / 5 * 3}
}

// take waits until a run may be taken in hand. What is there never waits for anything else in hand, so that every
// run has its turn. What take returns is to be given to free, once.
func (h *hand) take(ctx context.Context, r run) (weight int64, err error) {
	for _, m := range r.messages {
		weight += messageWeight + int64(len(m.key)+len(m.value))
	}
	return h.acquire(ctx, weight)
}

// takeFired is take for a batch of deadlines.
func (h *hand) takeFired(ctx context.Context, deadlines int) (weight int64, err error) {
	return h.acquire(ctx, int64(deadlines)*firedWeight)
}

// acquire counts a weight for more where sessions leave less than the most that may be in hand, so that one batch is
// always taken. A larger one goes alone.
func (h *hand) acquire(ctx context.Context, weight int64) (int64, error) {
	left := min(h.most, max(h.shared-h.sessions.Load()*sessionWeight, batchWeight))
	weight = min(int64(float64(weight)*float64(h.most)/float64(left)), h.most)
	return weight, h.held.Acquire(ctx, weight)
}

func (h *hand) free(weight int64) { h.held.Release(weight) }
