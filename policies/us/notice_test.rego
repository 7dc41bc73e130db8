package mingjian.us.notice_test

import data.mingjian.fixture
import data.mingjian.us.notice

noted(state, note, more) := fixture.changed(object.union(
	{"jurisdiction": state, "disclosure": object.union(data.mingjian.zero.disclosure, note)},
	more,
))

sold(more) := noted("US-CA", {"sold": "b3", "sold_at": 1020000}, more)

untold(more) := noted("US-UT", {"question": "c2", "untold": "b4", "untold_at": 1030000}, more)

posed(more) := noted("US-ME", {"posed": "b1", "posed_at": 1002000}, more)

called(bot, more) := fixture.changed(object.union(
	{
		"jurisdiction": "US-ME",
		"channel": "phone",
		"bot": object.union(fixture.session.bot, object.union({"texts": 1, "first": "b1", "first_at": 1002000}, bot)),
	},
	more,
))

ids contains f.id if some f in notice.finding

skipped contains [n.id, n.reason] if some n in notice.not_assessable

test_sold_in_california if {
	some f in notice.finding with input as sold({})
	f.id == "us-ca-bot-undisclosed"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "b3"
	f.at == 1020000
	f.facts == {"sold": "b3", "notice": false, "channel": "app"}
	skipped == set() with input as sold({})
}

test_sold_elsewhere_or_by_phone if {
	ids == set() with input as sold({"jurisdiction": "US-ME"})
	ids == set() with input as sold({"jurisdiction": "US-UT"})
	ids == set() with input as sold({"channel": "phone"})
	ids == set() with input as noted("US-CA", {}, {})
	ids == set() with input as fixture.changed({"jurisdiction": "US-CA"})
}

test_sold_before_the_statute if {
	ids == set() with input as sold({"opened": 1561964399999})
	skipped == {["us-ca-bot-undisclosed", "in_force_from:2019-07-01"]} with input as sold({"opened": 1561964399999})
	ids == {"us-ca-bot-undisclosed"} with input as sold({"opened": 1561964400000})
	skipped == set() with input as sold({"opened": 1561964400000})
}

test_asked_in_utah if {
	some f in notice.finding with input as untold({})
	f.id == "us-ut-asked-not-told"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "b4"
	f.at == 1030000
	f.facts == {"question": "c2", "next_turn": "b4"}
	skipped == set() with input as untold({})
}

test_asked_elsewhere_or_told if {
	ids == set() with input as untold({"jurisdiction": "US-CA"})
	ids == set() with input as noted("US-UT", {}, {})
}

test_asked_before_the_statute if {
	ids == set() with input as untold({"opened": 1746597599999})
	skipped == {["us-ut-asked-not-told", "in_force_from:2025-05-07"]} with input as untold({"opened": 1746597599999})
	ids == {"us-ut-asked-not-told"} with input as untold({"opened": 1746597600000})
	skipped == set() with input as untold({"opened": 1746597600000})
}

test_named_in_maine if {
	some f in notice.finding with input as posed({})
	f.id == "us-me-bot-undisclosed"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "b1"
	f.at == 1002000
	f.facts == {"name_or_voice": "name", "notice": false}
	skipped == set() with input as posed({})
}

test_named_elsewhere_or_not if {
	ids == set() with input as posed({"jurisdiction": "US-UT"})
	ids == set() with input as posed({"industry": "public"})
	ids == set() with input as posed({"channel": "phone"})
	ids == set() with input as noted("US-ME", {}, {})
}

test_voice_in_maine if {
	some f in notice.finding with input as called({}, {})
	f.id == "us-me-bot-undisclosed"
	f.subject == "b1"
	f.at == 1002000
	f.facts == {"name_or_voice": "voice", "notice": false}
	ids == {"us-me-bot-undisclosed"} with input as called({}, {"entrance": fixture.entrance})
}

test_voice_with_notice_or_elsewhere if {
	ids == set() with input as called({"first_notice": true}, {})
	ids == set() with input as called({}, {"entrance": object.union(fixture.entrance, {"notice": true})})
	ids == set() with input as called({}, {"industry": "public"})
	ids == set() with input as called({}, {"channel": "web"})
	ids == set() with input as called({}, {"jurisdiction": "US-CA"})
	ids == set() with input as called({"texts": 0, "first": "", "first_at": 0}, {})
}

test_posed_before_the_statute if {
	ids == set() with input as posed({"opened": 1758686399999})
	skipped == {["us-me-bot-undisclosed", "in_force_from:2025-09-24"]} with input as posed({"opened": 1758686399999})
	ids == {"us-me-bot-undisclosed"} with input as posed({"opened": 1758686400000})
	skipped == set() with input as posed({"opened": 1758686400000})
	skipped == set() with input as posed({"opened": 1758686399999, "industry": "public"})
}
