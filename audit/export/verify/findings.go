package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"

	"github.com/go-json-experiment/json"

	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
)

// found is a line of data/findings.jsonl. As with rows, the leaf is over the bytes that were read.
type found struct {
	seal.Finding
	leaf    seal.Hash
	session sessionKey
	line    int
	problem string
}

// findings reads lines of findings.
func (v *verification) findings(l lines) []found {
	out := make([]found, 0, bytes.Count(l.b, []byte{'\n'}))
	l.each(func(line []byte, n int) {
		f := found{line: n, leaf: seal.Leaf(line)}
		err := json.Unmarshal(line, &f.Finding, json.RejectUnknownMembers(true))
		switch {
		case err != nil:
			f.problem = err.Error()
		case f.Tenant != v.pkg.Manifest.Scope.Tenant:
			f.problem = fmt.Sprintf("it is of tenant %q", f.Tenant)
		}
		f.session = keyOfText(v.o.Seed, f.SessionID)
		out = append(out, f)
	})
	return out
}

// findingKey is a finding's id, which is 16 bytes in hex; of another one the beginning of its leaf hash.
type findingKey [16]byte

func findingKeyOf(id string) (k findingKey) {
	if len(id) == 2*len(k) {
		if _, err := hex.Decode(k[:], []byte(id)); err == nil {
			return k
		}
	}
	leaf := seal.Leaf([]byte(id))
	copy(k[:], leaf[:])
	return k
}

// newest is the newest version of a finding so far.
type newest struct {
	version  int64
	leaf     seal.Hash
	standing bool
}

// history is the newest version of every finding.
type history map[findingKey]newest

// findingCursor holds versions against the seals, in their order.
type findingCursor struct {
	v     *verification
	next  int
	run   int
	lines int
	tree  seal.Tree
	wrong bool
}

// readFindings reads the versions of findings.
func (v *verification) readFindings(ctx context.Context) error {
	v.versions = history{}
	c := &findingCursor{v: v, next: -1}
	c.advance()
	if err := stream(ctx, v, dossier.FindingsFile, v.findings, func(some []found) error {
		for i := range some {
			c.take(&some[i])
		}
		return nil
	}); err != nil {
		return err
	}
	if c.next < len(v.seals) {
		v.problem(dossier.FindingsFile, "versions of findings are missing: those of %s and of the seals behind it are not all there", &v.seals[c.next])
	}
	for _, n := range v.versions {
		if n.standing {
			v.out.Counts.Findings++
		}
	}
	return nil
}

func (c *findingCursor) advance() {
	for c.next++; c.next < len(c.v.seals); c.next++ {
		s := &c.v.seals[c.next]
		c.run, c.lines, c.tree = 0, 0, seal.Tree{}
		c.skip()
		if c.run < len(s.findings) {
			return
		}
		if len(s.findings) > 0 {
			c.close()
		}
	}
}

func (c *findingCursor) skip() {
	s := &c.v.seals[c.next]
	for ; c.run < len(s.findings) && s.findings[c.run].Skip != nil; c.run++ {
		if err := c.tree.Skip(*s.findings[c.run].Skip); err != nil {
			c.v.problem(place(dossier.SealsFile, s.line), "%s: leaves that are not shown cannot be those of its findings: %v", s, err)
			c.wrong = true
		}
	}
}

func (c *findingCursor) close() {
	// A line too much or too few puts all behind it into other groups: the first one that does not fit tells.
	if s := &c.v.seals[c.next]; !c.wrong && c.tree.Root() != s.group.FindingsRoot {
		c.wrong = true
		c.v.problem(dossier.FindingsFile, "the versions of findings of %s are not those that were sealed", s)
	}
}

func (c *findingCursor) take(f *found) {
	v, where := c.v, place(dossier.FindingsFile, f.line)
	v.out.Counts.Versions++
	if f.problem != "" {
		v.problem(where, "%s", f.problem)
	} else {
		key := findingKeyOf(f.ID)
		// After a crash a version may be sealed a second time, and only the newest is owed: none has to follow the
		// one before by one.
		switch was, again := v.versions[key]; {
		case again && f.Version < was.version:
			v.problem(where, "version %d of finding %s stands behind version %d", f.Version, f.ID, was.version)
		case again && f.Version == was.version && f.leaf != was.leaf:
			v.problem(where, "version %d of finding %s is there a second time, and says otherwise", f.Version, f.ID)
		}
		v.versions[key] = newest{f.Version, f.leaf, f.Standing}
		v.met(f, c.next)
	}
	if c.next >= len(v.seals) {
		if !c.wrong {
			c.wrong = true
			v.problem(where, "there are more versions of findings than the seals have")
		}
		return
	}
	c.tree.Append(f.leaf)
	if c.lines++; c.lines == v.seals[c.next].findings[c.run].Lines {
		c.lines = 0
		c.run++
		c.skip()
	}
	if c.run == len(v.seals[c.next].findings) {
		c.close()
		c.advance()
	}
}
