package event

import "slices"

// FlagErased is the value of Event.Flags on what is left of an event whose person was erased.
const FlagErased = "erased"

// Erased is what may be kept of an event of an erased person: that it came, when, and of what kind.
func (e *Event) Erased() *Event {
	return &Event{ID: e.ID, SessionID: e.SessionID, At: e.At, Kind: e.Kind, Flags: []string{FlagErased}}
}

// IsErased reports whether flags are those of an erased event.
func IsErased(flags []string) bool { return slices.Contains(flags, FlagErased) }
