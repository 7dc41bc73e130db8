// Package collector takes interactions from Kafka into the record: one process's share of a topic.
//
//	topic ──tail──► run of offsets ──decode, redact, inspect──► rows, findings, sessions ──store──► seal
//	                                              ▲ deadlines                    └──► Kafka: findings, rejects
//
// A consumer group shares the partitions out; each has one worker that does everything in order. While one
// batch is being written, the next is read and, as soon as it is full, checked; more than these two are never in
// hand, and nothing of the second is written before the seal of the first. What is not full waits until it can
// be written, together with what the other partitions have by then.
// The record itself, not the group's offsets, says how far a partition is done: a worker begins
// behind the newest standing seal, loads the sessions that are open there, and writes a batch's seal
// after everything else of it. What is written twice is the same twice, so a batch that a crash
// interrupted is simply done again.
//
// Of a session that nothing has happened to for a while, a worker keeps the snapshot alone, which is what
// the record has of it; an event or a deadline makes the state of it again.
//
// What goes to Kafka (findings that changed, messages that were refused) is sent before the rows of
// these findings and the seal are written: a crash between repeats a message, it never loses one.
// Readers tell repeats by finding_id and version, or by topic, partition and offset.
//
// Personal data is masked before anything else sees an event. A row of which something was masked,
// cut or removed keeps the message as it came, whole, encrypted under a key of the person's; so do
// refused messages, their first 64 KiB. Keys are kept elsewhere, so that an erased person's originals
// cannot be opened while everything else still verifies. The topic that events come from holds them
// as they were sent, for as long as its retention says.
//
// Where an outside classifier is given, it is asked about masked texts, and what it says, or that it
// failed, is stored with the event: whoever looks at the event again sees the same and asks nobody.
//
// What judges may be exchanged while a collector runs. A batch is judged and sealed under one revision,
// and the record has a revision's files before anything that it makes.
//
// When the store, the keys or the broker are away, workers wait and try again for as long as it takes, reading
// no further meanwhile; nothing is dropped. Health says what is being waited for.
//
// What is not promised: that a session whose events lie in several partitions (messages without a
// key, a topic that was given more partitions) is folded as one while several workers have it; and
// that a broker which forgot its newest messages and gives their offsets out anew is noticed once its
// log has grown past the record again (before that, it is).
package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"

	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
)

// The topics and the group of an installation, as the rest of the world knows them.
const (
	InteractionsTopic = "mingjian.interactions"
	FindingsTopic     = "mingjian.findings"
	RejectsTopic      = "mingjian.rejects"
	DefaultGroup      = "mingjian.collector"
)

const (
	// DefaultBatchMessages bounds a batch by count. What an insert costs the engine beside its rows, and
	// later in merges, makes 20,000 rows half as dear each as 5,000; beyond that little is gained, and a
	// crash has that much to do again at most.
	DefaultBatchMessages = 20_000
	// DefaultBatchBytes bounds a batch by the size of its messages, so that a run of the largest
	// messages a broker takes by default (1 MiB) cannot fill the memory of a worker.
	DefaultBatchBytes = 16 << 20
	// DefaultBatchWait is between the moments at which batches end that are not full: short enough that a finding is
	// queryable within a second, long enough that a trickle does not make hundreds of small inserts a second.
	DefaultBatchWait = 250 * time.Millisecond
	// DefaultQuiet is how long a partition must have been read to its end before the wall clock
	// fires deadlines there. A producer that sends conversations in a row pauses less than that.
	DefaultQuiet = time.Second
	// DefaultGrace bounds finishing what is in hand when a worker must end. It is below the group's
	// session timeout, so that a partition rarely has two owners even then.
	DefaultGrace = 8 * time.Second
)

// Store is the record: where batches go and where a worker learns how far it got.
type Store interface {
	warehouse.Writer
	warehouse.Reader
}

// Limits cut batches; whichever is reached first ends one. Zero values take the defaults.
type Limits struct {
	Messages int
	Bytes    int
	Wait     time.Duration // between the moments at which batches end that are not full
}

// Options is what Run needs. Stream, Store, Keys and Rules must be given; the rest defaults.
type Options struct {
	Stream   stream.Cluster
	Topic    string // InteractionsTopic
	Findings string // FindingsTopic
	Rejects  string // RejectsTopic
	Group    string // DefaultGroup

	Store Store
	Keys  Keys
	Rules *Rules // what judges; it may be exchanged while Run runs

	Classifier Classifier // asked about masked texts; nil: nobody is

	Batch Limits
	Quiet time.Duration // DefaultQuiet
	Grace time.Duration // DefaultGrace

	Log      *slog.Logger          // slog.Default
	Now      func() time.Time      // time.Now
	Health   *Health               // NewHealth
	Registry prometheus.Registerer // shows metrics while Run runs, of one Run at a time; nil: nobody does
}

func (o Options) settle() (Options, error) {
	var faults []error
	missing := func(absent bool, what string) {
		if absent {
			faults = append(faults, errors.New(what))
		}
	}
	missing(len(o.Stream.Brokers) == 0, "no Kafka broker is named")
	missing(o.Store == nil, "no store is given")
	missing(o.Keys == nil, "no keys are given")
	missing(o.Rules == nil, "no rules are given")
	missing(o.Batch.Messages < 0 || o.Batch.Bytes < 0 || o.Batch.Wait < 0, "a batch limit is negative")
	missing(o.Quiet < 0 || o.Grace < 0, "a duration is negative")
	if err := errors.Join(faults...); err != nil {
		return o, fmt.Errorf("collector: %w", err)
	}
	orDefault(&o.Topic, InteractionsTopic)
	orDefault(&o.Findings, FindingsTopic)
	orDefault(&o.Rejects, RejectsTopic)
	orDefault(&o.Group, DefaultGroup)
	orDefault(&o.Batch.Messages, DefaultBatchMessages)
	orDefault(&o.Batch.Bytes, DefaultBatchBytes)
	orDefault(&o.Batch.Wait, DefaultBatchWait)
	orDefault(&o.Quiet, DefaultQuiet)
	orDefault(&o.Grace, DefaultGrace)
	orDefault(&o.Log, slog.Default())
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Health == nil {
		o.Health = NewHealth()
	}
	return o, nil
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Run takes this process's share of the topic until ctx ends; then it finishes what is in hand
// (within Options.Grace), leaves the group and returns nil. It returns an error only for options
// that cannot work. No worker is at work any more when it returns.
func Run(ctx context.Context, o Options) error {
	o, err := o.settle()
	if err != nil {
		return err
	}
	m, err := newMetrics(o.Registry)
	if err != nil {
		return fmt.Errorf("collector: %w", err)
	}
	defer m.withdraw(o.Registry)
	cut := newCutter()
	defer cut.all() // a fetch that nobody waits for any more would go on for a moment
	cluster := o.Stream
	cluster.Dial = cut.dial
	transport := newTransport(cluster)
	defer transport.CloseIdleConnections()
	out := newOutlet(o, transport)
	defer out.close()
	defer o.Health.ended()
	o.Health.judging(o.Rules)
	c := &collector{Options: o, metrics: m, transport: transport, out: out, inHand: newHand(runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1)), began: time.Now()}
	return c.attend(ctx)
}

// collector is what the workers of one Run share.
type collector struct {
	Options
	metrics   *metrics
	transport *kafka.Transport
	out       *outlet
	inHand    *hand                  // what all of them have
	convoy    convoy                 // of their batches
	rooms     sync.Pool              // of *room, which nobody uses
	began     time.Time              // of Run; beats are counted from it
	recorded  atomic.Pointer[ruling] // the newest that the record has
}
