package intake_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"

	"mingjian/collector/intake"
	"mingjian/collector/stream"
	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
)

const topic = "interactions"

// stage is a broker with a topic of three partitions, and a producer for it.
type stage struct {
	addr string
	*intake.Producer
}

func open(t *testing.T) stage {
	t.Helper()
	s := stage{addr: kafkatest.Start(t, kafka.Topic{Name: topic, Partitions: 3})}
	s.Producer = intake.NewProducer(stream.At(s.addr), topic)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// messages reads everything that is in the topic, partition by partition.
func (s stage) messages(t *testing.T) []client.Message {
	t.Helper()
	var out []client.Message
	for partition := range 3 {
		conn, err := client.DialLeader(t.Context(), "tcp", s.addr, topic, partition)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		first, last, err := conn.ReadOffsets()
		if err != nil {
			t.Fatal(err)
		}
		r := client.NewReader(client.ReaderConfig{Brokers: []string{s.addr}, Topic: topic, Partition: partition, MinBytes: 1, MaxBytes: 4 << 20, MaxWait: 50 * time.Millisecond})
		defer r.Close()
		if err := r.SetOffset(first); err != nil {
			t.Fatal(err)
		}
		for range last - first {
			m, err := r.ReadMessage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, m)
		}
	}
	return out
}

func values(messages []client.Message) []string {
	var out []string
	for _, m := range messages {
		out = append(out, string(m.Value))
	}
	slices.Sort(out)
	return out
}

// line is a valid event.
func line(session string, n int, text string) string {
	return fmt.Sprintf(`{"event_id":"%s-%d","session_id":"%s","ts":"2026-10-12T10:00:00+08:00","kind":"message","actor":{"role":"customer"},"text":"%s"}`, session, n, session, text)
}

func TestSendKeepsASessionTogetherAndInOrder(t *testing.T) {
	s := open(t)
	const sessions, each = 9, 20
	for n := range each {
		for session := range sessions {
			id := fmt.Sprintf("s-%d", session)
			if err := s.Send(t.Context(), topic, []byte(id), []byte(line(id, n, "好"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	next, home := map[string]int{}, map[string]int{}
	for _, m := range s.messages(t) {
		id := string(m.Key)
		if want := line(id, next[id], "好"); string(m.Value) != want {
			t.Fatalf("got %s, want %s", m.Value, want)
		}
		if next[id]++; next[id] > 1 && home[id] != m.Partition {
			t.Errorf("%s in partitions %d and %d", id, home[id], m.Partition)
		}
		home[id] = m.Partition
	}
	used := map[int]bool{}
	for _, p := range home {
		used[p] = true
	}
	if len(next) != sessions || len(used) < 2 {
		t.Errorf("%d sessions in %d partitions", len(next), len(used))
	}
}

// Other clients of the stream must put a session where this one does. The hashes are those that the
// Java client's own tests expect of its murmur2.
func TestKeysGoWhereTheJavaClientPutsThem(t *testing.T) {
	s := open(t)
	hashes := map[string]int32{"foobar": -790332482, "a-little-bit-long-string": -985981536, "abc": 479470107, "21": -973932308}
	for key := range hashes {
		if err := s.Send(t.Context(), topic, []byte(key), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	messages := s.messages(t)
	if len(messages) != len(hashes) {
		t.Fatalf("%d messages", len(messages))
	}
	for _, m := range messages {
		if want := int(hashes[string(m.Key)]&0x7fffffff) % 3; m.Partition != want {
			t.Errorf("%s is in partition %d, the Java client uses %d", m.Key, m.Partition, want)
		}
	}
}

func TestTheLargestMessageGoesInAndOneByteMoreIsRefused(t *testing.T) {
	s := open(t)
	key := []byte("s-1")
	fits := make([]byte, intake.MaxMessage-100-len(key))
	if err := s.Send(t.Context(), topic, key, fits); err != nil {
		t.Fatalf("the largest message: %v", err)
	}
	err := s.Send(t.Context(), topic, key, append(fits, 0))
	if err == nil || err.Error() != "message of 1,048,589 bytes is larger than the broker takes (1,048,588)" {
		t.Errorf("one byte more: %v", err)
	}
	if got := s.messages(t); len(got) != 1 || len(got[0].Value) != len(fits) {
		t.Errorf("%d messages in the stream", len(got))
	}
}

func TestSendSaysThatTheBrokerIsAway(t *testing.T) {
	p := intake.NewProducer(stream.At("127.0.0.1:1"), topic)
	defer p.Close()
	if err := p.Send(t.Context(), topic, []byte("k"), []byte("v")); err == nil || !strings.Contains(err.Error(), "the broker cannot be reached") {
		t.Errorf("got %v", err)
	}
}

// script is a source with moments relative to a start.
type script struct {
	start  time.Time
	offset []time.Duration
	n      int
}

func (s *script) Next() (time.Time, string, []byte, bool) {
	if s.n == len(s.offset) {
		return time.Time{}, "", nil, false
	}
	s.n++
	return s.start.Add(s.offset[s.n-1]), "s-1", []byte(line("s-1", s.n, "好")), true
}

func TestSimulateSendsThePastAtOnceAndTheRestWhenItIsDue(t *testing.T) {
	s := open(t)
	// The clock moves by an hour each time it is read, so nothing is ever long in coming.
	now := time.Date(2026, time.October, 12, 2, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Hour); return now }
	source := &script{start: now, offset: []time.Duration{0, 0, time.Hour, 2 * time.Hour, 4*time.Hour + 1, 5*time.Hour + 10*time.Millisecond}}
	sent, err := intake.Simulate(t.Context(), s.Producer, source, clock)
	if err != nil || sent != 6 {
		t.Errorf("%d sent, %v", sent, err)
	}
	if got := s.messages(t); len(got) != 6 {
		t.Errorf("%d messages in the stream", len(got))
	}
}

func TestSimulateEndsWithItsContextHavingSentWhatWasDue(t *testing.T) {
	s := open(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	start := time.Now()
	source := &script{start: start, offset: []time.Duration{-time.Hour, -time.Minute, 24 * time.Hour}}
	ended := make(chan error, 1)
	go func() {
		sent, err := intake.Simulate(ctx, s.Producer, source, time.Now)
		if sent != 2 {
			err = fmt.Errorf("%d sent: %w", sent, err)
		}
		ended <- err
	}()
	for len(s.messages(t)) < 2 {
	}
	stop()
	if err := <-ended; err != context.Canceled {
		t.Errorf("got %v", err)
	}
}
