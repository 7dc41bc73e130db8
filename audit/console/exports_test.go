package console_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mingjian/audit/console/consoletest"
	"mingjian/audit/export"
	"mingjian/audit/export/dossier"
	"mingjian/audit/identity"
	"mingjian/audit/store"
)

// contents is what every package of these tests has.
const contents = "PK the whole truth"

// makePackage makes a package at once, except one that is to fail.
func makePackage(_ context.Context, w io.Writer, r export.Request, progress func(export.Progress)) (*export.Made, error) {
	progress(export.Progress{Phase: "interactions", Done: 1, Total: 2})
	if r.Purpose == "fail" {
		return nil, errors.New("the log <b>is</b> away")
	}
	_, err := io.WriteString(w, contents)
	return &export.Made{Manifest: dossier.Manifest{ID: "pkg-1", Scope: r.Scope, LogSize: 4711}, Interactions: 2}, err
}

// makeAll makes what was asked for.
func (o *office) makeAll() {
	o.t.Helper()
	ctx, stop := context.WithTimeout(o.t.Context(), 30*time.Second)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- o.exports.Run(ctx) }()
	as := identity.With(ctx, identity.Administrator)
	for {
		page, err := o.exports.List(as, export.Query{States: []export.State{export.Queued, export.Running}, Limit: 10})
		if err != nil {
			o.t.Fatal(err)
		}
		if len(page.Items) == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-done; err != nil {
		o.t.Fatal(err)
	}
}

func aPackage(pairs ...string) url.Values {
	return with(url.Values{"tenant": {"default"}, "from": {"2026-11-01"}, "to": {"2026-11-19"}, "purpose": {"监管检查 <b>2026</b>"}}, pairs...)
}

// packaged asks for a package through the page and returns its id.
func (o *office) packaged(who string, form url.Values) string {
	o.t.Helper()
	status, where, page := o.send(who, "/exports", form)
	id := regexp.MustCompile(`^/exports/(exp-[a-z0-9]+)\?said=started$`).FindStringSubmatch(where)
	if status != 303 || id == nil {
		o.t.Fatalf("asking for a package: %d to %q: %s", status, where, problemOf(page))
	}
	return id[1]
}

func TestAPackageFromAskingToTheRegulator(t *testing.T) {
	o := newPlainOffice(t)
	says(t, o.get("officer", "/exports", "en"), "Nothing was exported yet", `value="2026-11-01"`, `value="2026-11-20"`)
	for field, form := range map[string]url.Values{
		"tenant": aPackage("tenant", " "), "from": aPackage("from", "soon"), "to": aPackage("to", "2026-10-01"), "purpose": aPackage("purpose", "\n"),
	} {
		status, _, page := o.send("officer", "/exports", form)
		if status != 422 || !regexp.MustCompile(`id="x-`+field+`"[^>]*aria-invalid="true"`).MatchString(page) || field != "from" && !strings.Contains(page, `value="2026-11-01"`) {
			t.Errorf("%s: %d", field, status)
		}
	}
	id := o.packaged("officer", aPackage())
	if again := o.packaged("officer", aPackage()); again != id {
		t.Error("sent twice, two packages are made")
	}
	part := o.packaged("officer", aPackage("rule", "q-three-strikes", "sessions", "s-1\ns-2", "jurisdictions", "CN，EU"))
	failing := o.packaged("officer", aPackage("purpose", "fail"))
	stopped := o.packaged("admin", aPackage())
	if status, _, _ := o.send("admin", "/exports/"+stopped+"/cancel", nil); status != 422 {
		t.Errorf("stopped without being asked: %d", status)
	}
	if status, _, _ := o.send("admin", "/exports/"+stopped+"/cancel", url.Values{"sure": {"yes"}, "reason": {"typo"}}); status != 303 {
		t.Errorf("stopping: %d", status)
	}
	says(t, o.get("officer", "/exports/"+id, "en"), "waiting", "made in the background")
	if status, _, page := visit404(t, o, "/exports/"+id+"/file", "officer"); status != 409 || !strings.Contains(page, "no file") {
		t.Errorf("downloading what is not made: %d", status)
	}
	o.makeAll()
	page := o.get("officer", "/exports/"+id, "en")
	says(t, page, "ready", "18 B", "监管检查", "The whole record of these days", "4,711", "mingjian-verify mingjian-"+id+".zip", "2026-11-01 to 2026-11-19")
	if strings.Contains(page, "<b>2026") {
		t.Error("a purpose is markup")
	}
	says(t, o.get("officer", "/exports/"+part, "en"), "Chosen conversations only", "CN", "EU", "s-2", "Asked three times")
	if page := o.get("officer", "/exports/"+failing, "en"); !strings.Contains(page, "&lt;b&gt;is") || strings.Contains(page, `class="button"`) {
		t.Error("why it failed is not said, or there is something to download")
	}
	says(t, o.get("officer", "/exports", "en"), "ready", "failed", "stopped", "in part")
	for _, who := range []string{"officer", "admin"} {
		status, body, header := visit(t, o.URL+"/exports/"+id+"/file", who, "en")
		if status != 200 || body != contents || header.Get("Content-Disposition") != `attachment; filename="mingjian-`+id+`.zip"` {
			t.Errorf("downloading as %s: %d %q", who, status, body)
		}
	}
	// It is issued once it is agreed to, and the regulator sees that and nothing else.
	says(t, o.get("regulator", "/issued", "en"), "No package was issued to you yet")
	for problem, form := range map[string]url.Values{"to": {"sure": {"yes"}}, "sure": {"issued_to": {"test-regulator"}}} {
		if status, _, _ := o.send("officer", "/exports/"+id+"/issue", form); status != 422 {
			t.Errorf("issued without %s: %d", problem, status)
		}
	}
	form := url.Values{"issued_to": {"test-regulator"}, "sure": {"yes"}}
	for range 2 {
		if status, _, page := o.send("officer", "/exports/"+id+"/issue", form); status != 303 {
			t.Errorf("issuing it: %d %s", status, problemOf(page))
		}
	}
	if status, _, page := o.send("officer", "/exports/"+id+"/issue", with(form, "issued_to", "another")); status != 409 || !strings.Contains(page, "nothing was done") {
		t.Errorf("issuing it to another: %d", status)
	}
	page = o.get("regulator", "/issued", "en")
	says(t, page, "监管检查", "mingjian-verify mingjian-"+id+".zip", "SHA-256 of the log")
	if nav := regexp.MustCompile(`(?s)<nav aria-label="Main">.*?</nav>`).FindString(page); strings.Count(nav, "<li>") != 2 || !strings.Contains(nav, `href="/rules"`) || !strings.Contains(nav, `href="/issued"`) {
		t.Errorf("a regulator is offered %s", nav)
	}
	if status, body, _ := visit(t, o.URL+"/issued/"+id+"/file", "regulator", "en"); status != 200 || body != contents {
		t.Errorf("the regulator's download: %d", status)
	}
	if status, _, _ := visit404(t, o, "/issued/"+part+"/file", "regulator"); status != 404 {
		t.Errorf("a package that was not issued: %d", status)
	}
	if status, where, _ := visit404(t, o, "/", "regulator"); status != http.StatusSeeOther || where != "/issued" {
		t.Errorf("a regulator begins at %d %q", status, where)
	}
	entries, err := o.db.Entries(t.Context(), store.JournalQuery{Action: "export.downloaded"})
	if err != nil || len(entries) != 3 || entries[0].Actor != "test-regulator" {
		t.Errorf("the journal has %d downloads, %v", len(entries), err)
	}
	for _, who := range []string{"inspector", "supervisor", "viewer", "finance", "approver", "regulator", "source"} {
		for _, path := range []string{"/exports", "/exports/" + id, "/exports/" + id + "/file"} {
			if status, _, _ := visit404(t, o, path, who); status != 403 {
				t.Errorf("%s as %s: %d", path, who, status)
			}
		}
	}
	if status, _, _ := visit404(t, o, "/exports/"+id, "acme"); status != 404 {
		t.Errorf("somebody of another tenant: %d", status)
	}
	if status, _, page := o.send("acme", "/exports", aPackage()); status != 422 || !strings.Contains(page, "Name a tenant that you see") {
		t.Errorf("a package of somebody else's tenant: %d", status)
	}
}

func TestTheSessionPageShowsWhereItsEvidenceStands(t *testing.T) {
	o := newPlainOffice(t)
	page := o.get("officer", "/sessions/"+consoletest.Broken, "en")
	says(t, page, "Evidence of each message", "60,880", "not in the log yet", "not sealed yet", consoletest.Leaf)
	// A seal that is in the log says where.
	seal := regexp.MustCompile(`<td class="id hash">([0-9a-f]{64})</td><td class="number"><span`).FindStringSubmatch(page)
	if seal == nil {
		t.Fatal("no seal waits for the log")
	}
	if err := o.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO evidence_entries (key, entry, place) VALUES ($1, '{}', 4242)`, "seal:"+seal[1])
		return err
	}); err != nil {
		t.Fatal(err)
	}
	says(t, o.get("officer", "/sessions/"+consoletest.Broken, "en"), "4,242")
	says(t, o.get("officer", "/", "en"), "Evidence log: 4,711 entries")
}
