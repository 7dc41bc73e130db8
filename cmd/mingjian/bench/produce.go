package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// chunk is how many messages are handed to the client at once, and chunkBytes the most that they
	// may take together: a few requests to each partition.
	chunk      = 8000
	chunkBytes = 8 << 20
	// requestMessages and requestBytes bound one request, below what a broker takes by default.
	requestMessages = 4000
	requestBytes    = 1_000_000
	// tick is how often messages are sent where the rate is held: as a client does that lingers a moment.
	tick = 20 * time.Millisecond
)

// sent is a message of a partition that the broker has, with the moment at which it was due to be
// sent.
type sent struct {
	offset int64
	at     time.Time
}

// producer sends traffic into a topic and notes where it came to.
type producer struct {
	writer *kafka.Writer
	done   atomic.Int64 // messages that the broker has

	mu      sync.Mutex
	ends    map[int]int64  // by partition: the offset behind the last message
	waiting map[int][]sent // by partition, in order of their offsets; only where noted
	noting  bool           // set before anything is sent
	refused error
	bytes   int64
}

func newProducer(broker, topic string) *producer {
	p := &producer{ends: map[int]int64{}, waiting: map[int][]sent{}}
	p.writer = &kafka.Writer{
		Addr: kafka.TCP(broker), Topic: topic, Transport: &kafka.Transport{ClientID: "mingjian-bench"},
		Balancer: kafka.Murmur2Balancer{}, RequiredAcks: kafka.RequireAll,
		BatchSize: requestMessages, BatchBytes: requestBytes, BatchTimeout: time.Millisecond,
		Completion: p.acknowledged,
	}
	return p
}

// acknowledged is called by the client, for one partition in order.
func (p *producer) acknowledged(messages []kafka.Message, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.refused = err
		return
	}
	for _, m := range messages {
		p.ends[m.Partition] = max(p.ends[m.Partition], m.Offset+1)
		if p.noting {
			p.waiting[m.Partition] = append(p.waiting[m.Partition], sent{m.Offset, m.WriterData.(time.Time)})
		}
	}
	p.done.Add(int64(len(messages)))
}

// pace says how much is sent, and how fast.
type pace struct {
	count int64         // 0: until
	until time.Duration // since the first message; 0: count
	rate  float64       // messages a second; 0: as fast as lead allows
	// lead bounds by how many messages the traffic may be ahead of who reads it; 0: not.
	lead   int64
	behind func() int64 // how many the reader has done; where lead is given
}

// send sends messages of traffic at a pace and returns how many, when all of them are with the broker.
func (p *producer) send(ctx context.Context, s *traffic, how pace) (n int64, err error) {
	var arena []byte
	batch := make([]kafka.Message, 0, chunk)
	began := time.Now()
	for (how.count == 0 || n < how.count) && (how.until == 0 || time.Since(began) < how.until) {
		want := int64(chunk)
		if how.count > 0 {
			want = min(want, how.count-n)
		}
		if how.rate > 0 {
			// Always a pause, or else what was due while one was sent would go in hundreds of small requests.
			if err := sleep(ctx, tick); err != nil {
				return n, err
			}
			if want = min(want, int64(time.Since(began).Seconds()*how.rate)-n); want <= 0 {
				continue
			}
		}
		if how.lead > 0 && n-how.behind() > how.lead {
			if err := sleep(ctx, tick); err != nil {
				return n, err
			}
			continue
		}
		arena, batch = arena[:0], batch[:0]
		if cap(arena) == 0 {
			arena = make([]byte, 0, chunkBytes)
		}
		for int64(len(batch)) < want && len(arena) < chunkBytes-(64<<10) {
			key, value := s.next()
			from := len(arena)
			arena = append(append(arena, key...), value...)
			m := kafka.Message{Key: arena[from : from+len(key)], Value: arena[from+len(key):]}
			if how.rate > 0 {
				// When it was due and not when it was sent: a stall delays those behind it too.
				m.WriterData = began.Add(time.Duration(float64(n+int64(len(batch))) / how.rate * float64(time.Second)))
			}
			p.bytes += int64(len(value))
			batch = append(batch, m)
		}
		if err := p.writer.WriteMessages(ctx, batch...); err != nil {
			return n, fmt.Errorf("send to %s: %w", p.writer.Topic, err)
		}
		n += int64(len(batch))
	}
	return n, p.refused
}

// target is what a reader has to reach: by partition, the offset behind the last message.
func (p *producer) target() map[int]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[int]int64, len(p.ends))
	for id, end := range p.ends {
		out[id] = end
	}
	return out
}

// reached takes out the messages of a partition below an offset.
func (p *producer) reached(partition int, below int64) []sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.waiting[partition]
	i := 0
	for i < len(w) && w[i].offset < below {
		i++
	}
	p.waiting[partition] = w[i:]
	return w[:i:i]
}

func (p *producer) close() error {
	err := p.writer.Close()
	p.writer.Transport.(*kafka.Transport).CloseIdleConnections()
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
