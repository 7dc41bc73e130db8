package policies

import (
	"maps"
	"reflect"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// guards are those of a topic's sets, in the order of resultSets; a set that the topic does not give
// has none.
type guards [3]guard

// guardsOf reads the guards of each topic. The modules are those that rules are run from, parameters
// folded in, by the topics' files.
func guardsOf(topics []topic, modules map[string]*ast.Module) []guards {
	r := reader{rules: map[string][]*ast.Rule{}, read: map[string]condition{}}
	for _, t := range topics {
		for _, rule := range modules[t.file].Rules {
			name := t.ref + "." + ruleName(rule)
			r.rules[name] = append(r.rules[name], rule)
		}
	}
	out := make([]guards, len(topics))
	for i, t := range topics {
		for s, set := range resultSets {
			for _, rule := range r.rules[t.ref+"."+set] {
				out[i][s] = append(out[i][s], guarded{r.body(rule.Body, setting{topic: t.ref}), constantMember(set, rule)})
			}
		}
	}
	return out
}

// constantMember is what a rule adds to not_assessable, where that is written out in it.
func constantMember(set string, rule *ast.Rule) *NotAssessable {
	if set != notAssessableSet || !rule.Head.Key.IsGround() || rule.Head.Key.Value.(ast.Object).Len() != 2 {
		return nil
	}
	id, ok1 := headField(rule, "id")
	reason, ok2 := headField(rule, "reason")
	if !ok1 || !ok2 {
		return nil
	}
	return &NotAssessable{Rule: id, Reason: reason}
}

// reader reads conditions from rules.
type reader struct {
	rules map[string][]*ast.Rule // by full name: data.mingjian.cn.human.limit
	// read keeps what rules without arguments come to.
	read map[string]condition
}

// setting is where an expression stands.
type setting struct {
	topic string // data.mingjian.<pack>.<topic>
	// known are the variables that stand for a place; of others in the body only OPA knows.
	known map[ast.Var]standsFor
	other map[ast.Var]bool
	depth int // lists gone through
}

// standsFor is what a variable means: a place, and the type of what is there.
type standsFor struct {
	place
	of reflect.Type
}

// maxDepth is how many lists deep a scene goes.
const maxDepth = len(scene{}.elements)

// body is the condition of a body. A list of facts that it goes through takes in what follows.
func (r reader) body(b ast.Body, c setting) condition {
	c.known, c.other = maps.Clone(c.known), maps.Clone(c.other)
	if c.known == nil {
		c.known = map[ast.Var]standsFor{}
	}
	if c.other == nil {
		c.other = map[ast.Var]bool{}
	}
	for _, e := range b {
		for _, v := range assigned(e) {
			delete(c.known, v)
			c.other[v] = true
		}
	}
	var conditions all
	for i, e := range b {
		if v, p, ok := c.alias(e); ok {
			delete(c.other, v)
			c.known[v] = p
			conditions = append(conditions, defined{p.place, false})
			continue
		}
		if v, list, ok := c.goesThrough(e); ok {
			inner := c
			inner.known, inner.other = maps.Clone(c.known), maps.Clone(c.other)
			inner.depth++
			if v != "" {
				delete(inner.other, v)
				inner.known[v] = standsFor{place{element: inner.depth}, list.of.Elem()}
			}
			return append(conditions, some{list.place, inner.depth, r.rest(b[i+1:], inner)})
		}
		conditions = append(conditions, r.expression(e, c))
	}
	return conditions
}

// rest is the condition of the rest of a body, whose variables are known already.
func (r reader) rest(b ast.Body, c setting) condition {
	var conditions all
	for i, e := range b {
		if v, p, ok := c.alias(e); ok {
			delete(c.other, v)
			c.known[v] = p
			conditions = append(conditions, defined{p.place, false})
			continue
		}
		if v, list, ok := c.goesThrough(e); ok && c.depth < maxDepth {
			c.depth++
			if v != "" {
				delete(c.other, v)
				c.known[v] = standsFor{place{element: c.depth}, list.of.Elem()}
			}
			return append(conditions, some{list.place, c.depth, r.rest(b[i+1:], c)})
		}
		conditions = append(conditions, r.expression(e, c))
	}
	return conditions
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

func (r reader) expression(e *ast.Expr, c setting) condition {
	if len(e.With) > 0 {
		return open{}
	}
	found := r.positive(e, c)
	if !e.Negated {
		return found
	}
	if terms, ok := e.Terms.([]*ast.Term); ok && slices.ContainsFunc(terms[1:], isCall) {
		return atMost{not{found}} // the call may be made outside the not, and then has to be defined
	}
	return not{found}
}

func isCall(t *ast.Term) bool {
	_, ok := t.Value.(ast.Call)
	return ok
}

// positive is the condition of an expression as it stands without a not.
func (r reader) positive(e *ast.Expr, c setting) condition {
	switch terms := e.Terms.(type) {
	case *ast.Term: // a reference by itself: it is there, and not false
		return r.stands(terms, c)
	case []*ast.Term:
		if found, ok := c.compared(terms); ok {
			return found
		}
		if found, ok := r.counted(terms, c); ok {
			return found
		}
		if found, ok := c.listed(terms); ok {
			return found
		}
		if !e.IsAssignment() {
			if found, ok := r.call(terms, c); ok {
				return found
			}
		}
		return r.there(terms[1:], c)
	case *ast.SomeDecl:
		for _, s := range terms.Symbols {
			if call, isIn := s.Value.(ast.Call); isIn {
				return atMost{all{r.members(call[len(call)-1], c), r.there(call[len(call)-1:], c)}}
			}
		}
	}
	return open{}
}

// stands is the condition of a term by itself.
func (r reader) stands(t *ast.Term, c setting) condition {
	if p, rest, ok := c.find(t); ok {
		if p.of.Kind() == reflect.Bool && rest == 0 {
			return comparison{"equal", operand{place: &p.place}, operand{constant: ast.Boolean(true)}}
		}
		return atMost{defined{p.place, rest > 0}}
	}
	if call, ok := t.Value.(ast.Call); ok {
		if found, ok := r.call(call, c); ok {
			return found
		}
	}
	if name, whole := c.ruleNamed(t); name != "" {
		found := r.rule(name)
		if !whole {
			return atMost{found} // it is defined; whether the part meant is, is another question
		}
		return found
	}
	return open{}
}

// compared reads a comparison whose sides are plain.
func (c setting) compared(terms []*ast.Term) (condition, bool) {
	if len(terms) != 3 {
		return nil, false
	}
	op := terms[0].Value.String()
	switch op {
	case "equal", "neq", "gt", "gte", "lt", "lte":
	default:
		return nil, false
	}
	left, ok1 := c.operand(terms[1])
	right, ok2 := c.operand(terms[2])
	return comparison{op, left, right}, ok1 && ok2
}

// counted reads count(x) > 0 and count(x) == 0 of a set that rules make.
func (r reader) counted(terms []*ast.Term, c setting) (condition, bool) {
	if len(terms) != 3 || !terms[2].Equal(ast.IntNumberTerm(0)) {
		return nil, false
	}
	call, ok := terms[1].Value.(ast.Call)
	if !ok || len(call) != 2 || call[0].Value.String() != "count" {
		return nil, false
	}
	switch terms[0].Value.String() {
	case "gt":
		return r.members(call[1], c), true
	case "equal":
		return not{r.members(call[1], c)}, true
	}
	return nil, false
}

// listed reads x in {a, b} of a place and constants.
func (c setting) listed(terms []*ast.Term) (condition, bool) {
	if len(terms) != 3 || terms[0].Value.String() != ast.Member.Name {
		return nil, false
	}
	set, ok := terms[2].Value.(ast.Set)
	left, plain := c.operand(terms[1])
	if !ok || !plain {
		return nil, false
	}
	var among anyOf
	for _, t := range set.Slice() {
		right, plain := c.operand(t)
		if !plain || right.constant == nil {
			return nil, false
		}
		among = append(among, comparison{"equal", left, right})
	}
	return among, true
}

func (c setting) operand(t *ast.Term) (o operand, ok bool) {
	switch v := t.Value.(type) {
	case ast.Null, ast.Boolean, ast.Number, ast.String:
		return operand{constant: v}, true
	case ast.Call:
		if n, ok := arithmetic(v); ok {
			return operand{constant: n}, true
		}
		if len(v) == 2 && v[0].Value.String() == "count" {
			if p, rest, ok := c.find(v[1]); ok && rest == 0 && p.of.Kind() == reflect.Slice {
				return operand{place: &p.place, length: true}, true
			}
		}
		return o, false
	case ast.Ref:
		if v.Equal(nowRef) {
			return operand{now: true}, true
		}
	}
	p, rest, ok := c.find(t)
	return operand{place: &p.place}, ok && rest == 0
}

var (
	nowRef    = ast.MustParseRef("input.now")
	tenantRef = ast.MustParseRef("input.tenant")
)

// arithmetic computes what constants come to, such as a parameter in seconds times a thousand.
func arithmetic(call ast.Call) (ast.Number, bool) {
	if len(call) != 3 {
		return "", false
	}
	var n [2]int64
	for i := range n {
		var v ast.Value = call[i+1].Value
		if inner, ok := v.(ast.Call); ok {
			if v, ok = arithmetic(inner); !ok {
				return "", false
			}
		}
		number, ok := v.(ast.Number)
		if !ok {
			return "", false
		}
		if n[i], ok = number.Int64(); !ok || n[i] > 1<<31 || n[i] < -1<<31 {
			return "", false
		}
	}
	switch call[0].Value.String() {
	case "mul":
		return whole(n[0] * n[1]).Value.(ast.Number), true
	case "plus":
		return whole(n[0] + n[1]).Value.(ast.Number), true
	case "minus":
		return whole(n[0] - n[1]).Value.(ast.Number), true
	}
	return "", false
}

// call is the condition of a function of the rules, called with places or with what only OPA knows.
func (r reader) call(terms []*ast.Term, c setting) (condition, bool) {
	ref, ok := terms[0].Value.(ast.Ref)
	if !ok {
		return nil, false
	}
	name, whole := c.ruleNamed(ast.NewTerm(ref))
	if name == "" || !whole {
		return nil, false
	}
	var alternatives anyOf
	for _, rule := range r.rules[name] {
		for one := rule; one != nil; one = one.Else {
			if len(one.Head.Args) != len(terms)-1 || one.Default {
				return nil, false
			}
			inner := setting{topic: topicOf(name), known: map[ast.Var]standsFor{}, other: map[ast.Var]bool{}, depth: c.depth}
			for i, arg := range one.Head.Args {
				v, isVar := arg.Value.(ast.Var)
				if !isVar {
					return nil, false
				}
				if p, rest, ok := c.find(terms[i+1]); ok && rest == 0 {
					inner.known[v] = p
				} else {
					inner.other[v] = true
				}
			}
			alternatives = append(alternatives, result(one, r.body(one.Body, inner), rule.Else != nil))
		}
	}
	if len(alternatives) == 0 {
		return nil, false
	}
	// The arguments must be there too, or nothing is called.
	return all{alternatives, r.there(terms[1:], c)}, true
}

// result is what a body's condition says of its rule: that it is defined, and true if that is all it
// can be. In a chain of else an earlier body may have decided.
func result(rule *ast.Rule, body condition, chained bool) condition {
	if v := rule.Head.Value; !chained && (v == nil || v.Equal(ast.BooleanTerm(true))) {
		return body
	}
	return atMost{body}
}

// there is what any expression over terms asks: that the values and rules in them are defined. What is
// inside a comprehension need not be, unless its first or least member is asked for.
func (r reader) there(terms []*ast.Term, c setting) condition {
	var found all
	for _, t := range terms {
		ast.NewGenericVisitor(func(x any) bool {
			switch x := x.(type) {
			case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
				return true
			case ast.Call:
				if name := x[0].Value.String(); (name == "min" || name == "max") && len(x) == 2 {
					found = append(found, r.members(x[1], c))
				}
				for _, arg := range x[1:] {
					found = append(found, r.there([]*ast.Term{arg}, c))
				}
				return true
			case *ast.Term:
				ref, isRef := x.Value.(ast.Ref)
				if isRef && len(ref) > 1 {
					found = append(found, r.members(ref[0], c)) // [… | …][0]
				}
				if p, rest, ok := c.find(x); ok { // it may be false, and is there all the same
					found = append(found, atMost{defined{p.place, rest > 0}})
					return true
				}
				if _, isVar := x.Value.(ast.Var); isRef || isVar {
					found = append(found, atMost{r.stands(x, c)})
					return true
				}
			}
			return false
		}).Walk(t)
	}
	if len(found) == 0 {
		return open{}
	}
	return atMost{found}
}

// members is the condition under which a collection has a member.
func (r reader) members(t *ast.Term, c setting) condition {
	switch v := t.Value.(type) {
	case *ast.ArrayComprehension:
		return atMost{r.body(v.Body, c)}
	case *ast.SetComprehension:
		return atMost{r.body(v.Body, c)}
	case *ast.ObjectComprehension:
		return atMost{r.body(v.Body, c)}
	}
	if p, rest, ok := c.find(t); ok && rest == 0 && p.of.Kind() == reflect.Slice {
		return atMost{defined{p.place, true}}
	}
	name, whole := c.ruleNamed(t)
	if name == "" || !whole || len(r.rules[name]) == 0 {
		return open{}
	}
	var alternatives anyOf
	for _, rule := range r.rules[name] {
		if rule.Head.Key == nil || len(rule.Head.Args) > 0 || rule.Else != nil {
			return open{}
		}
		alternatives = append(alternatives, atMost{r.body(rule.Body, setting{topic: topicOf(name)})})
	}
	return alternatives
}

// rule is the condition under which a rule without arguments is defined.
func (r reader) rule(name string) condition {
	if c, done := r.read[name]; done {
		return c
	}
	c := r.bodies(name)
	r.read[name] = c
	return c
}

func (r reader) bodies(name string) condition {
	if len(r.rules[name]) == 0 {
		return open{} // no rule at all
	}
	var alternatives anyOf
	for _, rule := range r.rules[name] {
		for one := rule; one != nil; one = one.Else {
			if one.Default || len(one.Head.Args) > 0 || one.Head.Key != nil || len(one.Head.Ref()) != 1 {
				return open{} // always there, or there for each argument or member apart
			}
			alternatives = append(alternatives, result(one, r.body(one.Body, setting{topic: topicOf(name)}), rule.Else != nil))
		}
	}
	return alternatives
}

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
