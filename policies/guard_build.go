package policies

import (
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
				g := r.guarded(set, rule, setting{topic: t.ref})
				g.condition = simplified(g.condition)
				g.needs = needs(g.condition)
				out[i][s] = append(out[i][s], g)
			}
		}
	}
	return out
}

// guarded reads one rule of a set. Moments at which to ask again are mostly a fact and so many
// milliseconds, and then the guard gives them itself.
func (r reader) guarded(set string, rule *ast.Rule, c setting) guarded {
	if set != dueSet {
		return guarded{condition: r.body(rule.Body, c, nil), says: constantMember(set, rule)}
	}
	g := guarded{names: true}
	c.each = true
	g.condition = r.body(rule.Body, c, func(c setting) condition {
		if at, ok := r.operand(rule.Head.Key, c); ok {
			return &moment{at}
		}
		return open{}
	})
	return g
}

// constantMember is what a rule adds to not_assessable, where that is written out in it.
func constantMember(set string, rule *ast.Rule) *NotAssessable {
	if set != notAssessableSet || !ast.IsConstant(rule.Head.Key.Value) || rule.Head.Key.Value.(ast.Object).Len() != 2 {
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

// body is the condition of a body. A list of facts that it goes through takes in what follows, and at
// last what end says of the setting in which the rule's head stands; nil says nothing.
func (r reader) body(b ast.Body, c setting, end func(setting) condition) condition {
	c = c.apart()
	for _, e := range b {
		for _, v := range assigned(e) {
			c.forget(v)
		}
	}
	return r.rest(b, c, end)
}

// rest is the condition of the rest of a body, whose variables are known already.
func (r reader) rest(b ast.Body, c setting, end func(setting) condition) condition {
	var conditions all
	for i, e := range b {
		if v, p, ok := c.alias(e); ok {
			delete(c.other, v)
			c.known[v] = p
			conditions = append(conditions, &defined{p, false})
			continue
		}
		if v, o, ok := r.computes(e, c); ok {
			delete(c.other, v)
			c.values[v] = o
			conditions = append(conditions, &comes{o})
			continue
		}
		if v, group, ok := c.goesThroughGroup(e); ok {
			return append(conditions, r.fieldByField(group, v, b[i+1:], c, end))
		}
		if v, list, ok := c.goesThrough(e); ok {
			c.depth++
			if v != "" {
				delete(c.other, v)
				c.known[v] = list.elementOf(c.depth)
			}
			return append(conditions, &some{list, c.depth, r.rest(b[i+1:], c, end), c.each})
		}
		conditions = append(conditions, r.expression(e, c))
	}
	if end != nil {
		conditions = append(conditions, end(c))
	}
	return conditions
}

// fieldByField is the condition of the rest of a body for one field or another of a group of facts.
func (r reader) fieldByField(group place, v ast.Var, b ast.Body, c setting, end func(setting) condition) condition {
	of := group.of
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	var one anyOf
	for n := range of.NumField() {
		inner := c.apart()
		delete(inner.other, v)
		inner.known[v] = group.within(n)
		one = append(one, r.rest(b, inner, end))
	}
	return all{&defined{group, true}, one}
}

// expression is the condition of one line of a body.
func (r reader) expression(e *ast.Expr, c setting) condition {
	if len(e.With) > 0 {
		return open{}
	}
	found := r.positive(e, c)
	if !e.Negated {
		return found
	}
	terms, ok := e.Terms.([]*ast.Term)
	if ok && slices.ContainsFunc(terms[1:], isMade) {
		return atMost{not{found}} // it may be made outside the not, and then all that is in it has to be there
	}
	if ok && slices.ContainsFunc(terms[1:], isSought) {
		// What is called or looked up may be outside the not, and then has to be there.
		sought := slices.DeleteFunc(slices.Clone(terms[1:]), func(t *ast.Term) bool { return !isSought(t) })
		return provided{r.given(sought, c), not{found}}
	}
	return not{found}
}

// positive is the condition of an expression as it stands without a not.
func (r reader) positive(e *ast.Expr, c setting) condition {
	switch terms := e.Terms.(type) {
	case *ast.Term: // a reference by itself: it is there, and not false
		if terms.Equal(ast.InternedTerm(true)) {
			return all{}
		}
		return r.stands(terms, c)
	case []*ast.Term:
		if found, ok := r.compared(terms, c); ok {
			return found
		}
		if found, ok := r.counted(terms, c); ok {
			return found
		}
		if found, ok := r.listed(terms, c); ok {
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
	case *ast.Every:
		return r.every(terms, c)
	}
	return open{}
}

// every is the condition that all elements of a list of facts meet: that none does not.
func (r reader) every(e *ast.Every, c setting) condition {
	list, rest, found := c.find(e.Domain)
	v, isVar := e.Value.Value.(ast.Var)
	if !found || rest != 0 || list.of.Kind() != reflect.Slice || !isVar || e.Key != nil || c.depth >= maxDepth {
		return open{}
	}
	c = c.apart()
	c.depth++
	c.known[v] = list.elementOf(c.depth)
	return all{&defined{list, false}, not{&some{list, c.depth, not{r.body(e.Body, c, nil)}, false}}}
}

// stands is the condition of a term by itself.
func (r reader) stands(t *ast.Term, c setting) condition {
	if p, rest, ok := c.find(t); ok {
		if p.of.Kind() == reflect.Bool && rest == 0 {
			return compared(operandAt(p), relations["equal"], constantOperand(ast.Boolean(true)))
		}
		return r.reached(t, p, rest)
	}
	if call, ok := t.Value.(ast.Call); ok {
		if found, ok := r.call(call, c); ok {
			return found
		}
	}
	if name, whole := c.ruleNamed(t); name != "" {
		if found, ok := r.firstOf(t, name); ok {
			return found
		}
		if found, ok := r.lookedUp(t, name, c); ok {
			return found
		}
		found := r.rule(name)
		if !whole {
			return atMost{all{found, r.within(name)}} // it is defined; whether the part meant is, is another question
		}
		return found
	}
	return open{}
}

// reached is the condition that a place, or something in the list there, is defined.
func (r reader) reached(t *ast.Term, p place, rest int) condition {
	ref, _ := t.Value.(ast.Ref)
	if rest == 1 && p.of.Kind() == reflect.Slice {
		if n, ok := ref[len(ref)-1].Value.(ast.Number); ok {
			return atMost{compared(lengthOf(p), relations["gt"], constantOperand(n))}
		}
	}
	return atMost{&defined{p, rest > 0}}
}

// within is the condition that a rule which collects has something in it.
func (r reader) within(name string) condition {
	if rules := r.rules[name]; len(rules) == 1 && rules[0].Head.Value != nil && rules[0].Else == nil {
		if list, ok := rules[0].Head.Value.Value.(*ast.ArrayComprehension); ok {
			return r.body(list.Body, setting{topic: topicOf(name)}, nil)
		}
	}
	return open{}
}

// firstOf reads list[0] of a list that a rule without conditions collects from facts.
func (r reader) firstOf(t *ast.Term, name string) (condition, bool) {
	ref, _ := t.Value.(ast.Ref)
	rules := r.rules[name]
	if len(ref) != 2 || !ref[1].Equal(ast.IntNumberTerm(0)) || len(rules) != 1 || len(rules[0].Head.Args) > 0 ||
		rules[0].Default || rules[0].Else != nil || rules[0].Head.Value == nil || !always(rules[0].Body) {
		return nil, false
	}
	list, ok := rules[0].Head.Value.Value.(*ast.ArrayComprehension)
	if !ok {
		return nil, false
	}
	return r.body(list.Body, setting{topic: topicOf(name)}, func(c setting) condition {
		if p, rest, ok := c.find(list.Term); ok && rest == 0 && p.of.Kind() == reflect.Struct {
			return all{&defined{p, false}} // never false
		}
		return open{}
	}), true
}

// lookedUp reads table[x] of a rule that is a table of constants.
func (r reader) lookedUp(t *ast.Term, name string, c setting) (condition, bool) {
	ref, _ := t.Value.(ast.Ref)
	rules := r.rules[name]
	if len(ref) != 2 || len(rules) != 1 || len(rules[0].Head.Args) > 0 || rules[0].Default || rules[0].Else != nil ||
		rules[0].Head.Value == nil || !ast.IsConstant(rules[0].Head.Value.Value) || !always(rules[0].Body) {
		return nil, false
	}
	table, isTable := rules[0].Head.Value.Value.(ast.Object)
	key, plain := r.operand(ref[1], c)
	if !isTable || !plain {
		return nil, false
	}
	var among anyOf
	table.Foreach(func(k, _ *ast.Term) {
		among = append(among, compared(key, relations["equal"], constantOperand(k.Value)))
	})
	return atMost{among}, true // what stands there may be false
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
		if isCall(call[1]) {
			return atMost{not{r.members(call[1], c)}}, true // and what is called has to be defined
		}
		return not{r.members(call[1], c)}, true
	}
	return nil, false
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
			inner, ok := r.inside(c, name, one, terms[1:])
			if !ok || one.Default {
				return nil, false
			}
			alternatives = append(alternatives, result(one, r.defined(one, inner), rule.Else != nil))
		}
	}
	if len(alternatives) == 0 {
		return nil, false
	}
	// The arguments must be there too, or nothing is called.
	return all{alternatives, r.given(terms[1:], c)}, true
}

// defined is the condition under which one rule of a name has a value: its body holds, and what the
// value is made of is there.
func (r reader) defined(one *ast.Rule, c setting) condition {
	value := one.Head.Value
	if value == nil || ast.IsConstant(value.Value) {
		return r.body(one.Body, c, nil)
	}
	return r.body(one.Body, c, func(c setting) condition { return r.there([]*ast.Term{value}, c) })
}

// given is the condition that arguments are there.
func (r reader) given(terms []*ast.Term, c setting) condition {
	var found all
	for _, t := range terms {
		switch p, rest, ok := c.find(t); {
		case ok && rest == 0:
			found = append(found, &defined{p, false})
		case !ast.IsConstant(t.Value):
			if o, ok := r.operand(t, c); ok {
				found = append(found, &comes{o})
				continue
			}
			found = append(found, r.there([]*ast.Term{t}, c))
		}
	}
	return found
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
				if called, ok := r.call(x, c); ok {
					found = append(found, called)
					return true
				}
				for _, arg := range x[1:] {
					found = append(found, r.there([]*ast.Term{arg}, c))
				}
				return true
			case *ast.Term:
				ref, isRef := x.Value.(ast.Ref)
				if isRef && len(ref) > 1 {
					found = append(found, r.members(ref[0], c)) // [… | …][0]
					if isCall(ref[0]) {
						found = append(found, r.there(ref[:1], c))
					}
				}
				if p, rest, ok := c.find(x); ok { // it may be false, and is there all the same
					found = append(found, r.reached(x, p, rest))
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
		return r.comprehended(v.Body, v.Term, c)
	case *ast.SetComprehension:
		return r.comprehended(v.Body, v.Term, c)
	case *ast.ObjectComprehension:
		return atMost{r.body(v.Body, c, nil)}
	case ast.Set:
		return atMost{r.there(v.Slice(), c)}
	case ast.Call:
		if v[0].Value.String() == ast.Or.Name {
			return atMost{anyOf{r.members(v[1], c), r.members(v[2], c)}}
		}
		return r.collected(v, c)
	}
	if p, rest, ok := c.find(t); ok && rest == 0 && p.of.Kind() == reflect.Slice {
		return atMost{&defined{p, true}}
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
		alternatives = append(alternatives, r.body(rule.Body, setting{topic: topicOf(name)}, func(c setting) condition { return r.member(rule.Head.Key, c) }))
	}
	return alternatives
}

// comprehended is the condition under which a comprehension has a member: its body holds, and what the
// member is made of is there.
func (r reader) comprehended(b ast.Body, member *ast.Term, c setting) condition {
	return atMost{r.body(b, c, func(c setting) condition { return r.member(member, c) })}
}

// collected is the condition under which a function that only collects gives something: one of its bodies
// holds, and what that gives has a member.
func (r reader) collected(call ast.Call, c setting) condition {
	name, whole := c.ruleNamed(call[0])
	if name == "" || !whole || len(r.rules[name]) != 1 {
		return open{}
	}
	var alternatives anyOf
	for one := r.rules[name][0]; one != nil; one = one.Else {
		inner, ok := r.inside(c, name, one, call[1:])
		if !ok || one.Default || one.Head.Value == nil {
			return open{}
		}
		alternatives = append(alternatives, r.body(one.Body, inner, func(c setting) condition { return r.members(one.Head.Value, c) }))
	}
	return atMost{alternatives}
}

// member is the condition that a member of a set can be made: a value, or a row of values, that are
// all there.
func (r reader) member(key *ast.Term, c setting) condition {
	parts := []*ast.Term{key}
	if row, ok := key.Value.(*ast.Array); ok {
		parts = nil
		row.Foreach(func(t *ast.Term) { parts = append(parts, t) })
	}
	var found all
	for _, t := range parts {
		p, rest, ok := c.find(t)
		switch {
		case ok && rest == 0:
			found = append(found, &defined{p, false})
		case !ast.IsConstant(t.Value):
			return r.there([]*ast.Term{key}, c)
		}
	}
	return found
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
			alternatives = append(alternatives, result(one, r.defined(one, setting{topic: topicOf(name)}), rule.Else != nil))
		}
	}
	return alternatives
}
