package policies

import (
	"bytes"
	"context"
	"reflect"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Alike tells what two bundles decide alike: whether detectors and fold give the same facts of the same
// events, and which rules, by id, then give the same answer to the same input, whatever it is. It errs on
// the side of telling them apart.
func (b *Bundle) Alike(other *Bundle) (facts bool, rules map[string]bool) {
	rules = map[string]bool{}
	facts = reflect.DeepEqual(b.Lexicons, other.Lexicons)
	for i := range b.topics {
		if b.alike(other)&(1<<i) != 0 {
			for _, id := range b.topics[i].rules {
				rules[id] = true
			}
		}
	}
	return facts, rules
}

// alike is the set of b's topics that answer as other's do. What applies to whom, and what is known of
// tenants and days, must be the same for any to be; a topic, the parameters that it reads, and the topics
// that it refers to.
func (b *Bundle) alike(other *Bundle) (same topics) {
	for _, file := range []string{jurisdictionsFile, overridesFile, tenantsFile, calendarsFile} {
		if b.files[file] == nil || !bytes.Equal(b.files[file], other.files[file]) {
			return 0
		}
	}
	for i, t := range b.topics {
		if b.files[t.file] != nil && bytes.Equal(b.files[t.file], other.files[t.file]) && b.params.sameFor(t, other.params) {
			same |= 1 << i
		}
	}
	for again := true; again; {
		again = false
		for i, t := range b.topics {
			if same&(1<<i) != 0 && refers(t, b.topics)&^same != 0 {
				same &^= 1 << i
				again = true
			}
		}
	}
	return same
}

// refers is the set of other topics that a topic refers to.
func refers(t topic, all []topic) (set topics) {
	ast.WalkRefs(t.module, func(r ast.Ref) bool {
		for j := range all {
			if all[j].file != t.file && r.HasPrefix(all[j].module.Package.Path) {
				set |= 1 << j
			}
		}
		return false
	})
	return set
}

// sameFor reports whether a topic reads the same values from two sets of parameters.
func (p parameters) sameFor(t topic, other parameters) bool {
	same := true
	ast.WalkRefs(t.module, func(r ast.Ref) bool {
		if pack, name, ok := paramName(r); ok {
			v, w := p[pack][name], other[pack][name]
			same = same && v != nil && w != nil && v.Compare(w) == 0
		}
		return !same
	})
	return same
}

// Beside is the engine without the topics that answer as another bundle's do: it says nothing of their
// rules.
func (e *Engine) Beside(ctx context.Context, b *Bundle) (*Engine, error) {
	out, err := NewEngine(ctx, e.bundle)
	if err != nil {
		return nil, err
	}
	same := e.bundle.alike(b)
	for pack := range out.packs {
		out.packs[pack] &^= same
	}
	return out, nil
}
