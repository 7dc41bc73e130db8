package mingjian.cn.human_test

import data.mingjian.cn.human
import data.mingjian.fixture

ids contains f.id if some f in human.finding

unreachable := f if {
	some f in human.finding
	f.id == "cn-human-unreachable"
}

slow := f if {
	some f in human.finding
	f.id == "cn-human-slow"
}

closed(by, at) := {"closed": at, "closed_by": by, "closed_id": "end"}

test_nobody_by_the_limit if {
	f := unreachable with input as fixture.asked_of([{}], 2090000, {})
	f.severity == "critical"
	f.status == "policy"
	f.subject == ""
	f.at == 2090000
	f.facts == {"asked": "ask", "asked_at": 2000000, "limit_s": 90}
}

test_not_found_before_the_limit if {
	ids == set() with input as fixture.asked_of([{}], 2089999, {})
}

test_due_at_the_limit if {
	human.due == {2090000} with input as fixture.asked_of([{}], 2000000, {})
	human.due == {2090000} with input as fixture.asked_of([{"refused": "no", "refused_at": 2001000}], 2089999, {})
	human.due == set() with input as fixture.asked_of([{}], 2090000, {})
	human.due == set() with input as fixture.asked_of([{"joined": "in", "joined_at": 2020000}], 2020000, {})
	human.due == set() with input as fixture.asked_of([{"ended_at": 2020000}], 2020000, closed("customer", 2020000))
	human.due == set() with input as fixture.changed({})
}

test_within_the_limit if {
	ids == {"cn-human-slow"} with input as fixture.asked_of([{"joined": "in", "joined_at": 2090000}], 2900000, {})
	ids == set() with input as fixture.asked_of([{"joined": "in", "joined_at": 2030000}], 2900000, {})
}

test_joined_after_the_limit if {
	request := fixture.asked_of([{"joined": "in", "joined_at": 2093000}], 2093000, {})
	ids == {"cn-human-unreachable", "cn-human-slow"} with input as request
	f := unreachable with input as request
	f.subject == ""
	f.at == 2090000
	f.facts.joined_at == 2093000
}

test_slow if {
	ids == {"cn-human-slow"} with input as fixture.asked_of([{"joined": "in", "joined_at": 2030001}], 2030001, {})
	f := slow with input as fixture.asked_of([{"joined": "in", "joined_at": 2031000}], 2031000, {})
	f.severity == "medium"
	f.status == "policy"
	f.subject == "in"
	f.at == 2031000
	f.facts == {"asked": "ask", "asked_at": 2000000, "joined": "in", "joined_at": 2031000, "limit_s": 30, "waited_ms": 31000}
}

test_earliest_slow_wait if {
	f := slow with input as fixture.asked_of(
		[
			{"joined": "in", "joined_at": 2010000},
			{"asked_at": 2100000, "joined": "in2", "joined_at": 2140000},
			{"asked_at": 2200000, "joined": "in3", "joined_at": 2290000},
		],
		2400000, {},
	)
	f.subject == "in2"
}

test_ended_without_a_person if {
	f := unreachable with input as fixture.asked_of([{"ended_at": 2045000}], 2045000, closed("customer", 2045000))
	f.subject == "end"
	f.at == 2045000
	f.facts.ended_at == 2045000
}

test_ended_by_the_service_at_once if {
	f := unreachable with input as fixture.asked_of([{"ended_at": 2001000}], 2001000, closed("system", 2001000))
	f.at == 2001000
	ids == {"cn-human-unreachable"} with input as fixture.asked_of([{"ended_at": 2001000}], 2001000, closed("bot", 2001000))
}

test_customer_left_too_soon if {
	ids == set() with input as fixture.asked_of([{"ended_at": 2030000}], 9000000, closed("customer", 2030000))
	ids == {"cn-human-unreachable"} with input as fixture.asked_of([{"ended_at": 2030001}], 2030001, closed("customer", 2030001))
}

test_refusal_takes_the_grace_away if {
	f := unreachable with input as fixture.asked_of(
		[{"ended_at": 2012000, "refused": "no", "refused_at": 2010000}],
		2012000, closed("customer", 2012000),
	)
	f.subject == "end"
	f.facts.refused == "no"
	ids == set() with input as fixture.asked_of(
		[{"ended_at": 2012000, "refused": "no", "refused_at": 2013000}],
		2013000, closed("customer", 2012000),
	)
}

test_refusal_cured_in_time if {
	ids == set() with input as fixture.asked_of(
		[{"refused": "no", "refused_at": 2003000, "joined": "in", "joined_at": 2025000}],
		2900000, {},
	)
	ids == set() with input as fixture.asked_of([{"refused": "no", "refused_at": 2003000}], 2003000, {})
}

test_ended_after_the_limit if {
	f := unreachable with input as fixture.asked_of([{"ended_at": 2300000}], 2300000, closed("customer", 2300000))
	f.at == 2090000
	f.subject == ""
}

test_ended_at_the_limit if {
	f := unreachable with input as fixture.asked_of([{"ended_at": 2090000}], 2090000, closed("customer", 2090000))
	f.at == 2090000
	f.subject == ""
}

test_earliest_broken_wait if {
	f := unreachable with input as fixture.asked_of(
		[
			{"joined": "in", "joined_at": 2010000},
			{"asked": "ask2", "asked_at": 2100000, "joined": "in2", "joined_at": 2200000},
			{"asked": "ask3", "asked_at": 2300000, "ended_at": 2500000},
		],
		2500000, closed("system", 2500000),
	)
	f.at == 2190000
	f.facts.asked == "ask2"
}

test_limits_are_parameters if {
	ids == {"cn-human-unreachable"} with input as fixture.asked_of([{}], 2060000, {})
		with data.mingjian.params.cn.human_wait_max_s as 60
	ids == set() with input as fixture.asked_of([{"joined": "in", "joined_at": 2045000}], 2045000, {})
		with data.mingjian.params.cn.human_slow_s as 45
	ids == {"cn-human-unreachable"} with input as fixture.asked_of([{"ended_at": 2012000}], 2012000, closed("customer", 2012000))
		with data.mingjian.params.cn.human_grace_s as 10
}

test_nobody_asked if {
	ids == set() with input as fixture.changed(closed("system", 2000000))
}
