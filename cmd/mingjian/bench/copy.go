package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

const (
	// copyRows is how many rows the plain copy inserts at once.
	copyRows = 50_000
	// copyWait is how long it waits for more where it has read everything.
	copyWait = 100 * time.Millisecond
	// copyFetch is the most that one fetch brings, in bytes.
	copyFetch = 8 << 20
	// copyQueue is how many messages of a partition the client reads ahead.
	copyQueue = 20_000
)

// readyLine is what the copy prints when it is about to read.
const readyLine = "ready"

// CopyOptions say what a plain copy copies.
type CopyOptions struct {
	Broker     string // host:port
	ClickHouse string // http://host:port
	Password   string // of the embedded writer
	Topic      string
	Partitions int
	Table      string    // of the columns of interactions
	Ready      io.Writer // is told when it begins
}

// Copy is the yardstick: the plainest program that puts the messages of a topic into a table with the
// columns of interactions, as far as messages give them, checking nothing: the collector's JSON library
// into a struct, columns of 50,000 rows, one goroutine for each partition. What a message says beyond the
// columns is kept by keeping the message itself as body. It goes on until ctx ends.
func Copy(ctx context.Context, o CopyOptions) error {
	conn, err := connect(o.ClickHouse, o.Password)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Ping(ctx); err != nil {
		return fmt.Errorf("ping ClickHouse: %w", err)
	}
	fmt.Fprintln(o.Ready, readyLine)
	group, ctx := errgroup.WithContext(ctx)
	for partition := range o.Partitions {
		group.Go(func() error { return copyPartition(ctx, conn, o, partition) })
	}
	err = group.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func copyPartition(ctx context.Context, conn driver.Conn, o CopyOptions, partition int) error {
	r := readFrom(o.Broker, o.Topic, partition)
	defer r.Close()
	var c columns
	for {
		wait, cancel := ctx, context.CancelFunc(func() {})
		if len(c.ids) > 0 {
			wait, cancel = context.WithTimeout(ctx, copyWait)
		}
		m, err := r.ReadMessage(wait)
		cancel()
		switch {
		case err == nil:
			if err := c.add(&m); err != nil {
				return err
			}
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("read %s: %w", o.Topic, err)
		}
		if len(c.ids) == copyRows || err != nil {
			if err := c.insert(ctx, conn, o.Table); err != nil {
				return err
			}
		}
	}
}

// readFrom reads a partition from its beginning.
func readFrom(broker, topic string, partition int) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{broker}, Topic: topic, Partition: partition,
		MinBytes: 1, MaxBytes: copyFetch, MaxWait: copyWait, QueueCapacity: copyQueue,
	})
}

// plainEvent is what a plain copy takes out of a message.
type plainEvent struct {
	EventID      string `json:"event_id"`
	SessionID    string `json:"session_id"`
	TS           int64  `json:"ts"`
	Kind         string `json:"kind"`
	Tenant       string `json:"tenant"`
	BusinessLine string `json:"business_line"`
	Channel      string `json:"channel"`
	Actor        struct {
		Role string `json:"role"`
		ID   string `json:"id"`
	} `json:"actor"`
	Bot struct {
		Version string `json:"version"`
	} `json:"bot"`
	Customer struct {
		Jurisdiction string `json:"jurisdiction"`
	} `json:"customer"`
	Text   string         `json:"text"`
	Labels jsontext.Value `json:"labels"`
}

// columns are the rows of one insert.
type columns struct {
	tenants, sessions, ids, topics []string
	partitions, offsets, moments   []int64
	kinds, roles, actors           []string
	channels, lines, bots, places  []string
	texts, bodies, labels          []string
	lengths                        []int64
}

func (c *columns) add(m *kafka.Message) error {
	var e plainEvent
	if err := json.Unmarshal(m.Value, &e); err != nil {
		return fmt.Errorf("message at offset %d: %w", m.Offset, err)
	}
	c.tenants, c.sessions, c.ids = append(c.tenants, e.Tenant), append(c.sessions, e.SessionID), append(c.ids, e.EventID)
	c.topics, c.partitions, c.offsets = append(c.topics, m.Topic), append(c.partitions, int64(m.Partition)), append(c.offsets, m.Offset)
	c.moments, c.kinds, c.roles = append(c.moments, e.TS), append(c.kinds, e.Kind), append(c.roles, e.Actor.Role)
	c.actors, c.channels, c.lines = append(c.actors, e.Actor.ID), append(c.channels, e.Channel), append(c.lines, e.BusinessLine)
	c.bots, c.places = append(c.bots, e.Bot.Version), append(c.places, e.Customer.Jurisdiction)
	c.texts, c.lengths = append(c.texts, e.Text), append(c.lengths, int64(len(e.Text)))
	c.bodies, c.labels = append(c.bodies, string(m.Value)), append(c.labels, string(e.Labels))
	return nil
}

// insert writes the rows and empties the columns.
func (c *columns) insert(ctx context.Context, conn driver.Conn, table string) error {
	if len(c.ids) == 0 {
		return nil
	}
	type column struct {
		name, kind string
		values     any
	}
	// LowCardinality is left to the server, as the record's own writer does.
	all := []column{
		{"tenant", "String", c.tenants}, {"session_id", "String", c.sessions}, {"event_id", "String", c.ids},
		{"topic", "String", c.topics}, {"partition", "Int64", c.partitions}, {"offset", "Int64", c.offsets},
		{"at", "DateTime64(3, 'UTC')", c.moments}, {"kind", "String", c.kinds}, {"role", "String", c.roles},
		{"actor_id", "String", c.actors}, {"channel", "String", c.channels}, {"business_line", "String", c.lines},
		{"bot_version", "String", c.bots}, {"jurisdiction", "String", c.places}, {"text", "String", c.texts},
		{"text_bytes", "Int64", c.lengths}, {"body", "String", c.bodies}, {"labels", "String", c.labels},
	}
	names, types := "", []clickhouse.ColumnNameAndType{}
	for i, k := range all {
		if i > 0 {
			names += ", "
		}
		names += k.name
		types = append(types, clickhouse.ColumnNameAndType{Name: k.name, Type: k.kind})
	}
	// As the record's: an insert is in the table when it returns.
	ctx = clickhouse.Context(ctx, clickhouse.WithColumnNamesAndTypes(types),
		clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0, "insert_deduplicate": 0}))
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table+" ("+names+")")
	if err != nil {
		return fmt.Errorf("copy %d rows: %w", len(c.ids), err)
	}
	defer batch.Close()
	for i, k := range all {
		if err := batch.Column(i).Append(k.values); err != nil {
			return fmt.Errorf("copy column %s: %w", k.name, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("copy %d rows: %w", len(c.ids), err)
	}
	*c = columns{
		c.tenants[:0], c.sessions[:0], c.ids[:0], c.topics[:0], c.partitions[:0], c.offsets[:0], c.moments[:0],
		c.kinds[:0], c.roles[:0], c.actors[:0], c.channels[:0], c.lines[:0], c.bots[:0], c.places[:0],
		c.texts[:0], c.bodies[:0], c.labels[:0], c.lengths[:0],
	}
	return nil
}
