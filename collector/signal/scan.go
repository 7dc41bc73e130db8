package signal

import (
	"errors"
	"fmt"
	"math/bits"
	"regexp/syntax"
	"slices"
	"sync"
	"unicode/utf8"

	"mingjian/policies"
)

// scanner finds the hits of several lexicons in one pass. All phrases stand in one automaton; so do
// the literals of which patterns consist, and a pattern is only matched where the rarest of the
// literals that it cannot do without occurs. An ordinary text wakes few of them.
type scanner struct {
	automaton *automaton
	literals  []literal
	lengths   []int // by literal, in runes
	patterns  []pattern
	always    []int       // patterns that no literal wakes
	voids     map[Set]Set // the hits of the value's lexicons void those of the key's
	voiding   Set         // all of those values
	scratch   sync.Pool
}

// literal is what the automaton finds, and what for.
type literal struct {
	bytes int
	noted bool // a part of a pattern
	uses  []use
}

// use is what a literal is for: a phrase of a lexicon, or waking a pattern.
type use struct {
	lexicon int // its bit's number
	except  bool
	pattern int // -1: a phrase
	// A phrase that begins or ends with a Latin letter or digit must begin or end a word; a literal
	// that wakes, where its pattern says so (\bai\b: ai is in air, said and train).
	wordStart, wordEnd bool
}

type pattern struct {
	lexicon int
	except  bool
	part    part
	expr    string
}

type span struct{ start, end int }

func (s span) overlaps(o span) bool { return s.start < o.end && o.start < s.end }

// found is one scan's working memory. All places are in runes of the stretch at hand.
type found struct {
	scanner  *scanner
	text     []byte
	stretch  stretch
	lexicons [64]findings // by their bits' numbers
	touched  Set          // lexicons with a hit or a woken pattern in the stretch
	settled  Set          // lexicons of which the hits in the stretch are known
	standing Set          // lexicons with a hit that no exception voids, in the whole text
	woken    numbers      // patterns that are woken in the stretch
}

// findings are one lexicon's in one stretch. Exceptions are only matched when there are hits.
type findings struct {
	hits, voids     []span
	tries, voidings []int // woken patterns and woken exceptions, not matched yet
}

// lexiconOf says which bit each of the named lexicons has.
type lexiconOf struct {
	name string
	bit  Set
}

// newScanner compiles the named lexicons.
func newScanner(lexicons map[string]policies.Lexicon, voids map[Set]Set, which ...lexiconOf) (*scanner, error) {
	s := &scanner{voids: voids}
	for _, by := range voids {
		s.voiding |= by
	}
	var texts []string
	number := map[string]int{}
	literalOf := func(text string) int {
		n, ok := number[text]
		if !ok {
			n = len(texts)
			number[text] = n
			texts = append(texts, text)
			s.literals = append(s.literals, literal{bytes: len(text)})
			s.lengths = append(s.lengths, utf8.RuneCountInString(text))
		}
		return n
	}
	add := func(text string, u use) {
		l := &s.literals[literalOf(text)]
		l.uses = append(l.uses, u)
	}
	note := func(text string) int {
		n := literalOf(text)
		s.literals[n].noted = true
		return n
	}
	var faults []error
	for _, w := range which {
		l, ok := lexicons[w.name]
		if !ok {
			faults = append(faults, fmt.Errorf("lexicon %s is missing: lexicon/%s.yaml", w.name, w.name))
			continue
		}
		bit := bits.TrailingZeros64(uint64(w.bit))
		for _, except := range []bool{false, true} {
			phrases, patterns := l.Phrases, l.Patterns
			if except {
				phrases, patterns = l.Except.Phrases, l.Except.Patterns
			}
			for _, p := range phrases {
				text := string(normalise(nil, p.Text))
				if text == "" {
					faults = append(faults, fmt.Errorf("lexicon %s: nothing is left of the phrase %q when it is normalised", w.name, p.Text))
					continue
				}
				add(text, use{lexicon: bit, except: except, pattern: -1, wordStart: isLatin(text[0]), wordEnd: isLatin(text[len(text)-1])})
			}
			for _, p := range patterns {
				re, err := syntax.Parse(p.Expr.String(), syntax.Perl)
				if err != nil {
					faults = append(faults, fmt.Errorf("lexicon %s: pattern %s: %w", w.name, p.Expr, err))
					continue
				}
				n := len(s.patterns)
				wakes := rarest(needed(re))
				for _, w := range wakes {
					add(w.text, use{lexicon: bit, pattern: n, wordStart: w.wordStart, wordEnd: w.wordEnd})
				}
				if wakes == nil {
					s.always = append(s.always, n)
				}
				s.patterns = append(s.patterns, pattern{lexicon: bit, except: except, part: compilePart(re, note), expr: p.Expr.String()})
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	s.automaton = newAutomaton(texts)
	s.scratch.New = func() any {
		return &found{scanner: s, woken: numbersTo(len(s.patterns)),
			stretch: stretch{noted: numbersTo(len(s.literals)), at: make([]places, len(s.literals)), length: s.lengths}}
	}
	return s, nil
}

// keptText is how much working memory a scan hands on to the next: most texts are far shorter.
const keptText = 64 << 10

// scan gives the bits of the lexicons of which a hit stands in the text.
func (s *scanner) scan(text string) Set {
	f := s.scratch.Get().(*found)
	f.text = normalise(f.text[:0], text)
	f.standing = 0
	for rest, first := f.text, true; len(rest) > 0; first = false {
		n, again := cut(rest)
		f.pass(rest[:n], first, n == len(rest), len(rest) == len(f.text) || again == n)
		f.settle()
		rest = rest[again:]
	}
	standing := f.standing
	if cap(f.text) <= keptText {
		s.scratch.Put(f)
	}
	return standing
}

// cut parts a long text: n bytes are the next stretch, and the one after it begins at again. Where a
// clause is longer than a stretch, the two share overlap runes, so that what lies across is found.
func cut(text []byte) (n, again int) {
	const overlap = 60
	if len(text) <= longestStretch {
		return len(text), len(text)
	}
	runes, atBreak, atShare := 0, 0, 0
	for i, b := range text {
		if b&0xC0 == 0x80 {
			continue
		}
		switch runes++; {
		case runes > longestStretch && atBreak > 0:
			return atBreak, atBreak
		case runes > longestStretch:
			return i, atShare
		case runes == longestStretch-overlap:
			atShare = i
		}
		if b == clauseEnd {
			atBreak = i + 1
		}
	}
	return len(text), len(text)
}

// pass notes what is in one stretch.
func (f *found) pass(text []byte, first, last, atBreak bool) {
	s, c := f.scanner, &f.stretch
	for t := f.touched; t != 0; t &= t - 1 {
		l := &f.lexicons[bits.TrailingZeros64(uint64(t))]
		l.hits, l.voids, l.tries, l.voidings = l.hits[:0], l.voids[:0], l.tries[:0], l.voidings[:0]
	}
	f.touched, f.settled = 0, 0
	clear(c.noted)
	clear(f.woken)
	c.text, c.first, c.last, c.hasEdges = text, first, last, false
	c.breaks, c.starts, c.stops = places{}, places{}, places{}
	if atBreak {
		c.starts.add(0)
	}
	for _, n := range s.always {
		f.wake(n)
	}
	a := s.automaton
	state, runes := uint32(0), 0
	for i, b := range text {
		if b&0xC0 != 0x80 {
			if b == clauseEnd {
				c.breaks.add(runes)
				c.stops.add(runes)
				c.starts.add(runes + 1)
			}
			runes++
		}
		state = a.step(state, b)
		if a.ending.has(int(state)) {
			f.note(a.ends[state], i+1, runes)
		}
	}
	c.runes = runes
	c.all = upTo(runes)
	if last || text[len(text)-1] == clauseEnd {
		c.stops.add(runes)
	}
}

// note takes down the literals that end after so many bytes and runes.
func (f *found) note(ends []int32, end, runes int) {
	s, c := f.scanner, &f.stretch
	for _, n := range ends {
		l := &s.literals[n]
		start := runes - s.lengths[n]
		if l.noted {
			if !c.noted.has(int(n)) {
				c.noted.add(int(n))
				c.at[n] = places{}
			}
			c.at[n].add(start)
		}
		for i := range l.uses {
			u := &l.uses[i]
			switch {
			case u.wordStart && end > l.bytes && isLatin(c.text[end-l.bytes-1]):
			case u.wordEnd && end < len(c.text) && isLatin(c.text[end]):
			case u.pattern >= 0:
				f.wake(u.pattern)
			default:
				l := &f.lexicons[u.lexicon]
				if u.except {
					l.voids = append(l.voids, span{start, runes})
				} else {
					l.hits = append(l.hits, span{start, runes})
				}
				f.touched |= 1 << u.lexicon
			}
		}
	}
}

func (f *found) wake(n int) {
	if f.woken.has(n) {
		return
	}
	f.woken.add(n)
	p := &f.scanner.patterns[n]
	l := &f.lexicons[p.lexicon]
	if p.except {
		l.voidings = append(l.voidings, n)
	} else {
		l.tries = append(l.tries, n)
	}
	f.touched |= 1 << p.lexicon
}

// settle finds which lexicons have a hit in the stretch that stands.
func (f *found) settle() {
	for t := f.touched &^ f.standing; t != 0; t &= t - 1 {
		n := bits.TrailingZeros64(uint64(t))
		if f.stands(n) {
			f.standing |= 1 << n
		}
	}
}

// stands reports whether the lexicon has a hit in the stretch that nothing voids. It stops at the
// first, except for lexicons of which others want all.
func (f *found) stands(n int) bool {
	l, all := &f.lexicons[n], f.scanner.voiding&(1<<n) != 0
	if f.settled&(1<<n) != 0 {
		return slices.ContainsFunc(l.hits, l.valid)
	}
	f.settled |= 1 << n
	voidable := all || len(l.voids)+len(l.voidings) > 0 || f.scanner.voids[1<<n]&f.touched != 0
	stands, checked := false, 0
	for i := -1; i < len(l.tries); i++ { // -1: the phrases
		if i >= 0 {
			p := &f.scanner.patterns[l.tries[i]].part
			switch ends := f.stretch.follow(p, f.stretch.all); {
			case ends.empty():
				continue
			case !voidable:
				return true
			}
			l.hits = f.stretch.spans(p, l.hits)
		}
		if len(l.hits) > 0 && checked == 0 {
			f.voidsOf(n)
		}
		if slices.ContainsFunc(l.hits[checked:], l.valid) {
			if stands = true; !all {
				return true
			}
		}
		checked = len(l.hits)
	}
	return stands
}

// voidsOf finds what voids hits of the lexicon: its exceptions, and the hits of lexicons that do.
func (f *found) voidsOf(n int) {
	l := &f.lexicons[n]
	for _, try := range l.voidings {
		p := &f.scanner.patterns[try].part
		if ends := f.stretch.follow(p, f.stretch.all); !ends.empty() {
			l.voids = f.stretch.spans(p, l.voids)
		}
	}
	l.voidings = l.voidings[:0]
	for t := f.scanner.voids[1<<n] & f.touched; t != 0; t &= t - 1 {
		by := bits.TrailingZeros64(uint64(t))
		if f.stands(by) {
			b := &f.lexicons[by]
			for _, hit := range b.hits {
				if b.valid(hit) {
					l.voids = append(l.voids, hit)
				}
			}
		}
	}
}

func (l *findings) valid(hit span) bool { return !slices.ContainsFunc(l.voids, hit.overlaps) }

func isLatin(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
