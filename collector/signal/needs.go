package signal

import (
	"math"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxAnyOf bounds the members of a class that are literals: [a-z] is in every text.
	maxAnyOf = 64
	// mostNeeded bounds the literals of one need.
	mostNeeded = 512
)

// need is a set of literals of which one is in whatever an expression matches.
type need []needle

type needle struct {
	text string
	// wordStart and wordEnd: no Latin letter or digit stands before or after it.
	wordStart, wordEnd bool
	// atStart and atEnd: it begins or ends what its part of the expression matches.
	atStart, atEnd bool
}

// cost estimates in how many of a hundred short texts the need is met. It only chooses among the needs of
// one expression; a bad estimate costs time, and nothing else.
func (n need) cost() float64 {
	const common = "的我你您是有在不了一这个可以请要会为给到上好没人多店家想问什么还就都能和来看吗"
	sum := 0.0
	for _, l := range n {
		r, _ := utf8.DecodeRuneInString(l.text)
		runes := utf8.RuneCountInString(l.text)
		var each float64
		switch han := r >= utf8.RuneSelf; {
		case han && runes == 1 && strings.ContainsRune(common, r):
			each = 15
		case han:
			each = 2 / math.Pow(8, float64(runes-1))
		default:
			each = 60 / math.Pow(3, float64(runes-1))
			if l.wordStart {
				each /= 2
			}
			if l.wordEnd {
				each /= 2
			}
		}
		sum += each
	}
	return sum
}

// needed gives sets of which an expression cannot match without one of each.
func needed(re *syntax.Regexp) []need {
	if words, ok := exact(re); ok {
		return oneNeed(words)
	}
	switch re.Op {
	case syntax.OpCapture:
		return needed(re.Sub[0])
	case syntax.OpPlus:
		return inside(needed(re.Sub[0]))
	case syntax.OpRepeat:
		if re.Min > 0 {
			return inside(needed(re.Sub[0]))
		}
	case syntax.OpAlternate:
		var anyOf need
		for _, sub := range re.Sub {
			best := rarest(needed(sub))
			if best == nil {
				return nil
			}
			anyOf = append(anyOf, best...)
		}
		if len(anyOf) <= mostNeeded {
			return []need{anyOf}
		}
	case syntax.OpConcat:
		var all []need
		for _, run := range runs(re.Sub) {
			first, last := run.from == 0, run.to == len(re.Sub)
			before, after := !first && partsBefore(re.Sub[run.from-1]), !last && partsAfter(re.Sub[run.to])
			needs := oneNeed(run.words)
			if run.words == nil {
				needs = needed(re.Sub[run.from])
			}
			for _, n := range needs {
				for j := range n {
					l := &n[j]
					l.wordStart = l.wordStart || l.atStart && before && isLatin(l.text[0])
					l.wordEnd = l.wordEnd || l.atEnd && after && isLatin(l.text[len(l.text)-1])
					l.atStart, l.atEnd = l.atStart && first, l.atEnd && last
				}
				all = append(all, n)
			}
		}
		return all
	}
	return nil
}

// oneNeed is the need of one of the words; none where the empty word is among them.
func oneNeed(words []string) []need {
	n := make(need, 0, len(words))
	for _, w := range words {
		if w == "" {
			return nil
		}
		n = append(n, needle{text: w, atStart: true, atEnd: true})
	}
	if len(n) == 0 {
		return nil
	}
	return []need{n}
}

// inside forgets where the literals of a repeated part stand.
func inside(needs []need) []need {
	for _, n := range needs {
		for j := range n {
			n[j].atStart, n[j].atEnd = false, false
		}
	}
	return needs
}

// partsBefore reports whether a word cannot go on from this part into the next.
func partsBefore(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpWordBoundary, syntax.OpBeginLine, syntax.OpBeginText:
		return true
	case syntax.OpLiteral:
		return parts(re.Rune[len(re.Rune)-1])
	}
	return false
}

// partsAfter reports whether a word cannot go on from the part before into this one.
func partsAfter(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpWordBoundary, syntax.OpEndLine, syntax.OpEndText:
		return true
	case syntax.OpLiteral:
		return parts(re.Rune[0])
	}
	return false
}

func parts(r rune) bool { return r >= utf8.RuneSelf || !isLatin(byte(unicode.ToLower(r))) }

// rarest picks the need that ordinary texts meet least: nil where there is none.
func rarest(needs []need) need {
	var best need
	for _, n := range needs {
		if best == nil || n.cost() < best.cost() {
			best = n
		}
	}
	return best
}
