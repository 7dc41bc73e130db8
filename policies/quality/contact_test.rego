package mingjian.quality.contact_test

import data.mingjian.fixture
import data.mingjian.quality.contact

made(of) := fixture.changed({"contact": object.union(data.mingjian.zero.contact, of)})

test_turned_away_three_times if {
	some f in contact.finding with input as made({"turned_away": 3, "third": "b3", "third_at": 1040000})
	f == {
		"id": "q-handoff-blocked",
		"severity": "critical",
		"status": "quality",
		"subject": "b3",
		"at": 1040000,
		"facts": {"turned_away": 3, "third": "b3"},
	}
}

test_turned_away_twice if {
	contact.finding == set() with input as made({"turned_away": 2})
}

test_busy_and_nothing_else if {
	contact.finding == {{
		"id": "q-busy-dead-end",
		"severity": "high",
		"status": "quality",
		"subject": "b1",
		"at": 1010000,
		"facts": {"told": "b1"},
	}} with input as made({"dead_end": "b1", "dead_end_at": 1010000})
}

test_nothing_happened if {
	contact.finding == set() with input as made({})
}
