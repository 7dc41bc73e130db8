package collector

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"mingjian/collector/session"
	"mingjian/policies"
)

// key stands for a session's id: the first half of its SHA-256, so that nobody can make two ids that are
// taken for one, and nothing has to be kept to tell them apart.
type key [16]byte

func keyOf(id string) key {
	sum := sha256.Sum256([]byte(id))
	return key(sum[:16])
}

const (
	// segmentBytes is taken up at once for frozen sessions, some hundreds of them: little beside a process that
	// has a partition with few sessions.
	segmentBytes = 256 << 10
	// A segment of which less than seven eighths are used any more is emptied into the newest one: an eighth
	// is wasted at most, and seven bytes are moved for each that is given up, which takes less than thawing does.
	usedAtLeast = segmentBytes / 8 * 7
	// ownSegment is the size from which on a session has a segment to itself; no smaller one leaves more than an eighth
	// at a segment's end.
	ownSegment = segmentBytes - usedAtLeast
)

// shelf keeps frozen sessions end to end in large blocks. There is not one pointer in it: a million sessions are as
// quickly passed over by the garbage collector as none, and nothing is lost to the sizes that it hands memory out in.
type shelf struct {
	spots    map[key]spot
	segments []segment
	spare    []uint32 // segments that are not used
	newest   uint32   // where frozen sessions are put, if there is any segment
}

type segment struct {
	data []byte
	used int // bytes of what is still there
}

type spot struct{ segment, at uint32 }

// A frozen session begins with its length and its deadlines, which are looked at while it is there.
const (
	lengthAt    = 0
	dueAt       = 4
	scheduledAt = 12
	contentAt   = 20
)

func newShelf() shelf { return shelf{spots: map[key]spot{}} }

func (s *shelf) len() int { return len(s.spots) }

// at is a frozen session where it lies, nil where there is none.
func (s *shelf) at(k key) []byte {
	p, ok := s.spots[k]
	if !ok {
		return nil
	}
	data := s.segments[p.segment].data[p.at:]
	return data[:binary.LittleEndian.Uint32(data[lengthAt:])]
}

// appointment is what memory.appointment says of a frozen session.
func (s *shelf) appointment(k key) (scheduled, due policies.Millis) {
	data := s.at(k)
	if data == nil {
		return 0, 0
	}
	return policies.Millis(binary.LittleEndian.Uint64(data[scheduledAt:])), policies.Millis(binary.LittleEndian.Uint64(data[dueAt:]))
}

// schedule notes for when a frozen session is among the deadlines.
func (s *shelf) schedule(k key, at policies.Millis) {
	binary.LittleEndian.PutUint64(s.at(k)[scheduledAt:], uint64(at))
}

// put keeps a conversation that has a snapshot; it must not be there yet.
func (s *shelf) put(c *conversation) {
	open := uint64(0)
	if c.open {
		open = 1
	}
	var space [256]byte
	head := space[:contentAt]
	binary.LittleEndian.PutUint64(head[dueAt:], uint64(c.due))
	binary.LittleEndian.PutUint64(head[scheduledAt:], uint64(c.scheduled))
	head = binary.AppendUvarint(head, uint64(len(c.id))<<1|open)
	head = append(head, c.id...)
	head = binary.AppendVarint(head, c.version)
	head = binary.AppendVarint(head, c.redo)
	head = appendTenures(head, c.tenures, c.state)
	binary.LittleEndian.PutUint32(head[lengthAt:], uint32(len(head)+len(c.frozen)))
	s.append(c.key, head, c.frozen)
}

// append puts a frozen session, which comes in two parts, behind the others. A large one has a segment for itself.
func (s *shelf) append(k key, head, rest []byte) {
	n, to, full := len(head)+len(rest), s.newest, false
	switch {
	case n > ownSegment:
		to = s.begin(n)
	case len(s.segments) == 0:
		to = s.begin(segmentBytes)
	case len(s.segments[to].data)+n > cap(s.segments[to].data):
		to, full = s.begin(segmentBytes), true
	}
	in := &s.segments[to]
	s.spots[k] = spot{to, uint32(len(in.data))}
	in.data, in.used = append(append(in.data, head...), rest...), in.used+n
	if n > ownSegment {
		return
	}
	was := s.newest
	s.newest = to
	if full && s.segments[was].used < usedAtLeast {
		s.empty(was)
	}
}

// begin makes a segment.
func (s *shelf) begin(size int) (number uint32) {
	if n := len(s.spare); n > 0 {
		number, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		number, s.segments = uint32(len(s.segments)), append(s.segments, segment{})
	}
	s.segments[number] = segment{data: make([]byte, 0, size)}
	return number
}

// take gives a session that is frozen, which is not there any more then; nil where there is none.
func (s *shelf) take(k key) *conversation {
	data := s.at(k)
	if data == nil {
		return nil
	}
	c := &conversation{key: k}
	c.scheduled, c.due = s.appointment(k)
	r := shelved{data[contentAt:]}
	n := r.number()
	c.open, c.id = n&1 == 1, string(r.take(n>>1))
	c.version, c.redo = r.signed(), r.signed()
	r.rest = bytes.Clone(r.rest)
	c.packed, c.frozen = r.take(r.number()), r.rest
	s.remove(k, len(data))
	return c
}

// drop forgets a frozen session, if it is there.
func (s *shelf) drop(k key) {
	if data := s.at(k); data != nil {
		s.remove(k, len(data))
	}
}

func (s *shelf) remove(k key, n int) {
	p := s.spots[k]
	delete(s.spots, k)
	in := &s.segments[p.segment]
	in.used -= n
	if p.segment != s.newest && in.used < usedAtLeast {
		s.empty(p.segment)
	}
}

// empty moves what is left in a segment behind the others.
func (s *shelf) empty(from uint32) {
	data := s.segments[from].data
	s.segments[from] = segment{}
	for at := uint32(0); int(at) < len(data); {
		one := data[at:]
		one = one[:binary.LittleEndian.Uint32(one[lengthAt:])]
		k := keyIn(one)
		if is, ok := s.spots[k]; ok && is == (spot{from, at}) {
			s.append(k, one, nil)
		}
		at += uint32(len(one))
	}
	s.spare = append(s.spare, from)
}

func keyIn(frozen []byte) key {
	r := shelved{frozen[contentAt:]}
	sum := sha256.Sum256(r.take(r.number() >> 1))
	return key(sum[:16])
}

// How a tenure is written: the offset, what of it is the state's, and what is not.
const (
	derivedTenure byte = 1 << iota
	itsTenant
	itsCustomer
)

// appendTenures writes whose a session's events are, which is nearly always whose the session is; their length
// comes first, because the session itself comes after them.
func appendTenures(b []byte, tenures []tenure, s *session.State) []byte {
	var space [64]byte
	out := space[:0]
	for _, t := range tenures {
		out = binary.AppendVarint(out, t.From)
		how := byte(0)
		if t.Derived {
			how |= derivedTenure
		}
		if t.Tenant == s.Tenant {
			how |= itsTenant
		}
		if t.Customer == s.Customer {
			how |= itsCustomer
		}
		out = append(out, how)
		if how&itsTenant == 0 {
			out = append(binary.AppendUvarint(out, uint64(len(t.Tenant))), t.Tenant...)
		}
		if how&itsCustomer == 0 {
			out = append(binary.AppendUvarint(out, uint64(len(t.Customer))), t.Customer...)
		}
	}
	return append(binary.AppendUvarint(b, uint64(len(out))), out...)
}

func readTenures(r shelved, s *session.State) (out []tenure) {
	for len(r.rest) > 0 {
		t := tenure{From: r.signed(), Tenant: s.Tenant, Customer: s.Customer}
		how := r.take(1)[0]
		t.Derived = how&derivedTenure != 0
		if how&itsTenant == 0 {
			t.Tenant = string(r.take(r.number()))
		}
		if how&itsCustomer == 0 {
			t.Customer = string(r.take(r.number()))
		}
		out = append(out, t)
	}
	return out
}

// shelved reads what put wrote.
type shelved struct{ rest []byte }

func (r *shelved) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.rest = r.rest[max(size, 0):]
	return n
}

func (r *shelved) signed() int64 {
	n, size := binary.Varint(r.rest)
	r.rest = r.rest[max(size, 0):]
	return n
}

func (r *shelved) take(n uint64) []byte {
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}
