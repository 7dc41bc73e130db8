package console_test

import (
	"strings"
	"testing"
	"time"

	"mingjian/audit/console/consoletest"
)

func TestTheOverviewSaysWhetherItGetsWorse(t *testing.T) {
	record := consoletest.NewRecord()
	at := func(ago time.Duration, id string) {
		record.Add(consoletest.Session(id, consoletest.Now.Add(-ago), "app", "宽带", "CN").
			Say(1, "bot", "您好").Found("cn-ai-label-missing", 0, 1, "statute", `{}`).Done())
	}
	at(95*time.Minute, "a")
	at(100*time.Minute, "b")
	at(10*time.Minute, "c")
	s, _ := service(t, record)
	_, page, _ := visit(t, s.URL+"/", "", "en")
	text := strings.Join(strings.Fields(strings.Join(words(t, page), " ")), " ")
	// Now is 16:30 in Shanghai.
	for _, want := range []string{"100.0 findings per hundred sessions; there were no sessions in the period", "11-20 14:00 Findings 2 of them critical 2 Sessions opened 2", "11-20 15:00 Findings 0", "11-20 16:00 Findings 1", "the pale column is not over yet"} {
		if !strings.Contains(text, want) {
			t.Errorf("the overview does not say %q", want)
		}
	}
	if columns := strings.Count(page, `class="touch"`); columns != 25 {
		t.Errorf("a day has %d columns", columns)
	}
	if strings.Contains(page, ">Before<") {
		t.Error("there is nothing to compare with, and a column for it")
	}
	at(25*time.Hour, "d")
	record.Add(consoletest.Session("clean", consoletest.Now.Add(-25*time.Hour), "app", "宽带", "CN").Say(1, "bot", "您好").Done())
	if _, page, _ = visit(t, s.URL+"/", "", "en"); !strings.Contains(page, "50.0 in the period of the same length before (2 sessions)") {
		t.Error("the day before is not compared with")
	}
	for _, odd := range []string{"/?from=0001-01-01&to=9999-12-31", "/?to=1950-01-01", "/?from=2030-01-01", "/?period=all"} {
		if status, _, _ := visit(t, s.URL+odd, "", "en"); status != 200 {
			t.Errorf("%s: %d", odd, status)
		}
	}
}
