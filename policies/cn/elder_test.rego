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

elder_ids(of) := {x.id | some x in of; startswith(x.id, "cn-elder")}

reasons(of, id) := {n.reason | some n in of; n.id == id}

test_no_channel if {
	some f in elder.finding with input as elder_with({}, {})
	f.id == "cn-elder-channel-missing"
	f.severity == "critical"
	f.status == "policy"
	f.subject == "e0"
	f.at == 1790000000000
	f.facts.elder_channel == false
	elder_ids(elder.not_assessable) == set() with input as elder_with({}, {})
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
	elder_ids(elder.not_assessable) == set() with input as elder_with({"elder_channel": true}, {})
}

test_not_elder if {
	elder.finding == set() with input as elder_with({}, {"elder": false})
	elder_ids(elder.not_assessable) == set() with input as elder_with({}, {"elder": false})
	elder_ids(elder.not_assessable) == set() with input as fixture.changed({})
}

test_age_unknown if {
	elder.finding == set() with input as elder_with({}, {"elder": null})
	reasons(elder.not_assessable, "cn-elder-channel-missing") == {"customer.age"} with input as elder_with({}, {"elder": null})
	reasons(elder.not_assessable, "cn-elder-channel-missing") == {"customer.age"} with input as fixture.changed({"elder": null})
}

test_entrance_unknown if {
	elder.finding == set() with input as fixture.changed({"elder": true})
	reasons(elder.not_assessable, "cn-elder-channel-missing") == {"entrance"} with input as fixture.changed({"elder": true})
}

in_need(more) := fixture.changed(object.union(
	{
		"accessible": true,
		"access": {"needs_reported": true, "no_channel": "e0", "no_channel_at": 1790000000000},
		"entrance": fixture.entrance,
	},
	more,
))

accessible := f if {
	some f in elder.finding
	f.id == "cn-accessible-channel-missing"
}

test_no_accessible_channel if {
	f := accessible with input as in_need({})
	f.severity == "critical"
	f.status == "policy"
	f.subject == "e0"
	f.at == 1790000000000
	f.facts.accessible_channel == false
	reasons(elder.not_assessable, "cn-accessible-channel-missing") == set() with input as in_need({})
}

test_accessible_channel_is_a_duty_in_telecom if {
	f := accessible with input as in_need({"industry": "telecom"})
	f.status == "statute"
}

test_accessible_channel_offered if {
	not accessible with input as in_need({"access": {"no_channel": "", "no_channel_at": 0}})
}

test_needs_unknown if {
	reasons(elder.not_assessable, "cn-accessible-channel-missing") == {"customer.needs"} with input as fixture.changed({})
	reasons(elder.not_assessable, "cn-accessible-channel-missing") == set() with input as fixture.changed({"access": {"needs_reported": true}})
}

test_need_known_and_entrance_unknown if {
	reasons(elder.not_assessable, "cn-accessible-channel-missing") == {"entrance"} with input as fixture.changed({
		"accessible": true,
		"access": {"needs_reported": true},
	})
}
