package report_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"mingjian/audit/export/report"
	"mingjian/policies"
)

// A package calls things what the console calls them.
func TestWordsAreTheConsoles(t *testing.T) {
	read := func(name string, into any) {
		t.Helper()
		b, err := os.ReadFile(name)
		if err == nil {
			err = yaml.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var zh, en map[string]any
	var words map[string]map[string]report.Text
	read("../../console/locale/zh.yaml", &zh)
	read("../../console/locale/en.yaml", &en)
	read("words.yaml", &words)
	for _, section := range []string{"kind", "channel", "fact", "value", "lacking"} {
		if len(words[section]) == 0 {
			t.Errorf("no words of %s", section)
		}
		for name := range zh[section].(map[string]any) {
			want := report.Text{ZH: fmt.Sprint(zh[section].(map[string]any)[name]), EN: fmt.Sprint(en[section].(map[string]any)[name])}
			if got := words[section][name]; got != want {
				t.Errorf("%s %s is called %v, by the console %v", section, name, got, want)
			}
		}
	}
}

// Every reason that the shipped rules give has words.
func TestReasonsAreWords(t *testing.T) {
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	reason := regexp.MustCompile(`"reason": "([^"]+)"`)
	for name, text := range b.Files() {
		if strings.HasSuffix(name, "/indicator.rego") {
			continue
		}
		for _, m := range reason.FindAllStringSubmatch(string(text), -1) {
			if got := report.Reason(m[1]); got.ZH == m[1] || got.EN == m[1] {
				t.Errorf("%s: %s has no words", name, m[1])
			}
		}
	}
}

func TestFactsAreWords(t *testing.T) {
	at := time.Date(2026, 10, 2, 9, 30, 0, 0, time.UTC)
	var page bytes.Buffer
	err := report.Page(&page, &report.Conversation{Lines: []report.Line{
		{At: at, Kind: "handoff.accepted", NewDay: true},
		{At: at.Add(time.Minute), Kind: "message", Speech: true, Remarks: []report.Remark{{Status: "draft", Facts: report.Facts(
			fmt.Sprintf(`{"asked":"e1","asked_at":1,"waited_ms":90000,"elder":true,"ended_at":%d,"new_thing":7}`, at.UnixMilli()), time.UTC, map[string]time.Time{"e1": at})}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"已接入", "Joined", "2026-10-02", "等待", "1 分 30 秒", "1 min 30 s", "Elder customer", "the one at 09:30:00", "2026-10-02 09:30:00", "new thing", "not yet in force"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page.String(), "waited_ms") || strings.Contains(page.String(), "asked_at") || strings.Contains(page.String(), "handoff.accepted") {
		t.Errorf("a raw name:\n%s", page.String())
	}
}
