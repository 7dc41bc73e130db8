package fund_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestBalancesAreMeasured(t *testing.T) {
	b := open(t, t.TempDir()+"/books.db")
	b.topUp("a", cny(120_00))
	b.must(b.reserve("case-1", cny(50_00)))
	registry := prometheus.NewPedanticRegistry()
	b.must(registry.Register(b.Metrics()))
	families, err := registry.Gather()
	b.must(err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue()
		}
	}
	want := map[string]float64{
		"mingjian_fund_balance_minor available CNY acme": 7000, "mingjian_fund_balance_minor reserved CNY acme": 5000, "mingjian_fund_balance_minor paying CNY acme": 0,
		"mingjian_fund_balance_minor paid CNY acme": 0, "mingjian_fund_balance_minor written_off CNY acme": 0, "mingjian_fund_low CNY acme": 1, "mingjian_payouts_stuck": 0,
	}
	if !maps.Equal(got, want) {
		t.Errorf("measured %v", fmt.Sprint(got))
	}
}
