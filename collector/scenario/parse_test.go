package scenario

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const whole = `
# a comment first
- id: one
  title: 一个会话
  jurisdiction: ES
  start: "2026-09-01T08:00:00+02:00"
  tenant: acme
  business_line: cards
  industry: bank
  appeal: true
  bot_version: 3.10
  channel: app
  customer: {age: 71, needs: [vision]}
  entrance:
    depth: 1
    ai_label: "AI-generated"
  vary:
    ask: ["转人工", "找真人"]
    code: [12345, yes]
  events:
    - {at: 9s, customer: "${ask} ${code}", ai: {emotion: 35}}
    - {at: 2s, bot: 12.50}
    - at: 30s
      kind: promise.made
      actor: {role: agent, id: a-1}
      promise: {due: 24h, what: refund}
    - {at: 31s, kind: callback.promised, callback: {due: "2026-09-02T00:00:00Z"}}
    - {at: 32s, agent: "您好", agent_id: 1024}
    - {at: 33s, kind: handoff.requested, customer: "人工"}
  "close": {"at": 4m, by: customer, resolved: true, csat: 4}
  until: 10m
  expect: [b-rule, a-rule, a-rule]
  expect_not: [c-rule]
- id: two
  events: []
  expect: []
`

func parse(t *testing.T, text string) []*Scenario {
	t.Helper()
	list, warnings, err := Parse("f.yaml", []byte(text))
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v %q", err, warnings)
	}
	return list
}

func TestScript(t *testing.T) {
	list := parse(t, whole)
	if len(list) != 2 {
		t.Fatalf("%d scenarios", len(list))
	}
	s := list[0]
	if s.ID != "one" || s.Title != "一个会话" || s.Line != 3 || !s.OwnStart || s.Until != 10*time.Minute ||
		!slices.Equal(s.Expect, []string{"a-rule", "b-rule"}) || !slices.Equal(s.ExpectNot, []string{"c-rule"}) {
		t.Errorf("%+v", s)
	}
	if two := list[1]; two.OwnStart || !two.Start.Equal(DefaultStart) || two.Until != 0 {
		t.Errorf("defaults: %+v", two)
	}
	opened := time.Date(2026, 9, 1, 6, 0, 0, 0, time.UTC)
	var got []string
	for _, m := range s.Script("s", opened, s.First()) {
		got = append(got, string(m.Value))
	}
	want := []string{
		`{"appeal":true,"bot":{"version":"3.10"},"business_line":"cards","channel":"app","customer":{"age":71,"jurisdiction":"ES","needs":["vision"]},"entrance":{"ai_label":"AI-generated","depth":1},"event_id":"e0","industry":"bank","kind":"session.opened","session_id":"s","tenant":"acme","ts":1788242400000}`,
		`{"actor":{"role":"bot"},"event_id":"e1","kind":"message","session_id":"s","text":"12.50","ts":1788242402000}`,
		`{"actor":{"role":"customer"},"ai":{"emotion":35},"event_id":"e2","kind":"message","session_id":"s","text":"转人工 12345","ts":1788242409000}`,
		`{"actor":{"id":"a-1","role":"agent"},"event_id":"e3","kind":"promise.made","promise":{"due":"2026-09-02T06:00:00Z","what":"refund"},"session_id":"s","ts":1788242430000}`,
		`{"callback":{"due":"2026-09-02T00:00:00Z"},"event_id":"e4","kind":"callback.promised","session_id":"s","ts":1788242431000}`,
		`{"actor":{"id":"1024","role":"agent"},"event_id":"e5","kind":"message","session_id":"s","text":"您好","ts":1788242432000}`,
		`{"actor":{"role":"customer"},"event_id":"e6","kind":"handoff.requested","session_id":"s","text":"人工","ts":1788242433000}`,
		`{"close":{"by":"customer","csat":4,"resolved":true},"event_id":"e7","kind":"session.closed","session_id":"s","ts":1788242640000}`,
	}
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing %s", want[i])
		case i >= len(want):
			t.Errorf("too much: %s", got[i])
		case got[i] != want[i]:
			t.Errorf("event %d\ngot  %s\nwant %s", i, got[i], want[i])
		}
	}
}

func TestVary(t *testing.T) {
	s := parse(t, whole)[0]
	seen := map[string]bool{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var e struct{ Text string }
		if err := json.Unmarshal(s.Script("s", DefaultStart, s.Vary(rng))[2].Value, &e); err != nil {
			t.Fatal(err)
		}
		seen[e.Text] = true
	}
	if len(seen) != 4 {
		t.Errorf("wordings %v, want all four", seen)
	}
}

func TestJurisdiction(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    `"customer":{"jurisdiction":"CN"}`,
		"  jurisdiction: EU\n":                `"customer":{"jurisdiction":"EU"}`,
		"  jurisdiction: \"\"\n":              `"customer":{}`,
		"  customer: {jurisdiction: US-CA}\n": `"customer":{"jurisdiction":"US-CA"}`,
	} {
		s := parse(t, "- id: x\n"+text+"  expect: []\n")[0]
		if got := string(s.Script("s", s.Start, nil)[0].Value); !strings.Contains(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// Every fault is reported, each with its place, and takes only its own scenario away.
func TestFaults(t *testing.T) {
	const text = `- id: good
  expect: []
- id: bad
  start: yesterday
  jurisdiction: CN
  customer: {jurisdiction: ES, age: old}
  appeal: maybe
  expect: none
  expect_not: []
  events:
    - {bot: "no time"}
    - {at: 3s}
    - {at: 2 minutes, bot: "x"}
    - {at: 4s, customer: {age: 71}}
    - {at: 5s, bot: "a", agent: "b"}
    - {at: 6s, bot: "${nowhere}"}
    - {at: 7s, bot: "a", text: "b"}
    - nothing
  close: {by: customer}
  vary: {w: [], x: ["${y}"]}
- id: good
  expect: []
- id: unlikely
  events: [{at: 1s, kind: no.such.kind}]
  expect: []
- id: both
  expect: [r]
  expect_not: [r]
- just a text
- title: nameless
  expect: []
- id: fine
  expect: []
`
	list, _, err := Parse("f.yaml", []byte(text))
	if err == nil {
		t.Fatal("no error")
	}
	var ids []string
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	if !slices.Equal(ids, []string{"good", "fine"}) {
		t.Errorf("scenarios %v", ids)
	}
	want := []string{
		"f.yaml:4: start must be a moment",
		"f.yaml:6: customer.age must be a whole number",
		"f.yaml:7: appeal must be true or false",
		"f.yaml:8: expect is a list",
		"f.yaml:11: an event needs at",
		"f.yaml:12: an event needs kind",
		"f.yaml:13: at must be a duration",
		"f.yaml:14: customer must be a text",
		"f.yaml:15: one event cannot be said by both",
		"f.yaml:17: text is given twice",
		"f.yaml:18: an event is a list of fields",
		"f.yaml:19: close needs at",
		"f.yaml:20: vary: w needs a list",
		"f.yaml:20: vary: x: an alternative cannot hold",
		"f.yaml:3: jurisdiction is given twice",
		"f.yaml:16: ${nowhere} is not under vary",
		"f.yaml:21: id good is already in line 1",
		"f.yaml:24: the collector would refuse this event",
		"f.yaml:26: r: both expected and not expected",
		"f.yaml:29: a scenario is a list of fields",
		"f.yaml:30: a scenario needs an id",
	}
	lines := strings.Split(err.Error(), "\n")
	for _, w := range want {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, w) }) {
			t.Errorf("missing: %s", w)
		}
	}
	if len(lines) != len(want) {
		t.Errorf("%d faults, want %d:\n%s", len(lines), len(want), err)
	}
}

func TestWarnings(t *testing.T) {
	const text = `- id: x
  colour: red
  kind: message
  customer: {age: 30, hobby: chess}
  vary:
    unused: [a]
  events:
    - {at: 1s, bot: "您好", mood: good, ai: {emotoin: 3}}
    - {at: 2s, bot: "您好", ts: 1}
  close: {at: 3s, why: done}
`
	list, warnings, err := Parse("f.yaml", []byte(text))
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %d scenarios: what is not known is ignored", err, len(list))
	}
	want := []string{
		"f.yaml:2: colour is ignored", "f.yaml:3: kind is ignored", "f.yaml:4: customer.hobby is ignored",
		"f.yaml:8: mood is ignored", "f.yaml:8: ai.emotoin is ignored", "f.yaml:9: ts is ignored", "f.yaml:10: close.why is ignored",
		"f.yaml:1: vary: ${unused} stands in no text", "f.yaml:1: scenario x says nothing of what is expected",
	}
	for _, w := range want {
		if !slices.ContainsFunc(warnings, func(l string) bool { return strings.HasPrefix(l, w) }) {
			t.Errorf("missing: %s", w)
		}
	}
	if len(warnings) != len(want) {
		t.Errorf("warnings %q", warnings)
	}
}

func TestNotAScenarioFile(t *testing.T) {
	for text, want := range map[string]string{
		"id: x\n":              "f.yaml:1: a scenario file is a list",
		"- id: x\n  at: [1, 2": "f.yaml:2: ",
		"\t- id: x":            "f.yaml:1: ",
	} {
		if _, _, err := Parse("f.yaml", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s…", text, err, want)
		}
	}
	for _, text := range []string{"", "# only a comment\n", "[]\n"} {
		if list, _, err := Parse("f.yaml", []byte(text)); err != nil || len(list) != 0 {
			t.Errorf("%q: %v, %v", text, list, err)
		}
	}
}

func TestLoad(t *testing.T) {
	fsys := fstest.MapFS{
		"s/b.yaml":     {Data: []byte("- id: two\n  expect: []\n")},
		"s/a.yml":      {Data: []byte("- id: one\n  expect: []\n")},
		"s/deep/c.yml": {Data: []byte("- id: one\n  expect: []\n- id: three\n  expect: []\n")},
		"s/README.md":  {Data: []byte("not a scenario")},
	}
	list, _, err := Load(fsys, "s")
	if err == nil || err.Error() != "s/deep/c.yml:1: id one is already in s/a.yml:1" {
		t.Errorf("error %v", err)
	}
	var ids []string
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	if !slices.Equal(ids, []string{"one", "two", "three"}) {
		t.Errorf("scenarios %v", ids)
	}
	if one, _, err := Load(fsys, "s/b.yaml"); err != nil || len(one) != 1 {
		t.Errorf("a single file: %v, %v", one, err)
	}
	if _, _, err := Load(fsys, "nowhere"); err == nil {
		t.Error("a missing folder is no error")
	}
}
