package session

import (
	"slices"
	"strings"
	"unicode"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// elderAge is the age in years from which a customer is an elder (State Council notice on elderly
// people and intelligent technology; Spain's Ley 10/2025 draws the same line).
const elderAge = 65

// enoughTexts is the bot text by which a label must have come at the latest; which later ones there
// are makes no difference to a rule.
const enoughTexts = 3

// enough is the run of apologies beyond which facts do not count.
const enough = 3

// position is what the fold must remember beside the facts.
type position struct {
	Asking    asking
	BotTexts  int
	FirstTurn bool // the first bot turn is still going on
	Apologies int  // the run that is going on

	Contact  contact
	Attended attended
	Dialling dialling

	Disclosing disclosing

	Complaining *complaining // nil while nothing is complained of
	Answering   answering
	Inquiring   inquiring
	Heat        heat

	Queueing  queueing
	Passing   passing
	Calling   calling
	Preceding preceding
	Parting   parting
}

// Fold takes the next event and what was detected in its text; d reads the texts that the interface
// shows. The event must be neither late nor a repeat. Fold returns the facts that changed.
func (s *State) Fold(e *event.Event, o Order, found signal.Set, d *signal.Detector) policies.Fields {
	before := s.Facts
	before.Human.Waits = slices.Clone(before.Human.Waits)

	s.idle(o.At) // the silence before this event
	s.Seen.add(e.ID, o.Offset)
	s.Last = max(s.Last, o.Offset)
	s.open(e, d)
	s.offer(e)
	s.speak(e, found)
	s.sound(e, found)
	s.accompany(e, found)
	s.reveal(e, found, d)
	s.decide(e, found)
	s.reach(e, found)
	s.contact(e, found)
	s.attend(e, found)
	s.callBack(e)
	s.dial(e, found, d)
	s.serve(e, found)
	s.complain(e, found)
	s.promise(e, found, d)
	s.answer(e, found)
	s.ask(e, found)
	s.vent(e, found)
	s.access(e, found)
	s.queue(e, found)
	s.summon(e, found)
	s.precede(e, found)
	s.transfer(e, found)
	s.part(e, found)
	s.close(e)
	s.Newest = o
	s.Now = max(s.Now, e.At)
	s.idle(s.Now) // time that was let pass before this event came has passed after it too
	return s.Facts.Changed(&before)
}

// open takes over what the event tells of the session as a whole. What the session is (channel,
// line, bot) keeps its first value; what is known of the customer and the entrance grows.
func (s *State) open(e *event.Event, d *signal.Detector) {
	f := &s.Facts
	first := s.Count() == 1
	if first {
		f.Opened = e.At
	}
	if e.Kind == event.SessionOpened && s.Derived {
		s.Derived, f.Opened = false, e.At
		if e.Tenant != "" && s.Tenant == DefaultTenant {
			s.Tenant = e.Tenant
		}
	}
	once(&f.Channel, e.Channel)
	once(&f.Industry, e.Industry)
	once(&f.BusinessLine, e.BusinessLine)
	if b := e.Bot; b != nil {
		once(&s.Bot.ID, b.ID)
		once(&s.Bot.Version, b.Version)
		once(&s.Bot.Model, b.Model)
	}
	if c := e.Customer; c != nil {
		s.meet(c)
	}
	if e.Entrance != nil {
		f.Entrance = enter(f.Entrance, e, d)
	}
	if e.Unlabeled != nil {
		s.waive(e)
	}
}

// meet takes over what is said of the customer. A need or an age once reported stays.
func (s *State) meet(c *event.Customer) {
	f := &s.Facts
	once(&s.Customer, c.ID)
	if j := strings.ToUpper(strings.TrimSpace(c.Jurisdiction)); j != "" {
		f.Jurisdiction = j
	}
	if c.Province != "" {
		f.Province = c.Province
	}
	if c.Age != nil || c.ElderMode != nil {
		elder := f.Elder != nil && *f.Elder ||
			c.Age != nil && *c.Age >= elderAge ||
			c.ElderMode != nil && *c.ElderMode
		f.Elder = &elder
	}
	f.Accessible = f.Accessible || len(c.Needs) > 0
}

// offer notes when it is known that an elder is served who is offered no elder channel.
func (s *State) offer(e *event.Event) {
	f := &s.Facts
	switch lacking := f.Elder != nil && *f.Elder && f.Entrance != nil && !f.Entrance.ElderChannel; {
	case !lacking:
		f.NoElderChannel, f.NoElderChannelAt = "", 0
	case f.NoElderChannelAt == 0:
		f.NoElderChannel, f.NoElderChannelAt = e.ID, e.At
	}
}

// enter merges what the source declares of its entrance into what was known (nil: nothing).
func enter(known *policies.Entrance, e *event.Event, d *signal.Detector) *policies.Entrance {
	out := policies.Entrance{Label: policies.NoLabel}
	if known != nil {
		out = *known
	}
	declared := e.Entrance
	was := out
	tell(&out.HumanOptionVisible, declared.HumanOptionVisible)
	tell(&out.OneTapHuman, declared.OneTapHuman)
	tell(&out.Depth, declared.Depth)
	tell(&out.HumanOptionPosition, declared.HumanOptionPosition)
	if known == nil || out != was {
		out.Told, out.ToldAt = e.ID, e.At
	}
	tell(&out.ElderChannel, declared.ElderChannel)
	tell(&out.AccessibleChannel, declared.AccessibleChannel)
	if declared.AILabel != "" {
		out.Label, out.Notice = d.Interface(declared.AILabel)
	}
	return &out
}

// waive takes the log of an output that is unlabelled at the user's request. What an earlier report
// left out may come with a later one that does not speak of another output.
func (s *State) waive(e *event.Event) {
	f := &s.Facts
	u := policies.Unlogged{ID: e.ID, At: e.At, Request: e.Unlabeled.RequestID, Agreement: e.Unlabeled.AgreementID, Log: e.Unlabeled.LogID}
	same := func(known, told string) bool { return known == "" || told == "" || known == told }
	known := f.Unlogged
	joins := known != nil && same(known.Request, u.Request) && same(known.Agreement, u.Agreement) && same(known.Log, u.Log)
	if joins {
		u.ID, u.At = known.ID, known.At
		once(&u.Request, known.Request)
		once(&u.Agreement, known.Agreement)
		once(&u.Log, known.Log)
	}
	complete := u.Request != "" && u.Agreement != "" && u.Log != ""
	switch {
	case complete && joins:
		f.Bot.Waived, f.Unlogged = true, nil
	case complete:
		f.Bot.Waived = true
	case joins, known == nil:
		f.Unlogged = &u
	}
}

// speak counts the bot's texts and what they disclose.
func (s *State) speak(e *event.Event, found signal.Set) {
	if e.Kind != event.Message {
		return
	}
	b := &s.Facts.Bot
	switch e.Actor.Role {
	case event.BotRole:
	case event.SystemRole:
		s.banner(e, found)
		return
	default:
		s.at.FirstTurn = false
		return
	}
	if !spoken(e) {
		return
	}
	number := s.at.BotTexts + 1
	s.at.BotTexts, b.Texts = number, min(number, enoughTexts)
	switch number {
	case 1:
		b.First, b.FirstAt, s.at.FirstTurn = e.ID, e.At, true
	case enoughTexts:
		b.Third, b.ThirdAt = e.ID, e.At
	}
	if s.at.FirstTurn && found&signal.Notice != 0 {
		b.FirstNotice = true
	}
	form := label(e, found)
	if form != policies.FullLabel && b.Unlabelled == "" {
		b.Unlabelled, b.UnlabelledAt, b.UnlabelledForm = e.ID, e.At, form
	}
	s.disclose(form, number)
}

// banner reads what the system tells in the conversation: a line such as “you are chatting with a
// robot” discloses as much as a bot's own text, and belongs to the bot text that comes next.
func (s *State) banner(e *event.Event, found signal.Set) {
	b := &s.Facts.Bot
	if found&signal.Notice != 0 && (s.at.FirstTurn || b.Texts == 0) {
		b.FirstNotice = true
	}
	s.disclose(label(e, found), s.at.BotTexts+1)
}

// disclose notes a label that stands at a bot text. It counts before the session's end only.
func (s *State) disclose(form policies.LabelForm, text int) {
	if s.Facts.Closed != 0 {
		return
	}
	switch form {
	case policies.FullLabel:
		once(&s.Facts.Bot.FullAt, text)
	case policies.IncompleteLabel:
		once(&s.Facts.Bot.IncompleteAt, text)
	}
}

// label is how much of an AI label a single message carries.
func label(e *event.Event, found signal.Set) policies.LabelForm {
	switch {
	case found&signal.LabelFull != 0 || marked(e):
		return policies.FullLabel
	case found&signal.LabelIncomplete != 0:
		return policies.IncompleteLabel
	}
	return policies.NoLabel
}

// marked reports whether the message carries the corner mark that is a label by itself.
func marked(e *event.Event) bool {
	return e.AI != nil && strings.EqualFold(strings.TrimSpace(e.AI.Mark), "AI")
}

// spoken reports whether there is a text at all; a bare picture says nothing either way.
func spoken(e *event.Event) bool {
	return strings.ContainsFunc(e.Text, func(r rune) bool { return !unicode.IsSpace(r) })
}

// reach follows the way to a person.
func (s *State) reach(e *event.Event, found signal.Set) {
	f, a := &s.Facts, &s.at.Asking
	byCustomer := e.Actor.Role == event.CustomerRole
	switch e.Kind {
	case event.HandoffRequested:
		if byCustomer || e.Actor.Role == "" {
			a.requested(f, e.ID, e.At, true)
		}
	case event.HandoffRejected:
		a.refused(f, e.ID, e.At)
	case event.HandoffQueued, event.HandoffUpdated:
		if e.Handoff != nil && e.Handoff.Priority {
			a.prioritised()
		}
		a.advanced(underway)
	case event.HandoffAccepted:
		// Who took it over may go unsaid; a bot, a machine and the customer are no person that came.
		if !e.Actor.Automated && e.Actor.Role != event.BotRole && !byCustomer {
			a.joined(f, e.ID, e.At)
		}
	case event.Message:
		if byCustomer {
			a.answered()
		}
		switch {
		case byCustomer && found&signal.HumanRequest != 0:
			a.requested(f, e.ID, e.At, false)
		case byCustomer && found&signal.RequestWithdraw != 0:
			a.withdrawn(f, e.At)
		case byCustomer && found&signal.RequestDecline != 0:
			a.declined(f, e.At)
		case e.Actor.Role == event.AgentRole && !e.Actor.Automated && spoken(e):
			a.joined(f, e.ID, e.At) // a person who speaks is there, whether or not that was reported apart
		case e.Actor.Role == event.BotRole && spoken(e), e.Actor.Role == event.SystemRole && found&signal.Busy != 0:
			switch {
			case found&signal.Busy != 0:
				a.refused(f, e.ID, e.At)
			case found&signal.HandoffStart != 0:
				a.advanced(underway)
			case found&signal.HandoffOffer != 0:
				a.advanced(offered)
			default:
				a.passedOver(f, e.ID, e.At)
			}
		}
	}
}

// serve counts apologies in a row with nothing done between.
func (s *State) serve(e *event.Event, found signal.Set) {
	switch {
	case done(e):
		s.at.Apologies = 0
	case e.Kind == event.Message && (e.Actor.Role == event.BotRole || e.Actor.Role == event.AgentRole):
		if found&signal.Apology == 0 || found&(signal.Action|signal.HandoffOffer|signal.HandoffStart) != 0 {
			s.at.Apologies = 0
			return
		}
		s.at.Apologies = min(s.at.Apologies+1, enough)
		v := &s.Facts.Service
		v.Apologies = max(v.Apologies, s.at.Apologies)
		if s.at.Apologies == enough && v.ThirdApology == "" {
			v.ThirdApology, v.ThirdApologyAt = e.ID, e.At
		}
	}
}

// done reports whether the event is the service doing something. Asking for a person and leaving
// the queue are the customer's doing, and turning a request away is nothing done.
func done(e *event.Event) bool {
	switch e.Kind {
	case event.HandoffQueued, event.HandoffUpdated, event.HandoffAccepted,
		event.CallbackPromised, event.CallbackCompleted, event.PromiseMade, event.PromiseKept,
		event.DecisionMade, event.RefundCompleted,
		event.ComplaintAcknowledged, event.ComplaintResolved:
		return true
	case event.HandoffRequested:
		return e.Actor.Role != event.CustomerRole && e.Actor.Role != ""
	}
	return false
}

// close takes a reported end. The first end counts as the session's; each ends an open wait.
func (s *State) close(e *event.Event) {
	if e.Kind != event.SessionClosed {
		return
	}
	f := &s.Facts
	if f.Closed == 0 {
		f.Closed, f.ClosedID = e.At, e.ID
		if c := e.Close; c != nil {
			f.ClosedBy, f.ClosedAs, f.Resolved = c.By, c.Reason, c.Resolved
		}
	}
	s.at.Asking.ended(f, e.At)
}

// once keeps the first value that is not zero.
func once[T comparable](kept *T, v T) {
	var zero T
	if *kept == zero {
		*kept = v
	}
}

// tell takes over what was reported.
func tell[T any](known, reported *T) {
	if reported != nil {
		*known = *reported
	}
}
