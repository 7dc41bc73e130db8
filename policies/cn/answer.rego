# METADATA
# title: What answers say
# description: Whether answers on quality, use, price and rights are true.
package mingjian.cn.answer

# METADATA
# title: Untrue answer
# description: >-
#   An answer was said to be wrong: a misjudgement was reported with claim.kind price, quality or rights, a
#   review found one of such a kind, or the source marked an answer as wrong (ai.judged) without naming
#   another kind. The first of these is reported. A review that finds no misjudgement takes away what was
#   reported or marked before it.
# custom:
#   id: cn-answer-untrue
#   severity: high
#   status: statute
#   systemic: false
#   misjudgement: true
#   clauses: [cn-cpl-20-answer]
#   title_zh: 答复不真实
#   description_zh: >-
#     答复被指出有误：误判报告的 claim.kind 为价格、质量或权益，或复核认定为此类误判，或数据来源将答复标为错误
#     （ai.judged: wrong）且未注明其他类别。报告最早的一项。复核认定没有误判的，此前的报告与标记不再成立。
#   remedy:
#     zh: 向客户更正并按更有利于客户的答复履行；修正知识库并回查同一答复影响的其他客户。
#     en: Correct it towards the customer and honour the answer where it was better; mend the knowledge base and look for others who got the same answer.
finding contains {
	"id": "cn-answer-untrue",
	"severity": "high",
	"status": "statute",
	"subject": input.session.answers.untrue,
	"at": input.session.answers.untrue_at,
	"facts": {
		"told_by": input.session.answers.untrue_by,
		"event": input.session.answers.untrue,
		"kind": input.session.answers.topic,
	},
} if {
	input.session.answers.untrue_at > 0
}
