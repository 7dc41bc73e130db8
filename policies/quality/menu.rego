# METADATA
# title: Phone menus
# description: What customers complain of when they have to find their way through keys.
# custom:
#   params:
#     menu_levels_max: {type: integer, minimum: 1, maximum: 15}
#     menu_presses_max: {type: integer, minimum: 1, maximum: 31}
package mingjian.quality.menu

# METADATA
# title: Lost in the menu
# description: >-
#   Before a person joined the phone menu led deeper than three levels, or the customer pressed more than
#   six keys (unless the parameters say otherwise). Entering a number that was asked for (identity, order,
#   phone) is one press. Found at the step that went beyond, whichever came first, also where the
#   customer did not ask for a person. A level that the source does not report is not counted.
# custom:
#   id: q-menu-maze
#   severity: medium
#   status: quality
#   systemic: true
#   clauses: []
#   title_zh: 菜单迷宫
#   description_zh: >-
#     人工接入之前，电话菜单超过三层，或客户按键超过六次（默认，可在参数中调整）。按要求输入一串号码
#     （证件、订单、电话）算一次。以先超出的一步为准，客户没有要求人工的也算。来源未上报的层级不计。
#   remedy:
#     zh: 把菜单压到三层以内，每一层都给出人工键。
#     en: Keep the menu within three levels and give the key of a person on each.
finding contains {
	"id": "q-menu-maze",
	"severity": "medium",
	"status": "quality",
	"subject": first[1],
	"at": first[0],
	"facts": {
		"levels": deepest,
		"presses": count(input.session.menu.presses),
		"max_levels": data.mingjian.params.quality.menu_levels_max,
		"max_presses": data.mingjian.params.quality.menu_presses_max,
	},
} if {
	first := min(beyond)
}

beyond contains [level.at, level.id] if {
	some level in input.session.menu.levels
	level.level > data.mingjian.params.quality.menu_levels_max
}

beyond contains [press.at, press.id] if {
	press := input.session.menu.presses[data.mingjian.params.quality.menu_presses_max]
}

default deepest := 0

# The levels are kept in the order in which they led deeper.
deepest := input.session.menu.levels[count(input.session.menu.levels) - 1].level
