package policies

import (
	"cmp"
	"reflect"
	"slices"
)

// simplified is a condition of the same meaning that is judged sooner: what follows on one another stands
// in one list, once each, and what costs least comes first. It can be reordered because all is the least of
// its judgements and anyOf the greatest; only what notes moments stays where it is, at the end.
func simplified(c condition) condition {
	switch c := c.(type) {
	case all:
		return c.simplified()
	case anyOf:
		return c.simplified()
	case atMost:
		return all{c}.simplified()
	case not:
		inner := simplified(c.c)
		if twice, ok := inner.(not); ok {
			return twice.c
		}
		return not{inner}
	case *some:
		x := *c
		x.of = simplified(c.of)
		return &x
	}
	return c
}

func (a all) simplified() condition {
	var out all
	for _, c := range a {
		if limited, ok := c.(atMost); ok {
			out = out.with(simplified(limited.c)).with(open{})
			continue
		}
		out = out.with(simplified(c))
	}
	slices.SortStableFunc(out, func(a, b condition) int { return cmp.Compare(cost(a), cost(b)) })
	if len(out) == 1 {
		return out[0]
	}
	return out
}

// with adds a condition, or those of a list.
func (a all) with(c condition) all {
	if list, ok := c.(all); ok {
		for _, one := range list {
			a = a.with(one)
		}
		return a
	}
	if d, ok := c.(*defined); ok && !d.into && len(d.hops) == 0 {
		return a // always
	}
	if slices.ContainsFunc(a, func(there condition) bool { return reflect.DeepEqual(there, c) }) {
		return a
	}
	return append(a, c)
}

func (a anyOf) simplified() condition {
	var out anyOf
	for _, c := range a {
		c = simplified(c)
		if list, ok := c.(anyOf); ok {
			out = append(out, list...)
			continue
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b condition) int { return cmp.Compare(cost(a), cost(b)) })
	if len(out) == 1 {
		return out[0]
	}
	return out
}

// Costs that are known without a look at the parts, in units of one comparison with a constant.
const (
	costOfList  = 10
	costOfOpen  = 1000    // it decides nothing
	costOfNotes = 1 << 20 // it comes last
)

// cost is about how long a condition takes.
func cost(c condition) (sum int) {
	switch c := c.(type) {
	case all:
		for _, one := range c {
			sum += cost(one)
		}
		return sum
	case anyOf:
		for _, one := range c {
			sum += cost(one)
		}
		return sum
	case not:
		return cost(c.c)
	case provided:
		return cost(c.that) + cost(c.c)
	case *some:
		return costOfList + cost(c.of)
	case *comparison, *comes:
		return 3
	case *moment:
		return costOfNotes
	case open:
		return costOfOpen
	}
	return 1
}

// needed are the fields that any guard needs.
func needed(topics []guards) (f Fields) {
	for _, sets := range topics {
		for _, g := range sets {
			for _, r := range g {
				f |= r.needs
			}
		}
	}
	return f
}

// needs are the fields of the facts without any one of which, at its zero value, a condition does not hold.
func needs(c condition) (f Fields) {
	switch c := c.(type) {
	case all:
		for _, one := range c {
			f |= needs(one)
		}
	case anyOf:
		for i, one := range c {
			if i == 0 {
				f = needs(one)
			}
			f &= needs(one)
		}
	case *some:
		f = c.list.passes() | c.list.itself()
	case *defined:
		if f = c.passes(); c.into {
			f |= c.itself()
		}
	case *comparison:
		f = c.left.passes() | c.right.passes()
	case *moment:
		f = c.at.passes()
	case *comes:
		f = c.passes()
	case *against:
		f = c.place.passes()
		if c.atZero() == no {
			f |= c.place.itself()
		}
	}
	return f
}

// atZero is what is said of the zero value of the place's type.
func (a *against) atZero() judgement {
	if a.pointed {
		return a.ifNull
	}
	zero := reflect.New(a.place.of)
	return a.relation.says(a.reads.of(zero.UnsafePointer()), a.constant)
}

// passes are the fields of the facts that the way to an operand goes through.
func (o *operand) passes() Fields {
	switch {
	case o.calculation != nil:
		return o.calculation.left.passes() | o.calculation.right.passes()
	case o.place != nil:
		return o.place.passes()
	}
	return 0
}

// passes is the field of the facts whose pointer the way to a place follows, if it does.
func (p *place) passes() Fields {
	if p.root == inFacts && len(p.hops) > 0 {
		return fieldFrom(p.first)
	}
	return 0
}

// itself is the field of the facts that a place is.
func (p *place) itself() Fields {
	if p.root == inFacts && len(p.hops) == 0 {
		return fieldFrom(p.first)
	}
	return 0
}

// fieldFrom is the field of the facts that begins at an offset. What stands further on in a group is not
// the group.
func fieldFrom(offset uintptr) Fields {
	facts := reflect.TypeFor[Facts]()
	for i := range facts.NumField() {
		if f := facts.Field(i); f.Offset == offset && f.Type.Kind() != reflect.Struct {
			return 1 << i
		}
	}
	return 0
}
