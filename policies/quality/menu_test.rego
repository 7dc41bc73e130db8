package mingjian.quality.menu_test

import data.mingjian.fixture
import data.mingjian.quality.menu

passed(levels, presses) := fixture.changed({"menu": object.union(data.mingjian.zero.menu, {
	"levels": [{"level": n, "id": sprintf("l%d", [n]), "at": 2000000 + (n * 1000)} | some n in levels],
	"presses": [{"id": sprintf("p%d", [n]), "at": 2000000 + (n * 1000)} | some n in presses],
})})

test_fourth_level if {
	menu.finding == {{
		"id": "q-menu-maze",
		"severity": "medium",
		"status": "quality",
		"subject": "l4",
		"at": 2004000,
		"facts": {"levels": 5, "presses": 0, "max_levels": 3, "max_presses": 6},
	}} with input as passed([1, 2, 3, 4, 5], [])
}

test_seventh_press if {
	some f in menu.finding with input as passed([1, 2], [1, 2, 3, 4, 5, 6, 7])
	f.subject == "p7"
	f.at == 2007000
	f.facts == {"levels": 2, "presses": 7, "max_levels": 3, "max_presses": 6}
}

test_whichever_came_first if {
	some f in menu.finding with input as passed([1, 2, 3, 9], [1, 2, 3, 4, 5, 6, 7])
	f.subject == "p7"
}

test_levels_unknown if {
	some f in menu.finding with input as passed([], [1, 2, 3, 4, 5, 6, 7])
	f.facts.levels == 0
}

test_within if {
	menu.finding == set() with input as passed([1, 2, 3], [1, 2, 3, 4, 5, 6])
	menu.finding == set() with input as fixture.changed({})
}

test_limits_are_parameters if {
	count(menu.finding) == 1 with input as passed([1, 2, 3], []) with data.mingjian.params.quality.menu_levels_max as 2
	count(menu.finding) == 1 with input as passed([1], [1, 2]) with data.mingjian.params.quality.menu_presses_max as 1
}
