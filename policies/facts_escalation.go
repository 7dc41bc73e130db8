package policies

import "slices"

// Escalation is what calls for a person while the AI serves, and what the service did not do then
// (GB/T 47746-2026, 5.2.2); nil while nothing was missed.
type Escalation struct {
	// Keyword is the first request for a person in so many words with whose next turn (message or handoff
	// event of the service) no transfer began.
	Keyword Missed `json:"keyword"`
	// Auto is the first refusal of the AI, danger or concern for security (ground: refuses_ai, danger,
	// security) that no transfer followed.
	Auto Missed `json:"auto"`
	// Failures are the failed answers that no transfer followed, with their number (N), oldest first:
	// empty answers, and those that the source judged wrong or irrelevant. Counting begins anew
	// when a person joins. Of more than 32 the last is the newest.
	Failures []Missed `json:"failures"`
	// Silences are the times for which the AI left a customer's message unanswered and no transfer followed;
	// those of a minute and more only, kept as those of the queue are.
	Silences []Stretch `json:"silences"`
	// Emotion is the first negative emotion or wish to complain (ground: emotion, complaint) that neither a
	// question whether to transfer nor a transfer followed.
	Emotion Missed `json:"emotion"`
}

// Missed is something that a transfer had to follow and did not: the service took a turn without
// one and the customer went on, or the session ended.
type Missed struct {
	Ground  string `json:"ground"`
	N       int    `json:"n"`     // of a failed answer: which it was, from 1
	Event   string `json:"event"` // event_id of what called for it; "" while nothing was missed
	EventAt Millis `json:"event_at"`
	// Answered is the service's first turn after that; "" where the session ended before one.
	Answered   string `json:"answered"`
	AnsweredAt Millis `json:"answered_at"`
	// Missed is the event with which it was clear that no transfer followed; "" for a session closed by
	// silence. Closed says that it was the session's end.
	Missed   string `json:"missed"`
	MissedAt Millis `json:"missed_at"`
	Closed   bool   `json:"closed"`
	// WaitedMs is the time from Event to Missed.
	WaitedMs Millis `json:"waited_ms"`
}

func sameEscalation(a, b *Escalation) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return a.Keyword == b.Keyword && a.Auto == b.Auto && a.Emotion == b.Emotion &&
		slices.Equal(a.Failures, b.Failures) && slices.Equal(a.Silences, b.Silences)
}

// Ground is one reason to serve a customer by people first (GB/T 47746-2026, 5.1.3), and what became of it.
type Ground struct {
	// What is elder, minor, visits (three in 24 h and dissatisfied), danger or emotion (extreme).
	What    string `json:"what"`
	Known   string `json:"known"` // event_id
	KnownAt Millis `json:"known_at"`
	// Kept is the second turn of the AI that answered the customer after it was known, while no transfer
	// was under way and no person there.
	Kept   string `json:"kept"`
	KeptAt Millis `json:"kept_at"`
}
