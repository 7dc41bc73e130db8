package policies_test

import (
	"strings"
	"testing"

	"mingjian/policies"
)

// breaking is a day on which 16 of 100 conversations broke off.
func breaking(tenant, line string, opened policies.Millis) policies.Indicator {
	return policies.Indicator{
		Name: "i-breakpoint-rate", Tenant: tenant, BusinessLine: line, Day: "2026-11-20", Period: "day", Unit: "sessions",
		Numerator: 16, Denominator: 100, Value: 0.16, Low: 0.094, High: 0.247, Last: opened + 3_600_000, Opened: opened,
	}
}

func TestJudgeAnIndicator(t *testing.T) {
	const day = 1795104000000 // 2026-11-20, midnight in Beijing
	files := shipped(t)
	files["overrides.yaml"].Data = []byte("- {tenant: acme, business_line: billing, from: \"2026-11-20\", until: \"2026-11-20\", params: {quality: {breakpoint_max_percent: 16}, cn: {label_scope: turn}}}\n")
	bundle, err := policies.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := policies.NewEngine(t.Context(), bundle)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(in policies.Indicator) policies.Verdict {
		t.Helper()
		v, err := engine.Judge(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := judge(breaking("acme", "roaming", day))
	if len(v.Findings) != 1 || len(v.NotAssessable) != 0 {
		t.Fatalf("16 of 100: %+v", v)
	}
	want := `{"day":"2026-11-20","denominator":100,"high":0.247,"interval_beyond_limit":false,"limit_percent":15,"low":0.094,"numerator":16,"period":"day","unit":"sessions","value":0.16}`
	if f := v.Findings[0]; f.Rule != "i-breakpoint-rate" || f.Pack != "quality" || f.Status != policies.Benchmark || f.At != day+3_600_000 || f.Subject != "" || string(f.Facts) != want {
		t.Errorf("finding %+v with %s", f, f.Facts)
	}
	for name, in := range map[string]policies.Indicator{
		"the override of its day": breaking("acme", "billing", day),
		"too few":                 {Name: "i-breakpoint-rate", Numerator: 29, Denominator: 29, Value: 1},
		"nothing broke off":       {Name: "i-breakpoint-rate", Denominator: 100},
	} {
		if v := judge(in); len(v.Findings) != 0 {
			t.Errorf("%s: %+v", name, v.Findings)
		}
	}
	if v := judge(breaking("acme", "billing", day+86_400_000)); len(v.Findings) != 1 {
		t.Error("the override holds the day after")
	}
	if _, err := engine.Judge(t.Context(), policies.Indicator{Name: "cn-human-slow"}); err == nil {
		t.Error("a rule of sessions judged an indicator")
	}
	for _, p := range []struct{ pack, name, line, want string }{
		{"cn", "label_scope", "billing", "turn"}, {"cn", "label_scope", "roaming", "session"}, {"quality", "indicator_least", "", "30"}, {"cn", "no_such", "", ""},
	} {
		if got := bundle.Parameter(p.pack, p.name, "acme", p.line, day); got != p.want {
			t.Errorf("%s.%s of %q is %q, want %q", p.pack, p.name, p.line, got, p.want)
		}
	}
}

// A session is never asked about indicators, and they have no part in the 64 topics that can be told apart.
func TestIndicatorsAreNotAskedOfSessions(t *testing.T) {
	engine, err := policies.NewEngine(t.Context(), load(t))
	if err != nil {
		t.Fatal(err)
	}
	v, err := engine.Check(t.Context(), &policies.Input{Session: &policies.Facts{Jurisdiction: "CN", Opened: 1795104000000}, Now: 1795104000000, Changed: policies.AllFields})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range v.NotAssessable {
		if strings.HasPrefix(n.Rule, "i-") || n.Rule == "cn-47746-no-threshold" {
			t.Errorf("said of a session: %+v", n)
		}
	}
}

func TestTopicsOfIndicatorsThatAreRefused(t *testing.T) {
	const file = "quality/indicator.rego"
	for name, tt := range map[string]struct{ old, new, want string }{
		"a session's fact":         {`input.indicator.name == "i-breakpoint-rate"`, `input.session.opened > 0`, "input.indicator.<field>"},
		"the time":                 {`input.indicator.name == "i-breakpoint-rate"`, `input.now > 0`, "input.indicator.<field>"},
		"the indicator as a whole": {`input.indicator.name == "i-breakpoint-rate"`, `count(input.indicator) > 0`, "input.indicator.<field>"},
		"no such field":            {`input.indicator.name == "i-breakpoint-rate"`, `input.indicator.title == "x"`, "no field title"},
		"a topic of sessions":      {`input.indicator.name == "i-breakpoint-rate"`, `data.mingjian.cn47746.scope.in_force`, "cannot refer to each other"},
		"a deadline":               {"# few is asked by", "due contains 1 if input.indicator.last > 0\n\n# few is asked by", "falls due at no moment"},
	} {
		files := shipped(t)
		edit(t, files, file, tt.old, tt.new)
		_, err := policies.Load(files)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), file+":") {
			t.Errorf("%s: %v", name, err)
		}
	}
	files := shipped(t)
	edit(t, files, "cn47746/scope.rego", "in_force if", "other if data.mingjian.quality.indicator.few\n\nin_force if")
	if _, err := policies.Load(files); err == nil || !strings.Contains(err.Error(), "cannot refer to each other") {
		t.Errorf("a rule of sessions that asks one of indicators: %v", err)
	}
}
