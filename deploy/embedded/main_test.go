package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"mingjian/deploy/embedded"
	"mingjian/deploy/embedded/kafka"
)

// within bounds every wait; a test that needs it all has failed.
const within = 60 * time.Second

// TestMain makes this binary what Run starts: a real broker and a server in ClickHouse's place. As
// `system DIR` it is a parent that can be killed.
func TestMain(m *testing.M) {
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	var err error
	switch command {
	case "kafka":
		err = brokerChild(os.Args[2:])
	case "clickhouse":
		err = clickhouseChild(os.Args[2:])
	case "system":
		err = system(os.Args[2])
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// topics collects --topic flags.
type topics []kafka.Topic

func (t *topics) String() string { return fmt.Sprint(*t) }

func (t *topics) Set(s string) error {
	var one kafka.Topic
	err := one.UnmarshalText([]byte(s))
	*t = append(*t, one)
	return err
}

// begin is what both children do first: note the process id and hold a lock while they live.
func begin(data string) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(data, "pid"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	_, err := flock.New(filepath.Join(data, "alive")).TryLock()
	return err
}

func brokerChild(args []string) error {
	flags := flag.NewFlagSet("kafka", flag.ContinueOnError)
	data, listen := flags.String("data", "", ""), flags.String("listen", "", "")
	syncWrites := flags.Bool("sync-writes", false, "")
	var made topics
	flags.Var(&made, "topic", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, l, err := embedded.Inherited(ctx, *listen, "")
	if err != nil {
		return err
	}
	if err := begin(*data); err != nil {
		return err
	}
	return kafka.Run(ctx, kafka.Options{Data: *data, Listener: l, Topics: made, SyncWrites: *syncWrites})
}

// clickhouseChild answers /ping, and misbehaves as the file "behave" in its directory says.
func clickhouseChild(args []string) error {
	flags := flag.NewFlagSet("clickhouse", flag.ContinueOnError)
	data, listen, users := flags.String("data", "", ""), flags.String("listen", "", ""), flags.String("users", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if _, err := embedded.LoadCredentials(*users); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, l, err := embedded.Inherited(ctx, *listen, "")
	if err != nil {
		return err
	}
	if err := begin(*data); err != nil {
		return err
	}
	behave, _ := os.ReadFile(filepath.Join(*data, "behave"))
	switch string(behave) {
	case "cannot":
		fmt.Fprintln(os.Stderr, "looking for the engine")
		return fmt.Errorf("the engine is not there: install npm")
	case "panics":
		panic("the engine fell over")
	case "crashes":
		fmt.Fprintln(os.Stderr, "SIGBUS: bus error\nPC=0x1\n"+strings.Repeat("register 0x0\n", 60))
		os.Exit(2)
	case "dies":
		fmt.Fprintln(os.Stderr, "loading")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "mute":
		fmt.Fprintln(os.Stderr, "fetching for ever")
		<-ctx.Done()
		return nil
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		ctx = context.Background()
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "Ok.") })}
	go func() {
		<-ctx.Done()
		s.Close()
	}()
	if err := s.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func system(dir string) error {
	group, ctx := errgroup.WithContext(context.Background())
	e, err := embedded.Run(ctx, options(dir, group))
	if err != nil {
		return err
	}
	if err := e.Write(dir); err != nil {
		return err
	}
	return group.Wait()
}

func options(dir string, group *errgroup.Group) embedded.Options {
	return embedded.Options{
		Data: dir, KafkaListen: "127.0.0.1:0", ClickHouseListen: "127.0.0.1:0", Group: group,
		Topics: []kafka.Topic{{Name: "talk", Partitions: 1, Retention: 48 * time.Hour}},
		Stderr: os.Stderr, Log: slog.New(slog.DiscardHandler),
	}
}

// running is a system that runs in this process.
type running struct {
	embedded.Endpoints
	stop func() error // ends it and waits
	log  *buffer
}

// start runs a system with the options changed as wanted.
func start(t *testing.T, dir string, change func(*embedded.Options)) (running, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	group, ctx := errgroup.WithContext(ctx)
	r := running{log: &buffer{}}
	o := options(dir, group)
	o.Stderr, o.Log = r.log, slog.New(slog.NewTextHandler(r.log, nil))
	if change != nil {
		change(&o)
	}
	r.stop = sync.OnceValue(func() error {
		cancel()
		return group.Wait()
	})
	t.Cleanup(func() { r.stop() })
	var err error
	r.Endpoints, err = embedded.Run(ctx, o)
	return r, err
}

func mustStart(t *testing.T, dir string, change func(*embedded.Options)) running {
	t.Helper()
	r, err := start(t, dir, change)
	if err != nil {
		t.Fatalf("start: %v\n%s", err, r.log)
	}
	return r
}

// behave tells the server in ClickHouse's place what to do when it starts.
func behave(t *testing.T, dir, how string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "clickhouse"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "clickhouse", "behave"), []byte(how), 0o600); err != nil {
		t.Fatal(err)
	}
}

// pid is the process id of a child.
func pid(t *testing.T, dir, child string) int {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join(dir, child, "pid"))
		if pid, bad := strconv.Atoi(string(raw)); err == nil && bad == nil {
			return pid
		}
		if time.Now().After(end) { // a child may just be writing it
			t.Fatalf("process id of %s: %q, %v", child, raw, err)
		}
	}
}

// kill ends a child with SIGKILL.
func kill(t *testing.T, dir, child string) {
	t.Helper()
	if err := syscall.Kill(pid(t, dir, child), syscall.SIGKILL); err != nil {
		t.Fatalf("kill %s: %v", child, err)
	}
}

// gone tells whether a child's process has ended, which gives its lock free.
func gone(t *testing.T, dir, child string) bool {
	t.Helper()
	l := flock.New(filepath.Join(dir, child, "alive"))
	defer l.Close()
	free, err := l.TryLock()
	if errors.Is(err, os.ErrNotExist) {
		return true // it was stopped before it began
	}
	if err != nil {
		t.Fatal(err)
	}
	return free
}

func waitGone(t *testing.T, dir, child string) {
	t.Helper()
	for end := time.Now().Add(within); !gone(t, dir, child); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s is still running", child)
		}
	}
}

// oneLine fails unless the error is one line with all of the words.
func oneLine(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q says nothing of %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q has more than one line", err)
	}
}

// closed fails while something listens on an address.
func closed(t *testing.T, address string) {
	t.Helper()
	if c, err := net.Dial("tcp", strings.TrimPrefix(address, "http://")); err == nil {
		c.Close()
		t.Errorf("something listens on %s", address)
	}
}

// buffer takes lines from several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
