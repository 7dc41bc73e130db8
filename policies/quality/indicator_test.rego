package mingjian.quality.indicator_test

indicator := {
	"name": "i-breakpoint-rate",
	"tenant": "acme",
	"business_line": "billing",
	"day": "2026-11-20",
	"period": "day",
	"unit": "sessions",
	"numerator": 16,
	"denominator": 100,
	"value": 0.16,
	"low": 0.09,
	"high": 0.25,
	"last": 1795180000000,
	"opened": 1795104000000,
}

asked(more) := {"indicator": object.union(indicator, more), "tenant": data.mingjian.zero.tenant}

found(more) := {f.id | some f in data.mingjian.quality.indicator.finding with input as asked(more)}

facts(more) := {f.facts | some f in data.mingjian.quality.indicator.finding with input as asked(more)}

untold(more) := {n | some n in data.mingjian.quality.indicator.not_assessable with input as asked(more)}

limits := {
	"i-breakpoint-rate": 15,
	"i-second-inquiry-rate": 25,
	"i-forced-human-rate": 40,
}

test_more_than_the_limit if {
	every name, limit in limits {
		found({"name": name, "numerator": limit + 1}) == {name}
	}
}

test_exactly_the_limit if {
	every name, limit in limits {
		found({"name": name, "numerator": limit}) == set()
	}
}

test_none_counted_is_not_the_least if {
	every name, limit in limits {
		found({"name": name, "numerator": limit, "denominator": 29}) == set()
		untold({"name": name, "numerator": limit, "denominator": 29}) == {{"id": name, "reason": "at_least:30"}}
	}
}

test_the_least_is_enough if {
	every name, limit in limits {
		found({"name": name, "numerator": limit, "denominator": 30}) == {name}
		untold({"name": name, "numerator": limit, "denominator": 30}) == set()
	}
}

test_what_is_shown if {
	facts({}) == {{
		"numerator": 16,
		"denominator": 100,
		"unit": "sessions",
		"value": 0.16,
		"low": 0.09,
		"high": 0.25,
		"period": "day",
		"day": "2026-11-20",
		"limit_percent": 15,
		"interval_beyond_limit": false,
	}}
}

test_beyond_chance if {
	some told in facts({"low": 0.1501})
	told.interval_beyond_limit
}

test_below_tells_of_the_upper_end if {
	told := data.mingjian.quality.indicator.below(26) with input as asked({})
	told.interval_beyond_limit
	other := data.mingjian.quality.indicator.below(25) with input as asked({})
	other.interval_beyond_limit == false
}

test_one_late_review_is_enough if {
	found({"name": "i-review-overdue", "numerator": 4, "denominator": 5}) == {"i-review-overdue"}
	untold({"name": "i-review-overdue", "numerator": 4, "denominator": 5}) == set()
}

test_all_reviews_in_time if {
	found({"name": "i-review-overdue", "numerator": 5, "denominator": 5}) == set()
}

test_indicators_of_others if {
	found({"name": "i-label-coverage"}) == set()
	untold({"name": "i-label-coverage", "denominator": 1}) == set()
}
