// Package stream says how the enterprise's Kafka is reached: at which brokers, whether over TLS, and as
// whom. All that speaks to it has its connections from a Cluster, so that none of them is in the clear where
// the others are not. (Bench and the embedded broker, which are on one machine, make their own.)
//
// Not promised: Kerberos, OAUTHBEARER and delegation tokens, and to authenticate again on a connection that
// lives (KIP-368): a broker that wants that closes the connection, and it is made anew.
package stream

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// Cluster is a Kafka and how it is reached. It is a value: a copy reaches the same one.
type Cluster struct {
	Brokers []string       // host:port; any of them tells of the others
	TLS     *tls.Config    // nil: in the clear. Without a ServerName each broker must be called as its certificate says
	SASL    sasl.Mechanism // nil: nobody in particular
	// Dial makes the connections that all goes over; nil: a net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// At is a cluster that is reached in the clear and asks for no names, as the embedded broker is.
func At(brokers ...string) Cluster { return Cluster{Brokers: brokers} }

// Addr is where a request goes that any broker can answer.
func (c Cluster) Addr() net.Addr { return kafka.TCP(c.Brokers...) }

// Transport makes connections for clients and writers, which brokers know by clientID. Who made it closes its
// idle connections.
func (c Cluster) Transport(clientID string) *kafka.Transport {
	return &kafka.Transport{ClientID: clientID, Dial: c.connect}
}

// Dialer makes connections for readers and consumer groups, each within timeout.
func (c Cluster) Dialer(clientID string, timeout time.Duration) *kafka.Dialer {
	return &kafka.Dialer{ClientID: clientID, Timeout: timeout, DialFunc: c.connect}
}

// connect makes a connection to a broker, over TLS and signed in where that is asked for, before ctx ends. The
// library (v0.4.51) does both by itself, but waits for a broker that is silent then whatever becomes of ctx, and leaves a
// connection open on which TLS failed.
func (c Cluster) connect(ctx context.Context, network, address string) (net.Conn, error) {
	dial := c.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	inTime := context.AfterFunc(ctx, func() { conn.Close() })
	ready, err := c.enter(ctx, conn, address)
	if !inTime() {
		return nil, fmt.Errorf("%s does not answer: %w", address, ctx.Err())
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return ready, nil
}

// enter speaks TLS over a connection and signs in; who closes conn ends it.
func (c Cluster) enter(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	if c.TLS != nil {
		config := c.TLS.Clone()
		if config.ServerName == "" {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			config.ServerName = host
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS with %s: %w", address, err)
		}
		conn = secure
	}
	if c.SASL == nil {
		return conn, nil
	}
	over := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	if _, err := (&kafka.Dialer{DialFunc: over, SASLMechanism: c.SASL}).DialContext(ctx, "tcp", address); err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Time{})
}

// Ping asks all brokers at once and returns nil with the first answer; the error is of one of them, in one line.
func (c Cluster) Ping(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan error, len(c.Brokers))
	for _, broker := range c.Brokers {
		go func() { answers <- c.ask(ctx, broker) }()
	}
	var fault error
	for range c.Brokers {
		if fault = <-answers; fault == nil {
			return nil
		}
	}
	return fmt.Errorf("no broker of %s answers: %w", c, Explain(fault))
}

// pingTimeout bounds a connection for Ping where its ctx does not; Kafka's clients wait as long for one
// (socket.connection.setup.timeout.ms).
const pingTimeout = 10 * time.Second

// ask has a broker answer. To be connected says nothing: one that hangs takes connections too.
func (c Cluster) ask(ctx context.Context, broker string) error {
	conn, err := c.Dialer("mingjian", pingTimeout).DialContext(ctx, "tcp", broker)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_, err = conn.ApiVersions()
	return err
}

// String names the brokers.
func (c Cluster) String() string { return strings.Join(c.Brokers, ", ") }
