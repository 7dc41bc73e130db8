package redact

import (
	"strings"
	"unicode/utf8"
)

// cell is a character as matchers see it: folded to one width, with where it begins in the text.
// Characters that nobody sees (joiners, variation selectors) are no cells of their own.
type cell struct {
	r  rune
	at int
}

// taken stands for a character that is masked, or part of a mask that was there: it matches nothing.
const taken rune = -1

// span is a run of cells of one kind: [from, to).
type span struct {
	from, to int
	kind     Kind
}

// text is a text being looked at.
type text struct {
	s       string
	cells   []cell
	found   []span
	regions int  // characters that end the name of a region
	called  bool // somebody may say his name

	// Room for the sequence being read.
	digits []byte
	groups []group
	seps   []rune
}

// fold cuts the text into cells.
func (t *text) fold() {
	for i, r := range t.s {
		if r >= 0x80 {
			if r = folded(r); r == 0 {
				continue
			}
		}
		t.cells = append(t.cells, cell{r, i})
		switch what := traitOf(r); {
		case what&region != 0:
			t.regions++
		case what&trigger != 0 || r == 'm':
			t.called = true
		}
	}
	for i := 0; i < len(t.cells); i++ {
		if t.cells[i].r == open {
			i = t.keep(i)
		}
	}
}

// keep steps over a mask that begins at i.
func (t *text) keep(i int) int {
	rest := t.s[t.cells[i].at:]
	for _, m := range masks {
		if strings.HasPrefix(rest, m) {
			end := t.cells[i].at + len(m)
			for ; i < len(t.cells) && t.cells[i].at < end; i++ {
				t.cells[i].r = taken
			}
			return i - 1
		}
	}
	return i
}

// folded is a character in the form that matchers know; 0 for one that nobody sees.
func folded(r rune) rune {
	switch {
	case r >= 0x4E00 && r < 0xA000:
		return r
	case r >= 0xFF01 && r <= 0xFF5E:
		return r - 0xFF01 + '!'
	case r >= 0x2010 && r <= 0x2015, r == 0x2212, r == 0xFE63:
		return '-'
	case r == 0x3000, r == 0xA0, r >= 0x2000 && r <= 0x200A, r == 0x202F:
		return ' '
	case r == '•', r == '・':
		return '·'
	case r >= '①' && r <= '⑨':
		return r - '①' + '1'
	case r >= 0x1D7CE && r <= 0x1D7FF:
		return (r-0x1D7CE)%10 + '0'
	case r >= 0x200B && r <= 0x200D, r == 0x2060, r == 0xFEFF, r == 0xFE0F, r == 0x20E3, r == 0xAD:
		return 0
	}
	return r
}

// end is where cell i ends in the text, with the invisible characters behind it.
func (t *text) end(i int) int {
	if i+1 < len(t.cells) {
		return t.cells[i+1].at
	}
	return len(t.s)
}

// at is the character of a cell; taken outside the text.
func (t *text) at(i int) rune {
	if i < 0 || i >= len(t.cells) {
		return taken
	}
	return t.cells[i].r
}

// take masks [from, to).
func (t *text) take(from, to int, k Kind) {
	t.found = append(t.found, span{from, to, k})
	for i := from; i < to; i++ {
		t.cells[i].r = taken
	}
}

// says reports whether the cells from i on are the word.
func (t *text) says(i int, word string) bool {
	for _, r := range word {
		if t.at(i) != r {
			return false
		}
		i++
	}
	return true
}

// reads reports whether the cells from i on, their capitals made small, are the word.
func (t *text) reads(i int, word string) bool {
	for _, r := range word {
		c := t.at(i)
		if isUpper(c) {
			c += 'a' - 'A'
		}
		if c != r {
			return false
		}
		i++
	}
	return true
}

// oneOf returns the length in cells of the first word that stands at i; 0 for none.
func (t *text) oneOf(i int, words []string) int {
	for _, w := range words {
		if t.says(i, w) {
			return utf8.RuneCountInString(w)
		}
	}
	return 0
}

// endsAt reports whether one of the words ends before cell i.
func (t *text) endsAt(i int, words []string) bool {
	for _, w := range words {
		if t.says(i-utf8.RuneCountInString(w), w) {
			return true
		}
	}
	return false
}

// window is how many characters in front of a number tell what it is.
const window = 14

// before gives what stands in front of cell i in its sentence, in lower case, at most window cells.
func (t *text) before(i int) string {
	from := i
	for from > 0 && i-from < window {
		switch t.cells[from-1].r {
		case '。', '!', '?', ';', '\n', taken:
			return t.lower(from, i)
		}
		from--
	}
	return t.lower(from, i)
}

func (t *text) lower(from, to int) string {
	b := make([]byte, 0, 4*window)
	for _, c := range t.cells[from:to] {
		r := c.r
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

func isDigit(r rune) bool  { return r >= '0' && r <= '9' }
func isUpper(r rune) bool  { return r >= 'A' && r <= 'Z' }
func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || isUpper(r) }
func isAlnum(r rune) bool  { return isDigit(r) || isLetter(r) }
func isHan(r rune) bool    { return r >= 0x4E00 && r < 0xA000 || r == '〇' }

// numerals are the digits in words, in plain, formal and spoken (幺) form.
const numerals = "零一二三四五六七八九〇壹贰叁肆伍陆柒捌玖幺貳參陸"

// digitOf is the value of a digit in figures or in words; -1 for anything else.
func digitOf(r rune) int {
	switch r {
	case '零', '〇':
		return 0
	case '一', '壹', '幺':
		return 1
	case '二', '贰', '貳':
		return 2
	case '三', '叁', '參':
		return 3
	case '四', '肆':
		return 4
	case '五', '伍':
		return 5
	case '六', '陆', '陸':
		return 6
	case '七', '柒':
		return 7
	case '八', '捌':
		return 8
	case '九', '玖':
		return 9
	}
	if isDigit(r) {
		return int(r - '0')
	}
	return -1
}
