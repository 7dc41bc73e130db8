package session

import (
	"slices"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// Where a source scores emotion (0 to 100, anger) that score decides, and otherwise words do. The
// standard gives no numbers; these are the catalogue's reading.
const (
	negativeEmotion = 80 // above it
	extremeEmotion  = 90 // from it on
)

// awayAfter is the silence, in milliseconds, of the AI before which no rule looks at it.
const awayAfter policies.Millis = 60_000

// What is kept of an endless session in which the AI fails and fails.
const (
	maxFailures = 32
	maxCalls    = 8
)

// calling is where the fold stands with what calls for a person while the AI serves.
type calling struct {
	Keyword mark   // the service's next turn is to begin a transfer
	Calls   []call // those that a transfer may still follow, oldest first
	Failed  int    // failed answers since a person was there
	// Waiting is the first message of the customer that the AI has not answered.
	Waiting mark
}

// call is what calls for a person.
type call struct {
	Ground string
	N      int // of a failed answer
	ID     string
	At     policies.Millis
	// Answered is the first turn of the service after it, which began no transfer.
	Answered   string
	AnsweredAt policies.Millis
}

// The grounds, as facts name them.
const (
	onFailure   = "failure"
	onRefusal   = "refuses_ai"
	onDanger    = "danger"
	onSecurity  = "security"
	onEmotion   = "emotion"
	onComplaint = "complaint"
)

// summon follows what calls for a person and whether the service begins a transfer then. It looks at
// where the session stood before the event.
func (s *State) summon(e *event.Event, found signal.Set) {
	switch {
	case begins(e, found):
		s.answerCalls(e)
	case e.Kind == event.SessionClosed:
		s.endCalls(e.ID, e.At)
	case e.Actor.Role == event.CustomerRole && (e.Kind == event.Message || e.Kind == event.MenuStep || e.Kind == event.HandoffRequested):
		s.goOn(e)
		if e.Kind == event.Message {
			s.hear(e, found)
		}
	case ofService(e.Actor) && e.Kind == event.Message, e.Kind == event.HandoffRejected:
		s.passOver(e, found)
	}
}

// answerCalls notes that a transfer has begun.
func (s *State) answerCalls(e *event.Event) {
	c := &s.at.Calling
	if c.Waiting.ID != "" && s.away() {
		x := own(&s.Facts.Escalation)
		x.Silences = x.Silences[:len(x.Silences)-1]
	}
	*c = calling{Failed: c.Failed}
	if cameIn(e) {
		c.Failed = 0
	}
}

// goOn notes that the customer goes on: what the service has answered without a transfer was missed.
func (s *State) goOn(e *event.Event) {
	s.at.Calling.drop(func(k call) bool {
		if k.Answered == "" {
			return false
		}
		s.miss(k, e.ID, e.At, false)
		return true
	})
}

// drop takes calls off the list.
func (c *calling) drop(which func(call) bool) {
	if c.Calls = slices.DeleteFunc(c.Calls, which); len(c.Calls) == 0 {
		c.Calls = nil
	}
}

// hear takes in what the customer says to the AI.
func (s *State) hear(e *event.Event, found signal.Set) {
	c := &s.at.Calling
	if found&(signal.RequestWithdraw|signal.RequestDecline) != 0 {
		c.Keyword = mark{}
	}
	if p := &s.at.Passing; p.Person || p.Underway {
		return
	}
	if found&signal.KeywordRequest != 0 && c.Keyword.ID == "" {
		c.Keyword = mark{ID: e.ID, At: e.At}
	}
	for _, k := range []struct {
		called bool
		ground string
	}{
		{found&signal.RefusesAI != 0, onRefusal},
		{found&signal.Danger != 0, onDanger},
		{found&signal.SecurityConcern != 0, onSecurity},
		{negative(e, found), onEmotion},
		{found&(signal.ComplaintWish|signal.Escape) != 0, onComplaint},
	} {
		if k.called {
			s.call(call{Ground: k.ground, ID: e.ID, At: e.At})
		}
	}
	if c.Waiting.ID == "" && found&(signal.Goodbye|signal.RequestDecline) == 0 {
		c.Waiting = mark{ID: e.ID, At: e.At}
	}
}

// negative reports whether the customer is angry, by the source's score or else in words.
func negative(e *event.Event, found signal.Set) bool {
	if e.AI != nil && e.AI.Emotion != nil {
		return *e.AI.Emotion > negativeEmotion
	}
	return found&signal.Anger != 0
}

// call adds what calls for a person. Of one ground the earliest is enough, except that each failed answer
// has its number.
func (s *State) call(k call) {
	c := &s.at.Calling
	if len(c.Calls) == maxCalls || k.N == 0 && slices.ContainsFunc(c.Calls, func(o call) bool { return o.Ground == k.Ground }) {
		return
	}
	c.Calls = append(c.Calls, k)
}

// passOver takes a turn of the service in which it begins no transfer.
func (s *State) passOver(e *event.Event, found signal.Set) {
	c, p := &s.at.Calling, &s.at.Passing
	if c.Keyword.ID != "" {
		k := call{ID: c.Keyword.ID, At: c.Keyword.At, Answered: e.ID, AnsweredAt: e.At}
		if x := s.Facts.Escalation; x == nil || x.Keyword.Event == "" {
			own(&s.Facts.Escalation).Keyword = missed(k, e.ID, e.At, false)
		}
		c.Keyword = mark{}
	}
	asks := found&(signal.AsksTransfer|signal.HandoffOffer) != 0
	if asks {
		c.drop(func(k call) bool { return k.Ground == onEmotion || k.Ground == onComplaint })
	}
	for i := range c.Calls {
		if c.Calls[i].Answered == "" && !asks {
			c.Calls[i].Answered, c.Calls[i].AnsweredAt = e.ID, e.At
		}
	}
	byAI := machine(e.Actor) && e.Kind == event.Message
	// Being turned away is an answer too; what the system merely shows is none.
	if c.Waiting.ID != "" && (byAI || e.Kind == event.HandoffRejected || found&(signal.Busy|wayOn) != 0) {
		s.speakUp(e.ID, e.At)
	}
	if byAI && !p.Person && !p.Underway && failed(e, found) {
		c.Failed++
		s.call(call{Ground: onFailure, N: c.Failed, ID: e.ID, At: e.At})
	}
}

// failed reports whether an answer of the AI failed: it is empty, or the source judged it so.
func failed(e *event.Event, found signal.Set) bool {
	return found&signal.Fallback != 0 || e.AI != nil && e.AI.Judged != ""
}

// endCalls takes the session's end: what called for a person until then was missed.
func (s *State) endCalls(id string, at policies.Millis) {
	for _, k := range s.at.Calling.Calls {
		s.miss(k, id, at, true)
	}
	if s.at.Calling.Waiting.ID != "" {
		s.speakUp(id, at)
	}
	s.at.Calling = calling{Failed: s.at.Calling.Failed}
}

// miss notes that no transfer followed. Of what comes once, the earliest stays.
func (s *State) miss(k call, id string, at policies.Millis, closed bool) {
	m := missed(k, id, at, closed)
	x := own(&s.Facts.Escalation)
	switch k.Ground {
	case onFailure:
		x.Failures = append(slices.Clone(x.Failures), m)
		if len(x.Failures) > maxFailures {
			x.Failures = slices.Delete(x.Failures, maxFailures-1, maxFailures)
		}
	case onEmotion, onComplaint:
		if x.Emotion.Event == "" {
			x.Emotion = m
		}
	default:
		if x.Auto.Event == "" {
			x.Auto = m
		}
	}
}

func missed(k call, id string, at policies.Millis, closed bool) policies.Missed {
	return policies.Missed{
		Ground: k.Ground, N: k.N, Event: k.ID, EventAt: k.At, Answered: k.Answered, AnsweredAt: k.AnsweredAt,
		Missed: id, MissedAt: at, Closed: closed, WaitedMs: at - k.At,
	}
}

// awayAt is the moment from which the AI's silence is a fact, 0 if nobody waits for it.
func (s *State) awayAt() policies.Millis {
	x := s.Facts.Escalation
	if s.at.Calling.Waiting.ID == "" || s.Facts.Closed != 0 || s.away() || x != nil && len(x.Silences) == maxStretches {
		return 0
	}
	return s.at.Calling.Waiting.At + awayAfter
}

// away reports whether the AI's silence is a fact already.
func (s *State) away() bool {
	x := s.Facts.Escalation
	return x != nil && len(x.Silences) > 0 && x.Silences[len(x.Silences)-1].UntilAt == 0
}

// hush notes that the AI has been silent for long by now.
func (s *State) hush(now policies.Millis) {
	at := s.awayAt()
	if at == 0 || now < at {
		return
	}
	x, w := own(&s.Facts.Escalation), s.at.Calling.Waiting
	x.Silences = append(slices.Clone(x.Silences), policies.Stretch{From: w.ID, FromAt: w.At})
}

// speakUp ends the AI's silence.
func (s *State) speakUp(id string, at policies.Millis) {
	if s.away() {
		x := own(&s.Facts.Escalation)
		x.Silences = end(slices.Clone(x.Silences), id, at)
	}
	s.at.Calling.Waiting = mark{}
}
