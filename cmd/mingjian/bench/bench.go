// Package bench measures what this machine does with a whole installation: broker, engine and
// collector, each a process of its own as `up` and `collect` start them, every pack loaded, and every
// batch flushed to disk as by default.
//
//	talks ──traffic─► producer ──Kafka──► collector ──► ClickHouse ◄── watch
//	                     │                                  ▲
//	                     ├──► plain copy (its own process) ─┤
//	                     └──► the engine's own Kafka table ─┘
//
// The messages are the sessions of the demo's contact centre, one in seven with a planted violation,
// played as overlapping sessions with other ids, people and moments each time. Event time is dense
// enough that the wanted number of sessions is open at once at the wanted number of messages, and ends
// about now, so that sessions run to their end and deadlines fall due as in life.
//
// What the numbers are:
//
//   - rate: from the first interaction produced until a query first finds the last one sealed, while
//     production goes on, a bounded number ahead. The producer is this process, on the same cores.
//   - copy_rate: the same for Copy in the collector's place, over other sessions of the same talks.
//   - catch_up: collector, copy and the engine's own table over messages that were there before.
//   - naive_rate: Naive, once as many sessions are open as shall be.
//   - latency_ms: see Latency. The rate is held by a schedule, and a message is late from the moment it
//     was due, so that a stall counts for all that wait behind it.
//   - stages_us: see Stages. naive_check_us is what stands against its check.
//   - peak_rss_mb and cpu_seconds_per_million: of each process, while rate was measured.
//
// At the end the record must have exactly what was produced, or the run fails.
//
// Not promised: that two runs give the same numbers. What else the machine does is in all of them.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"mingjian/collector"
	"mingjian/policies"
)

// Options say what is measured. All but Count, or Duration in its place, have defaults in the command.
type Options struct {
	Count      int64         // interactions; 0 where Duration is given
	Duration   time.Duration // for how long interactions are produced; 0: Count says
	Sessions   int           // that are open at once
	People     int           // customers of each talk
	Partitions int
	Rate       float64       // interactions a second while latency is measured; 0: half of the sustained rate
	Latency    time.Duration // for how long it is; 0: not at all
	Lead       int64         // by how many interactions the producer may be ahead of the record
	Seed       uint64
	Naive      time.Duration // for how long the naive ways are measured, each
	Open       int           // sessions to open and leave open, instead of everything else; 0: not
	Profile    string        // directory for CPU profiles of the collector; "": none

	Progress io.Writer    // one line per step
	Stderr   io.Writer    // what the children say
	Log      *slog.Logger // what the supervisor does; nil: nobody is told
}

// Run measures. The result is as far as it came where there is an error; *Wrong among it says that the
// record is not what was produced.
func Run(ctx context.Context, o Options) (r Result, err error) {
	o.Log = quiet(o)
	b := &bench{Options: o, began: time.Now()}
	r = newResult(o)
	b.result = &r
	b.say("starting broker and engine")
	if b.system, err = bring(ctx, o); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.system.close()) }()
	source := policies.Source{Dir: b.system.rules()}
	if b.bundle, err = source.Load(); err != nil {
		return r, err
	}
	if b.talks, err = talks(ctx, b.bundle, o.Seed); err != nil {
		return r, err
	}
	r.Revision, r.Rules = b.bundle.Revision, len(b.bundle.Rules)
	if err := b.system.conn.QueryRow(ctx, "SELECT version()").Scan(&r.Versions.ClickHouse); err != nil {
		return r, fmt.Errorf("ask for the engine's version: %w", err)
	}
	steps := []func(context.Context) error{
		b.sustained, b.latency, b.tables, b.copying, b.catchUp, b.audit, b.stages, b.naiveWhole,
	}
	if o.Open > 0 {
		steps = []func(context.Context) error{b.opened}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return r, err
		}
	}
	return r, nil
}

// bench is a run.
type bench struct {
	Options
	system *system
	bundle *policies.Bundle
	talks  []talk
	result *Result
	began  time.Time

	produced int64 // into the topic of interactions
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.Progress, "bench %4.0fs: "+format+"\n", append([]any{time.Since(b.began).Seconds()}, args...)...)
}

// traffic makes traffic of about n messages that ends about now.
func (b *bench) traffic(name string, n int64) (*traffic, error) {
	s, err := newTraffic(b.talks, tagOf(name, time.Now()), b.Sessions, b.People)
	if err != nil {
		return nil, err
	}
	s.base = time.Now().Add(-s.span(n)).Truncate(time.Millisecond)
	return s, nil
}

// profile is the file for a collector's profile; "" where none is wanted.
func (b *bench) profile(of string) string {
	if b.Profile == "" {
		return ""
	}
	return filepath.Join(b.Profile, of+".pprof")
}

// likely is how many messages a second a duration is planned with: more than two cores do, for event
// time is not to overtake the clock.
const likely = 60_000

// sustained measures from the first interaction produced to the last one sealed, while production goes
// on, at most Lead ahead.
func (b *bench) sustained(ctx context.Context) error {
	if _, err := b.system.collect(ctx, b.profile("sustained")); err != nil {
		return err
	}
	n := b.Count
	if n == 0 {
		n = int64(b.Duration.Seconds() * likely)
	}
	s, err := b.traffic("sustained", n)
	if err != nil {
		return err
	}
	p := newProducer(b.system.endpoints.Kafka, collector.InteractionsTopic)
	defer p.close()
	b.say("producing into the collector")
	names := []string{brokerPart, enginePart, collectorPart, producerPart}
	m, err := newMeter(b.system.broker, b.system.engine, b.system.collector.pid, os.Getpid())
	if err != nil {
		return err
	}
	began := time.Now()
	w := &watch{system: b.system}
	produced, ended, err := b.through(ctx, w, p, s, pace{count: b.Count, until: b.Duration, lead: b.Lead})
	if err != nil {
		return err
	}
	used, err := m.read()
	if err != nil {
		return err
	}
	b.produced += produced
	r := b.result
	r.Interactions, r.Seconds = produced, round(ended.Sub(began).Seconds(), 3)
	r.Rate = round(float64(produced)/r.Seconds, 0)
	r.MessageBytes = round(float64(p.bytes)/float64(produced), 1)
	r.EventsPerSession = round(float64(produced)/float64(s.session), 2)
	r.SessionsBegun = s.session
	for i, name := range names {
		r.PeakRSS[name] = round(used[i].Peak, 1)
		r.CPU[name] = used[i : i+1].perMillion(produced)
	}
	b.say("%d interactions in %.1f s: %.0f/s", produced, r.Seconds, r.Rate)
	return b.system.rest()
}

// settle waits until the engine has merged what there is to merge, so that what is measured next is measured
// alone. What goes on for longer than settleMost is told of, and makes what comes next look slower.
func (b *bench) settle(ctx context.Context) error {
	began := time.Now()
	for idle := 0; idle < 2; idle++ {
		var merges uint64
		if err := b.system.conn.QueryRow(ctx, "SELECT count() FROM system.merges").Scan(&merges); err != nil {
			return fmt.Errorf("ask for merges: %w", err)
		}
		if merges > 0 {
			if time.Since(began) > settleMost {
				b.say("the engine still merges what was written before")
				return nil
			}
			idle = -1
		}
		if err := sleep(ctx, lookEvery); err != nil {
			return err
		}
	}
	return nil
}

const (
	// settleMost is some times what merges take after a run of five minutes.
	settleMost = time.Minute
	// lookEvery is how often the engine is asked where it is not measured how soon it knows.
	lookEvery = 250 * time.Millisecond
)

// through produces traffic and waits until all of it is sealed; it returns how much, and when the
// last seal was seen.
func (b *bench) through(ctx context.Context, w *watch, p *producer, s *traffic, how pace) (n int64, ended time.Time, err error) {
	if _, err := w.look(ctx); err != nil {
		return 0, ended, err
	}
	before := w.total.Load()
	how.behind = func() int64 { return w.total.Load() - before }
	group, working := errgroup.WithContext(ctx)
	looking, enough := context.WithCancel(working)
	group.Go(func() error { return w.follow(looking, nil) })
	group.Go(func() error {
		defer enough()
		if n, err = p.send(working, s, how); err != nil {
			return err
		}
		ended, err = b.awaited(working, w, p.target())
		return err
	})
	err = group.Wait()
	return n, ended, err
}

// awaited waits until the record is at the target. It gives up where nothing moves for long.
func (b *bench) awaited(ctx context.Context, w *watch, target map[int]int64) (time.Time, error) {
	for was, since := int64(-1), time.Now(); ; {
		if at, ok := w.there(target); ok {
			return at, nil
		}
		if now := w.total.Load(); now != was {
			was, since = now, time.Now()
		}
		if time.Since(since) > patience {
			return time.Time{}, fmt.Errorf("the record has not moved for %v: it is at %d of the offsets up to %v", patience, was, target)
		}
		select {
		case <-b.system.collector.ended:
			return time.Time{}, b.system.gone()
		case <-time.After(lookEvery / 2):
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		}
	}
}

// The processes, as results name them.
const (
	brokerPart    = "broker"
	enginePart    = "engine"
	collectorPart = "collector"
	producerPart  = "producer" // this process: it produces and looks at the record
)

// parts is a number for each process.
type parts map[string]float64

func newResult(o Options) Result {
	return Result{PeakRSS: parts{}, CPU: parts{}, Sessions: o.Sessions, Partitions: o.Partitions, Cores: runtime.NumCPU(), Versions: Versions{Go: runtime.Version()}}
}
