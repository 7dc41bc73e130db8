package dashboards

import "mingjian/policies"

// critical are the rules of the highest severity that judge a session.
func (w writer) critical() []string {
	return w.having(func(r policies.Rule) bool { return r.Severity == policies.Critical && !r.Indicator })
}

// overview is the compliance officer's first page.
func (w writer) overview() board {
	everything := text{"所选时间内成立的发现，各按其性质命名；只有“法律”才是违法。", "Findings of the time range that stand, each named by its status; only a statute is a breach of law."}
	return board{
		uid: "overview", title: text{"合规总览", "Compliance overview"}, from: "now-7d",
		about: text{"先看需要处理的，再看趋势与规则。每个数字都通向其会话。", "What needs attention first, then trends and rules. Every figure leads to its sessions."},
		rows: []row{
			{text{"需要处理", "What needs attention"}, []panel{
				{
					key: "critical", kind: figure, width: 4, steps: anyWrong, empty: nothingFound, filled: true, rules: w.critical(),
					title: text{"严重问题的会话", "Sessions with a critical finding"}, about: everything,
					sql:   "SELECT uniqExact(tenant, session_id) AS sessions" + standing + " AND level = 'session' AND severity = 'critical'",
					links: []link{w.toFindings("severity=critical")},
				},
				{
					key: "statute", kind: figure, width: 4, steps: anyWrong, empty: nothingFound, filled: true,
					title: text{"违法的会话", "Sessions that break a law"}, about: everything,
					sql:   "SELECT uniqExact(tenant, session_id) AS sessions" + standing + " AND level = 'session' AND status = 'statute'",
					links: []link{w.toFindings("status=statute")},
				},
				w.found("unreachable", text{"找不到人工的会话", "Sessions without a person"},
					text{"客户要求人工而没有得到。", "The customer asked for a person and got none."}, unreachable, anyWrong, 4, true),
				{
					key: "overdue", kind: figure, width: 4, steps: anyWrong, empty: text{"没有超时的复核", "No review is overdue"},
					title: text{"超时的复核", "Reviews overdue"}, rules: []string{"i-review-overdue"},
					about: text{"已过 48 小时而未完成的复核，此刻的数。", "Reviews not done after 48 hours, as of now."},
					sql:   "SELECT count() AS reviews FROM reviews_v WHERE " + toDo + " AND due_at < now64(3) AND " + chosen,
					links: []link{w.toReviews()},
				},
				{
					key: "candidates", kind: figure, width: 4, steps: anyWatched, empty: text{"没有待受理的误判", "No misjudgement waits"},
					title: text{"待受理的误判", "Misjudgements nobody has taken up"}, rules: w.misjudging(),
					about: text{"状态为“候选”的案件，此刻的数。", "Cases in state candidate, as of now."},
					sql:   "SELECT count() AS cases FROM cases_v WHERE state = 'candidate' AND " + chosenSession,
					links: []link{w.toCases("state=candidate")},
				},
				{
					key: "checked", kind: figure, width: 4, steps: counted, empty: text{"没有会话", "No sessions"}, filled: true,
					title: text{"检查过的会话", "Sessions checked"},
					about: text{"所选时间内有过往来的全部会话，一次不漏。", "All sessions of the time range; none is left out."},
					sql:   "SELECT count() AS sessions FROM sessions_v WHERE $__timeFilter_ms(last_event_at) AND " + chosen,
					links: []link{w.toSessions()},
				},
				w.newest(text{"最新的严重问题", "Newest critical findings"}, everything, w.critical(), "severity = 'critical'", true),
			}},
			{text{"趋势", "Trends"}, []panel{
				w.trend(text{"各严重度的会话", "Sessions by severity"}, everything, "severity", "level = 'session'", nil, 12, true),
				{
					key: "by-status", kind: bars, width: 6, title: text{"按性质", "By status"}, about: everything, empty: nothingFound, filled: true,
					sql: "SELECT toString(status) AS name, uniqExact(tenant, session_id) AS sessions" + standing + " AND level = 'session' GROUP BY name ORDER BY sessions DESC",
					columns: []column{
						{name: "name", title: text{"性质", "Status"}, words: statusWords},
						{name: "sessions", title: text{"会话", "Sessions"}},
					},
					links: []link{w.toFindings("")},
				},
				w.byChannel(text{"按渠道", "By channel"}, everything, "1 = 1", nil, 6, true),
			}},
			{text{"规则", "Rules"}, []panel{
				w.byRule(text{"违反最多的规则", "Rules broken most"}, nil, "1 = 1", 14, true),
				{
					key: "unchecked", kind: rows, width: 10, empty: text{"每条规则都判定了", "Every rule could be judged"}, filled: true,
					title: text{"缺少事实而未检查", "Not checked for lack of a fact"},
					about: text{"来源没有提供所需事实的会话数；未知不等于违规。", "Sessions whose source did not give the fact a rule needs; unknown is not a breach."},
					sql: "SELECT arrayJoin(not_assessed) AS title, count() AS sessions FROM sessions_v WHERE $__timeFilter_ms(last_event_at) AND " + chosen +
						" GROUP BY title ORDER BY sessions DESC, title LIMIT 100",
					columns: []column{
						{name: "title", title: text{"规则", "Rule"}, words: w.ruleWords(nil)},
						{name: "sessions", title: text{"会话", "Sessions"}, width: 100},
					},
					links: []link{w.toSessions()},
				},
			}},
		},
	}
}
