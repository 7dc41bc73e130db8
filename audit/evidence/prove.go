package evidence

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

// OpenSigner reads the private key of the log in a directory, for statements of others than the notary that
// the log answers for: the manifest of a package, and checkpoints of what the log was. It needs no lock,
// because it appends nothing.
func OpenSigner(dir string) (note.Signer, error) {
	path := filepath.Join(dir, keyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no key of an evidence log", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the evidence log's key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("read the evidence log's key %s: %w", path, err)
	}
	return signer, nil
}

// PublicKey is the log's C2SP signed-note verifier key, as others are given it.
func (l *Log) PublicKey() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(l.dir, VerifierFile))
	if err != nil {
		return nil, fmt.Errorf("read the evidence log's public key: %w", err)
	}
	return text, nil
}

// Past is the log as it was when it had so many entries. It is for one goroutine.
type Past struct {
	Size uint64
	Root []byte // RFC 6962 tree hash over them

	log    *Log
	newest uint64
	tiles  map[tilePlace][]byte
	proofs *client.ProofBuilder
}

type tilePlace struct{ level, index uint64 }

// At gives the log as it was at a size; 0 is the newest checkpoint's.
func (l *Log) At(ctx context.Context, size uint64) (*Past, error) {
	c, err := l.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		size = c.Size
	}
	if size > c.Size {
		return nil, fmt.Errorf("the evidence log has %d entries, and never had %d", c.Size, size)
	}
	p := &Past{Size: size, log: l, newest: c.Size, tiles: map[tilePlace][]byte{}}
	if size == 0 {
		p.Root = rfc6962.DefaultHasher.EmptyRoot()
		return p, nil
	}
	hashes, err := client.FetchRangeNodes(ctx, size, p.tile)
	if err != nil {
		return nil, fmt.Errorf("read the evidence log at %d: %w", size, err)
	}
	whole, err := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewRange(0, size, hashes)
	if err == nil {
		p.Root, err = whole.GetRootHash(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("read the evidence log at %d: %w", size, err)
	}
	if p.proofs, err = client.NewProofBuilder(ctx, size, p.tile); err != nil {
		return nil, fmt.Errorf("read the evidence log at %d: %w", size, err)
	}
	return p, nil
}

// tile reads as much of a tile as the log had then. Tiles only grow, so that it is the beginning of what is
// there now; what was there then may not be kept in a file of its own.
func (p *Past) tile(ctx context.Context, level, index uint64, width uint8) ([]byte, error) {
	at := tilePlace{level, index}
	whole, ok := p.tiles[at]
	if !ok {
		var err error
		if whole, err = p.log.files.ReadTile(ctx, level, index, layout.PartialTileSize(level, index, p.newest)); err != nil {
			return nil, err
		}
		p.tiles[at] = whole
	}
	n := int(width)
	if n == 0 {
		n = layout.TileWidth
	}
	if n *= rfc6962.DefaultHasher.Size(); n > len(whole) {
		return nil, fmt.Errorf("tile %d/%d has %d bytes and not %d", level, index, len(whole), n)
	}
	return whole[:n], nil
}

// Body is the text of its checkpoint (C2SP tlog-checkpoint), which the log's key signs.
func (p *Past) Body() string {
	return fmt.Sprintf("%s\n%d\n%s\n", p.log.verifier.Name(), p.Size, base64.StdEncoding.EncodeToString(p.Root))
}

// Origin names the log.
func (p *Past) Origin() string { return p.log.verifier.Name() }

// Proof is the inclusion proof (RFC 6962, 2.1.1) of an entry.
func (p *Past) Proof(ctx context.Context, index uint64) ([][]byte, error) {
	if p.proofs == nil {
		return nil, fmt.Errorf("the evidence log had no entry %d", index)
	}
	hashes, err := p.proofs.InclusionProof(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("prove entry %d of the evidence log: %w", index, err)
	}
	return hashes, nil
}

// Entries streams the entries that it had, in order. Hashes are not compared with the tree: whoever needs that
// asks for their proofs.
func (p *Past) Entries(ctx context.Context, each func(Recorded) error) error {
	for from := uint64(0); from < p.Size; {
		part, err := p.log.read(ctx, from, min(layout.EntryBundleWidth, p.Size-from), p.newest)
		if err != nil {
			return err
		}
		for _, r := range part {
			if err := each(r); err != nil {
				return err
			}
		}
		from += uint64(len(part))
	}
	return nil
}

// Consistency is the consistency proof (RFC 6962, 2.1.2) that the log as it was is the beginning of this.
func (p *Past) Consistency(ctx context.Context, earlier uint64) ([][]byte, error) {
	if p.proofs == nil || earlier == 0 || earlier == p.Size {
		return nil, nil // nothing is to be proven
	}
	hashes, err := p.proofs.ConsistencyProof(ctx, earlier, p.Size)
	if err != nil {
		return nil, fmt.Errorf("prove that the evidence log of %d entries went on: %w", earlier, err)
	}
	return hashes, nil
}
