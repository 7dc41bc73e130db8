package mingjian.cn.companion_test

import data.mingjian.cn.companion
import data.mingjian.fixture

kept(more) := kept_since(1790000000000, more)

kept_since(opened, more) := fixture.changed({
	"opened": opened,
	"companion": object.union(
		object.union(data.mingjian.zero.companion, {"begun_at": 1000000, "texts": 1, "first": "b5", "first_at": 1060000, "last_at": 1060000}),
		more,
	),
})

twice := {"texts": 2, "again": "b7", "again_at": 1090000}

test_twice if {
	some f in companion.finding with input as kept(twice)
	f.id == "cn-anthro-drift"
	f.severity == "medium"
	f.status == "benchmark"
	f.subject == "b7"
	f.at == 1090000
	f.facts == {"first_intimate_text": "b5", "intimate_texts": 2, "begun_at": 1000000, "limit_s": 7200}
	companion.not_assessable == set() with input as kept(twice)
}

test_once if {
	companion.finding == set() with input as kept({})
}

test_over_two_hours if {
	some f in companion.finding with input as kept({"last_at": 8200001})
	f.subject == "b5"
	f.at == 8200000
	companion.finding == set() with input as kept({"last_at": 8200000})
	some g in companion.finding with input as kept({"first_at": 9000000, "last_at": 9000000})
	g.at == 9000000
	companion.finding != set() with input as kept({"last_at": 8200000}) with data.mingjian.params.cn.companion_max_s as 7199
}

test_the_earlier_sign if {
	some f in companion.finding with input as kept(object.union(twice, {"last_at": 9000000}))
	f.subject == "b7"
	count(companion.finding) == 1 with input as kept(object.union(twice, {"last_at": 9000000}))
}

test_before_the_measures if {
	companion.finding == set() with input as kept_since(1784044799999, twice)
	companion.not_assessable == {{"id": "cn-anthro-drift", "reason": "in_force_from:2026-07-15"}} with input as kept_since(1784044799999, twice)
	companion.not_assessable == set() with input as kept_since(1784044799999, {})
	companion.finding != set() with input as kept_since(1784044800000, twice)
	companion.not_assessable == set() with input as kept_since(1784044800000, twice)
}

test_no_company if {
	companion.finding == set() with input as fixture.changed({})
	companion.finding == set() with input as kept({"texts": 0, "last_at": 9000000})
	companion.not_assessable == set() with input as kept_since(1784044799999, {"texts": 0, "last_at": 9000000})
}
