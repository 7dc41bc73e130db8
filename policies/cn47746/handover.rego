# METADATA
# title: The hand-over between AI and people
# description: What goes with the customer to a person, and on what terms the AI may take over again.
package mingjian.cn47746.handover

# METADATA
# title: Hand-over incomplete
# description: >-
#   A person took the session over with less than the customer's identity, history, problem and ticket state
#   (handoff.passed, of the event or of the steps before it). Where no step reported what was passed the rule is
#   not assessable. The first such take-over is reported. A session opened before 1 September 2026 is
#   not held to the standard.
# custom:
#   id: cn-47746-handover
#   severity: medium
#   status: standard
#   level: 应
#   systemic: false
#   clauses: [cn-47746-handover]
#   title_zh: 转接时信息传递不全
#   description_zh: >-
#     人工接手时，没有完整得到客户身份、历史记录、问题描述与工单状态（以该事件及此前各步的 handoff.passed 为准）。
#     各步均未上报传递内容的，不予判定。报告最早的一次接手。2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 转接时把身份、历史、问题和工单状态一并传给坐席。
#     en: Pass identity, history, problem and ticket state to the agent with every transfer.
finding contains {
	"id": "cn-47746-handover",
	"severity": "medium",
	"status": "standard",
	"subject": first.joined,
	"at": first.joined_at,
	"facts": {
		"agent": first.agent,
		"missing": missing(first),
	},
} if {
	first := [takeover |
		some takeover in input.session.transfer.takeovers
		count(missing(takeover)) > 0
	][0]
	data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-handover", "reason": "handoff.passed"} if {
	count(input.session.transfer.takeovers) > 0
	every takeover in input.session.transfer.takeovers {
		takeover.passed == null
	}
	data.mingjian.cn47746.scope.in_force
}

# METADATA
# title: Asked again after the transfer
# description: >-
#   After the transfer the person asked for something that was there already: it had been passed on
#   (handoff.passed), or the customer had given it before in answer to a question, in an account of the problem, or by telling who is speaking. Found at the first
#   such question. A session opened before 1 September 2026 is not held to the standard.
# custom:
#   id: cn-47746-norepeat
#   severity: low
#   status: standard
#   level: 宜
#   systemic: false
#   clauses: [cn-47746-norepeat]
#   title_zh: 转接后又让客户重复
#   description_zh: >-
#     转人工之后，坐席又询问已经有了的信息：已随转接传递（handoff.passed），或客户此前在回答提问、说明问题、
#     表明身份时已经提供。以第一个这样的提问为准。2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 坐席先看转接带来的记录，只问缺少的。
#     en: Let the agent read what came with the transfer and ask only for what is missing.
finding contains {
	"id": "cn-47746-norepeat",
	"severity": "low",
	"status": "standard",
	"subject": input.session.transfer.repeated,
	"at": input.session.transfer.repeated_at,
	"facts": {"asked_for": input.session.transfer.repeated_what},
} if {
	input.session.transfer.repeated_at > 0
	data.mingjian.cn47746.scope.in_force
}

# METADATA
# title: Handed back to the AI without consent
# description: >-
#   After a person had spoken with the customer the AI went on without the customer having been told and having agreed, in
#   words or as a recorded consent (consents: back_to_ai, which says that the customer was told). A goodbye, a request for a rating and texts about a
#   transfer are no going on. Found at the AI's first turn. A session opened before 1 September 2026 is not held to the standard.
# custom:
#   id: cn-47746-back
#   severity: high
#   status: standard
#   level: 可
#   systemic: false
#   clauses: [cn-47746-back]
#   title_zh: 未经同意把客户转回智能客服
#   description_zh: >-
#     人工与客户交谈之后，改由智能客服继续，而没有事先告知客户并取得同意（口头同意，或已记录的 back_to_ai 同意，后者表明已经告知）。
#     道别、邀请评价以及关于转接的话不算继续。以智能客服的第一轮发言为准。2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 转回智能客服之前先说明并征得同意，并记录同意。
#     en: Say so and get consent before the AI takes over again, and record the consent.
finding contains {
	"id": "cn-47746-back",
	"severity": "high",
	"status": "standard",
	"subject": input.session.transfer.back,
	"at": input.session.transfer.back_at,
	"facts": {
		"told": input.session.transfer.back_told,
		"consent": input.session.transfer.back_consent,
	},
} if {
	input.session.transfer.back_at > 0
	data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-handover", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-norepeat", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-back", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

missing(takeover) := [what | some what, passed in takeover.passed; passed == false]
