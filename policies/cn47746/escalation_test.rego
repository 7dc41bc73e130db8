package mingjian.cn47746.escalation_test

import data.mingjian.cn47746.escalation
import data.mingjian.fixture

found(id) := f if {
	some f in escalation.finding
	f.id == id
}

reasons(id) := {n.reason | some n in escalation.not_assessable; n.id == id}

nothing := data.mingjian.zero.escalation

missed := object.union(nothing.keyword, {
	"ground": "danger",
	"event": "c1",
	"event_at": 2000000,
	"answered": "b1",
	"answered_at": 2002000,
	"missed": "c2",
	"missed_at": 2050000,
	"waited_ms": 50000,
})

# left is what was missed when the customer left by own choice before the service took a turn.
left(ms) := object.union(missed, {"answered": "", "answered_at": 0, "missed": "end", "closed": true, "waited_ms": ms})

with_escalation(now, more, session) := fixture.changed_at(now, object.union({"escalation": object.union(nothing, more)}, session))

called(more) := with_escalation(3000000, more, {"closed_by": "customer"})

set_to(n, more) := fixture.for_tenant(called(more), {"failure_threshold": n})

old := {"opened": 1788191999999}

test_keyword if {
	f := found("cn-47746-keyword") with input as called({"keyword": object.union(missed, {"answered": "b1", "missed": "b1", "missed_at": 2002000, "waited_ms": 2000})})
	f.severity == "high"
	f.status == "standard"
	f.subject == "b1"
	f.at == 2002000
	f.facts == {"request": "c1", "requested_at": 2000000, "next_turn": "b1", "waited_ms": 2000}
}

test_nothing_missed if {
	escalation.finding == set() with input as called({})
	escalation.finding == set() with input as fixture.changed({})
	escalation.not_assessable == set() with input as called({})
}

test_danger if {
	f := found("cn-47746-auto") with input as called({"auto": missed})
	f.severity == "high"
	f.status == "standard"
	f.subject == "c2"
	f.at == 2050000
	f.facts == {"ground": "danger", "event": "c1", "event_at": 2000000, "next_turn": "b1", "waited_ms": 50000}
}

test_customer_left_too_soon if {
	not found("cn-47746-auto") with input as called({"auto": left(30000)})
	found("cn-47746-auto") with input as called({"auto": left(30001)})
	found("cn-47746-auto") with input as with_escalation(3000000, {"auto": left(1000)}, {"closed_by": "system"})
	found("cn-47746-auto") with input as called({"auto": object.union(left(1000), {"answered": "b1"})})
	found("cn-47746-auto") with input as called({"auto": object.union(left(1000), {"closed": false})})
	found("cn-47746-auto") with input as called({"auto": left(20000)}) with data.mingjian.params.cn47746.fair_s as 10
}

failure(n) := object.union(missed, {"ground": "failure", "n": n, "event": sprintf("b%d", [n]), "missed_at": 2050000 + n})

test_failed_answers if {
	f := found("cn-47746-auto") with input as set_to(3, {"failures": [failure(2), failure(3), failure(4)]})
	f.facts.failed_answers == 3
	f.facts.threshold == 3
	f.subject == "c2"
	f.at == 2050003
	not found("cn-47746-auto") with input as set_to(3, {"failures": [failure(1), failure(2)]})
	not found("cn-47746-auto") with input as set_to(3, {"failures": [object.union(left(1000), {"n": 3})]})
}

test_no_threshold_set if {
	not found("cn-47746-auto") with input as called({"failures": [failure(3)]})
	reasons("cn-47746-auto") == {"tenant.failure_threshold"} with input as called({"failures": [failure(3)]})
	reasons("cn-47746-auto") == set() with input as set_to(3, {"failures": [failure(2)]})
	reasons("cn-47746-auto") == set() with input as called({"failures": [failure(3)], "auto": missed})
	reasons("cn-47746-auto") == set() with input as called({})
}

silence(more) := object.union({"from": "c1", "from_at": 2000000, "until": "", "until_at": 0, "lasted_ms": 0}, more)

test_silent_ai if {
	f := found("cn-47746-auto") with input as with_escalation(2180000, {"silences": [silence({})]}, {})
	f.subject == ""
	f.at == 2180000
	f.facts == {"ground": "silence", "event": "c1", "event_at": 2000000, "limit_s": 180}
	not found("cn-47746-auto") with input as with_escalation(2179999, {"silences": [silence({})]}, {})
}

test_ai_that_answered_late if {
	found("cn-47746-auto") with input as called({"silences": [silence({"until": "b1", "until_at": 2180001, "lasted_ms": 180001})]})
	not found("cn-47746-auto") with input as called({"silences": [silence({"until": "b1", "until_at": 2180000, "lasted_ms": 180000})]})
	found("cn-47746-auto") with input as called({"silences": [silence({"until": "b1", "until_at": 2100000, "lasted_ms": 100000})]})
		with data.mingjian.params.cn47746.ai_silence_max_s as 90
}

test_due_while_silent if {
	escalation.due == {2180000} with input as with_escalation(2179999, {"silences": [silence({})]}, {})
	escalation.due == set() with input as with_escalation(2180000, {"silences": [silence({})]}, {})
	escalation.due == set() with input as with_escalation(2100000, {"silences": [silence({"until": "b1", "until_at": 2090000, "lasted_ms": 90000})]}, {})
}

test_the_earliest_is_reported if {
	f := found("cn-47746-auto") with input as set_to(1, {
		"auto": missed,
		"failures": [failure(1)],
		"silences": [silence({"from_at": 1800000, "until": "b0", "until_at": 2000000, "lasted_ms": 200000})],
	})
	f.facts.ground == "silence"
	f.at == 1980000
}

test_emotion if {
	f := found("cn-47746-emotion") with input as called({"emotion": object.union(missed, {"ground": "complaint"})})
	f.severity == "high"
	f.status == "standard"
	f.subject == "c2"
	f.at == 2050000
	f.facts == {"ground": "complaint", "event": "c1", "event_at": 2000000, "next_turn": "b1", "waited_ms": 50000}
	not found("cn-47746-emotion") with input as called({"emotion": left(30000)})
}

test_before_the_standard if {
	escalation.finding == set() with input as with_escalation(3000000, {"keyword": missed, "auto": missed, "emotion": missed}, old)
	{n.id | some n in escalation.not_assessable; n.reason == "in_force_from:2026-09-01"} == {
		"cn-47746-keyword", "cn-47746-auto",
		"cn-47746-emotion",
	} with input as fixture.changed(old)
	count(escalation.not_assessable) == 3 with input as with_escalation(3000000, {"failures": [failure(3)]}, old)
}
