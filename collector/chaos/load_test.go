package chaos_test

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/redact"
	"mingjian/collector/scenario"
	"mingjian/policies"
)

const (
	// chunkSessions is how many conversations are made up at a time, and chunkTime the time over which
	// they begin: about one every two seconds, so that thousands overlap.
	chunkSessions = 250
	chunkTime     = 8 * time.Minute
	// farthest is how many messages later than its turn one comes at most: more than a batch holds.
	farthest = 15_000
)

// disorder is how much of a load comes otherwise than it was said.
type disorder struct {
	late, again float64 // shares of the messages
}

// usual is what every load has of it.
var usual = disorder{late: 0.005, again: 0.01}

// want is what must come of a conversation.
type want struct {
	events   int
	findings string // what stands, a line each
}

// load makes conversations up, in the order in which they come, and knows what must come of each: the
// same inspector that the collector has looks at each as a whole, in order, without broker or database.
type load struct {
	t         testing.TB
	seed      uint64
	disorder  disorder
	inspector *inspect.Inspector
	scenarios []*scenario.Scenario
	rng       *rand.Rand
	at        time.Time // when the next chunk begins
	now       time.Time // at which all deadlines have passed
	said      turns     // made up, not sent: in the order in which it is said
	held      turns     // kept back, in the order in which it comes
	given     int
	want      map[string]want // by session
}

// turn is a message that waits for its turn.
type turn struct {
	at, n      int64
	key, value []byte
	steady     bool // its session has events of equal moments, whose order counts
}

func newLoad(t testing.TB, bundle *policies.Bundle, seed uint64, d disorder, from, now time.Time) *load {
	t.Helper()
	list, _, err := scenario.Load(policies.Builtin(), "scenarios")
	if err != nil {
		t.Fatalf("read the shipped scenarios: %v", err)
	}
	inspector, err := inspect.New(bundle)
	if err != nil {
		t.Fatalf("prepare the rules: %v", err)
	}
	// Those that hang on a date of their own are not played; what holds on any day need not be known.
	list = slices.DeleteFunc(list, func(s *scenario.Scenario) bool { return s.OwnStart })
	return &load{t: t, seed: seed, disorder: d, inspector: inspector, scenarios: list, at: from, now: now,
		rng: rand.New(rand.NewPCG(seed, 1)), want: map[string]want{}}
}

// events is how many different ones there are in all.
func (l *load) events() (n int) {
	for _, w := range l.want {
		n += w.events
	}
	return n
}

// next gives the next message. It has no end.
func (l *load) next() (key, value []byte) {
	for {
		if len(l.held) > 0 && l.held[0].at <= int64(l.given) {
			m := heap.Pop(&l.held).(turn)
			l.given++
			return m.key, m.value
		}
		m := l.say()
		if p := l.rng.Float64(); !m.steady && p < l.disorder.late {
			l.hold(m)
			continue
		} else if p > 1-l.disorder.again {
			l.hold(m)
		}
		l.given++
		return m.key, m.value
	}
}

// rest gives what is kept back once nothing else is said: the conversations that have begun are led to
// their end, and no other begins.
func (l *load) rest(each func(key, value []byte)) {
	for len(l.said) > 0 {
		m := heap.Pop(&l.said).(turn)
		each(m.key, m.value)
	}
	for len(l.held) > 0 {
		m := heap.Pop(&l.held).(turn)
		each(m.key, m.value)
	}
}

func (l *load) hold(m turn) {
	m.at, m.n = int64(l.given+1+l.rng.IntN(farthest)), int64(len(l.held))
	heap.Push(&l.held, m)
}

// say gives what is said next, however it comes.
func (l *load) say() turn {
	for len(l.said) == 0 || l.said[0].at >= l.at.UnixMilli() {
		l.makeUp()
	}
	return heap.Pop(&l.said).(turn)
}

// makeUp adds a chunk of conversations.
func (l *load) makeUp() {
	l.at = l.at.Add(chunkTime)
	messages := map[string][]inspect.Placed{}
	turns := map[string][]turn{}
	player, err := scenario.NewPlayer(l.scenarios, scenario.PlayOptions{Seed: l.rng.Uint64(), Now: l.at, History: chunkTime, Sessions: chunkSessions})
	if err != nil {
		l.t.Fatal(err)
	}
	for n := int64(0); ; n++ {
		at, key, value, ok := player.Next()
		if !ok {
			break
		}
		e, reject := event.Decode([]byte(key), value, l.now)
		if reject != nil {
			l.t.Fatalf("a made-up event is refused: %v: %s", reject, value)
		}
		redact.Event(e, nil)
		messages[key] = append(messages[key], inspect.Placed{Event: e, Offset: n})
		turns[key] = append(turns[key], turn{at: at.UnixMilli(), n: n, key: []byte(key), value: value})
	}
	for _, id := range slices.Sorted(maps.Keys(messages)) {
		l.want[id] = l.foresee(messages[id])
		steady := !slices.IsSortedFunc(messages[id], func(a, b inspect.Placed) int { return cmp.Or(cmp.Compare(a.Event.At, b.Event.At), -1) })
		for _, m := range turns[id] {
			m.steady = steady
			heap.Push(&l.said, m)
		}
	}
}

// foresee says what must come of a conversation.
func (l *load) foresee(events []inspect.Placed) want {
	state := l.inspector.Open(events[0].Event)
	if err := l.inspector.Fold(state, events, l.now.UnixMilli()); err != nil {
		l.t.Fatalf("fold %s: %v", state.ID, err)
	}
	if err := l.inspector.Judge(context.Background(), state); err != nil {
		l.t.Fatalf("judge %s: %v", state.ID, err)
	}
	if state.Facts.Closed == 0 || state.Due != 0 {
		l.t.Fatalf("conversation %s is not over at %v", state.ID, l.now)
	}
	var lines []string
	for rule, f := range state.Found {
		if f.Standing {
			lines = append(lines, line(rule, string(f.Finding.Severity), string(f.Finding.Status), f.Finding.Subject, f.Finding.At, string(f.Finding.Facts)))
		}
	}
	return want{events: len(events), findings: together(lines)}
}

// line is a finding without what tells only when it was written.
func line(rule, severity, status, subject string, at int64, facts string) string {
	return fmt.Sprintf("%s %s %s %s %d %s", rule, severity, status, subject, at, facts)
}

func together(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// turns is a heap of them.
type turns []turn

func (h turns) Len() int { return len(h) }

func (h turns) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].at, h[j].at), cmp.Compare(h[i].n, h[j].n)) < 0
}

func (h turns) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *turns) Push(x any) { *h = append(*h, x.(turn)) }

// Pop implements heap.Interface.
func (h *turns) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = turn{}
	*h = old[:len(old)-1]
	return last
}
