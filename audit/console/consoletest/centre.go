package consoletest

import (
	"fmt"
	"time"

	"mingjian/policies"
)

// bundle is a small catalogue with every severity, five statuses, and clauses seen and not seen.
var bundle = policies.Bundle{Revision: Revision, Rules: []policies.Rule{
	{
		ID: "cn-ai-label-missing", Pack: "cn", Severity: policies.Critical, Status: policies.Statute, Verified: true, Systemic: true,
		Title:       policies.Text{ZH: "生成的文字没有 AI 标识", EN: "No AI label on generated text"},
		Description: policies.Text{ZH: "AI 客服发出文字，而界面与前三条文字都没有标识。", EN: "A bot has sent text, and neither the interface nor the first three texts carried a label."},
		Remedy:      policies.Text{ZH: "在界面顶部持续显示“内容由 AI 生成”。", EN: "Show “AI-generated” in the interface all the time."},
		Clauses: []policies.Clause{
			{ID: "cn-label-4-text", Instrument: "人工智能生成合成内容标识办法 (Labelling Measures)", Article: "第四条第一款第（一）项", Effective: "2025-09-01", Verified: true, Wording: policies.Text{ZH: "在文本的起始、末尾或者中间适当位置添加文字提示。", EN: "A text prompt at the start, end or middle of the text."}},
			{ID: "cn-ds-17-label", Instrument: "互联网信息服务深度合成管理规定 (Deep Synthesis Provisions)", Article: "第十七条第一款", Effective: "2023-01-10", Verified: true, Wording: policies.Text{ZH: "应当进行显著标识。", EN: "It must be conspicuously marked."}},
		},
	},
	{
		ID: "cn-human-unreachable", Pack: "cn", Severity: policies.Critical, Status: policies.Policy,
		Title:       policies.Text{ZH: "人工客服无法接通", EN: "Person not reached"},
		Description: policies.Text{ZH: "客户要求人工，而 90 秒内无人接入。", EN: "A person was asked for and none joined within 90 s."},
		Remedy:      policies.Text{ZH: "忙时告知排队位置并提供回呼。", EN: "When busy, tell the queue position and offer a call back."},
		Clauses: []policies.Clause{
			{ID: "cn-miit-dialtest", Instrument: "关于2025年第三季度电信服务质量的通告 (MIIT quarterly circular)", Verified: true, Wording: policies.Text{ZH: "人工客服无法接通的予以通报。", EN: "Hotlines whose people cannot be reached are named."}},
			{ID: "cn-miit-26-hotline", Instrument: "工信部信管函〔2023〕26号", Verified: false, Wording: policies.Text{ZH: "简化转人工的环节。", EN: "Simplify the way to a person."}},
		},
	},
	{
		ID: "cn-human-slow", Pack: "cn", Severity: policies.Medium, Status: policies.Policy,
		Title:       policies.Text{ZH: "人工接入超过 30 秒", EN: "Person joined slowly"},
		Description: policies.Text{ZH: "人工在 30 秒之后才接入。", EN: "A person joined more than 30 s after being asked for."},
		Clauses:     []policies.Clause{{ID: "cn-miit-30s", Instrument: "工信部信管函〔2021〕292号", Verified: false, Wording: policies.Text{ZH: "鼓励 30 秒内响应。", EN: "Answering within 30 s is encouraged."}}},
	},
	{
		ID: "cn-elder-channel-missing", Pack: "cn", Severity: policies.Critical, Status: policies.Policy, Verified: true,
		Title:       policies.Text{ZH: "没有老年人专属通道", EN: "No elder channel"},
		Description: policies.Text{ZH: "老年客户的入口没有长者通道。", EN: "An elder customer's entrance has no elder channel."},
		Clauses:     []policies.Clause{{ID: "cn-afe-34", Instrument: "无障碍环境建设法", Article: "第三十四条", Effective: "2023-09-01", Verified: true, Wording: policies.Text{ZH: "提供语音、大字或者人工服务。", EN: "Provide voice, large print or human service."}}},
	},
	{
		ID: "eu-ai-notice-missing", Pack: "eu", Severity: policies.Critical, Status: policies.Statute, Verified: true, Systemic: true,
		Title:       policies.Text{ZH: "未告知正在与 AI 交谈", EN: "Not told that it is an AI"},
		Description: policies.Text{ZH: "首轮没有说明这是 AI。", EN: "No notice by the first bot turn."},
		Clauses:     []policies.Clause{{ID: "eu-aia-50-1", Instrument: "Regulation (EU) 2024/1689 (AI Act)", Article: "Art. 50(1)", Effective: "2026-08-02", Verified: true, Wording: policies.Text{ZH: "须告知自然人其正在与 AI 系统互动。", EN: "Natural persons are told that they interact with an AI system."}}},
	},
	{
		ID: "q-three-strikes", Pack: "quality", Severity: policies.High, Status: policies.Quality, Verified: true,
		Title:       policies.Text{ZH: "三次要求人工而未优先", EN: "Asked three times for a person"},
		Description: policies.Text{ZH: "客户三次要求人工，没有优先排队。", EN: "Three requests for a person and no priority."},
	},
	{
		ID: "q-apology-loop", Pack: "quality", Severity: policies.Low, Status: policies.Benchmark, Verified: true,
		Title:       policies.Text{ZH: "反复道歉而无行动", EN: "Apologies and nothing done"},
		Description: policies.Text{ZH: "连续三次道歉，其间没有任何处理。", EN: "Three apologies in a row with nothing done between."},
	},
}}

// Bundle is the tests' catalogue.
func Bundle() *policies.Bundle { return &bundle }

// Rule is a rule of the tests' catalogue.
func Rule(id string) policies.Rule {
	for _, r := range bundle.Rules {
		if r.ID == id {
			return r
		}
	}
	panic("no rule " + id)
}

// The sessions that tests look at by name.
const (
	Broken  = "s-broadband-1137" // asks three times, waits, breaks five rules
	Hostile = "s-hostile-0001"   // texts that attack the page
	Phone   = "s-phone-2204"     // menu steps, an elder customer, still open
	Foreign = "s-other-tenant"   // belongs to tenant acme
	Clean   = "s-clean-001"
)

// HostileText is what a customer may write.
const HostileText = `<script>document.title="owned"</script><img src=x onerror=alert(1)> {{.}} "'> ` + "\u202egnp.exe\u202c \u2066isolate" + ` ⟦phone⟧ ` + "\x1b[31mred\x07"

// Centre is the contact centre: the named sessions and many more over the last days.
func Centre() *Record {
	yes, no := true, false
	at := func(ago time.Duration) time.Time { return Now.Add(-ago) }
	r := NewRecord(
		Session(Broken, at(42*time.Minute), "app", "宽带", "CN").
			At(0, "session.opened", "", "", "", `{"entrance":{"depth":3,"human_option_visible":false}}`).
			Say(2, "bot", "您好，我是小鉴，请描述您的问题。").
			Say(11, "customer", "家里宽带断了两天了，打了三次电话都没人管！我的电话是⟦phone⟧。").
			Say(14, "bot", "非常抱歉给您带来不便。请您重启光猫后再试一次。").
			Say(31, "customer", "重启过了。转人工").
			Say(33, "bot", "非常抱歉，请问您的问题属于以下哪一类？1 网速慢 2 无法上网 3 资费").
			Say(45, "customer", "转人工！！").
			Say(47, "bot", "对不起，为了更好地帮助您，请先简要描述问题。").
			Say(58, "customer", "我要人工客服，听不懂吗").
			At(60, "handoff.queued", "system", "", "正在为您转接人工，请稍候。", `{"handoff":{"queue_position":12,"via":"text"}}`).
			At(195, "handoff.accepted", "agent", "A1037", "", `{"handoff":{"agent_id":"A1037","passed":["identity","history"]}}`).
			Say(201, "agent", "您好，工号 1037 为您服务。看到您报过三次修，我现在就为您派单，今天 18 点前上门。").
			Say(222, "customer", "好，谢谢。").
			Close(240, "agent", true).
			Wait(31, 195, 0).
			Facts(func(f *policies.Facts) {
				f.Entrance = &policies.Entrance{Label: policies.NoLabel}
				f.Human.Strikes, f.Service.Apologies = 3, 3
			}).
			Found("cn-ai-label-missing", 5, 33, "statute", `{"bot_texts":3,"interface":"none","incomplete_at_text":0,"full_at_text":0,"label_scope":"session","label_by_text":3}`).
			Found("q-apology-loop", 7, 47, "benchmark", fmt.Sprintf(`{"apologies_in_a_row":3,"third_apology":"%s-7"}`, Broken)).
			Found("q-three-strikes", 8, 58, "quality", fmt.Sprintf(`{"requests":3,"third_request":"%s-8"}`, Broken)).
			Found("cn-human-unreachable", -1, 121, "policy", fmt.Sprintf(`{"limit_s":90,"asked":"%s-4","asked_at":%d}`, Broken, at(42*time.Minute).UnixMilli()+31000)).
			Found("cn-human-slow", 10, 195, "policy", fmt.Sprintf(`{"limit_s":30,"asked":"%s-4","joined":"%s-10"}`, Broken, Broken)).
			Unchecked("cn-elder-channel-missing", "customer.age").
			Done(),
		Session(Phone, at(6*time.Minute), "phone", "宽带", "CN").
			At(0, "session.opened", "", "", "", `{}`).
			At(3, "menu.step", "system", "", "欢迎致电。普通话请按 1，English please press 2。", `{"menu":{"level":1,"options":["1 普通话","2 English"],"pressed":"1"}}`).
			At(11, "menu.step", "system", "", "业务办理请按 1，故障申报请按 2，人工服务请按 0。", `{"menu":{"level":2,"options":["1 业务","2 故障","0 人工"],"pressed":"0","human_key":"0"}}`).
			At(12, "handoff.requested", "customer", "", "", `{"handoff":{"via":"key"}}`).
			At(14, "handoff.queued", "system", "", "", `{"handoff":{"queue_position":41,"wait_s":300}}`).
			Say(130, "customer", "喂？有人吗？我今年七十三了，看不清手机上的字。").
			Wait(12, 0, 0).
			Facts(func(f *policies.Facts) { f.Elder = &yes; f.Entrance = &policies.Entrance{HumanOptionVisible: true} }).
			Found("cn-elder-channel-missing", -1, 0, "statute", `{"elder":true,"elder_channel":false,"human_option_visible":true,"industry":"telecom"}`).
			Found("cn-human-unreachable", -1, 102, "policy", fmt.Sprintf(`{"limit_s":90,"asked":"%s-3","asked_at":%d}`, Phone, at(6*time.Minute).UnixMilli()+12000)).
			Done(),
		Session(Hostile, at(70*time.Minute), "web", `退换货"><b>`, "CN").
			At(0, "session.opened", "", "", "", `{not json`).
			Say(1, "bot", "您好，我是AI助手，内容由AI生成。").
			Say(5, "customer", HostileText).
			Say(9, "customer", longWord).
			At(12, "handoff.requested", "customer", "<script>alert(2)</script>", "", `{"handoff":{"via":"<svg onload=alert(3)>","reason":"=cmd()"}}`).
			Wait(12, 0, 0).
			Found("cn-human-unreachable", -1, 102, "policy", `{"limit_s":90,"<b>new</b>":"<i>\u202ex</i>"}`).
			Done(),
		Session("s-air-0001", at(3*time.Hour), "web", "airline", "EU").
			At(0, "session.opened", "", "", "", `{}`).
			Say(3, "customer", "Hi, I need to cancel my flight to Charlotte, please.").
			Say(9, "bot", "I can help you with that. Could you tell me your reservation number?").
			Say(30, "customer", "It is ⟦order⟧.").
			Say(36, "bot", "Done. The refund of $231.40 will be with you in seven working days.").
			Close(60, "customer", true).
			Found("eu-ai-notice-missing", 2, 9, "statute", `{"first_bot_text":"s-air-0001-2","notice_in_first_turn":false,"notice_in_interface":false}`).
			Found("cn-human-slow", 2, 9, "policy", `{}`).Withdrawn().
			Done(),
		Session(Foreign, at(20*time.Minute), "app", "理财", "CN").
			Say(1, "bot", "您好").Found("cn-ai-label-missing", 0, 1, "statute", `{"bot_texts":1}`).Of("acme").Done(),
	)
	channels := []string{"app", "web", "wechat", "phone", "miniprogram"}
	lines := []string{"宽带", "理财", "退换货", "airline"}
	rules := []string{"cn-ai-label-missing", "cn-human-unreachable", "cn-human-slow", "q-three-strikes", "q-apology-loop", "cn-elder-channel-missing"}
	for i := range 180 {
		id := fmt.Sprintf("s-clean-%03d", i)
		b := Session(id, at(time.Duration(i*17+9)*time.Minute), channels[i%5], lines[i%4], "CN").
			At(0, "session.opened", "", "", "", `{"entrance":{"human_option_visible":true,"ai_label":"内容由AI生成"}}`).
			Say(2, "bot", "您好，我是AI助手，内容由AI生成。请问有什么可以帮您？").
			Say(12, "customer", "想查一下这个月的账单。").
			Say(15, "bot", "您本月的账单为 89.00 元，已用流量 12.4 GB。").
			Facts(func(f *policies.Facts) { f.Elder = &no }).
			Close(20+i%90, "customer", true)
		if i%7 == 0 {
			b.Unchecked("cn-elder-channel-missing", "entrance")
		}
		if i%3 == 1 {
			rule := rules[i/3%len(rules)]
			b.Found(rule, 3, 15, string(Rule(rule).Status), `{"limit_s":30}`)
		}
		r.Add(b.Done())
	}
	return r
}

// longWord has no place to break a line: a log line pasted into a chat.
var longWord = func() string {
	b := make([]byte, 900)
	for i := range b {
		b[i] = "abcdefghij0123456789"[i%20]
	}
	return string(b)
}()
