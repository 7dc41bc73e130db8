package mingjian.eu.contact_test

import data.mingjian.eu.contact
import data.mingjian.fixture

# asked is a session with these waits of which nothing was offered; 1790000000000 is Monday
# 2026-09-21, 13:33 in China and 07:33 in Madrid.
asked(waits, now, more) := object.union(
	fixture.asked_of(waits, now, object.union({"jurisdiction": "DE", "industry": "retail"}, more)),
	{"tenant": {"calendar": "cn"}},
)

platform(input_, value) := object.union(input_, {"tenant": {"platform": value}})

refused := {"refused": "no", "refused_at": 2005000}

left(by, at) := {"closed": at, "closed_by": by, "closed_id": "end"}

test_refused if {
	contact.finding == {{
		"id": "eu-automated-only-contact",
		"severity": "critical",
		"status": "statute",
		"subject": "no",
		"at": 2005000,
		"facts": {"asked": "ask", "ground": "refused"},
	}} with input as asked([refused], 2005000, {})
}

test_ended_without_anything if {
	some f in contact.finding with input as asked([{"ended_at": 2040000}], 2040000, left("customer", 2040000))
	f.subject == "end"
	f.at == 2040000
	f.facts == {"asked": "ask", "ground": "ended"}
	count(contact.finding) == 1 with input as asked([{"ended_at": 2001000}], 2001000, left("bot", 2001000))
}

test_left_at_once if {
	contact.finding == set() with input as asked([{"ended_at": 2030000}], 9000000, left("customer", 2030000))
	count(contact.finding) == 1 with input as asked([{"ended_at": 2030001}], 9000000, left("customer", 2030001))
	count(contact.finding) == 1 with input as asked([object.union(refused, {"ended_at": 2030000})], 9000000, left("customer", 2030000))
	count(contact.finding) == 1 with input as asked([{"ended_at": 2030000}], 9000000, left("customer", 2030000))
		with data.mingjian.params.eu.human_grace_s as 20
}

test_still_open if {
	contact.finding == set() with input as asked([{}], 9000000, {})
}

test_offered if {
	contact.finding == set() with input as asked([refused], 9000000, {"contact": {"offered": "o", "offered_at": 2010000}})
}

test_earliest if {
	some f in contact.finding with input as asked([object.union(refused, {"refused_at": 2050000, "refused": "late"}), refused], 9000000, {})
	f.subject == "no"
}

test_which_services if {
	count(contact.finding) == 1 with input as asked([refused], 9000000, {"industry": "internet"})
	contact.finding == set() with input as asked([refused], 9000000, {"industry": "air"})
	contact.finding == set() with input as asked([refused], 9000000, {"industry": ""})
	count(contact.finding) == 1 with input as platform(asked([refused], 9000000, {"industry": "air"}), true)
	contact.finding == set() with input as platform(asked([refused], 9000000, {}), false)
}

test_service_not_known if {
	unknown := {{"id": "eu-automated-only-contact", "reason": "tenant.platform"}}
	contact.not_assessable == unknown with input as asked([refused], 9000000, {"industry": ""})
	contact.not_assessable == set() with input as platform(asked([refused], 9000000, {"industry": ""}), false)
	contact.not_assessable == set() with input as asked([refused], 9000000, {})
	contact.not_assessable == set() with input as asked([], 9000000, {"industry": ""})
	contact.not_assessable == set() with input as asked([refused], 9000000, {"industry": "", "contact": {"offered_at": 2010000}})
}

test_before_the_regulation if {
	contact.finding == set() with input as asked([refused], 9000000, {"opened": 1708124399999})
	count(contact.finding) == 1 with input as asked([refused], 9000000, {"opened": 1708124400000})
}

# asked_at is 10:00 on Monday, 2026-09-21, in China.
at_work := 1789956000000

bank(wait, now, more) := asked([object.union({"asked_at": at_work}, wait)], now, object.union({"industry": "bank"}, more))

in_vain := {"refused": "no", "refused_at": 1789956005000}

test_no_person_at_the_bank if {
	contact.finding == {{
		"id": "eu-finance-human-refused",
		"severity": "critical",
		"status": "statute",
		"subject": "no",
		"at": 1789956005000,
		"facts": {"asked": "ask", "ground": "refused"},
	}} with input as bank(in_vain, 1789956005000, {})
	count(contact.finding) == 1 with input as bank(in_vain, 1789956005000, {"industry": "insurance"})
	contact.finding == set() with input as bank(in_vain, 1789956005000, {"industry": "air"})
}

test_a_person_came if {
	contact.finding == set() with input as bank(object.union(in_vain, {"joined": "in", "joined_at": 1789956060000}), 1789956060000, {})
}

test_after_hours if {
	contact.finding == set() with input as bank({"asked_at": 1789990000000, "refused": "no", "refused_at": 1789990005000}, 1789990005000, {})
}

test_before_the_directive if {
	before := bank(in_vain, 1789956005000, {"opened": 1781819999999})
	contact.finding == set() with input as before
	contact.not_assessable == {{"id": "eu-finance-human-refused", "reason": "in_force_from:2026-06-19"}} with input as before
	contact.not_assessable == set() with input as bank(in_vain, 1789956005000, {"opened": 1781820000000})
	contact.not_assessable == set() with input as bank(in_vain, 1789956005000, {"opened": 1781819999999, "industry": "air"})
	count(contact.finding) == 1 with input as bank(in_vain, 1789956005000, {"opened": 1781820000000})
}

call(more) := {"callbacks": [object.union(data.mingjian.zero.callbacks, more)]}

promised := call({"id": "cb", "at": 1789956010000, "due": 1789963200000})

test_call_back_promised if {
	contact.finding == set() with input as bank(in_vain, 1789963199999, promised)
	contact.due == {1789963200000} with input as bank(in_vain, 1789963199999, promised)
	some f in contact.finding with input as bank(in_vain, 1789963200000, promised)
	f.subject == ""
	f.at == 1789963200000
	f.facts == {"asked": "ask", "ground": "call_back_missed"}
	contact.due == set() with input as bank(in_vain, 1789963200000, promised)
}

test_call_back_made if {
	contact.finding == set() with input as bank(in_vain, 1799963200000, call({"done": "c", "done_at": 1789956900000}))
}

test_calls_of_before if {
	count(contact.finding) == 1 with input as bank(in_vain, 1789956005000, call({"done": "c", "done_at": 1789955900000}))
	some f in contact.finding with input as bank(in_vain, 1789956005000, call({"id": "cb", "at": 1789955900000, "due": 1789963200000}))
	f.facts.ground == "refused"
}

test_call_back_without_a_time if {
	some f in contact.finding with input as bank(in_vain, 1789956010000, call({"id": "cb", "at": 1789956010000}))
	f.facts.ground == "refused"
}
