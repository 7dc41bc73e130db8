# METADATA
# title: Telling that one is talking to a machine
# description: >-
#   Each state asks for something else: California where a bot sells online, Utah where it is asked, Maine
#   where one could take it for a person. A notice is a plain statement, in the interface or in a text
#   by the bot or the system; one that nobody reported counts as not given. A notice in the same turn of
#   the bot is in time.
package mingjian.us.notice

# METADATA
# title: A bot sells without saying what it is
# description: >-
#   A customer in California, online, to whom the bot sells, and neither the interface nor a text until the
#   end of that turn said that it is a bot. Found at the first such text. A notice that comes after it does not take
#   back what was sold before. The statute is about communication online: calls are left out. It is in
#   force since 1 July 2019; earlier sessions are not held to it.
# custom:
#   id: us-ca-bot-undisclosed
#   severity: critical
#   status: statute
#   systemic: true
#   clauses: [us-ca-17941]
#   title_zh: 机器人推销而没有表明身份
#   description_zh: >-
#     客户在加利福尼亚州，机器人在线推销，而界面与截至该轮为止的文本都没有说明对方是机器人，以首次推销为准；
#     之后才说明的，不能补救此前的推销。该法针对在线沟通，电话除外。自2019年7月1日起施行，此前的会话不适用。
#   remedy:
#     zh: 在推销之前用清楚、醒目的文字说明“您正在与机器人对话”，例如放在首句话或界面上。
#     en: Before selling, say clearly and conspicuously that one is chatting with a bot, in the first sentence or in the interface.
finding contains {
	"id": "us-ca-bot-undisclosed",
	"severity": "critical",
	"status": "statute",
	"subject": input.session.disclosure.sold,
	"at": input.session.disclosure.sold_at,
	"facts": {
		"sold": input.session.disclosure.sold,
		"notice": false,
		"channel": input.session.channel,
	},
} if {
	sold_in_california
	input.session.opened >= 1561964400000 # 2019-07-01, midnight in Sacramento
}

not_assessable contains {
	"id": "us-ca-bot-undisclosed",
	"reason": "in_force_from:2019-07-01",
} if {
	sold_in_california
	input.session.opened < 1561964400000
}

sold_in_california if {
	input.session.disclosure.sold_at > 0
	input.session.jurisdiction == "US-CA"
	input.session.channel != "phone"
}

# METADATA
# title: Asked whether it is an AI, and not told
# description: >-
#   A customer in Utah asked clearly whether an AI is speaking, and the bot's next turn did not say so
#   plainly. Found at the first text of that turn; withdrawn if the same turn goes on to say it. A denial is no true answer. An
#   earlier notice or one in the interface does not replace the answer. A person who answers or takes over is answer enough.
#   The statute is in force since 7 May 2025; earlier sessions are not held to it.
# custom:
#   id: us-ut-asked-not-told
#   severity: critical
#   status: statute
#   systemic: false
#   clauses: [us-ut-13-77-103]
#   title_zh: 被问是否人工智能而没有如实回答
#   description_zh: >-
#     客户在犹他州，明确询问对方是不是人工智能，而机器人的下一轮没有明白地承认。以该轮首条文本为准，同一轮中随后承认的，撤回。
#     否认不是如实回答；此前或界面上的告知不能代替回答；由真人作答或接入的，视为已回答。
#     自2025年5月7日起施行，此前的会话不适用。
#   remedy:
#     zh: 识别“你是机器人吗”之类的问题，下一句就如实回答“我是AI”。
#     en: Recognise questions such as “are you a bot?” and answer truthfully with the very next sentence.
finding contains {
	"id": "us-ut-asked-not-told",
	"severity": "critical",
	"status": "statute",
	"subject": input.session.disclosure.untold,
	"at": input.session.disclosure.untold_at,
	"facts": {
		"question": input.session.disclosure.question,
		"next_turn": input.session.disclosure.untold,
	},
} if {
	untold_in_utah
	input.session.opened >= 1746597600000 # 2025-05-07, midnight in Salt Lake City
}

not_assessable contains {
	"id": "us-ut-asked-not-told",
	"reason": "in_force_from:2025-05-07",
} if {
	untold_in_utah
	input.session.opened < 1746597600000
}

untold_in_utah if {
	input.session.disclosure.untold_at > 0
	input.session.jurisdiction == "US-UT"
}

# METADATA
# title: A bot with a person's name or voice
# description: >-
#   A customer in Maine, whom a consumer's trade brings in touch with a bot that gives itself a person's
#   name, and neither the interface nor a text until the end of that turn said that it is no person. On
#   the phone the bot has a voice, and the notice has to come with its first turn. Public services
#   are not trade and are left out. Sources name 23 and 24 September 2025 as the day of effect; sessions opened before the
#   later one are not held to it.
# custom:
#   id: us-me-bot-undisclosed
#   severity: critical
#   status: statute
#   systemic: true
#   clauses: [us-me-1500dd]
#   title_zh: 机器人使用人名或人声而没有告知
#   description_zh: >-
#     客户在缅因州，交易中机器人以人名自称，而界面与截至该轮为止的文本都没有说明它不是真人。
#     电话中机器人即有声音，应在其首轮说明。公共服务不属于交易，不适用。
#     施行日期有9月23日与24日两说，2025年9月24日之前的会话不适用。
#   remedy:
#     zh: 机器人自我介绍时同时说明是机器人；电话接通后的第一句话就说明。
#     en: Say that it is a bot wherever it gives its name, and in the first sentence of a call.
finding contains {
	"id": "us-me-bot-undisclosed",
	"severity": "critical",
	"status": "statute",
	"subject": posing.subject,
	"at": posing.at,
	"facts": {
		"name_or_voice": posing.with,
		"notice": false,
	},
} if {
	posing
	input.session.opened >= 1758686400000 # 2025-09-24, midnight in Augusta
}

not_assessable contains {
	"id": "us-me-bot-undisclosed",
	"reason": "in_force_from:2025-09-24",
} if {
	posing
	input.session.opened < 1758686400000
}

posing := {"subject": input.session.disclosure.posed, "at": input.session.disclosure.posed_at, "with": "name"} if {
	input.session.jurisdiction == "US-ME"
	input.session.industry != "public"
	input.session.channel != "phone"
	input.session.disclosure.posed_at > 0
}

posing := {"subject": input.session.bot.first, "at": input.session.bot.first_at, "with": "voice"} if {
	input.session.jurisdiction == "US-ME"
	input.session.industry != "public"
	input.session.channel == "phone"
	input.session.bot.first_at > 0
	input.session.bot.first_notice == false
	not input.session.entrance.notice == true
}
