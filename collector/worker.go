package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/segmentio/kafka-go"

	"mingjian/collector/warehouse"
	"mingjian/policies"
)

const (
	// firstPause and longestPause bound the pauses between tries while something is away: an answer
	// is noticed within seconds, and a restarting server is not hammered.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// idleFetch is how long the broker is asked to wait for a message when nothing is in hand; it
	// is also how finely the wall clock is looked at.
	idleFetch = 250 * time.Millisecond
	// commitEvery spaces the offset commits. They are a hint to people who look at the group's lag;
	// nothing of ours reads them.
	commitEvery = 5 * time.Second
	// beatsInWait is into how many parts Batch.Wait is divided for a batch that the one before kept waiting: few, so that
	// partitions meet, and enough that little of the time after it was written is waited in vain.
	beatsInWait = 10
	// gatherBytes is for how much at most the broker is asked to wait, once a message is in hand: beyond that a fetch
	// costs little beside what it brings.
	gatherBytes = 1 << 20
	// warmSessions is how many sessions a process has ready to go on, at about 6 KiB each; the others are
	// frozen, and take some 3 µs to thaw.
	warmSessions = 16 << 10
)

// worker owns one partition for one generation of the group.
type worker struct {
	*collector
	*ruling   // what judges the batch in hand
	gen       *kafka.Generation
	known     *roster // nil: this process has not every partition
	partition int
	tail      *tail
	log       *slog.Logger
	health    *partitionHealth

	position int64           // the next offset to be sealed
	unsealed int64           // the first offset that no seal has, as far as sessions are looked up
	next     int64           // the next offset to be taken into a batch
	seal     warehouse.Seal  // the seal before that; zero before the first
	fence    int             // what our seals say as generation
	held     []message       // read, not taken into a batch yet
	readTo   int64           // the next offset to be fetched; position ≤ next ≤ held ≤ readTo
	end      int64           // where the log ended when it was last looked at
	quiet    time.Time       // since when the partition is read to its end; zero: it is not
	clock    policies.Millis // the partition's event time: the newest ts seen in it
	memory   *memory
	keepWarm int       // how many sessions are not frozen
	counted  int64     // sessions, by inHand
	batches  int64     // begun
	flight   *flight   // the batch that is being written; nil: none is
	carried  carried   // what the newest batch in the record leaves to the next
	commit   time.Time // of the last offset commit
	month    month

	erasures int64              // how many there were when they were last asked for
	erased   map[sessionOf]bool // by them, since this worker began
}

// newWorker makes the worker of one of so many partitions.
func (c *collector) newWorker(gen *kafka.Generation, known *roster, partition, of int) *worker {
	return &worker{
		collector: c, gen: gen, known: known, partition: partition, keepWarm: max(warmSessions/of, 1),
		tail:   newTail(c.transport, c.Stream, c.Topic, partition),
		erased: map[sessionOf]bool{},
		log:    c.Log.With("topic", c.Topic, "partition", partition, "generation", gen.ID),
		health: c.Health.partition(partition),
	}
}

// run works until the generation ends. Whatever goes wrong inside a batch before anything of it is
// written leaves the memory in doubt, so it is dropped and loaded again.
func (w *worker) run(ctx context.Context) {
	defer w.metrics.forget(w.label())
	defer w.uncount()
	// What is in hand when ctx ends may still be finished, but not for ever.
	finish, cancel := graceful(ctx, w.Grace)
	defer cancel()
	for ctx.Err() == nil {
		err := w.work(ctx, finish)
		if ctx.Err() != nil {
			return
		}
		w.log.Error("partition is taken over again", "error", err)
		w.health.retrying(err)
		w.metrics.retries.WithLabelValues("worker").Inc()
		select {
		case <-ctx.Done():
		case <-time.After(longestPause):
		}
	}
}

// graceful returns a context that outlives ctx by grace.
func graceful(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(grace, cancel)
		context.AfterFunc(out, func() { t.Stop() })
	})
	return out, func() { stop(); cancel() }
}

func (w *worker) work(ctx, finish context.Context) error {
	defer func() {
		if w.flight != nil { // after an error; what the record has then is read anew
			<-w.flight.landed
			w.flight = nil
		}
	}()
	if err := w.takeOver(ctx); err != nil {
		return err
	}
	if len(w.memory.owed) > 0 {
		if err := w.follow(finish); err != nil {
			return err
		}
	}
	for {
		r, err := w.gather(ctx)
		if err != nil {
			return err
		}
		var b *batch
		switch {
		case !r.empty():
			b, err = w.check(finish, r)
		case ctx.Err() != nil:
			return w.landWhole(finish)
		case w.flight.flies(): // there may be more to read before it lands
		case w.quiet.IsZero() || time.Since(w.quiet) < w.Quiet:
			err = w.landWhole(finish)
		default:
			if err = w.land(); err == nil {
				b, err = w.letTimePass(finish)
			}
		}
		if err == nil && b != nil {
			err = w.launch(finish, b)
		}
		if err != nil {
			return err
		}
	}
}

// takeOver learns from the record how far the partition is done and what is open there.
func (w *worker) takeOver(ctx context.Context) error {
	w.health.loading()
	if err := w.adopt(ctx); err != nil {
		return err
	}
	return w.try(ctx, "take the partition over", func() error {
		defer w.known.takingOver()()
		progress, err := w.Store.Progress(ctx, w.Topic)
		if err != nil {
			return err
		}
		// Before sessions are loaded: those that are erased meanwhile are forgotten with the first batch.
		_, erasures, err := w.Keys.Erased(ctx, -1)
		if err != nil {
			return err
		}
		first, end, err := w.tail.bounds(ctx)
		if err != nil {
			return err
		}
		position := first
		if s, ok := progress[w.partition]; ok {
			position = s.Last + 1
		}
		w.unsealed = position
		m := newMemory(w.known.lately())
		if err := w.loadOpen(ctx, m); err != nil {
			return err
		}
		w.memory, w.held, w.end, w.quiet, w.carried = m, nil, end, time.Time{}, carried{}
		w.erasures = erasures
		// A group that was deleted counts its generations from 1 again, and ours must still be the
		// higher one.
		w.seal = progress[w.partition]
		w.fence, w.position = int(w.gen.ID), position
		if w.seal.ID != "" {
			w.fence = max(w.fence, w.seal.Generation+1)
		} else if first > 0 {
			w.log.Warn("the record of this partition begins where the broker's log does", "first_offset", first)
		}
		w.next, w.readTo = w.position, w.position
		w.count()
		w.health.consuming(w.position, end, m.len())
		w.log.Info("partition taken over", "position", w.position, "end", end, "open_sessions", m.len())
		return nil
	})
}

// try repeats do until it succeeds or ctx ends, and tells health and log about it.
func (w *worker) try(ctx context.Context, what string, do func() error) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstPause, longestPause
	failed := false
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, do() },
		backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, next time.Duration) {
			err = fmt.Errorf("%s: %w", what, err)
			if !failed {
				w.log.Warn("trying again until it works", "error", err)
			} else {
				w.log.Debug("trying again", "error", err, "in", next)
			}
			failed = true
			w.health.retrying(err)
			w.metrics.retries.WithLabelValues(what).Inc()
		}))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if failed {
		w.log.Info("it works again", "what", what)
		w.health.recovered()
	}
	return nil
}

// run is a range of offsets, without holes, and the messages in it.
type run struct {
	first, next int64 // [first, next)
	messages    []message
	full        bool // as large as a batch may be
}

func (r run) empty() bool { return r.next == r.first }

// gather reads until a batch is full, or its time has come and the one before is in the record, or nothing comes for
// idleFetch, or ctx ends. What is not full waits for the one before, for which it would have to wait when it
// was checked, and for a while for those of other partitions, see convoy: so batches grow with what there is to write,
// and are few where each takes long.
func (w *worker) gather(ctx context.Context) (run, error) {
	var ends time.Time   // once a message is in hand
	var latest time.Time // once the batch before is in the record: until when others are waited for
	if len(w.held) > 0 {
		ends = w.beat(w.Batch.Wait)
	}
	for ctx.Err() == nil {
		if r, full := w.cut(); full {
			return r, nil
		}
		least, wait := 1, idleFetch
		if !ends.IsZero() {
			if time.Until(ends) <= 0 {
				if !w.flight.flies() {
					if latest.IsZero() {
						latest = time.Now().Add(w.Batch.Wait)
					}
					if !w.convoy.flies() || time.Now().After(latest) {
						break
					}
				}
				ends = w.beat(max(w.Batch.Wait/beatsInWait, 1))
			}
			// The broker gathers, at less cost.
			least, wait = gatherBytes, min(wait, max(time.Until(ends), time.Millisecond))
		}
		var pg page
		err := w.try(ctx, "read from the broker", func() (err error) {
			pg, err = w.tail.fetch(ctx, w.readTo, least, wait)
			var lost *lostError
			if errors.As(err, &lost) {
				return backoff.Permanent(err)
			}
			return err
		})
		var lost *lostError
		switch {
		case errors.As(err, &lost):
			if w.readTo > w.next {
				return w.rest(), nil // first what was read before the hole
			}
			if err := w.land(); err != nil {
				return run{}, err
			}
			w.skipLost(lost)
			continue
		case ctx.Err() != nil:
			return w.rest(), nil
		case err != nil:
			return run{}, err
		}
		w.advance(pg)
		if ends.IsZero() && w.readTo > w.next {
			ends = w.beat(w.Batch.Wait)
		}
		if w.readTo == w.next {
			break // nothing new
		}
	}
	return w.rest(), nil
}

// beat is the next moment of those that follow each other so. They are the same for all partitions of a process, so
// that batches that end then are written together, for which see warehouse.Store.Write.
func (c *collector) beat(every time.Duration) time.Time {
	return c.began.Add((time.Since(c.began)/every + 1) * every)
}

// advance takes a page in.
func (w *worker) advance(pg page) {
	if len(w.held) == 0 {
		w.held = pg.messages
	} else {
		w.held = append(w.held, pg.messages...)
	}
	w.readTo, w.end = pg.next, pg.end
	switch {
	case w.readTo < w.end || len(pg.messages) > 0:
		w.quiet = time.Time{}
	case w.quiet.IsZero():
		w.quiet = time.Now()
	}
	w.health.read(w.end)
	w.metrics.lag.WithLabelValues(w.label()).Set(float64(max(0, w.end-w.position)))
}

// skipLost goes on behind messages that the broker removed before they were read. There is no seal
// over them: the hole in the chain of seals is the record of the loss.
func (w *worker) skipLost(lost *lostError) {
	n := lost.first - lost.position
	w.log.Error("messages are lost: the broker's retention removed them before they were read",
		"first_offset", lost.position, "last_offset", lost.first-1, "messages", n)
	w.health.lost(lost.position, lost.first-1)
	w.metrics.lost.Add(float64(n))
	w.position, w.next, w.readTo = lost.first, lost.first, lost.first
}

// cut takes a full batch out of what is held, if there is one.
func (w *worker) cut() (run, bool) {
	bytes := 0
	for i, m := range w.held {
		bytes += len(m.key) + len(m.value)
		if i+1 < w.Batch.Messages && bytes < w.Batch.Bytes {
			continue
		}
		r := run{first: w.next, next: m.offset + 1, messages: w.held[: i+1 : i+1], full: true}
		w.held = w.held[i+1:]
		if len(w.held) == 0 {
			r.next = w.readTo // offsets without a message behind the last one belong to it
		}
		w.next = r.next
		return r, true
	}
	return run{}, false
}

// rest takes everything that was read.
func (w *worker) rest() run {
	r := run{first: w.next, next: w.readTo, messages: w.held}
	w.held, w.next = nil, w.readTo
	return r
}

// count says how many sessions the worker remembers to what bounds the process's memory, and uncount that it is gone.
func (w *worker) count() {
	n := int64(w.memory.len())
	w.inHand.sessions.Add(n - w.counted)
	w.counted = n
}

func (w *worker) uncount() { w.inHand.sessions.Add(-w.counted) }

func (w *worker) label() string { return fmt.Sprint(w.partition) }

// hint commits to the group how far the record is.
func (w *worker) hint() {
	if time.Since(w.commit) < commitEvery {
		return
	}
	w.commit = time.Now()
	if err := w.gen.CommitOffsets(map[string]map[int]int64{w.Topic: {w.partition: w.position}}); err != nil {
		w.log.Debug("offset commit failed; the record does not need it", "error", err)
	}
}
