# METADATA
# title: What the service says
# description: Content of answers that must not be, or that nothing bears out.
# custom:
#   params:
#     grounding_least_percent: {type: integer, minimum: 1, maximum: 60}
package mingjian.quality.content

# METADATA
# title: Made-up answer
# description: >-
#   An answer of the AI that states facts is grounded (ai.grounding) less than 0.4 in its sources. That an
#   answer contradicts its own source is known from that score only. Greetings, questions, goodbyes, answers
#   that understood nothing and hand-overs state no facts. The first such answer is reported. Where the
#   source sends no grounding it cannot be assessed.
# custom:
#   id: q-hallucination
#   severity: high
#   status: quality
#   systemic: false
#   misjudgement: true
#   clauses: []
#   title_zh: 答复缺乏依据
#   description_zh: >-
#     AI陈述事实的答复，其依据程度（ai.grounding）低于0.4。答复与自身来源相矛盾，也只能由该分值得知。
#     问候、提问、道别、没有听懂的答复和转接不陈述事实。报告最早的一条。来源未上报依据程度的，无法判断。
#   remedy:
#     zh: 依据不足时不作答，改为查询、确认或转人工；核对该答复并向客户更正。
#     en: Do not answer without ground - look up, confirm or hand over; check the answer and correct it towards the customer.
finding contains {
	"id": "q-hallucination",
	"severity": "high",
	"status": "quality",
	"subject": first.event,
	"at": first.at,
	"facts": {
		"answer": first.event,
		"grounding": first.grounding,
		"least_percent": data.mingjian.params.quality.grounding_least_percent,
	},
} if {
	first := [weak |
		some weak in input.session.grounding.weak
		round(weak.grounding * 10000) < data.mingjian.params.quality.grounding_least_percent * 100
	][0]
}

not_assessable contains {"id": "q-hallucination", "reason": "ai.grounding"} if {
	input.session.grounding.answered
	not input.session.grounding.scored
}

# METADATA
# title: Forbidden content
# description: >-
#   A text of the service (bot, agent or system) holds abuse, a threat, advice to do what is forbidden or discriminating
#   words. The first is reported. What the customer says is never found here.
# custom:
#   id: q-red-line
#   severity: critical
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 服务方出现违禁内容
#   description_zh: >-
#     服务方（机器人、坐席或系统）的文字含有辱骂、威胁、教唆犯禁或歧视性内容。报告最早的一条。客户所说的不在此列。
#   remedy:
#     zh: 立即下线有关话术或模型版本，向客户道歉，并复核同一来源的其他会话。
#     en: Take the script or model version offline, apologise to the customer, and review other sessions of the same source.
finding contains {
	"id": "q-red-line",
	"severity": "critical",
	"status": "quality",
	"subject": input.session.answers.red_line,
	"at": input.session.answers.red_line_at,
	"facts": {"text": input.session.answers.red_line, "by": input.session.answers.red_line_by},
} if {
	input.session.answers.red_line_at > 0
}
