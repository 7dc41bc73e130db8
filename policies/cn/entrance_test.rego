package mingjian.cn.entrance_test

import data.mingjian.cn.entrance
import data.mingjian.fixture

shown := {"human_option_visible": true, "depth": 1, "human_option_position": 1, "told": "e0", "told_at": 1790000000000}

with_entrance(more, session) := fixture.changed(object.union(
	{"entrance": object.union(object.union(fixture.entrance, shown), more)},
	session,
))

test_not_shown if {
	some f in entrance.finding with input as with_entrance({"human_option_visible": false}, {})
	f.id == "cn-human-option-hidden"
	f.severity == "high"
	f.status == "policy"
	f.subject == "e0"
	f.at == 1790000000000
	f.facts.hidden == ["not_shown"]
	f.facts.human_option_visible == false
	entrance.not_assessable == set() with input as with_entrance({"human_option_visible": false}, {})
}

test_one_tap_is_an_option if {
	entrance.finding == set() with input as with_entrance({"human_option_visible": false, "one_tap_human": true}, {})
}

test_too_deep if {
	some f in entrance.finding with input as with_entrance({"depth": 3}, {})
	f.facts.hidden == ["too_deep"]
	f.facts.depth_max == 2
	entrance.finding == set() with input as with_entrance({"depth": 2}, {})
	some g in entrance.finding with input as with_entrance({"depth": 2}, {})
		with data.mingjian.params.cn.entrance_depth_max as 1
	g.facts.depth == 2
}

test_not_first_in_the_voice_menu if {
	some f in entrance.finding with input as with_entrance({"human_option_position": 2}, {"channel": "phone"})
	f.facts.hidden == ["not_first"]
	entrance.finding == set() with input as with_entrance({"human_option_position": 1}, {"channel": "phone"})
	entrance.finding == set() with input as with_entrance({"human_option_position": 2}, {})
	entrance.finding == set() with input as with_entrance({"human_option_position": 0}, {"channel": "phone"})
}

test_entrance_unknown if {
	entrance.finding == set() with input as fixture.changed({})
	entrance.not_assessable == {{"id": "cn-human-option-hidden", "reason": "entrance"}} with input as fixture.changed({})
}
