package policies

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json" // which writes a nil slice as [], as rules see it
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// Plain answers Inputs the way that OPA's documentation shows first: modules as they stand, parameters
// as data, one prepared query, and an input that comes as JSON. It is what Engine is measured against,
// and finds what Engine finds; nothing decides by it. It is safe for many goroutines.
type Plain struct {
	bundle   *Bundle
	compiler *ast.Compiler
	data     storage.Store
	// applicable asks only the packs of the session's jurisdiction, with one query for each choice.
	applicable bool
	mu         sync.Mutex
	queries    map[string]rego.PreparedEvalQuery // by packs
}

// NewPlain prepares a bundle: all packs in one query or, with applicable, those that apply to a session.
func NewPlain(ctx context.Context, b *Bundle, applicable bool) (*Plain, error) {
	data, err := b.testData()
	if err != nil {
		return nil, fmt.Errorf("prepare rules: %w", err)
	}
	modules := map[string]*ast.Module{}
	for _, t := range b.topics {
		modules[t.file] = t.module.Copy()
	}
	c := ast.NewCompiler().WithCapabilities(capabilities(b.functions))
	if c.Compile(modules); c.Failed() {
		return nil, fmt.Errorf("prepare rules: %w", c.Errors)
	}
	p := &Plain{
		bundle: b, compiler: c, applicable: applicable, queries: map[string]rego.PreparedEvalQuery{},
		data: inmem.NewFromObject(map[string]any{"mingjian": map[string]any{"params": data["params"]}}),
	}
	_, err = p.query(ctx, packNames)
	return p, err
}

// query prepares the question to some packs, once.
func (p *Plain) query(ctx context.Context, packs []string) (rego.PreparedEvalQuery, error) {
	if !p.applicable {
		packs = packNames
	}
	key := strings.Join(packs, " ")
	p.mu.Lock()
	defer p.mu.Unlock()
	if q, ok := p.queries[key]; ok {
		return q, nil
	}
	var sets []string
	for _, t := range p.bundle.topics {
		if slices.Contains(packs, t.pack) {
			for _, name := range t.sets {
				sets = append(sets, t.ref+"."+name)
			}
		}
	}
	options := []func(*rego.Rego){
		rego.Compiler(p.compiler), rego.Store(p.data), rego.StrictBuiltinErrors(true),
		rego.Query("[" + strings.Join(sets, ", ") + "]"),
	}
	for _, f := range p.bundle.functions {
		options = append(options, f.option)
	}
	q, err := rego.New(options...).PrepareForEval(ctx)
	if err != nil {
		return q, fmt.Errorf("prepare rules: %w", err)
	}
	p.queries[key] = q
	return q, nil
}

// Check gives the rules that apply to the session and find something, in order. What the Engine is
// told in order to ask less is left out of account.
func (p *Plain) Check(ctx context.Context, in *Input) ([]string, error) {
	packs := p.bundle.jurisdictions.of(in.Session.Jurisdiction)
	q, err := p.query(ctx, packs)
	if err != nil {
		return nil, err
	}
	tenant, err := ast.JSON(p.bundle.tenants.term(in.Tenant, in.Session.Jurisdiction).Value)
	if err != nil {
		return nil, fmt.Errorf("check session: %w", err)
	}
	text, err := json.Marshal(map[string]any{"session": p.bundle.completed(in), "tenant": tenant, "now": in.Now})
	if err != nil {
		return nil, fmt.Errorf("check session: %w", err)
	}
	var input map[string]any
	if err := json.Unmarshal(text, &input); err != nil {
		return nil, fmt.Errorf("check session: %w", err)
	}
	answer, err := q.Eval(ctx, rego.EvalInput(input))
	if err != nil {
		return nil, fmt.Errorf("check session: %w", err)
	}
	if len(answer) != 1 || len(answer[0].Expressions) != 1 {
		return nil, fmt.Errorf("check session: packs gave %d answers, not one", len(answer))
	}
	sets, _ := answer[0].Expressions[0].Value.([]any)
	var found []string
	for _, set := range sets {
		members, _ := set.([]any)
		for _, m := range members {
			object, _ := m.(map[string]any)
			if _, finding := object["severity"]; !finding {
				continue
			}
			id, _ := object["id"].(string)
			if rule, ok := p.bundle.Rule(id); ok && slices.Contains(packs, rule.Pack) {
				found = append(found, id)
			}
		}
	}
	slices.Sort(found)
	return found, nil
}
