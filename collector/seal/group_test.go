package seal_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mingjian/collector/seal"
)

func keyOf(tenant string) seal.Key {
	h := seal.Leaf([]byte("key of " + tenant))
	return seal.Key(h)
}

// Whatever order rows come in, a seal commits to the same; and each of them matters.
func TestGroupsCommitToEveryLeafOfEveryTenant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "offsets")
		var rows []seal.Row
		var rejects []seal.Placed
		var gaps seal.Gaps
		var found []seal.Found
		for at := range int64(n) {
			leaf := seal.Leaf([]byte{byte(at)})
			tenant := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "tenant")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				rejects = append(rejects, seal.Placed{Offset: at, Leaf: leaf})
			case 1:
				gaps.Repeats = append(gaps.Repeats, [2]int64{at, 0})
			case 2:
				gaps.Control = append(gaps.Control, [2]int64{at, at})
			default:
				rows = append(rows, seal.Row{Offset: at, At: 1000 + at, Tenant: tenant, Leaf: leaf})
			}
			if rapid.Bool().Draw(t, "found") {
				found = append(found, seal.Found{Tenant: tenant, Leaf: leaf})
			}
		}
		h := seal.Header{Topic: "t", Partition: 1}
		groups := seal.Groups(slices.Clone(rows), rejects, gaps, found, "t", 1)
		list := h.Commit(groups, keyOf)
		shuffled := seal.Groups(rapid.Permutation(rows).Draw(t, "rows"), rapid.Permutation(rejects).Draw(t, "rejects"), gaps, found, "t", 1)
		again := seal.Header{Topic: "t", Partition: 1}
		again.Commit(shuffled, keyOf)
		if again.ID() != h.ID() {
			t.Fatal("another order, another seal")
		}
		if root, ok := seal.TenantsRoot(list); !ok || root != h.TenantsRoot {
			t.Fatal("the list does not give the root")
		}
		leaves := 0
		for i, g := range groups {
			leaves += g.Leaves
			if g.Blinded(keyOf(g.Tenant), "t", 1, 0) != list[i] {
				t.Fatalf("the group of %s does not open", g.Tenant)
			}
			if g.Blinded(keyOf("x"), "t", 1, 0) == list[i] {
				t.Fatal("another's key opens the group")
			}
		}
		if leaves != len(rows)+len(rejects)+len(gaps.Repeats)+len(gaps.Control) {
			t.Fatalf("%d leaves of %d offsets", leaves, n)
		}
		if len(list) > 1 {
			if _, ok := seal.TenantsRoot([]seal.Blinded{list[1], list[0]}); ok {
				t.Fatal("a list out of order is taken")
			}
			if _, ok := seal.TenantsRoot([]seal.Blinded{list[0], list[0]}); ok {
				t.Fatal("a group that stands twice is taken")
			}
		}
	})
}
