package mingjian.compensation_test

import data.mingjian.compensation

tables := {
	"largest_minor": 1000000,
	"currencies": {"CNY": {
		"goodwill_most": 2000,
		"fraud": {"jurisdiction": "CN", "clause": "c-fraud", "times": 3, "least_minor": 500},
		"approvals": [
			{"up_to_minor": 200, "people": 1, "finance": false},
			{"up_to_minor": 5000, "people": 2, "finance": false},
			{"people": 2, "finance": true},
		],
	}},
	"points": {"usual": 10, "most": 100},
	"kinds": {
		"refund": {"forms": ["cash", "coupon"], "without_loss": ["coupon"], "least_percent": 100},
		"service": {"forms": ["cash", "coupon", "redo"], "without_loss": ["redo", "points", "coupon"], "least_percent": 50},
	},
	"rules": {"r-late": {"kind": "refund", "clauses": ["c-late"], "critical": ["c-delay"]}, "r-q": {"kind": "service", "clauses": []}},
	"tenants": {"shop": {"goodwill_most": {"CNY": 7}, "forms": ["coupon", "redo"]}},
}

asking := {
	"tenant": "default",
	"jurisdiction": "CN",
	"kind": "service",
	"rules": [{"id": "r-q", "severity": "medium"}],
	"harm": {"amount_minor": 1001, "price_minor": 0, "currency": "CNY"},
	"fraud": false,
	"paid_minor": 0,
	"proposal": {"form": "cash", "amount_minor": 1001, "currency": "CNY", "points": 0},
}

with_harm(harm) := object.union(asking, {"harm": object.union(asking.harm, harm)})

advice(changes) := got if {
	got := compensation.advice with input as object.union(asking, changes)
		with data.mingjian.tables as tables
}

advised(asked) := got if {
	got := compensation.advice with input as asked
		with data.mingjian.tables as tables
}

test_a_loss_is_made_good if {
	got := advice({})
	got.eligible
	got.form == "cash"
	got.forms == ["cash", "coupon", "redo"]
	got.amount_minor == 1001
	got.currency == "CNY"
	got.least_minor == 501
	got.most_minor == 3001
	got.points == 0
	got.most_points == 100
	got.basis == []
	got.why == {
		"zh": "客户损失 CNY 10.01；没有条款规定数额，由企业自行承诺。",
		"en": "the customer lost CNY 10.01; no clause gives an amount, it is the enterprise's own promise.",
	}
}

test_the_customers_own_money_comes_back_whole if {
	got := advice({"kind": "refund", "rules": [{"id": "r-late", "severity": "high"}]})
	got.least_minor == 1001
	got.basis == ["c-late"]
	got.why.en == "the customer lost CNY 10.01; it rests on c-late."
	got.why.zh == "客户损失 CNY 10.01；依据 c-late。"
}

test_a_critical_finding_adds_its_clause if {
	advice({"rules": [{"id": "r-late", "severity": "critical"}, {"id": "unknown", "severity": "critical"}]}).basis == ["c-delay", "c-late"]
}

test_fraud_adds_three_times_the_price if {
	got := advised(object.union(with_harm({"price_minor": 400}), {"fraud": true}))
	got.forms == ["cash"]
	got.amount_minor == 1001 + 1200
	got.least_minor == 501 + 1200
	got.most_minor == (1001 + 1200) + 2000
	got.basis == ["c-fraud"]
	got.why.en == "the customer lost CNY 10.01; fraud is asserted: 3 times the price of CNY 4.00, and at least CNY 5.00, is added, which is CNY 12.00; it rests on c-fraud."
	got.why.zh == "客户损失 CNY 10.01；认定欺诈：另赔价款 CNY 4.00 的 3 倍，不足 CNY 5.00 的按 CNY 5.00，计 CNY 12.00；依据 c-fraud。"
}

test_fraud_adds_no_less_than_the_least if {
	got := advised(object.union(with_harm({"amount_minor": 0, "price_minor": 1}), {"fraud": true, "rules": []}))
	got.eligible
	got.amount_minor == 500
	got.least_minor == 500
	got.why.en == "fraud is asserted: 3 times the price of CNY 0.01, and at least CNY 5.00, is added, which is CNY 5.00; it rests on c-fraud."
}

test_fraud_elsewhere_adds_nothing if {
	got := advised(object.union(with_harm({"price_minor": 400}), {"fraud": true, "jurisdiction": "US"}))
	got.amount_minor == 1001
	got.basis == []
}

test_fraud_needs_a_price if {
	got := advice({"fraud": true})
	not got.eligible
	got.why.en == "fraud is measured by the price, which is missing."
}

test_no_loss_is_done_again if {
	got := advised(with_harm({"amount_minor": 0}))
	got.eligible
	got.form == "redo"
	got.forms == ["redo", "points", "coupon"]
	got.amount_minor == 0
	got.least_minor == 0
	got.most_minor == 2000
	got.points == 10
	got.why.en == "no money was lost; a gesture of up to CNY 20.00 may be made; no clause gives an amount, it is the enterprise's own promise."
}

test_nothing_lost_and_nothing_found_is_nothing_owed if {
	got := advised(object.union(with_harm({"amount_minor": 0}), {"rules": []}))
	not got.eligible
	got.why.en == "nothing was lost and no finding stands, so nothing is owed."
	advice({"rules": []}).eligible
}

test_what_was_paid_is_not_paid_again if {
	got := advice({"paid_minor": 600})
	got.eligible
	got.amount_minor == 401
	got.least_minor == 0
	got.most_minor == 2401
	got.why.en == "the customer lost CNY 10.01; CNY 6.00 was paid before; no clause gives an amount, it is the enterprise's own promise."
	done := advice({"paid_minor": 1001})
	not done.eligible
	done.amount_minor == 0
	done.why.en == "CNY 10.01 was paid before, which is all that is owed."
	advice({"paid_minor": 5000}).most_minor == 0
}

test_a_tenant_has_terms_of_its_own if {
	got := advice({"tenant": "shop"})
	got.form == "coupon"
	got.forms == ["coupon", "redo"]
	got.most_minor == 1008
	advised(object.union(with_harm({"amount_minor": 0}), {"tenant": "shop"})).forms == ["redo", "coupon"]
	none := advised(object.union(with_harm({"amount_minor": 0}), {"tenant": "shop", "kind": "refund"}))
	none.form == "coupon"
}

test_what_cannot_be_handled_is_said if {
	foreign := advised(with_harm({"currency": "XTS"}))
	not foreign.eligible
	startswith(foreign.why.en, "the currency XTS has no row in the table of limits, policies/compensation/tables.yaml, which has ")
	advised(with_harm({"amount_minor": -1})).why.en == "an amount is negative."
	advised(with_harm({"price_minor": -1})).why.en == "an amount is negative."
	advice({"paid_minor": -1}).why.en == "an amount is negative."
	advised(with_harm({"amount_minor": 1000001})).why.en == "an amount is larger than any that is handled."
	advised(with_harm({"amount_minor": 1000000})).eligible
}
