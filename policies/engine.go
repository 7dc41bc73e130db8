package policies

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Engine answers Inputs for one bundle; safe for many goroutines. One query is prepared per set of
// packs that jurisdictions ask for, with the parameters folded into the rules as constants.
type Engine struct {
	where   jurisdictions
	queries map[string]rego.PreparedEvalQuery // by packSet
	pack    map[string]string                 // rule id → pack
	// never is the cancel that nobody pulls. Without one OPA starts a goroutine for each
	// evaluation to watch the context, at a cost that shows; rules neither loop nor wait.
	never topdown.Cancel
}

// question asks for the three sets by name: as one object, data.mingjian.result, they cost OPA a fifth
// more to put together.
var question = "[data.mingjian.result." + strings.Join(resultSets, ", data.mingjian.result.") + "]"

// packSet names a set of packs.
func packSet(packs []string) string { return strings.Join(packs, " ") }

// NewEngine compiles the packs for each jurisdiction with the parameters folded in.
func NewEngine(ctx context.Context, b *Bundle) (*Engine, error) {
	e := &Engine{
		where:   b.jurisdictions,
		queries: map[string]rego.PreparedEvalQuery{},
		pack:    map[string]string{},
		never:   topdown.NewCancel(),
	}
	for _, r := range b.Rules {
		e.pack[r.ID] = r.Pack
	}
	sets := [][]string{b.jurisdictions.fallback}
	for _, packs := range b.jurisdictions.packs {
		sets = append(sets, packs)
	}
	for _, packs := range sets {
		if _, done := e.queries[packSet(packs)]; done {
			continue
		}
		var topics []topic
		for _, t := range b.topics {
			if slices.Contains(packs, t.pack) {
				topics = append(topics, t)
			}
		}
		compiler, err := compile(topics, b.params)
		if err != nil {
			return nil, fmt.Errorf("compile packs %s: %w", packSet(packs), err)
		}
		query, err := rego.New(
			rego.Compiler(compiler),
			rego.Query(question),
			rego.StrictBuiltinErrors(true),
			rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.Value, nil }),
		).PrepareForEval(ctx)
		if err != nil {
			return nil, fmt.Errorf("prepare packs %s: %w", packSet(packs), err)
		}
		e.queries[packSet(packs)] = query
	}
	return e, nil
}

// Check asks every rule that applies to the session's jurisdiction. The answer depends on the
// bundle and the input alone. An error means a defect in a pack, never bad facts.
func (e *Engine) Check(ctx context.Context, in *Input) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	query := e.queries[packSet(e.where.of(in.Session.Jurisdiction))]
	answer, err := query.Eval(ctx, rego.EvalParsedInput(in.Value()), rego.EvalExternalCancel(e.never))
	if err != nil {
		return Verdict{}, fmt.Errorf("check session: %w", err)
	}
	if len(answer) != 1 || len(answer[0].Expressions) != 1 {
		return Verdict{}, fmt.Errorf("check session: packs gave %d answers, not one", len(answer))
	}
	sets, _ := answer[0].Expressions[0].Value.(*ast.Array)
	v, err := e.verdict(sets)
	if err != nil {
		return Verdict{}, fmt.Errorf("check session: %w", err)
	}
	return v, nil
}
