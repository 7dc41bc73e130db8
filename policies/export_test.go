package policies

import (
	"context"
	"reflect"
	"unsafe"

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

// Misplaced names the fields of facts that the way by offsets leads elsewhere than reflection, and says how
// many it looked at.
func Misplaced(f *Facts) (wrong []string, seen int) {
	r := rootsOf(f, &Settings{})
	var into func(name string, p place, v reflect.Value)
	into = func(name string, p place, v reflect.Value) {
		at := p.find(&r)
		var want unsafe.Pointer
		if v.IsValid() {
			want = v.Addr().UnsafePointer()
		}
		if seen++; at != want {
			wrong = append(wrong, name)
		}
		of := p.of
		if of.Kind() == reflect.Pointer {
			if of = of.Elem(); v.IsValid() {
				v = v.Elem()
			}
		}
		if of.Kind() != reflect.Struct {
			return
		}
		for i := range of.NumField() {
			var field reflect.Value
			if v.IsValid() {
				field = v.Field(i)
			}
			into(name+"."+of.Field(i).Name, p.within(i), field)
		}
	}
	into("", place{root: inFacts, of: reflect.TypeFor[Facts]()}, reflect.ValueOf(f).Elem())
	return wrong, seen
}
