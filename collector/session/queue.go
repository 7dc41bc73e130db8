package session

import (
	"math"
	"slices"

	"mingjian/collector/event"
	"mingjian/collector/signal"
	"mingjian/policies"
)

// What is kept of an endless or hostile queue. No real session comes near.
const (
	maxStays     = 16
	maxStretches = 16
	// maxHeldS is where hold times stop adding up: a week.
	maxHeldS = 7 * 24 * 60 * 60
)

// queueing is where the fold stands with the queue, beside what the facts tell.
type queueing struct {
	// Told is the service's newest text that told a place or a time, until the customer spoke: what is
	// said just before the queue is joined tells as well as what is said in it.
	Told   string
	ToldAt policies.Millis
}

// queue follows the customer through the queue and on hold.
func (s *State) queue(e *event.Event, found signal.Set) {
	s.hold(e)
	switch told := tellsQueue(e, found); {
	case e.Kind == event.SessionClosed:
		s.leaveQueue(e.ID, e.At, "closed")
	case cameIn(e):
		s.leaveQueue(e.ID, e.At, "joined")
	case e.Kind == event.HandoffRejected:
		s.leaveQueue(e.ID, e.At, "rejected")
	case e.Kind == event.HandoffAbandoned:
		s.leaveQueue(e.ID, e.At, "abandoned")
	case e.Kind == event.HandoffQueued, e.Kind == event.HandoffUpdated:
		s.moveInQueue(e, told)
	case e.Kind == event.Message && e.Actor.Role == event.CustomerRole:
		s.at.Queueing = queueing{}
	case e.Kind == event.Message && ofService(e.Actor):
		s.speakInQueue(e, told, told || found&wayOn != 0)
	}
}

// tellsQueue reports whether an event tells the place in the queue or the expected wait, in words or
// shown.
func tellsQueue(e *event.Event, found signal.Set) bool {
	return found&signal.TellsQueue != 0 || e.Handoff != nil && (e.Handoff.QueuePosition != nil || e.Handoff.WaitS != nil)
}

// stay is the stay in the queue that goes on: its place in the list, -1 if there is none.
func stay(q *policies.Queue) int {
	if q == nil || len(q.Stays) == 0 || q.Stays[len(q.Stays)-1].EndedAs != "" {
		return -1
	}
	return len(q.Stays) - 1
}

// moveInQueue takes what is reported of the customer's place: joining the queue, or a change of it.
func (s *State) moveInQueue(e *event.Event, told bool) {
	at := stay(s.Facts.Queue)
	if at < 0 && (e.Kind != event.HandoffQueued || s.Facts.Queue != nil && len(s.Facts.Queue.Stays) == maxStays) {
		return
	}
	q := s.ownQueue()
	if at < 0 {
		q.Stays = append(q.Stays, policies.Stay{Queued: e.ID, QueuedAt: e.At})
		at = len(q.Stays) - 1
		if earlier := s.at.Queueing; earlier.Told != "" && !told {
			q.Stays[at].Told, q.Stays[at].ToldAt = earlier.Told, earlier.ToldAt
		} else {
			q.Untold = begin(q.Untold, e)
		}
	} else {
		q.Silences = end(q.Silences, e.ID, e.At)
		if e.Handoff == nil || e.Handoff.HoldS == nil {
			q.Untold = begin(q.Untold, e)
		}
	}
	q.Silences = begin(q.Silences, e)
	if h := e.Handoff; h != nil {
		if h.Priority && q.Stays[at].Priority == "" {
			q.Stays[at].Priority, q.Stays[at].PriorityAt = e.ID, e.At
		}
		if h.QueuePosition != nil && q.Stays[at].Position == 0 {
			q.Stays[at].Position = *h.QueuePosition
		}
	}
	if told {
		tellInQueue(q, at, e)
	}
	s.at.Queueing = queueing{}
}

// speakInQueue takes a text of the service: news is what tells a place, a time or another way.
func (s *State) speakInQueue(e *event.Event, told, news bool) {
	at := stay(s.Facts.Queue)
	switch {
	case at < 0 && told:
		s.at.Queueing = queueing{Told: e.ID, ToldAt: e.At}
	case at >= 0 && news:
		q := s.ownQueue()
		q.Silences = begin(end(q.Silences, e.ID, e.At), e)
		if told {
			tellInQueue(q, at, e)
		}
	}
}

func tellInQueue(q *policies.Queue, at int, e *event.Event) {
	q.Untold = end(q.Untold, e.ID, e.At)
	if y := &q.Stays[at]; y.Told == "" {
		y.Told, y.ToldAt, y.ToldAfterMs = e.ID, e.At, e.At-y.QueuedAt
	}
}

// leaveQueue ends the stay in the queue.
func (s *State) leaveQueue(id string, at policies.Millis, as string) {
	i := stay(s.Facts.Queue)
	if i < 0 {
		return
	}
	q := s.ownQueue()
	y := &q.Stays[i]
	y.Ended, y.EndedAt, y.EndedAs, y.WaitedMs = id, at, as, at-y.QueuedAt
	q.Silences, q.Untold = end(q.Silences, id, at), end(q.Untold, id, at)
}

// hold adds up how long the customer was put on hold.
func (s *State) hold(e *event.Event) {
	if e.Handoff == nil || e.Handoff.HoldS == nil || *e.Handoff.HoldS <= 0 {
		return
	}
	seconds := int(math.Ceil(min(*e.Handoff.HoldS, maxHeldS)))
	q := s.ownQueue()
	if seconds > q.LongestHoldS {
		q.LongestHoldS, q.LongestHold, q.LongestHoldAt = seconds, e.ID, e.At
	}
	if q.HeldS < maxHeldS {
		q.HeldS, q.Held, q.HeldAt = min(q.HeldS+seconds, maxHeldS), e.ID, e.At
	}
}

// ownQueue gives the queue's facts to write into.
func (s *State) ownQueue() *policies.Queue {
	q := own(&s.Facts.Queue)
	q.Stays, q.Silences, q.Untold = slices.Clone(q.Stays), slices.Clone(q.Silences), slices.Clone(q.Untold)
	return q
}

// begin opens a stretch at an event, unless one goes on.
func begin(list []policies.Stretch, e *event.Event) []policies.Stretch {
	n := len(list)
	if n > 0 && list[n-1].UntilAt == 0 || n == maxStretches {
		return list
	}
	return append(list, policies.Stretch{From: e.ID, FromAt: e.At})
}

// end closes the stretch that goes on, and leaves it out if an earlier one was as long.
func end(list []policies.Stretch, id string, at policies.Millis) []policies.Stretch {
	n := len(list)
	if n == 0 || list[n-1].UntilAt != 0 {
		return list
	}
	last := &list[n-1]
	last.Until, last.UntilAt, last.LastedMs = id, at, at-last.FromAt
	if longest := n == 1 || last.LastedMs > list[n-2].LastedMs; last.LastedMs == 0 || !longest {
		return list[:n-1]
	}
	return list
}
