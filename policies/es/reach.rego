# METADATA
# title: Reaching a person in Spain
# description: >-
#   Articles 8 and 10 of Ley 10/2025 on customer services. They bind from 28 December 2026; in
#   sessions before that day the same is found as what will apply (draft). Exactly the limit is within it.
# custom:
#   params:
#     human_wait_max_s: {type: integer, minimum: 1, maximum: 3600}
package mingjian.es.reach

# METADATA
# title: Machine as the only means
# description: >-
#   The entrance shows no way to a person, or a request for a person was refused at any moment: rejected, or
#   answered by a text of the bot that neither offers nor begins a hand-over, or by “busy, try later”. The
#   law gives the right at every moment, so that a person who comes later does not cure a refusal. Found at
#   whichever came first. Where nothing is known of the entrance, that half is not assessable.
# custom:
#   id: es-bot-only
#   severity: critical
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年12月28日（适应期届满）, en: the session was opened before 28 December 2026}}
#   systemic: false
#   clauses: [es-8-1-nobotonly, es-8-2-anytime]
#   title_zh: 只有机器应答
#   description_zh: >-
#     入口没有人工选项，或者客户在任何时候的人工要求被拒：直接拒绝、机器人既未提供也未开始转接，
#     或者仅说“忙，请稍后再试”。法律保障的是任何时刻的权利，其后有人接入不能补救。以先发生者为准。
#     入口未申报的，该部分不作判断。
#   remedy:
#     zh: 主菜单起即提供人工，并在对话的每一步接受转人工的要求。
#     en: Offer a person from the main menu on and take the request at every step of the conversation.
finding contains {
	"id": "es-bot-only",
	"severity": "critical",
	"status": status,
	"subject": first[1],
	"at": first[0],
	"facts": {"ground": first[2], "asked": first[3]},
} if {
	first := min(bot_only)
}

not_assessable contains {"id": "es-bot-only", "reason": "entrance.human_option_visible"} if {
	input.session.entrance == null
	count(bot_only) == 0
}

bot_only contains [wait.refused_at, wait.refused, "refused", wait.asked] if {
	some wait in input.session.human.waits
	wait.refused_at > 0
}

bot_only contains [input.session.contact.no_human_at, input.session.contact.no_human, "no_option", ""] if {
	input.session.contact.no_human_at > 0
}

# METADATA
# title: Person later than three minutes
# description: >-
#   A request for a person was not met within 180 seconds (unless the parameters say otherwise): found when
#   they passed, whatever came after; or at the end where the service ended the contact before. A
#   customer who hangs up before is not counted, one who hangs up after is. It counts towards the 95 % that the law asks for.
#   Of several requests the earliest is reported.
# custom:
#   id: es-human-slow
#   severity: high
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年12月28日（适应期届满）, en: the session was opened before 28 December 2026}}
#   systemic: false
#   clauses: [es-8-2-3min]
#   title_zh: 人工接入超过三分钟
#   description_zh: >-
#     客户的人工要求在180秒（默认，可在参数中调整）内没有得到满足：以届满之时为准，其后如何不论；
#     此前服务方结束联系的，以结束之时为准。客户此前自行挂断的不计，此后挂断的计入。
#     计入法律所要求的95%。多次要求报告最早的一次。
#   remedy:
#     zh: 按时段排班，使95%的要求在三分钟内接通。
#     en: Staff to demand so that 95 % of requests are met within three minutes.
finding contains {
	"id": "es-human-slow",
	"severity": "high",
	"status": status,
	"subject": first[1],
	"at": first[0],
	"facts": object.union(
		{"asked": first[2], "limit_s": data.mingjian.params.es.human_wait_max_s},
		{"joined_at": at | at := first[3]; at > 0},
	),
} if {
	first := min({settled(wait) |
		some wait in input.session.human.waits
		not joined_in_time(wait)
		over(wait)
	})
}

due contains limit(wait) if {
	some wait in input.session.human.waits
	limit(wait) > input.now
	not joined_in_time(wait)
	not ended_early(wait)
}

settled(wait) := [limit(wait), "", wait.asked, wait.joined_at] if not ended_early(wait)

settled(wait) := [wait.ended_at, input.session.closed_id, wait.asked, 0] if {
	ended_early(wait)
	input.session.closed_by in {"agent", "bot", "system"}
}

# over: what settles the wait has come.
over(wait) if limit(wait) <= input.now

over(wait) if {
	ended_early(wait)
	wait.ended_at <= input.now
}

limit(wait) := wait.asked_at + (data.mingjian.params.es.human_wait_max_s * 1000)

joined_in_time(wait) if {
	wait.joined_at > 0
	wait.joined_at <= limit(wait)
}

ended_early(wait) if {
	wait.ended_at > 0
	wait.ended_at < limit(wait)
}

# METADATA
# title: Cut off while waiting
# description: >-
#   The bot or the system ended the contact, unresolved, while the customer waited for a person: a request
#   was open, or the customer stood in a queue. A transfer elsewhere is no end, and an end that only
#   silence tells of (nobody reported it) is not counted.
# custom:
#   id: es-cut-while-waiting
#   severity: critical
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年12月28日（适应期届满）, en: the session was opened before 28 December 2026}}
#   systemic: false
#   clauses: [es-8-4-nocut]
#   title_zh: 等待中被切断
#   description_zh: >-
#     客户等待人工期间（要求尚未得到答复，或正在排队），机器人或系统在问题未解决时结束了联系。
#     转到别处继续的不算结束；仅因长时间无消息而推定结束、没有上报的，不计。
#   remedy:
#     zh: 不以等待时间为由结束通话或会话；取消排队超时挂断。
#     en: Never end a call or chat for its waiting time; switch off time-outs of the queue.
finding contains {
	"id": "es-cut-while-waiting",
	"severity": "critical",
	"status": status,
	"subject": input.session.closed_id,
	"at": input.session.closed,
	"facts": {
		"waiting_since_at": min(waiting),
		"closed_by": input.session.closed_by,
		"reason": input.session.closed_as,
	},
} if {
	input.session.closed_id != ""
	input.session.closed_by in {"bot", "system"}
	input.session.closed_as != "transfer"
	input.session.resolved != true
	count(waiting) > 0
}

# waiting are the moments since when the customer waited when the session ended.
waiting contains wait.asked_at if {
	some wait in input.session.human.waits
	wait.ended_at > 0
}

waiting contains stay.queued_at if {
	some stay in input.session.queue.stays
	stay.ended_as == "closed"
}

# METADATA
# title: No priority in the queue
# description: >-
#   A customer of 65 or over, or with an accessible need, was put into the queue without priority. Found
#   when queued; priority that is given while the customer still stands in that queue withdraws it. Where
#   neither age nor need is known the rule is not assessable for who was queued without priority.
# custom:
#   id: es-no-priority
#   severity: high
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年12月28日（适应期届满）, en: the session was opened before 28 December 2026}}
#   systemic: false
#   clauses: [es-10-6-65]
#   title_zh: 老年人或残障客户未获优先
#   description_zh: >-
#     65岁及以上或有无障碍需求的客户进入队列而没有优先。以进入队列为准；仍在队列中时给予优先的，撤回。
#     年龄与需求均未知的，不作判断。
#   remedy:
#     zh: 识别到年龄或需求后，在队列中自动优先。
#     en: Give priority in the queue as soon as age or need is known.
finding contains {
	"id": "es-no-priority",
	"severity": "high",
	"status": status,
	"subject": first.queued,
	"at": first.queued_at,
	"facts": {
		"queued": first.queued,
		"elder": input.session.elder,
		"accessible_need": input.session.accessible,
	},
} if {
	first := plain_stays[0]
	entitled
}

not_assessable contains {"id": "es-no-priority", "reason": "customer.age"} if {
	plain_stays[0]
	input.session.elder == null
	not input.session.accessible
}

plain_stays := [stay |
	some stay in input.session.queue.stays
	stay.priority_at == 0
]

entitled if input.session.elder == true

entitled if input.session.accessible

default status := "draft"

# The twelve months of adaptation end on 2026-12-28, midnight in Madrid.
status := "statute" if input.session.opened >= 1798412400000
