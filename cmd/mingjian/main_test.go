package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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

	"mingjian/deploy/embedded"
)

// asCommand makes the test binary behave as mingjian itself, children included (they inherit the
// environment), so that what a test here does goes through the command line that a user types.
const asCommand = "MINGJIAN_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) == "1" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(run(ctx, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// mingjian prepares one command line.
func mingjian(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// output runs a command that must succeed and returns what it printed to standard output.
func output(t *testing.T, args ...string) string {
	t.Helper()
	cmd := mingjian(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("mingjian %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

// system is a running `mingjian up`.
type system struct {
	t    *testing.T
	data string
	cmd  *exec.Cmd
	done chan error
	log  *lines
}

// up starts a system on free ports and waits until it is ready.
func up(t *testing.T, data string, args ...string) *system {
	t.Helper()
	s := &system{t: t, data: data, log: &lines{}, done: make(chan error, 1)}
	s.cmd = mingjian(append([]string{"up", "--data", data,
		"--listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0", "--clickhouse-listen", "127.0.0.1:0"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	before, _ := os.Stat(filepath.Join(data, "endpoints.json"))
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	t.Cleanup(s.stop)
	s.wait("ready", func() bool {
		now, err := os.Stat(filepath.Join(data, "endpoints.json"))
		return err == nil && (before == nil || now.ModTime() != before.ModTime())
	})
	return s
}

// wait polls until ok, less often the longer that takes, for to answer is work for the system too. That is bounded only
// so that a broken build ends; a system that ends by itself fails at once.
func (s *system) wait(what string, ok func() bool) {
	s.t.Helper()
	began := time.Now()
	for ; ; time.Sleep(min(100*time.Millisecond+time.Since(began)/20, time.Second)) {
		if ok() {
			return
		}
		select {
		case err := <-s.done:
			s.done <- err
			s.t.Fatalf("up ended (%v) while waiting for: %s\n%s", err, what, s.log)
		default:
		}
		if time.Since(began) > 3*time.Minute {
			s.t.Fatalf("not seen in 3 minutes: %s\n%s", what, s.log)
		}
	}
}

func (s *system) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.done <- <-s.done
}

// ended waits until the system has stopped, which it must have done in order, and left nothing running.
func (s *system) ended() {
	s.t.Helper()
	err := <-s.done
	s.done <- err
	if err != nil {
		s.t.Fatalf("up: %v\n%s", err, s.log)
	}
	if left := running(s.data); len(left) > 0 {
		s.t.Fatalf("left running: %v", left)
	}
}

// kill ends up itself as a power cut would.
func (s *system) kill() {
	s.cmd.Process.Kill()
	<-s.done
	s.done <- nil
}

// child returns the pid of up's child that runs the named command.
func (s *system) child(name string) int {
	s.t.Helper()
	var pid int
	s.wait("child "+name, func() bool {
		pid = 0
		for _, p := range processes() {
			if p.parent == s.cmd.Process.Pid && len(p.args) > 1 && p.args[1] == name {
				pid = p.pid
			}
		}
		return pid != 0
	})
	return pid
}

type process struct {
	pid, parent int
	args        []string
}

// processes reads the process table.
func processes() []process {
	var all []process
	entries, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, e := range entries {
		stat, err := os.ReadFile(e)
		if err != nil {
			continue
		}
		rest := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(e), "cmdline"))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(e)))
		parent, _ := strconv.Atoi(rest[1])
		if rest[0] == "Z" {
			continue
		}
		all = append(all, process{pid, parent, strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")})
	}
	return all
}

// get reads an address of the API with the administrator's token.
func (s *system) get(path string, into any) {
	s.t.Helper()
	body := s.page(path)
	if err := json.Unmarshal([]byte(body), into); err != nil {
		s.t.Fatalf("GET %s: %v\n%s", path, err, body)
	}
}

// query does what `mingjian sql --json` does, and decodes its rows. A process for each look, where tests look until
// something is there, took more time than all that they waited for.
func query[T any](s *system, sql string) []T {
	s.t.Helper()
	var text bytes.Buffer
	read := func() error {
		store, err := (&where{Data: s.data}).open(s.t.Context(), embedded.ReaderUser)
		if err != nil {
			return err
		}
		defer store.Close()
		rows, err := store.Query(s.t.Context(), sql)
		if err != nil {
			return err
		}
		defer rows.Close()
		return printRows(rows, &jsonTable{w: &text, columns: rows.Columns()})
	}
	if err := read(); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	var rows []T
	if err := json.Unmarshal(text.Bytes(), &rows); err != nil {
		s.t.Fatalf("%s: %v\n%s", sql, err, &text)
	}
	return rows
}

// count runs a query of one number.
func (s *system) count(sql string) int {
	s.t.Helper()
	rows := query[map[string]int](s, sql)
	for _, n := range rows[0] {
		return n
	}
	s.t.Fatalf("no number from %s", sql)
	return 0
}

// settled waits until the record accounts for n offsets.
func (s *system) settled(n int) {
	s.t.Helper()
	s.wait(fmt.Sprintf("%d offsets sealed", n), func() bool {
		return s.count(`SELECT toInt64(sum(last_offset - first_offset + 1)) AS n FROM mingjian.seals_v`) >= n
	})
}

// caughtUp waits until doctor finds the record at the end of every partition's log, with nothing
// else to complain about.
func (s *system) caughtUp() {
	s.t.Helper()
	s.wait("the end of every log", func() bool {
		var report struct {
			OK     bool
			Checks []struct{ Name, Detail string }
		}
		time.Sleep(500 * time.Millisecond) // a look takes a fifth of a second of a processor
		cmd := mingjian("doctor", "--json", "--data", s.data)
		out, _ := cmd.Output() // it fails while the system comes up
		if json.Unmarshal(out, &report) != nil || !report.OK {
			return false
		}
		for _, c := range report.Checks {
			if strings.HasPrefix(c.Name, "lag") && !strings.Contains(c.Detail, "at the end") {
				return false
			}
		}
		return true
	})
}

func decodeFile(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// lines keeps what a process printed.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func writeLines(t *testing.T, path string, write func(w *json.Encoder)) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	write(enc)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
