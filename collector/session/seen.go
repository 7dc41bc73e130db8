package session

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Seen is the set of a session's events: hashes of event ids with the offset at which each first
// came, 16 bytes an event instead of the id itself.
//
// Two different ids of one session that hash alike would make the second look like a repeat. With
// 64 bits that happens to a session of n events with odds of about n²/2⁶⁵: 3·10⁻¹⁴ at a thousand
// events, so once in 10¹⁰ sessions even if there were 60,000 events in each.
type Seen struct {
	// Both are sorted. An event goes into young, which joins old when it is full: putting each into
	// one long list would cost an endless session the square of its length.
	old, young []Sight
}

// maxYoung is where young joins old.
const maxYoung = 512

// Sight is one distinct event: xxHash64 of its event_id, and its offset.
type Sight struct {
	Hash   uint64
	Offset int64
}

// First returns the offset at which an event_id first came.
func (s *Seen) First(eventID string) (offset int64, ok bool) {
	h := xxhash.Sum64String(eventID)
	for _, part := range [...][]Sight{s.young, s.old} {
		if i, ok := find(part, h); ok {
			return part[i].Offset, true
		}
	}
	return 0, false
}

// add notes an event; one that is there already keeps its offset.
func (s *Seen) add(eventID string, offset int64) {
	if _, ok := s.First(eventID); ok {
		return
	}
	if len(s.young) == maxYoung {
		s.old, s.young = s.sorted(), nil
	}
	if len(s.young) == cap(s.young) {
		// A quarter at a time, where append would double: it is most of what an open session keeps.
		s.young = append(make([]Sight, 0, len(s.young)+len(s.young)/4+4), s.young...)
	}
	one := Sight{Hash: xxhash.Sum64String(eventID), Offset: offset}
	i, _ := find(s.young, one.Hash)
	s.young = slices.Insert(s.young, i, one)
}

func (s *Seen) count() int { return len(s.old) + len(s.young) }

// sorted is the whole set.
func (s *Seen) sorted() []Sight {
	out := make([]Sight, 0, s.count())
	old, young := s.old, s.young
	for len(old) > 0 && len(young) > 0 {
		if old[0].Hash < young[0].Hash {
			out, old = append(out, old[0]), old[1:]
		} else {
			out, young = append(out, young[0]), young[1:]
		}
	}
	return append(append(out, old...), young...)
}

func find(part []Sight, hash uint64) (int, bool) {
	return slices.BinarySearchFunc(part, hash, func(a Sight, h uint64) int { return cmp.Compare(a.Hash, h) })
}

// append writes how many there are and, ascending by hash, 8 bytes of each and how far its offset is from last, which
// is a number of few bytes where a session does not last for ever.
func (s *Seen) append(b []byte, last int64) []byte {
	all := s.young
	if len(s.old) > 0 {
		all = s.sorted()
	}
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, one := range all {
		b = binary.BigEndian.AppendUint64(b, one.Hash)
		b = binary.AppendVarint(b, last-one.Offset)
	}
	return b
}

// seen reads what append wrote.
func (r *reader) seen(last int64) (s Seen) {
	n := r.length()
	if n == 0 {
		return s
	}
	all := make([]Sight, min(n, len(r.body)/9))
	for i := range all {
		if hash := r.take(8); hash != nil {
			all[i] = Sight{Hash: binary.BigEndian.Uint64(hash), Offset: last - r.signed()}
		}
		if i > 0 && all[i-1].Hash >= all[i].Hash {
			r.fail("events seen are out of order")
		}
	}
	if len(all) < n {
		r.stop(errShort)
	}
	if len(all) > maxYoung {
		s.old = all
	} else {
		s.young = all
	}
	return s
}
