package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"mingjian/collector/stream"
)

// clientID is how brokers name us in their logs and quotas.
const clientID = "mingjian-collector"

const (
	// fetchBytes is how much one fetch asks for: a few thousand messages. A larger single batch is
	// delivered whole all the same.
	fetchBytes = 4 << 20
	// networkPatience is how long an answer may take beyond what the broker was asked to wait.
	networkPatience = 10 * time.Second
	// metadataTTL bounds how long a moved leader or a restarted broker goes unnoticed.
	metadataTTL = time.Second
)

func newTransport(cluster stream.Cluster) *kafka.Transport {
	transport := cluster.Transport(clientID)
	transport.MetadataTTL = metadataTTL
	return transport
}

// message is one record of the log that a producer wrote and, in a transaction, committed.
type message struct {
	offset     int64
	at         time.Time // the broker's or the producer's time stamp
	key, value []byte
}

// page is what one fetch gave: the messages among the offsets from where it was asked to next.
// Offsets without a message are transaction markers, aborted or compacted records.
type page struct {
	messages []message
	next     int64
	end      int64 // the last stable offset: where reading ends for now
}

// lostError says that retention passed the position before it was read.
type lostError struct{ position, first int64 }

func (e *lostError) Error() string {
	return fmt.Sprintf("the broker no longer has offsets %d to %d", e.position, e.first-1)
}

// aheadError says that the record is ahead of the broker's log.
type aheadError struct{ position, end int64 }

func (e *aheadError) Error() string {
	return fmt.Sprintf("the broker's log ends at offset %d, and the record goes to %d: this is not the log that was recorded, or it lost its end", e.end, e.position-1)
}

// tail reads one partition at any offset. It goes to the protocol's Fetch directly, because
// kafka.Reader hands transaction markers out as messages and skips over what retention removed.
type tail struct {
	client    *kafka.Client
	transport *kafka.Transport
	topic     string
	partition int
	came      int // messages with the last page: there is room for as many in the next
}

func newTail(transport *kafka.Transport, cluster stream.Cluster, topic string, partition int) *tail {
	return &tail{
		client:    &kafka.Client{Addr: cluster.Addr(), Transport: transport},
		transport: transport, topic: topic, partition: partition,
	}
}

// bounds gives the first offset that can be read, and the next that will be written.
func (t *tail) bounds(ctx context.Context) (first, end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, networkPatience)
	defer cancel()
	res, err := t.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		t.topic: {kafka.FirstOffsetOf(t.partition), kafka.LastOffsetOf(t.partition)},
	}})
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the offsets of %s/%d: %w", t.topic, t.partition, err)
	}
	for _, p := range res.Topics[t.topic] {
		if p.Partition == t.partition {
			if p.Error != nil {
				return 0, 0, fmt.Errorf("offsets of %s/%d: %w", t.topic, t.partition, p.Error)
			}
			return p.FirstOffset, p.LastOffset, nil
		}
	}
	return 0, 0, fmt.Errorf("offsets of %s/%d: the broker does not know the partition", t.topic, t.partition)
}

// fetch reads from an offset on, waiting up to wait for at least so many bytes to be there. Beside
// network and broker errors it returns *lostError and *aheadError.
func (t *tail) fetch(ctx context.Context, offset int64, least int, wait time.Duration) (page, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+networkPatience)
	defer cancel()
	res, err := t.transport.RoundTrip(ctx, t.client.Addr, &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(wait.Milliseconds()), MinBytes: int32(least), MaxBytes: fetchBytes,
		IsolationLevel: int8(kafka.ReadCommitted), SessionEpoch: -1, // -1: no fetch session (KIP-227)
		Topics: []fetch.RequestTopic{{Topic: t.topic, Partitions: []fetch.RequestPartition{{
			Partition: int32(t.partition), CurrentLeaderEpoch: -1, FetchOffset: offset, LogStartOffset: -1, PartitionMaxBytes: fetchBytes,
		}}}},
	})
	if err != nil {
		return page{}, fmt.Errorf("read %s/%d at %d: %w", t.topic, t.partition, offset, err)
	}
	r := res.(*fetch.Response)
	if r.ErrorCode != 0 {
		return page{}, fmt.Errorf("read %s/%d at %d: %w", t.topic, t.partition, offset, kafka.Error(r.ErrorCode))
	}
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		return page{}, fmt.Errorf("read %s/%d at %d: the broker answered about something else", t.topic, t.partition, offset)
	}
	p := &r.Topics[0].Partitions[0]
	switch code := kafka.Error(p.ErrorCode); {
	case code == kafka.OffsetOutOfRange:
		return page{}, t.outOfRange(ctx, offset)
	case code != 0:
		return page{}, fmt.Errorf("read %s/%d at %d: %w", t.topic, t.partition, offset, code)
	}
	pg := page{next: offset, end: p.LastStableOffset, messages: make([]message, 0, t.came)}
	if err := pg.read(p, offset); err != nil {
		return page{}, fmt.Errorf("read %s/%d at %d: %w", t.topic, t.partition, offset, err)
	}
	t.came = len(pg.messages)
	return pg, nil
}

func (t *tail) outOfRange(ctx context.Context, offset int64) error {
	first, end, err := t.bounds(ctx)
	switch {
	case err != nil:
		return err
	case offset < first:
		return &lostError{offset, first}
	case offset > end:
		return &aheadError{offset, end}
	}
	return fmt.Errorf("read %s/%d at %d: %w", t.topic, t.partition, offset, kafka.OffsetOutOfRange) // it moved meanwhile
}

// read takes the messages from offset on out of a fetched partition. The broker gives aborted
// transactions along and names them; leaving them out is the reader's part (KIP-98).
func (pg *page) read(p *fetch.ResponsePartition, offset int64) error {
	stream, ok := p.RecordSet.Records.(*protocol.RecordStream)
	if !ok {
		return nil // nothing there
	}
	aborted := slices.Clone(p.AbortedTransactions)
	slices.SortFunc(aborted, func(a, b fetch.ResponseTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	aborting := map[int64]bool{} // producers inside an aborted transaction
	last := int64(-1)            // the first offset of the last batch
	for _, batch := range stream.Records {
		skip := false
		switch b := batch.(type) {
		case *protocol.ControlBatch:
			last, skip = b.BaseOffset, true
			delete(aborting, b.ProducerID) // its transaction ends with this marker
		case *protocol.RecordBatch:
			for len(aborted) > 0 && aborted[0].FirstOffset <= b.BaseOffset {
				aborting[aborted[0].ProducerID] = true
				aborted = aborted[1:]
			}
			last, skip = b.BaseOffset, b.Attributes.Transactional() && aborting[b.ProducerID]
		case *protocol.MessageSet:
			last = b.BaseOffset
		}
		if err := pg.take(batch, offset, skip); err != nil {
			return err
		}
	}
	if pg.next == offset && last >= 0 {
		// Batches came and no record of them is at our offset or behind: compaction removed it, and
		// the protocol reader does not say where the batch ends. One step is always safe.
		pg.next++
	}
	return nil
}

func (pg *page) take(batch protocol.RecordReader, offset int64, skip bool) error {
	for {
		r, err := batch.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		key, value, err := contents(r)
		if err != nil {
			return err
		}
		if r.Offset < offset {
			continue // a batch is delivered from its beginning
		}
		pg.next = r.Offset + 1
		if !skip {
			pg.messages = append(pg.messages, message{offset: r.Offset, at: r.Time, key: key, value: value})
		}
	}
}

// contents copies a record out of the client's page buffers and gives those back.
func contents(r *protocol.Record) (key, value []byte, err error) {
	read := func(b protocol.Bytes) []byte {
		if b == nil {
			return nil
		}
		defer b.Close()
		c, e := protocol.ReadAll(b)
		err = errors.Join(err, e)
		return c
	}
	key, value = read(r.Key), read(r.Value)
	return key, value, err
}
