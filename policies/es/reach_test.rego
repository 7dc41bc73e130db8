package mingjian.es.reach_test

import data.mingjian.es.reach
import data.mingjian.fixture

ids contains f.id if some f in reach.finding

finding_of(id) := f if {
	some f in reach.finding
	f.id == id
}

shown := {"entrance": fixture.entrance}

closed(by, at) := object.union(shown, {"closed": at, "closed_by": by, "closed_as": "ended", "closed_id": "end"})

test_request_refused if {
	request := fixture.asked_of([{}, {"refused": "no", "refused_at": 2001000}], 2001000, shown)
	finding_of("es-bot-only") == {
		"id": "es-bot-only",
		"severity": "critical",
		"status": "draft",
		"subject": "no",
		"at": 2001000,
		"facts": {"ground": "refused", "asked": "ask"},
	} with input as request
	reach.not_assessable == set() with input as request
}

test_refusal_is_not_cured if {
	ids == {"es-bot-only"} with input as fixture.asked_of([{"refused": "no", "refused_at": 2001000, "joined": "in", "joined_at": 2010000}], 2900000, shown)
}

test_no_option_in_the_entrance if {
	hidden := {"no_human": "open", "no_human_at": 1990000}
	f := finding_of("es-bot-only") with input as fixture.changed(object.union(shown, {"contact": hidden}))
	f.subject == "open"
	f.at == 1990000
	f.facts == {"ground": "no_option", "asked": ""}
	g := finding_of("es-bot-only") with input as fixture.asked_of([{"refused": "no", "refused_at": 2001000}], 2001000, object.union(shown, {"contact": hidden}))
	g.subject == "open"
}

test_entrance_unknown if {
	reach.not_assessable == {{"id": "es-bot-only", "reason": "entrance.human_option_visible"}} with input as fixture.changed({})
	reach.not_assessable == set() with input as fixture.changed(shown)
	reach.not_assessable == set() with input as fixture.asked_of([{"refused": "no", "refused_at": 2001000}], 2001000, {})
	ids == set() with input as fixture.changed(shown)
}

test_from_28_december if {
	f := finding_of("es-bot-only") with input as fixture.asked_of([{"refused": "no", "refused_at": 2001000}], 2001000, {"opened": 1798412400000})
	f.status == "statute"
	g := finding_of("es-bot-only") with input as fixture.asked_of([{"refused": "no", "refused_at": 2001000}], 2001000, {"opened": 1798412399999})
	g.status == "draft"
}

test_not_met_in_three_minutes if {
	finding_of("es-human-slow") == {
		"id": "es-human-slow",
		"severity": "high",
		"status": "draft",
		"subject": "",
		"at": 2180000,
		"facts": {"asked": "ask", "limit_s": 180},
	} with input as fixture.asked_of([{}], 2180000, shown)
	ids == set() with input as fixture.asked_of([{}], 2179999, shown)
	reach.due == {2180000} with input as fixture.asked_of([{}], 2179999, shown)
	reach.due == set() with input as fixture.asked_of([{}], 2180000, shown)
}

test_met_in_time if {
	met := [{"joined": "in", "joined_at": 2180000}]
	ids == set() with input as fixture.asked_of(met, 9000000, shown)
	reach.due == set() with input as fixture.asked_of(met, 2100000, shown)
}

test_met_too_late if {
	f := finding_of("es-human-slow") with input as fixture.asked_of([{"joined": "in", "joined_at": 2180001}], 2180001, shown)
	f.at == 2180000
	f.facts == {"asked": "ask", "limit_s": 180, "joined_at": 2180001}
}

test_hung_up_before if {
	ids == set() with input as fixture.asked_of([{"ended_at": 2179999}], 9000000, closed("customer", 2179999))
	reach.due == set() with input as fixture.asked_of([{"ended_at": 2100000}], 2100000, closed("customer", 2100000))
}

test_hung_up_after if {
	ids == {"es-human-slow"} with input as fixture.asked_of([{"ended_at": 2180000}], 2180000, closed("customer", 2180000))
}

test_ended_by_the_service if {
	f := finding_of("es-human-slow") with input as fixture.asked_of([{"ended_at": 2060000}], 2060000, closed("agent", 2060000))
	f.at == 2060000
	f.subject == "end"
	f.facts == {"asked": "ask", "limit_s": 180}
	ids == set() with input as fixture.asked_of([{"ended_at": 2060000}], 2059999, closed("agent", 2060000))
}

test_earliest_request if {
	f := finding_of("es-human-slow") with input as fixture.asked_of(
		[{"joined": "in", "joined_at": 2010000}, {"asked": "ask2", "asked_at": 2300000}, {"asked": "ask3", "asked_at": 2400000}],
		9000000, shown,
	)
	f.facts.asked == "ask2"
}

test_limit_is_a_parameter if {
	ids == {"es-human-slow"} with input as fixture.asked_of([{}], 2060000, shown) with data.mingjian.params.es.human_wait_max_s as 60
}

test_cut_while_a_request_was_open if {
	finding_of("es-cut-while-waiting") == {
		"id": "es-cut-while-waiting",
		"severity": "critical",
		"status": "draft",
		"subject": "end",
		"at": 2060000,
		"facts": {"waiting_since_at": 2000000, "closed_by": "system", "reason": "ended"},
	} with input as fixture.asked_of([{"ended_at": 2060000}], 2060000, closed("system", 2060000))
	"es-cut-while-waiting" in ids with input as fixture.asked_of([{"ended_at": 2060000}], 2060000, closed("bot", 2060000))
}

queued(stays, more) := fixture.changed(object.union(
	{"queue": {"stays": [object.union({"queued": "q", "queued_at": 2001000, "priority": "", "priority_at": 0, "ended_as": ""}, s) | some s in stays]}},
	more,
))

test_cut_in_the_queue if {
	ids == {"es-cut-while-waiting"} with input as queued([{"ended_as": "closed", "priority_at": 2001000}], closed("system", 2060000))
	ids == set() with input as queued([{"ended_as": "abandoned", "priority_at": 2001000}], closed("system", 2060000))
	ids == set() with input as queued([{"ended_as": "closed", "priority_at": 2001000}], closed("customer", 2060000))
	ids == set() with input as queued([{"ended_as": "closed", "priority_at": 2001000}], closed("agent", 2060000))
}

test_no_cut if {
	cut := [{"ended_as": "closed", "priority_at": 2001000}]
	ids == set() with input as queued(cut, object.union(closed("system", 2060000), {"resolved": true}))
	ids == {"es-cut-while-waiting"} with input as queued(cut, object.union(closed("system", 2060000), {"resolved": false}))
	ids == set() with input as queued(cut, object.union(closed("system", 2060000), {"closed_as": "transfer"}))
	ids == set() with input as queued(cut, object.union(closed("system", 2060000), {"closed_id": ""}))
	ids == set() with input as fixture.asked_of([{"joined": "in", "joined_at": 2010000}], 2060000, closed("system", 2060000))
}

test_queued_without_priority if {
	old := object.union(shown, {"elder": true})
	finding_of("es-no-priority") == {
		"id": "es-no-priority",
		"severity": "high",
		"status": "draft",
		"subject": "q",
		"at": 2001000,
		"facts": {"queued": "q", "elder": true, "accessible_need": false},
	} with input as queued([{}], old)
	ids == set() with input as queued([{"priority": "p", "priority_at": 2002000}], old)
	ids == {"es-no-priority"} with input as queued([{"priority_at": 2002000}, {}], old)
	ids == set() with input as fixture.changed(old)
}

test_who_has_priority if {
	ids == {"es-no-priority"} with input as queued([{}], object.union(shown, {"accessible": true}))
	ids == {"es-no-priority"} with input as queued([{}], object.union(shown, {"accessible": true, "elder": null}))
	ids == set() with input as queued([{}], shown)
	ids == set() with input as queued([{}], object.union(shown, {"elder": null}))
}

test_age_unknown if {
	reach.not_assessable == {{"id": "es-no-priority", "reason": "customer.age"}} with input as queued([{}], object.union(shown, {"elder": null}))
	reach.not_assessable == set() with input as queued([{}], shown)
	reach.not_assessable == set() with input as queued([{"priority_at": 2001000}], object.union(shown, {"elder": null}))
	reach.not_assessable == set() with input as queued([{}], object.union(shown, {"elder": null, "accessible": true}))
}
