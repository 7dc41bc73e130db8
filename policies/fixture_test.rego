# Facts that tests start from: a session in which nothing has happened yet.
package mingjian.fixture

session := {
	"jurisdiction": "CN",
	"channel": "app",
	"industry": "internet",
	"business_line": "default",
	"province": "",
	"opened": 1790000000000,
	"closed": 0,
	"closed_by": "",
	"closed_as": "",
	"closed_id": "",
	"resolved": null,
	"elder": false,
	"accessible": false,
	"no_elder_channel": "",
	"no_elder_channel_at": 0,
	"entrance": null,
	"bot": {
		"spoke": false,
		"texts": 0,
		"full_at": 0,
		"incomplete_at": 0,
		"third": "",
		"third_at": 0,
		"unlabelled": "",
		"unlabelled_at": 0,
		"unlabelled_form": "none",
		"waived": false,
		"first": "",
		"first_at": 0,
		"first_notice": false,
	},
	"human": {
		"asked": false,
		"strikes": 0,
		"strike_three": "",
		"strike_three_at": 0,
		"waits": [],
	},
	"service": {
		"apologies": 0,
		"third_apology": "",
		"third_apology_at": 0,
	},
}

entrance := {
	"human_option_visible": true,
	"elder_channel": false,
	"accessible_channel": false,
	"label": "none",
	"notice": false,
}

wait := {
	"asked": "ask",
	"asked_at": 2000000,
	"refused": "",
	"refused_at": 0,
	"joined": "",
	"joined_at": 0,
	"ended_at": 0,
}

# asked_of is input for a session with these waits at a moment.
asked_of(waits, now, more) := {
	"session": object.union(
		object.union(session, {"human": {"asked": true, "waits": [object.union(wait, w) | some w in waits]}}),
		more,
	),
	"now": now,
}

# changed is input for a session that differs from the empty one.
changed(more) := {"session": object.union(session, more), "now": 3000000}
