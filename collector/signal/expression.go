package signal

import (
	"math"
	"math/bits"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// This file matches expressions without stepping through the text. A stretch of text is at most
// longestStretch runes long, so a set of places in it is a few machine words. The scanner's pass has
// noted at which places each literal begins; from the set of places where a part of an expression may
// begin, the set of those where it may end follows by shifting and masking. An expression of thirty
// literals costs tens of nanoseconds so; stepping through the text costs microseconds.

// longestStretch is in runes: places has a bit for each place before, between and after them.
const longestStretch = 64*len(places{}) - 1

// places is a set of places between the runes of a stretch, one bit each; bit 0 is its beginning.
type places [4]uint64

func (p *places) empty() bool { return p[0]|p[1]|p[2]|p[3] == 0 }

func (p *places) add(n int) { p[n>>6] |= 1 << (n & 63) }

func (p *places) or(o *places) {
	for i := range p {
		p[i] |= o[i]
	}
}

func (p *places) and(o *places) {
	for i := range p {
		p[i] &= o[i]
	}
}

// shift moves every place by runes on; by is below 64·len(p).
func (p *places) shift(by int) {
	words, n := by>>6, uint(by&63)
	for i := len(p) - 1; i >= 0; i-- {
		var w uint64
		if i >= words {
			w = p[i-words] << n
			if i > words && n > 0 {
				w |= p[i-words-1] >> (64 - n)
			}
		}
		p[i] = w
	}
}

// last gives the greatest place of a set that is not empty.
func (p *places) last() int {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] != 0 {
			return i<<6 + bits.Len64(p[i]) - 1
		}
	}
	return -1
}

// without takes the places of o out.
func (p *places) without(o *places) {
	for i := range p {
		p[i] &^= o[i]
	}
}

func (p *places) has(n int) bool { return p[n>>6]>>(n&63)&1 != 0 }

// upTo gives the places 0 to n.
func upTo(n int) (p places) {
	for i := range n>>6 + 1 {
		p[i] = math.MaxUint64
	}
	p[n>>6] >>= 63 - uint(n&63)
	return p
}

// part is one part of a compiled expression.
type part struct {
	op       partOp
	literals []int  // of oneOf: literals of the scanner
	class    []rune // of class: pairs, from and to
	subs     []part // of sequence, either; one for repeat
	min, max int    // of repeat and gap; max -1: without end
	across   bool   // of gap: over the ends of clauses too
}

type partOp uint8

const (
	oneOf     partOp = iota // one of the literals
	class                   // one rune of a class
	gap                     // min to max runes of a clause, whatever they are
	sequence                // the subs one after the other
	either                  // one of the subs
	repeat                  // the sub min to max times
	anything                // one rune, the end of a clause too
	edge                    // \b
	noEdge                  // \B
	begins                  // a clause's beginning
	ends                    // a clause's end
	beginsAll               // the text's beginning
	endsAll                 // the text's end
)

// compilePart compiles an expression. It calls literal for each literal that it needs noted, and uses
// the number that this returns.
func compilePart(re *syntax.Regexp, literal func(string) int) part {
	if words, ok := exact(re); ok {
		return anyWord(words, literal)
	}
	switch re.Op {
	case syntax.OpCapture:
		return compilePart(re.Sub[0], literal)
	case syntax.OpCharClass:
		return part{op: class, class: re.Rune}
	case syntax.OpAnyCharNotNL:
		return part{op: gap, min: 1, max: 1}
	case syntax.OpAnyChar:
		return part{op: gap, min: 1, max: 1, across: true}
	case syntax.OpBeginText:
		return part{op: beginsAll}
	case syntax.OpEndText:
		return part{op: endsAll}
	case syntax.OpBeginLine:
		return part{op: begins}
	case syntax.OpEndLine:
		return part{op: ends}
	case syntax.OpWordBoundary:
		return part{op: edge}
	case syntax.OpNoWordBoundary:
		return part{op: noEdge}
	case syntax.OpQuest, syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		p := part{op: repeat, subs: []part{compilePart(re.Sub[0], literal)}}
		switch re.Op {
		case syntax.OpQuest:
			p.max = 1
		case syntax.OpStar:
			p.max = -1
		case syntax.OpPlus:
			p.min, p.max = 1, -1
		default:
			p.min, p.max = re.Min, re.Max
		}
		if any, across := whatever(re.Sub[0]); any {
			p = part{op: gap, min: p.min, max: p.max, across: across}
		}
		return p
	case syntax.OpAlternate:
		p := part{op: either}
		for _, sub := range re.Sub {
			p.subs = append(p.subs, compilePart(sub, literal))
		}
		return p
	case syntax.OpConcat:
		p := part{op: sequence}
		for _, run := range runs(re.Sub) {
			if run.words != nil {
				p.subs = append(p.subs, anyWord(run.words, literal))
			} else {
				p.subs = append(p.subs, compilePart(re.Sub[run.from], literal))
			}
		}
		return p
	}
	return part{op: sequence} // the empty expression
}

// whatever reports an expression that matches any one rune, or any of a clause.
func whatever(re *syntax.Regexp) (any, across bool) {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	switch re.Op {
	case syntax.OpAnyChar:
		return true, true
	case syntax.OpAnyCharNotNL:
		return true, false
	case syntax.OpCharClass:
		return len(re.Rune) == 4 && re.Rune[0] == 0 && re.Rune[1] == clauseEnd-1 && re.Rune[2] == clauseEnd+1 && re.Rune[3] == unicode.MaxRune, false
	}
	return false, false
}

// anyWord matches one of the words. Single letters are not worth noting: they are looked for.
func anyWord(words []string, literal func(string) int) part {
	var letters part
	letters.op = class
	noted := part{op: oneOf}
	optional := false
	for _, w := range words {
		switch {
		case w == "":
			optional = true
		case len(w) == 1:
			letters.class = append(letters.class, rune(w[0]), rune(w[0]))
		default:
			noted.literals = append(noted.literals, literal(w))
		}
	}
	p := noted
	switch {
	case len(letters.class) > 0 && len(noted.literals) > 0:
		p = part{op: either, subs: []part{letters, noted}}
	case len(letters.class) > 0:
		p = letters
	case len(noted.literals) == 0:
		return part{op: sequence}
	}
	if optional {
		p = part{op: repeat, max: 1, subs: []part{p}}
	}
	return p
}

// stretch is a part of a text, and what the pass noted of it.
type stretch struct {
	text   []byte
	runes  int
	noted  numbers  // the literals that are in it; apart from where, to be read fast
	at     []places // by literal: where it begins in that stretch
	length []int    // runes of each literal
	all    places
	breaks places // the ends of clauses begin here
	starts places // clauses begin here
	stops  places // clauses end here
	// first and last: the text begins and ends with this stretch.
	first, last bool

	hasEdges bool
	edges    places
}

// follow gives the places where a match of p may end that begins at one of from.
func (c *stretch) follow(p *part, from places) places {
	if from.empty() {
		return from
	}
	var to places
	switch p.op {
	case oneOf:
		for _, l := range p.literals {
			if c.noted.has(l) {
				at := c.at[l]
				at.and(&from)
				if !at.empty() {
					at.shift(c.length[l])
					to.or(&at)
				}
			}
		}
	case class:
		n := 0
		for i := 0; i < len(c.text); n++ {
			r, size := rune(c.text[i]), 1
			if r >= utf8.RuneSelf {
				r, size = utf8.DecodeRune(c.text[i:])
			}
			i += size
			if from.has(n) && inClass(r, p.class) {
				to.add(n + 1)
			}
		}
	case gap:
		at := from
		for i := 0; (p.max < 0 || i <= p.max) && !at.empty(); i++ {
			if i >= p.min {
				to.or(&at)
			}
			if !p.across {
				at.without(&c.breaks)
			}
			at.shift(1)
			at.and(&c.all)
		}
	case sequence:
		for i := range p.subs {
			if sub := &p.subs[i]; sub.op == oneOf && !c.anyNoted(sub.literals) {
				return places{}
			}
		}
		to = from
		for i := range p.subs {
			if to = c.follow(&p.subs[i], to); to.empty() {
				return to
			}
		}
	case either:
		for i := range p.subs {
			at := c.follow(&p.subs[i], from)
			to.or(&at)
		}
	case repeat:
		at := from
		for range p.min {
			at = c.follow(&p.subs[0], at)
		}
		to = at
		for i := p.min; (p.max < 0 || i < p.max) && !at.empty(); i++ {
			at = c.follow(&p.subs[0], at)
			for w := range at { // only what is new goes on
				at[w], to[w] = at[w]&^to[w], to[w]|at[w]
			}
		}
	case edge:
		to = c.wordEdges()
		to.and(&from)
	case noEdge:
		edges := c.wordEdges()
		to = from
		to.without(&edges)
	case begins:
		to = c.starts
		to.and(&from)
	case ends:
		to = c.stops
		to.and(&from)
	case beginsAll:
		if c.first {
			to[0] = from[0] & 1
		}
	case endsAll:
		if c.last && from.has(c.runes) {
			to.add(c.runes)
		}
	}
	return to
}

func (c *stretch) anyNoted(literals []int) bool {
	for _, l := range literals {
		if c.noted.has(l) {
			return true
		}
	}
	return false
}

func inClass(r rune, pairs []rune) bool {
	for i := 0; i < len(pairs); i += 2 {
		if r < pairs[i] {
			return false
		}
		if r <= pairs[i+1] {
			return true
		}
	}
	return false
}

// wordEdges are the places between a Latin letter or digit and something else.
func (c *stretch) wordEdges() places {
	if !c.hasEdges {
		c.hasEdges = true
		c.edges = places{}
		n, inWord := 0, false
		for _, b := range c.text {
			if b&0xC0 == 0x80 {
				continue
			}
			if word := isLatin(b); word != inWord {
				c.edges.add(n)
				inWord = word
			}
			n++
		}
		if inWord {
			c.edges.add(n)
		}
	}
	return c.edges
}

// spans appends the matches of p, leftmost and longest, none overlapping the one before.
func (c *stretch) spans(p *part, into []span) []span {
	starts := c.mayStart(p)
	for next := 0; ; {
		s := -1
		for n := next; n <= c.runes; n++ {
			if starts.has(n) {
				s = n
				break
			}
		}
		if s < 0 {
			return into
		}
		var from places
		from.add(s)
		to := c.follow(p, from)
		if to.empty() {
			next = s + 1
			continue
		}
		e := to.last()
		into = append(into, span{s, e})
		next = max(e, s+1)
	}
}

// mayStart gives places where a match of p may begin, and perhaps some more.
func (c *stretch) mayStart(p *part) places {
	switch p.op {
	case sequence:
		return c.mayStartAny(p.subs)
	case either:
		var at places
		for i := range p.subs {
			first := c.mayStart(&p.subs[i])
			at.or(&first)
		}
		return at
	case repeat:
		if p.min > 0 {
			return c.mayStart(&p.subs[0])
		}
	case oneOf:
		var at places
		for _, l := range p.literals {
			if c.noted.has(l) {
				at.or(&c.at[l])
			}
		}
		return at
	}
	return c.all
}

// mayStartAny is mayStart for parts one after the other: the first that must be there, and those before
// it that may be.
func (c *stretch) mayStartAny(subs []part) places {
	at := c.all
	var first places
	optional := false
	for i := range subs {
		sub := &subs[i]
		switch sub.op {
		case edge, noEdge, begins, ends, beginsAll, endsAll:
			if optional { // it need not stand where the match begins
				return at
			}
			at = c.follow(sub, at)
			continue
		case repeat:
			if sub.min == 0 {
				may := c.mayStart(&sub.subs[0])
				first.or(&may)
				optional = true
				continue
			}
		}
		may := c.mayStart(sub)
		first.or(&may)
		at.and(&first)
		return at
	}
	return at
}
