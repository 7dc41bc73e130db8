package mingjian.cn.personal_test

import data.mingjian.cn.personal
import data.mingjian.fixture

asked(inquiries, more) := fixture.changed(object.union(
	{"industry": "bank", "inquiries": object.union(data.mingjian.zero.inquiries, inquiries)},
	more,
))

inquiry(more) := object.union({"asked": "", "asked_at": 0, "again": "", "again_at": 0}, more)

identity := {"identity": inquiry({"asked": "b3", "asked_at": 1003000, "again": "b5", "again_at": 1005000})}

order := {"order": inquiry({"asked": "b4", "asked_at": 1004000}), "signed_in": true}

test_asked_who_it_is if {
	some f in personal.finding with input as asked(identity, {})
	f.id == "cn-bank-known-info"
	f.severity == "medium"
	f.status == "statute"
	f.subject == "b5"
	f.at == 1005000
	f.facts == {"event": "b5", "at": 1005000, "what": "identity"}
	some g in personal.finding with input as asked(identity, {"industry": "insurance"})
	g.subject == "b5"
}

test_other_industries if {
	personal.finding == set() with input as asked(identity, {"industry": "retail"})
	unknown := {"identity": inquiry({"asked": "b3", "asked_at": 1003000})}
	personal.not_assessable == set() with input as asked(unknown, {"industry": "retail"})
}

test_unknown_who_it_is if {
	unknown := {"identity": inquiry({"asked": "b3", "asked_at": 1003000})}
	personal.finding == set() with input as asked(unknown, {})
	personal.not_assessable == {{"id": "cn-bank-known-info", "reason": "customer.id"}} with input as asked(unknown, {})
	personal.not_assessable == set() with input as asked(identity, {})
	personal.not_assessable == set() with input as asked(order, {})
}

test_orders_that_the_tenant_knows if {
	knows := {"known_fields": ["name", "order"]}
	some f in personal.finding with input as object.union(asked(order, {}), {"tenant": knows})
	f.subject == "b4"
	f.facts.what == "order"
	personal.finding == set() with input as asked(order, {})
	personal.finding == set() with input as object.union(asked(object.union(order, {"signed_in": false}), {}), {"tenant": knows})
	none := {"order": inquiry({}), "signed_in": true}
	personal.finding == set() with input as object.union(asked(none, {}), {"tenant": knows})
}

test_first_of_both if {
	both := object.union(identity, {"order": inquiry({"asked": "b4", "asked_at": 1004000, "again": "b4", "again_at": 1004000})})
	some f in personal.finding with input as asked(both, {})
	f.subject == "b4"
}

test_sensitive if {
	some f in personal.finding with input as asked({"sensitive": "b2", "sensitive_at": 1002000}, {"industry": "retail"})
	f.id == "cn-sensitive-pi-unasked"
	f.severity == "high"
	f.status == "statute"
	f.subject == "b2"
	f.at == 1002000
	f.facts == {"asked": "b2", "consent_recorded": false}
}

test_nothing_asked if {
	personal.finding == set() with input as fixture.changed({"industry": "bank"})
	personal.finding == set() with input as asked({}, {})
}

test_before_the_law if {
	sensitive := {"sensitive": "b2", "sensitive_at": 1002000}
	personal.finding == set() with input as asked(sensitive, {"opened": 1635695999999})
	count(personal.finding) == 1 with input as asked(sensitive, {"opened": 1635696000000})
}
