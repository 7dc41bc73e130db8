package policies_test

import (
	"os"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"mingjian/policies"
)

// A bot that denies being an AI breaks the AI Act wherever the Union's packs apply, and nowhere else
// because of it. The rule's own list of members and that of jurisdictions.yaml are one.
func TestUnionIsTheSameEverywhere(t *testing.T) {
	var file struct {
		Packs   map[string][]string `yaml:"packs"`
		Members map[string][]string `yaml:"members"`
	}
	text, err := os.ReadFile("jurisdictions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	union := map[string]bool{"EU": true}
	for _, code := range file.Members["EU"] {
		union[code] = true
	}
	for code, packs := range file.Packs {
		if slices.Contains(packs, "eu") {
			union[code] = true
		}
	}
	codes := []string{"", "GB", "NO", "CH", "CA"}
	for code := range union {
		codes = append(codes, code)
	}
	e := engine(t)
	for _, code := range codes {
		in := &policies.Input{
			Session: &policies.Facts{
				Jurisdiction: code, Opened: opened,
				Disclosure: &policies.Disclosure{Denied: "b-1", DeniedAt: opened + 1000},
			},
			Tenant: "default", Changed: policies.AllFields, Now: opened + 2000,
		}
		want := policies.Quality
		if union[code] {
			want = policies.Statute
		}
		found := false
		for _, f := range check(t, e, in).Findings {
			if f.Rule == "ai-denied" {
				found = true
				if f.Status != want {
					t.Errorf("jurisdiction %q: ai-denied is %s, want %s", code, f.Status, want)
				}
			}
		}
		if !found {
			t.Errorf("jurisdiction %q: ai-denied is not found", code)
		}
	}
	if len(union) < 28 {
		t.Errorf("the Union has %d codes", len(union))
	}
}
