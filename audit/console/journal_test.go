package console_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/audit/store"
)

func newPlainOffice(t *testing.T) *office {
	t.Helper()
	return newOffice(t, consoletest.Centre(), review.Options{})
}

// note writes entries into the journal.
func (o *office) note(entries ...store.Entry) {
	o.t.Helper()
	err := o.db.Write(o.t.Context(), func(tx *store.Tx) error {
		for _, e := range entries {
			if err := tx.Record(o.t.Context(), e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func TestTheJournalSaysWhoDidWhatToWhatAndWhy(t *testing.T) {
	c := newCourt(t, 10_000)
	id := c.report(consoletest.Broken, "cn-human-unreachable", "机器人说免费")
	c.done("officer", id, "open", "answer", "<script>alert(1)</script>已收到")
	for i := range 60 {
		c.note(store.Entry{Actor: "system", Action: "pack.turned", Subject: fmt.Sprint("thing:", i), Reason: "=1+1", Detail: []byte(`{"why":"\u003cb\u003e"}`)})
	}
	page := c.get("officer", "/journal", "en")
	says(t, page, "Who did what to what", "pack.turned", "thing:59", "Older")
	if strings.Contains(page, "thing:9<") || strings.Contains(page, "<b>") {
		t.Error("a page holds more than it should, or markup of a detail")
	}
	next := regexp.MustCompile(`href="([^"]*cursor=[^"]*)" rel="next"`).FindStringSubmatch(page)
	if next == nil {
		t.Fatal("there is no second page")
	}
	page = c.get("officer", strings.ReplaceAll(next[1], "&amp;", "&"), "en")
	says(t, page, "thing:9", "thing:0", "Took the case up", "Reported a misjudgement", "test-officer", "Topped up", "Back to the newest", "Case "+id)
	if !strings.Contains(page, `href="/cases/`+id+`"`) || strings.Contains(page, "<script>alert") {
		t.Error("the case is not linked, or what was written ran")
	}
	// The case links its history, which is only its own.
	page = c.get("officer", "/cases/"+id, "en")
	history := "/journal?subject=case%3a" + id
	if !strings.Contains(page, `href="`+history+`"`) {
		t.Fatal("the case does not link its history")
	}
	page = c.get("officer", history, "en")
	if says(t, page, "Took the case up"); strings.Contains(page, "thing:") {
		t.Error("the history of a case has other entries")
	}
	for query, want := range map[string]int{"actor=system": 50, "action=case.opened": 1, "action=case.opened&day=2026-11-20": 1, "day=2026-11-19": 0, "actor=nobody": 0, "day=2026-11-20&actor=test-officer": 1} {
		if got := strings.Count(c.get("officer", "/journal?"+query, "en"), "<tr data-row>"); got != want {
			t.Errorf("%s: %d entries, not %d", query, got, want)
		}
	}
	page = c.get("officer", "/journal?day=yesterday&action=no.such", "zh")
	says(t, page, "不是有效的日期", `value="yesterday"`, `<option value="no.such" selected>`)
	if status, _, header := visit(t, c.URL+"/journal?cursor=x&actor=li", "officer", "en"); status != 303 || header.Get("Location") != "/journal?actor=li" {
		t.Errorf("a broken cursor: %d to %q", status, header.Get("Location"))
	}
	for _, who := range []string{"viewer", "inspector", "approver", "finance", "regulator", "source"} {
		for _, path := range []string{"/journal", "/journal.csv"} {
			if status, page, _ := visit(t, c.URL+path, who, "en"); status != 403 || strings.Contains(page, "thing:") {
				t.Errorf("%s as %s: %d", path, who, status)
			}
		}
	}
}

func TestTheJournalAsCSVIsWholeAndRunsNothing(t *testing.T) {
	o := newPlainOffice(t)
	var entries []store.Entry
	for i := range store.MaxEntries + 7 {
		entries = append(entries, store.Entry{Actor: "=cmd()", Action: "thing.done", Subject: fmt.Sprint("thing:", i), Reason: "@SUM(A1)"})
	}
	o.note(entries...)
	_, text, header := visit(t, o.URL+"/journal.csv?action=thing.done", "supervisor", "en")
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != len(entries)+1 || !strings.Contains(header.Get("Content-Disposition"), "journal.csv") {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Fatalf("a spreadsheet would run %q", cell)
			}
		}
	}
}

func TestWhoeverIsBoundToATenantReadsItsPartOfTheJournal(t *testing.T) {
	c := newCourt(t, 0)
	c.note(
		store.Entry{Actor: "li", Action: "original.seen", Subject: "session:theirs", Tenant: "acme"}, store.Entry{Actor: "li", Action: "original.seen", Subject: "session:others", Tenant: "beta"},
		store.Entry{Actor: "li", Action: "account.disabled", Subject: "account:other"}, store.Entry{Actor: "acme", Action: "identity.signed_in", Subject: "account:mine"},
	)
	page := c.get("acme", "/journal", "en")
	says(t, page, "theirs", "mine", "You see what concerns your tenants")
	if strings.Contains(page, "others") || strings.Contains(page, "account:other") || strings.Contains(page, ">other<") {
		t.Error("the journal of others is shown")
	}
	// A case of theirs has its whole history, one of others none, though the entries name no tenant.
	mine := regexp.MustCompile(`case-[0-9a-f]+`).FindString(c.must("acme", "/cases", url.Values{"session_id": {consoletest.Foreign}, "kind": {"price"}, "reason": {"收费有误"}}))
	theirs := c.report(consoletest.Broken, "", "别人的")
	c.done("officer", theirs, "open", "answer", "已收到")
	c.done("admin", mine, "open", "answer", "已收到")
	if page := c.get("acme", "/journal?subject=case:"+mine, "en"); strings.Count(page, "<tr data-row>") != 2 {
		t.Error("the history of their own case is not whole")
	}
	if page := c.get("acme", "/journal?subject=case:"+theirs, "en"); strings.Contains(page, "<tr data-row>") {
		t.Error("the history of somebody else's case is shown")
	}
}

func TestAnOriginalIsShownOnceToWhoeverSaysWhy(t *testing.T) {
	o := newPlainOffice(t)
	page := o.get("officer", "/sessions/"+consoletest.Broken, "en")
	link := regexp.MustCompile(`class="original" href="([^"]+)"`).FindStringSubmatch(page)
	if link == nil || strings.Count(page, `class="original"`) != 1 {
		t.Fatal("the masked text does not offer its original, or another one does")
	}
	at := strings.ReplaceAll(link[1], "&amp;", "&")
	ask := o.get("officer", at, "en")
	says(t, ask, "Why you need to see it", "phone number")
	seen := func() (out []store.Entry) {
		t.Helper()
		out, err := o.db.Entries(t.Context(), store.JournalQuery{Action: "original.seen"})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if strings.Contains(ask, "138 0013") || len(seen()) != 0 {
		t.Error("it is shown, or said to be seen, before anybody said why")
	}
	for _, reason := range []string{"", "  \n", strings.Repeat("长", 2001)} {
		status, _, page := o.send("officer", at, url.Values{"reason": {reason}})
		if status != 422 || strings.Contains(page, "138 0013") || !strings.Contains(page, `aria-invalid="true"`) || !strings.Contains(page, strings.TrimSpace(reason)) {
			t.Errorf("with the reason %.10q: %d", reason, status)
		}
	}
	status, _, shown := o.send("officer", at, url.Values{"reason": {"投诉 <b>T-1</b>"}})
	if status != 200 || !strings.Contains(shown, "138 0013 8000 &lt;script&gt;") || strings.Contains(shown, "<script>alert") || strings.Contains(shown, "<b>T-1") {
		t.Errorf("with a reason: %d", status)
	}
	got := seen()
	if len(got) != 1 || got[0].Actor != "test-officer" || got[0].Subject != "session:"+consoletest.Broken || got[0].Reason != "投诉 <b>T-1</b>" || got[0].Tenant != "default" ||
		got[0].Line != "宽带" || !strings.Contains(string(got[0].Detail), `"event_id":"`+consoletest.Broken) {
		t.Errorf("the journal says %+v", got)
	}
	if header := visitHeader(t, o.URL+at, "officer"); header != "no-store" {
		t.Errorf("it may be kept: %q", header)
	}
	// Supervisors see who saw what, and the session's history has it.
	says(t, o.get("supervisor", "/journal?action=original.seen", "en"), "Saw an original", "test-officer", "投诉")
	says(t, o.get("supervisor", "/reviews/team", "en"), "/journal?action=original.seen")
	says(t, o.get("officer", "/journal?subject=session:"+consoletest.Broken, "en"), "Saw an original")
}

func visitHeader(t *testing.T, at, who string) string {
	t.Helper()
	_, _, header := visit(t, at, who, "en")
	return header.Get("Cache-Control")
}

func TestAnOriginalStaysClosed(t *testing.T) {
	o := newPlainOffice(t)
	at := regexp.MustCompile(`class="original" href="([^"]+)"`).FindStringSubmatch(o.get("officer", "/sessions/"+consoletest.Broken, "en"))[1]
	at = strings.ReplaceAll(at, "&amp;", "&")
	reason := url.Values{"reason": {"查看"}}
	for _, who := range []string{"viewer", "inspector", "supervisor", "approver", "finance", "regulator", "source"} {
		if status, _, page := o.send(who, at, reason); status != 403 || strings.Contains(page, "138 0013") {
			t.Errorf("%s: %d", who, status)
		}
		if who != "regulator" && who != "source" && strings.Contains(o.get(who, "/sessions/"+consoletest.Broken, "en"), `class="original"`) {
			t.Errorf("%s is offered an original", who)
		}
	}
	if status, _, page := o.send("acme", at, reason); status != 404 || strings.Contains(page, "138 0013") {
		t.Errorf("somebody of another tenant: %d", status)
	}
	if status, _, page := o.send("officer", "/sessions/s-air-0001/original?event=s-air-0001-3", reason); status != 410 || !strings.Contains(page, "was erased") {
		t.Errorf("one that was erased: %d", status)
	}
	if status, _, page := o.send("officer", "/sessions/s-air-0001/original?event=s-air-0001-1", reason); status != 200 || !strings.Contains(page, "as it was said") || strings.Contains(page, "138 0013") {
		t.Errorf("one of which nothing was masked: %d", status)
	}
	if status, _, page := o.send("officer", "/sessions/s-air-0001/original?event=none", reason); status != 404 || !strings.Contains(page, "no such message") {
		t.Errorf("one that is not there: %d", status)
	}
	if entries, err := o.db.Entries(t.Context(), store.JournalQuery{Action: "original.seen"}); err != nil || len(entries) != 0 {
		t.Errorf("nobody saw anything, and the journal says %v, %v", entries, err)
	}
	// What cannot be written down is not shown.
	if err := o.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `ALTER TABLE journal RENAME TO journal_elsewhere`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if status, _, page := o.send("officer", at, reason); status != 503 || strings.Contains(page, "138 0013") {
		t.Errorf("without a journal: %d", status)
	}
	if identity.Officer.Holds(identity.ReadOriginals) == identity.Inspector.Holds(identity.ReadOriginals) {
		t.Error("the roles that this test relies on are others")
	}
}
