# METADATA
# title: How a service does, day by day
# description: >-
#   Numbers of a tenant's business line, counted over the record for each day of the tenant's zone. What is
#   judged is the number itself; its 95 % interval stands beside it in the facts, which also say whether the
#   whole interval lies beyond the limit, or only the number does. Rates and means of fewer than 30 (unless
#   the parameters say otherwise) are shown and not judged.
# custom:
#   params:
#     indicator_least: {type: integer, minimum: 1, maximum: 100000}
#     breakpoint_max_percent: {type: integer, minimum: 0, maximum: 100}
#     second_inquiry_max_percent: {type: integer, minimum: 0, maximum: 100}
#     forced_human_max_percent: {type: integer, minimum: 0, maximum: 100}
package mingjian.quality.indicator

# METADATA
# title: Conversations that break off
# description: >-
#   More than 15 % of the day's sessions (unless the parameters say otherwise) ended at a turn of the customer
#   that nobody answered. Counted are the sessions that ended on the day and in which the customer said or
#   asked for something. A message by the service, a step of a hand-over, a promise or the acknowledgement of a
#   complaint is an answer. A goodbye wants none, nor does a customer who says that nothing more is needed, nor
#   a session that its source calls resolved. What came after the end does not count.
# custom:
#   id: i-breakpoint-rate
#   severity: medium
#   status: benchmark
#   systemic: false
#   clauses: []
#   title_zh: 会话断点率过高
#   description_zh: >-
#     当日会话中，以客户无人回应的发言告终的超过15%（默认，可在参数中调整）。统计当日结束、且客户说过话或提出过要求的会
#     话。服务方的消息、转接的任何一步、承诺、投诉受理都算回应。客户道别、表示不再需要，或来源标明已解决的，不算断点。会话
#     结束之后的事件不计。
#   remedy:
#     zh: 查看断点集中的意图与时段，补足应答，答不上来时主动提供人工。
#     en: Look at the intents and hours in which conversations break off, and offer a person where the bot has no answer.
finding contains {
	"id": "i-breakpoint-rate",
	"severity": "medium",
	"status": "benchmark",
	"subject": "",
	"at": input.indicator.last,
	"facts": above(data.mingjian.params.quality.breakpoint_max_percent),
} if {
	input.indicator.name == "i-breakpoint-rate"
	not few
	input.indicator.numerator * 100 > data.mingjian.params.quality.breakpoint_max_percent * input.indicator.denominator
}

# METADATA
# title: Customers who come back with the same question
# description: >-
#   More than 25 % of the day's customers (unless the parameters say otherwise) opened another session with the
#   same intent within 72 hours of the opening of one of that day. It goes by customer.id and ai.intent as the
#   source reports them: customers without an id, sessions without an intent, and one question that is filed
#   under two intents are not seen. The number of a day can grow for three days.
# custom:
#   id: i-second-inquiry-rate
#   severity: medium
#   status: benchmark
#   systemic: false
#   clauses: []
#   title_zh: 二次咨询率过高
#   description_zh: >-
#     当日客户中，自当日某次会话开始起72小时内又以同一意图发起会话的超过25%（默认，可在参数中调整）。以来源上报的 c
#     ustomer.id 与 ai.intent 为准：没有编号的客户、没有意图的会话、同一问题被归入不同意图的，均看不
#     到。某日的数值在其后三天内还会增长。
#   remedy:
#     zh: 查看反复咨询的意图，补全首次答复，并在结束前确认问题已解决。
#     en: Look at the intents that come back, complete the first answer, and ask before the end whether it is solved.
finding contains {
	"id": "i-second-inquiry-rate",
	"severity": "medium",
	"status": "benchmark",
	"subject": "",
	"at": input.indicator.last,
	"facts": above(data.mingjian.params.quality.second_inquiry_max_percent),
} if {
	input.indicator.name == "i-second-inquiry-rate"
	not few
	input.indicator.numerator * 100 > data.mingjian.params.quality.second_inquiry_max_percent * input.indicator.denominator
}

# METADATA
# title: Customers who had to force a person
# description: >-
#   In more than 40 % of the day's sessions (unless the parameters say otherwise) the customer had to force a
#   person. Counted are the sessions that ended on the day and in which a bot spoke. The customer had to force
#   one who asked three times before a person joined or priority was given, or who threatened or announced a
#   complaint or was angry (in words, or by the source's score of over 80) while waiting for a person who had
#   been asked for.
# custom:
#   id: i-forced-human-rate
#   severity: medium
#   status: benchmark
#   systemic: false
#   clauses: []
#   title_zh: 强制人工率过高
#   description_zh: >-
#     当日会话中，客户被迫强求人工的超过40%（默认，可在参数中调整）。统计当日结束、且机器人说过话的会话。人工接入或获得
#     优先之前要求了三次的，或者在要求人工之后、人工接入之前扬言或宣布投诉、动怒（以言语，或以来源给出的超过80的分值为准
#     ）的，算强求。
#   remedy:
#     zh: 第一次要求即转人工，取消转接前的追问与挽留。
#     en: Transfer at the first request, without questions and attempts to retain.
finding contains {
	"id": "i-forced-human-rate",
	"severity": "medium",
	"status": "benchmark",
	"subject": "",
	"at": input.indicator.last,
	"facts": above(data.mingjian.params.quality.forced_human_max_percent),
} if {
	input.indicator.name == "i-forced-human-rate"
	not few
	input.indicator.numerator * 100 > data.mingjian.params.quality.forced_human_max_percent * input.indicator.denominator
}

# METADATA
# title: Reviews that were late
# description: >-
#   Of the reviews that fell due on the day, not all were done within their 48 hours. Adjudications and
#   calibrations carry no such promise. One that is late is enough, so that no least number applies; what is
#   done late stays late.
# custom:
#   id: i-review-overdue
#   severity: medium
#   status: promise
#   systemic: false
#   clauses: []
#   title_zh: 复核未在48小时内全部完成
#   description_zh: >-
#     当日到期的复核没有全部在48小时内完成。仲裁与校准任务不作此承诺。有一件迟到即成立，不设最低数量；迟到完成的仍算迟到
#     。
#   remedy:
#     zh: 查看积压原因，调整排班或抽样量，让升级提醒先于到期。
#     en: Find out what holds reviews up, and adjust shifts or samples so that escalation comes before the due time.
finding contains {
	"id": "i-review-overdue",
	"severity": "medium",
	"status": "promise",
	"subject": "",
	"at": input.indicator.last,
	"facts": object.union(shown, {"limit_percent": 100}),
} if {
	input.indicator.name == "i-review-overdue"
	input.indicator.numerator < input.indicator.denominator
}

not_assessable contains {"id": "i-breakpoint-rate", "reason": too_few} if {
	input.indicator.name == "i-breakpoint-rate"
	few
}

not_assessable contains {"id": "i-second-inquiry-rate", "reason": too_few} if {
	input.indicator.name == "i-second-inquiry-rate"
	few
}

not_assessable contains {"id": "i-forced-human-rate", "reason": too_few} if {
	input.indicator.name == "i-forced-human-rate"
	few
}

# few is asked by the indicators of other packs too.
few if input.indicator.denominator < data.mingjian.params.quality.indicator_least

too_few := sprintf("at_least:%d", [data.mingjian.params.quality.indicator_least])

# shown is what every finding tells.
shown := {
	"numerator": input.indicator.numerator,
	"denominator": input.indicator.denominator,
	"unit": input.indicator.unit,
	"value": input.indicator.value,
	"low": input.indicator.low,
	"high": input.indicator.high,
	"period": input.indicator.period,
	"day": input.indicator.day,
}

# above tells of a share that is to be at most so many percent, and below of one that is to be at least.
above(percent) := object.union(shown, {"limit_percent": percent, "interval_beyond_limit": (input.indicator.low * 100) > percent})

below(percent) := object.union(shown, {"limit_percent": percent, "interval_beyond_limit": (input.indicator.high * 100) < percent})
