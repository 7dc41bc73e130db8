package scenario

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"mingjian/collector/event"
	"mingjian/collector/inspect"
	"mingjian/collector/session"
	"mingjian/policies"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func demo(t *testing.T, opts PlayOptions) *Player {
	t.Helper()
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if b, err = Tenants(b); err != nil {
		t.Fatal(err)
	}
	if opts.Now.IsZero() {
		opts.Now = noon
	}
	p, err := Demo(t.Context(), b, policies.Builtin(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type played struct {
	at    time.Time
	key   string
	value []byte
}

// take plays up to n messages.
func take(p *Player, n int) (out []played) {
	for range n {
		at, key, value, ok := p.Next()
		if !ok {
			break
		}
		out = append(out, played{at, key, value})
	}
	return out
}

// watched is a session as a collector holds it.
type watched struct {
	state *session.State
	truth truth
}

// watch lets an inspector see a stream as the collector would, with every deadline fired, and
// calls found for each finding that comes to stand.
func watch(t *testing.T, i *inspect.Inspector, stream []played, found func(rule string, at time.Time)) map[string]*watched {
	t.Helper()
	sessions := map[string]*watched{}
	for offset, m := range stream {
		e, reject := event.Decode([]byte(m.key), m.value, m.at)
		if reject != nil {
			t.Fatalf("%s: %v\n%s", m.key, reject, m.value)
		}
		w := sessions[m.key]
		if w == nil {
			w = &watched{state: i.Open(e)}
			sessions[m.key] = w
			if err := json.Unmarshal(e.Labels, &w.truth); err != nil {
				t.Fatalf("%s opens without ground truth: %v", m.key, err)
			}
		}
		if err := pass(t.Context(), i, w.state, m.at); err != nil {
			t.Fatal(err)
		}
		out, err := i.Next(t.Context(), w.state, e, event.Position{Offset: int64(offset)}, nothingStored)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range out.Changes {
			if c.Standing && found != nil {
				found(c.Rule, m.at)
			}
		}
	}
	return sessions
}

// ofItsDay are the rules that no session of any hour of today can break: one counts in business hours, one
// is of a law of 2027.
var ofItsDay = map[string]bool{"eu-finance-human-refused": true, "us-ca-human-slow": true}

// What is found in a long play is what was planted, no more and no less.
func TestPlayedIsFound(t *testing.T) {
	const sessions = 12_000
	i, _ := builtin(t)
	stream := take(demo(t, PlayOptions{Seed: 7, Sessions: sessions, History: 48 * time.Hour}), 1<<30)
	seen := watch(t, i, stream, nil)
	if len(seen) != sessions {
		t.Fatalf("%d sessions, want %d", len(seen), sessions)
	}
	type tally struct{ planted, near, right, wrong, missed int }
	rules := map[string]*tally{}
	of := func(rule string) *tally {
		if rules[rule] == nil {
			rules[rule] = &tally{}
		}
		return rules[rule]
	}
	dirty, open := 0, 0
	for key, w := range seen {
		if w.state.Facts.Closed == 0 {
			open++
		}
		if err := pass(t.Context(), i, w.state, noon.Add(horizon)); err != nil {
			t.Fatal(err)
		}
		if len(w.truth.Planted) > 0 {
			dirty++
		}
		for _, rule := range w.truth.Planted {
			of(rule).planted++
			if w.state.Found[rule].Standing {
				of(rule).right++
			} else {
				of(rule).missed++
				t.Errorf("%s (%s): %s was planted and not found", key, w.truth.Scenario, rule)
			}
		}
		for _, rule := range w.truth.Near {
			of(rule).near++
		}
		for rule, f := range w.state.Found {
			if f.Standing && !slices.Contains(w.truth.Planted, rule) {
				of(rule).wrong++
				t.Errorf("%s (%s): %s was found and not planted", key, w.truth.Scenario, rule)
			}
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		r := rules[rule]
		t.Logf("%-26s planted %4d, near misses %4d, found %4d, wrongly %d, missed %d", rule, r.planted, r.near, r.right, r.wrong, r.missed)
		if (r.planted < 20 && !ofItsDay[rule]) || r.near < 60 {
			t.Errorf("%s: %d planted and %d near misses; at least 20 and 60 are needed", rule, r.planted, r.near)
		}
	}
	b, err := policies.Load(policies.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range b.Rules {
		if rules[r.ID] == nil && !r.Indicator && !ofItsDay[r.ID] { // indicators judge days, not sessions
			t.Errorf("%s is neither planted nor nearly", r.ID)
		}
	}
	if share := float64(dirty) / sessions; share < 0.1 || share > 0.2 {
		t.Errorf("%.0f %% of the sessions break a rule; a demo is mostly clean", share*100)
	}
	if open == 0 {
		t.Error("every session is closed; some must be left to their deadlines")
	}
}

func TestPlayedWithLivePart(t *testing.T) {
	i, _ := builtin(t)
	p := demo(t, PlayOptions{Seed: 1, Live: true})
	stream := take(p, 16_000)
	last := stream[0].at
	live, first := 0, time.Time{}
	for _, m := range stream {
		if m.at.Before(last) {
			t.Fatalf("time goes back from %s to %s", last, m.at)
		}
		last = m.at
		if m.at.After(noon) {
			live++
		}
	}
	if live < 1000 {
		t.Fatalf("%d live messages; the stream must go on", live)
	}
	sessions := watch(t, i, stream, func(_ string, at time.Time) {
		if first.IsZero() && at.After(noon) {
			first = at
		}
	})
	if wait := first.Sub(noon); first.IsZero() || wait > 10*time.Second {
		t.Errorf("the first live violation came after %s", wait)
	}
	pace := float64(len(sessions)-demoSessions) / last.Sub(noon).Minutes()
	if pace < demoPace/2 || pace > demoPace*2 {
		t.Errorf("%.1f sessions a minute, want about %d", pace, demoPace)
	}

	// The history alone shows every rule at work.
	history := stream[:slices.IndexFunc(stream, func(m played) bool { return m.at.After(noon) })]
	planted := map[string]bool{}
	for _, m := range history {
		for _, rule := range sessions[m.key].truth.Planted {
			planted[rule] = true
		}
	}
	for _, w := range sessions {
		for _, rule := range w.truth.Planted {
			if !planted[rule] {
				t.Errorf("%s is not planted in the history", rule)
			}
		}
	}
	channels, lines, versions, industries, texts := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, m := range history {
		e, _ := event.Decode([]byte(m.key), m.value, m.at)
		if e.Text != "" {
			texts[e.Text] = true
		}
		if e.Kind != event.SessionOpened {
			continue
		}
		channels[e.Channel], lines[e.BusinessLine], industries[e.Industry] = true, true, true
		if e.Bot != nil {
			versions[e.Bot.Version] = true
		}
	}
	if len(channels) < 4 || len(lines) < 8 || len(versions) < 3 || len(industries) < 5 || len(texts) < 100 {
		t.Errorf("channels %v, lines %v, bot versions %v, industries %v, %d texts", channels, lines, versions, industries, len(texts))
	}
}

// What is planted in the history has come about by now, deadlines included.
func TestHistoryIsDue(t *testing.T) {
	i, _ := builtin(t)
	stream := take(demo(t, PlayOptions{Seed: 1, Sessions: 900, History: 10 * time.Minute}), 1<<30)
	history := slices.DeleteFunc(stream, func(m played) bool { return m.at.After(noon) })
	planted := 0
	for key, w := range watch(t, i, history, nil) {
		if err := pass(t.Context(), i, w.state, noon); err != nil {
			t.Fatal(err)
		}
		for _, rule := range w.truth.Planted {
			planted++
			if !w.state.Found[rule].Standing {
				t.Errorf("%s (%s): %s is not found by now", key, w.truth.Scenario, rule)
			}
		}
	}
	if planted < 20 {
		t.Errorf("only %d violations are planted", planted)
	}
}

func TestPlayIsDeterministic(t *testing.T) {
	play := func(opts PlayOptions) []played {
		opts.Live, opts.Sessions = true, 50
		return take(demo(t, opts), 1500)
	}
	same := func(a, b []played) bool {
		return slices.EqualFunc(a, b, func(x, y played) bool {
			return x.at.Equal(y.at) && x.key == y.key && string(x.value) == string(y.value)
		})
	}
	keys := func(list []played) map[string]bool {
		out := map[string]bool{}
		for _, m := range list {
			out[m.key] = true
		}
		return out
	}
	one := play(PlayOptions{Seed: 3})
	if !same(one, play(PlayOptions{Seed: 3})) {
		t.Error("the same seed played something else")
	}
	for name, opts := range map[string]PlayOptions{"another seed": {Seed: 4}, "a later start": {Seed: 3, Now: noon.Add(time.Second)}} {
		other := play(opts)
		if same(one, other) {
			t.Errorf("%s plays the same", name)
		}
		mine := keys(one)
		for key := range keys(other) {
			if mine[key] {
				t.Fatalf("%s: session %s was there before", name, key)
			}
		}
	}
}

func TestPlayerNeedsOrdinarySessions(t *testing.T) {
	if _, err := NewPlayer(nil, PlayOptions{}); err == nil {
		t.Error("nothing to play is no error")
	}
	list := parse(t, "- id: x\n  expect: []\n")
	if _, err := NewPlayer(list, PlayOptions{Live: true}); err == nil {
		t.Error("a live stream without a pace is no error")
	}
	p, err := NewPlayer(list, PlayOptions{Now: noon, Sessions: 2, History: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if got := take(p, 10); len(got) != 2 {
		t.Errorf("%d messages, want two openings", len(got))
	}
}
