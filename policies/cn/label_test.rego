package mingjian.cn.label_test

import data.mingjian.cn.label
import data.mingjian.fixture

# spoken is a session whose third bot text has come, with more about the bot.
spoken(bot) := fixture.changed({"bot": object.union(
	{"texts": 3, "third": "b3", "third_at": 1030000, "unlabelled": "b1", "unlabelled_at": 1002000},
	bot,
)})

# shown_as is such a session with a label in the interface.
shown_as(form, bot) := object.union(
	spoken(bot),
	{"session": {"entrance": object.union(fixture.entrance, {"label": form})}},
)

ids contains f.id if some f in label.finding

test_missing_at_third_text if {
	some f in label.finding with input as spoken({})
	f.id == "cn-ai-label-missing"
	f.severity == "critical"
	f.status == "statute"
	f.subject == "b3"
	f.at == 1030000
	f.facts.interface == "not reported"
}

test_one_finding_only if {
	count(label.finding) == 1 with input as spoken({})
	count(label.finding) == 1 with input as spoken({"incomplete_at": 1})
}

test_missing_with_interface_without_label if {
	ids == {"cn-ai-label-missing"} with input as shown_as("none", {})
	ids == {"cn-ai-label-missing"} with input as shown_as("", {})
	some f in label.finding with input as shown_as("none", {})
	f.facts.interface == "none"
}

test_full_label_in_text_in_time if {
	ids == set() with input as spoken({"full_at": 1})
	ids == set() with input as spoken({"full_at": 3})
	ids == set() with input as spoken({"incomplete_at": 1, "full_at": 2})
}

test_full_label_late if {
	ids == {"cn-ai-label-missing"} with input as spoken({"texts": 4, "full_at": 4})
	ids == {"cn-ai-label-missing"} with input as spoken({"texts": 4, "incomplete_at": 4})
	ids == {"cn-ai-label-incomplete"} with input as spoken({"texts": 4, "incomplete_at": 2, "full_at": 4})
}

test_full_label_in_interface if {
	ids == set() with input as shown_as("full", {})
	ids == set() with input as shown_as("full", {"incomplete_at": 1})
}

test_incomplete_in_text if {
	some f in label.finding with input as spoken({"incomplete_at": 1})
	f.id == "cn-ai-label-incomplete"
	f.severity == "high"
	f.status == "statute"
	f.subject == "b3"
	f.at == 1030000
	f.facts.incomplete_at_text == 1
}

test_incomplete_in_interface if {
	ids == {"cn-ai-label-incomplete"} with input as shown_as("incomplete", {})
	ids == set() with input as shown_as("incomplete", {"full_at": 2})
}

test_not_judged_before_third_text if {
	ids == set() with input as spoken({"texts": 2, "third": "", "third_at": 0})
	ids == set() with input as fixture.changed({})
}

test_judged_at_end_with_fewer_texts if {
	ended := {"session": {"closed": 1090000, "closed_id": "end"}}
	some f in label.finding with input as object.union(spoken({"texts": 1, "third": "", "third_at": 0}), ended)
	f.id == "cn-ai-label-missing"
	f.subject == "end"
	f.at == 1090000
	ids == set() with input as object.union(spoken({"texts": 1, "third": "", "third_at": 0, "full_at": 1}), ended)
}

test_third_text_before_end if {
	some f in label.finding with input as object.union(spoken({}), {"session": {"closed": 1090000, "closed_id": "end"}})
	f.subject == "b3"
}

test_no_bot_no_finding if {
	ids == set() with input as fixture.changed({"closed": 1090000, "closed_id": "end"})
}

test_phone_is_for_voice_rules if {
	ids == set() with input as object.union(spoken({}), {"session": {"channel": "phone"}})
	ids == set() with input as object.union(spoken({"incomplete_at": 1}), {"session": {"channel": "phone"}})
	ids == set() with input as object.union(spoken({}), {"session": {"channel": "phone"}})
		with data.mingjian.params.cn.label_scope as "turn"
}

test_waived if {
	ids == set() with input as spoken({"waived": true})
	ids == set() with input as spoken({"waived": true}) with data.mingjian.params.cn.label_scope as "turn"
}

test_by_first_text if {
	ids == set() with input as spoken({"full_at": 1}) with data.mingjian.params.cn.label_by_text as 1
	ids == {"cn-ai-label-missing"} with input as spoken({"full_at": 2}) with data.mingjian.params.cn.label_by_text as 1
}

test_every_turn if {
	scope := "turn"
	some f in label.finding with input as spoken({"texts": 1, "third": "", "third_at": 0})
		with data.mingjian.params.cn.label_scope as scope
	f.id == "cn-ai-label-missing"
	f.subject == "b1"
	f.at == 1002000
	ids == {"cn-ai-label-missing"} with input as spoken({"full_at": 2, "incomplete_at": 3})
		with data.mingjian.params.cn.label_scope as scope
	ids == {"cn-ai-label-incomplete"} with input as spoken({"unlabelled_form": "incomplete"})
		with data.mingjian.params.cn.label_scope as scope
	ids == set() with input as shown_as("full", {}) with data.mingjian.params.cn.label_scope as scope
	ids == set() with input as spoken({"full_at": 1, "unlabelled": "", "unlabelled_at": 0})
		with data.mingjian.params.cn.label_scope as scope
}

test_form_of_turn_does_not_count_for_session if {
	ids == {"cn-ai-label-missing"} with input as spoken({"unlabelled_form": "incomplete"})
}

test_before_the_law if {
	some f in label.finding with input as object.union(spoken({}), {"session": {"opened": 1673279999999}})
	f.id == "cn-ai-label-missing"
	f.status == "draft"
	some g in label.finding with input as object.union(spoken({"incomplete_at": 1}), {"session": {"opened": 1756655999999}})
	g.id == "cn-ai-label-incomplete"
	g.status == "draft"
	some h in label.finding with input as object.union(spoken({}), {"session": {"opened": 1756655999999}})
	h.status == "statute"
}

unlogged(opened) := fixture.changed({
	"opened": opened,
	"unlogged": object.union(data.mingjian.zero.unlogged, {"id": "b2", "at": 1009000, "request": "r-1"}),
})

test_log_missing if {
	some f in label.finding with input as unlogged(1756656000000)
	f.id == "cn-unlabelled-log-missing"
	f.severity == "high"
	f.status == "statute"
	f.subject == "b2"
	f.at == 1009000
	f.facts == {"request_id": "r-1", "agreement_id": "", "log_id": ""}
	label.not_assessable == set() with input as unlogged(1756656000000)
}

test_log_missing_before_the_measures if {
	label.finding == set() with input as unlogged(1756655999999)
	some n in label.not_assessable with input as unlogged(1756655999999)
	n == {"id": "cn-unlabelled-log-missing", "reason": "in_force_from:2025-09-01"}
}

test_nothing_unlogged if {
	none := {"unlogged": data.mingjian.zero.unlogged}
	label.finding == set() with input as fixture.changed(none)
	label.not_assessable == set() with input as fixture.changed(object.union(none, {"opened": 1756655999999}))
	label.not_assessable == set() with input as fixture.changed({})
}
