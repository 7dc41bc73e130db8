package policies

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Trace is how a rule came to its answer about one input, for a reader.
type Trace struct {
	Found bool   `json:"found"` // the rule gives a finding
	File  string `json:"file"`  // where the rule stands
	Line  int    `json:"line"`
	Text  string `json:"text"` // the rule as written, without its METADATA
	// Params are those that the rule and what it called read, as they hold for the session; by name.
	Params []Parameter `json:"params"`
	Steps  []Step      `json:"steps"` // the rule's own conditions first, then what it called, as it was called
}

// Parameter is a parameter with its value as JSON.
type Parameter struct {
	Name  string `json:"name"` // <pack>.<name>
	Value string `json:"value"`
}

// Step is one body of conditions that was evaluated: the rule's own, or that of a definition it called.
type Step struct {
	Name       string      `json:"name"` // finding, or the definition's name
	File       string      `json:"file"`
	Line       int         `json:"line"`
	Depth      int         `json:"depth"` // 0: the rule itself
	Held       bool        `json:"held"`  // all its conditions together, at least once
	Conditions []Condition `json:"conditions"`
}

// Condition is one condition and what came of it.
type Condition struct {
	Text   string      `json:"text"` // as written
	Line   int         `json:"line"`
	Asked  bool        `json:"asked"` // false: one before it did not hold
	Held   bool        `json:"held"`
	Values []Parameter `json:"values,omitempty"` // what it speaks of, by name, as JSON
}

// maxSteps bounds what is told of one rule. Definitions that are called for each of many things repeat.
const maxSteps = 24

// Trace asks one rule about an input, alone, and tells each condition with the values it was about.
func (b *Bundle) Trace(ctx context.Context, in *Input, rule string) (*Trace, error) {
	at := slices.IndexFunc(b.topics, func(t topic) bool { return slices.Contains(t.rules, rule) })
	if at < 0 && slices.ContainsFunc(b.indicators, func(t topic) bool { return slices.Contains(t.rules, rule) }) {
		return nil, fmt.Errorf("rule %s judges an indicator, and no session", rule)
	}
	if at < 0 {
		return nil, fmt.Errorf("revision %s has no rule %s", b.Revision, rule)
	}
	t := b.topics[at]
	params := b.parameters(b.overrides.choose(in))
	// Alone: what another rule of the topic has evaluated before would not be evaluated again, and be
	// missing from the trace.
	alone := *t.module
	alone.Rules = nil
	out := &Trace{File: t.file}
	for _, r := range t.module.Rules {
		switch id, _ := headField(r, "id"); {
		case ruleName(r) == findingSet && id == rule:
			out.Line, out.Text = r.Location.Row, string(r.Location.Text)
		case slices.Contains(resultSets, ruleName(r)):
			continue
		}
		alone.Rules = append(alone.Rules, r)
	}
	all := slices.Clone(b.topics)
	all[at].module = &alone
	compiler, err := compile(all, params, b.functions)
	if err != nil {
		return nil, fmt.Errorf("trace rule %s: %w", rule, err)
	}
	options := []func(*rego.Rego){
		rego.Compiler(compiler), rego.Query("data.mingjian." + t.pack + "." + t.name + "." + findingSet), rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.Value, nil }),
	}
	for _, f := range b.functions {
		options = append(options, f.option)
	}
	query, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("trace rule %s: %w", rule, err)
	}
	engine := Engine{bundle: b}
	input := engine.input(in, b.completed(in), AllFields)
	buffer := topdown.NewBufferTracer()
	answer, err := query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalQueryTracer(buffer), rego.EvalRuleIndexing(false), rego.EvalEarlyExit(false))
	if err != nil {
		return nil, fmt.Errorf("trace rule %s: %w", rule, err)
	}
	if len(answer) != 1 {
		return nil, errors.New("trace rule " + rule + ": the pack gave no answer")
	}
	set, _ := answer[0].Expressions[0].Value.(ast.Set)
	out.Found = set != nil && set.Len() > 0
	r := reading{bundle: b, params: params, input: ast.NewTerm(input), read: map[string]string{}}
	out.Steps = r.steps(*buffer)
	for name, value := range r.read {
		out.Params = append(out.Params, Parameter{name, value})
	}
	slices.SortFunc(out.Params, func(a, b Parameter) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// reading makes steps of OPA's events.
type reading struct {
	bundle *Bundle
	params parameters
	input  *ast.Term
	read   map[string]string // parameters that were read
}

// visit is one evaluation of a rule's body.
type visit struct {
	rule   *ast.Rule // as compiled
	parent uint64
	exits  int
	evals  map[int]int // by row: how often conditions there were entered
	fails  map[int]int // … and never held
	locals map[string]ast.Value
}

func (r *reading) steps(events []*topdown.Event) (out []Step) {
	visits := map[uint64]*visit{}
	parents := map[uint64]uint64{}
	var order []uint64
	for _, e := range events {
		if _, known := parents[e.QueryID]; !known {
			parents[e.QueryID] = e.ParentID
		}
		if rule, ok := e.Node.(*ast.Rule); ok && e.Op == topdown.EnterOp {
			visits[e.QueryID] = &visit{rule: rule, parent: e.ParentID, evals: map[int]int{}, fails: map[int]int{}, locals: map[string]ast.Value{}}
			order = append(order, e.QueryID)
		}
		v := visits[e.QueryID]
		if v == nil {
			continue // a comprehension or a negation within a condition: the condition tells
		}
		switch e.Op {
		case topdown.ExitOp:
			v.exits++
			v.keep(e)
		case topdown.EvalOp:
			v.evals[e.Location.Row]++
			if v.exits == 0 {
				v.keep(e)
			}
		case topdown.FailOp:
			v.fails[e.Location.Row]++
		}
	}
	for _, id := range order {
		v := visits[id]
		source := r.source(v.rule)
		if source == nil || unconditional(source) || len(out) == maxSteps {
			continue
		}
		step := Step{Name: ruleName(source), File: source.Location.File, Line: source.Location.Row, Held: v.exits > 0}
		for at := v.parent; ; at = parents[at] {
			if up := visits[at]; up != nil {
				step.Depth++
			}
			if _, more := parents[at]; !more || parents[at] == at {
				break
			}
		}
		for i, x := range source.Body {
			step.Conditions = append(step.Conditions, r.condition(v, source, i, x))
		}
		step.settle()
		ast.WalkRefs(source, func(ref ast.Ref) bool {
			if pack, name, ok := paramName(ref); ok {
				r.read[pack+"."+name] = r.params[pack][name].String()
			}
			return false
		})
		out = append(out, step)
	}
	slices.SortStableFunc(out, func(a, b Step) int { return cmp.Compare(min(a.Depth, 1), min(b.Depth, 1)) })
	return out
}

// settle finds the condition that a body failed at where OPA named none of them as a whole: a list that
// is taken the first of is built, and empty. It is the last one that was reached.
func (s *Step) settle() {
	failed := func(c Condition) bool { return c.Asked && !c.Held }
	if s.Held || slices.ContainsFunc(s.Conditions, failed) {
		return
	}
	for i := len(s.Conditions) - 1; i >= 0; i-- {
		if c := &s.Conditions[i]; c.Asked {
			c.Held = false
			return
		}
	}
}

// keep notes what local variables are.
func (v *visit) keep(e *topdown.Event) {
	if e.Locals == nil {
		return
	}
	e.Locals.Iter(func(k, value ast.Value) bool {
		name, ok := k.(ast.Var)
		if !ok {
			return false
		}
		written := string(name)
		if m, ok := e.LocalMetadata[name]; ok {
			written = string(m.Name)
		}
		if value.IsGround() && !strings.HasPrefix(written, "__local") {
			v.locals[written] = value
		}
		return false
	})
}

// source is a compiled rule as it was written.
func (r *reading) source(compiled *ast.Rule) *ast.Rule {
	for _, t := range r.bundle.topics {
		if t.file != compiled.Location.File {
			continue
		}
		for _, written := range t.module.Rules {
			if written.Location.Row == compiled.Location.Row && written.Location.Col == compiled.Location.Col {
				return written
			}
		}
	}
	return nil
}

// unconditional reports whether a rule was written without conditions: its body is true, then.
func unconditional(r *ast.Rule) bool {
	if len(r.Body) != 1 {
		return false
	}
	t, ok := r.Body[0].Terms.(*ast.Term)
	return ok && t.Value.Compare(ast.Boolean(true)) == 0
}

// condition tells the i-th condition of a rule in one visit.
func (r *reading) condition(v *visit, source *ast.Rule, i int, x *ast.Expr) Condition {
	first, next := x.Location.Row, 1<<30
	if i+1 < len(source.Body) {
		next = source.Body[i+1].Location.Row
	}
	c := Condition{Text: strings.Join(strings.Fields(string(x.Location.Text)), " "), Line: first, Held: true}
	for row, n := range v.evals {
		if row >= first && row < next {
			c.Asked = true
			c.Held = c.Held && v.fails[row] < n
		}
	}
	c.Held = c.Held && c.Asked
	seen := map[string]bool{}
	tell := func(name string, value ast.Value) {
		if value == nil || seen[name] {
			return
		}
		seen[name] = true
		if text, err := appendCanonical(nil, value); err == nil {
			c.Values = append(c.Values, Parameter{name, string(text)})
		}
	}
	ast.WalkTerms(x, func(t *ast.Term) bool {
		switch value := t.Value.(type) {
		case ast.Ref:
			if pack, name, ok := paramName(value); ok {
				tell(pack+"."+name, r.params[pack][name])
				return true
			}
			if value.HasPrefix(inputRef) && value.IsGround() {
				if found, err := r.input.Value.Find(value[1:]); err == nil {
					tell(strings.TrimPrefix(strings.TrimPrefix(value.String(), "input."), "session."), found)
				}
				return true
			}
			if head, ok := value[0].Value.(ast.Var); ok && value.IsGround() && len(value) > 1 {
				if root := v.locals[string(head)]; root != nil {
					if found, err := root.Find(value[1:]); err == nil {
						tell(value.String(), found)
					}
					return true
				}
			}
		case ast.Var:
			tell(string(value), v.locals[string(value)])
		}
		return false
	})
	return c
}
