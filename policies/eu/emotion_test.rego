package mingjian.eu.emotion_test

import data.mingjian.eu.emotion
import data.mingjian.fixture

scored(opened) := fixture.changed({
	"jurisdiction": "EU",
	"opened": opened,
	"scoring": object.union(data.mingjian.zero.scoring, {"first": "c1", "unannounced": "b1", "unannounced_at": 1004000}),
})

test_scored_without_notice if {
	some f in emotion.finding with input as scored(1785621600000)
	f.id == "eu-emotion-undisclosed"
	f.severity == "high"
	f.status == "statute"
	f.subject == "b1"
	f.at == 1004000
	f.facts == {"first_scored": "c1", "notice": false}
}

test_before_the_article_applied if {
	some f in emotion.finding with input as scored(1785621599999)
	f.status == "draft"
}

test_not_scored if {
	emotion.finding == set() with input as fixture.changed({"scoring": data.mingjian.zero.scoring})
	emotion.finding == set() with input as fixture.changed({})
}
