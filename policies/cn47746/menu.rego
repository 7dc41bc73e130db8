# METADATA
# title: The way to a person in menus
# description: What the dialogue's entrance and the phone menu offer.
package mingjian.cn47746.menu

# METADATA
# title: No menu item for a person
# description: >-
#   Neither the entrance nor a menu of the dialogue has an item for a person. An entrance that was
#   reported without saying that it shows one counts as not showing it, unless it declares one tap to a person or a step of the menu has the item. Where the entrance was not
#   reported and the options of a menu were, it is found at the session's end. Where neither was reported the
#   rule is not assessable. A session opened before 1 September 2026 is not held to the standard.
# custom:
#   id: cn-47746-menu
#   severity: high
#   status: standard
#   level: 应
#   systemic: true
#   clauses: [cn-47746-menu]
#   title_zh: 菜单中没有“转人工”
#   description_zh: >-
#     对话的入口和菜单都没有“转人工”一项。已申报的入口未说明显示人工选项的，视为没有，但申报了一键人工或某一步菜单中有该项的除外。
#     入口未申报而菜单选项已上报的，在会话结束时认定。两者均未上报的，不予判定。2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 在对话界面的菜单中设置“转人工服务”一项。
#     en: Put an item such as 转人工服务 in the dialogue's menu.
finding contains {
	"id": "cn-47746-menu",
	"severity": "high",
	"status": "standard",
	"subject": lacking.subject,
	"at": lacking.at,
	"facts": {
		"entrance_reported": lacking.entrance_reported,
		"human_option": false,
	},
} if {
	data.mingjian.cn47746.scope.in_force
	not in_menu
	lacking := min(lacks)
}

not_assessable contains {"id": "cn-47746-menu", "reason": "entrance"} if {
	input.session.entrance == null
	not input.session.menu.listed == true
	data.mingjian.cn47746.scope.in_force
}

# METADATA
# title: Key for a person shared
# description: >-
#   The key of the phone menu that leads to a person also serves something else, in the same step or in
#   another. Where a phone session reports no menu, or none tells the key, the rule is not assessable. Found at the first
#   such step. A session opened before 1 September 2026 is not held to the standard.
# custom:
#   id: cn-47746-key
#   severity: medium
#   status: standard
#   level: 应
#   systemic: true
#   clauses: [cn-47746-key]
#   title_zh: 人工按键兼作他用
#   description_zh: >-
#     电话菜单中通往人工的按键，在同一步或其他步骤中又用于其他功能。电话会话没有上报菜单，或上报的菜单没有说明人工按键的，不予判定。
#     以第一个这样的步骤为准。2026年9月1日之前开始的会话不适用。
#   remedy:
#     zh: 让人工按键在每一层菜单中都只用于转人工。
#     en: Keep the key for a person for that alone in every level of the menu.
finding contains {
	"id": "cn-47746-key",
	"severity": "medium",
	"status": "standard",
	"subject": input.session.menu.shared,
	"at": input.session.menu.shared_at,
	"facts": {
		"human_key": input.session.menu.human_key,
		"offered_in": input.session.menu.human,
		"shared_in": input.session.menu.shared,
	},
} if {
	input.session.menu.shared_at > 0
	data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-key", "reason": "menu.human_key"} if {
	input.session.channel == "phone"
	not key_known
	data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-menu", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

not_assessable contains {"id": "cn-47746-key", "reason": "in_force_from:2026-09-01"} if {
	not data.mingjian.cn47746.scope.in_force
}

in_menu if input.session.menu.human_at > 0

key_known if input.session.menu.human_key != ""

lacks contains {
	"at": input.session.entrance.told_at,
	"subject": input.session.entrance.told,
	"entrance_reported": true,
} if {
	input.session.entrance.human_option_visible == false
	input.session.entrance.one_tap_human == false
}

lacks contains {
	"at": input.session.closed,
	"subject": input.session.closed_id,
	"entrance_reported": false,
} if {
	input.session.closed > 0
	input.session.entrance == null
	input.session.menu.listed == true
}
