# METADATA
# title: Ending a session
# description: When the service may end a session, and what it has to leave.
# custom:
#   params:
#     silence_chat_s: {type: integer, minimum: 0, maximum: 3600}
#     silence_phone_s: {type: integer, minimum: 0, maximum: 3600}
package mingjian.cn47746.closing

# METADATA
# title: Ended too soon
# description: >-
#   The service ended the session sooner than the standard lets: a person in a chat, or the AI on the phone, before 60 seconds without any
#   act of the customer; a person on the phone before 10 seconds and before having spoken twice to no answer. The time runs from the customer's last
#   event. An ending after both sides said goodbye is not early; a transfer and an error are no endings of
#   this kind; for the AI in a chat the organisation sets its own time. Where the channel is unknown the rule is not
#   assessable. A session opened before 1 September 2026 is not held to the standard.
# custom:
#   id: cn-47746-close
#   severity: medium
#   status: standard
#   level: 可
#   systemic: false
#   clauses: [cn-47746-close]
#   title_zh: 过早结束会话
#   description_zh: >-
#     服务方早于标准允许的时间结束会话：在线人工或电话智能客服在客户没有任何操作未满60秒时结束；电话人工在未满10秒、
#     且未经两次询问时结束。自客户最后一次操作起算。双方道别之后结束的不算过早；转接与故障不属于这种结束；
#     在线智能客服由企业自定时长。渠道不明的不予判定。2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 把超时设为不短于标准的时长，结束前先确认客户没有其他问题。
#     en: Set the time-outs no shorter than the standard's, and ask whether there is anything else before ending.
finding contains {
	"id": "cn-47746-close",
	"severity": "medium",
	"status": "standard",
	"subject": input.session.closed_id,
	"at": input.session.closed,
	"facts": {
		"closed_by": input.session.closed_by,
		"person_serving": by_person,
		"silent_ms": input.session.ending.silent_ms,
		"limit_s": limit_s,
	},
} if {
	ended_by_service
	input.session.ending.silent_ms < limit_s * 1000
	data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-close", "reason": "channel"} if {
	ended_by_service
	input.session.channel == ""
	data.mingjian.cn47746.scope.in_force
}

# METADATA
# title: No ticket
# description: >-
#   The session was closed and no event of it carries a ticket_id, for a tenant whose source gives ticket ids (tenant setting ticket_ids); otherwise
#   the rule is not assessable. The record itself is made of the events, all of which are kept, so that the
#   ticket is what can be missing. One that is reported after the end counts. A session opened before 1 September 2026 is not held to the
#   standard.
# custom:
#   id: cn-47746-record
#   severity: medium
#   status: standard
#   level: 应
#   systemic: false
#   clauses: [cn-47746-record]
#   title_zh: 结束后没有工单
#   description_zh: >-
#     会话已结束而没有任何事件带有工单号（ticket_id）；仅适用于数据来源提供工单号的企业（企业设置 ticket_ids），否则不予判定。
#     服务记录由全部事件构成并已保存，因此可能缺少的是工单。结束之后补报的工单同样有效。2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 每次服务结束时同步生成工单，并随事件上报工单号。
#     en: Write a ticket with the end of each session and report its id with the events.
finding contains {
	"id": "cn-47746-record",
	"severity": "medium",
	"status": "standard",
	"subject": input.session.closed_id,
	"at": input.session.closed,
	"facts": {"ticket_id": null},
} if {
	input.session.ending.ticket == ""
	input.tenant.ticket_ids == true
	data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-record", "reason": "tenant.ticket_ids"} if {
	not input.tenant.ticket_ids == true
	data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-close", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-record", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

ended_by_service if {
	input.session.ending.goodbye == false
	input.session.closed_by in {"agent", "bot", "system"}
	not input.session.closed_as in {"transfer", "error"}
}

default by_person := false

by_person if input.session.ending.person == true

by_person if input.session.closed_by == "agent"

# limit_s is the silence of the customer before which the service may not end the session.
limit_s := data.mingjian.params.cn47746.silence_chat_s if {
	input.session.channel in {"app", "web", "wechat", "miniprogram", "kiosk"}
	by_person == true
}

limit_s := data.mingjian.params.cn47746.silence_chat_s if {
	input.session.channel == "phone"
	by_person == false
}

limit_s := data.mingjian.params.cn47746.silence_phone_s if {
	input.session.channel == "phone"
	by_person == true
	input.session.ending.tries < 2
}
