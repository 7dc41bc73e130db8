package policies

// Contact is what the service made of the wish for a person, beyond the waits of Human; nil while there is
// nothing to say.
type Contact struct {
	// NoHuman is the event with which it was known that the entrance shows no way to a person; "" while
	// that is not so.
	NoHuman   string `json:"no_human"`
	NoHumanAt Millis `json:"no_human_at"`
	// Offered is the first event after a request for a person with which the service offered one, began the
	// hand-over, or named another way than the machine (a queue, a call back, another channel).
	Offered   string `json:"offered"`
	OfferedAt Millis `json:"offered_at"`
	// TurnedAway counts the requests since a person last joined that a machine answered with neither,
	// and stays at 3; Third is the event that turned the third away.
	TurnedAway int    `json:"turned_away"`
	Third      string `json:"third"`
	ThirdAt    Millis `json:"third_at"`
	// DeadEnd is the first text that told that all are busy or off duty after which the service named no
	// way on: neither in the same text, nor before the customer spoke again. A person who came, or a
	// queue or a call back that began before then, is a way on.
	DeadEnd   string `json:"dead_end"`
	DeadEndAt Millis `json:"dead_end_at"`
}

// AgentTurn is the first turn of a person of the service: that person's first text and those that
// follow it directly. It is nil while no person has spoken.
type AgentTurn struct {
	First      string `json:"first"`
	FirstAt    Millis `json:"first_at"`
	Identified bool   `json:"identified"` // it says by name or number who is speaking
}

// Supervisor is the customer's wish for a superior, told to a person; nil where there was none.
type Supervisor struct {
	Asked   string `json:"asked"` // the first such request
	AskedAt Millis `json:"asked_at"`
	// Dissatisfied is the first text by which the customer told an agent of dissatisfaction.
	Dissatisfied   string `json:"dissatisfied"`
	DissatisfiedAt Millis `json:"dissatisfied_at"`
	// TurnedAway is the first text of an agent after the request that neither offers a superior nor a call
	// back nor asks for a moment.
	TurnedAway   string `json:"turned_away"`
	TurnedAwayAt Millis `json:"turned_away_at"`
	// Promised is the first text of an agent after the request that promises a call back, or names
	// another way.
	Promised   string `json:"promised"`
	PromisedAt Millis `json:"promised_at"`
	Joined     string `json:"joined"` // a superior joined or spoke
	JoinedAt   Millis `json:"joined_at"`
	// Another is the first agent who took over after the request and whose level was not reported.
	Another   string `json:"another"`
	AnotherAt Millis `json:"another_at"`
}

// Callback is a call back that was promised or made. Facts hold the first 8.
type Callback struct {
	ID   string `json:"id"` // event_id of the promise; "" where the call came unannounced
	At   Millis `json:"at"`
	Due  Millis `json:"due"` // until when; 0 where that was not said
	Done string `json:"done"`
	// DoneAt is when the call was made; 0 while it was not.
	DoneAt Millis `json:"done_at"`
}
