# METADATA
# title: Telling that one is talking to an AI
# description: Information duty of the AI Act towards people who interact with an AI system directly.
package mingjian.eu.notice

# METADATA
# title: No AI notice at the first bot turn
# description: >-
#   The bot has spoken, its first turn (the first bot text and those that follow it directly) did
#   not say plainly that one is talking to an AI, and the interface does not say so either. Found at
#   the first bot text; withdrawn if the same turn goes on to say it. A notice that nobody reported
#   counts as not given; “assistant” or a person's name alone is none. A line by the system in or before
#   that turn tells as well as the bot's own. Sessions of the time before the article applied are
#   found too, as what will be a breach.
# custom:
#   id: eu-ai-notice-missing
#   severity: critical
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年8月2日（第50条开始适用）, en: the session was opened before 2 August 2026}}
#   systemic: true
#   clauses: [eu-aia-50-1]
#   title_zh: 首轮未告知正在与人工智能对话
#   description_zh: >-
#     机器人已发言，而其首轮发言（首条文本及紧随其后的机器人文本）没有明白告知对方是人工智能，
#     界面也没有告知。以首条机器人文本为准；同一轮中随后告知的，撤回。未申报的告知视为没有告知；
#     仅称“助理”或仅用人名不算告知。系统在首轮之中或之前显示的告知，与机器人自己告知等效。
#     该条开始适用之前的会话也予提示，但不作为违法认定。
#   remedy:
#     zh: 在机器人的第一句话或界面上明白写出“您正在与AI对话”。
#     en: Say in the bot's first sentence, or in the interface, “you are chatting with an AI”.
finding contains {
	"id": "eu-ai-notice-missing",
	"severity": "critical",
	"status": status,
	"subject": input.session.bot.first,
	"at": input.session.bot.first_at,
	"facts": {
		"first_bot_text": input.session.bot.first,
		"notice_in_first_turn": false,
		"notice_in_interface": false,
		"entrance_reported": reported,
	},
} if {
	input.session.bot.texts > 0
	input.session.bot.first_notice == false
	not interface_notice
}

default status := "draft"

# Article 50 applies since 2026-08-02, midnight in Brussels.
status := "statute" if input.session.opened >= 1785621600000

interface_notice if input.session.entrance.notice == true

default reported := false

reported if input.session.entrance != null
