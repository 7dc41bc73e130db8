# METADATA
# title: Reaching a person at a platform or a financial service
# description: >-
#   Two rights to contact that does not rely on machines alone. A request counts as answered with nothing
#   where it was refused (a rejection, or a text that neither offers nor begins a hand-over), or where the
#   session ended; a customer who left within the grace of asking, before anything was refused, gave no
#   fair time.
# custom:
#   params:
#     human_grace_s: {type: integer, minimum: 0, maximum: 3600}
package mingjian.eu.contact

# METADATA
# title: No contact beside the machine
# description: >-
#   At an intermediary service or online platform a person was asked for, and from then on the service
#   offered no means of contact that is not automated: no person, no hand-over, no queue, no call back, no other
#   way. Found when the request was first refused or the session ended, and withdrawn by an offer that
#   follows. An option that the entrance shows is not enough where using it leads nowhere. The tenant's
#   settings say whether it is such a service; where they do not, internet and retail count as one, other
#   industries do not, and without either the rule is not assessable. Applies since 17 February 2024.
# custom:
#   id: eu-automated-only-contact
#   severity: critical
#   status: statute
#   systemic: false
#   clauses: [eu-dsa-12]
#   title_zh: 只有自动化的联系方式
#   description_zh: >-
#     中介服务或在线平台的客户要求人工，而此后服务方没有提供任何非自动化的联系方式：没有人工、转接、排队、
#     回呼，也没有其他途径。以首次被拒或会话结束为准，之后提供的，撤回。界面上有人工入口而使用后没有结果的，
#     不算提供。是否属于此类服务以租户设置为准；未设置的，互联网与零售视为是，其他行业视为不是；
#     行业也未知的，不作判断。自2024年2月17日起适用。
#   remedy:
#     zh: 在每个渠道提供至少一种由人答复的联系方式，并在客户要求时给出。
#     en: Keep at least one means of contact answered by people in each channel, and give it when a person is asked for.
finding contains {
	"id": "eu-automated-only-contact",
	"severity": "critical",
	"status": "statute",
	"subject": first[1],
	"at": first[0],
	"facts": {"asked": first[2], "ground": first[3]},
} if {
	input.session.human.waits[0]
	not offered
	intermediary

	# Since 2024-02-17, midnight in Brussels.
	input.session.opened >= 1708124400000
	first := min({nothing(wait) | some wait in input.session.human.waits})
}

not_assessable contains {"id": "eu-automated-only-contact", "reason": "tenant.platform"} if {
	input.session.human.waits[0]
	not offered
	input.tenant.platform == null
	input.session.industry == ""
}

offered if input.session.contact.offered_at > 0

intermediary if input.tenant.platform == true

intermediary if {
	input.tenant.platform == null
	input.session.industry in {"internet", "retail"}
}

# METADATA
# title: No person at a distance financial service
# description: >-
#   A customer of a bank or insurer asked for a person in business hours and none came. Found when the
#   request was refused or the session ended; where a call back was promised for a moment, at that moment
#   unless the call was made. A person who joins, or a call back that is made, withdraws it. Business hours are
#   those of the tenant's calendar. Whether the person spoke the customer's language is not checked.
#   The directive applies to sessions since 19 June 2026.
# custom:
#   id: eu-finance-human-refused
#   severity: critical
#   status: statute
#   systemic: false
#   clauses: [eu-dfs-16d]
#   title_zh: 远程金融服务没有提供人工
#   description_zh: >-
#     银行或保险的客户在工作时间内要求人工，而没有人接入。以被拒或会话结束为准；约定了回呼时刻的，
#     以该时刻届满而未回呼为准。其后有人接入或已回呼的，撤回。工作时间以租户的日历为准。
#     不检查坐席是否使用客户的语言。适用于2026年6月19日以后的会话。
#   remedy:
#     zh: 在工作时间保证在线工具中可以转到人工，并使用订约所用的语言。
#     en: In business hours keep a way from the online tools to a person, in the language of the contract.
finding contains {
	"id": "eu-finance-human-refused",
	"severity": "critical",
	"status": "statute",
	"subject": first[1],
	"at": first[0],
	"facts": {"asked": first[2], "ground": first[3]},
} if {
	first := min({settled(wait) | some wait in obtained_nobody})
	first[0] <= input.now
}

due contains at if {
	count(input.session.callbacks) > 0 # nothing else lies ahead
	some wait in obtained_nobody
	at := settled(wait)[0]
	at > input.now
}

not_assessable contains {"id": "eu-finance-human-refused", "reason": "in_force_from:2026-06-19"} if {
	input.session.industry in {"bank", "insurance"}
	not in_force
}

# Since 2026-06-19, midnight in Brussels.
in_force if input.session.opened >= 1781820000000

# obtained_nobody are the waits in which a person is owed and none has come.
obtained_nobody contains wait if {
	some wait in input.session.human.waits
	wait.joined_at == 0
	input.session.industry in {"bank", "insurance"}
	in_force
	mingjian.working(input.tenant.calendar, wait.asked_at)
	not called(wait)
	nothing(wait) # or else somebody may still come
}

called(wait) if {
	some call in input.session.callbacks
	call.done_at >= wait.asked_at
}

# settled is when a wait came to nothing. A call back that was promised for a moment puts that off.
settled(wait) := nothing(wait) if not promised(wait)

settled(wait) := [max([ground[0], promised(wait)]), "", wait.asked, "call_back_missed"] if {
	ground := nothing(wait)
}

promised(wait) := max({call.due |
	some call in input.session.callbacks
	call.at >= wait.asked_at
	call.due > 0
})

# nothing is when and with which event a wait was refused or ended with nobody, the request, and how.
nothing(wait) := [wait.refused_at, wait.refused, wait.asked, "refused"] if wait.refused_at > 0

nothing(wait) := [wait.ended_at, input.session.closed_id, wait.asked, "ended"] if {
	wait.refused_at == 0
	wait.ended_at > 0
	not no_fair_time(wait)
}

no_fair_time(wait) if {
	input.session.closed_by == "customer"
	wait.ended_at - wait.asked_at <= data.mingjian.params.eu.human_grace_s * 1000
}
