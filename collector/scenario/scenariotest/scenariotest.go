// Package scenariotest plays the demo for benchmarks, so that each stage is measured over the same
// stream of messages, and says what processor time they took.
package scenariotest

import (
	"syscall"
	"testing"
	"time"

	"mingjian/collector/scenario"
	"mingjian/policies"
)

// Demo is the demo's stream of messages, in order.
type Demo struct {
	Bundle       *policies.Bundle
	Keys, Values [][]byte
	// Later is a moment at which no message is from the future.
	Later time.Time
}

// sessions are enough for every scenario of the deck to come up many times.
const sessions = 3000

// Play plays the demo with the rules that ship.
func Play(tb testing.TB) Demo {
	tb.Helper()
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	player, err := scenario.Demo(tb.Context(), bundle, policies.Builtin(), scenario.PlayOptions{Seed: 1, Now: now, History: 8 * time.Hour, Sessions: sessions})
	if err != nil {
		tb.Fatal(err)
	}
	d := Demo{Bundle: bundle, Later: now.AddDate(1, 0, 0)}
	for {
		_, key, value, ok := player.Next()
		if !ok {
			return d
		}
		d.Keys, d.Values = append(d.Keys, []byte(key)), append(d.Values, value)
	}
}

// Processor is what the process has used of processors, which other processes do not change.
func Processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
