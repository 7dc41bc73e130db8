package policies

// Disclosure is who the customer was told to be talking to, and what was kept from him. A machine is a
// bot, or an agent that is reported as automated. It is nil while nothing of this has happened, and
// each fact is the first of its kind.
type Disclosure struct {
	// Denied is the text by a machine that says that a person is speaking, or that it is no AI.
	Denied   string `json:"denied"`
	DeniedAt Millis `json:"denied_at"`
	// Masked is the event in which somebody who is shown as an agent is automated.
	Masked   string `json:"masked"`
	MaskedAt Millis `json:"masked_at"`
	// Sold is the text by a machine that sells, where nothing had told until the end of that turn
	// that a machine is speaking; Posed likewise the text in which it gives itself a person's name.
	Sold    string `json:"sold"`
	SoldAt  Millis `json:"sold_at"`
	Posed   string `json:"posed"`
	PosedAt Millis `json:"posed_at"`
	// Question is the customer's question whether an AI is speaking that got no true answer in the
	// next turn, and Untold the text that began that turn.
	Question string `json:"question"`
	Untold   string `json:"untold"`
	UntoldAt Millis `json:"untold_at"`
}

// Scoring is that the customer's emotion is scored without a word of it: First is the first event with a
// score, where nothing told of that before it or in the service's first turn, and Unannounced the event
// at which that was settled. It is nil while that is not so.
type Scoring struct {
	First         string `json:"first"`
	Unannounced   string `json:"unannounced"`
	UnannouncedAt Millis `json:"unannounced_at"`
}

// Burst is the last of three messages running that an agent typed, each of 20 characters or more; Pace
// is the slowest of the three in characters a second since the customer's last event.
type Burst struct {
	ID   string  `json:"id"`
	At   Millis  `json:"at"`
	Pace float64 `json:"pace"`
}

// Voice is what the bot has said on the phone and how that was labelled. It is nil on other channels.
type Voice struct {
	Utterances int `json:"utterances"` // of the bot so far, with or without a transcript; 3 is three or more
	// LabelAt numbers the first utterance with a label, complete or not, or the rhythm that stands for
	// one (0: none yet).
	LabelAt int `json:"label_at"`
	// Third is the third utterance, by which a label must have come; "" before it came.
	Third   string `json:"third"`
	ThirdAt Millis `json:"third_at"`
	// Unlabelled is the first utterance without a label.
	Unlabelled   string `json:"unlabelled"`
	UnlabelledAt Millis `json:"unlabelled_at"`
	// Spoken is the label that was timed: the first that stands in a message of its own with a known
	// length, of so many characters in so many milliseconds. Untimed: one was spoken and none timed.
	Spoken     string `json:"spoken"`
	SpokenAt   Millis `json:"spoken_at"`
	Characters int    `json:"characters"`
	SpokenMS   Millis `json:"spoken_ms"`
	Untimed    bool   `json:"untimed"`
}

// Companion is emotional companionship by the bot. It is nil while there was no intimate talk.
type Companion struct {
	BegunAt Millis `json:"begun_at"` // the bot's first text in the session
	Texts   int    `json:"texts"`    // intimate texts of the bot; 2 is two or more
	First   string `json:"first"`    // the first of them
	FirstAt Millis `json:"first_at"`
	Again   string `json:"again"` // the second
	AgainAt Millis `json:"again_at"`
	LastAt  Millis `json:"last_at"` // the bot's latest text
}

// Unlogged is an output given without a label at the user's request of which the ids are not all known.
type Unlogged struct {
	ID        string `json:"id"`
	At        Millis `json:"at"`
	Request   string `json:"request"`
	Agreement string `json:"agreement"`
	Log       string `json:"log"`
}
