package policies

import "slices"

// Promises are the service's dated undertakings for this customer; nil while there was none.
type Promises struct {
	// Open are those that were not kept by the moment they named, or may yet be, oldest first. Those
	// that were kept in time are not held: no rule can tell them from none. Of more than 16, those due
	// the latest are left out.
	Open []Undertaking `json:"open"`
	// Undated is the field that a reported promise lacked: promise.due or callback.due.
	Undated string `json:"undated"`
}

// Undertaking is one promise with its moment.
type Undertaking struct {
	Made   string      `json:"made"`
	MadeAt Millis      `json:"made_at"`
	By     PromiseForm `json:"by"`
	What   string      `json:"what"` // as reported, its first 64 bytes
	Due    Millis      `json:"due"`
	// Kept is the event that kept it too late.
	Kept   string `json:"kept"`
	KeptAt Millis `json:"kept_at"`
}

// PromiseForm is how a promise became known.
type PromiseForm string

// A promise was reported as one, reported as a call back, or read from a text.
const (
	ReportedPromise PromiseForm = "promise"
	ReportedCall    PromiseForm = "callback"
	SaidPromise     PromiseForm = "text"
)

func samePromises(a, b *Promises) bool {
	return a == b || a != nil && b != nil && a.Undated == b.Undated && slices.Equal(a.Open, b.Open)
}
