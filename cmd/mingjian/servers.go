package main

import (
	"context"
	"log/slog"
	"os"

	"mingjian/deploy/embedded"
	"mingjian/deploy/embedded/clickhouse"
	"mingjian/deploy/embedded/kafka"
)

type kafkaCommand struct {
	Data       string        `help:"Directory of the broker's log." type:"path" required:"" placeholder:"DIR"`
	Listen     string        `help:"Address to listen on; port 0 takes any free one." default:"${kafka_listen}"`
	Topic      []kafka.Topic `help:"Topic to make: NAME:PARTITIONS[:RETENTION], e.g. mingjian.interactions:4:168h." placeholder:"TOPIC"`
	SyncWrites bool          `help:"Flush every batch to disk before it is acknowledged (survives a power loss)."`
}

func (*kafkaCommand) Help() string {
	return "Example:\n  mingjian kafka --data /var/lib/mingjian/kafka --topic mingjian.interactions:4"
}

// Run serves until the context ends.
func (c *kafkaCommand) Run(ctx context.Context, log *slog.Logger) error {
	ctx, listener, err := embedded.Inherited(ctx, c.Listen, embedded.DefaultKafkaListen)
	if err != nil {
		return err
	}
	return kafka.Run(ctx, kafka.Options{Data: c.Data, Listener: listener, Topics: c.Topic, SyncWrites: c.SyncWrites, Log: log})
}

type clickhouseCommand struct {
	Data   string `help:"Directory of the store." type:"path" required:"" placeholder:"DIR"`
	Listen string `help:"Address to listen on; port 0 takes any free one." default:"${clickhouse_listen}"`
	Users  string `help:"File with the users, as 'up' writes it; without one only 'default' may read, from this machine." type:"path" placeholder:"FILE"`
}

func (*clickhouseCommand) Help() string {
	return "Example:\n  mingjian clickhouse --data /var/lib/mingjian/clickhouse --users /var/lib/mingjian/clickhouse.users"
}

// Run serves until the context ends.
func (c *clickhouseCommand) Run(ctx context.Context, log *slog.Logger) error {
	users := []clickhouse.User{{Name: embedded.DefaultUser, ReadOnly: true}}
	if c.Users != "" {
		credentials, err := embedded.LoadCredentials(c.Users)
		if err != nil {
			return err
		}
		users = nil
		for _, u := range credentials.Users {
			users = append(users, clickhouse.User(u))
		}
	}
	letGarbageGrow(passingPercent)
	library, err := clickhouse.Library(ctx, clickhouse.LibraryOptions{Progress: os.Stderr, Log: log})
	if err != nil {
		return err
	}
	ctx, listener, err := embedded.Inherited(ctx, c.Listen, embedded.DefaultClickHouseListen)
	if err != nil {
		return err
	}
	return clickhouse.Run(ctx, clickhouse.Options{Data: c.Data, Listener: listener, Users: users, Library: library, Log: log})
}
