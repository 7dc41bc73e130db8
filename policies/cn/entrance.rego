# METADATA
# title: The human option of the entrance
# description: What the interface shows on the way in, as the enterprise declares it.
# custom:
#   params:
#     entrance_depth_max: {type: integer, minimum: 1, maximum: 20}
package mingjian.cn.entrance

# METADATA
# title: Human option hidden
# description: >-
#   The entrance shows no human option, lies deeper than two levels (unless the parameters say
#   otherwise), or the option is not the first of the voice menu (phone). An entrance that was reported
#   without saying that it shows one counts as not showing it, unless it declares one tap to a person; a depth or a place that was not reported is unknown and not
#   held against anybody. Found at the event that told of the entrance.
# custom:
#   id: cn-human-option-hidden
#   severity: high
#   status: policy
#   systemic: true
#   clauses: [cn-miit-26-hotline]
#   title_zh: 人工入口被隐藏
#   description_zh: >-
#     入口没有显示人工选项，或入口深于两层（可在参数中调整），或电话语音菜单中人工选项不在首位。
#     已申报的入口未说明显示人工选项的，视为没有显示，但申报了一键人工的除外；层级或位次未申报的属于未知，
#     不作不利认定。以申报入口的事件为准。
#   remedy:
#     zh: 在首屏或第二层以内显示人工选项；语音菜单把转人工放在第一项。
#     en: Show the human option on the first screen or within two levels, and put it first in the voice menu.
finding contains {
	"id": "cn-human-option-hidden",
	"severity": "high",
	"status": "policy",
	"subject": input.session.entrance.told,
	"at": input.session.entrance.told_at,
	"facts": {
		"hidden": [way | some way in hidden],
		"human_option_visible": input.session.entrance.human_option_visible,
		"one_tap_human": input.session.entrance.one_tap_human,
		"depth": input.session.entrance.depth,
		"depth_max": data.mingjian.params.cn.entrance_depth_max,
		"human_option_position": input.session.entrance.human_option_position,
		"channel": input.session.channel,
	},
} if {
	input.session.entrance.told_at > 0
	count(hidden) > 0
}

not_assessable contains {
	"id": "cn-human-option-hidden",
	"reason": "entrance",
} if {
	input.session.entrance == null
}

# hidden says in what the option is hidden.
hidden contains "not_shown" if {
	input.session.entrance.human_option_visible == false
	input.session.entrance.one_tap_human == false
}

hidden contains "too_deep" if input.session.entrance.depth > data.mingjian.params.cn.entrance_depth_max

hidden contains "not_first" if {
	input.session.channel == "phone"
	input.session.entrance.human_option_position > 1
}
