package verify

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"

	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
)

// sealed is what is kept of a seal: what its rows and findings must come to.
type sealed struct {
	id             seal.Hash
	line           int
	index          uint64
	partition      int
	first, last    int64
	at             int64
	generation     int
	revision       string
	superseded     bool
	group          *seal.Group
	rows, findings []dossier.Run
	previous       string
}

func (s *sealed) String() string {
	return fmt.Sprintf("the seal of partition %d, offsets %d to %d", s.partition, s.first, s.last)
}

// reaches reports whether the group has rows of the period.
func (s *sealed) reaches(scope *dossier.Scope) bool {
	return s.group != nil && s.group.Leaves > 0 && s.group.FirstAt < scope.To && s.group.LastAt >= scope.From
}

// shown is how many leaves runs stand for, and how many lines of a file.
func shown(runs []dossier.Run) (leaves, lines int, err error) {
	for _, r := range runs {
		switch {
		case r.Lines < 0 || r.Skip != nil && (r.Lines != 0 || r.Skip.Count <= 0) || r.Skip == nil && r.Lines == 0:
			return 0, 0, fmt.Errorf("a run is neither of lines nor of leaves that are not shown")
		case r.Skip != nil:
			leaves += r.Skip.Count
		default:
			leaves, lines = leaves+r.Lines, lines+r.Lines
		}
		if leaves > maxLeaves {
			return 0, 0, fmt.Errorf("a group has %d leaves at most", maxLeaves)
		}
	}
	return leaves, lines, nil
}

// maxLeaves is what a seal's batch has at most, by far: offsets are read in batches of thousands.
const maxLeaves = 1 << 28

// stated is a seal that was read from its line.
type stated struct {
	sealed
	problems []string
}

// readSeals reads the seals, each against its entry of the log, and follows the chains of the partitions.
func (v *verification) readSeals(ctx context.Context) error {
	err := stream(ctx, v, dossier.SealsFile, func(l lines) (out []stated) {
		l.each(func(line []byte, n int) { out = append(out, v.seal(line, n)) })
		return out
	}, func(some []stated) error {
		for i := range some {
			for _, p := range some[i].problems {
				v.problem(place(dossier.SealsFile, some[i].line), "%s", p)
			}
			if some[i].id != (seal.Hash{}) {
				v.seals = append(v.seals, some[i].sealed)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.chains()
	v.silence()
	for _, h := range v.entries.headers {
		if h.partition >= 0 {
			v.out.NewestSeal = max(v.out.NewestSeal, h.at)
		}
	}
	if !slices.ContainsFunc(v.seals, func(s sealed) bool { return s.group != nil }) {
		v.problem(dossier.SealsFile, "no seal holds anything under the package's blinding key: that it is the key of tenant %q is not shown, and so not that nothing was left out", v.pkg.Manifest.Scope.Tenant)
	}
	return nil
}

// seal reads a line of seals.
func (v *verification) seal(line []byte, number int) stated {
	out := stated{sealed: sealed{line: number}}
	var s dossier.Seal
	if err := json.Unmarshal(line, &s, json.RejectUnknownMembers(true)); err != nil {
		out.problems = append(out.problems, err.Error())
		return out
	}
	m, h := &v.pkg.Manifest, &s.Header
	wrong := func(what string, args ...any) { out.problems = append(out.problems, fmt.Sprintf(what, args...)) }
	if h.ID() != s.ID || out.id.UnmarshalText([]byte(s.ID)) != nil {
		wrong("its id is not that of its header")
		return out
	}
	if index, ok := v.entries.seals[out.id]; !ok || index != s.Index {
		wrong("entry %d of the log, as far as the package has it, does not state this seal", s.Index)
	}
	if err := h.Check(); err != nil {
		wrong("%v", err)
	}
	if h.Topic != m.Topic {
		wrong("it is of topic %q, and the package of %q", h.Topic, m.Topic)
	}
	out.sealed = sealed{
		id: out.id, line: number, index: s.Index, partition: h.Partition, first: h.First, last: h.Last, at: h.At, generation: h.Generation,
		revision: h.Revision, superseded: s.Superseded, group: s.Group, rows: s.Rows, findings: s.Findings, previous: h.Previous,
	}
	if s.Superseded {
		if s.Group != nil || len(s.Rows)+len(s.Findings) > 0 {
			wrong("it is superseded, and has rows")
		}
		out.group, out.rows, out.findings = nil, nil, nil
		return out
	}
	if root, ok := seal.TenantsRoot(s.List); !ok || root != h.TenantsRoot {
		wrong("%s: the list of its groups is not the one that was sealed", &out.sealed)
	}
	key := seal.Key(m.Blinding)
	blind := seal.Blind(key, h.Topic, h.Partition, h.First)
	at, there := slices.BinarySearchFunc(s.List, blind, func(b seal.Blinded, blind seal.Hash) int { return slices.Compare(b.Blind[:], blind[:]) })
	switch {
	case s.Group == nil && there:
		wrong("%s has a group of the tenant, which is not opened", &out.sealed)
	case s.Group == nil && len(s.Rows)+len(s.Findings) > 0:
		wrong("%s has nothing of the tenant, and rows are said to be of it", &out.sealed)
	case s.Group != nil && (!there || s.Group.Blinded(key, h.Topic, h.Partition, h.First) != s.List[at] || s.Group.Tenant != m.Scope.Tenant):
		wrong("%s: its group is not the one of the tenant that was sealed", &out.sealed)
	case s.Group != nil:
		for _, problem := range v.runs(&out.sealed) {
			wrong("%s %s", &out.sealed, problem)
		}
		return out
	}
	out.group, out.rows, out.findings = nil, nil, nil
	return out
}

// runs checks what a seal's runs come to, before the lines are looked at.
func (v *verification) runs(s *sealed) (out []string) {
	scope := &v.pkg.Manifest.Scope
	whole := scope.Whole() && s.at <= scope.RecordedBy && s.reaches(scope)
	if _, lines, err := shown(s.findings); err == nil && s.at <= scope.RecordedBy && !s.reaches(scope) {
		v.beside.Add(int64(max(s.group.Findings-lines, 0)))
	}
	for _, r := range []struct {
		what   string
		runs   *[]dossier.Run
		sealed int
	}{{"rows", &s.rows, s.group.Leaves}, {"versions of findings", &s.findings, s.group.Findings}} {
		leaves, lines, err := shown(*r.runs)
		switch {
		case err != nil:
			out = append(out, err.Error())
		case *r.runs == nil && (r.sealed == 0 || !whole):
			continue
		case leaves != r.sealed:
			out = append(out, fmt.Sprintf("has %d %s of the tenant, and the package tells of %d", r.sealed, r.what, leaves))
		case whole && lines != leaves && scope.Tenant == defaultTenant:
			v.hidden.Add(int64(leaves - lines))
		case whole && lines != leaves:
			out = append(out, fmt.Sprintf("reaches into the period, and %d of its %d %s are not shown", leaves-lines, leaves, r.what))
		default:
			continue
		}
	}
	return out
}

// chains follows each partition's seals from the first to the last.
func (v *verification) chains() {
	m := &v.pkg.Manifest
	said := map[int]*dossier.Partition{}
	for i := range m.Partitions {
		p := &m.Partitions[i]
		if said[p.Partition] != nil {
			v.problem(dossier.ManifestFile, "it names partition %d twice", p.Partition)
		}
		said[p.Partition] = p
	}
	newest, counted, deposed := map[int]*sealed{}, map[int]int{}, []*sealed{}
	seen := map[seal.Hash]bool{}
	for i := range v.seals {
		s := &v.seals[i]
		where := place(dossier.SealsFile, s.line)
		if seen[s.id] {
			v.problem(where, "%s is there twice", s)
			continue
		}
		seen[s.id] = true
		if s.superseded {
			deposed = append(deposed, s)
			continue
		}
		p, before := said[s.partition], newest[s.partition]
		newest[s.partition] = s
		counted[s.partition]++
		switch {
		case p == nil:
			v.problem(where, "%s is of a partition that the manifest does not name", s)
			said[s.partition] = &dossier.Partition{Partition: s.partition, First: s.id.String()}
		case before == nil:
			if p.First != s.id.String() {
				v.problem(where, "%s is the first of its partition in the package, and the manifest names another: seals are missing before it", s)
			}
			if s.previous != "" && s.at >= m.Scope.From-dossier.Ahead {
				v.problem(where, "%s is the first of its partition in the package, and follows seal %s, in which there may be interactions of the period", s, s.previous)
			}
		case s.previous != before.id.String() || s.first <= before.last:
			v.problem(where, "%s does not follow %s: what was sealed between them is missing", s, before)
		case s.first > before.last+1:
			v.out.Unread = append(v.out.Unread, Unread{s.partition, before.last + 1, s.first - 1})
		}
	}
	for partition, p := range said {
		last := newest[partition]
		switch {
		case last == nil:
			v.problem(dossier.ManifestFile, "it names partition %d, of which the package has no seal", partition)
			continue
		case p.Last != last.id.String() || p.Seals != counted[partition]:
			v.problem(dossier.ManifestFile, "it says that partition %d has %d seals up to %s, and the package has %d up to %s", partition, p.Seals, p.Last, counted[partition], last.id)
		}
		if last.at <= m.Scope.RecordedBy && last.index+1 < v.entries.from {
			v.problem(place(dossier.SealsFile, last.line), "%s is the last of its partition in the package, and that none follows it before the checkpoint is not shown", last)
		}
	}
	v.out.Partitions = slices.Sorted(maps.Keys(newest))
	v.out.Counts.Seals, v.out.Counts.Superseded, v.out.Counts.Partitions = len(v.seals)-len(deposed), len(deposed), len(said)
	v.superseded(deposed)
}

// changeover is how long after a seal that is superseded by it the one that stands may be made, in milliseconds:
// both collectors had read the same offsets, and the new owner of a partition begins at once. Whoever seals them
// again later than that may have other rows for it.
const changeover = 10 * 60 * 1000

// after is the place behind a seal of a partition.
type after struct {
	partition int
	previous  string
}

// superseded checks that what is called superseded is: that the offsets stand under another seal, which is not of
// an older generation. It names those that were replaced late.
func (v *verification) superseded(deposed []*sealed) {
	if len(deposed) == 0 {
		return
	}
	standing, follows := map[int][]*sealed{}, map[after]*sealed{}
	for i := range v.seals {
		s := &v.seals[i]
		if s.superseded {
			continue
		}
		follows[after{s.partition, s.previous}] = s
		if s.last >= s.first {
			standing[s.partition] = append(standing[s.partition], s)
		}
	}
	for _, s := range deposed {
		of := standing[s.partition]
		at, _ := slices.BinarySearchFunc(of, s.first, func(o *sealed, first int64) int { return cmp.Compare(o.last, first) })
		if s.last >= s.first && (at == len(of) || of[at].first > s.last || of[at].generation < s.generation) {
			v.problem(place(dossier.SealsFile, s.line), "%s is called superseded, and no other seal has its offsets by right", s)
			continue
		}
		// What stands instead: the seals over its offsets, and where it has none what follows the same seal.
		instead := follows[after{s.partition, s.previous}]
		for ; at < len(of) && of[at].first <= s.last; at++ {
			if instead == nil || of[at].at > instead.at {
				instead = of[at]
			}
		}
		if instead != nil && instead.at-s.at > changeover {
			v.out.Replaced = append(v.out.Replaced, Replaced{s.id.String(), s.at, instead.id.String(), instead.at})
		}
	}
}

// silence finds seals of the log that the package has the entries of and keeps silent about. Behind the end of a
// partition's seals there may be some that came after the moment up to which they are looked at.
func (v *verification) silence() {
	type span struct {
		first, last int64
		at          int64 // of the last
	}
	known, spans := make(map[seal.Hash]bool, len(v.seals)), map[int]span{}
	for i := range v.seals {
		s := &v.seals[i]
		known[s.id] = true
		if s.superseded {
			continue
		}
		of, ok := spans[s.partition]
		if !ok {
			of.first = s.first
		}
		spans[s.partition] = span{of.first, s.last, s.at}
	}
	scope := &v.pkg.Manifest.Scope
	var silent []uint64
	for id, h := range v.entries.headers {
		of, named := spans[h.partition]
		early := h.at < scope.From-dossier.Ahead || named && h.last < of.first
		late := h.at > scope.RecordedBy || named && h.first > of.last && of.at > scope.RecordedBy
		within := named && h.first <= of.last && h.last >= of.first
		if !known[id] && h.partition >= 0 && (within || !early && !late) {
			silent = append(silent, v.entries.seals[id])
		}
	}
	slices.Sort(silent)
	for _, index := range silent {
		v.problem(dossier.SealsFile, "the log has a seal in entry %d that is not among the package's", index)
	}
}
