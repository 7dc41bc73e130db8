package console_test

import (
	"strings"
	"testing"

	"mingjian/audit/console/consoletest"
)

func TestAFilterForWhatIsNotThereSaysSo(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	for query, want := range map[string]string{
		"rule=nope&period=all": "No rule of today is called “nope”", "severity=x": "There is no severity “x”", "status=y": "There is no kind “y”",
		"from=soon": "“soon” is not a time", "from=2026-11-20T15:00&to=2026-11-20T14:00": "not after the start",
		"rule=cn-elder-channel-missing&channel=email&period=all": "nothing was checked",
		"rule=cn-elder-channel-missing&severity=low&period=all":  "lacked a fact that this rule needs",
	} {
		status, page, _ := visit(t, s.URL+"/findings?"+query, "", "en")
		if status != 200 || !strings.Contains(page, want) {
			t.Errorf("%s: %d, and the page does not say %q", query, status, want)
		}
		if strings.Contains(page, `class="faults"`) && strings.Contains(page, "Not for want of looking") {
			t.Errorf("%s: finding nothing is called clean", query)
		}
	}
	// Links of dashboards give their variables as Grafana writes them.
	if _, page, _ := visit(t, s.URL+"/findings?rule=cn-elder-channel-missing&var-channel=email&var-business_line=%24__all&period=all", "", "en"); !strings.Contains(page, "nothing was checked") {
		t.Error("a dashboard's channel is not a filter")
	}
	// What is left out does not pretend to be a time that was chosen.
	if _, page, _ := visit(t, s.URL+"/findings?from=soon", "", "en"); !strings.Contains(page, "Last 7 days: ") {
		t.Error("a time that is none is taken for one")
	}
	_, page, _ := visit(t, s.URL+"/findings?from=2026-11-20T00:00:00Z&to=2026-11-20T16:00", "", "en")
	if !strings.Contains(page, "2026-11-20 08:00 to 2026-11-20 16:00: ") || !strings.Contains(page, `value="2026-11-20T08:00:00"`) {
		t.Error("the chosen time is not told in the tenant's zone")
	}
}
