//go:build chaos

package verify

const (
	untouched = 1_000
	bits      = 10_000
)
