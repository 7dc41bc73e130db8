package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"mingjian/cmd/mingjian/bench"
	"mingjian/deploy/embedded"
	"mingjian/deploy/embedded/clickhouse"
)

type benchCommand struct {
	Count      int64         `help:"Interactions to produce." default:"200000"`
	Duration   time.Duration `help:"Produce for so long, instead of a count." placeholder:"DURATION"`
	Sessions   int           `help:"Sessions that are open at once." default:"10000"`
	People     int           `help:"Customers of each conversation that is played again and again." default:"100000"`
	Partitions int           `help:"Partitions of the interactions topic." default:"4"`
	Rate       float64       `help:"Interactions a second while latency is measured; half of the sustained rate by default." placeholder:"NUMBER"`
	Latency    time.Duration `help:"For how long latency is measured." default:"20s"`
	Naive      time.Duration `help:"For how long each of the naive ways is measured." default:"4s"`
	Open       int           `help:"Only open so many sessions and leave them open: what they cost in memory, and how long a takeover takes." placeholder:"NUMBER"`
	Lead       int64         `help:"Interactions by which the producer may be ahead of the record." default:"200000"`
	Seed       uint64        `help:"Seed of all choices." default:"1"`
	CPUProfile string        `name:"cpuprofile" help:"Directory for CPU profiles of the collector." placeholder:"DIR" type:"path" env:"-"`
	Verbose    bool          `help:"Show what the servers and the collector log."`
	JSON       bool          `help:"Print JSON." env:"-"`
}

func (*benchCommand) Help() string {
	return "Broker, engine and collector run in a temporary directory, each a process of its own, with every rule.\n" +
		"The result is worth something where the machine does nothing else; yardsticks want a million interactions and more.\n\n" +
		"Example:\n  mingjian bench --count 2000000\n  mingjian bench --duration 5m --json\n  mingjian bench --open 1000000"
}

// Validate refuses what cannot be measured.
func (c *benchCommand) Validate() error {
	switch {
	case c.Count < 1 && c.Duration <= 0:
		return errors.New("--count must be at least 1")
	case c.Latency < 0 || c.Rate < 0 || c.Open < 0:
		return errors.New("--latency, --rate and --open must not be negative")
	case c.Naive <= 0:
		return errors.New("--naive must be longer than 0s")
	case c.Sessions < 1 || c.People < 1 || c.Partitions < 1 || c.Lead < 1:
		return errors.New("--sessions, --people, --partitions and --lead must be at least 1")
	}
	return nil
}

// Run measures and prints the result.
func (c *benchCommand) Run(ctx context.Context, log *slog.Logger) error {
	if _, err := clickhouse.Library(ctx, clickhouse.LibraryOptions{Progress: os.Stderr, Log: log}); err != nil {
		return err
	}
	if c.CPUProfile != "" {
		if err := os.MkdirAll(c.CPUProfile, 0o755); err != nil {
			return fmt.Errorf("directory of profiles: %w", err)
		}
	}
	o := bench.Options{
		Count: c.Count, Duration: c.Duration, Sessions: c.Sessions, People: c.People, Partitions: c.Partitions,
		Rate: c.Rate, Latency: c.Latency, Naive: c.Naive, Open: c.Open, Lead: c.Lead, Seed: c.Seed, Profile: c.CPUProfile, Progress: os.Stderr, Stderr: io.Discard,
	}
	if c.Duration > 0 {
		o.Count = 0
	}
	if c.Verbose {
		o.Stderr, o.Log = os.Stderr, log
	}
	letGarbageGrow(passingPercent)
	result, err := bench.Run(ctx, o)
	if wrong := (*bench.Wrong)(nil); err != nil && !errors.As(err, &wrong) {
		return err
	}
	// A record that is wrong fails the command, and its numbers may help to find out why.
	if c.JSON {
		return errors.Join(printJSON(result), err)
	}
	return errors.Join(result.Table(os.Stdout), err)
}

// benchCopyCommand is the process that 'bench' measures others against.
type benchCopyCommand struct {
	Data string `required:""`
	ruled
	Topic, Table     string
	Partitions, Skip int
	NaiveFor         time.Duration `help:"Check as well, the naive way, for so long."`
}

// Run copies until it is stopped or, checking, until its time is up.
func (c *benchCopyCommand) Run(ctx context.Context) error {
	endpoints, err := embedded.Find(c.Data)
	if err != nil {
		return err
	}
	store, err := embeddedStore(c.Data, endpoints, embedded.WriterUser)
	if err != nil {
		return err
	}
	o := bench.CopyOptions{
		Broker: endpoints.Kafka, ClickHouse: store.Addr, Password: store.Password,
		Topic: c.Topic, Partitions: c.Partitions, Table: c.Table, Ready: os.Stdout,
	}
	if c.NaiveFor == 0 {
		return bench.Copy(ctx, o)
	}
	result, err := bench.Naive(ctx, bench.NaiveOptions{CopyOptions: o, Rules: c.Policies, Skip: max(1, c.Skip), For: c.NaiveFor})
	if err != nil {
		return err
	}
	return printJSON(result)
}
