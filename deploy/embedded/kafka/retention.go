package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// retentionEvery is how often arrivals are noted and old records deleted, and so how much longer
// than its retention a record can stay. 168 notes a week are a small file.
const retentionEvery = time.Hour

// retention deletes records by the time they arrived. Kafka's own measure, the record's timestamp,
// is the producer's word: conversations of last year, imported today, would be gone before they are
// read. So each pass notes where every partition ends, and what lay before a note is at least as old
// as the note.
type retention struct {
	topics  map[string]time.Duration
	cluster *kfake.Cluster
	admin   *kgo.Client
	path    string // of the notes, JSON
	notes   []note // oldest first
	now     func() time.Time
	log     *slog.Logger
}

// note is where the partitions ended at a moment.
type note struct {
	At   time.Time          `json:"at"`
	Ends map[string][]int64 `json:"ends"` // by topic and id (a topic made anew has another id), by partition
}

func newRetention(o Options, cluster *kfake.Cluster, admin *kgo.Client) *retention {
	r := &retention{
		topics:  make(map[string]time.Duration, len(o.Topics)),
		cluster: cluster,
		admin:   admin,
		path:    filepath.Join(o.Data, "arrivals.json"),
		now:     o.Now,
		log:     o.Log,
	}
	for _, t := range o.Topics {
		r.topics[t.Name] = t.Retention
	}
	raw, err := os.ReadFile(r.path)
	if err == nil {
		err = json.Unmarshal(raw, &r.notes)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		// The price is that records stay one retention longer, not that the broker stays down.
		r.log.Warn("kafka begins its notes of arrivals anew", "file", r.path, "error", err)
		r.notes = nil
	}
	return r
}

// apply deletes what is past its retention and notes where the partitions end now. A failure is
// logged and mended by the next pass.
func (r *retention) apply(ctx context.Context) {
	if err := r.pass(ctx); err != nil && ctx.Err() == nil {
		r.log.Error("kafka could not apply the retention", "error", err)
	}
}

func (r *retention) pass(ctx context.Context) error {
	topics, err := partitionsByTopic(ctx, r.admin)
	if err != nil {
		return err
	}
	now := r.now()
	today := note{At: now, Ends: make(map[string][]int64, len(topics))}
	longest := DefaultRetention
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 30_000
	for topic := range topics {
		info := r.cluster.TopicInfo(topic)
		if info == nil {
			continue // deleted since it was listed
		}
		key := fmt.Sprintf("%s %x", topic, info.TopicID)
		keep := r.topics[topic]
		if keep == 0 {
			keep = DefaultRetention
		}
		longest = max(longest, keep)
		rt := kmsg.NewDeleteRecordsRequestTopic()
		rt.Topic = topic
		for i, p := range r.cluster.PartitionInfos(topic) {
			today.Ends[key] = append(today.Ends[key], p.HighWatermark)
			// The newest record stays: see the package comment.
			upTo := min(r.arrivedBefore(key, i, p.HighWatermark, now.Add(-keep)), p.HighWatermark-1)
			if keep < 0 || upTo <= p.LogStartOffset {
				continue
			}
			rp := kmsg.NewDeleteRecordsRequestTopicPartition()
			rp.Partition, rp.Offset = p.Partition, upTo
			rt.Partitions = append(rt.Partitions, rp)
		}
		if len(rt.Partitions) > 0 {
			req.Topics = append(req.Topics, rt)
		}
	}
	if err := r.delete(ctx, req); err != nil {
		return err
	}
	return r.remember(today, now.Add(-longest))
}

// arrivedBefore gives the offset before which everything arrived at or before the moment.
func (r *retention) arrivedBefore(key string, partition int, end int64, moment time.Time) int64 {
	var upTo int64
	for _, n := range r.notes {
		if n.At.After(moment) || partition >= len(n.Ends[key]) {
			continue
		}
		// A note beyond the end speaks of a log that was lost since.
		if noted := n.Ends[key][partition]; noted <= end {
			upTo = max(upTo, noted)
		}
	}
	return upTo
}

func (r *retention) delete(ctx context.Context, req *kmsg.DeleteRecordsRequest) error {
	if len(req.Topics) == 0 {
		return nil
	}
	resp, err := req.RequestWith(ctx, r.admin)
	if err != nil {
		return fmt.Errorf("delete old records: %w", err)
	}
	var errs []error
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				errs = append(errs, fmt.Errorf("delete old records of %s partition %d: %w", t.Topic, p.Partition, err))
				continue
			}
			r.log.Info("kafka deleted old records", "topic", t.Topic, "partition", p.Partition, "first_offset", p.LowWatermark)
		}
	}
	return errors.Join(errs...)
}

// remember adds the note and drops those that say nothing any more: of the notes older than every
// retention the newest is enough.
func (r *retention) remember(n note, oldest time.Time) error {
	r.notes = append(r.notes, n)
	first := 0
	for i, n := range r.notes {
		if !n.At.After(oldest) {
			first = i
		}
	}
	r.notes = slices.Delete(r.notes, 0, first)
	raw, err := json.Marshal(r.notes)
	if err != nil {
		return fmt.Errorf("note arrivals: %w", err)
	}
	if err := replaceFile(r.path, raw); err != nil {
		return fmt.Errorf("note arrivals: %w", err)
	}
	return nil
}
