package dashboards

// accessible are the rules about elders and people with an accessible need.
var accessible = []string{"cn-elder-channel-missing", "cn-elder-not-direct", "cn-accessible-channel-missing", "cn-elder-cut-off", "cn-47746-prio", "es-no-priority"}

// access is about elder and accessible service.
func (w writer) access() board {
	none := text{"没有老年或有无障碍需要的客户", "No elder customers, none with an accessible need"}
	about := text{"老年客户（65 岁以上或老年模式）与有无障碍需要的客户。", "Elder customers (65 or over, or elder mode) and customers with an accessible need."}
	served := func(key string, title text, condition string) panel {
		return panel{
			key: key, kind: figure, width: 5, steps: counted, title: title, about: about, empty: none, filled: true,
			sql: "SELECT countIf(" + condition + ") AS sessions FROM sessions_v WHERE $__timeFilter_ms(last_event_at) AND " + chosen, links: []link{w.toSessions()},
		}
	}
	return board{
		uid: "access", title: text{"适老与无障碍", "Elder and accessible service"}, from: "now-7d", about: about,
		rows: []row{
			{text{"需要处理", "What needs attention"}, []panel{
				w.found("no-channel", text{"没有专属通道", "No channel of their own"}, about, []string{"cn-elder-channel-missing", "cn-accessible-channel-missing"}, anyWrong, 5, true),
				w.found("not-direct", text{"老人没有直达人工", "Elders not led straight to a person"}, about, []string{"cn-elder-not-direct"}, anyWrong, 5, true),
				w.found("cut-off", text{"老人被提前结束", "Elders cut off"}, about, []string{"cn-elder-cut-off"}, anyWatched, 4, true),
				served("elders", text{"老年客户的会话", "Sessions of elder customers"}, "elder"),
				served("needs", text{"有无障碍需要的会话", "Sessions with an accessible need"}, "accessible"),
				w.newest(text{"最新的发现", "Newest findings"}, about, accessible, in(accessible), true),
			}},
			{text{"等待与趋势", "Waits and trends"}, []panel{
				{
					key: "waits", kind: rows, width: 12, empty: text{"没有人要求人工", "Nobody asked for a person"}, filled: true, title: text{"等待人工：与其他客户相比", "Waiting for a person, compared"}, rules: []string{"cn-elder-not-direct", "cn-47746-prio"},
					about: text{"同一时间内各类客户的请求、接通率与平均等待。", "Requests, share answered and mean wait of each group."},
					sql: "SELECT multiIf(elder, 'elder', accessible, 'accessible', 'other') AS customers, count() AS requests, " +
						"if(countIf(settled) = 0, NULL, countIf(outcome = 'answered') / countIf(settled)) AS answered, avgIf(waited_s, outcome = 'answered') AS mean" + waits +
						" GROUP BY customers ORDER BY customers",
					columns: []column{
						{name: "customers", title: text{"客户", "Customers"}, words: map[string]text{"elder": {"老年", "Elder"}, "accessible": {"无障碍需要", "Accessible need"}, "other": {"其他", "Others"}}},
						{name: "requests", title: text{"请求", "Requests"}, width: 100},
						{name: "answered", title: text{"接通率", "Answered"}, width: 110, unit: "percentunit"},
						{name: "mean", title: text{"平均等待", "Mean wait"}, width: 110, unit: "s"},
					},
					links: []link{w.toFindingsOf(accessible)},
				},
				w.trend(text{"各规则的会话", "Sessions by rule"}, about, "rule", in(accessible), accessible, 12, true),
				w.byRule(text{"规则", "Rules"}, accessible, in(accessible), 14, true),
				w.byChannel(text{"按渠道", "By channel"}, about, in(accessible), accessible, 10, true),
			}},
		},
	}
}
