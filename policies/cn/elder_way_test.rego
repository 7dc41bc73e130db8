package mingjian.cn.elder_way_test

import data.mingjian.cn.elder_way
import data.mingjian.fixture

found(id) := f if {
	some f in elder_way.finding
	f.id == id
}

reasons(id) := {n.reason | some n in elder_way.not_assessable; n.id == id}

menu := {"first": "m1", "first_at": 1790000002000}

turn := {"turn": "b2", "turn_at": 1790000011000}

elder(more) := fixture.changed(object.union({"elder": true}, more))

test_menu_step if {
	f := found("cn-elder-not-direct") with input as elder({"menu": menu})
	f.severity == "high"
	f.status == "policy"
	f.subject == "m1"
	f.at == 1790000002000
	f.facts.met == "menu_step"
}

test_bot_turn if {
	f := found("cn-elder-not-direct") with input as elder({"access": turn, "menu": data.mingjian.zero.menu})
	f.subject == "b2"
	f.at == 1790000011000
	f.facts.met == "bot_turn"
}

test_the_earlier_of_both if {
	f := found("cn-elder-not-direct") with input as elder({"menu": menu, "access": turn})
	f.subject == "m1"
	count(f.facts.in_the_way) == 2
}

test_nothing_in_the_way if {
	elder_way.finding == set() with input as elder({"menu": data.mingjian.zero.menu})
	elder_way.not_assessable == set() with input as elder({"menu": data.mingjian.zero.menu})
}

test_not_elder if {
	elder_way.finding == set() with input as fixture.changed({"menu": menu, "access": turn})
	elder_way.finding == set() with input as fixture.changed({"menu": menu, "access": turn, "elder": null})
	reasons("cn-elder-not-direct") == {"customer.age"} with input as fixture.changed({"elder": null})
	reasons("cn-elder-not-direct") == set() with input as fixture.changed({})
}

cut(ms, more) := fixture.changed(object.union(
	{
		"elder": true, "closed": 1790000400000, "closed_id": "end", "closed_by": "system", "closed_as": "idle",
		"ending": object.union(data.mingjian.zero.ending, {"silent_ms": ms}),
	},
	more,
))

test_cut_off if {
	f := found("cn-elder-cut-off") with input as cut(299999, {})
	f.severity == "high"
	f.status == "quality"
	f.subject == "end"
	f.at == 1790000400000
	f.facts == {"closed_by": "system", "silent_ms": 299999, "limit_s": 300, "elder": true, "accessible_need": false}
	reasons("cn-elder-cut-off") == set() with input as cut(299999, {})
}

test_cut_off_with_a_need if {
	f := found("cn-elder-cut-off") with input as cut(100000, {"elder": false, "accessible": true})
	f.facts.accessible_need == true
	reasons("cn-elder-cut-off") == set() with input as cut(100000, {"elder": null, "accessible": true})
}

test_not_cut_off if {
	not found("cn-elder-cut-off") with input as cut(300000, {})
	not found("cn-elder-cut-off") with input as cut(1000, {"closed_as": "ended"})
	not found("cn-elder-cut-off") with input as cut(1000, {"closed_by": "customer"})
	not found("cn-elder-cut-off") with input as cut(1000, {"elder": false})
	not found("cn-elder-cut-off") with input as fixture.changed({"elder": true, "ending": null})
}

test_who_was_cut_off_is_unknown if {
	reasons("cn-elder-cut-off") == {"customer.age"} with input as cut(1000, {"elder": null})
	reasons("cn-elder-cut-off") == set() with input as cut(300000, {"elder": null})
	reasons("cn-elder-cut-off") == set() with input as cut(1000, {"elder": false})
}
