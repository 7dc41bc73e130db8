package mingjian.es.reach_agent_test

import data.mingjian.es.reach_agent
import data.mingjian.fixture

ids contains f.id if some f in reach_agent.finding

spoke(turn) := fixture.changed({"agent": object.union({"first": "", "first_at": 0, "identified": false}, turn)})

test_first_turn_says_nobody if {
	reach_agent.finding == {{
		"id": "es-agent-unidentified",
		"severity": "medium",
		"status": "draft",
		"subject": "a1",
		"at": 2000000,
		"facts": {"first_agent_text": "a1"},
	}} with input as spoke({"first": "a1", "first_at": 2000000})
}

test_identified if {
	reach_agent.finding == set() with input as spoke({"first": "a1", "first_at": 2000000, "identified": true})
	reach_agent.finding == set() with input as spoke({})
}

# Monday, 2026-09-21, 10:00 in Spain; work ends at 18:00.
asked_at := 1789977600000

day_end := 1790006400000

limit := asked_at + 180000

asked(more, now, session) := object.union(
	fixture.changed_at(now, object.union(
		{"supervisor": object.union(
			object.union(data.mingjian.zero.supervisor, {"asked": "c3", "asked_at": asked_at, "dissatisfied": "c2", "dissatisfied_at": asked_at - 5000}),
			more,
		)},
		session,
	)),
	{"tenant": {"calendar": "es"}},
)

refused := f if {
	some f in reach_agent.finding
	f.id == "es-supervisor-refused"
}

test_no_superior_in_time if {
	refused == {
		"id": "es-supervisor-refused",
		"severity": "high",
		"status": "draft",
		"subject": "",
		"at": limit,
		"facts": {"asked": "c3", "dissatisfied": "c2", "ground": "no_superior", "limit_s": 180},
	} with input as asked({}, limit, {})
	reach_agent.finding == set() with input as asked({}, limit - 1, {})
	reach_agent.due == {limit} with input as asked({}, limit - 1, {})
	reach_agent.due == set() with input as asked({}, limit, {})
}

test_from_28_december if {
	refused.status == "statute" with input as asked({}, limit, {"opened": 1798412400000})
	refused.status == "draft" with input as asked({}, limit, {"opened": 1798412399999})
}

test_not_dissatisfied if {
	ids == set() with input as asked({"dissatisfied": "", "dissatisfied_at": 0}, limit, {})
	reach_agent.due == set() with input as asked({"dissatisfied": "", "dissatisfied_at": 0}, limit - 1, {})
}

test_dissatisfied_later if {
	later := {"dissatisfied_at": asked_at + 60000}
	ids == set() with input as asked(later, limit + 59999, {})
	refused.at == limit + 60000 with input as asked(later, limit + 60000, {})
}

test_superior_joined if {
	ids == set() with input as asked({"joined": "in", "joined_at": limit}, limit, {})
	refused.at == limit with input as asked({"joined": "in", "joined_at": limit + 1}, limit + 1, {})
}

test_somebody_joined if {
	somebody := {"another": "in", "another_at": limit}
	ids == set() with input as asked(somebody, limit, {})
	unknown := {{"id": "es-supervisor-refused", "reason": "actor.level"}}
	reach_agent.not_assessable == unknown with input as asked(somebody, limit, {})
	reach_agent.not_assessable == set() with input as asked(object.union(somebody, {"dissatisfied_at": 0}), limit, {})
	reach_agent.not_assessable == set() with input as asked({}, limit, {})
	refused.at == limit with input as asked({"another": "in", "another_at": limit + 1}, limit + 1, {})
}

calls(of) := {"callbacks": [object.union(data.mingjian.zero.callbacks, of)]}

test_called_back_the_same_day if {
	ids == set() with input as asked({}, day_end, calls({"at": asked_at + 60000, "done": "cb", "done_at": day_end}))
	refused.at == limit with input as asked({}, day_end, calls({"at": asked_at - 1, "done": "cb", "done_at": asked_at - 1}))
	refused.at == day_end with input as asked({}, day_end + 1, calls({"at": asked_at + 60000, "done": "cb", "done_at": day_end + 1}))
}

test_call_back_promised if {
	for_today := calls({"at": asked_at, "due": day_end})
	ids == set() with input as asked({}, day_end - 1, for_today)
	reach_agent.due == {day_end} with input as asked({}, day_end - 1, for_today)
	refused.facts.ground == "no_call_back" with input as asked({}, day_end, for_today)
	refused.at == day_end with input as asked({}, day_end, calls({"at": asked_at}))
	refused.at == limit with input as asked({}, limit, calls({"at": asked_at, "due": day_end + 1}))
	refused.at == limit with input as asked({}, limit, calls({"at": asked_at - 1, "due": day_end}))
}

test_call_back_promised_in_words if {
	ids == set() with input as asked({"promised": "a4", "promised_at": asked_at + 9000}, day_end - 1, {})
	refused.at == day_end with input as asked({"promised": "a4", "promised_at": asked_at + 9000}, day_end, {})
}

closed(by, at) := {"closed": at, "closed_by": by, "closed_id": "end"}

test_ended_early if {
	f := refused with input as asked({}, asked_at + 60000, closed("agent", asked_at + 60000))
	f.subject == "end"
	f.at == asked_at + 60000
	f.facts.ground == "ended"
	ids == set() with input as asked({}, limit, closed("customer", asked_at + 60000))
	ids == set() with input as asked({"promised": "a4", "promised_at": asked_at + 9000}, limit, closed("agent", asked_at + 60000))
}

test_left_after_being_turned_away if {
	f := refused with input as asked({"turned_away": "a4", "turned_away_at": asked_at + 9000}, asked_at + 60000, closed("customer", asked_at + 60000))
	f.at == asked_at + 60000
}

test_ended_at_the_limit if {
	refused.facts.ground == "no_superior" with input as asked({}, limit, closed("customer", limit))
}

test_nobody_asked if {
	ids == set() with input as fixture.changed({})
	reach_agent.due == set() with input as fixture.changed({})
}
