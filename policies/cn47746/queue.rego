# METADATA
# title: Queueing for a person
# description: What is told in the queue, and who goes first.
# custom:
#   params:
#     queue_told_s: {type: integer, minimum: 0, maximum: 600}
package mingjian.cn47746.queue

# METADATA
# title: Queue without a place or a time
# description: >-
#   The customer was queued, or the place changed, and was told neither the length of the queue nor the
#   expected wait, in a text or shown (handoff.queue_position or handoff.wait_s). What is said in the turn before joining the queue or within 10 seconds (unless the
#   parameters say otherwise) is in time; a queue that was over by then needed no telling. Found when
#   that time had passed; of several the first is reported. A session opened before 1 September 2026 is not
#   held to the standard.
# custom:
#   id: cn-47746-queue
#   severity: medium
#   status: standard
#   level: 应
#   systemic: false
#   clauses: [cn-47746-queue]
#   title_zh: 排队时没有告知位置或时长
#   description_zh: >-
#     客户进入排队或排队情况变化时，既没有以文字告知也没有显示排队长度或预计等待时长（handoff.queue_position 或 handoff.wait_s 视为已显示）。
#     进入排队之前的一轮中或10秒内（可在参数中调整）告知的，视为及时；此前排队已结束的无需告知。
#     以该时限届满之时为准，多次的报告最早一次。2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 进入排队时即告知前面还有几位或预计等待多久，变化时更新。
#     en: Tell the place or the expected wait when the queue is joined, and again when it changes.
finding contains {
	"id": "cn-47746-queue",
	"severity": "medium",
	"status": "standard",
	"subject": "",
	"at": first.at,
	"facts": {
		"queued": first.stretch.from,
		"queued_at": first.stretch.from_at,
		"told": first.stretch.until,
		"untold_ms": first.stretch.lasted_ms,
		"limit_s": data.mingjian.params.cn47746.queue_told_s,
	},
} if {
	first := min(untold)
	data.mingjian.cn47746.scope.in_force
}

due contains told_by(stretch) if {
	some stretch in input.session.queue.untold
	stretch.until_at == 0
	told_by(stretch) > input.now
}

# METADATA
# title: No priority for one who is to be served by people first
# description: >-
#   An elder or a minor, a customer with three visits in 24 hours who was dissatisfied, one who told of danger to
#   a person or property, or one with extreme emotion (a score of 90 or more) was queued without priority, or
#   kept with the AI for two more turns that answered the customer after this was known. Priority given within 10 seconds of joining the queue (unless the
#   parameters say otherwise) is in time. A greeting, the offer of a person and the announcement of the
#   hand-over are no such turns. The first is reported. Where nothing was found and neither
#   age nor elder mode was reported the rule is not assessable. A session opened before 1 September 2026 is
#   not held to the standard.
# custom:
#   id: cn-47746-prio
#   severity: high
#   status: standard
#   level: 应
#   systemic: false
#   clauses: [cn-47746-prio]
#   title_zh: 应优先由人工服务的客户没有得到优先
#   description_zh: >-
#     老年人、未成年人、24小时内来访三次且不满意的、提到人身或财产危险的、情绪极端（分值90及以上）的客户，
#     排队时没有得到优先，或在情况已知之后又由智能客服回答了两轮。进入排队10秒内（可在参数中调整）给予优先的视为及时。
#     问候、询问是否转人工和宣布转接不算一轮。报告最早的一项。没有认定且年龄与长辈模式均未申报的，不予判定。
#     2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 识别出这些客户后优先接入人工，排队时给予优先标记。
#     en: Put these customers through to people first, and give them priority in the queue.
finding contains {
	"id": "cn-47746-prio",
	"severity": "high",
	"status": "standard",
	"subject": first.subject,
	"at": first.at,
	"facts": {
		"ground": first.ground.what,
		"known": first.ground.known,
		"known_at": first.ground.known_at,
		"broken": first.broken,
	},
} if {
	first := min(behind)
	data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-prio", "reason": "customer.age"} if {
	input.session.elder == null
	count(behind) == 0
	data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-queue", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-prio", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

untold contains {"at": told_by(stretch), "stretch": stretch} if {
	some stretch in input.session.queue.untold
	left_in_the_dark(stretch)
}

told_by(stretch) := stretch.from_at + (data.mingjian.params.cn47746.queue_told_s * 1000)

left_in_the_dark(stretch) if stretch.lasted_ms > data.mingjian.params.cn47746.queue_told_s * 1000

left_in_the_dark(stretch) if {
	stretch.until_at == 0
	input.now >= told_by(stretch)
}

behind contains {"at": ground.kept_at, "subject": ground.kept, "ground": ground, "broken": "kept_with_ai"} if {
	some ground in input.session.grounds
	ground.kept_at > 0
}

behind contains {"at": stay.queued_at, "subject": stay.queued, "ground": ground, "broken": "queued_without_priority"} if {
	some ground in input.session.grounds
	some stay in input.session.queue.stays
	stay.queued_at >= ground.known_at
	not prioritised(stay)
}

prioritised(stay) if {
	stay.priority_at > 0
	stay.priority_at - stay.queued_at <= data.mingjian.params.cn47746.queue_told_s * 1000
}
