package policies

import (
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Value is input.session as rules see it, built without a detour through JSON: every field under its
// json name; what was not reported is null.
func (f *Facts) Value() ast.Value { return f.value(AllFields) }

// value holds the given fields only: an object costs by its members, and what is asked reads few.
func (f *Facts) value(fields Fields) ast.Value {
	v := reflect.ValueOf(f).Elem()
	members := make([][2]*ast.Term, 0, 24)
	for i, m := range factsShape.members {
		if fields&(1<<i) != 0 {
			members = append(members, ast.Item(m.key, m.term(v.Field(i))))
		}
	}
	return ast.NewObject(members...)
}

// factsShape is how Facts becomes an object. Shapes are made once, from the types and their json
// names, so that a fact is declared in one place.
var factsShape = shapeOf(reflect.TypeFor[Facts]())

// shape is how one struct becomes an object.
type shape struct {
	members []member
	// untouched is the term of the zero value. Most groups of facts are as they began in most
	// sessions, and a shared term costs nothing to build or to hash.
	untouched *ast.Term
}

type member struct {
	key  *ast.Term
	term func(reflect.Value) *ast.Term
}

func shapeOf(t reflect.Type) *shape {
	s := new(shape)
	for i := range t.NumField() {
		field := t.Field(i)
		name := jsonName(field)
		if name == "" || !field.IsExported() {
			panic(fmt.Sprintf("policies: field %s of %s needs a json name", field.Name, t))
		}
		s.members = append(s.members, member{ast.StringTerm(name), termOf(field.Type)})
	}
	s.untouched = ast.NewTerm(s.object(reflect.Zero(t)))
	return s
}

func (s *shape) object(v reflect.Value) ast.Value {
	members := make([][2]*ast.Term, len(s.members))
	for i, m := range s.members {
		members[i] = ast.Item(m.key, m.term(v.Field(i)))
	}
	return ast.NewObject(members...)
}

func (s *shape) term(v reflect.Value) *ast.Term {
	if v.IsZero() {
		return s.untouched
	}
	return ast.NewTerm(s.object(v))
}

// termOf says how values of a type become terms. It panics on a type that facts must not have; that
// is seen when the program starts.
func termOf(t reflect.Type) func(reflect.Value) *ast.Term {
	switch t.Kind() {
	case reflect.Bool:
		return func(v reflect.Value) *ast.Term { return ast.InternedTerm(v.Bool()) }
	case reflect.Int, reflect.Int64:
		return func(v reflect.Value) *ast.Term { return whole(v.Int()) }
	case reflect.Float64:
		return func(v reflect.Value) *ast.Term { return decimal(v.Float()) }
	case reflect.String:
		return func(v reflect.Value) *ast.Term { return text(v.String()) }
	case reflect.Pointer:
		of := termOf(t.Elem())
		return func(v reflect.Value) *ast.Term {
			if v.IsNil() {
				return ast.InternedNullTerm
			}
			return of(v.Elem())
		}
	case reflect.Slice:
		of := termOf(t.Elem())
		return func(v reflect.Value) *ast.Term {
			if v.Len() == 0 {
				return ast.InternedEmptyArray
			}
			terms := make([]*ast.Term, v.Len())
			for i := range terms {
				terms[i] = of(v.Index(i))
			}
			return ast.NewTerm(ast.NewArray(terms...))
		}
	case reflect.Struct:
		return shapeOf(t).term
	}
	panic(fmt.Sprintf("policies: facts cannot hold a %s", t))
}

func text(s string) *ast.Term {
	if s == "" {
		return ast.InternedEmptyString
	}
	return ast.StringTerm(s)
}

// whole is a count or a moment. Small numbers are shared; the conversion of the others shows in a
// profile, which is why facts give spans where a rule would otherwise subtract moments.
func whole(n int64) *ast.Term {
	if n == int64(int(n)) && ast.HasInternedIntNumberTerm(int(n)) {
		return ast.InternedTerm(int(n))
	}
	return ast.NewTerm(ast.Number(strconv.FormatInt(n, 10)))
}

// decimal is a score. One that is no number was not reported.
func decimal(x float64) *ast.Term {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return ast.InternedNullTerm
	}
	return ast.NewTerm(ast.Number(strconv.FormatFloat(x, 'f', -1, 64)))
}
