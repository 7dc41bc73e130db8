package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	client "github.com/segmentio/kafka-go"

	"mingjian/collector"
	"mingjian/collector/warehouse"
	"mingjian/policies"
)

// The names of the parts.
const (
	broker = "broker"
	engine = "engine"
	first  = "collector 1"
	second = "collector 2"
)

const partitions = 4

// within bounds every wait; a test that needs all of it has failed.
const within = 10 * time.Minute

// system is a broker, an engine and collectors, each a process, under a load.
type system struct {
	t      *testing.T
	parts  map[string]*part
	broker string // host:port
	engine string // host:port
	clock  string // the file that says how far the collectors' clocks are off
	seed   uint64
	rng    *rand.Rand // of the disturbances

	fast  map[string]func() // ends what made a part slow
	later sync.WaitGroup    // disturbances that were put off

	load *load
	sent atomic.Int64
}

// newSystem prepares the parts; they come with start.
func newSystem(t *testing.T, seed uint64) *system {
	t.Helper()
	dir := t.TempDir()
	s := &system{t: t, parts: map[string]*part{}, clock: filepath.Join(dir, "clock"), seed: seed, rng: rand.New(rand.NewPCG(seed, 2)), fast: map[string]func(){}}
	sockets := map[string]*net.TCPListener{}
	for _, name := range []string{broker, engine} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		sockets[name] = l.(*net.TCPListener)
	}
	s.broker, s.engine = sockets[broker].Addr().String(), sockets[engine].Addr().String()
	shared := filepath.Join(dir, "collector")
	if err := os.MkdirAll(shared, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{broker: filepath.Join(dir, broker), engine: filepath.Join(dir, engine), first: shared, second: shared} {
		log, err := os.Create(filepath.Join(dir, name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { log.Close() })
		p := &part{t: t, socket: sockets[name], log: log, role: role{
			Name: name, Data: data, Partitions: partitions, Broker: s.broker, Engine: "http://" + s.engine, Clock: s.clock,
		}}
		s.parts[name] = p
		t.Cleanup(p.leave)
	}
	t.Cleanup(func() {
		for _, name := range []string{first, second} {
			s.parts[name].leave() // while there is still somebody to leave
		}
		if t.Failed() {
			for _, p := range s.parts {
				t.Log(p.said())
			}
		}
	})
	return s
}

// start has broker, engine and the first collector come.
func (s *system) start() {
	s.t.Helper()
	for _, name := range []string{broker, engine, first} {
		s.parts[name].come()
	}
}

// send puts the load into the stream, so many messages in a second, and tells each step of the timeline
// when its share has been sent. Who is sent to may be away: it waits and sends again, as producers do.
func (s *system) send(l *load, count, rate int, steps []step) {
	s.t.Helper()
	s.load = l
	w := &client.Writer{
		Addr: client.TCP(s.broker), Topic: collector.InteractionsTopic, Balancer: client.Murmur2Balancer{}, RequiredAcks: client.RequireAll,
		BatchTimeout: 5 * time.Millisecond, BatchSize: 1000, MaxAttempts: 1 << 30, // a batch is never overtaken by the next
		Transport: &client.Transport{MetadataTTL: time.Second},
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*within)
	defer cancel()
	var pile []client.Message
	put := func(key, value []byte) {
		pile = append(pile, client.Message{Key: key, Value: value})
		if len(pile) < max(1, rate/10) {
			return
		}
		began := time.Now()
		s.write(ctx, w, pile)
		pile = pile[:0]
		time.Sleep(time.Until(began.Add(100 * time.Millisecond)))
	}
	for n := range count {
		for len(steps) > 0 && float64(n) >= steps[0].at*float64(count) {
			s.t.Logf("%8d sent: %s", n, steps[0].what)
			steps[0].do(s)
			steps = steps[1:]
		}
		put(l.next())
	}
	l.rest(put)
	s.write(ctx, w, pile)
	for _, st := range steps {
		s.t.Logf("%8d sent: %s", s.sent.Load(), st.what)
		st.do(s)
	}
	s.later.Wait()
}

// write sends messages until all are acknowledged. What was written without an answer comes again.
func (s *system) write(ctx context.Context, w *client.Writer, pile []client.Message) {
	for left := pile; len(left) > 0; {
		err := w.WriteMessages(ctx, left...)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			s.t.Fatalf("send %d messages: %v", len(left), err)
		}
		var each client.WriteErrors
		if errors.As(err, &each) {
			var again []client.Message
			for i, e := range each {
				if e != nil {
					again = append(again, left[i])
				}
			}
			left = again
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.sent.Add(int64(len(pile)))
}

// ends are where the partitions of a topic end.
func (s *system) ends(ctx context.Context, topic string, partitions int) (map[int]int64, error) {
	var asked []client.OffsetRequest
	for p := range partitions {
		asked = append(asked, client.LastOffsetOf(p))
	}
	c := &client.Client{Addr: client.TCP(s.broker), Transport: &client.Transport{}}
	defer c.Transport.(*client.Transport).CloseIdleConnections()
	res, err := c.ListOffsets(ctx, &client.ListOffsetsRequest{Topics: map[string][]client.OffsetRequest{topic: asked}})
	if err != nil {
		return nil, err
	}
	out := map[int]int64{}
	for _, p := range res.Topics[topic] {
		if p.Error != nil {
			return nil, p.Error
		}
		out[p.Partition] = p.LastOffset
	}
	return out, nil
}

// record opens the record for reading.
func (s *system) record(ctx context.Context) (*warehouse.Store, error) {
	return warehouse.Connect(ctx, warehouse.Options{Addr: "http://" + s.engine, User: "mingjian", Password: password, ReadOnly: true})
}

// sql opens the engine for queries of the test's own.
func (s *system) sql() chgo.Conn {
	s.t.Helper()
	conn, err := chgo.Open(&chgo.Options{Protocol: chgo.HTTP, Addr: []string{s.engine}, Auth: chgo.Auth{Database: warehouse.DefaultDatabase, Username: "mingjian", Password: password}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// atRest waits until everything is sealed and no session can go on without an event.
func (s *system) atRest() {
	s.t.Helper()
	wrong := "nothing was asked yet"
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
		wrong = s.moving(ctx)
		cancel()
		if wrong == "" {
			return
		}
	}
	s.t.Fatalf("not at rest after %v: %s", within, wrong)
}

// moving says what still goes on; "": nothing does.
func (s *system) moving(ctx context.Context) string {
	ends, err := s.ends(ctx, collector.InteractionsTopic, partitions)
	if err != nil {
		return err.Error()
	}
	record, err := s.record(ctx)
	if err != nil {
		return err.Error()
	}
	defer record.Close()
	progress, err := record.Progress(ctx, collector.InteractionsTopic)
	if err != nil {
		return err.Error()
	}
	for p, end := range ends {
		if seal := progress[p]; end > 0 && (seal.ID == "" || seal.Last+1 < end) {
			return fmt.Sprintf("partition %d is sealed up to %d of %d", p, seal.Last+1, end)
		}
	}
	conn := s.sql()
	var pending uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM sessions FINAL WHERE pending").Scan(&pending); err != nil {
		return err.Error()
	}
	if pending > 0 {
		return fmt.Sprintf("%d sessions can still go on", pending)
	}
	return ""
}

// step is one disturbance: at which share of the load, what it is called, and how it is done.
type step struct {
	at   float64
	what string
	do   func(*system)
}

// kill ends a part's process at once, and it is started again.
func kill(name string) func(*system) {
	return func(s *system) { s.parts[name].kill() }
}

// come starts a part, or starts it again.
func come(name string) func(*system) { return func(s *system) { s.parts[name].come() } }

// trial sends a load of long ago through the timeline, waits until the system is at rest, and judges it.
func (s *system) trial(d disorder, count, rate int, timeline []step) {
	s.t.Helper()
	s.run(d, longAgo, time.Now(), count, rate, timeline)
}

// run is trial with conversations from a moment on, whose deadlines have all passed by now.
func (s *system) run(d disorder, from, now time.Time, count, rate int, timeline []step) {
	s.t.Helper()
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		s.t.Fatal(err)
	}
	s.start()
	began := time.Now()
	s.send(newLoad(s.t, bundle, s.seed, d, from, now), count, rate, timeline)
	sent := time.Now()
	s.atRest()
	s.t.Logf("sent in %v, at rest %v after that", sent.Sub(began).Round(time.Second), time.Since(sent).Round(time.Second))
	s.judge()
}
