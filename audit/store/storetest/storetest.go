// Package storetest runs a noun's storage tests on every engine: on SQLite always, and with the
// build tag postgres on the PostgreSQL that MINGJIAN_TEST_POSTGRES names too.
package storetest

import (
	"path/filepath"
	"testing"
)

// engines make an empty store for a test and return its address.
var engines = map[string]func(*testing.T) string{
	// The name has characters that mean something in an address.
	"sqlite": func(t *testing.T) string { return filepath.Join(t.TempDir(), "state #1?.db") },
}

// OnEach runs a test on each engine, with an empty store.
func OnEach(t *testing.T, test func(t *testing.T, dsn string)) {
	for name, dsn := range engines {
		t.Run(name, func(t *testing.T) { test(t, dsn(t)) })
	}
}
