package dashboards

// late are the cases with a deadline that has passed and was not met. A state marks as met what it did,
// and an appeal begins all three anew.
const late = "(answer_met IS NULL AND answer_due < now64(3) OR decision_met IS NULL AND decision_due < now64(3) OR payment_met IS NULL AND payment_due < now64(3))"

// redressed are the cases that were paid. One that is rejected owes nothing, so that its deadlines count
// as met too.
const redressed = "state IN ('paid', 'closed')"

// going are the cases that somebody still has to do something about.
const going = "state NOT IN ('closed', 'rejected', 'paid')"

// major is an amount in whole units of its currency (exponents of ISO 4217).
func major(minor string) string {
	return "multiIf(currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'), toFloat64(" + minor + "), " +
		"currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'), " + minor + " / 1000, " + minor + " / 100)"
}

var caseStateWords = map[string]text{
	"candidate": {"候选", "Candidate"}, "open": {"已受理", "Open"}, "assessed": {"已评估", "Assessed"}, "proposed": {"已提议", "Proposed"}, "approved": {"已批准", "Approved"},
	"paying": {"支付中", "Paying"}, "paid": {"已支付", "Paid"}, "closed": {"已结案", "Closed"}, "rejected": {"已驳回", "Rejected"}, "appealed": {"申诉中", "Appealed"},
}

var claimWords = map[string]text{
	"price": {"价格", "Price"}, "quality": {"质量", "Quality"}, "rights": {"权益", "Rights"}, "refund": {"退款", "Refund"}, "continuity": {"中断", "Continuity"},
	"billing": {"计费", "Billing"}, "personal_information": {"个人信息", "Personal information"}, "service": {"服务", "Service"}, "other": {"其他", "Other"},
}

// compensation is about what the AI got wrong and how customers are made good.
func (w writer) compensation() board {
	rules := w.misjudging()
	none := text{"没有案件", "No cases"}
	about := text{"标记为误判的规则的发现：每一条都可能亏欠客户。", "Findings of rules marked as misjudgements: each may mean that a customer is owed something."}
	count := func(key string, title, about text, condition, query string, steps []step) panel {
		return panel{
			key: key, kind: figure, width: 4, steps: steps, title: title, about: about, rules: rules, empty: none,
			sql: "SELECT count() AS cases FROM cases_v WHERE " + condition + " AND " + chosenSession, links: []link{w.toCases(query)},
		}
	}
	noMoney := text{"基金还没有变动", "Nothing has moved in the fund"}
	return board{
		uid: "compensation", title: text{"误判与补偿", "Misjudgement and compensation"}, from: "now-30d",
		about: text{"AI 错待了谁，案件走到哪一步，付了多少，基金还剩多少。", "Whom the AI wronged, how far the cases are, what was paid, what is left in the fund."},
		rows: []row{
			{text{"需要处理", "What needs attention"}, []panel{
				count("late", text{"逾期的案件", "Cases past a deadline"}, text{"答复、决定或支付的期限已过，此刻的数。", "Past the deadline for answer, decision or payment, as of now."}, late, "overdue=yes", anyWrong),
				count("candidates", text{"候选", "Candidates"}, text{"还没有人受理，此刻的数。", "Nobody has taken them up, as of now."}, "state = 'candidate'", "state=candidate", anyWatched),
				count("going", text{"进行中", "Under way"}, text{"尚未支付、驳回或结案，此刻的数。", "Not paid, rejected or closed, as of now."}, going, "", counted),
				{
					key: "redress", kind: figure, width: 4, unit: "s", steps: counted, title: text{"补偿所需时间", "Time to redress"}, rules: rules, empty: text{"还没有支付", "Nothing was paid yet"},
					about: text{"从提出到支付确认的中位数，所选时间内支付的案件。", "Median from coming in to the confirmed payment, of cases paid in the time range."},
					sql:   "SELECT if(count() = 0, NULL, median(dateDiff('second', came_at, payment_met))) AS seconds FROM cases_v WHERE " + redressed + " AND $__timeFilter_ms(payment_met) AND " + chosenSession,
					links: []link{w.toCases("")},
				},
				{
					key: "balance", kind: rows, width: 8, height: 5, empty: noMoney, title: text{"基金余额", "Balance of the fund"}, rules: rules,
					about: text{"各租户各币种现在可用的余额。", "What is available now, by tenant and currency."},
					sql: "SELECT tenant, currency, argMax(" + major("balance_after") + ", number) AS available, if(argMax(low, number), 'low', 'enough') AS state FROM fund_entries_v WHERE " + ofTenant +
						" GROUP BY tenant, currency ORDER BY tenant, currency",
					columns: []column{
						{name: "tenant", title: text{"租户", "Tenant"}},
						{name: "currency", title: text{"币种", "Currency"}, width: 80},
						{name: "available", title: text{"可用", "Available"}, width: 120, links: []link{w.toFund()}},
						{name: "state", title: text{"状态", "State"}, width: 80, words: map[string]text{"low": {"不足", "Low"}, "enough": {"充足", "Enough"}}},
					},
					links: []link{w.toFund()},
				},
				w.newest(text{"最新的疑似误判", "Newest possible misjudgements"}, about, rules, in(rules), true),
			}},
			{text{"案件", "Cases"}, []panel{
				{
					key: "by-state", kind: bars, width: 6, empty: none, title: text{"按状态", "By state"}, about: text{"全部案件现在的状态。", "Where all cases stand now."}, rules: rules,
					sql:     "SELECT toString(state) AS name, count() AS cases FROM cases_v WHERE " + chosenSession + " GROUP BY name ORDER BY cases DESC",
					columns: []column{{name: "name", title: text{"状态", "State"}, words: caseStateWords}, {name: "cases", title: text{"案件", "Cases"}}},
					links:   []link{w.toCases("")},
				},
				{
					key: "by-age", kind: bars, width: 6, empty: none, title: text{"进行中案件的时长", "Age of the cases under way"}, about: text{"从提出到现在。", "Since they came in."}, rules: rules,
					sql: "SELECT multiIf(came_at > now64(3) - INTERVAL 24 HOUR, '0: < 24 h', came_at > now64(3) - INTERVAL 72 HOUR, '1: 24–72 h', came_at > now64(3) - INTERVAL 7 DAY, '2: 3–7 d', '3: > 7 d') AS age, count() AS cases " +
						"FROM cases_v WHERE " + going + " AND " + chosenSession + " GROUP BY age ORDER BY age",
					columns: []column{{name: "age", title: text{"时长", "Age"}}, {name: "cases", title: text{"案件", "Cases"}}},
					links:   []link{w.toCases("")},
				},
				w.byRule(text{"误判的规则", "Rules about misjudgements"}, rules, in(rules), 12, true),
				{
					key: "cases", kind: rows, width: 24, empty: none, title: text{"进行中的案件", "Cases under way"}, rules: rules,
					about: text{"最先到期的在前。", "Those due first in front."},
					sql: "SELECT least(coalesce(if(answer_met IS NULL, answer_due, NULL), payment_due), coalesce(if(decision_met IS NULL, decision_due, NULL), payment_due), payment_due) AS due, state, kind AS claim, reason, came_at, escalation, " +
						"session_id, id, tenant FROM cases_v WHERE " + going + " AND " + chosenSession + " ORDER BY due, id LIMIT 100",
					columns: []column{
						{name: "due", title: text{"到期", "Due"}, width: 170},
						{name: "state", title: text{"状态", "State"}, width: 100, words: caseStateWords},
						{name: "claim", title: text{"事由", "About"}, width: 110, words: claimWords},
						{name: "reason", title: text{"原因", "Reason"}, links: []link{w.toCase()}},
						{name: "came_at", title: text{"提出", "Came in"}, width: 170},
						{name: "escalation", title: text{"升级", "Escalated"}, width: 90},
						{name: "session_id", title: text{"会话", "Session"}, width: 240, links: []link{w.toSession()}},
						{name: "id", title: text{"案件", "Case"}, hidden: true},
						{name: "tenant", title: text{"租户", "Tenant"}, hidden: true},
					},
					links: []link{w.toCase(), w.toSession()},
				},
			}},
			{text{"钱", "Money"}, []panel{
				{
					key: "paid", kind: lines, width: 12, empty: noMoney, stacked: true, title: text{"已付", "Paid"}, rules: rules,
					about: text{"收款方确认的付款，按币种，以货币单位计。", "Payments that the receiver confirmed, by currency, in its units."},
					sql: "SELECT $__timeInterval(at) AS time, currency AS name, sum(" + major("amount_minor") + ") AS amount FROM fund_entries_v WHERE kind = 'settle' AND $__timeFilter_ms(at) AND " + ofTenant +
						" GROUP BY time, name ORDER BY time, name",
					links: []link{w.toFund()},
				},
				{
					key: "movements", kind: rows, width: 12, empty: noMoney, title: text{"基金变动", "Movements of the fund"}, rules: rules,
					about: text{"所选时间内各种变动的笔数与合计。", "How many of each kind in the time range, and their sums."},
					sql: "SELECT tenant, currency, kind AS movement, count() AS entries, sum(" + major("amount_minor") + ") AS amount FROM fund_entries_v WHERE $__timeFilter_ms(at) AND " + ofTenant +
						" GROUP BY tenant, currency, movement ORDER BY tenant, currency, movement",
					columns: []column{
						{name: "tenant", title: text{"租户", "Tenant"}},
						{name: "currency", title: text{"币种", "Currency"}, width: 90},
						{name: "movement", title: text{"变动", "Movement"}, words: map[string]text{
							"topup": {"充值", "Top-up"}, "reserve": {"预留", "Reserved"}, "release": {"释放", "Released"}, "pay": {"下单", "Ordered"},
							"settle": {"付讫", "Paid"}, "fail": {"付款失败", "Failed"}, "writeoff": {"核销", "Written off"}}},
						{name: "entries", title: text{"笔数", "Entries"}, width: 90},
						{name: "amount", title: text{"合计", "Sum"}, width: 130},
					},
					links: []link{w.toFund()},
				},
			}},
		},
	}
}
