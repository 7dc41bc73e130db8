package policies

import (
	"maps"
	"reflect"

	"github.com/open-policy-agent/opa/v1/ast"
)

// setting is where an expression stands.
type setting struct {
	topic string // data.mingjian.<pack>.<topic>
	// known are the variables that stand for a place, values those that stand for what is computed from
	// places; of others in the body only OPA knows.
	known  map[ast.Var]place
	values map[ast.Var]operand
	other  map[ast.Var]bool
	depth  int  // lists gone through
	each   bool // every element of a list counts, not only whether there is one
}

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
func (c setting) alias(e *ast.Expr) (v ast.Var, p place, ok bool) {
	if !e.IsAssignment() || e.Negated || len(e.With) > 0 {
		return "", p, false
	}
	v, isVar := e.Operand(0).Value.(ast.Var)
	p, rest, found := c.find(e.Operand(1))
	return v, p, isVar && found && rest == 0
}

// apart is the setting with variables of its own.
func (c setting) apart() setting {
	c.known, c.values, c.other = maps.Clone(c.known), maps.Clone(c.values), maps.Clone(c.other)
	if c.known == nil {
		c.known = map[ast.Var]place{}
	}
	if c.values == nil {
		c.values = map[ast.Var]operand{}
	}
	if c.other == nil {
		c.other = map[ast.Var]bool{}
	}
	return c
}

// forget makes a variable one of which only OPA knows.
func (c setting) forget(v ast.Var) {
	delete(c.known, v)
	delete(c.values, v)
	c.other[v] = true
}

// inside is the setting of a function of the rules that is called with arguments.
func (r reader) inside(c setting, name string, rule *ast.Rule, args []*ast.Term) (inner setting, ok bool) {
	if len(rule.Head.Args) != len(args) {
		return inner, false
	}
	inner = setting{topic: topicOf(name), known: map[ast.Var]place{}, values: map[ast.Var]operand{}, other: map[ast.Var]bool{}, depth: c.depth}
	for i, arg := range rule.Head.Args {
		v, isVar := arg.Value.(ast.Var)
		if !isVar {
			return inner, false
		}
		if p, rest, ok := c.find(args[i]); ok && rest == 0 {
			inner.known[v] = p
		} else if o, ok := r.operand(args[i], c); ok {
			inner.values[v] = o
		} else {
			inner.other[v] = true
		}
	}
	return inner, true
}

// goesThrough reads some x in <a list of the facts>; v is "" where the element has no name of its own.
func (c setting) goesThrough(e *ast.Expr) (v ast.Var, list place, ok bool) {
	v, list, ok = c.some(e)
	return v, list, ok && list.of.Kind() == reflect.Slice && c.depth < maxDepth
}

// goesThroughGroup reads some k, x in <a group of the facts>. Where every moment counts it is left alone:
// what is noted of the fields after the first would be lost.
func (c setting) goesThroughGroup(e *ast.Expr) (v ast.Var, group place, ok bool) {
	v, group, ok = c.some(e)
	if !ok || c.each || v == "" {
		return "", group, false
	}
	kind := group.of.Kind()
	return v, group, kind == reflect.Struct || kind == reflect.Pointer && group.of.Elem().Kind() == reflect.Struct
}

// some reads some k, x in <a place>.
func (c setting) some(e *ast.Expr) (v ast.Var, in place, ok bool) {
	d, isSome := e.Terms.(*ast.SomeDecl)
	if !isSome || len(d.Symbols) != 1 || len(e.With) > 0 {
		return "", in, false
	}
	call, isIn := d.Symbols[0].Value.(ast.Call)
	if !isIn {
		return "", in, false
	}
	for _, made := range call[1 : len(call)-1] {
		if _, isVar := made.Value.(ast.Var); !isVar {
			return "", in, false // a pattern: only some elements are meant
		}
	}
	in, rest, found := c.find(call[len(call)-1])
	v, _ = call[len(call)-2].Value.(ast.Var)
	return v, in, found && rest == 0
}

func isCall(t *ast.Term) bool {
	_, ok := t.Value.(ast.Call)
	return ok
}

// isSought reports whether a term is called or looked up, elsewhere than in the input.
func isSought(t *ast.Term) bool {
	switch v := t.Value.(type) {
	case ast.Call, ast.Var:
		return true
	case ast.Ref:
		return !v[0].Equal(ast.InputRootDocument)
	}
	return false
}

// isMade reports whether a term is a collection that holds more than constants.
func isMade(t *ast.Term) bool {
	switch t.Value.(type) {
	case *ast.Array, ast.Set, ast.Object:
		return !ast.IsConstant(t.Value)
	}
	return false
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
		_, known := c.known[v]
		_, computed := c.values[v]
		if known || computed || c.other[v] || v.IsWildcard() {
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
func (c setting) find(t *ast.Term) (p place, rest int, ok bool) {
	var parts ast.Ref
	switch v := t.Value.(type) {
	case ast.Var:
		p, ok = c.known[v]
		return p, 0, ok
	case ast.Ref:
		if v.HasPrefix(sessionRef) {
			p, parts = place{root: inFacts, of: reflect.TypeFor[Facts]()}, v[len(sessionRef):]
			break
		}
		if name, ok := refKey(v, 2); ok && v.HasPrefix(tenantRef) && name != "calendar" { // which may come from the jurisdiction
			p, parts = place{root: inTenant, of: reflect.TypeFor[Settings]()}, v[len(tenantRef):]
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
	for i := range parts {
		of := p.of
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		name, isName := refKey(parts, i)
		if of.Kind() != reflect.Struct || !isName {
			return p, len(parts) - i, true
		}
		n := 0
		for n < of.NumField() && jsonName(of.Field(n)) != name {
			n++
		}
		if n == of.NumField() {
			return p, 0, false
		}
		p = p.within(n)
	}
	return p, 0, true
}

// elementOf is the place of an element of a list that is gone through.
func (p place) elementOf(depth int) place {
	return place{root: inElements + depth - 1, of: p.of.Elem()}
}
