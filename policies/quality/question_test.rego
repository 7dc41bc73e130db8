package mingjian.quality.question_test

import data.mingjian.fixture
import data.mingjian.quality.question

test_third_time if {
	some f in question.finding with input as fixture.changed({"answers": object.union(
		data.mingjian.zero.answers,
		{"repeated": "c7", "repeated_at": 1050000},
	)})
	f.id == "q-repeat-question"
	f.severity == "medium"
	f.status == "quality"
	f.subject == "c7"
	f.at == 1050000
	f.facts == {"third_time": "c7", "times": 3}
}

test_asked_less_often if {
	question.finding == set() with input as fixture.changed({})
	question.finding == set() with input as fixture.changed({"answers": data.mingjian.zero.answers})
}
