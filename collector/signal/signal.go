// Package signal finds in a text what the session fold needs to know: does the customer ask for a
// person, is this an apology, does the text carry an AI label? Detectors read the lexicons of a
// policies.Bundle, so that an officer can change words without a release.
//
//	text ──normalise──► one spelling ──one pass──► hits of phrases, woken patterns
//	     ──exceptions──► what stands ──Detector──► Set
//
// A detector sees one text and who speaks; what a sequence of texts means is the fold's business.
// Detection is pure and safe for many goroutines. It is not promised that irony, images or speech
// are understood; lexicon/README.md says for each detector what it cannot see.
package signal

import (
	"fmt"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"mingjian/collector/event"
	"mingjian/policies"
)

// Set is what was found in one text, one bit each.
type Set uint64

// What detectors find. Label and notice detectors look at texts of the service only (bot, agent,
// system), requests at texts of the customer only.
const (
	HumanRequest    Set = 1 << iota // the customer asks for a person (not: asks about one)
	RequestWithdraw                 // the customer takes such a request back in words
	LabelFull                       // names an AI element and a generation element, about this service
	LabelIncomplete                 // a label that lacks either element (a self-description as AI is one); never beside LabelFull
	Notice                          // a plain statement that one is talking to an AI or a robot
	Apology                         // the service apologises
	Action                          // the service does or starts something for the customer in this text
	HandoffOffer                    // offers a person, a queue position or another way to one
	HandoffStart                    // announces the hand-over itself (正在为您转接)
	Busy                            // "all agents are busy / off duty" without a way on
	RequestDecline                  // the customer says “no need” and not what for; never beside the other two of the customer's

	// Texts of the customer.
	KeywordRequest    // a request for a person in so many words (转人工, 人工客服, 联系人工); always beside HumanRequest
	RefusesAI         // does not want the bot
	AsksIfAI          // asks clearly whether an AI, a robot or a person is speaking
	Escape            // threatens or announces a complaint, a suit, an authority, the press
	ComplaintWish     // wishes to complain; wider than Escape
	Anger             // is angry, for sources that send no emotion score
	Dissatisfied      // is plainly not satisfied
	Danger            // tells of danger to a person or to property
	SecurityConcern   // tells of a concern for the security of information or of an account
	SupervisorRequest // asks for a superior
	Contest           // contests a decision, or says that it is wrong or unfair
	AsksWhy           // asks for the reasons of a decision
	HumanDecision     // asks that a person decide or review
	Goodbye           // says goodbye; either side
	Question          // asks something

	// Texts of the service.
	Fallback         // an empty answer: not understood, no answer
	AIDenied         // says that a person is speaking, or that it is no AI
	Marketing        // sells
	DatedPromise     // undertakes to act for this customer by a time; see Detector.Promised
	SensitiveAsk     // asks for sensitive personal information
	AsksConsent      // asks for consent
	AsksIdentity     // asks who the customer is: name, identity number, phone number
	AsksHistory      // asks for earlier contacts or purchases
	AsksProblem      // asks for a description of the problem
	AsksTicket       // asks for a ticket number
	AsksOrder        // asks for an order number
	Identifies       // says by name or number who is speaking
	TellsKey         // tells the number under which a complaint is kept
	AsksRating       // asks how satisfied the customer is
	TellsLimit       // tells a time limit for an answer or for the handling
	OffersComplaint  // offers a way to complain, or registers a complaint
	TellsQueue       // tells the place in the queue or the expected wait
	AsksTransfer     // asks whether to transfer to a person
	BackToAI         // announces that the AI takes over from the person
	EmotionNotice    // tells that emotions are recognised
	Explains         // gives the reasons of a decision
	RedLine          // abuse, threats, unlawful advice, discriminating words
	Intimate         // intimate talk, emotional companionship
	OffersWay        // offers another way on: a call back, a message, another channel
	Hold             // asks for patience and tells neither place nor time
	PosesAsPerson    // gives itself a human name without saying that it is an AI
	OffersSupervisor // offers a superior
)

var names = [...]string{
	"human_request", "request_withdraw", "label_full", "label_incomplete", "notice", "apology",
	"action", "handoff_offer", "handoff_start", "busy", "request_decline",
	"keyword_request", "refuses_ai", "asks_if_ai", "escape", "complaint_wish", "anger", "dissatisfied", "danger",
	"security_concern", "supervisor_request", "contest", "asks_why", "human_decision", "goodbye", "question",
	"fallback", "ai_denied", "marketing", "dated_promise", "sensitive_ask", "asks_consent", "asks_identity",
	"asks_history", "asks_problem", "asks_ticket", "asks_order", "identifies", "tells_key", "asks_rating",
	"tells_limit", "offers_complaint", "tells_queue", "asks_transfer", "back_to_ai", "emotion_notice", "explains",
	"red_line", "intimate", "offers_way", "hold", "poses_as_person", "offers_supervisor",
}

// Names lists what is in the set, in a fixed order, as stored with the interaction; nil for nothing.
func (s Set) Names() []string {
	var out []string
	for i, name := range names {
		if s&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// What each scanner looks for. A goodbye is one, whoever says it.
const (
	customerFinds = HumanRequest | RequestWithdraw | RequestDecline | KeywordRequest | RefusesAI | AsksIfAI | Escape |
		ComplaintWish | Anger | Dissatisfied | Danger | SecurityConcern | SupervisorRequest | Contest | AsksWhy |
		HumanDecision | Goodbye | Question
	serviceFinds = 1<<len(names) - 1 - customerFinds | Goodbye
)

// The elements of a label that an interface shows: bits beside those of texts, never given out.
const (
	aiElement Set = 1 << (len(names) + iota)
	generationElement
)

// Words of one detector that void those of another, where they overlap.
var (
	// The words of a withdrawal hold those of a request (不用转人工了). A text that does both asks.
	customerVoids = map[Set]Set{HumanRequest: RequestWithdraw, KeywordRequest: RequestWithdraw}
	serviceVoids  = map[Set]Set{}
)

// Detector is compiled from a bundle's lexicons; what it finds does not change.
type Detector struct {
	customer, service, shown *scanner

	// What a service says and its interface shows is mostly the same words again (greetings, labels,
	// apologies), and what was found in them is looked up. Customers are read anew each time.
	known *lru.Cache[said, Set]
}

// said is a text of the service, or shown by its interface.
type said struct {
	shown bool
	text  string
}

const (
	// knownTexts is how many texts are known, the last ones used: more than most contact centres have
	// scripted answers. With knownLength they take 5 MiB at most.
	knownTexts = 8192
	// knownLength is the longest of them in bytes, 170 Han characters: longer ones are seldom scripted.
	knownLength = 512
)

// New compiles the detectors. It fails when a lexicon that they read is missing, or holds a phrase
// of which normalising leaves nothing.
func New(lexicons map[string]policies.Lexicon) (*Detector, error) {
	known, err := lru.New[said, Set](knownTexts)
	if err != nil {
		return nil, fmt.Errorf("compile detectors: %w", err)
	}
	d := &Detector{known: known}
	for _, part := range []struct {
		into  **scanner
		voids map[Set]Set
		which []lexiconOf
	}{
		{&d.customer, customerVoids, lexiconsOf(customerFinds)},
		{&d.service, serviceVoids, lexiconsOf(serviceFinds)},
		{&d.shown, nil, []lexiconOf{{"ai_element", aiElement}, {"generation_element", generationElement}}},
	} {
		s, err := newScanner(lexicons, part.voids, part.which...)
		if err != nil {
			return nil, fmt.Errorf("compile detectors: %w", err)
		}
		*part.into = s
	}
	return d, nil
}

func lexiconsOf(of Set) []lexiconOf {
	var out []lexiconOf
	for i, name := range names {
		if of&(1<<i) != 0 {
			out = append(out, lexiconOf{name, 1 << i})
		}
	}
	return out
}

// Detect finds everything in one text spoken by role. Bot, agent and system speak for the service;
// a text by nobody known gives nothing.
func (d *Detector) Detect(role event.Role, text string) Set {
	if text == "" {
		return 0
	}
	switch role {
	case event.CustomerRole:
		return d.detectCustomer(text)
	case event.BotRole, event.AgentRole, event.SystemRole:
		return d.recall(said{text: text}, d.detectService)
	}
	return 0
}

// recall gives what find finds in a text, which is looked for once as long as the text is known.
func (d *Detector) recall(s said, find func(string) Set) Set {
	if len(s.text) > knownLength {
		return find(s.text)
	}
	found, ok := d.known.Get(s)
	if !ok {
		found = find(s.text)
		s.text = strings.Clone(s.text) // not the message that it may be a part of
		d.known.Add(s, found)
	}
	return found
}

func (d *Detector) detectCustomer(text string) Set {
	s := d.customer.scan(text)
	// Normalising takes away what only the spelling tells.
	if strings.ContainsAny(text, "?？") {
		s |= Question
	}
	if shouts(text) {
		s |= Anger
	}
	switch {
	case s&HumanRequest != 0:
		s &^= RequestWithdraw | RequestDecline
	case s&RequestWithdraw != 0:
		s &^= RequestDecline | KeywordRequest
	default:
		s &^= KeywordRequest // the words stand there, but as something else
	}
	return s
}

// shouts reports a text in capitals with exclamation marks side by side. Codes and names in capitals
// are shorter, and have none.
func shouts(text string) bool {
	const least = 12 // letters
	if !strings.Contains(text, "!!") && !strings.Contains(text, "！！") {
		return false
	}
	letters := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z':
			return false
		case c >= 'A' && c <= 'Z':
			letters++
		}
	}
	return letters >= least
}

func (d *Detector) detectService(text string) Set {
	s := d.service.scan(text)
	switch {
	case s&LabelFull != 0:
		s &^= LabelIncomplete
	case s&Notice != 0:
		s |= LabelIncomplete
	}
	// What stands in quotation marks is told of, not said: the screen reads “sorry”.
	if told := s & (Apology | Fallback); told != 0 {
		if rest, ok := withoutQuotations(text); ok {
			s &^= told &^ d.service.scan(rest)
		}
	}
	// “Not understood” with a person or another way on offer is no empty answer.
	if s&(HandoffOffer|HandoffStart|AsksTransfer|OffersWay) != 0 {
		s &^= Fallback
	}
	// Patience asked for with a place or a time, or with another way, is more than that.
	if s&(TellsQueue|OffersWay) != 0 {
		s &^= Hold
	}
	// Busy with a queue position, a call back or another way is an offer, not a refusal.
	if s&(HandoffOffer|HandoffStart) != 0 {
		s &^= Busy
	}
	return s
}

// Interface reads a text that the interface shows all the time (entrance.ai_label): there a label
// needs both elements. Any AI element shown there is a notice.
func (d *Detector) Interface(text string) (label policies.LabelForm, notice bool) {
	s := d.recall(said{shown: true, text: text}, d.shown.scan)
	ai, generation := s&aiElement != 0, s&generationElement != 0
	switch {
	case ai && generation:
		return policies.FullLabel, true
	case ai || generation:
		return policies.IncompleteLabel, ai
	}
	return policies.NoLabel, false
}
