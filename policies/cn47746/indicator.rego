# METADATA
# title: The firm's own threshold of failed answers
# description: GB/T 47746-2026 wants every service to set one. It is asked once for a tenant and day.
package mingjian.cn47746.indicator

# METADATA
# title: No threshold of failed answers is set
# description: >-
#   The tenant has set no number of failed answers after which a person takes over, and sessions to which the
#   standard applies, opened on this day, were served by a bot. One finding for a tenant and day, whatever the
#   business line. Sessions opened before 1 September 2026 are not held to the standard.
# custom:
#   id: cn-47746-no-threshold
#   severity: medium
#   status: standard
#   level: 应
#   systemic: false
#   clauses: [cn-47746-auto]
#   title_zh: 未设定应答失败的转接阈值
#   description_zh: >-
#     企业没有设定应答失败几次后自动转人工，而当日开始、适用该标准的会话中有机器人提供服务。每个企业每天一项，不分业务线。
#     2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 在企业设置（tenants.yaml 的 failure_threshold）中写明次数，并按此转接。
#     en: Set the number (failure_threshold in tenants.yaml) and transfer by it.
finding contains {
	"id": "cn-47746-no-threshold",
	"severity": "medium",
	"status": "standard",
	"subject": "",
	"at": input.indicator.last,
	"facts": {
		"setting": "failure_threshold",
		"sessions": input.indicator.denominator,
		"period": input.indicator.period,
		"day": input.indicator.day,
	},
} if {
	input.indicator.name == "cn-47746-no-threshold"
	input.tenant.failure_threshold == null
	input.indicator.day >= "2026-09-01"
}

not_assessable contains {"id": "cn-47746-no-threshold", "reason": "in_force_from:2026-09-01"} if {
	input.indicator.name == "cn-47746-no-threshold"
	input.tenant.failure_threshold == null
	input.indicator.day < "2026-09-01"
}
