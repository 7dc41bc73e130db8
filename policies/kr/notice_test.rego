package mingjian.kr.notice_test

import data.mingjian.fixture
import data.mingjian.kr.notice

spoken(bot, more) := fixture.changed(object.union(
	{
		"jurisdiction": "KR",
		"bot": object.union(fixture.session.bot, object.union({"texts": 1, "first": "b1", "first_at": 1002000}, bot)),
	},
	more,
))

test_no_notice if {
	some f in notice.finding with input as spoken({}, {})
	f.id == "kr-ai-notice-missing"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "b1"
	f.at == 1002000
	f.facts == {"first_bot_text": "b1", "notice_in_first_turn": false, "notice_in_interface": false}
	notice.not_assessable == set() with input as spoken({}, {})
	notice.finding != set() with input as spoken({}, {"entrance": fixture.entrance})
}

test_told if {
	notice.finding == set() with input as spoken({"first_notice": true}, {})
	notice.finding == set() with input as spoken({}, {"entrance": object.union(fixture.entrance, {"notice": true})})
}

test_no_bot if {
	notice.finding == set() with input as spoken({"texts": 0}, {})
	notice.not_assessable == set() with input as spoken({"texts": 0}, {"opened": 1769007599999})
}

test_before_the_act if {
	notice.finding == set() with input as spoken({}, {"opened": 1769007599999})
	notice.not_assessable == {{"id": "kr-ai-notice-missing", "reason": "in_force_from:2026-01-22"}} with input as spoken({}, {"opened": 1769007599999})
	notice.finding != set() with input as spoken({}, {"opened": 1769007600000})
	notice.not_assessable == set() with input as spoken({}, {"opened": 1769007600000})
}
