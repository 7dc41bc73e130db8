//go:build e2e

package console_test

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
)

// ledOffice is an office in which all that these pages show has happened.
func ledOffice(t *testing.T) (o *office, done, running string, original string) {
	t.Helper()
	o = newPlainOffice(t)
	for id, rights := range map[string]identity.Rights{
		"chenlan": {Roles: []identity.Role{identity.Officer, identity.Supervisor}}, "lihua": {Roles: []identity.Role{identity.Inspector}, Tenants: []string{"default", "acme"}, Lines: []string{"宽带", "理财"}},
		"jianguan": {Roles: []identity.Role{identity.Regulator}}, "a-name-as-long-as-a-name-may-be.0123456789012345678901234567": {Roles: []identity.Role{identity.Finance, identity.Approver}},
	} {
		identitytest.Account(t, o.signIn, id, rights)
	}
	o.invited("wanglei", url.Values{"role": {"viewer"}, "name": {"王磊"}, "email": {"wang.lei@example.com"}})
	o.invited("crm-feed", url.Values{"role": {"source"}, "name": {"客服系统"}})
	o.send("admin", "/people/crm-feed/tokens", url.Values{"name": {"客服系统推送"}, "scope": {"interactions:write"}, "days": {"90"}})
	o.send("admin", "/people/lihua/disable", url.Values{"sure": {"yes"}, "reason": {"转岗"}})
	done = o.packaged("officer", aPackage("purpose", "三季度监管检查"))
	o.packaged("admin", aPackage("purpose", "fail"))
	o.makeAll()
	o.send("officer", "/exports/"+done+"/issue", url.Values{"issued_to": {"test-regulator"}, "sure": {"yes"}})
	running = o.packaged("officer", aPackage("sessions", "s-1\ns-2", "rule", "q-three-strikes", "jurisdictions", "CN"))
	link := regexp.MustCompile(`class="original" href="([^"]+)"`).FindStringSubmatch(o.get("officer", "/sessions/"+consoletest.Broken, "en"))
	original = strings.ReplaceAll(link[1], "&amp;", "&")
	o.send("officer", original, url.Values{"reason": {"客户投诉 T-2026-118，核对电话号码"}})
	o.send("officer", "/records/hold", url.Values{"scope": {"session"}, "tenant": {"default"}, "subject": {"s-air-0001"}, "reason": {"法院调取证据"}})
	o.send("officer", "/records/hold", url.Values{"scope": {"customer"}, "tenant": {"default"}, "subject": {"cust-9"}, "reason": {"在诉纠纷"}})
	o.send("officer", "/records/erase", url.Values{"tenant": {"default"}, "customer": {erasable}, "reason": {"客户要求"}, "act": {"erase"}, "again": {erasable}})
	o.note(store.Entry{Actor: "system", Action: "case.escalated", Subject: "case:case-00000000000000000000000000000000", Reason: "the answer was due", Detail: []byte(`{"deadline":"answer","from":"candidate","to":"candidate","version":3}`)})
	return o, done, running, original
}

// TestAccountPagesAreAccessible looks at the pages of the journal, originals, accounts, exports and holds in
// both languages, widths and colour schemes.
func TestAccountPagesAreAccessible(t *testing.T) {
	axe, err := os.ReadFile(os.Getenv("MINGJIAN_AXE"))
	if err != nil {
		t.Fatalf("MINGJIAN_AXE must be the path of axe.min.js (npm package axe-core): %v", err)
	}
	o, done, running, original := ledOffice(t)
	ctx := browser(t)
	spots := []spot{
		{"journal", "/journal", "officer"}, {"journal-none", "/journal?actor=nobody&day=x", "officer"}, {"session", "/sessions/" + consoletest.Broken, "officer"}, {"original", original, "officer"},
		{"people", "/people", "admin"}, {"person", "/people/chenlan", "admin"}, {"person-shut", "/people/lihua", "admin"}, {"person-feed", "/people/crm-feed", "admin"}, {"person-admin", "/people/admin", "admin"},
		{"exports", "/exports", "officer"}, {"export-done", "/exports/" + done, "officer"}, {"export-waiting", "/exports/" + running, "officer"},
		{"issued", "/issued", "regulator"}, {"records", "/records", "officer"}, {"system", "/system", "admin"},
		{"signin", "/signin", ""}, {"welcome", "/welcome", ""},
	}
	for _, size := range []struct {
		name string
		w, h int64
	}{{"desk", 1280, 800}, {"phone", 390, 844}} {
		do(t, ctx, chromedp.EmulateViewport(size.w, size.h))
		for _, colours := range []string{"light", "dark"} {
			scheme(t, ctx, colours)
			for _, lang := range []string{"zh", "en"} {
				for _, p := range spots {
					as(t, ctx, p.who)
					sep := "?"
					if strings.Contains(p.path, "?") {
						sep = "&"
					}
					do(t, ctx, chromedp.Navigate(o.URL+p.path+sep+"lang="+lang))
					picture(t, ctx, fmt.Sprintf("%s-%s-%s-%s", p.name, size.name, colours, lang))
					eval[bool](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true); true`)
					if lang == "zh" && colours == "light" {
						picture(t, ctx, fmt.Sprintf("%s-open-%s", p.name, size.name))
					}
					accessible(t, ctx, axe, fmt.Sprintf("%s as %s in %s, %d wide, %s", p.path, p.who, lang, size.w, colours), size.w)
				}
			}
		}
	}
}

// TestAnAccountInTheBrowser goes from a one-time link to a token and an original, with the keyboard where it
// matters, and looks at what forms say on the way.
func TestAnAccountInTheBrowser(t *testing.T) {
	axe, err := os.ReadFile(os.Getenv("MINGJIAN_AXE"))
	if err != nil {
		t.Fatalf("MINGJIAN_AXE must be the path of axe.min.js (npm package axe-core): %v", err)
	}
	o := newPlainOffice(t)
	ctx := browser(t)
	do(t, ctx, chromedp.EmulateViewport(1280, 900))
	ready := func(path string) {
		t.Helper()
		until(t, ctx, fmt.Sprintf(`location.pathname === %q && document.readyState === "complete"`, path))
	}
	link := o.invited("chenlan", url.Values{"role": {"officer", "admin"}})
	do(t, ctx, chromedp.Navigate(strings.Replace(link, "/welcome", "/welcome?lang=zh", 1)), chromedp.WaitReady("#password"))
	if left := eval[string](t, ctx, `location.href`); strings.Contains(left, "#") || eval[string](t, ctx, `document.getElementById("code").value`) != link[strings.Index(link, "#")+1:] {
		t.Errorf("the code stays in the address %s, or not in the field", left)
	}
	do(t, ctx, chromedp.SendKeys("#password", sentence), chromedp.SendKeys("#again", sentence+"?"), chromedp.Click("form.signin button"))
	until(t, ctx, `!!document.getElementById("password-fault") && document.readyState === "complete"`)
	picture(t, ctx, "welcome-fault")
	accessible(t, ctx, axe, "a password typed twice differently", 1280)
	do(t, ctx, chromedp.SendKeys("#password", sentence), chromedp.SendKeys("#again", sentence), chromedp.Click("form.signin button"))
	ready("/account")
	picture(t, ctx, "account")
	accessible(t, ctx, axe, "the account", 1280)

	// A token, shown once, without script.
	do(t, ctx, chromedp.Navigate(o.URL+"/tokens"))
	script(t, ctx, false)
	do(t, ctx, chromedp.Navigate(o.URL+"/tokens"), chromedp.Click("#new-token summary"), chromedp.SendKeys("#t-name", "报表"), chromedp.Click(`[name=scope][value="findings:read"]`), chromedp.Click("#new-token button"), chromedp.WaitReady(".once"))
	script(t, ctx, true)
	picture(t, ctx, "token-made")
	accessible(t, ctx, axe, "a token just made", 1280)

	// Inviting, with a fault on the way.
	do(t, ctx, chromedp.Navigate(o.URL+"/people"))
	eval[bool](t, ctx, `document.getElementById("invite").open = true`)
	do(t, ctx, chromedp.SendKeys("#p-id", "chenlan"), chromedp.SendKeys("#p-name", "陈兰"), chromedp.Click(`[name=role][value=inspector]`), chromedp.Click("#invite button"))
	until(t, ctx, `!!document.getElementById("id-fault") && document.readyState === "complete"`)
	picture(t, ctx, "people-fault")
	accessible(t, ctx, axe, "an invitation with a fault", 1280)
	eval[bool](t, ctx, `document.getElementById("p-id").value = ""; true`)
	do(t, ctx, chromedp.SendKeys("#p-id", "zhouyi"), chromedp.Click("#invite button"), chromedp.WaitReady(".once"))
	picture(t, ctx, "people-link")
	accessible(t, ctx, axe, "a link just made", 1280)

	// An original.
	do(t, ctx, chromedp.Navigate(o.URL+"/sessions/"+consoletest.Broken), chromedp.Click("a.original"), chromedp.WaitReady("#o-reason"), chromedp.SendKeys("#o-reason", "核对投诉"), chromedp.Click(".report button"), chromedp.WaitReady(".revealed"))
	if eval[string](t, ctx, `document.querySelector(".revealed").textContent`) != consoletest.Secret {
		t.Error("the original is not shown as it was said")
	}
	picture(t, ctx, "original-shown")
	accessible(t, ctx, axe, "an original", 1280)

	// Erasing asks twice.
	do(t, ctx, chromedp.Navigate(o.URL+"/records"))
	eval[bool](t, ctx, `document.getElementById("erase").open = true`)
	do(t, ctx, chromedp.SendKeys("#e-customer", erasable), chromedp.SendKeys("#e-reason", "客户要求"), chromedp.Click("#erase button.second"), chromedp.WaitReady("#e-again"))
	picture(t, ctx, "erase-counted")
	accessible(t, ctx, axe, "what would be erased", 1280)
	do(t, ctx, chromedp.Click(`#erase [value=erase]`))
	until(t, ctx, `!!document.getElementById("erase-fault") && document.readyState === "complete"`)
	do(t, ctx, chromedp.SendKeys("#e-again", erasable), chromedp.Click(`#erase [value=erase]`))
	ready("/records")
	until(t, ctx, `!!document.querySelector(".done")`)
	picture(t, ctx, "erased")
}
