package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/open-policy-agent/opa/v1/ast"

	"mingjian/audit/export/dossier"
	"mingjian/policies"
)

// maxPolicies is how large the policies of all revisions may be together, in bytes.
const maxPolicies = 256 << 20

// readPolicies reads the files of every revision, and checks that each gives the digest that it is named by. It
// is in every seal's header, and in the log.
func (v *verification) readPolicies(ctx context.Context) error {
	v.policies = map[string]map[string][]byte{}
	var total int64
	for _, f := range v.pkg.Manifest.Files {
		rest, ok := strings.CutPrefix(f.Name, dossier.PoliciesDir+"/")
		if !ok {
			continue
		}
		revision, name, ok := strings.Cut(rest, "/")
		if !ok {
			v.problem(f.Name, "it is of no revision")
			continue
		}
		if total += f.Bytes; total > maxPolicies {
			return &dossier.Fault{Where: f.Name, What: fmt.Sprintf("policies of more than %d bytes", maxPolicies)}
		}
		b, err := v.file(f.Name)
		if err != nil {
			if err := v.fault(err); err != nil {
				return err
			}
			continue
		}
		if v.policies[revision] == nil {
			v.policies[revision] = map[string][]byte{}
		}
		v.policies[revision][name] = b
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	folds := map[string]int{}
	for _, d := range v.entries.others {
		var body struct {
			Fold     int    `json:"fold"`
			Revision string `json:"revision"`
		}
		if d.Type == typePolicies && json.Unmarshal(d.Body, &body) == nil {
			folds[body.Revision] = body.Fold
		}
	}
	for _, revision := range slices.Sorted(maps.Keys(v.policies)) {
		fold, ok := folds[revision]
		if !ok {
			fold = policies.FoldVersion
		}
		if digest(fold, v.policies[revision]) != revision {
			v.problem(dossier.PoliciesDir+"/"+revision, "the files are not those of the revision: their digest is another one")
			delete(v.policies, revision)
		}
	}
	for _, revision := range v.pkg.Manifest.Revisions {
		if v.policies[revision] == nil {
			v.problem(dossier.ManifestFile, "it names the policies of revision %s, which are not in the package or not right", revision)
		}
	}
	return nil
}

// digest is the revision that files come to: over the version of the fold and every file that decides, which
// tests and scenarios do not. Package policies makes it; a test holds the two together.
func digest(fold int, files map[string][]byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "mingjian policies, fold %d\n", fold)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(file, "_test.rego") || strings.HasPrefix(file, "scenarios/") {
			continue
		}
		fmt.Fprintf(h, "%s %d\n", file, len(files[file]))
		h.Write(files[file])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// bundle loads a revision. The rules are the operator's, and must not act here: what could reach out of the
// program or answer differently each time is refused.
func (v *verification) bundle(revision string) (*policies.Bundle, string, error) {
	files := v.policies[revision]
	if files == nil {
		return nil, "the package has not the policies that judged it", nil
	}
	if digest(policies.FoldVersion, files) != revision {
		return nil, "it was judged by another version of the program", nil
	}
	decide := map[string][]byte{}
	for name, b := range files {
		if strings.HasSuffix(name, "_test.rego") || strings.HasPrefix(name, "scenarios/") {
			continue
		}
		decide[name] = b
		if !strings.HasSuffix(name, ".rego") {
			continue
		}
		module, err := ast.ParseModuleWithOpts(name, string(b), ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, "", &dossier.Fault{Where: dossier.PoliciesDir + "/" + revision + "/" + name, What: err.Error()}
		}
		var reaches string
		ast.WalkRefs(module, func(r ast.Ref) bool {
			if outside[r.String()] {
				reaches = r.String()
			}
			return false
		})
		if reaches != "" {
			return nil, "", &dossier.Fault{Where: dossier.PoliciesDir + "/" + revision + "/" + name, What: fmt.Sprintf("it calls %s, which no rule may", reaches)}
		}
	}
	source, err := policies.Archived(decide)
	if err == nil {
		var b *policies.Bundle
		if b, err = policies.Load(source); err == nil {
			return b, "", nil
		}
	}
	return nil, "", &dossier.Fault{Where: dossier.PoliciesDir + "/" + revision, What: fmt.Sprintf("the policies cannot be loaded: %v", err)}
}

// outside are OPA's functions whose answer is not a function of their arguments.
var outside = func() map[string]bool {
	out := map[string]bool{}
	for _, b := range ast.CapabilitiesForThisVersion().Builtins {
		if b.Nondeterministic {
			out[b.Name] = true
		}
	}
	return out
}()
