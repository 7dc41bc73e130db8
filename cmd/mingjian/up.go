package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"mingjian/audit/fund"
	"mingjian/collector"
	"mingjian/collector/intake"
	"mingjian/collector/scenario"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
	"mingjian/deploy/embedded/clickhouse"
	"mingjian/deploy/embedded/kafka"
	"mingjian/policies"
)

// defaultListen is where console and API are, on this machine only.
const defaultListen = "127.0.0.1:8080"

type upCommand struct {
	ruled
	outside
	casework
	signing
	Data             string `help:"Data directory. Default: mingjian (with --demo: mingjian-demo) below the user's data directory." placeholder:"DIR"`
	Demo             bool   `help:"Play a contact centre from the scenarios, with planted violations."`
	Seed             uint64 `help:"Seed of the demo's choices." default:"1"`
	Listen           string `help:"Address of console and API; port 0 takes any free one." default:"${listen}"`
	KafkaListen      string `help:"Address of the embedded broker." default:"${kafka_listen}"`
	ClickHouseListen string `name:"clickhouse-listen" help:"Address of the embedded ClickHouse." default:"${clickhouse_listen}"`
	Partitions       int    `help:"Partitions of the interactions topic, when it is made." default:"4"`
	// On, because the record is flushed too: a log that a power loss left behind its record could not go on.
	SyncWrites bool          `help:"The broker flushes every batch to disk before it acknowledges it." default:"true" negatable:""`
	ExitAfter  time.Duration `help:"Stop in order so long after it is ready." placeholder:"DURATION"`
}

func (*upCommand) Help() string {
	return fmt.Sprintf(caseworkHelp, "without it one is made and kept in DATA/"+grafanaFile) + "\n\n" + signingHelp + "\n\nExample:\n  mingjian up --demo\nthen open the address it prints. Another terminal can run:\n  mingjian import FILE.jsonl"
}

// Run starts everything, says where it is, and waits for the end. What is started last ends first:
// the collector writes what it has in hand while broker and ClickHouse still run.
func (c *upCommand) Run(ctx context.Context, log *slog.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err := c.run(ctx, stop, log)
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
		fmt.Println("Stopped in order; everything is kept.")
		return nil
	}
	return err
}

// Validate refuses what cannot work before anything is started.
func (c *upCommand) Validate() error {
	if c.Partitions < 1 {
		return fmt.Errorf("--partitions must be at least 1, not %d", c.Partitions)
	}
	return errors.Join(c.casework.Validate(), c.signing.Validate())
}

// run ends in order when ctx does, or stop was called.
func (c *upCommand) run(ctx context.Context, stop func(), log *slog.Logger) error {
	classifier, err := c.classifier()
	if err != nil {
		return err
	}
	if c.Data == "" {
		dir, err := dataDirectory(c.Demo)
		if err != nil {
			return err
		}
		c.Data = dir
	}
	listener, err := embedded.Listen(ctx, c.Listen, defaultListen, "--listen")
	if err != nil {
		if other, e := embedded.Find(c.Data); e == nil { // the more telling reason
			return fmt.Errorf("%s is in use by another 'mingjian up', whose console is at %s: use that one, or choose another directory with --data", c.Data, other.Console)
		}
		return err
	}
	defer listener.Close()
	// Fetched here and not by the child, so that its progress bar has the terminal to itself.
	if _, err := clickhouse.Library(ctx, clickhouse.LibraryOptions{Progress: os.Stderr, Log: log}); err != nil {
		return err
	}

	below, stopBelow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBelow()
	servers, below := errgroup.WithContext(below)
	endpoints, err := embedded.Run(below, embedded.Options{
		Data: c.Data, KafkaListen: c.KafkaListen, ClickHouseListen: c.ClickHouseListen, SyncWrites: c.SyncWrites,
		Topics: []kafka.Topic{
			{Name: collector.InteractionsTopic, Partitions: c.Partitions},
			{Name: collector.FindingsTopic, Partitions: 1},
			{Name: collector.RejectsTopic, Partitions: 1},
			{Name: fund.OrderTopic, Partitions: 1, Retention: -1}, // who pays may be away for longer than talk is kept
			{Name: fund.ResultTopic, Partitions: 1, Retention: -1},
		},
		Group: servers, Log: log,
	})
	if err != nil {
		stopBelow()
		servers.Wait()
		return err
	}
	endpoints.Console = "http://" + listener.Addr().String()

	above, stopAbove := context.WithCancel(ctx)
	defer stopAbove()
	stopped := context.AfterFunc(below, stopAbove) // a server that cannot be kept running ends everything
	defer stopped()
	err = c.application(above, stop, endpoints, listener, classifier, log)
	stopBelow()
	if e := servers.Wait(); e != nil && ctx.Err() == nil {
		return e
	}
	return err
}

// application runs collector, console and demo over the servers until ctx ends, for which it calls stop in its time.
func (c *upCommand) application(ctx context.Context, stop func(), endpoints embedded.Endpoints, listener net.Listener, classifier collector.Classifier, log *slog.Logger) error {
	options, err := embeddedStore(c.Data, endpoints, embedded.WriterUser)
	if err != nil {
		return err
	}
	record, err := warehouse.Connect(ctx, options)
	if err != nil {
		return err
	}
	defer record.Close()
	cluster := stream.At(endpoints.Kafka)
	db, err := openWorkflow(ctx, c.Data, log)
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := keysTo(ctx, record.Claim, c.Data, db)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	c.played = c.Demo
	rules, err := c.follow(ctx, group, log)
	if err != nil {
		return err
	}
	collecting := collecting(cluster, record, keys, rules, log)
	collecting.Classifier = classifier
	alerts, err := secretIn(c.Data)
	if err != nil {
		return err
	}
	service := auditService{dir: c.Data, db: db, keys: keys, listener: listener, stream: cluster, record: record, warehouse: endpoints.ClickHouse, rules: rules, health: collecting.Health, casework: c.casework, signing: c.signing, alerts: alerts, log: log}
	invited, err := service.start(ctx, group)
	if err != nil {
		return err
	}
	group.Go(func() error { return collector.Run(ctx, collecting) })
	if err := endpoints.Write(c.Data); err != nil {
		return err
	}
	c.welcome(endpoints, invited)
	if c.ExitAfter > 0 {
		defer time.AfterFunc(c.ExitAfter, stop).Stop()
	}
	if c.Demo {
		group.Go(func() error { return c.demo(ctx, cluster, rules.Bundle()) })
	}
	return group.Wait()
}

// welcome tells a newcomer what runs and what to do next.
func (c *upCommand) welcome(e embedded.Endpoints, invited string) {
	fmt.Printf(`明鉴 Mingjian is ready.
  Console     %s
  Kafka       %s
  ClickHouse  %s
  Data        %s
  API token   %s
%sNext: open the console, or send your own conversations from another terminal:
  %s import --data %q FILE.jsonl
Ctrl-C stops it; everything is kept.
`, e.Console, e.Kafka, e.ClickHouse, c.Data, filepath.Join(c.Data, "admin.token"), invited, self(), c.Data)
}

// self is how this program was called, for a line that can be copied.
func self() string {
	if strings.Contains(os.Args[0], "go-build") { // where 'go run' puts what it built
		return "go run ./cmd/mingjian"
	}
	return os.Args[0]
}

// demo plays the contact centre until ctx ends.
func (c *upCommand) demo(ctx context.Context, cluster stream.Cluster, bundle *policies.Bundle) error {
	player, err := scenario.Demo(ctx, bundle, policies.Builtin(), scenario.PlayOptions{Seed: c.Seed, Now: time.Now(), Live: true})
	if err != nil {
		return err
	}
	producer := intake.NewProducer(cluster, collector.InteractionsTopic)
	defer producer.Close()
	_, err = intake.Simulate(ctx, producer, player, time.Now)
	if ctx.Err() != nil {
		return nil // the play has no end of its own
	}
	return err
}
