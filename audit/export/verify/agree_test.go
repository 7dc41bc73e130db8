package verify

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"mingjian/audit/evidence"
	"mingjian/audit/retention"
	"mingjian/audit/sampling"
	"mingjian/policies"
)

// What is written here a second time, so that the verifier needs no server's code, is what the others have.
func TestVerifierAgreesWithWhatItCannotImport(t *testing.T) {
	if typeSeal != evidence.TypeSeal || typePolicies != evidence.TypePolicies || typeErased != retention.ErasedType || typeSwept != retention.SweptType {
		t.Error("the types of entries are not those of the log")
	}
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if got := digest(policies.FoldVersion, b.Files()); got != b.Revision {
		t.Errorf("the revision is %s, and its files come to %s", b.Revision, got)
	}
	var ids []string
	for n := range 300 {
		ids = append(ids, fmt.Sprint("session ", n))
	}
	text := "log.example\n17\nAAAA\n"
	key := sha256.Sum256([]byte("a day"))
	want := slices.Sorted(slices.Values(sampling.Draw(key[:], []byte(text), ids, 20)))
	if got := drawn(key[:], []byte(text+"\n— log.example AAAA\n"), ids, 20); !slices.Equal(got, want) {
		t.Errorf("drawn were %v, and drawn again %v", want, got)
	}
}

// The rules that ship call nothing that a verifier would have to refuse.
func TestShippedRulesStayInside(t *testing.T) {
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	v := &verification{policies: map[string]map[string][]byte{b.Revision: b.Files()}}
	if got, why, err := v.bundle(b.Revision); err != nil || why != "" || got.Revision != b.Revision {
		t.Errorf("%s %v", why, err)
	}
	files := map[string][]byte{}
	for name, text := range b.Files() {
		files[name] = text
	}
	files["cn/evil.rego"] = []byte("package mingjian.cn.evil\n\nx := http.send({\"url\": \"http://operator.example/\", \"method\": \"get\"})\n")
	revision := digest(policies.FoldVersion, files)
	v.policies[revision] = files
	if _, _, err := v.bundle(revision); err == nil {
		t.Error("a rule that calls out of the program is loaded")
	}
}
