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
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"mingjian/audit/api"
	"mingjian/audit/cases"
	"mingjian/audit/console"
	"mingjian/audit/fund"
	"mingjian/audit/identity"
	"mingjian/audit/store"
	"mingjian/audit/vault"
	"mingjian/collector"
	"mingjian/collector/indicator"
	"mingjian/collector/intake"
	"mingjian/collector/stream"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
)

type serveCommand struct {
	where
	workflowPlace
	ruled
	casework
	signing
	Listen string `help:"Address of console and API." default:"${listen}"`
}

func (*serveCommand) Help() string {
	return workflowHelp + "\n\n" + fmt.Sprintf(caseworkHelp, "without it no alerts are taken") + " Both topics must exist.\n\n" + signingHelp + "\n\nExample:\n  MINGJIAN_CLICKHOUSE_PASSWORD=… mingjian serve --kafka kafka-1:9092 --clickhouse http://ch-1:8123 --clickhouse-user mingjian --store /var/lib/mingjian"
}

// Validate refuses what cannot work before anything is started.
func (c *serveCommand) Validate() error {
	return errors.Join(c.casework.Validate(), c.signing.Validate())
}

// Run serves console and API until the context ends.
func (c *serveCommand) Run(ctx context.Context, log *slog.Logger) error {
	listener, err := embedded.Listen(ctx, c.Listen, defaultListen, "--listen")
	if err != nil {
		return err
	}
	cluster, err := c.cluster()
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
	dir, err := c.directory(&c.where)
	if err != nil {
		return err
	}
	db, err := openWorkflow(ctx, dir, log)
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := keysTo(ctx, record.Claim, dir, db)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	rules, err := c.follow(ctx, group, log)
	if err != nil {
		return err
	}
	s := auditService{dir: dir, db: db, keys: keys, listener: listener, stream: cluster, record: record, warehouse: options.Addr, rules: rules, casework: c.casework, signing: c.signing, alerts: os.Getenv(grafanaSecret), log: log}
	invited, err := s.start(ctx, group)
	if err != nil {
		return err
	}
	fmt.Printf("Console and API listen on %s; the API token is in %s\n%s", listener.Addr(), filepath.Join(dir, "admin.token"), invited)
	return group.Wait()
}

// auditService is the console and API with what they stand on.
type auditService struct {
	dir       string // where the API token is
	db        *store.DB
	keys      *vault.Vault // opens originals, for whoever may see them
	listener  net.Listener
	stream    stream.Cluster
	record    *warehouse.Store
	rules     *collector.Rules
	warehouse string            // its address, to show
	health    *collector.Health // of the collector in this process; nil: it runs elsewhere
	casework  casework
	signing   signing
	alerts    string // secret of Grafana's alerts; "": none are taken
	log       *slog.Logger
}

// start serves, in the group, until ctx ends. invited says how the administrator's password is set, for as
// long as nobody can sign in.
func (a auditService) start(ctx context.Context, group *errgroup.Group) (invited string, err error) {
	db := a.db
	notary, err := a.notary(ctx)
	if err != nil {
		return "", err
	}
	kept := false // by the group, which closes it then
	defer func() {
		if !kept {
			err = errors.Join(err, notary.Close())
		}
	}()
	token, err := identity.AdminToken(a.dir)
	if err != nil {
		return "", err
	}
	provider, err := a.signing.provider()
	if err != nil {
		return "", err
	}
	signIn, err := identity.NewSignIn(ctx, db, identity.Options{AdminToken: token, Address: a.signing.ConsoleURL, Proxies: a.signing.TrustedProxy, Provider: provider, Log: a.log})
	if err != nil {
		return "", err
	}
	link, needed, err := signIn.Accounts.FirstLink(ctx)
	if err != nil {
		return "", err
	}
	invited = first(cmp.Or(a.signing.ConsoleURL, "http://"+a.listener.Addr().String()), link, needed)
	people := identity.First{signIn.Tokens, signIn}
	if a.signing.local(a.listener.Addr().String()) {
		people = append(people, identity.LocalReader{Accounts: signIn.Accounts})
	}
	producer := intake.NewProducer(a.stream, collector.InteractionsTopic)
	packages, err := a.packages(ctx, signIn.Accounts)
	if err != nil {
		return "", err
	}
	handler, err := api.New(ctx, api.Options{
		Record: a.record, Policies: a.rules.Bundle, Intake: producer, System: parts{a}, Metrics: promhttp.Handler(),
		Store: db, Originals: a.keys, Vault: a.keys, Erasing: a.record, Exports: packages, Evidence: notary.Log, Authenticator: people, SignIn: signIn, Version: programVersion(), Log: a.log,
		Fund:  fund.Options{Low: a.casework.low(), Log: a.log},
		Cases: cases.Options{Record: a.record, GrafanaSecret: a.alerts, Poll: a.casework.LookEvery, Log: a.log},
	})
	if err != nil {
		return "", err
	}
	sampler, err := a.sampler(ctx, notary, handler.Reviews())
	if err != nil {
		return "", err
	}
	kept = true
	group.Go(func() error {
		inner, within := errgroup.WithContext(ctx)
		inner.Go(func() error { return sampler.Run(within) })
		inner.Go(func() error { return notary.Run(within, a.record) })
		return errors.Join(inner.Wait(), notary.Close())
	})
	if err := a.pay(ctx, group, handler.Fund(), handler.Cases()); err != nil {
		return "", err
	}
	indicators := indicator.New(indicator.Options{Record: a.record, Rules: a.rules.Bundle, Now: time.Now, Every: indicatorsEvery, Log: a.log})
	group.Go(func() error { return indicators.Run(ctx) })
	group.Go(func() error {
		defer producer.Close()
		inner, ctx := errgroup.WithContext(ctx)
		inner.Go(func() error { return serveHTTP(ctx, a.listener, api.Server(handler, a.log)) })
		inner.Go(func() error { return db.Relay(ctx, relay{producer, a.record}.publish) })
		inner.Go(func() error { return handler.Reviews().Run(ctx) })
		inner.Go(func() error { return handler.Cases().Run(ctx) })
		inner.Go(func() error { return handler.Retention().Run(ctx) })
		inner.Go(func() error { return packages.Run(ctx) })
		return inner.Wait()
	})
	return invited, nil
}

// indicatorsEvery is the pause after a round over the indicators that changed some: each change of a number that
// is out of bounds is a version of a finding, and an entry of the evidence log.
const indicatorsEvery = 30 * time.Second

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
type parts struct{ auditService }

// Health asks every part.
func (p parts) Health(ctx context.Context) []console.Check {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	checks := make([]console.Check, 3)
	var asked sync.WaitGroup // at once, so that one that hangs does not take the others' time
	for i, part := range []struct {
		name string
		ping func(context.Context) error
	}{{"broker", p.stream.Ping}, {"warehouse", p.record.Ping}, {"store", p.db.Ping}} {
		asked.Go(func() {
			if err := part.ping(ctx); err != nil {
				checks[i] = console.Check{Name: part.name, Detail: err.Error()}
				return
			}
			checks[i] = console.Check{Name: part.name, OK: true, Detail: "answers"}
		})
	}
	asked.Wait()
	rules := p.rules.Health()
	checks = append(checks, console.Check{Name: "policies", OK: rules.Refused == "", Aside: true,
		Detail: cmp.Or(rules.Refused, "what is in force is what the files say")})
	if p.health != nil {
		report := p.health.Report()
		checks = append(checks, console.Check{Name: "collector", OK: report.Healthy && report.Ready, Detail: cmp.Or(strings.Join(report.Problems, "; "), "follows every partition of its share")})
	}
	return checks
}

// healthTimeout bounds a health check, so that a page about a hanging part does not hang itself.
const healthTimeout = 2 * time.Second

// Endpoints are the addresses in use.
func (p parts) Endpoints() []console.Endpoint {
	return []console.Endpoint{
		{Name: "console", Address: "http://" + p.listener.Addr().String()},
		{Name: "kafka", Address: p.stream.String()},
		{Name: "clickhouse", Address: p.warehouse},
	}
}
