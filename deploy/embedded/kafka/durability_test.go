package kafka_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"

	"mingjian/deploy/embedded/kafka"
)

// brokerDir makes this test binary a broker that can be killed; its address is its first line.
const brokerDir = "KAFKA_TEST_BROKER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(brokerDir); dir != "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err == nil {
			fmt.Println(l.Addr())
			err = kafka.Run(context.Background(), kafka.Options{Data: dir, Listener: l, Topics: talk})
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var talk = []kafka.Topic{{Name: "talk", Partitions: 2}}

// process is a broker in a process of its own.
type process struct {
	addr string
	cmd  *exec.Cmd
}

func startProcess(t *testing.T, dir string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(exe)}
	p.cmd.Env = append(os.Environ(), brokerDir+"="+dir)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the broker's address: %v", err)
	}
	p.addr = strings.TrimSpace(line)
	return p
}

func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

// runIn runs a broker in this process until stop is called.
func runIn(t *testing.T, dir string, now time.Time, topics ...kafka.Topic) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- kafka.Run(ctx, kafka.Options{
			Data: dir, Listener: l, Topics: topics,
			Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("broker: %v", err)
		}
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func TestWhatWasAcknowledgedSurvivesSIGKILL(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]bool{}
	sent := 0
	for round := range 3 {
		b := startProcess(t, dir)
		w := writerTo(t, b.addr, "talk")
		enough := 150 * (round + 1)
		for {
			var batch []client.Message
			for range 20 {
				batch = append(batch, client.Message{Key: fmt.Append(nil, sent), Value: fmt.Append(nil, sent, strings.Repeat(" x", 2000))})
				sent++
			}
			errs := w.WriteMessages(deadline(t), batch...)
			var each client.WriteErrors
			switch {
			case errs == nil:
				for _, m := range batch {
					acked[string(m.Key)] = true
				}
			case errors.As(errs, &each):
				for i, m := range batch {
					if each[i] == nil {
						acked[string(m.Key)] = true
					}
				}
			}
			if errs != nil {
				break // it is gone
			}
			if len(acked) >= enough && b.cmd.ProcessState == nil && enough > 0 {
				enough = 0
				go b.cmd.Process.Kill() // while the next batches are under way
			}
		}
		b.kill()
	}

	b := startProcess(t, dir)
	times := map[string]int{}
	for p := range 2 {
		first, _ := offsets(t, b.addr, "talk", p)
		for i, m := range readPartition(t, b.addr, "talk", p, first) {
			if m.Offset != first+int64(i) {
				t.Fatalf("partition %d: offset %d where %d belongs", p, m.Offset, first+int64(i))
			}
			times[string(m.Key)]++
		}
	}
	for key := range acked {
		if times[key] != 1 {
			t.Errorf("message %s was acknowledged and stands %d times in the log", key, times[key])
		}
	}
	if len(acked) < 450 {
		t.Errorf("only %d messages were acknowledged in three rounds", len(acked))
	}
}

// A partition whose log ends in half a batch, or in garbage, goes on behind the last whole batch.
func TestDamagedTailIsCutAndTheRestGoesOn(t *testing.T) {
	dir := t.TempDir()
	b := startProcess(t, dir)
	for i := range 5 {
		writeTo(t, b.addr, "talk", client.Message{Key: []byte("same"), Value: []byte{byte(i)}})
	}
	b.kill()
	var segment string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if info, serr := os.Stat(path); strings.HasSuffix(path, ".dat") && serr == nil && info.Size() > 0 {
			segment = path
		}
		return err
	})
	if err != nil || segment == "" {
		t.Fatalf("no segment in %s: %v", dir, err)
	}
	raw, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	size := 12 + int(binary.BigEndian.Uint32(raw[8:])) // of the first of five batches alike
	half := append(raw[:4*size:4*size], raw[:size/2]...)
	if err := os.WriteFile(segment, half, 0o600); err != nil {
		t.Fatal(err)
	}

	b = startProcess(t, dir)
	writeTo(t, b.addr, "talk", client.Message{Key: []byte("same"), Value: []byte("next")})
	b.kill()
	b = startProcess(t, dir)
	var got []string
	for p := range 2 {
		for _, m := range readPartition(t, b.addr, "talk", p, 0) {
			got = append(got, fmt.Sprintf("%d:%q", m.Offset, m.Value))
		}
	}
	want := `0:"\x00" 1:"\x01" 2:"\x02" 3:"\x03" 4:"next"`
	if strings.Join(got, " ") != want {
		t.Errorf("the log has %s, want %s", strings.Join(got, " "), want)
	}
}

func TestTopicsAreMadeOnceAndKeepTheirPartitions(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	addr, stop := runIn(t, dir, now, kafka.Topic{Name: "talk", Partitions: 1})
	writeTo(t, addr, "talk", client.Message{Value: []byte("kept")})
	stop()
	addr, _ = runIn(t, dir, now, kafka.Topic{Name: "talk", Partitions: 4}, kafka.Topic{Name: "new", Partitions: 2})
	c := &client.Client{Addr: client.TCP(addr)}
	meta, err := c.Metadata(deadline(t), &client.MetadataRequest{Topics: []string{"talk", "new"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, topic := range meta.Topics {
		got[topic.Name] = len(topic.Partitions)
		for _, p := range topic.Partitions {
			if l := fmt.Sprintf("%s:%d", p.Leader.Host, p.Leader.Port); l != addr {
				t.Errorf("%s %d is led by %s; clients reach the broker at %s", topic.Name, p.ID, l, addr)
			}
		}
	}
	if got["talk"] != 1 || got["new"] != 2 {
		t.Errorf("partitions %v, want talk 1 as it was and new 2", got)
	}
	if m := readPartition(t, addr, "talk", 0, 0); len(m) != 1 {
		t.Errorf("%d messages after the restart, want 1", len(m))
	}
}

func TestSecondBrokerOnTheSameDirectory(t *testing.T) {
	t.Parallel()
	t.Run("takes over from one that is ending", func(t *testing.T) {
		dir := t.TempDir()
		first := startProcess(t, dir)
		writeTo(t, first.addr, "talk", client.Message{Value: []byte("x")}) // it holds the lock
		addr, _ := runIn(t, dir, time.Now(), talk...)
		first.kill()
		if m := len(readPartition(t, addr, "talk", 0, 0)) + len(readPartition(t, addr, "talk", 1, 0)); m != 1 {
			t.Errorf("the successor has %d messages, want 1", m)
		}
	})
	t.Run("gives up in one line", func(t *testing.T) {
		dir := t.TempDir()
		first := startProcess(t, dir)
		writeTo(t, first.addr, "talk", client.Message{Value: []byte("x")})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		err = kafka.Run(deadline(t), kafka.Options{Data: dir, Listener: l, Topics: talk, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), dir+" is in use by another broker") || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q", err)
		}
	})
}

func TestDataIsForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	addr, _ := runIn(t, dir, time.Now(), talk...)
	offsets(t, addr, "talk", 0)
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, want 0700", info.Mode().Perm())
	}
}

func TestRetentionCountsFromArrivalAndKeepsOffsets(t *testing.T) {
	dir := t.TempDir()
	begin := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	topics := []kafka.Topic{{Name: "talk", Partitions: 1}, {Name: "ever", Partitions: 1, Retention: -1}, {Name: "short", Partitions: 1, Retention: time.Hour}}
	longAgo := begin.AddDate(-2, 0, 0) // as an import may say
	fill := func(addr string) {
		for _, topic := range topics {
			for range 5 {
				writeTo(t, addr, topic.Name, client.Message{Value: []byte("x"), Time: longAgo})
			}
		}
	}
	addr, stop := runIn(t, dir, begin, topics...)
	fill(addr)
	stop()
	// An hour later five more of each arrive; the first five are noted as having arrived by now.
	addr, stop = runIn(t, dir, begin.Add(time.Hour), topics...)
	fill(addr)
	stop()

	type log struct{ first, next int64 }
	for _, step := range []struct {
		now   time.Time
		after map[string]log
	}{
		{begin.Add(2 * time.Hour), map[string]log{"talk": {0, 10}, "ever": {0, 10}, "short": {5, 10}}},
		{begin.Add(time.Hour + 7*24*time.Hour), map[string]log{"talk": {5, 10}, "ever": {0, 10}, "short": {9, 10}}},
		{begin.AddDate(1, 0, 0), map[string]log{"talk": {9, 10}, "ever": {0, 10}, "short": {9, 10}}},
		// What was emptied as far as it may be still knows its offsets after one more restart.
		{begin.AddDate(1, 0, 1), map[string]log{"talk": {9, 10}, "ever": {0, 10}, "short": {9, 10}}},
	} {
		addr, stop := runIn(t, dir, step.now, topics...)
		for topic, want := range step.after {
			if first, next := offsets(t, addr, topic, 0); first != want.first || next != want.next {
				t.Errorf("%v: %s has offsets %d to %d, want %d to %d", step.now, topic, first, next, want.first, want.next)
			}
		}
		stop()
	}
}

// The bytes of deleted records leave the disk with their segment files.
func TestRetentionGivesSpaceBack(t *testing.T) {
	dir := t.TempDir()
	begin := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	topic := kafka.Topic{Name: "talk", Partitions: 1}
	addr, stop := runIn(t, dir, begin, topic)
	w := writerTo(t, addr, "talk")
	for range 70 { // of a megabyte each: three files
		if err := w.WriteMessages(deadline(t), client.Message{Value: make([]byte, 1_000_000)}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	onDisk := func() (bytes int64) {
		err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			info, err := e.Info()
			if err == nil {
				bytes += info.Size()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	before := onDisk()
	for _, now := range []time.Time{begin.Add(time.Hour), begin.AddDate(0, 0, 30)} {
		addr, stop := runIn(t, dir, now, topic)
		offsets(t, addr, "talk", 0)
		stop()
	}
	if before < 70_000_000 || onDisk() > before-60_000_000 {
		t.Errorf("%d bytes before and %d after everything is past its retention", before, onDisk())
	}
}

// A log of several segment files is whole after a SIGKILL and goes on at its end.
func TestLongLogSurvivesSIGKILL(t *testing.T) {
	dir := t.TempDir()
	const round = 20 // of a megabyte each, so that the second round begins in a second file
	for n := 1; n <= 3; n++ {
		b := startProcess(t, dir)
		w := writerTo(t, b.addr, "talk")
		for i := range round {
			m := client.Message{Key: []byte("same"), Value: append([]byte{byte(n), byte(i)}, make([]byte, 1_000_000)...)}
			if err := w.WriteMessages(deadline(t), m); err != nil {
				t.Fatal(err)
			}
		}
		var got []client.Message
		for p := range 2 {
			got = append(got, readPartition(t, b.addr, "talk", p, 0)...)
		}
		if len(got) != n*round {
			t.Fatalf("round %d: %d messages, want %d", n, len(got), n*round)
		}
		for i, m := range got {
			if m.Offset != int64(i) || m.Value[0] != byte(1+i/round) || m.Value[1] != byte(i%round) {
				t.Fatalf("round %d: message %d is %v at offset %d", n, i, m.Value[:2], m.Offset)
			}
		}
		b.kill()
	}
}
