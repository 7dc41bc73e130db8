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
	"mingjian/collector/inspect"
	"mingjian/collector/warehouse"
	"mingjian/deploy/embedded"
	"mingjian/policies"
)

type collectCommand struct {
	where
	Group  string `help:"Kafka consumer group; collectors in the same one share the partitions." default:"${group}"`
	Listen string `help:"Address for /healthz, /readyz and /metrics; none by default." placeholder:"HOST:PORT"`
}

func (*collectCommand) Help() string {
	return "Example, against your own servers:\n  MINGJIAN_CLICKHOUSE_PASSWORD=… mingjian collect --kafka kafka-1:9092 --clickhouse clickhouse://ch-1:9000 --clickhouse-user mingjian --listen 127.0.0.1:9100"
}

// Run collects until the context ends.
func (c *collectCommand) Run(ctx context.Context, log *slog.Logger) error {
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
	options, err := collecting(brokers, store, log)
	if err != nil {
		return err
	}
	options.Group = c.Group
	group, ctx := errgroup.WithContext(ctx)
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

// collecting wires a collector: the rules inside this binary, over a broker and a record.
func collecting(brokers []string, store *warehouse.Store, log *slog.Logger) (collector.Options, error) {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		return collector.Options{}, err
	}
	inspector, err := inspect.New(bundle)
	if err != nil {
		return collector.Options{}, err
	}
	return collector.Options{
		Brokers: brokers, Topic: collector.InteractionsTopic, Findings: collector.FindingsTopic, Rejects: collector.RejectsTopic,
		Group: collector.DefaultGroup, Store: store, Bundle: bundle, Inspector: inspector,
		Log: log, Health: collector.NewHealth(), Registry: prometheus.DefaultRegisterer,
	}, nil
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
