package mingjian.quality.queue_test

import data.mingjian.fixture
import data.mingjian.quality.queue

silent(stretches, now) := fixture.changed_at(now, {"queue": {"silences": [object.union({"from": "q", "from_at": 2000000, "until": "", "until_at": 0, "lasted_ms": 0}, s) | some s in stretches]}})

found := f if {
	some f in queue.finding
}

test_no_news_by_the_limit if {
	f := found with input as silent([{}], 2090000)
	f == {
		"id": "q-queue-too-long",
		"severity": "medium",
		"status": "quality",
		"subject": "",
		"at": 2090000,
		"facts": {"from": "q", "from_at": 2000000, "limit_s": 90},
	}
}

test_due_at_the_limit if {
	queue.finding == set() with input as silent([{}], 2089999)
	queue.due == {2090000} with input as silent([{}], 2089999)
	queue.due == set() with input as silent([{}], 2090000)
	queue.due == set() with input as silent([{"until": "u", "until_at": 2050000, "lasted_ms": 50000}], 2050000)
}

test_news_in_time if {
	queue.finding == set() with input as silent([{"until": "u", "until_at": 2090000, "lasted_ms": 90000}], 9000000)
}

test_news_too_late if {
	f := found with input as silent([{"until": "u", "until_at": 2090001, "lasted_ms": 90001}], 9000000)
	f.at == 2090000
	f.facts == {"from": "q", "from_at": 2000000, "until": "u", "lasted_ms": 90001, "limit_s": 90}
}

test_earliest_stretch if {
	f := found with input as silent(
		[
			{"until": "u", "until_at": 2060000, "lasted_ms": 60000},
			{"from": "q2", "from_at": 3000000, "until": "u2", "until_at": 3100000, "lasted_ms": 100000},
			{"from": "q3", "from_at": 4000000, "until": "u3", "until_at": 4200000, "lasted_ms": 200000},
		],
		5000000,
	)
	f.facts.from == "q2"
}

test_limit_is_a_parameter if {
	f := found with input as silent([{}], 2030000) with data.mingjian.params.quality.queue_silence_max_s as 30
	f.at == 2030000
}

test_not_queued if {
	queue.finding == set() with input as silent([], 5000000)
}
