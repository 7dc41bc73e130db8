package mingjian.cn.refund_test

import data.mingjian.cn.refund
import data.mingjian.fixture

# 1791770400000 is 2026-10-12 10:00 in Beijing.
came := 1791770400000

midnight(n) := 1791734400000 + ((n + 1) * 86400000)

asked(returns, now) := fixture.changed_at(now, {"returns": [
object.union(data.mingjian.zero.returns, object.union({"received": "g1", "received_at": came}, r)) |
	some r in returns
]})

found := f if some f in refund.finding

test_seven_days if {
	refund.finding == set() with input as asked([{}], midnight(7) - 1)
	f := found with input as asked([{"order": "o-1"}], midnight(7))
	f.id == "cn-refund-overdue"
	f.severity == "high"
	f.status == "statute"
	f.subject == ""
	f.at == midnight(7)
	f.facts == {
		"received": "g1", "received_at": came, "order": "o-1",
		"limit_days": 7, "delay_days": 15, "due_at": midnight(7),
	}
}

test_deliberate_delay if {
	f := found with input as asked([{}], midnight(15) - 1)
	f.severity == "high"
	g := found with input as asked([{}], midnight(15))
	g.severity == "critical"
	g.at == midnight(7)
}

test_refunded if {
	refund.finding == set() with input as asked([{"refunded": "p1", "refunded_at": midnight(7)}], midnight(30))
	f := found with input as asked([{"refunded": "p1", "refunded_at": midnight(7) + 1}], midnight(30))
	f.severity == "high"
	f.facts.refunded == "p1"
	g := found with input as asked([{"refunded": "p1", "refunded_at": midnight(15) + 1}], midnight(30))
	g.severity == "critical"
}

test_due if {
	refund.due == {midnight(7), midnight(15)} with input as asked([{}], came)
	refund.due == {midnight(15)} with input as asked([{}], midnight(7))
	refund.due == set() with input as asked([{}], midnight(15))
	refund.due == set() with input as asked([{"refunded_at": came + 1}], came + 1)
}

test_first_overdue if {
	f := found with input as asked(
		[{"received": "g1", "received_at": came + 86400000}, {"received": "g2"}, {"received": "g3", "refunded_at": came + 5}],
		midnight(20),
	)
	f.facts.received == "g2"
}

test_nothing_came_back if {
	refund.finding == set() with input as fixture.changed({})
}
