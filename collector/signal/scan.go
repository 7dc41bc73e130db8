package signal

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"

	ahocorasick "github.com/BobuSumisu/aho-corasick"

	"mingjian/policies"
)

// scanner finds the hits of several lexicons in one pass. All phrases stand in one automaton; so do
// the literals without which a pattern cannot match, and a pattern is only tried on a clause in which
// all that it needs occurs. An ordinary text wakes few of them.
type scanner struct {
	automaton *ahocorasick.Trie
	uses      [][]use // by literal
	patterns  []pattern
	always    []int // patterns that need no literal
	lexicons  int
	scratch   sync.Pool
}

// use is what a literal is for: a phrase of a lexicon, or one of the needs of a pattern.
type use struct {
	lexicon int
	except  bool
	pattern int // -1: a phrase
	need    uint32
	// A phrase that begins or ends with a Latin letter or digit must begin or end a word; a need,
	// where its pattern says so (\bai\b: ai is in air, said and train).
	wordStart, wordEnd bool
}

type pattern struct {
	lexicon int
	except  bool
	expr    *regexp.Regexp
	needs   uint32 // one bit per set of literals of which one must occur
	crosses bool   // may match across the end of a clause: tried on whole texts
}

type span struct{ start, end int }

// found is one scan's working memory.
type found struct {
	scanner  *scanner
	text     []byte
	lexicons []findings
	progress []progress // by pattern
}

// findings are one lexicon's in one text. Patterns are only tried when their answer is needed.
type findings struct {
	hits, voids     []span
	tries, voidings []try // woken patterns and woken exceptions, not tried yet
}

// try is a pattern to be tried on a part of the text.
type try struct {
	pattern int
	on      span
}

// progress says which needs of a pattern were met in the clause that starts at clause.
type progress struct {
	met    uint32
	clause int
	woken  bool
}

// newScanner compiles the named lexicons, in this order.
func newScanner(lexicons map[string]policies.Lexicon, names ...string) (*scanner, error) {
	s := &scanner{lexicons: len(names)}
	literals := map[string]int{}
	builder := ahocorasick.NewTrieBuilder()
	add := func(literal string, u use) {
		n, ok := literals[literal]
		if !ok {
			n = len(s.uses)
			literals[literal] = n
			s.uses = append(s.uses, nil)
			builder.AddString(literal)
		}
		s.uses[n] = append(s.uses[n], u)
	}
	var faults []error
	for i, name := range names {
		l, ok := lexicons[name]
		if !ok {
			faults = append(faults, fmt.Errorf("lexicon %s is missing: lexicon/%s.yaml", name, name))
			continue
		}
		for _, except := range []bool{false, true} {
			phrases, patterns := l.Phrases, l.Patterns
			if except {
				phrases, patterns = l.Except.Phrases, l.Except.Patterns
			}
			for _, p := range phrases {
				literal := string(normalise(nil, p.Text))
				if literal == "" {
					faults = append(faults, fmt.Errorf("lexicon %s: nothing is left of the phrase %q when it is normalised", name, p.Text))
					continue
				}
				add(literal, use{lexicon: i, except: except, pattern: -1,
					wordStart: isLatin(literal[0]), wordEnd: isLatin(literal[len(literal)-1])})
			}
			for _, p := range patterns {
				n := len(s.patterns)
				needs, crosses := analyse(p.Expr)
				for bit, anyOf := range needs {
					for _, literal := range anyOf {
						add(literal.text, use{pattern: n, need: 1 << bit, wordStart: literal.wordStart, wordEnd: literal.wordEnd})
					}
				}
				if len(needs) == 0 {
					s.always = append(s.always, n)
				}
				s.patterns = append(s.patterns, pattern{lexicon: i, except: except, expr: p.Expr, needs: 1<<len(needs) - 1, crosses: crosses})
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	s.automaton = builder.Build()
	s.scratch.New = func() any {
		return &found{scanner: s, lexicons: make([]findings, s.lexicons), progress: make([]progress, len(s.patterns))}
	}
	return s, nil
}

// scan normalises a text and finds the phrases in it and the patterns worth trying. Give the result
// back with release.
func (s *scanner) scan(text string) *found {
	f := s.scratch.Get().(*found)
	f.text = normalise(f.text[:0], text)
	for i := range f.lexicons {
		l := &f.lexicons[i]
		l.hits, l.voids, l.tries, l.voidings = l.hits[:0], l.voids[:0], l.tries[:0], l.voidings[:0]
	}
	clear(f.progress)
	for _, n := range s.always {
		f.wake(n, span{0, len(f.text)})
	}
	clause := span{0, clauseLen(f.text)}
	s.automaton.Walk(f.text, func(last, length, literal int64) bool {
		start, end := int(last-length)+1, int(last)+1
		for end > clause.end+1 {
			clause.start = clause.end + 1
			clause.end = clause.start + clauseLen(f.text[clause.start:])
		}
		for _, u := range s.uses[literal] {
			switch {
			case u.wordStart && start > 0 && isLatin(f.text[start-1]):
			case u.wordEnd && end < len(f.text) && isLatin(f.text[end]):
			case u.pattern >= 0:
				f.meet(u, clause)
			default:
				l := &f.lexicons[u.lexicon]
				if u.except {
					l.voids = append(l.voids, span{start, end})
				} else {
					l.hits = append(l.hits, span{start, end})
				}
			}
		}
		return true
	})
	return f
}

// keptText is how much working memory a scan hands on to the next: most texts are far shorter.
const keptText = 64 << 10

func (s *scanner) release(f *found) {
	if cap(f.text) <= keptText {
		s.scratch.Put(f)
	}
}

// meet notes that one need of a pattern is met in this clause, and wakes it when that was the last.
func (f *found) meet(u use, clause span) {
	p, g := &f.scanner.patterns[u.pattern], &f.progress[u.pattern]
	if p.crosses {
		clause = span{0, len(f.text)}
	}
	if g.clause != clause.start {
		*g = progress{clause: clause.start}
	}
	if g.met |= u.need; g.met == p.needs && !g.woken {
		g.woken = true
		f.wake(u.pattern, clause)
	}
}

func (f *found) wake(n int, on span) {
	p := f.scanner.patterns[n]
	l := &f.lexicons[p.lexicon]
	if p.except {
		l.voidings = append(l.voidings, try{n, on})
	} else {
		l.tries = append(l.tries, try{n, on})
	}
}

// any reports whether a hit of the lexicon stands that no exception overlaps.
func (f *found) any(lexicon int) bool {
	l := &f.lexicons[lexicon]
	if f.stands(l) {
		return true
	}
	l.hits = f.match(l.hits, &l.tries)
	return f.stands(l)
}

func (f *found) stands(l *findings) bool {
	if len(l.hits) == 0 {
		return false
	}
	l.voids = f.match(l.voids, &l.voidings)
	return slices.ContainsFunc(l.hits, l.valid)
}

func (l *findings) valid(hit span) bool { return !slices.ContainsFunc(l.voids, hit.overlaps) }

// match tries patterns and adds what they match to spans.
func (f *found) match(spans []span, tries *[]try) []span {
	for _, t := range *tries {
		for _, at := range f.scanner.patterns[t.pattern].expr.FindAllIndex(f.text[t.on.start:t.on.end], -1) {
			spans = append(spans, span{t.on.start + at[0], t.on.start + at[1]})
		}
	}
	*tries = (*tries)[:0]
	return spans
}

// void makes the hits of one lexicon exceptions of another.
func (f *found) void(lexicon, by int) {
	l, b := &f.lexicons[lexicon], &f.lexicons[by]
	b.hits = f.match(b.hits, &b.tries)
	b.voids = f.match(b.voids, &b.voidings)
	for _, hit := range b.hits {
		if b.valid(hit) {
			l.voids = append(l.voids, hit)
		}
	}
}

func (s span) overlaps(o span) bool { return s.start < o.end && o.start < s.end }

func clauseLen(text []byte) int {
	if n := bytes.IndexByte(text, clauseEnd); n >= 0 {
		return n
	}
	return len(text)
}

func isLatin(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
