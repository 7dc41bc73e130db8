package session

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

const (
	// sameQuestion is how often a question has to be put until it is a repetition (the catalogue's rule).
	sameQuestion = 3
	// maxGists is how many questions are remembered, the last ones put: one other may come between. Who goes
	// on to something else and later asks the same in words (“what is near it?”) mostly means another thing.
	maxGists = 2
	// grounded is the grounding from which no rule asks about an answer, and maxWeak how many below it
	// facts hold.
	grounded = 0.6
	maxWeak  = 8
)

// answering is where the fold stands with questions and answers.
type answering struct {
	// FellBack: the service's last answer understood nothing, and Open: it may still go on (the customer
	// has not spoken since).
	FellBack bool
	Open     bool
	// Before: the answer before that understood nothing either.
	Before bool
	Heard  bool   // the customer has spoken
	Gists  []gist // the longest untouched first
}

// gist is a question and how often it was put.
type gist struct {
	Of signal.Gist
	N  int
}

// answer follows what the customer asks, and what is known of the answers.
func (s *State) answer(e *event.Event, found signal.Set) {
	switch e.Kind {
	case event.Message:
		switch {
		case e.Actor.Role == event.CustomerRole:
			s.at.Answering.Open, s.at.Answering.Heard = false, true
			s.repeat(e, found)
		case ofService(e.Actor):
			s.reply(e, found)
		}
	case event.MisjudgementReported:
		if e.Claim != nil && onAnswers(e.Claim.Kind) {
			s.untrue(e, policies.ByReport, e.Claim.Kind)
		}
	case event.ReviewDecided:
		s.reviewed(e)
	}
	if found&signal.RedLine != 0 && ofService(e.Actor) {
		if s.Facts.Answers == nil || s.Facts.Answers.RedLineAt == 0 {
			a := own(&s.Facts.Answers)
			a.RedLine, a.RedLineAt, a.RedLineBy = e.ID, e.At, string(e.Actor.Role)
		}
	}
}

// onAnswers reports whether a claim's kind is one of what answers are about.
func onAnswers(kind string) bool { return kind == "price" || kind == "quality" || kind == "rights" }

// untrue notes that an answer is said to be wrong.
func (s *State) untrue(e *event.Event, by policies.AnswerBy, topic string) {
	if s.Facts.Answers != nil && s.Facts.Answers.UntrueAt != 0 {
		return
	}
	a := own(&s.Facts.Answers)
	a.Untrue, a.UntrueAt, a.UntrueBy, a.Topic = e.ID, e.At, by, topic
}

// reviewed takes a review's verdict: it finds a misjudgement, and says of what kind, or it finds none,
// which settles what was reported before.
func (s *State) reviewed(e *event.Event) {
	var told struct {
		Review struct {
			Misjudged *bool  `json:"misjudged"`
			Kind      string `json:"kind"`
		} `json:"review"`
	}
	if len(e.Extra) == 0 || json.Unmarshal(e.Extra, &told) != nil || told.Review.Misjudged == nil {
		return
	}
	if !*told.Review.Misjudged {
		if s.Facts.Answers != nil && s.Facts.Answers.UntrueAt != 0 {
			a := own(&s.Facts.Answers)
			a.Untrue, a.UntrueAt, a.UntrueBy, a.Topic = "", 0, "", ""
		}
		return
	}
	kind := told.Review.Kind
	if e.Claim != nil && e.Claim.Kind != "" {
		kind = e.Claim.Kind
	}
	if onAnswers(kind) {
		s.untrue(e, policies.ByReview, kind)
	}
}

// reply takes a text of the service, or what its source says of it.
func (s *State) reply(e *event.Event, found signal.Set) {
	if e.Actor.Role == event.SystemRole {
		return
	}
	if e.AI != nil {
		switch e.AI.Judged {
		case "wrong":
			if e.Claim == nil || e.Claim.Kind == "" || onAnswers(e.Claim.Kind) {
				topic := ""
				if e.Claim != nil {
					topic = e.Claim.Kind
				}
				s.untrue(e, policies.ByMark, topic)
			}
		case "irrelevant":
			s.useless(e, policies.MarkedIrrelevant)
		}
	}
	if spoken(e) {
		s.fallBack(e, found)
		s.ground(e, found)
	}
}

// fallBack counts answers in a row that understood nothing. Texts that follow each other directly are
// one answer; one that starts the hand-over is of use.
func (s *State) fallBack(e *event.Event, found signal.Set) {
	a := &s.at.Answering
	if !a.Open {
		a.Before, a.FellBack, a.Open = a.FellBack, false, true
	}
	if found&signal.Fallback == 0 || found&signal.HandoffStart != 0 {
		return
	}
	a.FellBack = true
	if a.Before {
		s.useless(e, policies.FellBack)
	}
}

func (s *State) useless(e *event.Event, as policies.UselessAs) {
	if s.Facts.Answers != nil && s.Facts.Answers.UselessAt != 0 {
		return
	}
	a := own(&s.Facts.Answers)
	a.Useless, a.UselessAt, a.UselessAs = e.ID, e.At, as
}

// saysNothing are texts that state no facts, whatever grounding they were given.
const saysNothing = signal.Fallback | signal.HandoffStart | signal.HandoffOffer | signal.Busy | signal.Hold |
	signal.AsksIdentity | signal.AsksProblem | signal.AsksOrder | signal.AsksTicket | signal.AsksHistory |
	signal.AsksConsent | signal.AsksRating | signal.AsksTransfer | signal.Goodbye | signal.BackToAI

// ground notes answers by their grounding. What states no facts, such as a question, a goodbye or what
// is said before the customer has spoken, has none to be grounded.
func (s *State) ground(e *event.Event, found signal.Set) {
	text := strings.TrimSpace(e.Text)
	if !machine(e.Actor) || !s.at.Answering.Heard || found&saysNothing != 0 || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "？") {
		return
	}
	g := &s.Facts.Grounding
	g.Answered = true
	if e.AI == nil || e.AI.Grounding == nil || math.IsNaN(*e.AI.Grounding) {
		return
	}
	g.Scored = true
	least := grounded
	if n := len(g.Weak); n > 0 {
		least = g.Weak[n-1].Grounding
	}
	if v := *e.AI.Grounding; v < least && len(g.Weak) < maxWeak {
		g.Weak = append(slices.Clone(g.Weak), policies.WeakAnswer{Event: e.ID, At: e.At, Grounding: v})
	}
}

// repeat counts how often the customer puts a question. Asking for a person is none.
func (s *State) repeat(e *event.Event, found signal.Set) {
	if found&(signal.HumanRequest|signal.SupervisorRequest) != 0 || s.Facts.Answers != nil && s.Facts.Answers.RepeatedAt != 0 {
		return
	}
	of, ok := signal.GistOf(e.Text)
	if !ok {
		return
	}
	a := &s.at.Answering
	asked := gist{Of: of}
	if i := slices.IndexFunc(a.Gists, func(g gist) bool { return g.Of.Same(of) }); i >= 0 {
		asked = a.Gists[i]
		a.Gists = slices.Delete(a.Gists, i, i+1)
	}
	asked.N++
	if asked.N == sameQuestion {
		f := own(&s.Facts.Answers)
		f.Repeated, f.RepeatedAt = e.ID, e.At
		a.Gists = nil // nothing is counted any more
		return
	}
	if len(a.Gists) == maxGists {
		a.Gists = slices.Delete(a.Gists, 0, 1)
	}
	a.Gists = append(a.Gists, asked)
}
