package session

import (
	"slices"
	"strings"
	"unicode/utf8"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// maxTakeovers bounds the list of people who took a session over.
const maxTakeovers = 8

// accountOf is the least length, in characters, of a customer's words that count as an account of the
// problem: shorter ones are greetings and yeses.
const accountOf = 6

// passing is where the fold stands between the AI and people.
type passing struct {
	Person   bool   // a person is serving
	Agent    string // who, where that was told
	Spoke    bool   // that person has spoken
	Underway bool   // a transfer has begun, and nobody has joined yet
	// Passed is what the steps since the last takeover reported as handed over.
	Passed *policies.Passed
	// Asked is what the service asked for in its last turn, Given what the customer gave, and Brought what
	// was there when a person took over.
	Asked   given
	Given   given
	Brought given
	// Told: it was said that the AI takes over; Consent: and the customer agreed.
	Told    bool
	Consent bool
}

// given is a set of what a customer tells a service.
type given uint8

const (
	identity given = 1 << iota
	history
	problem
	ticket
	order
)

// questions are what the service asks for, by what answers it; in the order in which facts name them.
var questions = []struct {
	found signal.Set
	asks  given
	name  string
}{
	{signal.AsksProblem, problem, "problem"},
	{signal.AsksIdentity, identity, "identity"},
	{signal.AsksOrder, order, "order"},
	{signal.AsksTicket, ticket, "ticket"},
	{signal.AsksHistory, history, "history"},
}

// identityMasks stand where a customer told who is speaking.
var identityMasks = []string{"⟦phone⟧", "⟦id_card⟧", "⟦name⟧", "⟦passport⟧"}

// begins reports whether the service begins a transfer to a person: it announces one, tells the place
// in the queue, puts the customer in it, or a person is there.
func begins(e *event.Event, found signal.Set) bool {
	switch e.Kind {
	case event.HandoffQueued, event.HandoffUpdated:
		return true
	case event.HandoffRequested:
		return ofService(e.Actor)
	case event.Message:
		if ofService(e.Actor) && !person(e.Actor) && found&(signal.HandoffStart|signal.TellsQueue) != 0 {
			return true
		}
	}
	return cameIn(e)
}

// transfer follows the session from the AI to people and back.
func (s *State) transfer(e *event.Event, found signal.Set) {
	p := &s.at.Passing
	if begins(e, found) && (s.Facts.Transfer == nil || s.Facts.Transfer.Begun == "") {
		t := own(&s.Facts.Transfer)
		t.Begun, t.BegunAt = e.ID, e.At
	}
	if h := e.Handoff; h != nil && h.Passed != nil {
		p.Passed = withPassed(p.Passed, h.Passed)
	}
	if slices.Contains(e.Consents, "back_to_ai") {
		p.Consent = true
	}
	switch {
	case cameIn(e):
		s.takeOver(e)
		s.askAgain(e, found)
		p.Told = found&signal.BackToAI != 0 || p.Told
		p.Spoke = p.Spoke || e.Kind == event.Message
	case e.Kind == event.HandoffRejected, e.Kind == event.HandoffAbandoned:
		p.Underway = false
	case p.Person && takesBack(p, e, found):
		s.handBack(e, found)
	case e.Kind == event.Message && e.Actor.Role == event.CustomerRole:
		s.give(e, found)
	case e.Kind == event.Message && ofService(e.Actor):
		p.Told = found&signal.BackToAI != 0 || p.Told
		p.Asked |= asksFor(found)
		p.Underway = p.Underway || begins(e, found)
	default:
		p.Underway = p.Underway || begins(e, found)
	}
}

// takeOver notes that a person serves from here on. One who was there already is noted when another
// accepts.
func (s *State) takeOver(e *event.Event) {
	p := &s.at.Passing
	agent := e.Actor.ID
	if agent == "" && e.Handoff != nil {
		agent = e.Handoff.AgentID
	}
	if p.Person && (e.Kind == event.Message || agent == "" || agent == p.Agent) {
		return
	}
	t := own(&s.Facts.Transfer)
	if len(t.Takeovers) < maxTakeovers {
		t.Takeovers = append(slices.Clone(t.Takeovers), policies.Takeover{
			Joined: e.ID, JoinedAt: e.At, Agent: agent, Level: e.Actor.Level, Passed: p.Passed,
		})
	}
	*p = passing{Person: true, Agent: agent, Given: p.Given, Brought: p.Given | passedOn(p.Passed)}
}

// askAgain notes a person's question for what was there already.
func (s *State) askAgain(e *event.Event, found signal.Set) {
	if e.Kind != event.Message || s.at.Passing.Brought == 0 || s.Facts.Transfer != nil && s.Facts.Transfer.Repeated != "" {
		return
	}
	for _, q := range questions {
		if found&q.found != 0 && s.at.Passing.Brought&q.asks != 0 {
			t := own(&s.Facts.Transfer)
			t.Repeated, t.RepeatedAt, t.RepeatedWhat = e.ID, e.At, q.name
			return
		}
	}
}

// courtesies are what a machine may say beside a person without taking over.
const courtesies = signal.AsksRating | signal.Goodbye | signal.HandoffStart | signal.HandoffOffer | signal.TellsQueue | signal.Hold

// takesBack reports whether a machine goes on in a person's place: it accepts the session, or speaks after
// the person has.
func takesBack(p *passing, e *event.Event, found signal.Set) bool {
	switch {
	case !machine(e.Actor):
		return false
	case e.Kind == event.HandoffAccepted:
		return true
	}
	return e.Kind == event.Message && p.Spoke && spoken(e) && found&courtesies == 0
}

// handBack gives the session back to the AI. Recorded consent speaks for itself: nobody agrees to what they
// were not told.
func (s *State) handBack(e *event.Event, found signal.Set) {
	p := &s.at.Passing
	if t := s.Facts.Transfer; !p.Consent && (t == nil || t.Back == "") {
		t = own(&s.Facts.Transfer)
		t.Back, t.BackAt, t.BackTold, t.BackConsent = e.ID, e.At, p.Told, p.Consent
	}
	*p = passing{Given: p.Given, Asked: asksFor(found)}
}

// give notes what the customer tells: what was asked for, who is speaking, an account of the problem, and
// whether the AI may take over.
func (s *State) give(e *event.Event, found signal.Set) {
	p := &s.at.Passing
	const evades = signal.HumanRequest | signal.RequestWithdraw | signal.RequestDecline | signal.RefusesAI | signal.SupervisorRequest
	if found&evades != 0 || !spoken(e) {
		return
	}
	if p.Person && p.Told && !strings.ContainsAny(e.Text, "不别") {
		p.Consent = true
	}
	p.Given |= p.Asked
	p.Asked = 0
	if found&signal.Goodbye == 0 && utf8.RuneCountInString(e.Text) >= accountOf {
		p.Given |= problem
	}
	if !strings.Contains(e.Text, anyMask) {
		return
	}
	for _, m := range identityMasks {
		if strings.Contains(e.Text, m) {
			p.Given |= identity
		}
	}
}

// asksFor is what a text of the service asks the customer for.
func asksFor(found signal.Set) (a given) {
	for _, q := range questions {
		if found&q.found != 0 {
			a |= q.asks
		}
	}
	return a
}

// withPassed adds what a step reported as handed over.
func withPassed(known *policies.Passed, names []string) *policies.Passed {
	p := new(policies.Passed)
	if known != nil {
		*p = *known
	}
	for _, name := range names {
		switch name {
		case "identity":
			p.Identity = true
		case "history":
			p.History = true
		case "problem":
			p.Problem = true
		case "ticket":
			p.Ticket = true
		}
	}
	return p
}

// passedOn is what a person was given with the transfer.
func passedOn(p *policies.Passed) (g given) {
	if p == nil {
		return 0
	}
	for _, x := range []struct {
		there bool
		what  given
	}{{p.Identity, identity}, {p.History, history}, {p.Problem, problem}, {p.Ticket, ticket}} {
		if x.there {
			g |= x.what
		}
	}
	return g
}
