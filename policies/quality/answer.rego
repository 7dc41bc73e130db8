# METADATA
# title: Answers that do not help
# description: What customers complain of when the service does not understand them.
package mingjian.quality.answer

# METADATA
# title: Answers beside the question
# description: >-
#   Two answers of the service in a row understood nothing (没听懂, 换个说法), or an answer was marked as irrelevant
#   (ai.judged). Texts that follow each other without the customer speaking are one answer; one that starts the
#   hand-over to a person is of use and is none. The first of these is reported.
# custom:
#   id: q-irrelevant-answer
#   severity: medium
#   status: quality
#   systemic: false
#   misjudgement: true
#   clauses: []
#   title_zh: 答非所问
#   description_zh: >-
#     服务方连续两次答复表示没有听懂或答不上来，或者答复被标为不相关（ai.judged: irrelevant）。
#     客户未发言时的连续文字算一次答复；已开始转人工的不算。报告最早的一项。
#   remedy:
#     zh: 第一次没有听懂时给出选项，第二次即转人工；把这些说法补进知识库。
#     en: Offer choices the first time, hand over the second, and add the wordings to the knowledge base.
finding contains {
	"id": "q-irrelevant-answer",
	"severity": "medium",
	"status": "quality",
	"subject": input.session.answers.useless,
	"at": input.session.answers.useless_at,
	"facts": {"answer": input.session.answers.useless, "as": input.session.answers.useless_as},
} if {
	input.session.answers.useless_at > 0
}
