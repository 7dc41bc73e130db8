# METADATA
# title: Indicators of Spain
# description: >-
#   Numbers over the sessions of a tenant's business line to which Ley 10/2025 applies, counted for each day
#   of the tenant's zone. The law binds from 28 December 2026; for days before, the same is found as what
#   will apply (draft).
# custom:
#   params:
#     met_least_percent: {type: integer, minimum: 0, maximum: 100}
#     error_max_percent: {type: integer, minimum: 1, maximum: 100}
package mingjian.es.indicator

# METADATA
# title: Fewer than 95 % met in three minutes
# description: >-
#   Of the day's calls, or of the day's requests for a person, fewer than 95 % (unless the parameters say
#   otherwise) were met within 180 seconds. Both are counted, and the worse share is judged; the facts say
#   which (unit). A call is attended when a bot or a person first speaks, or the menu first offers a person,
#   because the caller can then say what it is about and ask for one. Who hangs up before 180 seconds have
#   passed is not counted, who hangs up after is; a contact that the service ends before is not met.
# custom:
#   id: i-es-95-180
#   severity: high
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 该日早于2026年12月28日（适应期届满）, en: the day is before 28 December 2026}}
#   systemic: false
#   clauses: [es-8-2-3min, es-10-3-3min]
#   title_zh: 三分钟内满足的不足95%
#   description_zh: >-
#     当日来电，或当日的人工要求，在180秒内得到满足的不足95%（默认，可在参数中调整）。两者分别统计，以较差者为准，事
#     实中注明是哪一项（unit）。机器人或坐席首次开口，或菜单首次提供人工，来电即算得到接待，因为来电人此时可以说明缘由
#     并要求人工。180秒之前自行挂断的不计，此后挂断的计入；服务方提前结束的算未满足。
#   remedy:
#     zh: 按时段排班，并把菜单与排队时间计入三分钟。
#     en: Staff to demand, and count menu and queue towards the three minutes.
finding contains {
	"id": "i-es-95-180",
	"severity": "high",
	"status": status,
	"subject": "",
	"at": input.indicator.last,
	"facts": data.mingjian.quality.indicator.below(data.mingjian.params.es.met_least_percent),
} if {
	input.indicator.name == "i-es-95-180"
	not data.mingjian.quality.indicator.few
	input.indicator.numerator * 100 < data.mingjian.params.es.met_least_percent * input.indicator.denominator
}

# METADATA
# title: Review sample too small for the error allowed
# description: >-
#   From the month's first day to this one, the reviewed sample cannot bound the error of the rate of defective
#   sessions at 5 % of its value (unless the parameters say otherwise). Counted are the sampled sessions that
#   ended in the period and whose verdict is known. The interval is that of a simple random sample of the
#   sessions of the business line that ended in the period (Clopper and Pearson, with the finite population
#   correction); strata and sessions reviewed in any case are left to the review report, which weighs them.
#   Where nothing was reviewed, or no defect was seen (an error relative to nothing), the rule is not
#   assessable.
# custom:
#   id: i-es-error
#   severity: medium
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 该日早于2026年12月28日（适应期届满）, en: the day is before 28 December 2026}}
#   systemic: false
#   clauses: [es-21-22-audit]
#   title_zh: 复核样本不足以约束测量误差
#   description_zh: >-
#     自当月首日至当日，复核样本不能把缺陷会话比率的误差约束在其数值的5%以内（默认，可在参数中调整）。统计期内结束、被抽
#     中且结论已知的会话。区间按该业务线期内结束会话的简单随机样本计算（Clopper–Pearson，含有限总体校正）；
#     分层与必审会话由复核报告加权处理。没有复核，或没有见到缺陷（无从计算相对误差）的，不作判断。
#   remedy:
#     zh: 按复核报告给出的样本量增加抽样，或者全数复核。
#     en: Draw the sample that the review report says is needed, or review all.
finding contains {
	"id": "i-es-error",
	"severity": "medium",
	"status": status,
	"subject": "",
	"at": input.indicator.last,
	"facts": object.union(data.mingjian.quality.indicator.shown, {"error_percent": round(error * 10000) / 100, "limit_percent": data.mingjian.params.es.error_max_percent}),
} if {
	input.indicator.name == "i-es-error"
	error * 100 > data.mingjian.params.es.error_max_percent
}

not_assessable contains {"id": "i-es-95-180", "reason": data.mingjian.quality.indicator.too_few} if {
	input.indicator.name == "i-es-95-180"
	data.mingjian.quality.indicator.few
}

not_assessable contains {"id": "i-es-error", "reason": "review.decided"} if {
	input.indicator.name == "i-es-error"
	input.indicator.denominator == 0
}

not_assessable contains {"id": "i-es-error", "reason": "no_defect_seen"} if {
	input.indicator.name == "i-es-error"
	input.indicator.denominator > 0
	input.indicator.numerator == 0
}

# error is the farther end of the interval from the value, relative to the value.
error := max([input.indicator.high - input.indicator.value, input.indicator.value - input.indicator.low]) / input.indicator.value if {
	input.indicator.value > 0
}

default status := "draft"

status := "statute" if input.indicator.day >= "2026-12-28"
