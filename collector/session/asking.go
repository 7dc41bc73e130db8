package session

import (
	"slices"

	"mingjian/policies"
)

// The two times that make a human request a request. Both are the catalogue's reading: clicking and
// typing the same wish within 10 s is one, and one taken back in words before 30 s is none.
const (
	sameWish   policies.Millis = 10_000
	withdrawal policies.Millis = 30_000
)

// What an endless or hostile session may make the state hold. No real conversation comes near:
// the bounds keep the state, its snapshot and each check small.
const (
	maxWaits  = 64
	maxRecent = 64
	// maxStrikes is where counting stops; each further request would be a new version of a finding.
	maxStrikes = 99
)

// asking is where the fold stands with requests for a person. Stretches of requests between which a
// person joined or priority was given are runs.
type asking struct {
	Past run   // what the runs that are over came to
	Runs []run // those that may still change: the last, and any with a recent request
	// Fresh: the next request begins a new run.
	Fresh bool
	// Recent are the unanswered requests that may still be withdrawn, oldest first; the last of a
	// run are the last here.
	Recent []request
	// Wish is the newest request, as long as it was only clicked or only typed.
	Wish wish
	// Offer is how far the service has come towards meeting the open wait.
	Offer offer
}

// offer is what the service has made of a request.
type offer int

const (
	noOffer  offer = iota
	offered        // a person was offered, and the customer has not spoken since
	underway       // the hand-over has begun: announced, or queued
)

type run struct {
	N       int
	Third   string
	ThirdAt policies.Millis
}

type request struct {
	At  policies.Millis
	Run int // index in Runs
}

type wish struct {
	At      policies.Millis
	Clicked bool
	Half    bool // its other form has not come yet
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
	a.forget(at)
	last := len(a.Runs) - 1
	if r := &a.Runs[last]; r.N < maxStrikes {
		r.N++
		if r.N == 3 {
			r.Third, r.ThirdAt = id, at
		}
		a.Recent = append(a.Recent, request{At: at, Run: last})
	}
	a.count(f)

	a.Offer = noOffer
	if a.open(f) != nil {
		return
	}
	if len(f.Human.Waits) == maxWaits {
		f.Human.Waits = spared(f.Human.Waits)
	}
	if len(f.Human.Waits) < maxWaits {
		f.Human.Waits = append(f.Human.Waits, policies.Wait{Asked: id, AskedAt: at})
	}
}

// spared leaves out the latest answered wait that was no longer than an earlier one, if there is any:
// whatever limit it broke, the earlier broke before it.
func spared(waits []policies.Wait) []policies.Wait {
	longest, at := policies.Millis(-1), -1
	for i, w := range waits {
		switch {
		case w.JoinedAt == 0:
		case w.WaitedMs <= longest:
			at = i
		default:
			longest = w.WaitedMs
		}
	}
	if at < 0 {
		return waits
	}
	return slices.Delete(waits, at, at+1)
}

// forget drops the requests that can no longer be withdrawn, and then the runs that can no longer
// change.
func (a *asking) forget(now policies.Millis) {
	n := max(0, len(a.Recent)-maxRecent+1)
	for n < len(a.Recent) && now-a.Recent[n].At >= withdrawal {
		n++
	}
	a.Recent = slices.Delete(a.Recent, 0, n)

	over := len(a.Runs) - 1
	if len(a.Recent) > 0 {
		over = a.Recent[0].Run
	}
	if over <= 0 {
		return
	}
	for _, r := range a.Runs[:over] {
		a.Past.add(r)
	}
	a.Runs = slices.Delete(a.Runs, 0, over)
	for i := range a.Recent {
		a.Recent[i].Run -= over
	}
}

// add takes a later run into account: the most requests in one, and the first third request of any.
func (r *run) add(later run) {
	r.N = max(r.N, later.N)
	if r.Third == "" {
		r.Third, r.ThirdAt = later.Third, later.ThirdAt
	}
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

// declined hears a “no need” that does not say what for. It takes the request back, unless the service
// has turned that away: then it may be what was put in its place that is not needed.
func (a *asking) declined(f *policies.Facts, at policies.Millis) {
	if w := a.open(f); w != nil && w.RefusedAt == 0 {
		a.withdrawn(f, at)
	}
}

// count sums the runs up.
func (a *asking) count(f *policies.Facts) {
	sum := a.Past
	for _, r := range a.Runs {
		sum.add(r)
	}
	f.Human.Strikes, f.Human.StrikeThree, f.Human.StrikeThreeAt = sum.N, sum.Third, sum.ThirdAt
}

// advanced notes that the service offered a person, or began the hand-over.
func (a *asking) advanced(o offer) { a.Offer = max(a.Offer, o) }

// answered notes that the customer spoke: what was only offered is the past.
func (a *asking) answered() {
	if a.Offer == offered {
		a.Offer = noOffer
	}
}

// passedOver notes a bot text that neither offers a person nor begins a hand-over. Small talk during
// a hand-over, and what a bot adds to its offer, turn nobody away.
func (a *asking) passedOver(f *policies.Facts, id string, at policies.Millis) {
	if a.Offer == noOffer {
		a.refused(f, id, at)
	}
}

// refused notes that the service turned the open request away.
func (a *asking) refused(f *policies.Facts, id string, at policies.Millis) {
	a.Offer = noOffer
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
		w.Joined, w.JoinedAt, w.WaitedMs = id, at, at-w.AskedAt
	}
}

// ended ends an open wait with the session.
func (a *asking) ended(f *policies.Facts, at policies.Millis) {
	if w := a.open(f); w != nil {
		w.EndedAt, w.WaitedMs = at, at-w.AskedAt
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
