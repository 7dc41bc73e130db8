package mingjian.cn.decision_test

import data.mingjian.cn.decision
import data.mingjian.fixture

# ended is a session that was closed, with a decision and more.
ended(made, more) := fixture.changed(object.union(
	{"closed": 1090000, "closed_id": "end", "decision": object.union(data.mingjian.zero.decision, made)},
	more,
))

contested(more) := object.union(
	{"made": "d1", "made_at": 1010000, "kind": "refund_refused", "contested": "c2", "contested_at": 1030000},
	more,
)

appeal(more) := {"appeal": object.union(
	object.union(data.mingjian.zero.decision.appeal, {"open": true, "asked": "c1", "asked_at": 1020000}),
	more,
)}

by_ai := {"by_ai": "d2", "by_ai_at": 1040000}

not_closed := {"closed": 0, "closed_id": ""}

unsure(id) := {n.reason | some n in decision.not_assessable; n.id == id}

test_contested_and_closed if {
	some f in decision.finding with input as ended(contested({}), {})
	f.id == "cn-auto-decision-human-refused"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "end"
	f.at == 1090000
	f.facts == {"decision": "d1", "decided_at": 1010000, "kind": "refund_refused", "contested": "c2", "contested_at": 1030000}
	count(decision.finding) == 1 with input as ended(contested({}), {})
	decision.not_assessable == set() with input as ended(contested({}), {})
}

test_answered if {
	decision.finding == set() with input as ended(contested({"answered_at": 1050000}), {})
	decision.not_assessable == set() with input as ended(contested({"answered_at": 1050000, "missing": "decision.major"}), {})
}

test_accepted if {
	decision.finding == set() with input as ended(contested({"contested": "", "contested_at": 0}), {})
	decision.finding == set() with input as fixture.changed({"closed": 1090000})
}

test_not_ended if {
	decision.finding == set() with input as ended(contested({}), not_closed)
	decision.finding == set() with input as ended(contested({"contested_at": 1090001}), {})
	decision.finding != set() with input as ended(contested({"contested_at": 1090000}), {})
}

test_not_known if {
	decision.finding == set() with input as ended(contested({"missing": "decision.major"}), {})
	unsure("cn-auto-decision-human-refused") == {"decision.major"} with input as ended(contested({"missing": "decision.major"}), {})
}

test_before_the_law if {
	early := {"opened": 1635695999999}
	decision.finding == set() with input as ended(contested({}), early)
	unsure("cn-auto-decision-human-refused") == {"in_force_from:2021-11-01"} with input as ended(contested({"missing": "decision.major"}), early)
	decision.finding != set() with input as ended(contested({}), {"opened": 1635696000000})
	decision.not_assessable == set() with input as ended(contested({}), {"opened": 1635696000000})
	unsure("cn-auto-decision-human-refused") == {"decision.major"} with input as ended(contested({"missing": "decision.major"}), {"opened": 1635696000000})
}

test_appeal_decided_by_ai if {
	some f in decision.finding with input as ended(appeal(by_ai), {})
	f.id == "cn-appeal-human-refused"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "d2"
	f.at == 1040000
	f.facts == {"asked": "c1", "asked_at": 1020000, "decided_by_ai": true}
	decision.finding != set() with input as ended(appeal(object.union(by_ai, {"joined_at": 1030000, "unknown": true})), not_closed)
	decision.not_assessable == set() with input as ended(appeal(object.union(by_ai, {"joined_at": 1030000})), {})
}

test_appeal_closed_without_decision if {
	some f in decision.finding with input as ended(appeal({}), {})
	f.subject == "end"
	f.at == 1090000
	f.facts.decided_by_ai == false
	decision.finding == set() with input as ended(appeal({}), not_closed)
	decision.finding == set() with input as ended(appeal({"asked_at": 1090001}), {})
	decision.not_assessable == set() with input as ended(appeal({}), {})
}

test_appeal_decided_by_a_person if {
	decision.finding == set() with input as ended(appeal({"by_human_at": 1060000}), {})
	decision.finding == set() with input as ended(appeal(object.union(by_ai, {"by_human_at": 1060000})), {})
}

test_appeal_perhaps_by_a_person if {
	decision.finding == set() with input as ended(appeal({"joined_at": 1060000}), {})
	unsure("cn-appeal-human-refused") == {"decision.automated"} with input as ended(appeal({"joined_at": 1060000}), {})
	decision.finding == set() with input as ended(appeal({"unknown": true}), {})
	unsure("cn-appeal-human-refused") == {"decision.automated"} with input as ended(appeal({"unknown": true}), {})
	decision.not_assessable == set() with input as ended(appeal({"unknown": true, "by_human_at": 1060000}), {})
}

test_no_appeal if {
	decision.finding == set() with input as ended(appeal(object.union(by_ai, {"open": false})), {})
	decision.finding == set() with input as ended(appeal({"asked": "", "asked_at": 0}), {})
	decision.not_assessable == set() with input as ended(appeal({"asked": "", "asked_at": 0, "unknown": true}), {})
}

test_no_platform if {
	decision.finding == set() with input as fixture.for_tenant(ended(appeal({}), {}), {"platform": false})
	decision.finding != set() with input as fixture.for_tenant(ended(appeal({}), {}), {"platform": true})
	decision.finding != set() with input as fixture.for_tenant(ended(appeal({}), {}), {"platform": null})
}

test_appeal_before_the_measures if {
	early := {"opened": 1769875199999}
	decision.finding == set() with input as ended(appeal({}), early)
	unsure("cn-appeal-human-refused") == {"in_force_from:2026-02-01"} with input as ended(appeal({}), early)
	unsure("cn-appeal-human-refused") == {"in_force_from:2026-02-01"} with input as ended(appeal(by_ai), early)
	decision.not_assessable == set() with input as ended(appeal({"unknown": true}), early)
	decision.not_assessable == set() with input as ended(appeal({"by_human_at": 1060000}), early)
	decision.finding != set() with input as ended(appeal({}), {"opened": 1769875200000})
	unsure("cn-appeal-human-refused") == {"decision.automated"} with input as ended(appeal({"unknown": true}), {"opened": 1769875200000})
}
