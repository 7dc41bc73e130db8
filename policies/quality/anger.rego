# METADATA
# title: Anger
# description: What customers complain of when a service does not react to their anger.
# custom:
#   params:
#     anger_above: {type: integer, minimum: 60, maximum: 100}
#     anger_handoff_s: {type: integer, minimum: 10, maximum: 3600}
package mingjian.quality.anger

# METADATA
# title: Anger passed over
# description: >-
#   While a machine served, the customer's emotion was over 80 (or plainly angry in words, where the source
#   sends no scores), and no hand-over to a person was begun within 60 s. Found when that time passed, or at
#   the session's end before it; not where the customer ended the session within that time with a
#   resolution. Somebody whom a person serves, whose hand-over is under way, or who declined the person that was
#   offered, is not passed over. The earliest is reported.
# custom:
#   id: q-anger-ignored
#   severity: high
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 客户愤怒被忽视
#   description_zh: >-
#     由机器人服务时，客户情绪值超过80（来源从不上报分值的，以言辞明显愤怒为准），而60秒内没有开始转人工。
#     以届满之时为准，此前会话已结束的以结束之时为准；客户在此期间自行结束且问题已解决的除外。
#     已由人工服务、转接正在进行、或客户谢绝了所提供人工的，不算被忽视。报告最早的一次。
#   remedy:
#     zh: 情绪值超过阈值即询问并转接人工，不再继续自动应答。
#     en: Over the threshold ask and hand over rather than go on answering by machine.
finding contains {
	"id": "q-anger-ignored",
	"severity": "high",
	"status": "quality",
	"subject": first.subject,
	"at": first.at,
	"facts": {
		"event": first.outburst.event,
		"emotion": first.outburst.emotion,
		"by_words": first.outburst.words,
		"limit_s": data.mingjian.params.quality.anger_handoff_s,
	},
} if {
	count(input.session.outbursts) > 0
	first := [ignored |
		some outburst in input.session.outbursts
		outburst.emotion > data.mingjian.params.quality.anger_above
		ignored := ignoring(outburst)
	][0]
}

due contains limit(outburst) if {
	some outburst in input.session.outbursts
	outburst.emotion > data.mingjian.params.quality.anger_above
	limit(outburst) > input.now
	not begun_in_time(outburst)
	not ended_before(outburst)
}

# ignoring is where and when an outburst had been passed over, if it was.
ignoring(outburst) := {"outburst": outburst, "subject": "", "at": limit(outburst)} if {
	input.now >= limit(outburst)
	not begun_in_time(outburst)
	not ended_before(outburst)
}

ignoring(outburst) := {"outburst": outburst, "subject": input.session.closed_id, "at": input.session.closed} if {
	ended_before(outburst)
	not begun_in_time(outburst)
	not left_content
}

limit(outburst) := outburst.at + (data.mingjian.params.quality.anger_handoff_s * 1000)

begun_in_time(outburst) if {
	outburst.begun_at > 0
	outburst.begun_at <= limit(outburst)
}

ended_before(outburst) if {
	input.session.closed > 0
	input.session.closed < limit(outburst)
}

left_content if {
	input.session.closed_by == "customer"
	input.session.resolved == true
}
