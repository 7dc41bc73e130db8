package mingjian.core.identity_test

import data.mingjian.core.identity
import data.mingjian.fixture

denied_in(jurisdiction, opened) := fixture.changed({
	"jurisdiction": jurisdiction,
	"opened": opened,
	"disclosure": object.union(data.mingjian.zero.disclosure, {"denied": "b2", "denied_at": 1005000}),
})

masked(more) := fixture.changed(object.union(
	{"disclosure": object.union(data.mingjian.zero.disclosure, {"masked": "a1", "masked_at": 1008000})},
	more,
))

typed(paces, more) := fixture.changed(object.union(
	{"bursts": [{"id": sprintf("t%d", [i]), "at": 1000000 + (i * 1000), "pace": pace} | some i, pace in paces]},
	more,
))

status_of(id, asked) := f.status if {
	some f in identity.finding with input as asked
	f.id == id
}

test_denied if {
	some f in identity.finding with input as denied_in("", 1790000000000)
	f.id == "ai-denied"
	f.severity == "critical"
	f.status == "quality"
	f.subject == "b2"
	f.at == 1005000
	f.facts == {"denied": "b2", "jurisdiction": ""}
	count(identity.finding) == 1 with input as denied_in("", 1790000000000)
}

test_denial_is_a_statute if {
	status_of("ai-denied", denied_in("EU", 1785621600000)) == "statute"
	status_of("ai-denied", denied_in("DE-BY", 1785621600000)) == "statute"
	status_of("ai-denied", denied_in("US-UT", 1746597600000)) == "statute"
	status_of("ai-denied", denied_in("US-ME", 1758686400000)) == "statute"
}

test_denial_before_the_law if {
	status_of("ai-denied", denied_in("EU", 1785621599999)) == "quality"
	status_of("ai-denied", denied_in("US-UT", 1746597599999)) == "quality"
	status_of("ai-denied", denied_in("US-ME", 1758686399999)) == "quality"
}

test_denial_elsewhere if {
	status_of("ai-denied", denied_in("CN", 1790000000000)) == "quality"
	status_of("ai-denied", denied_in("US-CA", 1790000000000)) == "quality"
	status_of("ai-denied", denied_in("GB", 1790000000000)) == "quality"
}

test_masked if {
	some f in identity.finding with input as masked({})
	f.id == "fake-human"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "a1"
	f.at == 1008000
	f.facts == {"automated": true, "event": "a1"}
	count(identity.finding) == 1 with input as masked({})
}

test_disguise_by_place_and_time if {
	status_of("fake-human", masked({"opened": 1673280000000})) == "statute"
	status_of("fake-human", masked({"opened": 1673279999999})) == "quality"
	status_of("fake-human", masked({"jurisdiction": "CN-41"})) == "statute"
	status_of("fake-human", masked({"jurisdiction": "ES"})) == "statute"
	status_of("fake-human", masked({"jurisdiction": "ES", "opened": 1785621599999})) == "quality"
	status_of("fake-human", masked({"jurisdiction": "US-UT"})) == "quality"
}

test_typed_too_fast if {
	some f in identity.finding with input as typed([8.25, 15.04, 40], {})
	f.id == "fake-human"
	f.subject == "t1"
	f.at == 1001000
	f.facts == {"automated": false, "characters_per_second": 15, "limit": 15, "messages_in_a_row": 3}
}

test_typed_as_fast_as_the_limit if {
	identity.finding == set() with input as typed([8.25, 15], {})
	identity.finding == set() with input as typed([], {})
	some f in identity.finding with input as typed([8.25, 15], {})
		with data.mingjian.params.core.typing_limit as 8
	f.subject == "t0"
}

test_the_earlier_sign if {
	note := object.union(data.mingjian.zero.disclosure, {"masked": "a1", "masked_at": 1000500})
	some f in identity.finding with input as typed([20], {"disclosure": note})
	f.subject == "t0"
	count(identity.finding) == 1 with input as typed([20], {"disclosure": note})
	some g in identity.finding with input as typed([20], {"disclosure": object.union(note, {"masked_at": 999999})})
	g.subject == "a1"
}

test_nothing_noted if {
	identity.finding == set() with input as fixture.changed({})
	identity.finding == set() with input as fixture.changed({"disclosure": data.mingjian.zero.disclosure})
}
