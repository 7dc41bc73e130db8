package console_test

import (
	"fmt"
	"strings"
	"testing"

	"mingjian/audit/console/consoletest"
)

func TestTheEvidenceNamesTheSeals(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	_, page, _ := visit(t, s.URL+"/sessions/"+consoletest.Broken, "", "en")
	// Offsets 60,880 to 60,893: one seal covers the first ten, and the rest is not sealed yet.
	if !strings.Contains(page, "10 of 14") || strings.Count(page, `class="seal"`) != 1 || !strings.Contains(page, fmt.Sprintf("%064x", 60880)) {
		t.Error("the page does not say what is sealed")
	}
	if !strings.Contains(page, "<summary>4f2a9c1be07d</summary>") {
		t.Error("the revision is not short")
	}
}

func TestTheAddressOfTheFormLeadsBack(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	if status, _, header := visit(t, s.URL+"/sessions/s-x/report?tenant=acme&lang=en", "officer", "en"); status != 303 || header.Get("Location") != "/sessions/s-x?lang=en&tenant=acme#report" {
		t.Errorf("%d to %q", status, header.Get("Location"))
	}
}
