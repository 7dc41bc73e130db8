# METADATA
# title: Asking for personal information
# description: What the service may not ask its customers for.
package mingjian.cn.personal

# METADATA
# title: Complainant asked for what the firm holds
# description: >-
#   At a bank or insurer, somebody who had filed a complaint was asked for what the firm holds already. It
#   holds who the customer is, where the customer is signed in (customer.id), has given a name or an identifying
#   number in this session (it finds the rest in its files), or has answered that question before; an order
#   number, where an event reported it (claim.order_id), where it was asked for and answered before, or where the
#   tenant knows the orders of those who are signed in (known_fields: order). Where it is not known who the
#   customer is, it cannot be assessed.
# custom:
#   id: cn-bank-known-info
#   severity: medium
#   status: statute
#   systemic: false
#   clauses: [cn-bank-known-info]
#   title_zh: 要求投诉人提供机构已有的信息
#   description_zh: >-
#     银行、保险机构要求已提出投诉的客户提供其已掌握的信息。客户已登录（customer.id）、在本次会话中已给出姓名或可识别身份的号码
#     （其余可查内部档案）或已答复过同一询问的，视为机构已掌握客户身份；订单号已上报（claim.order_id）、在本次会话中已询问并得到答复，
#     或租户设置表明掌握登录客户的订单（known_fields: order）的，视为已掌握。不知客户是谁的，无法判断。
#   remedy:
#     zh: 受理投诉时先查询内部档案，只询问档案中没有的内容。
#     en: Look the complainant up first, and ask only for what the files do not hold.
finding contains {
	"id": "cn-bank-known-info",
	"severity": "medium",
	"status": "statute",
	"subject": asked.event,
	"at": asked.at,
	"facts": asked,
} if {
	input.session.inquiries != null
	input.session.industry in {"bank", "insurance"}
	[_, asked] := min({[asked.at, asked] | some asked in held})
}

# METADATA
# title: Sensitive information asked for without consent
# description: >-
#   A bot asked for sensitive personal information, and no consent to it (consents: sensitive_pi) had been
#   recorded until then. Asking for consent, even by naming the information, is not asking for it. Consent
#   that comes later does not cure it. Sessions opened before 1 November 2021 are not held to it.
# custom:
#   id: cn-sensitive-pi-unasked
#   severity: high
#   status: statute
#   systemic: false
#   clauses: [cn-pipl-17-29]
#   title_zh: 未经同意索要敏感个人信息
#   description_zh: >-
#     机器人索要敏感个人信息，而此前没有单独同意的记录（consents: sensitive_pi）。征求同意的，即使列出信息名称，也不属于索要。
#     之后才取得的同意不能补救。2021年11月1日之前的会话不适用。
#   remedy:
#     zh: 索要之前说明目的和必要性，取得单独同意并上报同意记录；能不收集的不收集。
#     en: Say what it is for, get separate consent and report it before asking; do not collect what is not needed.
finding contains {
	"id": "cn-sensitive-pi-unasked",
	"severity": "high",
	"status": "statute",
	"subject": input.session.inquiries.sensitive,
	"at": input.session.inquiries.sensitive_at,
	"facts": {"asked": input.session.inquiries.sensitive, "consent_recorded": false},
} if {
	input.session.inquiries.sensitive_at > 0
	input.session.opened >= 1635696000000 # 2021-11-01, midnight in Beijing
}

not_assessable contains {"id": "cn-bank-known-info", "reason": "customer.id"} if {
	input.session.inquiries.identity.asked_at > 0
	input.session.industry in {"bank", "insurance"}
	input.session.inquiries.identity.again_at == 0
}

# held are the first questions for what the firm held at the time.
held contains {"event": asked.again, "at": asked.again_at, "what": what} if {
	some what in {"identity", "order"}
	asked := input.session.inquiries[what]
	asked.again_at > 0
}

held contains {"event": input.session.inquiries.order.asked, "at": input.session.inquiries.order.asked_at, "what": "order"} if {
	input.session.inquiries.order.asked_at > 0
	input.session.inquiries.signed_in
	"order" in input.tenant.known_fields
}
