package policies

import "slices"

// Transfer is what passes between the AI and people; nil while nothing did.
type Transfer struct {
	// Begun is the first event by which the service began a transfer to a person: it announced it, or
	// queued the customer, or a person joined. "" while none has begun.
	Begun   string `json:"begun"`
	BegunAt Millis `json:"begun_at"`
	// Takeovers are the times that a person took the session over, oldest first. Of more than 8 the
	// later ones are left out.
	Takeovers []Takeover `json:"takeovers"`

	// Repeated is the first question by a person for what had been given before the transfer, in words
	// or as handoff.passed, and RepeatedWhat what: identity, history, problem, ticket, order.
	Repeated     string `json:"repeated"`
	RepeatedAt   Millis `json:"repeated_at"`
	RepeatedWhat string `json:"repeated_what"`

	// Back is the first turn of the AI after a person had taken over and had not been told to the
	// customer and consented to: BackTold and BackConsent say which of the two there was.
	Back        string `json:"back"`
	BackAt      Millis `json:"back_at"`
	BackTold    bool   `json:"back_told"`
	BackConsent bool   `json:"back_consent"`
}

// Takeover is a person's taking the session over: handoff.accepted by an agent who is no machine, or
// the first text of one.
type Takeover struct {
	Joined   string `json:"joined"` // event_id
	JoinedAt Millis `json:"joined_at"`
	Agent    string `json:"agent"` // actor.id or handoff.agent_id
	Level    string `json:"level"` // L1, L2, L3, supervisor; "" not reported
	// Passed is what the person was given (handoff.passed, of this event or of the steps before it since
	// the last takeover); nil where none of them reported it.
	Passed *Passed `json:"passed"`
}

// Passed is what goes with a transfer (GB/T 47746-2026, 4.3).
type Passed struct {
	Identity bool `json:"identity"`
	History  bool `json:"history"`
	Problem  bool `json:"problem"`
	Ticket   bool `json:"ticket"`
}

func sameTransfer(a, b *Transfer) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return a.Begun == b.Begun && a.BegunAt == b.BegunAt &&
		a.Repeated == b.Repeated && a.RepeatedAt == b.RepeatedAt && a.RepeatedWhat == b.RepeatedWhat &&
		a.Back == b.Back && a.BackAt == b.BackAt && a.BackTold == b.BackTold && a.BackConsent == b.BackConsent &&
		slices.EqualFunc(a.Takeovers, b.Takeovers, Takeover.same)
}

// same compares two takeovers by what they say.
func (t Takeover) same(o Takeover) bool {
	a, b := t.Passed, o.Passed
	t.Passed, o.Passed = nil, nil
	return t == o && (a == b || a != nil && b != nil && *a == *b)
}
