//go:build chaos

package cases_test

import (
	"testing"

	"mingjian/audit/store/storetest"
)

// TestTenThousandRandomOperations is the long form, with nine kills:
//
//	go test -tags chaos,postgres -run TestTenThousandRandomOperations -v ./audit/cases
func TestTenThousandRandomOperations(t *testing.T) {
	storetest.OnEach(t, func(t *testing.T, dsn string) { operations(t, dsn, 10_000, 9) })
}
