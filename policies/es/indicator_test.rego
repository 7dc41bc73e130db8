package mingjian.es.indicator_test

indicator := {
	"name": "i-es-95-180",
	"tenant": "acme",
	"business_line": "billing",
	"day": "2026-12-28",
	"period": "day",
	"unit": "calls",
	"numerator": 94,
	"denominator": 100,
	"value": 0.94,
	"low": 0.87,
	"high": 0.98,
	"last": 1798440000000,
	"opened": 1798412400000,
}

asked(more) := {"indicator": object.union(indicator, more), "tenant": data.mingjian.zero.tenant}

found(more) := {[f.id, f.status] | some f in data.mingjian.es.indicator.finding with input as asked(more)}

untold(more) := {n | some n in data.mingjian.es.indicator.not_assessable with input as asked(more)}

test_fewer_than_95_percent if {
	found({}) == {["i-es-95-180", "statute"]}
	untold({}) == set()
}

test_just_95_percent if found({"numerator": 95}) == set()

test_before_the_law_binds if found({"day": "2026-12-27"}) == {["i-es-95-180", "draft"]}

test_too_few_to_tell if {
	found({"numerator": 20, "denominator": 29}) == set()
	untold({"numerator": 20, "denominator": 29}) == {{"id": "i-es-95-180", "reason": "at_least:30"}}
}

sample := {
	"name": "i-es-error",
	"period": "month",
	"unit": "reviews",
	"numerator": 10,
	"denominator": 200,
	"value": 0.05,
	"low": 0.0476,
	"high": 0.0526,
}

test_error_not_bounded if {
	found(sample) == {["i-es-error", "statute"]}
	told := {f.facts | some f in data.mingjian.es.indicator.finding with input as asked(sample)}
	some facts in told
	facts.error_percent == 5.2
	facts.limit_percent == 5
}

test_the_lower_end_counts_too if {
	found(object.union(sample, {"low": 0.0474, "high": 0.0524})) == {["i-es-error", "statute"]}
}

test_error_just_bounded if {
	found(object.union(sample, {"low": 0.0476, "high": 0.0524})) == set()
	untold(object.union(sample, {"low": 0.0476, "high": 0.0524})) == set()
}

test_error_before_the_law_binds if {
	found(object.union(sample, {"day": "2026-12-27"})) == {["i-es-error", "draft"]}
}

test_nothing_reviewed if {
	none := object.union(sample, {"numerator": 0, "denominator": 0, "value": 0, "low": 0, "high": 1})
	found(none) == set()
	untold(none) == {{"id": "i-es-error", "reason": "review.decided"}}
}

test_no_defect_seen if {
	clean := object.union(sample, {"numerator": 0, "value": 0, "low": 0, "high": 0.02})
	found(clean) == set()
	untold(clean) == {{"id": "i-es-error", "reason": "no_defect_seen"}}
}

test_indicators_of_others if {
	other := {"name": "i-breakpoint-rate", "numerator": 0, "value": 0.05, "low": 0.01, "high": 0.5}
	found(other) == set()
	found(object.union(other, {"denominator": 10})) == set()
	untold(other) == set()
	untold(object.union(other, {"denominator": 0})) == set()
}
