package sampling

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// member is what a lot fixes of a session.
type member struct {
	ID     string `json:"id"`
	Closed int64  `json:"closed"`           // Unix milliseconds
	Reason string `json:"reason,omitempty"` // why it was left out of the draw
}

// coders are the two halves of the compression; used in one go each, they keep no state.
var coders = sync.OnceValues(func() (*coder, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	return &coder{enc, dec}, err
})

type coder struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// pack compresses members, one JSON object per line.
func pack(members []member) ([]byte, error) {
	c, err := coders()
	if err != nil {
		return nil, err
	}
	var plain bytes.Buffer
	lines := json.NewEncoder(&plain)
	for _, m := range members {
		if err := lines.Encode(m); err != nil {
			return nil, err
		}
	}
	return c.enc.EncodeAll(plain.Bytes(), nil), nil
}

func unpack(packed []byte) ([]member, error) {
	c, err := coders()
	if err != nil {
		return nil, err
	}
	plain, err := c.dec.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("members of a lot: %w", err)
	}
	var out []member
	for lines := json.NewDecoder(bytes.NewReader(plain)); ; {
		var m member
		err := lines.Decode(&m)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("members of a lot: %w", err)
		}
		out = append(out, m)
	}
}

// root is the Merkle tree hash (RFC 6962) over the members in their order, in hex. A leaf is a
// member's JSON object.
func root(members []member) (string, error) {
	if len(members) == 0 {
		return hex.EncodeToString(rfc6962.DefaultHasher.EmptyRoot()), nil
	}
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, m := range members {
		leaf, err := json.Marshal(m)
		if err != nil {
			return "", err
		}
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(leaf), nil); err != nil {
			return "", err
		}
	}
	hash, err := tree.GetRootHash(nil)
	return hex.EncodeToString(hash), err
}

// hash is a SHA-256 over parts, each preceded by its length, so that no two lists run together.
func hash(parts ...string) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

// name makes an id of parts.
func name(prefix string, parts ...string) string {
	return prefix + hex.EncodeToString(hash(parts...)[:16])
}

// digest is what a session is looked up by among the members of all lots.
func digest(tenant, sessionID string) int64 {
	return int64(binary.BigEndian.Uint64(hash(tenant, sessionID)))
}
