package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mingjian/collector/warehouse"
)

// Each partition gives the seals of the time and one on either side; what is outside stays outside.
func TestSealSpansReachOneSealBeyondTheTime(t *testing.T) {
	r := open(t)
	seal := func(partition int, n, at int64) {
		s := warehouse.Seal{Topic: "t", Partition: partition, First: 10 * n, Last: 10*n + 9, Stored: 10, ID: fmt.Sprintf("%d-%d", partition, n), Groups: "[]", Gaps: "{}", At: at}
		if err := r.Write(t.Context(), &warehouse.Batch{Seal: &s}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range int64(6) {
		seal(0, n, 1000*(n+1)) // 1000 to 6000
	}
	seal(1, 0, 1000) // over before the time
	seal(1, 1, 1500)
	seal(2, 0, 9000) // began after it
	seal(2, 1, 9500)
	got, err := r.SealSpans(t.Context(), "t", 2500, 4500)
	if err != nil {
		t.Fatal(err)
	}
	want := []warehouse.SealSpan{{Partition: 0, First: 10, Last: 40}, {Partition: 1, First: 10, Last: 10}, {Partition: 2, First: 0, Last: 0}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var ids []string
	if err := r.SealsOf(t.Context(), "t", got[0], func(s *warehouse.Seal) error { ids = append(ids, s.ID); return nil }); err != nil || strings.Join(ids, " ") != "0-1 0-2 0-3 0-4" {
		t.Errorf("seals %v, %v", ids, err)
	}
}

// Rows come in the order of offsets with all their versions, of one tenant; leaves with the moved ones where they
// are asked for.
func TestExportRowsComeByOffset(t *testing.T) {
	r := open(t)
	row := func(tenant string, offset, version int64, original string) warehouse.Interaction {
		return warehouse.Interaction{
			Tenant: tenant, SessionID: fmt.Sprintf("s%d", 9-offset), EventID: fmt.Sprint(offset), Topic: "t", Offset: offset, At: 1_790_000_000_000 + offset, Version: version,
			Text: "words", Flags: []string{"cut", "nul"}, Salt: "0123456789abcdef", Leaf: fmt.Sprintf("%032d", offset), OriginalEnc: original,
		}
	}
	if err := r.Write(t.Context(), &warehouse.Batch{Interactions: []warehouse.Interaction{
		row("acme", 5, 0, ""), row("acme", 3, 0, "sealed"), row("other", 4, 0, ""), row("acme", 1, 0, ""), row("acme", 2, warehouse.Moved, ""),
	}}); err != nil {
		t.Fatal(err)
	}
	q := warehouse.ExportQuery{Topic: "t", Tenant: "acme", SealSpan: warehouse.SealSpan{First: 2, Last: 5}}
	var got []string
	if err := r.ExportRows(t.Context(), q, func(x *warehouse.ExportRow) error {
		got = append(got, fmt.Sprintf("%d/%d %s %v %t %d", x.Offset, x.Version, x.SessionID, x.Flags, x.Original, len(x.Commitment)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := "2/1 s7 [cut nul] false 32, 3/0 s6 [cut nul] true 32, 5/0 s4 [cut nul] false 32"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
	for tenant, want := range map[string][2]int{"acme": {3, 3}, "other": {1, 2}} {
		for i, moved := range []bool{false, true} {
			n := 0
			q.Tenant = tenant
			if err := r.ExportLeaves(t.Context(), q, moved, func(*warehouse.ExportLeaf) error { n++; return nil }); err != nil || n != want[i] {
				t.Errorf("%s, moved %t: %d leaves and not %d (%v)", tenant, moved, n, want[i], err)
			}
		}
	}
}
