// Package seal computes what a sealed batch commits to: one leaf for every offset of the batch's
// range, the Merkle root over them, and the seal's own id, which covers the id of the seal before it.
//
//	Entry ──Canonical──► RFC 8785 JSON ──Leaf──► RFC 6962 leaf hash ──Root──► Header ──ID──► id
//
// It exists so that a verifier, years later and without us, can recompute the same hashes from the
// stored rows: everything here is pure and depends on nothing but its arguments. An entry holds only
// what the source said and where it stood, nothing that policies or other events made of it, so that
// the same offset has the same leaf however often and by whomever its batch is done again.
//
// A leaf here proves what was stored, not who said it; and a person's data cannot yet be erased
// without losing the proof, because leaves carry no salt.
package seal

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Disposition is what became of one offset.
type Disposition string

// Every offset of a sealed range has exactly one of these.
const (
	Stored   Disposition = "stored"  // an interaction's row
	Repeat   Disposition = "repeat"  // the same event stands at an earlier offset
	Rejected Disposition = "reject"  // refused, kept among the rejects
	Control  Disposition = "control" // holds no message: transaction markers, aborted or compacted records
)

// Entry is one offset of a batch. The fields beside the first four depend on the disposition.
// They are declared in the order of their JSON names, which makes the encoding canonical.
type Entry struct {
	At          int64       `json:"at,omitzero"`   // stored: the event's ts, Unix milliseconds
	Body        string      `json:"body,omitzero"` // stored: the event as canonical JSON
	Disposition Disposition `json:"disposition"`
	EventID     string      `json:"event_id,omitzero"` // stored, repeat
	Extra       string      `json:"extra,omitzero"`
	Flags       []string    `json:"flags,omitempty"`
	Labels      string      `json:"labels,omitzero"`
	Offset      int64       `json:"offset"`
	Partition   int         `json:"partition"`
	Reason      string      `json:"reason,omitzero"`     // reject
	RepeatOf    *int64      `json:"repeat_of,omitempty"` // repeat: the offset at which the event stands
	SessionID   string      `json:"session_id,omitzero"` // stored, repeat
	SHA256      string      `json:"sha256,omitzero"`     // reject: of the whole message, hex
	Size        int         `json:"size,omitzero"`       // reject: of the whole message, bytes
	Text        string      `json:"text,omitzero"`       // stored: as in the row
	TextBytes   int         `json:"text_bytes,omitzero"` // stored: as sent
	Topic       string      `json:"topic"`
}

// Finding is one version of one finding as a batch wrote it, fields in the order of their JSON names.
type Finding struct {
	At        int64  `json:"at"`
	Facts     string `json:"facts,omitzero"`
	ID        string `json:"finding_id"`
	Revision  string `json:"policy_revision,omitzero"`
	Rule      string `json:"rule"`
	SessionID string `json:"session_id"`
	Severity  string `json:"severity"`
	Standing  bool   `json:"standing"`
	Status    string `json:"status"`
	Subject   string `json:"subject,omitzero"`
	Tenant    string `json:"tenant"`
	Version   int64  `json:"version"`
}

// Header is a seal without its id, fields in the order of their JSON names. Counts are of offsets.
type Header struct {
	At               int64  `json:"at"` // when it was sealed, Unix milliseconds
	Control          int    `json:"control"`
	FindingsRoot     string `json:"findings_root"`
	First            int64  `json:"first_offset"`
	Generation       int    `json:"generation"`
	InteractionsRoot string `json:"interactions_root"`
	Last             int64  `json:"last_offset"` // inclusive
	Partition        int    `json:"partition"`
	Revision         string `json:"policy_revision"`
	Previous         string `json:"previous"` // "" on a partition's first seal
	Rejected         int    `json:"rejected"`
	Repeats          int    `json:"repeats"`
	Stored           int    `json:"stored"`
	Topic            string `json:"topic"`
}

// Canonical returns the RFC 8785 form of e. Strings must be valid UTF-8 and integers below 2^53,
// which Kafka offsets and milliseconds are. It is written by hand, because every offset has one and
// the library takes twice as long for the whole leaf.
func (e Entry) Canonical() []byte {
	b := make([]byte, 0, entryBytes+len(e.Body)+len(e.Body)/8+len(e.Text)+len(e.Extra)+len(e.Labels))
	number := func(name string, n int64) {
		b = strconv.AppendInt(append(append(b, name...), ':'), n, 10)
		b = append(b, ',')
	}
	text := func(name, s string) {
		if s == "" {
			return
		}
		b = append(quoted(append(append(b, name...), ':'), s), ',')
	}
	b = append(b, '{')
	if e.At != 0 {
		number(`"at"`, e.At)
	}
	text(`"body"`, e.Body)
	b = append(quoted(append(b, `"disposition":`...), string(e.Disposition)), ',')
	text(`"event_id"`, e.EventID)
	text(`"extra"`, e.Extra)
	if len(e.Flags) > 0 {
		b = append(b, `"flags":[`...)
		for _, f := range e.Flags {
			b = append(quoted(b, f), ',')
		}
		b[len(b)-1] = ']'
		b = append(b, ',')
	}
	text(`"labels"`, e.Labels)
	number(`"offset"`, e.Offset)
	number(`"partition"`, int64(e.Partition))
	text(`"reason"`, e.Reason)
	if e.RepeatOf != nil {
		number(`"repeat_of"`, *e.RepeatOf)
	}
	text(`"session_id"`, e.SessionID)
	text(`"sha256"`, e.SHA256)
	if e.Size != 0 {
		number(`"size"`, int64(e.Size))
	}
	text(`"text"`, e.Text)
	if e.TextBytes != 0 {
		number(`"text_bytes"`, int64(e.TextBytes))
	}
	return append(quoted(append(b, `"topic":`...), e.Topic), '}')
}

// entryBytes is room for an entry's names, numbers and ids.
const entryBytes = 320

func quoted(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil {
		panic(fmt.Sprintf("seal: %v", err)) // a text that is not UTF-8, which decoding has refused long before
	}
	return b
}

// Canonical returns the RFC 8785 form of f.
func (f Finding) Canonical() []byte { return canonical(f) }

// canonical marshals fixed structs of strings, integers and booleans: that cannot fail, except for
// invalid UTF-8, which decoding has refused long before.
func canonical(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("seal: encode %T: %v", v, err))
	}
	return b
}

// Leaf returns the RFC 6962 leaf hash (SHA-256, 32 bytes) of a canonical row.
func Leaf(canonical []byte) []byte { return rfc6962.DefaultHasher.HashLeaf(canonical) }

// Root returns the RFC 6962 Merkle tree hash over leaf hashes in order, as hex; of no leaves, the
// hash of the empty string.
func Root(leaves [][]byte) string {
	r := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, leaf := range leaves {
		if err := r.Append(leaf, nil); err != nil {
			panic(fmt.Sprintf("seal: append a leaf: %v", err)) // only ever for a range that does not begin at 0
		}
	}
	root, err := r.GetRootHash(nil)
	if err != nil {
		panic(fmt.Sprintf("seal: root: %v", err)) // as above
	}
	if root == nil {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	return hex.EncodeToString(root)
}

// ID returns the seal's id: the RFC 6962 leaf hash of its canonical form, as hex, so that the seal
// can stand as a leaf in the evidence log.
func (h Header) ID() string { return hex.EncodeToString(Leaf(canonical(h))) }

// Check reports whether every offset of the range is accounted for.
func (h Header) Check() error {
	if h.First < 0 || h.Last < h.First {
		return fmt.Errorf("seal of %s/%d covers offsets %d to %d", h.Topic, h.Partition, h.First, h.Last)
	}
	offsets := h.Last - h.First + 1
	if n := int64(h.Stored) + int64(h.Repeats) + int64(h.Rejected) + int64(h.Control); n != offsets {
		return fmt.Errorf("seal of %s/%d accounts for %d of the %d offsets from %d to %d", h.Topic, h.Partition, n, offsets, h.First, h.Last)
	}
	return nil
}
