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

	"mingjian/collector/event"
	"mingjian/policies"
)

// Set is what was found in one text, one bit each.
type Set uint32

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
)

var names = [...]string{
	"human_request", "request_withdraw", "label_full", "label_incomplete", "notice", "apology",
	"action", "handoff_offer", "handoff_start", "busy", "request_decline",
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

// The lexicons that detectors read, in the order in which each scanner numbers them.
var (
	customerLexicons  = []string{"human_request", "request_withdraw", "request_decline"}
	serviceLexicons   = []string{"label_full", "label_incomplete", "notice", "apology", "action", "handoff_offer", "handoff_start", "busy"}
	interfaceLexicons = []string{"ai_element", "generation_element"}
)

// Places in customerLexicons.
const (
	inRequest = iota
	inWithdraw
	inDecline
)

// Places in serviceLexicons.
const (
	inLabelFull = iota
	inLabelIncomplete
	inNotice
	inApology
	inAction
	inOffer
	inStart
	inBusy
)

// Places in interfaceLexicons.
const (
	inAI = iota
	inGeneration
)

// Detector is compiled from a bundle's lexicons; it does not change.
type Detector struct {
	customer, service, shown *scanner
}

// New compiles the detectors. It fails when a lexicon that they read is missing, or holds a phrase
// of which normalising leaves nothing.
func New(lexicons map[string]policies.Lexicon) (*Detector, error) {
	d := new(Detector)
	for _, part := range []struct {
		into  **scanner
		names []string
	}{{&d.customer, customerLexicons}, {&d.service, serviceLexicons}, {&d.shown, interfaceLexicons}} {
		s, err := newScanner(lexicons, part.names...)
		if err != nil {
			return nil, fmt.Errorf("compile detectors: %w", err)
		}
		*part.into = s
	}
	return d, nil
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
		return d.detectService(text)
	}
	return 0
}

func (d *Detector) detectCustomer(text string) Set {
	f := d.customer.scan(text)
	defer d.customer.release(f)
	// The words of a withdrawal hold those of a request (不用转人工了). A text that does both asks.
	f.void(inRequest, inWithdraw)
	switch {
	case f.any(inRequest):
		return HumanRequest
	case f.any(inWithdraw):
		return RequestWithdraw
	case f.any(inDecline):
		return RequestDecline
	}
	return 0
}

func (d *Detector) detectService(text string) Set {
	f := d.service.scan(text)
	defer d.service.release(f)
	var s Set
	for _, kind := range [...]struct {
		lexicon int
		bit     Set
	}{{inNotice, Notice}, {inApology, Apology}, {inAction, Action}, {inOffer, HandoffOffer}, {inStart, HandoffStart}} {
		if f.any(kind.lexicon) {
			s |= kind.bit
		}
	}
	switch {
	case f.any(inLabelFull):
		s |= LabelFull
	case s&Notice != 0 || f.any(inLabelIncomplete):
		s |= LabelIncomplete
	}
	// Busy with a queue position, a call back or another way is an offer, not a refusal.
	if s&(HandoffOffer|HandoffStart) == 0 && f.any(inBusy) {
		s |= Busy
	}
	return s
}

// Interface reads a text that the interface shows all the time (entrance.ai_label): there a label
// needs both elements. Any AI element shown there is a notice.
func (d *Detector) Interface(text string) (label policies.LabelForm, notice bool) {
	f := d.shown.scan(text)
	defer d.shown.release(f)
	ai, generation := f.any(inAI), f.any(inGeneration)
	switch {
	case ai && generation:
		return policies.FullLabel, true
	case ai || generation:
		return policies.IncompleteLabel, ai
	}
	return policies.NoLabel, false
}
