package policies_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

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

func TestPolicyTestsPassAndCoverThePolicies(t *testing.T) {
	r, err := policies.RunTests(t.Context(), os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Failed {
		t.Error(f)
	}
	if r.Passed < 40 {
		t.Errorf("only %d policy tests ran", r.Passed)
	}
	for _, place := range r.NotCovered {
		t.Log(place, "not covered")
	}
	t.Logf("%d policy tests, %d of %d policy lines covered (%.1f %%)", r.Passed, r.Covered, r.Lines, r.Coverage())
	if r.Coverage() < 95 {
		t.Errorf("policy coverage %.1f %%, want at least 95 %%", r.Coverage())
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
	bundle, err := policies.Load(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	c := ast.NewCompiler().WithStrict(true).WithCapabilities(bundle.Capabilities())
	if c.Compile(modules(t)); c.Failed() {
		t.Error(c.Errors)
	}
}

// Each condition of each rule is turned round in turn; the tests of its topic must notice every time.
func TestEveryConditionIsTested(t *testing.T) {
	bundle, err := policies.Load(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	var turned, unsound atomic.Int64
	all := modules(t)
	t.Run("topics", func(t *testing.T) {
		for _, path := range slices.Sorted(maps.Keys(all)) {
			if strings.HasSuffix(path, "_test.rego") {
				continue
			}
			mods := around(all, path)
			t.Run(path, func(t *testing.T) {
				t.Parallel()
				copied := func() map[string]*ast.Module {
					out := make(map[string]*ast.Module, len(mods))
					for name, m := range mods {
						out[name] = m.Copy()
					}
					return out
				}
				if noticed, err := bundle.Notices(t.Context(), copied()); err != nil || noticed {
					t.Fatalf("its tests alone, over what is not changed: %v, %v", noticed, err)
				}
				for n := 0; ; n++ {
					changed := copied()
					condition := negate(changed[path], n)
					if condition == nil {
						break
					}
					noticed, err := bundle.Notices(t.Context(), changed)
					switch {
					case err != nil: // the negation does not compile, so nobody can ship it
						unsound.Add(1)
					case !noticed:
						t.Errorf("%s: no test notices when this is negated: %v", condition.Location, condition)
					default:
						turned.Add(1)
					}
				}
			})
		}
	})
	t.Logf("%d conditions negated and noticed, %d cannot be negated", turned.Load(), unsound.Load())
	if turned.Load() < 30 {
		t.Errorf("only %d conditions were negated", turned.Load())
	}
}

// around is a topic with its tests and what they refer to.
func around(all map[string]*ast.Module, path string) map[string]*ast.Module {
	of := map[string]*ast.Module{}
	var add func(path string)
	add = func(path string) {
		if of[path] != nil || all[path] == nil {
			return
		}
		of[path] = all[path]
		ast.WalkRefs(all[path], func(r ast.Ref) bool {
			for other, m := range all {
				if r.HasPrefix(m.Package.Path) {
					add(other)
				}
			}
			return false
		})
	}
	add("fixture_test.rego")
	add(path)
	add(strings.TrimSuffix(path, ".rego") + "_test.rego")
	return of
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

func isSome(e *ast.Expr) bool {
	_, ok := e.Terms.(*ast.SomeDecl)
	return ok
}
