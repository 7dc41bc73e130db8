package mingjian.compensation_approval_test

import data.mingjian.compensation
import data.mingjian.compensation_test

approved(changes, proposal) := got if {
	got := compensation.approval with input as object.union(
		object.union(compensation_test.asking, changes),
		{"proposal": object.union(compensation_test.asking.proposal, proposal)},
	)
		with data.mingjian.tables as compensation_test.tables
}

harmed(amount) := {"harm": {"amount_minor": amount}}

test_the_amount_says_who_approves if {
	small := approved(harmed(200), {"amount_minor": 200})
	small.allowed
	small.people == 1
	not small.finance
	small.why == {
		"zh": "CNY 2.00 须由提出人以外的 1 人批准。",
		"en": "CNY 2.00 needs the approval of 1 other than who proposed it.",
	}
	approved(harmed(201), {"amount_minor": 201}).people == 2
	more := approved(harmed(5000), {"amount_minor": 5000})
	more.people == 2
	not more.finance
	most := approved(harmed(5001), {"amount_minor": 5001})
	most.people == 2
	most.finance
	most.why == {
		"zh": "CNY 50.01 须由提出人以外的 2 人批准，其中一人为财务。",
		"en": "CNY 50.01 needs the approval of 2 other than who proposed it, one of them for finance.",
	}
}

test_a_proposal_lies_between_the_limits if {
	approved({}, {"amount_minor": 501}).allowed
	approved({}, {"amount_minor": 3001}).allowed
	low := approved({}, {"amount_minor": 500})
	not low.allowed
	low.why.en == "the amount has to be between CNY 5.01 and CNY 30.01."
	not approved({}, {"amount_minor": 3002}).allowed
	not approved({}, {"amount_minor": -1}).allowed
	nothing := approved(harmed(0), {"form": "coupon", "amount_minor": 0})
	nothing.why.en == "the amount has to be between CNY 0.01 and CNY 20.00."
}

test_the_form_fits if {
	got := approved({"kind": "refund"}, {"form": "redo", "amount_minor": 0})
	not got.allowed
	got.why.en == "the form redo does not fit; choose one of cash, coupon."
	approved({}, {"form": "coupon"}).allowed
}

test_the_currency_is_that_of_the_harm if {
	got := approved({}, {"currency": "USD"})
	not got.allowed
	got.why.en == "the currency USD is not that of the harm, CNY."
}

test_no_row_for_a_currency_means_refused if {
	got := approved({"harm": {"currency": "XTS"}}, {"currency": "XTS"})
	not got.allowed
	got.people == 2
	got.finance
	contains(got.why.en, "the currency XTS has no row in the table of limits")
}

test_points_and_a_redo_cost_no_money if {
	redo := approved(harmed(0), {"form": "redo", "amount_minor": 0})
	redo.allowed
	redo.people == 1
	redo.why.en == "redo needs the approval of 1 other than who proposed it."
	approved(harmed(0), {"form": "points", "amount_minor": 0, "points": 100}).allowed
	approved(harmed(0), {"form": "points", "amount_minor": 0, "points": 1}).allowed
	approved(harmed(0), {"form": "points", "amount_minor": 0, "points": 0}).why.en == "points have to be between 1 and 100."
	not approved(harmed(0), {"form": "points", "amount_minor": 0, "points": 101}).allowed
	approved(harmed(0), {"form": "redo", "amount_minor": 5}).why.en == "points and a redo carry no amount."
	approved({}, {"points": 5}).why.en == "only the form points carries points."
}

test_an_ineligible_case_allows_no_proposal if {
	not approved({"fraud": true}, {}).allowed
}
