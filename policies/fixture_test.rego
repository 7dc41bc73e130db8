# What tests start from: a session of today in which nothing has happened yet. data.mingjian.zero
# has what facts look like before anything happened; here stands only what differs from that.
package mingjian.fixture

session := object.union(data.mingjian.zero.session, {
	"jurisdiction": "CN",
	"channel": "app",
	"industry": "internet",
	"business_line": "default",
	"opened": 1790000000000,
	"elder": false,
	"bot": object.union(data.mingjian.zero.session.bot, {"unlabelled_form": "none"}),
})

entrance := object.union(data.mingjian.zero.entrance, {
	"human_option_visible": true,
	"label": "none",
})

wait := object.union(data.mingjian.zero.waits, {"asked": "ask", "asked_at": 2000000})

# timed is a wait with its length, which is 0 while it goes on.
timed(w) := object.union(w, {"waited_ms": max([w.joined_at, w.ended_at, w.asked_at]) - w.asked_at})

# asked_of is input for a session with these waits at a moment.
asked_of(waits, now, more) := {
	"session": object.union(
		object.union(session, {"human": {"waits": [timed(object.union(wait, w)) | some w in waits]}}),
		more,
	),
	"tenant": data.mingjian.zero.tenant,
	"now": now,
}

# changed is input for a session that differs from the empty one.
changed(more) := changed_at(3000000, more)

# changed_at is the same at a moment.
changed_at(now, more) := {
	"session": object.union(session, more),
	"tenant": data.mingjian.zero.tenant,
	"now": now,
}

# for_tenant is input with settings of the tenant.
for_tenant(asked, settings) := object.union(asked, {"tenant": settings})
