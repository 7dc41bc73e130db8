package mingjian.quality.closing_test

import data.mingjian.fixture
import data.mingjian.quality.closing

closed(by, more) := fixture.changed(object.union(
	{"closed": 2500000, "closed_by": by, "closed_as": "ended", "closed_id": "end", "resolved": false, "human": {"strikes": 1}},
	more,
))

test_closed_by_the_service if {
	closing.finding == {{
		"id": "q-closed-unresolved",
		"severity": "high",
		"status": "quality",
		"subject": "end",
		"at": 2500000,
		"facts": {"closed_by": "bot", "reason": "ended", "requests": 1},
	}} with input as closed("bot", {})
	count(closing.finding) == 1 with input as closed("agent", {})
	count(closing.finding) == 1 with input as closed("system", {})
}

test_closed_by_the_customer if {
	closing.finding == set() with input as closed("customer", {})
}

test_resolved if {
	closing.finding == set() with input as closed("bot", {"resolved": true})
	closing.not_assessable == set() with input as closed("bot", {"resolved": true})
}

test_not_known if {
	closing.finding == set() with input as closed("bot", {"resolved": null})
	closing.not_assessable == {{"id": "q-closed-unresolved", "reason": "close.resolved"}} with input as closed("bot", {"resolved": null})
	closing.not_assessable == set() with input as closed("customer", {"resolved": null})
}

test_goes_on_elsewhere if {
	closing.finding == set() with input as closed("bot", {"closed_as": "transfer"})
}

test_nobody_asked if {
	closing.finding == set() with input as closed("bot", {"human": {"strikes": 0}})
}

test_still_open if {
	closing.finding == set() with input as closed("bot", {"closed": 0})
}
