package intake

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// item is one value of a file or a body.
type item struct {
	place string // "17" for a line, "[16]" for an element of a list, "" for the only object
	value []byte // nil where it was too large to be read
	bytes int    // of the value as it came
}

// errMalformed is a list or object that cannot be read on.
type errMalformed struct {
	place string
	cause error
}

func (e *errMalformed) Error() string {
	if e.place == "" {
		return fmt.Sprintf("not JSON: %v", e.cause)
	}
	return fmt.Sprintf("%s: not JSON from here on: %v", e.place, e.cause)
}

func newReader(b []byte) *bytes.Reader { return bytes.NewReader(b) }

// peek is how far split looks ahead to tell the forms apart.
const peek = 64 << 10

// split reads one value after the other: the elements of a list, one object written over several
// lines, or one value per line. A line that is no JSON is given as it is. Memory is bounded: of a
// value that is larger than the broker takes only the size is kept. yield's error ends it.
func split(r io.Reader, yield func(item) error) error {
	b := bufio.NewReaderSize(r, peek)
	if mark, _ := b.Peek(3); string(mark) == "\xEF\xBB\xBF" {
		_, _ = b.Discard(3)
	}
	head, err := b.Peek(peek)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch text := bytes.TrimLeft(head, " \t\r\n"); {
	case len(text) == 0 && len(head) < peek:
		return nil
	case bytes.HasPrefix(text, []byte("[")):
		return splitList(b, yield)
	case overLines(text):
		return splitValues(b, yield)
	}
	return splitLines(b, yield)
}

// overLines reports whether the first object is written over several lines: its first line is no
// whole value, and the next does not begin another object.
func overLines(text []byte) bool {
	first, rest, more := bytes.Cut(text, []byte("\n"))
	if !more || text[0] != '{' || jsontext.Value(first).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return false
	}
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return len(rest) > 0 && rest[0] != '{'
}

// splitLines gives each line that is not blank.
func splitLines(b *bufio.Reader, yield func(item) error) error {
	var line []byte
	size := 0
	for n := 1; ; {
		part, err := b.ReadSlice('\n')
		size += len(part)
		if size <= MaxMessage {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		it := item{place: fmt.Sprint(n), bytes: size}
		if size <= MaxMessage {
			it.value = bytes.TrimSpace(line)
		}
		if size > MaxMessage || len(it.value) > 0 {
			if e := yield(it); e != nil {
				return e
			}
			line = nil // the value is the caller's now
		}
		if err != nil {
			return nil
		}
		line, size = line[:0], 0
		n++
	}
}

// errGrown ends the reading of a value that grew beyond memory's bound.
var errGrown = errors.New("a value is larger than any message may be")

// bounded lets a decoder read so much and no more until it is refilled.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errGrown
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// maxValue bounds what a list's element may make us hold: ten times what the broker takes.
const maxValue = 10 << 20

func decoder(r io.Reader) (*jsontext.Decoder, *bounded) {
	in := &bounded{r: r, left: maxValue}
	return jsontext.NewDecoder(in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), in
}

func splitList(b *bufio.Reader, yield func(item) error) error {
	d, in := decoder(b)
	if _, err := d.ReadToken(); err != nil {
		return malformed("", err)
	}
	for n := 0; ; n++ {
		in.left = maxValue
		place := fmt.Sprintf("[%d]", n)
		if d.PeekKind() == jsontext.KindEndArray {
			break
		}
		v, err := d.ReadValue()
		if err != nil {
			return malformed(place, err)
		}
		if err := yield(item{place: place, value: bytes.Clone(v), bytes: len(v)}); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return malformed("", err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return malformed("after the list", errors.New("there is more"))
	}
	return nil
}

func splitValues(b *bufio.Reader, yield func(item) error) error {
	d, in := decoder(b)
	for n := 0; ; n++ {
		in.left = maxValue
		place := ""
		if n > 0 {
			place = fmt.Sprintf("[%d]", n)
		}
		v, err := d.ReadValue()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return malformed(place, err)
		}
		if err := yield(item{place: place, value: bytes.Clone(v), bytes: len(v)}); err != nil {
			return err
		}
	}
}

// malformed tells faults of the JSON from those of reading.
func malformed(place string, err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return &errMalformed{place, errors.New("it is cut off")}
	case errors.Is(err, errGrown):
		return &errMalformed{place, errGrown}
	case errors.As(err, &syntax):
		return &errMalformed{place, fmt.Errorf("byte %d: %w", syntax.ByteOffset, syntax.Err)}
	case place == "after the list":
		return &errMalformed{place, err}
	}
	return err
}
