//go:build chaos

package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Kills at random moments of random parts, at least a fair share of each, with both collectors at work.
func TestKilledAtRandomMoments(t *testing.T) {
	count, kills := setting(t, "MINGJIAN_CHAOS_INTERACTIONS", 100_000), setting(t, "MINGJIAN_CHAOS_KILLS", 12)
	s := newSystem(t, seeded(t))
	// A killed collector is missed by its group for ten seconds; the load goes on for as long as the kills.
	const perKill = 5 * time.Second
	rate := int(float64(count) / (time.Duration(kills) * perKill).Seconds())
	timeline := []step{{0, "a second collector comes", come(second)}}
	victims := shuffled(s.rng, kills)
	for i, name := range victims {
		at := (float64(i) + s.rng.Float64()) / float64(kills)
		timeline = append(timeline, step{at, fmt.Sprintf("kill %d: the %s", i+1, name), surely(name)})
	}
	s.trial(usual, count, rate, timeline)
	for name, least := range map[string]int{broker: kills * 3 / 10, engine: kills * 3 / 10} {
		if n := s.parts[name].kills(); n < least {
			t.Errorf("%s was killed %d times, want %d at least", name, n, least)
		}
	}
	if n := s.parts[first].kills() + s.parts[second].kills(); n < kills*3/10 {
		t.Errorf("collectors were killed %d times, want %d at least", n, kills*3/10)
	}
}

// shuffled gives so many victims in a random order, a third of each kind and of collectors either.
func shuffled(rng *rand.Rand, n int) []string {
	collectors := []string{first, second}
	var out []string
	for i := range n {
		out = append(out, []string{broker, engine, collectors[i/3%2]}[i%3])
	}
	rng.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return slices.Clip(out)
}

// surely kills a part once it runs: it may just be starting again.
func surely(name string) func(*system) {
	return func(s *system) {
		for p, before := s.parts[name], s.parts[name].kills(); p.kills() == before; time.Sleep(10 * time.Millisecond) {
			p.kill()
		}
	}
}

// The disturbances that take their time, each as a timeline.
var trials = []struct {
	name     string
	disks    []string // that can be filled
	disorder disorder
	timeline []step
}{
	{"partitions move between two collectors", nil, usual, []step{
		{0.10, "a second collector comes", come(second)},
		{0.30, "the first leaves", leave(first)},
		{0.40, "the first comes back", come(first)},
		{0.55, "the first is frozen with what it has in hand", freeze(first)},
		{0.56, "the group takes it for dead", pause(15 * time.Second)},
		{0.75, "it goes on as if nothing had been", thaw(first)},
		{0.85, "the second leaves", leave(second)},
	}},
	{"the engine is away while interactions keep coming", nil, usual, []step{
		{0.15, "the engine is gone", leave(engine)},
		{0.50, "and stays away", pause(30 * time.Second)},
		{0.85, "the engine comes back", come(engine)},
	}},
	{"the engine is slow", nil, usual, []step{
		{0.10, "the engine works a tenth of the time", slow(engine)},
		{0.90, "the engine is itself again", fast(engine)},
	}},
	{"the engine's disk is full", []string{engine}, usual, []step{
		{0.20, "its disk is full", fill(engine)},
		{0.40, "and stays full", pause(15 * time.Second)},
		{0.60, "there is room again", empty(engine)},
	}},
	{"the broker's disk is full", []string{broker}, usual, []step{
		{0.20, "its disk is full", fill(broker)},
		{0.20, "for a while", later(10*time.Second, empty(broker))},
		{0.60, "it is full again", fill(broker)},
		{0.60, "and it is killed meanwhile", later(5*time.Second, kill(broker))},
		{0.60, "until there is room", later(10*time.Second, empty(broker))},
	}},
	{"events come late, again and out of order", nil, disorder{late: 0.2, again: 0.2}, []step{
		{0.50, "a collector is killed", kill(first)},
	}},
}

func TestDisturbances(t *testing.T) {
	for _, tr := range trials {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel() // each waits most of its time
			s := newSystem(t, seeded(t))
			for _, name := range tr.disks {
				s.giveDisk(name)
			}
			s.trial(tr.disorder, 20_000, 1_500, tr.timeline)
		})
	}
}

// Conversations of this hour, and collectors whose clocks jump: what a wrong clock brought too early follows
// no longer when the events come, and what it kept back comes when it is right.
func TestClocksJump(t *testing.T) {
	s := newSystem(t, seeded(t))
	const years = 400 * 24 * time.Hour // until the last deadline of these conversations has passed
	now := time.Now()
	s.run(usual, now.Add(-time.Hour), now.Add(years), 20_000, 1_000, []step{
		{0.20, "two days ahead", jump(48 * time.Hour)},
		{0.25, "nothing comes, and deadlines fall due", pause(5 * time.Second)},
		{0.40, "seven hours back", jump(-7 * time.Hour)},
		{0.60, "a month ahead", jump(31 * 24 * time.Hour)},
		{0.65, "nothing comes, and deadlines fall due", pause(5 * time.Second)},
		{0.70, "a collector is killed", kill(first)},
		{0.80, "right again", jump(0)},
		{1.00, "and years later", jump(years)},
	})
}
