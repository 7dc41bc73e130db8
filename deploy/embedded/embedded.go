// Package embedded runs what an installation needs beside the application itself, where nobody
// provides it: a Kafka broker and a ClickHouse server, each in a process of its own, so that either
// can die or be killed without taking anything else along.
//
// Run takes the data directory's lock, binds both listening sockets, and starts the running binary
// again as `kafka …` and `clickhouse …`, which get their socket and a lifeline as inherited files
// (Inherited is their side of it). It returns when both answer; from then on a child that dies is
// started again, and so is one that hangs: it lives, but has not answered for about a minute. Because the parent holds the sockets, ports stay the same over a restart of a child
// and clients' connections wait meanwhile. Because of the lifeline, children end when their parent
// does, even by SIGKILL.
//
// What the children are called with:
//
//	kafka --data DIR/kafka --listen HOST:PORT [--topic NAME:PARTITIONS[:RETENTION]]… [--sync-writes]
//	clickhouse --data DIR/clickhouse --listen HOST:PORT --users DIR/clickhouse.users
//
// with MINGJIAN_CHILD=1 in the environment, the listening socket as file descriptor 3 and the
// lifeline as 4. Each must end in order on SIGTERM, within 15 seconds; after that it is killed. What
// it writes to standard output or error goes, line by line, to Options.Stderr; the last line before it
// ends by itself should say why, in words for the user.
//
// The directory:
//
//	lock              held while the system runs; holds the process id
//	endpoints.json    where things are reached, written by Endpoints.Write when all is ready
//	clickhouse.users  who may use ClickHouse, with passwords (0600)
//	kafka, clickhouse the children's data
//
// Not promised: that this works on Windows, which has neither SIGTERM nor inherited sockets.
package embedded

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"mingjian/deploy/embedded/kafka"
)

const (
	// DefaultKafkaListen and DefaultClickHouseListen are the customary ports of Apache Kafka and of
	// the ClickHouse HTTP interface, on this machine only.
	DefaultKafkaListen      = "127.0.0.1:9092"
	DefaultClickHouseListen = "127.0.0.1:8123"

	// defaultPatience is how long a child may take until it answers for the first time: it may have
	// a large log to read, or the engine to fetch.
	defaultPatience = 5 * time.Minute
)

// Options says what to run where.
type Options struct {
	// Data is the data directory; made with mode 0700 where missing.
	Data string
	// KafkaListen and ClickHouseListen are host:port, :port or port; without a host 127.0.0.1, port
	// 0 for any free one; empty is the default above.
	KafkaListen, ClickHouseListen string
	// Topics that the broker makes at start, with their retention.
	Topics []kafka.Topic
	// SyncWrites makes the broker flush every batch to disk before it acknowledges it.
	SyncWrites bool
	// Executable is started as the children; empty is the running binary.
	Executable string
	// Group runs the supervisors; its Wait returns when all children have ended. Required. Made with
	// errgroup.WithContext, and that context given to Run, it ends everything when a child cannot be
	// kept running.
	Group *errgroup.Group
	// Patience is how long each child may take to answer for the first time; zero is 5 minutes.
	Patience time.Duration
	// Watch is how long to wait between two questions to each child whether it still answers; one
	// that misses six in a row is killed and started again. Zero is 10 seconds.
	Watch time.Duration
	// Stderr is where the children's lines go; nil is the process's standard error.
	Stderr io.Writer
	// Log is for what the supervisors do; nil is slog.Default.
	Log *slog.Logger
}

// Run starts both servers and returns where they are reached (Console stays empty) once both answer.
// They are supervised until ctx ends; then they are stopped, endpoints.json is removed and the data
// directory given free, after which Options.Group has nothing of Run's any more.
//
// An error is one line that says what the user can do, and leaves nothing running: the directory
// cannot be used or is in use, a port is taken, a child cannot start.
func Run(ctx context.Context, o Options) (Endpoints, error) {
	if o.Executable == "" {
		exe, err := os.Executable()
		if err != nil {
			return Endpoints{}, fmt.Errorf("find the running binary: %w", err)
		}
		o.Executable = exe
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Watch == 0 {
		o.Watch = defaultWatch
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	data, err := filepath.Abs(o.Data)
	if err != nil {
		return Endpoints{}, fmt.Errorf("data directory %s: %w", o.Data, err)
	}
	o.Data = data
	lock, err := lockData(ctx, o.Data)
	if err != nil {
		return Endpoints{}, err
	}
	e, err := runLocked(ctx, o, lock.release)
	if err != nil {
		lock.release()
	}
	return e, err
}

// runLocked is Run with the directory locked. Where it returns no error, release is called when the
// children have ended.
func runLocked(ctx context.Context, o Options, release func()) (Endpoints, error) {
	// One that was killed leaves its endpoints behind; nobody shall find these.
	if err := removeEndpoints(o.Data); err != nil {
		return Endpoints{}, err
	}
	users := filepath.Join(o.Data, CredentialsFile)
	if err := makeCredentials(users); err != nil {
		return Endpoints{}, err
	}
	kafkaSocket, err := Listen(ctx, o.KafkaListen, DefaultKafkaListen, "--kafka-listen")
	if err != nil {
		return Endpoints{}, err
	}
	clickhouseSocket, err := Listen(ctx, o.ClickHouseListen, DefaultClickHouseListen, "--clickhouse-listen")
	if err != nil {
		kafkaSocket.Close()
		return Endpoints{}, err
	}
	e := Endpoints{
		Kafka:      kafkaSocket.Addr().String(),
		ClickHouse: "http://" + clickhouseSocket.Addr().String(),
	}
	kafkaArgs := []string{"kafka", "--data", filepath.Join(o.Data, "kafka"), "--listen", e.Kafka}
	for _, t := range o.Topics {
		kafkaArgs = append(kafkaArgs, "--topic", t.String())
	}
	if o.SyncWrites {
		kafkaArgs = append(kafkaArgs, "--sync-writes")
	}
	clickhouseArgs := []string{"clickhouse", "--data", filepath.Join(o.Data, "clickhouse"),
		"--listen", clickhouseSocket.Addr().String(), "--users", users}

	ctx, giveUp := context.WithCancelCause(ctx)
	out := &lines{to: o.Stderr}
	children := []*child{
		{name: "kafka", args: kafkaArgs, socket: kafkaSocket, answers: kafkaAnswers(e.Kafka)},
		{name: "clickhouse", args: clickhouseArgs, socket: clickhouseSocket, answers: clickhouseAnswers(e.ClickHouse)},
	}
	ended := make(chan struct{}, len(children))
	for _, c := range children {
		c.executable, c.patience, c.watch = o.Executable, o.Patience, o.Watch
		c.lines, c.log = out, o.Log.With("child", c.name)
		c.ready = make(chan struct{})
		o.Group.Go(func() error {
			defer func() { ended <- struct{}{} }()
			err := c.supervise(ctx)
			if err != nil {
				giveUp(err)
			}
			return err
		})
	}
	allEnded := func() {
		for range children {
			<-ended
		}
		for _, c := range children {
			c.socket.Close()
		}
	}
	for _, c := range children {
		select {
		case <-c.ready:
		case <-ctx.Done():
			allEnded()
			err := context.Cause(ctx)
			giveUp(nil)
			return Endpoints{}, err
		}
	}
	o.Group.Go(func() error {
		allEnded()
		giveUp(nil)
		defer release()
		return removeEndpoints(o.Data)
	})
	return e, nil
}

// socketFile gives a listener's socket as a file for a child to inherit.
func socketFile(l net.Listener) (*os.File, error) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("a %T cannot be inherited", l)
	}
	return tcp.File()
}
