package mingjian.cn.indicator_test

indicator := {
	"name": "i-human-answer-rate",
	"tenant": "acme",
	"business_line": "billing",
	"day": "2026-11-20",
	"period": "month",
	"unit": "requests",
	"numerator": 84,
	"denominator": 100,
	"value": 0.84,
	"low": 0.75,
	"high": 0.905,
	"last": 1795180000000,
	"opened": 1795104000000,
}

asked(more) := {"indicator": object.union(indicator, more), "tenant": data.mingjian.zero.tenant}

found(more) := {f.id | some f in data.mingjian.cn.indicator.finding with input as asked(more)}

untold(more) := {n | some n in data.mingjian.cn.indicator.not_assessable with input as asked(more)}

test_too_few_answered if found({}) == {"i-human-answer-rate"}

test_just_enough_answered if found({"numerator": 85}) == set()

test_too_few_requests_to_tell if {
	found({"numerator": 20, "denominator": 29}) == set()
	untold({"numerator": 20, "denominator": 29}) == {{"id": "i-human-answer-rate", "reason": "at_least:30"}}
	untold({}) == set()
}

slow := {"name": "i-human-answer-time", "numerator": 3001, "value": 30.01, "low": 25, "high": 35}

test_slow_on_average if {
	found(slow) == {"i-human-answer-time"}
	told := {f.facts | some f in data.mingjian.cn.indicator.finding with input as asked(slow)}
	told == {{
		"numerator": 3001,
		"denominator": 100,
		"unit": "requests",
		"value": 30.01,
		"low": 25,
		"high": 35,
		"period": "month",
		"day": "2026-11-20",
		"limit_s": 30,
		"interval_beyond_limit": false,
	}}
}

test_just_quick_enough if found(object.union(slow, {"numerator": 3000})) == set()

test_too_few_answers_to_tell if {
	few := object.union(slow, {"denominator": 29})
	found(few) == set()
	untold(few) == {{"id": "i-human-answer-time", "reason": "at_least:30"}}
	untold(slow) == set()
}

label := {"name": "i-label-coverage", "period": "day", "unit": "bot_texts", "numerator": 4, "denominator": 5}

test_one_text_without_label if {
	found(label) == {"i-label-coverage"}
	untold(label) == set()
}

test_every_text_labelled if found(object.union(label, {"numerator": 5})) == set()

test_before_the_measures if {
	early := object.union(label, {"day": "2025-08-31"})
	found(early) == set()
	untold(early) == {{"id": "i-label-coverage", "reason": "in_force_from:2025-09-01"}}
	found(object.union(label, {"day": "2025-09-01"})) == {"i-label-coverage"}
	untold(object.union(label, {"day": "2025-09-01"})) == set()
}

test_indicators_of_others if {
	other := {"name": "i-breakpoint-rate", "day": "2025-08-31", "numerator": 1, "denominator": 2}
	found(other) == set()
	found(object.union(other, {"day": "2026-08-31", "denominator": 200, "numerator": 10000})) == set()
	found(object.union(other, {"day": "2026-08-31", "denominator": 200, "numerator": 1})) == set()
	untold(other) == set()
}
