package scenario

import (
	"math"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"mingjian/collector/event"
)

// eventFields are the fields of the event model by name. The model itself says what there is, so
// that a field added there can be used in scenarios at once.
var eventFields = fieldsOf(reflect.TypeFor[event.Event]())

func fieldsOf(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			out[name] = t.Field(i).Type
		}
	}
	return out
}

// members are the fields of a mapping, block or flow.
func members(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// key is a field's name, quoted or not.
func key(m *ast.MappingValueNode) string {
	if s, ok := m.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return m.Key.String()
}

// text reads a text as it was written: 12345, true and 1.0 are texts where one is wanted.
func (r *reader) text(n ast.Node, name string) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value
	}
	r.fault(n, "%s must be a text", name)
	return ""
}

// value reads what a field of the event model may hold, as encoding/json would give it. Fields that
// the model does not have are left out, with a warning.
func (r *reader) value(n ast.Node, t reflect.Type, name string) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return r.text(n, name)
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			return b.Value
		}
		r.fault(n, "%s must be true or false", name)
	case reflect.Int, reflect.Int64:
		if i, ok := n.(*ast.IntegerNode); ok {
			return i.Value
		}
		r.fault(n, "%s must be a whole number", name)
	case reflect.Float64:
		switch f := n.(type) {
		case *ast.IntegerNode:
			return f.Value
		case *ast.FloatNode:
			if !math.IsInf(f.Value, 0) && !math.IsNaN(f.Value) {
				return f.Value
			}
		}
		r.fault(n, "%s must be a number", name)
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			r.fault(n, "%s must be a list", name)
			return nil
		}
		out := make([]any, 0, len(list.Values))
		for _, v := range list.Values {
			out = append(out, r.value(v, t.Elem(), name))
		}
		return out
	case reflect.Struct:
		entries, ok := members(n)
		if !ok {
			r.fault(n, "%s is a list of fields here, not a text", name)
			return nil
		}
		known, out := fieldsOf(t), map[string]any{}
		for _, m := range entries {
			field := key(m)
			if known[field] == nil {
				r.warn(m, "%s.%s is ignored: it is no field of the event model", name, field)
				continue
			}
			out[field] = r.value(m.Value, known[field], name+"."+field)
		}
		return out
	}
	return nil
}
