package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"mingjian/collector/stream"
)

// secured is what one's own servers ask of a connection. Passwords are never flags.
type secured struct {
	KafkaTLS         bool   `name:"kafka-tls" help:"Speak TLS with the brokers of --kafka."`
	KafkaCA          string `name:"kafka-ca" type:"path" help:"PEM file with who signed the brokers' certificates, instead of those whom this machine trusts; implies --kafka-tls." placeholder:"FILE"`
	KafkaCertificate string `name:"kafka-certificate" type:"path" help:"PEM file with our certificate, for brokers that ask for one, and its key where --kafka-key names no other; implies --kafka-tls." placeholder:"FILE"`
	KafkaKey         string `name:"kafka-key" type:"path" help:"PEM file with the key of --kafka-certificate." placeholder:"FILE"`
	KafkaSASL        string `name:"kafka-sasl" enum:",plain,scram-sha-256,scram-sha-512,PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:"" help:"How to sign in at the brokers: plain (over TLS only), scram-sha-256 or scram-sha-512." placeholder:"MECHANISM"`
	KafkaUser        string `name:"kafka-user" help:"Who signs in with --kafka-sasl; the password is read from MINGJIAN_KAFKA_PASSWORD, or the file that MINGJIAN_KAFKA_PASSWORD_FILE names." placeholder:"NAME"`
	ClickHouseCA     string `name:"clickhouse-ca" type:"path" help:"PEM file with who signed ClickHouse's certificate, instead of those whom this machine trusts." placeholder:"FILE"`
}

// The variables with the passwords at one's own servers; with _FILE behind it, each is one with the path of a
// file that holds it.
const (
	kafkaPassword      = "MINGJIAN_KAFKA_PASSWORD"
	clickhousePassword = "MINGJIAN_CLICKHOUSE_PASSWORD"
)

// secret reads a secret from a variable, or from the file that the variable with _FILE behind it names; "" where
// neither is set.
func secret(variable string) (string, error) {
	if value := os.Getenv(variable); value != "" {
		return value, nil
	}
	file := os.Getenv(variable + "_FILE")
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", variable, err)
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return "", fmt.Errorf("%s_FILE: %s is empty", variable, file)
	}
	return value, nil
}

// kafka is the cluster at the brokers, reached as the flags say.
func (s *secured) kafka(brokers []string) (stream.Cluster, error) {
	encryption, err := s.kafkaTLS()
	if err != nil {
		return stream.Cluster{}, err
	}
	mechanism, err := s.kafkaSASL(encryption != nil)
	return stream.Cluster{Brokers: brokers, TLS: encryption, SASL: mechanism}, err
}

// asksOfKafka says whether any flag asks something of connections to Kafka.
func (s *secured) asksOfKafka() bool {
	return s.KafkaTLS || cmp.Or(s.KafkaCA, s.KafkaCertificate, s.KafkaKey, s.KafkaSASL, s.KafkaUser) != ""
}

func (s *secured) kafkaTLS() (*tls.Config, error) {
	if s.KafkaKey != "" && s.KafkaCertificate == "" {
		return nil, errors.New("--kafka-key needs --kafka-certificate too")
	}
	if !s.KafkaTLS && s.KafkaCA == "" && s.KafkaCertificate == "" {
		return nil, nil
	}
	out, err := trusting(s.KafkaCA, "--kafka-ca")
	if err != nil || s.KafkaCertificate == "" {
		return out, err
	}
	// Read for each connection: certificates are renewed while a collector runs.
	out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(s.KafkaCertificate, cmp.Or(s.KafkaKey, s.KafkaCertificate))
		if err != nil {
			return nil, fmt.Errorf("--kafka-certificate: %w", err)
		}
		return &pair, nil
	}
	_, err = out.GetClientCertificate(nil)
	return out, err
}

func (s *secured) kafkaSASL(encrypted bool) (sasl.Mechanism, error) {
	if s.KafkaSASL == "" {
		if s.KafkaUser != "" {
			return nil, errors.New("--kafka-user needs --kafka-sasl too, which says how to sign in")
		}
		return nil, nil
	}
	password, err := secret(kafkaPassword)
	if err != nil {
		return nil, err
	}
	if s.KafkaUser == "" || password == "" {
		return nil, fmt.Errorf("--kafka-sasl needs --kafka-user, and the password in %s (or the file that %[1]s_FILE names)", kafkaPassword)
	}
	switch strings.ToLower(s.KafkaSASL) { // Kafka's own settings have capitals
	case "scram-sha-256":
		return byScram(scram.SHA256, s.KafkaUser, password)
	case "scram-sha-512":
		return byScram(scram.SHA512, s.KafkaUser, password)
	case "plain":
		if !encrypted {
			return nil, errors.New("--kafka-sasl plain sends the password as it is: add --kafka-tls, or sign in by scram-sha-512")
		}
		return plain.Mechanism{Username: s.KafkaUser, Password: password}, nil
	}
	return nil, fmt.Errorf("--kafka-sasl does not know %q", s.KafkaSASL)
}

// byScram does not hand on why it cannot be: the library's error has the password in it.
func byScram(hash scram.Algorithm, user, password string) (sasl.Mechanism, error) {
	mechanism, err := scram.Mechanism(hash, user, password)
	if err != nil {
		return nil, fmt.Errorf("--kafka-user or the password in %s has characters that SCRAM does not allow (RFC 4013), such as a line break", kafkaPassword)
	}
	return mechanism, nil
}

// trusting is TLS with servers whose certificates are signed by who is in a PEM file, or by whom this machine
// trusts where none is named. flag is what named it.
func trusting(file, flag string) (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if file == "" {
		return out, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, syscall.EISDIR) { // what is left empty becomes the working directory
		return nil, fmt.Errorf("%s was left empty, or names a directory: it is a PEM file", flag)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	out.RootCAs = x509.NewCertPool()
	if !out.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: there is no certificate in %s", flag, file)
	}
	return out, nil
}
