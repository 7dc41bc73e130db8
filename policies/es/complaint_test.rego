package mingjian.es.complaint_test

import data.mingjian.es.complaint
import data.mingjian.fixture

# 1801472400000 is Monday, 2027-02-01 10:00 in Madrid.
filed_at := 1801472400000

in_force := 1798412400000

filed(more) := object.union(data.mingjian.zero.filed, object.union({"filed": "c1", "filed_at": filed_at}, more))

asked(complaints, now, more) := fixture.for_tenant(
	fixture.changed_at(now, object.union(
		{
			"jurisdiction": "ES",
			"opened": in_force,
			"complaints": {"filed": [filed(c) | some c in complaints], "survey": "", "survey_at": 0},
		},
		more,
	)),
	{"calendar": "es"},
)

found(id) := f if {
	some f in complaint.finding
	f.id == id
}

ids contains f.id if some f in complaint.finding

closed := {"closed": filed_at + 60000, "closed_id": "end", "closed_by": "customer"}

before := {"opened": in_force - 1}

test_no_key_by_the_end if {
	f := found("es-no-tracking-key") with input as asked([{"kind": "billing"}], filed_at + 60000, closed)
	f.severity == "high"
	f.status == "statute"
	f.subject == "end"
	f.at == filed_at + 60000
	f.facts == {"filed": "c1", "filed_at": filed_at, "kind": "billing", "closed_at": filed_at + 60000}
	ids == set() with input as asked([{}], filed_at + 60000, {})
	ids == set() with input as asked([{"keyed": "a1", "keyed_at": filed_at + 1}], filed_at + 60000, closed)
	ids == set() with input as asked([{"filed_at": filed_at + 60001}], filed_at + 70000, closed)
	ids == {"es-no-tracking-key"} with input as asked([{"filed_at": filed_at + 60000}], filed_at + 70000, closed)
}

test_first_without_a_key if {
	f := found("es-no-tracking-key") with input as asked([{"keyed_at": filed_at + 1}, {"filed": "c2"}, {"filed": "c3"}], filed_at + 60000, closed)
	f.facts.filed == "c2"
}

test_not_yet_law if {
	f := found("es-no-tracking-key") with input as asked([{}], filed_at + 60000, object.union(closed, before))
	f.status == "draft"
}

test_sold if {
	sold := {"sold": "b4", "sold_at": filed_at + 4000}
	f := found("es-upsell-in-complaint") with input as asked([object.union(sold, {"kind": "continuity"})], filed_at + 5000, {})
	f.severity == "high"
	f.status == "statute"
	f.subject == "b4"
	f.at == filed_at + 4000
	f.facts == {"filed": "c1", "filed_at": filed_at, "sold": "b4", "kind": "continuity"}
	ids == set() with input as asked([object.union(sold, {"kind": "billing"})], filed_at + 5000, {})
	ids == set() with input as asked([{"kind": "continuity"}], filed_at + 5000, {})
}

test_sold_first if {
	f := found("es-upsell-in-complaint") with input as asked(
		[
			{"kind": "continuity", "sold": "b5", "sold_at": filed_at + 5000},
			{"kind": "continuity", "filed": "c2", "sold": "b4", "sold_at": filed_at + 4000},
		],
		filed_at + 5000, {},
	)
	f.facts.filed == "c2"
}

test_sold_during_an_unknown_complaint if {
	unknown := {{"id": "es-upsell-in-complaint", "reason": "claim.kind"}}
	complaint.not_assessable == unknown with input as asked([{"sold_at": filed_at}], filed_at + 5000, {})
	complaint.not_assessable == set() with input as asked([{}], filed_at + 5000, {})
	complaint.not_assessable == set() with input as asked([{"sold_at": filed_at, "kind": "price"}], filed_at + 5000, {})
}

# limited is when a complaint of a kind is overdue.
limited(kind) := f.at if {
	f := found("es-resolution-overdue") with input as asked([{"kind": kind}], filed_at + 5184000000, {})
}

# Midnights in Madrid.
test_limits if {
	limited("continuity") == filed_at + 7200000
	limited("billing") == 1802127600000 # the end of 8 February
	limited("price") == 1803337200000 # the end of 22 February
	limited("") == 1803337200000
}

test_overdue if {
	two_hours := filed_at + 7200000
	cut := {"kind": "continuity"}
	ids == set() with input as asked([cut], two_hours - 1, {})
	complaint.due == {two_hours} with input as asked([cut], two_hours - 1, {})
	complaint.due == set() with input as asked([cut], two_hours, {})
	f := found("es-resolution-overdue") with input as asked([cut], two_hours, {})
	f.severity == "high"
	f.status == "statute"
	f.subject == ""
	f.facts == {"filed": "c1", "filed_at": filed_at, "kind": "continuity", "due_at": two_hours}
	ids == set() with input as asked([object.union(cut, {"resolved_at": two_hours})], two_hours + 9, {})
	complaint.due == set() with input as asked([object.union(cut, {"resolved_at": filed_at + 1})], filed_at + 1, {})
	late := found("es-resolution-overdue") with input as asked([object.union(cut, {"resolved": "r1", "resolved_at": two_hours + 1})], two_hours + 9, {})
	late.facts.resolved == "r1"
	late.at == two_hours
}

test_overdue_first if {
	f := found("es-resolution-overdue") with input as asked(
		[
			{"kind": "continuity", "filed_at": filed_at + 1000},
			{"kind": "continuity", "filed": "c2"},
			{"kind": "price", "filed": "c3"},
		],
		filed_at + 9000000, {},
	)
	f.facts.filed == "c2"
}

surveyed(more) := object.union({"complaints": {"filed": [], "survey": "v1", "survey_at": filed_at + 3000}}, more)

test_survey_while_open if {
	f := found("es-survey-too-early") with input as asked([{"surveyed": "v1", "surveyed_at": filed_at + 3000}], filed_at + 5000, {})
	f.severity == "medium"
	f.status == "statute"
	f.subject == "v1"
	f.at == filed_at + 3000
	f.facts == {"filed": "c1", "filed_at": filed_at, "survey": "v1"}
	ids == set() with input as asked([{}], filed_at + 5000, {})
}

test_first_survey if {
	f := found("es-survey-too-early") with input as asked(
		[{"surveyed": "v2", "surveyed_at": filed_at + 4000}, {"filed": "c2", "surveyed": "v1", "surveyed_at": filed_at + 3000}],
		filed_at + 5000, {},
	)
	f.subject == "v1"
}

test_survey_of_a_session_that_ended_unresolved if {
	ended := surveyed(object.union(closed, {"resolved": false}))
	f := found("es-survey-too-early") with input as asked([], filed_at + 60000, ended)
	f.subject == "end"
	f.at == filed_at + 60000
	f.facts == {"survey": "v1", "survey_at": filed_at + 3000, "resolved": false}
	ids == set() with input as asked([], filed_at + 60000, surveyed(object.union(closed, {"resolved": true})))
	ids == set() with input as asked([], filed_at + 60000, object.union(closed, {"resolved": false}))
	ids == set() with input as asked([], filed_at + 60000, surveyed({"closed": filed_at + 2999, "resolved": false}))
	settled := {"complaints": {"filed": [filed({"keyed_at": 1, "resolved_at": filed_at + 1})], "survey": "v1", "survey_at": filed_at + 3000}}
	ids == set() with input as asked([], filed_at + 60000, object.union(settled, object.union(closed, {"resolved": false})))
}

test_survey_and_unknown_outcome if {
	unknown := {{"id": "es-survey-too-early", "reason": "close.resolved"}}
	complaint.not_assessable == unknown with input as asked([], filed_at + 60000, surveyed(closed))
	complaint.not_assessable == set() with input as asked([], filed_at + 60000, surveyed({}))
	complaint.not_assessable == set() with input as asked([], filed_at + 60000, closed)
	complaint.not_assessable == set() with input as asked([], filed_at + 60000, surveyed(object.union(closed, {"resolved": true})))
	settled := {"complaints": {"filed": [filed({"keyed_at": 1})], "survey": "v1", "survey_at": filed_at + 3000}}
	complaint.not_assessable == set() with input as asked([], filed_at + 60000, object.union(settled, closed))
}
