// Package stream says how the enterprise's Kafka is reached: at which brokers, whether over TLS, and as
// whom. All that speaks to Kafka has its connections from a Cluster, so that none of them is in the clear
// where the others are not.
//
// Not promised: Kerberos, OAUTHBEARER and delegation tokens, and to authenticate again on a connection that
// lives (KIP-368): a broker that wants that closes the connection, and it is made anew.
package stream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// Cluster is a Kafka and how it is reached. It is a value: a copy reaches the same one.
type Cluster struct {
	Brokers []string       // host:port; any of them tells of the others
	TLS     *tls.Config    // nil: connections are in the clear. Without a ServerName each broker must be called as its certificate says
	SASL    sasl.Mechanism // nil: nobody in particular
}

// At is a cluster that is reached in the clear and asks for no names, as the embedded broker is.
func At(brokers ...string) Cluster { return Cluster{Brokers: brokers} }

// Addr is where a request goes that any broker can answer.
func (c Cluster) Addr() net.Addr { return kafka.TCP(c.Brokers...) }

// Transport makes connections for clients and writers, which brokers know by clientID. Who made it closes its
// idle connections.
func (c Cluster) Transport(clientID string) *kafka.Transport {
	return &kafka.Transport{ClientID: clientID, TLS: c.TLS, SASL: c.SASL}
}

// Dialer makes connections for readers and consumer groups, each within timeout.
func (c Cluster) Dialer(clientID string, timeout time.Duration) *kafka.Dialer {
	return &kafka.Dialer{ClientID: clientID, Timeout: timeout, TLS: c.TLS, SASLMechanism: c.SASL}
}

// Explain adds the way out to an error of a connection that could not be had. Kafka closes it without a word on a
// client that speaks another protocol than it does, and mostly on one that it does not know. Other errors stay as they
// are, and nil nil.
func (c Cluster) Explain(err error) error {
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return fmt.Errorf("%w: name who signed the brokers' certificates (--kafka-ca), and brokers as these call them", err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("%w: %s closed the connection, as a broker does with which we do not agree on TLS (--kafka-tls), or on mechanism, user and password (--kafka-sasl)", err, c)
	}
	return err
}

// String names the brokers.
func (c Cluster) String() string { return strings.Join(c.Brokers, ", ") }
