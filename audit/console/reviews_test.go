package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"mingjian/audit/api"
	"mingjian/audit/console/consoletest"
	"mingjian/audit/export"
	"mingjian/audit/identity"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/review"
	"mingjian/audit/store"
	"mingjian/audit/vault"
)

// office is the whole service with people who review.
type office struct {
	*httptest.Server
	t       *testing.T
	db      *store.DB
	reviews *review.Reviews
	service *api.Service
	signIn  *identity.SignIn
	exports *export.Exports
}

// people are two inspectors, their supervisor, and the compliance officer.
func people() identitytest.People {
	p := identitytest.EachRole()
	for name, role := range map[string]identity.Role{"li": identity.Inspector, "wang": identity.Inspector, "zhao": identity.Supervisor, "chen": identity.Officer} {
		p[name] = identity.Principal{ID: name, Name: name, Roles: []identity.Role{role}}
	}
	p["installation"] = identity.Administrator
	p["acme"] = identity.Principal{ID: "acme", Name: "acme", Roles: []identity.Role{identity.Officer}, Tenants: []string{"acme"}}
	return p
}

func newOffice(t *testing.T, record *consoletest.Record, o review.Options) *office {
	t.Helper()
	now := func() time.Time { return consoletest.Now }
	quiet := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), store.Options{Now: now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if o.BlindShare == nil {
		o.BlindShare = new(float64)
	}
	signIn, err := identity.NewSignIn(t.Context(), db, identity.Options{AdminToken: token, Cost: &identitytest.Cost})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := vault.Open(t.Context(), db, filepath.Join(t.TempDir(), "master.key"), true)
	if err != nil {
		t.Fatal(err)
	}
	exports, err := export.New(t.Context(), export.Options{Store: db, Dir: t.TempDir(), Make: makePackage, Accounts: receivers{signIn.Accounts}, Now: now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	s, err := api.New(t.Context(), api.Options{
		Record: record, Policies: consoletest.Bundle, System: consoletest.Health{}, Store: db, SignIn: signIn, Log: quiet, Now: now, Version: "test", Review: o,
		Exports: exports, Evidence: consoletest.Evidence{}, Vault: keys, Erasing: &consoletest.Erasing{Customer: erasable, Sessions: []string{consoletest.Broken, consoletest.Phone}},
		Originals:     consoletest.Originals{Erased: []string{consoletest.Broken + "-9", "s-air-0001-3"}},
		Authenticator: identity.First{people(), signIn.Tokens, signIn, identity.LocalReader{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &office{server, t, db, s.Reviews(), s, signIn, exports}
}

// receivers are the accounts, and the regulator of the table of people.
type receivers struct{ *identity.Accounts }

func (r receivers) Get(ctx context.Context, id string) (identity.Account, error) {
	if who := people()["regulator"]; who.ID == id {
		return identity.Account{ID: id, Roles: who.Roles}, nil
	}
	return r.Accounts.Get(ctx, id)
}

// open opens a review, due some hours from now, and returns its id.
func (o *office) open(session string, kind review.Kind, reason string, due time.Duration) string {
	o.t.Helper()
	n := review.NewTask{
		Tenant: "default", BusinessLine: "宽带", Channel: "app", BotVersion: "3.2.1", Jurisdiction: "CN", Language: "zh", SessionID: session,
		Kind: kind, Reason: reason, ClosedAt: consoletest.Now.Add(due - review.DueAfter),
	}
	if kind == review.Sample {
		n.LotID = "lot-1"
	}
	if err := o.db.Write(o.t.Context(), func(tx *store.Tx) error { return o.reviews.Open(o.t.Context(), tx, []review.NewTask{n}) }); err != nil {
		o.t.Fatal(err)
	}
	return n.ID()
}

func (o *office) get(who, path, lang string) string {
	o.t.Helper()
	status, page, _ := visit(o.t, o.URL+path, who, lang)
	if status != 200 {
		o.t.Errorf("GET %s as %s: %d", path, who, status)
	}
	return page
}

// send posts a form and returns the status, where it leads, and the page.
func (o *office) send(who, path string, form url.Values) (int, string, string) {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), "POST", o.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		o.t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html", "Accept-Language": "en", identitytest.Header: who} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Location"), string(b)
}

var (
	anInput  = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	aFinding = regexp.MustCompile(`name="f\.([^"]+)" value="upheld"`)
	aRating  = regexp.MustCompile(`name="(c\.[^"]+)" value="([^"]+)"`)
)

// filled is the form of a page with every answer given: findings upheld, ratings the best.
func filled(page string) url.Values {
	form := url.Values{"act": {"submit"}, "misjudged": {"no"}}
	_, inside, _ := strings.Cut(page, `<div class="review`)
	for _, m := range anInput.FindAllStringSubmatch(inside, -1) {
		form.Set(m[1], m[2])
	}
	for _, m := range aFinding.FindAllStringSubmatch(inside, -1) {
		form.Set("f."+m[1], "upheld")
		form.Set("fw."+m[1], "看过对话，确有此事。")
	}
	for _, m := range aRating.FindAllStringSubmatch(inside, -1) {
		if form.Get(m[1]) == "" {
			form.Set(m[1], m[2])
		}
	}
	return form
}

func with(form url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for name, values := range form {
		out[name] = values
	}
	for i := 0; i < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

func (o *office) state(id string) review.Task {
	o.t.Helper()
	t, err := o.reviews.Get(identity.With(o.t.Context(), people()["zhao"]), id)
	if err != nil {
		o.t.Fatal(err)
	}
	return t
}

func TestAnInspectorsRound(t *testing.T) {
	o := newOffice(t, consoletest.Centre(), review.Options{})
	first := o.open(consoletest.Broken, review.Mandatory, "cn-human-unreachable", 5*time.Hour)
	second := o.open(consoletest.Clean, review.Sample, "", 30*time.Hour)
	page := o.get("li", "/reviews", "en")
	for _, want := range []string{"Claim the next one", "5 h 0 min left", "due 11-20 21:30", "Person not reached", "Mandatory", "Sample"} {
		if !strings.Contains(page, want) {
			t.Errorf("the list does not say %q", want)
		}
	}
	// Sending the claim twice claims one.
	for range 2 {
		if status, where, _ := o.send("li", "/reviews/next", url.Values{"held": {"0"}}); status != 303 || where != "/reviews/"+first {
			t.Fatalf("claiming leads to %q (%d)", where, status)
		}
	}
	page = o.get("li", "/reviews/"+first, "en")
	for _, want := range []string{"转人工！！", "Limit 1 min 30 s", "Did the customer know plainly", "fatal", "Uphold", "Overrule", "Rules found here: No AI label on generated text"} {
		if !strings.Contains(strings.Join(strings.Fields(strings.Join(words(t, page), " ")), " ")+page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if n := strings.Count(page, `data-item="finding"`); n != 5 {
		t.Errorf("%d of 5 findings can be decided", n)
	}
	form := filled(page)
	for range 2 { // the second answer is the first one's
		status, where, body := o.send("li", "/reviews/"+first+"/verdict", form)
		if status != 303 || !strings.HasPrefix(where, "/reviews/"+second+"?") {
			t.Fatalf("submitting leads to %q (%d) %s", where, status, problemOf(body))
		}
	}
	if got := o.state(first); got.State != review.Submitted || got.Inspector != "li" || !got.Verdict.Defective || *got.Verdict.Score != 100 {
		t.Errorf("the verdict is %+v", got)
	}
	page = o.get("li", "/reviews/"+second+"?said=submitted&about="+first, "en")
	if !strings.Contains(page, "This is the next one") {
		t.Error("it is not said that the verdict was taken")
	}
	status, where, _ := o.send("li", "/reviews/"+second+"/verdict", with(filled(page), "misjudged", "yes", "kind", "billing", "amount", "1,230.5", "currency", "cny", "words", "账单算错"))
	if status != 303 || where != "/reviews?about="+second+"&said=submitted" {
		t.Errorf("the last one leads to %q (%d)", where, status)
	}
	if m := o.state(second).Verdict.Misjudgement; m == nil || m.AmountMinor != 123050 || m.Currency != "CNY" {
		t.Errorf("the misjudgement is %+v", m)
	}
	if page = o.get("li", "/reviews/"+second, "en"); !strings.Contains(page, "CNY 1230.50") || !strings.Contains(page, "账单算错") {
		t.Error("the verdict is not shown as it was given")
	}
	if page = o.get("li", where, "en"); !strings.Contains(page, "Nothing else waits for you") {
		t.Error("it is not said that nothing waits")
	}
}

func problemOf(page string) string {
	m := regexp.MustCompile(`(?s)<div class="problem".*?</div>`).FindString(page)
	return regexp.MustCompile(`\s+`).ReplaceAllString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(m, " "), " ")
}

func TestWhatWasTypedIsKeptWhateverIsWrong(t *testing.T) {
	record := consoletest.Centre()
	o := newOffice(t, record, review.Options{})
	id := o.open(consoletest.Broken, review.Mandatory, "cn-human-unreachable", 5*time.Hour)
	at := "/reviews/" + id
	o.send("li", "/reviews/next", nil)
	form := with(filled(o.get("li", at, "en")), "remarks", "写了很久的话 <b>")
	for name, c := range map[string]struct {
		change []string
		says   string
		anchor string
	}{
		"a finding not decided":   {[]string{"f.f-cn-ai-label-missing-" + consoletest.Broken, ""}, "Choose to uphold or to overrule", "decide-f-cn-ai-label-missing-" + consoletest.Broken},
		"no reason":               {[]string{"fw.f-cn-ai-label-missing-" + consoletest.Broken, " "}, "Say why in 1 to 2,000", "decide-f-cn-ai-label-missing-" + consoletest.Broken},
		"a criterion not rated":   {[]string{"c.privacy", ""}, "Choose one", "rate-privacy"},
		"a rating that is none":   {[]string{"c.privacy", "9"}, "could not be taken", "rate-privacy"},
		"misjudged or not":        {[]string{"misjudged", ""}, "Choose yes or no", "misjudgement"},
		"misjudged without words": {[]string{"misjudged", "yes", "kind", "service"}, "what was wrong", "misjudgement"},
		"yen with decimals":       {[]string{"misjudged", "yes", "kind", "service", "words", "x", "amount", "1.5", "currency", "JPY"}, "no more decimals", "misjudgement"},
		"a currency that is none": {[]string{"misjudged", "yes", "kind", "service", "words", "x", "amount", "1", "currency", "元"}, "three letters", "misjudgement"},
		"far too much":            {[]string{"remarks", "写了很久的话 <b>" + strings.Repeat("字", 2001)}, "At most 2,000", "remarks"},
	} {
		status, _, page := o.send("li", at+"/verdict", with(form, c.change...))
		if status != 422 || !strings.Contains(problemOf(page), c.says) || !strings.Contains(page, `href="#`+c.anchor+`"`) || !strings.Contains(page, `id="`+c.anchor+`"`) {
			t.Errorf("%s: %d, %s", name, status, problemOf(page))
		}
		if !strings.Contains(page, "写了很久的话 &lt;b&gt;") || !strings.Contains(page, "data-unsaved") {
			t.Errorf("%s: what was typed is gone", name)
		}
	}

	// Saved elsewhere meanwhile: told, and the same form sent again from there is taken.
	if status, where, _ := o.send("li", at+"/verdict", with(form, "act", "draft")); status != 303 || where != at+"?said=saved" {
		t.Fatalf("saving a draft: %d to %s", status, where)
	}
	if page := o.get("li", at, "en"); !strings.Contains(page, "写了很久的话 &lt;b&gt;") {
		t.Error("the draft is not in the form")
	}
	status, _, page := o.send("li", at+"/verdict", form)
	if status != 409 || !strings.Contains(problemOf(page), "changed elsewhere") || !strings.Contains(page, "写了很久的话 &lt;b&gt;") {
		t.Errorf("a stale form: %d, %s", status, problemOf(page))
	}

	// The rules check the session again while it is read.
	form = with(filled(page), "remarks", "写了很久的话 <b>")
	status, _, page = o.send("li", at+"/verdict", with(form, "fv.f-cn-human-slow-"+consoletest.Broken, "7"))
	if status != 409 || !strings.Contains(problemOf(page), "checked this session again") || strings.Count(page, "This finding changed after you decided it") != 1 {
		t.Errorf("a finding that changed: %d, %s", status, problemOf(page))
	}

	// A supervisor takes the review away.
	if status, _, _ := o.send("zhao", at+"/move", url.Values{"version": {fmt.Sprint(o.state(id).Version)}, "to": {"wang"}, "why": {"请假"}}); status != 303 {
		t.Errorf("moving: %d", status)
	}
	status, _, page = o.send("li", at+"/verdict", form)
	if status != 409 || !strings.Contains(problemOf(page), "Claim it again") && !strings.Contains(page, "readonly>看过对话") {
		t.Errorf("a review that was taken away: %d, %s", status, problemOf(page))
	}
	if !strings.Contains(page, "写了很久的话 &lt;b&gt;") {
		t.Error("what was typed is gone with the review")
	}
}

func TestAClaimThatRanOutComesBackWithWhatWasTyped(t *testing.T) {
	o := newOffice(t, consoletest.Centre(), review.Options{})
	id := o.open(consoletest.Clean, review.Sample, "", 30*time.Hour)
	at := "/reviews/" + id
	o.send("li", "/reviews/next", nil)
	form := with(filled(o.get("li", at, "en")), "remarks", "没来得及")
	zhao := identity.With(t.Context(), people()["zhao"])
	if _, err := o.reviews.Reassign(zhao, id, o.state(id).Version, "", "放回去"); err != nil {
		t.Fatal(err)
	}
	status, _, page := o.send("li", at+"/verdict", form)
	if status != 409 || !strings.Contains(problemOf(page), "Claim it again") || !strings.Contains(page, `name="remarks" value="没来得及"`) {
		t.Fatalf("%d, %s", status, problemOf(page))
	}
	again := url.Values{}
	_, inside, _ := strings.Cut(page, `class="claim"`)
	for _, m := range anInput.FindAllStringSubmatch(inside, -1) {
		again.Set(m[1], m[2])
	}
	if status, _, body := o.send("li", at+"/claim", again); status != 303 {
		t.Fatalf("claiming again: %d %s", status, problemOf(body))
	}
	if page = o.get("li", at, "en"); !strings.Contains(page, "没来得及</textarea>") {
		t.Error("what was typed did not come back")
	}
}

func TestDisputeAndDecision(t *testing.T) {
	o := newOffice(t, consoletest.Centre(), review.Options{})
	id := o.open(consoletest.Broken, review.Mandatory, "cn-human-unreachable", 5*time.Hour)
	at := "/reviews/" + id
	o.send("li", "/reviews/next", nil)
	if status, _, page := o.send("li", at+"/verdict", filled(o.get("li", at, "en"))); status != 303 {
		t.Fatal(problemOf(page))
	}
	version := func() string { return fmt.Sprint(o.state(id).Version) }
	if page := o.get("li", at, "en"); strings.Contains(page, `action="`+at+`/dispute"`) {
		t.Error("the inspector is offered to dispute the own verdict")
	}
	if page := o.get("chen", at, "en"); !strings.Contains(page, `action="`+at+`/dispute"`) || !strings.Contains(page, "看过对话，确有此事。") {
		t.Error("the officer is not offered to dispute, or does not see the verdict")
	}
	if status, _, page := o.send("chen", at+"/dispute", url.Values{"version": {version()}, "reason": {" "}}); status != 422 || !strings.Contains(problemOf(page), "why you dispute") {
		t.Errorf("a dispute without a reason: %d %s", status, problemOf(page))
	}
	if status, _, page := o.send("chen", at+"/dispute", url.Values{"version": {version()}, "reason": {"标识一直在界面上"}}); status != 303 {
		t.Errorf("a dispute: %d %s", status, problemOf(page))
	}
	page := o.get("zhao", at, "en")
	if !strings.Contains(page, "标识一直在界面上") || !strings.Contains(page, `name="ruling"`) {
		t.Fatal("the supervisor is not offered to decide")
	}
	form := with(filled(page), "f.f-cn-ai-label-missing-"+consoletest.Broken, "overruled", "ruling", "instead", "why", "界面有标识")
	if status, _, body := o.send("zhao", at+"/decide", with(form, "ruling", "")); status != 422 || !strings.Contains(problemOf(body), "Choose whether") {
		t.Errorf("no ruling: %d %s", status, problemOf(body))
	}
	if status, _, body := o.send("zhao", at+"/decide", with(form, "c.human", "")); status != 422 || !strings.Contains(body, "界面有标识</textarea>") {
		t.Errorf("a ruling with a hole: %d %s", status, problemOf(body))
	}
	if status, _, body := o.send("zhao", at+"/decide", form); status != 303 {
		t.Fatalf("a ruling: %d %s", status, problemOf(body))
	}
	page = o.get("chen", at, "en")
	got := o.state(id)
	if got.State != review.Decided || got.Outcome == nil || !strings.Contains(page, "Another verdict replaces it") || strings.Count(page, `<strong class="overruled">`) != 1 {
		t.Errorf("the decision is %+v", got.Decision)
	}
}

func TestTheTeamsPage(t *testing.T) {
	o := newOffice(t, consoletest.Centre(), review.Options{})
	late := o.open(consoletest.Broken, review.Mandatory, "cn-human-unreachable", -time.Hour)
	for i := range 6 {
		o.open(fmt.Sprintf("s-clean-%03d", i+10), review.Sample, "", time.Duration(20+i)*time.Hour)
	}
	o.send("li", "/reviews/next", nil)
	o.send("li", "/reviews/"+late+"/verdict", filled(o.get("li", "/reviews/"+late, "en")))
	page := o.get("zhao", "/reviews/team", "en")
	text := strings.Join(strings.Fields(strings.Join(words(t, page), " ")), " ")
	for _, want := range []string{"6 reviews are not done.", "No team is in the roster", "under 8 hours", "li 1 1 1 0.0 1", "There is no lot in this period", "Inspectors and rules"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	if status, _, _ := o.send("zhao", "/reviews/team/calibration", url.Values{"name": {"十一月"}, "tasks": {late}, "inspectors": {"wang"}}); status != 422 {
		t.Errorf("a calibration of a review that is not final: %d", status)
	}
	if status, _, _ := visit(t, o.URL+"/reviews/team", "li", "en"); status != 403 {
		t.Errorf("an inspector sees the team's page: %d", status)
	}
}

func TestReviewsInBothLanguages(t *testing.T) {
	o := newOffice(t, consoletest.Centre(), review.Options{})
	id := o.open(consoletest.Broken, review.Mandatory, "cn-human-unreachable", 5*time.Hour)
	other := o.open(consoletest.Hostile, review.Systemic, "<script>", 50*time.Hour)
	o.send("li", "/reviews/next", nil)
	done := o.open(consoletest.Phone, review.Mandatory, "complaint.filed", time.Hour)
	o.send("wang", "/reviews/next", nil)
	o.send("wang", "/reviews/"+done+"/verdict", filled(o.get("wang", "/reviews/"+done, "en")))
	for _, lang := range []string{"zh", "en"} {
		for path, who := range map[string]string{
			"/reviews": "li", "/reviews?show=final&kind=sample": "zhao", "/reviews?said=none": "li", "/reviews/" + id: "li", "/reviews/" + other: "wang", "/reviews/" + done: "chen",
			"/reviews/team": "zhao", "/reviews/team?period=all": "zhao", "/signin": "",
		} {
			status, page, _ := visit(t, o.URL+path, who, lang)
			if status != 200 || len(page) > 200_000 || strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "%!") || strings.Contains(page, "<no value>") {
				t.Errorf("%s as %s in %s: %d, %d bytes", path, who, lang, status, len(page))
			}
			for _, w := range words(t, page) {
				if lang == "en" && strings.ContainsFunc(w, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
					t.Errorf("%s: Chinese that is not marked as Chinese: %q", path, strings.TrimSpace(w))
				}
			}
		}
	}
	if status, _, _ := visit(t, o.URL+"/reviews/rev-none", "li", "zh"); status != 404 {
		t.Errorf("a review that is none: %d", status)
	}
}

func TestTheReportOverTheAPI(t *testing.T) {
	o := newOffice(t, consoletest.Centre(), review.Options{})
	id := o.open(consoletest.Broken, review.Mandatory, "cn-human-unreachable", 5*time.Hour)
	o.send("li", "/reviews/next", nil)
	o.send("li", "/reviews/"+id+"/verdict", filled(o.get("li", "/reviews/"+id, "en")))
	var report review.Report
	if err := json.Unmarshal([]byte(o.get("zhao", "/api/v1/reviews/report", "en")), &report); err != nil {
		t.Fatal(err)
	}
	if report.Outside != 1 || len(report.Agreements) == 0 || report.Reviewed != 0 {
		t.Errorf("the report is %+v", report)
	}
}

func TestTwoBlindVerdictsAndWhoDecides(t *testing.T) {
	twice := 1.0
	o := newOffice(t, consoletest.Centre(), review.Options{BlindShare: &twice})
	o.open(consoletest.Clean, review.Sample, "", 30*time.Hour)
	verdicts := map[string]string{}
	for _, who := range []string{"li", "wang"} {
		_, at, _ := o.send(who, "/reviews/next", nil)
		verdicts[who] = at
		page := o.get(who, at, "en")
		if strings.Contains(page, "Blind") || strings.Contains(page, "Another verdict") || !strings.Contains(page, "Sample") {
			t.Errorf("%s can tell that this is one of two", who)
		}
		form := with(filled(page), "cr.human", "remark of "+who)
		if who == "wang" {
			if page := o.get("zhao", verdicts["li"], "en"); !strings.Contains(page, "The verdict is not open yet") || strings.Contains(page, "remark of li") {
				t.Error("the first verdict is open before the second is in")
			}
			form.Set("c.human", "fail")
		}
		if status, _, body := o.send(who, at+"/verdict", form); status != 303 {
			t.Fatal(problemOf(body))
		}
	}
	_, at, _ := o.send("zhao", "/reviews/next", nil)
	page := o.get("zhao", at, "en")
	text := strings.Join(strings.Fields(strings.Join(words(t, page), " ")), " ")
	for _, want := range []string{"Adjudication", "Verdicts", "remark of li", "remark of wang", "Reaching a person Pass remark of li Fail remark of wang"} {
		if !strings.Contains(text, want) && !strings.Contains(text, strings.ReplaceAll(want, "Pass remark of li Fail remark of wang", "Fail remark of wang Pass remark of li")) {
			t.Errorf("the adjudicator is not told %q: %s", want, text)
		}
	}
	if n := strings.Count(page, `class="differ"`); n != 1 {
		t.Errorf("%d rows are marked as different", n)
	}
	if status, _, body := o.send("zhao", at+"/verdict", with(filled(page), "c.human", "fail")); status != 303 {
		t.Fatal(problemOf(body))
	}
	if page := o.get("li", verdicts["li"], "en"); !strings.Contains(page, "Verdict that counts") {
		t.Error("the inspector does not see what was decided")
	}
}

func TestWhoeverIsSignedOutComesBackToTheReview(t *testing.T) {
	o := newOffice(t, consoletest.Centre(), review.Options{})
	for path, want := range map[string]string{"/reviews/rev-1/verdict": "/reviews/rev-1", "/reviews/next": "/reviews", "/reviews/team/calibration": "/reviews/team"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", o.URL+path, strings.NewReader("act=draft"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if got := answer.Header.Get("Location"); got != "/signin?next="+url.QueryEscape(want) {
			t.Errorf("POST %s leads to %q", path, got)
		}
	}
}
