package policies

import "slices"

// Queue is the queue for a person, and being put on hold; nil where there was neither.
type Queue struct {
	// Stays are the times in the queue, oldest first. Of more than 16 the later ones are left out.
	Stays []Stay `json:"stays"`
	// Silences are the stretches in the queue without news: from joining it, or from the last
	// handoff.queued, handoff.updated or text of the service that tells a place, a time or another way,
	// to the next of these or the end of the stay. Only those longer than every one before are kept, and
	// the one that is going on: whatever limit one breaks, a kept one broke it before.
	Silences []Stretch `json:"silences"`
	// Untold are the stretches in which the customer did not know the place in the queue or the expected
	// wait: from joining the queue, or from a change of it (handoff.updated) that came with neither, to
	// being told in a text or shown. Kept as Silences are. What was told in the service's turn
	// before the queue was joined counts as told at once.
	Untold []Stretch `json:"untold"`

	// LongestHoldS is the longest handoff.hold_s reported, in whole seconds (rounded up), and HeldS the
	// sum of all (each report is one hold); the events are those that brought them about.
	LongestHoldS  int    `json:"longest_hold_s"`
	LongestHold   string `json:"longest_hold"`
	LongestHoldAt Millis `json:"longest_hold_at"`
	HeldS         int    `json:"held_s"`
	Held          string `json:"held"`
	HeldAt        Millis `json:"held_at"`
}

// Stay is one time in the queue: from handoff.queued to a person joining, the customer's leaving the
// queue, a rejection, or the session's end.
type Stay struct {
	Queued   string `json:"queued"` // event_id
	QueuedAt Millis `json:"queued_at"`
	// Priority is the event that gave priority: that which queued the customer, or a later update.
	Priority   string `json:"priority"`
	PriorityAt Millis `json:"priority_at"`
	// Told is the first event by which the place or the expected wait was told, and ToldAfterMs how long
	// after joining the queue that was (0: with it, or before).
	Told        string `json:"told"`
	ToldAt      Millis `json:"told_at"`
	ToldAfterMs Millis `json:"told_after_ms"`
	// Position is the place in the queue as first reported (handoff.queue_position; 0: not reported).
	Position int `json:"position"`
	// Ended is the event that ended the stay ("" for a session closed by silence), and EndedAs how: joined,
	// abandoned, rejected, closed (by whom is in closed_by); "" while it goes on.
	Ended    string `json:"ended"`
	EndedAt  Millis `json:"ended_at"`
	EndedAs  string `json:"ended_as"`
	WaitedMs Millis `json:"waited_ms"` // of a stay that has ended
}

// Stretch is a time from one event to another.
type Stretch struct {
	From    string `json:"from"` // event_id
	FromAt  Millis `json:"from_at"`
	Until   string `json:"until"`
	UntilAt Millis `json:"until_at"` // 0 while it goes on
	// LastedMs is how long it was; 0 while it goes on.
	LastedMs Millis `json:"lasted_ms"`
}

func sameQueue(a, b *Queue) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return a.LongestHoldS == b.LongestHoldS && a.LongestHold == b.LongestHold && a.LongestHoldAt == b.LongestHoldAt &&
		a.HeldS == b.HeldS && a.Held == b.Held && a.HeldAt == b.HeldAt &&
		slices.Equal(a.Stays, b.Stays) && slices.Equal(a.Silences, b.Silences) && slices.Equal(a.Untold, b.Untold)
}
