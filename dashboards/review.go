package dashboards

// Reviews that somebody still has to do. Calibrations test people, not sessions.
const toDo = "state IN ('open', 'claimed') AND kind != 'calibration'"

// promised are the reviews that the promise of 48 hours is about.
const promised = "kind NOT IN ('adjudication', 'calibration')"

var (
	taskWords = map[string]text{
		"mandatory": {"必查", "Mandatory"}, "sample": {"抽样", "Sample"}, "systemic": {"系统性", "Systemic"}, "blind_second": {"盲审", "Blind second"}, "adjudication": {"裁决", "Adjudication"},
	}
	taskStateWords = map[string]text{"open": {"待领取", "Open"}, "claimed": {"已领取", "Claimed"}}
)

// review is about the 48-hour review.
func (w writer) review() board {
	none := text{"没有待办的复核", "No review waits"}
	overdue := []string{"i-review-overdue"}
	now := func(key string, title, about text, condition string, steps []step, filled bool) panel {
		return panel{
			key: key, kind: figure, width: 4, steps: steps, title: title, about: about, rules: overdue, empty: none, filled: filled,
			sql: "SELECT count() AS reviews FROM reviews_v WHERE " + toDo + condition + " AND " + chosen, links: []link{w.toReviews()},
		}
	}
	share := func(key string, title, about text, sql string, steps []step) panel {
		return panel{
			key: key, kind: figure, width: 4, unit: "percentunit", decimals: ptr(1.), steps: steps, title: title, about: about, rules: overdue,
			empty: text{"还没有完成的复核", "No review is done yet"}, sql: sql, links: []link{w.toReviews()},
		}
	}
	return board{
		uid: "review", title: text{"48 小时复核", "48-hour review"}, from: "now-7d",
		about: text{"积压、超时、一致性。待办的数是此刻的，不随时间范围变化。", "Backlog, overdue, agreement. What is to be done is as of now, whatever the time range."},
		rows: []row{
			{text{"需要处理", "What needs attention"}, []panel{
				now("overdue", text{"已超时", "Overdue"}, text{"过了 48 小时而未完成。", "Not done after 48 hours."}, " AND due_at < now64(3)", anyWrong, false),
				now("soon", text{"12 小时内到期", "Due within 12 hours"}, text{"还来得及，但要快。", "Still in time, but only just."},
					" AND due_at >= now64(3) AND due_at < now64(3) + INTERVAL 12 HOUR", anyWatched, false),
				now("backlog", text{"待办", "To be done"}, text{"未完成的全部复核。", "All reviews that are not done."}, "", counted, true),
				share("in-time", text{"按时完成", "Done in time"}, text{"所选时间内到期的复核中在 48 小时内完成的比例，应为 100%。", "Share of the reviews that fell due in the time range and were done within 48 hours; it should be 100 %."},
					"SELECT if(count() = 0, NULL, countIf(submitted_at <= due_at) / count()) AS share FROM reviews_v WHERE "+promised+" AND due_at < now64(3) AND $__timeFilter_ms(due_at) AND "+chosen, atLeast(1)),
				share("upheld", text{"人机一致", "Human and machine agree"}, text{"复核者维持的发现占其所判发现的比例。", "Share of the findings that reviewers upheld of those they decided on."},
					"SELECT if(sum(length(decisions)) = 0, NULL, sum(countEqual(decisions, 'upheld')) / sum(length(decisions))) AS share FROM reviews_v WHERE "+promised+" AND $__timeFilter_ms(submitted_at) AND "+chosen, counted),
				share("pairs", text{"盲审一致", "Blind pairs agree"}, text{"两份盲审在“有缺陷”与“误判”上都相同的比例。", "Share of blind pairs that agree on defective and on misjudged."},
					"SELECT if(count() = 0, NULL, countIf(verdicts = 1) / count()) AS share FROM (SELECT pair_id, uniqExact(defective, misjudged) AS verdicts FROM reviews_v WHERE pair_id != '' AND defective IS NOT NULL AND kind != 'adjudication' AND $__timeFilter_ms(submitted_at) AND "+chosen+" GROUP BY pair_id HAVING count() = 2)", counted),
				{
					key: "next", kind: rows, width: 24, empty: none, filled: true, title: text{"最先到期的", "Due first"}, rules: overdue,
					about: text{"待办的复核，最先到期的在前。", "Reviews to be done, those due first in front."},
					sql: "SELECT due_at, kind AS task, state, reason, channel, business_line, escalation, session_id, id, tenant FROM reviews_v WHERE " + toDo + " AND " + chosen +
						" ORDER BY due_at, id LIMIT 100",
					columns: []column{
						{name: "due_at", title: text{"到期", "Due"}, width: 170},
						{name: "task", title: text{"种类", "Kind"}, width: 110, words: taskWords},
						{name: "state", title: text{"状态", "State"}, width: 90, words: taskStateWords},
						{name: "reason", title: text{"原因", "Reason"}, links: []link{w.toReview()}},
						{name: "channel", title: text{"渠道", "Channel"}, width: 110, words: channelWords()},
						{name: "business_line", title: text{"业务线", "Business line"}, width: 120},
						{name: "escalation", title: text{"升级", "Escalated"}, width: 90},
						{name: "session_id", title: text{"会话", "Session"}, width: 220, links: []link{w.toSession()}},
						{name: "id", title: text{"复核", "Review"}, hidden: true},
						{name: "tenant", title: text{"租户", "Tenant"}, hidden: true},
					},
					links: []link{w.toReview(), w.toSession()},
				},
			}},
			{text{"积压与进度", "Backlog and progress"}, []panel{
				{
					key: "hours-left", kind: bars, width: 8, empty: none, filled: true, title: text{"待办：剩余时间", "To be done, by hours left"}, rules: overdue,
					about: text{"离到期还有多久。", "How long until they are due."},
					sql: "SELECT multiIf(due_at < now64(3), '0: < 0 h', due_at < now64(3) + INTERVAL 8 HOUR, '1: 0–8 h', due_at < now64(3) + INTERVAL 24 HOUR, '2: 8–24 h', '3: 24–48 h') AS left_h, count() AS reviews " +
						"FROM reviews_v WHERE " + toDo + " AND " + chosen + " GROUP BY left_h ORDER BY left_h",
					columns: []column{{name: "left_h", title: text{"剩余", "Left"}}, {name: "reviews", title: text{"复核", "Reviews"}}},
					links:   []link{w.toReviews()},
				},
				{
					key: "opened", kind: lines, width: 8, stacked: true, empty: none, filled: true, title: text{"新增的复核", "Reviews opened"}, rules: overdue,
					about: text{"各种类新增的复核。", "Reviews that were opened, by kind."},
					sql:   "SELECT $__timeInterval(opened_at) AS time, kind AS name, count() AS reviews FROM reviews_v WHERE " + promised + " AND $__timeFilter_ms(opened_at) AND " + chosen + " GROUP BY time, name ORDER BY time, name",
					links: []link{w.toReviews()},
				},
				{
					key: "done", kind: lines, width: 8, stacked: true, empty: text{"还没有完成的复核", "No review is done yet"}, title: text{"完成的复核", "Reviews done"}, rules: overdue,
					about: text{"按时与超时完成的复核。", "Reviews done, in time and late."},
					sql: "SELECT $__timeInterval(submitted_at) AS time, countIf(submitted_at <= due_at) AS in_time, countIf(submitted_at > due_at) AS late FROM reviews_v WHERE " + promised +
						" AND $__timeFilter_ms(submitted_at) AND " + chosen + " GROUP BY time ORDER BY time",
					columns: []column{{name: "in_time", title: text{"按时", "In time"}}, {name: "late", title: text{"超时", "Late"}}},
					links:   []link{w.toReviews()},
				},
			}},
		},
	}
}
