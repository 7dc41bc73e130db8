# METADATA
# title: Refunds for goods that came back
# description: >-
#   A refund is due from the day on which the goods came back (return.received). Days end at midnight in
#   Beijing and the first does not count.
# custom:
#   params:
#     refund_days: {type: integer, minimum: 1, maximum: 60}
#     refund_delay_days: {type: integer, minimum: 1, maximum: 60}
package mingjian.cn.refund

# METADATA
# title: Refund overdue
# description: >-
#   Goods came back and their price was not refunded (refund.completed) within 7 days: found when the limit
#   passed, and a later refund does not cure it. Over 15 days it counts as deliberate delay, which makes
#   it critical. A refund belongs to the return with the same order number, or else to the oldest one
#   without a number; one that came before the goods leaves nothing due. Of several returns the one whose
#   limit passed first is reported, and any of them that was delayed for over 15 days makes it critical.
# custom:
#   id: cn-refund-overdue
#   severity: high
#   status: statute
#   systemic: false
#   misjudgement: true
#   clauses: [cn-cpl-25-7d, cn-penalty-15d]
#   title_zh: 退货退款逾期
#   description_zh: >-
#     商品已退回，而价款未在7日内退还（refund.completed）：以期限届满之时为准，之后退还不能补救。
#     超过15日的视为故意拖延，定为严重。退款对应订单号相同的退货，没有订单号的对应最早一件；
#     收到商品之前已退款的不计。多件退货报告最先届满的一件，其中任何一件拖延超过15日即为严重。
#   remedy:
#     zh: 收到退货即触发退款并设到期提醒；已逾期的立即退还并说明原因。
#     en: Trigger the refund when the goods arrive, with a reminder before the limit; pay what is overdue at once and say why.
finding contains {
	"id": "cn-refund-overdue",
	"severity": severity,
	"status": "statute",
	"subject": "",
	"at": at,
	"facts": object.union(
		{
			"received": late.received,
			"received_at": late.received_at,
			"order": late.order,
			"limit_days": data.mingjian.params.cn.refund_days,
			"delay_days": data.mingjian.params.cn.refund_delay_days,
			"due_at": at,
		},
		refunded(late),
	),
} if {
	count(input.session.returns) > 0
	[at, n] := min({[limit(back, data.mingjian.params.cn.refund_days), n] |
		some n, back in input.session.returns
		overdue(back, data.mingjian.params.cn.refund_days)
	})
	late := input.session.returns[n]
}

default severity := "high"

severity := "critical" if {
	some back in input.session.returns
	overdue(back, data.mingjian.params.cn.refund_delay_days)
}

due contains limit(back, data.mingjian.params.cn.refund_days) if {
	some back in input.session.returns
	not refunded_by(back, limit(back, data.mingjian.params.cn.refund_days))
	limit(back, data.mingjian.params.cn.refund_days) > input.now
}

due contains limit(back, data.mingjian.params.cn.refund_delay_days) if {
	some back in input.session.returns
	not refunded_by(back, limit(back, data.mingjian.params.cn.refund_delay_days))
	limit(back, data.mingjian.params.cn.refund_delay_days) > input.now
}

overdue(back, days) if {
	input.now >= limit(back, days)
	not refunded_by(back, limit(back, days))
}

refunded_by(back, at) if {
	back.refunded_at > 0
	back.refunded_at <= at
}

refunded(back) := {"refunded": back.refunded, "refunded_at": back.refunded_at} if {
	back.refunded_at > 0
} else := {}

limit(back, days) := data.mingjian.cn.day.after(back.received_at, days)
