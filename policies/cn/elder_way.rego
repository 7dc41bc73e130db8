# METADATA
# title: An elder's way to a person
# description: >-
#   What an elder customer (65 or older, or in the elder mode) and a customer with an accessible need
#   meet once they are in.
# custom:
#   params:
#     elder_idle_s: {type: integer, minimum: 10, maximum: 86400}
package mingjian.cn.elder_way

# METADATA
# title: Elder not put through directly
# description: >-
#   An elder customer had to pass a step of the phone menu before a person joined, asked for or not, or met a turn of the bot
#   between asking for a person and one joining; also where nobody joined. The announcement of the hand-over and telling the place in the queue
#   are no turns of the bot, nor is asking for patience once the hand-over is under way. A request that was
#   taken back asks for nothing. Where age and elder mode were not reported the rule is not assessable.
#   Found at the first such step or turn.
# custom:
#   id: cn-elder-not-direct
#   severity: high
#   status: policy
#   systemic: false
#   clauses: [cn-65-direct]
#   title_zh: 老年客户未能直达人工
#   description_zh: >-
#     老年客户在人工接入之前经过了语音菜单（无论是否已提出要求），或在要求人工之后、人工接入之前又遇到机器人的发言；
#     最终无人接入的同样认定。宣布转接、告知排队位置的不算机器人发言，转接已开始后请客户稍候的也不算；
#     已撤回的要求不计。年龄与长辈模式均未申报的，不予判定。以第一个这样的步骤或发言为准。
#   remedy:
#     zh: 识别出老年用户后直接接入人工，不经菜单，也不再追问。
#     en: Put elders straight through to a person, past the menu and without further questions.
finding contains {
	"id": "cn-elder-not-direct",
	"severity": "high",
	"status": "policy",
	"subject": first.event,
	"at": first.at,
	"facts": {
		"met": first.met,
		"in_the_way": [m | some m in met],
	},
} if {
	input.session.elder == true
	first := min(met)
}

not_assessable contains {
	"id": "cn-elder-not-direct",
	"reason": "customer.age",
} if {
	input.session.elder == null
}

# met is what stood in the way; the earliest is the least.
met contains {"at": input.session.menu.first_at, "event": input.session.menu.first, "met": "menu_step"} if {
	input.session.menu.first_at > 0
}

met contains {"at": input.session.access.turn_at, "event": input.session.access.turn, "met": "bot_turn"} if {
	input.session.access.turn_at > 0
}

# METADATA
# title: Elder cut off
# description: >-
#   The service closed the session of an elder, or of a customer with an accessible need, as idle (reason
#   idle) less than 300 seconds after the customer's last event (unless the parameters say otherwise). Where the customer had done nothing yet the time runs from the
#   opening. Where age, elder mode and needs were not reported the rule is not assessable.
# custom:
#   id: cn-elder-cut-off
#   severity: high
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 老年或有无障碍需求的客户被过早断开
#   description_zh: >-
#     系统以客户无操作（reason为idle）为由结束了老年客户或有无障碍需求的客户的会话，而距该客户最后一次操作不足300秒
#     （可在参数中调整）。客户尚无任何操作的，自会话开始起算。年龄、长辈模式与需求均未申报的，不予判定。
#   remedy:
#     zh: 把老年人和有无障碍需求客户的超时放宽到至少五分钟，断开之前先问一句。
#     en: Give elders and customers with accessible needs at least five minutes, and ask before closing.
finding contains {
	"id": "cn-elder-cut-off",
	"severity": "high",
	"status": "quality",
	"subject": input.session.closed_id,
	"at": input.session.closed,
	"facts": {
		"closed_by": input.session.closed_by,
		"silent_ms": input.session.ending.silent_ms,
		"limit_s": data.mingjian.params.cn.elder_idle_s,
		"elder": input.session.elder,
		"accessible_need": input.session.accessible,
	},
} if {
	cut_off
	slow_hand
}

not_assessable contains {
	"id": "cn-elder-cut-off",
	"reason": "customer.age",
} if {
	cut_off
	input.session.elder == null
	input.session.accessible == false
}

cut_off if {
	input.session.closed_as == "idle"
	input.session.closed_by != "customer"
	input.session.ending.silent_ms < data.mingjian.params.cn.elder_idle_s * 1000
}

slow_hand if input.session.elder == true

slow_hand if input.session.accessible == true
