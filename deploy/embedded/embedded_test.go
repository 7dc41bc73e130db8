package embedded_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"mingjian/deploy/embedded"
	"mingjian/deploy/embedded/kafka"
)

func write(t *testing.T, address, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	w := &client.Writer{Addr: client.TCP(address), Topic: "talk", RequiredAcks: client.RequireAll, BatchTimeout: time.Millisecond, MaxAttempts: 50}
	defer w.Close()
	if err := w.WriteMessages(ctx, client.Message{Value: []byte(value)}); err != nil {
		t.Fatalf("write %q: %v", value, err)
	}
}

func read(t *testing.T, address string, n int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	c, err := client.DialLeader(ctx, "tcp", address, "talk", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(within))
	var got []string
	for range n {
		m, err := c.ReadMessage(1 << 20)
		if err != nil {
			t.Fatalf("read after %q: %v", got, err)
		}
		got = append(got, string(m.Value))
	}
	return strings.Join(got, " ")
}

func ping(t *testing.T, url string) {
	t.Helper()
	c := &http.Client{Timeout: within, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "Ok.\n" {
		t.Errorf("ping: %q, %v", body, err)
	}
}

func TestSystemStartsStopsAndStartsAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for round, want := range []string{"first", "first second"} {
		r := mustStart(t, dir, nil)
		if _, err := embedded.Find(dir); err == nil || !strings.Contains(err.Error(), "not ready yet") {
			t.Errorf("found before it said that it is ready: %v", err)
		}
		e := r.Endpoints
		e.Console = "http://127.0.0.1:1"
		if err := e.Write(dir); err != nil {
			t.Fatal(err)
		}
		if found, err := embedded.Find(dir); err != nil || found != e {
			t.Errorf("found %v, %v; want %v", found, err, e)
		}
		ping(t, e.ClickHouse)
		write(t, e.Kafka, strings.Fields(want)[round])
		if got := read(t, e.Kafka, round+1); got != want {
			t.Errorf("round %d: the log has %q, want %q", round, got, want)
		}
		if err := r.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		for _, child := range []string{"kafka", "clickhouse"} {
			if !gone(t, dir, child) {
				t.Errorf("%s is running after the group has ended", child)
			}
		}
		closed(t, e.Kafka)
		closed(t, e.ClickHouse)
		_, err := embedded.Find(dir)
		oneLine(t, err, "no running system in "+dir+": start one with 'mingjian up --data "+dir+"'")
	}
}

func TestFilesOfTheDataDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	r := mustStart(t, dir, nil)
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{".": 0o700, "endpoints.json": 0o600, "clickhouse.users": 0o600, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), mode)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "endpoints.json"))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	if _, ok := fields["console"]; !ok || fields["kafka"] != r.Kafka || fields["clickhouse"] != r.ClickHouse {
		t.Errorf("endpoints %s", raw)
	}
}

// A child that is killed comes back on its port with its data, and clients wait meanwhile.
func TestKilledChildrenComeBack(t *testing.T) {
	dir := t.TempDir()
	r := mustStart(t, dir, nil)
	write(t, r.Kafka, "0")
	want := "0"
	for i := 1; i <= 3; i++ {
		kill(t, dir, "clickhouse")
		waitGone(t, dir, "clickhouse")
		ping(t, r.ClickHouse)
		kill(t, dir, "kafka")
		waitGone(t, dir, "kafka")
		write(t, r.Kafka, strconv.Itoa(i))
		want += " " + strconv.Itoa(i)
	}
	if got := read(t, r.Kafka, 4); got != want {
		t.Errorf("the log has %q, want %q", got, want)
	}
	if said := r.log.String(); strings.Count(said, "is started again") != 6 || !strings.Contains(said, "signal: killed") || !strings.Contains(said, "kafka serves") {
		t.Errorf("the log says:\n%s", said)
	}
	if err := r.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestChildrenEndWithTheirParent(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(exe, "system", dir)
	parent.Stderr = io.Discard
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		parent.Process.Kill()
		parent.Wait()
	}()
	var e embedded.Endpoints
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		if e, err = embedded.Find(dir); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	write(t, e.Kafka, "kept")

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait()
	waitGone(t, dir, "kafka")
	waitGone(t, dir, "clickhouse")
	closed(t, e.Kafka)
	closed(t, e.ClickHouse)
	_, err = embedded.Find(dir)
	oneLine(t, err, "no running system in "+dir, "without a goodbye", "start one with")

	// The next start is not misled by what was left behind.
	r := mustStart(t, dir, nil)
	if _, err := embedded.Find(dir); err == nil {
		t.Error("the endpoints of the system that was killed are found while the next one starts")
	}
	if got := read(t, r.Kafka, 1); got != "kept" {
		t.Errorf("the log has %q", got)
	}
}

func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	mustStart(t, dir, nil)
	_, err := start(t, dir, nil)
	oneLine(t, err, dir+" is in use by another 'mingjian up' (process "+strconv.Itoa(os.Getpid())+")", "--data")
}

func TestDirectoryThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ dir, says string }{
		"is a file":              {file, "there is a file of that name in the way"},
		"below a file":           {filepath.Join(file, "data"), "there is a file of that name in the way"},
		"cannot be made":         {"/proc/mingjian", "cannot be made"},
		"exists, but read-only":  {"/proc/self/task", "cannot be written"},
		"exists, but is no disk": {"/proc/self/fdinfo", "cannot be written"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := start(t, c.dir, nil)
			oneLine(t, err, c.dir, c.says, "choose another with --data")
		})
	}
}

func TestTakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for flag, change := range map[string]func(*embedded.Options){
		"--kafka-listen":      func(o *embedded.Options) { o.KafkaListen = port },
		"--clickhouse-listen": func(o *embedded.Options) { o.ClickHouseListen = "127.0.0.1:" + port },
	} {
		t.Run(flag, func(t *testing.T) {
			dir := t.TempDir()
			_, err := start(t, dir, change)
			oneLine(t, err, "port "+port+" on 127.0.0.1 is taken: stop what uses it, or choose another with "+flag+" (0 for any free one)")
			if _, err := os.Stat(filepath.Join(dir, "kafka")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a child was started: %v", err)
			}
			mustStart(t, dir, nil) // the directory is free again
		})
	}
}

func TestListenIsLocalUnlessToldOtherwise(t *testing.T) {
	for _, address := range []string{"", "0", ":0", "127.0.0.1:0"} {
		l, err := embedded.Listen(t.Context(), address, "127.0.0.1:0", "--listen")
		if err != nil {
			t.Fatal(err)
		}
		if ip := l.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
			t.Errorf("%q listens on %v", address, ip)
		}
		l.Close()
	}
	l, err := embedded.Listen(t.Context(), "0.0.0.0:0", "127.0.0.1:0", "--listen")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, address := range []string{"a:b:c", "127.0.0.1:99999", "no-such-host.invalid:0"} {
		_, err := embedded.Listen(t.Context(), address, "127.0.0.1:8080", "--listen")
		oneLine(t, err, "--listen")
	}
}

func TestChildThatCannotRun(t *testing.T) {
	for how, c := range map[string]struct{ patience, says string }{
		"cannot":  {"1m", "clickhouse cannot start: the engine is not there: install npm"},
		"panics":  {"1m", "clickhouse cannot start: panic: the engine fell over"},
		"crashes": {"1m", "clickhouse cannot start: SIGBUS: bus error"},
		"dies":    {"1m", "clickhouse ended 5 times in a row before it answered and is not started again: signal: killed; it last said: loading"},
		"mute":    {"500ms", "clickhouse cannot start: it did not answer within 500ms"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			behave(t, dir, how)
			patience, err := time.ParseDuration(c.patience)
			if err != nil {
				t.Fatal(err)
			}
			r, err := start(t, dir, func(o *embedded.Options) { o.Patience = patience })
			oneLine(t, err, c.says)
			for _, child := range []string{"kafka", "clickhouse"} {
				if !gone(t, dir, child) {
					t.Errorf("%s is left running", child)
				}
			}
			if werr := r.stop(); werr == nil || werr.Error() != err.Error() {
				t.Errorf("the group ends with %v, want the same", werr)
			}
			behave(t, dir, "") // what was wrong is mended
			mustStart(t, dir, nil)
		})
	}
	t.Run("is not there", func(t *testing.T) {
		t.Parallel()
		var group errgroup.Group // without a context of its own
		o := options(t.TempDir(), &group)
		o.Executable = "/no/such/binary"
		_, err := embedded.Run(t.Context(), o)
		oneLine(t, err, "cannot start", "/no/such/binary")
		oneLine(t, group.Wait(), "cannot start", "/no/such/binary")
	})
	t.Run("stopped while it starts", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		behave(t, dir, "mute")
		ctx, cancel := context.WithCancel(t.Context())
		group, ctx := errgroup.WithContext(ctx)
		time.AfterFunc(300*time.Millisecond, cancel)
		if _, err := embedded.Run(ctx, options(dir, group)); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// A child that loses its ability to start takes the system down with one line, once it is hopeless.
func TestChildThatComesBackNoMore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := mustStart(t, dir, nil)
	behave(t, dir, "cannot")
	kill(t, dir, "clickhouse")
	ended := make(chan struct{})
	time.AfterFunc(within, func() {
		select {
		case <-ended:
		default:
			r.stop()
		}
	})
	waitGone(t, dir, "kafka") // before anybody has asked it to stop
	err := r.stop()
	close(ended)
	oneLine(t, err, "clickhouse ended 5 times in a row before it answered and is not started again: the engine is not there: install npm")
}

// A child that does not heed SIGTERM is killed after its time.
func TestStubbornChildIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	behave(t, dir, "stubborn")
	r := mustStart(t, dir, nil)
	if err := r.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if !gone(t, dir, "clickhouse") {
		t.Error("it is left running")
	}
	if said := r.log.String(); !strings.Contains(said, "did not end in order and was killed") {
		t.Errorf("the log says:\n%s", said)
	}
}

// A child that lives and does not answer is as good as dead.
func TestHangingChildIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := mustStart(t, dir, func(o *embedded.Options) { o.Watch = 10 * time.Millisecond })
	was := map[string]int{}
	for _, child := range []string{"clickhouse", "kafka"} {
		was[child] = pid(t, dir, child)
		if err := syscall.Kill(was[child], syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	for child := range was {
		for end := time.Now().Add(within); pid(t, dir, child) == was[child]; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s still hangs:\n%s", child, r.log)
			}
		}
	}
	ping(t, r.ClickHouse)
	write(t, r.Kafka, "after")
	if got := read(t, r.Kafka, 1); got != "after" {
		t.Errorf("kafka gives %q", got)
	}
	if said := r.log.String(); !strings.Contains(said, "it lives and did not answer 6 times in a row") {
		t.Errorf("the log says:\n%s", said)
	}
}

func TestCredentialsAreMadeOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, embedded.CredentialsFile)
	r := mustStart(t, dir, nil)
	first, err := embedded.LoadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, u := range first.Users {
		switch u.Name {
		case embedded.DefaultUser:
			if u.Password != "" || !u.ReadOnly {
				t.Errorf("default: %+v", u)
			}
		case embedded.WriterUser, embedded.ReaderUser:
			if len(u.Password) < 20 || seen[u.Password] || u.ReadOnly != (u.Name == embedded.ReaderUser) {
				t.Errorf("%s: read-only %v, password of %d characters", u.Name, u.ReadOnly, len(u.Password))
			}
		default:
			t.Errorf("an unknown user %s", u.Name)
		}
		seen[u.Password] = true
		if p, err := first.Password(u.Name); err != nil || p != u.Password {
			t.Errorf("password of %s: %v", u.Name, err)
		}
	}
	if len(first.Users) != 3 {
		t.Errorf("%d users, want 3", len(first.Users))
	}
	if _, err := first.Password("nobody"); err == nil {
		t.Error("nobody has a password")
	}
	r.stop()
	r = mustStart(t, dir, nil)
	r.stop()
	if again, err := embedded.LoadCredentials(path); err != nil || len(again.Users) != 3 || again.Users[0] != first.Users[0] {
		t.Errorf("after a restart: other users, %v", err)
	}
	if strings.Contains(r.log.String(), first.Users[0].Password) {
		t.Error("a password stands in the log")
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = start(t, dir, nil)
	oneLine(t, err, path, "remove the file")
}

func TestTopicsReachTheBroker(t *testing.T) {
	r := mustStart(t, t.TempDir(), func(o *embedded.Options) {
		o.Topics = []kafka.Topic{{Name: "a", Partitions: 3}, {Name: "b.c", Partitions: 1, Retention: -1}}
		o.SyncWrites = true
	})
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	meta, err := (&client.Client{Addr: client.TCP(r.Kafka)}).Metadata(ctx, &client.MetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, topic := range meta.Topics {
		got[topic.Name] = len(topic.Partitions)
	}
	if len(got) != 2 || got["a"] != 3 || got["b.c"] != 1 {
		t.Errorf("topics %v", got)
	}
}
