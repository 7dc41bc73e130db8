package mingjian.cn47746.queue_test

import data.mingjian.cn47746.queue
import data.mingjian.fixture

found(id) := f if {
	some f in queue.finding
	f.id == id
}

reasons(id) := {n.reason | some n in queue.not_assessable; n.id == id}

stretch(more) := object.union({"from": "q1", "from_at": 2000000, "until": "", "until_at": 0, "lasted_ms": 0}, more)

dark(now, untold, session) := fixture.changed_at(now, object.union(
	{"queue": object.union(data.mingjian.zero.queue, {"untold": untold})},
	session,
))

test_untold if {
	f := found("cn-47746-queue") with input as dark(2010000, [stretch({})], {})
	f.severity == "medium"
	f.status == "standard"
	f.subject == ""
	f.at == 2010000
	f.facts == {"queued": "q1", "queued_at": 2000000, "told": "", "untold_ms": 0, "limit_s": 10}
	queue.finding == set() with input as dark(2009999, [stretch({})], {})
	queue.finding == set() with input as fixture.changed({})
}

test_told_late if {
	f := found("cn-47746-queue") with input as dark(
		3000000, [
			stretch({"until": "b1", "until_at": 2010001, "lasted_ms": 10001}),
			stretch({"from": "q2", "from_at": 2100000, "until": "b2", "until_at": 2150000, "lasted_ms": 50000}),
		],
		{},
	)
	f.facts.queued == "q1"
	f.facts.told == "b1"
	queue.finding == set() with input as dark(3000000, [stretch({"until": "b1", "until_at": 2010000, "lasted_ms": 10000})], {})
	queue.finding == set() with input as dark(2015000, [stretch({})], {}) with data.mingjian.params.cn47746.queue_told_s as 20
}

test_due_until_told if {
	queue.due == {2010000} with input as dark(2009999, [stretch({})], {})
	queue.due == set() with input as dark(2010000, [stretch({})], {})
	queue.due == set() with input as dark(2003000, [stretch({"until": "b1", "until_at": 2002000, "lasted_ms": 2000})], {})
}

elder := {"what": "elder", "known": "e0", "known_at": 2000000, "kept": "", "kept_at": 0}

stay(more) := object.union(data.mingjian.zero.stays, object.union({"queued": "q1", "queued_at": 2030000}, more))

first_served(grounds, stays, session) := fixture.changed(object.union(
	{"grounds": grounds, "queue": object.union(data.mingjian.zero.queue, {"stays": stays})},
	session,
))

test_queued_without_priority if {
	f := found("cn-47746-prio") with input as first_served([elder], [stay({})], {})
	f.severity == "high"
	f.status == "standard"
	f.subject == "q1"
	f.at == 2030000
	f.facts == {"ground": "elder", "known": "e0", "known_at": 2000000, "broken": "queued_without_priority"}
}

test_queued_with_priority if {
	queue.finding == set() with input as first_served([elder], [stay({"priority": "q1", "priority_at": 2030000})], {})
	queue.finding == set() with input as first_served([elder], [stay({"priority": "q2", "priority_at": 2040000})], {})
	found("cn-47746-prio") with input as first_served([elder], [stay({"priority": "q2", "priority_at": 2040001})], {})
	queue.finding == set() with input as first_served([elder], [stay({"priority": "q2", "priority_at": 2050000})], {})
		with data.mingjian.params.cn47746.queue_told_s as 20
}

test_queued_before_it_was_known if {
	queue.finding == set() with input as first_served([object.union(elder, {"known_at": 2030001})], [stay({})], {})
	found("cn-47746-prio") with input as first_served([object.union(elder, {"known_at": 2030000})], [stay({})], {})
}

test_nobody_to_be_served_first if {
	queue.finding == set() with input as first_served([], [stay({})], {})
	queue.not_assessable == set() with input as first_served([], [stay({})], {})
}

test_kept_with_the_ai if {
	f := found("cn-47746-prio") with input as fixture.changed({"grounds": [object.union(elder, {"kept": "b2", "kept_at": 2020000})]})
	f.subject == "b2"
	f.at == 2020000
	f.facts.broken == "kept_with_ai"
	queue.finding == set() with input as fixture.changed({"grounds": [elder]})
}

test_the_earliest_is_reported if {
	f := found("cn-47746-prio") with input as first_served([object.union(elder, {"kept": "b2", "kept_at": 2020000})], [stay({})], {})
	f.subject == "b2"
}

test_age_unknown if {
	reasons("cn-47746-prio") == {"customer.age"} with input as fixture.changed({"elder": null})
	reasons("cn-47746-prio") == set() with input as fixture.changed({"elder": null, "grounds": [object.union(elder, {"what": "danger", "kept": "b2", "kept_at": 2020000})]})
	reasons("cn-47746-prio") == set() with input as fixture.changed({})
}

test_before_the_standard if {
	old := {"opened": 1788191999999, "elder": null}
	queue.finding == set() with input as dark(3000000, [stretch({})], old)
	queue.finding == set() with input as first_served([elder], [stay({})], old)
	queue.not_assessable == {
		{"id": "cn-47746-queue", "reason": "in_force_from:2026-09-01"},
		{"id": "cn-47746-prio", "reason": "in_force_from:2026-09-01"},
	} with input as fixture.changed(old)
}
