# METADATA
# title: Waiting in the queue
# description: What customers complain of when they stand in a queue. Exactly the limit is within it.
# custom:
#   params:
#     queue_silence_max_s: {type: integer, minimum: 1, maximum: 3600}
package mingjian.quality.queue

# METADATA
# title: In the queue without news
# description: >-
#   The customer stood in the queue for more than 90 seconds (unless the parameters say otherwise) without
#   news: since joining it, or since the service last told a place, a time or another way, or showed the
#   place or the time. “Your call is important to us” is no news. Found at the moment the limit passed; of
#   several such stretches the earliest is reported.
# custom:
#   id: q-queue-too-long
#   severity: medium
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 排队过久且无消息
#   description_zh: >-
#     客户在队列中超过90秒（默认，可在参数中调整）没有得到消息：自进入队列，或自服务方上次告知或显示位置、
#     时间或其他途径起算。“您的来电很重要”不算消息。以限期届满之时为准；有多段的报告最早的一段。
#   remedy:
#     zh: 位置或预计时间每有变化即告知，至少每分半钟一次，并提供回呼。
#     en: Tell each change of place or expected time, at least every minute and a half, and offer a call back.
finding contains {
	"id": "q-queue-too-long",
	"severity": "medium",
	"status": "quality",
	"subject": "",
	"at": limit(first),
	"facts": told(first),
} if {
	first := [stretch |
		some stretch in input.session.queue.silences
		too_long(stretch)
	][0]
}

due contains limit(stretch) if {
	some stretch in input.session.queue.silences
	stretch.until_at == 0
	limit(stretch) > input.now
}

limit(stretch) := stretch.from_at + (data.mingjian.params.quality.queue_silence_max_s * 1000)

too_long(stretch) if stretch.lasted_ms > data.mingjian.params.quality.queue_silence_max_s * 1000

too_long(stretch) if {
	stretch.until_at == 0
	input.now >= limit(stretch)
}

told(stretch) := {
	"from": stretch.from,
	"from_at": stretch.from_at,
	"limit_s": data.mingjian.params.quality.queue_silence_max_s,
} if {
	stretch.until_at == 0
}

told(stretch) := {
	"from": stretch.from,
	"from_at": stretch.from_at,
	"until": stretch.until,
	"lasted_ms": stretch.lasted_ms,
	"limit_s": data.mingjian.params.quality.queue_silence_max_s,
} if {
	stretch.until_at > 0
}
