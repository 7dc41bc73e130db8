package console_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"mingjian/audit/console/consoletest"
	"mingjian/audit/store"
)

// erasable is a customer of the tests whom somebody may want to erase.
const erasable = "cust-77"

func TestHoldsArePlacedAndLifted(t *testing.T) {
	o := newPlainOffice(t)
	form := url.Values{"scope": {"session"}, "tenant": {"default"}, "subject": {consoletest.Broken}, "reason": {"诉讼 <b>1</b>"}}
	for field, wrong := range map[string]url.Values{"scope": with(form, "subject", ""), "reason": with(form, "reason", " ")} {
		if status, _, page := o.send("officer", "/records/hold", wrong); status != 422 || !strings.Contains(page, `id="hold-fault"`) || !strings.Contains(page, `<option value="session" selected>`) {
			t.Errorf("%s: %d", field, status)
		}
	}
	for range 2 {
		if status, where, _ := o.send("officer", "/records/hold", form); status != 303 || where != "/records?said=placed" {
			t.Errorf("placing it: %d %q", status, where)
		}
	}
	page := o.get("officer", "/records", "en")
	says(t, page, "A session", consoletest.Broken, "诉讼")
	ids := regexp.MustCompile(`name="id" value="(hold-[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(ids) != 1 || strings.Contains(page, "<b>1") {
		t.Fatalf("%d holds stand, or a reason is markup", len(ids))
	}
	// What is held is not erased, and what was typed comes back.
	erase := url.Values{"tenant": {"default"}, "customer": {erasable}, "reason": {"客户要求"}, "act": {"erase"}, "again": {erasable}}
	if status, _, page := o.send("officer", "/records/erase", erase); status != 409 || !strings.Contains(page, "Lift the hold first") || !strings.Contains(page, `value="`+erasable+`"`) {
		t.Errorf("erasing what is held: %d", status)
	}
	if status, _, _ := o.send("officer", "/records/lift", url.Values{"id": {ids[0][1]}}); status != 422 {
		t.Errorf("lifted without a reason: %d", status)
	}
	if status, where, _ := o.send("officer", "/records/lift", url.Values{"id": {ids[0][1]}, "reason": {"结束"}}); status != 303 || where != "/records?said=lifted" {
		t.Errorf("lifting it: %d %q", status, where)
	}
	if page := o.get("officer", "/records", "en"); strings.Contains(page, `name="id" value="hold-`) || !strings.Contains(page, "结束") {
		t.Error("it still holds, or why it was lifted is not said")
	}
	for _, who := range []string{"inspector", "supervisor", "viewer", "finance", "regulator"} {
		if status, _, _ := o.send(who, "/records/hold", form); status != 403 {
			t.Errorf("%s placed a hold: %d", who, status)
		}
		if status, _, _ := o.send(who, "/records/erase", erase); status != 403 {
			t.Errorf("%s erased: %d", who, status)
		}
	}
}

func TestACustomerIsErasedOnceTheIDIsTypedTwice(t *testing.T) {
	o := newPlainOffice(t)
	erased := func() int {
		t.Helper()
		entries, err := o.db.Entries(t.Context(), store.JournalQuery{Action: "person.erased"})
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	form := url.Values{"tenant": {"default"}, "customer": {erasable}, "reason": {"客户要求 <i>"}, "act": {"count"}}
	status, _, page := o.send("officer", "/records/erase", form)
	if says(t, page, "2 sessions with 2 rows would be erased"); status != 200 || erased() != 0 {
		t.Fatalf("counting: %d", status)
	}
	for _, again := range []string{"", "cust-78", strings.ToUpper(erasable)} {
		if status, _, page := o.send("officer", "/records/erase", with(form, "act", "erase", "again", again)); status != 422 || erased() != 0 || !strings.Contains(page, `id="e-again"`) || !strings.Contains(page, "The two ids differ") {
			t.Errorf("with %q the second time: %d", again, status)
		}
	}
	if status, _, page := o.send("acme", "/records/erase", with(form, "act", "erase", "again", erasable)); status != 422 || erased() != 0 || !strings.Contains(page, "Name a tenant that you see whole") {
		t.Errorf("by somebody of another tenant: %d", status)
	}
	if status, where, page := o.send("officer", "/records/erase", with(form, "act", "erase", "again", erasable)); status != 303 || where != "/records?said=erased" {
		t.Fatalf("erasing: %d %q %s", status, where, problemOf(page))
	}
	page = o.get("officer", "/records?said=erased", "en")
	says(t, page, "It is erased", "A customer asked for it", "客户要求", "not in the log yet")
	if !regexp.MustCompile(`<td class="id hash">[0-9a-f]{64}</td>`).MatchString(page) || strings.Contains(page, "<i>") {
		t.Error("the proof is not shown, or a reason is markup")
	}
	if status, where, _ := o.send("officer", "/records/erase", with(form, "act", "erase", "again", erasable)); status != 303 || where != "/records?said=nothing" {
		t.Errorf("erasing once more: %d %q", status, where)
	}
	if page := o.get("acme", "/records", "en"); strings.Contains(page, "A customer asked") {
		t.Error("somebody of another tenant sees it")
	}
}
