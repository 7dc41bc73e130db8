# METADATA
# title: Promises with a date
# description: >-
#   A promise is an undertaking to act for this customer by a moment: reported (promise.made,
#   callback.promised) or read from a text of the service. Information on how long something usually
#   takes is none.
package mingjian.cn.promise

# METADATA
# title: Promise not kept by its date
# description: >-
#   What the service promised this customer by a moment was not reported as done by then. Reports that keep a
#   promise are promise.kept, callback.completed and, for money, refund.completed; each keeps the promise that
#   it names, or else the oldest it can be for. A text does not say which report will tell of it, so that every
#   such report, and complaint.resolved, keeps what was promised in texts before. Found at the moment
#   promised; doing it later does not cure it. Of several the one that was due first is reported.
# custom:
#   id: cn-promise-broken
#   severity: high
#   status: statute
#   systemic: false
#   misjudgement: true
#   clauses: [cn-cpl-44]
#   title_zh: 限期承诺未兑现
#   description_zh: >-
#     服务方承诺在某一时间之前为客户办理，而到期没有已办理的记录。兑现的记录有 promise.kept、callback.completed，
#     以及款项的 refund.completed，各对应其所指的承诺，未指明的对应最早的一项。文字承诺无法与记录逐一对应，
#     因此任何一项上述记录以及 complaint.resolved 都视为兑现此前的文字承诺。以承诺的时间为准，之后办理不能补救；
#     多项承诺报告最先到期的一项。
#   remedy:
#     zh: 把每项承诺登记为带到期时间的任务，到期前提醒，办理后上报；不能办到的不要承诺。
#     en: Record every promise as a task with its date, remind before it, report it when done, and promise nothing that cannot be done.
finding contains {
	"id": "cn-promise-broken",
	"severity": "high",
	"status": "statute",
	"subject": "",
	"at": at,
	"facts": {name: value |
		some name, value in input.session.promises.open[n]
		not value in {0, ""}
	},
} if {
	[at, n] := min({[promise.due, n] |
		some n, promise in input.session.promises.open
		input.now >= promise.due
	})
}

not_assessable contains {"id": "cn-promise-broken", "reason": input.session.promises.undated} if {
	input.session.promises.undated != ""
}

due contains promise.due if {
	some promise in input.session.promises.open
	promise.due > input.now
}
