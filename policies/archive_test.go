package policies_test

import (
	"encoding/json"
	"testing"
	"testing/fstest"

	"mingjian/policies"
)

// What a revision is a digest of is all that is needed to have it again, layers of parameters included,
// and is kept as JSON.
func TestArchivedPoliciesAreTheSameRevision(t *testing.T) {
	layered := policies.Over(policies.Over(policies.Builtin(),
		fstest.MapFS{"params.yaml": {Data: []byte("cn: {human_slow_s: 20}\r\n")}}),
		fstest.MapFS{"params.yaml": {Data: []byte("cn: {human_slow_s: 25}\n")}})
	plain, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	changed, err := policies.Load(layered)
	if err != nil {
		t.Fatal(err)
	}
	if plain.Revision == changed.Revision {
		t.Fatal("other parameters are the same revision")
	}
	for _, b := range []*policies.Bundle{plain, changed} {
		text, err := json.Marshal(b.Files())
		if err != nil {
			t.Fatal(err)
		}
		var files map[string][]byte
		if err := json.Unmarshal(text, &files); err != nil {
			t.Fatal(err)
		}
		source, err := policies.Archived(files)
		if err != nil {
			t.Fatal(err)
		}
		again, err := policies.Load(source)
		if err != nil {
			t.Fatal(err)
		}
		if again.Revision != b.Revision || len(again.Rules) != len(b.Rules) {
			t.Errorf("loaded again: revision %s with %d rules, want %s with %d", again.Revision, len(again.Rules), b.Revision, len(b.Rules))
		}
	}
	files := changed.Files()
	if len(files["layers/1/params.yaml"]) == 0 || len(files["layers/2/params.yaml"]) == 0 || files["layers/1/params.yaml"][len(files["layers/1/params.yaml"])-2] == '\r' {
		t.Errorf("layers are not kept apart, with LF line ends: %q", files["layers/1/params.yaml"])
	}
	if _, err := policies.Archived(map[string][]byte{"layers/2/params.yaml": nil}); err == nil {
		t.Error("an archive that lacks a layer was taken")
	}
}
