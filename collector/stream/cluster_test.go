package stream_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"

	"mingjian/collector/stream"
	"mingjian/deploy/embedded/kafka/kafkatest"
	"mingjian/deploy/embedded/tlstest"
)

// patience is what a connection gets here; within, what a test that waits for its end.
const (
	patience = 200 * time.Millisecond
	within   = time.Minute
)

// silent takes connections and never says anything.
func silent(t *testing.T, over func(net.Listener) net.Listener) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	listener := over(l)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			if secure, ok := conn.(*tls.Conn); ok {
				go func() { _ = secure.Handshake() }()
			}
		}
	}()
	return l.Addr().String()
}

// A broker that hangs, before TLS, after it, or when somebody wants to sign in, is given up.
func TestABrokerThatIsSilentIsGivenUp(t *testing.T) {
	a := tlstest.NewAuthority(t)
	clear := func(l net.Listener) net.Listener { return l }
	secure := func(l net.Listener) net.Listener { return tls.NewListener(l, a.Serving(false)) }
	nobody := plain.Mechanism{Username: "u", Password: "p"}
	for name, c := range map[string]stream.Cluster{
		"in the clear":      stream.At(silent(t, clear)),
		"before TLS":        {Brokers: []string{silent(t, clear)}, TLS: a.Trusting()},
		"before signing in": {Brokers: []string{silent(t, clear)}, SASL: nobody},
		"after TLS":         {Brokers: []string{silent(t, secure)}, TLS: a.Trusting(), SASL: nobody},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan string, 4)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			going, leave := context.WithCancel(t.Context())
			time.AfterFunc(patience, leave) // who asked has gone
			go func() {
				if err := c.Ping(going); err == nil {
					t.Error("Ping = nil")
				}
				ended <- "Ping that nobody waits for"
			}()
			go func() {
				if err := c.Ping(ctx); err == nil || strings.Contains(err.Error(), "\n") {
					t.Errorf("Ping = %v", err)
				}
				ended <- "Ping"
			}()
			go func() {
				conn, err := c.Dialer("test", patience).DialContext(t.Context(), "tcp", c.Brokers[0])
				if err == nil {
					conn.Close() // in the clear nothing is asked when it is made
				}
				ended <- "Dialer"
			}()
			go func() {
				transport := c.Transport("test")
				transport.DialTimeout = patience
				defer transport.CloseIdleConnections()
				if _, err := (&kafka.Client{Addr: c.Addr(), Transport: transport}).Metadata(t.Context(), &kafka.MetadataRequest{}); err == nil {
					t.Error("Metadata came")
				}
				ended <- "Transport"
			}()
			for range 4 {
				select {
				case <-ended:
				case <-time.After(within):
					t.Fatal("it is waited for without end")
				}
			}
		})
	}
}

// One broker that answers is enough, whatever the others do.
func TestOneBrokerThatAnswersIsEnough(t *testing.T) {
	a := tlstest.NewAuthority(t)
	c := stream.Cluster{TLS: a.Trusting(), SASL: plain.Mechanism{Username: kafkatest.User, Password: kafkatest.Password}}
	c.Brokers = []string{silent(t, func(l net.Listener) net.Listener { return tls.NewListener(l, a.Serving(false)) }), "127.0.0.1:1", kafkatest.StartSecured(t, a, "PLAIN")}
	var open atomic.Int64
	c.Dial = counting(&open, new(atomic.Int64))
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := c.Ping(ctx); err != nil {
		t.Error(err)
	}
	allClosed(t, &open)
}

// counting dials, and counts what is open and what was made.
func counting(open, made *atomic.Int64) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		open.Add(1)
		made.Add(1)
		return &counted{Conn: conn, open: open}, nil
	}
}

// allClosed waits until nothing is open.
func allClosed(t *testing.T, open *atomic.Int64) {
	t.Helper()
	for began := time.Now(); open.Load() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > within {
			t.Fatalf("%d connections are left open", open.Load())
		}
	}
}

// counted is a connection that says when it is closed.
type counted struct {
	net.Conn
	open *atomic.Int64
	once atomic.Bool
}

func (c *counted) Close() error {
	if c.once.CompareAndSwap(false, true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// A connection on which TLS or signing in failed is closed: a collector tries every second.
func TestNoConnectionIsLeftOpen(t *testing.T) {
	a := tlstest.NewAuthority(t)
	addr := kafkatest.StartSecured(t, a, "PLAIN")
	var open, made atomic.Int64
	dial := counting(&open, &made)
	for name, c := range map[string]stream.Cluster{
		"TLS":        {Brokers: []string{addr}, TLS: tlstest.NewAuthority(t).Trusting(), Dial: dial},
		"signing in": {Brokers: []string{addr}, TLS: a.Trusting(), SASL: plain.Mechanism{Username: "u", Password: "p"}, Dial: dial},
	} {
		before := made.Load()
		if conn, err := c.Dialer("test", within).DialContext(t.Context(), "tcp", addr); err == nil {
			conn.Close()
			t.Errorf("%s did not fail", name)
		}
		transport := c.Transport("test")
		if _, err := (&kafka.Client{Addr: c.Addr(), Transport: transport}).Metadata(t.Context(), &kafka.MetadataRequest{}); err == nil {
			t.Errorf("%s did not fail", name)
		}
		transport.CloseIdleConnections()
		if n := made.Load() - before; n < 2 {
			t.Fatalf("%s: %d connections were made", name, n)
		}
		allClosed(t, &open)
	}
}
