package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	client "github.com/segmentio/kafka-go"

	"mingjian/deploy/embedded/kafka"
	"mingjian/deploy/embedded/kafka/kafkatest"
)

// within bounds every wait on the broker; a test that needs it all has failed.
const within = 60 * time.Second

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	return ctx
}

func writerTo(t *testing.T, addr, topic string) *client.Writer {
	t.Helper()
	w := &client.Writer{
		Addr: client.TCP(addr), Topic: topic, RequiredAcks: client.RequireAll,
		Balancer: &client.Hash{}, BatchTimeout: time.Millisecond, BatchBytes: 10 << 20, MaxAttempts: 1,
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func writeTo(t *testing.T, addr, topic string, msgs ...client.Message) {
	t.Helper()
	if err := writerTo(t, addr, topic).WriteMessages(deadline(t), msgs...); err != nil {
		t.Fatalf("write %d messages to %s: %v", len(msgs), topic, err)
	}
}

// offsets gives the first and the next offset of a partition.
func offsets(t *testing.T, addr, topic string, partition int) (first, next int64) {
	t.Helper()
	c, err := client.DialLeader(deadline(t), "tcp", addr, topic, partition)
	if err != nil {
		t.Fatalf("dial the leader of %s %d: %v", topic, partition, err)
	}
	defer c.Close()
	first, next, err = c.ReadOffsets()
	if err != nil {
		t.Fatalf("offsets of %s %d: %v", topic, partition, err)
	}
	return first, next
}

// readPartition reads from an offset to the end as it is now.
func readPartition(t *testing.T, addr, topic string, partition int, from int64) []client.Message {
	t.Helper()
	_, next := offsets(t, addr, topic, partition)
	c, err := client.DialLeader(deadline(t), "tcp", addr, topic, partition)
	if err != nil {
		t.Fatalf("dial the leader of %s %d: %v", topic, partition, err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(within))
	var got []client.Message
	for at := from; at < next; {
		if _, err := c.Seek(at, client.SeekAbsolute); err != nil {
			t.Fatalf("seek %s %d to %d: %v", topic, partition, at, err)
		}
		b := c.ReadBatchWith(client.ReadBatchConfig{MinBytes: 1, MaxBytes: 4 << 20})
		for {
			m, err := b.ReadMessage()
			if err != nil {
				break // the end of this batch, or what Close tells
			}
			got = append(got, m)
			at = m.Offset + 1
		}
		if err := b.Close(); err != nil {
			t.Fatalf("read %s %d at %d of %d: %v", topic, partition, at, next, err)
		}
	}
	return got
}

func TestMessagesComeBackAsTheyWereWritten(t *testing.T) {
	addr := kafkatest.Start(t, kafka.Topic{Name: "talk", Partitions: 3})
	at := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	var msgs []client.Message
	for i := range 30 {
		msgs = append(msgs, client.Message{
			Key: fmt.Appendf(nil, "session-%d", i%5), Value: fmt.Appendf(nil, "%d 您好", i),
			Headers: []client.Header{{Key: "kind", Value: []byte("message")}, {Key: "n", Value: []byte{byte(i)}}},
			Time:    at.Add(time.Duration(i) * time.Minute),
		})
	}
	writeTo(t, addr, "talk", msgs...)

	found := 0
	lastOfKey := map[string]int{}
	for p := range 3 {
		for i, m := range readPartition(t, addr, "talk", p, 0) {
			if m.Offset != int64(i) {
				t.Errorf("partition %d message %d has offset %d", p, i, m.Offset)
			}
			if len(m.Headers) != 2 || m.Headers[0].Key != "kind" || len(m.Headers[1].Value) != 1 {
				t.Fatalf("headers %v", m.Headers)
			}
			n := int(m.Headers[1].Value[0])
			want := msgs[n]
			if string(m.Key) != string(want.Key) || string(m.Value) != string(want.Value) || !m.Time.Equal(want.Time) {
				t.Errorf("message %d came back as %q %q %v", n, m.Key, m.Value, m.Time)
			}
			if last, ok := lastOfKey[string(m.Key)]; ok && last > n {
				t.Errorf("key %s: %d after %d", m.Key, n, last)
			}
			lastOfKey[string(m.Key)] = n
			found++
		}
	}
	if found != len(msgs) {
		t.Errorf("%d messages came back of %d", found, len(msgs))
	}
}

func TestReaderStartsWhereItIsTold(t *testing.T) {
	addr := kafkatest.Start(t, kafka.Topic{Name: "talk", Partitions: 1})
	at := time.Date(2026, 10, 12, 10, 0, 0, 0, time.UTC)
	for i := range 10 {
		writeTo(t, addr, "talk", client.Message{Value: []byte{byte(i)}, Time: at.Add(time.Duration(i) * time.Hour)})
	}
	// kafka-go takes MaxWait for the time that an answer may take, too: not too short.
	r := client.NewReader(client.ReaderConfig{Brokers: []string{addr}, Topic: "talk", Partition: 0, MaxWait: 2 * time.Second})
	defer r.Close()
	if err := r.SetOffset(7); err != nil {
		t.Fatal(err)
	}
	for want := int64(7); want < 10; want++ {
		if m, err := r.ReadMessage(deadline(t)); err != nil || m.Offset != want || m.Value[0] != byte(want) {
			t.Errorf("from offset 7: %d %v, %v; want %d", m.Offset, m.Value, err, want)
		}
	}
	c := &client.Client{Addr: client.TCP(addr)}
	asked := at.Add(3*time.Hour + 30*time.Minute)
	resp, err := c.ListOffsets(deadline(t), &client.ListOffsetsRequest{Topics: map[string][]client.OffsetRequest{
		"talk": {client.TimeOffsetOf(0, asked)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := resp.Topics["talk"][0]
	if _, ok := p.Offsets[4]; p.Error != nil || !ok {
		t.Errorf("the first record at or after 3.5 h: %v, error %v; want offset 4", p.Offsets, p.Error)
	}
}

func TestLargestMessageIsTakenAndALargerOneRefused(t *testing.T) {
	addr := kafkatest.Start(t, kafka.Topic{Name: "talk", Partitions: 1})
	near := bytes.Repeat([]byte{'a'}, kafka.MaxMessageBytes-100) // a batch has some 70 bytes around one value
	writeTo(t, addr, "talk", client.Message{Value: near})

	err := writerTo(t, addr, "talk").WriteMessages(deadline(t), client.Message{Value: bytes.Repeat([]byte{'a'}, kafka.MaxMessageBytes)})
	var refused client.WriteErrors
	if errors.As(err, &refused) {
		err = refused[0]
	}
	if !errors.Is(err, client.MessageSizeTooLarge) {
		t.Errorf("one byte too many: %v, want %v", err, client.MessageSizeTooLarge)
	}
	writeTo(t, addr, "talk", client.Message{Value: []byte("after")})
	got := readPartition(t, addr, "talk", 0, 0)
	if len(got) != 2 || !bytes.Equal(got[0].Value, near) || string(got[1].Value) != "after" {
		t.Errorf("%d messages stand in the log", len(got))
	}
}

func TestUnknownTopicIsNotMade(t *testing.T) {
	addr := kafkatest.Start(t, kafka.Topic{Name: "talk", Partitions: 1})
	err := writerTo(t, addr, "tolk").WriteMessages(deadline(t), client.Message{Value: []byte("x")})
	if !errors.Is(err, client.UnknownTopicOrPartition) {
		t.Errorf("writing to a misspelt topic: %v, want %v", err, client.UnknownTopicOrPartition)
	}
}

// What is no Kafka request, or one that could empty a partition, ends its own connection only.
func TestStrangersAreShownOut(t *testing.T) {
	addr := kafkatest.Start(t, kafka.Topic{Name: "talk", Partitions: 1})
	writeTo(t, addr, "talk", client.Message{Value: []byte("kept")})
	for name, sent := range map[string]string{
		"http":               "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"unknown request":    "\x00\x00\x00\x0a\x7f\xff\x00\x00\x00\x00\x00\x01\xff\xff",
		"negative request":   "\x00\x00\x00\x0a\xff\xfe\x00\x00\x00\x00\x00\x01\xff\xff",
		"negative length":    "\xff\xff\xff\xff\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff",
		"too short":          "\x00\x00\x00\x01\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff",
		"cut inside":         "\x00\x00\x00\x40\x00\x03\x00\x0c\x00\x00\x00\x01\xff\xff",
		"garbage metadata":   "\x00\x00\x00\x10\x00\x03\x00\x0c\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff",
		"delete all records": "\x00\x00\x00\x29\x00\x15\x00\x00\x00\x00\x00\x01\x00\x01x\x00\x00\x00\x01\x00\x04talk\x00\x00\x00\x01\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x10",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write([]byte(sent)); err != nil {
				t.Fatal(err)
			}
			c.(*net.TCPConn).CloseWrite() // fails where the broker has hung up already
			c.SetReadDeadline(time.Now().Add(within))
			if n, err := c.Read(make([]byte, 1)); n != 0 || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it was answered: %d bytes, %v", n, err)
			}
		})
	}
	if got := readPartition(t, addr, "talk", 0, 0); len(got) != 1 || string(got[0].Value) != "kept" {
		t.Errorf("afterwards the log has %d messages", len(got))
	}
}

func TestRunRefusesWhatCannotWork(t *testing.T) {
	listen := func(addr string) net.Listener {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for name, c := range map[string]struct {
		o    kafka.Options
		says string
	}{
		"every interface": {kafka.Options{Data: t.TempDir(), Listener: listen("0.0.0.0:0")}, "name one that they can reach"},
		"no partitions":   {kafka.Options{Data: t.TempDir(), Listener: listen("127.0.0.1:0"), Topics: []kafka.Topic{{Name: "talk"}}}, "at least one partition"},
		"no directory":    {kafka.Options{Data: "/proc/self/status/kafka", Listener: listen("127.0.0.1:0")}, "data directory"},
	} {
		t.Run(name, func(t *testing.T) {
			err := kafka.Run(deadline(t), c.o)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, c.says)
			}
			if _, err := c.o.Listener.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("its listener is left open: %v", err)
			}
		})
	}
}
