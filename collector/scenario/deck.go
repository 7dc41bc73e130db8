package scenario

import (
	"cmp"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
)

// deck deals scenarios so that every rule gets its share: of those with planted violations and of
// the near misses it goes round the rules, and takes one of the rule's scenarios at random.
type deck struct {
	planted, near round
	clean         []*Scenario
}

// round goes round the rules in an order that is shuffled anew each time.
type round struct {
	rules []string
	left  []string
	by    map[string][]*Scenario
}

func newDeck(list []*Scenario, rng *rand.Rand) (deck, error) {
	var d deck
	planted, near := map[string][]*Scenario{}, map[string][]*Scenario{}
	for _, s := range list {
		for _, rule := range s.Expect {
			planted[rule] = append(planted[rule], s)
		}
		if len(s.Expect) > 0 {
			continue
		}
		d.clean = append(d.clean, s)
		for _, rule := range s.ExpectNot {
			near[rule] = append(near[rule], s)
		}
	}
	if len(d.clean) == 0 {
		return d, errors.New("play scenarios: none of them is without violations, so none could pass for ordinary")
	}
	d.planted, d.near = newRound(planted), newRound(near)
	return d, nil
}

func newRound(by map[string][]*Scenario) round {
	return round{rules: slices.Sorted(maps.Keys(by)), by: by}
}

// draw deals the next scenario.
func (d *deck) draw(rng *rand.Rand) *Scenario {
	if rng.Float64() < plantedShare && len(d.planted.rules) > 0 {
		return d.planted.draw(rng)
	}
	if rng.Float64() < nearShare && len(d.near.rules) > 0 {
		return d.near.draw(rng)
	}
	return d.clean[rng.IntN(len(d.clean))]
}

func (r *round) draw(rng *rand.Rand) *Scenario {
	if len(r.left) == 0 {
		r.left = slices.Clone(r.rules)
		rng.Shuffle(len(r.left), func(i, j int) { r.left[i], r.left[j] = r.left[j], r.left[i] })
	}
	candidates := r.by[r.left[0]]
	r.left = r.left[1:]
	return candidates[rng.IntN(len(candidates))]
}

// quickest are the n scenarios with a planted violation that is complete soonest.
func (d *deck) quickest(n int) []*Scenario {
	seen := map[*Scenario]bool{}
	var all []*Scenario
	for _, rule := range d.planted.rules {
		for _, s := range d.planted.by[rule] {
			if !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *Scenario) int { return cmp.Compare(a.breaks, b.breaks) })
	return all[:min(n, len(all))]
}
