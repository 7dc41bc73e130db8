// Package clickhousetest gives a test the real ClickHouse engine, empty, in a
// process of its own:
//
//	ch := clickhousetest.Start(t)
//	db := clickhouse.OpenDB(ch.Options()) // clickhouse-go/v2, or Open for its native API
//
// or any HTTP client against ch.URL with ch.User and ch.Password. It takes
// about a third of a second, and 0.3 GB of memory until the test ends. Every
// call gives another server: share one among subtests rather than start many.
// A test to which it does not matter what tables there are, as long as they
// are empty, calls Lend: setting them up takes longer than most tests. Such a
// server goes from test to test until all of them have ended.
//
// The server is the test's own binary, started again: this package's init
// takes over in the child. So nothing is built, and under -race the server is
// checked as well. The engine's library is found as clickhouse.Library finds
// it, and fetched where it is not there yet (180 MB, once for each user).
package clickhousetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"

	"mingjian/deploy/embedded/clickhouse"
	"mingjian/deploy/embedded/tlstest"
)

// Who may use the server; the names are those of the product. User "default"
// may read without a password.
const (
	password       = "writer-of-tests"
	readerPassword = "reader-of-tests"
)

// childEnv holds the data directory in the child's environment.
const childEnv = "MINGJIAN_CLICKHOUSETEST_DATA"

// readyWait bounds how long a server may take until it answers; a busy
// machine under -race is slow.
const readyWait = 60 * time.Second

func init() {
	data, ok := os.LookupEnv(childEnv)
	if !ok {
		return
	}
	if err := serve(data); err != nil {
		fmt.Fprintln(os.Stderr, "clickhousetest:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve is the child: it ends when standard input does, so it cannot outlive
// the test.
func serve(data string) error {
	tests := os.Getppid()
	// Whatever ends the tests, from the keyboard too, this process clears up behind them, although nobody reads any
	// more what it says.
	signal.Ignore(os.Interrupt, syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	library, err := clickhouse.Library(ctx, clickhouse.LibraryOptions{Progress: os.Stderr})
	if err != nil {
		return err
	}
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, bufio.NewReader(os.Stdin)) // whatever ends it ends us
		cancel()
	}()
	err = clickhouse.Run(ctx, clickhouse.Options{
		Data:     data,
		Listener: listener,
		Library:  library,
		Users: []clickhouse.User{
			{Name: "mingjian", Password: password},
			{Name: "reader", Password: readerPassword, ReadOnly: true},
			{Name: "default", ReadOnly: true},
		},
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if os.Getppid() != tests { // they are over, and nobody else clears up after a server that was lent
		err = errors.Join(err, os.RemoveAll(data))
	}
	return err
}

// A Server is a running ClickHouse server. Its methods are not safe for use
// by several goroutines at once.
type Server struct {
	// URL is the address of the HTTP interface, without a slash at its end.
	URL string
	// Addr is the same as host:port.
	Addr string
	// User and Password may read and write.
	User, Password string
	// Reader and ReaderPassword may only read. So may "default" without one.
	Reader, ReaderPassword string
	// PID is the process's id, until Kill.
	PID int

	tb      testing.TB
	data    string
	cmd     *exec.Cmd
	stdin   io.Closer
	waited  chan struct{}
	stopped bool // by the test, once or more
}

// idle are the servers that were lent and given back.
var idle struct {
	mu      sync.Mutex
	servers []*Server
}

// Start starts a server over an empty store and waits until it answers. It is
// stopped, and its store deleted, when the test ends.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s := newServer(tb, tb.TempDir())
	s.start()
	tb.Cleanup(s.stop)
	return s
}

func newServer(tb testing.TB, data string) *Server {
	return &Server{
		User: "mingjian", Password: password, Reader: "reader", ReaderPassword: readerPassword,
		Addr: "127.0.0.1:0", tb: tb, data: data,
	}
}

// Lend gives a server that tests of this process may have used before. Tables
// that they made are there, and empty but for those named migrations. A test
// that changes what tables are, or settings, or users, wants Start. A server
// is not lent again after a test that failed, or that killed or restarted it.
func Lend(tb testing.TB) *Server {
	tb.Helper()
	idle.mu.Lock()
	var s *Server
	if n := len(idle.servers); n > 0 {
		s, idle.servers = idle.servers[n-1], idle.servers[:n-1]
	}
	idle.mu.Unlock()
	if s != nil {
		s.tb = tb
		tb.Cleanup(s.giveBack)
		return s
	}
	data, err := os.MkdirTemp("", "clickhousetest-")
	if err != nil {
		tb.Fatalf("clickhousetest: %v", err)
	}
	s = newServer(tb, data)
	tb.Cleanup(s.giveBack)
	s.start()
	return s
}

// giveBack empties a server for the next test, or ends it where that would not
// do.
func (s *Server) giveBack() {
	if !s.stopped && !s.tb.Failed() {
		err := s.empty()
		if err == nil {
			idle.mu.Lock()
			defer idle.mu.Unlock()
			idle.servers = append(idle.servers, s)
			return
		}
		s.tb.Errorf("clickhousetest: empty the server: %v", err)
	}
	if s.waited != nil { // it was started
		s.stop()
	}
	if err := os.RemoveAll(s.data); err != nil {
		s.tb.Errorf("clickhousetest: %v", err)
	}
}

// empty takes the rows out of all tables but migrations, which say what tables there are. Statements whose callers have
// gone may still run, and write; it waits for them.
func (s *Server) empty() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyWait)
	defer cancel()
	db := chgo.OpenDB(s.Options())
	defer db.Close()
	for running := 2; running > 1; { // this one
		if err := db.QueryRowContext(ctx, "SELECT count() FROM system.processes").Scan(&running); err != nil {
			return err
		}
	}
	rows, err := db.QueryContext(ctx, `SELECT database, name FROM system.tables
		WHERE database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA') AND name != 'migrations' AND total_rows > 0`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var database, table string
		if err := rows.Scan(&database, &table); err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, "TRUNCATE TABLE `"+database+"`.`"+table+"` SYNC"); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Options are what clickhouse-go needs to use the server as the user who may
// write, without compression. Change what you like before use.
func (s *Server) Options() *chgo.Options {
	return &chgo.Options{
		Protocol: chgo.HTTP,
		Addr:     []string{s.Addr},
		Auth:     chgo.Auth{Username: s.User, Password: s.Password},
	}
}

// OverTLS is the address of a server before this one that ends TLS, with a certificate of the authority's, as
// ClickHouse does by itself at its port for HTTPS. It ends with the test.
func (s *Server) OverTLS(tb testing.TB, a *tlstest.Authority) (url string) {
	tb.Helper()
	behind, err := neturl.Parse(s.URL)
	if err != nil {
		tb.Fatal(err)
	}
	proxy, quiet := httputil.NewSingleHostReverseProxy(behind), stdlog.New(io.Discard, "", 0)
	proxy.ErrorLog = quiet
	front := httptest.NewUnstartedServer(proxy)
	front.TLS, front.Config.ErrorLog = a.Serving(false), quiet
	front.StartTLS()
	tb.Cleanup(front.Close)
	return front.URL
}

// Kill ends the server at once, as a crash would. Connections to it are
// refused until Restart.
func (s *Server) Kill() {
	s.tb.Helper()
	s.stopped = true
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Fatalf("clickhousetest: kill: %v", err)
	}
	<-s.waited
	s.PID = 0
}

// Restart starts the server again after Kill, over the same store and at the
// same address; without Kill before it, the server is stopped in good order
// first.
func (s *Server) Restart() {
	s.tb.Helper()
	s.stopped = true
	s.stop()
	s.start()
}

// stop ends the server in good order; one that was killed already is no
// trouble.
func (s *Server) stop() {
	_ = s.stdin.Close() // closed already where the child is gone
	select {
	case <-s.waited:
	case <-time.After(readyWait):
		s.tb.Errorf("clickhousetest: the server did not stop")
		_ = s.cmd.Process.Kill()
		<-s.waited
	}
}

func (s *Server) start() {
	s.tb.Helper()
	listener, err := listen(s.Addr)
	if err != nil {
		s.tb.Fatalf("clickhousetest: %v", err)
	}
	s.Addr = listener.Addr().String()
	s.URL = "http://" + s.Addr
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		s.tb.Fatalf("clickhousetest: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		s.tb.Fatalf("clickhousetest: %v", err)
	}
	s.cmd = exec.Command(self)
	s.cmd.Env = append(os.Environ(), childEnv+"="+s.data)
	s.cmd.ExtraFiles = []*os.File{file}
	s.cmd.Stdout = os.Stderr
	stderr := &lines{}
	s.cmd.Stderr = stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		s.tb.Fatalf("clickhousetest: %v", err)
	}
	s.stdin = stdin
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatalf("clickhousetest: %v", err)
	}
	// Only the child listens from here on.
	_ = file.Close()
	_ = listener.Close()
	s.PID = s.cmd.Process.Pid
	waited := make(chan struct{})
	s.waited = waited
	cmd := s.cmd
	go func() {
		defer close(waited)
		_ = cmd.Wait() // a killed server exits with an error, as it should
	}()
	ctx, cancel := context.WithTimeout(context.Background(), readyWait)
	defer cancel()
	// The connection is accepted as soon as the child is ready.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/ping", nil)
	if err != nil {
		s.tb.Fatalf("clickhousetest: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		s.tb.Fatalf("clickhousetest: the server does not answer: %v\n%s", err, stderr)
	}
	_ = resp.Body.Close()
}

// listen waits for an address to be free again that a killed server held.
func listen(addr string) (net.Listener, error) {
	for deadline := time.Now().Add(readyWait); ; time.Sleep(20 * time.Millisecond) {
		l, err := net.Listen("tcp", addr)
		if err == nil || time.Now().After(deadline) {
			return l, err
		}
	}
}

// lines keeps what the child says, for the report when it does not start, and
// passes it on.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(p)
	return os.Stderr.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
