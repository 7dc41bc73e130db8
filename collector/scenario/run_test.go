package scenario

import (
	"slices"
	"strings"
	"testing"

	"mingjian/collector/inspect"
	"mingjian/policies"
)

// builtin is an inspector over what ships, and the scenarios that ship with it.
func builtin(t *testing.T) (*inspect.Inspector, []*Scenario) {
	t.Helper()
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if b, err = Tenants(b); err != nil {
		t.Fatal(err)
	}
	i, err := inspect.New(b)
	if err != nil {
		t.Fatal(err)
	}
	list, warnings, err := Load(policies.Builtin(), "scenarios")
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %s", strings.Join(warnings, "\n"))
	}
	return i, list
}

func TestBuiltinScenarios(t *testing.T) {
	i, list := builtin(t)
	for _, s := range list {
		r, err := Run(t.Context(), i, s)
		if err != nil {
			t.Errorf("%s:%d: %v", s.File, s.Line, err)
			continue
		}
		if !r.OK {
			t.Errorf("%s:%d: %s: expected %v, found %v", s.File, s.Line, s.ID, r.Expected, r.Found)
		}
	}
}

// Every wording that a scenario offers means the same.
func TestBuiltinWordings(t *testing.T) {
	i, list := builtin(t)
	for _, s := range list {
		for name, alternatives := range s.vary {
			for _, text := range alternatives {
				words := s.First()
				words[name] = text
				state, err := perform(t.Context(), i, s, words)
				if err != nil {
					t.Fatal(err)
				}
				if r := compare(i, s, state); !r.OK {
					t.Errorf("%s:%d: %s, ${%s} = %q: expected %v, found %v", s.File, s.Line, s.ID, name, text, r.Expected, r.Found)
				}
			}
		}
	}
}

func TestRunReportsDifferences(t *testing.T) {
	i, _ := builtin(t)
	const asked = `
  entrance: {human_option_visible: true, ai_label: "本服务由人工智能生成内容"}
  events:
    - {at: 1s, customer: "转人工"}
`
	for name, c := range map[string]struct {
		text    string
		want    Result
		unknown []string
	}{
		"as expected":     {asked + "  until: 90s\n  expect: [cn-human-unreachable]", Result{Expected: []string{"cn-human-unreachable"}, Found: []string{}}, nil},
		"one second more": {asked + "  until: 91s\n  expect: [cn-human-unreachable]", Result{Expected: []string{"cn-human-unreachable"}, Found: []string{"cn-human-unreachable"}, OK: true}, nil},
		"not expected":    {asked + "  until: 2m\n  expect: []", Result{Expected: []string{}, Found: []string{"cn-human-unreachable"}}, nil},
		"rules not loaded count neither way": {asked + "  until: 2s\n  expect: [x-no-such-rule]",
			Result{Expected: []string{}, Found: []string{}, OK: true}, []string{"x-no-such-rule"}},
	} {
		s := parse(t, "- id: x"+c.text+"\n")[0]
		got, err := Run(t.Context(), i, s)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != "x" || got.OK != c.want.OK || !slices.Equal(got.Expected, c.want.Expected) || !slices.Equal(got.Found, c.want.Found) ||
			!slices.Equal(got.Unknown, c.unknown) || got.Expected == nil || got.Found == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestLasting(t *testing.T) {
	i, _ := builtin(t)
	list := parse(t, `
- id: lasts
  entrance: {human_option_visible: true, ai_label: "本服务由人工智能生成内容"}
  events: [{at: 1s, customer: "找个活人"}, {at: 2s, bot: "请描述问题"}]
  until: 2m
  expect: [cn-human-unreachable, x-no-such-rule]
  expect_not: [q-three-strikes, x-no-other-rule]
- id: cut-off-before-its-deadline
  entrance: {human_option_visible: true, ai_label: "本服务由人工智能生成内容"}
  events: [{at: 1s, customer: "转人工"}]
  expect: []
- id: about-a-date
  start: "2026-08-31T10:00:00+08:00"
  entrance: {human_option_visible: true, ai_label: "本服务由人工智能生成内容"}
  events: [{at: 1s, customer: "转人工"}, {at: 2s, bot: "请描述问题"}]
  until: 2m
  expect: [cn-human-unreachable]
- id: on-a-day-that-does-not-matter
  start: "2026-08-31T10:00:00+08:00"
  entrance: {human_option_visible: true, ai_label: "本服务由人工智能生成内容"}
  expect: []
- id: does-not-hold
  expect: [cn-human-slow]
`)
	kept, err := Lasting(t.Context(), i, list)
	if err != nil || len(kept) != 2 || kept[0].ID != "lasts" || kept[1].ID != "on-a-day-that-does-not-matter" {
		t.Fatalf("%v, %v", kept, err)
	}
	if !slices.Equal(kept[0].Expect, []string{"cn-human-unreachable"}) || !slices.Equal(kept[0].ExpectNot, []string{"q-three-strikes"}) {
		t.Errorf("ground truth holds rules that are not loaded: %+v", kept[0])
	}
}
