package collector_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"

	"mingjian/collector"
	"mingjian/collector/stream"
	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
	"mingjian/policies"
)

// within bounds every wait; a test that needs all of it has failed.
const within = 2 * time.Minute

// rules are the shipped ones, loaded once.
var rules = sync.OnceValues(func() (*policies.Bundle, error) { return policies.Load(policies.Builtin()) })

// topics are a stage's own, so that one broker can serve many.
type topics struct {
	interactions, findings, rejects string
	killed                          string // where collectors that get killed publish, apart from those that do not
}

var stages atomic.Int64

func newTopics() topics {
	of := fmt.Sprintf(".%x-%d", time.Now().UnixNano(), stages.Add(1))
	return topics{collector.InteractionsTopic + of, collector.FindingsTopic + of, collector.RejectsTopic + of, "killed.findings" + of}
}

// list is the topics as a broker makes them.
func (t topics) list(partitions int) []kafka.Topic {
	return []kafka.Topic{{Name: t.interactions, Partitions: partitions}, {Name: t.findings, Partitions: 1}, {Name: t.rejects, Partitions: 1}, {Name: t.killed, Partitions: 1}}
}

// stage is a broker with the topics, and everything to run collectors on it.
type stage struct {
	t *testing.T
	topics
	addr   string
	bundle *policies.Bundle
	rules  *collector.Rules
	writer *client.Writer
}

func newStage(t *testing.T, partitions int) *stage {
	t.Helper()
	on := newTopics()
	return stageAt(t, kafkatest.Start(t, on.list(partitions)...), on)
}

func stageAt(t *testing.T, addr string, on topics) *stage {
	t.Helper()
	bundle, err := rules()
	if err != nil {
		t.Fatalf("load the shipped policies: %v", err)
	}
	judging, err := collector.NewRules(bundle)
	if err != nil {
		t.Fatalf("prepare the rules: %v", err)
	}
	// A transport of its own: the client's default one remembers for seconds that there was no such topic. Its
	// questions for metadata end after as long, so it cannot be much shorter on a busy machine.
	transport := &client.Transport{MetadataTTL: 500 * time.Millisecond}
	w := &client.Writer{
		Addr: client.TCP(addr), Topic: on.interactions, Balancer: &client.Hash{}, RequiredAcks: client.RequireAll, Transport: transport,
		BatchTimeout: time.Millisecond, BatchBytes: 4 << 20, MaxAttempts: 10,
	}
	t.Cleanup(func() {
		w.Close()
		transport.CloseIdleConnections()
	})
	return &stage{t: t, topics: on, addr: addr, bundle: bundle, rules: judging, writer: w}
}

func (s *stage) produce(msgs ...client.Message) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := s.writer.WriteMessages(ctx, msgs...); err != nil {
		s.t.Fatalf("produce %d messages: %v", len(msgs), err)
	}
}

func (s *stage) options(store collector.Store) collector.Options {
	return collector.Options{
		Stream: stream.At(s.addr), Topic: s.interactions, Findings: s.findings, Rejects: s.rejects, Group: s.interactions, Store: store, Keys: newRing(), Rules: s.rules,
		Batch: collector.Limits{Wait: 20 * time.Millisecond}, Quiet: 50 * time.Millisecond, Grace: time.Second,
		Log: slog.New(slog.NewTextHandler(s.t.Output(), &slog.HandlerOptions{Level: slog.LevelError})), Health: collector.NewHealth(),
	}
}

// group names a consumer group of the stage's own.
func (s *stage) group(name string, n int) string {
	return fmt.Sprintf("%s.%s-%d", s.interactions, name, n)
}

// running is a collector at work.
type running struct {
	t      *testing.T
	stage  *stage
	health *collector.Health
	stop   func() // ends it and waits
	ended  chan struct{}
}

func (s *stage) start(o collector.Options) *running {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: s.t, stage: s, health: o.Health, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		if err := collector.Run(ctx, o); err != nil {
			s.t.Errorf("collector: %v", err)
		}
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-r.ended
	})
	s.t.Cleanup(r.stop)
	return r
}

// ends are where the partitions of the interactions topic end. A cluster that changes its leaders may need
// to be asked again.
func (s *stage) ends() (out map[int]int64) {
	s.t.Helper()
	eventually(s.t, func() string {
		var err error
		if out, err = s.askForEnds(); err != nil {
			return err.Error()
		}
		return ""
	})
	return out
}

func (s *stage) askForEnds() (map[int]int64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	conn, err := client.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	partitions, err := conn.ReadPartitions(s.interactions)
	if err != nil {
		return nil, err
	}
	out := map[int]int64{}
	for _, p := range partitions {
		leader, err := client.DialLeader(ctx, "tcp", s.addr, s.interactions, p.ID)
		if err != nil {
			return nil, err
		}
		end, err := leader.ReadLastOffset()
		leader.Close()
		if err != nil {
			return nil, err
		}
		out[p.ID] = end
	}
	return out, nil
}

// eventually waits until what says "" and fails with what it says last.
func eventually(t *testing.T, what func() string) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		wrong := what()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", within, wrong)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// sealed says whether collectors together have sealed everything that is in the log by now.
func sealed(ends map[int]int64, all ...*running) string {
	at := map[int]int64{}
	for _, r := range all {
		for _, p := range r.health.Report().Partitions {
			at[p.Partition] = max(at[p.Partition], p.Position)
		}
	}
	for p, end := range ends {
		if end > 0 && at[p] < end {
			return fmt.Sprintf("partition %d is sealed up to %d of %d", p, at[p], end)
		}
	}
	return ""
}

// hasRead waits until the first of its partitions is read up to an offset.
func (r *running) hasRead(end int64) {
	r.t.Helper()
	eventually(r.t, func() string {
		if p := r.health.Report().Partitions; len(p) == 0 || p[0].State != collector.Consuming || p[0].End < end {
			return fmt.Sprintf("not read up to %d: %+v", end, p)
		}
		return ""
	})
}

// atRest waits until everything is sealed and no session can go on without an event.
func (r *running) atRest() {
	r.t.Helper()
	ends := r.stage.ends()
	eventually(r.t, func() string {
		select {
		case <-r.ended:
			return "" // killed; the caller knows
		default:
		}
		if wrong := sealed(ends, r); wrong != "" {
			return fmt.Sprintf("%s: %+v", wrong, r.health.Report())
		}
		for _, p := range r.health.Report().Partitions {
			if p.Sessions > 0 {
				return fmt.Sprintf("partition %d has %d sessions in memory", p.Partition, p.Sessions)
			}
		}
		return ""
	})
}
