package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"mingjian/audit/api"
	"mingjian/collector"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
)

type collectCommand struct {
	where
	workflowPlace
	ruled
	outside
	Group  string `help:"Kafka consumer group; collectors in the same one share the partitions." default:"${group}"`
	Listen string `help:"Address for /healthz, /readyz and /metrics; none by default." placeholder:"HOST:PORT"`
}

func (*collectCommand) Help() string {
	return workflowHelp + "\n\nExample, against your own servers:\n  MINGJIAN_CLICKHOUSE_PASSWORD=… mingjian collect --kafka kafka-1:9092 --clickhouse clickhouse://ch-1:9000 --clickhouse-user mingjian --store /var/lib/mingjian --listen 127.0.0.1:9100"
}

// Run collects until the context ends.
func (c *collectCommand) Run(ctx context.Context, log *slog.Logger) error {
	classifier, err := c.classifier()
	if err != nil {
		return err
	}
	brokers, err := c.brokers()
	if err != nil {
		return err
	}
	if err := collector.TopicsExist(ctx, brokers, collector.InteractionsTopic, collector.FindingsTopic, collector.RejectsTopic); err != nil {
		return err
	}
	store, err := c.open(ctx, embedded.WriterUser)
	if err != nil {
		return err
	}
	defer store.Close()
	dir, err := c.directory(&c.where)
	if err != nil {
		return err
	}
	db, err := openWorkflow(ctx, dir, log)
	if err != nil {
		return err
	}
	defer db.Close()
	keys, err := openVault(ctx, dir, db)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	rules, err := c.follow(ctx, group, log)
	if err != nil {
		return err
	}
	options := collecting(brokers, store, keys, rules, log)
	options.Group, options.Classifier = c.Group, classifier
	if c.Listen != "" {
		listener, err := embedded.Listen(ctx, c.Listen, c.Listen, "--listen")
		if err != nil {
			return err
		}
		group.Go(func() error { return serveHTTP(ctx, listener, api.Server(vitals(options), log)) })
	}
	group.Go(func() error { return collector.Run(ctx, options) })
	return group.Wait()
}

// collecting wires a collector: rules over a broker, a record and its keys.
func collecting(brokers []string, store *warehouse.Store, keys collector.Keys, rules *collector.Rules, log *slog.Logger) collector.Options {
	return collector.Options{
		Brokers: brokers, Topic: collector.InteractionsTopic, Findings: collector.FindingsTopic, Rejects: collector.RejectsTopic,
		Group: collector.DefaultGroup, Store: store, Keys: keys, Rules: rules,
		Log: log, Health: collector.NewHealth(), Registry: prometheus.DefaultRegisterer,
	}
}

// vitals answers a collector's health and metrics.
func vitals(o collector.Options) http.Handler {
	mux := http.NewServeMux()
	answer := func(ok func(collector.Report) bool) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			report := o.Health.Report()
			w.Header().Set("Content-Type", "application/json")
			if !ok(report) {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_ = json.NewEncoder(w).Encode(report) // the client may be gone
		}
	}
	mux.HandleFunc("GET /healthz", answer(func(r collector.Report) bool { return r.Healthy }))
	mux.HandleFunc("GET /readyz", answer(func(r collector.Report) bool { return r.Ready }))
	mux.Handle("GET /metrics", promhttp.Handler())
	return mux
}

// shutdownTimeout is how long running requests may take to finish when a server stops.
const shutdownTimeout = 5 * time.Second

// serveHTTP serves until the context ends, then lets running requests finish for a few seconds.
func serveHTTP(ctx context.Context, listener net.Listener, server *http.Server) error {
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
