package scenario

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"mingjian/collector/inspect"
	"mingjian/policies"
)

// PlayOptions say what a Player plays.
type PlayOptions struct {
	Seed uint64
	// Now divides history, which lies before it, from live sessions. It is part of every session id,
	// so that playing again at another time adds sessions and playing at the same adds none.
	Now time.Time
	// History is the time over which the sessions before Now are spread, and Sessions their number.
	// Sessions that were planned within it but last longer go on after Now.
	History  time.Duration
	Sessions int
	// Live goes on with new sessions after Now without end, SessionsPerMinute on average.
	Live              bool
	SessionsPerMinute float64
}

// What a demo shows unless told otherwise: enough history for every rule to have been broken, and a
// pace at which a person can follow.
const (
	demoHistory = 8 * time.Hour
	// demoSessions are enough for a day of each line to be judged by its indicators, also where midnight halves the history.
	demoSessions = 2000
	demoPace     = 10 // sessions a minute
)

// plantedShare is the share of sessions with planted violations; of the rest nearShare come close to
// breaking a rule.
const (
	plantedShare = 0.15
	nearShare    = 0.8
)

// openers is how many of the quickest violations open a live stream, so that whoever watches sees one
// within seconds, and opening the pause between them; other sessions follow after that.
const (
	openers = 3
	opening = 2 * time.Second
)

// Player plays scenarios as the overlapping sessions of a contact centre, in time order. What it
// plays depends on the scenarios and the options alone. It is not safe for concurrent use.
type Player struct {
	opts   PlayOptions
	stamp  string // tells plays at different times apart
	rng    *rand.Rand
	deck   deck
	ahead  []plan // sessions to come, in order of their start
	n      int    // sessions begun
	queued queue
	live   time.Time // when the live session after those in ahead begins
}

// plan is a session to come.
type plan struct {
	start    time.Time
	scenario *Scenario
}

// Demo is the Player of a bundle's own scenarios: those below scenarios/ in fsys that Lasting keeps.
// Options that are zero take the demo's values.
func Demo(ctx context.Context, b *policies.Bundle, fsys fs.FS, opts PlayOptions) (*Player, error) {
	list, _, err := Load(fsys, "scenarios")
	if err != nil {
		return nil, err
	}
	i, err := inspect.New(b)
	if err != nil {
		return nil, err
	}
	if list, err = Lasting(ctx, i, list); err != nil {
		return nil, err
	}
	opts.History = cmp.Or(opts.History, demoHistory)
	opts.Sessions = cmp.Or(opts.Sessions, demoSessions)
	opts.SessionsPerMinute = cmp.Or(opts.SessionsPerMinute, demoPace)
	return NewPlayer(list, opts)
}

// NewPlayer prepares a play. The labels that it stamps are ground truth only for scenarios that
// Lasting keeps.
func NewPlayer(list []*Scenario, opts PlayOptions) (*Player, error) {
	if opts.Live && opts.SessionsPerMinute <= 0 {
		return nil, errors.New("play scenarios: a live stream needs more than 0 sessions a minute")
	}
	rng := rand.New(rand.NewPCG(opts.Seed, 0))
	deck, err := newDeck(list, rng)
	if err != nil {
		return nil, err
	}
	p := &Player{opts: opts, stamp: strconv.FormatInt(opts.Now.UnixMilli(), 36), rng: rng, deck: deck, live: opts.Now.Add(openers * opening)}
	p.planHistory()
	if opts.Live {
		for i, s := range p.deck.quickest(openers) {
			p.ahead = append(p.ahead, plan{opts.Now.Add(time.Duration(i)*opening + opening/2), s})
		}
	}
	slices.SortStableFunc(p.ahead, func(a, b plan) int { return a.start.Compare(b.start) })
	return p, nil
}

// goesOn is how long a session may go on after Now: some are open then, as in life, but those that hang
// on deadlines of days are begun days before.
const goesOn = 15 * time.Minute

// planHistory spreads sessions over the time before Now. One with a planted violation, or of days, is
// begun early enough to be over by Now.
func (p *Player) planHistory() {
	slot := float64(p.opts.History) / float64(max(1, p.opts.Sessions))
	from := p.opts.Now.Add(-p.opts.History)
	for i := range p.opts.Sessions {
		start := from.Add(time.Duration((float64(i) + p.rng.Float64()) * slot))
		s := p.deck.draw(p.rng)
		if last := p.opts.Now.Add(-s.Until - leadIn); (len(s.Expect) > 0 || s.Until > goesOn) && start.After(last) {
			start = last
		}
		p.ahead = append(p.ahead, plan{start, s})
	}
}

// Next gives the next message: when it is said, the session it belongs to (the stream's key), and its
// value. Moments never go back. Without Live, ok is false once every session has been played.
func (p *Player) Next() (at time.Time, key string, value []byte, ok bool) {
	for {
		start, more := p.upcoming()
		if more && (len(p.queued) == 0 || !p.queued[0].At.Before(start)) {
			p.begin()
			continue
		}
		if len(p.queued) == 0 {
			return time.Time{}, "", nil, false
		}
		next := heap.Pop(&p.queued).(cue)
		return next.At, next.key, next.Value, true
	}
}

// upcoming is when the next session begins.
func (p *Player) upcoming() (time.Time, bool) {
	if len(p.ahead) == 0 && p.opts.Live {
		gap := time.Duration(float64(time.Minute) / p.opts.SessionsPerMinute * min(3, p.rng.ExpFloat64()))
		p.live = p.live.Add(gap)
		p.ahead = append(p.ahead, plan{p.live, p.deck.draw(p.rng)})
	}
	if len(p.ahead) == 0 {
		return time.Time{}, false
	}
	return p.ahead[0].start, true
}

// begin queues the messages of the next session.
func (p *Player) begin() {
	next := p.ahead[0]
	p.ahead = p.ahead[1:]
	p.n++
	key := fmt.Sprintf("demo-%d-%s-%d", p.opts.Seed, p.stamp, p.n)
	// Each session varies by its own number, so that what it says does not hang on the others.
	for i, m := range cast(next.scenario, key, next.start, rand.New(rand.NewPCG(p.opts.Seed, uint64(p.n)))) {
		heap.Push(&p.queued, cue{Message: m, key: key, session: p.n, n: i})
	}
}

// cue is a message waiting for its moment.
type cue struct {
	Message
	key        string
	session, n int
}

// queue is a heap of cues in time order; of equal moments the older session's comes first.
type queue []cue

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.session, b.session), cmp.Compare(a.n, b.n)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is for container/heap.
func (q *queue) Push(x any) { *q = append(*q, x.(cue)) }

// Pop is for container/heap.
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = cue{}
	*q = old[:len(old)-1]
	return last
}
