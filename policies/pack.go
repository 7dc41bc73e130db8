package policies

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// packNames are the packs that a bundle may hold. Naming another is a fault, so that a slip in a
// folder's or a jurisdiction's name does not silently switch rules off.
var packNames = []string{"core", "cn", "cn47746", "eu", "es", "us", "kr", "quality"}

// A topic adds to these three sets of data.mingjian.result; what it does not define is empty.
const (
	findingSet       = "finding"
	notAssessableSet = "not_assessable"
	dueSet           = "due"
)

var resultSets = []string{findingSet, notAssessableSet, dueSet}

// topic is one policy file: <pack>/<name>.rego, package mingjian.<pack>.<name>. Its METADATA declares
// the parameters it reads (custom.params); each of its finding rules has METADATA of its own, which
// makes it an entry of the catalogue, and says its id as a literal. It imports nothing, because its
// rules are moved together when they are compiled. A body begins with an equality of a plain
// reference and a constant (input.session.bot.spoke == true), which is what OPA's index works on.
type topic struct {
	pack, name string
	file       string
	module     *ast.Module
}

// loadTopics parses every policy file, tests left out, ordered by file.
func loadTopics(fsys fs.FS) ([]topic, error) {
	var (
		topics []topic
		faults []error
	)
	for _, pack := range packNames {
		files, err := fs.Glob(fsys, pack+"/*.rego")
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if isTest(file) {
				continue
			}
			t, err := parseTopic(fsys, pack, file)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			topics = append(topics, t)
		}
	}
	strays, err := strayFiles(fsys)
	if err != nil {
		return nil, err
	}
	faults = append(faults, strays...)
	if len(topics) == 0 && len(faults) == 0 {
		faults = append(faults, errors.New("no policy files: a bundle needs at least one <pack>/<topic>.rego"))
	}
	return topics, errors.Join(faults...)
}

func isTest(file string) bool { return strings.HasSuffix(file, "_test.rego") }

// strayFiles are policy files that no pack would ever load.
func strayFiles(fsys fs.FS) (faults []error, err error) {
	known := map[string]bool{}
	for _, p := range packNames {
		known[p] = true
	}
	err = fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".rego") || isTest(file) {
			return err
		}
		if dir := path.Dir(file); !known[dir] {
			faults = append(faults, faultf(file, 0, "is in no pack: want <pack>/<topic>.rego, pack one of %s", strings.Join(packNames, " ")))
		}
		return nil
	})
	return faults, err
}

func parseTopic(fsys fs.FS, pack, file string) (topic, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return topic{}, fmt.Errorf("read %s: %w", file, err)
	}
	module, err := ast.ParseModuleWithOpts(file, string(text), ast.ParserOptions{
		ProcessAnnotation: true,
		RegoVersion:       ast.RegoV1,
	})
	if err != nil {
		return topic{}, regoFaults(file, err)
	}
	t := topic{pack: pack, name: strings.TrimSuffix(path.Base(file), ".rego"), file: file, module: module}
	want := "data.mingjian." + pack + "." + t.name
	if got := module.Package.Path.String(); got != want {
		return topic{}, faultf(file, module.Package.Location.Row, "package is %s; its place in the tree makes it %s",
			strings.TrimPrefix(got, "data."), strings.TrimPrefix(want, "data."))
	}
	for _, r := range module.Rules {
		if slices.Contains(resultSets, ruleName(r)) && (r.Head.Key == nil || len(r.Head.Ref()) != 1) {
			return topic{}, faultf(file, r.Location.Row, "%s is a set: write %[1]s contains … if { … }", ruleName(r))
		}
	}
	for _, i := range module.Imports {
		if !i.Path.Equal(ast.MustParseTerm("rego.v1")) {
			return topic{}, faultf(file, i.Location.Row, "import: write the full path where it is used; rules of the three sets are moved together")
		}
	}
	return t, nil
}

// regoFaults gives each of OPA's errors its place, once: what is wrong with a rule is also wrong with
// its copy in the result module.
func regoFaults(file string, err error) error {
	list, ok := errors.AsType[ast.Errors](err)
	if !ok {
		return faultf(file, 0, "%v", err)
	}
	var faults []error
	seen := map[Fault]bool{}
	for _, e := range list {
		at, line := file, 0
		if e.Location != nil {
			line = e.Location.Row
			if e.Location.File != "" {
				at = e.Location.File
			}
		}
		fault := Fault{File: at, Line: line, What: e.Code + ": " + e.Message}
		if !seen[fault] {
			seen[fault] = true
			faults = append(faults, &fault)
		}
	}
	return errors.Join(faults...)
}

// ruleName is the name that a rule has within its package.
func ruleName(r *ast.Rule) string {
	name, _ := r.Head.Ref()[0].Value.(ast.Var)
	return string(name)
}
