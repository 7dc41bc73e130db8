package fund

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapePatience bounds reading the balances for a scrape, so that a store that hangs does not hang
// everything else that is measured.
const scrapePatience = 2 * time.Second

var (
	balanceMetric = prometheus.NewDesc("mingjian_fund_balance_minor", "What stands in an account of a fund, in the currency's minor units.", []string{"tenant", "currency", "account"}, nil)
	lowMetric     = prometheus.NewDesc("mingjian_fund_low", "1 while less than the threshold is available.", []string{"tenant", "currency"}, nil)
	stuckMetric   = prometheus.NewDesc("mingjian_payouts_stuck", "Orders that their receiver refused, and that need a person.", nil, nil)
)

// Metrics reads the balances whenever it is asked: Prometheus metrics of every fund.
func (f *Fund) Metrics() prometheus.Collector { return gauges{f} }

type gauges struct{ fund *Fund }

// Describe completes prometheus.Collector.
func (gauges) Describe(to chan<- *prometheus.Desc) {
	to <- balanceMetric
	to <- lowMetric
	to <- stuckMetric
}

// Collect reads the store. Where it does not answer there are none, which alert rules can tell from
// zero: an invalid metric would take all others of the scrape with it.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	balances, err := g.fund.Balances(ctx, "")
	if err != nil {
		g.fund.o.Log.Warn("the fund cannot be measured", "error", err)
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, b := range balances {
		for _, a := range accounts[1:] {
			gauge(balanceMetric, float64(b.of(a)), b.Tenant, b.Currency, string(a))
		}
		low := 0.0
		if b.Low {
			low = 1
		}
		gauge(lowMetric, low, b.Tenant, b.Currency)
	}
	stuck, err := g.fund.stuck(ctx)
	if err != nil {
		g.fund.o.Log.Warn("stuck payouts cannot be counted", "error", err)
		return
	}
	gauge(stuckMetric, float64(stuck))
}
