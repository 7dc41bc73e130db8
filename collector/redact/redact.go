// Package redact masks personal data, so that what is stored, shown, searched and judged does not
// hold it. A mask says of what kind the data was: ⟦phone⟧.
//
//	decoded event ──Event──► the same event, masked ──► detectors, fold, rules, record, topics
//	text ──suspect?──► cells (folded characters) ──► e-mail, codes, numbers, addresses, names ──► text
//
// The collector masks an event before anything else sees it, and scenarios go the same way; stored
// rows hold masked events, so that whatever inspects them again sees what the live system saw. Most
// texts are told clean by one look at their bytes; only those with a digit, an @, a place or an
// introduction are taken apart.
//
// Numbers with a checksum (identity cards, bank cards, IBAN, NIF) are masked where it is right, the
// others by their form and the words in front of them. Numbers of orders, parcels and tickets,
// amounts, dates and flights stay. So do public service numbers (110, 10086, 12315, 95588) and
// numbers that only organisations can have (400, 800, 900): they are nobody's personal data.
//
// Masking is idempotent: masked text stays as it is. A mask that somebody typed therefore stays too,
// and is told apart from ours by the kinds that Text returns, which are stored with the row and name
// only what was masked here. It hides nothing: what stands around and inside it is looked at as ever.
//
// What is not promised: names are masked only where somebody introduces himself (我叫王小明, my name
// is Ana Ruiz); not masked are places without a house number or a village, user names of other
// services, numbers with a mistyped checksum that nothing introduces, a telephone number glued to
// letters that are no word for one, and what pictures or recordings show. A number that has the form
// of a telephone number and stands without a word in front of it is masked, whatever it was.
package redact

import (
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// Kind is what a mask stands for.
type Kind uint8

// The kinds of personal data.
const (
	Address  Kind = iota // a postal address with a house number, or down to the village
	BankCard             // a payment card number: known issuer prefix and length, Luhn (ISO/IEC 7812-1)
	Digits               // digits keyed in at length, or a number that was cut off
	Email                // an e-mail address
	IBAN                 // an account number (ISO 13616), checksum
	IDCard               // a national identity number: GB 11643, NIF and NIE, HKID, SSN, RRN
	Name                 // a person's name, as he gives it himself
	Passport             // a passport's number, behind a word for it
	Phone                // a telephone number that may be a person's
	Plate                // a Chinese number plate
	kindCount
)

var kindNames = [kindCount]string{"address", "bank_card", "digits", "email", "iban", "id_card", "name", "passport", "phone", "plate"}

// String is the kind as it stands in masks and rows.
func (k Kind) String() string { return kindNames[k] }

// The brackets of a mask (U+27E6 and U+27E7), which nobody's keyboard has.
const (
	open  = '⟦'
	close = '⟧'
)

var masks = func() (out [kindCount]string) {
	for k, name := range kindNames {
		out[k] = string(open) + name + string(close)
	}
	return out
}()

// Mask is what stands for personal data of the kind.
func (k Kind) Mask() string { return masks[k] }

// Kinds is a set of kinds.
type Kinds uint16

// Has reports whether k is in the set.
func (s Kinds) Has(k Kind) bool { return s&(1<<k) != 0 }

// Names lists the set in alphabetical order; nil where it is empty.
func (s Kinds) Names() []string {
	if s == 0 {
		return nil
	}
	out := make([]string, 0, bits.OnesCount16(uint16(s)))
	for k := range kindCount {
		if s.Has(k) {
			out = append(out, k.String())
		}
	}
	return out
}

// Text masks the personal data in s and says of which kinds it was. A text without any comes back as
// it is, without a copy being made.
func Text(s string) (string, Kinds) {
	var all Kinds
	for suspect(s) {
		// What was masked may have stood in the way of something else: again, until nothing is left.
		// Every round turns characters into masks, so that there is an end.
		masked, kinds := once(s)
		if kinds == 0 {
			break
		}
		s, all = masked, all|kinds
	}
	return s, all
}

// once is one look at a text.
func once(s string) (string, Kinds) {
	t := desks.Get().(*text)
	defer t.leave()
	t.s = s
	t.fold()
	t.emails()
	t.codes()
	t.numbers()
	t.addresses()
	t.names()
	if len(t.found) == 0 {
		return s, 0
	}
	slices.SortFunc(t.found, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	out.Grow(len(s) + 8*len(t.found))
	var kinds Kinds
	at := 0
	for _, f := range t.found {
		from, to := t.cells[f.from].at, t.end(f.to-1)
		out.WriteString(s[at:from])
		out.WriteString(f.kind.Mask())
		kinds |= 1 << f.kind
		at = to
	}
	out.WriteString(s[at:])
	return out.String(), kinds
}

// desks keeps the room that texts are taken apart in for the next ones.
var desks = sync.Pool{New: func() any { return &text{cells: make([]cell, 0, 512)} }}

// leave gives a text's room back, unless one of the largest texts made it large.
func (t *text) leave() {
	if cap(t.cells) > 8192 {
		return
	}
	*t = text{cells: t.cells[:0], found: t.found[:0], digits: t.digits[:0], groups: t.groups[:0], seps: t.seps[:0]}
	desks.Put(t)
}

// spokenRun is how many digits in words one after the other may be a number worth a closer look: a
// telephone number has 11, a local one 7.
const spokenRun = 7

// suspect reports whether a text can hold personal data. It is the price that every text pays, so it
// looks at bytes, and errs towards yes.
func suspect(s string) bool {
	run, regions, letters := 0, 0, false
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c < 0x80:
			if c-'0' <= 9 || c == '@' {
				return true
			}
			if c != ' ' && c != '-' {
				run = 0
			}
			letters = letters || c == 'm'
			i++
		case c < 0xE0:
			run = 0
			i += 2
		case c < 0xF0:
			if i+2 >= len(s) {
				return false
			}
			r := rune(c&0x0F)<<12 | rune(s[i+1]&0x3F)<<6 | rune(s[i+2]&0x3F)
			i += 3
			what := traitOf(r)
			switch {
			case what&trigger != 0, what&unit != 0 && run > 0:
				return true
			case what&numeral != 0:
				if run++; run >= spokenRun {
					return true
				}
				continue
			case what&region != 0:
				if regions++; regions >= 2 {
					return true
				}
			}
			if r != '、' && r != '十' && r != '百' {
				run = 0
			}
		default:
			if c == 0xF0 && i+1 < len(s) && s[i+1] == 0x9D {
				return true // mathematical digits are there
			}
			run = 0
			i += 4
		}
	}
	return letters && (strings.Contains(s, "name is ") || strings.Contains(s, "llamo "))
}

// trait is what a character may be part of.
type trait uint8

const (
	trigger   trait = 1 << iota // enough for a closer look
	unit                        // counts houses, stairs, desks behind a number
	numeral                     // a digit in words
	region                      // ends the name of a province, a city, a district
	plateHead                   // begins a number plate
	surname                     // begins a name
)

// The Chinese characters lie from U+4E00 to U+9FFF; what few others matter is listed by hand.
var traits = func() *[0xA000 - 0x4E00]trait {
	var t [0xA000 - 0x4E00]trait
	set := func(chars string, what trait) {
		for _, r := range chars {
			if r >= 0x4E00 {
				t[r-0x4E00] |= what
			}
		}
	}
	set("叫名", trigger)
	set("号號栋棟幢弄室单單楼樓座层層组組院", unit)
	set(numerals, numeral)
	set("省市区區县縣旗州", region)
	set(plateProvinces, plateHead)
	set(surnames, surname)
	return &t
}()

func traitOf(r rune) trait {
	switch {
	case r >= 0x4E00 && r < 0xA000:
		return traits[r-0x4E00]
	case r >= '０' && r <= '９', r == '＠', r >= '①' && r <= '⑨', r == 0x20E3:
		return trigger
	case r == '〇':
		return numeral
	}
	return 0
}
