package mingjian.cn47746.indicator_test

indicator := {
	"name": "cn-47746-no-threshold",
	"tenant": "acme",
	"business_line": "",
	"day": "2026-09-01",
	"period": "day",
	"unit": "sessions",
	"numerator": 7,
	"denominator": 7,
	"value": 1,
	"low": 0.59,
	"high": 1,
	"last": 1795180000000,
	"opened": 1795104000000,
}

asked(more, settings) := {
	"indicator": object.union(indicator, more),
	"tenant": object.union(data.mingjian.zero.tenant, settings),
}

found(more, settings) := {f.id | some f in data.mingjian.cn47746.indicator.finding with input as asked(more, settings)}

untold(more, settings) := {n | some n in data.mingjian.cn47746.indicator.not_assessable with input as asked(more, settings)}

test_no_threshold if {
	found({}, {}) == {"cn-47746-no-threshold"}
	untold({}, {}) == set()
	told := {f.facts | some f in data.mingjian.cn47746.indicator.finding with input as asked({}, {})}
	told == {{"setting": "failure_threshold", "sessions": 7, "period": "day", "day": "2026-09-01"}}
}

test_a_threshold_is_set if {
	found({}, {"failure_threshold": 3}) == set()
	untold({"day": "2026-08-31"}, {"failure_threshold": 3}) == set()
}

test_before_the_standard if {
	found({"day": "2026-08-31"}, {}) == set()
	untold({"day": "2026-08-31"}, {}) == {{"id": "cn-47746-no-threshold", "reason": "in_force_from:2026-09-01"}}
}

test_indicators_of_others if {
	found({"name": "i-breakpoint-rate"}, {}) == set()
	untold({"name": "i-breakpoint-rate", "day": "2026-08-31"}, {}) == set()
}
