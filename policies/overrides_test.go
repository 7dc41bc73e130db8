package policies_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mingjian/policies"
)

// over is what ships with files laid over it.
func over(files map[string]string) (*policies.Bundle, error) {
	upper := fstest.MapFS{}
	for name, text := range files {
		upper[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return policies.Load(policies.Over(policies.Builtin(), upper))
}

func TestOverridesHoldForTheirSessions(t *testing.T) {
	b, err := over(map[string]string{"overrides.yaml": `
- {tenant: acme, from: "2026-09-01", until: "2026-09-30", params: {cn: {human_slow_s: 10}}}
- {tenant: acme, business_line: loans, params: {cn: {human_slow_s: 19}}}
- {tenant: acme, from: "2026-10-01", params: {cn: {human_slow_s: 15}}}
`})
	if err != nil {
		t.Fatal(err)
	}
	e, err := policies.NewEngine(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	beijing := time.FixedZone("CST", 8*60*60)
	for _, c := range []struct {
		name, tenant, line string
		opened             time.Time
		waited             policies.Millis // seconds until a person came
		slow               bool
	}{
		{"nobody's", "other", "cards", time.Date(2026, 9, 10, 9, 0, 0, 0, beijing), 20, false},
		{"in its time", "acme", "cards", time.Date(2026, 9, 10, 9, 0, 0, 0, beijing), 11, true},
		{"at its first moment", "acme", "cards", time.Date(2026, 9, 1, 0, 0, 0, 0, beijing), 11, true},
		{"the moment before", "acme", "cards", time.Date(2026, 8, 31, 23, 59, 59, 0, beijing), 11, false},
		{"in its last hour", "acme", "cards", time.Date(2026, 9, 30, 23, 0, 0, 0, beijing), 11, true},
		{"in the next entry's time", "acme", "cards", time.Date(2026, 10, 1, 0, 0, 0, 0, beijing), 11, false},
		{"in the next entry's time, over it", "acme", "cards", time.Date(2026, 10, 1, 0, 0, 0, 0, beijing), 16, true},
		{"the line's own", "acme", "loans", time.Date(2026, 9, 10, 9, 0, 0, 0, beijing), 11, false},
		{"the line's own, over it", "acme", "loans", time.Date(2026, 9, 10, 9, 0, 0, 0, beijing), 20, true},
	} {
		in := typical("CN")
		at := c.opened.UnixMilli()
		in.Tenant, in.Session.BusinessLine, in.Session.Opened = c.tenant, c.line, at
		w := &in.Session.Human.Waits[0]
		w.AskedAt, w.JoinedAt, w.WaitedMs = at+1000, at+1000+c.waited*1000, c.waited*1000
		in.Now = w.JoinedAt
		if got := slices.Contains(ids(check(t, e, in)), "cn-human-slow"); got != c.slow {
			t.Errorf("%s: slow %v, want %v", c.name, got, c.slow)
		}
	}
}

func TestALayerChangesOnlyWhatItHolds(t *testing.T) {
	shipped := load(t)
	b, err := over(map[string]string{"params.yaml": "cn: {human_slow_s: 10}\n"})
	if err != nil {
		t.Fatal(err)
	}
	if b.Revision == shipped.Revision {
		t.Error("another parameter, the same revision")
	}
	if len(b.Rules) != len(shipped.Rules) {
		t.Errorf("%d rules, shipped are %d", len(b.Rules), len(shipped.Rules))
	}
	e, err := policies.NewEngine(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(check(t, e, typical("CN"))); !slices.Contains(got, "cn-human-slow") {
		t.Errorf("found %v", got)
	}
	same, err := over(map[string]string{"README.md": "nothing that decides"})
	if err != nil {
		t.Fatal(err)
	}
	if same.Revision != shipped.Revision {
		t.Error("nothing differs, another revision")
	}
}

// Whatever is wrong is told at once, each fault with its place.
func TestLayersWithFaultsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"overlapping dates": {map[string]string{"overrides.yaml": `
- {tenant: acme, from: "2026-09-01", until: "2026-09-30", params: {cn: {human_slow_s: 10}}}
- tenant: acme
  from: "2026-09-30"
  params: {cn: {human_slow_s: 15, human_grace_s: 1}}
`}, []string{"overrides.yaml:3: gives cn.human_slow_s to tenant acme for days that the entry in line 2 covers too"}},
		"unknown rule parameter, bad value, bad day, no tenant": {map[string]string{"overrides.yaml": `
- {tenant: acme, params: {cn: {human_fast_s: 10}}}
- {tenant: acme, from: "2026-02-30", params: {cn: {human_slow_s: 0}}}
- {params: {cn: {human_slow_s: 1}}}
- {tenant: x, from: "2026-02-03", until: "2026-02-01", params: {}}
- {tenant: x, until: "2026-02-03", parms: {}}
`}, []string{"overrides.yaml:6: unknown key parms"}},
		"the same without the unknown key": {map[string]string{"overrides.yaml": `
- {tenant: acme, params: {cn: {human_fast_s: 10}}}
- {tenant: acme, from: "2026-02-30", params: {cn: {human_slow_s: 0}}}
- {params: {cn: {human_slow_s: 1}}}
- {tenant: x, from: "2026-02-03", until: "2026-02-01", params: {}}
`}, []string{
			"overrides.yaml:2: cn.human_fast_s: no rule declares this parameter",
			`overrides.yaml:3: from "2026-02-30" is not a day`,
			"overrides.yaml:3: cn.human_slow_s: 0 is not between 1 and 3600",
			"overrides.yaml:4: needs a tenant",
			"overrides.yaml:5: from 2026-02-03 is after until 2026-02-01",
			"overrides.yaml:5: changes no parameter",
		}},
		"unknown parameter in a partial params.yaml": {map[string]string{"params.yaml": "cn:\n  human_slow: 10\n"},
			[]string{"params.yaml:2: cn.human_slow: no rule declares this parameter"}},
		"tenants": {map[string]string{"tenants.yaml": "acme: {calendar: moon}\nb: {failure_threshold: 0}\nc: {size: 1}\n"},
			[]string{"tenants.yaml:3: unknown key size"}},
		"tenants' values": {map[string]string{"tenants.yaml": "acme: {calendar: moon}\nb: {failure_threshold: 0}\n"},
			[]string{`tenants.yaml:1: acme: calendar "moon" is not in calendars.yaml`, "tenants.yaml:2: b: failure_threshold 0"}},
		"calendars": {map[string]string{"calendars.yaml": "usual: {default: a, CN: b}\ncalendars:\n  a:\n    zone: Mars/Olympus\n    hours: {monday: [\"9-5\"], moonday: [\"09:00-10:00\"]}\n    off: [\"2026-13-01\"]\n"},
			[]string{"calendars.yaml:1: usual calendar of \"CN\" is \"b\", which is not there", "calendars.yaml:4: a: zone \"Mars/Olympus\"", "calendars.yaml:5: a: monday: \"9-5\"", "calendars.yaml:5: a: moonday:", "calendars.yaml:6: a: \"2026-13-01\" is not a day"}},
		"a pack's syntax and a lexicon's pattern": {map[string]string{
			"cn/human.rego":        "package mingjian.cn.human\n\nfinding contains {\n",
			"lexicon/apology.yaml": "about: {zh: a, en: b}\npatterns:\n  zh: ['(']\n",
		}, []string{"cn/human.rego:4: rego_parse_error", "lexicon/apology.yaml:3: pattern \"(\""}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := over(c.files)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no fault %q in:\n%v", want, err)
				}
			}
		})
	}
}
