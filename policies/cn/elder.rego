# METADATA
# title: Channels for elders and for accessible needs
# description: An elder customer is 65 or older, or uses the elder mode.
package mingjian.cn.elder

# METADATA
# title: No elder channel
# description: >-
#   An elder customer was served and the entrance offers no channel for elders. An entrance that
#   was reported without the field counts as not offering it. Where age and elder mode, or the
#   entrance, were not reported the rule is not assessable. Found at the event with which both were
#   known, usually the opening.
# custom:
#   id: cn-elder-channel-missing
#   severity: critical
#   status: policy
#   status_when:
#     - {status: statute, when: {zh: 行业为电信，且会话始于2023年9月1日（无障碍环境建设法施行）及以后, en: the industry is telecom and the session was opened on or after 1 September 2023}}
#   systemic: false
#   clauses: [cn-65-direct, cn-afe-34]
#   title_zh: 没有老年人专属通道
#   description_zh: >-
#     服务对象为老年客户（年满65周岁或使用长辈模式），而入口没有提供老年人通道。
#     已申报的入口缺少该字段的，视为没有提供。年龄与长辈模式均未申报，或入口未申报的，不予判定。
#     以两者均已知晓的事件为准，通常即会话开始。
#   remedy:
#     zh: 为年满65周岁的用户提供一键直达人工的入口，不经菜单，并在入口信息中如实申报。
#     en: Give customers of 65 and over one key straight to a person, past all menus, and declare it in the entrance.
finding contains {
	"id": "cn-elder-channel-missing",
	"severity": "critical",
	"status": status,
	"subject": input.session.no_elder_channel,
	"at": input.session.no_elder_channel_at,
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

# METADATA
# title: No accessible channel
# description: >-
#   A customer with an accessible need (hearing, vision, speech, mobility, cognitive) was served and the
#   entrance offers no accessible channel. An entrance that was reported without the field counts as
#   not offering it. Where the customer's needs, or the entrance, were not reported the rule is not assessable; needs reported as an empty list are none. Found at the
#   event with which both were known, usually the opening.
# custom:
#   id: cn-accessible-channel-missing
#   severity: critical
#   status: policy
#   status_when:
#     - {status: statute, when: {zh: 行业为电信，且会话始于2023年9月1日（无障碍环境建设法施行）及以后, en: the industry is telecom and the session was opened on or after 1 September 2023}}
#   systemic: false
#   clauses: [cn-afe-34]
#   title_zh: 没有无障碍通道
#   description_zh: >-
#     服务对象有无障碍需求（听力、视力、言语、肢体、认知），而入口没有提供无障碍通道。
#     已申报的入口缺少该字段的，视为没有提供。客户需求或入口未申报的，不予判定；申报为空的即没有需求。
#     以两者均已知晓的事件为准，通常即会话开始。
#   remedy:
#     zh: 为有无障碍需求的用户提供语音、大字、文字或人工等适合的通道，并在入口信息中如实申报。
#     en: Give customers with accessible needs a channel that suits them (voice, large print, text or a person) and declare it in the entrance.
finding contains {
	"id": "cn-accessible-channel-missing",
	"severity": "critical",
	"status": status,
	"subject": input.session.access.no_channel,
	"at": input.session.access.no_channel_at,
	"facts": {
		"accessible_need": true,
		"accessible_channel": false,
		"human_option_visible": input.session.entrance.human_option_visible,
		"industry": input.session.industry,
	},
} if {
	input.session.access.no_channel_at > 0
}

not_assessable contains {
	"id": "cn-accessible-channel-missing",
	"reason": "customer.needs",
} if {
	input.session.accessible == false
	input.session.access.needs_reported == false
}

not_assessable contains {
	"id": "cn-accessible-channel-missing",
	"reason": "entrance",
} if {
	input.session.accessible == true
	input.session.entrance == null
}

default status := "policy"

# The Accessible Environment Law is in force since 2023-09-01, midnight in Beijing.
status := "statute" if {
	input.session.industry == "telecom"
	input.session.opened >= 1693497600000
}
