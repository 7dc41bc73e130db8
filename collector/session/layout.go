package session

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"mingjian/policies"
)

// layout is how a struct is written: one bit for each field, set where the field is not zero, and
// the values of those that are not, in the order of the fields. Most of what is kept of a session is
// as it began, and costs nothing but its bit. A bool is its bit.
//
// Layouts are made once, from the types, so that what is kept is declared in one place. They know
// where in memory each field lies, because asking reflection for each one took most of the time of a
// snapshot. What one layout wrote another cannot read: digest tells them apart.
type layout struct {
	fields []field
	width  int // of the bits, in bytes
}

type field struct {
	offset uintptr
	zero   zero
	value
}

// zero is what tells that a field is zero.
type zero uint8

const (
	never    zero = iota // an array, which is always written
	unset                // a bool
	noOctet              // a number of one byte
	noWord               // a number of eight bytes
	noText               // a string
	noObject             // nil: a pointer, a list, a map
	noBits               // a struct: that no bit was set in writing it
)

// value is how the values of one type are written and read where they lie. Each takes at least one byte,
// by which the length of a list is bounded by what there is to read.
type value struct {
	write func(*writer, unsafe.Pointer)
	read  func(*reader, unsafe.Pointer)
}

// layoutOf panics on a type that a state must not have; that is seen when the program starts. The
// fields that are named are left to the caller.
func layoutOf(t reflect.Type, except ...string) *layout {
	l := new(layout)
	for i := range t.NumField() {
		f := t.Field(i)
		if slices.Contains(except, f.Name) {
			continue
		}
		v := valueOf(f.Type)
		if f.Type == reflect.TypeFor[policies.Millis]() && !strings.HasSuffix(f.Name, "Ms") {
			v = instant // where the name ends in Ms, it is a span
		}
		l.fields = append(l.fields, field{offset: f.Offset, zero: zeroOf(f.Type), value: v})
	}
	if len(l.fields) == 0 {
		panic(fmt.Sprintf("session: %s has nothing to write", t))
	}
	l.width = (len(l.fields) + 7) / 8
	return l
}

func zeroOf(t reflect.Type) zero {
	switch t.Kind() {
	case reflect.Bool:
		return unset
	case reflect.String:
		return noText
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return noObject
	case reflect.Struct:
		return noBits
	case reflect.Array:
		return never
	}
	switch t.Size() {
	case 1:
		return noOctet
	case 8:
		return noWord
	}
	return never
}

func (l *layout) write(w *writer, at unsafe.Pointer) {
	set := len(w.body)
	w.body = append(w.body, make([]byte, l.width)...)
	for i := range l.fields {
		f := &l.fields[i]
		p := unsafe.Add(at, f.offset)
		switch f.zero {
		case unset:
			if *(*bool)(p) {
				w.body[set+i/8] |= 1 << (i % 8)
			}
			continue
		case noOctet:
			if *(*uint8)(p) == 0 {
				continue
			}
		case noWord:
			if *(*uint64)(p) == 0 {
				continue
			}
		case noText:
			if *(*string)(p) == "" {
				continue
			}
		case noObject:
			if *(*unsafe.Pointer)(p) == nil {
				continue
			}
		}
		start := len(w.body)
		f.write(w, p)
		if f.zero == noBits && !slices.ContainsFunc(w.body[start:], func(b byte) bool { return b != 0 }) {
			w.body = w.body[:start]
			continue
		}
		w.body[set+i/8] |= 1 << (i % 8)
	}
}

func (l *layout) read(r *reader, at unsafe.Pointer) {
	for group, set := range r.take(l.width) {
		for ; set != 0; set &= set - 1 {
			i := group*8 + bits.TrailingZeros8(set)
			if i >= len(l.fields) {
				r.fail("a field that there is none of")
				return
			}
			f := &l.fields[i]
			if p := unsafe.Add(at, f.offset); f.zero == unset {
				*(*bool)(p) = true
			} else {
				f.read(r, p)
			}
		}
	}
}

// instant is a moment. Those of a session lie near its opening, and are counted from there.
var instant = value{
	write: func(w *writer, p unsafe.Pointer) { w.body = binary.AppendVarint(w.body, *(*int64)(p)-w.opened) },
	read:  func(r *reader, p unsafe.Pointer) { *(*int64)(p) = r.signed() + r.opened },
}

func valueOf(t reflect.Type) value {
	switch t.Kind() {
	case reflect.Bool:
		return value{
			write: func(w *writer, p unsafe.Pointer) { w.body = append(w.body, *(*byte)(p)) },
			read:  func(r *reader, p unsafe.Pointer) { *(*bool)(p) = r.number() != 0 },
		}
	case reflect.Int:
		return value{
			write: func(w *writer, p unsafe.Pointer) { w.body = binary.AppendVarint(w.body, int64(*(*int)(p))) },
			read:  func(r *reader, p unsafe.Pointer) { *(*int)(p) = int(r.signed()) },
		}
	case reflect.Int64:
		return value{
			write: func(w *writer, p unsafe.Pointer) { w.body = binary.AppendVarint(w.body, *(*int64)(p)) },
			read:  func(r *reader, p unsafe.Pointer) { *(*int64)(p) = r.signed() },
		}
	case reflect.Uint8:
		return value{
			write: func(w *writer, p unsafe.Pointer) { w.body = append(w.body, *(*uint8)(p)) },
			read: func(r *reader, p unsafe.Pointer) {
				if b := r.take(1); b != nil {
					*(*uint8)(p) = b[0]
				}
			},
		}
	case reflect.Uint32:
		return value{
			write: func(w *writer, p unsafe.Pointer) { w.body = binary.AppendUvarint(w.body, uint64(*(*uint32)(p))) },
			read:  func(r *reader, p unsafe.Pointer) { *(*uint32)(p) = uint32(r.number()) },
		}
	case reflect.Uint64:
		return value{
			write: func(w *writer, p unsafe.Pointer) { w.body = binary.AppendUvarint(w.body, *(*uint64)(p)) },
			read:  func(r *reader, p unsafe.Pointer) { *(*uint64)(p) = r.number() },
		}
	case reflect.Float64:
		return value{
			write: func(w *writer, p unsafe.Pointer) {
				w.body = binary.BigEndian.AppendUint64(w.body, math.Float64bits(*(*float64)(p)))
			},
			read: func(r *reader, p unsafe.Pointer) {
				if b := r.take(8); b != nil {
					*(*float64)(p) = math.Float64frombits(binary.BigEndian.Uint64(b))
				}
			},
		}
	case reflect.String:
		return value{
			write: func(w *writer, p unsafe.Pointer) { w.string(*(*string)(p)) },
			read:  func(r *reader, p unsafe.Pointer) { *(*string)(p) = r.string() },
		}
	case reflect.Pointer:
		elem, of := t.Elem(), elementOf(t)
		return value{ // that it is not nil, the bit says
			write: func(w *writer, p unsafe.Pointer) { of.write(w, *(*unsafe.Pointer)(p)) },
			read: func(r *reader, p unsafe.Pointer) {
				made := reflect.New(elem).UnsafePointer()
				of.read(r, made)
				*(*unsafe.Pointer)(p) = made
			},
		}
	case reflect.Slice:
		return listOf(t)
	case reflect.Array:
		return arrayOf(t)
	case reflect.Map:
		return mapOf(t)
	case reflect.Struct:
		l := layoutOf(t)
		return value{write: l.write, read: l.read}
	}
	panic(fmt.Sprintf("session: a state cannot hold a %s", t))
}

// elementOf is for what has no bit that could tell nil.
func elementOf(t reflect.Type) value {
	e := t.Elem()
	switch {
	case e == reflect.TypeFor[policies.Millis]():
		return instant
	case zeroOf(e) == noObject:
		panic(fmt.Sprintf("session: a state cannot hold a %s", t))
	}
	return valueOf(e)
}

// list is what lies in memory where a list does, whatever its elements.
type list struct {
	first    unsafe.Pointer
	len, cap int
}

// listOf is for a list that is not nil.
func listOf(t reflect.Type) value {
	if t.Elem().Kind() == reflect.Uint8 {
		return value{
			write: func(w *writer, p unsafe.Pointer) {
				b := *(*[]byte)(p)
				w.body = append(binary.AppendUvarint(w.body, uint64(len(b))), b...)
			},
			read: func(r *reader, p unsafe.Pointer) { *(*[]byte)(p) = append([]byte{}, r.take(r.length())...) },
		}
	}
	of, size := elementOf(t), t.Elem().Size()
	return value{
		write: func(w *writer, p unsafe.Pointer) {
			l := (*list)(p)
			w.body = binary.AppendUvarint(w.body, uint64(l.len))
			for i := range l.len {
				of.write(w, unsafe.Add(l.first, uintptr(i)*size))
			}
		},
		read: func(r *reader, p unsafe.Pointer) {
			n := r.length()
			l := list{first: reflect.MakeSlice(t, n, n).UnsafePointer(), len: n, cap: n}
			for i := 0; i < n && r.err == nil; i++ {
				of.read(r, unsafe.Add(l.first, uintptr(i)*size))
			}
			*(*list)(p) = l
		},
	}
}

func arrayOf(t reflect.Type) value {
	of, size := elementOf(t), t.Elem().Size()
	return value{
		write: func(w *writer, p unsafe.Pointer) {
			for i := range t.Len() {
				of.write(w, unsafe.Add(p, uintptr(i)*size))
			}
		},
		read: func(r *reader, p unsafe.Pointer) {
			for i := range t.Len() {
				of.read(r, unsafe.Add(p, uintptr(i)*size))
			}
		},
	}
}

// mapOf is for a map that is not nil. Its keys ascend, so that equal maps are equal bytes.
func mapOf(t reflect.Type) value {
	if t.Key().Kind() != reflect.String {
		panic(fmt.Sprintf("session: a state cannot hold a %s", t))
	}
	elem, of := t.Elem(), elementOf(t)
	return value{
		write: func(w *writer, p unsafe.Pointer) {
			m := reflect.NewAt(t, p).Elem()
			keys := m.MapKeys()
			slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
			w.body = binary.AppendUvarint(w.body, uint64(len(keys)))
			one := reflect.New(elem)
			for _, k := range keys {
				w.string(k.String())
				one.Elem().Set(m.MapIndex(k))
				of.write(w, one.UnsafePointer())
			}
		},
		read: func(r *reader, p unsafe.Pointer) {
			n := r.length()
			m := reflect.MakeMapWithSize(t, n)
			key, one := reflect.New(t.Key()).Elem(), reflect.New(elem)
			for i := 0; i < n && r.err == nil; i++ {
				before := key.String()
				key.SetString(r.string())
				if i > 0 && key.String() <= before {
					r.fail("keys are out of order")
				}
				one.Elem().SetZero()
				of.read(r, one.UnsafePointer())
				m.SetMapIndex(key, one.Elem())
			}
			reflect.NewAt(t, p).Elem().Set(m)
		},
	}
}

// digest tells layouts apart: it follows from the names, kinds and order of all fields.
func digest(t reflect.Type) uint32 {
	var text strings.Builder
	var tell func(reflect.Type)
	tell = func(t reflect.Type) {
		fmt.Fprintf(&text, "%s %d ", t.Kind(), t.Size())
		switch t.Kind() {
		case reflect.Struct:
			for i := range t.NumField() {
				fmt.Fprintf(&text, "%s: ", t.Field(i).Name)
				tell(t.Field(i).Type)
			}
			text.WriteString("; ")
		case reflect.Array, reflect.Pointer, reflect.Slice:
			tell(t.Elem())
		case reflect.Map:
			tell(t.Key())
			tell(t.Elem())
		}
	}
	tell(t)
	return uint32(xxhash.Sum64String(text.String()))
}
