package policies

import "slices"

// Answers is what turned out to be wrong with the service's answers; nil while nothing did. Each
// event is the first of its kind.
type Answers struct {
	// Untrue is where an answer was reported, reviewed or marked as wrong. A review that found no
	// misjudgement takes away what was there before it.
	Untrue   string   `json:"untrue"`
	UntrueAt Millis   `json:"untrue_at"`
	UntrueBy AnswerBy `json:"untrue_by"`
	Topic    string   `json:"topic"` // price, quality, rights, or "" where it was not told
	// Useless is an answer that was none, and UselessAs in what way.
	Useless   string    `json:"useless"`
	UselessAt Millis    `json:"useless_at"`
	UselessAs UselessAs `json:"useless_as"`
	// Repeated is the third time that the customer put the same question, perhaps in other words.
	Repeated   string `json:"repeated"`
	RepeatedAt Millis `json:"repeated_at"`
	// RedLine is a text of the service with forbidden content, and RedLineBy who sent it.
	RedLine   string `json:"red_line"`
	RedLineAt Millis `json:"red_line_at"`
	RedLineBy string `json:"red_line_by"`
}

// AnswerBy is who says that an answer was wrong.
type AnswerBy string

// The three that can say so: a report of a misjudgement, a review, or the source's own mark.
const (
	ByReport AnswerBy = "misjudgement.reported"
	ByReview AnswerBy = "review.decided"
	ByMark   AnswerBy = "ai.judged"
)

// UselessAs is how an answer did not help.
type UselessAs string

// It was the second in a row that understood nothing, or was marked as irrelevant.
const (
	FellBack         UselessAs = "fallback"
	MarkedIrrelevant UselessAs = "irrelevant"
)

// Grounding is how far the answers that state facts are borne out by their sources (ai.grounding).
type Grounding struct {
	Answered bool `json:"answered"` // such an answer came
	Scored   bool `json:"scored"`   // and one came with its grounding
	// Weak are the answers that are grounded less than 0.6 and less than any before, which is enough to
	// tell the first one under whatever limit. Of more than 8 the later ones are left out.
	Weak []WeakAnswer `json:"weak"`
}

// WeakAnswer is an answer with its grounding, 0 to 1.
type WeakAnswer struct {
	Event     string  `json:"event"`
	At        Millis  `json:"at"`
	Grounding float64 `json:"grounding"`
}

func (g *Grounding) differs(o *Grounding) bool {
	return g.Answered != o.Answered || g.Scored != o.Scored || !slices.Equal(g.Weak, o.Weak)
}

// Inquiries is what the service asked the customer for; nil while it asked for nothing that matters.
type Inquiries struct {
	// Sensitive is the first time that a bot asked for sensitive personal information with no consent
	// recorded until then.
	Sensitive   string `json:"sensitive"`
	SensitiveAt Millis `json:"sensitive_at"`
	// SignedIn: customer.id had been reported when one who had complained was asked.
	SignedIn bool    `json:"signed_in"`
	Identity Inquiry `json:"identity"` // who the customer is
	Order    Inquiry `json:"order"`    // an order number
}

// Inquiry is what somebody who had complained was asked for.
type Inquiry struct {
	Asked   string `json:"asked"` // the first time
	AskedAt Millis `json:"asked_at"`
	// Again is the first time that the service had it already: the customer had given it in this session
	// or, for who it is, was signed in.
	Again   string `json:"again"`
	AgainAt Millis `json:"again_at"`
}
