package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mingjian/collector/replay"
)

// waiting writes a session in which a person joins 25 seconds after being asked for: slow by a limit of
// 20 seconds, not by the 30 that ship.
func waiting(enc *json.Encoder, id string) {
	start := time.Date(2026, 9, 2, 9, 0, 0, 0, time.UTC)
	for i, e := range []map[string]any{
		{"kind": "session.opened", "channel": "app", "customer": map[string]any{"id": "c-" + id, "jurisdiction": "CN"}},
		{"kind": "message", "actor": map[string]any{"role": "customer"}, "text": "转人工"},
		{"kind": "handoff.accepted", "actor": map[string]any{"role": "agent", "id": "a-1"}},
		{"kind": "session.closed", "close": map[string]any{"by": "customer", "reason": "ended"}},
	} {
		e["session_id"], e["event_id"] = id, id+"-"+string(rune('a'+i))
		e["ts"] = start.Add([]time.Duration{0, 2, 27, 60}[i] * time.Second).Format(time.RFC3339)
		enc.Encode(e)
	}
}

// refused runs a command that must fail and returns what it says.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	said, err := mingjian(args...).CombinedOutput()
	if err == nil {
		t.Fatalf("mingjian %s succeeded:\n%s", strings.Join(args, " "), said)
	}
	return string(said)
}

// An officer's way: see what a change would do, put it into the directory of a running system, see that it
// is in force, explain a finding that it made and one that was made before, and break a file.
func TestOfficerChangesAThreshold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	policies := filepath.Join(dir, "policies")
	if err := os.Mkdir(policies, 0o755); err != nil {
		t.Fatal(err)
	}
	save := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s := up(t, filepath.Join(dir, "data"), "--policies", policies)
	file := filepath.Join(dir, "first.jsonl")
	events := 0
	writeLines(t, file, func(enc *json.Encoder) {
		waiting(enc, "first")
		events = 4 + conversation{id: "brussels", bot: true, turns: 2, started: time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)}.write(enc)
	})
	output(t, "import", "--data", s.data, file)
	s.settled(events)

	stricter := save("stricter.yaml", "cn: {human_slow_s: 20}\n")
	var c replay.Comparison
	if err := json.Unmarshal([]byte(output(t, "policy", "backtest", "--data", s.data, "--policies", policies, "--since", "2026-09-01", "--params", stricter, "--json")), &c); err != nil {
		t.Fatal(err)
	}
	if c.Gained != 1 || c.Lost+c.Changed != 0 || c.Unchanged == 0 || c.Sessions != 2 || int(c.Interactions) != events {
		t.Errorf("backtest: %+v of %d sessions", c.Tally, c.Sessions)
	}
	text := output(t, "policy", "backtest", "--data", s.data, "--since", "2026-09-01", "--until", "2026-09-03", "--params", stricter)
	for _, want := range []string{"cn-human-slow  1", "gained   2026-09-02T09:00:27Z  session first of tenant default", `"limit_s":20`} {
		if !strings.Contains(text, want) {
			t.Errorf("backtest does not say %q:\n%s", want, text)
		}
	}
	packs := filepath.Dir(filepath.Dir(save("packs/cn/human.rego", "package mingjian.cn.human\n\nfinding contains {\n")))
	wrong := save("wrong.yaml", "cn:\n  human_slow_s: 20\n  human_slow_z: 1\n")
	for want, args := range map[string][]string{
		"cn/human.rego:4: rego_parse_error":                               {"--packs", packs},
		"params.yaml:3: cn.human_slow_z: no rule declares this parameter": {"--params", wrong},
		"say what would change":                                           nil,
	} {
		if said := refused(t, append([]string{"policy", "backtest", "--data", s.data, "--since", "24h"}, args...)...); !strings.Contains(said, want) {
			t.Errorf("%v is refused with %q, and not with %q", args, said, want)
		}
	}

	var catalogue struct{ Revision string }
	s.get("/api/v1/policies", &catalogue)
	shipped := catalogue.Revision
	save("policies/params.yaml", "cn: {human_slow_s: 20}\n")
	s.wait("the change in force", func() bool {
		s.get("/api/v1/policies", &catalogue)
		return catalogue.Revision != shipped
	})
	writeLines(t, file, func(enc *json.Encoder) { waiting(enc, "second") })
	output(t, "import", "--data", s.data, file)
	s.settled(events + 4)
	type found struct {
		ID       string `json:"finding_id"`
		Session  string `json:"session_id"`
		Revision string `json:"revision"`
	}
	slow := query[found](s, `SELECT finding_id, session_id, revision FROM mingjian.findings_v WHERE rule = 'cn-human-slow'`)
	if len(slow) != 1 || slow[0].Session != "second" || slow[0].Revision != catalogue.Revision {
		t.Fatalf("slow under the new limit: %+v, want session second at revision %s", slow, catalogue.Revision)
	}
	text = output(t, "policy", "explain", "--data", s.data, slow[0].ID)
	for _, want := range []string{"人工接入超过30秒", "cn-miit-30s", "wording not verified", "cn.human_slow_s = 20", "转人工", "second-b", "held", "waited_ms = 25000", `"id": "cn-human-slow"`, catalogue.Revision} {
		if !strings.Contains(text, want) {
			t.Errorf("the explanation does not say %q:\n%s", want, text)
		}
	}
	earlier := query[found](s, `SELECT finding_id, session_id, revision FROM mingjian.findings_v WHERE rule = 'eu-ai-notice-missing'`)
	if len(earlier) != 1 || earlier[0].Revision != shipped {
		t.Fatalf("no notice: %+v", earlier)
	}
	text = output(t, "policy", "explain", "--data", s.data, earlier[0].ID)
	if !strings.Contains(text, shipped) || !strings.Contains(text, "✓ 成立 held") || strings.Contains(text, "注意 Note") {
		t.Errorf("a finding of a revision that is no longer in force:\n%s", text)
	}
	if said := refused(t, "policy", "explain", "--data", s.data, "no-such-id"); strings.Count(said, "\n") != 1 || !strings.Contains(said, "no finding of this id") {
		t.Errorf("an id that is not there: %q", said)
	}

	save("policies/params.yaml", "cn: {human_slow_s: fast}\n")
	var ready struct {
		OK    bool
		Parts []struct {
			Name string
			OK   bool
		}
	}
	s.wait("the refusal", func() bool {
		s.get("/readyz", &ready)
		for _, p := range ready.Parts {
			if p.Name == "policies" {
				return !p.OK
			}
		}
		return false
	})
	if !ready.OK {
		t.Errorf("a refused change makes the service unready: %+v", ready)
	}
	if was := catalogue.Revision; !strings.Contains(s.log.String(), `params.yaml:1: cn.human_slow_s`) {
		t.Errorf("the log does not say why:\n%s", s.log)
	} else if s.get("/api/v1/policies", &catalogue); catalogue.Revision != was {
		t.Error("a broken file changed the revision in force")
	}
}
