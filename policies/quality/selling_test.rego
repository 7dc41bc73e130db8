package mingjian.quality.selling_test

import data.mingjian.fixture
import data.mingjian.quality.selling

test_sold if {
	some f in selling.finding with input as fixture.changed({"selling": {"sold": "b6", "sold_at": 1050000, "during": "words"}})
	f.id == "q-marketing-in-complaint"
	f.severity == "medium"
	f.status == "quality"
	f.subject == "b6"
	f.at == 1050000
	f.facts == {"text": "b6", "open": "words"}
}

test_not_sold if {
	selling.finding == set() with input as fixture.changed({})
	selling.finding == set() with input as fixture.changed({"selling": data.mingjian.zero.selling})
}
