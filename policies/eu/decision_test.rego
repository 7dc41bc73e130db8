package mingjian.eu.decision_test

import data.mingjian.eu.decision
import data.mingjian.fixture

# contested is a session that was closed, with a decision that was contested in it.
contested(made, more) := fixture.changed(object.union(
	{
		"jurisdiction": "DE",
		"closed": 1090000,
		"closed_id": "end",
		"decision": object.union(
			object.union(
				data.mingjian.zero.decision,
				{"made": "d1", "made_at": 1010000, "kind": "credit_refused", "contested": "c2", "contested_at": 1030000},
			),
			made,
		),
	},
	more,
))

reasons := {n.reason | some n in decision.not_assessable}

test_contested_and_closed if {
	some f in decision.finding with input as contested({}, {})
	f.id == "eu-decision-human-refused"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "end"
	f.at == 1090000
	f.facts == {"decision": "d1", "decided_at": 1010000, "kind": "credit_refused", "contested": "c2", "contested_at": 1030000}
	reasons == set() with input as contested({}, {})
}

test_answered_or_accepted if {
	decision.finding == set() with input as contested({"answered_at": 1050000}, {})
	decision.finding == set() with input as contested({"contested": "", "contested_at": 0}, {})
	decision.finding == set() with input as fixture.changed({"closed": 1090000})
}

test_not_ended if {
	decision.finding == set() with input as contested({}, {"closed": 0})
	decision.finding == set() with input as contested({"contested_at": 1090001}, {})
	decision.finding != set() with input as contested({"contested_at": 1090000}, {})
}

test_not_known if {
	decision.finding == set() with input as contested({"missing": "decision.automated"}, {})
	reasons == {"decision.automated"} with input as contested({"missing": "decision.automated"}, {})
	reasons == {"decision.automated"} with input as contested({"missing": "decision.automated"}, {"opened": 1527199200000})
}

test_before_the_regulation if {
	decision.finding == set() with input as contested({}, {"opened": 1527199199999})
	reasons == {"in_force_from:2018-05-25"} with input as contested({"missing": "decision.major"}, {"opened": 1527199199999})
	decision.finding != set() with input as contested({}, {"opened": 1527199200000})
	reasons == set() with input as contested({}, {"opened": 1527199200000})
}
