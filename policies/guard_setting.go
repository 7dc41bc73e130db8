package policies

import (
	"reflect"

	"github.com/open-policy-agent/opa/v1/ast"
)

// setting is where an expression stands.
type setting struct {
	topic string // data.mingjian.<pack>.<topic>
	// known are the variables that stand for a place; of others in the body only OPA knows.
	known map[ast.Var]standsFor
	other map[ast.Var]bool
	depth int  // lists gone through
	each  bool // every element of a list counts, not only whether there is one
}

// standsFor is what a variable means: a place, and the type of what is there.
type standsFor struct {
	place
	of reflect.Type
}

// maxDepth is how many lists deep a scene goes.
const maxDepth = len(scene{}.elements)

// assigned are the variables that an expression makes.
func assigned(e *ast.Expr) (vars []ast.Var) {
	take := func(t *ast.Term) {
		ast.WalkVars(t, func(v ast.Var) bool {
			vars = append(vars, v)
			return false
		})
	}
	if e.IsAssignment() {
		take(e.Operand(0))
	}
	if d, ok := e.Terms.(*ast.SomeDecl); ok {
		for _, s := range d.Symbols {
			if call, isIn := s.Value.(ast.Call); isIn { // some k, v in x: makes all but the last
				for _, t := range call[1 : len(call)-1] {
					take(t)
				}
				continue
			}
			take(s)
		}
	}
	return vars
}

// alias reads x := <a place of the facts>.
func (c setting) alias(e *ast.Expr) (v ast.Var, p standsFor, ok bool) {
	if !e.IsAssignment() || e.Negated || len(e.With) > 0 {
		return "", p, false
	}
	v, isVar := e.Operand(0).Value.(ast.Var)
	p, rest, found := c.find(e.Operand(1))
	return v, p, isVar && found && rest == 0
}

// goesThrough reads some x in <a list of the facts>; v is "" where the element has no name of its own.
func (c setting) goesThrough(e *ast.Expr) (v ast.Var, list standsFor, ok bool) {
	d, isSome := e.Terms.(*ast.SomeDecl)
	if !isSome || len(d.Symbols) != 1 || len(e.With) > 0 || c.depth >= maxDepth {
		return "", list, false
	}
	call, isIn := d.Symbols[0].Value.(ast.Call)
	if !isIn {
		return "", list, false
	}
	for _, made := range call[1 : len(call)-1] {
		if _, isVar := made.Value.(ast.Var); !isVar {
			return "", list, false // a pattern: only some elements are meant
		}
	}
	list, rest, found := c.find(call[len(call)-1])
	if !found || rest != 0 || list.of.Kind() != reflect.Slice {
		return "", list, false
	}
	v, _ = call[len(call)-2].Value.(ast.Var)
	return v, list, true
}

func isCall(t *ast.Term) bool {
	_, ok := t.Value.(ast.Call)
	return ok
}

var (
	nowRef    = ast.MustParseRef("input.now")
	tenantRef = ast.MustParseRef("input.tenant")
)

// ruleNamed is the full name of the rule that a term refers to, if there is one of that name; whole where
// it refers to all of it. It is "" for what cannot be a rule.
func (c setting) ruleNamed(t *ast.Term) (name string, whole bool) {
	switch v := t.Value.(type) {
	case ast.Var:
		if _, known := c.known[v]; known || c.other[v] || v.IsWildcard() {
			return "", false
		}
		return c.topic + "." + string(v), true
	case ast.Ref:
		if head, ok := v[0].Value.(ast.Var); ok && !v[0].Equal(ast.DefaultRootDocument) && !v[0].Equal(ast.InputRootDocument) {
			name, _ := c.ruleNamed(ast.NewTerm(head))
			return name, len(v) == 1
		}
		if len(v) >= 5 && v[0].Equal(ast.DefaultRootDocument) { // data.mingjian.<pack>.<topic>.<rule>
			return v[:5].String(), len(v) == 5
		}
	}
	return "", false
}

// topicOf is the topic of a rule's full name.
func topicOf(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			return name[:i]
		}
	}
	return ""
}

// find is the place that a term leads to, and how many parts of the reference lead on from there (into
// a list).
func (c setting) find(t *ast.Term) (p standsFor, rest int, ok bool) {
	var parts ast.Ref
	switch v := t.Value.(type) {
	case ast.Var:
		p, ok = c.known[v]
		return p, 0, ok
	case ast.Ref:
		if v.HasPrefix(sessionRef) {
			p, parts = standsFor{of: reflect.TypeFor[Facts]()}, v[len(sessionRef):]
			break
		}
		if name, ok := refKey(v, 2); ok && v.HasPrefix(tenantRef) && name != "calendar" { // which may come from the jurisdiction
			p, parts = standsFor{place{element: inTenant}, reflect.TypeFor[Settings]()}, v[len(tenantRef):]
			break
		}
		head, isVar := v[0].Value.(ast.Var)
		if !isVar {
			return p, 0, false
		}
		if p, ok = c.known[head]; !ok {
			return p, 0, false
		}
		parts = v[1:]
	default:
		return p, 0, false
	}
	path := append([]int{}, p.path...)
	for i := range parts {
		of := p.of
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		name, isName := refKey(parts, i)
		if of.Kind() != reflect.Struct || !isName {
			p.path = path
			return p, len(parts) - i, true
		}
		found := false
		for n := range of.NumField() {
			if f := of.Field(n); jsonName(f) == name {
				path, p.of, found = append(path, n), f.Type, true
				break
			}
		}
		if !found {
			return p, 0, false
		}
	}
	p.path = path
	return p, 0, true
}
