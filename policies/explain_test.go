package policies_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"mingjian/policies"
)

// A trace tells each condition of a rule as written, the values it was about, and whether it held, with
// those of the definitions that the rule called, under the parameters that hold for the session.
func TestTraceTellsEveryConditionWithItsValues(t *testing.T) {
	b, err := policies.Load(policies.Over(policies.Builtin(), fstest.MapFS{"overrides.yaml": {Data: []byte(
		"- {tenant: acme, params: {cn: {human_wait_max_s: 60}}}\n")}}))
	if err != nil {
		t.Fatal(err)
	}
	const asked = 1772452800000
	facts := policies.Facts{Jurisdiction: "CN", Opened: asked, Channel: "app"}
	told := func(tenant string, waited policies.Millis, rule string) (*policies.Trace, string) {
		t.Helper()
		facts.Human.Waits = []policies.Wait{{Asked: "e-1", AskedAt: asked, Joined: "e-9", JoinedAt: asked + waited, WaitedMs: waited}}
		trace, err := b.Trace(t.Context(), &policies.Input{Session: &facts, Tenant: tenant, Now: asked + waited}, rule)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, s := range trace.Steps {
			fmt.Fprintf(&out, "%d %s held=%v\n", s.Depth, s.Name, s.Held)
			for _, c := range s.Conditions {
				fmt.Fprintf(&out, "  %s asked=%v held=%v %v\n", c.Text, c.Asked, c.Held, c.Values)
			}
		}
		return trace, out.String()
	}

	trace, text := told("acme", 75_000, "cn-human-unreachable")
	if !trace.Found || trace.File != "cn/human.rego" || !strings.HasPrefix(trace.Text, "finding contains {") || !strings.Contains(trace.Text, "cn-human-unreachable") {
		t.Errorf("rule %+v", trace)
	}
	if !strings.Contains(fmt.Sprint(trace.Params), "{cn.human_wait_max_s 60}") {
		t.Errorf("parameters %v, want the tenant's limit", trace.Params)
	}
	for _, want := range []string{
		"0 finding held=true",
		"1 joined_in_time held=false",
		"wait.joined_at > 0 asked=true held=true [{wait.joined_at 1772452875000}]",
		"wait.waited_ms <= data.mingjian.params.cn.human_wait_max_s * 1000 asked=true held=false [{wait.waited_ms 75000} {cn.human_wait_max_s 60}]",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not told: %s\n%s", want, text)
		}
	}

	trace, text = told("default", 75_000, "cn-human-unreachable")
	if trace.Found || !strings.Contains(text, "0 finding held=false") || !strings.Contains(text, "[{wait.waited_ms 75000} {cn.human_wait_max_s 90}]") {
		t.Errorf("within the limit: %+v\n%s", trace, text)
	}
	if first := trace.Steps[0].Conditions[0]; first.Held || !first.Asked {
		t.Errorf("nothing was found, and the condition held: %+v", first)
	}
	if _, err := b.Trace(t.Context(), &policies.Input{Session: &facts}, "no-such-rule"); err == nil {
		t.Error("a rule that is not there was traced")
	}
}

// Every rule of the catalogue can be traced, whatever the facts.
func TestEveryRuleCanBeTraced(t *testing.T) {
	b := load(t)
	facts := policies.Facts{Jurisdiction: "CN", Opened: 1772452800000}
	for _, r := range b.Rules {
		trace, err := b.Trace(t.Context(), &policies.Input{Session: &facts, Tenant: "default", Now: 1772452900000}, r.ID)
		if err != nil && strings.Contains(err.Error(), "judges an indicator") {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", r.ID, err)
		} else if len(trace.Steps) == 0 || trace.Steps[0].Depth != 0 || len(trace.Steps[0].Conditions) == 0 {
			t.Errorf("%s: no conditions are told: %+v", r.ID, trace)
		}
	}
}
