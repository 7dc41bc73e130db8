package export

import (
	"testing"

	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
)

// Offsets that the broker lost before they were read are no missing seal: the seal behind them names the one before.
func TestChainsMayHaveGapsButNoMissingSeals(t *testing.T) {
	over := func(id, previous string, first, last int64) *link {
		return &link{Seal: dossier.Seal{ID: id, Header: seal.Header{Previous: previous, First: first, Last: last}}}
	}
	for _, c := range []struct {
		name   string
		second *link
		ok     bool
	}{
		{"follows", over("b", "a", 10, 19), true},
		{"behind a gap", over("b", "a", 15, 19), true},
		{"over the same offsets", over("b", "a", 9, 19), false},
		{"of another one", over("b", "x", 10, 19), false},
	} {
		chain := &chain{links: []*link{over("a", "", 0, 9), c.second}}
		if err := chain.number(); (err == nil) != c.ok || c.ok && c.second.order != 1 {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
