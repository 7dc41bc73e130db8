package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Hash is a SHA-256 hash. As text it is lower-case hex.
type Hash [sha256.Size]byte

// String is the hash as hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes hex.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads 64 digits of hex, and nothing else.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) {
		return fmt.Errorf("a hash is %d hexadecimal digits, not %d", 2*len(h), len(text))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// HashOf takes a hash from its 32 bytes; of anything else it is zero, which is nothing's hash.
func HashOf(b string) (h Hash) {
	if len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

// The prefixes that tell leaves and nodes apart (RFC 6962, 2.1).
const (
	leafPrefix = 0
	nodePrefix = 1
)

func node(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// Root returns the RFC 6962 Merkle tree hash over leaf hashes in order; of none, the hash of the empty
// string. Pairing neighbours level by level, with an odd last one passed on, gives the tree of the RFC
// without its recursion and without an allocation for each node.
func Root(leaves []Hash) Hash {
	if len(leaves) == 0 {
		return sha256.Sum256(nil)
	}
	level := append([]Hash(nil), leaves...)
	for len(level) > 1 {
		n := len(level) / 2
		for i := range n {
			level[i] = node(level[2*i], level[2*i+1])
		}
		if len(level)%2 == 1 {
			level[n] = level[len(level)-1]
			n++
		}
		level = level[:n]
	}
	return level[0]
}

// Skip stands for a run of leaves that are not shown: how many, and the roots of the largest complete
// subtrees that they make up, from left to right. It tells nothing of them but their number.
type Skip struct {
	Count int    `json:"count"`
	Roots []Hash `json:"roots"`
}

var ranges = &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// SkipLeaves makes the Skip of leaves that begin at an index of their tree.
func SkipLeaves(begin int, leaves []Hash) (Skip, error) {
	r := ranges.NewEmptyRange(uint64(begin))
	for i := range leaves {
		if err := r.Append(leaves[i][:], nil); err != nil {
			return Skip{}, fmt.Errorf("skip leaves from %d on: %w", begin, err)
		}
	}
	out := Skip{Count: len(leaves)}
	for _, h := range r.Hashes() {
		out.Roots = append(out.Roots, HashOf(string(h)))
	}
	return out, nil
}

// Tree computes a root from leaves and skipped runs, in their order. The zero Tree is empty.
type Tree struct{ r *compact.Range }

func (t *Tree) grow() *compact.Range {
	if t.r == nil {
		t.r = ranges.NewEmptyRange(0)
	}
	return t.r
}

// Append adds the next leaf.
func (t *Tree) Append(leaf Hash) {
	if err := t.grow().Append(leaf[:], nil); err != nil {
		panic(fmt.Sprintf("seal: append a leaf: %v", err)) // only ever for a range that does not begin at 0
	}
}

// Skip adds a run that is not shown. It is an error where its roots cannot be those of its count.
func (t *Tree) Skip(s Skip) error {
	r := t.grow()
	if s.Count < 0 {
		return fmt.Errorf("a run of %d leaves", s.Count)
	}
	hashes := make([][]byte, len(s.Roots))
	for i := range s.Roots {
		hashes[i] = s.Roots[i][:]
	}
	run, err := ranges.NewRange(r.End(), r.End()+uint64(s.Count), hashes)
	if err == nil {
		err = r.AppendRange(run, nil)
	}
	if err != nil {
		return fmt.Errorf("a run of %d leaves behind %d: %w", s.Count, r.End(), err)
	}
	return nil
}

// Count is how many leaves there are, skipped ones included.
func (t *Tree) Count() int { return int(t.grow().End()) }

// Root is the RFC 6962 tree hash over them.
func (t *Tree) Root() Hash {
	if t.Count() == 0 {
		return Root(nil)
	}
	root, err := t.r.GetRootHash(nil)
	if err != nil {
		panic(fmt.Sprintf("seal: root: %v", err)) // only ever for a range that does not begin at 0
	}
	return HashOf(string(root))
}
