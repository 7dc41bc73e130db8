package policies_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"go.yaml.in/yaml/v3"

	"mingjian/policies"
)

// source is every Rego file of this folder, tests included.
func source(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".rego") {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// modules parses the source anew: compiling and mutating change what is parsed.
func modules(t *testing.T) map[string]*ast.Module {
	t.Helper()
	parsed := map[string]*ast.Module{}
	for path, text := range source(t) {
		m, err := ast.ParseModuleWithOpts(path, string(text), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		parsed[path] = m
	}
	return parsed
}

// runPolicyTests runs every test rule with the default parameters as data and returns the failures.
func runPolicyTests(t *testing.T, mods map[string]*ast.Module, coverage *cover.Cover) (passed int, failed []string, err error) {
	t.Helper()
	text, err := os.ReadFile("params.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var params map[string]any
	if err := yaml.Unmarshal(text, &params); err != nil {
		t.Fatal(err)
	}
	store := inmem.NewFromObject(map[string]any{"mingjian": map[string]any{"params": params}})
	runner := tester.NewRunner().
		SetCompiler(ast.NewCompiler().WithStrict(true)).
		SetStore(store).
		SetModules(mods).
		RaiseBuiltinErrors(true)
	if coverage != nil {
		runner = runner.SetCoverageQueryTracer(coverage)
	}
	txn, err := store.NewTransaction(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Abort(t.Context(), txn)
	results, err := runner.RunTests(t.Context(), txn)
	if err != nil {
		return 0, nil, err
	}
	for r := range results {
		if r.Pass() {
			passed++
		} else {
			failed = append(failed, fmt.Sprintf("%s %s: %v", r.Location, r.Name, r.Error))
		}
	}
	return passed, failed, nil
}

func TestPolicyTestsPassAndCoverThePolicies(t *testing.T) {
	mods := modules(t)
	coverage := cover.New()
	passed, failed, err := runPolicyTests(t, mods, coverage)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failed {
		t.Error(f)
	}
	if passed < 40 {
		t.Errorf("only %d policy tests ran", passed)
	}
	var covered, lines int
	for path, file := range coverage.Report(mods).Files {
		if strings.HasSuffix(path, "_test.rego") {
			continue
		}
		covered += file.CoveredLines
		lines += file.CoveredLines + file.NotCoveredLines
		for _, r := range file.NotCovered {
			t.Logf("%s:%d-%d not covered", path, r.Start.Row, r.End.Row)
		}
	}
	share := 100 * float64(covered) / float64(lines)
	t.Logf("%d policy tests, %d of %d policy lines covered (%.1f %%)", passed, covered, lines, share)
	if share < 95 {
		t.Errorf("policy coverage %.1f %%, want at least 95 %%", share)
	}
}

func TestEveryTopicHasTests(t *testing.T) {
	files := source(t)
	for path := range files {
		if strings.HasSuffix(path, "_test.rego") {
			continue
		}
		if test := strings.TrimSuffix(path, ".rego") + "_test.rego"; files[test] == nil {
			t.Errorf("%s has no %s", path, test)
		}
	}
}

func TestPoliciesAreFormattedAndStrict(t *testing.T) {
	for path, text := range source(t) {
		want, err := format.SourceWithOpts(path, text, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !bytes.Equal(text, want) {
			t.Errorf("%s is not formatted as opa fmt would", path)
		}
	}
	c := ast.NewCompiler().WithStrict(true)
	if c.Compile(modules(t)); c.Failed() {
		t.Error(c.Errors)
	}
}

// Each condition of each rule is turned round in turn; the policy tests must notice every time.
func TestEveryConditionIsTested(t *testing.T) {
	turned, unsound := 0, 0
	for _, path := range slices.Sorted(maps.Keys(source(t))) {
		if strings.HasSuffix(path, "_test.rego") {
			continue
		}
		for n := 0; ; n++ {
			mods := modules(t)
			condition := negate(mods[path], n)
			if condition == nil {
				break
			}
			_, failed, err := runPolicyTests(t, mods, nil)
			switch {
			case err != nil: // the negation does not compile, so nobody can ship it
				unsound++
			case len(failed) == 0:
				t.Errorf("%s: no test notices when this is negated: %v", condition.Location, condition)
			default:
				turned++
			}
		}
	}
	t.Logf("%d conditions negated and noticed, %d cannot be negated", turned, unsound)
	if turned < 30 {
		t.Errorf("only %d conditions were negated", turned)
	}
}

// negate turns the n-th condition of a module round; nil when there are fewer.
func negate(m *ast.Module, n int) (condition *ast.Expr) {
	ast.WalkBodies(m, func(body ast.Body) bool {
		for _, e := range body {
			if e.IsAssignment() || e.IsEvery() || isSome(e) || e.Generated || e.String() == "true" {
				continue
			}
			if n == 0 && condition == nil {
				condition = e.Copy()
				e.Negated = !e.Negated
			}
			n--
		}
		return false
	})
	return condition
}

// The fixture of the policy tests must look like the real input, or they test something else.
func TestFixtureHasTheShapeOfFacts(t *testing.T) {
	const path = "fixture_test.rego"
	c := ast.NewCompiler()
	if c.Compile(map[string]*ast.Module{path: modules(t)[path]}); c.Failed() {
		t.Fatal(c.Errors)
	}
	ground := func(name string) ast.Object {
		for _, r := range c.Modules[path].Rules {
			if r.Head.Name.String() == name {
				return r.Head.Value.Value.(ast.Object)
			}
		}
		t.Fatalf("fixture has no %s", name)
		return nil
	}
	facts := policies.Facts{Entrance: &policies.Entrance{}, Human: policies.Human{Waits: []policies.Wait{{}}}}
	value := facts.Value().(ast.Object)
	at := func(o ast.Object, key string) ast.Value { return o.Get(ast.StringTerm(key)).Value }
	session := ground("session")
	for _, c := range []struct {
		name      string
		want, got ast.Value
	}{
		{"session", value, session},
		{"bot", at(value, "bot"), at(session, "bot")},
		{"human", at(value, "human"), at(session, "human")},
		{"service", at(value, "service"), at(session, "service")},
		{"entrance", at(value, "entrance"), ground("entrance")},
		{"wait", at(at(value, "human").(ast.Object), "waits").(*ast.Array).Elem(0).Value, ground("wait")},
	} {
		if want, got := keysOf(c.want), keysOf(c.got); !slices.Equal(want, got) {
			t.Errorf("%s: fixture has %v, facts have %v", c.name, got, want)
		}
	}
}

func keysOf(v ast.Value) (keys []string) {
	v.(ast.Object).Foreach(func(k, _ *ast.Term) { keys = append(keys, string(k.Value.(ast.String))) })
	slices.Sort(keys)
	return keys
}

func isSome(e *ast.Expr) bool {
	_, ok := e.Terms.(*ast.SomeDecl)
	return ok
}
