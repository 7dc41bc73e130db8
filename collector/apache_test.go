//go:build kafka

package collector_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"mingjian/collector"
	"mingjian/collector/stream"
	"mingjian/deploy/embedded/kafka/apachetest"
	"mingjian/deploy/embedded/kafka/kafkatest"
	"mingjian/deploy/embedded/tlstest"
)

// ownBroker are the tests that end or replace their broker, which a cluster that others use must not be, or have
// a secured one; the tests below do that with Apache Kafka.
const ownBroker = "^(TestApache|TestASecured|TestBrokerThatComesBackIsReadOn$|TestALogThatEndsBeforeTheRecordIsNotTouched$)"

// Every test of this package once more, with Apache Kafka for the embedded broker.
func TestApacheKafkaDeliversAlike(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			cluster := apachetest.Start(t, nodes)
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(self, "-test.v", "-test.skip", ownBroker)
			cmd.Env = append(os.Environ(), kafkatest.AddressVariable+"="+strings.Join(cluster.Addrs(), ","))
			said, err := cmd.CombinedOutput()
			passed, failed := strings.Count(string(said), "\n--- PASS"), strings.Count(string(said), "\n--- FAIL")
			if err != nil || failed > 0 {
				t.Fatalf("%v\n%s", err, said)
			}
			t.Logf("%d tests passed", passed)
			if passed < 20 {
				t.Fatalf("too few:\n%s", said)
			}
		})
	}
}

// onCluster is a stage on a cluster, whose collectors and producers know all nodes.
func onCluster(t *testing.T, c *apachetest.Cluster, partitions int) *stage {
	t.Helper()
	t.Setenv(kafkatest.AddressVariable, strings.Join(c.Addrs(), ","))
	s := newStage(t, partitions)
	s.writer.Addr = client.TCP(c.Addrs()...)
	return s
}

// insist produces until everything is acknowledged, through any restart and change of leaders.
func (s *stage) insist(msgs ...client.Message) {
	ctx, cancel := context.WithTimeout(s.t.Context(), within)
	defer cancel()
	for left := msgs; ; time.Sleep(100 * time.Millisecond) {
		err := s.writer.WriteMessages(ctx, left...)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			s.t.Errorf("produce %d messages: %v", len(left), err)
			return
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
	}
}

func (s *stage) startOn(c *apachetest.Cluster, store collector.Store) *running {
	o := s.options(store)
	o.Stream = stream.At(c.Addrs()...)
	return s.start(o)
}

// Apache Kafka itself, as it is mostly run: over TLS, and with names.
func TestApacheKafkaLetsInWhoIsKnown(t *testing.T) {
	a := tlstest.NewAuthority(t)
	c := apachetest.StartSecured(t, a)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			on := newTopics()
			c.MakeTopics(on.list(2)...)
			cluster := known(t, a, mechanism, c.Addrs()[0])
			followed(t, stageAt(t, c.Addrs()[0], on), cluster)
			cluster.SASL = signIn(t, mechanism, "guessed")
			turnedAway(t, cluster, on.interactions, "--kafka-user")
		})
	}
}

// A single node is stopped in order, and killed, while interactions are on their way.
func TestApacheBrokerRestartsLoseNothing(t *testing.T) {
	c := apachetest.Start(t, 1)
	s := onCluster(t, c, 2)
	store := newLedger()
	r := s.startOn(c, store)
	const each = 50
	for round, end := range []func(){func() { c.Restart(1) }, func() { c.Kill(1); c.Restart(1) }} {
		sending := make(chan struct{})
		go func() {
			defer close(sending)
			for i := range each {
				s.insist(sorry(t, fmt.Sprintf("r%d-%d", round, i), "DE").out...)
			}
		}()
		eventually(t, func() string {
			store.mu.Lock()
			defer store.mu.Unlock()
			if len(store.interactions) <= round*8*each {
				return "nothing of this round is stored"
			}
			return ""
		})
		end()
		<-sending
	}
	r.atRest()
	store.whole(t, 2*each)
	eventually(t, func() string {
		if h := r.health.Report(); !h.Ready || !h.Healthy {
			return fmt.Sprintf("health %+v", h)
		}
		return ""
	})
}

// Of three nodes the one that leads a partition is killed, and the next, once the first is back: with each,
// partitions, the group and transactions change their leaders while all of them are in use.
func TestApacheLeadersAreKilledAndNothingIsLost(t *testing.T) {
	c := apachetest.Start(t, 3)
	s := onCluster(t, c, 3)
	store := newLedger()
	r := s.startOn(c, store)
	producer, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...), kgo.TransactionalID(s.interactions))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	const each, rounds = 30, 2
	kept := 0
	for round := range rounds {
		leader := c.Leader(t, s.interactions, 0)
		sending := make(chan struct{})
		go func() {
			defer close(sending)
			for i := range each {
				s.insist(sorry(t, fmt.Sprintf("l%d-%d", round, i), "DE").out...)
			}
		}()
		// A transaction that the death of the leader interrupts may be refused in the end; then it did not happen.
		inside := sorry(t, fmt.Sprintf("t%d", round), "DE")
		committed := s.transaction(t, producer, func() { c.Kill(leader) }, kgo.TryCommit, inside.out)
		<-sending
		if committed {
			kept++
		}
		if now := c.Leader(t, s.interactions, 0); now == leader {
			t.Errorf("round %d: node %d leads still", round, leader)
		}
		s.addr = c.Addrs()[leader%3] // one that lives
		r.atRest()
		c.Restart(leader)
		s.transaction(t, producer, func() {}, kgo.TryAbort, sorry(t, fmt.Sprintf("a%d", round), "DE").out)
		if s.transaction(t, producer, func() {}, kgo.TryCommit, sorry(t, fmt.Sprintf("k%d", round), "DE").out) {
			kept++
		}
	}
	r.atRest()
	store.whole(t, rounds*each+kept)
	if _, _, _, control := store.dispositions(t); control < 2*rounds {
		t.Errorf("%d offsets without a message are sealed, and each of %d transactions left one at least", control, 2*rounds)
	}
	for _, k := range slices.Collect(maps.Keys(store.interactions)) {
		if strings.HasPrefix(k[1], "a") {
			t.Errorf("an aborted event is in the record: %v", k)
		}
	}
	t.Logf("%d of %d transactions were committed", kept, 2*rounds)
}

// transaction sends one in which something happens, and says whether it was committed. Where the producer
// cannot tell it has ended it with an abort.
func (s *stage) transaction(t *testing.T, producer *kgo.Client, meanwhile func(), end kgo.TransactionEndTry, msgs []client.Message) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*within)
	defer cancel()
	if err := producer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	half := len(msgs) / 2
	var failed error
	put := func(msgs []client.Message) {
		for _, m := range msgs {
			producer.Produce(ctx, &kgo.Record{Topic: s.interactions, Key: m.Key, Value: m.Value}, func(_ *kgo.Record, err error) {
				if err != nil {
					failed = err
				}
			})
		}
		if err := producer.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	put(msgs[:half])
	meanwhile()
	put(msgs[half:])
	if failed != nil {
		end = kgo.TryAbort
	}
	for {
		err := producer.EndTransaction(ctx, end)
		if err == nil {
			return end == kgo.TryCommit
		}
		if ctx.Err() != nil {
			t.Fatalf("end the transaction: %v (after %v)", err, failed)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
