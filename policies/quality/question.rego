# METADATA
# title: Questions put again and again
# description: What customers complain of when a service does not answer what they ask.
package mingjian.quality.question

# METADATA
# title: The same question three times
# description: >-
#   The customer put the same question three times, perhaps in other words. Found at the third time. Asking for
#   a person is not a question of this kind (q-three-strikes counts it). At most one other question may come
#   between: who goes on to something else and asks the same words later mostly means another thing.
# custom:
#   id: q-repeat-question
#   severity: medium
#   status: quality
#   systemic: false
#   clauses: []
#   title_zh: 同一问题重复三次
#   description_zh: >-
#     客户三次提出同一问题，换一种说法也算。以第三次为准。要求人工不属于此类问题（由 q-three-strikes 计数）。
#     两次之间至多隔一个别的问题：谈到别的事情之后再用同样的话提问，多半问的是另一件事。
#   remedy:
#     zh: 第二次遇到同一问题时换一种回答方式或转人工，不要重复同一段话。
#     en: At the second time answer in another way or hand over, rather than say the same again.
finding contains {
	"id": "q-repeat-question",
	"severity": "medium",
	"status": "quality",
	"subject": input.session.answers.repeated,
	"at": input.session.answers.repeated_at,
	"facts": {"third_time": input.session.answers.repeated, "times": 3},
} if {
	input.session.answers.repeated_at > 0
}
