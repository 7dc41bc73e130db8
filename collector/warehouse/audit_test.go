package warehouse

import (
	"fmt"
	"testing"
)

// What an audit takes for gone by retention is what the tables let go.
func TestRetainedSinceIsTheTablesTerm(t *testing.T) {
	if got := fmt.Sprintf("%d YEAR", retentionYears); got != retention {
		t.Errorf("an audit counts on %s, and tables keep rows for %s", got, retention)
	}
}
