package session

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// remembered is how many of a snapshot's strings can be meant again by their number. The first ones
// are those that recur; looking through all of a long list would cost its square.
const remembered = 32

// writer collects a snapshot in two parts: the text of all strings, so that reading makes one string
// of it and not one for each, and everything else.
type writer struct {
	text, body []byte
	known      []string
	opened     int64 // where moments are counted from
}

// string writes the number of a string that came before, or the length of a new one. An event that
// completed something is often named by several facts.
func (w *writer) string(s string) {
	for i, k := range w.known {
		if k == s {
			w.body = binary.AppendUvarint(w.body, uint64(i)<<1|1)
			return
		}
	}
	w.body = binary.AppendUvarint(w.body, uint64(len(s))<<1)
	w.text = append(w.text, s...)
	if len(w.known) < remembered {
		w.known = append(w.known, s)
	}
}

// reader reads what a writer collected. After the first thing that is not as a writer writes it, err
// is set and there is nothing more to read: what follows is zero.
type reader struct {
	text   string
	body   []byte
	known  []string
	opened int64
	err    error
}

var errShort = errors.New("it ends too soon")

func (r *reader) fail(why string) { r.stop(errors.New(why)) }

func (r *reader) stop(err error) {
	if r.err == nil {
		r.err = err
	}
	r.body, r.text = nil, ""
}

// take gives the next n bytes, nil where there are not so many.
func (r *reader) take(n int) []byte {
	if n > len(r.body) {
		r.stop(errShort)
		return nil
	}
	out := r.body[:n]
	r.body = r.body[n:]
	return out
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.body)
	if size <= 0 {
		r.stop(errShort)
		return 0
	}
	r.body = r.body[size:]
	return n
}

func (r *reader) signed() int64 {
	n, size := binary.Varint(r.body)
	if size <= 0 {
		r.stop(errShort)
		return 0
	}
	r.body = r.body[size:]
	return n
}

// length is how many bytes or elements follow, which are not more than there are bytes.
func (r *reader) length() int {
	n := r.number()
	if n > uint64(len(r.body)) {
		r.stop(errShort)
		return 0
	}
	return int(n)
}

func (r *reader) string() string {
	n := r.number()
	if n&1 == 1 {
		if n >>= 1; n >= uint64(len(r.known)) {
			r.fail("a string that did not come before")
			return ""
		}
		return r.known[n]
	}
	if n >>= 1; n > uint64(len(r.text)) {
		r.stop(errShort)
		return ""
	}
	s := r.text[:n]
	r.text = r.text[n:]
	if len(r.known) < remembered {
		r.known = append(r.known, s)
	}
	return s
}

// end reports what was wrong, or that there was more than was read.
func (r *reader) end() error {
	if r.err == nil && (len(r.body) > 0 || len(r.text) > 0) {
		r.stop(fmt.Errorf("%d bytes are left over", len(r.body)+len(r.text)))
	}
	return r.err
}
