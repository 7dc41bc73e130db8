package mingjian.cn.complaint_test

import data.mingjian.cn.complaint
import data.mingjian.fixture

# 1791770400000 is Monday, 2026-10-12 10:00 in Beijing.
filed_at := 1791770400000

day := 86400000

# midnight ends the n-th day after that day.
midnight(n) := 1791734400000 + ((n + 1) * day)

filed(more) := object.union(data.mingjian.zero.filed, object.union({"filed": "c1", "filed_at": filed_at}, more))

asked(complaints, now, more) := fixture.changed_at(now, object.union(
	{"complaints": {"filed": [filed(c) | some c in complaints], "survey": "", "survey_at": 0}},
	more,
))

overdue := f if {
	some f in complaint.finding
	f.id == "cn-complaint-overdue"
}

unanswered := f if {
	some f in complaint.finding
	f.id == "cn-complaint-unanswered"
}

ids contains f.id if some f in complaint.finding

closed := {"closed": filed_at + 60000, "closed_id": "end", "closed_by": "customer"}

test_no_limit_told_by_the_end if {
	f := unanswered with input as asked([{"kind": "price"}], filed_at + 60000, closed)
	f.severity == "high"
	f.status == "statute"
	f.subject == "end"
	f.at == filed_at + 60000
	f.facts == {"filed": "c1", "filed_at": filed_at, "kind": "price", "closed_at": filed_at + 60000}
}

test_still_talking if {
	ids == set() with input as asked([{}], filed_at + 60000, {})
}

test_limit_told if {
	ids == set() with input as asked([{"limited": "a1", "limited_at": filed_at + 5000}], filed_at + 60000, closed)
}

test_first_unanswered if {
	f := unanswered with input as asked(
		[{"limited_at": filed_at + 5000}, {"filed": "c2"}, {"filed": "c3"}],
		filed_at + 60000, closed,
	)
	f.facts.filed == "c2"
}

test_filed_after_the_end if {
	ids == set() with input as asked([{"filed_at": filed_at + 60001}], filed_at + 90000, closed)
	ids == {"cn-complaint-unanswered"} with input as asked([{"filed_at": filed_at + 60000}], filed_at + 90000, closed)
}

# limited is the moment at which a complaint is due, and by which clause.
limited(industry, province, kind) := [f.at, f.facts.clause, f.status] if {
	f := overdue with input as asked([{"kind": kind}], filed_at + (60 * day), {"industry": industry, "province": province})
}

test_limits if {
	limited("telecom", "", "") == [midnight(15), "cn-telecom-15d", "statute"]
	limited("telecom", "北京", "") == [midnight(15), "cn-telecom-15d", "statute"]
	limited("bank", "", "") == [midnight(15), "cn-bank-15-60", "statute"]
	limited("insurance", "", "") == [midnight(15), "cn-bank-15-60", "statute"]
	limited("express", "", "") == [midnight(7), "cn-express-7d", "statute"]

	# Ten working days after a Monday end with the Monday two weeks later.
	limited("internet", "", "") == [midnight(14), "cn-iscp-10wd", "policy"]
	limited("air", "", "") == [midnight(14), "cn-air-10wd", "statute"]
}

test_provincial_limit_if_stricter if {
	limited("telecom", "河南", "") == [midnight(7), "cn-henan-telecom-5wd", "statute"]
	limited("telecom", "重庆", "") == [midnight(15), "cn-telecom-15d", "statute"]
	limited("bank", "河南", "") == [midnight(15), "cn-bank-15-60", "statute"]
	limited("bank", "重庆", "") == [midnight(15), "cn-bank-15-60", "statute"]
	f := overdue with input as asked([{}], filed_at + (60 * day), {"industry": "telecom", "province": "重庆"})
		with data.mingjian.params.cn.complaint_chongqing_telecom_working_days as 5
	f.facts.clause == "cn-chongqing-telecom-15wd"
}

test_personal_information if {
	limited("internet", "", "personal_information") == [midnight(21), "cn-app-pi-15wd", "statute"]
	limited("express", "", "personal_information") == [midnight(21), "cn-app-pi-15wd", "statute"]
	limited("", "", "personal_information") == [midnight(21), "cn-app-pi-15wd", "statute"]
}

test_no_limit_in_other_industries if {
	complaint.finding == set() with input as asked([{}], filed_at + (60 * day), {"industry": "retail"})
	complaint.not_assessable == set() with input as asked([{}], filed_at + (60 * day), {"industry": "retail"})
}

test_unknown_industry if {
	complaint.not_assessable == {{"id": "cn-complaint-overdue", "reason": "industry"}} with input as asked([{}], filed_at, {"industry": ""})
	complaint.not_assessable == set() with input as asked([{"kind": "personal_information"}], filed_at, {"industry": ""})
	complaint.not_assessable == set() with input as fixture.changed({"industry": ""})
}

test_before_and_at_the_limit if {
	complaint.finding == set() with input as asked([{}], midnight(7) - 1, {"industry": "express"})
	complaint.due == {midnight(7)} with input as asked([{}], midnight(7) - 1, {"industry": "express"})
	ids == {"cn-complaint-overdue"} with input as asked([{}], midnight(7), {"industry": "express"})
	complaint.due == set() with input as asked([{}], midnight(7), {"industry": "express"})
}

test_resolved if {
	in_time := {"resolved": "r1", "resolved_at": midnight(7)}
	complaint.finding == set() with input as asked([in_time], filed_at + (60 * day), {"industry": "express"})
	complaint.due == set() with input as asked([in_time], filed_at, {"industry": "express"})
	late := {"resolved": "r1", "resolved_at": midnight(7) + 1}
	f := overdue with input as asked([late], filed_at + (60 * day), {"industry": "express"})
	f.severity == "high"
	f.subject == ""
	f.at == midnight(7)
	f.facts == {
		"filed": "c1", "filed_at": filed_at, "kind": "", "industry": "express", "clause": "cn-express-7d",
		"limit": 7, "limit_unit": "days", "due_at": midnight(7), "resolved": "r1", "resolved_at": midnight(7) + 1,
	}
}

test_open_complaint_has_no_resolution if {
	f := overdue with input as asked([{}], midnight(7), {"industry": "express"})
	not f.facts.resolved
}

test_first_overdue if {
	f := overdue with input as asked(
		[
			{"filed": "c1", "filed_at": filed_at + day},
			{"filed": "c2"},
			{"filed": "c3", "resolved_at": filed_at + 1},
		],
		filed_at + (60 * day), {"industry": "express"},
	)
	f.facts.filed == "c2"
	f.at == midnight(7)
}

test_before_the_law if {
	complaint.finding == set() with input as asked([{}], filed_at + (60 * day), {"industry": "bank", "opened": 1582991999999})
	ids == {"cn-complaint-overdue"} with input as asked([{}], filed_at + (60 * day), {"industry": "bank", "opened": 1582992000000})
}

test_limits_are_parameters if {
	f := overdue with input as asked([{}], filed_at + (60 * day), {"industry": "express"})
		with data.mingjian.params.cn.complaint_express_days as 3
	f.at == midnight(3)
}
