package console_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"mingjian/audit/console/consoletest"
	"mingjian/audit/review"
)

func TestACaseShowsTheEvidenceAroundItsFinding(t *testing.T) {
	record := consoletest.Centre()
	long := consoletest.Session("s-long", consoletest.Now.Add(-time.Hour), "app", "宽带", "CN")
	for i := range 40 {
		long.Say(i*5, "customer", fmt.Sprintf("第 %d 句。", i))
	}
	record.Add(long.Found("q-three-strikes", 20, 100, "quality", `{"requests":3}`).Found("q-apology-loop", 35, 175, "benchmark", `{}`).Done())
	o := newOffice(t, record, review.Options{})
	c := &court{o, o.service.Cases()}
	id := c.report("s-long", "q-three-strikes", "第 20 句说错了")
	page := c.get("officer", "/cases/"+id, "en")
	for i := range 40 {
		if shown, want := strings.Contains(page, fmt.Sprintf("第 %d 句。", i)), i >= 17 && i <= 23; shown != want {
			t.Errorf("sentence %d is shown: %v", i, shown)
		}
	}
	says(t, page, "17 rows left out", "16 rows left out", "1 other finding of this session is not part of the case", `href="/sessions/s-long"`)
	if strings.Contains(page, `id="f-f-q-apology-loop-s-long"`) {
		t.Error("a finding that is not the case's stands in its margin")
	}
	// Without a finding there is nothing to stand around: the end is shown, with all that was found.
	o.get("officer", "/cases", "en")
	whole := c.report("s-air-0001", "", "退款说错了")
	says(t, c.get("officer", "/cases/"+whole, "en"), "Not told that it is an AI", "withdrawn")

	record.Fail(errors.New("password=hunter2"))
	if status, page, _ := visit(t, c.URL+"/cases/"+id, "officer", "en"); status != 503 || strings.Contains(page, "hunter2") {
		t.Errorf("with the record away the case answers %d", status)
	}
	if status, _, _ := visit(t, c.URL+"/cases?view=board", "officer", "en"); status != 200 {
		t.Errorf("the board needs no record, and answers %d", status)
	}
}

func TestAnAssessmentOfFraud(t *testing.T) {
	c := newCourt(t, 20_000)
	id := c.report(consoletest.Broken, "", "说是正品")
	c.done("officer", id, "assess", "amount", "100", "price", "100", "fraud", "yes", "currency", "CNY", "words", "买到的不是所说的")
	page := c.get("officer", "/cases/"+id, "en")
	says(t, page, "Cash CNY 600.00", `name="fraud" value="yes" checked`, "Fraud")
	// What was unticked stays so where something else was wrong.
	_, _, page = c.act("officer", id, "assess", "amount", "1.001", "price", "100", "currency", "CNY", "words", "重估")
	if strings.Contains(page, `name="fraud" value="yes" checked`) {
		t.Error("fraud is ticked again though it was unticked")
	}
	// An appeal is decided by others, and the page says so to those who decided.
	c.done("officer", id, "propose", "form", "cash", "amount", "600", "reason", "按三倍与五百元赔偿")
	c.done("approver", id, "approve", "reason", "属实")
	c.done("finance", id, "approve", "reason", "属实")
	c.done("inspector", id, "appeal", "words", "还少算了运费")
	says(t, c.get("officer", "/cases/"+id, "en"), "round 2", "You proposed, approved or rejected before the customer appealed", "还少算了运费", "for another officer")
	if status, _, page := c.act("officer", id, "assess", "amount", "100", "currency", "CNY", "words", "照旧"); status != 403 {
		t.Errorf("the first decider decides again: %d", status)
	} else {
		says(t, page, "You proposed, approved or rejected before the customer appealed", "照旧</textarea>")
	}
	says(t, c.get("chen", "/cases/"+id, "en"), "Your turn", "CNY 100.00")
}
