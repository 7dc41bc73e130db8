package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"mingjian/audit/api"
	"mingjian/collector"
	"mingjian/collector/stream"
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
	// For 'bench', which measures a collector as one runs.
	CPUProfile string `name:"cpuprofile" hidden:"" type:"path"`
}

func (*collectCommand) Help() string {
	return workflowHelp + "\n\nExample, against your own servers:\n  MINGJIAN_CLICKHOUSE_PASSWORD=… mingjian collect --kafka kafka-1:9092 --clickhouse clickhouse://ch-1:9000 --clickhouse-user mingjian --store /var/lib/mingjian --listen 127.0.0.1:9100\n\nOver TLS and with a name, the password in MINGJIAN_KAFKA_PASSWORD:\n  mingjian collect --kafka kafka-1:9093 --kafka-ca ca.pem --kafka-sasl scram-sha-512 --kafka-user mingjian --clickhouse https://ch-1:8443 --clickhouse-user mingjian --store /var/lib/mingjian"
}

// memoryLimit is the heap, in bytes, from which on the garbage collector works harder, where GOMEMLIMIT does
// not say another: a million open sessions are a gigabyte, and as much garbage would lie beside it.
const memoryLimit = 1280 << 20

const (
	// gcPercent lets garbage grow to twice what lives: below the limit memory is cheaper than the processor, of
	// which collecting took a tenth.
	gcPercent = 200
	// passingPercent is for processes in which little lives and much passes through: the engine, and the producer of
	// 'bench', which spent two thirds of its time on collecting.
	passingPercent = 400
)

// letGarbageGrow is debug.SetGCPercent where GOGC does not say another.
func letGarbageGrow(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// Run collects until the context ends.
func (c *collectCommand) Run(ctx context.Context, log *slog.Logger) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	letGarbageGrow(gcPercent)
	if c.CPUProfile != "" {
		stop, err := profileTo(c.CPUProfile)
		if err != nil {
			return err
		}
		defer stop()
	}
	classifier, err := c.classifier()
	if err != nil {
		return err
	}
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	if err := collector.TopicsExist(ctx, cluster, collector.InteractionsTopic, collector.FindingsTopic, collector.RejectsTopic); err != nil {
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
	keys, err := keysTo(ctx, store.Claim, dir, db)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	rules, err := c.follow(ctx, group, log)
	if err != nil {
		return err
	}
	options := collecting(cluster, store, keys, rules, log)
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

// profileTo writes this process's CPU profile into a file until stop is called.
func profileTo(name string) (stop func(), err error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("CPU profile: %w", err), f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // a profile that is cut short says so when it is read
	}, nil
}

// collecting wires a collector: rules over a broker, a record and its keys.
func collecting(cluster stream.Cluster, store *warehouse.Store, keys collector.Keys, rules *collector.Rules, log *slog.Logger) collector.Options {
	return collector.Options{
		Stream: cluster, Topic: collector.InteractionsTopic, Findings: collector.FindingsTopic, Rejects: collector.RejectsTopic,
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
