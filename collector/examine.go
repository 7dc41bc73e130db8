package collector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"mingjian/collector/sealed"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
)

// Ledger is what Examine asks the record.
type Ledger interface {
	Ping(ctx context.Context) error
	// Schema gives the migration that the record is at and the newest that the program has.
	Schema(ctx context.Context) (at, newest int64, err error)
	// Seals streams all seals of a topic by partition and first offset.
	Seals(ctx context.Context, topic string, each func(s warehouse.Seal, standing bool) error) error
	Checked(ctx context.Context, q warehouse.FindingQuery) (warehouse.Checked, error)
}

// Check is one thing that was looked at. Detail is a sentence for a person; where OK is false it
// says what is wrong.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Examine looks at stream and record from outside, without changing either: whether both answer,
// and whether the seals of every partition account for each offset up to where the log ends. What
// cannot be reached is a failed check; later checks that need it are left out.
func Examine(ctx context.Context, cluster stream.Cluster, topic string, record Ledger) []Check {
	x := &examination{ctx: ctx, stream: cluster, topic: topic}
	logs := x.broker()
	if !x.note("store", record.Ping(ctx), "ClickHouse answers") {
		return x.checks
	}
	x.schema(record)
	x.seals(record, logs)
	if c, err := record.Checked(ctx, warehouse.FindingQuery{}); x.note("rejects", err, "") {
		x.last().Detail = fmt.Sprintf("%d messages were refused and stand among the rejects", c.Rejects)
	}
	return x.checks
}

type examination struct {
	ctx    context.Context
	stream stream.Cluster
	topic  string
	checks []Check
}

func (x *examination) last() *Check { return &x.checks[len(x.checks)-1] }

func (x *examination) note(name string, err error, detail string) bool {
	if err != nil {
		detail = err.Error()
	}
	x.checks = append(x.checks, Check{Name: name, OK: err == nil, Detail: detail})
	return err == nil
}

// bounds are the offsets that a partition's log has: [first, end).
type bounds struct{ first, end int64 }

// broker asks for the topic and gives the bounds of its partitions; nil where it cannot.
func (x *examination) broker() map[int]bounds {
	transport := newTransport(x.stream)
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(x.ctx, networkPatience)
	defer cancel()
	client := &kafka.Client{Addr: x.stream.Addr(), Transport: transport}
	meta, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{x.topic}})
	if !x.note("broker", stream.Explain(err), fmt.Sprintf("Kafka at %s answers", x.stream)) {
		return nil
	}
	var ids []int
	for _, t := range meta.Topics {
		err = errors.Join(err, absent(t))
		for _, p := range t.Partitions {
			err = errors.Join(err, p.Error)
			ids = append(ids, p.ID)
		}
	}
	if !x.note("topic", err, fmt.Sprintf("%s has %d partitions", x.topic, len(ids))) {
		return nil
	}
	out := map[int]bounds{}
	for _, id := range ids {
		log, err := x.bounds(id)
		if err != nil {
			x.note(fmt.Sprintf("log of partition %d", id), err, "")
			continue
		}
		out[id] = log
	}
	return out
}

// bounds asks the broker for those of a partition.
func (x *examination) bounds(id int) (bounds, error) {
	transport := newTransport(x.stream)
	defer transport.CloseIdleConnections()
	first, end, err := newTail(transport, x.stream, x.topic, id).bounds(x.ctx)
	return bounds{first, end}, err
}

// TopicsExist returns an error that names each of the topics that has to be made, or says that no
// broker answers. A collector would wait for them without end.
func TopicsExist(ctx context.Context, cluster stream.Cluster, topics ...string) error {
	transport := newTransport(cluster)
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, networkPatience)
	defer cancel()
	client := &kafka.Client{Addr: cluster.Addr(), Transport: transport}
	meta, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
	if err != nil {
		return fmt.Errorf("ask Kafka at %s for its topics: %w", cluster, stream.Explain(err))
	}
	var faults []error
	for _, t := range meta.Topics {
		faults = append(faults, absent(t))
	}
	return errors.Join(faults...)
}

// absent is the fault of a topic that cannot be used, with the way out.
func absent(t kafka.Topic) error {
	if t.Error == nil {
		return nil
	}
	return fmt.Errorf("topic %s: %w: make it first (interactions are keyed by session_id), or let the user of --kafka-user read and write it", t.Name, t.Error)
}

func (x *examination) schema(record Ledger) {
	at, newest, err := record.Schema(x.ctx)
	switch {
	case err != nil:
	case at < newest:
		err = fmt.Errorf("the record is at migration %d of %d: start the collector once, which brings it up to date", at, newest)
	case at > newest:
		err = fmt.Errorf("the record is at migration %d, and this program knows %d: use the newer program", at, newest)
	}
	x.note("schema", err, fmt.Sprintf("migration %d, the newest", at))
}

// chain is what the standing seals of one partition come to.
type chain struct {
	count, superseded int
	first             int64
	last              warehouse.Seal
	faults            []error
}

// follow takes the next standing seal.
func (c *chain) follow(s warehouse.Seal) {
	if read, err := sealed.Read(&s); err != nil {
		c.faults = append(c.faults, fmt.Errorf("the seal at offset %d is not as it was sealed, it was changed: %w", s.First, err))
	} else if err := read.Check(nil); err != nil {
		c.faults = append(c.faults, fmt.Errorf("the seal at offset %d is not as it was sealed, it was changed: %w", s.First, err))
	}
	switch {
	case c.count == 0:
		c.first = s.First
	case s.First > c.last.Last+1:
		c.faults = append(c.faults, fmt.Errorf("no seal has offsets %d to %d: they were lost", c.last.Last+1, s.First-1))
	case s.First <= c.last.Last:
		c.faults = append(c.faults, fmt.Errorf("two seals have offsets %d to %d", s.First, min(s.Last, c.last.Last)))
	}
	if s.Previous != c.last.ID {
		c.faults = append(c.faults, fmt.Errorf("the seal at offset %d does not follow the one before it", s.First))
	}
	c.count++
	c.last = s
}

// maxFaults bounds how many faults of one partition are told; the first ones lead to the cause.
const maxFaults = 5

func (x *examination) seals(record Ledger, logs map[int]bounds) {
	chains := map[int]*chain{}
	for id := range logs {
		chains[id] = &chain{}
	}
	err := record.Seals(x.ctx, x.topic, func(s warehouse.Seal, standing bool) error {
		c := chains[s.Partition]
		if c == nil {
			c = &chain{}
			chains[s.Partition] = c
		}
		if standing {
			c.follow(s)
		} else {
			c.superseded++
		}
		return nil
	})
	if err != nil {
		x.note("seals", err, "")
		return
	}
	ids := make([]int, 0, len(chains))
	for id := range chains {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		c := chains[id]
		detail := "no seal yet"
		if c.count > 0 {
			detail = fmt.Sprintf("%d seals account for offsets %d to %d", c.count, c.first, c.last.Last)
		}
		if c.superseded > 0 {
			detail += fmt.Sprintf("; %d were superseded by another owner's", c.superseded)
		}
		if n := len(c.faults); n > maxFaults {
			c.faults = append(c.faults[:maxFaults], fmt.Errorf("and %d more", n-maxFaults))
		}
		x.note(fmt.Sprintf("seals of partition %d", id), oneLine(c.faults), detail)
		if logs != nil {
			x.lag(id, c, logs)
		}
	}
}

// lag compares the end of the record with the log.
func (x *examination) lag(id int, c *chain, logs map[int]bounds) {
	log, ok := logs[id]
	position := log.first
	if c.count > 0 {
		position = c.last.Last + 1
	}
	if ok && position > log.end {
		// A collector may have sealed what came since the broker was asked.
		if now, err := x.bounds(id); err == nil {
			log = now
		}
	}
	var err error
	switch {
	case !ok:
		err = fmt.Errorf("the record has the partition, and topic %s does not", x.topic)
	case position > log.end:
		err = &aheadError{position, log.end}
	case position < log.first:
		err = &lostError{position, log.first}
	}
	detail := "the record is at the end of the log"
	if n := log.end - position; n > 0 {
		detail = fmt.Sprintf("the record is %d offsets behind the log", n)
		if c.count > 0 {
			detail += ", its newest seal is of " + time.UnixMilli(c.last.At).UTC().Format(time.RFC3339)
		}
	}
	x.note(fmt.Sprintf("lag of partition %d", id), err, detail)
}

func oneLine(faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.Error())
	}
	return errors.New(strings.Join(lines, "; "))
}
