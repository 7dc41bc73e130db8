package policies

import "slices"

// Facts is what rules see of a session (input.session): a summary that the session fold keeps up
// to date, small enough to be built for every event. Field names in Rego are the json names.
//
// A finding depends on nothing but facts, now and the tenant's settings, and a rule is only asked again
// where a field that its topic reads has changed (Fields). So facts stop counting where no rule can
// tell a difference any more: an event that changes no fact costs no question.
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

	Entrance   *Entrance   `json:"entrance"`
	Bot        BotFacts    `json:"bot"`
	Human      Human       `json:"human"`
	Service    Service     `json:"service"`
	Menu       *Menu       `json:"menu"`
	Contact    *Contact    `json:"contact"`
	Agent      *AgentTurn  `json:"agent"`
	Supervisor *Supervisor `json:"supervisor"`
	Callbacks  []Callback  `json:"callbacks"`

	Disclosure *Disclosure `json:"disclosure"`
	Scoring    *Scoring    `json:"scoring"`
	Bursts     []Burst     `json:"bursts"` // ever faster ones; see Burst
	Voice      *Voice      `json:"voice"`
	Companion  *Companion  `json:"companion"`
	Unlogged   *Unlogged   `json:"unlogged"`
	Decision   *Decision   `json:"decision"`
	Queue      *Queue      `json:"queue"`
	Transfer   *Transfer   `json:"transfer"`
	Escalation *Escalation `json:"escalation"`
	// Grounds to serve the customer by people first, ordered by when they were known, each at most once.
	Grounds []Ground `json:"grounds"`

	Access Access  `json:"access"`
	Ending *Ending `json:"ending"`

	Complaints *Complaints `json:"complaints"`
	Returns    []Return    `json:"returns"` // of more than 16 the later ones are left out
	Promises   *Promises   `json:"promises"`
	Answers    *Answers    `json:"answers"`
	Grounding  Grounding   `json:"grounding"`
	Inquiries  *Inquiries  `json:"inquiries"`
	Selling    *Selling    `json:"selling"`
	Outbursts  []Outburst  `json:"outbursts"` // of more than 8 the later ones are left out
	Threat     *Threat     `json:"threat"`
}

// Entrance is what the customer was offered on the way in. A field that the source left out counts
// as not offered (the enterprise declares its own entrance).
type Entrance struct {
	HumanOptionVisible bool `json:"human_option_visible"`
	OneTapHuman        bool `json:"one_tap_human"`
	// Depth is the level at which the entrance lies and HumanOptionPosition the place of the human option
	// in the menu; both count from 1, and 0 was not reported.
	Depth               int `json:"depth"`
	HumanOptionPosition int `json:"human_option_position"`
	// Told is the event that last changed any of these four, or the first to tell of the entrance.
	Told   string `json:"told"`
	ToldAt Millis `json:"told_at"`

	ElderChannel      bool      `json:"elder_channel"`
	AccessibleChannel bool      `json:"accessible_channel"`
	Label             LabelForm `json:"label"`  // of entrance.ai_label
	Notice            bool      `json:"notice"` // entrance.ai_label says plainly that this is an AI
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
	Texts int `json:"texts"` // bot messages with text so far; 3 is three or more
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
	// WaitedMs is how long it was; 0 while it goes on.
	WaitedMs Millis `json:"waited_ms"`
}

// Service is how the service side (bot or agent) behaves.
type Service struct {
	// Apologies is the longest run of apologies in a row with nothing done between, capped at 3;
	// ThirdApology is the one that made it three.
	Apologies      int    `json:"apologies"`
	ThirdApology   string `json:"third_apology"`
	ThirdApologyAt Millis `json:"third_apology_at"`
}

// Changed is the set of fields in which two facts differ; a rule that reads none of them cannot tell
// the two apart. Every field has its line, in the order of the fields.
func (f *Facts) Changed(was *Facts) Fields {
	var d differences
	compare(&d, f.Jurisdiction, was.Jurisdiction)
	compare(&d, f.Channel, was.Channel)
	compare(&d, f.Industry, was.Industry)
	compare(&d, f.BusinessLine, was.BusinessLine)
	compare(&d, f.Province, was.Province)
	compare(&d, f.Opened, was.Opened)
	compare(&d, f.Closed, was.Closed)
	compare(&d, f.ClosedBy, was.ClosedBy)
	compare(&d, f.ClosedAs, was.ClosedAs)
	compare(&d, f.ClosedID, was.ClosedID)
	comparePointed(&d, f.Resolved, was.Resolved)
	comparePointed(&d, f.Elder, was.Elder)
	compare(&d, f.Accessible, was.Accessible)
	compare(&d, f.NoElderChannel, was.NoElderChannel)
	compare(&d, f.NoElderChannelAt, was.NoElderChannelAt)
	comparePointed(&d, f.Entrance, was.Entrance)
	compare(&d, f.Bot, was.Bot)
	d.next(f.Human.Strikes != was.Human.Strikes || f.Human.StrikeThree != was.Human.StrikeThree ||
		f.Human.StrikeThreeAt != was.Human.StrikeThreeAt || !slices.Equal(f.Human.Waits, was.Human.Waits))
	compare(&d, f.Service, was.Service)
	d.next(!sameMenu(f.Menu, was.Menu))
	comparePointed(&d, f.Contact, was.Contact)
	comparePointed(&d, f.Agent, was.Agent)
	comparePointed(&d, f.Supervisor, was.Supervisor)
	d.next(!slices.Equal(f.Callbacks, was.Callbacks))
	comparePointed(&d, f.Disclosure, was.Disclosure)
	comparePointed(&d, f.Scoring, was.Scoring)
	d.next(!slices.Equal(f.Bursts, was.Bursts))
	comparePointed(&d, f.Voice, was.Voice)
	comparePointed(&d, f.Companion, was.Companion)
	comparePointed(&d, f.Unlogged, was.Unlogged)
	comparePointed(&d, f.Decision, was.Decision)
	d.next(!sameQueue(f.Queue, was.Queue))
	d.next(!sameTransfer(f.Transfer, was.Transfer))
	d.next(!sameEscalation(f.Escalation, was.Escalation))
	d.next(!slices.Equal(f.Grounds, was.Grounds))
	compare(&d, f.Access, was.Access)
	comparePointed(&d, f.Ending, was.Ending)
	d.next(!sameComplaints(f.Complaints, was.Complaints))
	d.next(!slices.Equal(f.Returns, was.Returns))
	d.next(!samePromises(f.Promises, was.Promises))
	comparePointed(&d, f.Answers, was.Answers)
	d.next(f.Grounding.differs(&was.Grounding))
	comparePointed(&d, f.Inquiries, was.Inquiries)
	comparePointed(&d, f.Selling, was.Selling)
	d.next(!slices.Equal(f.Outbursts, was.Outbursts))
	comparePointed(&d, f.Threat, was.Threat)
	return d.set
}

// differences collects the fields that differ, one after the other.
type differences struct {
	set Fields
	at  int
}

func (d *differences) next(differ bool) {
	if differ {
		d.set |= 1 << d.at
	}
	d.at++
}

func compare[T comparable](d *differences, a, b T) { d.next(a != b) }

func comparePointed[T comparable](d *differences, a, b *T) {
	d.next(a != b && (a == nil || b == nil || *a != *b))
}
