package export

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"mingjian/audit/evidence"
	"mingjian/audit/export/dossier"
	"mingjian/policies"
)

func sorted[K interface{ ~string | ~uint64 }](set map[K]bool) []K {
	return slices.Sorted(maps.Keys(set))
}

// about finds the entry that states an erasure.
func (l *logged) about(erasure string) (uint64, bool) {
	for _, o := range l.others {
		if o.key == "erasure:"+erasure {
			return o.index, true
		}
	}
	return 0, false
}

// writePolicies writes every revision that judged what is in the package, and of the revision that this
// program ships its tests and scenarios too.
func (p *packing) writePolicies(ctx context.Context) error {
	for _, c := range p.partitions {
		for _, l := range c.links {
			if l.open && l.Header.Revision != "" {
				p.revisions[l.Header.Revision] = true
			}
		}
	}
	delete(p.revisions, "")
	builtin, err := policies.Load(policies.Builtin())
	if err != nil {
		return err
	}
	for _, revision := range sorted(p.revisions) {
		p.manifest.Revisions = append(p.manifest.Revisions, revision)
		for _, o := range p.log.others {
			if o.kind == evidence.TypePolicies && o.key == evidence.KeyPolicies+revision {
				p.wanted[o.index] = true
			}
		}
		files, _, err := archivedFiles(ctx, p.Record, revision)
		if err != nil {
			return err
		}
		if files == nil {
			p.missing = append(p.missing, revision)
			continue
		}
		if revision == builtin.Revision {
			if err := withTests(files); err != nil {
				return err
			}
		} else {
			p.untested = append(p.untested, revision)
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if err := p.file(path.Join(dossier.PoliciesDir, revision, name), func(w io.Writer) error {
				_, err := w.Write(files[name])
				return err
			}); err != nil {
				return err
			}
		}
	}
	if p.bundle, err = archived(ctx, p.Record, p.newestRevision()); err != nil {
		return err
	}
	if p.bundle == nil {
		p.bundle = builtin
	}
	return nil
}

// newestRevision is the one by which the newest seal of the package that shows anything was judged.
func (p *packing) newestRevision() (revision string) {
	at := int64(-1)
	for _, c := range p.partitions {
		for _, l := range c.links {
			if l.open && l.Header.At > at {
				at, revision = l.Header.At, l.Header.Revision
			}
		}
	}
	return revision
}

// withTests adds the tests and scenarios of the revision that this program ships.
func withTests(files map[string][]byte) error {
	source := policies.Builtin()
	return fs.WalkDir(source, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || files[name] != nil || !strings.HasSuffix(name, "_test.rego") && !strings.HasPrefix(name, "scenarios/") {
			return err
		}
		files[name], err = fs.ReadFile(source, name)
		return err
	})
}

// writeEvidence writes the seals, the entries of the log, and the proofs.
func (p *packing) writeEvidence(ctx context.Context) error {
	if err := p.lines(dossier.SealsFile, func(put func(any) error) error {
		for _, c := range p.partitions {
			for _, l := range c.inOrder() {
				if l.held {
					group := l.group
					l.Group = &group
				}
				p.wanted[l.Index] = true
				if err := put(&l.Seal); err != nil {
					return err
				}
			}
			// Where nothing was sealed behind the package's last seal, the rest of the log shows it.
			last := c.links[len(c.links)-1]
			if last.Header.At <= p.scope.RecordedBy {
				for index := last.Index + 1; index < p.past.Size; index++ {
					p.wanted[index] = true
				}
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := p.lines(dossier.EntriesFile, func(put func(any) error) error {
		return p.past.Entries(ctx, func(r evidence.Recorded) error {
			if !p.wanted[r.Index] {
				return nil
			}
			return put(dossier.LogEntry{Index: r.Index, Entry: string(r.Text)})
		})
	}); err != nil {
		return err
	}
	public, err := p.Log.PublicKey()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name     string
		contents []byte
	}{{dossier.CheckpointFile, p.checkpoint}, {dossier.PublicKeyFile, public}} {
		if err := p.file(f.name, func(w io.Writer) error {
			_, err := w.Write(f.contents)
			return err
		}); err != nil {
			return err
		}
	}
	for _, index := range sorted(p.wanted) {
		proof, err := p.proof(ctx, index)
		if err != nil {
			return err
		}
		if err := p.file(fmt.Sprintf("%s/%d.tlog-proof", dossier.ProofsDir, index), func(w io.Writer) error {
			_, err := w.Write(proof)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// proof is the inclusion of an entry in the package's checkpoint (C2SP tlog-proof).
func (p *packing) proof(ctx context.Context, index uint64) ([]byte, error) {
	hashes, err := p.past.Proof(ctx, index)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "c2sp.org/tlog-proof@v1\nindex %d\n", index)
	for _, h := range hashes {
		b.WriteString(base64.StdEncoding.EncodeToString(h) + "\n")
	}
	b.WriteByte('\n')
	b.Write(p.checkpoint)
	return b.Bytes(), nil
}
