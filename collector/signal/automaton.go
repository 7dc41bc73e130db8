package signal

import (
	"slices"
)

// automaton finds all literals in one pass (Aho and Corasick, 1975). States near the root, where most
// bytes of a text lead, have a whole row of a table; the many others have their few ways on as a list,
// and fall back where none fits. So it takes a few megabytes, not a hundred.
type automaton struct {
	class   [256]uint8 // bytes that are in no literal share class 0
	classes uint32
	rows    []uint32 // of the states below dense, by state × classes + class: the state that follows
	dense   uint32
	// Of the other states, by state − dense:
	first []uint32 // where its ways on begin in ways; one more at the end
	fail  []uint32
	ways  []way
	ends  [][]int32 // by state: the literals that end there, longest first
	// ending are the states where any does. Most bytes lead to none, and looking into ends for each
	// took a third of a pass: it is too large to be near.
	ending numbers
}

type way struct {
	to    uint32
	class uint8
}

// numbers is a set of small numbers, packed: what is asked of it for every byte stays close by.
type numbers []uint64

// numbersTo is an empty set of numbers below n.
func numbersTo(n int) numbers { return make(numbers, (n+63)/64) }

func (s numbers) has(n int) bool { return s[n>>6]&(1<<(n&63)) != 0 }

func (s numbers) add(n int) { s[n>>6] |= 1 << (n & 63) }

// step gives the state after one more byte.
func (a *automaton) step(state uint32, b byte) uint32 {
	c := a.class[b]
	for state >= a.dense {
		n := state - a.dense
		for _, w := range a.ways[a.first[n]:a.first[n+1]] {
			if w.class == c {
				return w.to
			}
		}
		state = a.fail[n]
	}
	return a.rows[state*a.classes+uint32(c)]
}

// newAutomaton builds it of literals that differ from each other; it speaks of them by their index.
func newAutomaton(literals []string) *automaton {
	const (
		nearRoot = 2 // bytes deep: less than a Han character
		manyWays = 8
	)
	a := &automaton{classes: 1}
	type state struct {
		ways  []way
		fail  uint32
		depth int
		ends  []int32
	}
	states := []state{{}}
	child := func(s uint32, c uint8) uint32 {
		for _, w := range states[s].ways {
			if w.class == c {
				return w.to
			}
		}
		return 0
	}
	for n, l := range literals {
		s := uint32(0)
		for i := range len(l) {
			if a.class[l[i]] == 0 {
				a.class[l[i]] = uint8(a.classes)
				a.classes++
			}
			c := a.class[l[i]]
			to := child(s, c)
			if to == 0 {
				to = uint32(len(states))
				states = append(states, state{depth: states[s].depth + 1})
				states[s].ways = append(states[s].ways, way{to, c})
			}
			s = to
		}
		states[s].ends = append(states[s].ends, int32(n))
	}
	// Breadth first, so that where a state falls back to is complete before the state.
	order := []uint32{0}
	for i := 0; i < len(order); i++ {
		s := order[i]
		if s != 0 {
			states[s].ends = append(states[s].ends, states[states[s].fail].ends...)
		}
		for _, w := range states[s].ways {
			for back := s; back != 0; {
				back = states[back].fail
				if to := child(back, w.class); to != 0 {
					states[w.to].fail = to
					break
				}
			}
			order = append(order, w.to)
		}
	}
	isDense := func(s uint32) bool { return states[s].depth <= nearRoot || len(states[s].ways) >= manyWays }
	slices.SortStableFunc(order, func(x, y uint32) int {
		switch dx, dy := isDense(x), isDense(y); {
		case dx == dy:
			return 0
		case dx:
			return -1
		}
		return 1
	})
	number := make([]uint32, len(states))
	for i, s := range order {
		number[s] = uint32(i)
		if isDense(s) {
			a.dense++
		}
	}
	a.rows = make([]uint32, a.dense*a.classes)
	a.ends, a.ending = make([][]int32, len(states)), numbersTo(len(states))
	for i, s := range order {
		st := &states[s]
		if a.ends[i] = st.ends; len(st.ends) > 0 {
			a.ending.add(i)
		}
		if uint32(i) < a.dense {
			for c := range a.classes {
				to := child(s, uint8(c))
				for back := s; to == 0 && back != 0; {
					back = states[back].fail
					to = child(back, uint8(c))
				}
				a.rows[uint32(i)*a.classes+c] = number[to]
			}
			continue
		}
		a.first = append(a.first, uint32(len(a.ways)))
		a.fail = append(a.fail, number[st.fail])
		for _, w := range st.ways {
			a.ways = append(a.ways, way{number[w.to], w.class})
		}
	}
	a.first = append(a.first, uint32(len(a.ways)))
	return a
}
