# METADATA
# title: Whether a machine passes for a person
# description: >-
#   A machine is a bot, or an actor that is shown as an agent and reported as automated. What breaking
#   these rules means depends on where the customer is and on what was in force when the session was opened.
# custom:
#   params:
#     typing_limit: {type: integer, minimum: 6, maximum: 1000}
package mingjian.core.identity

# METADATA
# title: The bot denies being an AI
# description: >-
#   A machine says that it is a person, or denies being an AI. Found at the first such text. What a
#   person says of himself is none. Quality where no statute asks for it; a statute in the Union since 2 August 2026,
#   in Utah since 7 May 2025 and in Maine since 24 September 2025 (sources name the 23rd and the 24th).
# custom:
#   id: ai-denied
#   severity: critical
#   status: quality
#   status_when:
#     - {status: statute, when: {zh: 欧盟（会话始于2026年8月2日及以后）、美国犹他州（2025年5月7日及以后）或缅因州（2025年9月24日及以后）, en: "in the European Union from 2 August 2026 on, in Utah from 7 May 2025 on, in Maine from 24 September 2025 on"}}
#   systemic: false
#   clauses: [eu-aia-50-1, us-ut-13-77-103, us-me-1500dd]
#   title_zh: 机器人否认自己是人工智能
#   description_zh: >-
#     机器人（或被标为自动的“坐席”）自称真人，或者否认自己是人工智能，以首次为准。真人坐席谈自己的不算。
#     没有法律要求之处属于服务质量问题；在欧盟、犹他州和缅因州，自各自施行之日起属于法定义务。
#   remedy:
#     zh: 从话术和模型提示词中去掉自称真人的内容；被问到时如实回答“我是AI客服”，并提供转人工。
#     en: Take every claim of being a person out of scripts and prompts; when asked, answer “I am an AI” and offer a person.
finding contains {
	"id": "ai-denied",
	"severity": "critical",
	"status": denial_status,
	"subject": input.session.disclosure.denied,
	"at": input.session.disclosure.denied_at,
	"facts": {
		"denied": input.session.disclosure.denied,
		"jurisdiction": input.session.jurisdiction,
	},
} if {
	input.session.disclosure.denied_at > 0
}

# METADATA
# title: A machine shown as an agent
# description: >-
#   Somebody who is shown as an agent is automated, or types faster than people can: three messages
#   running of 20 characters or more, each at over 15 characters a second (unless the parameters say otherwise) since the customer's last event.
#   Shorter messages neither count nor break the row, another agent does; what comes before any event of the customer cannot
#   be timed. Of both signs the earlier is reported. Quality where no statute asks for it; a statute in
#   China since 10 January 2023 and in the Union since 2 August 2026.
# custom:
#   id: fake-human
#   severity: critical
#   status: quality
#   status_when:
#     - {status: statute, when: {zh: 中国（会话始于2023年1月10日及以后）或欧盟（2026年8月2日及以后）, en: in China from 10 January 2023 on and in the European Union from 2 August 2026 on}}
#   systemic: false
#   clauses: [cn-ds-17-label, eu-aia-50-1]
#   title_zh: 机器冒充人工坐席
#   description_zh: >-
#     以坐席身份出现的是自动程序；或者打字快得不像人：连续三条20字以上的消息，自客户最近一次动作起算，
#     每条都超过每秒15字（默认，可在参数中调整）。更短的消息既不计入也不打断，换了坐席则重新计算；客户尚无动作之前的消息无法计时。
#     两种迹象取较早者。没有法律要求之处属于服务质量问题；在中国和欧盟，自施行之日起属于法定义务。
#   remedy:
#     zh: 自动回复一律以机器人身份显示并加标识；“人工”入口之后必须是真人，快捷话术由真人确认后发送。
#     en: Show every automatic reply as the bot's, with its label; behind “a person” there has to be one, who sends prepared phrases himself.
finding contains {
	"id": "fake-human",
	"severity": "critical",
	"status": disguise_status,
	"subject": earliest.subject,
	"at": earliest.at,
	"facts": earliest.facts,
} if {
	earliest := min(disguises)
}

# disguises are the signs; of two the smaller is the earlier.
disguises contains {
	"at": input.session.disclosure.masked_at,
	"facts": {"automated": true, "event": input.session.disclosure.masked},
	"subject": input.session.disclosure.masked,
} if {
	input.session.disclosure.masked_at > 0
}

disguises contains {
	"at": fast.at,
	"facts": {
		"automated": false,
		"characters_per_second": round(fast.pace * 10) / 10,
		"limit": data.mingjian.params.core.typing_limit,
		"messages_in_a_row": 3,
	},
	"subject": fast.id,
} if {
	fast := [burst |
		some burst in input.session.bursts
		burst.pace > data.mingjian.params.core.typing_limit
	][0]
}

default denial_status := "quality"

denial_status := "statute" if in_union

# Utah Code 13-77-103 since 2025-05-07, midnight in Salt Lake City.
denial_status := "statute" if {
	input.session.jurisdiction == "US-UT"
	input.session.opened >= 1746597600000
}

# 10 MRS §1500-DD since 2025-09-24, midnight in Augusta.
denial_status := "statute" if {
	input.session.jurisdiction == "US-ME"
	input.session.opened >= 1758686400000
}

default disguise_status := "quality"

disguise_status := "statute" if in_union

# The Deep Synthesis Provisions are in force since 2023-01-10, midnight in Beijing.
disguise_status := "statute" if {
	country == "CN"
	input.session.opened >= 1673280000000
}

# Article 50 of the AI Act applies since 2026-08-02, midnight in Brussels.
in_union if {
	country in union
	input.session.opened >= 1785621600000
}

country := split(input.session.jurisdiction, "-")[0]

# union is where the AI Act binds; EL is the Union's own code for Greece.
union := {
	"EU", "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "EL",
	"HU", "IE", "IT", "LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
}
