//go:build chaos

package review_test

import (
	"slices"
	"testing"
	"time"

	"mingjian/audit/store/storetest"
)

// TestTwoMinutesOfWork is 50 inspectors, 20 claims and 20 verdicts a second for two minutes, with a
// SIGKILL in the middle. It prints what a claim and a verdict take:
//
//	go test -tags chaos,postgres -run TestTwoMinutesOfWork -v ./audit/review
func TestTwoMinutesOfWork(t *testing.T) {
	const rate, seconds = 20, 120
	storetest.OnEach(t, func(t *testing.T, dsn string) {
		begin := time.Now()
		a := load(t, dsn, rate*seconds, rate, func(a *acknowledged) []func() bool {
			return []func() bool{func() bool { return len(a.claims) >= rate*seconds/2 }}
		})
		for _, what := range []string{"claim", "verdict"} {
			list := a.latency[what]
			slices.Sort(list)
			t.Logf("%s: %d, p50 %v, p99 %v, most %v", what, len(list), list[len(list)/2], list[len(list)*99/100], list[len(list)-1])
		}
		t.Logf("took %v", time.Since(begin).Round(time.Second))
	})
}
