package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/segmentio/kafka-go"

	"mingjian/collector/stream"
)

const (
	// MaxMessage is the largest message that goes in, framing included: the default of Apache Kafka's
	// message.max.bytes, which the embedded broker has too.
	MaxMessage = 1048588
	// framing is room for what Kafka's record format (v2) puts around one key and value: 61 bytes for
	// the batch, up to 14 for the record.
	framing = 100
	// batchMessages and batchWait shape requests: full ones when there is much to send, and a single
	// event acknowledged in milliseconds.
	batchMessages = 1000
	batchWait     = 5 * time.Millisecond
	// attempts at 100 ms to 1 s apart outlast a broker that is being started again (3 s).
	attempts = 10
)

// TooLargeError tells of a message that no broker with default settings takes.
type TooLargeError struct{ Bytes int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("message of %s bytes is larger than the broker takes (%s)", humanize.Comma(int64(e.Bytes)), humanize.Comma(MaxMessage))
}

// Producer puts messages into the stream. It is safe for many goroutines; Close ends it.
type Producer struct {
	topic     string
	writer    *kafka.Writer
	transport *kafka.Transport
}

// NewProducer makes a producer for a topic. It connects with the first message.
//
// Keys are spread over partitions as the Java client does (murmur2), so that a session's events meet
// in one partition whichever client sent them; every replica must have a message before it counts.
func NewProducer(cluster stream.Cluster, topic string) *Producer {
	transport := cluster.Transport("mingjian")
	return &Producer{topic: topic, transport: transport, writer: &kafka.Writer{
		Addr: cluster.Addr(), Transport: transport, Balancer: kafka.Murmur2Balancer{},
		RequiredAcks: kafka.RequireAll, MaxAttempts: attempts,
		BatchSize: batchMessages, BatchTimeout: batchWait, BatchBytes: MaxMessage - 61,
	}}
}

// Close sends nothing more and gives up the connections.
func (p *Producer) Close() error {
	err := p.writer.Close()
	p.transport.CloseIdleConnections()
	return err
}

// Send puts one message into a topic and returns when it is there to stay. The error is a
// *TooLargeError, ErrAway with its cause, or the context's.
func (p *Producer) Send(ctx context.Context, topic string, key, value []byte) error {
	if err := checkSize(key, value); err != nil {
		return err
	}
	errs, err := p.write(ctx, []kafka.Message{{Topic: topic, Key: key, Value: value}})
	if err != nil {
		return err
	}
	return errs[0]
}

// checkSize is the door: the size as the broker will count it.
func checkSize(key, value []byte) error {
	if n := len(key) + len(value) + framing; n > MaxMessage {
		return &TooLargeError{Bytes: n}
	}
	return nil
}

// write sends messages that passed checkSize and returns when all are there to stay: either an error
// for all of them, or one for each that the broker would not take (nil where it did).
func (p *Producer) write(ctx context.Context, messages []kafka.Message) ([]error, error) {
	refused := make([]error, len(messages))
	err := p.writer.WriteMessages(ctx, messages...)
	var each kafka.WriteErrors
	switch {
	case err == nil:
		return refused, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !errors.As(err, &each):
		return nil, fmt.Errorf("%w: %w", ErrAway, stream.Explain(err))
	}
	for i, e := range each {
		switch {
		case e == nil:
		case errors.Is(e, kafka.MessageSizeTooLarge) && len(messages) > 1:
			// The broker refuses a batch for its largest message, and may take less than ours does.
			alone, err := p.write(ctx, messages[i:i+1])
			if err != nil {
				return nil, err
			}
			refused[i] = alone[0]
		case errors.Is(e, kafka.MessageSizeTooLarge):
			refused[i] = fmt.Errorf("message of %s bytes is larger than this broker takes (its message.max.bytes is below %s)",
				humanize.Comma(int64(len(messages[i].Value))), humanize.Comma(MaxMessage))
		default:
			return nil, fmt.Errorf("%w: %w", ErrAway, stream.Explain(e))
		}
	}
	return refused, nil
}

// pile gathers messages until they are worth a round of requests.
type pile struct {
	messages []kafka.Message
	places   []string // where each came from, for the sentence that refuses it
	bytes    int
}

// Bounds of a pile: enough to fill requests to several partitions, and a bounded memory.
const (
	pileMessages = 4 * batchMessages
	pileBytes    = 8 << 20
)

func (l *pile) add(topic, place string, key, value []byte) {
	l.messages = append(l.messages, kafka.Message{Topic: topic, Key: key, Value: value})
	l.places = append(l.places, place)
	l.bytes += len(value)
}

func (l *pile) full() bool { return len(l.messages) >= pileMessages || l.bytes >= pileBytes }

func (l *pile) reset() {
	clear(l.messages)
	l.messages, l.places, l.bytes = l.messages[:0], l.places[:0], 0
}
