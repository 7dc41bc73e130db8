package session

import (
	"mingjian/policies"
)

// The two times that make a human request a request. Both are the catalogue's reading: clicking and
// typing the same wish within 10 s is one, and one taken back in words before 30 s is none.
const (
	sameWish   policies.Millis = 10_000
	withdrawal policies.Millis = 30_000
)

// asking is where the fold stands with requests for a person.
type asking struct {
	// Runs are the stretches of requests between which a person joined or priority was given.
	Runs []run `json:"runs,omitempty"`
	// Fresh: the next request begins a new run.
	Fresh bool `json:"fresh,omitempty"`
	// Recent are the unanswered requests that may still be withdrawn, oldest first; the last of a
	// run are the last here.
	Recent []request `json:"recent,omitempty"`
	// Wish is the newest request, as long as it was only clicked or only typed.
	Wish wish `json:"wish,omitzero"`
}

type run struct {
	N       int             `json:"n"`
	Third   string          `json:"third,omitempty"`
	ThirdAt policies.Millis `json:"third_at,omitempty"`
}

type request struct {
	At  policies.Millis `json:"at"`
	Run int             `json:"run"` // index in Runs
}

type wish struct {
	At      policies.Millis `json:"at"`
	Clicked bool            `json:"clicked,omitempty"`
	Half    bool            `json:"half,omitempty"` // its other form has not come yet
}

// requested takes a request for a person, clicked or typed.
func (a *asking) requested(f *policies.Facts, id string, at policies.Millis, clicked bool) {
	if a.Wish.Half && a.Wish.Clicked != clicked && at-a.Wish.At <= sameWish {
		a.Wish.Half = false
		return
	}
	a.Wish = wish{At: at, Clicked: clicked, Half: true}

	if len(a.Runs) == 0 || a.Fresh {
		a.Runs, a.Fresh = append(a.Runs, run{}), false
	}
	last := len(a.Runs) - 1
	r := &a.Runs[last]
	r.N++
	if r.N == 3 {
		r.Third, r.ThirdAt = id, at
	}
	a.forget(at)
	a.Recent = append(a.Recent, request{At: at, Run: last})
	a.count(f)

	if a.open(f) == nil {
		f.Human.Waits = append(f.Human.Waits, policies.Wait{Asked: id, AskedAt: at})
	}
}

// forget drops the requests that can no longer be withdrawn.
func (a *asking) forget(now policies.Millis) {
	n := 0
	for n < len(a.Recent) && now-a.Recent[n].At >= withdrawal {
		n++
	}
	a.Recent = append([]request(nil), a.Recent[n:]...)
}

// withdrawn takes back, in words, what was asked for in the last 30 s and not yet answered.
func (a *asking) withdrawn(f *policies.Facts, at policies.Millis) {
	a.forget(at)
	for _, r := range a.Recent {
		run := &a.Runs[r.Run]
		run.N--
		if run.N < 3 {
			run.Third, run.ThirdAt = "", 0
		}
	}
	a.Recent, a.Wish = nil, wish{}
	a.count(f)

	waits := f.Human.Waits
	for n := len(waits); n > 0 && waits[n-1].JoinedAt == 0 && at-waits[n-1].AskedAt < withdrawal; n-- {
		waits = waits[:n-1]
	}
	f.Human.Waits = waits
}

// count sums the runs up: the most requests in one, and the first third request of any.
func (a *asking) count(f *policies.Facts) {
	h := &f.Human
	h.Strikes, h.StrikeThree, h.StrikeThreeAt = 0, "", 0
	for _, r := range a.Runs {
		h.Strikes = max(h.Strikes, r.N)
		if h.StrikeThree == "" {
			h.StrikeThree, h.StrikeThreeAt = r.Third, r.ThirdAt
		}
	}
}

// refused notes that the service turned the open request away.
func (a *asking) refused(f *policies.Facts, id string, at policies.Millis) {
	if w := a.open(f); w != nil && w.RefusedAt == 0 {
		w.Refused, w.RefusedAt = id, at
	}
}

// prioritised ends the run of requests without answering it.
func (a *asking) prioritised() { a.Fresh = true }

// joined answers every open request: a person is there.
func (a *asking) joined(f *policies.Facts, id string, at policies.Millis) {
	a.Fresh, a.Recent = true, nil
	if w := a.open(f); w != nil {
		w.Joined, w.JoinedAt = id, at
	}
}

// ended ends an open wait with the session.
func (a *asking) ended(f *policies.Facts, at policies.Millis) {
	if w := a.open(f); w != nil {
		w.EndedAt = at
	}
}

// open is the wait that still runs.
func (a *asking) open(f *policies.Facts) *policies.Wait {
	if n := len(f.Human.Waits); n > 0 {
		if w := &f.Human.Waits[n-1]; w.JoinedAt == 0 && w.EndedAt == 0 {
			return w
		}
	}
	return nil
}
