package policies

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// TestModules runs the tests among modules that need not be what the bundle was loaded from.
func (b *Bundle) TestModules(ctx context.Context, modules map[string]*ast.Module) (TestReport, error) {
	return b.test(ctx, modules)
}

// Capabilities are all functions that rules may call.
func (b *Bundle) Capabilities() *ast.Capabilities { return capabilities(b.functions) }

// TestData is data.mingjian while tests run.
func (b *Bundle) TestData() (map[string]any, error) { return b.testData() }

// Functions are the options that make the functions of rules known to a query.
func (b *Bundle) Functions() (options []func(*rego.Rego)) {
	for _, f := range b.functions {
		options = append(options, f.option)
	}
	return options
}

// Unguarded is the engine without guards: every topic that applies and was touched is put to OPA.
func Unguarded(ctx context.Context, b *Bundle) (*Engine, error) {
	e, err := NewEngine(ctx, b)
	if err != nil {
		return nil, err
	}
	v, err := e.variant(noOverrides)
	if err != nil {
		return nil, err
	}
	for i := range v.guards {
		v.guards[i] = guards{{{condition: open{}}}, {{condition: open{}}}, {{condition: open{}}}}
	}
	return e, nil
}
