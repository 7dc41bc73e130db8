package dashboards

import (
	"slices"
	"strconv"
	"strings"

	"mingjian/policies"
)

// standing is what findings_v holds of the time range and the variables.
const standing = " FROM findings_v WHERE state = 'standing' AND $__timeFilter_ms(at) AND " + chosen

// What values are called. Ids that the record knows and people should not have to.
var (
	severityWords = map[string]text{"critical": {"严重", "Critical"}, "high": {"高", "High"}, "medium": {"中", "Medium"}, "low": {"低", "Low"}}
	statusWords   = map[string]text{
		"statute": {"法律", "Statute"}, "policy": {"政策", "Policy"}, "standard": {"标准", "Standard"}, "benchmark": {"基准", "Benchmark"},
		"quality": {"质量", "Quality"}, "promise": {"承诺", "Promise"}, "draft": {"未生效", "Draft"},
	}
	nothingFound = text{"没有发现", "Nothing was found"}
)

func channelWords() map[string]text {
	out := map[string]text{"": {"（整体）", "(overall)"}}
	for _, c := range channels {
		out[c.id] = c.name
	}
	return out
}

// ruleWords are the titles of rules; of all of them where none is given.
func (w writer) ruleWords(rules []string) map[string]text {
	out := map[string]text{}
	for _, r := range w.Rules.Rules {
		if rules == nil || slices.Contains(rules, r.ID) {
			out[r.ID] = text{r.Title.ZH, r.Title.EN}
		}
	}
	return out
}

// having are the ids of the rules that something holds of, in the catalogue's order.
func (w writer) having(of func(policies.Rule) bool) []string {
	var out []string
	for _, r := range w.Rules.Rules {
		if of(r) {
			out = append(out, r.ID)
		}
	}
	return out
}

// misjudging are the rules whose findings may mean that the AI wronged a customer.
func (w writer) misjudging() []string {
	return w.having(func(r policies.Rule) bool { return r.Misjudgement })
}

// in is a condition on a rule. Ids are the catalogue's, and quoted for good measure.
func in(rules []string) string {
	quoted := make([]string, len(rules))
	for i, r := range rules {
		quoted[i] = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(r) + "'"
	}
	return "rule IN (" + strings.Join(quoted, ", ") + ")"
}

// found is a figure: how many sessions break any of the rules.
func (w writer) found(key string, title, about text, rules []string, steps []step, width uint32, filled bool) panel {
	return panel{
		key: key, kind: figure, title: title, about: about, rules: rules, width: width, steps: steps, empty: nothingFound, filled: filled,
		sql: "SELECT uniqExact(tenant, session_id) AS sessions" + standing + " AND " + in(rules), links: []link{w.toFindingsOf(rules)},
	}
}

// newestRows is how many rows a table of the newest shows.
const newestRows = 100

// newest is a table of the newest findings that a condition holds of; each opens its session, or a case.
func (w writer) newest(title, about text, rules []string, condition string, filled bool) panel {
	return panel{
		key: "newest", kind: rows, title: title, about: about, rules: rules, width: 24, empty: nothingFound, filled: filled,
		sql: "SELECT at, rule AS title, severity, status, channel, business_line, session_id, '+' AS report, tenant, finding_id" +
			standing + " AND level = 'session' AND " + condition + " ORDER BY at DESC, finding_id LIMIT " + strconv.Itoa(newestRows),
		links: []link{w.toSession(), w.toReport()},
		columns: []column{
			{name: "at", title: text{"时间", "At"}, width: 170},
			{name: "title", title: text{"规则", "Rule"}, words: w.ruleWords(rules)},
			{name: "severity", title: text{"严重度", "Severity"}, width: 90, words: severityWords},
			{name: "status", title: text{"性质", "Status"}, width: 100, words: statusWords},
			{name: "channel", title: text{"渠道", "Channel"}, width: 110, words: channelWords()},
			{name: "business_line", title: text{"业务线", "Business line"}, width: 130},
			{name: "session_id", title: text{"会话", "Session"}, width: 240, links: []link{w.toSession()}},
			{name: "report", title: text{"立案", "Case"}, width: 70, links: []link{w.toReport()}},
			{name: "tenant", title: text{"租户", "Tenant"}, hidden: true},
			{name: "finding_id", title: text{"发现", "Finding"}, hidden: true},
		},
	}
}

// byRule is a table of the rules that were broken most.
func (w writer) byRule(title text, rules []string, condition string, width uint32, filled bool) panel {
	return panel{
		key: "by-rule", kind: rows, title: title, rules: rules, width: width, empty: nothingFound, filled: filled,
		about: text{"每条规则的发现数与会话数，多的在前；点击规则查看其会话。", "Findings and sessions of each rule, most first; a rule leads to its sessions."},
		sql: "SELECT rule AS title, any(severity) AS worst, count() AS findings, uniqExactIf(tenant, session_id, level = 'session') AS sessions, max(at) AS last, rule" +
			standing + " AND " + condition + " GROUP BY rule ORDER BY findings DESC, rule LIMIT 100",
		links: []link{w.toFindingsOfRow()},
		columns: []column{
			{name: "title", title: text{"规则", "Rule"}, words: w.ruleWords(rules), links: []link{w.toFindingsOfRow()}},
			{name: "worst", title: text{"严重度", "Severity"}, width: 90, words: severityWords},
			{name: "findings", title: text{"发现", "Findings"}, width: 90},
			{name: "sessions", title: text{"会话", "Sessions"}, width: 90},
			{name: "last", title: text{"最近", "Last"}, width: 170},
			{name: "rule", title: text{"规则编号", "Rule id"}, hidden: true},
		},
	}
}

// trend draws sessions over time by something that findings have.
func (w writer) trend(title, about text, by, condition string, rules []string, width uint32, filled bool) panel {
	return panel{
		key: "trend", kind: lines, title: title, about: about, rules: rules, width: width, stacked: true, empty: nothingFound, filled: filled,
		sql: "SELECT $__timeInterval(at) AS time, toString(" + by + ") AS name, uniq(tenant, session_id) AS sessions" +
			standing + " AND " + condition + " GROUP BY time, name ORDER BY time, name",
		links: []link{w.toFindingsOf(rules)},
	}
}

// byChannel draws sessions with findings by channel.
func (w writer) byChannel(title, about text, condition string, rules []string, width uint32, filled bool) panel {
	return panel{
		key: "by-channel", kind: bars, title: title, about: about, rules: rules, width: width, empty: nothingFound, filled: filled,
		sql: "SELECT toString(channel) AS name, uniqExact(tenant, session_id) AS sessions" +
			standing + " AND level = 'session' AND " + condition + " GROUP BY name ORDER BY sessions DESC",
		columns: []column{
			{name: "name", title: text{"渠道", "Channel"}, words: channelWords()},
			{name: "sessions", title: text{"会话", "Sessions"}},
		},
		links: []link{w.toFindingsOf(rules)},
	}
}
