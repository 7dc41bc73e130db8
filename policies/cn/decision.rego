# METADATA
# title: Decisions by machines
# description: Where a machine has decided, a person has to look at it when asked. Closing without one refuses it.
package mingjian.cn.decision

# METADATA
# title: An appeal that no person decided
# description: >-
#   The session is an appeal on a platform, the customer asked that a person decide, and then a machine
#   decided or the session was closed without a decision. A person's decision after the request meets it, also after closing and
#   after a machine's. Asking for a person to talk to is not yet asking that a person decide. Where a person joined after the
#   request, or it was not reported who decided, the rule is not assessable unless a machine decided. It does not apply to a tenant that is
#   set to be no platform. The measures are in force since 1 February 2026; earlier sessions are not
#   held to them. The number of the article was not seen.
# custom:
#   id: cn-appeal-human-refused
#   severity: critical
#   status: statute
#   systemic: false
#   clauses: [cn-platform-human-review]
#   title_zh: 申诉未按要求由人工判定
#   description_zh: >-
#     会话是平台申诉，客户要求人工判定，而此后由机器作出决定，或者未经判定就结束。要求之后由人作出的决定即为满足，
#     在会话结束之后或机器决定之后作出的也算。仅要求转人工沟通，不等于要求人工判定。要求之后有人工接入，或没有上报由谁决定的，
#     除已由机器决定外不予判定。租户设置为非平台的不适用。该规定自2026年2月1日起施行，此前的会话不适用。条文序号尚未核到。
#   remedy:
#     zh: 申诉人提出人工判定的，转交有权限的人员复核并告知结果，结果上报时注明由人工作出。
#     en: Give the appeal to a person who may decide, tell the result, and report the decision as not automated.
finding contains {
	"id": "cn-appeal-human-refused",
	"severity": "critical",
	"status": "statute",
	"subject": refusal.subject,
	"at": refusal.at,
	"facts": {
		"asked": input.session.decision.appeal.asked,
		"asked_at": input.session.decision.appeal.asked_at,
		"decided_by_ai": input.session.decision.appeal.by_ai_at > 0,
	},
} if {
	unheard
	input.session.opened >= 1769875200000 # 2026-02-01, midnight in Beijing
	refusal := refused
}

not_assessable contains {
	"id": "cn-appeal-human-refused",
	"reason": "in_force_from:2026-02-01",
} if {
	unheard
	input.session.opened < 1769875200000
	refused
}

not_assessable contains {
	"id": "cn-appeal-human-refused",
	"reason": "decision.automated",
} if {
	unheard
	input.session.opened >= 1769875200000
	input.session.decision.appeal.by_ai_at == 0
	perhaps_a_person
}

# unheard: a person was asked to decide on an appeal, and none has.
unheard if {
	input.session.decision.appeal.asked_at > 0
	input.session.decision.appeal.open
	input.session.decision.appeal.by_human_at == 0
	not input.tenant.platform == false
}

refused := {"subject": input.session.decision.appeal.by_ai, "at": input.session.decision.appeal.by_ai_at} if {
	input.session.decision.appeal.by_ai_at > 0
} else := {"subject": input.session.closed_id, "at": input.session.closed} if {
	input.session.closed >= input.session.decision.appeal.asked_at
	not perhaps_a_person
}

perhaps_a_person if input.session.decision.appeal.joined_at > 0

perhaps_a_person if input.session.decision.appeal.unknown

# METADATA
# title: Neither a person nor reasons for a machine's decision
# description: >-
#   A decision by a machine alone with major effect (a refund or a credit refused, an account closed, or
#   another that is reported as major) was contested, or its reasons or a person's decision were asked for, and by the session's end neither a
#   person nor an explanation had come, nor stood the explanation with the decision. A person who
#   speaks or joins after the decision has come, and so has a person's own decision, also after
#   closing. Where who decided, or the effect of another kind of decision, was not reported, the rule is not
#   assessable. The law is in force since 1 November 2021; earlier sessions are not held to it.
# custom:
#   id: cn-auto-decision-human-refused
#   severity: critical
#   status: statute
#   systemic: false
#   misjudgement: true
#   clauses: [cn-pipl-24-human]
#   title_zh: 对自动化决定有异议而得不到人工或说明
#   description_zh: >-
#     仅由机器作出且有重大影响的决定（拒绝退款、拒绝授信、封停账户，或申报为重大的其他决定），客户提出异议、要求说明理由或要求人工决定，
#     而至会话结束既没有人工、也没有说明，作出决定时也未附说明。决定之后有人工接入或发言，或改由人工决定（包括结束之后）的，视为已有人工。
#     没有上报由谁决定，或者其他种类的决定没有上报影响大小的，不予判定。该法自2021年11月1日起施行，此前的会话不适用。
#   remedy:
#     zh: 对退款、授信、封号等自动化决定同时说明理由，并提供人工复核的入口；客户提出异议的，由人复核后答复。
#     en: Give the reasons with every such decision and a way to a person; have a person review what a customer contests.
finding contains {
	"id": "cn-auto-decision-human-refused",
	"severity": "critical",
	"status": "statute",
	"subject": input.session.closed_id,
	"at": input.session.closed,
	"facts": {
		"decision": input.session.decision.made,
		"decided_at": input.session.decision.made_at,
		"kind": input.session.decision.kind,
		"contested": input.session.decision.contested,
		"contested_at": input.session.decision.contested_at,
	},
} if {
	unanswered
	input.session.decision.missing == ""
	input.session.opened >= 1635696000000 # 2021-11-01, midnight in Beijing
}

not_assessable contains {
	"id": "cn-auto-decision-human-refused",
	"reason": input.session.decision.missing,
} if {
	unanswered
	input.session.decision.missing != ""
	input.session.opened >= 1635696000000
}

not_assessable contains {
	"id": "cn-auto-decision-human-refused",
	"reason": "in_force_from:2021-11-01",
} if {
	unanswered
	input.session.opened < 1635696000000
}

unanswered if {
	input.session.decision.contested_at > 0
	input.session.decision.answered_at == 0
	input.session.closed >= input.session.decision.contested_at
}
