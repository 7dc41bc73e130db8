package mingjian.cn.promise_test

import data.mingjian.cn.promise
import data.mingjian.fixture

asked(open, now) := fixture.changed_at(now, {"promises": {
	"undated": "",
	"open": [object.union(data.mingjian.zero.open, p) | some p in open],
}})

made := {"made": "p1", "made_at": 1000000, "by": "promise", "what": "回电", "due": 5000000}

test_not_kept if {
	promise.finding == set() with input as asked([made], 4999999)
	some f in promise.finding with input as asked([made], 5000000)
	f.id == "cn-promise-broken"
	f.severity == "high"
	f.status == "statute"
	f.subject == ""
	f.at == 5000000
	f.facts == made
}

test_kept_too_late if {
	late := object.union(made, {"kept": "k1", "kept_at": 6000000})
	some f in promise.finding with input as asked([late], 6000000)
	f.facts == late
}

test_first_due if {
	some f in promise.finding with input as asked([made, object.union(made, {"made": "p2", "due": 4000000})], 9000000)
	f.facts.made == "p2"
	f.at == 4000000
}

test_due if {
	promise.due == {5000000} with input as asked([made], 4999999)
	promise.due == set() with input as asked([made], 5000000)
}

test_without_a_date if {
	promise.not_assessable == {{"id": "cn-promise-broken", "reason": "callback.due"}} with input as fixture.changed({"promises": {
		"open": [],
		"undated": "callback.due",
	}})
	promise.not_assessable == set() with input as asked([made], 1)
	promise.finding == set() with input as fixture.changed({})
}
