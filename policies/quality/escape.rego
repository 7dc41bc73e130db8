# METADATA
# title: Threats to complain
# description: What customers complain of when a service passes over that they are about to complain.
package mingjian.quality.escape

# METADATA
# title: Threat to complain passed over
# description: >-
#   The customer threatened or announced a complaint, a suit, an authority or the press, and the next turn of
#   the machine offered neither a person nor a way to complain, nor did anything else of the kind begin (a queue,
#   a call back, a complaint taken down). Found at the first text of that turn and withdrawn if the turn goes on to
#   offer it; where nothing came at all, found at a session's end that the customer did not choose. Said to
#   a person, or while the hand-over is under way, it is not passed over. The first is reported.
# custom:
#   id: q-escape-word-ignored
#   severity: high
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 投诉等诉求被忽视
#   description_zh: >-
#     客户表示要投诉、起诉、找监管部门或媒体，而机器人的下一轮发言既没有提供人工，也没有提供投诉渠道，
#     也没有开始排队、回电或登记投诉。以该轮第一条文字为准，同一轮中随后提供的，撤回；始终没有任何回应的，
#     以非客户选择的会话结束之时为准。对人工坐席所说，或转接进行中所说的，不算被忽视。报告最早的一次。
#   remedy:
#     zh: 识别到投诉、起诉等表述时，立即提供转人工或投诉登记。
#     en: At words of this kind offer a person, or to take the complaint down, at once.
finding contains {
	"id": "q-escape-word-ignored",
	"severity": "high",
	"status": "quality",
	"subject": passed.subject,
	"at": passed.at,
	"facts": {
		"said": input.session.threat.said,
		"said_at": input.session.threat.said_at,
		"reply": input.session.threat.reply,
	},
} if {
	input.session.threat != null
	passed
}

passed := {"subject": input.session.threat.reply, "at": input.session.threat.reply_at} if {
	input.session.threat.reply_at > 0
} else := {"subject": input.session.closed_id, "at": input.session.closed} if {
	input.session.closed >= input.session.threat.said_at
	input.session.closed_by != "customer"
}
