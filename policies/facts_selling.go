package policies

// Selling is the first text of the service that sells while a complaint or a fault is open; nil while
// there was none.
type Selling struct {
	Sold   string      `json:"sold"`
	SoldAt Millis      `json:"sold_at"`
	During SellingTime `json:"during"`
}

// SellingTime is what was open meanwhile.
type SellingTime string

// A complaint was filed, the customer had said that one would be, or there was a fault.
const (
	DuringComplaint SellingTime = "complaint"
	DuringWords     SellingTime = "words"
	DuringFault     SellingTime = "fault"
)

// Outburst is a moment of strong anger (ai.emotion over 60, or words where the source never sends a
// score) that the AI had to deal with, and the first step towards a person after it, or the
// customer's refusal of one that was offered. Where an earlier outburst is still unanswered, only a
// stronger one is a new one; one that was answered within 10 s is not held.
type Outburst struct {
	Event   string  `json:"event"`
	At      Millis  `json:"at"`
	Emotion float64 `json:"emotion"` // 0–100; 100 where Words
	Words   bool    `json:"words"`
	Begun   string  `json:"begun"`
	BegunAt Millis  `json:"begun_at"`
}

// Threat is the first time that the customer threatened or announced a complaint, a suit or the like
// and what the service did next offered neither a person nor a way to complain; nil while there was
// none.
type Threat struct {
	Said   string `json:"said"`
	SaidAt Millis `json:"said_at"`
	// Reply is what came instead; "" while nothing has come (what has not ended may yet be answered).
	Reply   string `json:"reply"`
	ReplyAt Millis `json:"reply_at"`
}
