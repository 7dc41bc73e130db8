package policies

import (
	"reflect"
	"slices"
)

// A guard answers in Go, without OPA, whether a set of a topic can have a member for some facts. It is
// read from the topic's rules: the conditions that plainly compare facts, the moment and constants are
// judged, and everything else is left open. Nearly every rule begins with such a condition (something
// was promised, a person was asked for), which in most sessions does not hold, and asking OPA costs a
// hundred times as much. Most often a look at which facts there are at all settles it (guarded.needs).
//
// It errs on one side only: what it cannot judge may hold.
type guard []guarded

// guarded is one rule of the set.
type guarded struct {
	// needs are the fields of the facts without any one of which, at its zero value, the condition does not
	// hold.
	needs Fields
	condition
	// says is the member that the rule adds, where it is always the same and OPA need not be asked for
	// it; nil otherwise.
	says *NotAssessable
	// names: the rule names moments, which its condition notes.
	names bool
}

// judge reports whether only OPA can tell the members of the set; otherwise they are those added to
// said, and the moments that the scene noted.
func (g guard) judge(s *scene, said []NotAssessable) (all []NotAssessable, open bool) {
	all = said
	for i := range g {
		r := &g[i]
		if r.needs&^s.present != 0 {
			continue
		}
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

// scene is what conditions are judged in: the facts, the tenant's settings, the elements of lists that are
// gone through, and the moment.
type scene struct {
	roots
	facts     *Facts
	tenant    *Settings
	calendars *calendars
	now       Millis
	present   Fields   // what guarded.needs is held against
	noted     []Millis // by moments
}

// calendar is the one that holds for the session, as input.tenant.calendar tells it.
func (s *scene) calendar() *Calendar {
	name := s.tenant.Calendar
	if name == "" {
		name = s.calendars.of(s.facts.Jurisdiction)
	}
	return s.calendars.byName[name]
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
	judge(s *scene) judgement
}

// open is what only OPA can judge.
type open struct{}

func (open) judge(*scene) judgement { return maybe }

// all holds where each of its conditions does: a body.
type all []condition

func (a all) judge(s *scene) judgement {
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

func (a anyOf) judge(s *scene) judgement {
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

func (n not) judge(s *scene) judgement { return -n.c.judge(s) }

// atMost never says yes: what is there may still be false.
type atMost struct{ c condition }

func (a atMost) judge(s *scene) judgement { return min(a.c.judge(s), maybe) }

// provided is a condition about which nothing is known unless others hold.
type provided struct{ that, c condition }

func (p provided) judge(s *scene) judgement {
	if p.that.judge(s) != yes {
		return maybe
	}
	return p.c.judge(s)
}

// some holds where the condition does for an element of a list. Its elements stand at a depth that is
// known when the condition is read; what stood there before stands there again afterwards, so that what a
// named rule goes through does not disturb the lists around it.
type some struct {
	list  place
	depth int
	of    condition
	each  bool // what is noted of every element counts, so that one that holds does not settle it
}

func (x *some) judge(s *scene) judgement {
	list := x.list.find(&s.roots)
	if list == nil {
		return no
	}
	at := inElements + x.depth - 1
	before := s.roots[at]
	result, unsure := no, false
	for i := range length(list) {
		s.roots[at] = element(list, i, x.list.of.Elem().Size())
		holds := x.of.judge(s)
		if unsure = unsure || holds == maybe; holds == yes {
			if result = yes; !x.each {
				unsure = false
				break
			}
		}
	}
	s.roots[at] = before
	if unsure {
		return maybe
	}
	return result
}

// moment notes a moment, and holds where it is there.
type moment struct{ at operand }

func (m *moment) judge(s *scene) judgement {
	at, there := m.at.scalar(s)
	switch {
	case !there:
		return no
	case at.kind != number:
		return maybe
	}
	s.noted = append(s.noted, at.n)
	return yes
}

// defined holds where a value is there: nothing on the way is null, and a list that is gone into has
// elements.
type defined struct {
	place
	into bool // something in the list or object is meant
}

func (d *defined) judge(s *scene) judgement {
	at := d.find(&s.roots)
	switch {
	case at == nil:
		return no
	case !d.into:
		return yes
	case d.of.Kind() == reflect.Slice && length(at) == 0, d.of.Kind() == reflect.Pointer && pointee(at) == nil:
		return no
	}
	return maybe
}
