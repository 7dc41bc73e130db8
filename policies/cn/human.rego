# METADATA
# title: Reaching a person
# description: >-
#   A wait runs from the first unanswered request for a person to a person joining, the session's
#   end, or now. Exactly the limit is within it.
# custom:
#   params:
#     human_wait_max_s: {type: integer, minimum: 1, maximum: 3600}
#     human_slow_s: {type: integer, minimum: 1, maximum: 3600}
#     human_grace_s: {type: integer, minimum: 0, maximum: 3600}
package mingjian.cn.human

# METADATA
# title: Person not reached
# description: >-
#   A person was asked for and none joined within the limit (90 seconds unless the parameters say
#   otherwise): found at the moment the limit passed, and a person who joins after it does not cure it (one who speaks has joined, also where
#   no handoff.accepted was reported). Where the session ended before the
#   limit without a person it is found at the end, unless the customer left within 30 seconds of
#   asking and nothing had been refused (the service had no fair time). A refusal alone is not yet
#   found, since a person within the limit cures it, but it takes the grace away and is cited.
#   Of several waits the earliest that broke the rule is reported.
# custom:
#   id: cn-human-unreachable
#   severity: critical
#   status: policy
#   systemic: false
#   clauses: [cn-miit-dialtest, cn-miit-26-hotline]
#   title_zh: 人工客服无法接通
#   description_zh: >-
#     客户要求人工，而在限期（默认90秒，可在参数中调整）内无人接入：以限期届满之时为准，之后才接入不能补救
#     （坐席已发言的视为已接入，即使未上报 handoff.accepted）。
#     限期之前会话已结束而仍无人接入的，以结束之时为准；但客户在提出后30秒内自行离开、
#     且此前未被拒绝的除外（服务方没有合理的时间）。仅有拒绝尚不构成，限期内有人接入即可补救，
#     但拒绝使上述宽限不再适用，并在事实中列出。多次等待中报告最早的一次。
#   remedy:
#     zh: 保证人工坐席与转接通道可用；忙时明确告知排队位置并提供回呼，不要让客户空等或反复描述问题。
#     en: Keep agents and the transfer path available; when busy, tell the queue position and offer a call-back.
finding contains {
	"id": "cn-human-unreachable",
	"severity": "critical",
	"status": "policy",
	"subject": first.subject,
	"at": first.at,
	"facts": first.facts,
} if {
	first := [broken |
		some wait in input.session.human.waits
		not joined_in_time(wait)
		broken := breach(wait)
	][0]
}

# METADATA
# title: Person joined slowly
# description: >-
#   A person joined more than 30 seconds after being asked for (unless the parameters say otherwise).
#   Where nobody came within the limit for reaching one (90 seconds) either, both findings stand. Of several waits the earliest slow one is reported.
# custom:
#   id: cn-human-slow
#   severity: medium
#   status: policy
#   systemic: false
#   clauses: [cn-miit-30s]
#   title_zh: 人工接入超过30秒
#   description_zh: >-
#     人工在客户提出要求30秒（默认，可在参数中调整）之后才接入。等待同时超过接通限期（默认90秒）的，两项并存。
#     多次等待中报告最早的一次。
#   remedy:
#     zh: 按时段的请求量排班，并把转接前的追问、菜单与确认步骤减到最少。
#     en: Staff to the hours' demand and cut the questions, menus and confirmations before a transfer.
finding contains {
	"id": "cn-human-slow",
	"severity": "medium",
	"status": "policy",
	"subject": first.joined,
	"at": first.joined_at,
	"facts": told(first, data.mingjian.params.cn.human_slow_s),
} if {
	first := [wait |
		some wait in input.session.human.waits
		wait.joined_at > 0
		wait.waited_ms > data.mingjian.params.cn.human_slow_s * 1000
	][0]
}

due contains limit(wait) if {
	some wait in input.session.human.waits
	limit(wait) > input.now
	not joined_in_time(wait)
	not ended_early(wait)
}

# breach is what was wrong with a wait in which nobody joined in time, if anything.
breach(wait) := {
	"subject": "",
	"at": limit(wait),
	"facts": told(wait, data.mingjian.params.cn.human_wait_max_s),
} if {
	input.now >= limit(wait)
	not ended_early(wait)
}

breach(wait) := {
	"subject": input.session.closed_id,
	"at": wait.ended_at,
	"facts": told(wait, data.mingjian.params.cn.human_wait_max_s),
} if {
	ended_early(wait)
	not no_fair_time(wait)
}

limit(wait) := wait.asked_at + (data.mingjian.params.cn.human_wait_max_s * 1000)

joined_in_time(wait) if {
	wait.joined_at > 0
	wait.waited_ms <= data.mingjian.params.cn.human_wait_max_s * 1000
}

ended_early(wait) if {
	wait.ended_at > 0
	wait.waited_ms < data.mingjian.params.cn.human_wait_max_s * 1000
}

no_fair_time(wait) if {
	input.session.closed_by == "customer"
	wait.waited_ms <= data.mingjian.params.cn.human_grace_s * 1000
	not refused_before_end(wait)
}

refused_before_end(wait) if {
	wait.refused_at > 0
	wait.refused_at <= wait.ended_at
}

# told is a wait for a reader: what has happened in it, how long it was once it was over, and the limit
# it is held to.
told(wait, seconds) := {name: value |
	some name, value in object.union(wait, {"limit_s": seconds})
	not value in {0, ""}
}
