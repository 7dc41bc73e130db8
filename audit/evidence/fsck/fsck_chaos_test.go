//go:build chaos

package fsck_test

import (
	"math/rand/v2"
	"testing"
)

// Ten thousand changes, one after the other.
func TestFsckNamesTenThousandChanges(t *testing.T) {
	s := prepared(t, 2500)
	s.clean("untouched", 0)
	s.changes(rand.New(rand.NewPCG(11, 5)), 2_000, 8_000)
	s.clean("put right", 0)
}
