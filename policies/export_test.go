package policies

import (
	"context"
	"reflect"
	"slices"
	"unsafe"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Notices reports whether a test among modules, which need not be what the bundle was loaded from, fails. The others
// are not waited for then.
func (b *Bundle) Notices(ctx context.Context, modules map[string]*ast.Module) (bool, error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	results, end, err := b.start(running, modules, nil)
	if err != nil {
		return false, err
	}
	defer end()
	noticed := false
	for r := range results {
		if !r.Pass() && !topdown.IsCancel(r.Error) {
			noticed = true
			stop()
		}
	}
	return noticed, ctx.Err()
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

// Judged is what the guard of each rule says that adds to a topic's not_assessable, by the rule's reason: -1 it
// does not hold, 1 it does, 0 only OPA can tell.
func (e *Engine) Judged(topic string, in *Input) map[string]int {
	v, err := e.variant(noOverrides)
	if err != nil {
		panic(err)
	}
	facts, tenant := e.bundle.completed(in), e.bundle.tenants.of(in.Tenant)
	s := &scene{roots: rootsOf(facts, tenant), facts: facts, tenant: tenant, calendars: &e.bundle.tenants.calendars, now: in.Now}
	s.present = v.present.of(s.roots[inFacts])
	said := map[string]int{}
	for i, t := range e.bundle.topics {
		if t.path != topic {
			continue
		}
		for _, g := range v.guards[i][slices.Index(resultSets, notAssessableSet)] {
			if g.needs&^s.present != 0 {
				said[g.says.Reason] = int(no)
			} else {
				said[g.says.Reason] = int(g.condition.judge(s))
			}
		}
	}
	return said
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
