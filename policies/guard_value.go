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
	op := terms[0].Value.String()
	switch op {
	case "equal", "neq", "gt", "gte", "lt", "lte":
	default:
		return nil, false
	}
	left, ok1 := r.operand(terms[1], c)
	right, ok2 := r.operand(terms[2], c)
	return comparison{op, left, right}, ok1 && ok2
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
		among = append(among, comparison{"equal", left, right})
	}
	return among, true
}

// operand reads a side of a comparison: a constant, a place, the moment, the length of a list, or what is
// computed from those.
func (r reader) operand(t *ast.Term, c setting) (o operand, ok bool) {
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
		if o, ok := r.computed(v, c); ok {
			return o, true
		}
		return r.returned(v, c)
	case ast.Ref:
		if v.Equal(nowRef) {
			return operand{now: true}, true
		}
	}
	p, rest, ok := c.find(t)
	return operand{place: &p.place}, ok && rest == 0
}

// computed reads a sum, difference or product of two operands.
func (r reader) computed(call ast.Call, c setting) (o operand, ok bool) {
	op := call[0].Value.String()
	if len(call) != 3 || op != "plus" && op != "minus" && op != "mul" {
		return o, false
	}
	left, ok1 := r.operand(call[1], c)
	right, ok2 := r.operand(call[2], c)
	return operand{calculation: &calculation{op, left, right}}, ok1 && ok2
}

// returned reads what a function of the rules gives for places, where it has one rule without
// conditions: a limit that is a moment and so many seconds. Every argument must be part of it, because
// nothing is returned where an argument is not there.
func (r reader) returned(call ast.Call, c setting) (o operand, ok bool) {
	name, whole := c.ruleNamed(call[0])
	if name == "" || !whole || len(r.rules[name]) != 1 {
		return o, false
	}
	rule := r.rules[name][0]
	if rule.Default || rule.Else != nil || len(rule.Head.Args) != len(call)-1 || rule.Head.Value == nil || !always(rule.Body) {
		return o, false
	}
	inner := setting{topic: topicOf(name), known: map[ast.Var]standsFor{}, other: map[ast.Var]bool{}, depth: c.depth}
	parts := map[ast.Var]bool{}
	ast.WalkVars(rule.Head.Value, func(v ast.Var) bool {
		parts[v] = true
		return false
	})
	for i, arg := range rule.Head.Args {
		v, isVar := arg.Value.(ast.Var)
		p, rest, isPlace := c.find(call[i+1])
		if !isVar || !isPlace || rest != 0 || !parts[v] {
			return o, false
		}
		inner.known[v] = p
	}
	return r.operand(rule.Head.Value, inner)
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
