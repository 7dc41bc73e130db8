package session

import (
	"slices"
	"strings"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// What facts hold at most; no real session comes near.
const (
	maxComplaints = 16
	maxReturns    = 16
	// maxAdvance bounds the refunds that are remembered in case their goods are still to come.
	maxAdvance = 16
)

// complaining is where the fold stands with complaints, refunds and what is open beside complaints.
type complaining struct {
	// Telling is where the next turn of the service is in which a time limit may be told.
	Telling telling
	// Limit and Key are what the turn of the service that is going on has told: a complaint is often
	// reported only after the words that take it down.
	Limit mark
	Key   mark
	// Said: the customer has said that there is, or will be, a complaint; Fault: a fault was reported.
	Said  bool
	Fault bool
	// Advance are the orders ("" unknown) for which money came back before the goods did.
	Advance []string
}

// mark is an event to come back to.
type mark struct {
	ID string
	At policies.Millis
}

// telling is how far the service has come towards telling a time limit.
type telling int

const (
	passed   telling = iota // nothing is waited for
	nextTurn                // a complaint or its acknowledgement has come, and no turn since
	inTurn                  // that turn is going on
)

// complain follows what is complained of, and what the service does meanwhile.
func (s *State) complain(e *event.Event, found signal.Set) {
	if s.at.Complaining == nil { // as in most sessions
		if !concerns(e, found) {
			return
		}
		s.at.Complaining = new(complaining)
	}
	s.opens(e, found)
	switch e.Kind {
	case event.ComplaintFiled:
		s.file(e)
	case event.ComplaintAcknowledged:
		s.acknowledge(e)
	case event.ComplaintResolved:
		s.resolve(e)
	case event.ReturnReceived:
		s.takeBack(e)
	case event.RefundCompleted:
		s.refund(e)
	case event.SurveySent:
		s.survey(e)
	}
	if at := s.at.Complaining; e.Kind == event.Message && e.Actor.Role == event.CustomerRole {
		at.Limit, at.Key = mark{}, mark{}
		if at.Telling == inTurn {
			at.Telling = passed
		}
	}
	if ofService(e.Actor) && spoken(e) {
		s.tellComplainant(e, found)
		if found&signal.AsksRating != 0 && e.Kind != event.SurveySent {
			s.survey(e)
		}
		if found&signal.Marketing != 0 {
			s.sell(e)
		}
	}
}

// concerns reports whether an event can have to do with complaints at all.
func concerns(e *event.Event, found signal.Set) bool {
	const signs = signal.Escape | signal.ComplaintWish | signal.TellsLimit | signal.DatedPromise | signal.TellsKey |
		signal.AsksRating | signal.Marketing
	switch e.Kind {
	case event.ComplaintFiled, event.ComplaintAcknowledged, event.ComplaintResolved, event.ReturnReceived, event.RefundCompleted, event.SurveySent:
		return true
	}
	return found&signs != 0 || reportsFault(e)
}

// ofService reports whether somebody or something of the service acts.
func ofService(a event.Actor) bool {
	return a.Role == event.BotRole || a.Role == event.AgentRole || a.Role == event.SystemRole
}

// opens notes what is open beside complaints that were filed: those that the customer speaks of, and
// faults.
func (s *State) opens(e *event.Event, found signal.Set) {
	c := s.at.Complaining
	if e.Actor.Role == event.CustomerRole && found&(signal.Escape|signal.ComplaintWish) != 0 {
		c.Said = true
	}
	c.Fault = c.Fault || reportsFault(e)
}

// reportsFault reports whether the source says that there is a fault.
func reportsFault(e *event.Event) bool {
	return e.Kind != event.ComplaintFiled && e.Claim != nil && e.Claim.Kind == "continuity" || e.AI != nil && namesFault(e.AI.Intent)
}

// faultIntents are parts of names that sources give to the intent of reporting a fault.
var faultIntents = []string{"fault", "outage", "repair", "incident", "averia", "故障", "报修", "报障"}

func namesFault(intent string) bool {
	if intent == "" {
		return false
	}
	intent = strings.ToLower(intent)
	return slices.ContainsFunc(faultIntents, func(part string) bool { return strings.Contains(intent, part) })
}

func (s *State) file(e *event.Event) {
	s.at.Complaining.Telling = nextTurn
	if c := s.Facts.Complaints; c != nil {
		if len(c.Filed) == maxComplaints || e.TicketID != "" &&
			slices.ContainsFunc(c.Filed, func(c policies.Complaint) bool { return c.Ticket == e.TicketID }) {
			return
		}
	}
	at, c := s.at.Complaining, s.complaints()
	filed := policies.Complaint{
		Filed: e.ID, FiledAt: e.At, Ticket: e.TicketID,
		Limited: at.Limit.ID, LimitedAt: at.Limit.At, Keyed: at.Key.ID, KeyedAt: at.Key.At,
	}
	if e.Claim != nil {
		filed.Kind = e.Claim.Kind
	}
	c.Filed = append(c.Filed, filed)
}

// complaints are the facts to write into, in a copy.
func (s *State) complaints() *policies.Complaints {
	c := own(&s.Facts.Complaints)
	c.Filed = slices.Clone(c.Filed)
	return c
}

// concerned is the complaint that an acknowledgement or a resolution is about: the one with the same
// ticket, or else the oldest one that it can be. It gives nil where none can.
func concerned(filed []policies.Complaint, ticket string) *policies.Complaint {
	var oldest *policies.Complaint
	for i := range filed {
		c := &filed[i]
		switch {
		case ticket != "" && c.Ticket == ticket:
			return c
		case oldest == nil && c.ResolvedAt == 0 && (ticket == "" || c.Ticket == ""):
			oldest = c
		}
	}
	return oldest
}

func (s *State) acknowledge(e *event.Event) {
	if s.Facts.Complaints == nil {
		return
	}
	c := concerned(s.complaints().Filed, e.TicketID)
	if c == nil {
		return
	}
	s.at.Complaining.Telling = nextTurn
	once(&c.Ticket, e.TicketID)
	if s.Facts.Closed != 0 {
		return
	}
	if e.Due != "" && c.LimitedAt == 0 {
		c.Limited, c.LimitedAt = e.ID, e.At
	}
	if e.TicketID != "" && c.KeyedAt == 0 {
		c.Keyed, c.KeyedAt = e.ID, e.At
	}
}

func (s *State) resolve(e *event.Event) {
	s.at.Complaining.Said, s.at.Complaining.Fault = false, false
	if s.Facts.Complaints == nil {
		return
	}
	if c := concerned(s.complaints().Filed, e.TicketID); c != nil && c.ResolvedAt == 0 {
		once(&c.Ticket, e.TicketID)
		c.Resolved, c.ResolvedAt = e.ID, e.At
	}
}

// tellComplainant notes what a text of the service tells of complaints. Which of several it speaks of
// cannot be known, so that it counts for all.
func (s *State) tellComplainant(e *event.Event, found signal.Set) {
	at := s.at.Complaining
	if at.Telling == nextTurn && e.Kind == event.Message {
		at.Telling = inTurn
	}
	limit, key := found&(signal.TellsLimit|signal.DatedPromise) != 0, found&signal.TellsKey != 0
	if limit {
		at.Limit = mark{e.ID, e.At}
	}
	if key {
		at.Key = mark{e.ID, e.At}
	}
	limit = limit && (at.Telling == inTurn || e.Kind != event.Message)
	if s.Facts.Complaints == nil || s.Facts.Closed != 0 || !limit && !key {
		return
	}
	c := s.complaints()
	for i := range c.Filed {
		if f := &c.Filed[i]; limit && f.LimitedAt == 0 {
			f.Limited, f.LimitedAt = e.ID, e.At
		}
		if f := &c.Filed[i]; key && f.KeyedAt == 0 {
			f.Keyed, f.KeyedAt = e.ID, e.At
		}
	}
}

// survey notes a question for satisfaction, sent as such or as a message.
func (s *State) survey(e *event.Event) {
	c := s.complaints()
	if c.SurveyAt == 0 {
		c.Survey, c.SurveyAt = e.ID, e.At
	}
	for i := range c.Filed {
		if f := &c.Filed[i]; f.ResolvedAt == 0 && f.SurveyedAt == 0 {
			f.Surveyed, f.SurveyedAt = e.ID, e.At
		}
	}
}

// sell notes a text that sells while something is open. What is only spoken of ends with the session.
func (s *State) sell(e *event.Event) {
	var during policies.SellingTime
	at := s.at.Complaining
	switch {
	case s.Facts.Complaints != nil && slices.ContainsFunc(s.Facts.Complaints.Filed, func(c policies.Complaint) bool { return c.ResolvedAt == 0 }):
		during = policies.DuringComplaint
		c := s.complaints()
		for i := range c.Filed {
			if f := &c.Filed[i]; f.ResolvedAt == 0 && f.SoldAt == 0 {
				f.Sold, f.SoldAt = e.ID, e.At
			}
		}
	case s.Facts.Closed != 0:
	case at.Said:
		during = policies.DuringWords
	case at.Fault:
		during = policies.DuringFault
	}
	if during != "" && s.Facts.Selling == nil {
		s.Facts.Selling = &policies.Selling{Sold: e.ID, SoldAt: e.At, During: during}
	}
}

// takeBack notes goods that came back, unless their refund came before them.
func (s *State) takeBack(e *event.Event) {
	order, advance := orderOf(e), s.at.Complaining.Advance
	i := slices.IndexFunc(advance, func(o string) bool { return o == order || o == "" || order == "" })
	if i >= 0 {
		advance = slices.Delete(advance, i, i+1)
		if s.at.Complaining.Advance = advance; len(advance) == 0 {
			s.at.Complaining.Advance = nil
		}
		return
	}
	f := &s.Facts
	if len(f.Returns) < maxReturns {
		f.Returns = append(slices.Clone(f.Returns), policies.Return{Received: e.ID, ReceivedAt: e.At, Order: order})
	}
}

// refund pays for the oldest return that it can be for.
func (s *State) refund(e *event.Event) {
	order, f := orderOf(e), &s.Facts
	i := slices.IndexFunc(f.Returns, func(r policies.Return) bool { return r.RefundedAt == 0 && r.Order == order })
	if i < 0 {
		i = slices.IndexFunc(f.Returns, func(r policies.Return) bool {
			return r.RefundedAt == 0 && (r.Order == "" || order == "")
		})
	}
	if i >= 0 {
		f.Returns = slices.Clone(f.Returns)
		f.Returns[i].Refunded, f.Returns[i].RefundedAt = e.ID, e.At
	} else if len(s.at.Complaining.Advance) < maxAdvance {
		s.at.Complaining.Advance = append(s.at.Complaining.Advance, order)
	}
}

func orderOf(e *event.Event) string {
	if e.Claim == nil {
		return ""
	}
	return e.Claim.OrderID
}
