package mingjian.quality.anger_test

import data.mingjian.fixture
import data.mingjian.quality.anger

angry(bursts, now, more) := fixture.changed_at(now, object.union(
	{"outbursts": [
	object.union(
		data.mingjian.zero.outbursts,
		object.union({"event": "c3", "at": 1000000, "emotion": 90}, b),
	) |
		some b in bursts
	]},
	more,
))

closed(by, at) := {"closed": at, "closed_by": by, "closed_id": "end", "resolved": false}

found := f if some f in anger.finding

test_no_hand_over if {
	anger.finding == set() with input as angry([{}], 1059999, {})
	f := found with input as angry([{}], 1060000, {})
	f.id == "q-anger-ignored"
	f.severity == "high"
	f.status == "quality"
	f.subject == ""
	f.at == 1060000
	f.facts == {"event": "c3", "emotion": 90, "by_words": false, "limit_s": 60}
}

test_threshold if {
	anger.finding == set() with input as angry([{"emotion": 80}], 1060000, {})
	anger.due == set() with input as angry([{"emotion": 80}], 1000000, {})
	count(anger.finding) == 1 with input as angry([{"emotion": 80}], 1060000, {}) with data.mingjian.params.quality.anger_above as 70
}

test_hand_over_begun if {
	anger.finding == set() with input as angry([{"begun": "h", "begun_at": 1060000}], 1900000, {})
	f := found with input as angry([{"begun": "h", "begun_at": 1060001}], 1900000, {})
	f.at == 1060000
	anger.due == set() with input as angry([{"begun": "h", "begun_at": 1020000}], 1020000, {})
}

test_due if {
	anger.due == {1060000} with input as angry([{}], 1059999, {})
	anger.due == set() with input as angry([{}], 1060000, {})
	anger.due == set() with input as angry([{}], 1030000, closed("system", 1030000))
	anger.due == {1060000} with input as angry([{}], 1030000, {}) with data.mingjian.params.quality.anger_handoff_s as 60
}

test_session_over_before if {
	f := found with input as angry([{}], 1030000, closed("customer", 1030000))
	f.subject == "end"
	f.at == 1030000
	count(anger.finding) == 1 with input as angry([{}], 1030000, object.union(closed("system", 1030000), {"resolved": true}))
	anger.finding == set() with input as angry([{}], 1030000, object.union(closed("customer", 1030000), {"resolved": true}))
	anger.finding == set() with input as angry([{"begun": "h", "begun_at": 1020000}], 1030000, closed("customer", 1030000))
}

test_session_over_after if {
	f := found with input as angry([{}], 1090000, object.union(closed("customer", 1060000), {"resolved": true}))
	f.subject == ""
	f.at == 1060000
}

test_first_of_several if {
	f := found with input as angry([{"begun_at": 1020000}, {"event": "c5", "at": 1100000}, {"event": "c6", "at": 1200000}], 1900000, {})
	f.facts.event == "c5"
}

test_calm if {
	anger.finding == set() with input as fixture.changed({})
}
