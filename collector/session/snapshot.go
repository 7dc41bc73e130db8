package session

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unique"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// snapshotVersion is the first byte of a snapshot. A fold that remembers something else needs
// another one, so that an old snapshot is refused (and the session rebuilt from its events) rather
// than misread. What can be told from the types, a field more or less, is told by snapshotDigest.
const snapshotVersion = 5

// headBytes are before what a snapshot's checksum is of: version, digest and the checksum itself.
const headBytes = 1 + 4 + 4

// How a state is written. The ids seen and the revision are written apart, because they can be
// packed closer.
var (
	stateLayout    = layoutOf(reflect.TypeFor[State](), "Seen", "Revision")
	snapshotDigest = digest(reflect.TypeFor[State]())
)

// Used again, because a snapshot is written for every session that a batch touches.
var (
	writers = sync.Pool{New: func() any { return new(writer) }}
	readers = sync.Pool{New: func() any { return new(reader) }}
)

// MarshalBinary writes the whole state. Equal states are equal bytes:
//
//	version   1 byte
//	digest    4 bytes, of the types
//	checksum  4 bytes, of all that follows
//	text      its length, and the text of all strings
//	opened    where moments are counted from
//	state     by its layout
//	revision  see appendRevision
//	seen      see Seen.append
//
// Numbers are varints, signed ones zigzag. It never fails; the error is encoding.BinaryMarshaler's.
func (s *State) MarshalBinary() ([]byte, error) {
	w := writers.Get().(*writer)
	w.opened = int64(s.Facts.Opened)
	w.body = binary.AppendVarint(w.body, w.opened)
	stateLayout.write(w, unsafe.Pointer(s))
	w.body = appendRevision(w.body, s.Revision)
	w.body = s.Seen.append(w.body, s.Last)

	out := make([]byte, headBytes, headBytes+binary.MaxVarintLen32+len(w.text)+len(w.body))
	out = binary.AppendUvarint(out, uint64(len(w.text)))
	out = append(append(out, w.text...), w.body...)
	seal(out)

	clear(w.known) // so that the writer does not hold on to the session
	w.text, w.body, w.known = w.text[:0], w.body[:0], w.known[:0]
	writers.Put(w)
	return out, nil
}

// UnmarshalBinary reads what MarshalBinary wrote; the state goes on exactly where it stopped. Bytes
// that another version or other types wrote, or that were damaged, are an error and leave an empty state;
// what is taken up for them is bounded by their number. The data is not kept.
func (s *State) UnmarshalBinary(data []byte) error {
	*s = State{}
	if len(data) < headBytes || data[0] != snapshotVersion {
		return fmt.Errorf("session snapshot: not of version %d", snapshotVersion)
	}
	if binary.BigEndian.Uint32(data[1:]) != snapshotDigest {
		return errors.New("session snapshot: of other fields than are kept now")
	}
	if binary.BigEndian.Uint32(data[5:]) != checksum(data[headBytes:]) {
		return errors.New("session snapshot: damaged")
	}
	r := readers.Get().(*reader)
	r.body = data[headBytes:]
	r.text = string(r.take(r.length()))
	r.opened = r.signed()
	stateLayout.read(r, unsafe.Pointer(s))
	s.Revision = r.revision()
	s.Seen = r.seen(s.Last)
	err := r.end()

	clear(r.known)
	*r = reader{known: r.known[:0]}
	readers.Put(r)
	if err != nil {
		*s = State{}
		return fmt.Errorf("session snapshot: %w", err)
	}
	return nil
}

// seal writes the head of a snapshot whose rest is there.
func seal(data []byte) {
	data[0] = snapshotVersion
	binary.BigEndian.PutUint32(data[1:], snapshotDigest)
	binary.BigEndian.PutUint32(data[5:], checksum(data[headBytes:]))
}

// checksum finds what was damaged by chance: most changed bytes would be another state, which looks as good.
func checksum(data []byte) uint32 { return uint32(xxhash.Sum64(data)) }

// appendRevision writes the revision of the policies. It is the longest text of most sessions, and
// hexadecimal digits, which are written as the half as many bytes that they stand for: the number is
// that of the bytes, doubled, and its lowest bit says that they are digits.
func appendRevision(b []byte, revision string) []byte {
	if strings.Trim(revision, "0123456789abcdef") != "" || len(revision)%2 != 0 {
		return append(binary.AppendUvarint(b, uint64(len(revision))<<1), revision...)
	}
	b = binary.AppendUvarint(b, uint64(hex.DecodedLen(len(revision)))<<1|1)
	b, _ = hex.AppendDecode(b, []byte(revision)) // they are digits, and come in pairs
	return b
}

// revision reads what appendRevision wrote. Nearly all sessions have the same, and share it.
func (r *reader) revision() string {
	n := r.number()
	if n>>1 > uint64(len(r.body)) {
		r.stop(errShort)
		return ""
	}
	raw := r.take(int(n >> 1))
	if n&1 == 0 {
		return unique.Make(string(raw)).Value()
	}
	var space [128]byte
	return unique.Make(string(hex.AppendEncode(space[:0], raw))).Value()
}
