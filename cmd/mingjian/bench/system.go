package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"mingjian/collector"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
	"mingjian/deploy/embedded/kafka"
	"mingjian/policies"
)

// copied is the topic that the yardsticks read.
const copied = "mingjian.bench.copy"

// patience bounds waiting for something that takes seconds.
const patience = 3 * time.Minute

// system is a whole installation in a directory of its own: broker and engine as children of the
// supervisor, the collector as a child of ours.
type system struct {
	dir        string
	executable string
	endpoints  embedded.Endpoints
	conn       driver.Conn // as the user who may write
	store      warehouse.Options
	stderr     io.Writer
	group      *errgroup.Group
	end        context.CancelFunc

	broker, engine int // process ids
	collector      *child
	ready          string // where the collector says whether it is
}

// bring starts broker and engine in a new directory.
func bring(ctx context.Context, o Options) (s *system, err error) {
	dir, err := os.MkdirTemp("", "mingjian-bench-")
	if err != nil {
		return nil, err
	}
	// Ctrl-C ends what runs above first: the servers go on until close.
	below, end := context.WithCancel(context.WithoutCancel(ctx))
	group, below := errgroup.WithContext(below)
	s = &system{dir: dir, stderr: o.Stderr, group: group, end: end}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	if s.executable, err = os.Executable(); err != nil {
		return s, fmt.Errorf("find the running binary: %w", err)
	}
	s.endpoints, err = embedded.Run(below, embedded.Options{
		Data: dir, KafkaListen: "127.0.0.1:0", ClickHouseListen: "127.0.0.1:0", SyncWrites: true,
		Topics: []kafka.Topic{
			{Name: collector.InteractionsTopic, Partitions: o.Partitions},
			{Name: collector.FindingsTopic, Partitions: 1},
			{Name: collector.RejectsTopic, Partitions: 1},
			{Name: copied, Partitions: o.Partitions},
		},
		Group: s.group, Stderr: o.Stderr, Log: o.Log,
	})
	if err != nil {
		return s, err
	}
	if s.broker, err = ours("kafka"); err != nil {
		return s, err
	}
	if s.engine, err = ours("clickhouse"); err != nil {
		return s, err
	}
	if err := s.endpoints.Write(dir); err != nil {
		return s, err
	}
	credentials, err := embedded.LoadCredentials(filepath.Join(dir, embedded.CredentialsFile))
	if err != nil {
		return s, err
	}
	password, err := credentials.Password(embedded.WriterUser)
	if err != nil {
		return s, err
	}
	s.store = warehouse.Options{Addr: s.endpoints.ClickHouse, User: embedded.WriterUser, Password: password}
	if s.conn, err = connect(s.endpoints.ClickHouse, password); err != nil {
		return s, err
	}
	return s, s.settleTenants()
}

// connect opens the engine as the user who may write.
func connect(address, password string) (driver.Conn, error) {
	host := address[len("http://"):]
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{host}, ReadTimeout: patience,
		Auth: clickhouse.Auth{Username: embedded.WriterUser, Password: password},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to ClickHouse at %s: %w", address, err)
	}
	return conn, nil
}

// settleTenants gives the tenants of the scenarios the settings that they are played with.
func (s *system) settleTenants() error {
	tenants, err := fs.ReadFile(policies.Builtin(), "scenarios/tenants.yaml")
	if err != nil {
		return err
	}
	if err := os.Mkdir(s.rules(), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.rules(), "tenants.yaml"), tenants, 0o600)
}

// rules is the directory over the policies that ship.
func (s *system) rules() string { return filepath.Join(s.dir, "policies") }

// collect starts the collector and waits until it has taken its partitions over; it returns how long
// that took. Its CPU profile goes to a file where one is named.
func (s *system) collect(ctx context.Context, profile string) (time.Duration, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil { // the collector takes the port in a moment
		return 0, err
	}
	args := []string{"collect", "--data", s.dir, "--policies", s.rules(), "--listen", address}
	if profile != "" {
		args = append(args, "--cpuprofile", profile)
	}
	began := time.Now()
	if s.collector, err = start(s.executable, s.stderr, s.stderr, args...); err != nil {
		return 0, err
	}
	s.ready = "http://" + address + "/readyz"
	for {
		if s.isReady(ctx) {
			return time.Since(began), nil
		}
		select {
		case <-s.collector.ended:
			return 0, s.gone()
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if time.Since(began) > patience {
			return 0, fmt.Errorf("the collector is not ready after %v", patience)
		}
	}
}

func (s *system) isReady(ctx context.Context) bool {
	report, err := s.report(ctx)
	return err == nil && report.Ready
}

// report asks the collector what it is doing.
func (s *system) report(ctx context.Context) (report collector.Report, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.ready, nil)
	if err != nil {
		return report, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return report, fmt.Errorf("ask the collector: %w", err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&report); err != nil {
		return report, fmt.Errorf("ask the collector: %w", err)
	}
	return report, nil
}

// gone is why the collector ended.
func (s *system) gone() error { return fmt.Errorf("the collector ended: %w", s.collector.err) }

// sealed asks the collector how far it has sealed its partitions, all together.
func (s *system) sealed(ctx context.Context) (n int64, err error) {
	report, err := s.report(ctx)
	if err != nil {
		select {
		case <-s.collector.ended: // which says more than that it does not answer
			return 0, s.gone()
		case <-time.After(time.Second):
			return 0, err
		}
	}
	for _, p := range report.Partitions {
		n += p.Position
	}
	return n, nil
}

// rest stops the collector in order.
func (s *system) rest() error {
	if s.collector == nil {
		return nil
	}
	err := s.collector.stop()
	s.collector = nil
	if err != nil {
		return fmt.Errorf("stop the collector: %w", err)
	}
	return nil
}

// close ends everything and removes the directory.
func (s *system) close() error {
	err := s.rest()
	if s.conn != nil {
		err = errors.Join(err, s.conn.Close())
	}
	s.end()
	err = errors.Join(err, s.group.Wait())
	return errors.Join(err, os.RemoveAll(s.dir))
}

// quiet is a logger for what nobody asked about.
func quiet(o Options) *slog.Logger {
	if o.Log != nil {
		return o.Log
	}
	return slog.New(slog.DiscardHandler)
}
