package mingjian.cn47746.menu_test

import data.mingjian.cn47746.menu
import data.mingjian.fixture

found(id) := f if {
	some f in menu.finding
	f.id == id
}

reasons(id) := {n.reason | some n in menu.not_assessable; n.id == id}

hidden := object.union(fixture.entrance, {"human_option_visible": false, "told": "e0", "told_at": 2000000})

steps(more) := object.union(data.mingjian.zero.menu, object.union({"first": "m1", "first_at": 2000000, "listed": true}, more))

test_entrance_without_the_item if {
	f := found("cn-47746-menu") with input as fixture.changed({"entrance": hidden})
	f.severity == "high"
	f.status == "standard"
	f.subject == "e0"
	f.at == 2000000
	f.facts == {"entrance_reported": true, "human_option": false}
	reasons("cn-47746-menu") == set() with input as fixture.changed({"entrance": hidden})
	found("cn-47746-menu") with input as fixture.changed({"entrance": hidden, "menu": steps({})})
}

test_entrance_with_the_item if {
	not found("cn-47746-menu") with input as fixture.changed({"entrance": fixture.entrance})
	not found("cn-47746-menu") with input as fixture.changed({"entrance": object.union(hidden, {"one_tap_human": true})})
	not found("cn-47746-menu") with input as fixture.changed({"entrance": hidden, "menu": steps({"human": "m1", "human_at": 2000000})})
}

test_menu_without_the_item if {
	ended := {"menu": steps({}), "closed": 2500000, "closed_id": "end"}
	f := found("cn-47746-menu") with input as fixture.changed(ended)
	f.subject == "end"
	f.at == 2500000
	f.facts.entrance_reported == false
	not found("cn-47746-menu") with input as fixture.changed({"menu": steps({})})
	not found("cn-47746-menu") with input as fixture.changed(object.union(ended, {"entrance": fixture.entrance}))
	not found("cn-47746-menu") with input as fixture.changed(object.union(ended, {"menu": {"listed": false}}))
	not found("cn-47746-menu") with input as fixture.changed(object.union(ended, {"menu": {"human_at": 2000000}}))
}

test_neither_was_reported if {
	reasons("cn-47746-menu") == {"entrance"} with input as fixture.changed({})
	reasons("cn-47746-menu") == {"entrance"} with input as fixture.changed({"menu": steps({"listed": false})})
	reasons("cn-47746-menu") == set() with input as fixture.changed({"menu": steps({})})
	reasons("cn-47746-menu") == set() with input as fixture.changed({"entrance": fixture.entrance})
}

test_shared_key if {
	shared := {"channel": "phone", "menu": steps({"human": "m1", "human_at": 2000000, "human_key": "0", "shared": "m2", "shared_at": 2010000})}
	f := found("cn-47746-key") with input as fixture.changed(shared)
	f.severity == "medium"
	f.status == "standard"
	f.subject == "m2"
	f.at == 2010000
	f.facts == {"human_key": "0", "offered_in": "m1", "shared_in": "m2"}
	reasons("cn-47746-key") == set() with input as fixture.changed(shared)
}

test_key_of_its_own if {
	not found("cn-47746-key") with input as fixture.changed({"channel": "phone", "menu": steps({"human_key": "0"})})
	not found("cn-47746-key") with input as fixture.changed({})
}

test_key_unknown if {
	reasons("cn-47746-key") == {"menu.human_key"} with input as fixture.changed({"channel": "phone"})
	reasons("cn-47746-key") == {"menu.human_key"} with input as fixture.changed({"channel": "phone", "menu": steps({})})
	reasons("cn-47746-key") == set() with input as fixture.changed({})
}

test_before_the_standard if {
	old := {"opened": 1788191999999, "channel": "phone", "entrance": hidden, "menu": steps({"shared": "m2", "shared_at": 2010000})}
	menu.finding == set() with input as fixture.changed(old)
	menu.not_assessable == {
		{"id": "cn-47746-menu", "reason": "in_force_from:2026-09-01"},
		{"id": "cn-47746-key", "reason": "in_force_from:2026-09-01"},
	} with input as fixture.changed(old)
	count(menu.not_assessable) == 2 with input as fixture.changed({"opened": 1788191999999})
}
