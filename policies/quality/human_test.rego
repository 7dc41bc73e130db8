package mingjian.quality.human_test

import data.mingjian.fixture
import data.mingjian.quality.human

struck(n, third) := fixture.changed({"human": {
	"strikes": n,
	"strike_three": third,
	"strike_three_at": 1040000,
}})

test_third_request if {
	some f in human.finding with input as struck(3, "r3")
	f.id == "q-three-strikes"
	f.severity == "high"
	f.status == "quality"
	f.subject == "r3"
	f.at == 1040000
	f.facts == {"requests": 3, "third_request": "r3"}
}

test_more_requests_update_the_count if {
	some f in human.finding with input as struck(5, "r3")
	f.subject == "r3"
	f.facts.requests == 5
}

test_two_requests if {
	human.finding == set() with input as fixture.changed({"human": {"strikes": 2}})
}

test_withdrawn_requests if {
	human.finding == set() with input as fixture.changed({})
}
