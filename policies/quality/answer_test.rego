package mingjian.quality.answer_test

import data.mingjian.fixture
import data.mingjian.quality.answer

test_useless if {
	some f in answer.finding with input as fixture.changed({"answers": object.union(
		data.mingjian.zero.answers,
		{"useless": "b6", "useless_at": 1050000, "useless_as": "fallback"},
	)})
	f.id == "q-irrelevant-answer"
	f.severity == "medium"
	f.status == "quality"
	f.subject == "b6"
	f.at == 1050000
	f.facts == {"answer": "b6", "as": "fallback"}
}

test_nothing_wrong if {
	answer.finding == set() with input as fixture.changed({})
	answer.finding == set() with input as fixture.changed({"answers": data.mingjian.zero.answers})
}
