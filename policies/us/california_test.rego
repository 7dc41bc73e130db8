package mingjian.us.california_test

import data.mingjian.fixture
import data.mingjian.us.california

# Monday, 2027-03-01, 10:00 in Los Angeles, and 15 minutes later.
at_work := 1803924000000

limit := at_work + 900000

# The end of the next business day, Tuesday.
next_day := 1804060800000

asked(wait, now, more) := object.union(
	fixture.asked_of([object.union({"asked_at": at_work}, wait)], now, object.union({"jurisdiction": "US-CA", "opened": 1803923000000}, more)),
	{"tenant": {"calendar": "us", "large_business": true}},
)

with_settings(input_, settings) := object.union(input_, {"tenant": settings})

slow := f if {
	some f in california.finding
}

test_not_connected_in_15_minutes if {
	slow == {
		"id": "us-ca-human-slow",
		"severity": "high",
		"status": "statute",
		"subject": "",
		"at": limit,
		"facts": {"asked": "ask", "ground": "not_connected", "limit_s": 900},
	} with input as asked({}, limit, {})
	california.finding == set() with input as asked({}, limit - 1, {})
	california.due == {limit} with input as asked({}, limit - 1, {})
	california.due == set() with input as asked({}, limit, {})
}

test_connected if {
	california.finding == set() with input as asked({"joined": "in", "joined_at": limit}, limit, {})
	slow.at == limit with input as asked({"joined": "in", "joined_at": limit + 1}, limit + 1, {})
}

call(of) := {"callbacks": [object.union(data.mingjian.zero.callbacks, of)]}

test_appointment if {
	california.finding == set() with input as asked({}, limit, call({"at": at_work + 5000, "due": next_day}))
	slow.at == limit with input as asked({}, limit, call({"at": at_work + 5000, "due": next_day + 1}))
	slow.at == limit with input as asked({}, limit, call({"at": at_work + 5000}))
	california.finding == set() with input as asked({}, limit, call({"at": at_work + 5000, "done": "cb", "done_at": limit}))
	california.due == set() with input as asked({}, limit - 1, call({"at": at_work + 5000, "due": next_day}))
	count(california.finding) == 1 with input as asked({}, limit, call({"at": at_work - 5000, "due": at_work - 1}))
}

held(seconds, total) := {"queue": {
	"longest_hold_s": seconds,
	"longest_hold": "h1",
	"longest_hold_at": at_work + 2000000,
	"held_s": total,
	"held": "h2",
	"held_at": at_work + 5000000,
}}

connected := {"joined": "in", "joined_at": at_work + 5000}

test_held_too_long if {
	f := slow with input as asked(connected, at_work + 5000000, held(901, 901))
	f.subject == "h1"
	f.at == at_work + 2000000
	f.facts == {"asked": "ask", "ground": "hold", "limit_s": 900}
	california.finding == set() with input as asked(connected, at_work + 5000000, held(900, 3600))
}

test_held_too_long_in_all if {
	f := slow with input as asked(connected, at_work + 5000000, held(800, 3601))
	f.subject == "h2"
	f.at == at_work + 5000000
	f.facts == {"asked": "ask", "ground": "holds_in_all", "limit_s": 3600}
}

test_held_without_a_request if {
	california.finding == set() with input as object.union(
		fixture.changed(object.union({"jurisdiction": "US-CA", "opened": 1803923000000}, held(901, 3601))),
		{"tenant": {"calendar": "us", "large_business": true}},
	)
}

test_whichever_came_first if {
	f := slow with input as asked({"joined": "in", "joined_at": limit + 1}, at_work + 5000000, held(901, 3601))
	f.facts.ground == "not_connected"
}

closed(by, at) := {"closed": at, "closed_by": by, "closed_id": "end"}

test_ended_early if {
	f := slow with input as asked({"ended_at": at_work + 60000}, at_work + 60000, closed("system", at_work + 60000))
	f.subject == "end"
	f.at == at_work + 60000
	count(california.finding) == 1 with input as asked({"ended_at": at_work + 60000, "refused": "no", "refused_at": at_work + 1000}, limit, closed("customer", at_work + 60000))
	california.finding == set() with input as asked({"ended_at": at_work + 60000}, limit, closed("customer", at_work + 60000))
	slow.subject == "" with input as asked({"ended_at": limit}, limit, closed("customer", limit))
}

test_after_hours if {
	california.finding == set() with input as asked({"asked_at": at_work - 7200000}, limit, {})
}

test_elsewhere if {
	california.finding == set() with input as asked({}, limit, {"jurisdiction": "US-UT"})
	california.not_assessable == set() with input as asked({}, limit, {"jurisdiction": "US-UT", "opened": 1798790399999})
}

test_not_yet_in_force if {
	before := asked({}, limit, {"opened": 1798790399999})
	california.finding == set() with input as before
	california.not_assessable == {{"id": "us-ca-human-slow", "reason": "in_force_from:2027-01-01"}} with input as before
	count(california.finding) == 1 with input as asked({}, limit, {"opened": 1798790400000})
	california.not_assessable == set() with input as asked({}, limit, {"opened": 1798790400000})
}

test_size_of_the_business if {
	california.finding == set() with input as with_settings(asked({}, limit, {}), {"large_business": false})
	california.due == set() with input as with_settings(asked({}, limit - 1, {}), {"large_business": false})
	unknown := with_settings(asked({}, limit, {}), {"large_business": null})
	california.finding == set() with input as unknown
	california.not_assessable == {{"id": "us-ca-human-slow", "reason": "tenant.large_business"}} with input as unknown
	california.not_assessable == set() with input as with_settings(asked({"asked_at": at_work - 7200000}, limit, {}), {"large_business": null})
}

test_limits_are_parameters if {
	slow.at == at_work + 60000 with input as asked({}, limit, {}) with data.mingjian.params.us.ca_connect_max_s as 60
	count(california.finding) == 1 with input as asked({}, limit, call({"at": at_work + 5000, "due": next_day})) with data.mingjian.params.us.ca_appointment_days as 0
	count(california.finding) == 1 with input as asked(connected, at_work + 5000000, held(700, 700)) with data.mingjian.params.us.ca_hold_max_s as 600
	count(california.finding) == 1 with input as asked(connected, at_work + 5000000, held(700, 1300)) with data.mingjian.params.us.ca_hold_total_max_s as 1200
}
