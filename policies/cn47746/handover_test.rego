package mingjian.cn47746.handover_test

import data.mingjian.cn47746.handover
import data.mingjian.fixture

found(id) := f if {
	some f in handover.finding
	f.id == id
}

all := {"identity": true, "history": true, "problem": true, "ticket": true}

takeover(passed) := {"joined": "in", "joined_at": 2000000, "agent": "a-1", "level": "", "passed": passed}

passing(more, session) := fixture.changed(object.union(
	{"transfer": object.union(data.mingjian.zero.transfer, more)},
	session,
))

with_takeovers(list) := passing({"takeovers": list}, {})

test_incomplete if {
	f := found("cn-47746-handover") with input as with_takeovers([
		takeover(null), takeover(all),
		takeover(object.union(all, {"history": false, "ticket": false})),
	])
	f.severity == "medium"
	f.status == "standard"
	f.subject == "in"
	f.at == 2000000
	f.facts == {"agent": "a-1", "missing": ["history", "ticket"]}
}

test_complete if {
	handover.finding == set() with input as with_takeovers([takeover(all)])
	handover.not_assessable == set() with input as with_takeovers([takeover(all)])
	handover.not_assessable == set() with input as with_takeovers([takeover(null), takeover(all)])
	handover.not_assessable == set() with input as with_takeovers([])
}

test_passed_unknown if {
	handover.finding == set() with input as with_takeovers([takeover(null)])
	handover.not_assessable == {{"id": "cn-47746-handover", "reason": "handoff.passed"}} with input as with_takeovers([takeover(null)])
}

test_asked_again if {
	f := found("cn-47746-norepeat") with input as passing({"repeated": "a2", "repeated_at": 2010000, "repeated_what": "problem"}, {})
	f.severity == "low"
	f.status == "standard"
	f.subject == "a2"
	f.at == 2010000
	f.facts == {"asked_for": "problem"}
}

test_back_to_the_ai if {
	f := found("cn-47746-back") with input as passing({"back": "b9", "back_at": 2090000, "back_told": true}, {})
	f.severity == "high"
	f.status == "standard"
	f.subject == "b9"
	f.at == 2090000
	f.facts == {"told": true, "consent": false}
}

test_nothing_passed if {
	handover.finding == set() with input as passing({}, {})
	handover.finding == set() with input as fixture.changed({})
	handover.not_assessable == set() with input as fixture.changed({})
}

test_before_the_standard if {
	old := {"opened": 1788191999999}
	handover.finding == set() with input as passing({"repeated_at": 1, "back_at": 1, "takeovers": [takeover(data.mingjian.zero.passed)]}, old)
	{n.id | some n in handover.not_assessable; n.reason == "in_force_from:2026-09-01"} == {
		"cn-47746-handover", "cn-47746-norepeat",
		"cn-47746-back",
	} with input as fixture.changed(old)
	count(handover.not_assessable) == 3 with input as passing({"takeovers": [takeover(null)]}, old)
}
