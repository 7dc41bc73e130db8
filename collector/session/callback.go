package session

import (
	"slices"
	"time"

	"mingjian/collector/event"
	"mingjian/policies"
)

// maxCallbacks is how many calls back facts hold; nobody is promised more in one session.
const maxCallbacks = 8

// callBack notes calls back that were promised or made. A call is the oldest one that is promised and
// not made yet.
func (s *State) callBack(e *event.Event) {
	f := &s.Facts
	switch e.Kind {
	case event.CallbackPromised:
		f.Callbacks = withCall(f.Callbacks, policies.Callback{ID: e.ID, At: e.At, Due: dueOf(e.Callback)})
	case event.CallbackCompleted:
		i := slices.IndexFunc(f.Callbacks, func(c policies.Callback) bool { return c.DoneAt == 0 })
		if i < 0 {
			f.Callbacks = withCall(f.Callbacks, policies.Callback{At: e.At, Done: e.ID, DoneAt: e.At})
			return
		}
		f.Callbacks = slices.Clone(f.Callbacks)
		f.Callbacks[i].Done, f.Callbacks[i].DoneAt = e.ID, e.At
	}
}

func withCall(calls []policies.Callback, c policies.Callback) []policies.Callback {
	if len(calls) == maxCallbacks {
		return calls
	}
	return append(slices.Clone(calls), c)
}

// dueOf is when a call back falls due, 0 where that was not said. Decoding has seen that it is a moment.
func dueOf(d *event.Due) policies.Millis {
	if d == nil {
		return 0
	}
	at, err := time.Parse(time.RFC3339, d.Due)
	if err != nil {
		return 0
	}
	return at.UnixMilli()
}
