package policies

import (
	"reflect"
	"slices"
	"unsafe"
)

// place is where a value stands: in the facts, in the tenant's settings, or in an element of a list. The
// way there is resolved to offsets when the guards are read: they are judged at every interaction, and
// going by reflection each time cost more than all else that a check does without OPA.
//
// This file alone reads memory by offset. It follows the fields of types that reflection named, from a
// value of the type that the way begins at, and never writes.
type place struct {
	root  int          // inFacts, inTenant, or inElements and the list's depth
	first uintptr      // where in the root the value stands, or the first pointer to follow
	hops  []uintptr    // behind each further pointer
	of    reflect.Type // of the value
}

// What a way begins at, by index in a scene's roots.
const (
	inFacts = iota
	inTenant
	inElements // at depth 0, and so on
)

// maxDepth is how many lists deep a scene goes.
const maxDepth = 2

// roots are the values that ways begin at.
type roots [inElements + maxDepth]unsafe.Pointer

// rootsOf are the roots of a session's facts and its tenant's settings.
func rootsOf(facts *Facts, tenant *Settings) roots {
	return roots{inFacts: unsafe.Pointer(facts), inTenant: unsafe.Pointer(tenant)}
}

// within is the place of a field in what stands at p, or behind the pointer there.
func (p place) within(i int) place {
	at := p.of
	p.hops = slices.Clone(p.hops) // other places go on from p too
	if at.Kind() == reflect.Pointer {
		at = at.Elem()
		p.hops = append(p.hops, 0)
	}
	f := at.Field(i)
	if len(p.hops) > 0 {
		p.hops[len(p.hops)-1] += f.Offset
	} else {
		p.first += f.Offset
	}
	p.of = f.Type
	return p
}

// find follows the way; it is nil where something on the way was not reported.
func (p *place) find(r *roots) unsafe.Pointer {
	at := unsafe.Add(r[p.root], p.first)
	for _, hop := range p.hops {
		if at = *(*unsafe.Pointer)(at); at == nil {
			return nil
		}
		at = unsafe.Add(at, hop)
	}
	return at
}

// kindRead is how a value is read.
type kindRead int8

const (
	readsNothing kindRead = iota // only OPA can compare it
	readsTruth
	readsInt
	readsMillis
	readsFloat // clear where it is a whole number
	readsWord
	readsLength    // of a list
	readsComposite // an object or a list, of which it is only known that it is one
)

// readingOf is how a value of a type is read, and whether a pointer leads to it.
func readingOf(t reflect.Type) (r kindRead, pointed bool) {
	if t.Kind() == reflect.Pointer {
		t, pointed = t.Elem(), true
	}
	switch t.Kind() {
	case reflect.Bool:
		r = readsTruth
	case reflect.Int:
		r = readsInt
	case reflect.Int64:
		r = readsMillis
	case reflect.Float64:
		r = readsFloat
	case reflect.String:
		r = readsWord
	case reflect.Slice, reflect.Struct:
		r = readsComposite
	}
	return r, pointed
}

// of reads what stands at a place.
func (r kindRead) of(at unsafe.Pointer) scalar {
	switch r {
	case readsTruth:
		if *(*bool)(at) {
			return scalar{kind: boolean, n: 1}
		}
		return scalar{kind: boolean}
	case readsInt:
		return scalar{kind: number, n: int64(*(*int)(at))}
	case readsMillis:
		return scalar{kind: number, n: *(*int64)(at)}
	case readsFloat:
		x := *(*float64)(at)
		if n := int64(x); float64(n) == x && n >= -largestTerm && n <= largestTerm {
			return scalar{kind: number, n: n}
		}
	case readsWord:
		return scalar{kind: word, s: *(*string)(at)}
	case readsLength:
		return scalar{kind: number, n: int64(length(at))}
	case readsComposite:
		return scalar{kind: composite}
	}
	return scalar{}
}

// pointee is what a pointer leads to, or nil.
func pointee(at unsafe.Pointer) unsafe.Pointer { return *(*unsafe.Pointer)(at) }

// length is that of a list, whatever its elements are.
func length(at unsafe.Pointer) int { return len(*(*[]struct{})(at)) }

// element is the i-th of a list of elements of a size.
func element(at unsafe.Pointer, i int, size uintptr) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(unsafe.SliceData(*(*[]struct{})(at))), uintptr(i)*size)
}

// presence tells which fields of the facts are something else than their zero value. A group that stands
// in the facts itself counts as present.
type presence []presentField

type presentField struct {
	field  Fields
	offset uintptr
	kind   reflect.Kind
}

// presenceOf looks at the given fields.
func presenceOf(fields Fields) presence {
	facts := reflect.TypeFor[Facts]()
	p := make(presence, 0, facts.NumField())
	for i := range facts.NumField() {
		if f := facts.Field(i); fields&(1<<i) != 0 {
			p = append(p, presentField{1 << i, f.Offset, f.Type.Kind()})
		}
	}
	return p
}

func (p presence) of(facts unsafe.Pointer) (there Fields) {
	for i := range p {
		at, is := unsafe.Add(facts, p[i].offset), false
		switch p[i].kind {
		case reflect.Pointer:
			is = *(*unsafe.Pointer)(at) != nil
		case reflect.Slice:
			is = length(at) > 0
		case reflect.String:
			is = *(*string)(at) != ""
		case reflect.Bool:
			is = *(*bool)(at)
		case reflect.Int:
			is = *(*int)(at) != 0
		case reflect.Int64:
			is = *(*int64)(at) != 0
		default:
			is = true
		}
		if is {
			there |= p[i].field
		}
	}
	return there
}
