package verify

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/go-json-experiment/json"

	"mingjian/audit/export/dossier"
	"mingjian/audit/export/verify/verifytest"
	"mingjian/collector/seal"
)

// outsideLine is a row as one of which only the moment is told.
func outsideLine(line []byte, at func(int64) int64) []byte {
	var row dossier.Row
	var e seal.Entry
	if err := json.Unmarshal(line, &row); err != nil {
		panic(err)
	}
	if err := json.Unmarshal(row.Entry, &e); err != nil {
		panic(err)
	}
	salt, err := hex.DecodeString(row.Salt)
	if err != nil {
		panic(err)
	}
	return verifytest.Marshal(dossier.Row{Outside: &dossier.Outside{Offset: e.Offset, At: at(e.At), Digest: seal.RowDigest(salt, row.Entry, row.Commitment)}})
}

// Whoever tells only the moment of a row hides nothing of the period: its true moment gives him away, and another
// one is not what was sealed.
func TestARowOfThePeriodCannotBeHiddenAsOneOutside(t *testing.T) {
	r := record()
	random := rand.New(rand.NewPCG(7, 8))
	scope := verifytest.Period("acme")
	for _, c := range []struct {
		what string
		at   func(int64) int64
	}{
		{"lies in the period, and only its moment is told", func(at int64) int64 { return at }},
		{"are not those that were sealed", func(int64) int64 { return scope.From - 1 }},
	} {
		d := r.Draft(scope)
		n := aRowIn(d, random)
		d.Rows[n] = outsideLine(d.Rows[n], c.at)
		if out := verified(t, d.Pack(r.Private), Options{Key: r.Public, Recheck: -1}); out.OK || !told(out, dossier.InteractionsFile, c.what) {
			t.Errorf("%q was not told of, but %+v", c.what, out.Problems)
		}
	}
	// One that does lie outside may be told of so.
	scope.From += (scope.To - scope.From) / 2
	d := r.Draft(scope)
	told := 0
	for n, line := range d.Rows {
		var row dossier.Row
		var e seal.Entry
		if json.Unmarshal(line, &row) != nil || json.Unmarshal(row.Entry, &e) != nil || e.At >= scope.From || e.At == 0 {
			continue
		}
		d.Rows[n] = outsideLine(line, func(at int64) int64 { return at })
		told++
	}
	out := verified(t, d.Pack(r.Private), Options{Key: r.Public, Recheck: -1})
	if !out.OK || told == 0 || out.Counts.Outside != told {
		t.Errorf("%d rows outside were told of, %d counted: %+v", told, out.Counts.Outside, out.Problems)
	}
}
