package console_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"mingjian/audit/console/consoletest"
	"mingjian/policies"
)

// A finding about a number belongs to no session: it leads to the sessions of its days.
func TestAFindingAboutANumberLeadsToTheSessionsOfItsDays(t *testing.T) {
	record := consoletest.NewRecord()
	for id, facts := range map[string]string{
		"daily":   `{"day": "2026-10-12", "period": "day", "numerator": 7, "denominator": 40}`,
		"monthly": `{"day": "2026-10-12", "period": "month", "numerator": 1053.5, "denominator": 35}`,
		"silent":  `{}`,
	} {
		made := consoletest.Session(id, consoletest.Now.Add(-time.Hour), "app", "宽带", "CN").Say(1, "bot", "您好").Found("cn-human-slow", -1, 1, "policy", facts).Done()
		made.Findings[0].SessionID, made.Findings[0].Level, made.Findings[0].Channel = "", "indicator", ""
		record.Add(made)
	}
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	s, _ := serviceOf(t, record, bundle)
	status, page, _ := visit(t, s.URL+"/findings", "", "en")
	if status != 200 {
		t.Fatalf("status %d: %s", status, page)
	}
	if strings.Contains(page, `href="/sessions/"`) || strings.Contains(page, `href="/sessions/#`) {
		t.Error("a link leads to a session without a name")
	}
	for _, want := range []string{"2026-10-12 · 7/40", "2026-10-12 · 1053.5/35"} {
		if !strings.Contains(page, want) {
			t.Errorf("the list does not say %q", want)
		}
	}
	for _, from := range []string{"2026-10-12", "2026-10-01"} {
		q := url.Values{"business_line": {"宽带"}, "from": {from + "T00:00:00+08:00"}, "to": {"2026-10-13T00:00:00+08:00"}}
		href := "/sessions?" + q.Encode()
		if !strings.Contains(page, strings.ReplaceAll(href, "&", "&amp;")) {
			t.Errorf("no link to %s", href)
		}
		if status, _, _ := visit(t, s.URL+href, "", "en"); status != 200 {
			t.Errorf("%s: %d", href, status)
		}
	}
}
