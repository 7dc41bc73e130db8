package policies

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// TestReport is what the Rego tests of a bundle's source came to.
type TestReport struct {
	Passed int           `json:"passed"`
	Failed []TestFailure `json:"failed"`
	// Covered and Lines count the lines of policies (tests left out) that some test evaluated, and
	// all of them; NotCovered names those that none did, as file:first-last.
	Covered    int      `json:"covered"`
	Lines      int      `json:"lines"`
	NotCovered []string `json:"not_covered"`
}

// TestFailure is a test rule that did not hold.
type TestFailure struct {
	Name  string `json:"name"`  // package and rule
	Place string `json:"place"` // file:line
	Error string `json:"error"` // "" where the rule is simply not true
}

// Coverage is the share of policy lines that tests evaluated, in percent.
func (r TestReport) Coverage() float64 {
	if r.Lines == 0 {
		return 0
	}
	return 100 * float64(r.Covered) / float64(r.Lines)
}

// RunTests runs every test_… rule of the source with the default parameters. Beside
// data.mingjian.params, tests find in data.mingjian.zero what facts look like before anything has
// happened: session, tenant, and under the field's name one element of each list and each object that
// may be absent (waits, entrance, …), so that a test says only what differs. An error means that the
// tests cannot be run.
func RunTests(ctx context.Context, fsys fs.FS) (TestReport, error) {
	b, err := Load(fsys)
	if err != nil {
		return TestReport{}, err
	}
	modules, err := parseAll(fsys)
	if err != nil {
		return TestReport{}, err
	}
	return b.test(ctx, modules)
}

// parseAll parses every policy file, tests included.
func parseAll(fsys fs.FS) (map[string]*ast.Module, error) {
	modules := map[string]*ast.Module{}
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".rego") {
			return err
		}
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		modules[file], err = ast.ParseModuleWithOpts(file, string(text), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		return err
	})
	return modules, err
}

// test runs the tests among modules.
func (b *Bundle) test(ctx context.Context, modules map[string]*ast.Module) (TestReport, error) {
	coverage := cover.New()
	results, end, err := b.start(ctx, modules, coverage)
	if err != nil {
		return TestReport{}, err
	}
	defer end()
	var report TestReport
	for r := range results {
		if r.Pass() {
			report.Passed++
			continue
		}
		f := TestFailure{Name: r.Package + "." + r.Name, Place: fmt.Sprintf("%s:%d", r.Location.File, r.Location.Row)}
		if r.Error != nil {
			f.Error = r.Error.Error()
		}
		report.Failed = append(report.Failed, f)
	}
	for file, lines := range coverage.Report(modules).Files {
		if isTest(file) {
			continue
		}
		report.Covered += lines.CoveredLines
		report.Lines += lines.CoveredLines + lines.NotCoveredLines
		for _, r := range lines.NotCovered {
			report.NotCovered = append(report.NotCovered, fmt.Sprintf("%s:%d-%d", file, r.Start.Row, r.End.Row))
		}
	}
	slices.Sort(report.NotCovered)
	if report.Passed+len(report.Failed) == 0 {
		return report, errors.New("there are no tests (rules named test_…)")
	}
	return report, nil
}

// start starts the tests among modules. The results are to be taken to the last, and end is to be called then.
func (b *Bundle) start(ctx context.Context, modules map[string]*ast.Module, coverage topdown.QueryTracer) (results <-chan *tester.Result, end func(), err error) {
	data, err := b.testData()
	if err != nil {
		return nil, nil, err
	}
	store := inmem.NewFromObject(map[string]any{"mingjian": data})
	var custom []*tester.Builtin
	for _, f := range b.functions {
		custom = append(custom, &tester.Builtin{Decl: f.decl, Func: f.option})
	}
	runner := tester.NewRunner().
		SetCompiler(ast.NewCompiler().WithStrict(true).WithCapabilities(capabilities(b.functions))). // the runner does not tell a given one
		SetStore(store).
		SetModules(modules).
		AddCustomBuiltins(custom).
		SetCoverageQueryTracer(coverage).
		RaiseBuiltinErrors(true)
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, nil, err
	}
	end = func() { store.Abort(ctx, txn) }
	if results, err = runner.RunTests(ctx, txn); err != nil {
		end()
		return nil, nil, err
	}
	return results, end, nil
}

// testData is data.mingjian while tests run.
func (b *Bundle) testData() (map[string]any, error) {
	params := map[string]any{}
	for pack, values := range b.params {
		of := map[string]any{}
		for name, v := range values {
			x, err := ast.JSON(v)
			if err != nil {
				return nil, err
			}
			of[name] = x
		}
		params[pack] = of
	}
	zero := map[string]any{}
	facts := reflect.TypeFor[Facts]()
	session, err := ast.JSON(shapeOf(facts).untouched.Value)
	if err != nil {
		return nil, err
	}
	zero["session"] = session
	tenant, err := ast.JSON(b.tenants.term("", "CN").Value)
	if err != nil {
		return nil, err
	}
	zero["tenant"] = tenant
	err = eachElement(facts, func(name string, t reflect.Type) error {
		x, err := ast.JSON(shapeOf(t).untouched.Value)
		zero[name] = x
		return err
	})
	return map[string]any{"params": params, "zero": zero}, err
}

// eachElement visits the structs that facts hold in lists or behind pointers, by the json name of
// the field.
func eachElement(t reflect.Type, visit func(name string, t reflect.Type) error) error {
	for i := range t.NumField() {
		f := t.Field(i)
		of := f.Type
		if of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
			of = of.Elem()
			if of.Kind() == reflect.Struct {
				if err := visit(jsonName(f), of); err != nil {
					return err
				}
			}
		}
		if of.Kind() == reflect.Struct {
			if err := eachElement(of, visit); err != nil {
				return err
			}
		}
	}
	return nil
}
