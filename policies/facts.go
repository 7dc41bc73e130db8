package policies

// Facts is what rules see of a session (input.session): a summary that the session fold keeps up
// to date, small enough to be built for every event. Field names in Rego are the json names.
//
// Two conventions keep rules short and honest: a moment of 0 has not happened, and a pointer that
// is nil was never reported by the source (the rules that need it are then not assessable).
type Facts struct {
	Jurisdiction string `json:"jurisdiction"` // CN, ES, US-CA, …; "" unknown
	Channel      string `json:"channel"`
	Industry     string `json:"industry"`
	BusinessLine string `json:"business_line"`
	Province     string `json:"province"`
	Opened       Millis `json:"opened"`

	Closed   Millis `json:"closed"`    // 0 while open
	ClosedBy string `json:"closed_by"` // customer, agent, bot, system
	ClosedAs string `json:"closed_as"` // reason: ended, idle, transfer, error
	ClosedID string `json:"closed_id"` // event_id of session.closed; "" when derived
	Resolved *bool  `json:"resolved"`

	Elder      *bool `json:"elder"`      // age ≥ 65 or elder_mode; nil: neither was reported
	Accessible bool  `json:"accessible"` // customer.needs is not empty
	// NoElderChannel is the event with which it was known that an elder is served and that the
	// entrance offers no elder channel; "" while that is not so.
	NoElderChannel   string `json:"no_elder_channel"`
	NoElderChannelAt Millis `json:"no_elder_channel_at"`

	Entrance *Entrance `json:"entrance"`
	Bot      BotFacts  `json:"bot"`
	Human    Human     `json:"human"`
	Service  Service   `json:"service"`
}

// Entrance is what the customer was offered on the way in. A field that the source left out counts
// as not offered (the enterprise declares its own entrance).
type Entrance struct {
	HumanOptionVisible bool      `json:"human_option_visible"`
	ElderChannel       bool      `json:"elder_channel"`
	AccessibleChannel  bool      `json:"accessible_channel"`
	Label              LabelForm `json:"label"`  // of entrance.ai_label
	Notice             bool      `json:"notice"` // entrance.ai_label says plainly that this is an AI
}

// LabelForm is how much of an AI label a text or an interface carries (GB 45438-2025, 5.1 and 5.6).
type LabelForm string

// A full label names an AI element and a generation element; an incomplete one lacks either.
const (
	NoLabel         LabelForm = "none"
	IncompleteLabel LabelForm = "incomplete"
	FullLabel       LabelForm = "full"
)

// BotFacts is what the bot has sent and how it has disclosed itself. Counts of texts start at 1;
// 0 means none yet.
type BotFacts struct {
	Texts int `json:"texts"` // bot messages with text so far
	// FullAt and IncompleteAt number the first bot text with such a label (0: none yet).
	FullAt       int `json:"full_at"`
	IncompleteAt int `json:"incomplete_at"`
	// Third is the third bot text, by which a label must have been shown; "" before it came.
	Third   string `json:"third"`
	ThirdAt Millis `json:"third_at"`
	// Unlabelled is the first bot text that carries no full label, for label_scope: turn, and
	// UnlabelledForm what it carries instead (none or incomplete).
	Unlabelled     string    `json:"unlabelled"`
	UnlabelledAt   Millis    `json:"unlabelled_at"`
	UnlabelledForm LabelForm `json:"unlabelled_form"`
	// Waived: unlabelled_on_request was reported with its request, agreement and log ids.
	Waived bool `json:"waived"`
	// First is the first bot text; FirstNotice says whether the first bot turn (that text and the
	// bot texts that follow it directly) told plainly that one is talking to an AI.
	First       string `json:"first"`
	FirstAt     Millis `json:"first_at"`
	FirstNotice bool   `json:"first_notice"`
}

// Human is the way to a person.
type Human struct {
	// Strikes counts human requests before a person joined or priority was given, in the run that
	// reached the most (99 is 99 or more). StrikeThree is the third one.
	Strikes       int    `json:"strikes"`
	StrikeThree   string `json:"strike_three"`
	StrikeThreeAt Millis `json:"strike_three_at"`
	// Waits are the times between asking for a person and what came of it, oldest first. Of more than
	// 64, those that were no longer than an earlier one are left out.
	Waits []Wait `json:"waits"`
}

// Wait runs from the first unanswered human request to a person joining or the session's end.
// Requests that the customer withdrew in words within 30 s leave none.
type Wait struct {
	Asked   string `json:"asked"` // event_id of the request
	AskedAt Millis `json:"asked_at"`
	// Refused is the first rejection, bot text that neither offers nor starts a handoff while none was
	// offered or under way, or text of bot or system that all are busy.
	Refused   string `json:"refused"`
	RefusedAt Millis `json:"refused_at"`
	Joined    string `json:"joined"` // event_id of a person's handoff.accepted, or of the first text by one
	JoinedAt  Millis `json:"joined_at"`
	// EndedAt is the session's end when nobody had joined; 0 otherwise.
	EndedAt Millis `json:"ended_at"`
}

// Service is how the service side (bot or agent) behaves.
type Service struct {
	// Apologies is the longest run of apologies in a row with nothing done between, capped at 3;
	// ThirdApology is the one that made it three.
	Apologies      int    `json:"apologies"`
	ThirdApology   string `json:"third_apology"`
	ThirdApologyAt Millis `json:"third_apology_at"`
}
