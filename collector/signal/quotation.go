package signal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// closing gives the mark that ends what an opening one begins: quotations, and titles of works.
var closing = map[rune]rune{'“': '”', '「': '」', '『': '』', '《': '》', '〈': '〉', '«': '»', '"': '"', '＂': '＂', '„': '“'}

// withoutQuotations gives the text with a mask in the place of each stretch in quotation marks. It
// reports false where nothing is quoted, or nothing stands beside it.
func withoutQuotations(text string) (string, bool) {
	var out strings.Builder
	beside := false
	before := rune(0)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if end, ok := closing[r]; ok && !(r == '"' && unicode.IsDigit(before)) { // 15" is a size
			if quoted := strings.IndexRune(text[i+n:], end); quoted >= 0 {
				out.WriteString("⟦quote⟧")
				i += n + quoted + utf8.RuneLen(end)
				before = end
				continue
			}
		}
		beside = beside || unicode.IsLetter(r)
		out.WriteString(text[i : i+n])
		before = r
		i += n
	}
	return out.String(), beside && out.Len() != len(text)
}
