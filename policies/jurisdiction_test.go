package policies_test

import (
	"slices"
	"testing"

	"mingjian/policies"
)

// A rule that cites the law of many countries is a breach of that of the session's own.
func TestAClauseCoversItsOwnCountry(t *testing.T) {
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	for clause, want := range map[string][]string{
		"cn-ds-17-label":    {"CN", "cn"},
		"eu-aia-50-1":       {"EU", "FR", "ES", "EL", "DE-BY"},
		"es-8-4-nocut":      {"ES"},
		"us-ca-17941":       {"US-CA"},
		"us-ut-13-77-103":   {"US-UT"},
		"kr-ai-31":          {"KR"},
		"trade-benchmark":   {"", "CN", "cn", "EU", "FR", "ES", "EL", "DE-BY", "US-CA", "US-UT", "US", "US-NY", "KR", "NO"},
		"cn-47746-handover": {"CN", "cn"},
	} {
		for _, where := range []string{"", "CN", "cn", "EU", "FR", "ES", "EL", "DE-BY", "US-CA", "US-UT", "US", "US-NY", "KR", "NO"} {
			if got := b.Covers(policies.Clause{ID: clause}, where); got != slices.Contains(want, where) {
				t.Errorf("%s covers %q: %t", clause, where, got)
			}
		}
	}
	if r, _ := b.Rule("us-ut-asked-not-told"); !b.Asks(r, "US-UT") || b.Asks(r, "CN") {
		t.Error("a rule of the United States is not asked there alone")
	}
}
