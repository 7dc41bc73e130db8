# METADATA
# title: Complaints
# description: >-
#   Duties of Ley 10/2025 towards those who complain (complaint.filed). Articles 11, 16, 17 and 18 apply to
#   sessions opened on or after 28 December 2026; before that they are found as what will apply. Working days
#   are those of the tenant's calendar.
# custom:
#   params:
#     resolution_working_days: {type: integer, minimum: 1, maximum: 60}
#     resolution_billing_working_days: {type: integer, minimum: 1, maximum: 60}
#     resolution_continuity_min: {type: integer, minimum: 1, maximum: 1440}
package mingjian.es.complaint

# METADATA
# title: No tracking key told
# description: >-
#   A complaint was filed, and until the session's end the customer was told no key to follow it: neither in a
#   text of the service (also in the turn that took the complaint down) nor as the ticket id of its
#   acknowledgement. Found at the session's end. Of several complaints the earliest is reported. One that was
#   filed after the session's end is not judged: when that contact ended is not known.
# custom:
#   id: es-no-tracking-key
#   severity: high
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年12月28日（尚未适用）, en: the session was opened before 28 December 2026}}
#   systemic: false
#   clauses: [es-11-key]
#   title_zh: 未告知投诉跟踪编号
#   description_zh: >-
#     客户提出投诉，直至会话结束，服务方没有告知跟踪编号：文字中（含登记投诉的那一轮发言）没有，受理记录也没有 ticket_id。
#     以会话结束之时为准；多件投诉报告最早的一件。会话结束之后才提出的投诉不作判断（其接触何时结束不得而知）。
#   remedy:
#     zh: 登记投诉时自动生成编号，并在同一次接触中告知客户。
#     en: Give every complaint a key and tell it in the same contact.
finding contains {
	"id": "es-no-tracking-key",
	"severity": "high",
	"status": status,
	"subject": input.session.closed_id,
	"at": input.session.closed,
	"facts": {
		"filed": first.filed,
		"filed_at": first.filed_at,
		"kind": first.kind,
		"closed_at": input.session.closed,
	},
} if {
	input.session.closed > 0
	first := [complaint |
		some complaint in input.session.complaints.filed
		complaint.keyed_at == 0
		complaint.filed_at <= input.session.closed
	][0]
}

# METADATA
# title: Selling during a continuity complaint
# description: >-
#   A text of the service sold something while a complaint about the continuity of the service (claim.kind:
#   continuity) was open. Where the kind of an open complaint was not reported, it cannot be assessed.
# custom:
#   id: es-upsell-in-complaint
#   severity: high
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年12月28日（尚未适用）, en: the session was opened before 28 December 2026}}
#   systemic: false
#   clauses: [es-16-noupsell]
#   title_zh: 在服务中断投诉期间推销
#   description_zh: >-
#     在关于服务连续性的投诉（claim.kind: continuity）未了结期间，服务方的文字推销了产品或服务。
#     未了结的投诉没有上报类别的，无法判断。
#   remedy:
#     zh: 存在未了结的服务中断投诉时，关闭一切推销话术与推荐位。
#     en: Switch off every sales script and offer while a continuity complaint is open.
finding contains {
	"id": "es-upsell-in-complaint",
	"severity": "high",
	"status": status,
	"subject": sold.sold,
	"at": sold.sold_at,
	"facts": {"filed": sold.filed, "filed_at": sold.filed_at, "sold": sold.sold, "kind": sold.kind},
} if {
	[_, n] := min({[complaint.sold_at, n] |
		some n, complaint in input.session.complaints.filed
		complaint.sold_at > 0
		complaint.kind == "continuity"
	})
	sold := input.session.complaints.filed[n]
}

not_assessable contains {"id": "es-upsell-in-complaint", "reason": "claim.kind"} if {
	some complaint in input.session.complaints.filed
	complaint.sold_at > 0
	complaint.kind == ""
}

# METADATA
# title: Complaint not resolved in time
# description: >-
#   A complaint was not resolved (complaint.resolved) within 15 working days, 5 working days about billing,
#   2 hours about the continuity of the service; one whose kind was not reported is held to the 15 days.
#   Found at the moment the limit passed, and a later resolution does not cure it. Of several complaints the
#   one whose limit passed first is reported.
# custom:
#   id: es-resolution-overdue
#   severity: high
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年12月28日（尚未适用）, en: the session was opened before 28 December 2026}}
#   systemic: false
#   clauses: [es-17-15wd]
#   title_zh: 投诉逾期未解决
#   description_zh: >-
#     投诉未在限期内解决（complaint.resolved）：一般15个工作日，账单5个工作日，服务连续性2小时；未上报类别的按15个工作日。
#     以期限届满之时为准，之后解决不能补救；多件投诉报告最先届满的一件。
#   remedy:
#     zh: 按类别为投诉设定到期时间，服务中断类即时派单，账单类优先核查。
#     en: Date complaints by kind, dispatch continuity incidents at once and check bills first.
finding contains {
	"id": "es-resolution-overdue",
	"severity": "high",
	"status": status,
	"subject": "",
	"at": at,
	"facts": object.union(
		{
			"filed": late.filed,
			"filed_at": late.filed_at,
			"kind": late.kind,
			"due_at": at,
		},
		resolution(late),
	),
} if {
	[at, n] := min({[falls_due(complaint), n] |
		some n, complaint in input.session.complaints.filed
		not resolved_in_time(complaint)
		input.now >= falls_due(complaint)
	})
	late := input.session.complaints.filed[n]
}

# METADATA
# title: Survey before the resolution
# description: >-
#   A satisfaction survey (survey.sent, or a text of the service that asks for a rating) came while a complaint
#   was open; or it came in a session without a complaint that ended unresolved (close.resolved: false), where
#   it is found at the end. Without a complaint and without close.resolved it cannot be assessed.
# custom:
#   id: es-survey-too-early
#   severity: medium
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年12月28日（尚未适用）, en: the session was opened before 28 December 2026}}
#   systemic: false
#   clauses: [es-18-2]
#   title_zh: 问题解决之前进行满意度调查
#   description_zh: >-
#     投诉未解决时发出满意度调查（survey.sent 或文字邀请评价）；没有投诉的会话，调查之后以未解决告终
#     （close.resolved: false）的，以会话结束之时为准。没有投诉且未上报 close.resolved 的，无法判断。
#   remedy:
#     zh: 把满意度调查推迟到告知解决结果之后。
#     en: Send the survey only after the outcome was told.
finding contains {
	"id": "es-survey-too-early",
	"severity": "medium",
	"status": status,
	"subject": survey.subject,
	"at": survey.at,
	"facts": survey.facts,
} if {
	survey
}

not_assessable contains {"id": "es-survey-too-early", "reason": "close.resolved"} if {
	input.session.complaints.survey_at > 0
	input.session.closed > 0
	input.session.resolved == null
	count(input.session.complaints.filed) == 0
}

due contains falls_due(complaint) if {
	some complaint in input.session.complaints.filed
	falls_due(complaint) > input.now
	not resolved_in_time(complaint)
}

survey := {"subject": asked.surveyed, "at": asked.surveyed_at, "facts": {
	"filed": asked.filed,
	"filed_at": asked.filed_at,
	"survey": asked.surveyed,
}} if {
	[_, n] := min({[complaint.surveyed_at, n] |
		some n, complaint in input.session.complaints.filed
		complaint.surveyed_at > 0
	})
	asked := input.session.complaints.filed[n]
} else := {"subject": input.session.closed_id, "at": input.session.closed, "facts": {
	"survey": input.session.complaints.survey,
	"survey_at": input.session.complaints.survey_at,
	"resolved": false,
}} if {
	input.session.complaints.survey_at > 0
	input.session.closed >= input.session.complaints.survey_at
	input.session.resolved == false
	count(input.session.complaints.filed) == 0
}

default status := "draft"

# 28 December 2026, midnight in Madrid.
status := "statute" if input.session.opened >= 1798412400000

falls_due(complaint) := complaint.filed_at + (data.mingjian.params.es.resolution_continuity_min * 60000) if {
	complaint.kind == "continuity"
} else := mingjian.working_days_after(
	input.tenant.calendar, complaint.filed_at,
	data.mingjian.params.es.resolution_billing_working_days,
) if {
	complaint.kind == "billing"
} else := mingjian.working_days_after(
	input.tenant.calendar, complaint.filed_at,
	data.mingjian.params.es.resolution_working_days,
)

resolved_in_time(complaint) if {
	complaint.resolved_at > 0
	complaint.resolved_at <= falls_due(complaint)
}

resolution(complaint) := {"resolved": complaint.resolved, "resolved_at": complaint.resolved_at} if {
	complaint.resolved_at > 0
} else := {}
