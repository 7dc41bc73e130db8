# METADATA
# title: Complaints
# description: >-
#   Complaints are those that the source reports (complaint.filed). Days end at midnight in Beijing and the
#   first does not count; working days are those of the tenant's calendar.
# custom:
#   params:
#     complaint_telecom_days: {type: integer, minimum: 1, maximum: 60}
#     complaint_henan_telecom_working_days: {type: integer, minimum: 1, maximum: 60}
#     complaint_chongqing_telecom_working_days: {type: integer, minimum: 1, maximum: 60}
#     complaint_internet_working_days: {type: integer, minimum: 1, maximum: 60}
#     complaint_bank_days: {type: integer, minimum: 1, maximum: 60}
#     complaint_insurance_days: {type: integer, minimum: 1, maximum: 60}
#     complaint_express_days: {type: integer, minimum: 1, maximum: 60}
#     complaint_air_working_days: {type: integer, minimum: 1, maximum: 60}
#     complaint_personal_information_working_days: {type: integer, minimum: 1, maximum: 60}
package mingjian.cn.complaint

# METADATA
# title: Complaint without a time limit told
# description: >-
#   A complaint was filed, and until the session's end nobody acknowledged it with a time limit: a
#   complaint.acknowledged with due, or a time limit in its text, in the turn of the service that follows it or the
#   complaint, or in the turn that took the complaint down. Found at the session's end. Of several
#   complaints the earliest is reported. One that was filed after the session's end is not judged: when
#   that contact ended is not known.
# custom:
#   id: cn-complaint-unanswered
#   severity: high
#   status: statute
#   systemic: false
#   clauses: [cn-genai-15, cn-ec-59]
#   title_zh: 投诉未告知处理期限
#   description_zh: >-
#     客户提出投诉，直至会话结束，服务方没有带期限地受理：既没有带 due 的 complaint.acknowledged，
#     受理文字、投诉或受理之后服务方的下一轮发言、以及登记投诉的那一轮发言中也都没有告知期限。
#     以会话结束之时为准；多件投诉报告最早的一件。会话结束之后才提出的投诉不作判断（其接触何时结束不得而知）。
#   remedy:
#     zh: 受理投诉时当场告知处理流程和反馈期限，并把期限随受理记录一并上报。
#     en: Tell the process and the time limit when taking a complaint down, and report the limit with the acknowledgement.
finding contains {
	"id": "cn-complaint-unanswered",
	"severity": "high",
	"status": "statute",
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
		complaint.limited_at == 0
		complaint.filed_at <= input.session.closed
	][0]
}

# METADATA
# title: Complaint not resolved in time
# description: >-
#   A complaint was not resolved (complaint.resolved) within the limit of its industry: telecom 15 days, in
#   Henan 5 working days, internet 10 working days, bank and insurance 15 days, express 7 days, air 10
#   working days. A provincial limit replaces the national one where it falls earlier, so that the 15
#   working days of Chongqing never decide while the national limit is 15 days. A complaint about personal
#   information has a limit of its own instead, 15 working days, in every industry. Found at the moment the
#   limit passed, and a later resolution does not cure it. Of several complaints the one whose limit
#   passed first is reported. A session opened before a clause took effect is not held to it.
# custom:
#   id: cn-complaint-overdue
#   severity: high
#   status: statute
#   status_when:
#     - {status: policy, when: {zh: 互联网行业（投诉平台的10个工作日属于政策要求）, en: "in the internet industry, whose 10 working days are policy"}}
#   systemic: false
#   clauses: [cn-telecom-15d, cn-iscp-10wd, cn-bank-15-60, cn-express-7d, cn-air-10wd, cn-app-pi-15wd, cn-henan-telecom-5wd, cn-chongqing-telecom-15wd]
#   title_zh: 投诉逾期未办结
#   description_zh: >-
#     投诉未在所属行业的期限内办结（complaint.resolved）：电信15日（河南5个工作日），互联网10个工作日，
#     银行、保险15日，快递7日，航空10个工作日。省级期限较早届满的，以省级为准；重庆的15个工作日总是晚于
#     全国的15日，因此实际不起作用。涉及个人信息的投诉，各行业一律适用自己的15个工作日。
#     以期限届满之时为准，之后办结不能补救；多件投诉报告最先届满的一件。条款施行之前的会话不适用。
#   remedy:
#     zh: 为每件投诉按行业和省份设定到期日，提前两个工作日升级督办，并把办结结果告知客户。
#     en: Date every complaint by industry and province, escalate it two working days before, and tell the customer the outcome.
finding contains {
	"id": "cn-complaint-overdue",
	"severity": "high",
	"status": limit.status,
	"subject": "",
	"at": at,
	"facts": object.union(
		{
			"filed": complaint.filed,
			"filed_at": complaint.filed_at,
			"kind": complaint.kind,
			"industry": input.session.industry,
			"clause": limit.clause,
			"limit": limit.n,
			"limit_unit": limit.unit,
			"due_at": at,
		},
		resolution(complaint),
	),
} if {
	[at, n] := min({[due_at(complaint), n] |
		some n, complaint in input.session.complaints.filed

		# No limit is shorter than a day, which has 23 hours where clocks change; most talks are over by then.
		input.now >= complaint.filed_at + 82800000
		not resolved_in_time(complaint)
		input.now >= due_at(complaint)
	})
	complaint := input.session.complaints.filed[n]
	limit := earliest(complaint)[1]
}

not_assessable contains {"id": "cn-complaint-overdue", "reason": "industry"} if {
	some complaint in input.session.complaints.filed
	input.session.industry == ""
	complaint.kind != "personal_information"
}

due contains due_at(complaint) if {
	some complaint in input.session.complaints.filed
	due_at(complaint) > input.now
	not resolved_in_time(complaint)
}

resolved_in_time(complaint) if {
	complaint.resolved_at > 0
	complaint.resolved_at <= due_at(complaint)
}

resolution(complaint) := {"resolved": complaint.resolved, "resolved_at": complaint.resolved_at} if {
	complaint.resolved_at > 0
} else := {}

due_at(complaint) := earliest(complaint)[0]

# earliest is when a complaint falls due, and by which of the limits that apply to it.
earliest(complaint) := min({[falls_due(limit, complaint.filed_at), limit] |
	some limit in applying(complaint)
	input.session.opened >= limit.since
})

falls_due(limit, at) := data.mingjian.cn.day.after(at, limit.n) if {
	limit.unit == "days"
} else := mingjian.working_days_after(input.tenant.calendar, at, limit.n)

applying(complaint) := {personal_information} if {
	complaint.kind == "personal_information"
} else := national | provincial

national contains limit if limit := by_industry[input.session.industry]

provincial contains limit if {
	limit := by_province[input.session.province]
	input.session.industry == "telecom"
}

# since is midnight in Beijing of the day on which a clause took effect, where that day is known.
by_industry := {
	"telecom": {
		"clause": "cn-telecom-15d", "status": "statute", "since": 1469808000000, # 2016-07-30
		"unit": "days", "n": data.mingjian.params.cn.complaint_telecom_days,
	},
	"internet": {
		"clause": "cn-iscp-10wd", "status": "policy", "since": 0,
		"unit": "working_days", "n": data.mingjian.params.cn.complaint_internet_working_days,
	},
	"bank": {
		"clause": "cn-bank-15-60", "status": "statute", "since": 1582992000000, # 2020-03-01
		"unit": "days", "n": data.mingjian.params.cn.complaint_bank_days,
	},
	"insurance": {
		"clause": "cn-bank-15-60", "status": "statute", "since": 1582992000000, # 2020-03-01
		"unit": "days", "n": data.mingjian.params.cn.complaint_insurance_days,
	},
	"express": {
		"clause": "cn-express-7d", "status": "statute", "since": 0,
		"unit": "days", "n": data.mingjian.params.cn.complaint_express_days,
	},
	"air": {
		"clause": "cn-air-10wd", "status": "statute", "since": 1630425600000, # 2021-09-01
		"unit": "working_days", "n": data.mingjian.params.cn.complaint_air_working_days,
	},
}

by_province := {
	"河南": {
		"clause": "cn-henan-telecom-5wd", "status": "statute", "since": 0,
		"unit": "working_days", "n": data.mingjian.params.cn.complaint_henan_telecom_working_days,
	},
	"重庆": {
		"clause": "cn-chongqing-telecom-15wd", "status": "statute", "since": 0,
		"unit": "working_days", "n": data.mingjian.params.cn.complaint_chongqing_telecom_working_days,
	},
}

personal_information := {
	"clause": "cn-app-pi-15wd", "status": "statute", "since": 0,
	"unit": "working_days", "n": data.mingjian.params.cn.complaint_personal_information_working_days,
}
