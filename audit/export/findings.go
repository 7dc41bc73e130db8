package export

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
	"mingjian/collector/sealed"
	"mingjian/collector/warehouse"
)

// finding is the newest version of a finding in the package.
type finding struct {
	id, session, rule        string
	severity, status         string
	subject, facts, revision string
	at, version              int64
	standing                 bool
}

// writeFindings writes the versions of findings, seal by seal: those of groups that reach into the period and
// of seals over no offsets whole, and of others those about a conversation that has a row in the period.
func (p *packing) writeFindings(ctx context.Context) error {
	n := 0
	err := p.file(dossier.FindingsFile, func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 1<<20)
		for _, c := range p.partitions {
			lines, err := p.writeVersions(ctx, out, c)
			if err != nil {
				return err
			}
			n += lines
		}
		return out.Flush()
	})
	p.manifest.Counts[dossier.FindingsFile] = n
	return err
}

// concerns reports whether a version is in the package.
func (p *packing) concerns(l *link, v *warehouse.FindingVersion) bool {
	switch {
	case l.late:
		return false
	case !p.scope.Whole():
		if _, ok := slices.BinarySearch(p.scope.Rules, v.Rule); len(p.scope.Rules) > 0 && !ok {
			return false
		}
		return p.chosen[v.SessionID]
	case l.whole, l.Header.Last < l.Header.First:
		return true
	}
	t := p.sessions[v.SessionID]
	return t != nil && t.inside > 0
}

func (p *packing) writeVersions(ctx context.Context, out io.Writer, c *chain) (lines int, err error) {
	// Seals over no offsets begin where the next one does, so that versions of several seals may come mixed:
	// they are held until those of a place are all there.
	byStart := map[int64][]*link{}
	for _, l := range c.links {
		byStart[l.Header.First] = append(byStart[l.Header.First], l)
	}
	held, start := map[string][]warehouse.FindingVersion{}, int64(-1)
	settle := func() error {
		for _, l := range byStart[start] {
			n, err := p.settle(ctx, out, c, l, held[l.ID])
			if err != nil {
				return err
			}
			lines += n
			delete(byStart, start)
		}
		clear(held)
		return nil
	}
	span := warehouse.SealSpan{Partition: c.partition, First: c.links[0].Header.First, Last: c.links[len(c.links)-1].Header.First}
	err = p.Record.VersionsOf(ctx, p.Topic, p.scope.Tenant, span, func(v *warehouse.FindingVersion) error {
		if v.First != start {
			if err := settle(); err != nil {
				return err
			}
			start = v.First
		}
		if n := len(held[v.Seal]); n > 0 && held[v.Seal][n-1].Ordinal == v.Ordinal {
			return nil
		}
		held[v.Seal] = append(held[v.Seal], *v)
		return nil
	})
	if err == nil {
		err = settle()
	}
	if err != nil {
		return lines, err
	}
	for _, l := range c.links { // those of which no version is there
		if byStart[l.Header.First] != nil && l.held && l.group.Findings > 0 {
			return lines, notThere(l, 0)
		}
	}
	return lines, nil
}

func notThere(l *link, n int) error {
	return fmt.Errorf("%w: seal %s of partition %d has %d versions of findings of tenant %q, and %d are there; see 'mingjian doctor --deep'",
		errNotSealed, l.ID, l.Header.Partition, l.group.Findings, l.group.Tenant, n)
}

// settle writes the versions of one seal.
func (p *packing) settle(ctx context.Context, out io.Writer, c *chain, l *link, versions []warehouse.FindingVersion) (lines int, err error) {
	if !l.held {
		return 0, nil
	}
	hashes, shown, any := make([]seal.Hash, len(versions)), make([]bool, len(versions)), false
	var b []byte
	for i := range versions {
		v := &versions[i]
		canonical := sealed.Finding(v).Canonical()
		hashes[i] = seal.Leaf(canonical)
		if shown[i] = p.concerns(l, v); !shown[i] {
			continue
		}
		any = true
		lines++
		b = append(append(b, canonical...), '\n')
		p.know(v)
	}
	if len(hashes) != l.group.Findings || seal.Root(hashes) != l.group.FindingsRoot {
		return 0, notThere(l, len(hashes))
	}
	if !any && !l.open {
		return 0, nil
	}
	if l.Findings, err = runs(hashes, func(i int) bool { return shown[i] }); err != nil {
		return 0, err
	}
	if !l.open && l.group.Leaves > 0 {
		if err := p.hide(ctx, c, l); err != nil {
			return 0, err
		}
	}
	l.open = true
	_, err = out.Write(b)
	return lines, err
}

// hide notes for a group of whose rows none is shown how many there are.
func (p *packing) hide(ctx context.Context, c *chain, l *link) error {
	group, err := p.fill(ctx, nil, c, l)
	if err != nil {
		return err
	}
	p.moved -= len(group) // none of them is
	if len(group) < l.group.Leaves {
		span := warehouse.SealSpan{Partition: c.partition, First: l.Header.First, Last: l.Header.Last}
		there := make(map[int64]bool, len(group))
		for _, g := range group {
			there[g.offset] = true
		}
		if err := p.Record.ErasedAt(ctx, p.Topic, p.scope.Tenant, span, func(e warehouse.Erased) error {
			if !there[e.Offset] {
				there[e.Offset] = true
				group = append(group, leafed{offset: e.Offset, leaf: seal.HashOf(e.Leaf)})
			}
			return nil
		}); err != nil {
			return err
		}
		slices.SortFunc(group, func(a, b leafed) int { return int(a.offset - b.offset) })
	}
	return p.place(l, group)
}

// know keeps the newest version of a finding.
func (p *packing) know(v *warehouse.FindingVersion) {
	p.revisions[v.Revision] = true
	f := p.found[v.ID]
	if f == nil {
		f = &finding{id: strings.Clone(v.ID), version: -1}
		p.found[f.id] = f
	}
	if v.Version < f.version {
		return
	}
	facts := v.Facts
	if p.ofRule[v.Rule]++; p.ofRule[v.Rule] > factsKept {
		facts = ""
	}
	*f = finding{
		id: f.id, session: v.SessionID, rule: p.same(v.Rule), severity: p.same(v.Severity), status: p.same(v.Status), subject: v.Subject, facts: facts, revision: p.same(v.Revision),
		at: v.At, version: v.Version, standing: v.Standing,
	}
}

// factsKept is of how many findings of a rule the facts are kept in memory, to be shown beside conversations.
const factsKept = 1000

// same gives one string for all that are equal: there are few, and many findings have them.
func (p *packing) same(s string) string {
	if kept, ok := p.words[s]; ok {
		return kept
	}
	p.words[s] = s
	return s
}
