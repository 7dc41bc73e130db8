package mingjian.quality.apology_test

import data.mingjian.fixture
import data.mingjian.quality.apology

test_third_apology if {
	some f in apology.finding with input as fixture.changed({"service": {
		"apologies": 3,
		"third_apology": "b9",
		"third_apology_at": 1050000,
	}})
	f.id == "q-apology-loop"
	f.severity == "medium"
	f.status == "quality"
	f.subject == "b9"
	f.at == 1050000
	f.facts == {"apologies_in_a_row": 3, "third_apology": "b9"}
}

test_two_apologies if {
	apology.finding == set() with input as fixture.changed({"service": {"apologies": 2}})
}
