package console_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
	"golang.org/x/net/html"

	"mingjian/audit/console/consoletest"
	"mingjian/audit/identity/identitytest"
	"mingjian/audit/store"
	"mingjian/policies"
)

var paths = []string{
	"/", "/?period=1h", "/findings", "/findings?rule=eu-ai-notice-missing&severity=low", "/findings?from=nonsense&to=2026-11-20T10:00", "/sessions",
	"/sessions/" + consoletest.Broken, "/sessions/" + consoletest.Phone, "/sessions/" + consoletest.Hostile, "/sessions/s-air-0001", "/sessions/none", "/rules", "/system", "/signin", "/nothing",
}

// visit gets a page as somebody ("" for whoever sits at the machine).
func visit(t *testing.T, at, who, lang string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", at, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Language", lang)
	if who != "" {
		r.Header.Set(identitytest.Header, who)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b), answer.Header
}

// words are the texts of a page that a reader sees, without those in an element of another language.
func words(t *testing.T, page string) []string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(n *html.Node, foreign bool)
	walk = func(n *html.Node, foreign bool) {
		if n.Type == html.ElementNode {
			for _, a := range n.Attr {
				switch {
				case a.Key == "lang" && n.Data != "html":
					foreign = strings.HasPrefix(a.Val, "zh")
				case slices.Contains([]string{"title", "aria-label", "placeholder", "alt"}, a.Key) && !foreign:
					out = append(out, a.Val)
				}
			}
		}
		if n.Type == html.TextNode && !foreign {
			out = append(out, n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, foreign)
		}
	}
	walk(root, false)
	return out
}

func TestEveryPageInBothLanguages(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	for _, who := range []string{"", "officer"} {
		for _, lang := range []string{"zh-CN,zh;q=0.9", "en-GB"} {
			for _, path := range paths {
				status, page, header := visit(t, s.URL+path, who, lang)
				at := fmt.Sprintf("%s as %q in %s", path, who, lang)
				if want := map[string]int{"/sessions/none": 404, "/nothing": 404}[path]; status != max(want, 200) {
					t.Errorf("%s: %d", at, status)
				}
				if len(page) > 200_000 {
					t.Errorf("%s weighs %d bytes", at, len(page))
				}
				if strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "%!") || strings.Contains(page, "<no value>") {
					t.Errorf("%s: something could not be filled in", at)
				}
				if !strings.Contains(page, consoletest.Revision[:12]) && who != "" {
					t.Errorf("%s does not say at which revision", at)
				}
				if strings.HasPrefix(lang, "zh") != (header.Get("Content-Language") == "zh-Hans") {
					t.Errorf("%s is in %s", at, header.Get("Content-Language"))
				}
				if strings.HasPrefix(lang, "en") {
					for _, w := range words(t, page) {
						if strings.ContainsFunc(w, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
							t.Errorf("%s: Chinese that is not marked as Chinese: %q", at, strings.TrimSpace(w))
						}
					}
				}
			}
		}
	}
}

func TestTheShippedRulesAreShownInBothLanguages(t *testing.T) {
	bundle, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	s, _ := serviceOf(t, consoletest.NewRecord(), bundle)
	for _, lang := range []string{"zh", "en"} {
		_, page, _ := visit(t, s.URL+"/rules", "regulator", lang)
		for _, r := range bundle.Rules {
			if !strings.Contains(page, `id="`+r.ID+`"`) {
				t.Errorf("%s is not on the page", r.ID)
			}
		}
		for _, w := range words(t, page) {
			if lang == "en" && strings.ContainsFunc(w, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("Chinese that is not marked as Chinese: %q", strings.TrimSpace(w))
			}
		}
	}
}

func TestBothLanguagesHaveTheSameTexts(t *testing.T) {
	texts := map[string]map[string]string{}
	for _, tag := range []string{"zh", "en"} {
		b, err := os.ReadFile("locale/" + tag + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var tree map[string]any
		if err := yaml.Unmarshal(b, &tree); err != nil {
			t.Fatal(err)
		}
		texts[tag] = map[string]string{}
		var walk func(prefix string, tree map[string]any)
		walk = func(prefix string, tree map[string]any) {
			for k, v := range tree {
				switch v := v.(type) {
				case map[string]any:
					walk(prefix+k+".", v)
				case string:
					texts[tag][prefix+k] = v
				default:
					t.Errorf("locale/%s.yaml: %s%s is no text but %v", tag, prefix, k, v)
				}
			}
		}
		walk("", tree)
	}
	holes := regexp.MustCompile(`%[sd]|\{n\}`)
	for tag, other := range map[string]string{"zh": "en", "en": "zh"} {
		for k, v := range texts[tag] {
			o, ok := texts[other][k]
			if !ok {
				t.Errorf("locale/%s.yaml lacks %s", other, k)
			} else if !slices.Equal(holes.FindAllString(v, -1), holes.FindAllString(o, -1)) {
				t.Errorf("%s is filled in differently: %q and %q", k, v, o)
			}
		}
	}
}

func TestTheSwitchIsRemembered(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	for _, step := range []struct{ path, lang string }{{"/rules", "zh-Hans"}, {"/rules?lang=en", "en"}, {"/findings", "en"}, {"/findings?lang=zh", "zh-Hans"}, {"/", "zh-Hans"}} {
		answer, err := client.Get(s.URL + step.path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if got := answer.Header.Get("Content-Language"); got != step.lang {
			t.Errorf("%s is in %s", step.path, got)
		}
	}
}

func TestTheSessionPageSaysWhatBrokeWhere(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	_, page, _ := visit(t, s.URL+"/sessions/"+consoletest.Broken, "officer", "en")
	text := strings.Join(strings.Fields(strings.Join(words(t, page), " ")), " ")
	for _, want := range []string{
		"5 findings", "Checked against those of the 7 rules that apply here, at revision 4f2a9c1be07d", "1 could not be checked",
		"Waited 2 min 44 s for a person, who then joined", "Place in the queue 12", "Found at this moment",
		"No AI label on generated text Critical Breach of law", "Person not reached Critical Against policy 15:50:01 Regulators ask for it; it is not law",
		"Limit 1 min 30 s", "Texts by the AI 3", "Full label in text no. none", "wording not verified",
		"Id (masked) •••937", "the source reported neither age nor elder mode", "Offsets 60,880–60,893", "phone number", "Resolved yes",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "cust-88201937") {
		t.Error("the customer's id is not masked")
	}
	if breach := strings.Count(text, "Breach of law"); breach != 2 {
		t.Errorf("%d times something is called a breach; one finding of statute is twice on the page", breach)
	}
	// The remark stands in the row of the event that completed the finding.
	row := regexp.MustCompile(`(?s)<li class="row speech bot marked">.*?</li>\s*<li class="row speech customer`).FindString(page)
	if !strings.Contains(row, "1 网速慢") || !strings.Contains(row, `id="f-f-cn-ai-label-missing-`) {
		t.Error("the remark about the label does not stand at the third text of the bot")
	}
	_, page, _ = visit(t, s.URL+"/sessions/s-air-0001", "officer", "en")
	if !strings.Contains(page, "1 was withdrawn") || !strings.Contains(page, "remark medium withdrawn") {
		t.Error("a withdrawn finding is not shown as withdrawn")
	}
	_, page, _ = visit(t, s.URL+"/sessions/"+consoletest.Phone, "officer", "en")
	for _, want := range []string{"1 普通话 · 2 English", "Waiting 5 min 48 s for a person so far", "Silence for"} {
		if !strings.Contains(page, want) {
			t.Errorf("the phone session does not show %q", want)
		}
	}
}

func TestAnEmptyListSaysWhatWasChecked(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	_, page, _ := visit(t, s.URL+"/findings?period=1h&rule=q-three-strikes&channel=phone", "", "en")
	for _, want := range []string{"No findings.", "Not for want of looking", "7 rules", "period=all"} {
		if !strings.Contains(page, want) {
			t.Errorf("the empty list does not say %q", want)
		}
	}
	empty, _ := service(t, consoletest.NewRecord())
	_, page, _ = visit(t, empty.URL+"/", "", "en")
	if !strings.Contains(page, "nothing was checked") || !strings.Contains(page, "mingjian import") {
		t.Error("with nothing in the record the overview does not say so")
	}
}

func TestEveryFilterIsInTheAddress(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	_, page, _ := visit(t, s.URL+"/findings?period=all", "", "en")
	next := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(page)
	if next == nil {
		t.Fatal("there is no second page")
	}
	first := regexp.MustCompile(`data-id="[^"]*"`).FindAllString(page, -1)
	_, page, _ = visit(t, s.URL+strings.ReplaceAll(next[1], "&amp;", "&"), "", "en")
	second := regexp.MustCompile(`data-id="[^"]*"`).FindAllString(page, -1)
	if len(first) != 50 || len(second) == 0 || slices.Contains(first, second[0]) || strings.Contains(page, "data-live") {
		t.Errorf("the pages have %d and %d rows", len(first), len(second))
	}
	_, page, _ = visit(t, s.URL+"/findings?from=2026-11-20T15:48:40&to=2026-11-20T15:49&severity=high", "", "en")
	if rows := regexp.MustCompile(`data-id="[^"]*"`).FindAllString(page, -1); len(rows) != 1 {
		t.Errorf("twenty seconds of Shanghai's afternoon hold %v", rows)
	}
	_, page, _ = visit(t, s.URL+"/findings?from=soon", "", "en")
	if !strings.Contains(page, `value="soon"`) || !strings.Contains(page, `aria-describedby="f-from-fault"`) {
		t.Error("what was typed is not kept, or not called wrong")
	}
	if status, _, header := visit(t, s.URL+"/findings?cursor=%00&period=all", "", "en"); status != 303 || header.Get("Location") != "/findings?period=all" {
		t.Errorf("a broken cursor: %d to %q", status, header.Get("Location"))
	}
}

func TestTheCSVIsWhatOneSees(t *testing.T) {
	record := consoletest.Centre()
	for i := range 1200 { // more than the record gives in one page
		record.Add(consoletest.Session(fmt.Sprint("s-many-", i), consoletest.Now.Add(-time.Hour), "app", "宽带", "CN").
			Say(1, "bot", "您好").Found("cn-ai-label-missing", 0, 1, "statute", `{}`).Done())
	}
	record.Add(consoletest.Session(`=HYPERLINK("http://evil")`, consoletest.Now.Add(-time.Minute), "app", "+SUM(A1)", "CN").
		Say(1, "bot", "您好").Found("cn-ai-label-missing", 0, 1, "statute", `{}`).Done())
	s, _ := service(t, record)
	_, page, _ := visit(t, s.URL+"/findings?period=all&severity=critical", "", "en")
	want := regexp.MustCompile(`All time \(filtered\): ([\d,]+) findings`).FindStringSubmatch(page)[1]
	_, text, header := visit(t, s.URL+"/findings.csv?period=all&severity=critical", "", "en")
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(want, ",", "") != fmt.Sprint(len(rows)-1) || !strings.HasPrefix(text, "\ufeff") || !strings.Contains(header.Get("Content-Disposition"), "findings.csv") {
		t.Errorf("%d rows where the page counts %s", len(rows)-1, want)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("a spreadsheet would run %q", cell)
			}
		}
	}
}

func TestAReportIsKeptAndSafeToSendTwice(t *testing.T) {
	s, db := service(t, consoletest.Centre())
	send := func(who string, form url.Values) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/sessions/"+consoletest.Broken+"/report", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Accept-Language", "en")
		if who != "" {
			r.Header.Set(identitytest.Header, who)
		}
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(b)
	}
	answer, page := send("officer", url.Values{"reason": {"bill <wrong>"}})
	if answer.StatusCode != 422 || !strings.Contains(page, "bill &lt;wrong&gt;</textarea>") || !strings.Contains(page, "Choose what the claim is about") {
		t.Errorf("a report without a kind: %s", answer.Status)
	}
	form := url.Values{"reason": {"The bill was right."}, "kind": {"billing"}}
	var first string
	for range 2 {
		answer, _ = send("officer", form)
		where := answer.Header.Get("Location")
		if answer.StatusCode != 303 || first != "" && where != first {
			t.Errorf("reported: %s to %s", answer.Status, where)
		}
		first = where
	}
	if n, err := db.Waiting(t.Context()); err != nil || n != 2 {
		t.Errorf("%d messages wait for one report sent twice, %v", n, err)
	}
	_, page, _ = visit(t, s.URL+first, "officer", "en")
	if !strings.Contains(page, "The bill was right.") || !strings.Contains(page, `role="status"`) {
		t.Error("the page does not show the report")
	}
	if answer, _ := send("", form); answer.StatusCode != 303 || !strings.HasPrefix(answer.Header.Get("Location"), "/signin?") {
		t.Errorf("the local reader reported: %s", answer.Status)
	}
	if err := db.Read(t.Context(), func(tx *store.Tx) error {
		entries, err := tx.Journal(t.Context(), "case:"+regexp.MustCompile(`case-[0-9a-f]+`).FindString(first))
		if err == nil && (len(entries) != 1 || entries[0].Actor != "test-officer") {
			t.Errorf("the journal says %+v", entries)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func TestSigningIn(t *testing.T) {
	s, _ := service(t, consoletest.Centre())
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	post := func(path string, form url.Values) string {
		t.Helper()
		answer, err := client.PostForm(s.URL+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(answer.StatusCode, " ", answer.Request.URL.RequestURI(), " ", string(b))
	}
	if got := post("/signin", url.Values{"token": {"wrong"}, "next": {"/rules"}}); !strings.HasPrefix(got, "401 /signin") || strings.Contains(got, `value="wrong"`) {
		t.Errorf("a wrong token: %.80s", got)
	}
	for next, want := range map[string]string{"/rules?x=1": "/rules?x=1", "//evil.example/": "/", `/\evil.example`: "/", "https://evil.example": "/"} {
		if got := post("/signin", url.Values{"token": {token}, "next": {next}}); !strings.HasPrefix(got, "200 "+want+" ") || !strings.Contains(got, "/signout") {
			t.Errorf("signing in with next %q: %.60s", next, got)
		}
	}
	if got := post("/sessions/"+consoletest.Broken+"/report", url.Values{"reason": {"x"}, "kind": {"other"}}); !strings.HasPrefix(got, "200 ") {
		t.Errorf("signed in, reporting answers %.60s", got)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	old := jar.Cookies(u)
	if got := post("/signout", nil); strings.Contains(got, "/signout") {
		t.Error("still signed in after signing out")
	}
	jar.SetCookies(u, old)
	if got := post("/sessions/"+consoletest.Broken+"/report", url.Values{"reason": {"x"}, "kind": {"other"}}); !strings.HasPrefix(got, "401 ") {
		t.Errorf("a cookie that was signed out still opens: %.60s", got)
	}
}

func TestWhenTheRecordIsAwayPagesSaySo(t *testing.T) {
	record := consoletest.Centre()
	s, _ := service(t, record)
	record.Fail(errors.Join(errors.New("password=hunter2"), context.DeadlineExceeded))
	for _, path := range []string{"/", "/findings", "/sessions", "/sessions/x", "/rules"} {
		if status, page, _ := visit(t, s.URL+path, "", "en"); status != 503 || !strings.Contains(page, `href="/system"`) || strings.Contains(page, "hunter2") {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, page, _ := visit(t, s.URL+"/system", "", "en"); status != 200 || !strings.Contains(page, "Something is wrong") {
		t.Errorf("the system page: %d", status)
	}
}
