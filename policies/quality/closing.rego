# METADATA
# title: How a session ends
# description: What customers complain of when the service ends a session.
package mingjian.quality.closing

# METADATA
# title: Closed unresolved after a request for a person
# description: >-
#   The customer had asked for a person (and not taken that back in words before 30 s), and the service
#   (bot, agent or system) closed the session unresolved, whether or not a person had joined. A session that
#   goes on elsewhere (close.reason transfer) is not closed. Where the source does not say whether it
#   was resolved, also because silence ended it, the rule is not assessable.
# custom:
#   id: q-closed-unresolved
#   severity: high
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 要求人工后未解决即被关闭
#   description_zh: >-
#     客户曾要求人工（30秒内以言语撤回的除外），而服务方（机器人、坐席或系统）在问题未解决时关闭了会话，
#     不论其间是否有人接入。转到别处继续的（close.reason 为 transfer）不算关闭。来源未说明是否解决的，
#     包括因长时间无消息而结束的，不作判断。
#   remedy:
#     zh: 问题未解决且客户要求过人工的，不由服务方结束会话；转人工、留工单或约定回呼。
#     en: Do not end a session unresolved after a person was asked for; transfer it, keep a ticket or agree a call back.
finding contains {
	"id": "q-closed-unresolved",
	"severity": "high",
	"status": "quality",
	"subject": input.session.closed_id,
	"at": input.session.closed,
	"facts": {
		"closed_by": input.session.closed_by,
		"reason": input.session.closed_as,
		"requests": input.session.human.strikes,
	},
} if {
	closed_after_request
	input.session.resolved == false
}

not_assessable contains {"id": "q-closed-unresolved", "reason": "close.resolved"} if {
	closed_after_request
	input.session.resolved == null
}

closed_after_request if {
	input.session.closed > 0
	input.session.closed_by in {"bot", "agent", "system"}
	input.session.closed_as != "transfer"
	input.session.human.strikes > 0
}
