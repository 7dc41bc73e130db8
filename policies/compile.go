package policies

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// resultModule is package mingjian.result for a choice of topics: the rules of the three sets, taken
// out of their topics. Each set is so a single one for OPA, whose index then picks in one step the
// few rules that can hold, instead of asking topic after topic.
func resultModule(topics []topic, folded []*ast.Module) (*ast.Module, error) {
	result := ast.MustParseModule("package mingjian.result")
	given := map[string]bool{}
	for i, t := range topics {
		rules := map[ast.Var]bool{}
		for _, r := range folded[i].Rules {
			rules[ast.Var(ruleName(r))] = true
		}
		for _, r := range folded[i].Rules {
			if !slices.Contains(resultSets, ruleName(r)) {
				continue
			}
			moved, err := qualify(r, t, rules)
			if err != nil {
				return nil, err
			}
			moved.Module = result
			result.Rules = append(result.Rules, moved)
			given[ruleName(r)] = true
		}
	}
	for _, set := range resultSets {
		if !given[set] {
			empty := ast.MustParseModule("package mingjian.result\n" + set + " := set()").Rules[0]
			empty.Module = result
			result.Rules = append(result.Rules, empty)
		}
	}
	return result, nil
}

// qualify copies a rule so that it means the same outside its topic: the names of the topic's rules
// become full references.
func qualify(r *ast.Rule, t topic, rules map[ast.Var]bool) (*ast.Rule, error) {
	if name, ok := shadowed(r, rules); ok {
		return nil, faultf(t.file, r.Location.Row, "%s is the name of a rule of this topic and of a local variable here; rename one", name)
	}
	full := ast.MustParseRef("data.mingjian." + t.pack + "." + t.name)
	name := func(v ast.Value) (ast.Ref, bool) {
		n, ok := v.(ast.Var)
		if !ok || !rules[n] {
			return nil, false
		}
		return full.Append(ast.StringTerm(string(n))), true
	}
	transformer := ast.NewGenericTransformer(func(x any) (any, error) {
		switch x := x.(type) {
		case ast.Ref:
			if ref, ok := name(x[0].Value); ok {
				return ref.Concat(x[1:]), nil
			}
		case ast.Var:
			if ref, ok := name(x); ok {
				return ref, nil
			}
		}
		return x, nil
	})
	moved := r.Copy()
	moved.Annotations = nil
	body, err := ast.Transform(transformer, moved.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Location, err)
	}
	moved.Body = body.(ast.Body)
	key, err := ast.Transform(transformer, moved.Head.Key.Value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Location, err)
	}
	moved.Head.Key.Value = key.(ast.Value)
	return moved, nil
}

// shadowed finds a local variable that has the name of a rule.
func shadowed(r *ast.Rule, rules map[ast.Var]bool) (found ast.Var, ok bool) {
	check := func(x *ast.Term) {
		ast.WalkVars(x, func(v ast.Var) bool {
			if rules[v] {
				found, ok = v, true
			}
			return false
		})
	}
	ast.WalkExprs(r, func(e *ast.Expr) bool {
		if e.IsAssignment() {
			check(e.Operand(0))
		}
		switch terms := e.Terms.(type) {
		case *ast.SomeDecl:
			for _, s := range terms.Symbols {
				if call, isIn := s.Value.(ast.Call); isIn { // some k, v in x: declares all but the last
					for _, declared := range call[1 : len(call)-1] {
						check(declared)
					}
					continue
				}
				check(s)
			}
		case *ast.Every:
			if terms.Key != nil {
				check(terms.Key)
			}
			check(terms.Value)
		}
		return false
	})
	return found, ok
}

// compile checks topics strictly and makes them ready to run, parameters folded in.
func compile(topics []topic, params parameters) (*ast.Compiler, error) {
	modules := make(map[string]*ast.Module, len(topics)+1)
	folded := make([]*ast.Module, len(topics))
	for i, t := range topics {
		m, err := params.fold(t.module)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.file, err)
		}
		folded[i], modules[t.file] = m, m
	}
	result, err := resultModule(topics, folded)
	if err != nil {
		return nil, err
	}
	modules["result.rego"] = result
	c := ast.NewCompiler().WithStrict(true).SetErrorLimit(0)
	if c.Compile(modules); c.Failed() {
		return nil, regoFaults("packs", c.Errors)
	}
	return c, nil
}
