# METADATA
# title: Elder customers
# description: An elder customer is 65 or older, or uses the elder mode.
package mingjian.cn.elder

# METADATA
# title: No elder channel
# description: >-
#   An elder customer was served and the entrance offers no channel for elders. An entrance that
#   was reported without the field counts as not offering it. Where age and elder mode, or the
#   entrance, were not reported the rule is not assessable.
# custom:
#   id: cn-elder-channel-missing
#   severity: critical
#   status: policy
#   status_when:
#     - {status: statute, when: {zh: 行业为电信, en: the industry is telecom}}
#   systemic: false
#   clauses: [cn-65-direct, cn-afe-34]
#   title_zh: 没有老年人专属通道
#   description_zh: >-
#     服务对象为老年客户（年满65周岁或使用长辈模式），而入口没有提供老年人通道。
#     已申报的入口缺少该字段的，视为没有提供。年龄与长辈模式均未申报，或入口未申报的，不予判定。
#   remedy:
#     zh: 为年满65周岁的用户提供一键直达人工的入口，不经菜单，并在入口信息中如实申报。
#     en: Give customers of 65 and over one key straight to a person, past all menus, and declare it in the entrance.
finding contains {
	"id": "cn-elder-channel-missing",
	"severity": "critical",
	"status": status,
	"subject": "",
	"at": input.session.opened,
	"facts": {
		"elder": true,
		"elder_channel": false,
		"human_option_visible": input.session.entrance.human_option_visible,
		"industry": input.session.industry,
	},
} if {
	input.session.elder == true
	input.session.entrance.elder_channel == false
}

not_assessable contains {
	"id": "cn-elder-channel-missing",
	"reason": "customer.age",
} if {
	input.session.elder == null
}

not_assessable contains {
	"id": "cn-elder-channel-missing",
	"reason": "entrance",
} if {
	input.session.elder == true
	input.session.entrance == null
}

default status := "policy"

status := "statute" if input.session.industry == "telecom"
