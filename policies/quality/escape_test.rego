package mingjian.quality.escape_test

import data.mingjian.fixture
import data.mingjian.quality.escape

said(more, ended) := fixture.changed(object.union(
	{"threat": object.union({"said": "c3", "said_at": 1003000, "reply": "", "reply_at": 0}, more)},
	ended,
))

reply := {"reply": "b4", "reply_at": 1004000}

closed(by) := {"closed": 1009000, "closed_by": by, "closed_id": "end"}

test_passed_over if {
	some f in escape.finding with input as said(reply, {})
	f.id == "q-escape-word-ignored"
	f.severity == "high"
	f.status == "quality"
	f.subject == "b4"
	f.at == 1004000
	f.facts == {"said": "c3", "said_at": 1003000, "reply": "b4"}
}

test_no_reply_at_all if {
	escape.finding == set() with input as said({}, {})
	escape.finding == set() with input as said({}, closed("customer"))
	some f in escape.finding with input as said({}, closed("system"))
	f.subject == "end"
	f.at == 1009000
	some g in escape.finding with input as said(reply, closed("system"))
	g.subject == "b4"
}

test_nothing_said if {
	escape.finding == set() with input as fixture.changed({})
	escape.finding == set() with input as fixture.changed(closed("system"))
}
