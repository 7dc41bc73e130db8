//go:build e2e

package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity/identitytest"
)

// browser starts a Chromium from the PATH, which ends with the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	do(t, ctx) // starts it
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func eval[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression[:min(len(expression), 200)], err)
	}
	return v
}

// until waits for an expression to become true. A page that is replaced while it is asked answers with an
// error, "Inspected target navigated or closed", and is asked again.
func until(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	for {
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		if is {
			return
		}
		var replaced *cdproto.Error
		if err != nil && ctx.Err() == nil && !(errors.As(err, &replaced) && replaced.Code == serverError) {
			t.Fatalf("%s: %v", expression, err)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("never true: %s (%v)", expression, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// serverError is the code with which the DevTools protocol refuses what it could not do (JSON-RPC 2.0,
// section 5.1); what an expression throws is an error of another type.
const serverError = -32000

// as makes the browser somebody, for every request from here on.
func as(t *testing.T, ctx context.Context, who string) {
	t.Helper()
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{identitytest.Header: who}}); err != nil {
		t.Fatal(err)
	}
}

func scheme(t *testing.T, ctx context.Context, value string) {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
}

func script(t *testing.T, ctx context.Context, on bool) {
	t.Helper()
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}); err != nil {
		t.Fatal(err)
	}
}

// everyPage is every page in the states that people meet.
var everyPage = []string{
	"/", "/?period=1h", "/findings", "/findings?rule=eu-ai-notice-missing&severity=low", "/findings?from=nonsense&rule=nope&status=y", "/?from=2026-11-20T00:00", "/sessions", "/sessions/" + consoletest.Broken,
	"/sessions/" + consoletest.Phone, "/sessions/" + consoletest.Hostile, "/sessions/" + consoletest.Clean, "/sessions/none", "/rules", "/system", "/signin", "/nothing",
}

// TestPagesAreAccessible runs axe-core on every page, in both languages, widths and colour schemes,
// and holds the page to its width and to WCAG 2.2's target size.
func TestPagesAreAccessible(t *testing.T) {
	axe, err := os.ReadFile(os.Getenv("MINGJIAN_AXE"))
	if err != nil {
		t.Fatalf("MINGJIAN_AXE must be the path of axe.min.js (npm package axe-core): %v", err)
	}
	s, _ := service(t, consoletest.Centre())
	ctx := browser(t)
	as(t, ctx, "officer")
	for _, size := range []struct{ w, h int64 }{{1280, 800}, {390, 844}} {
		do(t, ctx, chromedp.EmulateViewport(size.w, size.h))
		for _, colours := range []string{"light", "dark"} {
			scheme(t, ctx, colours)
			for _, lang := range []string{"zh", "en"} {
				for _, page := range everyPage {
					sep := "?"
					if strings.Contains(page, "?") {
						sep = "&"
					}
					at := fmt.Sprintf("%s in %s, %d wide, %s", page, lang, size.w, colours)
					do(t, ctx, chromedp.Navigate(s.URL+page+sep+"lang="+lang))
					accessible(t, ctx, axe, at, size.w)
				}
			}
		}
	}
}

func TestARemarkMakesNoHoleInTheConversation(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	ctx := browser(t)
	for _, width := range []int64{1280, 1000} {
		do(t, ctx, chromedp.EmulateViewport(width, 800), chromedp.Navigate(s.URL+"/sessions/"+consoletest.Broken+"?lang=zh"))
		if hole := eval[float64](t, ctx, `Math.max(...[...document.querySelectorAll(".line")].map((l, i, all) => i ? l.getBoundingClientRect().top - all[i-1].getBoundingClientRect().bottom : 0))`); hole > 1 {
			t.Errorf("%d wide: a hole of %.0f px between two lines", width, hole)
		}
		if far := eval[float64](t, ctx, `(() => { const m = document.querySelector(".margin"), l = m.parentElement.querySelector(".line"); return Math.abs(m.getBoundingClientRect().top - l.getBoundingClientRect().top) })()`); far > 24 {
			t.Errorf("%d wide: the first remark is %.0f px away from its line", width, far)
		}
		if over := eval[float64](t, ctx, `Math.min(...[...document.querySelectorAll(".margin")].map((m, i, all) => i ? m.getBoundingClientRect().top - all[i-1].getBoundingClientRect().bottom : 0))`); over < 0 {
			t.Errorf("%d wide: two remarks overlap by %.0f px", width, -over)
		}
	}
	do(t, ctx, chromedp.EmulateViewport(390, 800))
	if !eval[bool](t, ctx, `[...document.querySelectorAll(".margin")].every(m => m.getBoundingClientRect().top >= m.parentElement.querySelector(".line").getBoundingClientRect().bottom)`) {
		t.Error("on a phone a remark does not stand under its line")
	}
}

func TestHostileTextDoesNothing(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(s.URL+"/sessions/"+consoletest.Hostile+"?lang=en"))
	if title := eval[string](t, ctx, "document.title"); title != "Session "+consoletest.Hostile+" · Mingjian" {
		t.Errorf("the title became %q", title)
	}
	if n := eval[int](t, ctx, `document.querySelectorAll("main script, main img, main b, main i, [onerror], [onload]").length`); n != 0 {
		t.Errorf("%d elements of the conversation's making stand on the page", n)
	}
	if said := eval[string](t, ctx, `[...document.querySelectorAll(".said")].map(e => e.textContent).join("\n")`); !strings.Contains(said, `<script>document.title="owned"</script>`) ||
		!strings.Contains(said, "U+202E") || strings.ContainsAny(said, "\u202e\u2066\x1b") {
		t.Errorf("it is shown as %q", said)
	}
}

func TestTheKeyboardIsEnough(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	ctx := browser(t)
	focused := func() string { return eval[string](t, ctx, `document.activeElement.textContent.trim()`) }
	do(t, ctx, chromedp.Navigate(s.URL+"/findings?lang=en"), chromedp.KeyEvent("j"))
	first := focused()
	do(t, ctx, chromedp.KeyEvent("j"), chromedp.KeyEvent("j"), chromedp.KeyEvent("k"), chromedp.KeyEvent("k"))
	if first == "" || focused() != first {
		t.Errorf("j and k went from %q to %q", first, focused())
	}
	if outline := eval[string](t, ctx, `getComputedStyle(document.activeElement).outlineStyle`); outline == "none" {
		t.Error("what has the focus cannot be seen")
	}
	do(t, ctx, chromedp.KeyEvent("/"))
	if id := eval[string](t, ctx, `document.activeElement.id`); id != "f-period" {
		t.Errorf("/ leads to %q", id)
	}
	eval[bool](t, ctx, `document.activeElement.blur(); true`)
	do(t, ctx, chromedp.KeyEvent("?"))
	if !eval[bool](t, ctx, `document.getElementById("keys").open`) {
		t.Error("? shows nothing")
	}
	eval[bool](t, ctx, `document.getElementById("keys-on").click(); document.getElementById("keys").close(); document.activeElement.blur(); true`)
	do(t, ctx, chromedp.KeyEvent("j"))
	if eval[bool](t, ctx, `!!document.activeElement.closest("[data-row]")`) {
		t.Error("the keys work though they were turned off")
	}
	eval[bool](t, ctx, `localStorage.clear(); true`)
	do(t, ctx, chromedp.Navigate(s.URL+"/findings?lang=en"), chromedp.KeyEvent("j"), chromedp.KeyEvent("\r"))
	until(t, ctx, `location.pathname.startsWith("/sessions/") && document.readyState === "complete"`)
	if !eval[bool](t, ctx, `!!document.querySelector(":target.remark")`) {
		t.Error("Enter does not lead to the finding in its session")
	}
	do(t, ctx, chromedp.Navigate(s.URL+"/"), chromedp.KeyEvent("\t"))
	if href := eval[string](t, ctx, `document.activeElement.getAttribute("href")`); href != "#main" {
		t.Errorf("the first stop is %q, not the way to the content", href)
	}
}

func TestEverythingWorksWithoutScript(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	ctx := browser(t)
	as(t, ctx, "officer")
	do(t, ctx, chromedp.Navigate(s.URL+"/findings?lang=en"))
	script(t, ctx, false)
	do(t, ctx, chromedp.Navigate(s.URL+"/findings"), chromedp.SetValue(`#f-rule`, "q-three-strikes"), chromedp.Click(`.filters button`), chromedp.WaitReady(`.findings tbody tr`))
	until(t, ctx, `location.search.includes("rule=q-three-strikes")`)
	do(t, ctx, chromedp.WaitReady(`option[value=q-three-strikes][selected]`))
	do(t, ctx, chromedp.Click(`a[href*="`+consoletest.Broken+`#"]`), chromedp.WaitReady(`.remark`))
	do(t, ctx, chromedp.SetValue(`#r-kind`, "service"), chromedp.SendKeys(`#r-reason`, "答非所问"), chromedp.Click(`.report form button`), chromedp.WaitReady(`.done`))
	said, err := chromedp.Run(ctx, chromedp.Text(`.done`))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said, "答非所问") {
		t.Errorf("after reporting the page says %q", said)
	}
}

func TestTheListUpdatesByItself(t *testing.T) {
	record := consoletest.Centre()
	s, _ := service(t, record)
	ctx := browser(t)
	add := func(id string) {
		record.Add(consoletest.Session(id, consoletest.Now.Add(-time.Minute), "app", "宽带", "CN").
			Say(1, "bot", "您好").Found("cn-ai-label-missing", 0, 1, "statute", `{"bot_texts":1}`).Done())
	}
	do(t, ctx, chromedp.Navigate(s.URL+"/findings?lang=en"))
	add("s-new-1")
	until(t, ctx, `!!document.querySelector("tr.fresh [href*='s-new-1']")`)
	if said := eval[string](t, ctx, `document.querySelector("[data-news]").textContent`); said != "1 new finding" {
		t.Errorf("it is announced as %q", said)
	}

	// Somebody reads in the list: nothing moves, and the news waits for them.
	do(t, ctx, chromedp.KeyEvent("j"), chromedp.KeyEvent("j"))
	held := eval[string](t, ctx, `document.activeElement.href`)
	add("s-new-2")
	add("s-new-3")
	until(t, ctx, `!!document.querySelector("[data-news] button")?.textContent.startsWith("2 new findings")`)
	if now := eval[string](t, ctx, `document.activeElement.href`); now != held || eval[bool](t, ctx, `!!document.querySelector("[href*='s-new-3']")`) {
		t.Errorf("the list moved under the reader's hands, from %s to %s", held, now)
	}
	do(t, ctx, chromedp.Click(`[data-news] button`))
	until(t, ctx, `document.querySelectorAll("tr.fresh").length === 2 && document.activeElement.matches("[data-open]")`)

	// The record goes away and comes back.
	eval[bool](t, ctx, `document.activeElement.blur(); true`)
	record.Fail(context.DeadlineExceeded)
	until(t, ctx, `document.querySelector("[data-state]").classList.contains("lost")`)
	record.Fail(nil)
	until(t, ctx, `!document.querySelector("[data-state]").classList.contains("lost")`)
}

func TestASigninLinkStaysInTheBrowser(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(s.URL+"/signin?lang=en#"+token))
	if v := eval[string](t, ctx, `document.getElementById("token").value + location.hash`); v != token {
		t.Errorf("the field holds %q", v)
	}
	do(t, ctx, chromedp.Click(`.by-token button`), chromedp.WaitReady(`form[action="/signout"]`))
	if c := eval[string](t, ctx, `document.cookie`); strings.Contains(c, "mingjian_session") {
		t.Errorf("a script can read %q", c)
	}
}

// accessible checks the page that is shown: no violation of WCAG 2.2 AA that axe can tell, no sideways
// scrolling at this width, and targets large enough to hit.
func accessible(t *testing.T, ctx context.Context, axe []byte, at string, width int64) {
	t.Helper()
	eval[bool](t, ctx, string(axe)+";true")
	var found []struct {
		ID, Help string
		Nodes    []struct{ HTML, FailureSummary string }
	}
	text := eval[string](t, ctx, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(r.violations))`)
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Errorf("%s: %s: %s: %d times, such as %s: %s", at, v.ID, v.Help, len(v.Nodes), v.Nodes[0].HTML, v.Nodes[0].FailureSummary)
	}
	if w := eval[int64](t, ctx, `document.documentElement.scrollWidth`); w > width {
		t.Errorf("%s: scrolls sideways, %d wide", at, w)
	}
	// Links in a sentence are exempt (WCAG 2.2, 2.5.8).
	if small := eval[string](t, ctx, `[...document.querySelectorAll("a, button, input, select, summary")].filter(e => {
	const b = e.getBoundingClientRect(), inline = getComputedStyle(e).display === "inline";
	return e.checkVisibility() && !inline && !e.closest("label") && b.width && (b.height < 23.5 || b.width < 23.5) && !e.matches(".skip") }).map(e => e.outerHTML).join("\n")`); small != "" {
		t.Errorf("%s: targets under 24 px: %s", at, small)
	}
}
