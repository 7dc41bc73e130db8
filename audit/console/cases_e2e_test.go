//go:build e2e

package console_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"mingjian/audit/cases"
	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
)

// enter signs the browser in with a name and a password, in Chinese. Whoever has no account yet gets one.
func (o *office) enter(t *testing.T, ctx context.Context, role, name, next string) {
	t.Helper()
	if _, err := o.signIn.Accounts.Get(identity.With(t.Context(), identity.Administrator), name); errors.Is(err, identity.ErrNoAccount) {
		identitytest.Account(t, o.signIn, name, identity.Rights{Roles: []identity.Role{identity.Role(role)}})
	}
	do(t, ctx, chromedp.Navigate(o.URL+"/signin?lang=zh&next="+next), chromedp.WaitReady("#password"),
		chromedp.SendKeys("#name", name), chromedp.SendKeys("#password", identitytest.Password), chromedp.Click("form.signin button"))
	until(t, ctx, fmt.Sprintf(`location.pathname === %q && document.readyState === "complete" && document.querySelector(".me form button").textContent.includes(%q)`, next, name))
}

// act fills the form of an action in, sends it, and waits until the page says what happened.
func act(t *testing.T, ctx context.Context, action, said string, fields ...string) {
	t.Helper()
	if !eval[bool](t, ctx, fmt.Sprintf(`(() => { const d = document.getElementById(%q); if (d) d.open = true; return !!d })()`, action)) {
		t.Fatalf("%s is not offered", action)
	}
	for i := 0; i < len(fields); i += 2 {
		at := fmt.Sprintf(`#%s [name=%s]`, action, fields[i])
		switch {
		case fields[i] == "form" || fields[i] == "paid":
			do(t, ctx, chromedp.Click(at+`[value=`+fields[i+1]+`]`))
		case fields[i+1] == "yes":
			do(t, ctx, chromedp.Click(at))
		default:
			eval[bool](t, ctx, fmt.Sprintf(`document.querySelector(%q).value = ""; true`, at))
			do(t, ctx, chromedp.SendKeys(at, fields[i+1]))
		}
	}
	do(t, ctx, chromedp.Click(`#`+action+` form button`))
	until(t, ctx, fmt.Sprintf(`document.readyState === "complete" && !!document.querySelector(".done")?.textContent.includes(%q)`, said))
}

// TestACaseInTheBrowser takes a candidate to closed in Chinese: the officer who proposes cannot approve,
// an approver and finance do, and the fund shows it.
func TestACaseInTheBrowser(t *testing.T) {
	c := newCourt(t, 20_000)
	id := c.report(consoletest.Broken, "cn-human-unreachable", "机器人说免费，却收了 1200.50 元")
	ctx := browser(t)
	do(t, ctx, chromedp.EmulateViewport(1280, 900))
	scheme(t, ctx, "light")
	body := func() string { return eval[string](t, ctx, `document.querySelector("main").innerText`) }
	shows := func(wanted ...string) {
		t.Helper()
		for _, want := range wanted {
			if !strings.Contains(strings.ReplaceAll(body(), "\u00a0", " "), want) {
				t.Errorf("%s does not show %q", eval[string](t, ctx, "location.pathname"), want)
			}
		}
	}

	// The officer finds the candidate on the board, with the keyboard, and decides beside the evidence.
	c.enter(t, ctx, "officer", "chenlan", "/cases")
	do(t, ctx, chromedp.Navigate(c.URL+"/cases?view=board"))
	shows("待受理", "轮到您处理", "还剩 24 小时")
	do(t, ctx, chromedp.KeyEvent("j"), chromedp.KeyEvent("\r"))
	until(t, ctx, fmt.Sprintf(`location.pathname === "/cases/%s" && document.readyState === "complete"`, id))
	shows("人工客服无法接通", "转人工！！", "人工上报", "评估损失之后，这里会写明应付多少")
	act(t, ctx, "open", "已受理", "answer", "已收到您的反馈，24 小时内答复。")
	act(t, ctx, "assess", "评估已保存", "amount", "1,200.50", "words", "多付了 1200.50 元，有账单为证。")
	shows("现金 CNY 1,200.50", "可提出的范围")
	act(t, ctx, "propose", "方案已提交审批", "form", "cash", "amount", "1200.50", "reason", "原价退还")
	shows("还差 2 人批准", "待审批", "由审批人处理")
	// Their own approval is not offered, and the reason stands there.
	if eval[bool](t, ctx, `!!document.getElementById("approve")`) {
		t.Error("the officer is offered to approve their own proposal")
	}
	eval[bool](t, ctx, `document.querySelector(".not-now").open = true`)
	shows("这份方案是您提出的，须由别人批准。")
	// Sent all the same, it is refused with the reason.
	eval[bool](t, ctx, fmt.Sprintf(`(() => { const f = document.createElement("form"); f.method = "post"; f.action = "/cases/%s/approve";
		for (const [n, v] of Object.entries({version: %q, digest: %q, reason: "自己批", sure: "yes"})) { const i = document.createElement("input"); i.name = n; i.value = v; f.append(i) }
		document.body.append(f); f.submit(); return true })()`, id, fmt.Sprint(c.file(id).Version), c.file(id).Proposal.Digest))
	until(t, ctx, `!!document.getElementById("problem") && document.readyState === "complete"`)
	shows("这一步需要由别人来做，没有执行", "这份方案是您提出的，须由别人批准。")
	picture(t, ctx, "case-own-approval")

	c.enter(t, ctx, "approver", "zhouyi", "/cases")
	do(t, ctx, chromedp.Navigate(c.URL+"/cases/"+id))
	shows("轮到您处理")
	// Without the tick the browser asks, and nothing is sent.
	do(t, ctx, chromedp.SendKeys("#approve [name=reason]", "证据属实"), chromedp.Click("#approve form button"))
	if c.file(id).State != cases.Proposed || len(c.file(id).Decisions) != 1 || !eval[bool](t, ctx, `document.querySelector("#approve [name=sure]").matches(":invalid")`) {
		t.Error("it was approved without being asked")
	}
	act(t, ctx, "approve", "您的批准已记录", "sure", "yes", "reason", "证据属实")
	shows("还差 1 人批准")
	c.enter(t, ctx, "finance", "qianwu", "/cases")
	do(t, ctx, chromedp.Navigate(c.URL+"/cases/"+id))
	act(t, ctx, "approve", "您的批准已记录", "reason", "账单核对无误", "sure", "yes")
	shows("已批准", "轮到您处理")
	act(t, ctx, "pay", "付款指令已发出", "reason", "按批准付款", "sure", "yes")
	act(t, ctx, "confirm", "付款结果已登记", "paid", "yes", "reference", "TX-20261120", "sure", "yes")
	do(t, ctx, chromedp.Navigate(c.URL+"/fund"))
	shows("CNY 18,799.50", "CNY 1,200.50", "付款成功", "TX-20261120")

	c.enter(t, ctx, "officer", "chenlan", "/cases")
	do(t, ctx, chromedp.Navigate(c.URL+"/cases/"+id))
	act(t, ctx, "close", "已结案", "reason", "客户确认收到", "sure", "yes")
	shows("已结案", "第 2 份批准，共需 2 份", "zhouyi", "qianwu", "chenlan")
	if k := c.file(id); k.State != cases.Closed || k.PaidMinor != 120050 {
		t.Errorf("the case is %s, with %d fen paid", k.State, k.PaidMinor)
	}
}

// TestCasePagesAreAccessible looks at every page about compensation in both languages, widths and
// colour schemes.
func TestCasePagesAreAccessible(t *testing.T) {
	axe, err := os.ReadFile(os.Getenv("MINGJIAN_AXE"))
	if err != nil {
		t.Fatalf("MINGJIAN_AXE must be the path of axe.min.js (npm package axe-core): %v", err)
	}
	c := newCourt(t, 15_000)
	at := everyState(c)
	spots := []spot{
		{"cases", "/cases", "officer"}, {"board", "/cases?view=board", "officer"}, {"none", "/cases?kind=billing", "viewer"},
		{"new", "/cases/new?session_id=" + consoletest.Broken + "&finding_id=f-q-three-strikes-" + consoletest.Broken, "inspector"},
		{"fund", "/fund", "finance"}, {"fund-empty", "/fund?tenant=nobody", "officer"},
		{"case-candidate", "/cases/" + at[cases.Candidate], "officer"}, {"case-open", "/cases/" + at[cases.Open], "officer"}, {"case-assessed", "/cases/" + at[cases.Assessed], "officer"},
		{"case-proposed", "/cases/" + at[cases.Proposed], "finance"}, {"case-approved", "/cases/" + at[cases.Approved], "finance"}, {"case-paying", "/cases/" + at[cases.Paying], "finance"},
		{"case-closed", "/cases/" + at[cases.Closed], "viewer"}, {"case-appealed", "/cases/" + at[cases.Appealed], "chen"}, {"case-rejected", "/cases/" + at[cases.Rejected], "officer"},
	}
	ctx := browser(t)
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
					where := fmt.Sprintf("%s as %s in %s, %d wide, %s", p.path, p.who, lang, size.w, colours)
					do(t, ctx, chromedp.Navigate(c.URL+p.path+sep+"lang="+lang))
					picture(t, ctx, fmt.Sprintf("%s-%s-%s-%s", p.name, size.name, colours, lang))
					eval[bool](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true); true`)
					accessible(t, ctx, axe, where, size.w)
				}
			}
		}
	}

	// What comes back with a fault is as accessible.
	as(t, ctx, "officer")
	do(t, ctx, chromedp.Navigate(c.URL+"/cases/"+at[cases.Open]+"?lang=zh"))
	eval[bool](t, ctx, `(() => { const f = document.querySelector("#assess form"); f.amount.value = "1.005"; f.words.value = "保留"; f.submit(); return true })()`)
	until(t, ctx, `!!document.getElementById("problem") && document.readyState === "complete"`)
	if !eval[bool](t, ctx, `document.querySelector("#assess [name=words]").value === "保留" && document.querySelector("#assess [name=amount]").matches("[aria-invalid=true]")`) {
		t.Error("what was typed is lost, or the field is not marked")
	}
	picture(t, ctx, "case-fault-phone")
	accessible(t, ctx, axe, "an assessment with a fault", 390)
	as(t, ctx, "finance")
	do(t, ctx, chromedp.Navigate(c.URL+"/fund?lang=en"))
	eval[bool](t, ctx, `(() => { const f = document.querySelector("#topup form"); f.amount.value = "lots"; f.reason.value = "budget"; f.submit(); return true })()`)
	until(t, ctx, `!!document.getElementById("topup-fault") && document.readyState === "complete"`)
	picture(t, ctx, "fund-fault-phone")
	accessible(t, ctx, axe, "a top-up with a fault", 390)
}
