# METADATA
# title: Compensation
# description: >-
#   What a customer whom the AI misjudged is owed, and who has to approve it. The tables are data
#   (tables.yaml, as data.mingjian.tables). Input: tenant; jurisdiction; kind (claim.kind); rules, a list
#   of {id, severity} of the findings that stand; harm {amount_minor, price_minor, currency}; fraud, as the
#   assessor asserts it; paid_minor, what the case has paid before; and for approval proposal
#   {form, amount_minor, currency, points}. advice says whether something is owed, what is suggested and
#   between which limits a proposal may lie; approval says whether a proposal lies there and who approves
#   it. Both say why in Chinese and English. Amounts are integers in minor units.
package mingjian.compensation

import data.mingjian.tables

advice := {
	"eligible": count(obstacles) == 0,
	"form": array.concat(forms, [""])[0],
	"forms": forms,
	"amount_minor": owed,
	"currency": input.harm.currency,
	"least_minor": least,
	"most_minor": most,
	"points": points,
	"most_points": tables.points.most,
	"basis": basis,
	"why": said(reasons),
}

approval := {
	"allowed": count(faults) == 0,
	"people": people.people,
	"finance": people.finance,
	"why": said(approval_reasons),
}

# What stands in the way of any compensation.
obstacles contains {
	"zh": sprintf("币种 %s 在审批限额表（policies/compensation/tables.yaml）中没有对应的行，不能处理；表中有：%s", [input.harm.currency, concat("、", limited)]),
	"en": sprintf("the currency %s has no row in the table of limits, policies/compensation/tables.yaml, which has %s", [input.harm.currency, concat(", ", limited)]),
} if {
	not tables.currencies[input.harm.currency]
}

obstacles contains {
	"zh": "金额不能为负数",
	"en": "an amount is negative",
} if {
	some amount in amounts
	amount < 0
}

obstacles contains {
	"zh": "金额超出可处理的范围",
	"en": "an amount is larger than any that is handled",
} if {
	some amount in amounts
	amount > tables.largest_minor
}

obstacles contains {
	"zh": "认定欺诈须填写商品价款或者服务费用",
	"en": "fraud is measured by the price, which is missing",
} if {
	input.fraud
	input.harm.price_minor == 0
}

obstacles contains {
	"zh": "没有损失，也没有成立的违规，无须补偿",
	"en": "nothing was lost and no finding stands, so nothing is owed",
} if {
	full == 0
	count(input.rules) == 0
}

obstacles contains {
	"zh": sprintf("此前已赔付 %s，应付部分已付清", [money(input.paid_minor)]),
	"en": sprintf("%s was paid before, which is all that is owed", [money(input.paid_minor)]),
} if {
	input.paid_minor > 0
	input.paid_minor >= full
}

# The currencies that can be handled.
limited := sort([code | some code, _ in tables.currencies])

amounts := [input.harm.amount_minor, input.harm.price_minor, input.paid_minor]

row := object.get(tables.currencies, input.harm.currency, {"goodwill_most": 0, "approvals": []})

kind := tables.kinds[input.kind]

tenant := object.get(tables.tenants, input.tenant, {})

# For fraud the law adds a multiple of the price to the loss.
fraud if {
	input.fraud
	input.jurisdiction == row.fraud.jurisdiction
}

default extra := 0

extra := max([row.fraud.times * input.harm.price_minor, row.fraud.least_minor]) if fraud

full := input.harm.amount_minor + extra

owed := max([0, full - input.paid_minor])

# The least is a share of the loss, rounded up, and all that the law adds.
least := max([0, (ceil((input.harm.amount_minor * kind.least_percent) / 100) + extra) - input.paid_minor])

most := max([0, (full + goodwill) - input.paid_minor])

goodwill := object.get(tenant, ["goodwill_most", input.harm.currency], row.goodwill_most)

# What fraud is owed is money.
forms := ["cash"] if fraud

forms := [f | some f in kind.forms; given(f)] if {
	not fraud
	full > 0
}

forms := [f | some f in kind.without_loss; given(f)] if {
	not fraud
	full <= 0
}

given(form) if form in object.get(tenant, "forms", [form])

default points := 0

points := tables.points.usual if "points" in forms

basis := array.concat(
	[row.fraud.clause | fraud],
	sort({c | some r in input.rules; some c in clauses_of(r)}),
)

clauses_of(rule) := array.concat(
	object.get(tables.rules, [rule.id, "clauses"], []),
	[c | rule.severity == "critical"; some c in object.get(tables.rules, [rule.id, "critical"], [])],
)

# Why, in words.
reasons := sort(obstacles) if count(obstacles) > 0

reasons := array.concat(array.concat(grounds, goodwill_words), basis_words) if count(obstacles) == 0

grounds := array.concat(array.concat(loss_words, fraud_words), paid_words)

loss_words := [{
	"zh": sprintf("客户损失 %s", [money(input.harm.amount_minor)]),
	"en": sprintf("the customer lost %s", [money(input.harm.amount_minor)]),
} |
	input.harm.amount_minor > 0
]

fraud_words := [{
	"zh": sprintf("认定欺诈：另赔价款 %s 的 %d 倍，不足 %s 的按 %s，计 %s", [money(input.harm.price_minor), row.fraud.times, money(row.fraud.least_minor), money(row.fraud.least_minor), money(extra)]),
	"en": sprintf("fraud is asserted: %d times the price of %s, and at least %s, is added, which is %s", [row.fraud.times, money(input.harm.price_minor), money(row.fraud.least_minor), money(extra)]),
} |
	fraud
]

paid_words := [{
	"zh": sprintf("此前已赔付 %s", [money(input.paid_minor)]),
	"en": sprintf("%s was paid before", [money(input.paid_minor)]),
} |
	input.paid_minor > 0
]

goodwill_words := [{
	"zh": sprintf("没有金钱损失，可致歉补偿，最高 %s", [money(most)]),
	"en": sprintf("no money was lost; a gesture of up to %s may be made", [money(most)]),
} |
	full == 0
]

basis_words := [{"zh": "没有条款规定数额，由企业自行承诺", "en": "no clause gives an amount, it is the enterprise's own promise"}] if count(basis) == 0

basis_words := [{
	"zh": sprintf("依据 %s", [concat("、", basis)]),
	"en": sprintf("it rests on %s", [concat(", ", basis)]),
}] if {
	count(basis) > 0
}

money(minor) := sprintf("%s %d.%02d", [input.harm.currency, floor(minor / 100), minor % 100])

said(parts) := {
	"zh": sprintf("%s。", [concat("；", [p.zh | some p in parts])]),
	"en": sprintf("%s.", [concat("; ", [p.en | some p in parts])]),
}
