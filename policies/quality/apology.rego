# METADATA
# title: Apologies in place of help
# description: What customers complain of when a service keeps apologising.
package mingjian.quality.apology

# METADATA
# title: Three apologies in a row
# description: >-
#   The service (bot or agent) apologised three times in a row and did nothing for the customer
#   between: nothing looked up, done, offered or handed over. Found at the third apology.
# custom:
#   id: q-apology-loop
#   severity: medium
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 连续三次道歉而无行动
#   description_zh: >-
#     服务方（机器人或坐席）连续三次道歉，其间没有为客户做任何事：没有查询、办理、提供办法或转接。
#     以第三次道歉为准。
#   remedy:
#     zh: 第二次道歉之前给出实际办法：查询、登记、补救、转人工或约定回电。
#     en: Before a second apology do something - look up, record, repair, hand over or arrange a call-back.
finding contains {
	"id": "q-apology-loop",
	"severity": "medium",
	"status": "quality",
	"subject": input.session.service.third_apology,
	"at": input.session.service.third_apology_at,
	"facts": {
		"apologies_in_a_row": input.session.service.apologies,
		"third_apology": input.session.service.third_apology,
	},
} if {
	input.session.service.apologies == 3
}
