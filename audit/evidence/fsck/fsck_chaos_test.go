//go:build chaos

package fsck_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// A thousand changes, one after the other, or as many as MINGJIAN_CHANGES says: a fifth of rows, the others of
// bits of the log.
func TestFsckNamesManyChanges(t *testing.T) {
	n := 1_000
	if many, err := strconv.Atoi(os.Getenv("MINGJIAN_CHANGES")); err == nil {
		n = many
	}
	s := prepared(t, 2500)
	s.clean("untouched", 0)
	s.changes(rand.New(rand.NewPCG(11, 5)), n/5, n-n/5)
	s.clean("put right", 0)
}
