// Package kafka is the stream of an installation that has no Kafka of its own: one broker, in its
// own process, speaking the Kafka protocol to any client and keeping its log in a directory.
//
// The broker is kfake of franz-go. Run prepares the directory (lock, damaged tails), starts kfake
// behind a door that stays shut until the topics exist and what is past its retention is gone, then
// opens the door and applies the retention every hour until its context ends.
//
// What is promised:
//   - What was acknowledged is in the operating system's hands: it survives a restart and a SIGKILL
//     of the process. A power loss it survives only with Options.SyncWrites, at the price of a disk
//     flush per batch.
//   - Offsets never start again: the newest record of a partition is kept whatever its age, because
//     a log without any record forgets where it stood.
//   - Consumer groups survive too, with their generation and committed offsets. Membership survives
//     an orderly stop; after a SIGKILL members join again.
//   - A record is readable for at least its topic's retention, counted from its arrival (not from the
//     timestamp its producer gave it), and at most an hour longer while the broker runs.
//
// What is not promised:
//   - Prompt erasure from disk. Space is given back a segment file (16 MiB) at a time, when all of
//     it is past the retention; until then the bytes stay in the file, unreadable through the broker.
//     Memory holds an index entry per batch, given back with the batch.
//   - A start that does not depend on the size of the log: every segment is read and checked then,
//     one at a time for each partition.
//   - Transactions across a SIGKILL, replication, access control, encryption in transit. The broker
//     belongs on a loopback address.
//   - DeleteRecords: a client that asks for it is disconnected, because it could empty a partition.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// DefaultRetention is how long a record is kept where its topic says nothing; Apache Kafka's
	// default log.retention.hours is the same 168.
	DefaultRetention = 7 * 24 * time.Hour

	// MaxMessageBytes is the largest record batch taken, in bytes as sent: Apache Kafka's default
	// message.max.bytes. A larger one is refused with MESSAGE_TOO_LARGE (10).
	MaxMessageBytes = 1048588

	// segmentBytes is the size at which a log file is closed and the next begun: small enough that
	// a week's retention gives space back daily, large enough that open files stay in the hundreds.
	segmentBytes = 16 << 20

	// lockPatience is how long a start waits for a predecessor that is just ending: a broker closes
	// within seconds, and a supervisor starts the next one at once.
	lockPatience = 10 * time.Second

	// clusterID is what metadata responses name; there is only ever this one broker.
	clusterID = "mingjian"
)

// Topic is one topic that must exist when clients come.
type Topic struct {
	Name string
	// Partitions, at least 1. A topic that already exists keeps the partitions it has, because
	// another number would send a key's records elsewhere.
	Partitions int
	// Retention is how long records are kept after they arrived: zero is DefaultRetention,
	// negative is for ever.
	Retention time.Duration
}

// UnmarshalText reads NAME:PARTITIONS or NAME:PARTITIONS:RETENTION, the retention as a Go duration, as
// a command line gives them. It implements encoding.TextUnmarshaler.
func (t *Topic) UnmarshalText(text []byte) error {
	parts := strings.SplitN(string(text), ":", 3)
	if len(parts) < 2 || parts[0] == "" {
		return fmt.Errorf("topic %q: write NAME:PARTITIONS or NAME:PARTITIONS:RETENTION, such as calls:12:168h", text)
	}
	partitions, err := strconv.Atoi(parts[1])
	if err != nil || partitions < 1 {
		return fmt.Errorf("topic %q: %q is not a number of partitions", text, parts[1])
	}
	*t = Topic{Name: parts[0], Partitions: partitions}
	if len(parts) == 3 {
		if t.Retention, err = time.ParseDuration(parts[2]); err != nil {
			return fmt.Errorf("topic %q: %q is not a retention such as 168h", text, parts[2])
		}
	}
	return nil
}

// String is the form that UnmarshalText reads.
func (t Topic) String() string {
	s := t.Name + ":" + strconv.Itoa(t.Partitions)
	if t.Retention != 0 {
		s += ":" + t.Retention.String()
	}
	return s
}

// Options says where the broker keeps its log and how it is reached.
type Options struct {
	Data       string           // directory, made with mode 0700 where missing
	Listener   net.Listener     // its address is what clients are told; Run closes it
	Topics     []Topic          // made at start where missing
	SyncWrites bool             // flush every batch to disk before it is acknowledged
	Log        *slog.Logger     // nil: slog.Default
	Now        func() time.Time // nil: time.Now; dates arrivals for the retention
}

// Run serves until ctx ends, then closes the log in order and returns nil. Any other return is an
// error of one line: the data directory cannot be used, or another broker uses it, or its log cannot
// be read.
func Run(ctx context.Context, o Options) error {
	defer o.Listener.Close()
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := checkAdvertised(o.Listener.Addr()); err != nil {
		return err
	}
	for _, t := range o.Topics {
		if t.Name == "" || t.Partitions < 1 {
			return fmt.Errorf("topic %q with %d partitions: give it a name and at least one partition", t.Name, t.Partitions)
		}
	}
	lock, err := lockData(ctx, o.Data)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer lock.Close()

	logDir := filepath.Join(o.Data, "log")
	if err := mend(logDir, o.Log); err != nil {
		return fmt.Errorf("mend the log in %s: %w", logDir, err)
	}
	d := newDoor(o.Listener, o.Log)
	defer d.end()
	cluster, err := kfake.NewCluster(clusterOptions(o, logDir, d)...)
	if err != nil {
		return fmt.Errorf("open the log in %s: %w", logDir, err)
	}
	defer cluster.Close()

	admin, err := kgo.NewClient(
		kgo.SeedBrokers(d.Addr().String()),
		kgo.Dialer(d.dialInside),
		kgo.ClientID("mingjian-kafka"),
	)
	if err != nil {
		return fmt.Errorf("reach the broker from within: %w", err)
	}
	defer admin.Close()
	if err := makeTopics(ctx, admin, o.Topics, o.Log); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	r := newRetention(o, cluster, admin)
	r.apply(ctx)
	a := newAttendance(admin, o.Log)
	a.listen(cluster)
	d.open()
	o.Log.Info("kafka serves", "address", d.Addr().String(), "data", o.Data)

	tick, look := time.NewTicker(retentionEvery), time.NewTicker(attendanceEvery)
	defer tick.Stop()
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.apply(ctx)
		case <-look.C:
			a.check(ctx)
		}
	}
}

func clusterOptions(o Options, logDir string, d *door) []kfake.Opt {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID(clusterID),
		kfake.DataDir(logDir),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return d, nil }),
		kfake.WithLogger(kfakeLog{o.Log}),
		kfake.BrokerConfigs(map[string]string{
			"message.max.bytes": strconv.Itoa(MaxMessageBytes),
			"log.segment.bytes": strconv.Itoa(segmentBytes),
			// kfake's own retention could empty a partition, whose offsets would then start at
			// zero after a restart. It runs when this interval ends, which is in a century.
			"log.cleaner.backoff.ms": strconv.FormatInt((100 * 365 * 24 * time.Hour).Milliseconds(), 10),
		}),
	}
	if o.SyncWrites {
		opts = append(opts, kfake.SyncWrites())
	}
	return opts
}

// checkAdvertised refuses an address that means "every interface": a Kafka client reconnects to the
// address that the broker names, and nobody can dial that one from elsewhere.
func checkAdvertised(a net.Addr) error {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Errorf("kafka cannot listen on %s: clients are told this address, so name one that they can reach", a)
	}
	return nil
}

// lockData makes the directory and takes its lock, waiting lockPatience for a holder that is ending.
func lockData(ctx context.Context, dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("kafka data directory: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("kafka data directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	wait, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	if _, err := lock.TryLockContext(wait, 50*time.Millisecond); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("kafka data directory %s is in use by another broker: stop that one, or choose another directory", dir)
		}
		return nil, fmt.Errorf("lock kafka data directory %s: %w", dir, err)
	}
	return lock, nil
}

// makeTopics creates what is missing and leaves what exists as it is.
func makeTopics(ctx context.Context, admin *kgo.Client, topics []Topic, log *slog.Logger) error {
	existing, err := partitionsByTopic(ctx, admin)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	for _, t := range topics {
		if n, ok := existing[t.Name]; ok {
			if n != t.Partitions {
				log.Warn("topic keeps its partitions", "topic", t.Name, "partitions", n, "asked", t.Partitions)
			}
			continue
		}
		rt := kmsg.NewCreateTopicsRequestTopic()
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = t.Name, int32(t.Partitions), 1
		req.Topics = append(req.Topics, rt)
	}
	if len(req.Topics) == 0 {
		return nil
	}
	resp, err := req.RequestWith(ctx, admin)
	if err != nil {
		return fmt.Errorf("make topics: %w", err)
	}
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("make topic %s: %w", t.Topic, err)
		}
	}
	return nil
}

// partitionsByTopic lists every topic there is with its number of partitions.
func partitionsByTopic(ctx context.Context, admin *kgo.Client) (map[string]int, error) {
	req := kmsg.NewPtrMetadataRequest()
	resp, err := req.RequestWith(ctx, admin)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	topics := make(map[string]int, len(resp.Topics))
	for _, t := range resp.Topics {
		if t.Topic != nil {
			topics[*t.Topic] = len(t.Partitions)
		}
	}
	return topics, nil
}

// kfakeLog carries kfake's messages into ours.
type kfakeLog struct{ log *slog.Logger }

// Logf implements kfake.Logger.
func (l kfakeLog) Logf(level kfake.LogLevel, msg string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	case kfake.LogLevelInfo:
		to = slog.LevelInfo
	}
	if !l.log.Enabled(context.Background(), to) {
		return
	}
	l.log.Log(context.Background(), to, "kafka: "+fmt.Sprintf(msg, args...))
}
