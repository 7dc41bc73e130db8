// Package report is the package as people read it: one page in Chinese and English that needs no program and
// nobody's server, conversations as they went, and tables for spreadsheets. It says what others counted; it
// counts nothing, and nothing in it is proof.
//
// What customers and bots said stands in these pages and tables as text: the pages are html/template's, have no
// script and load nothing, and a cell that a spreadsheet would take for a formula is made text.
package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"mingjian/audit/review/estimate"
	"mingjian/policies"
)

// Report is what the page says.
type Report struct {
	ID, Tenant, Purpose, Program, Origin string
	From, To, RecordedBy, Made, By       time.Time // in the tenant's zone
	LogSize                              uint64
	Fingerprint                          string // SHA-256 of the log's public key, hex
	Revisions                            []string
	Scope                                []Pair // what a narrower scope names
	Whole                                bool
	Tested                               bool // the rules' tests are in the package

	Sessions, Interactions, Shown, Erased int // Shown: rows in the package
	Findings, Statute, Withdrawn          int // that stand; of them breaches of law
	Broken                                int // sessions with a finding
	Rules                                 int // that looked
	Days                                  []Day
	Clauses                               []Clause // with findings
	Quiet                                 []Clause // without, of those that conversations were judged by
	Idle                                  []Idle   // clauses that no conversation was judged by
	Unchecked                             []Unchecked
	Notes                                 []Text // what else a reader should know that was not checked

	Review       Review
	Lots         []Lot
	Cases        []Pair // by state
	Paid         []string
	Funds        []Fund
	Talks        int // conversations that are in the package as pages
	TalksOf      int // sessions with findings
	Partitions   int
	Seals        int
	Conversation []string // their files
}

// Text is said in both languages.
type Text = policies.Text

// Pair is a name and what it is.
type Pair struct {
	Name  Text
	Value string
}

// Day is a column of the chart.
type Day struct {
	At                 time.Time
	Label              string
	Sessions, Findings int
	Statute            int // of the findings
}

// Clause is a section: what an instrument asks, and what was found against it.
type Clause struct {
	ID, Instrument, Article, Effective string
	Wording                            Text
	Verified                           bool
	Rules                              []Rule
	Statuses                           []Status
	Findings, Sessions                 int // that stand; sessions that have one
	Days                               []Day
	Rate                               estimate.Estimate // of the sessions looked at
	Examples                           []Example
}

// Name is what a clause is called: its instrument and its article, once where the instrument names it.
func (c Clause) Name() string {
	if len(c.Article) > 3 && strings.Contains(c.Instrument, c.Article) { // three characters may stand there by chance
		return c.Instrument
	}
	return strings.TrimSpace(c.Instrument + " " + c.Article)
}

// Idle are clauses that no conversation of the package was judged by, and why.
type Idle struct {
	Why     Text
	Clauses []Clause
}

// Rule is one that a clause is checked by.
type Rule struct {
	ID            string
	Title, Remedy Text
	Severity      string
	Findings      int
	Judged        int // sessions where the clause holds
	NotAssessed   int // of those sessions, that it could not judge
	Precision     *estimate.Estimate
}

// Status counts findings of one standing.
type Status struct {
	Status string
	N      int
}

// Unchecked is a rule that could not be asked of sessions, and why.
type Unchecked struct {
	Rule     string
	Title    Text
	Reason   Text
	Sessions int
}

// Review is what people made of a sample.
type Review struct {
	Tasks, Done, Late, Disputed int
	Mandatory, Defective        int // of those reviewed in any case
	Rate                        estimate.Estimate
	Sampled                     bool
}

// Lot is one that a sample was drawn from.
type Lot struct {
	ID, Stratum, Plan     string
	From                  time.Time
	Sessions, N, Reviewed int
	Defective             int
}

// Fund is how the money of one currency stood.
type Fund struct {
	Currency string
	Rows     []FundRow
}

// FundRow is an account.
type FundRow struct {
	Name             Text
	Opening, Closing string
}

// Example is a part of a conversation around what was found.
type Example struct {
	Session, Finding, File string // File: "" where the conversation has no page
	At                     time.Time
	Lines                  []Line
}

// Line is an event of a conversation, with the remarks that stand at it.
type Line struct {
	At               time.Time
	Role, Kind, Text string
	Label            string // the mark that said that it was made by AI
	Speech, Erased   bool
	NewDay           bool // it is the first of its day
	Cut              int  // events that were left out in front of it
	Remarks          []Remark
}

// Remark is what a rule says of a line.
type Remark struct {
	Rule, Severity, Status string
	Title                  Text
	Facts                  []Fact
	Clause                 string
}

// Conversation is a page of one.
type Conversation struct {
	Session, Channel, BusinessLine, BotVersion, Jurisdiction string
	Entrance                                                 string // label shown all the time
	Lines                                                    []Line
	Package                                                  string
}

//go:embed templates
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"num":     func(n int) string { return grouped(strconv.Itoa(n)) },
	"size":    func(n uint64) string { return grouped(strconv.FormatUint(n, 10)) },
	"percent": func(v float64) string { return strconv.FormatFloat(100*v, 'f', precision(v), 64) + " %" },
	"share": func(n, of int) string {
		if of == 0 {
			return "–"
		}
		v := float64(n) / float64(of)
		return strconv.FormatFloat(100*v, 'f', precision(v), 64) + " %"
	},
	"at":       func(t time.Time) string { return t.Format("2006-01-02 15:04:05") },
	"clock":    func(t time.Time) string { return t.Format("15:04:05") },
	"day":      func(t time.Time) string { return t.Format("2006-01-02") },
	"zone":     func(t time.Time) string { name, _ := t.Zone(); return name + " (UTC" + t.Format("-07:00") + ")" },
	"status":   func(s string) Text { return word(statuses, s) },
	"means":    func(s string) Text { return word(meanings, s) },
	"severity": func(s string) Text { return word(severities, s) },
	"role":     func(s string) Text { return word(roles, s) },
	"kind":     func(s string) Text { return word(words["kind"], s) },
	"channel":  func(s string) Text { return word(words["channel"], s) },
	"chart":    chart,
	"css": func() (template.CSS, error) {
		b, err := files.ReadFile("templates/report.css")
		return template.CSS(b), err
	},
	"inc":   func(n int) int { return n + 1 },
	"short": func(s string) string { return s[:min(len(s), 12)] },
}).ParseFS(files, "templates/*.html"))

// precision shows small shares as more than nothing.
func precision(v float64) int {
	if v > 0 && v < 0.01 {
		return 2
	}
	return 1
}

func grouped(s string) string {
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// HTML writes the page.
func HTML(w io.Writer, r *Report) error {
	if err := pages.ExecuteTemplate(w, "readme.html", r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Page writes the page of a conversation.
func Page(w io.Writer, c *Conversation) error {
	if err := pages.ExecuteTemplate(w, "conversation.html", c); err != nil {
		return fmt.Errorf("write conversation %s: %w", c.Session, err)
	}
	return nil
}

// word is what a code is called; one that nobody knows is shown as it is.
func word(words map[string]Text, code string) Text {
	if t, ok := words[code]; ok {
		return t
	}
	return Text{ZH: code, EN: code}
}

// StatusWord is what a status is called, in both languages.
func StatusWord(s string) string { t := word(statuses, s); return t.ZH + " " + t.EN }

var (
	statuses = map[string]Text{
		"statute": {ZH: "违反法律法规", EN: "breach of law"}, "policy": {ZH: "不符合政策文件", EN: "against a policy document"},
		"standard": {ZH: "不符合标准", EN: "against a standard"}, "benchmark": {ZH: "低于行业基准", EN: "below a benchmark"},
		"quality": {ZH: "服务质量问题", EN: "service quality"}, "promise": {ZH: "未履行承诺", EN: "broken promise"}, "draft": {ZH: "尚未施行", EN: "not yet in force"},
	}
	meanings = map[string]Text{
		"statute":   {ZH: "具有法律约束力的规定被违反。", EN: "A binding provision of law was broken."},
		"policy":    {ZH: "政策文件的要求，本身不是法律义务。", EN: "What a policy document asks; by itself no duty under law."},
		"standard":  {ZH: "标准的要求，除非法律引用，不具强制力。", EN: "What a standard asks; not binding unless a law refers to it."},
		"benchmark": {ZH: "与行业常见水平比较，不是义务。", EN: "Compared with what is usual in the trade; no duty."},
		"quality":   {ZH: "服务质量的判断，不是法律结论。", EN: "A judgement of quality, not of law."},
		"promise":   {ZH: "企业自己作出的承诺没有兑现。", EN: "The enterprise did not do what it had promised."},
		"draft":     {ZH: "规定在会话当时尚未施行，不是违法。", EN: "The provision was not in force yet; no breach."},
	}
	severities = map[string]Text{
		"critical": {ZH: "严重", EN: "critical"}, "high": {ZH: "高", EN: "high"}, "medium": {ZH: "中", EN: "medium"}, "low": {ZH: "低", EN: "low"},
	}
	roles = map[string]Text{
		"customer": {ZH: "客户", EN: "customer"}, "bot": {ZH: "机器人", EN: "bot"}, "agent": {ZH: "人工客服", EN: "agent"}, "system": {ZH: "系统", EN: "system"}, "": {ZH: "—"},
	}
)

// The drawing of a chart, in its own units.
const (
	chartWidth  = 1000
	chartHeight = 160
	chartFoot   = 22 // for labels
)

// chart draws findings by day: breaches of law at the foot of each column. It is for those who look; the table
// behind it has the numbers.
func chart(days []Day, small bool) template.HTML {
	most, height := 1, chartHeight
	if small {
		height = chartHeight / 2
	}
	for _, d := range days {
		most = max(most, d.Findings)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="随时间的发现数 Findings over time; 最多 most %d">`, chartWidth, height+chartFoot+14, most)
	fmt.Fprintf(&b, `<text class="axis" x="0" y="11">%s</text><line class="grid" x1="0" x2="%d" y1="14" y2="14"/>`, grouped(strconv.Itoa(most)), chartWidth)
	every := max(1, (len(days)+5)/6) // six labels are legible on a phone
	for i, d := range days {
		left, right := i*chartWidth/len(days), (i+1)*chartWidth/len(days)
		gap := max(1, (right-left)/8)
		bar := func(n int, class string) {
			if n > 0 {
				h := max(2, n*height/most)
				fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d"/>`, class, left+gap, 14+height-h, max(1, min(right-left-2*gap, 60)), h)
			}
		}
		bar(d.Findings, "bar")
		bar(d.Statute, "bar law")
		if i%every == 0 {
			x, anchor := left+gap, "start"
			if x > chartWidth*4/5 { // it would end behind the drawing
				x, anchor = min(chartWidth, left+gap+60), "end"
			}
			fmt.Fprintf(&b, `<text class="axis" x="%d" y="%d" text-anchor="%s">%s</text>`, x, height+14+16, anchor, template.HTMLEscapeString(d.Label))
		}
	}
	fmt.Fprintf(&b, `<line class="foot" x1="0" x2="%d" y1="%d" y2="%d"/></svg>`, chartWidth, height+14, height+14)
	return template.HTML(b.String()) // numbers and escaped labels only
}
