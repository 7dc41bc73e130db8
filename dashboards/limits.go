package dashboards

import (
	"fmt"
	"strconv"
	"strings"

	"mingjian/policies"
)

// limitOf is where an indicator's limit stands among the policies' parameters.
type limitOf struct {
	indicator, pack, parameter string
	least                      bool // the value must not be lower; otherwise not higher
	seconds                    bool // the value is in seconds; otherwise a share, and the limit in percent
}

// fatal are the three numbers that end a service's good name (the seed's table of fatal indicators),
// and judged the others that have a limit.
var (
	fatal = []limitOf{
		{indicator: "i-breakpoint-rate", pack: "quality", parameter: "breakpoint_max_percent"},
		{indicator: "i-second-inquiry-rate", pack: "quality", parameter: "second_inquiry_max_percent"},
		{indicator: "i-forced-human-rate", pack: "quality", parameter: "forced_human_max_percent"},
	}
	judged = []limitOf{
		{indicator: "i-human-answer-rate", pack: "cn", parameter: "answer_rate_least_percent", least: true},
		{indicator: "i-human-answer-time", pack: "cn", parameter: "answer_time_max_s", seconds: true},
		{indicator: "i-es-95-180", pack: "es", parameter: "met_least_percent", least: true},
	}
)

// number is a parameter of the policies.
func (w writer) number(pack, name string) float64 {
	value := w.Rules.Parameter(pack, name, defaultTenant, "", policies.Millis(w.Now.UnixMilli()))
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		*w.faults = append(*w.faults, fmt.Errorf("parameter %s.%s is %q and should be a number", pack, name, value))
	}
	return n
}

// steps are the colours around the limit.
func (w writer) steps(l limitOf) []step {
	n := w.number(l.pack, l.parameter)
	if !l.seconds {
		n /= 100
	}
	if l.least {
		return atLeast(n)
	}
	return atMost(n)
}

// inWords is the limit as a sentence.
func (w writer) inWords(l limitOf) text {
	n, unit := w.number(l.pack, l.parameter), " %"
	if l.seconds {
		unit = " s"
	}
	value := strconv.FormatFloat(n, 'f', -1, 64) + unit
	if l.least {
		return text{"下限 " + value + "。", "Not less than " + value + "."}
	}
	return text{"上限 " + value + "。", "Not more than " + value + "."}
}

// ofDays are the days of the window. A day is one of the tenant's zone: there it may have begun while it is the day
// before in the zone of the window, which is UTC; nowhere earlier than 14 hours. $__dateFilter would leave out China's
// day until eight in the morning.
const ofDays = "day >= toDate(toTimeZone($__fromTime, 'UTC')) AND day <= toDate(toTimeZone($__toTime, 'UTC') + INTERVAL 14 HOUR)"

const indicators = " FROM indicators_v WHERE " + ofDays + " AND " + ofTenant + " AND " + ofLine

// asWords shows an indicator's number with its unit: most are shares, some are seconds.
func asWords(number string) string {
	var inSeconds []string
	for _, l := range judged {
		if l.seconds {
			inSeconds = append(inSeconds, "'"+l.indicator+"'")
		}
	}
	return "if(indicator IN (" + strings.Join(inSeconds, ", ") + "), concat(toString(round(" + number + ", 1)), ' s'), concat(toString(round(" + number + " * 100, 1)), ' %'))"
}

var stateWords = map[string]text{"kept": {"符合", "Kept"}, "breached": {"超限", "Breached"}, "not_assessable": {"不判定", "Not judged"}}

// limits is about the daily and monthly numbers that have a limit.
func (w writer) limits() board {
	tooFew := text{"可计的太少，不作判定", "Too few to be judged"}
	all := w.having(func(r policies.Rule) bool { return r.Indicator })
	var figures, charts []panel
	for _, l := range fatal {
		title := w.ruleWords([]string{l.indicator})[l.indicator]
		limit := w.inWords(l)
		figures = append(figures, panel{
			key: l.indicator, kind: figure, width: 6, unit: "percentunit", decimals: ptr(1.), steps: w.steps(l), title: title, rules: []string{l.indicator}, empty: tooFew, filled: true,
			about: text{"所选各日合计。" + limit.zh + "规则按日、按业务线判定。指标不分渠道。", "These days together. " + limit.en + " The rule judges each day and business line. Indicators know no channel."},
			sql:   "SELECT if(sum(denominator) = 0, NULL, sum(numerator) / sum(denominator)) AS share" + indicators + " AND indicator = '" + l.indicator + "'",
			links: []link{w.toFindingsOf([]string{l.indicator}), w.toSessions()},
		})
		charts = append(charts, w.course(l, title, 8, l.indicator != "i-second-inquiry-rate"))
	}
	figures = append(figures, panel{
		key: "breached-days", kind: figure, width: 6, steps: anyWrong, empty: text{"没有超限", "No limit was broken"}, filled: true, title: text{"超限的日与业务线", "Days and lines over a limit"}, rules: all,
		about: text{"所选各日中被判超限的次数。", "How often a limit was broken on these days."},
		sql:   "SELECT countIf(state = 'breached') AS days" + indicators, links: []link{w.toFindingsOf(all)},
	}, panel{
		key: "breached", kind: rows, width: 24, empty: text{"没有超限", "No limit was broken"}, filled: true, title: text{"超限", "Over a limit"}, rules: all,
		about: text{"每日每业务线一行，附 95% 区间。", "One row for each day and business line, with the 95 % interval."},
		sql: "SELECT day, indicator AS title, business_line, " + asWords("value") + " AS number, numerator, denominator, concat(" + asWords("low") + ", ' – ', " + asWords("high") + ") AS likely, tenant, indicator AS rule" + indicators +
			" AND state = 'breached' ORDER BY day DESC, indicator, business_line LIMIT 100",
		columns: []column{
			{name: "day", title: text{"日", "Day"}, width: 120},
			{name: "title", title: text{"指标", "Indicator"}, words: w.ruleWords(all), links: []link{w.toFindingsOfRow()}},
			{name: "business_line", title: text{"业务线", "Business line"}, width: 150},
			{name: "number", title: text{"数值", "Value"}, width: 110},
			{name: "numerator", title: text{"分子", "Numerator"}, width: 100},
			{name: "denominator", title: text{"分母", "Denominator"}, width: 110},
			{name: "likely", title: text{"95% 区间", "95 % interval"}, width: 160},
			{name: "tenant", title: text{"租户", "Tenant"}, width: 110},
			{name: "rule", title: text{"规则编号", "Rule id"}, hidden: true},
		},
		links: []link{w.toFindingsOfRow()},
	})
	var others []panel
	for _, l := range judged {
		others = append(others, w.course(l, w.ruleWords([]string{l.indicator})[l.indicator], 8, l.pack == "cn"))
	}
	return board{
		uid: "limits", title: text{"致命指标", "Fatal indicators"}, from: "now-30d",
		about: text{"断点率、二次询问率、强转人工率及其上限，以及其他有限值的指标。", "Breakpoints, second inquiries and forced humans with their limits, and the other indicators that have one."},
		rows: []row{
			{text{"需要处理", "What needs attention"}, figures},
			{text{"按业务线", "By business line"}, charts},
			{text{"其他指标", "Other indicators"}, append(others, panel{
				key: "latest", kind: rows, width: 24, empty: tooFew, filled: true, title: text{"全部指标的最近一日", "Every indicator's last day"}, rules: all,
				about: text{"每个指标与业务线最近一日的数值与判定；不判定的附原因。", "The last day of each indicator and business line, and why it was not judged where it was not."},
				sql: "SELECT indicator AS title, business_line, max(day) AS last, argMax(" + asWords("value") + ", day) AS number, argMax(state, day) AS judged, argMax(reason, day) AS why, argMax(denominator, day) AS counted, indicator AS rule" +
					indicators + " GROUP BY indicator, business_line ORDER BY judged, indicator, business_line LIMIT 500",
				columns: []column{
					{name: "title", title: text{"指标", "Indicator"}, words: w.ruleWords(all), links: []link{w.toFindingsOfRow()}},
					{name: "business_line", title: text{"业务线", "Business line"}, width: 150},
					{name: "last", title: text{"日", "Day"}, width: 120},
					{name: "number", title: text{"数值", "Value"}, width: 110},
					{name: "judged", title: text{"判定", "Judged"}, width: 110, words: stateWords},
					{name: "why", title: text{"不判定的原因", "Why not judged"}, width: 180},
					{name: "counted", title: text{"分母", "Denominator"}, width: 110},
					{name: "rule", title: text{"规则编号", "Rule id"}, hidden: true},
				},
				links: []link{w.toFindingsOfRow()},
			})},
		},
	}
}

// course draws an indicator's days by business line, with its limit.
func (w writer) course(l limitOf, title text, width uint32, filled bool) panel {
	limit, unit := w.inWords(l), "percentunit"
	if l.seconds {
		unit = "s"
	}
	return panel{
		key: l.indicator + "-days", kind: lines, width: width, unit: unit, limit: true, steps: w.steps(l), title: title, rules: []string{l.indicator}, filled: filled,
		empty: text{"可计的太少，不作判定", "Too few to be judged"},
		about: text{"各业务线每日的数值，只画判定过的；虚线为限值。" + limit.zh, "Each business line's days, of those that were judged; the dashed line is the limit. " + limit.en},
		sql: "SELECT toDateTime(day) AS time, concat(tenant, ' ', business_line) AS name, value" + indicators +
			" AND indicator = '" + l.indicator + "' AND state != 'not_assessable' ORDER BY time, name",
		links: []link{w.toFindingsOf([]string{l.indicator})},
	}
}
