// Package kafkatest gives a test a Kafka broker: one of its own, in the test's process and gone with
// it, or topics of its own in a Kafka that runs elsewhere, where MINGJIAN_TEST_KAFKA names one. A test
// that takes its broker from here says the same about both.
package kafkatest

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"mingjian/deploy/embedded/kafka"
)

// AddressVariable names a running Kafka, host:port, several separated by commas.
const AddressVariable = "MINGJIAN_TEST_KAFKA"

// topicWait bounds making topics, which a cluster spreads over its nodes first.
const topicWait = 30 * time.Second

// External reports whether brokers are not the test's own.
func External() bool { return os.Getenv(AddressVariable) != "" }

// Start gives a broker with the topics and returns its address (host:port). It runs on a free loopback
// port until the test ends; its log lies in a directory of the test's and is removed with it. An external
// one must not have the topics yet, so name them for the test alone; they stay there.
func Start(tb testing.TB, topics ...kafka.Topic) (addr string) {
	tb.Helper()
	if External() {
		addrs := strings.Split(os.Getenv(AddressVariable), ",")
		client, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
		if err != nil {
			tb.Fatal(err)
		}
		defer client.Close()
		MakeTopics(tb, client, topics)
		return addrs[0] // the others it tells by itself
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen for the test's broker: %v", err)
	}
	addr = l.Addr().String()
	o := kafka.Options{Data: tb.TempDir(), Listener: l, Topics: topics, Log: slog.New(slog.DiscardHandler)}
	// Not tb.Context: it ends before the cleanups, and other cleanups may still want the broker.
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- kafka.Run(ctx, o) }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Errorf("the test's broker: %v", err)
		}
	})
	return addr
}

// MakeTopics makes topics in the Kafka of a client, replicated as it replicates by default, and waits until
// each partition has a leader.
func MakeTopics(tb testing.TB, client *kgo.Client, topics []kafka.Topic) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), topicWait)
	defer cancel()
	req := kmsg.NewPtrCreateTopicsRequest()
	ask := kmsg.NewPtrMetadataRequest()
	for _, t := range topics {
		rt := kmsg.NewCreateTopicsRequestTopic()
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = t.Name, int32(t.Partitions), -1
		req.Topics = append(req.Topics, rt)
		mt := kmsg.NewMetadataRequestTopic()
		mt.Topic = kmsg.StringPtr(t.Name)
		ask.Topics = append(ask.Topics, mt)
	}
	made, err := req.RequestWith(ctx, client)
	if err != nil {
		tb.Fatalf("make topics: %v", err)
	}
	for _, t := range made.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			tb.Fatalf("make topic %s: %v", t.Topic, err)
		}
	}
	for {
		meta, err := ask.RequestWith(ctx, client)
		if err == nil && led(meta) {
			return
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("the topics have no leaders within %v: %v", topicWait, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// led reports whether each partition has a leader.
func led(meta *kmsg.MetadataResponse) bool {
	for _, t := range meta.Topics {
		if t.ErrorCode != 0 || len(t.Partitions) == 0 {
			return false
		}
		for _, p := range t.Partitions {
			if p.Leader < 0 || p.ErrorCode != 0 {
				return false
			}
		}
	}
	return true
}
