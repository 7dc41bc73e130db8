//go:build e2e

package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/review"
)

// keys presses keys one after the other as a keyboard does, where what a page does on the way down
// keeps the letter from being written; what is longer than a key is typed in one go.
func keys(t *testing.T, ctx context.Context, list ...string) {
	t.Helper()
	for _, k := range list {
		down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: k, Text: k}
		switch {
		case strings.ContainsAny(k, "\t\r\x1b"):
			do(t, ctx, chromedp.KeyEvent(k))
			continue
		case len([]rune(k)) > 1:
			if _, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: k}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, down); err != nil {
			t.Fatal(err)
		}
		down.Type, down.Text = input.DispatchKeyEventTypeKeyUp, ""
		if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, down); err != nil {
			t.Fatal(err)
		}
	}
}

// picture saves what the browser shows where MINGJIAN_PICTURES says, for people to look at.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("MINGJIAN_PICTURES")
	if dir == "" {
		return
	}
	whole := page.CaptureScreenshotParams{}
	if strings.Contains(name, "team") || strings.Contains(name, "phone") || strings.Contains(name, "case") || strings.Contains(name, "fund") || strings.Contains(t.Name(), "Account") { // long, and nothing sticks to the window
		yes := true
		whole.CaptureBeyondViewport = &yes
		whole.Clip = &page.Viewport{Width: eval[float64](t, ctx, `innerWidth`), Height: eval[float64](t, ctx, `Math.min(document.documentElement.scrollHeight, 4000)`), Scale: 1}
	}
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), []byte(shot.Data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAnInspectorsRoundByKeyboard signs in, claims, reads, decides, submits and goes on to the next,
// in Chinese, without a mouse.
func TestAnInspectorsRoundByKeyboard(t *testing.T) {
	o := newOffice(t, consoletest.Centre(), review.Options{})
	first := o.open(consoletest.Broken, review.Mandatory, "cn-human-unreachable", 5*time.Hour)
	second := o.open(consoletest.Clean, review.Sample, "", 30*time.Hour)
	ctx := browser(t)
	do(t, ctx, chromedp.EmulateViewport(1440, 900))
	scheme(t, ctx, "light")
	focus := func() string {
		return eval[string](t, ctx, `document.activeElement.closest("[data-item]")?.id ?? document.activeElement.id ?? ""`)
	}
	ready := func(path string) {
		until(t, ctx, fmt.Sprintf(`location.pathname === %q && document.readyState === "complete"`, path))
	}

	identitytest.Account(t, o.signIn, "lihua", identity.Rights{Roles: []identity.Role{identity.Inspector}})
	do(t, ctx, chromedp.Navigate(o.URL+"/signin?lang=zh&next=/reviews"), chromedp.WaitReady("#name"))
	for eval[string](t, ctx, `document.activeElement.id`) != "name" {
		keys(t, ctx, "\t")
	}
	keys(t, ctx, "lihua", "\t", identitytest.Password, "\r")
	ready("/reviews")
	picture(t, ctx, "list-desk-light")
	keys(t, ctx, "c")
	ready("/reviews/" + first)
	picture(t, ctx, "review-fresh-desk-light")
	keys(t, ctx, "?")
	if !eval[bool](t, ctx, `document.getElementById("keys").open && document.getElementById("keys").textContent.includes("推翻")`) {
		t.Error("? does not show the keys")
	}
	picture(t, ctx, "review-keys-desk-light")
	keys(t, ctx, "\x1b")

	// Five findings in the order of the conversation: the second is overruled.
	for i := range 5 {
		keys(t, ctx, "j")
		if at := focus(); !strings.HasPrefix(at, "decide-") {
			t.Fatalf("j leads to %q", at)
		}
		if !eval[bool](t, ctx, `(() => { const b = document.activeElement.getBoundingClientRect(), l = document.activeElement.closest("label"); return b.top >= 0 && b.bottom <= innerHeight && getComputedStyle(l).outlineStyle !== "none" })()`) {
			t.Error("what has the focus cannot be seen")
		}
		keys(t, ctx, map[bool]string{true: "o", false: "u"}[i == 1], "w", fmt.Sprintf("看过对话，第 %d 项。", i+1), "\x1b")
	}
	// The criteria: a fatal one is passed, one on a scale rated, one not applicable.
	for _, key := range []string{"p", "f", "2", "1", "3", "p", "x"} {
		keys(t, ctx, "j", key)
		if !eval[bool](t, ctx, `document.activeElement.checked && !!document.activeElement.closest("[data-item=criterion]")`) {
			t.Fatalf("%s chose nothing at %q", key, focus())
		}
	}
	keys(t, ctx, "j", "n", "j", "w", "转人工三次才排队。")
	picture(t, ctx, "review-filled-desk-light")
	until(t, ctx, `document.querySelector("[data-state]").textContent === "草稿已保存"`)
	if left := eval[string](t, ctx, `JSON.stringify(Object.keys(localStorage).filter(k => k.startsWith("mingjian.draft")))`); left != "[]" {
		t.Errorf("what the server has is still in the browser: %s", left)
	}
	do(t, ctx, chromedp.KeyEvent("\r", chromedp.KeyModifiers(2)))
	ready("/reviews/" + second)
	if said := eval[string](t, ctx, `document.querySelector(".done").textContent`); !strings.Contains(said, "这是下一件") {
		t.Errorf("after submitting the page says %q", said)
	}
	got := o.state(first)
	if got.State != review.Submitted || got.Inspector != "lihua" || len(got.Verdict.Findings) != 5 || got.Verdict.Remarks != "转人工三次才排队。" {
		t.Errorf("the verdict is %+v", got.Verdict)
	}
	overruled := 0
	for _, f := range got.Verdict.Findings {
		if f.Decision == review.Overruled {
			overruled++
		}
	}
	if overruled != 1 {
		t.Errorf("%d findings are overruled", overruled)
	}
	// Submitting with holes leads to what is missing, and the keyboard goes on from there.
	do(t, ctx, chromedp.KeyEvent("\r", chromedp.KeyModifiers(2)))
	until(t, ctx, `document.activeElement?.id === "problem"`)
	picture(t, ctx, "review-faults-desk-light")
	keys(t, ctx, "j", "u")
	if !eval[bool](t, ctx, `document.activeElement.checked`) {
		t.Error("after a fault the keys do nothing")
	}
}

// TestADraftSurvives closes the page in the middle of a word, and lets the server go away.
func TestADraftSurvives(t *testing.T) {
	o := newOffice(t, consoletest.Centre(), review.Options{})
	id := o.open(consoletest.Clean, review.Sample, "", 30*time.Hour)
	o.send("li", "/reviews/next", nil)
	root := browser(t)
	as(t, root, "li")
	at := o.URL + "/reviews/" + id
	tab := func() (context.Context, context.CancelFunc) {
		ctx, cancel := chromedp.NewContext(root)
		do(t, ctx)
		as(t, ctx, "li")
		do(t, ctx, chromedp.Navigate(at+"?lang=zh"), chromedp.WaitReady("#v-remarks"))
		return ctx, cancel
	}
	value := `document.getElementById("v-remarks").value`

	// Killed at once, with the server out of reach: the browser has it.
	ctx, kill := tab()
	eval[bool](t, ctx, `window.fetch = () => Promise.reject(new Error("away")); true`)
	do(t, ctx, chromedp.SendKeys("#v-remarks", "写到一"))
	kill()
	ctx, kill = tab()
	if got := eval[string](t, ctx, value); got != "写到一" {
		t.Fatalf("after the page was killed it holds %q", got)
	}
	until(t, ctx, `document.querySelector("[data-state]").textContent === "草稿已保存"`)

	// Left, rather than killed: the server has it.
	do(t, ctx, chromedp.SendKeys("#v-remarks", "半，走了"), chromedp.Navigate(o.URL+"/rules"))
	kill()
	eval[bool](t, root, `true`)
	do(t, root, chromedp.Navigate(at))
	until(t, root, value+` === "写到一半，走了"`)
	li := identity.With(t.Context(), people()["li"])
	for saved := ""; !strings.Contains(saved, "写到一半，走了"); { // the page has it at once, from this browser
		time.Sleep(50 * time.Millisecond)
		task, err := o.reviews.Get(li, id)
		if err != nil {
			t.Fatal(err)
		}
		saved = string(task.Draft)
	}

	// Changed elsewhere meanwhile: said, nothing overwritten, and nothing lost.
	ctx, kill = tab()
	defer kill()
	if _, err := o.reviews.SaveDraft(li, id, o.state(id).Version, json.RawMessage(`{"remarks":"另一处写的"}`)); err != nil {
		t.Fatal(err)
	}
	// Behind what is there; where the browser had the draft, and not the server, it would be anyway.
	eval[bool](t, ctx, `(e => (e.setSelectionRange(e.value.length, e.value.length), true))(document.getElementById("v-remarks"))`)
	do(t, ctx, chromedp.SendKeys("#v-remarks", "，这里写的"))
	until(t, ctx, `document.querySelector("[data-state]").textContent.includes("已在别处改动")`)
	do(t, ctx, chromedp.Navigate(at))
	until(t, ctx, value+` === "另一处写的"`)
	do(t, ctx, chromedp.Click("[data-state] button"))
	until(t, ctx, value+` === "写到一半，走了，这里写的"`)
}

// TestASignInThatEndsLosesNothing signs out behind the back of somebody who writes.
func TestASignInThatEndsLosesNothing(t *testing.T) {
	o := newOffice(t, consoletest.Centre(), review.Options{})
	id := o.open(consoletest.Clean, review.Sample, "", 30*time.Hour)
	ctx := browser(t)
	enter := func() { o.enter(t, ctx, "inspector", "lihua", "/reviews") }
	enter()
	keys(t, ctx, "c")
	until(t, ctx, fmt.Sprintf(`location.pathname === "/reviews/%s" && document.readyState === "complete"`, id))
	if !eval[bool](t, ctx, `fetch("/signout", {method: "POST"}).then(() => true)`) {
		t.Fatal("not signed out")
	}
	do(t, ctx, chromedp.SendKeys("#v-remarks", "别丢了"))
	until(t, ctx, `document.querySelector("[data-state]").textContent.includes("登录已过期")`)
	do(t, ctx, chromedp.Click(".send button")) // the page stays, with what was typed
	until(t, ctx, `document.querySelector("[data-state] a")?.pathname === "/signin"`)
	enter()
	do(t, ctx, chromedp.Navigate(o.URL+"/reviews/"+id))
	until(t, ctx, `document.getElementById("v-remarks")?.value === "别丢了"`)
	until(t, ctx, `document.querySelector("[data-state]").textContent === "草稿已保存"`)
}

// TestReviewPagesAreAccessible runs axe-core on the pages of reviews, in both languages, widths and
// colour schemes, and holds them to their width and to WCAG 2.2's target size.
func TestReviewPagesAreAccessible(t *testing.T) {
	axe, err := os.ReadFile(os.Getenv("MINGJIAN_AXE"))
	if err != nil {
		t.Fatalf("MINGJIAN_AXE must be the path of axe.min.js (npm package axe-core): %v", err)
	}
	o, at := busyOffice(t)
	ctx := browser(t)
	for _, size := range []struct {
		name string
		w, h int64
	}{{"desk", 1280, 800}, {"phone", 390, 844}} {
		do(t, ctx, chromedp.EmulateViewport(size.w, size.h))
		for _, colours := range []string{"light", "dark"} {
			scheme(t, ctx, colours)
			for _, lang := range []string{"zh", "en"} {
				for _, p := range at {
					as(t, ctx, p.who)
					sep := "?"
					if strings.Contains(p.path, "?") {
						sep = "&"
					}
					where := fmt.Sprintf("%s in %s, %d wide, %s", p.path, lang, size.w, colours)
					do(t, ctx, chromedp.Navigate(o.URL+p.path+sep+"lang="+lang))
					eval[bool](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true); true`)
					accessible(t, ctx, axe, where, size.w)
					eval[bool](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = false); scrollTo(0, 0); true`)
					if lang == "zh" {
						picture(t, ctx, fmt.Sprintf("%s-%s-%s", p.name, size.name, colours))
					}
				}
			}
		}
	}
}

// spot is a page in a state that people meet, and who meets it.
type spot struct{ name, path, who string }

// busyOffice has reviews in every state, and lots with verdicts.
func busyOffice(t *testing.T) (*office, []spot) {
	t.Helper()
	o := newOffice(t, consoletest.Centre(), review.Options{Lots: madeLots{}})
	done := o.open(consoletest.Phone, review.Mandatory, "complaint.filed", -2*time.Hour)
	o.send("wang", "/reviews/next", nil)
	for _, sent := range []struct {
		who, act string
		form     url.Values
	}{
		{"wang", "/verdict", with(filled(o.get("wang", "/reviews/"+done, "en")), "misjudged", "yes", "kind", "service", "words", "没有转到人工", "amount", "20", "currency", "CNY", "c.human", "fail", "cr.human", "等了五分钟")},
		{"chen", "/dispute", url.Values{"reason": {"客户最终接通了人工"}}},
	} {
		if status, _, page := o.send(sent.who, "/reviews/"+done+sent.act, versioned(o, done, pairsOf(sent.form)...)); status != 303 {
			t.Fatal(problemOf(page))
		}
	}
	for i := range 12 {
		id := o.open(fmt.Sprintf("s-clean-%03d", i+20), review.Sample, "", time.Duration(30+i)*time.Hour)
		if i < 9 {
			who := []string{"li", "wang"}[i%2]
			o.send(who, "/reviews/"+id+"/claim", versioned(o, id))
			form := filled(o.get(who, "/reviews/"+id, "en"))
			if i%4 == 1 {
				form.Set("c.correctness", "1")
			}
			if status, _, page := o.send(who, "/reviews/"+id+"/verdict", form); status != 303 {
				t.Fatal(problemOf(page))
			}
		}
	}
	for _, who := range []string{"li", "wang"} { // whoever was led on to a next one gives it back
		for _, task := range heldBy(t, o, who) {
			o.send(who, "/reviews/"+task+"/verdict", with(versioned(o, task), "act", "release"))
		}
	}
	mine := o.open(consoletest.Broken, review.Mandatory, "cn-human-unreachable", 5*time.Hour)
	o.send("li", "/reviews/"+mine+"/claim", versioned(o, mine))
	o.send("li", "/reviews/"+mine+"/verdict", with(filled(o.get("li", "/reviews/"+mine, "en")), "act", "draft", "remarks", "转人工三次才排队。"))
	open := o.open("s-air-0001", review.Systemic, "eu-ai-notice-missing", 20*time.Hour)
	return o, []spot{
		{"list", "/reviews", "li"}, {"list-done", "/reviews?show=submitted&said=none", "zhao"}, {"review", "/reviews/" + mine, "li"}, {"review-open", "/reviews/" + open, "wang"},
		{"review-decide", "/reviews/" + done, "zhao"}, {"review-disputed", "/reviews/" + done, "chen"}, {"team", "/reviews/team", "zhao"}, {"signin", "/signin", "li"},
	}
}

// versioned is a form about a review as it is now.
func versioned(o *office, id string, pairs ...string) url.Values {
	return with(url.Values{"version": {fmt.Sprint(o.state(id).Version)}}, pairs...)
}

func pairsOf(form url.Values) (out []string) {
	for name, values := range form {
		if name != "version" {
			out = append(out, name, values[0])
		}
	}
	return out
}

func heldBy(t *testing.T, o *office, who string) (ids []string) {
	t.Helper()
	page, err := o.reviews.List(identity.With(t.Context(), people()["zhao"]), review.Query{Inspector: who, States: []review.State{review.Claimed}, Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range page.Items {
		ids = append(ids, task.ID)
	}
	return ids
}

// madeLots is one lot, the one that the samples of the tests are of, and two beside it.
type madeLots struct{}

func (madeLots) Drawn(context.Context, string, time.Time, time.Time) (out []review.DrawnLot, err error) {
	for i, outcome := range []string{"open", "accepted", "rejected"} {
		out = append(out, review.DrawnLot{
			ID: fmt.Sprintf("lot-%d", i+1), Tenant: "default", BusinessLine: []string{"宽带", "理财", "退换货"}[i], Channel: "app", BotVersion: "3.2.1",
			From: consoletest.Now.Add(-6 * time.Hour), To: consoletest.Now, Population: 1200, Any: 1, Sample: 80, Ac: 5, State: "normal", Outcome: outcome,
		})
	}
	return out, nil
}
