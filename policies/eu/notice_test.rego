package mingjian.eu.notice_test

import data.mingjian.eu.notice
import data.mingjian.fixture

spoken(bot) := fixture.changed({
	"jurisdiction": "EU",
	"bot": object.union({"texts": 1, "first": "b1", "first_at": 1002000}, bot),
})

shown(entrance) := {"session": {"entrance": object.union(fixture.entrance, entrance)}}

test_no_notice if {
	some f in notice.finding with input as spoken({})
	f.id == "eu-ai-notice-missing"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "b1"
	f.at == 1002000
	f.facts.entrance_reported == false
}

test_interface_without_notice if {
	some f in notice.finding with input as object.union(spoken({}), shown({}))
	f.facts.entrance_reported == true
	f.facts.notice_in_interface == false
}

test_notice_in_first_turn if {
	notice.finding == set() with input as spoken({"first_notice": true})
}

test_notice_in_interface if {
	notice.finding == set() with input as object.union(spoken({}), shown({"notice": true}))
}

test_no_bot if {
	notice.finding == set() with input as fixture.changed({"jurisdiction": "EU"})
}

test_before_the_article_applied if {
	some f in notice.finding with input as object.union(spoken({}), {"session": {"opened": 1785621599999}})
	f.status == "draft"
	some g in notice.finding with input as object.union(spoken({}), {"session": {"opened": 1785621600000}})
	g.status == "statute"
}
