package policies

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A guard answers in Go, without OPA, whether a set of a topic can have a member for some facts. It is
// read from the topic's rules: the conditions that plainly compare facts, the moment and constants are
// judged, and everything else is left open. Nearly every rule begins with such a condition (something
// was promised, a person was asked for), which in most sessions does not hold, and asking OPA costs a
// hundred times as much.
//
// It errs on one side only: what it cannot judge may hold.
type guard []guarded

// guarded is one rule of the set.
type guarded struct {
	condition
	// says is the member that the rule adds, where it is always the same and OPA need not be asked for
	// it; nil otherwise.
	says *NotAssessable
	// names: the rule names moments, which its condition notes.
	names bool
}

// judge reports whether only OPA can tell the members of the set; otherwise they are those added to
// said, and the moments that the scene noted.
func (g guard) judge(s scene, said []NotAssessable) (all []NotAssessable, open bool) {
	all = said
	for _, r := range g {
		switch holds := r.condition.judge(s); {
		case holds == no, holds == yes && r.names:
		case holds == yes && r.says != nil:
			if !slices.Contains(all, *r.says) {
				all = append(all, *r.says)
			}
		default:
			return said, true
		}
	}
	return all, false
}

// scene is what conditions are judged in: the facts, the tenant's settings, the moment, and the
// elements of lists that are gone through, by depth.
type scene struct {
	facts    reflect.Value
	tenant   reflect.Value // Settings
	now      Millis
	elements [2]reflect.Value
	noted    *[]Millis // by moments
}

// judgement is three-valued.
type judgement int8

const (
	no judgement = iota - 1
	maybe
	yes
)

// condition is one of the types below.
type condition interface {
	judge(s scene) judgement
}

// open is what only OPA can judge.
type open struct{}

func (open) judge(scene) judgement { return maybe }

// all holds where each of its conditions does: a body.
type all []condition

func (a all) judge(s scene) judgement {
	result := yes
	for _, c := range a {
		switch c.judge(s) {
		case no:
			return no
		case maybe:
			result = maybe
		}
	}
	return result
}

// anyOf holds where one of its conditions does: the bodies of one rule.
type anyOf []condition

func (a anyOf) judge(s scene) judgement {
	result := no
	for _, c := range a {
		switch c.judge(s) {
		case yes:
			return yes
		case maybe:
			result = maybe
		}
	}
	return result
}

// not is negation.
type not struct{ c condition }

func (n not) judge(s scene) judgement { return -n.c.judge(s) }

// atMost never says yes: what is there may still be false.
type atMost struct{ c condition }

func (a atMost) judge(s scene) judgement { return min(a.c.judge(s), maybe) }

// some holds where the condition does for an element of a list. Its elements stand at a depth that is
// known when the condition is read: a scene is handed on by value, so that what a named rule goes through
// does not disturb the lists around it.
type some struct {
	list  place
	depth int
	of    condition
	each  bool // what is noted of every element counts, so that one that holds does not settle it
}

func (x some) judge(s scene) judgement {
	list, ok := x.list.at(s)
	if !ok || list.Kind() != reflect.Slice {
		return no
	}
	result, unsure := no, false
	for i := range list.Len() {
		s.elements[x.depth-1] = list.Index(i)
		switch x.of.judge(s) {
		case yes:
			if result = yes; !x.each {
				return yes
			}
		case maybe:
			unsure = true
		}
	}
	if unsure {
		return maybe
	}
	return result
}

// moment notes a moment, and holds where it is there.
type moment struct{ at operand }

func (m moment) judge(s scene) judgement {
	at, there := m.at.scalar(s)
	switch {
	case !there:
		return no
	case at.kind != number:
		return maybe
	}
	*s.noted = append(*s.noted, at.n)
	return yes
}

// place is where a value stands: in the facts, in the tenant's settings, or in an element of a list.
type place struct {
	element int // inFacts, inTenant, or the depth of the list
	path    []int
}

const (
	inFacts  = 0
	inTenant = -1
)

// at is the value, or ok false where something on the way was not reported.
func (p place) at(s scene) (v reflect.Value, ok bool) {
	switch p.element {
	case inFacts:
		v = s.facts
	case inTenant:
		v = s.tenant
	default:
		v = s.elements[p.element-1]
	}
	for _, i := range p.path {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// defined holds where a value is there: nothing on the way is null, and a list that is gone into has
// elements.
type defined struct {
	place
	into bool // something in the list or object is meant
}

func (d defined) judge(s scene) judgement {
	v, ok := d.at(s)
	switch {
	case !ok,
		d.into && v.Kind() == reflect.Slice && v.Len() == 0,
		d.into && v.Kind() == reflect.Pointer && v.IsNil():
		return no
	case d.into:
		return maybe
	}
	return yes
}

// operand is one side of a comparison: a value, the length of a list, the moment, a constant, or a
// calculation of two of those.
type operand struct {
	place       *place
	length      bool
	now         bool
	constant    ast.Value
	calculation *calculation
}

// calculation is done as Rego does it, as long as the numbers are ones that moments and lengths of time
// are made of.
type calculation struct {
	op          string // plus, minus, mul
	left, right operand
}

// Sums stay within what a double holds exactly, and products within 64 bits.
const (
	largestTerm   = 1 << 53
	largestFactor = 1 << 31
)

func (c *calculation) scalar(s scene) (v scalar, there bool) {
	a, aThere := c.left.scalar(s)
	b, bThere := c.right.scalar(s)
	if !aThere || !bThere {
		return scalar{}, false
	}
	if a.kind != number || b.kind != number {
		return scalar{}, true
	}
	within := func(limit int64) bool { return max(a.n, -a.n, b.n, -b.n) <= limit }
	switch {
	case c.op == "plus" && within(largestTerm):
		return scalar{kind: number, n: a.n + b.n}, true
	case c.op == "minus" && within(largestTerm):
		return scalar{kind: number, n: a.n - b.n}, true
	case c.op == "mul" && within(largestFactor):
		return scalar{kind: number, n: a.n * b.n}, true
	}
	return scalar{}, true
}

// comparison compares two operands as Rego does, within one type; across types it knows only equality.
type comparison struct {
	op          string // equal, neq, gt, gte, lt, lte
	left, right operand
}

func (c comparison) judge(s scene) judgement {
	a, aThere := c.left.scalar(s)
	b, bThere := c.right.scalar(s)
	if !aThere || !bThere {
		return no
	}
	if a.kind == unclear || b.kind == unclear || a.kind == composite && b.kind == composite {
		return maybe
	}
	if a.kind != b.kind {
		switch c.op {
		case "equal":
			return no
		case "neq":
			return yes
		}
		return maybe
	}
	order := a.compare(b)
	switch c.op {
	case "equal":
		return truth(order == 0)
	case "neq":
		return truth(order != 0)
	case "gt":
		return truth(order > 0)
	case "gte":
		return truth(order >= 0)
	case "lt":
		return truth(order < 0)
	default:
		return truth(order <= 0)
	}
}

func truth(b bool) judgement {
	if b {
		return yes
	}
	return no
}

// scalar is a value that can be compared.
type scalar struct {
	kind scalarKind
	n    int64 // of a number or boolean
	s    string
}

type scalarKind int8

const (
	unclear scalarKind = iota // only OPA can compare it
	null
	boolean
	number
	word
	composite // an object or a list, of which it is only known that it is one
)

func (a scalar) compare(b scalar) int {
	if a.kind == word {
		return strings.Compare(a.s, b.s)
	}
	return cmp.Compare(a.n, b.n)
}

// scalar reads an operand; there is false where it is undefined.
func (o operand) scalar(s scene) (v scalar, there bool) {
	switch {
	case o.now:
		return scalar{kind: number, n: s.now}, true
	case o.constant != nil:
		return constantOf(o.constant), true
	case o.calculation != nil:
		return o.calculation.scalar(s)
	}
	at, ok := o.place.at(s)
	if !ok {
		return scalar{}, false
	}
	if at.Kind() == reflect.Pointer {
		if at.IsNil() {
			return scalar{kind: null}, !o.length // a length of null is undefined
		}
		at = at.Elem()
	}
	switch at.Kind() {
	case reflect.Bool:
		v = scalar{kind: boolean}
		if at.Bool() {
			v.n = 1
		}
	case reflect.Int, reflect.Int64:
		v = scalar{kind: number, n: at.Int()}
	case reflect.String:
		v = scalar{kind: word, s: at.String()}
	case reflect.Slice:
		if o.length {
			return scalar{kind: number, n: int64(at.Len())}, true
		}
		v = scalar{kind: composite}
	case reflect.Struct:
		v = scalar{kind: composite}
	}
	if o.length {
		return scalar{}, true
	}
	return v, true
}

func constantOf(v ast.Value) scalar {
	switch v := v.(type) {
	case ast.Null:
		return scalar{kind: null}
	case ast.Boolean:
		if v {
			return scalar{kind: boolean, n: 1}
		}
		return scalar{kind: boolean}
	case ast.String:
		return scalar{kind: word, s: string(v)}
	case ast.Number:
		if n, ok := v.Int64(); ok {
			return scalar{kind: number, n: n}
		}
	}
	return scalar{}
}
