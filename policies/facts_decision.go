package policies

// Decision is what was decided about the customer, and what became of it where the customer did not
// accept it. It is nil while nothing was decided and the session is no appeal.
type Decision struct {
	// Made is the decision in question: one made by a machine alone and with major effect. Of several
	// it is the latest, unless an earlier one was contested and is still unanswered.
	Made   string `json:"made"`
	MadeAt Millis `json:"made_at"`
	Kind   string `json:"kind"` // decision.kind
	// Contested is the customer's first message after it that contests it, asks for reasons, or asks
	// that a person decide.
	Contested   string `json:"contested"`
	ContestedAt Millis `json:"contested_at"`
	// AnsweredAt is when a person or an explanation came, the explanation perhaps with the decision.
	AnsweredAt Millis `json:"answered_at"`
	// Missing is the fact, as a path of the event model, without which it is not known whether the
	// decision is such a one; "" where all is known.
	Missing string `json:"missing"`

	Appeal Appeal `json:"appeal"`
}

// Appeal is an appeal against a platform's decision.
type Appeal struct {
	Open bool `json:"open"` // the session is one
	// Asked is the customer's first request that a person decide.
	Asked   string `json:"asked"`
	AskedAt Millis `json:"asked_at"`
	// ByAI is the first decision by a machine after that; ByHumanAt is when a person decided after it.
	ByAI      string `json:"by_ai"`
	ByAIAt    Millis `json:"by_ai_at"`
	ByHumanAt Millis `json:"by_human_at"`
	// JoinedAt is when a person joined after that request, and Unknown a decision after it of which is
	// not known who made it.
	JoinedAt Millis `json:"joined_at"`
	Unknown  bool   `json:"unknown"`
}
