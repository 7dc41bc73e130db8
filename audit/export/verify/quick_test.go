//go:build !chaos

package verify

// How often what is random is tried; the tag chaos has the long runs.
const (
	untouched = 10
	bits      = 60
)
