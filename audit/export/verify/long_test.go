//go:build chaos

package verify

import (
	"os"
	"strconv"
)

// MINGJIAN_CHANGES says how often what is random is tried: ten thousand changes take ten minutes.
var (
	bits      = changes(1_000)
	untouched = bits / 10
)

func changes(without int) int {
	if n, err := strconv.Atoi(os.Getenv("MINGJIAN_CHANGES")); err == nil {
		return n
	}
	return without
}
