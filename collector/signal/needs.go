package signal

import (
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

const (
	// maxAnyOf bounds the literals of one need: classes such as [a-z] are in every text.
	maxAnyOf = 64
	// minTelling is in bytes: three Latin letters, or one Han character.
	minTelling = 3
	// maxNeeds bounds the needs of one pattern; they are the bits of a uint32, and more would tell
	// little.
	maxNeeds = 8
)

// need is a set of literals of which one is in whatever a pattern matches.
type need []literal

type literal struct {
	text string
	// wordStart and wordEnd: no Latin letter or digit stands before or after it.
	wordStart, wordEnd bool
	// atStart and atEnd: it begins or ends what its part of the pattern matches.
	atStart, atEnd bool
}

// analyse reads from an expression what it cannot match without, and whether a match may cross the
// end of a clause.
func analyse(expr *regexp.Regexp) (needs []need, crosses bool) {
	re, err := syntax.Parse(expr.String(), syntax.Perl)
	if err != nil {
		return nil, true // it was compiled from this string, so this does not happen
	}
	re = re.Simplify()
	needs = telling(needed(re))
	if len(needs) > maxNeeds {
		needs = needs[:maxNeeds]
	}
	return needs, mayCross(re)
}

// telling leaves out the needs that nearly every text meets (i, an, to), where there are others.
func telling(needs []need) []need {
	kept := slices.DeleteFunc(slices.Clone(needs), func(n need) bool { return n.shortest() < minTelling })
	if len(kept) == 0 {
		return needs
	}
	return kept
}

// shortest is the length of the shortest literal in bytes, two more for one that must be a word.
func (n need) shortest() int {
	least := math.MaxInt
	for _, l := range n {
		length := len(l.text)
		if l.wordStart && l.wordEnd {
			length += 2
		}
		least = min(least, length)
	}
	return least
}

func needed(re *syntax.Regexp) []need {
	switch re.Op {
	case syntax.OpLiteral:
		return []need{{{text: lower(re), atStart: true, atEnd: true}}}
	case syntax.OpCharClass:
		if n := classMembers(re); n != nil {
			return []need{n}
		}
	case syntax.OpCapture:
		return needed(re.Sub[0])
	case syntax.OpPlus:
		return inside(needed(re.Sub[0]))
	case syntax.OpAlternate:
		var anyOf need
		for _, sub := range re.Sub {
			best := rarest(needed(sub))
			if best == nil {
				return nil
			}
			anyOf = append(anyOf, best...)
		}
		if len(anyOf) <= maxAnyOf {
			return []need{anyOf}
		}
	case syntax.OpConcat:
		var all []need
		for i, sub := range re.Sub {
			first, last := i == 0, i == len(re.Sub)-1
			before, after := !first && partsBefore(re.Sub[i-1]), !last && partsAfter(re.Sub[i+1])
			for _, n := range needed(sub) {
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

func lower(re *syntax.Regexp) string {
	runes := slices.Clone(re.Rune)
	if re.Flags&syntax.FoldCase != 0 {
		for i, r := range runes {
			runes[i] = unicode.ToLower(r) // texts are in lower case
		}
	}
	return string(runes)
}

func classMembers(re *syntax.Regexp) need {
	var n need
	for i := 0; i < len(re.Rune); i += 2 {
		if int(re.Rune[i+1]-re.Rune[i])+len(n) >= maxAnyOf {
			return nil
		}
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			n = append(n, literal{text: string(r), atStart: true, atEnd: true})
		}
	}
	return n
}

// rarest picks the need with the longest literals, which ordinary texts meet least.
func rarest(needs []need) need {
	var best need
	for _, n := range needs {
		if best == nil || n.shortest() > best.shortest() {
			best = n
		}
	}
	return best
}

// mayCross reports whether something in the expression can match the end of a clause.
func mayCross(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		return slices.Contains(re.Rune, clauseEnd)
	case syntax.OpAnyChar:
		return true
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			if re.Rune[i] <= clauseEnd && clauseEnd <= re.Rune[i+1] {
				return true
			}
		}
	case syntax.OpBeginText, syntax.OpEndText:
		return true // means the whole text, not the clause
	}
	return slices.ContainsFunc(re.Sub, mayCross)
}
