package signal

import (
	"regexp/syntax"
	"slices"
	"unicode"
)

// mostWords bounds the words that a part of an expression is spelt out into, and mostProducts those
// that come of parts side by side.
const (
	mostWords    = 256
	mostProducts = 40
)

// exact spells out all that an expression matches, where that is few words.
func exact(re *syntax.Regexp) ([]string, bool) {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{lower(re)}, true
	case syntax.OpEmptyMatch:
		return []string{""}, true
	case syntax.OpCapture:
		return exact(re.Sub[0])
	case syntax.OpCharClass:
		var words []string
		for i := 0; i < len(re.Rune); i += 2 {
			if int(re.Rune[i+1]-re.Rune[i])+len(words) >= maxAnyOf {
				return nil, false
			}
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				words = append(words, string(r))
			}
		}
		return words, true
	case syntax.OpQuest:
		words, ok := exact(re.Sub[0])
		return unique(append(words, "")), ok
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			words, ok := exact(sub)
			if !ok || len(all)+len(words) > mostWords {
				return nil, false
			}
			all = append(all, words...)
		}
		return unique(all), true
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			words, ok := exact(sub)
			if !ok || len(all)*len(words) > max(mostProducts, len(all), len(words)) {
				return nil, false
			}
			all = product(all, words)
		}
		return unique(all), true
	}
	return nil, false
}

func product(firsts, seconds []string) []string {
	all := make([]string, 0, len(firsts)*len(seconds))
	for _, a := range firsts {
		for _, b := range seconds {
			all = append(all, a+b)
		}
	}
	return all
}

func unique(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

// wordRun is a run of a sequence that spells out into words, or (nil) one part that does not.
type wordRun struct {
	from, to int // the parts [from, to)
	words    []string
}

func runs(subs []*syntax.Regexp) []wordRun {
	var out []wordRun
	for i, sub := range subs {
		words, ok := exact(sub)
		if !ok {
			out = append(out, wordRun{i, i + 1, nil})
			continue
		}
		if n := len(out); n > 0 && out[n-1].words != nil {
			if before := out[n-1].words; len(before)*len(words) <= max(mostProducts, len(before), len(words)) {
				out[n-1].to, out[n-1].words = i+1, unique(product(before, words))
				continue
			}
		}
		out = append(out, wordRun{i, i + 1, words})
	}
	return out
}

func lower(re *syntax.Regexp) string {
	runes := slices.Clone(re.Rune)
	if re.Flags&syntax.FoldCase != 0 {
		for i, r := range runes {
			runes[i] = unicode.ToLower(r) // texts are in lower case
		}
	}
	return string(runes)
}
