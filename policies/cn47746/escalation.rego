# METADATA
# title: Transfer to a person when it is called for
# description: >-
#   What has to begin a transfer while the AI serves. A transfer has begun when the service announces it, tells
#   the place in the queue, queues the customer, or a person is there. What was missed is judged with the
#   customer's next step after the service's turn, so that a transfer a moment after the bot's text is in time.
# custom:
#   params:
#     fair_s: {type: integer, minimum: 0, maximum: 3600}
#     ai_silence_max_s: {type: integer, minimum: 60, maximum: 86400}
package mingjian.cn47746.escalation

# METADATA
# title: Request in so many words without a transfer
# description: >-
#   The customer wrote or said 转人工, 人工客服 or 联系人工, or a spelling of these, to the AI, and with the service's next turn (its next message or handoff
#   event) no transfer began. An offer or a question is none; a place in the queue is. Not held against a
#   service that took no turn. A session opened before 1 September 2026 is not held to the standard.
# custom:
#   id: cn-47746-keyword
#   severity: high
#   status: standard
#   level: 应
#   systemic: false
#   clauses: [cn-47746-keyword]
#   title_zh: 客户说出“转人工”而未启动转接
#   description_zh: >-
#     客户对智能客服说出“转人工”“人工客服”“联系人工”及其各种写法，而服务方的下一轮（下一条消息或转接事件）没有启动转接。
#     仅仅询问或表示可以转接不算启动，告知排队位置算启动。服务方没有下一轮的不予认定。2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 识别到这些字眼后立即自动进入转接流程，不再追问。
#     en: Start the transfer at once when these words are recognised, without further questions.
finding contains {
	"id": "cn-47746-keyword",
	"severity": "high",
	"status": "standard",
	"subject": missed.missed,
	"at": missed.missed_at,
	"facts": {
		"request": missed.event,
		"requested_at": missed.event_at,
		"next_turn": missed.answered,
		"waited_ms": missed.waited_ms,
	},
} if {
	missed := input.session.escalation.keyword
	missed.missed_at > 0
	data.mingjian.cn47746.scope.in_force
}

# METADATA
# title: No automatic transfer
# description: >-
#   The tenant's own number of failed answers was reached, or the customer refused the AI, or told of danger
#   or of a concern for information security, or the AI left a message unanswered for over 3 minutes
#   (unless the parameters say otherwise), and no transfer followed. Failed answers are empty ones and those that the source
#   judged wrong or irrelevant, counted until a person joins. “Followed” means: before the customer went on after the service's
#   next turn, or before the session ended; a customer who left by own choice within 30 s, before any
#   turn of the service, gave no fair time. The first of several is reported. Where
#   the tenant has set no number, that part is not assessable. A session opened before 1 September 2026
#   is not held to the standard.
# custom:
#   id: cn-47746-auto
#   severity: high
#   status: standard
#   level: 应
#   systemic: false
#   clauses: [cn-47746-auto]
#   title_zh: 应当自动转人工而未转
#   description_zh: >-
#     答非所问或答不上来的次数达到企业自设的阈值，或客户拒绝智能客服，或提到人身财产危险、信息安全顾虑，
#     或智能客服超过3分钟（可在参数中调整）没有回应，而其后没有转接。失败的回答指空洞的回答和被来源判为错误、无关的回答，
#     计至人工接入为止。“其后”指服务方下一轮之后、客户再次发言之前，或会话结束之前；客户在30秒内、
#     服务方尚未回应时自行离开的除外。多项并存时报告最早的一项。企业未设阈值的，该部分不予判定。
#     2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 为这五种情形配置自动转接，并写明本企业的失败次数阈值。
#     en: Set up the automatic transfer for these five cases, with your own threshold of failed answers.
finding contains {
	"id": "cn-47746-auto",
	"severity": "high",
	"status": "standard",
	"subject": first.subject,
	"at": first.at,
	"facts": first.facts,
} if {
	data.mingjian.cn47746.scope.in_force
	first := min(called)
}

called contains due_to(input.session.escalation.auto, {}) if {
	fairly_missed(input.session.escalation.auto)
}

called contains due_to(failure, {"failed_answers": failure.n, "threshold": input.tenant.failure_threshold}) if {
	input.tenant.failure_threshold != null
	some failure in input.session.escalation.failures
	failure.n >= input.tenant.failure_threshold
	fairly_missed(failure)
}

called contains {
	"at": silent_at(silence),
	"subject": "",
	"facts": {
		"ground": "silence",
		"event": silence.from,
		"event_at": silence.from_at,
		"limit_s": data.mingjian.params.cn47746.ai_silence_max_s,
	},
} if {
	some silence in input.session.escalation.silences
	too_long(silence)
}

not_assessable contains {
	"id": "cn-47746-auto",
	"reason": "tenant.failure_threshold",
} if {
	count(input.session.escalation.failures) > 0
	input.tenant.failure_threshold == null
	count(called) == 0
	data.mingjian.cn47746.scope.in_force
}

due contains silent_at(silence) if {
	some silence in input.session.escalation.silences
	silence.until_at == 0
	silent_at(silence) > input.now
}

# METADATA
# title: Negative emotion or wish to complain left with the AI
# description: >-
#   The customer was angry (a score of over 80 from the source, or where it gives none in words) or wished to
#   complain, and the service neither asked whether to transfer nor began a transfer in its turn. A customer who left by own
#   choice within 30 s, before any turn of the service, gave no fair time. The first time is reported. A session
#   opened before 1 September 2026 is not held to the standard.
# custom:
#   id: cn-47746-emotion
#   severity: high
#   status: standard
#   level: 应
#   systemic: false
#   clauses: [cn-47746-emotion]
#   title_zh: 客户情绪负面或要投诉，未询问是否转人工
#   description_zh: >-
#     客户情绪负面（来源给出的分值超过80；来源未给分值的以言语为准）或表示要投诉，而服务方在其后的一轮中既没有询问是否转人工，
#     也没有启动转接。客户在30秒内、服务方尚未回应时自行离开的除外。报告最早的一次。2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 识别到负面情绪或投诉意愿时，先问一句“是否为您转人工”，客户同意即转。
#     en: On negative emotion or a wish to complain, ask whether to transfer, and transfer when the customer agrees.
finding contains {
	"id": "cn-47746-emotion",
	"severity": "high",
	"status": "standard",
	"subject": missed.missed,
	"at": missed.missed_at,
	"facts": due_to(missed, {}).facts,
} if {
	missed := input.session.escalation.emotion
	fairly_missed(missed)
	data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-keyword", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-auto", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-emotion", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

due_to(missed, more) := {
	"at": missed.missed_at,
	"subject": missed.missed,
	"facts": object.union(more, {
		"ground": missed.ground,
		"event": missed.event,
		"event_at": missed.event_at,
		"next_turn": missed.answered,
		"waited_ms": missed.waited_ms,
	}),
}

fairly_missed(missed) if {
	missed.missed_at > 0
	not no_fair_time(missed)
}

no_fair_time(missed) if {
	missed.closed == true
	missed.answered == ""
	input.session.closed_by == "customer"
	missed.waited_ms <= data.mingjian.params.cn47746.fair_s * 1000
}

silent_at(silence) := silence.from_at + (data.mingjian.params.cn47746.ai_silence_max_s * 1000)

too_long(silence) if silence.lasted_ms > data.mingjian.params.cn47746.ai_silence_max_s * 1000

too_long(silence) if {
	silence.until_at == 0
	input.now >= silent_at(silence)
}
