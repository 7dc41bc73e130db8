package policies

import (
	"cmp"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// relation is how the two sides of a comparison must stand to each other: what is said where the left is
// less, the same and more.
type relation [3]judgement

var relations = map[string]relation{
	"equal": {no, yes, no},
	"neq":   {yes, no, yes},
	"gt":    {no, no, yes},
	"gte":   {no, yes, yes},
	"lt":    {yes, no, no},
	"lte":   {yes, yes, no},
}

// turned is the relation with its sides exchanged.
func (r relation) turned() relation { return relation{r[2], r[1], r[0]} }

// across is what is said of values of two types: only whether they are equal.
func (r relation) across() judgement {
	switch r {
	case relations["equal"]:
		return no
	case relations["neq"]:
		return yes
	}
	return maybe
}

// says compares two values as Rego does, within one type.
func (r relation) says(a, b scalar) judgement {
	switch {
	case a.kind == unclear, b.kind == unclear, a.kind == composite && b.kind == composite:
		return maybe
	case a.kind != b.kind:
		return r.across()
	case a.kind == word && a.s == b.s:
		return r[1]
	case a.kind == word:
		return r[1+strings.Compare(a.s, b.s)]
	}
	return r[1+cmp.Compare(a.n, b.n)]
}

// compared is the condition that two operands stand in a relation.
func compared(left operand, r relation, right operand) condition {
	switch {
	case left.place != nil && right.constant != nil:
		return againstConstant(left, r, *right.constant)
	case left.constant != nil && right.place != nil:
		return againstConstant(right, r.turned(), *left.constant)
	}
	return &comparison{left, r, right}
}

// comparison compares two operands.
type comparison struct {
	left     operand
	relation relation
	right    operand
}

func (c *comparison) judge(s *scene) judgement {
	a, aThere := c.left.scalar(s)
	b, bThere := c.right.scalar(s)
	switch {
	case !aThere || !bThere:
		return no
	case a.kind == number && b.kind == number:
		return c.relation[1+cmp.Compare(a.n, b.n)]
	}
	return c.relation.says(a, b)
}

// against compares what stands at a place with a constant, as most conditions do. What types say of it is
// settled beforehand.
type against struct {
	operand
	relation relation
	constant scalar
	ifNull   judgement
	number   bool // both sides are numbers
	word     bool
}

func againstConstant(o operand, r relation, c scalar) condition {
	a := &against{operand: o, relation: r, constant: c, ifNull: r.says(scalar{kind: null}, c)}
	if o.reads == readsLength {
		a.ifNull = no // a length of null is undefined
	}
	a.number = c.kind == number && (o.reads == readsInt || o.reads == readsMillis || o.reads == readsLength)
	a.word = c.kind == word && o.reads == readsWord
	return a
}

func (a *against) judge(s *scene) judgement {
	at := a.place.find(&s.roots)
	if at == nil {
		return no
	}
	if a.pointed {
		if at = pointee(at); at == nil {
			return a.ifNull
		}
	}
	switch {
	case a.number:
		return a.relation[1+cmp.Compare(a.reads.of(at).n, a.constant.n)]
	case a.word && a.reads.of(at).s == a.constant.s:
		return a.relation[1]
	}
	return a.relation.says(a.reads.of(at), a.constant)
}

// comes holds where an operand is there.
type comes struct{ operand }

func (c *comes) judge(s *scene) judgement {
	v, there := c.scalar(s)
	switch {
	case !there:
		return no
	case v.kind == unclear:
		return maybe
	}
	return yes
}

// operand is one side of a comparison: a value, the length of a list, the moment, a constant, a
// calculation of two of those, so many working days after one, the most or least of some, or one or another as conditions say.
type operand struct {
	place       *place
	reads       kindRead
	pointed     bool // what is read stands behind a pointer at the place
	now         bool
	constant    *scalar
	calculation *calculation
	deadline    *deadline
	extreme     *extreme
	choice      alternatives
	closed      bool // only OPA knows it
}

func operandAt(p place) operand {
	o := operand{place: &p}
	o.reads, o.pointed = readingOf(p.of)
	return o
}

func lengthOf(p place) operand { return operand{place: &p, reads: readsLength} }

func constantOperand(v ast.Value) operand {
	c := constantOf(v)
	return operand{constant: &c}
}

// scalar reads an operand; there is false where it is undefined.
func (o *operand) scalar(s *scene) (v scalar, there bool) {
	switch {
	case o.now:
		return scalar{kind: number, n: s.now}, true
	case o.constant != nil:
		return *o.constant, true
	case o.calculation != nil:
		return o.calculation.scalar(s)
	case o.deadline != nil:
		return o.deadline.scalar(s)
	case o.extreme != nil:
		return o.extreme.scalar(s)
	case o.choice != nil:
		return o.choice.scalar(s)
	case o.closed:
		return scalar{}, true
	}
	at := o.place.find(&s.roots)
	if at == nil {
		return scalar{}, false
	}
	if o.pointed {
		if at = pointee(at); at == nil {
			return scalar{kind: null}, true
		}
	}
	return o.reads.of(at), true
}

// calculation is done as Rego does it, as long as the numbers are ones that moments and lengths of time
// are made of.
type calculation struct {
	op          string // plus, minus, mul, rem
	left, right operand
}

// Sums stay within what a double holds exactly, and products within 64 bits.
const (
	largestTerm   = 1 << 53
	largestFactor = 1 << 31
)

func (c *calculation) scalar(s *scene) (v scalar, there bool) {
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
	case c.op == "rem" && within(largestTerm) && b.n > 0:
		return scalar{kind: number, n: a.n % b.n}, true
	}
	return scalar{}, true
}

// workingDaysAfter is the function of the calendars that a deadline stands for.
const workingDaysAfter = "mingjian.working_days_after"

// deadline is the end of the n-th working day after a moment.
type deadline struct {
	at operand
	n  int
}

func (d *deadline) scalar(s *scene) (v scalar, there bool) {
	at, there := d.at.scalar(s)
	calendar := s.calendar()
	if at.kind != number || calendar == nil {
		return scalar{}, there
	}
	return scalar{kind: number, n: calendar.DaysAfter(time.UnixMilli(at.n), d.n).UnixMilli()}, true
}

// extreme is the most or the least of numbers.
type extreme struct {
	most bool
	of   []operand
}

func (x *extreme) scalar(s *scene) (v scalar, there bool) {
	unsure := false
	for i := range x.of {
		one, there := x.of[i].scalar(s)
		if !there {
			return scalar{}, false
		}
		if unsure = unsure || one.kind != number; i == 0 || x.most == (one.n > v.n) {
			v = one
		}
	}
	if unsure {
		return scalar{}, true
	}
	return v, true
}

// alternatives are what a function or a rule gives that has several bodies: the value of the first that holds.
type alternatives []way

type way struct {
	condition
	value operand
}

func (c alternatives) scalar(s *scene) (v scalar, there bool) {
	for i := range c {
		switch c[i].judge(s) {
		case yes:
			if v, there := c[i].value.scalar(s); there {
				return v, true
			}
			return scalar{}, true
		case maybe:
			return scalar{}, true
		}
	}
	return scalar{}, false
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
