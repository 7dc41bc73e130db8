package fsck

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"

	"mingjian/collector/seal"
)

// width is how many hashes a full tile has, and entries a full bundle (C2SP tlog-tiles).
const width = layout.TileWidth

// shelf is what lies on disk of one tile or bundle: its whole file (width 256), and those of before it was
// full.
type shelf map[uint64][]int // index to widths, largest first

// files are the tiles and bundles of a log's directory.
type files struct {
	dir     string
	bundles shelf
	levels  map[uint64]shelf
	count   int
}

const bundlesName = "entries"

// listFiles lists what lies below tile/. What is no tile or bundle is a stranger.
func listFiles(dir string) (f files, strangers []string, err error) {
	f = files{dir: dir, bundles: shelf{}, levels: map[uint64]shelf{}}
	root := filepath.Join(dir, "tile")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a part of a tile that was completed meanwhile
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		kind, index, _ := strings.Cut(filepath.ToSlash(rel), "/")
		n, part, err := layout.ParseTileIndexPartial(index)
		at := int(part)
		if at == 0 {
			at = width
		}
		level, levelErr := uint64(0), error(nil)
		if kind != bundlesName {
			level, levelErr = layout.ParseTileLevel(kind)
		}
		if err != nil || levelErr != nil {
			if !strings.Contains(filepath.Base(path), ".tmp") && !strings.HasPrefix(filepath.Base(path), ".") {
				strangers = append(strangers, filepath.Join("tile", rel))
			}
			return nil
		}
		on := f.bundles
		if kind != bundlesName {
			if on = f.levels[level]; on == nil {
				on = shelf{}
				f.levels[level] = on
			}
		}
		on[n] = append(on[n], at)
		f.count++
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for _, on := range append([]shelf{f.bundles}, levelsOf(f.levels)...) {
		for n := range on {
			slices.SortFunc(on[n], func(a, b int) int { return b - a })
		}
	}
	return f, strangers, err
}

func levelsOf(m map[uint64]shelf) (out []shelf) {
	for _, s := range m {
		out = append(out, s)
	}
	return out
}

func part(at int) uint8 {
	return uint8(at % width) // 0 is a whole one
}

func bundlePath(n uint64, at int) string { return layout.EntriesPath(n, part(at)) }

func tilePath(level, n uint64, at int) string { return layout.TilePath(level, n, part(at)) }

// errGone says that a file was there and is not: a part of what was completed meanwhile.
var errGone = errors.New("gone")

func (f *files) read(path string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(path)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errGone
	}
	return b, err
}

// bundle reads entries.
func (f *files) bundle(n uint64, at int) ([][]byte, error) {
	b, err := f.read(bundlePath(n, at))
	if err != nil {
		return nil, err
	}
	var e api.EntryBundle
	if err := e.UnmarshalText(b); err != nil {
		return nil, err
	}
	if len(e.Entries) != at {
		return nil, fmt.Errorf("it holds %d entries, not %d", len(e.Entries), at)
	}
	return e.Entries, nil
}

// tile reads hashes.
func (f *files) tile(level, n uint64, at int) ([]seal.Hash, error) {
	b, err := f.read(tilePath(level, n, at))
	if err != nil {
		return nil, err
	}
	if len(b) != at*len(seal.Hash{}) {
		return nil, fmt.Errorf("it holds %d bytes, not %d hashes", len(b), at)
	}
	out := make([]seal.Hash, at)
	for i := range out {
		copy(out[i][:], b[i*len(out[i]):])
	}
	return out, nil
}

// doubt is an entry whose text and whose hash in the tree differ.
type doubt struct {
	index        uint64
	bundle, tile string    // the files
	hash         seal.Hash // in the tree
}

// reader goes through a log's files and computes its tree twice: from the entries, and from their hashes as
// the tiles have them.
type reader struct {
	files
	size   uint64 // entries that the checkpoint covers
	fault  func(file, what string, args ...any)
	each   func(index uint64, text []byte) error
	doubts []doubt

	texts, hashes *compact.Range
	of            [2][]seal.Hash // roots of the full tiles of level 0: from entries, from hashes
}

var ranges = &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// maxDoubts bounds how many changed entries are remembered.
const maxDoubts = 10_000

// readAll goes through everything below tile/ that the tree of a size needs, and whatever lies beside it. Each
// entry whose text fits its hash is given to each.
func (r *reader) readAll() error {
	r.texts, r.hashes = ranges.NewEmptyRange(0), ranges.NewEmptyRange(0)
	blocks := (r.size + width - 1) / width
	for n := range r.bundles {
		blocks = max(blocks, n+1)
	}
	for n := range r.levels[0] {
		blocks = max(blocks, n+1)
	}
	for n := uint64(0); n < blocks; n++ {
		if err := r.block(n); err != nil {
			return err
		}
	}
	return nil
}

// needed is how much of a tile of a level the tree has.
func (r *reader) needed(level, n uint64) int {
	nodes := r.size >> (8 * level)
	if nodes <= n*width {
		return 0
	}
	return int(min(width, nodes-n*width))
}

// block goes through 256 entries and their hashes.
func (r *reader) block(n uint64) error {
	need := r.needed(0, n)
	texts, from, err := largest(r, r.bundles[n], need, func(at int) ([][]byte, error) { return r.bundle(n, at) }, func(at int) string { return bundlePath(n, at) }, bytes.Equal)
	if err != nil {
		return err
	}
	hashes, in, err := largest(r, r.levels[0][n], need, func(at int) ([]seal.Hash, error) { return r.tile(0, n, at) }, func(at int) string { return tilePath(0, n, at) }, func(a, b seal.Hash) bool { return a == b })
	if err != nil {
		return err
	}
	leaves := make([]seal.Hash, len(texts))
	for i := range texts {
		leaves[i] = seal.HashOf(string(rfc6962.DefaultHasher.HashLeaf(texts[i])))
	}
	for i := range max(len(leaves), len(hashes)) {
		index := n*width + uint64(i)
		switch {
		case i < len(leaves) && i < len(hashes) && leaves[i] == hashes[i]:
			if index < r.size {
				if err := r.each(index, texts[i]); err != nil {
					return err
				}
			}
		case i < len(leaves) && i < len(hashes):
			if len(r.doubts) < maxDoubts {
				r.doubts = append(r.doubts, doubt{index: index, bundle: from, tile: in, hash: hashes[i]})
			}
		case i < len(leaves) && index < r.size: // the tile is not readable, and named
			if err := r.each(index, texts[i]); err != nil {
				return err
			}
		}
	}
	// What cannot be read is named; its other half stands for it, so that the rest can be judged.
	if len(leaves) < need && len(hashes) >= need {
		for i := len(leaves); i < need; i++ {
			r.doubts = append(r.doubts, doubt{index: n*width + uint64(i), hash: hashes[i]})
		}
		leaves = append(leaves, hashes[len(leaves):need]...)
	}
	if len(hashes) < need && len(leaves) >= need {
		hashes = append(hashes, leaves[len(hashes):need]...)
	}
	for i, list := range [][]seal.Hash{leaves, hashes} {
		tree := []*compact.Range{r.texts, r.hashes}[i]
		for _, h := range list[:min(need, len(list))] {
			if err := tree.Append(h[:], nil); err != nil {
				return err
			}
		}
		if len(list) == width && uint64(len(r.of[i])) == n {
			r.of[i] = append(r.of[i], seal.Root(list))
		}
	}
	return nil
}

// largest reads the largest file of a tile that can be read, and compares the others with it.
func largest[T any](r *reader, widths []int, need int, read func(at int) ([]T, error), path func(at int) string, equal func(a, b T) bool) (out []T, from string, err error) {
	for _, at := range widths {
		list, err := read(at)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			r.fault(path(at), "it was changed: %v", err)
			continue
		}
		if out == nil {
			out, from = list, path(at)
			continue
		}
		for i := range list {
			if !equal(list[i], out[i]) {
				r.fault(path(at), "it was changed: number %d of it is not that of %s", i, from)
				break
			}
		}
	}
	if len(out) < need {
		r.fault(path(need), "it is missing, or too short")
	}
	return out, from, nil
}

// roots are the tree's root computed from the entries, and from their hashes.
func (r *reader) roots() (texts, hashes []byte, err error) {
	of := func(tree *compact.Range) ([]byte, error) {
		if tree.End() == 0 {
			return rfc6962.DefaultHasher.EmptyRoot(), nil
		}
		return tree.GetRootHash(nil)
	}
	if texts, err = of(r.texts); err == nil {
		hashes, err = of(r.hashes)
	}
	return texts, hashes, err
}

// upper compares the tiles above the leaves with what is computed from one of the two.
func (r *reader) upper(nodes []seal.Hash) {
	for level := uint64(1); len(nodes) > 0 || len(r.levels[level]) > 0; level++ {
		indexes := map[uint64]bool{}
		for n := range r.levels[level] {
			indexes[n] = true
		}
		for n := range (uint64(len(nodes)) + width - 1) / width {
			indexes[n] = true
		}
		for n := range indexes {
			complete := 0
			for _, at := range r.levels[level][n] {
				list, err := r.tile(level, n, at)
				if errors.Is(err, errGone) {
					continue
				}
				if err != nil {
					r.fault(tilePath(level, n, at), "it was changed: %v", err)
					complete = max(complete, at) // and not missing
					continue
				}
				complete = max(complete, at)
				for i := range list {
					if place := n*width + uint64(i); place < uint64(len(nodes)) && nodes[place] != list[i] {
						r.fault(tilePath(level, n, at), "it was changed: hash %d is not that of the tile below", i)
						break
					}
				}
			}
			if need := r.needed(level, n); complete < need {
				r.fault(tilePath(level, n, need), "it is missing, or too short")
			}
		}
		var above []seal.Hash
		for full := range slices.Chunk(nodes, width) {
			if len(full) == width {
				above = append(above, seal.Root(full))
			}
		}
		nodes = above
	}
}
