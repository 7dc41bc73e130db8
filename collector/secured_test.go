package collector_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"mingjian/collector"
	"mingjian/collector/stream"
	"mingjian/deploy/embedded/kafka/kafkatest"
	"mingjian/deploy/embedded/tlstest"
)

// signIn is what a mechanism is called by the broker, and the client's side of it; nil is none.
func signIn(t *testing.T, name, password string) sasl.Mechanism {
	t.Helper()
	var m sasl.Mechanism
	var err error
	switch name {
	case "PLAIN":
		m = plain.Mechanism{Username: kafkatest.User, Password: password}
	case "SCRAM-SHA-256":
		m, err = scram.Mechanism(scram.SHA256, kafkatest.User, password)
	case "SCRAM-SHA-512":
		m, err = scram.Mechanism(scram.SHA512, kafkatest.User, password)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// known is how a client is let in by brokers of the authority's.
func known(t *testing.T, a *tlstest.Authority, mechanism, addr string) stream.Cluster {
	t.Helper()
	c := stream.Cluster{Brokers: []string{addr}, TLS: a.Trusting(), SASL: signIn(t, mechanism, kafkatest.Password)}
	if mechanism == "" {
		pair, err := tls.LoadX509KeyPair(a.Issue("collector"))
		if err != nil {
			t.Fatal(err)
		}
		c.TLS.Certificates = []tls.Certificate{pair}
	}
	return c
}

// A collector reads, joins its group and publishes where brokers speak TLS only and want to know who comes, and says
// what is wrong where it is not let in.
func TestASecuredStreamIsFollowed(t *testing.T) {
	for _, mechanism := range []string{"", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run("by "+mechanism, func(t *testing.T) {
			a, on := tlstest.NewAuthority(t), newTopics()
			s := stageAt(t, kafkatest.StartSecured(t, a, mechanism, on.list(2)...), on)
			followed(t, s, known(t, a, mechanism, s.addr))

			wrong := known(t, a, mechanism, s.addr)
			wrong.TLS = tlstest.NewAuthority(t).Trusting()
			turnedAway(t, wrong, s.interactions, "--kafka-ca")
			wrong.TLS = a.Trusting()
			wrong.TLS.ServerName = "kafka-1"
			turnedAway(t, wrong, s.interactions, "as their certificates do")
			wrong = known(t, a, mechanism, s.addr)
			if mechanism == "" {
				wrong.TLS = a.Trusting()
				turnedAway(t, wrong, s.interactions, "--kafka-certificate")
				return
			}
			if mechanism == "PLAIN" {
				wrong.SASL = plain.Mechanism{Username: kafkatest.Stranger, Password: kafkatest.Password}
				if err := collector.TopicsExist(t.Context(), wrong, s.interactions); err == nil || !strings.Contains(err.Error(), "--kafka-user read and write it") {
					t.Errorf("who may not see the topic is told %v", err)
				}
			}
			wrong.SASL = signIn(t, mechanism, "guessed")
			turnedAway(t, wrong, s.interactions, "--kafka-sasl")
		})
	}
}

// followed has a collector at the cluster take eight events in, and find and publish what is wrong with them.
func followed(t *testing.T, s *stage, cluster stream.Cluster) {
	t.Helper()
	transport := cluster.Transport("test")
	t.Cleanup(transport.CloseIdleConnections)
	s.writer.Addr, s.writer.Transport = cluster.Addr(), transport
	s.produce(sorry(t, "secured", "DE").out...)
	store := newLedger()
	o := s.options(store)
	o.Stream = cluster
	r := s.start(o)
	eventually(t, func() string {
		if h := r.health.Report(); !h.Ready || !h.Healthy {
			return fmt.Sprintf("health %+v", h)
		}
		store.mu.Lock()
		defer store.mu.Unlock()
		if n := len(store.interactions); n != 8 {
			return fmt.Sprintf("%d interactions are stored", n)
		}
		return ""
	})
	r.stop()
	store.whole(t, 1)
	reader := client.NewReader(client.ReaderConfig{Brokers: cluster.Brokers, Topic: s.findings, MaxWait: 20 * time.Millisecond, Dialer: cluster.Dialer("test", within)})
	defer reader.Close()
	if m, err := reader.ReadMessage(t.Context()); err != nil || string(m.Key) != "secured" {
		t.Errorf("published was %q, %v", m.Key, err)
	}
}

func turnedAway(t *testing.T, cluster stream.Cluster, topic, why string) {
	t.Helper()
	err := collector.TopicsExist(t.Context(), cluster, topic)
	if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), cluster.Brokers[0]) || strings.Contains(err.Error(), "\n") {
		t.Errorf("refused with %v, which does not say %q", err, why)
	}
	if conn, err := cluster.Dialer("test", within).DialContext(t.Context(), "tcp", cluster.Brokers[0]); err == nil {
		// TLS 1.3: a client learns with its first answer that its certificate was wanted.
		if _, err = conn.Brokers(); err == nil {
			t.Errorf("a reader was let in, where it is refused with %q", why)
		}
		conn.Close()
	}
}
