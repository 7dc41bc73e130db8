# METADATA
# title: Reaching a person in California
# description: >-
#   Assembly Bill 1609: what a large business owes a customer in California who asks for a person. Exactly
#   a limit is within it.
# custom:
#   params:
#     ca_connect_max_s: {type: integer, minimum: 1, maximum: 86400}
#     ca_appointment_days: {type: integer, minimum: 0, maximum: 30}
#     ca_hold_max_s: {type: integer, minimum: 1, maximum: 86400}
#     ca_hold_total_max_s: {type: integer, minimum: 1, maximum: 86400}
package mingjian.us.california

# METADATA
# title: Person too late in California
# description: >-
#   A customer in California asked a large business for a person in its business hours, and was neither
#   connected within 15 minutes nor given an appointment (a call back with a moment, or one that was made)
#   by the end of the next business day; or was held for more than 15 minutes at once, or for more than
#   60 in all. Found when the 15 minutes passed, or at the end where the service ended the contact before
#   that or the customer left after having been refused; a customer who left earlier of his own accord is not
#   counted. An appointment that follows withdraws it. A message, form or email is no appointment. Business hours
#   are those of the tenant's calendar; each hold_s that is reported is one hold. Whether the business is a large one is the
#   tenant's setting; a business that the law exempts sets it to false. Applies to sessions since 1 January 2027.
# custom:
#   id: us-ca-human-slow
#   severity: high
#   status: statute
#   systemic: false
#   clauses: [us-ca-ab1609]
#   title_zh: 加州客户接通人工过慢
#   description_zh: >-
#     加州客户在营业时间内向大型企业要求人工，而15分钟内没有接通，也没有约定在下一营业日结束之前的回呼
#     （有具体时刻，或已经回呼）；或者单次等候超过15分钟，或累计超过60分钟。以15分钟届满为准；此前服务方结束联系，
#     或客户被拒后离开的，以结束之时为准；客户自行提前离开的不计。其后约定的，撤回。留言、表单或邮件不算约定。
#     营业时间以租户的日历为准；每次上报的 hold_s 为一次等候。是否为大型企业以租户设置为准，法律豁免的企业设为否。
#     适用于2027年1月1日以后的会话。
#   remedy:
#     zh: 营业时间内15分钟接通，或当场约定一个营业日之内的时刻。
#     en: Connect within 15 minutes in business hours, or agree a moment within one business day at once.
finding contains {
	"id": "us-ca-human-slow",
	"severity": "high",
	"status": "statute",
	"subject": first[1],
	"at": first[0],
	"facts": {
		"asked": first[2],
		"ground": first[3],
		"limit_s": first[4],
	},
} if {
	input.tenant.large_business == true
	first := min(broken)
	first[0] <= input.now
}

due contains first[0] if {
	input.tenant.large_business == true
	some first in broken
	first[0] > input.now
}

not_assessable contains {"id": "us-ca-human-slow", "reason": "in_force_from:2027-01-01"} if {
	input.session.jurisdiction == "US-CA"
	not in_force
}

not_assessable contains {"id": "us-ca-human-slow", "reason": "tenant.large_business"} if {
	input.tenant.large_business == null
	some wait in owed
}

# Since 2027-01-01, midnight in Los Angeles.
in_force if input.session.opened >= 1798790400000

# owed are the requests to which the law applies.
owed contains wait if {
	some wait in input.session.human.waits
	input.session.jurisdiction == "US-CA"
	in_force
	mingjian.working(input.tenant.calendar, wait.asked_at)
}

# broken is what was or will be broken: when, by which event, the request, what, and the limit.
broken contains [settled(wait), ended_by(wait), wait.asked, "not_connected", data.mingjian.params.us.ca_connect_max_s] if {
	some wait in owed
	not connected(wait)
	not appointed(wait)
}

broken contains [input.session.queue.longest_hold_at, input.session.queue.longest_hold, wait.asked, "hold", data.mingjian.params.us.ca_hold_max_s] if {
	input.session.queue.longest_hold_s > data.mingjian.params.us.ca_hold_max_s
	some wait in owed
}

broken contains [input.session.queue.held_at, input.session.queue.held, wait.asked, "holds_in_all", data.mingjian.params.us.ca_hold_total_max_s] if {
	input.session.queue.held_s > data.mingjian.params.us.ca_hold_total_max_s
	some wait in owed
}

limit(wait) := wait.asked_at + (data.mingjian.params.us.ca_connect_max_s * 1000)

connected(wait) if {
	wait.joined_at > 0
	wait.joined_at <= limit(wait)
}

# appointed: a call back that was promised for a moment, or made, within the days that the law gives.
appointed(wait) if {
	some call in input.session.callbacks
	some at in [call.due, call.done_at]
	at >= wait.asked_at
	at <= mingjian.working_days_after(input.tenant.calendar, wait.asked_at, data.mingjian.params.us.ca_appointment_days)
}

# settled is when it is known that a wait came to nothing.
settled(wait) := limit(wait) if not ended_early(wait)

settled(wait) := wait.ended_at if {
	ended_early(wait)
	held_against(wait)
}

ended_by(wait) := "" if not ended_early(wait)

ended_by(wait) := input.session.closed_id if ended_early(wait)

ended_early(wait) if {
	wait.ended_at > 0
	wait.ended_at < limit(wait)
}

held_against(_) if input.session.closed_by in {"agent", "bot", "system"}

held_against(wait) if wait.refused_at > 0
