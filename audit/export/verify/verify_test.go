package verify

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"

	"mingjian/audit/export/dossier"
	"mingjian/audit/export/verify/verifytest"
)

// record is one that tests share; none may change it.
var record = sync.OnceValue(func() *verifytest.Record {
	r, err := verifytest.New(verifytest.Options{Interactions: 2_600, Tenants: []string{"acme", "globex"}, Partitions: 3, Batch: 60, Seed: 1})
	if err != nil {
		panic(err)
	}
	var own []string
	for _, s := range r.Seals {
		for _, row := range s.Rows["acme"] {
			own = append(own, row.Session)
		}
	}
	slices.Sort(own)
	own = slices.Compact(own)
	r.Erase("er-1", "acme", own[0], own[len(own)/2], own[len(own)/2+1])
	r.Sample("acme", own[len(own)/3:len(own)/3+40], drawText)
	return r
})

// drawText draws with the text of a checkpoint.
func drawText(key, text []byte, ids []string, n int) []string {
	return drawn(key, append(slices.Clone(text), "\n"...), ids, n)
}

func verified(t testing.TB, b []byte, o Options) *Report {
	t.Helper()
	out, err := Package(t.Context(), bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUntouchedPackageIsInOrder(t *testing.T) {
	r := record()
	b := r.Draft(verifytest.Period("acme")).Pack(r.Private)
	out := verified(t, b, Options{Key: r.Public, Recheck: 1000})
	if !out.OK || !out.Complete || !out.Log.Pinned {
		t.Fatalf("%+v", out)
	}
	c := out.Counts
	if c.Interactions < 300 || c.Erased == 0 || c.Findings < 50 || c.Versions <= c.Findings || c.Seals < 10 || c.Partitions != 3 || c.Lots != 1 || c.Rechecked < 50 || c.Refound < 50 {
		t.Errorf("too little was checked: %+v", c)
	}
	t.Logf("%+v %v", c, out.NotRechecked)
	if len(out.Unproven) != 1 {
		t.Errorf("unproven: %v", out.Unproven)
	}
}

// Whoever does not say which key the log has is told which one was used.
func TestKeyIsSaidWhereItWasNotGiven(t *testing.T) {
	r := record()
	b := r.Draft(verifytest.Period("acme")).Pack(r.Private)
	out := verified(t, b, Options{Recheck: -1})
	if !out.OK || out.Log.Pinned || out.Log.Fingerprint != Fingerprint(r.Public) {
		t.Errorf("%+v", out.Log)
	}
	other, err := verifytest.New(verifytest.Options{Interactions: 1, Tenants: []string{"acme"}, Partitions: 1, Batch: 10, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	out = verified(t, b, Options{Key: other.Public, Recheck: -1})
	if out.OK || out.Problems[0].Where != dossier.PublicKeyFile {
		t.Errorf("a package of another log is taken: %+v", out)
	}
}

// Random packages of random records are never accused.
func TestUntouchedPackagesAreNotAccused(t *testing.T) {
	r := record()
	for n := range untouched {
		scope := verifytest.Period([]string{"acme", "globex"}[n%2])
		scope.From += int64(n%17) * verifytest.Day / 20
		scope.To -= int64(n%13) * verifytest.Day / 30
		scope.RecordedBy += int64(n%7-3) * verifytest.Day / 12
		if n%11 == 0 {
			scope.RecordedBy = verifytest.Begin + 10*verifytest.Day // all that the log has
		}
		out := verified(t, r.Draft(scope).Pack(r.Private), Options{Key: r.Public, Recheck: rechecked(n), Seed: uint64(n)})
		if !out.OK {
			t.Fatalf("package %d, %+v: %+v", n, scope, out.Problems)
		}
	}
}

// rechecked is how many sessions are judged again: reading the policies takes longer than all the rest.
func rechecked(n int) int {
	if n%10 == 0 {
		return 20
	}
	return -1
}

// told reports whether any problem is of a place and says so.
func told(out *Report, where, what string) bool {
	return slices.ContainsFunc(out.Problems, func(p Problem) bool { return strings.HasPrefix(p.Where, where) && strings.Contains(p.What, what) })
}

func TestReportsAreBounded(t *testing.T) {
	r := record()
	d := r.Draft(verifytest.Period("acme"))
	for i := range d.Rows {
		d.Rows[i] = []byte("x")
	}
	out := verified(t, d.Pack(r.Private), Options{})
	if len(out.Problems) != maxProblems || out.More < len(d.Rows)-maxProblems {
		t.Errorf("%d problems and %d more for %d rows", len(out.Problems), out.More, len(d.Rows))
	}
}
