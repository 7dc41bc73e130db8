package console_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"mingjian/audit/cases"
	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity"
	"mingjian/audit/review"
	"mingjian/audit/store"
	"mingjian/policies"
)

// court is the office with people who make misjudgements good, and a fund to do it from.
type court struct {
	*office
	cases *cases.Cases
}

func newCourt(t *testing.T, yuan int64) *court {
	t.Helper()
	o := newOffice(t, consoletest.Centre(), review.Options{})
	c := &court{o, o.service.Cases()}
	if yuan > 0 {
		c.must("finance", "/fund/topup", url.Values{"key": {"k"}, "tenant": {"default"}, "currency": {"CNY"}, "amount": {fmt.Sprint(yuan)}, "reason": {"年度预算"}})
	}
	return c
}

// must sends a form that is taken, and returns where it leads.
func (c *court) must(who, path string, form url.Values) string {
	c.t.Helper()
	status, where, page := c.send(who, path, form)
	if status != 303 {
		c.t.Fatalf("POST %s as %s: %d %s", path, who, status, problemOf(page))
	}
	return where
}

// report begins a case of a session, about its finding of a rule where one is named.
func (c *court) report(session, rule, words string) string {
	c.t.Helper()
	form := url.Values{"session_id": {session}, "kind": {"price"}, "reason": {words}}
	if rule != "" {
		form.Set("finding_id", "f-"+rule+"-"+session)
	}
	where := c.must("inspector", "/cases", form)
	return regexp.MustCompile(`case-[0-9a-f]+`).FindString(where)
}

// act fills the form of an action in as its page has it, changes fields, and sends it.
func (c *court) act(who, id, action string, fields ...string) (int, string, string) {
	c.t.Helper()
	return c.send(who, "/cases/"+id+"/"+action, c.form(who, id, action, fields...))
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// form is that of an action with its hidden fields; where the action is not offered they are those of
// any other.
func (c *court) form(who, id, action string, fields ...string) url.Values {
	c.t.Helper()
	page := c.get(who, "/cases/"+id, "en")
	form := url.Values{"sure": {"yes"}}
	if _, inside, ok := strings.Cut(page, `id="`+action+`"`); ok {
		inside, _, _ = strings.Cut(inside, "</form>")
		page = inside
	}
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(m[1], m[2])
	}
	return with(form, fields...)
}

func (c *court) done(who, id, action string, fields ...string) {
	c.t.Helper()
	if status, where, page := c.act(who, id, action, fields...); status != 303 || !strings.Contains(where, "said="+action) {
		c.t.Fatalf("%s by %s: %d to %q: %s", action, who, status, where, problemOf(page))
	}
}

func (c *court) file(id string) cases.File {
	c.t.Helper()
	f, err := c.cases.Get(identity.With(c.t.Context(), people()["admin"]), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// proposed takes a case to where it waits for approval of its loss in yuan.
func (c *court) proposed(session, yuan string) string {
	c.t.Helper()
	id := c.report(session, "", "报价有误")
	c.done("officer", id, "open", "answer", "已收到，24 小时内答复。")
	c.done("officer", id, "assess", "amount", yuan, "currency", "CNY", "words", "多收了"+yuan+"元")
	c.done("officer", id, "propose", "form", "cash", "amount", yuan, "reason", "退还多收的钱")
	return id
}

// text is what a page says, in one line.
func text(t *testing.T, page string) string {
	t.Helper()
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.Join(words(t, page), " "), "\u00a0", " ")), " ")
}

func says(t *testing.T, page string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text(t, page), want) && !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestACaseFromReportToClosed(t *testing.T) {
	c := newCourt(t, 20_000)
	says(t, c.get("officer", "/cases", "en"), "There is no case yet.", "A case begins with")
	id := c.report(consoletest.Broken, "cn-human-unreachable", "说好免费，却收了钱")
	says(t, c.get("officer", "/cases", "en"), "Person not reached", "Candidate", "First answer", "24 h 0 min left", "Your turn", "•••937")
	page := c.get("officer", "/cases/"+id, "en")
	says(t, page, "Report by hand", "说好免费，却收了钱", "Excerpt of the conversation", "Once the harm is assessed", "转人工！！", "id=\"f-f-cn-human-unreachable-")
	c.done("officer", id, "open", "answer", "已收到")
	c.done("officer", id, "assess", "amount", "1,200.50", "currency", "CNY", "words", "多付 1200.50 元", "kind", "price")
	if k := c.file(id); k.Harm.AmountMinor != 120050 {
		t.Errorf("1,200.50 yuan are %d fen", k.Harm.AmountMinor)
	}
	says(t, c.get("officer", "/cases/"+id, "en"), "Cash CNY 1,200.50", "CNY 1,200.50 – CNY 1,400.50")
	c.done("officer", id, "propose", "form", "cash", "amount", "1200.50", "reason", "原价退还")
	says(t, c.get("officer", "/cases/"+id, "en"), "Approvals (0 of 2)", "2 more approvals are needed", "You made this proposal; somebody else has to approve it.")
	says(t, c.get("officer", "/cases/"+id, "zh"), "还差 2 人批准", "这份方案是您提出的，须由别人批准。", "现金 CNY 1,200.50")

	// Whoever proposed is refused with the reason, whatever the page offers.
	status, _, page := c.act("officer", id, "approve", "digest", c.file(id).Proposal.Digest, "reason", "自己批")
	if status != 403 {
		t.Errorf("approving one's own answers %d", status)
	}
	says(t, page, "Somebody else has to do this", "You made this proposal", "自己批")

	c.done("approver", id, "approve", "reason", "属实")
	says(t, c.get("finance", "/cases/"+id, "en"), "Approvals (1 of 2)", "1 more approval is needed")
	says(t, c.get("approver", "/cases/"+id, "en"), "You have approved it already")
	c.done("finance", id, "approve", "reason", "属实")
	says(t, c.get("finance", "/fund", "en"), "CNY 18,799.50", "CNY 1,200.50", "Reserve")
	c.done("finance", id, "pay", "reason", "按批准付款")
	says(t, c.get("officer", "/cases/"+id, "en"), "for the payment system")
	c.done("finance", id, "confirm", "paid", "yes", "reference", "TX-1")
	c.done("officer", id, "close", "reason", "客户已收到")
	k := c.file(id)
	if k.State != cases.Closed || k.PaidMinor != 120050 {
		t.Errorf("the case is %s with %d paid", k.State, k.PaidMinor)
	}
	page = c.get("viewer", "/cases/"+id, "en")
	says(t, page, "Closed", "Paid, reference", "TX-1", "approval 2 of 2", "done in time")
	if strings.Contains(page, `<form method="post" action="/cases/`) {
		t.Error("a reader is offered a form")
	}
	says(t, c.get("viewer", "/sessions/"+consoletest.Broken, "en"), `href="/cases/`+id, "Closed")
	says(t, c.get("finance", "/fund", "en"), "Paid", "TX-1")
}

func TestAFormOfACaseIsSafeToSendTwice(t *testing.T) {
	c := newCourt(t, 20_000)
	id := c.report(consoletest.Clean, "", "报价有误")
	for _, step := range []struct {
		who, action string
		fields      []string
	}{
		{"officer", "open", []string{"answer", "已收到"}}, {"officer", "assess", []string{"amount", "100", "currency", "CNY", "words", "多收"}},
		{"officer", "propose", []string{"form", "cash", "amount", "100", "reason", "退"}}, {"approver", "approve", []string{"reason", "属实"}},
		{"finance", "pay", []string{"reason", "付"}}, {"finance", "confirm", []string{"paid", "yes", "reference", "TX"}}, {"officer", "close", []string{"reason", "完"}},
	} {
		form := c.form(step.who, id, step.action, step.fields...)
		for range 2 {
			c.must(step.who, "/cases/"+id+"/"+step.action, form)
		}
	}
	if k := c.file(id); k.State != cases.Closed || len(k.Payouts) != 1 || len(k.Steps) != 8 {
		t.Errorf("the case is %s with %d payouts and %d steps", k.State, len(k.Payouts), len(k.Steps))
	}
	first, second := c.must("inspector", "/cases", url.Values{"session_id": {consoletest.Phone}, "kind": {"other"}, "reason": {"x"}}), ""
	if second = c.must("inspector", "/cases", url.Values{"session_id": {consoletest.Phone}, "kind": {"other"}, "reason": {"x"}}); strings.Split(first, "?")[0] != strings.Split(second, "?")[0] {
		t.Errorf("a report sent twice leads to %s and %s", first, second)
	}
}

func TestWhatIsRefusedComesBackWithItsReason(t *testing.T) {
	c := newCourt(t, 150)
	id := c.report(consoletest.Clean, "", "报价有误")
	for _, wrong := range []struct {
		action, say string
		status      int
		fields      []string
	}{
		{"open", "1 to 2,000 characters", 422, []string{"answer", " "}},
		{"assess", "no more decimals", 422, []string{"amount", "1.005", "currency", "CNY", "words", "保留这句"}},
		{"assess", "no more decimals", 422, []string{"amount", "12,50", "currency", "CNY", "words", "保留这句"}},
		{"assess", "no more decimals", 422, []string{"amount", "1e3", "currency", "CNY", "words", "保留这句"}},
		{"assess", "three letters", 422, []string{"amount", "1", "currency", "元", "words", "保留这句"}},
		{"assess", "what the customer paid", 422, []string{"amount", "1", "fraud", "yes", "currency", "CNY", "words", "保留这句"}},
		{"reject", "Tick the box", 422, []string{"sure", "", "reason", "保留这句"}},
		{"pay", "Your role does not allow it", 403, []string{"reason", "保留这句"}},
	} {
		status, _, page := c.act("officer", id, wrong.action, wrong.fields...)
		if wrong.action == "pay" { // the guard refuses it before the page does
			wrong.say = "Your role does not allow this"
		}
		if status != wrong.status {
			t.Errorf("%s %q answers %d", wrong.action, wrong.fields, status)
		}
		says(t, page, wrong.say)
		if len(wrong.fields) > 4 && !strings.Contains(page, "保留这句</textarea>") {
			t.Errorf("%s %q: what was typed is lost", wrong.action, wrong.fields)
		}
	}
	// Changed by somebody else meanwhile: said, with what changed, and nothing lost.
	old := c.form("officer", id, "assess", "amount", "90", "currency", "CNY", "words", "我的估算")
	c.done("chen", id, "assess", "amount", "100", "currency", "CNY", "words", "别人的估算")
	status, _, page := c.send("officer", "/cases/"+id+"/assess", old)
	if status != 409 || !strings.Contains(page, "我的估算</textarea>") || !strings.Contains(page, `value="90"`) {
		t.Errorf("a stale assessment answers %d, or what was typed is lost", status)
	}
	says(t, page, "changed since you opened it", "Since you opened it:", "Harm assessed", "chen")
	// Beyond the policy: said with the limits, and in the journal.
	status, _, page = c.act("officer", id, "propose", "form", "cash", "amount", "5000", "reason", "多给些")
	if status != 422 {
		t.Errorf("too much answers %d", status)
	}
	says(t, page, "outside what the policy allows", "CNY 300.00", `value="5000"`)
	c.done("officer", id, "propose", "form", "cash", "amount", "180", "reason", "退还并致歉")
	// More than the fund has.
	status, _, page = c.act("approver", id, "approve", "reason", "属实")
	if status != 409 {
		t.Errorf("an empty fund answers %d", status)
	}
	says(t, page, "Often the fund has too little", "属实</textarea>", "top it up first")
	// The proposal changed between reading and approving.
	form := c.form("approver", id, "approve", "reason", "属实")
	c.done("officer", id, "propose", "form", "cash", "amount", "120", "reason", "改")
	if status, _, page = c.send("approver", "/cases/"+id+"/approve", form); status != 409 {
		t.Errorf("approving what was changed answers %d", status)
	}
	says(t, page, "changed since you opened it", "CNY 120.00")
	refused := 0
	if err := c.db.Read(t.Context(), func(tx *store.Tx) error {
		entries, err := tx.Journal(t.Context(), "case:"+id)
		for _, e := range entries {
			if e.Action == "case.refused" {
				refused++
			}
		}
		return err
	}); err != nil || refused != 3 {
		t.Errorf("%d refusals are in the journal, %v", refused, err)
	}
	if status, _, _ := visit(t, c.URL+"/cases/case-nope", "officer", "en"); status != 404 {
		t.Errorf("an unknown case answers %d", status)
	}
}

// everyState has a case in each state.
func everyState(c *court) map[cases.State]string {
	c.t.Helper()
	at := map[cases.State]string{}
	at[cases.Candidate] = c.report(consoletest.Hostile, "cn-human-unreachable", consoletest.HostileText)
	at[cases.Open] = c.report(consoletest.Broken, "q-three-strikes", "承诺没有兑现")
	c.done("officer", at[cases.Open], "open", "answer", "已收到")
	at[cases.Assessed] = c.report(consoletest.Phone, "", "答错了")
	c.done("officer", at[cases.Assessed], "assess", "amount", "", "currency", "CNY", "words", "没有金钱损失", "kind", "service")
	at[cases.Proposed] = c.proposed("s-clean-010", "6000")
	c.done("approver", at[cases.Proposed], "approve", "reason", "属实")
	at[cases.Approved] = c.proposed("s-clean-011", "88.80")
	at[cases.Paying] = c.proposed("s-clean-012", "120")
	at[cases.Paid] = c.proposed("s-clean-013", "66")
	at[cases.Closed] = c.proposed("s-clean-014", "20")
	at[cases.Appealed] = c.proposed("s-clean-015", "10")
	for _, s := range []cases.State{cases.Approved, cases.Paying, cases.Paid, cases.Closed, cases.Appealed} {
		c.done("approver", at[s], "approve", "reason", "属实")
	}
	c.done("finance", at[cases.Approved], "pay", "reason", "付款")
	c.done("finance", at[cases.Approved], "confirm", "paid", "no", "why", "账号不存在")
	for _, s := range []cases.State{cases.Paying, cases.Paid, cases.Closed} {
		c.done("finance", at[s], "pay", "reason", "付款")
	}
	for _, s := range []cases.State{cases.Paid, cases.Closed} {
		c.done("finance", at[s], "confirm", "paid", "yes", "reference", "TX-"+string(s))
	}
	c.done("officer", at[cases.Closed], "close", "reason", "客户已收到")
	c.done("inspector", at[cases.Appealed], "appeal", "words", "我损失的不止这些 "+consoletest.HostileText)
	at[cases.Rejected] = c.report("s-clean-016", "", "误报")
	c.done("officer", at[cases.Rejected], "reject", "reason", "核对后没有误判")
	return at
}

// pagesOf are the pages about compensation.
func pagesOf(at map[cases.State]string) []string {
	out := []string{
		"/cases", "/cases?view=board", "/cases?state=proposed&kind=price&overdue=yes&tenant=default&period=7d", "/cases?from=nonsense", "/cases/new",
		"/cases/new?tenant=default&session_id=" + consoletest.Broken + "&finding_id=f-q-three-strikes-" + consoletest.Broken, "/fund", "/fund?period=365d", "/fund?tenant=nobody",
	}
	for _, s := range cases.States {
		out = append(out, "/cases/"+at[s])
	}
	return out
}

func TestEveryStateForEveryRole(t *testing.T) {
	c := newCourt(t, 30_000)
	at := everyState(c)
	for _, role := range identity.Roles {
		who := string(role)
		for _, path := range pagesOf(at) {
			for _, lang := range []string{"zh", "en"} {
				status, page, _ := visit(t, c.URL+path, who, lang)
				name := fmt.Sprintf("%s as %s in %s", path, who, lang)
				may := people()[who].May(identity.ReadCases)
				switch {
				case strings.HasPrefix(path, "/fund"):
					may = people()[who].May(identity.ReadFund)
				case strings.HasPrefix(path, "/cases/new"):
					may = people()[who].May(identity.OpenCases)
				}
				if want := map[bool]int{true: 200, false: 403}[may]; status != want {
					t.Errorf("%s: %d", name, status)
				}
				if strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "%!") || strings.Contains(page, "<no value>") || len(page) > 200_000 {
					t.Errorf("%s: something could not be filled in, or %d bytes are too many", name, len(page))
				}
				if strings.Contains(page, "<script>document") || strings.Contains(page, "<img src=x") || strings.ContainsAny(page, "\u202e\u2066\x1b\x07") {
					t.Errorf("%s: what a customer wrote acts on the page", name)
				}
				if strings.Contains(page, "cust-88201937") {
					t.Errorf("%s: the customer's id is not masked", name)
				}
				for _, w := range words(t, page) {
					if lang == "en" && strings.ContainsFunc(w, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
						t.Errorf("%s: Chinese that is not marked as Chinese: %q", name, strings.TrimSpace(w))
					}
				}
				if _, not, ok := strings.Cut(page, `class="not-now"`); ok && lang == "zh" {
					if not, _, _ = strings.Cut(not, "</details>"); strings.Contains(not, `lang="en"`) {
						t.Errorf("%s: a reason is given in English: %s", name, not)
					}
				}
			}
		}
	}
}

func TestTheBoardAndTheListSayTheSame(t *testing.T) {
	c := newCourt(t, 30_000)
	at := everyState(c)
	board := c.get("officer", "/cases?view=board", "en")
	for _, s := range cases.States {
		lane := regexp.MustCompile(`(?s)<section class="lane[^>]*>\s*<h2><span class="case-state ` + string(s) + `">.*?</section>`).FindString(board)
		if !strings.Contains(lane, at[s]) || !strings.Contains(lane, `<span class="n">1</span>`) {
			t.Errorf("%s is not in its column with its count", s)
		}
		list := c.get("officer", "/cases?state="+string(s), "en")
		if n := strings.Count(list, "data-row"); n != 1 || !strings.Contains(list, at[s]) {
			t.Errorf("filtered by %s the list has %d rows", s, n)
		}
	}
	says(t, board, "10 cases", "Your turn", "Proposed Cash CNY 6,000.00", "for finance", "for another officer")
	_, sheet, _ := visit(t, c.URL+"/cases.csv?state=proposed", "officer", "en")
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(sheet, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][0] != at[cases.Proposed] || rows[1][10] != "Cash 6000.00" {
		t.Errorf("the CSV is %v, %v", rows, err)
	}
	if status, _, header := visit(t, c.URL+"/cases?cursor=x&state=open", "officer", "en"); status != 303 || header.Get("Location") != "/cases?state=open" {
		t.Errorf("a broken cursor: %d to %q", status, header.Get("Location"))
	}
	says(t, c.get("officer", "/cases?kind=billing", "en"), "No case passes the filter.", "See all cases")
	says(t, c.get("officer", "/?period=all", "en"), "Compensation: 8 cases are not done")
	// Late by word, shape and colour.
	late := newCourt(t, 0)
	late.report(consoletest.Clean, "", "报价有误")
	if err := late.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE cases SET document = replace(document, $1, $2), next_due_ms = 1`, `"due":"2026-11-21`, `"due":"2026-11-19`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := late.cases.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := late.get("officer", "/cases?overdue=yes", "en")
	says(t, page, "overdue by 24 h 0 min", `class="due-in late"><svg`)
	says(t, late.get("officer", "/cases?view=board", "en"), "1 overdue")
}

func TestAPrefilledReport(t *testing.T) {
	c := newCourt(t, 0)
	page := c.get("inspector", "/cases/new?tenant=default&session_id="+consoletest.Broken+"&finding_id=f-q-three-strikes-"+consoletest.Broken, "en")
	says(t, page, `value="`+consoletest.Broken+`"`, `-`+consoletest.Broken+`" selected`, "•••937")
	status, _, page := c.send("inspector", "/cases", url.Values{"session_id": {consoletest.Broken}, "reason": {"保留 <这句>"}})
	if status != 422 || !strings.Contains(page, "保留 &lt;这句&gt;</textarea>") {
		t.Errorf("a report without a kind: %d", status)
	}
	says(t, c.get("inspector", "/cases/new?session_id=none", "en"), "This session is not in the record")
}

func TestTheFundPage(t *testing.T) {
	c := newCourt(t, 0)
	says(t, c.get("finance", "/fund", "en"), "The fund has no ledger yet.", "After finance has topped it up")
	form := url.Values{"key": {"k1"}, "tenant": {"default"}, "currency": {"CNY"}, "amount": {"9,000.00"}, "reason": {"预算"}}
	for range 2 {
		c.must("finance", "/fund/topup", form)
	}
	page := c.get("finance", "/fund", "en")
	says(t, page, "The fund runs low", "Tenant default has CNY 9,000.00 available, which is less than CNY 10,000.00", "/api/v1/fund/statement", "2026-11-20", `<path class="limit"`)
	if n := strings.Count(page, "<title>"); n < 30 {
		t.Errorf("the chart has %d days", n)
	}
	for _, wrong := range []struct {
		path, say string
		status    int
		fields    []string
	}{
		{"topup", "no more decimals", 422, []string{"amount", "1.234"}}, {"topup", "three letters", 422, []string{"currency", "yuan"}}, {"topup", "Say why", 422, []string{"reason", " "}},
		{"topup", "Reload the page", 409, []string{"amount", "8"}}, {"writeoff", "cannot be taken back", 422, []string{"amount", "5", "key", "k2"}},
		{"writeoff", "Less is available", 409, []string{"amount", "99999", "key", "k2", "sure", "yes"}},
	} {
		sent := with(form, wrong.fields...)
		status, _, page := c.send("finance", "/fund/"+wrong.path, sent)
		if status != wrong.status || !strings.Contains(page, `value="`+sent.Get("amount")+`"`) {
			t.Errorf("%s %q answers %d, or what was typed is lost", wrong.path, wrong.fields, status)
		}
		says(t, page, wrong.say)
	}
	c.must("finance", "/fund/writeoff", with(form, "key", "k2", "amount", "500", "reason", "预算到期", "sure", "yes"))
	says(t, c.get("officer", "/fund", "en"), "CNY 8,500.00", "CNY 500.00", "预算到期", "Finance records top-ups")
	if page := c.get("officer", "/fund", "en"); strings.Contains(page, `action="/fund/`) {
		t.Error("an officer is offered to change the fund")
	}
	if status, _, _ := c.send("officer", "/fund/topup", form); status != 403 {
		t.Errorf("an officer tops up: %d", status)
	}
	for _, format := range []string{"csv", "xlsx"} {
		if status, _, _ := visit(t, c.URL+"/api/v1/fund/statement?tenant=default&currency=CNY&month=2026-11&format="+format, "officer", "en"); status != 200 {
			t.Errorf("the statement as %s: %d", format, status)
		}
	}
	status, _, page := c.send("finance", "/fund/payouts/none/resend", url.Values{"reason": {"改好了"}})
	if says(t, page, "There is no such payout."); status != 409 {
		t.Errorf("sending an unknown payout again: %d", status)
	}
	// Another currency is another ledger, with its own digits.
	c.must("finance", "/fund/topup", with(form, "key", "k3", "currency", "krw", "amount", "1,250,000"))
	says(t, c.get("finance", "/fund?currency=KRW", "en"), "KRW 1,250,000")
	// What could not be paid waits for a person.
	id := c.proposed("s-clean-020", "30")
	c.done("approver", id, "approve", "reason", "属实")
	c.done("finance", id, "pay", "reason", "付款")
	c.done("finance", id, "confirm", "paid", "no", "why", "账号不存在")
	says(t, c.get("finance", "/fund", "zh"), "未能支付，等待重新付款", "账号不存在")
	c.done("finance", id, "pay", "reason", "再付")
	says(t, c.get("finance", "/fund", "zh"), "没有。付款都已有结果")
}

// The installation's account is told in the reader's language that it is no second person.
func TestTheInstallationsAccountIsToldWhyItDoesNotApprove(t *testing.T) {
	c := newCourt(t, 1_000)
	k := c.proposed("s-clean-020", "30")
	says(t, c.get("installation", "/cases/"+k, "en"), "This account is the installation&#39;s own and nobody&#39;s name")
	says(t, c.get("installation", "/cases/"+k, "zh"), "不代表任何人，不能审批，也不能裁决申诉")
	status, _, page := c.act("installation", k, "approve", "reason", "属实")
	if says(t, page, "Somebody else has to do this, and nothing was done."); status != 403 {
		t.Errorf("it approves: %d", status)
	}
}

// What is said against a recorded result changes nothing, and is on the page until somebody looks into it.
func TestContradictingResultsOfPayoutsAreShownToAPerson(t *testing.T) {
	c := newCourt(t, 1_000)
	id := c.proposed("s-clean-020", "30")
	c.done("approver", id, "approve", "reason", "属实")
	c.done("finance", id, "pay", "reason", "付款")
	c.done("finance", id, "confirm", "paid", "no", "why", "账号不存在")
	c.done("finance", id, "pay", "reason", "再付")
	c.done("finance", id, "confirm", "paid", "yes", "reference", "TX-2")
	// The first attempt had been paid after all, says its receiver; and the second one twice.
	for _, said := range []cases.Confirmation{
		{PayoutID: id + "-p1", CaseID: id, Paid: true, Reference: "TX-1"}, {PayoutID: id + "-p2", CaseID: id, Paid: true, Reference: "TX-3"},
		{PayoutID: id + "-p2", CaseID: id, Why: "退票"}, {PayoutID: id + "-p2", CaseID: id, Why: "退票"},
	} {
		said.Money = policies.Money{Minor: 30_00, Currency: "CNY"}
		var no *cases.Conflict
		if _, err := c.cases.Confirm(c.t.Context(), said); !errors.As(err, &no) || no.Repeat {
			t.Errorf("%+v was taken for a repeat: %v", said, err)
		}
	}
	page := c.get("finance", "/fund", "en")
	_, list, _ := strings.Cut(page, `id="wanting"`)
	list, _, _ = strings.Cut(list, "</section>")
	says(t, list, "Contradictory results", id+"-p1", id+"-p2", "TX-1", "TX-2", "TX-3", "退票", "Said against it: paid", "Recorded: could not be paid", "CNY 30.00")
	if n := strings.Count(list, "Contradictory results"); n != 2 || strings.Count(list, "退票") != 1 {
		t.Errorf("%d payouts are listed: %s", n, list)
	}
	says(t, c.get("finance", "/fund", "zh"), "付款结果自相矛盾", "与之矛盾的回报")
}
