package mingjian.cn.voice_test

import data.mingjian.cn.voice
import data.mingjian.fixture

# called is a call in which the bot has spoken three times, with more about its voice and the session.
called(spoken, more) := fixture.changed(object.union(
	{
		"channel": "phone",
		"voice": object.union(
			object.union(data.mingjian.zero.voice, {"utterances": 3, "third": "b3", "third_at": 1030000, "unlabelled": "b1", "unlabelled_at": 1002000}),
			spoken,
		),
	},
	more,
))

ended := {"closed": 1090000, "closed_id": "end"}

# said is a call with a label of so many characters in so many milliseconds.
said(characters, ms, more) := called(
	{"label_at": 1, "spoken": "b1", "spoken_at": 1002000, "characters": characters, "spoken_ms": ms},
	more,
)

screen(form) := {"entrance": object.union(fixture.entrance, {"label": form})}

ids contains f.id if some f in voice.finding

skipped contains [n.id, n.reason] if some n in voice.not_assessable

test_no_label if {
	some f in voice.finding with input as called({}, {})
	f.id == "cn-voice-label-missing"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "b3"
	f.at == 1030000
	f.facts == {"utterances": 3, "label_at_utterance": 0, "screen": "not reported", "label_scope": "session", "label_by_text": 3}
	voice.not_assessable == set() with input as called({}, {})
}

test_label_in_time if {
	ids == set() with input as called({"label_at": 1}, {})
	ids == set() with input as called({"label_at": 3}, {})
	ids == {"cn-voice-label-missing"} with input as called({"label_at": 4}, {})
	ids == {"cn-voice-label-missing"} with input as called({"label_at": 3}, {}) with data.mingjian.params.cn.label_by_text as 2
}

test_judged_at_the_end if {
	few := {"utterances": 1, "third": "", "third_at": 0}
	ids == set() with input as called(few, {})
	some f in voice.finding with input as called(few, ended)
	f.subject == "end"
	f.at == 1090000
	ids == set() with input as called(object.union(few, {"label_at": 1}), ended)
	some g in voice.finding with input as called({}, ended)
	g.subject == "b3"
}

test_nobody_spoke if {
	ids == set() with input as fixture.changed(object.union(ended, {"channel": "phone"}))
	ids == set() with input as called({"utterances": 0, "third": "", "third_at": 0}, ended)
	skipped == set() with input as called({"utterances": 0, "third": "", "third_at": 0}, object.union(ended, {"opened": 1756655999999}))
}

test_screen_that_goes_with_the_call if {
	ids == set() with input as called({}, screen("full"))
	ids == {"cn-voice-label-missing"} with input as called({}, screen("incomplete"))
	some f in voice.finding with input as called({}, screen("none"))
	f.facts.screen == "none"
}

test_other_channels if {
	ids == set() with input as called({}, {"channel": "app"})
	ids == set() with input as said(30, 1000, {"channel": "app"})
	skipped == set() with input as said(30, 1000, {"channel": "app", "opened": 1756655999999})
	skipped == set() with input as called({"untimed": true}, {"channel": "app"})
}

test_waived if {
	ids == set() with input as called({}, {"bot": object.union(fixture.session.bot, {"waived": true})})
}

test_every_turn if {
	some f in voice.finding with input as called({"label_at": 2}, {}) with data.mingjian.params.cn.label_scope as "turn"
	f.subject == "b1"
	f.at == 1002000
	ids == set() with input as called({"unlabelled": "", "unlabelled_at": 0}, {})
		with data.mingjian.params.cn.label_scope as "turn"
	ids == set() with input as called({}, screen("full")) with data.mingjian.params.cn.label_scope as "turn"
}

test_too_fast if {
	some f in voice.finding with input as said(17, 6000, {})
	f.id == "cn-voice-label-speed"
	f.severity == "low"
	f.status == "benchmark"
	f.subject == "b1"
	f.at == 1002000
	f.facts == {"characters": 17, "spoken_ms": 6000, "characters_per_minute": 170, "slowest": 120, "fastest": 160}
	ids == {"cn-voice-label-speed"} with input as said(16, 5999, {})
	ids == set() with input as said(16, 6000, {})
}

test_too_slow if {
	ids == {"cn-voice-label-speed"} with input as said(12, 6001, {})
	ids == set() with input as said(12, 6000, {})
	ids == {"cn-voice-label-speed"} with input as said(12, 6000, {}) with data.mingjian.params.cn.label_slowest as 121
}

test_not_timed if {
	skipped == {["cn-voice-label-speed", "media.seconds"]} with input as called({"label_at": 1, "untimed": true}, {})
	ids == set() with input as called({"label_at": 1, "untimed": true}, {})
	skipped == set() with input as said(14, 6000, {})
}

test_before_the_law if {
	early := {"opened": 1756655999999}
	ids == set() with input as called({}, early)
	skipped == {["cn-voice-label-missing", "in_force_from:2025-09-01"]} with input as called({}, early)
	ids == set() with input as said(30, 1000, early)
	skipped == {["cn-voice-label-speed", "in_force_from:2025-09-01"]} with input as said(30, 1000, early)
	skipped == set() with input as said(14, 6000, early)
	skipped == set() with input as called({"label_at": 1, "untimed": true}, early)
	ids == {"cn-voice-label-missing"} with input as called({}, {"opened": 1756656000000})
	skipped == set() with input as called({}, {"opened": 1756656000000})
}
