package signal

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The signs that structure a normalised text. Everything else in it is a lower-case letter, a
// simplified Han character, a digit or a rare symbol.
const (
	clauseEnd = '\n' // any punctuation or line break; "." in a pattern does not cross it
	maskSign  = '⟦'  // stands for one whole mask such as ⟦phone⟧
)

// What a rune becomes, where it does not become another rune.
const (
	dropped   rune = -1 - iota // invisible, decoration, quotation marks: people put them inside words
	separator                  // a space
	ending                     // the end of a clause
	hyphen                     // a space inside a word, else the end of a clause
	dot                        // nothing inside an abbreviation, itself inside a number, else the end of a clause
	several                    // more than one rune; see spell
)

// folded maps each rune of the basic plane to what it becomes. It is built once, in about 10 ms.
var folded = sync.OnceValue(func() *[0x10000]rune {
	t := new([0x10000]rune)
	for r := range rune(len(t)) {
		switch s := spell(r); len(s) {
		case 0:
			t[r] = dropped
		case 1:
			t[r] = s[0]
		default:
			t[r] = several
		}
	}
	return t
})

// spell gives what a rune becomes: compatibility forms decomposed (full width, ligatures, styled
// letters), accents taken off, lower case, simplified.
func spell(r rune) []rune {
	if r >= 0xD800 && r <= 0xDFFF || r == utf8.RuneError {
		return nil
	}
	if r >= 0xAC00 && r <= 0xD7A3 { // Hangul syllables would fall apart into letters
		return []rune{r}
	}
	var out []rune
	for _, c := range norm.NFKD.String(string(r)) {
		switch one := plain(c); {
		case one == separator && c != r:
			// A space inside a decomposition carries an accent (U+00B4); it separates nothing.
		case one != dropped:
			out = append(out, one)
		}
	}
	return out
}

// plain classifies one decomposed rune.
func plain(c rune) rune {
	switch c {
	case '\'', '’', '‘', '`', '"', '“', '”', '「', '」', '『', '』', '«', '»', '~', '^', '<', '>':
		return dropped
	case '-', '‐', '‑':
		return hyphen
	case '.':
		return dot
	case '_', '\t':
		return separator
	case '\n', '\r', '\v', '\f', 0x85, 0x2028, 0x2029, '|':
		return ending
	case 'エ': // katakana, typed for the Han character that looks the same
		return '工'
	}
	switch {
	case unicode.Is(unicode.Zs, c):
		return separator
	case unicode.IsLetter(c):
		c = unicode.ToLower(c)
		if s, ok := simplified[c]; ok {
			return s
		}
		return c
	case unicode.IsNumber(c) || unicode.Is(unicode.Sm, c) || unicode.Is(unicode.Sc, c):
		return c
	case unicode.IsPunct(c):
		return ending
	}
	return dropped // marks, controls, format characters, emoji and other symbols, unassigned
}

// normalise appends the form in which texts are compared: one spelling per word, no space beside a
// Han character, clauses parted by clauseEnd. It is applied to texts and to phrases alike.
func normalise(out []byte, text string) []byte {
	table := folded()
	var last rune // what out ends with: 0 at the start
	space := false
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		if r == maskSign {
			if m := maskLen(text[i:]); m > 0 {
				out, last, space = utf8.AppendRune(out, maskSign), maskSign, false
				i += m
				continue
			}
		}
		i += n
		c := several
		if int(r) < len(table) {
			c = table[r]
		}
		if c == hyphen || c == dot {
			if initials := c == dot && i >= 3 && text[i-3] == '.' && last >= 'a' && last <= 'z'; initials {
				c = dropped // the last dot of A.I., which ends no clause
			} else {
				c = joint(c, last, next(table, text[i:]), space)
			}
		}
		switch c {
		case dropped:
		case separator:
			space = true
		case ending:
			if last != 0 && last != clauseEnd {
				out, last = append(out, clauseEnd), clauseEnd
			}
			space = false
		case several:
			for _, s := range spell(r) {
				if s >= 0 {
					out, last, space = join(out, last, s, space), s, false
				}
			}
		default:
			out, last, space = join(out, last, c, space), c, false
		}
	}
	if last == clauseEnd {
		out = out[:len(out)-1]
	}
	return out
}

// join appends c, after a space where there was one and it parts words.
func join(out []byte, last, c rune, space bool) []byte {
	if space && last != 0 && last != clauseEnd && !isHan(last) && !isHan(c) {
		out = append(out, ' ')
	}
	return utf8.AppendRune(out, c)
}

// joint decides what a hyphen or a dot between two runes is.
func joint(c, before, after rune, space bool) rune {
	switch inWord := !space && isWord(before) && isWord(after); {
	case !inWord:
		return ending
	case c == hyphen:
		return separator
	case unicode.IsDigit(before) && unicode.IsDigit(after):
		return '.'
	case unicode.IsDigit(before) || unicode.IsDigit(after):
		return ending
	}
	return dropped
}

func next(table *[0x10000]rune, rest string) rune {
	r, _ := utf8.DecodeRuneInString(rest)
	if int(r) < len(table) && table[r] >= 0 {
		return table[r]
	}
	return 0
}

// isWord reports letters and digits of scripts that write words apart.
func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r >= 0x80 && !isHan(r) && unicode.IsLetter(r)
}

func isHan(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r >= 0x3400 && r <= 0x4DBF || r >= 0x20000 && unicode.Is(unicode.Han, r)
}

// maskLen gives the length of the mask that s begins with, or 0 where it is none. Kinds of masks
// are short words.
func maskLen(s string) int {
	const longest = 40
	for i := len("⟦"); i < len(s) && i < longest; i++ {
		if s[i] == '\n' {
			return 0
		}
		if len(s)-i >= len("⟧") && s[i:i+len("⟧")] == "⟧" {
			return i + len("⟧")
		}
	}
	return 0
}
