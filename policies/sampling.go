package policies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// The files of the decision point mingjian.sampling.
const (
	samplingModule = "sampling/plan.rego"
	samplingTables = "sampling/tables.yaml"
)

// Inspection is how strictly the lots of a stratum are looked at (GB/T 2828.1-2012, 9.3 and 9.4).
type Inspection string

// The states of inspection. Stopped is what the standard calls discontinuation: every session of the
// stratum is looked at until a person lets sampling begin again, which it does tightened.
const (
	Normal    Inspection = "normal"
	Tightened Inspection = "tightened"
	Reduced   Inspection = "reduced"
	Stopped   Inspection = "stopped"
)

// PlanInput is what the plan for a lot is decided from.
type PlanInput struct {
	LotSize int        `json:"lot_size"` // at least 1
	Level   string     `json:"level"`    // I, II, III, S-1 to S-4
	AQL     string     `json:"aql"`      // per cent, as the tables write it: 0.10 to 6.5
	State   Inspection `json:"state"`
}

// Plan is a single sampling plan: of N sessions, at most Ac may be defective; with Re or more the lot
// is not accepted.
type Plan struct {
	Letter string `json:"letter"` // code letter of the row that applies; "" where everything is looked at
	N      int    `json:"n"`
	Ac     int    `json:"ac"`
	Re     int    `json:"re"`
}

// Decided is a lot whose reviews are in.
type Decided struct {
	Accepted  bool   `json:"accepted"`
	Letter    string `json:"letter"` // of its plan
	Ac        int    `json:"ac"`
	Defective int    `json:"defective"` // sessions of the sample
}

// SwitchInput is what the next state is decided from.
type SwitchInput struct {
	State Inspection `json:"state"`
	Score int        `json:"score"` // switching score before the last lot (9.3.3.2)
	AQL   string     `json:"aql"`
	// Steady says that the stratum may be inspected less strictly: that nothing about it is irregular
	// and whoever is responsible wants it so (9.3.3.1, 9.3.4).
	Steady bool `json:"steady"`
	// History is the lots decided since State was entered, oldest first; the last one was just decided.
	History []Decided `json:"history"`
}

// SwitchState is how the next lots of a stratum are looked at.
type SwitchState struct {
	State Inspection `json:"state"`
	Score int        `json:"score"`
}

// Sampling is the decision point mingjian.sampling; safe for many goroutines. Its rules are no pack:
// they decide what people look at, not whether a rule was broken, and are not part of a Bundle's
// revision.
type Sampling struct {
	plan, next rego.PreparedEvalQuery
}

// LoadSampling reads the decision point from a bundle's source.
func LoadSampling(ctx context.Context, fsys fs.FS) (*Sampling, error) {
	var tables map[string]any
	if err := readYAML(fsys, samplingTables, &tables); err != nil {
		return nil, err
	}
	text, err := fs.ReadFile(fsys, samplingModule)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", samplingModule, err)
	}
	module, err := ast.ParseModuleWithOpts(samplingModule, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", samplingModule, err)
	}
	compiler := ast.NewCompiler().WithStrict(true)
	if compiler.Compile(map[string]*ast.Module{samplingModule: module}); compiler.Failed() {
		return nil, fmt.Errorf("%s: %w", samplingModule, compiler.Errors)
	}
	data := inmem.NewFromObject(map[string]any{"mingjian": map[string]any{"tables": tables}})
	prepare := func(query string) (rego.PreparedEvalQuery, error) {
		return rego.New(rego.Query(query), rego.Compiler(compiler), rego.Store(data), rego.StrictBuiltinErrors(true)).PrepareForEval(ctx)
	}
	s := &Sampling{}
	var planErr, nextErr error
	s.plan, planErr = prepare("data.mingjian.sampling.plan")
	s.next, nextErr = prepare("data.mingjian.sampling.next")
	if err := errors.Join(planErr, nextErr); err != nil {
		return nil, fmt.Errorf("%s: %w", samplingModule, err)
	}
	return s, nil
}

// Plan gives the plan for a lot. A level, AQL or state that the tables do not have is an error.
func (s *Sampling) Plan(ctx context.Context, in PlanInput) (Plan, error) {
	var out Plan
	if in.LotSize < 1 {
		return out, fmt.Errorf("sampling plan: a lot has at least one session, not %d", in.LotSize)
	}
	if err := decide(ctx, s.plan, in, &out); err != nil {
		return Plan{}, fmt.Errorf("sampling plan for %+v: %w", in, err)
	}
	return out, nil
}

// Next gives the state that follows the last lot of the history.
func (s *Sampling) Next(ctx context.Context, in SwitchInput) (SwitchState, error) {
	var out SwitchState
	if len(in.History) == 0 {
		return out, errors.New("sampling state: no lot was decided")
	}
	if err := decide(ctx, s.next, in, &out); err != nil {
		return SwitchState{}, fmt.Errorf("sampling state after %+v: %w", in, err)
	}
	return out, nil
}

var errUndecided = errors.New("the tables have no answer to this")

// decide asks a query and decodes its one answer.
func decide(ctx context.Context, query rego.PreparedEvalQuery, in, out any) error {
	results, err := query.Eval(ctx, rego.EvalInput(in))
	if err != nil {
		return err
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return errUndecided
	}
	text, err := json.Marshal(results[0].Expressions[0].Value)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, out)
}
