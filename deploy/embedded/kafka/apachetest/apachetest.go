// Package apachetest gives a test Apache Kafka itself, of one node or of several that replicate:
//
//	cluster := apachetest.Start(t, 3)
//	cluster.Kill(cluster.Leader(t, topic, 0))
//
// Every node is a Java process of its own on loopback ports, broker and KRaft controller in one, with a
// heap of 384 MiB; it is ready in about five seconds. The jars are where MINGJIAN_KAFKA_JARS says:
//
//	mvn -f .ci/kafka.pom dependency:copy-dependencies -DoutputDirectory=DIR
//
// A test that wants any broker, and not this one's faults, uses package kafkatest, which takes a running
// cluster by its address.
//
// One that StartSecured gives speaks TLS only and wants to know who comes.
//
// Not promised: durability over a loss of power (nothing is flushed).
package apachetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
	"mingjian/deploy/embedded/tlstest"
)

// JarsVariable names the directory with Apache Kafka's jars.
const JarsVariable = "MINGJIAN_KAFKA_JARS"

const (
	// heap is enough for thousands of small topics; three nodes and their tests fit a small machine.
	heap = "-Xmx384m"
	// readyWait bounds how long a node may take until it serves; a busy machine is slow.
	readyWait = 2 * time.Minute
	// stopWait bounds an orderly stop, in which a node hands its partitions over.
	stopWait = 30 * time.Second
	// clusterID is any 16 bytes in base64.
	clusterID = "bWluZ2ppYW4tLXRlc3RzIQ"
)

// Cluster is a running Apache Kafka. Nodes count from 1. Its methods are not safe for use by several
// goroutines at once.
type Cluster struct {
	tb    testing.TB
	dir   string
	jars  string
	nodes []*node
	// by is the authority of a cluster that StartSecured gave; nil: it is spoken to in the clear.
	by *tlstest.Authority
}

type node struct {
	id                 int
	broker, controller string // host:port
	cmd                *exec.Cmd
	ended              chan struct{} // closed when it has
}

// Start formats the storage of so many nodes, starts them and waits until all of them serve. They are
// ended, and their storage removed, when the test is.
func Start(tb testing.TB, nodes int) *Cluster {
	tb.Helper()
	return start(tb, nodes, nil)
}

// StartSecured is Start of one node that speaks TLS only, with a certificate that the authority signed, and lets
// kafkatest.User in with kafkatest.Password, by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
func StartSecured(tb testing.TB, by *tlstest.Authority) *Cluster {
	tb.Helper()
	return start(tb, 1, by)
}

func start(tb testing.TB, nodes int, by *tlstest.Authority) *Cluster {
	tb.Helper()
	jars := os.Getenv(JarsVariable)
	if found, _ := filepath.Glob(filepath.Join(jars, "kafka_*.jar")); len(found) == 0 {
		tb.Fatalf("%s=%q is no directory with Apache Kafka's jars: 'mvn -f .ci/kafka.pom dependency:copy-dependencies -DoutputDirectory=DIR' fills one", JarsVariable, jars)
	}
	c := &Cluster{tb: tb, dir: tb.TempDir(), jars: filepath.Join(jars, "*"), by: by}
	for id := range nodes {
		c.nodes = append(c.nodes, &node{id: id + 1})
	}
	c.takePorts()
	tb.Cleanup(c.stop)
	for _, n := range c.nodes {
		c.format(n)
		c.start(n)
	}
	for _, n := range c.nodes {
		c.awaitServing(n)
	}
	return c
}

// takePorts finds two free ports for each node. They are given free again before Kafka takes them, so
// that another process could come between; then the node does not start, and says so.
func (c *Cluster) takePorts() {
	c.tb.Helper()
	take := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			c.tb.Fatalf("find a free port: %v", err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	for _, n := range c.nodes {
		n.broker, n.controller = take(), take()
	}
}

// properties is a node's configuration; what is not named has Kafka's default.
func (c *Cluster) properties(n *node) string {
	var voters []string
	for _, v := range c.nodes {
		voters = append(voters, fmt.Sprintf("%d@%s", v.id, v.controller))
	}
	replicas := c.replicas()
	protocol := "PLAINTEXT"
	if c.by != nil {
		protocol = "SASL_SSL"
	}
	return strings.Join(append([]string{
		fmt.Sprintf("node.id=%d", n.id),
		"process.roles=broker,controller",
		"controller.quorum.voters=" + strings.Join(voters, ","),
		"controller.listener.names=CONTROLLER",
		fmt.Sprintf("listeners=%s://%s,CONTROLLER://%s", protocol, n.broker, n.controller),
		fmt.Sprintf("advertised.listeners=%s://%s", protocol, n.broker),
		"listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
		"inter.broker.listener.name=" + protocol,
		"log.dirs=" + filepath.Join(c.nodeDir(n), "log"),
		"auto.create.topics.enable=false",
		// What is acknowledged by all in sync is on two of three nodes, so that one may be killed.
		fmt.Sprintf("default.replication.factor=%d", replicas),
		fmt.Sprintf("min.insync.replicas=%d", (replicas+1)/2),
		fmt.Sprintf("offsets.topic.replication.factor=%d", replicas),
		fmt.Sprintf("transaction.state.log.replication.factor=%d", replicas),
		fmt.Sprintf("transaction.state.log.min.isr=%d", (replicas+1)/2),
		"offsets.topic.num.partitions=3",
		"transaction.state.log.num.partitions=3",
		// A dead node is missed after six seconds instead of nine, and a group of a test waits for nobody.
		"broker.heartbeat.interval.ms=1000",
		"broker.session.timeout.ms=6000",
		"group.initial.rebalance.delay.ms=0",
		// The default would take a third of the heap.
		"log.cleaner.dedupe.buffer.size=4194304",
	}, c.security()...), "\n") + "\n"
}

// security is what a node asks of its clients.
func (c *Cluster) security() []string {
	if c.by == nil {
		return nil
	}
	certificate, key := c.by.Issue("broker")
	both := filepath.Join(c.dir, "broker.pem") // Kafka reads both from one file
	var text []byte
	for _, file := range []string{key, certificate} {
		part, err := os.ReadFile(file)
		if err != nil {
			c.tb.Fatal(err)
		}
		text = append(text, part...)
	}
	if err := os.WriteFile(both, text, 0o600); err != nil {
		c.tb.Fatal(err)
	}
	const module = "org.apache.kafka.common.security."
	return []string{
		"ssl.keystore.type=PEM", "ssl.keystore.location=" + both,
		"ssl.truststore.type=PEM", "ssl.truststore.location=" + c.by.File,
		"sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"sasl.mechanism.inter.broker.protocol=PLAIN",
		fmt.Sprintf("listener.name.sasl_ssl.plain.sasl.jaas.config=%splain.PlainLoginModule required username=%q password=%q user_%[2]s=%[3]q;", module, kafkatest.User, kafkatest.Password),
		"listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=" + module + "scram.ScramLoginModule required;",
		"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=" + module + "scram.ScramLoginModule required;",
	}
}

// client is one that the cluster lets in.
func (c *Cluster) client(addrs ...string) (*kgo.Client, error) {
	options := []kgo.Opt{kgo.SeedBrokers(addrs...)}
	if c.by != nil {
		options = append(options, kgo.DialTLSConfig(c.by.Trusting()), kgo.SASL(plain.Auth{User: kafkatest.User, Pass: kafkatest.Password}.AsMechanism()))
	}
	return kgo.NewClient(options...)
}

// MakeTopics makes topics in the cluster and waits until each partition has a leader.
func (c *Cluster) MakeTopics(topics ...kafka.Topic) {
	c.tb.Helper()
	client, err := c.client(c.Addrs()...)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer client.Close()
	kafkatest.MakeTopics(c.tb, client, topics)
}

func (c *Cluster) replicas() int { return min(3, len(c.nodes)) }

func (c *Cluster) nodeDir(n *node) string { return filepath.Join(c.dir, fmt.Sprintf("node-%d", n.id)) }

func (c *Cluster) config(n *node) string { return filepath.Join(c.nodeDir(n), "server.properties") }

// format makes a node's storage.
func (c *Cluster) format(n *node) {
	c.tb.Helper()
	if err := os.MkdirAll(c.nodeDir(n), 0o700); err != nil {
		c.tb.Fatal(err)
	}
	if err := os.WriteFile(c.config(n), []byte(c.properties(n)), 0o600); err != nil {
		c.tb.Fatal(err)
	}
	args := []string{"format", "--cluster-id", clusterID, "--config", c.config(n)}
	if c.by != nil {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, kafkatest.User, kafkatest.Password))
		}
	}
	said, err := c.java("kafka.tools.StorageTool", args...).CombinedOutput()
	if err != nil {
		c.tb.Fatalf("format the storage of node %d: %v\n%s", n.id, err, said)
	}
}

func (c *Cluster) java(class string, args ...string) *exec.Cmd {
	return exec.Command("java", append([]string{heap, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", c.jars, class}, args...)...)
}

// start runs a node, which writes to a file of its own.
func (c *Cluster) start(n *node) {
	c.tb.Helper()
	log, err := os.OpenFile(c.logFile(n), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer log.Close()
	n.cmd = c.java("kafka.Kafka", c.config(n))
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a test that times out cleans nothing up
	if err := n.cmd.Start(); err != nil {
		c.tb.Fatalf("start node %d: %v", n.id, err)
	}
	ended := make(chan struct{})
	n.ended = ended
	go func(cmd *exec.Cmd) {
		defer close(ended)
		_ = cmd.Wait() // killed, or it says why in its log
	}(n.cmd)
}

func (c *Cluster) logFile(n *node) string { return filepath.Join(c.nodeDir(n), "server.log") }

// awaitServing waits until a node takes part: it is in its own answer about the cluster's brokers.
func (c *Cluster) awaitServing(n *node) {
	c.tb.Helper()
	client, err := c.client(n.broker)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer client.Close()
	for deadline := time.Now().Add(readyWait); ; time.Sleep(100 * time.Millisecond) {
		select {
		case <-n.ended:
			said, _ := os.ReadFile(c.logFile(n))
			c.tb.Fatalf("node %d ended by itself:\n%s", n.id, said)
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		brokers, err := describe(ctx, client, nil)
		cancel()
		if err == nil {
			for _, b := range brokers.Brokers {
				if int(b.NodeID) == n.id {
					return
				}
			}
			err = errors.New("it is not among the brokers yet")
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(c.logFile(n))
			c.tb.Fatalf("node %d does not serve: %v\n%s", n.id, err, said)
		}
	}
}

// describe asks for brokers and a topic; nil is no topic.
func describe(ctx context.Context, client *kgo.Client, topic *string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	if topic != nil {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = topic
		req.Topics = append(req.Topics, t)
	}
	return req.RequestWith(ctx, client)
}

// Addrs are the brokers' addresses, host:port, node 1 first; they stay the same.
func (c *Cluster) Addrs() []string {
	var out []string
	for _, n := range c.nodes {
		out = append(out, n.broker)
	}
	return out
}

// Kill ends a node at once, as a crash would.
func (c *Cluster) Kill(id int) {
	c.tb.Helper()
	n := c.nodes[id-1]
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.tb.Fatalf("kill node %d: %v", id, err)
	}
	<-n.ended
}

// Restart starts a node again, after Kill, or after it was stopped in order; it serves when this returns.
func (c *Cluster) Restart(id int) {
	c.tb.Helper()
	n := c.nodes[id-1]
	c.end(n)
	c.start(n)
	c.awaitServing(n)
}

// Leader gives the node that leads a partition, waiting for one where there is none.
func (c *Cluster) Leader(tb testing.TB, topic string, partition int) int {
	tb.Helper()
	client, err := c.client(c.Addrs()...)
	if err != nil {
		tb.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), readyWait)
	defer cancel()
	for {
		meta, err := describe(ctx, client, &topic)
		if err == nil {
			for _, p := range meta.Topics[0].Partitions {
				if int(p.Partition) == partition && p.Leader > 0 {
					return int(p.Leader)
				}
			}
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("partition %d of %s has no leader (%v)", partition, topic, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// end stops a node in order; one that was killed is no trouble.
func (c *Cluster) end(n *node) {
	if n.cmd == nil || n.cmd.Process == nil {
		return
	}
	_ = n.cmd.Process.Signal(os.Interrupt) // ended already, where that fails
	select {
	case <-n.ended:
	case <-time.After(stopWait):
		_ = n.cmd.Process.Kill()
		<-n.ended
	}
}

// stop ends all nodes at once: in order, each would wait for a majority of the others.
func (c *Cluster) stop() {
	for _, n := range c.nodes {
		if n.ended != nil {
			_ = n.cmd.Process.Kill()
			<-n.ended
		}
	}
}
