# METADATA
# title: The person and the superior in Spain
# description: >-
#   Article 8(2) and (3) of Ley 10/2025 on customer services. They bind from 28 December 2026; in
#   sessions before that day the same is found as what will apply (draft). Exactly the limit is within it.
# custom:
#   params:
#     supervisor_wait_max_s: {type: integer, minimum: 1, maximum: 3600}
package mingjian.es.reach_agent

# METADATA
# title: Agent who does not say who is speaking
# description: >-
#   The first turn of the person who serves (the first text and those that follow it directly) tells neither
#   name nor number. A line by the system in or before that turn, or one with which that person took the
#   session over, tells as well. Found at the first text; withdrawn if the same turn goes on to tell.
# custom:
#   id: es-agent-unidentified
#   severity: medium
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年12月28日（适应期届满）, en: the session was opened before 28 December 2026}}
#   systemic: false
#   clauses: [es-8-2-ident]
#   title_zh: 坐席未表明身份
#   description_zh: >-
#     提供服务的人的首轮发言（首条文本及紧随其后的文本）没有说明姓名或工号。系统在首轮之中或之前显示的，
#     或者接入时一并告知的，与其自己说明等效。以首条文本为准；同一轮中随后说明的，撤回。
#   remedy:
#     zh: 坐席开口第一句报姓名或工号，或由系统在接入时显示。
#     en: Have agents begin with name or number, or let the system show it when they join.
finding contains {
	"id": "es-agent-unidentified",
	"severity": "medium",
	"status": status,
	"subject": input.session.agent.first,
	"at": input.session.agent.first_at,
	"facts": {"first_agent_text": input.session.agent.first},
} if {
	input.session.agent.first_at > 0
	input.session.agent.identified == false
}

# METADATA
# title: Superior asked for and not given
# description: >-
#   The customer told a person of dissatisfaction and asked that person for a superior, and within 180 seconds
#   (unless the parameters say otherwise) no superior joined, nor was there a call back on the same working
#   day. Found when the seconds passed; where a call back was promised, by event or in words, when work ended on that day
#   and it had not been made; or at the end where the service ended the contact early, or the customer left
#   after having been turned away. A customer who left earlier of his own accord is not counted. A call that is
#   made on the day withdraws it. The seconds run from when both had been told. Where somebody took over
#   whose level the source does not report the rule is not assessable. Only the first such request counts.
# custom:
#   id: es-supervisor-refused
#   severity: high
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年12月28日（适应期届满）, en: the session was opened before 28 December 2026}}
#   systemic: false
#   clauses: [es-8-3-supervisor]
#   title_zh: 要求主管而未获接待
#   description_zh: >-
#     客户向坐席表示不满并要求主管，而180秒（默认，可在参数中调整）内没有主管接入，同一工作日内也没有回呼。
#     以届满之时为准；以事件或言语约定回呼的，以当日工作结束而未回呼为准；服务方提前结束联系，或客户被回绝后离开的，
#     以结束之时为准；客户自行提前离开的不计。当日已回呼的，撤回。自两者均已表示之时起算。
#     接手者级别未上报的，不作判断。只看首次要求。
#   remedy:
#     zh: 投诉升级时三分钟内由主管接入，做不到的当日回呼。
#     en: Have a superior join within three minutes of an escalation, or call back on the same day.
finding contains {
	"id": "es-supervisor-refused",
	"severity": "high",
	"status": status,
	"subject": first[1],
	"at": first[0],
	"facts": {
		"asked": input.session.supervisor.asked,
		"dissatisfied": input.session.supervisor.dissatisfied,
		"ground": first[2],
		"limit_s": data.mingjian.params.es.supervisor_wait_max_s,
	},
} if {
	settled[0] <= input.now
	first := settled
	not maybe_joined
}

due contains settled[0] if settled[0] > input.now

not_assessable contains {"id": "es-supervisor-refused", "reason": "actor.level"} if {
	settled
	maybe_joined
}

# wish is a request that the law protects and that nothing has met.
wish := wanted if {
	wanted := input.session.supervisor
	wanted.dissatisfied_at > 0
	not joined
	not called
}

# since is when both the request and the dissatisfaction had been told.
since := max([input.session.supervisor.asked_at, input.session.supervisor.dissatisfied_at])

limit := since + (data.mingjian.params.es.supervisor_wait_max_s * 1000)

day_end := mingjian.end_of_working_day(input.tenant.calendar, since)

joined if {
	input.session.supervisor.joined_at > 0
	input.session.supervisor.joined_at <= limit
}

maybe_joined if {
	input.session.supervisor.another_at > 0
	input.session.supervisor.another_at <= limit
}

called if {
	some call in input.session.callbacks
	call.done_at >= input.session.supervisor.asked_at
	call.done_at <= day_end
}

promised if input.session.supervisor.promised_at > 0

promised if {
	some call in input.session.callbacks
	call.at >= input.session.supervisor.asked_at
	call.due <= day_end # 0 where no time was said: the law gives the day
}

ended_early if {
	input.session.closed > 0
	input.session.closed < limit
}

held_against if input.session.closed_by in {"agent", "bot", "system"}

held_against if input.session.supervisor.turned_away_at > 0

# settled is when it is known that the wish came to nothing, by which event, and how.
settled := [day_end, "", "no_call_back"] if {
	wish
	promised
}

settled := [input.session.closed, input.session.closed_id, "ended"] if {
	wish
	not promised
	ended_early
	held_against
}

settled := [limit, "", "no_superior"] if {
	wish
	not promised
	not ended_early
}

default status := "draft"

# The twelve months of adaptation end on 2026-12-28, midnight in Madrid.
status := "statute" if input.session.opened >= 1798412400000
