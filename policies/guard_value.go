package policies

import (
	"reflect"

	"github.com/open-policy-agent/opa/v1/ast"
)

// compared reads a comparison whose sides are plain.
func (r reader) compared(terms []*ast.Term, c setting) (condition, bool) {
	if len(terms) != 3 {
		return nil, false
	}
	relation, ok := relations[terms[0].Value.String()]
	if !ok {
		return nil, false
	}
	left, ok1 := r.operand(terms[1], c)
	right, ok2 := r.operand(terms[2], c)
	if !ok1 || !ok2 {
		return nil, false
	}
	return compared(left, relation, right), true
}

// listed reads x in {a, b} of a place and constants.
func (r reader) listed(terms []*ast.Term, c setting) (condition, bool) {
	if len(terms) != 3 || terms[0].Value.String() != ast.Member.Name {
		return nil, false
	}
	set, ok := terms[2].Value.(ast.Set)
	left, plain := r.operand(terms[1], c)
	if !ok || !plain {
		return nil, false
	}
	var among anyOf
	for _, t := range set.Slice() {
		right, plain := r.operand(t, c)
		if !plain || right.constant == nil {
			return nil, false
		}
		among = append(among, compared(left, relations["equal"], right))
	}
	return among, true
}

// operand reads a side of a comparison: a constant, a place, the moment, the length of a list, or what is
// computed from those.
func (r reader) operand(t *ast.Term, c setting) (o operand, ok bool) {
	switch v := t.Value.(type) {
	case ast.Null, ast.Boolean, ast.Number, ast.String:
		return constantOperand(v), true
	case ast.Var:
		if o, ok := c.values[v]; ok {
			return o, true
		}
	case ast.Call:
		if n, ok := arithmetic(v); ok {
			return constantOperand(n), true
		}
		if len(v) == 2 && v[0].Value.String() == "count" {
			if p, rest, ok := c.find(v[1]); ok && rest == 0 && p.of.Kind() == reflect.Slice {
				return lengthOf(p), true
			}
		}
		if o, ok := r.computed(v, c); ok {
			return o, true
		}
		if o, ok := r.deadline(v, c); ok {
			return o, true
		}
		if o, ok := r.extreme(v, c); ok {
			return o, true
		}
		return r.returned(v, c)
	case ast.Ref:
		if v.Equal(nowRef) {
			return operand{now: true}, true
		}
	}
	if p, rest, ok := c.find(t); ok {
		return operandAt(p), rest == 0
	}
	return r.valued(t, c)
}

// valued reads what a rule without arguments gives, or one part of that where it is a list: what the
// first of its bodies that holds says, and the default last.
func (r reader) valued(t *ast.Term, c setting) (o operand, ok bool) {
	name, whole := c.ruleNamed(t)
	part := -1
	if ref, isRef := t.Value.(ast.Ref); name != "" && !whole && isRef {
		n, isNumber := ref[len(ref)-1].Value.(ast.Number)
		at, isInt := n.Int()
		if !isNumber || !isInt || at < 0 || len(ref) != 2 {
			return o, false
		}
		part = at
	}
	var ways, otherwise alternatives
	for _, rule := range r.rules[name] {
		value := rule.Head.Value
		if len(rule.Head.Args) > 0 || rule.Head.Key != nil || rule.Else != nil || value == nil || len(rule.Head.Ref()) != 1 {
			return o, false
		}
		if list, isList := value.Value.(*ast.Array); part >= 0 && isList && part < list.Len() {
			value = list.Elem(part)
		} else if part >= 0 {
			return o, false
		}
		inner := setting{topic: topicOf(name)}.apart()
		for _, e := range rule.Body {
			for _, v := range assigned(e) {
				inner.forget(v) // they have a value while the body is gone through, and no longer
			}
		}
		given, readable := r.operand(value, inner)
		if !readable {
			given = operand{closed: true}
		}
		if ok = ok || readable; rule.Default {
			otherwise = append(otherwise, way{all{}, given})
			continue
		}
		ways = append(ways, way{simplified(r.body(rule.Body, setting{topic: topicOf(name)}, nil)), given})
	}
	return operand{choice: append(ways, otherwise...)}, ok
}

// extreme reads max([a, b]) and min([a, b]).
func (r reader) extreme(call ast.Call, c setting) (o operand, ok bool) {
	name := call[0].Value.String()
	if len(call) != 2 || name != "max" && name != "min" {
		return o, false
	}
	list, ok := call[1].Value.(*ast.Array)
	if !ok || list.Len() == 0 {
		return o, false
	}
	x := &extreme{most: name == "max"}
	for i := range list.Len() {
		one, plain := r.operand(list.Elem(i), c)
		if !plain {
			return o, false
		}
		x.of = append(x.of, one)
	}
	return operand{extreme: x}, true
}

// computes reads x := <what is computed from places>.
func (r reader) computes(e *ast.Expr, c setting) (v ast.Var, o operand, ok bool) {
	if !e.IsAssignment() || e.Negated || len(e.With) > 0 {
		return "", o, false
	}
	v, isVar := e.Operand(0).Value.(ast.Var)
	o, ok = r.operand(e.Operand(1), c)
	return v, o, isVar && ok
}

// computed reads a sum, difference, product or remainder of two operands.
func (r reader) computed(call ast.Call, c setting) (o operand, ok bool) {
	op := call[0].Value.String()
	if len(call) != 3 || op != "plus" && op != "minus" && op != "mul" && op != "rem" {
		return o, false
	}
	left, ok1 := r.operand(call[1], c)
	right, ok2 := r.operand(call[2], c)
	return operand{calculation: &calculation{op, left, right}}, ok1 && ok2
}

// returned reads what a function of the rules gives for places: a limit that is a moment and so many
// seconds, or one limit or another. Every argument must be part of each value, because nothing is returned
// where an argument is not there.
func (r reader) returned(call ast.Call, c setting) (o operand, ok bool) {
	name, whole := c.ruleNamed(call[0])
	if name == "" || !whole || len(r.rules[name]) != 1 {
		return o, false
	}
	var ways alternatives
	for one := r.rules[name][0]; one != nil; one = one.Else {
		inner, ok := r.inside(c, name, one, call[1:])
		if !ok || one.Default || one.Head.Value == nil || len(inner.other) > 0 {
			return o, false
		}
		parts := map[ast.Var]bool{}
		ast.WalkVars(one.Head.Value, func(v ast.Var) bool {
			parts[v] = true
			return false
		})
		for v := range inner.known {
			if !parts[v] {
				return o, false
			}
		}
		for v, o := range inner.values {
			if !parts[v] && o.constant == nil {
				return o, false
			}
		}
		value, ok := r.operand(one.Head.Value, inner)
		if !ok {
			return o, false
		}
		if one == r.rules[name][0] && one.Else == nil && always(one.Body) {
			return value, true
		}
		ways = append(ways, way{simplified(r.body(one.Body, inner, nil)), value})
	}
	return operand{choice: ways}, true
}

var calendarRef = ast.MustParseRef("input.tenant.calendar")

// deadline reads working days after a moment, by the calendar that holds for the session.
func (r reader) deadline(call ast.Call, c setting) (o operand, ok bool) {
	if len(call) != 4 || call[0].Value.String() != workingDaysAfter || !calendarRef.Equal(call[1].Value) {
		return o, false
	}
	at, ok := r.operand(call[2], c)
	n, isNumber := call[3].Value.(ast.Number)
	days, isInt := n.Int()
	if !ok || !isNumber || !isInt || days < 0 || days > maxWorkingDays {
		return o, false
	}
	return operand{deadline: &deadline{at, days}}, true
}

var trueBody = ast.MustParseBody("true")

// always reports whether a body is the one of a rule that has none.
func always(b ast.Body) bool {
	return b.Equal(trueBody)
}

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
