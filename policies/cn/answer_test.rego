package mingjian.cn.answer_test

import data.mingjian.cn.answer
import data.mingjian.fixture

test_untrue if {
	some f in answer.finding with input as fixture.changed({"answers": object.union(data.mingjian.zero.answers, {
		"untrue": "m1",
		"untrue_at": 1050000,
		"untrue_by": "misjudgement.reported",
		"topic": "price",
	})})
	f.id == "cn-answer-untrue"
	f.severity == "high"
	f.status == "statute"
	f.subject == "m1"
	f.at == 1050000
	f.facts == {"told_by": "misjudgement.reported", "event": "m1", "kind": "price"}
}

test_nothing_said_of_answers if {
	answer.finding == set() with input as fixture.changed({})
	answer.finding == set() with input as fixture.changed({"answers": data.mingjian.zero.answers})
}
