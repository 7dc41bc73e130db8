package policies_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"mingjian/policies"
)

func TestTheLongestTermHolds(t *testing.T) {
	builtin, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	load := func(text string) (*policies.Bundle, error) {
		return builtin.WithSettingsIn(fstest.MapFS{"t.yaml": {Data: []byte(text)}}, "t.yaml")
	}
	b, err := load("default: {retention_years: 4}\nlong: {retention_years: 7}\ninsurer: {industry: insurance}\nplain: {platform: true}\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tenant, jurisdiction, industry string
		years                          int
		clause                         string
	}{
		{"unnamed", "CN", "telecom", 4, "tenants.yaml"}, {"plain", "", "", 4, "tenants.yaml"}, {"unnamed", "es-CT", "telecom", 5, "es-21-22-audit"}, {"long", "ES", "", 7, "tenants.yaml"},
		{"long", "CN", "insurance", 10, "cn-ins-rec"}, {"insurer", "CN", "", 10, "cn-ins-rec"}, {"insurer", "CN", "bank", 4, "tenants.yaml"},
	} {
		if got := b.Retention(c.tenant, c.jurisdiction, c.industry); got != (policies.Term{Years: c.years, Clause: c.clause}) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	if got := builtin.Retention("default", "CN", ""); got != (policies.Term{Years: 3, Clause: "cn-ec-31-3y"}) {
		t.Errorf("without settings: %+v", got)
	}
	for text, want := range map[string]string{
		"a: {retention_years: 2}":                      "t.yaml:1: a: retention_years 2 is shorter than the 3 years that cn-ec-31-3y asks for",
		"a: {industry: insurance, retention_years: 9}": "retention_years 9 is shorter than the 10 years that cn-ins-rec asks for",
		"a: {retention_years: 31}":                     "retention_years 31 is longer than the 30 years",
		"a: {retention_years: 0}":                      "retention_years 0 is no term",
		"a: {retention_years: soon}":                   "soon",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
