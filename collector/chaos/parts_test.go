package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mingjian/audit/store"
	"mingjian/audit/vault"
	"mingjian/collector"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded/clickhouse"
	"mingjian/deploy/embedded/kafka"
	"mingjian/policies"
)

// playing tells this test binary, started again, which part it is to play, as a role in JSON.
const playing = "MINGJIAN_CHAOS_PART"

func TestMain(m *testing.M) {
	if given := os.Getenv(playing); given != "" {
		if err := play(given); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// role is what a process is to be: a broker or an engine, whose socket it inherits, or a collector.
type role struct {
	Name       string // broker, engine, or collector and a number
	Data       string // its directory; collectors share one, with the keys
	Partitions int
	Broker     string // host:port
	Engine     string // http://host:port
	Clock      string // a file: how far the collector's clock is off, as a Go duration
}

// password is the writer's on a loopback port for as long as a test runs.
const password = "writer-of-tests"

func play(given string) error {
	var r role
	if err := json.Unmarshal([]byte(given), &r); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // it ends when the test does, however that ends
		stop()
	}()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	switch r.Name {
	case broker:
		l, err := net.FileListener(os.NewFile(3, "listener"))
		if err != nil {
			return err
		}
		return kafka.Run(ctx, kafka.Options{Data: r.Data, Listener: l, Log: log, Topics: []kafka.Topic{
			{Name: collector.InteractionsTopic, Partitions: r.Partitions},
			{Name: collector.FindingsTopic, Partitions: 1},
			{Name: collector.RejectsTopic, Partitions: 1},
		}})
	case engine:
		l, err := net.FileListener(os.NewFile(3, "listener"))
		if err != nil {
			return err
		}
		library, err := clickhouse.Library(ctx, clickhouse.LibraryOptions{Log: log})
		if err != nil {
			return err
		}
		users := []clickhouse.User{{Name: "mingjian", Password: password}}
		return clickhouse.Run(ctx, clickhouse.Options{Data: r.Data, Listener: l, Library: library, Users: users, Log: log})
	}
	return collect(ctx, r, log)
}

// collect is a collector as the program wires it, with keys in SQLite, and a clock that can be set.
func collect(ctx context.Context, r role, log *slog.Logger) error {
	record, err := warehouse.Connect(ctx, warehouse.Options{Addr: r.Engine, User: "mingjian", Password: password})
	if err != nil {
		return err
	}
	defer record.Close()
	db, err := store.Open(ctx, filepath.Join(r.Data, "audit.sqlite"), store.Options{Log: log})
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := vault.Open(ctx, db, filepath.Join(r.Data, vault.MasterKeyFile), true)
	if err != nil {
		return err
	}
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		return err
	}
	rules, err := collector.NewRules(bundle)
	if err != nil {
		return err
	}
	return collector.Run(ctx, collector.Options{
		Stream: stream.At(r.Broker), Store: record, Keys: keys, Rules: rules, Log: log,
		Now: func() time.Time { return time.Now().Add(offBy(r.Clock)) },
	})
}

// offBy reads how far a clock is off.
func offBy(file string) time.Duration {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0 // nobody has set it
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		panic(fmt.Sprintf("a clock that says %q", text))
	}
	return d
}

// part is a process that is started again whenever it ends, as a service manager would, unless it is
// away. Its methods are for one goroutine.
type part struct {
	t      *testing.T
	role   role
	socket *net.TCPListener // nil: it has none
	log    *os.File

	mu     sync.Mutex
	cmd    *exec.Cmd // nil: it does not run
	killed int       // so many of its processes
	rss    int64     // the most memory that one of its processes took, in KiB

	ended  chan struct{} // closed when it is kept up no longer; nil: it is away
	end    context.CancelFunc
	hangUp chan struct{} // closed when nobody hangs up on its clients any more
}

// restartPause is how long a part that ended stays down.
const restartPause = 200 * time.Millisecond

// come starts the part and keeps it up.
func (p *part) come() {
	p.t.Helper()
	if p.ended != nil {
		return
	}
	if p.hangUp != nil {
		_ = p.socket.SetDeadline(time.Unix(1, 0)) // ends its Accept
		<-p.hangUp
		_ = p.socket.SetDeadline(time.Time{})
		p.hangUp = nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.end, p.ended = cancel, make(chan struct{})
	go p.keep(ctx, p.ended)
}

func (p *part) keep(ctx context.Context, ended chan struct{}) {
	defer close(ended)
	for ctx.Err() == nil {
		if err := p.live(ctx); err != nil {
			p.t.Errorf("start %s: %v", p.role.Name, err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(restartPause):
		}
	}
}

// live runs one process of the part to its end.
func (p *part) live(ctx context.Context) error {
	role, err := json.Marshal(p.role)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), playing+"="+string(role))
	cmd.Stderr = p.log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	if p.socket != nil {
		f, err := p.socket.File()
		if err != nil {
			return err
		}
		defer f.Close()
		cmd.ExtraFiles = []*os.File{f}
	}
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer lifeline.Close()
	p.mu.Lock()
	err = cmd.Start()
	if err == nil {
		p.cmd = cmd
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	_ = cmd.Wait() // killed, or it says why in its log
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = nil
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		p.rss = max(p.rss, usage.Maxrss)
	}
	return nil
}

// signal reaches the process that runs; where none does, it reports false.
func (p *part) signal(s syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd != nil && p.cmd.Process.Signal(s) == nil
}

// kill ends the process that runs at once, if one does.
func (p *part) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil && p.cmd.Process.Kill() == nil {
		p.killed++
		p.cmd = nil
	}
}

// kills is how many of the part's processes were killed.
func (p *part) kills() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// leave ends the part in order. Until it comes again, who asks for it is hung up on.
func (p *part) leave() {
	p.t.Helper()
	if p.ended == nil {
		return
	}
	p.signal(syscall.SIGCONT)
	p.end()
	<-p.ended
	p.ended = nil
	if p.socket == nil {
		return
	}
	p.hangUp = make(chan struct{})
	go func() {
		defer close(p.hangUp)
		for {
			conn, err := p.socket.Accept()
			if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				conn.Close()
			}
		}
	}()
}

// said is the end of what the part wrote, for the report of a failure.
func (p *part) said() string {
	const most = 4 << 10
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return p.role.Name + " says:\n" + strings.ToValidUTF8(string(text[max(0, len(text)-most):]), "")
}

// memory is the most that one of the part's processes took so far, in MiB.
func (p *part) memory() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := p.rss
	if p.cmd != nil {
		status, _ := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
		if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
			var kib int64
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				most = max(most, kib)
			}
		}
	}
	return most >> 10
}
