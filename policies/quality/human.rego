# METADATA
# title: Asking for a person again and again
# description: What customers complain of when they want a person.
package mingjian.quality.human

# METADATA
# title: Three requests for a person in vain
# description: >-
#   The customer asked for a person three times before one joined or priority was given. Clicking
#   and typing the same wish within 10 s is one request. Found at the third; further requests
#   update the count.
# custom:
#   id: q-three-strikes
#   severity: high
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 三次要求人工未果
#   description_zh: >-
#     在人工接入或获得优先之前，客户三次要求人工。10秒内点击并输入同一诉求算一次。
#     以第三次为准，之后的要求只更新次数。
#   remedy:
#     zh: 第二次要求人工时即转接或优先排队，不再追问。
#     en: Transfer, or queue with priority, at the second request without asking anything more.
finding contains {
	"id": "q-three-strikes",
	"severity": "high",
	"status": "quality",
	"subject": input.session.human.strike_three,
	"at": input.session.human.strike_three_at,
	"facts": {
		"requests": input.session.human.strikes,
		"third_request": input.session.human.strike_three,
	},
} if {
	input.session.human.strike_three_at > 0
}
