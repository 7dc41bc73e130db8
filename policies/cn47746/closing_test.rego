package mingjian.cn47746.closing_test

import data.mingjian.cn47746.closing
import data.mingjian.fixture

found(id) := f if {
	some f in closing.finding
	f.id == id
}

reasons(id) := {n.reason | some n in closing.not_assessable; n.id == id}

ended(by, ending, session) := fixture.changed(object.union(
	{
		"closed": 2500000, "closed_id": "end", "closed_by": by, "closed_as": "ended",
		"ending": object.union(data.mingjian.zero.ending, object.union({"ticket": "t"}, ending)),
	},
	session,
))

phone := {"channel": "phone"}

test_chat_of_a_person if {
	f := found("cn-47746-close") with input as ended("agent", {"silent_ms": 59999, "person": true}, {})
	f.severity == "medium"
	f.status == "standard"
	f.subject == "end"
	f.at == 2500000
	f.facts == {"closed_by": "agent", "person_serving": true, "silent_ms": 59999, "limit_s": 60}
	not found("cn-47746-close") with input as ended("agent", {"silent_ms": 60000, "person": true}, {})
	found("cn-47746-close") with input as ended("system", {"silent_ms": 20000, "person": true}, {})
	found("cn-47746-close") with input as ended("agent", {"silent_ms": 20000}, {})
	not found("cn-47746-close") with input as ended("agent", {"silent_ms": 20000, "person": true}, {})
		with data.mingjian.params.cn47746.silence_chat_s as 20
}

test_chat_of_the_ai_has_its_own_time if {
	not found("cn-47746-close") with input as ended("bot", {"silent_ms": 1000}, {})
	not found("cn-47746-close") with input as ended("system", {"silent_ms": 1000}, {})
}

test_letters_are_no_chat if {
	not found("cn-47746-close") with input as ended("agent", {"silent_ms": 1000, "person": true}, {"channel": "email"})
}

test_call_of_the_ai if {
	f := found("cn-47746-close") with input as ended("bot", {"silent_ms": 59999}, phone)
	f.facts.limit_s == 60
	f.facts.person_serving == false
	not found("cn-47746-close") with input as ended("bot", {"silent_ms": 60000}, phone)
}

test_call_of_a_person if {
	f := found("cn-47746-close") with input as ended("agent", {"silent_ms": 9999, "person": true, "tries": 1}, phone)
	f.facts.limit_s == 10
	not found("cn-47746-close") with input as ended("agent", {"silent_ms": 10000, "person": true}, phone)
	not found("cn-47746-close") with input as ended("agent", {"silent_ms": 9999, "person": true, "tries": 2}, phone)
	not found("cn-47746-close") with input as ended("agent", {"silent_ms": 5000, "person": true}, phone)
		with data.mingjian.params.cn47746.silence_phone_s as 5
}

test_no_ending_by_the_service if {
	not found("cn-47746-close") with input as ended("customer", {"person": true}, {})
	not found("cn-47746-close") with input as ended("agent", {"person": true, "goodbye": true}, {})
	not found("cn-47746-close") with input as ended("agent", {"person": true}, {"closed_as": "transfer"})
	not found("cn-47746-close") with input as ended("system", {"person": true}, {"closed_as": "error"})
	not found("cn-47746-close") with input as fixture.changed({})
}

test_channel_unknown if {
	reasons("cn-47746-close") == {"channel"} with input as ended("agent", {"person": true}, {"channel": ""})
	reasons("cn-47746-close") == set() with input as ended("customer", {"person": true}, {"channel": ""})
	reasons("cn-47746-close") == set() with input as ended("agent", {"person": true}, {})
}

without_ticket(tickets, session) := fixture.for_tenant(ended("customer", {"ticket": ""}, session), {"ticket_ids": tickets})

test_no_ticket if {
	f := found("cn-47746-record") with input as without_ticket(true, {})
	f.severity == "medium"
	f.status == "standard"
	f.subject == "end"
	f.at == 2500000
	reasons("cn-47746-record") == set() with input as without_ticket(true, {})
}

test_with_ticket_or_still_open if {
	not found("cn-47746-record") with input as fixture.for_tenant(ended("customer", {}, {}), {"ticket_ids": true})
	not found("cn-47746-record") with input as fixture.for_tenant(fixture.changed({}), {"ticket_ids": true})
}

test_source_gives_no_tickets if {
	not found("cn-47746-record") with input as without_ticket(false, {})
	reasons("cn-47746-record") == {"tenant.ticket_ids"} with input as without_ticket(false, {})
	reasons("cn-47746-record") == {"tenant.ticket_ids"} with input as fixture.changed({})
}

test_before_the_standard if {
	old := {"opened": 1788191999999, "channel": ""}
	closing.finding == set() with input as without_ticket(true, old)
	not found("cn-47746-close") with input as ended("agent", {"person": true}, {"opened": 1788191999999})
	closing.not_assessable == {
		{"id": "cn-47746-close", "reason": "in_force_from:2026-09-01"},
		{"id": "cn-47746-record", "reason": "in_force_from:2026-09-01"},
	} with input as ended("agent", {"person": true}, old)
}
