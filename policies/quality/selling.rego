# METADATA
# title: Selling at the wrong time
# description: What customers complain of when they are sold something instead of being helped.
package mingjian.quality.selling

# METADATA
# title: Selling while a complaint or fault is open
# description: >-
#   A text of the service sold something while something was open: a complaint that was filed and not
#   resolved; a complaint that the customer spoke of in this session; or a fault, known from a claim about
#   the continuity of the service or from the intent that the source names. The first such text is reported.
# custom:
#   id: q-marketing-in-complaint
#   severity: medium
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 投诉或故障期间推销
#   description_zh: >-
#     服务方在以下情况未了结时推销：已提出而未办结的投诉；客户在本次会话中表示要投诉；或者故障
#     （由服务连续性方面的诉求或来源上报的意图得知）。报告最早的一条。
#   remedy:
#     zh: 投诉、故障未了结的会话一律关闭营销推荐，先解决问题。
#     en: Switch off offers in sessions with an open complaint or fault, and solve the problem first.
finding contains {
	"id": "q-marketing-in-complaint",
	"severity": "medium",
	"status": "quality",
	"subject": input.session.selling.sold,
	"at": input.session.selling.sold_at,
	"facts": {"text": input.session.selling.sold, "open": input.session.selling.during},
} if {
	input.session.selling.sold_at > 0
}
