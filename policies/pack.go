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

// decisionPoints are the folders of Rego that decides something other than what breaks a rule; the
// packages that ask them load them.
var decisionPoints = []string{"sampling", "compensation", "authz"}

// A topic adds to these three sets; what it does not define is empty. Asked together, the sets of all
// topics are the answer, data.mingjian.result.
const (
	findingSet       = "finding"
	notAssessableSet = "not_assessable"
	dueSet           = "due"
)

var resultSets = []string{findingSet, notAssessableSet, dueSet}

// topic is one policy file: <pack>/<name>.rego, package mingjian.<pack>.<name>. Its METADATA declares
// the parameters it reads (custom.params); each of its finding rules has METADATA of its own, which
// makes it an entry of the catalogue, and says its id as a literal. It names in full what it refers
// to elsewhere, so that what it reads is known.
type topic struct {
	pack, name string
	path       string // pack/name
	ref        string // data.mingjian.pack.name
	file       string
	module     *ast.Module
	sets       []string // which of the three sets it gives
	rules      []string // ids of its rules
	fields     Fields   // what it and the topics that it refers to read of the facts
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
	faults = append(faults, mixed(topics)...)
	if len(topics) == 0 && len(faults) == 0 {
		faults = append(faults, errors.New("no policy files: a bundle needs at least one <pack>/<topic>.rego"))
	}
	spread(topics)
	return topics, errors.Join(faults...)
}

func isTest(file string) bool { return strings.HasSuffix(file, "_test.rego") }

// strayFiles are policy files that no pack would ever load.
func strayFiles(fsys fs.FS) (faults []error, err error) {
	known := map[string]bool{}
	for _, p := range slices.Concat(packNames, decisionPoints) {
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
	t.path, t.ref = pack+"/"+t.name, "data.mingjian."+pack+"."+t.name
	if got, want := module.Package.Path.String(), t.ref; got != want {
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
			return topic{}, faultf(file, i.Location.Row, "import: write the full path where it is used, so that what a topic reads is seen")
		}
	}
	for _, set := range resultSets {
		if slices.ContainsFunc(module.Rules, func(r *ast.Rule) bool { return ruleName(r) == set }) {
			t.sets = append(t.sets, set)
		}
	}
	for _, r := range module.Rules {
		if id, ok := headField(r, "id"); ok && ruleName(r) == findingSet {
			t.rules = append(t.rules, id)
		}
	}
	t.fields, err = reads(t)
	return t, err
}

// spread gives each topic the fields that the topics it refers to read, however far away.
func spread(topics []topic) {
	refers := make([][]int, len(topics))
	for i := range topics {
		ast.WalkRefs(topics[i].module, func(r ast.Ref) bool {
			for j := range topics {
				if j != i && r.HasPrefix(topics[j].module.Package.Path) {
					refers[i] = append(refers[i], j)
				}
			}
			return false
		})
	}
	for range topics { // the longest chain of references is shorter than this
		for i := range topics {
			for _, j := range refers[i] {
				topics[i].fields |= topics[j].fields
			}
		}
	}
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
