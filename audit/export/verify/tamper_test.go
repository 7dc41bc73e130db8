package verify

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"mingjian/audit/export/dossier"
	"mingjian/audit/export/verify/verifytest"
	"mingjian/collector/seal"
)

// shownSeal is the index of a seal of which the package shows all rows, so many at least.
func shownSeal(d *verifytest.Draft, random *rand.Rand, rows int) int {
	var out []int
	for i := range d.Seals {
		if s := &d.Seals[i]; len(s.Rows) == 1 && s.Rows[0].Lines >= rows {
			out = append(out, i)
		}
	}
	return out[random.IntN(len(out))]
}

// firstRow is where a seal's rows begin in the file, and firstFinding where its findings do.
func firstRow(d *verifytest.Draft, at int) (n int) {
	for _, s := range d.Seals[:at] {
		_, lines, _ := shown(s.Rows)
		n += lines
	}
	return n
}

func firstFinding(d *verifytest.Draft, at int) (n int) {
	for _, s := range d.Seals[:at] {
		_, lines, _ := shown(s.Findings)
		n += lines
	}
	return n
}

// replaced is a line with one thing in it changed.
func replaced(line []byte, old, with string) []byte {
	return bytes.Replace(line, []byte(old), []byte(with), 1)
}

// aRow is a random row that stands there with its text.
func aRow(d *verifytest.Draft, random *rand.Rand) int {
	for {
		if n := random.IntN(len(d.Rows)); bytes.Contains(d.Rows[n], []byte(`"text":`)) {
			return n
		}
	}
}

// tampering is what an operator may do to a package before he packs it again, in all its canonical form and with
// all its sums right.
var tampering = []struct {
	name        string
	do          func(d *verifytest.Draft, random *rand.Rand)
	where, what string // of one of the problems that must be told
}{
	{"row changed", func(d *verifytest.Draft, random *rand.Rand) {
		n := aRow(d, random)
		d.Rows[n] = replaced(d.Rows[n], `"text":"`, `"text":"!`)
	}, dossier.InteractionsFile, "are not those that were sealed"},
	{"salt changed", func(d *verifytest.Draft, random *rand.Rand) {
		n := aRow(d, random)
		at := bytes.Index(d.Rows[n], []byte(`"salt":"`)) + 8 + random.IntN(32)
		d.Rows[n] = slices.Clone(d.Rows[n])
		d.Rows[n][at] = "0123456789abcdef"[(strings.IndexByte("0123456789abcdef", d.Rows[n][at])+1)%16]
	}, dossier.InteractionsFile, "are not those that were sealed"},
	{"another moment", func(d *verifytest.Draft, random *rand.Rand) {
		n := aRow(d, random)
		d.Rows[n] = replaced(d.Rows[n], `"entry":{"at":1`, `"entry":{"at":2`)
	}, dossier.InteractionsFile, "are not those that were sealed"},
	{"a member twice", func(d *verifytest.Draft, random *rand.Rand) {
		n := aRow(d, random)
		d.Rows[n] = replaced(d.Rows[n], `"topic":`, `"text":"another","topic":`)
	}, dossier.InteractionsFile, "duplicate"},
	{"row removed, without a word", func(d *verifytest.Draft, random *rand.Rand) {
		n := firstRow(d, shownSeal(d, random, 2))
		d.Rows = slices.Delete(d.Rows, n, n+1)
	}, dossier.InteractionsFile, "missing"},
	{"row removed from its run", func(d *verifytest.Draft, random *rand.Rand) {
		at := shownSeal(d, random, 2)
		n := firstRow(d, at)
		d.Rows = slices.Delete(d.Rows, n, n+1)
		d.Seals[at].Rows = []dossier.Run{{Lines: d.Seals[at].Rows[0].Lines - 1}}
	}, dossier.SealsFile, "rows of the tenant, and the package tells of"},
	{"row removed from its group", func(d *verifytest.Draft, random *rand.Rand) {
		at := shownSeal(d, random, 2)
		n := firstRow(d, at)
		d.Rows = slices.Delete(d.Rows, n, n+1)
		d.Seals[at].Rows = []dossier.Run{{Lines: d.Seals[at].Rows[0].Lines - 1}}
		group := *d.Seals[at].Group
		group.Leaves--
		d.Seals[at].Group = &group
	}, dossier.SealsFile, "its group is not the one of the tenant that was sealed"},
	{"row skipped with its true leaf", func(d *verifytest.Draft, random *rand.Rand) {
		at := shownSeal(d, random, 3)
		n := firstRow(d, at)
		d.Seals[at].Rows = []dossier.Run{{Skip: &seal.Skip{Count: 1, Roots: []seal.Hash{leafOf(d.Rows[n])}}}, {Lines: d.Seals[at].Rows[0].Lines - 1}}
		d.Rows = slices.Delete(d.Rows, n, n+1)
	}, dossier.SealsFile, "are not shown"},
	{"skipped run faked", func(d *verifytest.Draft, random *rand.Rand) {
		for i := range d.Seals {
			for k, r := range d.Seals[i].Rows {
				if r.Skip != nil {
					d.Seals[i].Rows = slices.Clone(d.Seals[i].Rows)
					d.Seals[i].Rows[k].Skip = &seal.Skip{Count: r.Skip.Count, Roots: slices.Clone(r.Skip.Roots)}
					d.Seals[i].Rows[k].Skip.Roots[0][5] ^= 1
					return
				}
			}
		}
		panic("nothing is skipped")
	}, dossier.InteractionsFile, "are not those that were sealed"},
	{"skipped run of another length", func(d *verifytest.Draft, random *rand.Rand) {
		for i := range d.Seals {
			for k, r := range d.Seals[i].Rows {
				if r.Skip != nil {
					d.Seals[i].Rows = slices.Clone(d.Seals[i].Rows)
					d.Seals[i].Rows[k].Skip = &seal.Skip{Count: r.Skip.Count + 1, Roots: r.Skip.Roots}
					return
				}
			}
		}
	}, dossier.SealsFile, ""},
	{"row added", func(d *verifytest.Draft, random *rand.Rand) {
		n := aRow(d, random)
		d.Rows = slices.Insert(d.Rows, n, d.Rows[n])
	}, dossier.InteractionsFile, ""},
	{"rows swapped", func(d *verifytest.Draft, random *rand.Rand) {
		n := firstRow(d, shownSeal(d, random, 2))
		d.Rows[n], d.Rows[n+1] = d.Rows[n+1], d.Rows[n]
	}, dossier.InteractionsFile, "stands behind that at offset"},
	{"row of another tenant in its place", func(d *verifytest.Draft, random *rand.Rand) {
		n := aRow(d, random)
		d.Rows[n] = replaced(d.Rows[n], `"session_id":"s-`, `"session_id":"x-`)
	}, dossier.InteractionsFile, "are not those that were sealed"},
	{"session removed", func(d *verifytest.Draft, random *rand.Rand) {
		id := bytes.SplitN(bytes.SplitN(d.Rows[aRowIn(d, random)], []byte(`"session_id":"`), 2)[1], []byte(`"`), 2)[0]
		d.Rows = slices.DeleteFunc(d.Rows, func(r []byte) bool { return bytes.Contains(r, id) })
		d.Findings = slices.DeleteFunc(d.Findings, func(f []byte) bool { return bytes.Contains(f, id) })
		d.Sessions = slices.DeleteFunc(d.Sessions, func(s dossier.Session) bool { return s.SessionID == string(id) })
	}, dossier.InteractionsFile, "missing"},
	{"seal removed in the middle", func(d *verifytest.Draft, random *rand.Rand) { dropSeal(d, 3, true) }, dossier.SealsFile, "does not follow"},
	{"first seals removed", func(d *verifytest.Draft, random *rand.Rand) { dropSeal(d, 0, true); dropSeal(d, 0, true) }, dossier.SealsFile, "in which there may be interactions of the period"},
	{"last seals removed", func(d *verifytest.Draft, random *rand.Rand) {
		dropSeal(d, lastOf(d, 0), true)
		dropSeal(d, lastOf(d, 0), true)
	}, dossier.SealsFile, "that none follows it before the checkpoint is not shown"},
	{"first seal removed without a word", func(d *verifytest.Draft, random *rand.Rand) { dropSeal(d, 0, false) }, dossier.SealsFile, "seals are missing before it"},
	{"seal called superseded", func(d *verifytest.Draft, random *rand.Rand) {
		s := &d.Seals[shownSeal(d, random, 2)]
		s.Superseded, s.Group, s.Rows, s.Findings = true, nil, nil, nil
	}, dossier.SealsFile, "called superseded"},
	{"header changed", func(d *verifytest.Draft, random *rand.Rand) { d.Seals[4].Header.At++ }, dossier.SealsFile, "its id is not that of its header"},
	{"header and id changed", func(d *verifytest.Draft, random *rand.Rand) {
		d.Seals[4].Header.At++
		d.Seals[4].ID = d.Seals[4].Header.ID()
	}, dossier.SealsFile, "does not state this seal"},
	{"group of the tenant hidden", func(d *verifytest.Draft, random *rand.Rand) { hideGroup(d, shownSeal(d, random, 2), false) }, dossier.SealsFile, "which is not opened"},
	{"group of the tenant taken from the list", func(d *verifytest.Draft, random *rand.Rand) { hideGroup(d, shownSeal(d, random, 2), true) }, dossier.SealsFile, "the list of its groups is not the one that was sealed"},
	{"rows of a group not shown", func(d *verifytest.Draft, random *rand.Rand) {
		at := shownSeal(d, random, 2)
		n := firstRow(d, at)
		d.Rows = slices.Delete(d.Rows, n, n+d.Seals[at].Rows[0].Lines)
		d.Seals[at].Rows = nil
	}, dossier.SealsFile, "rows of the tenant, and the package tells of 0"},
	{"another blinding key", func(d *verifytest.Draft, random *rand.Rand) {
		d.Manifest.Blinding[0] ^= 1
		for i := range d.Seals {
			d.Seals[i].Group, d.Seals[i].Rows, d.Seals[i].Findings = nil, nil, nil
		}
		d.Rows, d.Findings = nil, nil
	}, dossier.SealsFile, "that it is the key of tenant"},
	{"period moved", func(d *verifytest.Draft, random *rand.Rand) {
		d.Manifest.Scope.From -= 2 * verifytest.Day
	}, dossier.SealsFile, ""},
	{"finding version removed", func(d *verifytest.Draft, random *rand.Rand) {
		n := random.IntN(len(d.Findings))
		d.Findings = slices.Delete(d.Findings, n, n+1)
	}, dossier.FindingsFile, ""},
	{"finding withdrawn", func(d *verifytest.Draft, random *rand.Rand) {
		n := firstFinding(d, shownSeal(d, random, 10))
		d.Findings[n] = replaced(d.Findings[n], `"standing":true`, `"standing":false`)
	}, dossier.FindingsFile, "are not those that were sealed"},
	{"findings of a group not shown", func(d *verifytest.Draft, random *rand.Rand) {
		for at := range d.Seals {
			if s := &d.Seals[at]; len(s.Rows) == 1 && s.Rows[0].Lines > 0 && len(s.Findings) == 1 {
				n := firstFinding(d, at)
				d.Findings = slices.Delete(d.Findings, n, n+s.Findings[0].Lines)
				s.Findings = nil
				return
			}
		}
	}, dossier.SealsFile, "versions of findings of the tenant, and the package tells of 0"},
	{"finding of another version", func(d *verifytest.Draft, random *rand.Rand) {
		n := random.IntN(len(d.Findings))
		d.Findings[n] = replaced(d.Findings[n], `"version":`, `"version":1`)
	}, dossier.FindingsFile, ""},
	{"row said to be erased by what nobody stated", func(d *verifytest.Draft, random *rand.Rand) {
		d.Rows[aRowIn(d, random)] = erasedLine(d, random, "er-9")
	}, dossier.InteractionsFile, `said to be erased by "er-9"`},
	{"row said to be erased by an erasure of others", func(d *verifytest.Draft, random *rand.Rand) {
		d.Rows[aRowIn(d, random)] = erasedLine(d, random, "er-1")
	}, dossier.ErasuresFile, ""},
	{"rows said to be erased in the place of others", func(d *verifytest.Draft, random *rand.Rand) {
		e := &d.Erasures[0]
		leaves, lines, err := shown(e.Leaves)
		if err != nil || lines == leaves {
			panic("all that was erased is in the package")
		}
		for range leaves - lines {
			d.Rows[aRowIn(d, random)] = erasedLine(d, random, "er-1")
		}
		e.Leaves = []dossier.Run{{Lines: leaves}}
	}, dossier.ErasuresFile, "are not those that the log says"},
	{"erasure that the log does not state", func(d *verifytest.Draft, random *rand.Rand) { d.Erasures[0].Index-- }, dossier.ErasuresFile, "does not state this erasure"},
	{"leaf of an erased row changed", func(d *verifytest.Draft, random *rand.Rand) {
		for i, r := range d.Rows {
			if at := bytes.Index(r, []byte(`"leaf":"`)); at >= 0 {
				d.Rows[i] = slices.Clone(r)
				d.Rows[i][at+8] ^= 1
				return
			}
		}
	}, dossier.InteractionsFile, ""},
	{"proofs swapped", func(d *verifytest.Draft, random *rand.Rand) {
		a, b := d.Entries[2].Index, d.Entries[7].Index
		d.Proofs[a], d.Proofs[b] = d.Proofs[b], d.Proofs[a]
	}, dossier.ProofsDir, "it is the proof of entry"},
	{"proof changed", func(d *verifytest.Draft, random *rand.Rand) {
		p := d.Proofs[d.Entries[2].Index]
		p.Hashes = slices.Clone(p.Hashes)
		p.Hashes[0][0] ^= 1
		d.Proofs[d.Entries[2].Index] = p
	}, dossier.ProofsDir, "does not cover entry"},
	{"entry changed", func(d *verifytest.Draft, random *rand.Rand) {
		d.Entries[5].Entry = strings.Replace(d.Entries[5].Entry, `"at":"2026`, `"at":"2027`, 1)
	}, dossier.ProofsDir, "does not cover entry"},
	{"entry taken away", func(d *verifytest.Draft, random *rand.Rand) {
		delete(d.Proofs, d.Entries[5].Index)
		d.Entries = slices.Delete(d.Entries, 5, 6)
	}, dossier.SealsFile, "does not state this seal"},
	{"entry with the proof missing", func(d *verifytest.Draft, random *rand.Rand) { delete(d.Proofs, d.Entries[5].Index) }, dossier.ProofsDir, "is not in the package"},
	{"another checkpoint", func(d *verifytest.Draft, random *rand.Rand) {
		d.Checkpoint = bytes.Replace(d.Checkpoint, []byte("\n5"), []byte("\n6"), 1)
	}, dossier.CheckpointFile, "not signed by the log"},
	{"policy changed", func(d *verifytest.Draft, random *rand.Rand) {
		for name, b := range d.Files {
			if strings.HasSuffix(name, "/params.yaml") {
				d.Files[name] = append(slices.Clone(b), "# x\n"...)
			}
		}
	}, dossier.PoliciesDir, "their digest is another one"},
	{"policy taken away", func(d *verifytest.Draft, random *rand.Rand) {
		for name := range d.Files {
			if strings.HasSuffix(name, "/tenants.yaml") {
				delete(d.Files, name)
			}
		}
	}, dossier.PoliciesDir, "their digest is another one"},
	{"draw changed", func(d *verifytest.Draft, random *rand.Rand) {
		lot := *d.Sampling[0].Lot
		lot.Drawn = slices.Clone(lot.Drawn)
		for _, l := range d.Sampling[1:] {
			if !slices.Contains(lot.Drawn, l.Member.ID) {
				lot.Drawn[1] = l.Member.ID
				break
			}
		}
		d.Sampling[0].Lot = &lot
	}, dossier.SamplingFile, "the draw gives"},
	{"member of a lot changed", func(d *verifytest.Draft, random *rand.Rand) {
		d.Sampling[3].Member = &dossier.Member{ID: "other", Closed: 1}
	}, dossier.SamplingFile, "not those that the log fixed"},
	{"lot drawn with another checkpoint", func(d *verifytest.Draft, random *rand.Rand) {
		lot := *d.Sampling[0].Lot
		lot.Checkpoint = string(d.Checkpoint)
		d.Sampling[0].Lot = &lot
	}, dossier.SamplingFile, "the checkpoint of its draw"},
	{"draw of another history", func(d *verifytest.Draft, random *rand.Rand) {
		lot := *d.Sampling[0].Lot
		lot.Consistency = slices.Clone(lot.Consistency)
		lot.Consistency[0][3] ^= 1
		d.Sampling[0].Lot = &lot
	}, dossier.SamplingFile, "not of the history"},
	{"rows called unproven", func(d *verifytest.Draft, random *rand.Rand) {
		d.Manifest.Unproven = append(d.Manifest.Unproven, dossier.InteractionsFile)
	}, dossier.ManifestFile, "must be proven"},
	{"another count", func(d *verifytest.Draft, random *rand.Rand) {
		d.Counts = map[string]int{dossier.InteractionsFile: 1}
	}, dossier.InteractionsFile, "the manifest says 1"},
}

// leafOf is the leaf of a line of rows.
func leafOf(line []byte) seal.Hash {
	p := rowParser{topic: verifytest.Topic}
	r, err := p.parse(line)
	if err != nil {
		panic(err)
	}
	return r.leaf
}

// picked is the row that aRowIn gave last; both are for one test at a time.
var picked int

func aRowIn(d *verifytest.Draft, random *rand.Rand) int {
	picked = firstRow(d, shownSeal(d, random, 2)) + 1
	for !bytes.Contains(d.Rows[picked], []byte(`"text":`)) {
		picked = firstRow(d, shownSeal(d, random, 2)) + 1
	}
	return picked
}

// erasedLine is the row that was picked, as one that was erased: with its true leaf.
func erasedLine(d *verifytest.Draft, _ *rand.Rand, erasure string) []byte {
	p := rowParser{topic: verifytest.Topic}
	r, err := p.parse(d.Rows[picked])
	if err != nil {
		panic(err)
	}
	return verifytest.Marshal(dossier.Row{Erased: &dossier.Erased{Offset: r.offset, Leaf: r.leaf, Erasure: erasure}})
}

// lastOf is the last seal of a partition of the manifest.
func lastOf(d *verifytest.Draft, partition int) (at int) {
	for i := range d.Seals {
		if d.Seals[i].Header.Partition == partition {
			at = i
		}
	}
	return at
}

// dropSeal takes a seal out with all that is of it, and says so in the manifest or not.
func dropSeal(d *verifytest.Draft, at int, said bool) {
	s := d.Seals[at]
	_, rows, _ := shown(s.Rows)
	_, findings, _ := shown(s.Findings)
	n, f := firstRow(d, at), firstFinding(d, at)
	d.Rows, d.Findings, d.Seals = slices.Delete(d.Rows, n, n+rows), slices.Delete(d.Findings, f, f+findings), slices.Delete(d.Seals, at, at+1)
	d.Entries = slices.DeleteFunc(d.Entries, func(e dossier.LogEntry) bool { return e.Index == s.Index })
	delete(d.Proofs, s.Index)
	if !said {
		return
	}
	for i := range d.Manifest.Partitions {
		p := &d.Manifest.Partitions[i]
		if p.Partition != s.Header.Partition {
			continue
		}
		p.Seals, p.First = 0, ""
		for _, s := range d.Seals {
			if s.Header.Partition == p.Partition {
				if p.Seals++; p.First == "" {
					p.First = s.ID
				}
				p.Last = s.ID
			}
		}
	}
}

// hideGroup denies that a seal has a group of the tenant.
func hideGroup(d *verifytest.Draft, at int, listed bool) {
	s := &d.Seals[at]
	n, f := firstRow(d, at), firstFinding(d, at)
	_, rows, _ := shown(s.Rows)
	_, findings, _ := shown(s.Findings)
	d.Rows, d.Findings = slices.Delete(d.Rows, n, n+rows), slices.Delete(d.Findings, f, f+findings)
	if listed {
		blind := seal.Blind(seal.Key(d.Manifest.Blinding), s.Header.Topic, s.Header.Partition, s.Header.First)
		s.List = slices.DeleteFunc(slices.Clone(s.List), func(b seal.Blinded) bool { return b.Blind == blind })
	}
	s.Group, s.Rows, s.Findings = nil, nil, nil
}

// stranger is a key that signs nothing of anybody.
func stranger(t testing.TB) string {
	private, _, err := note.GenerateKey(rand.NewChaCha8([32]byte{9}), "stranger.example")
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// Whoever changes a package and packs it again is found out by what was signed before: without the log's key, and
// also with it, as long as what the log holds cannot be changed any more.
func TestTamperingIsFoundAndNamed(t *testing.T) {
	r := record()
	random := rand.New(rand.NewPCG(5, 6))
	if out := verified(t, r.Draft(verifytest.Period("acme")).Pack(r.Private), Options{Key: r.Public, Recheck: -1}); !out.OK {
		t.Fatalf("untouched: %+v", out.Problems)
	}
	for _, c := range tampering {
		for _, owner := range []bool{true, false} {
			d := r.Draft(verifytest.Period("acme"))
			c.do(d, random)
			key := r.Private
			if !owner {
				key = stranger(t)
			}
			out := verified(t, d.Pack(key), Options{Key: r.Public, Recheck: -1})
			if out.OK || out.Complete {
				t.Errorf("%s: nobody saw it", c.name)
				continue
			}
			if !told(out, c.where, c.what) {
				t.Errorf("%s: %q in %s was not told of, but %+v", c.name, c.what, c.where, out.Problems[:min(4, len(out.Problems))])
			}
			if !owner && !told(out, dossier.SignatureFile, "") {
				t.Errorf("%s: that the log has not signed the manifest was not told of", c.name)
			}
		}
	}
}

// Findings that were made up, or left out, by a program that does not judge as the policies say are found by
// judging again, although all of it was sealed and logged so.
func TestFindingsThatDoNotFollowAreFound(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *seal.Finding) bool
		what   string
	}{
		{"withdrawn", func(f *seal.Finding) bool { f.Standing = false; return true }, "was sealed as withdrawn"},
		{"made lighter", func(f *seal.Finding) bool { f.Severity = "info"; return true }, "severity"},
		{"of other facts", func(f *seal.Finding) bool { f.Facts = `{"x":1}`; return true }, "facts"},
		{"left out", func(*seal.Finding) bool { return false }, "is not among the sealed ones"},
		{"made up", func(f *seal.Finding) bool { f.Rule = "cn-made-up"; return true }, "does not follow from its interactions"},
	} {
		random := rand.New(rand.NewPCG(11, 12))
		r, err := verifytest.New(verifytest.Options{Interactions: 300, Tenants: []string{"acme"}, Partitions: 1, Batch: 40, Seed: 3, Findings: func(f *seal.Finding) bool {
			return random.IntN(10) > 0 || c.change(f)
		}})
		if err != nil {
			t.Fatal(err)
		}
		scope := verifytest.Period("acme")
		out := verified(t, r.Draft(scope).Pack(r.Private), Options{Key: r.Public, Recheck: 1000})
		if !told(out, dossier.FindingsFile, c.what) {
			t.Errorf("%s: %+v", c.name, out.Problems)
		}
	}
}

// A single changed bit anywhere is found, and the file that it is in is named.
func TestChangedBitsAreFoundAndNamed(t *testing.T) {
	r := record()
	b := r.Draft(verifytest.Period("acme")).Pack(r.Private)
	random := rand.New(rand.NewPCG(13, 14))
	in, err := dossier.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	owner := func(at int64) string {
		next := int64(0)
		for _, f := range in.Manifest.Files {
			if next += 30 + int64(len(f.Name)) + f.Packed + 16; at < next {
				return f.Name
			}
		}
		if next += 30 + int64(len(dossier.ManifestFile)+len(in.ManifestBytes)); at < next {
			return dossier.ManifestFile
		}
		if next += 30 + int64(len(dossier.SignatureFile)+len(in.Signature)); at < next {
			return dossier.SignatureFile
		}
		return ""
	}
	for range bits {
		bit := random.IntN(8 * len(b))
		b[bit/8] ^= 1 << (bit % 8)
		out := verified(t, b, Options{Key: r.Public, Recheck: -1})
		b[bit/8] ^= 1 << (bit % 8)
		where := owner(int64(bit / 8))
		if out.OK || where != "" && !told(out, where, "") {
			t.Fatalf("bit %d of byte %d, of %q: %+v", bit%8, bit/8, where, out.Problems)
		}
	}
}
