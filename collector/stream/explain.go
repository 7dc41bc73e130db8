package stream

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/segmentio/kafka-go"
)

// Explain adds the way out to an error of a cluster that does not let us in. Others stay as they are, and nil nil.
func Explain(err error) error {
	if out := wayOut(err); out != "" {
		return fmt.Errorf("%w: %s", err, out)
	}
	return err
}

func wayOut(err error) string {
	is := func(targets ...error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, misnamed := errors.AsType[x509.HostnameError](err)
	alert, alerted := errors.AsType[*net.OpError](err)
	switch {
	case unknown:
		return "name who signed the brokers' certificates (--kafka-ca)"
	case misnamed:
		return "call the brokers, and have them advertised, as their certificates do"
	case alerted && alert.Op == "remote error": // how crypto/tls hands on what the other side said
		return "see --kafka-certificate, where brokers want one of ours"
	case is(kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState):
		return "see --kafka-sasl, --kafka-user and the password"
	case is(kafka.TopicAuthorizationFailed):
		return "let the user of --kafka-user read and write the topic"
	case is(kafka.UnknownTopicOrPartition): // what the library's writer says of one that may not be seen, too
		return "make the topic first, or let the user of --kafka-user read and write it"
	case is(kafka.GroupAuthorizationFailed):
		return "let the user of --kafka-user read the group"
	case is(io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET):
		return "the connection was closed, as it is by a broker that stops, or with which we do not agree on TLS (--kafka-tls), or on mechanism, user and password (--kafka-sasl)"
	}
	return ""
}
