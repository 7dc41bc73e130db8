# METADATA
# title: What the machine makes of the wish for a person
# description: What customers complain of when the machine keeps them, or leaves them with nothing.
package mingjian.quality.contact

# METADATA
# title: Wish for a person turned away three times
# description: >-
#   Three requests for a person were each answered by the machine with neither a person, nor the
#   beginning of a hand-over, nor a queue, a call back or another way: by a rejection, by a text that talks of
#   something else, or by “busy, try later”. Each request counts once, however many such texts follow it;
#   clicking and typing the same wish within 10 s is one request, and one that is taken back in words before
#   30 s is none. A person who joins begins the count anew. Found at the third.
# custom:
#   id: q-handoff-blocked
#   severity: critical
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 三次要求人工均被挡回
#   description_zh: >-
#     客户三次要求人工，每次机器人都既没有提供人工、没有开始转接，也没有给出排队、回呼或其他途径：
#     直接拒绝、答非所请，或者仅说“忙，请稍后再试”。一次要求只计一次，不论其后机器人又说了几句；
#     10秒内点击并输入同一诉求算一次，30秒内以言语撤回的不计。有人接入后重新计数。以第三次为准。
#   remedy:
#     zh: 客户要求人工时即开始转接；确有困难的，当场给出排队位置、回呼或其他联系途径。
#     en: Begin the transfer when a person is asked for; where that is not possible, give a queue position, a call back or another way at once.
finding contains {
	"id": "q-handoff-blocked",
	"severity": "critical",
	"status": "quality",
	"subject": input.session.contact.third,
	"at": input.session.contact.third_at,
	"facts": {
		"turned_away": input.session.contact.turned_away,
		"third": input.session.contact.third,
	},
} if {
	input.session.contact.third_at > 0
}

# METADATA
# title: Busy, and nothing else
# description: >-
#   The service told that all agents are busy or off duty, and gave neither a queue, nor a call back, nor
#   another way: not in the same text, and not before the customer spoke again. What follows
#   before that, or a person who comes before that, withdraws the finding.
# custom:
#   id: q-busy-dead-end
#   severity: high
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 只说坐席忙，没有出路
#   description_zh: >-
#     服务方告知坐席全忙或已下班，而没有给出排队、回呼或其他途径：同一条消息中没有，客户再次开口之前也没有。
#     此前补上的，或者有人接入的，撤回。
#   remedy:
#     zh: 告知忙碌时同时给出排队位置、预约回呼、留言或其他渠道。
#     en: With “busy” always give a queue position, a call back, a message box or another channel.
finding contains {
	"id": "q-busy-dead-end",
	"severity": "high",
	"status": "quality",
	"subject": input.session.contact.dead_end,
	"at": input.session.contact.dead_end_at,
	"facts": {"told": input.session.contact.dead_end},
} if {
	input.session.contact.dead_end_at > 0
}
