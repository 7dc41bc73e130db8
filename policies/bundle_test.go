package policies_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"mingjian/policies"
)

// shipped is a copy of the built-in source that a test may change.
func shipped(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(policies.Builtin(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(policies.Builtin(), path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// edit replaces a piece of one file, which must be there.
func edit(t *testing.T, files fstest.MapFS, file, old, new string) {
	t.Helper()
	data := string(files[file].Data)
	if !strings.Contains(data, old) {
		t.Fatalf("%s does not hold %q", file, old)
	}
	files[file] = &fstest.MapFile{Data: []byte(strings.Replace(data, old, new, 1))}
}

func load(t testing.TB) *policies.Bundle {
	t.Helper()
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCatalogueIsComplete(t *testing.T) {
	b := load(t)
	want := []string{
		"ai-denied", "cn-47746-auto", "cn-47746-back", "cn-47746-close", "cn-47746-emotion", "cn-47746-handover",
		"cn-47746-key", "cn-47746-keyword", "cn-47746-menu", "cn-47746-no-threshold", "cn-47746-norepeat",
		"cn-47746-prio", "cn-47746-queue", "cn-47746-record", "cn-accessible-channel-missing", "cn-ai-label-incomplete",
		"cn-ai-label-missing", "cn-answer-untrue", "cn-anthro-drift", "cn-appeal-human-refused",
		"cn-auto-decision-human-refused", "cn-bank-known-info", "cn-complaint-overdue", "cn-complaint-unanswered",
		"cn-elder-channel-missing", "cn-elder-cut-off", "cn-elder-not-direct", "cn-human-option-hidden", "cn-human-slow",
		"cn-human-unreachable", "cn-promise-broken", "cn-refund-overdue", "cn-sensitive-pi-unasked",
		"cn-unlabelled-log-missing", "cn-voice-label-missing", "cn-voice-label-speed", "es-agent-unidentified",
		"es-bot-only", "es-cut-while-waiting", "es-human-slow", "es-no-priority", "es-no-tracking-key",
		"es-resolution-overdue", "es-supervisor-refused", "es-survey-too-early", "es-upsell-in-complaint",
		"eu-ai-notice-missing", "eu-automated-only-contact", "eu-decision-human-refused", "eu-emotion-undisclosed",
		"eu-finance-human-refused", "fake-human", "i-breakpoint-rate", "i-es-95-180", "i-es-error",
		"i-forced-human-rate", "i-human-answer-rate", "i-human-answer-time", "i-label-coverage", "i-review-overdue",
		"i-second-inquiry-rate", "kr-ai-notice-missing", "q-anger-ignored", "q-apology-loop", "q-busy-dead-end",
		"q-closed-unresolved", "q-escape-word-ignored", "q-hallucination", "q-handoff-blocked", "q-irrelevant-answer",
		"q-marketing-in-complaint", "q-menu-maze", "q-queue-too-long", "q-red-line", "q-repeat-question",
		"q-three-strikes", "us-ca-bot-undisclosed", "us-ca-human-slow", "us-me-bot-undisclosed", "us-ut-asked-not-told",
	}
	var got []string
	for _, r := range b.Rules {
		got = append(got, r.ID)
		for name, text := range map[string]policies.Text{"title": r.Title, "description": r.Description, "remedy": r.Remedy} {
			if !regexp.MustCompile(`\p{Han}`).MatchString(text.ZH) {
				t.Errorf("%s: the Chinese %s has no Chinese in it: %q", r.ID, name, text.ZH)
			}
			if !regexp.MustCompile(`[a-z]{2}`).MatchString(text.EN) {
				t.Errorf("%s: the English %s: %q", r.ID, name, text.EN)
			}
		}
		if own := []policies.Status{policies.Quality, policies.Benchmark, policies.Promise}; len(r.Clauses) == 0 && !slices.Contains(own, r.Status) {
			t.Errorf("%s has status %s and cites nothing", r.ID, r.Status)
		}
		// Only a statute is ever called a breach of law.
		for _, text := range []policies.Text{r.Title, r.Description, r.Remedy} {
			if r.Status != policies.Statute && regexp.MustCompile(`违法|违反|breach|illegal|unlawful`).MatchString(text.ZH+text.EN) {
				t.Errorf("%s is %s, but its text speaks of a breach of law: %v", r.ID, r.Status, text)
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
	for _, name := range []string{"cn-ai-label-missing", "eu-ai-notice-missing"} {
		if r := rule(t, b, name); !r.Verified || !r.Systemic || r.Severity != policies.Critical || r.Status != policies.Statute {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := rule(t, b, "cn-human-unreachable"); r.Verified {
		t.Error("cn-human-unreachable cites a clause whose wording was not seen, so it is not verified")
	}
	if r := rule(t, b, "cn-elder-channel-missing"); len(r.StatusWhen) != 1 || r.StatusWhen[0].Status != policies.Statute {
		t.Errorf("cn-elder-channel-missing: status_when %+v", r.StatusWhen)
	}
}

func rule(t *testing.T, b *policies.Bundle, id string) policies.Rule {
	t.Helper()
	for _, r := range b.Rules {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("no rule %s", id)
	return policies.Rule{}
}

func TestTextInALanguage(t *testing.T) {
	text := policies.Text{ZH: "中文", EN: "English"}
	for lang, want := range map[string]string{"zh": "中文", "zh-CN": "中文", "en": "English", "es": "English", "": "English", "z": "English"} {
		if got := text.In(lang); got != want {
			t.Errorf("In(%q) = %q, want %q", lang, got, want)
		}
	}
}

func TestCatalogueAsJSON(t *testing.T) {
	text, err := json.Marshal(load(t).Rules)
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		ID, Pack, Severity, Status string
		Verified                   *bool
		Clauses                    *[]struct {
			ID, Instrument string
			Article        *string
			Effective      *string
		}
		Title struct{ ZH, EN string }
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.ID == "" || r.Pack == "" || r.Severity == "" || r.Status == "" || r.Verified == nil || r.Clauses == nil || r.Title.ZH == "" || r.Title.EN == "" {
			t.Errorf("rule lacks a field: %+v", r)
			continue
		}
		for _, c := range *r.Clauses {
			if c.ID == "" || c.Instrument == "" || c.Article == nil || c.Effective == nil {
				t.Errorf("%s: clause lacks a field: %+v", r.ID, c)
			}
		}
	}
}

// Every clause of the file is cited by a rule, or is what a compensation rests on.
func TestClausesAreCited(t *testing.T) {
	var entries []policies.Clause
	text, err := fs.ReadFile(policies.Builtin(), "clauses.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &entries); err != nil {
		t.Fatal(err)
	}
	cited := map[string]bool{}
	for _, r := range load(t).Rules {
		for _, c := range r.Clauses {
			cited[c.ID] = true
		}
	}
	tables, err := fs.ReadFile(policies.Builtin(), "compensation/tables.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range entries {
		if !cited[c.ID] && !strings.Contains(string(tables), "clause: "+c.ID+",") {
			t.Errorf("nothing cites %s", c.ID)
		}
	}
}

// A rule without conversations that show it, and that show what it is not, explains nothing.
func TestEveryRuleHasScenarios(t *testing.T) {
	expected, near, ids := map[string]int{}, map[string]int{}, map[string]string{}
	files, err := fs.Glob(policies.Builtin(), "scenarios/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file == "scenarios/tenants.yaml" { // the tenants that they play
			continue
		}
		text, err := fs.ReadFile(policies.Builtin(), file)
		if err != nil {
			t.Fatal(err)
		}
		var list []struct {
			ID, Title string
			Expect    []string
			ExpectNot []string `yaml:"expect_not"`
		}
		if err := yaml.Unmarshal(text, &list); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, s := range list {
			if other, twice := ids[s.ID]; twice {
				t.Errorf("%s: scenario %s is in %s already", file, s.ID, other)
			}
			ids[s.ID] = file
			for _, id := range s.Expect {
				expected[id]++
				if slices.Contains(s.ExpectNot, id) {
					t.Errorf("scenario %s expects %s and expects it not", s.ID, id)
				}
			}
			for _, id := range s.ExpectNot {
				near[id]++
			}
		}
	}
	for _, r := range load(t).Rules {
		t.Logf("%s: %d scenarios expect it, %d nearly do", r.ID, expected[r.ID], near[r.ID])
		if r.Indicator { // has no session; see package indicator's tests
			continue
		}
		if expected[r.ID] < 3 || near[r.ID] < 3 {
			t.Errorf("%s: %d scenarios expect it and %d nearly do, want three of each", r.ID, expected[r.ID], near[r.ID])
		}
	}
}

// Whoever changes the source must find every file of it in the binary.
func TestBuiltinHoldsTheWholeFolder(t *testing.T) {
	files := shipped(t)
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, "testdata") {
			return err
		}
		if name := d.Name(); strings.HasSuffix(name, ".yaml") || (strings.HasSuffix(name, ".rego") && !strings.HasSuffix(name, "_test.rego")) {
			if files[path] == nil {
				t.Errorf("%s is not embedded", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRevision(t *testing.T) {
	first := load(t).Revision
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(first) {
		t.Fatalf("revision %q is not a SHA-256 in hex", first)
	}
	revision := func(change func(fstest.MapFS)) string {
		t.Helper()
		files := shipped(t)
		change(files)
		b, err := policies.Load(files)
		if err != nil {
			t.Fatal(err)
		}
		return b.Revision
	}
	same := map[string]func(fstest.MapFS){
		"another file system": func(fstest.MapFS) {},
		"CRLF line ends": func(files fstest.MapFS) {
			for _, f := range files {
				f.Data = []byte(strings.ReplaceAll(string(f.Data), "\n", "\r\n"))
			}
		},
		"a test": func(files fstest.MapFS) {
			files["cn/more_test.rego"] = &fstest.MapFile{Data: []byte("package mingjian.cn.more_test\n")}
		},
		"a scenario": func(files fstest.MapFS) {
			files["scenarios/more.yaml"] = &fstest.MapFile{Data: []byte("[]\n")}
		},
	}
	for name, change := range same {
		if got := revision(change); got != first {
			t.Errorf("%s changes the revision", name)
		}
	}
	other := map[string]func(fstest.MapFS){
		"a parameter": func(files fstest.MapFS) {
			edit(t, files, "params.yaml", "human_wait_max_s: 90", "human_wait_max_s: 91")
		},
		"a rule":   func(files fstest.MapFS) { edit(t, files, "cn/elder.rego", `"telecom"`, `"air"`) },
		"a clause": func(files fstest.MapFS) { edit(t, files, "clauses.yaml", "2023-01-10", "2023-01-11") },
		"a word": func(files fstest.MapFS) {
			files["lexicon/apology.yaml"].Data = append(files["lexicon/apology.yaml"].Data, "# more\n"...)
		},
		"a jurisdiction": func(files fstest.MapFS) { edit(t, files, "jurisdictions.yaml", "  KR: [core, kr, quality]\n", "") },
	}
	seen := map[string]string{first: "nothing"}
	for _, name := range slices.Sorted(maps.Keys(other)) {
		got := revision(other[name])
		if before, twice := seen[got]; twice {
			t.Errorf("%s gives the revision of %s", name, before)
		}
		seen[got] = name
	}
}

func TestLoadReportsFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, files fstest.MapFS)
		want   []string // each a regular expression that a line of the error matches
	}{
		{"syntax error", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/elder.rego", "finding contains {", "finding contains {{")
		},
			[]string{`^cn/elder\.rego:\d+: rego_parse_error`}},
		{"unsafe variable", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/elder.rego", "input.session.elder == true\n", "input.session.elder == nobody\n")
		}, []string{`^cn/elder\.rego:\d+: rego_unsafe_var_error: var nobody`}},
		{"unused variable is strict", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/elder.rego", "input.session.elder == true\n", "input.session.elder == true\n\tspare := 1\n")
		}, []string{`^cn/elder\.rego:\d+: rego_compile_error: .*spare`}},
		{"import", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/elder.rego", "package mingjian.cn.elder\n", "package mingjian.cn.elder\n\nimport data.mingjian.cn.human\n")
		}, []string{`^cn/elder\.rego:\d+: import: write the full path`}},
		{"finding that is no set", func(t *testing.T, f fstest.MapFS) {
			f["cn/one.rego"] = &fstest.MapFile{Data: []byte("package mingjian.cn.one\n\nfinding := {\"id\": \"cn-one\"}\n")}
		}, []string{`^cn/one\.rego:3: finding is a set`}},
		{"finding by key", func(t *testing.T, f fstest.MapFS) {
			f["cn/one.rego"] = &fstest.MapFile{Data: []byte("package mingjian.cn.one\n\nfinding.one contains 1 if input.now == 1\n")}
		}, []string{`^cn/one\.rego:3: finding is a set`}},
		{"finding without a literal id", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "quality/human.rego", `"id": "q-three-strikes"`, `"id": sprintf("q-%s", ["three-strikes"])`)
		}, []string{`^quality/human\.rego:\d+: custom\.id is "q-three-strikes", but the finding's id is ""`}},
		{"finding that is no object", func(t *testing.T, f fstest.MapFS) {
			f["cn/one.rego"] = &fstest.MapFile{Data: []byte("package mingjian.cn.one\n\nnot_assessable contains 1 if input.now == 1\n")}
		}, []string{`^cn/one\.rego:3: not_assessable names rule ""`}},
		{"a parameter where it cannot be folded in", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/human.rego", "input.now", "input.now\n\tsome n in {data.mingjian.params.cn.human_slow_s}\n\tn > 0")
		}, []string{`^cn/human\.rego: line \d+: data\.mingjian\.params\.cn\.human_slow_s cannot be folded in here`}},
		{"facts taken as a whole", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/elder.rego", "input.session.elder == true\n", "input.session.elder == true\n\tcount(input.session) > 1\n")
		}, []string{`^cn/elder\.rego:\d+: input\.session: name the field`}},
		{"a fact that there is not", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/elder.rego", "input.session.elder == true\n", "input.session.oldish == true\n")
		}, []string{`^cn/elder\.rego:\d+: input\.session\.oldish: facts have no field oldish`}},
		{"the event that asked", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/elder.rego", "input.session.elder == true\n", "input.event.kind == \"message\"\n")
		}, []string{`^cn/elder\.rego:\d+: input\.event\.kind: a rule looks at`}},
		{"package in the wrong place", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "eu/notice.rego", "package mingjian.eu.notice", "package mingjian.eu.note")
		}, []string{`^eu/notice\.rego:\d+: package is mingjian\.eu\.note; .* mingjian\.eu\.notice`}},
		{"file in no pack", func(t *testing.T, f fstest.MapFS) {
			f["cm/x.rego"] = &fstest.MapFile{Data: []byte("package mingjian.cm.x\n")}
		}, []string{`^cm/x\.rego: is in no pack`}},
		{"no policies", func(t *testing.T, f fstest.MapFS) {
			maps.DeleteFunc(f, func(name string, _ *fstest.MapFile) bool { return strings.HasSuffix(name, ".rego") })
		}, []string{`no policy files`}},
		{"rule without METADATA", func(t *testing.T, f fstest.MapFS) {
			f["cn/bare.rego"] = &fstest.MapFile{Data: []byte("package mingjian.cn.bare\n\nfinding contains {\"id\": \"cn-bare\"} if input.now == 1\n")}
		}, []string{`^cn/bare\.rego:3: .*METADATA`}},
		{"ids differ", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/elder.rego", "#   id: cn-elder-channel-missing", "#   id: cn-elder")
		},
			[]string{`^cn/elder\.rego:\d+: custom\.id is "cn-elder", but the finding's id is "cn-elder-channel-missing"`,
				`^cn/elder\.rego:\d+: not_assessable names rule "cn-elder-channel-missing"`}},
		{"id twice", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/human.rego", "#   id: cn-human-slow", "#   id: cn-human-unreachable")
			edit(t, f, "cn/human.rego", `"id": "cn-human-slow"`, `"id": "cn-human-unreachable"`)
		}, []string{`^cn/human\.rego:\d+: rule cn-human-unreachable is in cn/human\.rego:\d+ already`}},
		{"unknown METADATA key", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "quality/human.rego", "#   severity: high", "#   severty: high")
		},
			[]string{`^quality/human\.rego:\d+: METADATA custom: .*severty`}},
		{"bad severity and status", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "quality/human.rego", "#   severity: high", "#   severity: severe")
			edit(t, f, "quality/human.rego", "#   status: quality", "#   status: law")
		}, []string{`^quality/human\.rego:\d+: custom\.severity "severe"`, `^quality/human\.rego:\d+: status "law"`}},
		{"no Chinese title", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "quality/human.rego", "#   title_zh: 三次要求人工未果\n", "")
		},
			[]string{`^quality/human\.rego:\d+: title needs Chinese and English`}},
		{"no systemic", func(t *testing.T, f fstest.MapFS) { edit(t, f, "quality/human.rego", "#   systemic: false\n", "") },
			[]string{`^quality/human\.rego:\d+: custom\.systemic is missing`}},
		{"unknown clause", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "quality/human.rego", "#   clauses: []", "#   clauses: [cn-none]")
		},
			[]string{`^quality/human\.rego:\d+: clause cn-none is not in clauses\.yaml`}},
		{"clauses", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "clauses.yaml", `effective: "2023-01-10"`, `effective: "10 January 2023"`)
			edit(t, f, "clauses.yaml", "- id: cn-label-4-text", "- id: cn-ds-17-label")
			edit(t, f, "clauses.yaml", "  instrument: 无障碍环境建设法 (Accessible Environment Law)\n", "")
		}, []string{`^clauses\.yaml:\d+: clause "cn-ds-17-label": effective "10 January 2023"`,
			`^clauses\.yaml:\d+: clause "cn-ds-17-label": is there twice`, `^clauses\.yaml:\d+: clause "cn-afe-34": needs an instrument`}},
		{"unknown clause key", func(t *testing.T, f fstest.MapFS) { edit(t, f, "clauses.yaml", "  verified: true", "  verifed: true") },
			[]string{`^clauses\.yaml:\d+: unknown key verifed$`}},
		{"parameters", func(t *testing.T, f fstest.MapFS) {
			f["params.yaml"].Data = []byte("cn:\n  label_scope: page\n  label_by_text: 4\n  human_wait_max_s: ninety\n  human_slow_s: 30.5\n  human_gracious_s: 30\nxx:\n  a: 1\n")
		}, []string{`^params\.yaml:2: cn\.label_scope: "page" is none of session, turn`, `^params\.yaml:3: cn\.label_by_text: 4 is not between 1 and 3`,
			`^params\.yaml:4: cn\.human_wait_max_s: "ninety" is not a whole number`, `^params\.yaml:5: cn\.human_slow_s: "30\.5" is not a whole number`,
			`^params\.yaml:6: cn\.human_gracious_s: no rule declares`, `^params\.yaml:8: xx\.a: no rule declares`,
			`^params\.yaml: cn\.human_grace_s has no value \(declared in cn/human\.rego:1\)`}},
		{"parameter written twice", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "params.yaml", "  human_slow_s: 30", "  human_slow_s: 30\n  human_slow_s: 31")
		}, []string{`^params\.yaml:\d+: .*human_slow_s.* already defined`}},
		{"parameter not declared", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/human.rego", "#     human_grace_s: {type: integer, minimum: 0, maximum: 3600}\n", "")
		}, []string{`^cn/human\.rego:\d+: parameter cn\.human_grace_s is not declared`, `^params\.yaml:\d+: cn\.human_grace_s: no rule declares`}},
		{"parameter not used", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/human.rego", "#   params:\n", "#   params:\n#     spare_s: {type: integer, minimum: 0, maximum: 1}\n")
		}, []string{`^cn/human\.rego:\d+: parameter spare_s is declared and never used`, `^params\.yaml: cn\.spare_s has no value`}},
		{"parameter declared badly", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/human.rego", "{type: integer, minimum: 0, maximum: 3600}", "{type: seconds}")
		}, []string{`^cn/human\.rego:\d+: parameter human_grace_s: want \{type: integer`}},
		{"parameter looked up by variable", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "cn/human.rego", "data.mingjian.params.cn.human_grace_s", `data.mingjian.params.cn[sprintf("%s", ["human_grace_s"])]`)
		}, []string{`^cn/human\.rego:\d+: .*write a parameter as`}},
		{"jurisdictions", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "jurisdictions.yaml", "CN: [core, cn, cn47746, quality]", "CN: [core, china, quality]")
			edit(t, f, "jurisdictions.yaml", "[AT, BE,", "[ES, AT, BE,")
		}, []string{`^jurisdictions\.yaml:\d+: pack "china" is none of`, `^jurisdictions\.yaml:\d+: ES has packs already`}},
		{"lexicon", func(t *testing.T, f fstest.MapFS) {
			f["lexicon/apology.yaml"].Data = []byte("about: {zh: 致歉}\nphrases:\n  zh: [抱歉, '', 抱歉]\n  chinese: [对不起]\npatterns:\n  zh: ['(对不起', 'x*']\nexcept:\n  patterns:\n    zh: ['[']\n")
		}, []string{`^lexicon/apology\.yaml:1: about: needs zh and en`, `^lexicon/apology\.yaml:3: empty entry`, `^lexicon/apology\.yaml:3: "抱歉" is already in line 3`,
			`^lexicon/apology\.yaml:4: language "chinese"`, `^lexicon/apology\.yaml:6: pattern "\(对不起": error parsing regexp`,
			`^lexicon/apology\.yaml:6: pattern "x\*": matches the empty text`, `^lexicon/apology\.yaml:9: pattern "\[": error parsing regexp`}},
		{"lexicon with an unknown key", func(t *testing.T, f fstest.MapFS) {
			f["lexicon/apology.yaml"].Data = []byte("about: {zh: 致歉, en: sorry}\nphrase:\n  zh: [抱歉]\n")
		}, []string{`^lexicon/apology\.yaml:2: unknown key phrase$`}},
		{"empty lexicon", func(t *testing.T, f fstest.MapFS) { f["lexicon/apology.yaml"].Data = nil }, []string{`^lexicon/apology\.yaml: is empty`}},
		{"not YAML", func(t *testing.T, f fstest.MapFS) { f["params.yaml"].Data = []byte("cn: [\n") }, []string{`^params\.yaml:\d+: `}},
		{"missing file", func(t *testing.T, f fstest.MapFS) { delete(f, "clauses.yaml") }, []string{`clauses\.yaml.*not exist`}},
		{"everything at once", func(t *testing.T, f fstest.MapFS) {
			edit(t, f, "params.yaml", "human_slow_s: 30", "human_slow_s: x")
			edit(t, f, "cn/elder.rego", "input.session.elder == true\n", "input.session.elder == nobody\n")
			edit(t, f, "clauses.yaml", "  verified: true", "  verified: perhaps")
			edit(t, f, "jurisdictions.yaml", "KR: [core, kr,", "KR: [core, korea,")
			f["lexicon/apology.yaml"].Data = []byte("{")
		}, []string{`^params\.yaml:\d+`, `^cn/elder\.rego:\d+`, `^clauses\.yaml:\d+`, `^jurisdictions\.yaml:\d+`, `^lexicon/apology\.yaml:\d+`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := shipped(t)
			c.change(t, files)
			b, err := policies.Load(files)
			if err == nil || b != nil {
				t.Fatal("a broken bundle was accepted")
			}
			for _, want := range c.want {
				if !regexp.MustCompile(`(?m)` + want).MatchString(err.Error()) {
					t.Errorf("no fault matches %s in:\n%v", want, err)
				}
			}
		})
	}
}

// One fault in a topic must not bury it under faults that only follow from it.
func TestLoadReportsAFaultOnce(t *testing.T) {
	for name, replacement := range map[string]string{"syntax": "finding contains {{", "unsafe": "finding contains {\n\t\"x\": nobody,"} {
		files := shipped(t)
		edit(t, files, "cn/human.rego", "finding contains {", replacement)
		_, err := policies.Load(files)
		if err == nil {
			t.Fatalf("%s: a broken bundle was accepted", name)
		}
		lines := strings.Split(err.Error(), "\n")
		for i, line := range lines {
			if !strings.HasPrefix(line, "cn/human.rego:") || slices.Contains(lines[:i], line) {
				t.Errorf("%s: unexpected fault: %s", name, line)
			}
		}
	}
}
