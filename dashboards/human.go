package dashboards

// unreachable are the rules that say that a customer did not get the person asked for.
var unreachable = []string{
	"cn-human-unreachable", "q-handoff-blocked", "q-busy-dead-end", "es-bot-only", "es-supervisor-refused", "es-cut-while-waiting",
	"eu-automated-only-contact", "eu-finance-human-refused", "us-ca-human-slow", "cn-appeal-human-refused",
}

// reaching are all rules about the way to a person.
var reaching = append([]string{
	"cn-human-slow", "cn-human-option-hidden", "es-human-slow", "es-no-priority", "cn-47746-keyword", "cn-47746-menu", "cn-47746-auto", "cn-47746-queue",
	"cn-47746-prio", "q-three-strikes", "q-menu-maze", "q-queue-too-long", "q-closed-unresolved",
}, unreachable...)

// Waits of the time range. A session's last event is not before its requests, which spares the rest.
const waits = " FROM waits_v WHERE last_event_at >= $__fromTime_ms AND $__timeFilter_ms(asked_at) AND " + chosen

var outcomeWords = map[string]text{"answered": {"接通", "Answered"}, "refused": {"被拒", "Refused"}, "left": {"未接通而结束", "Left"}, "waiting": {"等待中", "Waiting"}}

// human is about reaching a person.
func (w writer) human() board {
	slow := w.number("cn", "human_slow_s")
	longest := w.number("cn", "human_wait_max_s")
	noRequests := text{"没有人要求人工", "Nobody asked for a person"}
	byWait := []step{{color: fine}, {slow, watch}, {longest, wrong}}
	wait := func(key string, title text, value string) panel {
		return panel{
			key: key, kind: figure, width: 4, unit: "s", steps: byWait, empty: noRequests, filled: true, title: title, rules: []string{"cn-human-slow", "cn-human-unreachable"},
			about: text{"从第一次要求人工到有人接待，单位为秒；只算已接通的。", "From the first request to a person joining, in seconds; of those answered."},
			sql:   "SELECT " + value + " AS seconds" + waits + " AND outcome = 'answered'", links: []link{w.toFindingsOf(reaching)},
		}
	}
	return board{
		uid: "human", title: text{"转人工", "Reaching a human"}, from: "now-7d",
		about: text{"客户要求人工之后：多久有人，多少被拒，哪个渠道、哪个时段。", "After a customer asks for a person: how long it takes, how many are refused, by channel and hour."},
		rows: []row{
			{text{"需要处理", "What needs attention"}, []panel{
				w.found("unreachable", text{"找不到人工的会话", "Sessions without a person"},
					text{"客户要求人工而没有得到。", "The customer asked for a person and got none."}, unreachable, anyWrong, 4, true),
				{
					key: "refused", kind: figure, width: 4, steps: anyWrong, empty: noRequests, filled: true, title: text{"被拒的请求", "Requests refused"}, rules: unreachable,
					about: text{"被拒绝、其后也没有人接待的请求。", "Requests that were refused and that no person answered later."},
					sql:   "SELECT countIf(outcome = 'refused') AS requests" + waits, links: []link{w.toFindingsOf(unreachable)},
				},
				{
					key: "answered", kind: figure, width: 4, unit: "percentunit", decimals: ptr(1.), steps: atLeast(w.number("cn", "answer_rate_least_percent") / 100),
					empty: noRequests, filled: true, title: text{"接通率", "Answered"}, rules: []string{"i-human-answer-rate"},
					about: text{"已有结果的请求中有人接待的比例。规则按自然月判定，此处按所选时间。", "Share of the settled requests that a person answered. The rule judges by month; this is the time range."},
					sql:   "SELECT if(countIf(settled) = 0, NULL, countIf(outcome = 'answered') / countIf(settled)) AS share" + waits, links: []link{w.toFindingsOf(reaching)},
				},
				wait("mean", text{"平均等待", "Mean wait"}, "if(count() = 0, NULL, avg(waited_s))"),
				wait("p95", text{"95% 在此之内", "95 % are answered within"}, "if(count() = 0, NULL, quantile(0.95)(waited_s))"),
				{
					key: "requests", kind: figure, width: 4, steps: counted, empty: noRequests, filled: true, title: text{"要求人工", "Requests for a person"},
					about: text{"十秒内的重复点击与输入算一次。", "A click and a message within ten seconds are one request."},
					sql:   "SELECT count() AS requests" + waits, links: []link{w.toSessions()},
				},
				{
					key: "longest", kind: rows, width: 24, empty: noRequests, filled: true, title: text{"等得最久或被拒的", "Waited longest, or refused"}, rules: unreachable,
					about: text{"没有接通的在前，其次按等待的秒数。", "Those without an answer first, then by seconds waited."},
					sql: "SELECT asked_at, outcome, waited_s, channel, business_line, session_id, tenant" + waits +
						" AND outcome != 'waiting' ORDER BY outcome = 'answered', waited_s DESC NULLS LAST, asked_at DESC LIMIT 100",
					columns: []column{
						{name: "asked_at", title: text{"要求时间", "Asked at"}, width: 170},
						{name: "outcome", title: text{"结果", "Outcome"}, width: 150, words: outcomeWords},
						{name: "waited_s", title: text{"等待", "Waited"}, width: 110, unit: "s"},
						{name: "channel", title: text{"渠道", "Channel"}, width: 120, words: channelWords()},
						{name: "business_line", title: text{"业务线", "Business line"}},
						{name: "session_id", title: text{"会话", "Session"}, width: 280, links: []link{w.toSession()}},
						{name: "tenant", title: text{"租户", "Tenant"}, hidden: true},
					},
					links: []link{w.toSession()},
				},
			}},
			{text{"渠道与时段", "Channel and hour"}, []panel{
				{
					key: "by-channel", kind: rows, width: 12, empty: noRequests, filled: true, title: text{"按渠道", "By channel"}, rules: []string{"cn-human-slow"},
					about: text{"各渠道的请求、结果与等待。", "Requests, outcomes and waits of each channel."},
					sql: "SELECT channel, count() AS requests, countIf(outcome = 'refused') AS refused, countIf(outcome = 'left') AS gone, " +
						"if(countIf(settled) = 0, NULL, countIf(outcome = 'answered') / countIf(settled)) AS answered, " +
						"avgIf(waited_s, outcome = 'answered') AS mean, quantileIf(0.95)(waited_s, outcome = 'answered') AS p95" + waits + " GROUP BY channel ORDER BY requests DESC",
					columns: []column{
						{name: "channel", title: text{"渠道", "Channel"}, words: channelWords()},
						{name: "requests", title: text{"请求", "Requests"}, width: 90},
						{name: "refused", title: text{"被拒", "Refused"}, width: 90},
						{name: "gone", title: text{"未接通", "Left"}, width: 90},
						{name: "answered", title: text{"接通率", "Answered"}, width: 100, unit: "percentunit"},
						{name: "mean", title: text{"平均等待", "Mean wait"}, width: 100, unit: "s"},
						{name: "p95", title: text{"95%", "95 %"}, width: 90, unit: "s"},
					},
					links: []link{w.toFindings("rule=cn-human-unreachable&rule=cn-human-slow")},
				},
				{
					key: "by-hour", kind: bars, width: 12, unit: "s", empty: noRequests, filled: true, title: text{"按时段的平均等待", "Mean wait by hour of the day"}, rules: []string{"cn-human-slow"},
					about: text{"一天中各小时的平均等待，已接通的请求。", "Mean wait in each hour of the day, of the requests answered."},
					sql: "SELECT leftPad(toString(toHour(asked_at, ${zone:singlequote})), 2, '0') AS hour, avg(waited_s) AS mean" + waits +
						" AND outcome = 'answered' GROUP BY hour ORDER BY hour",
					columns: []column{{name: "hour", title: text{"时", "Hour"}}, {name: "mean", title: text{"平均等待", "Mean wait"}, unit: "s"}},
					links:   []link{w.toFindingsOf(reaching)},
				},
				{
					key: "trend", kind: lines, width: 12, unit: "s", limit: true, steps: atMost(longest), empty: noRequests, filled: true,
					title: text{"等待随时间", "Waits over time"}, rules: []string{"cn-human-slow", "cn-human-unreachable"},
					about: text{"每段时间里已接通请求的平均与 95% 等待；虚线为上限。", "Mean and 95 % wait of the requests answered; the dashed line is the limit."},
					sql: "SELECT $__timeInterval(asked_at) AS time, avg(waited_s) AS mean, quantile(0.95)(waited_s) AS p95" + waits +
						" AND outcome = 'answered' GROUP BY time ORDER BY time",
					columns: []column{{name: "mean", title: text{"平均", "Mean"}}, {name: "p95", title: text{"95%", "95 %"}}},
					links:   []link{w.toFindingsOf(reaching)},
				},
				w.byRule(text{"转人工的规则", "Rules about reaching a person"}, reaching, in(reaching), 12, true),
			}},
		},
	}
}
