package policies

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"
)

const paramsFile = "params.yaml"

// parameters are the values by pack and name. Rules write them as
// data.mingjian.params.<pack>.<name>; when a revision is loaded the values are folded into the rules
// as constants, which is what makes the checks quick.
type parameters map[string]map[string]ast.Value

// declaration is what a topic's METADATA (custom.params) says of one parameter.
type declaration struct {
	Type    string   `json:"type"`    // integer, string
	Minimum *int64   `json:"minimum"` // of an integer
	Maximum *int64   `json:"maximum"`
	Enum    []string `json:"enum"` // of a string

	file string
	line int
}

// Declared parameter types.
const (
	integerParam = "integer"
	stringParam  = "string"
)

// paramsRef is the prefix of every reference to a parameter.
var paramsRef = ast.MustParseRef("data.mingjian.params")

// loadParams reads the values and holds them against what the topics declare and use: every
// declared parameter has a value of its type and range, and nothing else is there. Where not all
// topics could be read, a value that none of them declares is left alone.
func loadParams(fsys fs.FS, topics []topic, all bool) (parameters, error) {
	declared, err := declarations(topics)
	faults := []error{err}
	faults = append(faults, checkUse(topics, declared))

	params, given := parameters{}, map[string]bool{}
	for _, layer := range layersOf(fsys) {
		if !has(layer, paramsFile) && len(layersOf(fsys)) > 1 {
			continue
		}
		var file map[string]map[string]yaml.Node
		if err := readYAML(layer, paramsFile, &file); err != nil {
			return nil, errors.Join(append(faults, err)...)
		}
		faults = append(faults, params.take(file, declared, given, all))
	}
	for _, pack := range slices.Sorted(maps.Keys(declared)) {
		for _, name := range slices.Sorted(maps.Keys(declared[pack])) {
			if !given[pack+"."+name] {
				d := declared[pack][name]
				faults = append(faults, faultf(paramsFile, 0, "%s.%s has no value (declared in %s:%d)", pack, name, d.file, d.line))
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return params, nil
}

// take brings in the values of a file, and notes which parameters were given one, right or wrong.
func (p parameters) take(file map[string]map[string]yaml.Node, declared map[string]map[string]declaration, given map[string]bool, all bool) error {
	var faults []error
	for _, pack := range slices.Sorted(maps.Keys(file)) {
		if p[pack] == nil {
			p[pack] = map[string]ast.Value{}
		}
		for _, name := range slices.Sorted(maps.Keys(file[pack])) {
			node := file[pack][name]
			given[pack+"."+name] = true
			d, ok := declared[pack][name]
			if !ok {
				if all {
					faults = append(faults, faultf(paramsFile, node.Line, "%s.%s: no rule declares this parameter", pack, name))
				}
				continue
			}
			v, err := d.value(&node)
			if err != nil {
				faults = append(faults, faultf(paramsFile, node.Line, "%s.%s: %v", pack, name, err))
				continue
			}
			p[pack][name] = v
		}
	}
	return errors.Join(faults...)
}

// declarations collects custom.params of every topic, by pack and name.
func declarations(topics []topic) (map[string]map[string]declaration, error) {
	all := map[string]map[string]declaration{}
	var faults []error
	for _, t := range topics {
		for _, a := range t.module.Annotations {
			if a.Scope != "package" || a.Custom == nil {
				continue
			}
			var custom struct {
				Params map[string]declaration `json:"params"`
			}
			if err := decodeCustom(a.Custom, &custom); err != nil {
				faults = append(faults, faultf(t.file, a.Location.Row, "METADATA custom: %v", err))
				continue
			}
			for _, name := range slices.Sorted(maps.Keys(custom.Params)) {
				d := custom.Params[name]
				d.file, d.line = t.file, a.Location.Row
				if err := d.check(); err != nil {
					faults = append(faults, faultf(t.file, d.line, "parameter %s: %v", name, err))
				}
				if other, twice := all[t.pack][name]; twice {
					faults = append(faults, faultf(t.file, d.line, "parameter %s is declared in %s too", name, other.file))
				}
				if all[t.pack] == nil {
					all[t.pack] = map[string]declaration{}
				}
				all[t.pack][name] = d
			}
		}
	}
	return all, errors.Join(faults...)
}

func (d declaration) check() error {
	switch {
	case d.Type == integerParam && d.Minimum != nil && d.Maximum != nil && *d.Minimum <= *d.Maximum && d.Enum == nil:
		return nil
	case d.Type == stringParam && len(d.Enum) > 0 && d.Minimum == nil && d.Maximum == nil:
		return nil
	}
	return errors.New("want {type: integer, minimum, maximum} or {type: string, enum}")
}

// value reads one parameter's value from the file.
func (d declaration) value(n *yaml.Node) (ast.Value, error) {
	switch d.Type {
	case integerParam:
		if n.ShortTag() != "!!int" {
			return nil, fmt.Errorf("%q is not a whole number", n.Value)
		}
		i, ok := new(big.Int).SetString(strings.ReplaceAll(n.Value, "_", ""), 0)
		if !ok || i.Cmp(big.NewInt(*d.Minimum)) < 0 || i.Cmp(big.NewInt(*d.Maximum)) > 0 {
			return nil, fmt.Errorf("%s is not between %d and %d", n.Value, *d.Minimum, *d.Maximum)
		}
		return ast.Number(i.String()), nil
	default:
		if n.ShortTag() != "!!str" || !slices.Contains(d.Enum, n.Value) {
			return nil, fmt.Errorf("%q is none of %s", n.Value, strings.Join(d.Enum, ", "))
		}
		return ast.String(n.Value), nil
	}
}

// checkUse holds the references in rules against the declarations, both ways.
func checkUse(topics []topic, declared map[string]map[string]declaration) error {
	used := map[string]bool{}
	var faults []error
	for _, t := range topics {
		ast.WalkRefs(t.module, func(r ast.Ref) bool {
			if !r.HasPrefix(paramsRef) {
				return false
			}
			pack, name, ok := paramName(r)
			if !ok {
				faults = append(faults, faultf(t.file, r[0].Location.Row, "%v: write a parameter as data.mingjian.params.<pack>.<name>", r))
			} else if _, ok := declared[pack][name]; !ok {
				faults = append(faults, faultf(t.file, r[0].Location.Row, "parameter %s.%s is not declared in the pack's METADATA", pack, name))
			}
			used[pack+"."+name] = true
			return false
		})
	}
	for _, pack := range slices.Sorted(maps.Keys(declared)) {
		for _, name := range slices.Sorted(maps.Keys(declared[pack])) {
			if !used[pack+"."+name] {
				d := declared[pack][name]
				faults = append(faults, faultf(d.file, d.line, "parameter %s is declared and never used", name))
			}
		}
	}
	return errors.Join(faults...)
}

// paramName splits a reference to a parameter; ok is false for any other reference.
func paramName(r ast.Ref) (pack, name string, ok bool) {
	if len(r) != len(paramsRef)+2 || !r.HasPrefix(paramsRef) || !r.IsGround() {
		return "", "", false
	}
	p, ok1 := r[len(r)-2].Value.(ast.String)
	n, ok2 := r[len(r)-1].Value.(ast.String)
	return string(p), string(n), ok1 && ok2
}

// fold replaces the references to parameters in a copy of a module by their values; nil parameters
// leave them as they are.
func (p parameters) fold(m *ast.Module) (*ast.Module, error) {
	if p == nil {
		return m.Copy(), nil
	}
	folded, err := ast.TransformRefs(m.Copy(), func(r ast.Ref) (ast.Value, error) {
		pack, name, ok := paramName(r)
		if !ok {
			return r, nil
		}
		v, ok := p[pack][name]
		if !ok {
			return nil, fmt.Errorf("parameter %s.%s has no value", pack, name)
		}
		return v, nil
	})
	if err != nil {
		return nil, err
	}
	// OPA's transformer does not enter every place (the declaration of a some … in is one). A parameter
	// left there would be undefined, and its rule would never hold.
	var left error
	ast.WalkTerms(folded, func(t *ast.Term) bool {
		if r, ok := t.Value.(ast.Ref); ok && r.HasPrefix(paramsRef) && left == nil {
			left = fmt.Errorf("line %d: %v cannot be folded in here; give it a name first (x := %[2]v)", t.Location.Row, r)
		}
		return left != nil
	})
	if left != nil {
		return nil, left
	}
	return folded.(*ast.Module), nil
}

// decodeCustom reads a METADATA block's custom part; keys that nobody reads are faults.
func decodeCustom(custom map[string]any, into any) error {
	text, err := json.Marshal(custom)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
