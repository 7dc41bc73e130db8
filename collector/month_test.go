package collector

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The month that was asked about last changes nothing about the next answer.
func TestMonths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m month
		near := rapid.Int64Range(-3, 3)
		for range 20 {
			first := time.Date(rapid.IntRange(1960, 2300).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")), 1, 0, 0, 0, 0, time.UTC)
			at := first.UnixMilli() + near.Draw(t, "ms")
			if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
				at = rapid.SampledFrom([]int64{0, -1, math.MinInt64, math.MaxInt64}).Draw(t, "at")
			}
			if got, want := m.of(at), time.UnixMilli(at).UTC().Format("2006-01"); got != want {
				t.Fatalf("%d is in %s, want %s", at, got, want)
			}
		}
	})
}
