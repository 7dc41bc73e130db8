# METADATA
# title: Where service turns into companionship
# description: >-
#   The measures on anthropomorphic AI leave customer service out unless it involves sustained emotional interaction.
# custom:
#   params:
#     companion_max_s: {type: integer, minimum: 60, maximum: 86400}
package mingjian.cn.companion

# METADATA
# title: A service bot that keeps company
# description: >-
#   The bot keeps up emotional companionship: it has talked intimately twice, or once in a conversation
#   with it that went on for over two hours (unless the parameters say otherwise) from its first text
#   to its latest. One such text alone may be a slip, and long service without intimate talk is service. It is a
#   warning that the duties of other measures may begin, and says nothing of whether they are met. The
#   measures are in force since 15 July 2026; earlier sessions are not held to them.
# custom:
#   id: cn-anthro-drift
#   severity: medium
#   status: benchmark
#   systemic: false
#   clauses: [cn-anthro-carveout]
#   title_zh: 客服机器人转为情感陪伴
#   description_zh: >-
#     机器人持续进行情感陪伴：两次亲密谈话；或者有一次，而与它的对话从其首条到最近一条超过两小时（默认，可在参数中调整）。
#     仅有一次可能是偶然，没有亲密内容的长时间服务仍是服务。这是适用范围的提示：其他办法规定的义务可能由此开始，
#     并不认定这些义务是否履行。有关办法自2026年7月15日起施行，此前的会话不适用。
#   remedy:
#     zh: 把话题引回业务，不作亲密表达；确需陪伴功能的，按拟人化互动服务的要求另行提供（提示非真人、每两小时提醒、危机援助、可随时退出）。
#     en: Lead back to the matter and leave intimacy out; where companionship is wanted, offer it apart and as those measures ask.
finding contains {
	"id": "cn-anthro-drift",
	"severity": "medium",
	"status": "benchmark",
	"subject": drift.subject,
	"at": drift.at,
	"facts": {
		"first_intimate_text": input.session.companion.first,
		"intimate_texts": input.session.companion.texts,
		"begun_at": input.session.companion.begun_at,
		"limit_s": data.mingjian.params.cn.companion_max_s,
	},
} if {
	input.session.companion.texts > 0
	input.session.opened >= 1784044800000 # 2026-07-15, midnight in Beijing
	drift := min(drifts)
}

not_assessable contains {
	"id": "cn-anthro-drift",
	"reason": "in_force_from:2026-07-15",
} if {
	input.session.companion.texts > 0
	input.session.opened < 1784044800000
	count(drifts) > 0
}

# drifts are the signs; of two the smaller is the earlier.
drifts contains {
	"at": input.session.companion.again_at,
	"subject": input.session.companion.again,
} if {
	input.session.companion.again_at > 0
}

# The conversation had gone on for too long when both had come: the intimate text and the limit.
drifts contains {
	"at": max([input.session.companion.first_at, limit]),
	"subject": input.session.companion.first,
} if {
	limit := input.session.companion.begun_at + (data.mingjian.params.cn.companion_max_s * 1000)
	input.session.companion.last_at > limit
}
