// Package seal computes what a sealed batch commits to: a leaf for everything that became of the offsets
// of its range, the Merkle roots over them tenant by tenant, and the seal's own id, which covers the id
// of the seal before it.
//
//	row: salt + Entry + commitment to the original ─┐
//	reject, repeat, run without messages: Entry ────┤─Leaf──► Group of each tenant ──► Header ──ID──► id
//	finding: Finding ───────────────────────────────┘            └─ under a blind, so that a tenant's
//	                                                                group is opened without the others
//
// It exists so that a verifier, years later and without us, can recompute the same hashes from the
// stored rows: everything here is pure and depends on nothing but its arguments. An entry holds only
// what the source said and where it stood, nothing that policies or other events made of it, so that
// the same offset has the same leaf however often and by whomever its batch is done again.
//
// A leaf proves what was stored, not who said it. Each row's leaf has a salt that is destroyed with the
// person's key, after which nobody can tell what the leaf was of, and the leaf itself still proves all
// others.
package seal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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

// Entry is what became of one offset, or of a run of offsets that hold no message: those are maximal, so
// that they are the same for all. The fields beside disposition and place depend on the disposition.
// They are declared in the order of their JSON names, which makes the encoding canonical.
type Entry struct {
	At          int64       `json:"at,omitzero"`   // stored: the event's ts, Unix milliseconds
	Body        string      `json:"body,omitzero"` // stored: the event as canonical JSON
	Disposition Disposition `json:"disposition"`
	EventID     string      `json:"event_id,omitzero"` // stored
	Extra       string      `json:"extra,omitzero"`
	Flags       []string    `json:"flags,omitempty"`
	Labels      string      `json:"labels,omitzero"`
	Offset      int64       `json:"offset"`
	Partition   int         `json:"partition"`
	Reason      string      `json:"reason,omitzero"`     // reject
	RepeatOf    *int64      `json:"repeat_of,omitempty"` // repeat: the offset at which the event stands
	SessionID   string      `json:"session_id,omitzero"` // stored
	SHA256      string      `json:"sha256,omitzero"`     // reject: of the whole message, hex
	Size        int         `json:"size,omitzero"`       // reject: of the whole message, bytes
	Text        string      `json:"text,omitzero"`       // stored: as in the row
	TextBytes   int         `json:"text_bytes,omitzero"` // stored: as sent
	Through     int64       `json:"through,omitzero"`    // control: the last offset of the run
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

// Header is a seal without its id, fields in the order of their JSON names. Counts are of offsets, but for
// Findings. A seal over no offsets has Last = First-1: deadlines brought findings where nothing was sent.
type Header struct {
	At               int64  `json:"at"` // when it was sealed, Unix milliseconds
	Control          int    `json:"control"`
	Findings         int    `json:"findings"`
	FindingsRoot     Hash   `json:"findings_root"` // over the groups' roots, in the order of the list
	First            int64  `json:"first_offset"`
	Generation       int    `json:"generation"`
	InteractionsRoot Hash   `json:"interactions_root"` // over the groups' roots, in the order of the list
	Last             int64  `json:"last_offset"`       // inclusive
	Partition        int    `json:"partition"`
	Revision         string `json:"policy_revision"`
	Previous         string `json:"previous"` // "" on a partition's first seal
	Rejected         int    `json:"rejected"`
	Repeats          int    `json:"repeats"`
	Stored           int    `json:"stored"`
	TenantsRoot      Hash   `json:"tenants_root"` // over the blinded list of groups
	Topic            string `json:"topic"`
}

// Canonical returns the RFC 8785 form of e. Strings must be valid UTF-8 and integers below 2^53,
// which Kafka offsets and milliseconds are. It is written by hand, because every offset has one and
// the library takes twice as long for the whole leaf.
func (e *Entry) Canonical() []byte {
	return e.appendTo(make([]byte, 0, e.size()))
}

// size is room for the canonical form, as a rule.
func (e *Entry) size() int {
	return entryBytes + len(e.Body) + len(e.Body)/8 + len(e.Text) + len(e.Extra) + len(e.Labels)
}

func (e *Entry) appendTo(b []byte) []byte {
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
	if e.Through != 0 {
		number(`"through"`, e.Through)
	}
	return append(quoted(append(b, `"topic":`...), e.Topic), '}')
}

// entryBytes is room for an entry's names, numbers and ids.
const entryBytes = 320

// quoted appends s as RFC 8785 writes strings. All but quotes and backslashes is copied in stretches, which takes half as
// long as the library; what has other characters to escape is left to that.
func quoted(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		panic("seal: a text that is not UTF-8, which decoding has refused long before")
	}
	whole, from := len(b), 0
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		if !escaped[s[i]] {
			continue
		}
		if s[i] < ' ' {
			b, err := jsontext.AppendQuote(b[:whole], s)
			if err != nil {
				panic(fmt.Sprintf("seal: %v", err))
			}
			return b
		}
		b = append(append(b, s[from:i]...), '\\')
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// escaped are the bytes that do not stand for themselves in a string of JSON (RFC 8259, 7).
var escaped = func() (set [256]bool) {
	for c := range ' ' {
		set[c] = true
	}
	set['"'], set['\\'] = true, true
	return set
}()

// Canonical returns the RFC 8785 form of f.
func (f *Finding) Canonical() []byte { return canonical(f) }

// canonical marshals fixed structs of strings, integers and booleans: that cannot fail, except for
// invalid UTF-8, which decoding has refused long before.
func canonical(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("seal: encode %T: %v", v, err))
	}
	return b
}

// SaltSize is the length of a row's salt in bytes: 128 bits cannot be tried out.
const SaltSize = 16

// RowLeaf is the leaf of an interaction's row: MomentLeaf of its ts and of RowDigest.
func RowLeaf(salt []byte, e *Entry, commitment Hash) Hash {
	if len(salt) != SaltSize {
		panic(fmt.Sprintf("seal: a salt of %d bytes", len(salt)))
	}
	draft := drafts.Get().(*[]byte)
	defer drafts.Put(draft)
	*draft = append(e.appendTo(append((*draft)[:0], salt...)), commitment[:]...)
	return MomentLeaf(e.At, sha256.Sum256(*draft))
}

// drafts are what leaves are computed over: each row has one.
var drafts = sync.Pool{New: func() any { return new([]byte) }}

// RowDigest is the SHA-256 of salt ‖ canonical entry ‖ commitment. The commitment is Commitment of the encrypted
// original, and has a fixed length, as the salt has, so that no two rows give the same bytes.
func RowDigest(salt, canonical []byte, commitment Hash) Hash {
	b := make([]byte, 0, len(salt)+len(canonical)+len(commitment))
	b = append(append(b, salt...), canonical...)
	return sha256.Sum256(append(b, commitment[:]...))
}

// MomentLeaf is the RFC 6962 leaf hash of ts (Unix milliseconds, 8 bytes, big endian) ‖ digest. So a row can be
// shown to lie outside of a period, and nothing else of it.
func MomentLeaf(at int64, digest Hash) Hash {
	var b [1 + 8 + sha256.Size]byte
	b[0] = leafPrefix
	binary.BigEndian.PutUint64(b[1:], uint64(at))
	copy(b[9:], digest[:])
	return sha256.Sum256(b[:])
}

// Commitment is what a row's leaf says of the encrypted original (or of a reject's encrypted payload): its
// SHA-256, and zero where there is none. Whoever opens the original later can show that it is the one: the
// cipher authenticates it, and its place, under the key.
func Commitment(sealed string) Hash {
	if sealed == "" {
		return Hash{}
	}
	return sha256.Sum256([]byte(sealed))
}

// RejectLeaf is the RFC 6962 leaf hash of canonical entry ‖ commitment to the encrypted payload.
func RejectLeaf(e *Entry, commitment Hash) Hash {
	return Leaf(append(e.Canonical(), commitment[:]...))
}

// Leaf returns the RFC 6962 leaf hash of what has no salt.
func Leaf(data []byte) Hash {
	return sha256.Sum256(append([]byte{leafPrefix}, data...))
}

// ID returns the seal's id: the RFC 6962 leaf hash of its canonical form, as hex, so that the seal
// can stand as a leaf in the evidence log.
func (h *Header) ID() string {
	id := Leaf(h.Canonical())
	return hex.EncodeToString(id[:])
}

// Canonical returns the RFC 8785 form of h: what stands in the evidence log.
func (h *Header) Canonical() []byte { return canonical(h) }

// Check reports whether every offset of the range is accounted for.
func (h *Header) Check() error {
	if h.First < 0 || h.Last < h.First-1 {
		return fmt.Errorf("seal of %s/%d covers offsets %d to %d", h.Topic, h.Partition, h.First, h.Last)
	}
	offsets := h.Last - h.First + 1
	if n := int64(h.Stored) + int64(h.Repeats) + int64(h.Rejected) + int64(h.Control); n != offsets {
		return fmt.Errorf("seal of %s/%d accounts for %d of the %d offsets from %d to %d", h.Topic, h.Partition, n, offsets, h.First, h.Last)
	}
	return nil
}
