// Package kafkatest gives a test a Kafka broker of its own, in the test's process and gone with it.
package kafkatest

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"mingjian/deploy/embedded/kafka"
)

// Start runs a broker with the topics on a free loopback port until the test ends, and returns its
// address (host:port). Its log lies in a directory of the test's and is removed with it.
func Start(tb testing.TB, topics ...kafka.Topic) (addr string) {
	tb.Helper()
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
