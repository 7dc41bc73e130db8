package dashboards

// labelling are the rules about labels of generated content, and telling are those about saying that an
// AI is speaking.
var (
	labelling = []string{"cn-ai-label-missing", "cn-ai-label-incomplete", "cn-voice-label-missing", "cn-voice-label-speed", "cn-unlabelled-log-missing"}
	telling   = []string{"ai-denied", "fake-human", "eu-ai-notice-missing", "eu-emotion-undisclosed", "kr-ai-notice-missing", "us-ca-bot-undisclosed", "us-ut-asked-not-told", "us-me-bot-undisclosed"}
)

// disclosure is about saying that an AI is speaking.
func (w writer) disclosure() board {
	all := append(append([]string{}, labelling...), telling...)
	about := text{"没有标识或没有告知的会话；没有人报告的标识视为未显示。", "Sessions without a label or a notice; a label that nobody reported counts as not shown."}
	return board{
		uid: "disclosure", title: text{"AI 标识与告知", "AI disclosure"}, from: "now-7d",
		about: text{"生成内容的标识是否齐全，是否告知了对方是 AI，有没有否认。", "Is generated content labelled, are people told that an AI is speaking, is it denied."},
		rows: []row{
			{text{"需要处理", "What needs attention"}, []panel{
				w.found("label-missing", text{"没有标识", "No label"}, about, []string{"cn-ai-label-missing", "cn-voice-label-missing"}, anyWrong, 5, true),
				w.found("label-incomplete", text{"标识不全", "Label incomplete"}, about, []string{"cn-ai-label-incomplete"}, anyWatched, 5, true),
				w.found("untold", text{"没有告知是 AI", "Not told that it is an AI"}, about, []string{"eu-ai-notice-missing", "kr-ai-notice-missing", "us-ca-bot-undisclosed", "us-ut-asked-not-told", "us-me-bot-undisclosed"}, anyWrong, 5, true),
				w.found("denied", text{"否认是 AI 或冒充真人", "AI denied, or a person feigned"}, about, []string{"ai-denied", "fake-human"}, anyWrong, 5, true),
				{
					key: "coverage", kind: figure, width: 4, unit: "percentunit", decimals: ptr(1.), steps: atLeast(1), filled: true,
					title: text{"标识覆盖率", "Label coverage"}, rules: []string{"i-label-coverage"}, empty: text{"没有机器人的文字", "No bot texts"},
					about: text{"所选各日机器人文字中有标识的比例，应为 100%。指标不分渠道。", "Share of the bot texts of these days that are labelled; it should be 100 %. Indicators know no channel."},
					sql: "SELECT if(sum(denominator) = 0, NULL, sum(numerator) / sum(denominator)) AS share FROM indicators_v WHERE indicator = 'i-label-coverage' AND " + ofDays + " AND " +
						ofTenant + " AND " + ofLine,
					links: []link{w.toFindingsOf(append([]string{"i-label-coverage"}, labelling...))},
				},
				w.newest(text{"最新的发现", "Newest findings"}, about, all, in(all), true),
			}},
			{text{"趋势", "Trends"}, []panel{
				w.trend(text{"各规则的会话", "Sessions by rule"}, about, "rule", in(all), all, 12, true),
				w.byChannel(text{"按渠道", "By channel"}, about, in(all), all, 6, true),
				{
					key: "by-version", kind: rows, width: 6, empty: nothingFound, filled: true, title: text{"按机器人版本", "By bot version"}, rules: all,
					about: text{"一个没有标识的版本使每个会话都违规。", "A version without a label makes every session break the rule."},
					sql: "SELECT bot_version, uniqExact(tenant, session_id) AS sessions, min(at) AS since" + standing + " AND level = 'session' AND " + in(all) +
						" GROUP BY bot_version ORDER BY sessions DESC, bot_version LIMIT 50",
					columns: []column{
						{name: "bot_version", title: text{"版本", "Version"}},
						{name: "sessions", title: text{"会话", "Sessions"}, width: 90},
						{name: "since", title: text{"最早", "First"}, width: 170},
					},
					links: []link{w.toFindingsOf(all)},
				},
				w.byRule(text{"规则", "Rules"}, all, in(all), 24, true),
			}},
		},
	}
}
