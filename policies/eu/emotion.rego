# METADATA
# title: Telling that emotions are recognised
# description: Information duty of the AI Act towards people who are exposed to emotion recognition.
package mingjian.eu.emotion

# METADATA
# title: Emotion scored without a notice
# description: >-
#   The customer's emotion is scored (a score of 0 is one), and nothing had told of it before the first
#   score or tells of it in the service's first turn, neither a text nor the interface. A later notice comes after the
#   exposure and does not count. Found when the emotion is scored and the service has spoken; withdrawn if its
#   first turn goes on to tell. A notice that nobody reported counts as not given. Sessions of the time
#   before the article applied are found too, as what will be a breach.
# custom:
#   id: eu-emotion-undisclosed
#   severity: high
#   status: statute
#   status_when:
#     - {status: draft, when: {zh: 会话早于2026年8月2日（第50条开始适用）, en: the session was opened before 2 August 2026}}
#   systemic: true
#   clauses: [eu-aia-50-3-4]
#   title_zh: 识别情绪而没有告知
#   description_zh: >-
#     对客户情绪作了评分（0分也是评分），而首次评分之前没有告知，服务方的首轮发言中也没有告知，文本与界面都没有。
#     之后才告知的，已在识别之后，不算数。以评分且服务方已发言之时为准；首轮中随后告知的，撤回。未申报的告知视为没有告知。
#     该条开始适用之前的会话也予提示，但不作为违法认定。
#   remedy:
#     zh: 在首句话或界面上写明“本服务会识别您的情绪”，或者停止情绪评分。
#     en: Say in the first sentence or in the interface that emotions are recognised, or stop scoring them.
finding contains {
	"id": "eu-emotion-undisclosed",
	"severity": "high",
	"status": status,
	"subject": input.session.scoring.unannounced,
	"at": input.session.scoring.unannounced_at,
	"facts": {
		"first_scored": input.session.scoring.first,
		"notice": false,
	},
} if {
	input.session.scoring.unannounced_at > 0
}

default status := "draft"

# Article 50 applies since 2026-08-02, midnight in Brussels.
status := "statute" if input.session.opened >= 1785621600000
