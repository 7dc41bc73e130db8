package indicator

import (
	"math"
	"testing"
	"time"
)

// Each touched day brings the three before it, on which a customer may have asked who came back on it.
func TestRunsOfDays(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	got := runs([]time.Time{day(10), day(11), day(15), day(20)})
	want := []stretch{{day(7), day(15)}, {day(17), day(20)}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("runs %v, want %v", got, want)
	}
	if monthStart(day(20)) != day(1) || monthEnd(day(20)) != day(30) || monthEnd(day(30)) != day(30) {
		t.Errorf("November is from %v to %v", monthStart(day(20)), monthEnd(day(20)))
	}
}

func TestIntervalsAtTheirEnds(t *testing.T) {
	near := func(a, b float64) bool { return a == b || math.Abs(a-b) < 1e-9 }
	for name, tt := range map[string]struct {
		of        func(count) (float64, float64)
		c         count
		low, high float64
	}{
		// Where none of n is seen the upper end is 1 - 0.025^(1/n), and the other way round.
		"none of 30":     {share, count{numerator: 0, denominator: 30}, 0, 1 - math.Pow(0.025, 1.0/30)},
		"all of 30":      {share, count{numerator: 30, denominator: 30}, math.Pow(0.025, 1.0/30), 1},
		"nothing":        {share, count{}, 0, 1},
		"one value":      {mean, count{numerator: 12, denominator: 1, squares: 144}, 0, math.Inf(1)},
		"equal values":   {mean, count{numerator: 60, denominator: 30, squares: 120}, 2, 2},
		"no sample":      {sampled, count{population: 9}, 0, 1},
		"all were seen":  {sampled, count{numerator: 3, denominator: 12, population: 12}, 0.25, 0.25},
		"half were seen": {sampled, count{numerator: 0, denominator: 15, population: 30}, 0, 1 - math.Pow(0.025, 1.0/30)},
	} {
		if low, high := tt.of(tt.c); !near(low, tt.low) || !near(high, tt.high) {
			t.Errorf("%s: [%v, %v], want [%v, %v]", name, low, high, tt.low, tt.high)
		}
	}
}
