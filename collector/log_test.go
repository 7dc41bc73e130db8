package collector_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	client "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
)

// plainBroker is a broker where a test may do to the log what ours forbids: one of the library itself, or
// Apache Kafka.
func plainBroker(t *testing.T) *stage {
	t.Helper()
	if kafkatest.External() {
		return newStage(t, 1)
	}
	return libraryBroker(t, newTopics())
}

func libraryBroker(t *testing.T, on topics) *stage {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1),
		kfake.SeedTopics(1, on.interactions, on.findings, on.rejects))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return stageAt(t, cluster.ListenAddrs()[0], on)
}

func admin(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// transact sends one transaction and ends it.
func (s *stage) transact(t *testing.T, c *kgo.Client, end kgo.TransactionEndTry, msgs ...client.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, m := range msgs {
		c.Produce(ctx, &kgo.Record{Topic: s.interactions, Key: m.Key, Value: m.Value}, nil)
	}
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.EndTransaction(ctx, end); err != nil {
		t.Fatal(err)
	}
}

func TestTransactionsAreReadAsCommittedAndEveryOffsetAccountedFor(t *testing.T) {
	s := plainBroker(t)
	store := newLedger()
	one, two := admin(t, s.addr, kgo.TransactionalID("one")), admin(t, s.addr, kgo.TransactionalID("two"))
	s.transact(t, one, kgo.TryCommit, sorry(t, "kept", "CN").out...)   // 8 and a marker
	s.transact(t, one, kgo.TryAbort, sorry(t, "undone", "CN").out...)  // 8 and a marker
	s.produce(sorry(t, "plain", "CN").out...)                          // 8
	s.transact(t, two, kgo.TryAbort, sorry(t, "undone2", "CN").out...) // 8 and a marker
	s.transact(t, one, kgo.TryCommit, sorry(t, "kept2", "CN").out...)  // 8 and a marker, at the end
	o := s.options(store)
	o.Batch.Messages = 5
	r := s.start(o)
	r.atRest()
	if n := len(store.interactions); n != 24 {
		t.Errorf("%d interactions, want 24", n)
	}
	for k := range store.interactions {
		if k[1] == "undone" || k[1] == "undone2" {
			t.Errorf("an aborted event is in the record: %v", k)
		}
	}
	if stored, repeats, rejected, control := store.dispositions(t); stored != 24 || control != 20 || repeats+rejected != 0 {
		t.Errorf("dispositions %d %d %d %d, want 24 stored and 20 without a message", stored, repeats, rejected, control)
	}
	for _, chain := range store.standing() {
		if last := chain[len(chain)-1].Last; last != 43 {
			t.Errorf("sealed up to %d, want 43", last)
		}
	}
}

// truncate removes what is before an offset, as retention does.
func (s *stage) truncate(t *testing.T, before int64) {
	t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = int32(within.Milliseconds())
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = s.interactions
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Offset = before
	topic.Partitions = append(topic.Partitions, p)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(t.Context(), admin(t, s.addr))
	if err != nil || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("truncate: %v %+v", err, resp)
	}
}

func TestMessagesThatRetentionTookAreMissedAloud(t *testing.T) {
	s := plainBroker(t)
	store := newLedger()
	s.produce(sorry(t, "a", "CN").out...)
	r := s.start(s.options(store))
	r.atRest()
	r.stop()
	s.produce(sorry(t, "b", "CN").out...) // 8–15, of which 8–11 are removed
	s.truncate(t, 12)
	r = s.start(s.options(store))
	r.atRest()
	if n := len(store.interactions); n != 12 {
		t.Errorf("%d interactions, want 12", n)
	}
	h := r.health.Report()
	if want := "offsets 8 to 11 are lost"; h.Healthy || len(h.Problems) == 0 || !contains(h.Problems, want) {
		t.Errorf("health %+v, want a problem with %q", h, want)
	}
	chain := store.standing()[0]
	if last := chain[len(chain)-1]; chain[len(chain)-1].First != 12 || last.Last != 15 || last.Previous != chain[len(chain)-2].ID {
		t.Errorf("the seal behind the hole is %+v", last)
	}
}

func TestALogThatEndsBeforeTheRecordIsNotTouched(t *testing.T) {
	store := newLedger()
	s := libraryBroker(t, newTopics())
	s.produce(sorry(t, "a", "CN").out...)
	r := s.start(s.options(store))
	r.atRest()
	r.stop()
	other := libraryBroker(t, s.topics) // another log under the same name
	other.produce(sorry(t, "b", "CN").out[:3]...)
	r = other.start(other.options(store))
	eventually(t, func() string {
		if h := r.health.Report(); h.Ready || !contains(h.Problems, "the broker's log ends at offset 3, and the record goes to 7") {
			return fmt.Sprintf("health %+v", h)
		}
		return ""
	})
	if n := len(store.interactions); n != 8 {
		t.Errorf("%d interactions, want the 8 of before", n)
	}
}

func contains(sentences []string, part string) bool {
	return strings.Contains(strings.Join(sentences, "\n"), part)
}

// restartable is our own broker on an address and directory that stay.
func restartable(t *testing.T, addr, dir string, on topics) (at string, stop func()) {
	t.Helper()
	var l net.Listener
	eventually(t, func() (wrong string) {
		var err error
		if l, err = net.Listen("tcp", addr); err != nil {
			return err.Error()
		}
		return ""
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- kafka.Run(ctx, kafka.Options{Data: dir, Listener: l, Log: slog.New(slog.DiscardHandler), Topics: on.list(2)})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("broker: %v", err)
		}
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func TestBrokerThatComesBackIsReadOn(t *testing.T) {
	dir := t.TempDir()
	on := newTopics()
	addr, stop := restartable(t, "127.0.0.1:0", dir, on)
	s := stageAt(t, addr, on)
	store := newLedger()
	r := s.start(s.options(store))
	s.produce(sorry(t, "a", "CN").out...)
	r.atRest()
	stop()
	eventually(t, func() string {
		if h := r.health.Report(); h.Ready || !h.Healthy {
			return fmt.Sprintf("health %+v", h)
		}
		return ""
	})
	_, stop = restartable(t, addr, dir, on)
	s.produce(sorry(t, "b", "CN").out...)
	r.atRest()
	if n := len(store.interactions); n != 16 {
		t.Errorf("%d interactions, want 16", n)
	}
	if stored, repeats, _, _ := store.dispositions(t); stored != 16 || repeats != 0 {
		t.Errorf("%d stored and %d repeats sealed, want 16 and 0", stored, repeats)
	}
	eventually(t, func() string {
		if h := r.health.Report(); !h.Ready || !h.Healthy {
			return fmt.Sprintf("health %+v", h)
		}
		return ""
	})
	r.stop()
	stop()
}

// Two collectors that both believe to own a partition do no harm to each other.
func TestOwnersWhoDoNotKnowOfEachOther(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	calm, shared := newLedger(), newLedger()
	var both []*running
	for i := range 2 {
		o := s.options(shared)
		o.Group, o.Batch.Messages = s.group("owner", i), 3+i
		both = append(both, s.start(o))
	}
	for i := range 15 {
		s.produce(sorry(t, fmt.Sprintf("s%d", i), "DE").out...)
		s.produce(waiting(t, fmt.Sprintf("w%d", i), noon).out...)
	}
	for _, r := range both {
		r.atRest()
		r.stop()
	}
	for group, store := range map[string]*ledger{"calm": calm, "after": shared} {
		o := s.options(store)
		o.Group = s.group(group, 1)
		r := s.start(o)
		r.atRest()
		r.stop()
	}
	if d := differ(calm.views(), shared.views()); d != "" {
		t.Errorf("the views differ:\n%s", d)
	}
	shared.dispositions(t)
}
