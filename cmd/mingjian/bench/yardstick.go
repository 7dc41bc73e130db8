package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"mingjian/collector"
)

// yard is the database of the yardsticks' tables.
const yard = "mingjian_bench"

// Tables of the yardsticks: the copy while messages are produced, the copy of what is there already,
// the engine's own, and the naive whole.
const (
	copyTable    = yard + ".copy"
	catchUpTable = yard + ".copy_catch_up"
	engineTable  = yard + ".engine"
	naiveTable   = yard + ".naive"
)

// most is the share of the messages at which the clock stops where they were all there before: the
// last batches of each reader wait for messages that do not come.
const most = 0.9

// tables makes the yardsticks' tables: columns, codecs and engine of interactions.
func (b *bench) tables(ctx context.Context) error {
	statements := []string{"CREATE DATABASE " + yard}
	for _, t := range []string{copyTable, catchUpTable, engineTable, naiveTable} {
		statements = append(statements, "CREATE TABLE "+t+" AS mingjian.interactions")
	}
	// The engine's own table is filled without a statement that could wait for the disk.
	statements = append(statements, "ALTER TABLE "+engineTable+" MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1")
	return b.run(ctx, statements...)
}

func (b *bench) run(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if err := b.system.conn.Exec(ctx, s); err != nil {
			head, _, _ := strings.Cut(s, "(")
			return fmt.Errorf("%s: %w", strings.TrimSpace(head), err)
		}
	}
	return nil
}

// rows counts a table's rows.
func (b *bench) rows(ctx context.Context, table string) (int64, error) {
	var n uint64
	if err := b.system.conn.QueryRow(ctx, "SELECT count() FROM "+table).Scan(&n); err != nil {
		return 0, fmt.Errorf("count %s: %w", table, err)
	}
	return int64(n), nil
}

// reader starts a copy. What it prints ends when it does.
func (b *bench) reader(ctx context.Context, out *io.PipeWriter, topic, table string, more ...string) (*child, error) {
	if err := b.settle(ctx); err != nil {
		return nil, err
	}
	c, err := start(b.system.executable, out, b.system.stderr, append([]string{"bench-copy",
		"--data", b.system.dir, "--policies", b.system.rules(),
		"--topic", topic, "--partitions", strconv.Itoa(b.Partitions), "--table", table}, more...)...)
	if err != nil {
		return nil, err
	}
	interrupted := context.AfterFunc(ctx, func() { _ = c.stop() })
	go func() {
		<-c.ended
		interrupted()
		out.Close()
	}()
	return c, nil
}

// plainCopy starts the copy as a process of its own and waits until it is about to read.
func (b *bench) plainCopy(ctx context.Context, topic, table string) (*child, error) {
	read, write := io.Pipe()
	c, err := b.reader(ctx, write, topic, table)
	if err != nil {
		return nil, err
	}
	if !waitFor(read, readyLine) {
		return nil, fmt.Errorf("the copy ended: %w", c.stop())
	}
	return c, nil
}

// waitFor reads until a line, and what comes after it goes nowhere.
func waitFor(r io.Reader, line string) bool {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if lines.Text() == line {
			go io.Copy(io.Discard, r) // until the writing end is closed
			return true
		}
	}
	return false
}

// copying measures the plain copy as sustained measures the collector: while messages are produced.
func (b *bench) copying(ctx context.Context) error {
	b.say("producing into the plain copy")
	c, err := b.plainCopy(ctx, copied, copyTable)
	if err != nil {
		return err
	}
	s, err := b.traffic("copy", b.yardCount())
	if err != nil {
		return err
	}
	p := newProducer(b.system.endpoints.Kafka, copied)
	defer p.close()
	began := time.Now()
	n, ended, err := b.counted(ctx, copyTable, p, s)
	used, usageErr := usageOf(c.pid)
	if e := c.stop(); err == nil && usageErr == nil {
		usageErr = e
	}
	if err != nil {
		return err
	}
	if usageErr != nil {
		return fmt.Errorf("plain copy: %w", usageErr)
	}
	b.result.CopyRate = round(float64(n)/ended.Sub(began).Seconds(), 0)
	b.result.OfCopy = round(b.result.Rate/b.result.CopyRate, 3)
	b.result.CopyCPU = round(used.CPU*1e6/float64(n), 2)
	b.say("plain copy: %.0f/s", b.result.CopyRate)
	return nil
}

// yardCount is how many messages the yardsticks are measured over.
func (b *bench) yardCount() int64 { return min(b.result.Interactions, yardMost) }

// yardMost is enough for a rate, and bounds the time of a long run.
const yardMost = 2_000_000

// counted produces traffic and waits until a table has all of it.
func (b *bench) counted(ctx context.Context, table string, p *producer, s *traffic) (n int64, ended time.Time, err error) {
	var seen atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	target := make(chan int64, 1)
	group.Go(func() error {
		n, err := p.send(ctx, s, pace{count: b.yardCount(), lead: b.Lead, behind: seen.Load})
		target <- n
		return err
	})
	group.Go(func() error {
		want := int64(-1)
		return b.until(ctx, table, func(have int64) bool {
			seen.Store(have)
			ended = time.Now()
			select {
			case want = <-target:
			default:
			}
			n = have
			return have == want
		})
	})
	err = group.Wait()
	return n, ended, err
}

// until counts a table again and again until enough says so.
func (b *bench) until(ctx context.Context, table string, enough func(rows int64) bool) error {
	for was, since := int64(-1), time.Now(); ; {
		n, err := b.rows(ctx, table)
		if err != nil {
			return err
		}
		if enough(n) {
			return nil
		}
		if n != was {
			was, since = n, time.Now()
		}
		if time.Since(since) > patience {
			return fmt.Errorf("%s has not grown beyond %d rows for %v", table, n, patience)
		}
		if err := sleep(ctx, lookEvery/2); err != nil {
			return err
		}
	}
}

// catchUp measures each reader over messages that are all there before it begins.
func (b *bench) catchUp(ctx context.Context) error {
	if err := b.collectorCatchesUp(ctx); err != nil {
		return err
	}
	b.say("copying what is there already")
	c, err := b.plainCopy(ctx, copied, catchUpTable)
	if err != nil {
		return err
	}
	b.result.CatchUp.Copy, b.result.CatchUp.CPU.Copy, err = b.grows(ctx, catchUpTable, c.pid)
	if e := c.stop(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("plain copy: %w", err)
	}
	to := &b.result.CatchUp
	if to.EngineTable, to.CPU.EngineTable, err = b.ownTable(ctx, "plain", 1); err != nil {
		return err
	}
	if to.EngineParallel, to.CPU.EngineParallel, err = b.ownTable(ctx, "parallel", b.Partitions); err != nil {
		return err
	}
	b.say("catching up: collector %s, copy %s, engine's own table %s and with a consumer for each partition %s",
		perSecond(to.Collector), perSecond(to.Copy), perSecond(to.EngineTable), perSecond(to.EngineParallel))
	return nil
}

// grows gives the rate at which a table fills, from its first rows to most of those that come, and the
// CPU seconds of broker, engine and further processes for a million of them.
func (b *bench) grows(ctx context.Context, table string, more ...int) (rate, cpu float64, err error) {
	m, err := newMeter(append(more, b.system.broker, b.system.engine)...)
	if err != nil {
		return 0, 0, err
	}
	var g growth
	err = b.until(ctx, table, func(n int64) bool { return g.enough(n, b.yardCount()) })
	if err != nil {
		return 0, 0, err
	}
	used, err := m.read()
	return g.rate(), used.perMillion(g.to), err
}

// growth is a number that grows to all, looked at now and then.
type growth struct {
	from, to       int64
	began, reached time.Time
}

// enough takes the next look, and reports whether most is there; looks after that change nothing.
func (g *growth) enough(n, all int64) bool {
	if n == 0 || float64(g.to) >= most*float64(all) {
		return n > 0
	}
	if g.began.IsZero() {
		g.from, g.began = n, time.Now()
	}
	g.to, g.reached = n, time.Now()
	return float64(n) >= most*float64(all)
}

// rate is 0 where most came at once: too few batches for a rate.
func (g *growth) rate() float64 {
	if float64(g.to-g.from) < float64(g.to)/2 {
		return 0
	}
	return round(float64(g.to-g.from)/g.reached.Sub(g.began).Seconds(), 0)
}

// collectorCatchesUp fills the topic while the collector is away, and starts it.
func (b *bench) collectorCatchesUp(ctx context.Context) error {
	b.say("producing while the collector is away")
	s, err := b.traffic("catch up", b.yardCount())
	if err != nil {
		return err
	}
	p := newProducer(b.system.endpoints.Kafka, collector.InteractionsTopic)
	defer p.close()
	n, err := p.send(ctx, s, pace{count: b.yardCount()})
	if err != nil {
		return err
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	w := &watch{system: b.system}
	if _, err := w.look(ctx); err != nil {
		return err
	}
	before := w.total.Load()
	b.produced += n
	if _, err := b.system.collect(ctx, ""); err != nil {
		return err
	}
	m, err := newMeter(b.system.broker, b.system.engine, b.system.collector.pid)
	if err != nil {
		return err
	}
	var g growth
	following, stop := context.WithCancel(ctx)
	defer stop()
	group, following := errgroup.WithContext(following)
	group.Go(func() error {
		return w.follow(following, func(time.Time) { g.enough(w.total.Load()-before, n) })
	})
	group.Go(func() error {
		defer stop()
		_, err := b.awaited(following, w, p.target())
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	used, err := m.read()
	b.result.CatchUp.Collector, b.result.CatchUp.CPU.Collector = g.rate(), used.perMillion(n)
	return err
}

// ownTable has the engine read the copy's topic itself from its beginning, as a group of that name with so many
// consumers, of which each has a thread, and gives what grows gives. One is what it takes where nothing is
// said; more let partitions go in side by side.
func (b *bench) ownTable(ctx context.Context, group string, consumers int) (rate, cpu float64, err error) {
	if err := b.run(ctx, "TRUNCATE TABLE "+engineTable); err != nil {
		return 0, 0, err
	}
	if err := b.settle(ctx); err != nil {
		return 0, 0, err
	}
	b.say("letting the engine's own Kafka table read it, consumers: %d", consumers)
	// By default the engine takes no more consumers than there are cores.
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"kafka_disable_num_consumers_limit": 1}))
	err = b.run(ctx,
		`CREATE TABLE `+yard+`.queue (raw String) ENGINE = Kafka SETTINGS kafka_broker_list = '`+b.system.endpoints.Kafka+`',
			kafka_topic_list = '`+copied+`', kafka_group_name = 'mingjian.bench.`+group+`', kafka_format = 'JSONAsString',
			kafka_num_consumers = `+strconv.Itoa(consumers)+`, kafka_thread_per_consumer = 1,
			kafka_max_block_size = `+strconv.Itoa(copyRows)+`, kafka_flush_interval_ms = 1000`,
		`CREATE MATERIALIZED VIEW `+yard+`.view TO `+engineTable+` AS
			WITH JSONExtract(raw, 'Tuple(event_id String, session_id String, ts Int64, kind String, tenant String, business_line String, channel String,
				actor Tuple(role String, id String), bot Tuple(version String), customer Tuple(jurisdiction String), text String)') AS e
			SELECT e.tenant AS tenant, e.session_id AS session_id, e.event_id AS event_id, _topic AS topic, toInt64(_partition) AS partition,
				toInt64(_offset) AS offset, fromUnixTimestamp64Milli(e.ts, 'UTC') AS at, e.kind AS kind, e.actor.role AS role, e.actor.id AS actor_id,
				e.channel AS channel, e.business_line AS business_line, e.bot.version AS bot_version, e.customer.jurisdiction AS jurisdiction,
				e.text AS text, toInt64(length(e.text)) AS text_bytes, raw AS body, JSONExtractRaw(raw, 'labels') AS labels
			FROM `+yard+`.queue`)
	if err != nil {
		return 0, 0, err
	}
	rate, cpu, err = b.grows(ctx, engineTable)
	return rate, cpu, errors.Join(err, b.run(ctx, "DROP TABLE "+yard+".view SYNC", "DROP TABLE "+yard+".queue SYNC"))
}
