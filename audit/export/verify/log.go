package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	f_log "github.com/transparency-dev/formats/log"
	tproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"mingjian/audit/export/dossier"
	"mingjian/collector/seal"
)

// Fingerprint is what people compare of a verifier key: the SHA-256 of its text, in hex.
func Fingerprint(key string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(key)))
	return hex.EncodeToString(sum[:])
}

// readLog reads the key and the checkpoint, and checks the signatures of both it and the manifest.
func (v *verification) readLog(context.Context) error {
	m := &v.pkg.Manifest
	enclosed, err := v.file(dossier.PublicKeyFile)
	if err != nil {
		return err
	}
	key := strings.TrimSpace(string(enclosed))
	if v.o.Key != "" {
		v.out.Log.Pinned = true
		if pinned := strings.TrimSpace(v.o.Key); pinned != key {
			v.problem(dossier.PublicKeyFile, "it is not the key that was given: the package was made with another log's key")
			key = pinned
		}
	}
	v.out.Log.Fingerprint = Fingerprint(key)
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return &dossier.Fault{Where: dossier.PublicKeyFile, What: fmt.Sprintf("it is no verifier key: %v", err)}
	}
	v.log.verifier, v.out.Log.Origin = verifier, verifier.Name()
	if err := dossier.CheckSignature(v.pkg.ManifestBytes, v.pkg.Signature, verifier); err != nil {
		v.problem(dossier.SignatureFile, "%v", err)
	}
	if v.log.checkpoint, err = v.file(dossier.CheckpointFile); err != nil {
		return err
	}
	c, _, _, err := f_log.ParseCheckpoint(v.log.checkpoint, verifier.Name(), verifier)
	if err != nil {
		return &dossier.Fault{Where: dossier.CheckpointFile, What: fmt.Sprintf("it is not signed by the log: %v", err)}
	}
	v.log.root, v.log.size, v.out.Log.Size = c.Hash, c.Size, c.Size
	if m.LogSize != c.Size || m.Origin != c.Origin {
		v.problem(dossier.ManifestFile, "it speaks of %d entries of the log %s, and the checkpoint of %d of %s", m.LogSize, m.Origin, c.Size, c.Origin)
	}
	return nil
}

// The types of entries that are looked into. They are those of packages evidence, sampling and retention, which
// cannot be imported here; a test holds them together.
const (
	typeSeal     = "seal"
	typePolicies = "policies.used"
	typeErased   = "person.erased"
	typeSwept    = "retention.swept"
	typeKey      = "sampling.key.committed"
	typeKeyShown = "sampling.key.published"
	typeLot      = "sampling.lot.closed"
)

// document is an entry of the log.
type document struct {
	At   string         `json:"at"`
	Body jsontext.Value `json:"body"`
	Key  string         `json:"key"`
	Type string         `json:"type"`
}

// entries are what the package has of the log, each with its proof.
type entries struct {
	byIndex map[uint64]bool
	seals   map[seal.Hash]uint64 // index by the seal's id
	headers map[seal.Hash]spot
	others  map[uint64]document // of types that are looked into, seals excepted
	// from is where the entries begin that are there without a gap up to the checkpoint.
	from uint64
}

// spot is where a seal of the log is.
type spot struct {
	partition   int
	first, last int64
	at          int64
}

// sealBody is what the log says of a seal.
type sealBody struct {
	Header jsontext.Value `json:"header"`
	ID     string         `json:"id"`
}

// proofFile is where an entry's proof is.
func proofFile(index uint64) string { return fmt.Sprintf("%s/%d.tlog-proof", dossier.ProofsDir, index) }

// logged is an entry that was read from its line.
type logged struct {
	index uint64
	doc   document
	id    seal.Hash // of a seal
	spot  spot
	err   error
	proof bool // it is the proof that is wrong
	line  int
}

// readEntries reads the log's entries and checks that the checkpoint covers each.
func (v *verification) readEntries(ctx context.Context) error {
	e := &v.entries
	e.byIndex, e.seals, e.headers, e.others = map[uint64]bool{}, map[seal.Hash]uint64{}, map[seal.Hash]spot{}, map[uint64]document{}
	var in []uint64
	keys := map[string]bool{}
	err := stream(ctx, v, dossier.EntriesFile, func(l lines) (out []logged) {
		l.each(func(line []byte, n int) { out = append(out, v.entry(line, n)) })
		return out
	}, func(some []logged) error {
		for _, g := range some {
			where := place(dossier.EntriesFile, g.line)
			switch {
			case g.err != nil && g.proof:
				v.read[proofFile(g.index)] = true
				if err := v.fault(g.err); err != nil {
					v.problem(proofFile(g.index), "%v", g.err)
				}
				continue
			case g.err != nil:
				v.problem(where, "%v", g.err)
				continue
			case len(in) > 0 && in[len(in)-1] >= g.index:
				v.problem(where, "entry %d stands behind entry %d", g.index, in[len(in)-1])
				continue
			case keys[g.doc.Key]:
				v.problem(where, "the log has a second entry with the key %s", g.doc.Key)
			}
			in, keys[g.doc.Key] = append(in, g.index), true
			v.read[proofFile(g.index)] = true
			e.byIndex[g.index] = true
			switch g.doc.Type {
			case typeSeal:
				e.seals[g.id], e.headers[g.id] = g.index, g.spot
			case typePolicies, typeErased, typeSwept, typeKey, typeKeyShown, typeLot:
				e.others[g.index] = g.doc
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.out.Counts.Entries = len(e.byIndex)
	for e.from = v.log.size; e.from > 0 && e.byIndex[e.from-1]; e.from-- {
	}
	for _, f := range v.pkg.Manifest.Files {
		if strings.HasPrefix(f.Name, dossier.ProofsDir+"/") && !v.read[f.Name] {
			v.problem(f.Name, "it proves no entry that the package has")
		}
	}
	return nil
}

// entry reads a line and checks its proof.
func (v *verification) entry(line []byte, number int) logged {
	g := logged{line: number}
	var e dossier.LogEntry
	if g.err = json.Unmarshal(line, &e, json.RejectUnknownMembers(true)); g.err != nil {
		return g
	}
	g.index = e.Index
	text := jsontext.Value(e.Entry)
	if g.err = json.Unmarshal(text, &g.doc, json.RejectUnknownMembers(true)); g.err != nil {
		g.err = fmt.Errorf("entry %d: %w", e.Index, g.err)
		return g
	}
	g.doc.Body = bytes.Clone(g.doc.Body)
	if g.err = v.included(e.Index, text); g.err != nil {
		g.proof = true
		return g
	}
	if g.doc.Type != typeSeal {
		return g
	}
	var body sealBody
	var h seal.Header
	if g.err = json.Unmarshal(g.doc.Body, &body, json.RejectUnknownMembers(true)); g.err == nil {
		if g.err = json.Unmarshal(body.Header, &h, json.RejectUnknownMembers(true)); g.err == nil {
			g.err = g.id.UnmarshalText([]byte(body.ID))
		}
	}
	if g.err == nil && seal.Leaf(body.Header) != g.id {
		g.err = fmt.Errorf("its id is not that of its header")
	}
	if g.err != nil {
		g.err = fmt.Errorf("entry %d states a seal: %w", e.Index, g.err)
	}
	g.spot = spot{h.Partition, h.First, h.Last, h.At}
	if h.Topic != v.pkg.Manifest.Topic {
		g.spot.partition = -1 // of another topic, which is none of the package's
	}
	return g
}

// included checks that the checkpoint covers an entry in its place.
func (v *verification) included(index uint64, text []byte) error {
	name := proofFile(index)
	f, ok := v.pkg.File(name)
	if !ok {
		return fmt.Errorf("the proof of entry %d is not in the package", index)
	}
	if f.Bytes > maxProof {
		return fmt.Errorf("%d bytes are no proof", f.Bytes)
	}
	in, err := v.pkg.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(in); err != nil {
		return err
	}
	var p tproof.TLogProof
	if err := p.Unmarshal(b.Bytes()); err != nil {
		return err
	}
	switch {
	case !bytes.Equal(p.Marshal(), b.Bytes()):
		return fmt.Errorf("it is not in the form of a proof")
	case p.Index != index:
		return fmt.Errorf("it is the proof of entry %d", p.Index)
	case !bytes.Equal(p.Checkpoint, v.log.checkpoint):
		return fmt.Errorf("it leads to another checkpoint")
	case index >= v.log.size:
		return fmt.Errorf("the checkpoint covers %d entries, and this is entry %d", v.log.size, index)
	}
	path := make([][]byte, len(p.Hashes))
	for i := range p.Hashes {
		path[i] = p.Hashes[i][:]
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, v.log.size, rfc6962.DefaultHasher.HashLeaf(text), path, v.log.root); err != nil {
		return fmt.Errorf("the checkpoint does not cover entry %d as it stands in the package: %w", index, err)
	}
	return nil
}

// maxProof is how large a proof may be: 64 hashes and a checkpoint with the signatures of many witnesses.
const maxProof = 64 << 10
