package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"mingjian/audit/api"
	"mingjian/audit/console"
	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/collector"
	"mingjian/collector/intake"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
	"mingjian/policies"
)

type serveCommand struct {
	where
	Listen string `help:"Address of console and API." default:"${listen}"`
	Store  string `help:"Directory of the audit service: the API token, and the workflow store where that is SQLite. Default: that of the running 'up', or else mingjian-audit below the user's data directory." placeholder:"DIR"`
}

func (*serveCommand) Help() string {
	return "The workflow store is SQLite in --store, or PostgreSQL where MINGJIAN_POSTGRES holds its address.\n\nExample:\n  MINGJIAN_CLICKHOUSE_PASSWORD=… mingjian serve --kafka kafka-1:9092 --clickhouse http://ch-1:8123 --clickhouse-user mingjian"
}

// Run serves console and API until the context ends.
func (c *serveCommand) Run(ctx context.Context, log *slog.Logger) error {
	listener, err := embedded.Listen(ctx, c.Listen, defaultListen, "--listen")
	if err != nil {
		return err
	}
	brokers, err := c.brokers()
	if err != nil {
		return err
	}
	options, err := c.store(embedded.WriterUser)
	if err != nil {
		return err
	}
	record, err := warehouse.Connect(ctx, options)
	if err != nil {
		return err
	}
	defer record.Close()
	dir, err := c.directory()
	if err != nil {
		return err
	}
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	s := auditService{dir: dir, listener: listener, brokers: brokers, record: record, warehouse: options.Addr, bundle: bundle, log: log}
	if err := s.start(ctx, group); err != nil {
		return err
	}
	fmt.Printf("Console and API listen on %s; the API token is in %s\n", listener.Addr(), filepath.Join(dir, "admin.token"))
	return group.Wait()
}

// directory is where the service keeps what is its own.
func (c *serveCommand) directory() (string, error) {
	if c.Store != "" {
		return c.Store, nil
	}
	if len(c.Kafka) == 0 || c.ClickHouse == "" {
		_, dir, err := c.running()
		return dir, err
	}
	dir, err := dataDirectory(false)
	return dir + "-audit", err
}

// auditService is the console and API with what they stand on.
type auditService struct {
	dir       string // its own directory: the workflow store and the API token
	listener  net.Listener
	brokers   []string
	record    *warehouse.Store
	bundle    *policies.Bundle
	warehouse string            // its address, to show
	health    *collector.Health // of the collector in this process; nil: it runs elsewhere
	log       *slog.Logger
}

// start opens the workflow store and serves, in the group, until ctx ends.
func (a auditService) start(ctx context.Context, group *errgroup.Group) error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return fmt.Errorf("directory of the audit service: %w", err)
	}
	dsn := os.Getenv("MINGJIAN_POSTGRES")
	if dsn == "" {
		dsn = filepath.Join(a.dir, "audit.sqlite")
	}
	db, err := store.Open(ctx, dsn, store.Options{Log: a.log})
	if err != nil {
		return err
	}
	token, err := identity.AdminToken(a.dir)
	if err != nil {
		return err
	}
	signIn, err := identity.NewSignIn(ctx, db, token)
	if err != nil {
		return err
	}
	people := identity.First{identity.Bearer(token), signIn}
	if identity.Loopback(a.listener.Addr().String()) {
		people = append(people, identity.LocalReader{})
	}
	producer := intake.NewProducer(a.brokers, collector.InteractionsTopic)
	handler, err := api.New(ctx, api.Options{
		Record: a.record, Bundle: a.bundle, Intake: producer, System: parts{a, db}, Metrics: promhttp.Handler(),
		Store: db, Authenticator: people, SignIn: signIn, Version: programVersion(), Log: a.log,
	})
	if err != nil {
		return err
	}
	group.Go(func() error {
		defer db.Close()
		defer producer.Close()
		inner, ctx := errgroup.WithContext(ctx)
		inner.Go(func() error { return serveHTTP(ctx, a.listener, api.Server(handler, a.log)) })
		inner.Go(func() error { return db.Relay(ctx, relay{producer, a.record}.publish) })
		return inner.Wait()
	})
	return nil
}

// relay delivers what the outbox holds: to the stream, or to the warehouse's mirror.
type relay struct {
	producer *intake.Producer
	mirror   warehouse.Mirror
}

func (r relay) publish(ctx context.Context, m store.Message) error {
	switch m.To.Kind {
	case store.Topic:
		return r.producer.Send(ctx, m.To.Name, []byte(m.Key), m.Body)
	case store.Mirror:
		var row warehouse.MirrorRow
		if err := json.Unmarshal(m.Body, &row); err != nil {
			return fmt.Errorf("mirror %s %s: %w", m.To.Name, m.Key, err)
		}
		return r.mirror.Put(ctx, warehouse.MirrorTable(m.To.Name), []warehouse.MirrorRow{row})
	default:
		return fmt.Errorf("outbox message %d: nothing delivers to %q", m.ID, m.To.Kind)
	}
}

// parts tells the console how the system is.
type parts struct {
	auditService
	db *store.DB
}

// Health asks every part.
func (p parts) Health(ctx context.Context) []console.Check {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	check := func(name, fine string, err error) console.Check {
		if err != nil {
			return console.Check{Name: name, Detail: err.Error()}
		}
		return console.Check{Name: name, OK: true, Detail: fine}
	}
	checks := []console.Check{
		check("broker", "answers", reachable(ctx, p.brokers)),
		check("warehouse", "answers", p.record.Ping(ctx)),
		check("store", "answers", p.db.Ping(ctx)),
	}
	if p.health != nil {
		report := p.health.Report()
		checks = append(checks, console.Check{Name: "collector", OK: report.Healthy && report.Ready, Detail: cmp.Or(strings.Join(report.Problems, "; "), "follows every partition of its share")})
	}
	return checks
}

// healthTimeout bounds a health check, so that a page about a hanging part does not hang itself.
const healthTimeout = 2 * time.Second

// reachable asks for a connection to any of the brokers.
func reachable(ctx context.Context, brokers []string) error {
	var faults []error
	for _, broker := range brokers {
		conn, err := kafka.DefaultDialer.DialContext(ctx, "tcp", broker)
		if err == nil {
			return conn.Close()
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// Endpoints are the addresses in use.
func (p parts) Endpoints() []console.Endpoint {
	return []console.Endpoint{
		{Name: "console", Address: "http://" + p.listener.Addr().String()},
		{Name: "kafka", Address: strings.Join(p.brokers, ", ")},
		{Name: "clickhouse", Address: p.warehouse},
	}
}
