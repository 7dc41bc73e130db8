package verify

import (
	"os"
	"path/filepath"
	"testing"

	"mingjian/audit/export/dossier"
	"mingjian/audit/export/verify/verifytest"
)

// BenchmarkVerify verifies a million interactions of one tenant from a file. What it takes of memory is measured
// with the command, because this process holds what it made: MINGJIAN_KEEP_PACKAGE names a file to keep it in.
func BenchmarkVerify(b *testing.B) {
	r, err := verifytest.New(verifytest.Options{Interactions: 1_000_000, Tenants: []string{"acme"}, Partitions: 4, Batch: 5_000, Seed: 1, Plain: true})
	if err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(b.TempDir(), "package.zip")
	if keep := os.Getenv("MINGJIAN_KEEP_PACKAGE"); keep != "" {
		name = keep
	}
	scope := dossier.Scope{Tenant: "acme", From: verifytest.Begin, To: verifytest.Begin + 10*verifytest.Day, RecordedBy: verifytest.Begin + 20*verifytest.Day}
	if err := os.WriteFile(name, r.Draft(scope).Pack(r.Private), 0o600); err != nil {
		b.Fatal(err)
	}
	r = nil
	for b.Loop() {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			b.Fatal(err)
		}
		out, err := Package(b.Context(), f, info.Size(), Options{Recheck: -1})
		if err != nil || !out.OK || out.Counts.Interactions < 900_000 {
			b.Fatalf("%v %+v", err, out)
		}
		b.ReportMetric(float64(out.Counts.Interactions), "interactions")
		f.Close()
	}
}
