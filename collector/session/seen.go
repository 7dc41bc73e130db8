package session

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Seen is the set of a session's events: sorted hashes of event ids with the offset at which each
// first came, 16 bytes an event instead of the id itself.
//
// Two different ids of one session that hash alike would make the second look like a repeat. With
// 64 bits that happens to a session of n events with odds of about n²/2⁶⁵: 3·10⁻¹⁴ at a thousand
// events, so once in 10¹⁰ sessions even if there were 60,000 events in each.
type Seen []Sight

// Sight is one distinct event: xxHash64 of its event_id, and its offset.
type Sight struct {
	Hash   uint64
	Offset int64
}

// First returns the offset at which an event_id first came.
func (s Seen) First(eventID string) (offset int64, ok bool) {
	i, ok := s.find(xxhash.Sum64String(eventID))
	if !ok {
		return 0, false
	}
	return s[i].Offset, true
}

// add notes an event; one that is there already keeps its offset.
func (s *Seen) add(eventID string, offset int64) {
	h := xxhash.Sum64String(eventID)
	i, ok := s.find(h)
	if ok {
		return
	}
	if len(*s) == cap(*s) {
		// A quarter at a time, where append would double: it is most of what an open session keeps.
		*s = append(make(Seen, 0, len(*s)+len(*s)/4+4), *s...)
	}
	*s = slices.Insert(*s, i, Sight{Hash: h, Offset: offset})
}

func (s Seen) find(hash uint64) (int, bool) {
	return slices.BinarySearchFunc(s, hash, func(a Sight, h uint64) int {
		switch {
		case a.Hash < h:
			return -1
		case a.Hash > h:
			return 1
		}
		return 0
	})
}

// bytes is 16 bytes an event, big endian.
func (s Seen) bytes() []byte {
	out := make([]byte, 0, 16*len(s))
	for _, one := range s {
		out = binary.BigEndian.AppendUint64(out, one.Hash)
		out = binary.BigEndian.AppendUint64(out, uint64(one.Offset))
	}
	return out
}

// readSeen reads what bytes gave.
func readSeen(data []byte) (Seen, error) {
	if len(data)%16 != 0 {
		return nil, fmt.Errorf("seen events: %d bytes are not a multiple of 16", len(data))
	}
	var s Seen
	for ; len(data) > 0; data = data[16:] {
		s = append(s, Sight{
			Hash:   binary.BigEndian.Uint64(data),
			Offset: int64(binary.BigEndian.Uint64(data[8:])),
		})
	}
	return s, nil
}
