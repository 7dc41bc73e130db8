# METADATA
# title: Indicators of China
# description: >-
#   Numbers over the sessions of a tenant's business line to which Chinese law applies, counted for each
#   day of the tenant's zone.
# custom:
#   params:
#     answer_rate_least_percent: {type: integer, minimum: 0, maximum: 100}
#     answer_time_max_s: {type: integer, minimum: 1, maximum: 3600}
package mingjian.cn.indicator

# METADATA
# title: Too few requests for a person answered
# description: >-
#   From the month's first day to this one, fewer than 85 % of the requests for a person (unless the parameters
#   say otherwise) were answered by one who joined. A request that is still open is not counted, one that the
#   customer took back in words within 30 seconds is none, and one that the customer gave up counts as not
#   answered.
# custom:
#   id: i-human-answer-rate
#   severity: medium
#   status: policy
#   systemic: false
#   clauses: [cn-miit-85pct]
#   title_zh: 人工应答率不足
#   description_zh: >-
#     自当月首日至当日，客户的人工要求中有人工接入的不足85%（默认，可在参数中调整）。尚在等待的不计；客户在30秒内以言
#     语收回的不算要求；客户放弃等待的计为未应答。
#   remedy:
#     zh: 按时段的请求量排班，忙时提供回呼。
#     en: Staff to the hours' demand and offer a call-back when busy.
finding contains {
	"id": "i-human-answer-rate",
	"severity": "medium",
	"status": "policy",
	"subject": "",
	"at": input.indicator.last,
	"facts": data.mingjian.quality.indicator.below(data.mingjian.params.cn.answer_rate_least_percent),
} if {
	input.indicator.name == "i-human-answer-rate"
	not data.mingjian.quality.indicator.few
	input.indicator.numerator * 100 < data.mingjian.params.cn.answer_rate_least_percent * input.indicator.denominator
}

# METADATA
# title: People answer slowly on average
# description: >-
#   From the month's first day to this one, the requests for a person that were answered waited more than 30
#   seconds (unless the parameters say otherwise) on average. Requests that nobody answered have no time of
#   answer and weigh in i-human-answer-rate instead. The interval is Student's, of the mean.
# custom:
#   id: i-human-answer-time
#   severity: medium
#   status: policy
#   systemic: false
#   clauses: [cn-miit-30s]
#   title_zh: 人工平均应答时间过长
#   description_zh: >-
#     自当月首日至当日，得到应答的人工要求平均等待超过30秒（默认，可在参数中调整）。无人应答的没有应答时间，计入人工应答
#     率。区间为均值的学生氏区间。
#   remedy:
#     zh: 把排班、转接前的追问与菜单都计入时间目标。
#     en: Count shifts, questions before a transfer and menus towards the time.
finding contains {
	"id": "i-human-answer-time",
	"severity": "medium",
	"status": "policy",
	"subject": "",
	"at": input.indicator.last,
	"facts": object.union(data.mingjian.quality.indicator.shown, {
		"limit_s": data.mingjian.params.cn.answer_time_max_s,
		"interval_beyond_limit": input.indicator.low > data.mingjian.params.cn.answer_time_max_s,
	}),
} if {
	input.indicator.name == "i-human-answer-time"
	not data.mingjian.quality.indicator.few
	input.indicator.numerator > data.mingjian.params.cn.answer_time_max_s * input.indicator.denominator
}

# METADATA
# title: Bot turns without an AI label
# description: >-
#   Not all of the day's bot texts were labelled as generated. A text is covered that carries a label with both
#   elements or the corner mark AI, or whose session shows such a label in the interface; with the parameter
#   label_scope “session” also every text of a session that carried one by the text numbered label_by_text. On
#   the phone the voice rules apply instead, and an output left unlabelled at the user's request, with its
#   three ids, is exempt. One text is enough, so that no least number applies. The measures are in force since
#   1 September 2025.
# custom:
#   id: i-label-coverage
#   severity: high
#   status: statute
#   systemic: false
#   clauses: [cn-label-4-text]
#   title_zh: 机器人发言未全部标识
#   description_zh: >-
#     当日机器人文本没有全部标识为人工智能生成。自身带有两要素齐全的标识或“AI”角标的，或所在会话的界面持续显示这种标识
#     的，算已标识；参数 label_scope 为 session 时，会话在第 label_by_text 条机器人文
#     本之前（含）已有标识的，其全部文本都算已标识。电话渠道适用语音规则；应用户要求不加标识且三个编号齐全的除外。有一条未
#     标识即成立，不设最低数量。该办法自2025年9月1日起施行。
#   remedy:
#     zh: 在对话界面持续显示标识，一次覆盖全部发言。
#     en: Show the label in the interface all the time, which covers every turn at once.
finding contains {
	"id": "i-label-coverage",
	"severity": "high",
	"status": "statute",
	"subject": "",
	"at": input.indicator.last,
	"facts": object.union(data.mingjian.quality.indicator.shown, {"limit_percent": 100}),
} if {
	input.indicator.name == "i-label-coverage"
	input.indicator.day >= "2025-09-01"
	input.indicator.numerator < input.indicator.denominator
}

not_assessable contains {"id": "i-human-answer-rate", "reason": data.mingjian.quality.indicator.too_few} if {
	input.indicator.name == "i-human-answer-rate"
	data.mingjian.quality.indicator.few
}

not_assessable contains {"id": "i-human-answer-time", "reason": data.mingjian.quality.indicator.too_few} if {
	input.indicator.name == "i-human-answer-time"
	data.mingjian.quality.indicator.few
}

not_assessable contains {"id": "i-label-coverage", "reason": "in_force_from:2025-09-01"} if {
	input.indicator.name == "i-label-coverage"
	input.indicator.day < "2025-09-01"
}
