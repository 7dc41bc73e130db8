# METADATA
# title: Decisions by machines alone
# description: The data subject's right to a person's intervention where a machine alone has decided.
package mingjian.eu.decision

# METADATA
# title: Neither a person nor reasons for a machine's decision
# description: >-
#   A decision by a machine alone with major effect (a refund or a credit refused, an account closed, or
#   another that is reported as major) was contested, or its reasons or a person's decision were asked for, and by the session's end neither a
#   person nor an explanation had come, nor stood the explanation with the decision. A person who
#   speaks or joins after the decision has come, and so has a person's own decision, also after
#   closing. Where who decided, or the effect of another kind of decision, was not reported, the rule is not
#   assessable. The regulation applies since 25 May 2018; earlier sessions are not held to it.
# custom:
#   id: eu-decision-human-refused
#   severity: critical
#   status: statute
#   systemic: false
#   misjudgement: true
#   clauses: [eu-gdpr-22]
#   title_zh: 对自动化决定有异议而得不到人工或说明
#   description_zh: >-
#     仅由机器作出且有重大影响的决定（拒绝退款、拒绝授信、封停账户，或申报为重大的其他决定），客户提出异议、要求说明理由或要求人工决定，
#     而至会话结束既没有人工、也没有说明，作出决定时也未附说明。决定之后有人工接入或发言，或改由人工决定（包括结束之后）的，视为已有人工。
#     没有上报由谁决定，或者其他种类的决定没有上报影响大小的，不予判定。该条例自2018年5月25日起适用，此前的会话不适用。
#   remedy:
#     zh: 对自动化决定同时说明理由，并提供由人复核、表达意见和提出异议的途径。
#     en: Give the reasons with every such decision, and a way to have a person review it, to be heard and to contest it.
finding contains {
	"id": "eu-decision-human-refused",
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
	input.session.opened >= 1527199200000 # 2018-05-25, midnight in Brussels
}

not_assessable contains {
	"id": "eu-decision-human-refused",
	"reason": input.session.decision.missing,
} if {
	unanswered
	input.session.decision.missing != ""
	input.session.opened >= 1527199200000
}

not_assessable contains {
	"id": "eu-decision-human-refused",
	"reason": "in_force_from:2018-05-25",
} if {
	unanswered
	input.session.opened < 1527199200000
}

unanswered if {
	input.session.decision.contested_at > 0
	input.session.decision.answered_at == 0
	input.session.closed >= input.session.decision.contested_at
}
