# Whether a proposal lies within the limits of advice, and who has to approve it.
package mingjian.compensation

import data.mingjian.tables

in_money if input.proposal.form in {"cash", "coupon"}

faults contains obstacle if some obstacle in obstacles

faults contains {
	"zh": sprintf("补偿方式 %s 不适用，可选：%s", [input.proposal.form, concat("、", forms)]),
	"en": sprintf("the form %s does not fit; choose one of %s", [input.proposal.form, concat(", ", forms)]),
} if {
	not input.proposal.form in forms
}

faults contains {
	"zh": sprintf("币种 %s 与损失的币种 %s 不同", [input.proposal.currency, input.harm.currency]),
	"en": sprintf("the currency %s is not that of the harm, %s", [input.proposal.currency, input.harm.currency]),
} if {
	input.proposal.currency != input.harm.currency
}

faults contains {
	"zh": sprintf("金额须在 %s 与 %s 之间", [money(least_money), money(most)]),
	"en": sprintf("the amount has to be between %s and %s", [money(least_money), money(most)]),
} if {
	in_money
	outside(input.proposal.amount_minor, least_money, most)
}

faults contains {
	"zh": sprintf("积分须在 1 与 %d 之间", [tables.points.most]),
	"en": sprintf("points have to be between 1 and %d", [tables.points.most]),
} if {
	input.proposal.form == "points"
	outside(input.proposal.points, 1, tables.points.most)
}

faults contains {
	"zh": "积分与重新服务不带金额",
	"en": "points and a redo carry no amount",
} if {
	not in_money
	input.proposal.amount_minor != 0
}

faults contains {
	"zh": "只有积分补偿才带积分",
	"en": "only the form points carries points",
} if {
	input.proposal.form != "points"
	input.proposal.points != 0
}

# A payment is at least one unit.
least_money := max([1, least])

outside(n, low, _) if n < low

outside(n, _, high) if n > high

# The first row that reaches the amount says who approves; a row without a limit reaches all.
reaching := [r |
	some r in row.approvals
	object.get(r, "up_to_minor", tables.largest_minor * 10) >= input.proposal.amount_minor
]

people := array.concat(reaching, [{"people": 2, "finance": true}])[0]

approval_reasons := sort(faults) if count(faults) > 0

approval_reasons := [{
	"zh": sprintf("%s 须由提出人以外的 %d 人批准%s", [cost, people.people, finance_words.zh]),
	"en": sprintf("%s needs the approval of %d other than who proposed it%s", [cost, people.people, finance_words.en]),
}] if {
	count(faults) == 0
}

cost := money(input.proposal.amount_minor) if in_money

cost := input.proposal.form if not in_money

finance_words := {"zh": "，其中一人为财务", "en": ", one of them for finance"} if people.finance

finance_words := {"zh": "", "en": ""} if not people.finance
