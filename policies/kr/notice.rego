# METADATA
# title: Telling that AI is used
# description: Duty of AI businesses in Korea to tell beforehand that a service is run with AI.
package mingjian.kr.notice

# METADATA
# title: No notice before use
# description: >-
#   The bot has spoken, its first turn (the first bot text and those that follow it directly) did not
#   say plainly that it is an AI, nor did the system before it or the interface. With the bot's first words the service is in use, so that a
#   notice after its first turn is late. Found at the first bot text; withdrawn if the same turn goes on to say it. A
#   notice that nobody reported counts as not given. The act is in force since 22 January 2026; earlier
#   sessions are not held to it. Its fines are suspended for a year at least.
# custom:
#   id: kr-ai-notice-missing
#   severity: critical
#   status: statute
#   systemic: true
#   clauses: [kr-ai-31]
#   title_zh: 使用之前没有告知人工智能
#   description_zh: >-
#     机器人已发言，而其首轮发言（首条文本及紧随其后的机器人文本）没有明白告知是人工智能，之前的系统提示与界面也没有告知。
#     机器人开口即为开始使用，首轮之后才告知的为迟到。以首条机器人文本为准；同一轮中随后告知的，撤回。未申报的告知视为没有告知。
#     该法自2026年1月22日起施行，此前的会话不适用；罚款至少暂缓一年。
#   remedy:
#     zh: 在进入对话的界面上或机器人的第一句话里明白写出“本服务由人工智能提供”。
#     en: Say plainly at the entrance, or in the bot's first sentence, that the service is run with AI.
finding contains {
	"id": "kr-ai-notice-missing",
	"severity": "critical",
	"status": "statute",
	"subject": input.session.bot.first,
	"at": input.session.bot.first_at,
	"facts": {
		"first_bot_text": input.session.bot.first,
		"notice_in_first_turn": false,
		"notice_in_interface": false,
	},
} if {
	untold
	input.session.opened >= 1769007600000 # 2026-01-22, midnight in Seoul
}

not_assessable contains {
	"id": "kr-ai-notice-missing",
	"reason": "in_force_from:2026-01-22",
} if {
	untold
	input.session.opened < 1769007600000
}

untold if {
	input.session.bot.texts > 0
	input.session.bot.first_notice == false
	not input.session.entrance.notice == true
}
