package mingjian.quality.content_test

import data.mingjian.fixture
import data.mingjian.quality.content

weak(scores) := fixture.changed({"grounding": {
	"answered": true,
	"scored": true,
	"weak": [{"event": sprintf("b%d", [n]), "at": 1000000 + n, "grounding": g} | some n, g in scores],
}})

test_weak if {
	some f in content.finding with input as weak([0.5, 0.39, 0.2])
	f.id == "q-hallucination"
	f.severity == "high"
	f.status == "quality"
	f.subject == "b1"
	f.at == 1000001
	f.facts == {"answer": "b1", "grounding": 0.39, "least_percent": 40}
}

test_enough if {
	content.finding == set() with input as weak([0.4])
	content.finding == set() with input as weak([])
	content.not_assessable == set() with input as weak([])
}

test_limit_is_a_parameter if {
	count(content.finding) == 1 with input as weak([0.5]) with data.mingjian.params.quality.grounding_least_percent as 51
}

test_not_scored if {
	unknown := {{"id": "q-hallucination", "reason": "ai.grounding"}}
	content.not_assessable == unknown with input as fixture.changed({"grounding": {"answered": true, "scored": false, "weak": []}})
	content.not_assessable == set() with input as fixture.changed({})
}

test_red_line if {
	some f in content.finding with input as fixture.changed({"answers": object.union(
		data.mingjian.zero.answers,
		{"red_line": "b6", "red_line_at": 1050000, "red_line_by": "agent"},
	)})
	f.id == "q-red-line"
	f.severity == "critical"
	f.status == "quality"
	f.subject == "b6"
	f.at == 1050000
	f.facts == {"text": "b6", "by": "agent"}
	content.finding == set() with input as fixture.changed({"answers": data.mingjian.zero.answers})
}
