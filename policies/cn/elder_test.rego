package mingjian.cn.elder_test

import data.mingjian.cn.elder
import data.mingjian.fixture

elder_with(entrance, more) := fixture.changed(object.union(
	{
		"elder": true,
		"no_elder_channel": "e0",
		"no_elder_channel_at": 1790000000000,
		"entrance": object.union(fixture.entrance, entrance),
	},
	more,
))

test_no_channel if {
	some f in elder.finding with input as elder_with({}, {})
	f.id == "cn-elder-channel-missing"
	f.severity == "critical"
	f.status == "policy"
	f.subject == "e0"
	f.at == 1790000000000
	f.facts.elder_channel == false
	elder.not_assessable == set() with input as elder_with({}, {})
}

test_statute_in_telecom if {
	some f in elder.finding with input as elder_with({}, {"industry": "telecom"})
	f.status == "statute"
}

test_before_the_law if {
	some f in elder.finding with input as elder_with({}, {"industry": "telecom", "opened": 1693497599999})
	f.status == "policy"
}

test_channel_offered if {
	elder.finding == set() with input as elder_with({"elder_channel": true}, {})
	elder.not_assessable == set() with input as elder_with({"elder_channel": true}, {})
}

test_not_elder if {
	elder.finding == set() with input as elder_with({}, {"elder": false})
	elder.not_assessable == set() with input as elder_with({}, {"elder": false})
	elder.not_assessable == set() with input as fixture.changed({})
}

test_age_unknown if {
	reasons := {"customer.age"}
	elder.finding == set() with input as elder_with({}, {"elder": null})
	{n.reason | some n in elder.not_assessable} == reasons with input as elder_with({}, {"elder": null})
	{n.reason | some n in elder.not_assessable} == reasons with input as fixture.changed({"elder": null})
}

test_entrance_unknown if {
	elder.finding == set() with input as fixture.changed({"elder": true})
	elder.not_assessable == {{"id": "cn-elder-channel-missing", "reason": "entrance"}} with input as fixture.changed({"elder": true})
}
