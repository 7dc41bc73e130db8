package policies

// Access is the way in for elders and for customers with an accessible need.
type Access struct {
	// NeedsReported: customer.needs was reported, be it empty.
	NeedsReported bool `json:"needs_reported"`
	// NoChannel is the event with which it was known that a customer with an accessible need is served and
	// that the entrance offers no accessible channel; "" while that is not so.
	NoChannel   string `json:"no_channel"`
	NoChannelAt Millis `json:"no_channel_at"`
	// Turn is the first turn of the AI between an elder's asking for a person and one joining
	// that did not serve the hand-over.
	Turn   string `json:"turn"`
	TurnAt Millis `json:"turn_at"`
}

// Ending is how the session was at its end; nil before.
type Ending struct {
	// SilentMs runs from the customer's last event, or the opening where there was none, to the end.
	SilentMs Millis `json:"silent_ms"`
	// Person: a person was serving. Tries counts that person's texts since the customer's last event; 2
	// is two or more.
	Person bool `json:"person"`
	Tries  int  `json:"tries"`
	// Goodbye: both sides had said goodbye.
	Goodbye bool `json:"goodbye"`
	// Ticket is the first event that carried a ticket_id, also after the end; "" while none has.
	Ticket string `json:"ticket"`
}
