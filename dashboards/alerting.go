package dashboards

import (
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/alerting"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/expr"
)

// Where alerts live in Grafana.
const (
	alertFolder    = "明鉴告警 Mingjian alerts"
	alertFolderUID = "mingjian-alerts"
	alertGroup     = "mingjian"
	// alertEvery is how often rules are asked, in seconds.
	alertEvery = 60
	// wrongsFor is how long a finding is an alert. Grafana says that it is resolved when that has passed,
	// or when the finding is withdrawn.
	wrongsFor = "24 HOUR"
	// wrongsMost is how many alerts one rule may raise at once: more are no alert but a flood.
	wrongsMost = 500
)

// The kinds of alerts, by which they are routed and understood (label kind).
const (
	kindMisjudgement = "misjudgement"
	kindUnreachable  = "human_unreachable"
	kindFundLow      = "fund_low"
	kindOverdue      = "review_overdue"
	kindStalled      = "ingestion_stalled"
)

// alert describes an alert rule. Its query gives one number per series: one row each, whose texts become
// the labels of an alert. There are no macros and no dollar signs in it, nor in its summary: Grafana's
// file provisioning would take them for variables of the environment.
type alert struct {
	uid, kind, severity string
	title               string // in both languages: an alert has one edition
	summary             string // template over the labels
	sql                 string
	above               float64 // fires over this
	pending             string  // how long it must hold before it fires
	hours               int     // how far back the query looks
	filled              bool    // the demo raises it
}

// wrongs asks for findings that each are an alert of their own.
func wrongs(rules []string) string {
	return "SELECT tenant, session_id, finding_id, rule, toFloat64(1) AS value FROM findings_v WHERE state = 'standing' AND level = 'session'" +
		" AND at >= now64(3) - INTERVAL " + wrongsFor + " AND " + in(rules) + " ORDER BY at DESC, finding_id LIMIT " + strconv.Itoa(wrongsMost)
}

// alerts are all of them.
func (w writer) alerts() []alert {
	const session = "，会话 {{ .Labels.session_id }}，租户 {{ .Labels.tenant }} / "
	return []alert{
		{
			uid: "mingjian-misjudgement", kind: kindMisjudgement, severity: "high", title: "疑似误判 / Possible misjudgement",
			summary: "疑似误判：规则 {{ .Labels.rule }}" + session + "Possible misjudgement: rule {{ .Labels.rule }}, session {{ .Labels.session_id }}, tenant {{ .Labels.tenant }}",
			sql:     wrongs(w.misjudging()), pending: "0s", hours: 24, filled: true,
		},
		{
			uid: "mingjian-human-unreachable", kind: kindUnreachable, severity: "critical", title: "找不到人工 / No person could be reached",
			summary: "客户要求人工而没有得到：规则 {{ .Labels.rule }}" + session + "A customer asked for a person and got none: rule {{ .Labels.rule }}, session {{ .Labels.session_id }}, tenant {{ .Labels.tenant }}",
			sql:     wrongs(unreachable), pending: "0s", hours: 24, filled: true,
		},
		{
			uid: "mingjian-fund-low", kind: kindFundLow, severity: "high", title: "补偿基金余额不足 / The compensation fund runs low",
			summary: "租户 {{ .Labels.tenant }} 的 {{ .Labels.currency }} 基金余额不足，请充值 / The {{ .Labels.currency }} fund of tenant {{ .Labels.tenant }} runs low; top it up",
			sql:     "SELECT tenant, currency, toFloat64(argMax(low, number)) AS value FROM fund_entries_v GROUP BY tenant, currency ORDER BY tenant, currency", pending: "0s", hours: 1,
		},
		{
			uid: "mingjian-review-overdue", kind: kindOverdue, severity: "high", title: "复核超时 / Reviews overdue",
			summary: "租户 {{ .Labels.tenant }} 有复核超过 48 小时未完成 / Tenant {{ .Labels.tenant }} has reviews that were not done within 48 hours",
			sql:     "SELECT tenant, toFloat64(countIf(due_at < now64(3))) AS value FROM reviews_v WHERE " + toDo + " GROUP BY tenant ORDER BY tenant", pending: "5m", hours: 1,
		},
		{
			uid: "mingjian-ingestion-stalled", kind: kindStalled, severity: "critical", title: "采集停滞 / Ingestion stalled",
			summary: "超过 15 分钟没有封存新的消息 / No message was sealed for more than 15 minutes",
			sql:     "SELECT toFloat64(dateDiff('second', max(recorded_at), now64(3))) AS value FROM seals_v HAVING count() > 0", above: stalledAfter, pending: "5m", hours: 1, filled: true,
		},
	}
}

// ruleGroup gives the alert rules as Grafana's API takes them.
func (w writer) ruleGroup() alerting.RuleGroup {
	g := alerting.RuleGroup{Title: ptr(alertGroup), FolderUid: ptr(alertFolderUID), Interval: ptr(alerting.Duration(alertEvery))}
	for _, a := range w.alerts() {
		g.Rules = append(g.Rules, a.rule())
	}
	return g
}

// rule is the query (A), its last value (B) and the condition on it (C).
func (a alert) rule() alerting.Rule {
	calc := common.DataSourceRef{Type: ptr("__expr__"), Uid: ptr("__expr__")}
	reduce := expr.TypeReduce{Datasource: &calc, Type: "reduce", Expression: "A", Reducer: expr.TypeReduceReducerLast, RefId: ptr("B")}
	threshold := expr.TypeThreshold{Datasource: &calc, Type: "threshold", Expression: "B", RefId: ptr("C"), Conditions: []expr.ExprTypeThresholdConditions{{
		Evaluator: expr.ExprTypeThresholdConditionsEvaluator{Params: []float64{a.above}, Type: expr.ExprTypeThresholdConditionsEvaluatorTypeGt},
	}}}
	query := func(ref, source string, model variants.Dataquery) alerting.Query {
		return alerting.Query{RefId: &ref, DatasourceUid: &source, Model: model, RelativeTimeRange: &alerting.RelativeTimeRange{
			From: ptr(alerting.Duration(a.hours * 3600)), To: ptr(alerting.Duration(0)),
		}}
	}
	return alerting.Rule{
		Uid: ptr(a.uid), Title: a.title, Condition: "C", FolderUID: alertFolderUID, RuleGroup: alertGroup, OrgID: 1, For: a.pending,
		// Nothing found is no fault; a query that fails is one.
		NoDataState: alerting.RuleNoDataStateOK, ExecErrState: alerting.RuleExecErrStateError,
		Labels: map[string]string{"kind": a.kind, "severity": a.severity}, Annotations: map[string]string{"summary": a.summary},
		Data: []alerting.Query{query("A", sourceUID, newQuery(a.sql, asTable)), query("B", "__expr__", reduce), query("C", "__expr__", threshold)},
	}
}
