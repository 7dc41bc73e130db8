package collector

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what Prometheus is shown of one Run.
type metrics struct {
	interactions *prometheus.CounterVec // by disposition
	findings     *prometheus.CounterVec // by state
	deadlines    *prometheus.CounterVec // by clock
	retries      *prometheus.CounterVec // by what was tried
	lag          *prometheus.GaugeVec   // by partition
	sessions     *prometheus.GaugeVec   // by partition
	batches      prometheus.Counter
	late         prometheus.Counter
	lost         prometheus.Counter
	write        prometheus.Histogram
	all          []prometheus.Collector
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	const space, sub = "mingjian", "collector"
	var all []prometheus.Collector
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: space, Subsystem: sub, Name: name, Help: help})
		all = append(all, c)
		return c
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Subsystem: sub, Name: name, Help: help}, []string{label})
		all = append(all, c)
		return c
	}
	gauges := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: space, Subsystem: sub, Name: name, Help: help}, []string{"partition"})
		all = append(all, g)
		return g
	}
	m := &metrics{
		interactions: counters("interactions_total", "Offsets sealed, by what became of them.", "disposition"),
		findings:     counters("findings_total", "Versions of findings written, by the state they give it.", "state"),
		deadlines:    counters("deadlines_total", "Deadlines that fired, by the clock that fired them.", "clock"),
		retries:      counters("retries_total", "Tries that failed and are made again.", "what"),
		lag:          gauges("lag", "Offsets between the record and the end of the partition."),
		sessions:     gauges("sessions", "Sessions in memory: open, or with a deadline pending."),
		batches:      counter("batches_total", "Batches sealed."),
		late:         counter("late_total", "Times that a session was folded anew because events came out of order."),
		lost:         counter("lost_total", "Offsets that the broker removed before they were read."),
		write: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: space, Subsystem: sub, Name: "write_seconds",
			Help:    "Time to write one batch with its seal, retries included.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14), // 5 ms to 40 s
		}),
	}
	m.all = append(all, m.write)
	if reg == nil {
		return m, nil
	}
	var errs []error
	for _, c := range m.all {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}

// withdraw takes everything out of the registry, so that another Run can be shown there.
func (m *metrics) withdraw(reg prometheus.Registerer) {
	if reg == nil {
		return
	}
	for _, c := range m.all {
		reg.Unregister(c)
	}
}

// forget takes a partition that is no longer ours out of the gauges.
func (m *metrics) forget(partition string) {
	m.lag.DeleteLabelValues(partition)
	m.sessions.DeleteLabelValues(partition)
}
